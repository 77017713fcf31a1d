"""Constants of an ONNX graph behind nodes that pass them on: Identity, Cast, Transpose, DequantizeLinear."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from mme.checkpoints.onnx_numbers import Numbers
from mme.weights.stored import StoredTensor

__all__ = ["Constant", "Graph", "constant_of", "scale_after"]

LONGEST = 50  # chain of nodes; a longer one may go in a circle


class Graph(Protocol):
    """Constants, and the nodes that make and take each value."""

    constants: Any
    producers: Any
    consumers: Any


@dataclass(frozen=True, eq=False)
class Constant:
    """A constant of the graph as it arrives at a node.

    Attributes
    ----------
    name : str
    numbers : Numbers
        As stored.
    shape : tuple of int
        As it arrives.
    steps : tuple of callable
        What happens to the array on the way.
    skip : str
        Why it cannot be followed; otherwise empty.
    """

    name: str
    numbers: Numbers
    shape: tuple[int, ...]
    steps: tuple[Callable[[np.ndarray], np.ndarray], ...] = ()
    skip: str = ""

    def read(self) -> np.ndarray:
        """Return the array as it arrives."""
        array = self.numbers.read()
        for step in self.steps:
            array = step(array)
        return array

    def stored(self, types: Iterable[str], skip: str = "") -> StoredTensor:
        """Return it as a layer's weight."""
        reason = self.numbers.skip or self.skip or skip
        return StoredTensor(
            self.name,
            self.shape,
            self.numbers.dtype,
            self.read,
            frozenset(types),
            reason,
            self.numbers.location,
        )

    def transposed(self, axes: tuple[int, ...]) -> Constant:
        """Return it with its axes in another order."""
        if sorted(axes) != list(range(len(self.shape))):
            return replace(self, skip=f"Transpose by {axes} does not fit the shape {self.shape}")
        shape = tuple(self.shape[axis] for axis in axes)
        return self._followed_by(lambda array: array.transpose(axes), shape)

    def reshaped(self, shape: tuple[int, ...]) -> Constant:
        """Return it in another shape of as many numbers."""
        return self._followed_by(lambda array: array.reshape(shape), shape)

    def cast(self, data_type: int) -> Constant:
        """Return it in another type of numbers."""
        from onnx import helper

        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(data_type))
        if dtype.kind == "O":
            return replace(self, skip="cast to text")
        # float32 holds every number of the types that NumPy lacks
        final = dtype if dtype.isbuiltin == 1 else np.dtype(np.float32)
        return self._followed_by(lambda array: array.astype(dtype).astype(final, copy=False), self.shape)

    def swapped(self, groups: int) -> Constant:
        """Return (in, out/g, k…) as (out, in/g, k…), the kernel of a transposed convolution in g groups."""
        if len(self.shape) < 2 or groups < 1 or self.shape[0] % groups:
            return replace(self, skip=f"shape {self.shape} does not fit ConvTranspose in {groups} groups")
        inputs, outputs, *positions = self.shape
        inputs //= groups

        def swap(array: np.ndarray) -> np.ndarray:
            by_group = array.reshape(groups, inputs, outputs, *positions).swapaxes(1, 2)
            return by_group.reshape(groups * outputs, inputs, *positions)

        return self._followed_by(swap, (groups * outputs, inputs, *positions))

    def dequantised(self, scale: Constant | None, zero: Constant | None, axis: int) -> Constant:
        """Return (W − zero) · scale, scale and zero being numbers or one for each index of an axis."""
        if scale is None:
            return replace(self, skip="quantised, by a scale that is no constant")
        dimensions = len(self.shape)
        for factor in filter(None, (scale, zero)):
            reason = factor.numbers.skip or factor.skip
            lengths = [length for length in factor.shape if length != 1]
            fits = not lengths or (
                -dimensions <= axis < dimensions and lengths == [self.shape[axis]] and len(factor.shape) == 1
            )
            if reason or not fits:
                return replace(self, skip=reason or f"quantised in blocks, scale of shape {factor.shape}")

        def along(factor: Constant) -> np.ndarray:
            values = factor.read().ravel().astype(np.float32)
            shape = [1] * dimensions
            if values.size > 1:
                shape[axis] = values.size
            return values.reshape(shape)

        def dequantise(array: np.ndarray) -> np.ndarray:
            centred = array.astype(np.float32)
            if zero is not None:
                centred -= along(zero)
            centred *= along(scale)
            return centred

        return self._followed_by(dequantise, self.shape)

    def _followed_by(self, step: Callable[[np.ndarray], np.ndarray], shape: tuple[int, ...]) -> Constant:
        return replace(self, steps=(*self.steps, step), shape=shape)


def constant_of(value: str, graph: Graph, length: int = 0) -> Constant | None:
    """Return the constant that arrives under a name; None if it is computed from the network's input.

    Parameters
    ----------
    value : str
        Name of a value of the graph.
    graph : Graph
    length : int
        Of the chain so far.

    Returns
    -------
    Constant or None

    Raises
    ------
    ValueError
        If the chain goes in a circle.
    """
    if value in graph.constants:
        name, numbers = graph.constants[value]
        return Constant(name, numbers, numbers.shape)
    node = graph.producers.get(value)
    if node is None or not node.input:
        return None
    if length > LONGEST:
        raise ValueError(f"the graph goes in a circle, or through more than {LONGEST} nodes, at {value!r}.")
    passes_on = node.op_type in ("Identity", "Cast", "Transpose", "DequantizeLinear")
    if not passes_on or node.domain not in ("", "ai.onnx"):
        return None
    constant = constant_of(node.input[0], graph, length + 1)
    if constant is None:
        return None
    attributes = {attribute.name: attribute for attribute in node.attribute}
    if node.op_type == "Cast":
        return constant.cast(attributes["to"].i) if "to" in attributes else constant
    if node.op_type == "Transpose":
        reverse = range(len(constant.shape))[::-1]
        return constant.transposed(tuple(attributes["perm"].ints if "perm" in attributes else reverse))
    if node.op_type == "DequantizeLinear":
        scale, zero = (
            constant_of(name, graph, length + 1) if name else None for name in [*node.input, "", ""][1:3]
        )
        if len(node.input) > 2 and node.input[2] and zero is None:
            return replace(constant, skip="quantised, by a zero point that is no constant")
        return constant.dequantised(scale, zero, attributes["axis"].i if "axis" in attributes else 1)
    return constant


def scale_after(node: Any, graph: Graph) -> Constant | None:
    """Return the constant by which a node of whole numbers is multiplied afterwards, where that is one.

    Dynamic quantisation computes MatMulInteger or ConvInteger, then Cast, then Mul by the product of the
    input's scale, which is computed, and the weights', which is a constant.

    Parameters
    ----------
    node : onnx.NodeProto
    graph : Graph

    Returns
    -------
    Constant or None
    """
    value = node.output[0] if node.output else ""
    for _ in range(LONGEST):
        takers = graph.consumers.get(value, [])
        if len(takers) != 1 or not takers[0].output:
            return None
        (taker,) = takers
        if taker.op_type == "Mul":
            break
        if taker.op_type != "Cast":
            return None
        value = taker.output[0]
    else:
        return None
    (factor, *_) = [name for name in taker.input if name != value] or [""]
    product = graph.producers.get(factor)
    names = product.input if product is not None and product.op_type == "Mul" else [factor]
    constants = [constant for constant in (constant_of(name, graph) for name in names) if constant]
    return constants[0] if len(constants) == 1 else None
