"""ONNX models: the constants that layers compute with, as their operators see them, outputs first."""

from __future__ import annotations

from collections import ChainMap, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from math import inf
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx
from onnx import helper, numpy_helper

from mme.checkpoints.limits import refuse_damage
from mme.checkpoints.onnx_constants import FOLDED, GROWTH, Constant, Evaluator, stored_constant
from mme.errors import InputError
from mme.weights.stored import Checkpoint, StoredTensor

__all__ = ["read_onnx"]

Scope: TypeAlias = ChainMap[str, Constant | None]  # None for what needs the network's input
DOMAINS = ("", "ai.onnx", "com.microsoft")  # of ONNX's own operators, and of those of its runtime
KERNEL, MATRICES = {1: "kernel"}, {1: "right", 0: "left"}
GATES = {1: "gates", 2: "gates"}  # their order permutes rows, and changes nothing
# The places of weights among the inputs of an operator. What stands here for none is left out by name, such
# as the quantised operators whose scales come later (QLinearConv, MatMulInteger, …), Attention and Einsum.
OPERANDS: dict[str, dict[int, str]] = {
    **dict.fromkeys(("Conv", "FusedConv"), KERNEL),
    "ConvTranspose": {1: "transposed kernel"},
    **dict.fromkeys(("FusedGemm", "FusedMatMul", "Gemm", "MatMul"), MATRICES),
    "Gather": {0: "table"},
    **dict.fromkeys(("GRU", "LSTM", "RNN"), GATES),
}
TYPES = {  # as torch calls them, by the number of positions in a kernel; gates are called as their operator
    "kernel": "Conv{}d",
    "transposed kernel": "ConvTranspose{}d",
    **dict.fromkeys(("left", "right"), "Linear"),
    "table": "Embedding",
}


def read_onnx(path: Path) -> Checkpoint:
    """List the weights of an ONNX model as its operators see them, outputs first.

    What nodes make of constants alone is computed by ONNX's reference evaluator. `OPERANDS` says what is a
    weight; every other constant is listed with the reason why it is left out. A constant of several nodes
    counts once; of stacked matrices, such as the directions of an LSTM, each is a layer, ``name[0]``, ….
    """
    with refuse_damage(path, "ONNX model"):
        model = onnx.load(path, format="protobuf", load_external_data=False)
        if not model.graph.node:
            raise InputError(f"{path} holds no graph of ONNX nodes; an ONNX model is expected.")
        if model.functions:  # which may write out to any number of nodes
            raise InputError(
                f"{path} has functions of its own; save onnx.inliner.inline_local_functions(model) instead."
            )
        versions = [opset.version for opset in model.opset_import if opset.domain in ("", "ai.onnx")]
        network = _Network(path, Evaluator(max(versions, default=1)))
        network.add_graph(model.graph, ChainMap())
        checkpoint = Checkpoint(path.stem, "onnx", network.tensors())
    network.evaluator.room = inf  # what the listing let pass may be computed again
    return checkpoint


class _Network:
    """The constants of a model, and the layers that they are weights of."""

    def __init__(self, path: Path, evaluator: Evaluator) -> None:
        self.path, self.evaluator = path, evaluator
        self.stored: list[StoredTensor] = []
        self.names: set[str] = set()
        self.layers: dict[StoredTensor, dict[Constant | None, list[StoredTensor]]] = defaultdict(dict)
        self.reasons: dict[StoredTensor, str] = {}

    def add_graph(self, graph: Any, scope: Scope) -> None:
        """Take in the constants of a graph, and follow them through its nodes."""
        scope.update({value.name: None for value in graph.input})
        scope.update({tensor.name: self._store(tensor, tensor.name) for tensor in graph.initializer})
        scope.update({one.values.name: self._store(one, one.values.name) for one in graph.sparse_initializer})
        for node in graph.node:
            scope.update(dict.fromkeys(node.output, None) | self._constants(node, scope))
            for inner in _graphs(node):
                self.add_graph(inner, scope.new_child())

    def tensors(self) -> Iterator[StoredTensor]:
        """Yield every constant: layers outputs first, the others with the reason why they are none."""
        for stored in self.stored:
            if stored in self.layers:
                for tensors in self.layers[stored].values():
                    yield from tensors
            else:
                reason = self.reasons.get(stored, "no node uses it") if len(stored.shape) > 1 else ""
                yield replace(stored, skip=stored.skip or reason)

    def _unique(self, name: str) -> str:
        """Return a name that no other has: the two branches of an If may use the same names."""
        unique, number = name, 1
        while unique in self.names:
            number += 1
            unique = f"{name}#{number}"
        self.names.add(unique)
        return unique

    def _store(self, value: Any, name: str) -> Constant:
        constant = stored_constant(value, self._unique(name), self.path)
        self.stored += constant.sources
        self.evaluator.room += sum(GROWTH * stored.size for stored in constant.sources if not stored.skip)
        return constant

    def _constants(self, node: Any, scope: Scope) -> dict[str, Constant]:
        """Return what a node makes of constants alone, and find the weights among its inputs."""
        is_known = node.domain in DOMAINS
        if is_known and node.op_type == "Constant":
            (attribute,), (name,) = node.attribute, node.output
            value = helper.get_attribute_value(attribute)
            if attribute.name not in ("value", "sparse_value"):  # numbers, or a text
                value = numpy_helper.from_array(self.evaluator.output(node, name, ()))
            return {name: self._store(value, name)}
        inputs = [scope.get(name) if name else None for name in node.input]
        known = [constant for constant in inputs if constant is not None]
        sources = tuple(dict.fromkeys(source for constant in known for source in constant.sources))
        needed = sum(map(bool, node.input))
        is_folded = is_known and node.op_type in FOLDED and len(known) == needed > 0
        for place, kind in OPERANDS.get(node.op_type, {}).items() if is_known else ():
            constant = inputs[place] if place < len(inputs) else None
            if constant is not None and (kind == "table" or not is_folded):
                self._add_weight(node, kind, constant)
        if not is_folded:
            for source in sources:
                self.reasons.setdefault(source, f"an input of {node.op_type}, which is not read as a layer")
            return {}
        steps = tuple(dict.fromkeys([step for constant in known for step in constant.steps] + [node.op_type]))
        return {
            name: Constant(partial(self.evaluator.output, node, name, inputs), sources, steps)
            for name in node.output
        }

    def _add_weight(self, node: Any, kind: str, constant: Constant) -> None:
        """List an input of a node as a layer's weight, if no node before took it."""
        if any(source.skip for source in constant.sources):
            return
        main = max(constant.sources, key=lambda source: source.size)
        attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        try:  # the shape of what lies in the file as it is shows without reading it
            seen = constant.compute() if constant.steps else np.broadcast_to(np.False_, main.shape)
            stack = _outputs_first(kind, attributes, seen)
        except (InputError, ValueError, ZeroDivisionError) as error:
            self.reasons[main] = str(error)
            return
        dtype = seen.dtype.name if constant.steps else main.dtype
        if "int" in dtype or "bool" in dtype:
            self.reasons[main] = f"whole numbers ({dtype}), whose scale is not known"
            return
        part = None if stack.size == main.size else constant  # slices of one tensor are several layers
        is_odd = stack.ndim < 3 or (kind == "table" and (stack.ndim > 3 or attributes.get("axis", 0)))
        if is_odd or not stack.size or part in self.layers.get(main, {}):
            return
        name = self._unique(main.name) if main in self.layers else main.name
        self.reasons |= {source: f"part of {name!r}" for source in constant.sources if source is not main}

        def read(index: int) -> np.ndarray:
            array = _outputs_first(kind, attributes, constant.compute())[index]
            return np.asarray(array, None if array.dtype.isbuiltin == 1 else np.float32)  # NumPy's own type

        self.layers[main][part] = [
            StoredTensor(
                name if len(stack) == 1 else self._unique(f"{name}[{index}]"),
                stack.shape[1:],
                dtype,
                partial(read, index),
                frozenset({TYPES.get(kind, node.op_type).format(stack.ndim - 3)}),
                location=None if constant.steps or not main.location else (main.location, index),
                note=f"computed by {', '.join(constant.steps)}" if constant.steps else "",
            )
            for index in range(len(stack))
        ]


def _outputs_first(kind: str, attributes: Mapping[str, Any], array: np.ndarray) -> np.ndarray:
    """Return a stack of one (out, in/g, k…) of a kernel, and of one table; of all (out, in) in matrices."""
    if kind == "transposed kernel":
        groups = attributes.get("group", 1)
        inputs, outputs, *positions = array.shape  # the outputs of each group
        by_group = array.reshape(groups, inputs // groups, outputs, *positions).swapaxes(1, 2)
        return by_group.reshape(1, groups * outputs, inputs // groups, *positions)
    if kind in ("kernel", "table"):
        return array[None]
    if array.ndim > 1 and {"right": not attributes.get("transB"), "left": attributes.get("transA")}.get(kind):
        array = array.swapaxes(-1, -2)
    alpha = attributes.get("alpha", 1.0) if kind != "gates" else 1.0
    stack = array.reshape(-1, *array.shape[-2:])
    return stack if alpha == 1 else stack * np.float32(alpha)


def _graphs(node: Any) -> Iterator[Any]:
    """Yield the graphs within a node, such as the branches of an If."""
    for attribute in node.attribute:
        yield from [attribute.g] if attribute.HasField("g") else attribute.graphs
