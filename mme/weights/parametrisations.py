"""Weights that torch stores in parts: weight norm, spectral norm and pruning, as torch 2.13 writes them."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from mme.errors import InputError
from mme.weights.rules import Made, Rule
from mme.weights.stored import StoredTensor

__all__ = ["PARAMETRISATIONS", "PARAMETRISED", "refuse_parts"]

PARAMETRISED = re.compile(r"((?:.*?\.)??)parametrizations\.([^.]+)\..+")  # path and name of the whole weight
PARTS = re.compile(rf"{PARAMETRISED.pattern}|(.*\.)?weight_(orig|mask|g|v)")


def refuse_parts(argument: str, names: Iterable[str]) -> None:
    """Refuse a network of which some weights are stored in parts, by the names that torch gives to these."""
    for name in filter(PARTS.fullmatch, names):
        raise InputError(
            f"{argument} must hold whole weights, but {name!r} is a part of one; remove the parametrisation "
            "first."
        )


def _pruned(orig: StoredTensor, mask: StoredTensor) -> Made | None:
    if orig.shape != mask.shape:
        return None
    return Made("pruned: W times its mask", orig.shape, lambda: orig.read() * mask.read())


def _weight_normed(g: StoredTensor, v: StoredTensor) -> Made | None:
    alike = len(g.shape) == len(v.shape) and all(a in (1, b) for a, b in zip(g.shape, v.shape, strict=True))
    if g.shape and not alike:
        return None
    # The norm is taken over the axes along which g is one number.
    axes = tuple(axis for axis in range(len(v.shape)) if not g.shape or g.shape[axis] == 1)

    def weight() -> np.ndarray:
        direction = v.read()
        norm = np.sqrt(np.square(direction).sum(axis=axes, keepdims=True))
        with np.errstate(invalid="ignore", divide="ignore"):  # 0/0 is NaN in torch too, and refused later
            return np.asarray(direction * (g.read() / norm))

    return Made("weight norm: g v/‖v‖", v.shape, weight)


def _spectrally_normed(weight: StoredTensor, u: StoredTensor, v: StoredTensor) -> Made | None:
    # The axes that can be the rows of the matrix whose singular vectors are u and v.
    is_pair = len(u.shape) == len(v.shape) == 1 and u.size * v.size == weight.size
    axes = [axis for axis, length in enumerate(weight.shape) if is_pair and u.size == length > 0]

    def normed() -> np.ndarray:
        whole, left, right = weight.read(), u.read(), v.read()
        norms = [left @ np.moveaxis(whole, axis, 0).reshape(len(left), -1) @ right for axis in axes]
        return np.asarray(whole / max(norms, key=abs))  # where two axes fit, the one that they belong to

    return Made("spectral norm: W/(uᵀ W v)", weight.shape, normed) if axes else None


NEW = "{p}parametrizations.{x}."  # of torch.nn.utils.parametrizations; the others are of torch.nn.utils

PARAMETRISATIONS = (
    Rule("{p}{x}", {"orig": "{p}{x}_orig", "mask": "{p}{x}_mask"}, _pruned),
    Rule("{p}{x}", {"g": "{p}{x}_g", "v": "{p}{x}_v"}, _weight_normed),
    Rule("{p}{x}", {"g": NEW + "original0", "v": NEW + "original1"}, _weight_normed, alone=NEW),
    Rule("{p}{x}", {"weight": "{p}{x}_orig", "u": "{p}{x}_u", "v": "{p}{x}_v"}, _spectrally_normed),
    Rule("{p}{x}", {"weight": NEW + "original", "u": NEW + "0._u", "v": NEW + "0._v"}, _spectrally_normed,
         alone=NEW),
)  # fmt: skip
