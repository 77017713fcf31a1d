"""Outputs first: kernels that a library stores otherwise are told by their names, types or biases."""

from __future__ import annotations

import math
import re

import numpy as np

from mme.weights.rules import Rule, Shape
from mme.weights.stored import StoredTensor

__all__ = ["ORIENTATIONS"]

TRANSPOSED = re.compile(r"ConvTranspose\d+d")


def _bias_length(bias: StoredTensor | None) -> int:
    return bias.shape[0] if bias is not None and len(bias.shape) == 1 else 0


def _kernel_shape(weight: StoredTensor) -> Shape | None:
    shape = weight.shape
    return (shape[-1], shape[-2], *shape[:-2]) if len(shape) >= 2 else None


def _kernel(shape: Shape, weight: np.ndarray) -> np.ndarray:
    return weight.transpose(-1, -2, *range(weight.ndim - 2))


def _depthwise_shape(weight: StoredTensor) -> Shape | None:
    return (math.prod(weight.shape[-2:]), 1, *weight.shape[:-2]) if len(weight.shape) >= 3 else None


def _depthwise(shape: Shape, weight: np.ndarray) -> np.ndarray:
    return np.moveaxis(weight.reshape(*shape[2:], shape[0], 1), (-2, -1), (0, 1))


def _linear_shape(weight: StoredTensor, bias: StoredTensor | None = None) -> Shape | None:
    if len(weight.shape) != 2 or weight.types & {"Linear", "Embedding"}:
        return None
    told = "Conv1D" in weight.types or _bias_length(bias) == weight.shape[1] != weight.shape[0]
    return weight.shape[::-1] if told else None


def _transposed_shape(
    weight: StoredTensor, bias: StoredTensor | None = None, groups: StoredTensor | None = None
) -> Shape | None:
    if len(weight.shape) < 3 or 0 in weight.shape:
        return None
    inputs, outputs, *kernel = weight.shape
    told = _bias_length(bias)
    if any(map(TRANSPOSED.search, weight.types)):
        count = int(groups.read()) if groups is not None else told // outputs or 1
    elif not weight.types and told not in (0, inputs) and told % outputs == 0:
        count = told // outputs
    else:
        return None
    return (outputs * count, inputs // count, *kernel) if inputs % count == 0 else None


def _transposed(shape: Shape, weight: np.ndarray, groups: np.ndarray | None = None) -> np.ndarray:
    """Turn the inputs and outputs of each group by itself."""
    count = weight.shape[0] // shape[1]
    grouped = weight.reshape(count, shape[1], shape[0] // count, *shape[2:])
    return grouped.swapaxes(1, 2).reshape(shape)


WEIGHT, BIAS = {"weight": "{p}weight"}, {"bias": "{p}bias"}

ORIENTATIONS = (
    # Flax and Keras: (in, out) of a dense or recurrent layer, (height, width, in, out) of a convolution, and
    # (height, width, in, multiplier) of a depthwise one.
    *(
        Rule("stored outputs last", name, {"weight": name}, _kernel_shape, _kernel)
        for name in ("{p}{kernel}", "{p}recurrent_{kernel}", "{p}pointwise_{kernel}")
    ),
    Rule("stored outputs last", "{p}depthwise_{kernel}", {"weight": "{p}depthwise_{kernel}"},
         _depthwise_shape, _depthwise),
    # Conv1D of transformers (GPT-2): a linear layer stored (in, out), told by its type or its bias's length.
    Rule("stored inputs first", "{p}weight", WEIGHT, _linear_shape, lambda _, weight: weight.T, beside=BIAS),
    # Transposed convolutions: (in, out/groups, …). Without a type, a bias of another length tells.
    Rule("a transposed convolution, stored inputs first", "{p}weight", WEIGHT, _transposed_shape, _transposed,
         optional={"groups": "{p}<groups>"}, beside=BIAS),
)  # fmt: skip
