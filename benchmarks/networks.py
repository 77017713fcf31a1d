"""Untrained networks of torchvision as matrices in memory."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from mme.ensembles import layer_matrix_ensemble
from mme.networks import import_torchvision
from mme.networks.torchvision_hub import open_torchvision

__all__ = ["layers_of", "matrices"]

import_torchvision()  # says, where it is missing, what to install


def layers_of(name: str) -> Any:
    """Return the layers of a network, whose weights are drawn when they are asked for."""
    return layer_matrix_ensemble(open_torchvision(name, "untrained")).layers


@lru_cache(maxsize=2)
def matrices(name: str) -> dict[str, np.ndarray]:
    """Return the matrices A by the names of the layers, in single precision as networks store them."""
    return {layer.name: layer.tensor.reshape(layer.order, layer.columns) for layer in layers_of(name)}
