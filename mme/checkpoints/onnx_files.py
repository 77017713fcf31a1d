"""ONNX models: the constants that layers compute with, as their operators see them, outputs first."""

from __future__ import annotations

from collections import ChainMap, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from math import inf, prod
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from mme.checkpoints.limits import ALWAYS_ALLOWED, refuse_damage
from mme.checkpoints.onnx_constants import FOLDED, Constant, NotFoldedError, evaluated, stored_tensor
from mme.checkpoints.onnx_operators import AFTER, OPERANDS, Operand, outputs_first, scale_after, types_of
from mme.errors import InputError
from mme.extras import required
from mme.weights.stored import Checkpoint, StoredTensor

__all__ = ["read_onnx"]

DEEPEST = 50  # of graphs within graphs and functions within functions
MOST_NODES = 100_000  # functions that call functions can write out to any number
GROWTH = 128  # bytes that the listing may compute for each number stored
Scope: TypeAlias = ChainMap[str, Constant | None]  # None for what needs the network's input


def read_onnx(path: Path) -> Checkpoint:
    """List the weights of an ONNX model as its operators see them, outputs first.

    What nodes make of constants alone, before any input arrives, is computed by ONNX's reference evaluator:
    a kernel may lie behind Reshape, Concat, Mul, QuantizeLinear, DequantizeLinear, …, in graphs within nodes
    and in local functions. `OPERANDS` says what is a weight; every other constant is listed with the reason
    why it is left out. Names are those of the constants. A constant of several nodes counts once, as in the
    first of them; of stacked matrices, such as the directions of an LSTM, each is a layer, ``name[0]``, ….
    Memory holds the file, twice while it is parsed; data beside it are read layer by layer.

    Examples
    --------
    >>> import tempfile
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
    onnx = required("onnx", "checkpoints", f"reading {path}")
    with refuse_damage(path, "ONNX model"):
        model = onnx.load(path, format="protobuf", load_external_data=False)
        if not model.graph.node:
            raise InputError(f"{path} holds no graph of ONNX nodes; an ONNX model is expected.")
        network = _Network(path, model)
        network.add_graph(model.graph, ChainMap(), 0)
        return Checkpoint(path.stem, "onnx", network.tensors())


class _Network:
    """The constants of a model, and the layers that they are weights of."""

    def __init__(self, path: Path, model: Any) -> None:
        self.path = path
        self.functions = {(function.domain, function.name): function for function in model.functions}
        imports = [opset for holder in [*model.functions, model] for opset in holder.opset_import]
        self.opsets = {opset.domain: opset.version for opset in imports}
        self.nodes = 0
        self.room: float = ALWAYS_ALLOWED  # bytes that may still be computed
        self.stored: list[StoredTensor] = []
        self.names: set[str] = set()
        self.within: set[StoredTensor] = set()  # shapes and factors that nodes hold, which are no parameters
        self.layers: dict[StoredTensor, dict[Constant | None, list[StoredTensor]]] = {}
        self.reasons: dict[StoredTensor, str] = {}
        self.users: dict[StoredTensor, set[str]] = defaultdict(set)
        self.stack: tuple[Constant, np.ndarray] | None = None  # the last one read, for its other matrices

    def add_graph(self, graph: Any, scope: Scope, depth: int) -> None:
        """Take in the constants and nodes of a graph."""
        scope.update({value.name: None for value in graph.input})
        scope.update({tensor.name: self._store(tensor, tensor.name) for tensor in graph.initializer})
        scope.update({one.values.name: self._store(one, one.values.name) for one in graph.sparse_initializer})
        self.add_nodes(list(graph.node), scope, depth)

    def add_nodes(self, nodes: list[Any], scope: Scope, depth: int) -> None:
        """Follow constants through nodes in their order, then look for weights among what each node takes."""
        self.nodes += len(nodes)
        if depth > DEEPEST or self.nodes > MOST_NODES:
            raise InputError(
                f"{self.path} has graphs or functions within each other, more than {DEEPEST} levels or "
                f"{MOST_NODES} nodes; a model without local functions is needed."
            )
        for node in nodes:
            inputs = tuple(scope.get(name) for name in node.input)
            function = self.functions.get((node.domain, node.op_type))
            if function is not None:
                inner: Scope = ChainMap(dict(zip(function.input, inputs, strict=False)))
                self.add_nodes(list(_bound(function, node)), inner, depth + 1)
                outputs = [inner.get(name) for name in function.output]
            else:
                for stored in (constant.stored for constant in inputs if constant is not None):
                    if stored is not None:
                        self.users[stored].add(node.op_type)
                outputs = [self._made(node, name, inputs) for name in node.output]
            scope.update(zip(node.output, outputs, strict=False))
            scope[""] = None  # what a node does without
            for attribute in node.attribute:
                for graph in [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]:
                    self.add_graph(graph, scope.new_child(), depth + 1)
        for node in nodes:
            if node.domain in ("", "ai.onnx", "com.microsoft"):
                for operand in OPERANDS.get(node.op_type, ()):
                    self._add_weight(node, operand, scope, nodes)

    def tensors(self) -> Iterator[StoredTensor]:
        """Yield every constant: layers outputs first, the others with the reason why they are none."""
        for stored in self.stored:
            if stored in self.layers:
                for tensors in self.layers[stored].values():
                    yield from tensors
            elif stored not in self.within:
                users = ", ".join(sorted(self.users[stored]))
                unread = f"an input of {users}, which is not read as a layer" if users else "no node uses it"
                reason = self.reasons.get(stored, unread) if len(stored.shape) > 1 else ""
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
        stored = stored_tensor(value, self._unique(name), self.path)
        self.stored.append(stored)
        self.room += 0 if stored.skip else GROWTH * stored.size
        return Constant(stored.read, stored=stored)

    def _made(self, node: Any, output: str, inputs: tuple[Constant | None, ...]) -> Constant | None:
        """Return an output of a node as a constant; None if it needs the network's input."""
        from onnx import helper, numpy_helper

        if node.domain not in ("", "ai.onnx"):
            return None
        if node.op_type == "Constant" and node.attribute:
            (attribute,) = node.attribute
            value = helper.get_attribute_value(attribute)
            if attribute.name.startswith("value_string"):
                return None
            if attribute.name.startswith("value_"):
                dtype = np.float32 if "float" in attribute.name else np.int64
                value = numpy_helper.from_array(np.array(value, dtype))
            constant = self._store(value, output)
            self.within.update(source for source in constant.sources if len(source.shape) < 2)
            return constant
        is_computed = any(name and not given for name, given in zip(node.input, inputs, strict=True))
        if node.op_type not in FOLDED or is_computed or not any(inputs):
            return None
        return Constant(partial(evaluated, node, output, self.opsets, self._allow), inputs, node.op_type)

    def _allow(self, size: int) -> None:
        if size > self.room:
            raise NotFoldedError("computing it from constants would take more than the file lets expect")
        self.room -= size

    def _add_weight(self, node: Any, operand: Operand, scope: Scope, nodes: list[Any]) -> None:
        """List an input of a node as a layer's weight, if it is a constant and no node before took it."""
        from onnx import helper

        names = defaultdict(str, enumerate(node.input))
        constant = scope.get(names[operand.position])
        if constant is None or any(source.skip for source in constant.sources):
            return
        main = max(constant.sources, key=lambda source: source.size)
        is_direct = constant.stored is not None and operand.scale is None
        # The shape of what lies in the file as it is shows without reading it.
        known = {constant: np.broadcast_to(np.False_, main.shape)} if is_direct else {}
        try:
            attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
            weight = Constant(partial(outputs_first, operand.kind, attributes), (constant,))
            if operand.scale is not None:
                after = operand.scale == AFTER
                scale = scale_after(node, nodes, scope) if after else scope.get(names[operand.scale])
                zero = "" if operand.zero is None else names[operand.zero]
                weight = self._dequantised(weight, scale, scope.get(zero), bool(zero), node.op_type)
            array = weight.array(known)
            dtype = main.dtype if is_direct else array.dtype.name
            if "int" in dtype or "bool" in dtype:
                raise NotFoldedError(f"whole numbers ({dtype}), whose scale is not known")
        except (NotFoldedError, ValueError, ZeroDivisionError) as error:
            self.reasons.setdefault(main, str(error))
            return
        is_table = operand.kind == "table"
        layers = self.layers.get(main, {})
        part = None if array.size == main.size else constant  # slices of one tensor are several layers
        if part in layers or array.ndim < 2 or not array.size:
            return
        if is_table and (array.ndim > 2 or attributes.get("axis", 0)):
            return
        name = self._unique(main.name) if layers else main.name
        self.reasons.update({source: f"part of {name!r}" for source in weight.sources if source is not main})
        is_kernel = "kernel" in operand.kind
        count = 1 if is_kernel else prod(array.shape[:-2])
        place = main.location if is_direct else None
        self.layers.setdefault(main, {})[part] = [
            StoredTensor(
                name if count == 1 else self._unique(f"{name}[{index}]"),
                array.shape if is_kernel else array.shape[-2:],
                dtype,
                partial(self._read, weight, None if is_kernel else index),
                types_of(operand.kind, node.op_type, array.ndim),
                location=None if place is None else (place, index),
                note=f"computed by {', '.join(weight.steps)}" if weight.steps else "",
            )
            for index in range(count)
        ]

    def _dequantised(
        self, weight: Constant, scale: Constant | None, zero: Constant | None, has_zero: bool, step: str
    ) -> Constant:
        """Return (W - zero) * scale along the outputs, first in a kernel, last but one in a stack."""
        from onnx import helper

        if scale is None or (has_zero and zero is None):
            raise NotFoldedError("quantised, by a scale or zero point that is no constant")
        names = ["weight", "scale", "zero" if zero else ""]
        node = helper.make_node("DequantizeLinear", names, ["real"], axis=0 if "Conv" in step else -2)
        return Constant(partial(evaluated, node, "real", {"": 21}, self._allow), (weight, scale, zero), step)

    def _read(self, weight: Constant, index: int | None) -> np.ndarray:
        """Return a kernel, or one matrix of a stack, in a type that NumPy itself has."""
        with refuse_damage(self.path, "ONNX model"):
            if self.stack is None or self.stack[0] is not weight:
                self.room = inf  # what the listing let pass
                self.stack = (weight, weight.array())
            array = self.stack[1]
            if index is not None:
                array = array.reshape(-1, *array.shape[-2:])[index]
        return array if array.dtype.isbuiltin == 1 else np.asarray(array.astype(np.float32))


def _bound(function: Any, call: Any) -> Iterator[Any]:
    """Yield the nodes of a function with the attributes of its call."""
    given = {attribute.name: attribute for attribute in [*function.attribute_proto, *call.attribute]}
    for node in function.node:
        copy = type(node)()
        copy.CopyFrom(node)
        del copy.attribute[:]
        for attribute in node.attribute:
            value = given.get(attribute.ref_attr_name) if attribute.ref_attr_name else attribute
            if value is not None:
                copy.attribute.add().CopyFrom(value)
                copy.attribute[-1].name = attribute.name
        yield copy
