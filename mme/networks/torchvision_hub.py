"""torchvision's networks: trained weights by its own loader, and initial ones by its own rules."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from mme import networks
from mme.checkpoints.opening import open_checkpoint
from mme.networks.libraries import fetching, initialised, known, verified
from mme.weights.effective import effective_weights
from mme.weights.stored import Checkpoint
from mme.weights.untrained import untrained_control

__all__ = ["has_weights", "open_torchvision"]

FIRST_WEIGHTS = "IMAGENET1K_V1"  # of torchvision: those that the paper's Table I was made from
# By which rule torchvision draws the initial weights of a family (`mme.networks.untrained_control`).
RULES = {r"vgg\d+(_bn)?": "vgg", r"(resnet|resnext|wide_resnet)\w+": "resnet", r"densenet\d+": "densenet"}


def open_torchvision(network: str, weights: str = "", seed: int = 0) -> Checkpoint:
    """Open a network with the weights of that name, with ``"untrained"`` ones, or with those of Table I."""
    rule = next((rule for pattern, rule in RULES.items() if re.fullmatch(pattern, network)), None)
    if weights != "untrained":
        opened = open_checkpoint(_fetched(network, weights))
        return Checkpoint(network, "torchvision", opened.values(), rule)
    build = partial(_models(network).get_model, network, weights=None)
    if rule is None:
        return initialised(build, seed)
    import torch

    with torch.device("meta"):  # the shapes, without memory
        model = build()
    return untrained_control(effective_weights(model), rule, rng=seed)


def has_weights(network: str, weights: str = "") -> bool:
    """Tell whether the file of trained weights is on this machine already; nothing is fetched."""
    return _place(network, weights)[1].exists()


def _models(network: str) -> Any:
    """The models of torchvision, among which this network is."""
    models = networks.import_torchvision().models
    known("torchvision", network, models.list_models())
    return models


def _place(network: str, weights: str) -> tuple[str, Path]:
    """Where torchvision has some weights, and where its loader keeps them."""
    import torch

    available = _models(network).get_model_weights(network)
    chosen = known(f"torchvision:{network}", weights or FIRST_WEIGHTS, available.__members__, "weights")
    url = str(available[chosen].url)
    return url, Path(torch.hub.get_dir(), "checkpoints", url.rpartition("/")[2])


def _fetched(network: str, weights: str) -> Path:
    """The file of the weights, fetched by torch where it is not here yet, with a bar on a terminal."""
    from torch.hub import download_url_to_file

    url, path = _place(network, weights)
    expected, name = path.stem.rpartition("-")[2], f"torchvision:{network}"
    if not path.exists():
        with fetching(name, url, f"put {url} at {path}, or ask for {name}@untrained") as is_reached:
            if not is_reached:
                raise ConnectionError
            path.parent.mkdir(parents=True, exist_ok=True)
            download_url_to_file(url, str(path), expected, Console(stderr=True).is_terminal)
    return verified(path, f"{path} is damaged: its hash is not {expected}…; delete it and run this again.")
