"""ONNX models: the constants that layers compute with, as their operators see them, outputs first."""

from __future__ import annotations

import math
import re
from collections import ChainMap, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import onnx
from onnx import TensorProto, external_data_helper, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from mme.checkpoints.limits import ALWAYS_ALLOWED, refuse_damage, require_stored
from mme.errors import InputError
from mme.weights.layouts import by_groups
from mme.weights.stored import Checkpoint, StoredTensor

__all__ = ["read_onnx"]

Scope: TypeAlias = "ChainMap[str, Constant | None]"  # None for what needs the network's input
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
GROWTH = 128  # bytes that may be computed for each number stored
# What a weight may pass on its way to its layer, and how many numbers that takes at most.
FOLDED: dict[str, Callable[..., int]] = {
    **dict.fromkeys(
        (
            "Abs", "Cast", "CastLike", "Concat", "DequantizeLinear", "Exp", "Flatten", "Identity", "Log",
            "Neg", "QuantizeLinear", "Reciprocal", "ReduceL1", "ReduceL2", "ReduceMax", "ReduceMean",
            "ReduceMin", "ReduceSum", "ReduceSumSquare", "Reshape", "Round", "Shape", "Sigmoid", "Sign",
            "Slice", "Softplus", "Split", "Sqrt", "Squeeze", "Tanh", "Transpose", "Unsqueeze",
        ),
        lambda *arrays: sum(array.size for array in arrays),
    ),
    **dict.fromkeys(
        ("Add", "Clip", "Div", "Max", "Min", "Mul", "Pow", "Sub", "Where"),
        lambda *arrays: math.prod(np.broadcast_shapes(*(array.shape for array in arrays))),
    ),
    "Expand": lambda array, shape: math.prod(np.broadcast_shapes(array.shape, tuple(shape))),
    "Gather": lambda table, indices: table.size * indices.size,
    "MatMul": lambda left, right: left.size * right.size // max(1, left.shape[-1]),
}


@dataclass(frozen=True, eq=False)
class Constant:
    """A value that needs no input: the stored tensors that it is made of, and the operators on the way."""

    compute: Callable[[], np.ndarray]
    sources: tuple[StoredTensor, ...]
    steps: tuple[str, ...] = ()


def read_onnx(path: Path) -> Checkpoint:
    """List the constants of an ONNX model: weights as operators see them, once, others with the reason."""
    with refuse_damage(path, "ONNX model"):
        model = onnx.load(path, format="protobuf", load_external_data=False)
        if not model.graph.node:
            raise InputError(f"{path} holds no graph of ONNX nodes; an ONNX model is expected.")
        if model.functions:  # which may write out to any number of nodes
            inlined = "onnx.inliner.inline_local_functions(model)"
            raise InputError(f"{path} has functions of its own; save {inlined} instead.")
        versions = [opset.version for opset in model.opset_import if opset.domain in ("", "ai.onnx")]
        network = _Network(path, max(versions, default=1))
        network.add_graph(model.graph, ChainMap())
        checkpoint = Checkpoint(path.stem, "onnx", network.tensors())
    network.room = math.inf  # what the listing let pass may be computed again
    return checkpoint


class _Network:
    """The constants of a model, and the layers that they are weights of."""

    def __init__(self, path: Path, version: int) -> None:
        self.path, self.version = path, version  # of ONNX's own operators
        self.room: float = ALWAYS_ALLOWED  # bytes that may still be computed
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
            for attribute in node.attribute:  # graphs within it, such as the branches of an If
                for inner in [attribute.g] if attribute.HasField("g") else attribute.graphs:
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
        constant = _stored_constant(value, self._unique(name), self.path)
        self.stored += constant.sources
        self.room += sum(GROWTH * stored.size for stored in constant.sources if not stored.skip)
        return constant

    def _constants(self, node: Any, scope: Scope) -> dict[str, Constant]:
        """Return what a node makes of constants alone, and find the weights among its inputs."""
        is_known = node.domain in DOMAINS
        if is_known and node.op_type == "Constant":
            (attribute,), (name,) = node.attribute, node.output
            value = helper.get_attribute_value(attribute)
            if attribute.name not in ("value", "sparse_value"):  # numbers, or a text
                value = numpy_helper.from_array(self._computed(node, name, ()))
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
        computed = partial(self._computed, node)
        return {name: Constant(partial(computed, name, inputs), sources, steps) for name in node.output}

    def _computed(self, node: Any, name: str, inputs: Sequence[Constant | None]) -> np.ndarray:
        """Return an output of a node; InputError says why it cannot be computed."""
        given = {each: one.compute() for each, one in zip(node.input, inputs, strict=True) if one is not None}
        try:
            numbers = FOLDED[node.op_type](*given.values()) if given else 0
            repeats = sum(attribute.i for attribute in node.attribute if attribute.name == "block_size")
            size = 8 * numbers * max(1, repeats)
            if size > self.room:
                raise ValueError("it would take more than the file lets expect")
            self.room -= size
            # The evaluator knows quantisation from version 19 on, which reads the older forms the same way.
            version = max(self.version, 21) if "quantize" in node.op_type.lower() else self.version
            graph = helper.make_graph([node], "node", [], [])
            graph.node[0].domain = ""  # its runtime's operators compute as its own
            with np.errstate(all="ignore"):
                (array,) = ReferenceEvaluator(graph, opsets={"": version}).run([name], given)
                return np.asarray(array)
        except Exception as error:  # the evaluator raises anything; the reason is shown with the weight
            said = str(error).partition("\n")[0][:120] or type(error).__name__
            raise InputError(f"{node.op_type} cannot be computed: {said}") from error

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
        return by_groups(array, attributes.get("group", 1))[None]
    if kind in ("kernel", "table"):
        return array[None]
    if array.ndim > 1 and {"right": not attributes.get("transB"), "left": attributes.get("transA")}.get(kind):
        array = array.swapaxes(-1, -2)
    alpha = attributes.get("alpha", 1.0) if kind != "gates" else 1.0
    stack = array.reshape(-1, *array.shape[-2:])
    return stack if alpha == 1 else stack * np.float32(alpha)


def _stored_constant(value: Any, name: str, path: Path) -> Constant:
    """Find the numbers of a tensor without converting them; InputError if it claims other than it has."""
    def read() -> np.ndarray:
        with refuse_damage(path, "ONNX model"):  # a copy, which some versions fill with data from beside
            return np.asarray(numpy_helper.to_array(deepcopy(value), str(path.parent)))

    shape, number = tuple(value.dims), getattr(value, "data_type", TensorProto.STRING)
    if number == TensorProto.STRING or number not in helper.get_all_tensor_dtypes():
        skip = "sparse, text or of an unknown type, which is not read"
        return Constant(read, (StoredTensor(name, shape, "none", read, skip=skip),))
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(number)).name
    bits = re.search(r"\d+", dtype)  # int4 takes half a byte, whatever NumPy gives it
    size = -(-math.prod(shape) * (int(bits[0]) if bits else 8) // 8)
    place = None
    if external_data_helper.uses_external_data(value):
        told, folder = external_data_helper.ExternalDataInfo(value), path.parent.resolve()
        source = (folder / told.location).resolve()
        if not source.is_relative_to(folder) or not source.is_file():
            raise InputError(f"{path} has data in {told.location!r}, which is no file in the model's folder.")
        place = (source, told.offset, size)
        beside = max(0, source.stat().st_size - (told.offset or 0))
        require_stored(name, path, size, beside if told.length is None else min(told.length, beside))
    else:  # whole numbers may be packed
        require_stored(name, path, size, value.ByteSize(), compressed=True)
        read()
    return Constant(read, (StoredTensor(name, shape, dtype, read, location=place),))
