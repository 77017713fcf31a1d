"""Stacks of experts: a tensor (E, outputs, inputs) is E layers, never one of order E."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache, partial

import numpy as np

from mme.weights.stored import StoredTensor

__all__ = ["experts"]

# A path with experts (or a mixture of them) and no number below: `experts.3.conv.weight` is a single layer.
STACK = re.compile(r"(?:.*[./])?(?:\w*_)?(?:experts|moe)(?:_\w+)?(?:[./](?!\d+[./])[^./]+)*")


def experts(tensor: StoredTensor, tensors: Mapping[str, StoredTensor]) -> Iterator[StoredTensor]:
    """Yield the layers of a stack, and any other tensor as it is.

    A bias (E, outputs) tells which of the two axes are the outputs; without one, the first of them is.
    """
    if len(tensor.shape) != 3 or tensor.skip or not STACK.fullmatch(tensor.name):
        yield tensor
        return
    count, first, second = tensor.shape
    turned = _is_turned(tensor, tensors)
    layout = "(inputs, outputs)" if turned else "(outputs, inputs)"
    for number in range(count):
        yield replace(
            tensor,
            name=f"{tensor.name}[{number}]",
            shape=(second, first) if turned else (first, second),
            read=partial(_expert, tensor, number, turned),
            location=None if tensor.location is None else (tensor.location, number),
            note="; ".join(filter(None, [tensor.note, f"one of {count} experts, stored as {layout}"])),
        )


def _is_turned(tensor: StoredTensor, tensors: Mapping[str, StoredTensor]) -> bool:
    count, first, second = tensor.shape
    stem = tensor.name.removesuffix(".weight")
    for name in (f"{stem}.bias", f"{stem}_bias"):
        if name in tensors and tensors[name].shape in ((count, first), (count, second)):
            return first != second and tensors[name].shape[1] == second
    return False


@lru_cache(maxsize=1)  # its layers are asked for one after the other
def _stack(tensor: StoredTensor) -> np.ndarray:
    return tensor.read()


def _expert(tensor: StoredTensor, number: int, turned: bool) -> np.ndarray:
    matrix: np.ndarray = _stack(tensor)[number]
    return matrix.T if turned else matrix
