"""torchvision's networks: trained weights by its own loader, and initial ones by its own rules."""

from __future__ import annotations

import hashlib
import re
import sys
from functools import partial
from pathlib import Path
from typing import Any

from mme.checkpoints.libraries import in_memory, initialised, is_reachable, known, library
from mme.checkpoints.opening import open_checkpoint
from mme.errors import InputError
from mme.weights.stored import Checkpoint
from mme.weights.untrained import untrained_control

__all__ = ["FIRST_WEIGHTS", "has_weights", "open_torchvision"]

FIRST_WEIGHTS = "IMAGENET1K_V1"  # of torchvision: those that the paper's Table I was made from
# By which rule torchvision draws the initial weights of a family (`mme.networks.untrained_control`).
RULES = {r"vgg\d+(_bn)?": "vgg", r"(resnet|resnext|wide_resnet)\w+": "resnet", r"densenet\d+": "densenet"}


def open_torchvision(network: str, weights: str, seed: int, progress: bool) -> Checkpoint:
    """Open a network with the weights of that name, with ``"untrained"`` ones, or with those of Table I."""
    models = _models(network)
    rule = next((rule for pattern, rule in RULES.items() if re.fullmatch(pattern, network)), None)
    called = f"{network}@{weights}" if weights else network
    if weights != "untrained":
        path = _fetched(f"torchvision:{network}", _url(models, network, weights), progress)
        return Checkpoint(called, "torchvision", open_checkpoint(path).values(), rule)
    build = partial(models.get_model, network, weights=None)
    return initialised(called, build, seed) if rule is None else _drawn(called, build, rule, seed)


def has_weights(network: str, weights: str = "") -> bool:
    """Tell whether the file of trained weights is on this machine already; nothing is fetched."""
    return _file_of(_url(_models(network), network, weights)).exists()


def _models(network: str) -> Any:
    """The models of torchvision, among which this network is."""
    models = library("torchvision", "torchvision", "torch").models
    known("torchvision", network, models.list_models())
    return models


def _drawn(name: str, build: partial[Any], rule: str, seed: int) -> Checkpoint:
    """Initial weights by the rule of the family, layer by layer, for a network without memory."""
    import torch

    with torch.device("meta"):
        model = build()
    grouped = {path: module for path, module in model.named_modules() if hasattr(module, "groups")}
    groups = {f"{path}.weight": module.groups for path, module in grouped.items()}
    return untrained_control(in_memory(name, "untrained", model, rule), rng=seed, groups=groups)


def _url(models: Any, network: str, weights: str) -> str:
    """Where torchvision has some weights."""
    available = models.get_model_weights(network)
    chosen = known(f"torchvision:{network}", weights or FIRST_WEIGHTS, available.__members__, "weights")
    return str(getattr(available, chosen).url)


def _file_of(url: str) -> Path:
    """Where torchvision's loader keeps what it fetches."""
    import torch

    return Path(torch.hub.get_dir(), "checkpoints", url.rpartition("/")[2])


def _fetched(name: str, url: str, progress: bool) -> Path:
    """The file of the weights, fetched by torch where it is not here yet."""
    import torch

    path = _file_of(url)
    expected = path.stem.rpartition("-")[2]
    try:
        if not path.exists():
            if not is_reachable(url):
                raise OSError("no connection")
            path.parent.mkdir(parents=True, exist_ok=True)
            is_shown = progress and sys.stderr is not None and sys.stderr.isatty()
            torch.hub.download_url_to_file(url, str(path), expected, is_shown)
    except OSError as error:  # urllib's errors are some, too
        reason = getattr(error, "reason", None) or error.strerror or error
        raise InputError(
            f"the weights of {name} are not here and cannot be fetched ({reason}): put {url} at {path}, or "
            f"ask for {name}@untrained."
        ) from None
    except RuntimeError as error:  # the hash does not fit
        raise InputError(f"the download of {name} is damaged ({str(error).rstrip('.')}).") from None
    with path.open("rb") as file:
        if not hashlib.file_digest(file, "sha256").hexdigest().startswith(expected):
            raise InputError(f"{path} is damaged: its hash is not {expected}…; delete it and run this again.")
    return path
