"""torchvision's networks: trained weights by its own loader, and initial ones by its own rules."""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
import sys
import urllib.error
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from mme.checkpoints.modules import drawn, initialised, known, library
from mme.errors import InputError
from mme.weights.stored import Checkpoint

__all__ = ["FIRST_WEIGHTS", "has_weights", "open_torchvision"]

FIRST_WEIGHTS = "IMAGENET1K_V1"  # of torchvision: those that the paper's Table I was made from
# By which rule torchvision draws the initial weights of a family (`mme.networks.untrained_control`).
RULES = {r"vgg\d+(_bn)?": "vgg", r"(resnet|resnext|wide_resnet)\w+": "resnet", r"densenet\d+": "densenet"}


def open_torchvision(network: str, weights: str, seed: int, progress: bool) -> Checkpoint:
    """Open a network of torchvision.

    Parameters
    ----------
    network : str
        Its name, such as ``"resnet18"``.
    weights : str
        A name of torchvision's, ``"untrained"``, or empty for the weights of the paper's Table I.
    seed : int
        Of untrained weights.
    progress : bool
        Show the download.

    Returns
    -------
    Checkpoint

    Raises
    ------
    InputError
        If there is no such network, or its weights are not here and cannot be fetched.

    Examples
    --------
    >>> open_torchvision("resnet18", "untrained", 0, False)["conv1.weight"].shape
    (64, 3, 7, 7)
    """
    models = library("torchvision", "torchvision", "torch").models
    known("torchvision", network, models.list_models())
    rule = next((rule for pattern, rule in RULES.items() if re.fullmatch(pattern, network)), None)
    if weights == "untrained":
        called = f"{network}@untrained"
        if rule is None:
            return initialised(called, partial(models.get_model, network, weights=None), seed)
        return drawn(called, partial(models.get_model, network, weights=None), rule, seed)
    entry = _entry(models, network, weights)
    opened = _downloaded(f"torchvision:{network}", entry.url, entry.get_state_dict, progress)
    return Checkpoint(
        network if not weights else f"{network}@{weights}", "torchvision", opened.values(), rule
    )


def has_weights(network: str, weights: str = "") -> bool:
    """Tell whether the file of trained weights is on this machine already; nothing is fetched.

    Parameters
    ----------
    network, weights : str
        As in `open_torchvision`.

    Returns
    -------
    bool

    Raises
    ------
    InputError
        If there is no such network, or no such weights of it.

    Examples
    --------
    >>> has_weights("resnet18") in (True, False)
    True
    """
    models = library("torchvision", "torchvision", "torch").models
    known("torchvision", network, models.list_models())
    return _file_of(_entry(models, network, weights).url).exists()


def _entry(models: Any, network: str, weights: str) -> Any:
    """The record that torchvision has of some weights: where they are fetched from, and how."""
    available = models.get_model_weights(network)
    chosen = known(f"torchvision:{network}", weights or FIRST_WEIGHTS, available.__members__, "weights")
    return getattr(available, chosen)


def _file_of(url: str) -> Path:
    """Where torchvision's loader keeps what it fetched from there."""
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]


def _downloaded(name: str, url: str, load: Callable[..., Any], progress: bool) -> Checkpoint:
    """The file of the weights, fetched by torchvision's own loader where it is not here yet."""
    from mme.checkpoints.opening import open_checkpoint

    path = _file_of(url)
    if not path.exists():
        progress = progress and sys.stderr is not None and sys.stderr.isatty()
        try:
            # torch says on standard output what it fetches, where it would stand amid results
            with contextlib.redirect_stdout(sys.stderr if progress else io.StringIO()):
                load(progress=progress, check_hash=True)
        except (urllib.error.URLError, OSError) as error:
            reason = getattr(error, "reason", None) or error.strerror or error
            raise InputError(
                f"the weights of {name} are not here and cannot be fetched ({reason}): put {url} at {path}, "
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
    return open_checkpoint(path)
