"""ONNX models: the constants that are weights of convolutions and linear maps, outputs first."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mme.checkpoints.limits import refuse_damage
from mme.checkpoints.onnx_chains import Constant, constant_of, scale_after
from mme.checkpoints.onnx_functions import without_functions
from mme.checkpoints.onnx_numbers import Numbers, numbers_of
from mme.checkpoints.onnx_records import read_model
from mme.errors import InputError
from mme.weights.stored import Checkpoint, StoredTensor

__all__ = ["read_onnx"]

DEEPEST = 50  # of graphs within graphs
LINEAR = "Linear"


def read_onnx(path: Path) -> Checkpoint:
    """List the weights of an ONNX model, outputs first.

    A weight is a constant of the graph (an initialiser or a node Constant) that is the kernel of Conv,
    ConvTranspose, Gemm or MatMul, or of their quantised forms QLinearConv, QLinearMatMul, ConvInteger and
    MatMulInteger, directly or through Identity, Cast, Transpose and DequantizeLinear; quantised weights are
    brought back to real numbers by their scale and zero point. Graphs within nodes (If, Loop, Scan) and
    local functions take part. Every other constant is listed with the reason why it is left out.

    ========================  ===============================  ==================================
    node                      stored                           here
    ========================  ===============================  ==================================
    Conv                      (out, in/g, k…)                  the same
    ConvTranspose             (in, out/g, k…)                  (out, in/g, k…)
    Gemm, B                   (in, out), by transB (out, in)   (out, in), without the factor alpha
    MatMul, on the right      (in, out)                        (out, in)
    MatMul, on the left       (out, in)                        the same
    ========================  ===============================  ==================================

    Memory: the graph is parsed without its large tensors, which stay in the file (or in the files beside it,
    for external data); a layer is read when it is asked for. Measured with a model of 300 MB in layers of
    25 MB: 24 MB for the listing, 72 MB for reading one layer after the other.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Checkpoint
        The names are the constants' names; a constant of several nodes counts once, as in the first of them.

    Raises
    ------
    InputError
        If the file is damaged or no ONNX model, if a tensor claims more than is stored or lies outside the
        model's folder, or if onnx is missing.

    References
    ----------
    https://onnx.ai/onnx/operators/

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from onnx import helper, numpy_helper
    >>> node = helper.make_node("MatMul", ["x", "w"], ["y"])
    >>> weights = numpy_helper.from_array(np.ones((3, 2), np.float32), "w")
    >>> graph = helper.make_graph([node], "g", [], [], [weights])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "net.onnx"
    ...     _ = path.write_bytes(helper.make_model(graph).SerializeToString())
    ...     checkpoint = read_onnx(path)
    ...     checkpoint, checkpoint["w"].shape, checkpoint["w"].read().shape
    (Checkpoint('net', onnx: 1 tensors), (2, 3), (2, 3))
    """
    model = without_functions(read_model(path), path)
    with refuse_damage(path, "ONNX model"):
        listing = _Listing(path)
        listing.add(model.graph, Scope({}, {}, {}), 0)
        return Checkpoint(path.stem, "onnx", listing.tensors())


@dataclass
class Scope:
    """What a graph's nodes can see: its own constants and nodes, and those of the graphs around it.

    Attributes
    ----------
    constants : mapping of str to (listed name, Numbers)
    producers, consumers : mapping of str to nodes
        By the name of the value that they make or take.
    """

    constants: Any
    producers: Any
    consumers: Any

    def within(self) -> Scope:
        """Return the scope of a graph within a node."""
        return Scope(*(ChainMap({}, kind) for kind in (self.constants, self.producers, self.consumers)))


@dataclass
class _Listing:
    """The constants of a model, and what they are weights of."""

    path: Path
    constants: dict[str, Numbers] = field(default_factory=dict)
    from_nodes: set[str] = field(default_factory=set)
    weights: dict[str, StoredTensor] = field(default_factory=dict)
    users: dict[str, set[str]] = field(default_factory=dict)

    def add(self, graph: Any, scope: Scope, depth: int) -> None:
        """Take in a graph and the graphs within its nodes."""
        if depth > DEEPEST:
            raise InputError(f"{self.path} has graphs within graphs more than {DEEPEST} levels deep.")
        for tensor in graph.initializer:
            self._list(tensor.name, numbers_of(tensor, self.path), scope)
        for sparse in graph.sparse_initializer:
            numbers = Numbers(tuple(sparse.dims), "sparse", _unread, "stored sparse, which is not read")
            self._list(sparse.values.name, numbers, scope)
        for node in graph.node:
            for attribute in node.attribute:
                if node.op_type == "Constant" and attribute.name == "value" and node.output:
                    numbers = numbers_of(attribute.t, self.path)
                    self.from_nodes.add(self._list(node.output[0], numbers, scope))
            for output in filter(None, node.output):
                scope.producers[output] = node
            for value in filter(None, node.input):
                scope.consumers.setdefault(value, []).append(node)
        for node in graph.node:
            for value in node.input:
                if value in scope.constants:
                    self.users.setdefault(scope.constants[value][0], set()).add(node.op_type)
            for weight in _weights_of(node, scope):
                if weight is not None:
                    self.weights.setdefault(weight.name, weight)
            for attribute in node.attribute:
                inner_graphs = [attribute.g] if attribute.HasField("g") else []
                for inner in [*inner_graphs, *attribute.graphs]:
                    self.add(inner, scope.within(), depth + 1)

    def _list(self, name: str, numbers: Numbers, scope: Scope) -> str:
        listed, number = name, 1
        while listed in self.constants:  # the two branches of an If may use the same names
            number += 1
            listed = f"{name}#{number}"
        self.constants[listed] = numbers
        scope.constants[name] = (listed, numbers)
        return listed

    def tensors(self) -> Iterator[StoredTensor]:
        """Yield every constant: the weights outputs first, the others with the reason why they are none."""
        for name, numbers in self.constants.items():
            if name in self.weights:
                yield self.weights[name]
                continue
            if name in self.from_nodes and len(numbers.shape) < 2:  # a shape, a factor: no parameter
                continue
            users = sorted(self.users.get(name, ()))
            reason = f"an input of {', '.join(users)}, no layer's weight" if users else "no node uses it"
            skip = numbers.skip or (reason if len(numbers.shape) > 1 else "")
            yield StoredTensor(name, numbers.shape, numbers.dtype, numbers.read, skip=skip)


def _unread() -> Any:
    raise InputError("a sparse tensor is not read.")


def _weights_of(node: Any, scope: Scope) -> Iterator[StoredTensor | None]:
    """Yield the weights of one node; None for an input that is no constant."""
    if node.domain not in ("", "ai.onnx"):
        return
    attributes = {attribute.name: attribute for attribute in node.attribute}

    def whole(name: str, default: int) -> int:
        return int(attributes[name].i) if name in attributes else default

    def constant(position: int) -> Constant | None:
        return constant_of(node.input[position], scope) if position < len(node.input) else None

    kind, weight = node.op_type, constant(1)
    if kind == "Conv":
        yield _kernel(weight, "Conv")
    elif kind == "ConvTranspose":
        yield _kernel(weight and weight.swapped(whole("group", 1)), "ConvTranspose")
    elif kind == "Gemm":
        yield _matrix(weight, whole("transB", 0) == 0)
        yield _matrix(constant(0), whole("transA", 0) == 1)
    elif kind == "MatMul":
        yield _matrix(weight, True)
        yield _matrix(constant(0), False)
    elif kind == "QLinearConv":
        kernel = constant(3)
        yield _kernel(kernel and kernel.dequantised(constant(4), constant(5), 0), "Conv")
    elif kind == "QLinearMatMul":
        yield _matrix(_times_scale(constant(3), constant(4), constant(5), -1), True)
        yield _matrix(_times_scale(constant(0), constant(1), constant(2), -2), False)
    elif kind == "ConvInteger":
        scale = scale_after(node, scope)
        yield _kernel(weight and weight.dequantised(scale, constant(3), 0), "Conv")
    elif kind == "MatMulInteger":
        scale = scale_after(node, scope)
        yield _matrix(_times_scale(weight, scale, constant(3), -1), True)
        yield _matrix(_times_scale(constant(0), scale, constant(2), -2), False)


def _times_scale(
    weight: Constant | None, scale: Constant | None, zero: Constant | None, axis: int
) -> Constant | None:
    return weight and weight.dequantised(scale, zero, axis)


def _kernel(weight: Constant | None, kind: str) -> StoredTensor | None:
    """Return a convolution's kernel, whose first two axes are the outputs and the inputs."""
    if weight is None:
        return None
    positions = len(weight.shape) - 2
    return weight.stored({f"{kind}{positions}d", kind} if positions > 0 else {kind})


def _matrix(weight: Constant | None, is_inputs_first: bool) -> StoredTensor | None:
    """Return a linear map's matrix; a stack of them is no layer of one matrix."""
    if weight is None:
        return None
    lengths = weight.shape
    if len(lengths) > 2:
        if any(length != 1 for length in lengths[:-2]):
            return weight.stored({LINEAR}, skip=f"a stack of matrices, shape {lengths}, for MatMul")
        weight = weight.reshaped(lengths[-2:])
    if is_inputs_first and len(lengths) > 1:
        weight = weight.transposed((1, 0))
    return weight.stored({LINEAR})
