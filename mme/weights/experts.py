"""Stacks of experts: a tensor (E, outputs, inputs) is E layers, never one of order E."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache, partial

import numpy as np

from mme.weights.stored import StoredTensor

__all__ = ["experts"]

# A path with experts (or a mixture of them) and no number below: `experts.3.conv.weight` is a layer of its own.
STACK = re.compile(r"(?:.*[./])?(?:\w*_)?(?:experts|moe)(?:_\w+)?(?:[./](?!\d+[./])[^./]+)*")


def experts(tensor: StoredTensor, tensors: Mapping[str, StoredTensor]) -> Iterator[StoredTensor]:
    """Yield the layers of a stack, and any other tensor as it is.

    A bias (E, outputs) or the other half of the block (`gate_up_proj` beside `down_proj`) tells that inputs are
    stored first; where nothing does, each is taken as (outputs, inputs).
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
    half = re.sub(r"gate_up_proj|down_proj", _other_half, stem)
    if half != stem:
        other = next((tensors[name].shape for name in (half, f"{half}.weight") if name in tensors), ())
        up, down = (tensor.shape, other) if "gate_up_proj" in stem else (other, tensor.shape)
        # gate and up lie side by side: (E, hidden, 2 inner) beside (E, inner, hidden), or each turned
        return len(other) == 3 and up[2] == 2 * down[1] and up[1] == down[2] and up[1] != 2 * down[2]
    return False


def _other_half(match: re.Match[str]) -> str:
    return "down_proj" if match[0] == "gate_up_proj" else "gate_up_proj"


@lru_cache(maxsize=1)  # its layers are asked for one after the other
def _stack(tensor: StoredTensor) -> np.ndarray:
    return tensor.read()


def _expert(tensor: StoredTensor, number: int, turned: bool) -> np.ndarray:
    matrix: np.ndarray = _stack(tensor)[number]
    return matrix.T if turned else matrix
