"""Weights that torch stores in parts: weight norm, spectral norm and pruning, as torch 2.13 writes them."""

from __future__ import annotations

import numpy as np

from mme.weights.rules import Rule, Shape
from mme.weights.stored import StoredTensor

__all__ = ["PARAMETRISATIONS"]


def _normed_shape(v: StoredTensor, g: StoredTensor) -> Shape | None:
    alike = len(g.shape) == len(v.shape) and all(a in (1, b) for a, b in zip(g.shape, v.shape, strict=True))
    return v.shape if alike or g.shape == () else None


def _normed(shape: Shape, v: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Return g v/‖v‖, the norm taken over the axes along which g is one number."""
    axes = tuple(axis for axis in range(v.ndim) if g.ndim == 0 or g.shape[axis] == 1)
    with np.errstate(invalid="ignore", divide="ignore"):  # 0/0 is NaN in torch too, and refused later
        return np.asarray(v * (g / np.sqrt(np.square(v).sum(axis=axes, keepdims=True))))


def _matricisations(weight: Shape, u: Shape, v: Shape) -> list[int]:
    """The axes that can be the rows of the matrix whose singular vectors are u and v."""
    size = int(np.prod(weight))
    return [axis for axis, n in enumerate(weight) if u == (n,) and v == (size // max(n, 1),)]


def _spectral_shape(weight: StoredTensor, u: StoredTensor, v: StoredTensor) -> Shape | None:
    return weight.shape if _matricisations(weight.shape, u.shape, v.shape) else None


def _spectral(shape: Shape, weight: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return W/(uᵀ W v); where two axes are of u's length, the one whose singular vectors u and v are."""
    norms = [
        u @ np.moveaxis(weight, axis, 0).reshape(len(u), -1) @ v
        for axis in _matricisations(shape, u.shape, v.shape)
    ]
    return np.asarray(weight / max(norms, key=abs))


NEW = "{p}parametrizations.{x}."
WEIGHT_NORM = "weight norm: g v/‖v‖"
SPECTRAL_NORM = "spectral norm: W/(uᵀ W v)"

PARAMETRISATIONS = (
    # torch.nn.utils.prune
    Rule(
        "pruned: W times its mask", "{p}{x}", {"orig": "{p}{x}_orig", "mask": "{p}{x}_mask"},
        lambda orig, mask: orig.shape if orig.shape == mask.shape else None,
        lambda _, orig, mask: orig * mask,
    ),
    # torch.nn.utils.weight_norm, and the one of torch.nn.utils.parametrizations
    Rule(WEIGHT_NORM, "{p}{x}", {"g": "{p}{x}_g", "v": "{p}{x}_v"}, _normed_shape, _normed),
    Rule(
        WEIGHT_NORM, "{p}{x}", {"g": NEW + "original0", "v": NEW + "original1"}, _normed_shape, _normed,
        alone=NEW,
    ),
    # torch.nn.utils.spectral_norm, and the one of torch.nn.utils.parametrizations
    Rule(
        SPECTRAL_NORM, "{p}{x}", {"weight": "{p}{x}_orig", "u": "{p}{x}_u", "v": "{p}{x}_v"},
        _spectral_shape, _spectral,
    ),
    Rule(
        SPECTRAL_NORM, "{p}{x}", {"weight": NEW + "original", "u": NEW + "0._u", "v": NEW + "0._v"},
        _spectral_shape, _spectral, alone=NEW,
    ),
)  # fmt: skip
