"""Outputs first, one layer a tensor: what a library stores otherwise is told by names, types or biases."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache, partial

import numpy as np

from mme.weights.rules import Made, Rule
from mme.weights.stored import StoredTensor

__all__ = ["LAYOUTS", "by_groups", "experts"]

DEPTHWISE = re.compile(r".*depthwise_kernel(?::\d+)?")
PROJECTION = re.compile(r"(?:.*[./])?(?:query|key|value)[./]kernel(?::\d+)?")
# A path with experts (or a mixture of them) and no number below: `experts.3.conv.weight` is a single layer.
STACK = re.compile(r"(?:.*[./])?(?:\w*_)?(?:experts|moe)(?:_\w+)?(?:[./](?!\d+[./])[^./]+)*")


def _turned(note: str, weight: StoredTensor, turn: Callable[[np.ndarray], np.ndarray]) -> Made:
    shape = turn(np.broadcast_to(np.False_, weight.shape)).shape  # which takes no memory
    return Made(note, shape, lambda: turn(weight.read()))


def _kernel(weight: StoredTensor, bias: StoredTensor | None = None) -> Made | None:
    """Flax and Keras: (in, out) of a dense or recurrent layer, (k…, in, out) of a convolution."""
    shape, axes = weight.shape, len(weight.shape)
    order, note = (-1, -2), "stored outputs last"
    if axes < 2 or 0 in shape:
        return None
    if axes > 2 and DEPTHWISE.fullmatch(weight.name):  # (k…, in, multiplier)
        shape = (*shape[:-2], 1, shape[-2] * shape[-1])
    elif axes == 3 and STACK.fullmatch(weight.name):  # (experts, in, out)
        order = (0, -1)
    elif axes == 3 and PROJECTION.fullmatch(weight.name) and (bias is None or bias.shape == shape[1:]):
        shape = (shape[0], shape[1] * shape[2])  # (in, heads, out) of an attention
    elif axes > 2 and bias is not None and bias.shape == shape[-2:-1] != shape[-1:]:
        order, note = (-2, -1), "a transposed convolution, stored inputs last"
    return _turned(note, weight, lambda kernel: np.moveaxis(kernel.reshape(shape), order, (0, 1)))


def _inputs_first(
    weight: StoredTensor, bias: StoredTensor | None = None, groups: int | None = None
) -> Made | None:
    """Conv1D of GPT-2, (in, out), and transposed convolutions, told by a type, or a bias of other length."""
    if len(weight.shape) < 2 or 0 in weight.shape:
        return None
    inputs, outputs, *places = weight.shape
    told = bias.size if bias is not None and len(bias.shape) == 1 else 0
    count = (groups or told // outputs or 1) if places else 1
    kind = re.compile(r"ConvTranspose\d+d" if places else r"^Conv1D$")
    is_told = any(map(kind.search, weight.types)) or told == count * outputs != inputs
    if not is_told or inputs % count:
        return None

    note = f"{'a transposed convolution, ' if places else ''}stored inputs first"
    return _turned(note, weight, partial(by_groups, count=count))


def by_groups(kernel: np.ndarray, count: int) -> np.ndarray:
    """Turn each group of (in, out/groups, k…) by itself, to (out, in/groups, k…)."""
    inputs, outputs, *places = kernel.shape
    grouped = kernel.reshape(count, inputs // count, outputs, *places).swapaxes(1, 2)
    return grouped.reshape(count * outputs, inputs // count, *places)


FACTS = {"bias": "{p}bias", "groups": "{p}<groups>"}

LAYOUTS = (
    Rule("{p}{kernel}{n}", {"weight": "{p}{kernel}{n}"}, _kernel, beside={"bias": "{p}bias{n}"}),
    Rule("{p}weight", {"weight": "{p}weight"}, _inputs_first, beside=FACTS),
)


def experts(tensor: StoredTensor, tensors: Mapping[str, StoredTensor]) -> Iterator[StoredTensor]:
    """Yield the layers of a stack (E, outputs, inputs), in which a bias (E, outputs) may tell the axes."""
    if tensor.effective or tensor.skip or len(tensor.shape) != 3 or not STACK.fullmatch(tensor.name):
        yield tensor
        return
    count, *sides = tensor.shape
    stem = tensor.name.removesuffix(".weight")
    biases = (tensors[name].shape for name in (f"{stem}.bias", f"{stem}_bias") if name in tensors)
    told = next(biases, None)
    is_turned = sides[0] != sides[1] and told == (count, sides[1])
    layout = f"{'stored' if told else 'taken'} as ({'inputs, outputs' if is_turned else 'outputs, inputs'})"
    for number in range(count):
        yield replace(
            tensor,
            name=f"{tensor.name}[{number}]",
            shape=tuple(reversed(sides) if is_turned else sides),
            read=partial(_expert, tensor, number, is_turned),
            location=None if tensor.location is None else (tensor.location, number),
            note="; ".join(filter(None, [tensor.note, f"one of {count} experts, {layout}"])),
        )


@lru_cache(maxsize=1)  # its layers are asked for one after the other
def _stack(tensor: StoredTensor) -> np.ndarray:
    return tensor.read()


def _expert(tensor: StoredTensor, number: int, is_turned: bool) -> np.ndarray:
    matrix: np.ndarray = _stack(tensor)[number]
    return matrix.T if is_turned else matrix
