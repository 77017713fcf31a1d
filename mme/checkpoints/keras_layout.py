"""Where Keras puts the outputs of each kind of layer, and how its kernels come to outputs first."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import prod

import numpy as np

__all__ = [
    "ATTENTION",
    "DENSE",
    "PROJECTION",
    "Layout",
    "is_projection",
    "kind_of",
    "layout",
    "variable_names",
]

Shape = tuple[int, ...]

DENSE = frozenset({"dense", "timedistributeddense"})
EINSUM = frozenset({"einsumdense"})
ATTENTION = frozenset({"multiheadattention", "groupedqueryattention", "groupqueryattention"})
EMBEDDING = frozenset({"embedding", "reversibleembedding", "positionembedding", "tokenembedding"})
RECURRENT = {
    name + end: torch_name
    for name, torch_name in [("lstm", "LSTM"), ("gru", "GRU"), ("simplernn", "RNN")]
    for end in ("", "cell")
} | {"cudnnlstm": "LSTM", "cudnngru": "GRU"}
NORMALISATION = frozenset(
    f"{name}normalization" for name in ("", "batch", "layer", "group", "instance", "rms", "unit")
)
WITHOUT_KERNEL = NORMALISATION | {"prelu"}
CONVOLUTION = re.compile(r"(depthwise|separable)?(?:conv|convolution)([123])d(transpose)?")
RECURRENT_CONVOLUTION = re.compile(r"convlstm(cell|[123]d)")
PROJECTION = "projection"  # the kind of a layer that only its name tells
PROJECTIONS = ("query", "key", "value", "output", "attention_output")
KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel", "recurrent_kernel", "embeddings")
NO_KERNELS = (
    "alpha",
    "bias",
    "beta",
    "count",
    "gamma",
    "mean",
    "scale",
    "variance",
    "moving_mean",
    "moving_variance",
    "seed_generator_state",
)


@dataclass(frozen=True, eq=False)
class Layout:
    """How a variable of a layer is read.

    Attributes
    ----------
    shape : tuple of int
        Outputs first.
    arrange : callable
        Brings the stored array to this shape.
    types : frozenset of str
        Names of the layer's type, Keras's and torch's.
    skip : str
        Why it is no layer's weight; otherwise empty.
    """

    shape: Shape
    arrange: Callable[[np.ndarray], np.ndarray]
    types: frozenset[str] = frozenset()
    skip: str = ""


def kind_of(name: str) -> str:
    """Return a layer's kind from the name of its class, in any case, with or without a number behind.

    Returns
    -------
    str
        In lower case and without underscores; empty if Keras has no such layer with weights.

    Examples
    --------
    >>> kind_of("Conv2DTranspose"), kind_of("conv2d_transpose_3"), kind_of("stem")
    ('conv2dtranspose', 'conv2dtranspose', '')
    """
    kind = re.sub(r"_\d+$", "", name).replace("_", "").lower()
    is_known = kind in DENSE | EINSUM | ATTENTION | EMBEDDING | WITHOUT_KERNEL | RECURRENT.keys() or (
        CONVOLUTION.fullmatch(kind) or RECURRENT_CONVOLUTION.fullmatch(kind)
    )
    return kind if is_known else ""


def is_projection(*names: str) -> bool:
    """Tell whether one of a layer's names is that of a projection within an attention of any class.

    Examples
    --------
    >>> is_projection("_query_dense"), is_projection("dense")
    (True, False)
    """
    return any(name.strip("_").removesuffix("_dense") in PROJECTIONS for name in names)


def variable_names(kind: str) -> tuple[str, ...]:
    """Return the names of the variables that a layer stores by number, in their order; the bias may lack.

    Examples
    --------
    >>> variable_names("lstmcell")
    ('kernel', 'recurrent_kernel', 'bias')
    """
    if kind.startswith("separable"):
        return ("depthwise_kernel", "pointwise_kernel", "bias")
    if kind in RECURRENT or RECURRENT_CONVOLUTION.fullmatch(kind):
        return ("kernel", "recurrent_kernel", "bias")
    if kind in EMBEDDING:
        return ("embeddings",)
    return ("kernel", "bias") if kind and kind not in WITHOUT_KERNEL else ()


def layout(
    kind: str, variable: str, shape: Shape, *, bias: int = 0, equation: str = "", is_output: bool = False
) -> Layout:
    """Read a variable of a Keras layer as a weight, outputs first.

    =====================  =========================================  =========================
    layer                  stored                                     here
    =====================  =========================================  =========================
    Dense                  (in, out)                                  (out, in)
    Conv                   (k…, in/g, out)                            (out, in/g, k…)
    ConvTranspose          (k…, out, in)                              (out, in, k…)
    DepthwiseConv          (k…, in, m)                                (in·m, 1, k…)
    SeparableConv          a depthwise and a pointwise kernel         as these
    LSTM, GRU, SimpleRNN   (in, gates·units), (units, gates·units)    transposed
    ConvLSTM               (k…, in, gates·out)                        (gates·out, in, k…)
    Embedding              (entries, out)                             the same, as torch has it
    EinsumDense            by the equation: the axes of the output    (outputs, inputs)
    attention              (in, heads, out) and (heads, in, out)      (heads·out, in), (out, heads·in)
    =====================  =========================================  =========================

    An axis of EinsumDense that kernel, input and output share counts as an output. Without an equation, the
    first axis is the input, and in an attention's output projection the last one is the output.

    A guess is needed where the kind of the layer is not known (layers of one's own, files without a
    configuration). Then the name of the variable tells, ``depthwise_kernel`` or ``embeddings``; any other
    tensor of two or more axes counts as a kernel with its outputs last, as in Keras's own layers, unless a
    bias of another length tells a transposed or a depthwise convolution. Layers called ``query``, ``key``,
    ``value`` or ``attention_output`` within others count as projections of an attention.

    Parameters
    ----------
    kind : str
        From `kind_of`; empty if it is not known.
    variable : str
        Its name; empty if it is not known.
    shape : tuple of int
        As stored.
    bias : int
        Length of the layer's bias, if there is one.
    equation : str
        Of an EinsumDense.
    is_output : bool
        Whether it is the output projection of an attention.

    Returns
    -------
    Layout

    Examples
    --------
    >>> layout("conv2d", "kernel", (3, 3, 16, 32)).shape
    (32, 16, 3, 3)
    >>> layout("depthwiseconv2d", "depthwise_kernel", (3, 3, 16, 2)).shape
    (32, 1, 3, 3)
    >>> layout("", "kernel", (3, 3, 32, 16), bias=32).shape
    (32, 16, 3, 3)
    >>> layout("gru", "bias", (2, 12)).skip
    'a bias'
    """
    if len(shape) < 2:
        return _as_stored(shape)
    if variable in NO_KERNELS or (kind and variable not in KERNELS):
        what = f"the variable {variable!r}" if variable else "a variable"
        return _as_stored(shape, skip="a bias" if variable == "bias" else f"{what}, which is no kernel")
    if kind in ATTENTION | EINSUM or (kind == PROJECTION and len(shape) < 4):
        return _einsum(shape, equation, is_output)
    if kind in EMBEDDING or variable == "embeddings":
        return _as_stored(shape, frozenset({"Embedding"}))
    if kind in RECURRENT and len(shape) == 2:
        return _outputs_last(shape, {RECURRENT[kind]})
    if RECURRENT_CONVOLUTION.fullmatch(kind):
        return _outputs_last(shape, {f"ConvLSTM{len(shape) - 2}D"})
    if kind in DENSE and len(shape) == 2:
        return _outputs_last(shape, {"Linear", "Dense"})
    return _convolution(kind, variable, shape, bias)


def _convolution(kind: str, variable: str, shape: Shape, bias: int) -> Layout:
    """Read a kernel of a convolution, or of a layer of an unknown kind."""
    parts = CONVOLUTION.fullmatch(kind)
    form, positions, transposed = parts.groups() if parts else ("", "", "")
    if not parts or len(shape) != int(positions) + 2:  # a name that does not fit the axes says nothing
        form = transposed = ""
        if bias and len(shape) > 2 and bias != shape[-1]:
            transposed = "transpose" if bias == shape[-2] else ""
            form = "depthwise" if bias == shape[-1] * shape[-2] else ""
    if len(shape) == 2:
        return _outputs_last(shape, {"Linear", "Dense"})
    dimensions = len(shape) - 2
    if variable == "depthwise_kernel" or (form == "depthwise" and variable != "pointwise_kernel"):
        return _depthwise(shape, {f"Conv{dimensions}d", f"DepthwiseConv{dimensions}D"})
    if transposed:
        types = frozenset({f"ConvTranspose{dimensions}d", f"Conv{dimensions}DTranspose"})
        axes = (dimensions, dimensions + 1, *range(dimensions))
        return Layout(_permuted(shape, axes), lambda array: array.transpose(axes), types)
    names = {f"Conv{dimensions}d", f"Conv{dimensions}D"}
    return _outputs_last(shape, names | ({f"SeparableConv{dimensions}D"} if form == "separable" else set()))


def _as_stored(shape: Shape, types: frozenset[str] = frozenset(), skip: str = "") -> Layout:
    return Layout(shape, lambda array: array, types, skip)


def _outputs_last(shape: Shape, types: set[str]) -> Layout:
    """Read (positions…, inputs, outputs)."""
    last = len(shape) - 1
    axes = (last, last - 1, *range(last - 1))
    return Layout(_permuted(shape, axes), lambda array: array.transpose(axes), frozenset(types))


def _depthwise(shape: Shape, types: set[str]) -> Layout:
    """Read (positions…, inputs, multiplier); each input has its own outputs."""
    *positions, inputs, multiplier = shape
    dimensions = len(positions)
    axes = (dimensions, dimensions + 1, *range(dimensions))
    final = (inputs * multiplier, 1, *positions)
    return Layout(final, lambda array: array.transpose(axes).reshape(final), frozenset(types))


def _einsum(shape: Shape, equation: str, is_output: bool) -> Layout:
    """Read the kernel of a contraction as one matrix, its outputs in the order of the kernel's axes."""
    axes = range(len(shape))
    outputs = [len(shape) - 1] if is_output else list(axes[1:])
    parts = re.fullmatch(r"[.\w]*,([a-zA-Z]+)->([.\w]*)", equation.replace(" ", ""))
    if parts and len(parts[1]) == len(shape):
        outputs = [axis for axis in axes if parts[1][axis] in parts[2]]
    inputs = [axis for axis in axes if axis not in outputs]
    final = (prod(shape[axis] for axis in outputs), prod(shape[axis] for axis in inputs))
    order = (*outputs, *inputs)
    types = frozenset({"Linear", "EinsumDense"})
    return Layout(final, lambda array: array.transpose(order).reshape(final), types)


def _permuted(shape: Shape, axes: tuple[int, ...]) -> Shape:
    return tuple(shape[axis] for axis in axes)
