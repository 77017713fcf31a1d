"""torchvision's networks: trained weights by its own loader, and initial ones by its own rules."""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
import sys
from functools import partial
from pathlib import Path
from typing import Any

from mme.checkpoints.connection import is_reachable
from mme.checkpoints.modules import drawn, initialised, known, library
from mme.checkpoints.opening import open_checkpoint
from mme.errors import InputError
from mme.weights.stored import Checkpoint

__all__ = ["FIRST_WEIGHTS", "has_weights", "open_torchvision"]

FIRST_WEIGHTS = "IMAGENET1K_V1"  # of torchvision: those that the paper's Table I was made from
# By which rule torchvision draws the initial weights of a family (`mme.networks.untrained_control`).
RULES = {r"vgg\d+(_bn)?": "vgg", r"(resnet|resnext|wide_resnet)\w+": "resnet", r"densenet\d+": "densenet"}


def open_torchvision(network: str, weights: str, seed: int, progress: bool) -> Checkpoint:
    """Open a network with the weights of that name, with ``"untrained"`` ones, or with those of Table I."""
    models = _models(network)
    rule = next((rule for pattern, rule in RULES.items() if re.fullmatch(pattern, network)), None)
    called = f"{network}@{weights}" if weights else network
    if weights == "untrained":
        build = partial(models.get_model, network, weights=None)
        return initialised(called, build, seed) if rule is None else drawn(called, build, rule, seed)
    path = _fetched(f"torchvision:{network}", _entry(models, network, weights), progress)
    return Checkpoint(called, "torchvision", open_checkpoint(path).values(), rule)


def has_weights(network: str, weights: str = "") -> bool:
    """Tell whether the file of trained weights is on this machine already; nothing is fetched."""
    return _file_of(_entry(_models(network), network, weights)).exists()


def _models(network: str) -> Any:
    """torchvision's models, among which this network is."""
    models = library("torchvision", "torchvision", "torch").models
    known("torchvision", network, models.list_models())
    return models


def _entry(models: Any, network: str, weights: str) -> Any:
    """The record that torchvision has of some weights: where they are fetched from, and how."""
    available = models.get_model_weights(network)
    chosen = known(f"torchvision:{network}", weights or FIRST_WEIGHTS, available.__members__, "weights")
    return getattr(available, chosen)


def _file_of(entry: Any) -> Path:
    """Where torchvision's loader keeps what it fetches."""
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints" / entry.url.rpartition("/")[2]


def _fetched(name: str, entry: Any, progress: bool) -> Path:
    """The file of the weights, fetched by torchvision's own loader where it is not here yet."""
    path = _file_of(entry)
    if not path.exists():
        progress = progress and sys.stderr is not None and sys.stderr.isatty()
        try:
            if not is_reachable(entry.url):
                raise OSError("no connection")
            # torch says on standard output what it fetches, where it would stand amid results
            with contextlib.redirect_stdout(sys.stderr if progress else io.StringIO()):
                entry.get_state_dict(progress=progress, check_hash=True)
        except OSError as error:  # urllib's errors are some, too
            reason = getattr(error, "reason", None) or error.strerror or error
            raise InputError(
                f"the weights of {name} are not here and cannot be fetched ({reason}): put {entry.url} at {path}, "
                f"or ask for {name}@untrained."
            ) from None
        except RuntimeError as error:  # the hash does not fit
            raise InputError(
                f"the download of {name} is damaged ({str(error).rstrip('.')}); try again."
            ) from None
    expected = path.stem.rpartition("-")[2]
    with path.open("rb") as file:
        if not hashlib.file_digest(file, "sha256").hexdigest().startswith(expected):
            raise InputError(f"{path} is damaged: its hash is not {expected}…; delete it and run this again.")
    return path
