"""Constants of an ONNX model: tensors as they are stored, and what nodes make of them before any input."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mme.errors import InputError
from mme.weights.stored import StoredTensor

__all__ = ["FOLDED", "Constant", "NotFoldedError", "evaluated", "stored_tensor"]

# What a weight may pass on its way to its layer: cheap operators, whose shapes ONNX infers beforehand.
FOLDED = {
    "Abs", "Add", "Cast", "CastLike", "Clip", "Concat", "DequantizeLinear", "Div", "Exp", "Flatten",
    "Gather", "Identity", "Log", "MatMul", "Max", "Min", "Mul", "Neg", "Pow", "QuantizeLinear",
    "Reciprocal", "ReduceL1", "ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum",
    "ReduceSumSquare", "Reshape", "Round", "Shape", "Sigmoid", "Sign", "Slice", "Softplus", "Split", "Sqrt",
    "Squeeze", "Sub", "Tanh", "Transpose", "Unsqueeze", "Where",
}  # fmt: skip
SMALL = 64  # numbers; so short a constant may be a shape, which inference has to know


class NotFoldedError(Exception):
    """What a node makes of constants cannot be computed; the message says why."""


@dataclass(frozen=True, eq=False)
class Constant:
    """A value of the graph that needs no input: a stored tensor, or what `step` makes of other constants."""

    compute: Callable[..., np.ndarray]
    inputs: tuple[Constant | None, ...] = ()
    step: str = ""
    stored: StoredTensor | None = None

    @cached_property
    def sources(self) -> tuple[StoredTensor, ...]:
        """The stored tensors that it is made of."""
        made_of = [source for given in self.inputs if given is not None for source in given.sources]
        return tuple(dict.fromkeys(made_of if self.stored is None else [self.stored]))

    @cached_property
    def steps(self) -> tuple[str, ...]:
        """The operators on the way, each once."""
        before = [step for given in self.inputs if given is not None for step in given.steps]
        return tuple(filter(None, dict.fromkeys([*before, self.step])))

    def array(self, known: dict[Constant, np.ndarray] | None = None) -> np.ndarray:
        """Compute its numbers; `known` has those that were found on the way."""
        known = {} if known is None else known
        if self not in known:
            inputs = [None if given is None else given.array(known) for given in self.inputs]
            known[self] = self.compute(*inputs)
        return known[self]


def evaluated(
    node: Any,
    output: str,
    opsets: Mapping[str, int],
    allow: Callable[[int], None],
    *inputs: np.ndarray | None,
) -> np.ndarray:
    """Return an output of a node by ONNX's own evaluator, once `allow` lets the bytes that it takes pass."""
    from onnx import helper, numpy_helper, shape_inference
    from onnx.reference import ReferenceEvaluator

    arrays = {name: array for name, array in zip(node.input, inputs, strict=False) if array is not None}
    try:
        small = [numpy_helper.from_array(one, name) for name, one in arrays.items() if one.size <= SMALL]
        large = [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(one.dtype), one.shape)
            for name, one in arrays.items()
            if one.size > SMALL
        ]
        graph = helper.make_graph([node], "node", large, [helper.make_empty_tensor_value_info(output)], small)
        # The evaluator knows quantisation from version 19 on, which reads the older forms the same way.
        oldest = 21 if node.op_type in ("QuantizeLinear", "DequantizeLinear") else 0
        versions = [helper.make_opsetid(domain, max(version, oldest)) for domain, version in opsets.items()]
        model = helper.make_model(graph, opset_imports=versions)
        inferred = shape_inference.infer_shapes(model, strict_mode=True).graph.output[0].type.tensor_type
        lengths = [dim.dim_value if dim.HasField("dim_value") else math.inf for dim in inferred.shape.dim]
        if not inferred.HasField("shape") or math.inf in lengths:
            raise NotFoldedError(f"{node.op_type} does not tell the shape of its output")
        products = inputs[0].shape[-1] if node.op_type == "MatMul" and inputs[0] is not None else 1
        allow(8 * products * int(math.prod(lengths)))
        with np.errstate(all="ignore"):
            (result,) = ReferenceEvaluator(model).run([output], arrays)
            return np.asarray(result)
    except NotFoldedError:
        raise
    except Exception as error:  # the library raises anything; the reason is shown beside the weight
        said = "".join(letter for letter in str(error).partition("\n")[0] if letter.isprintable())[:120]
        raise NotFoldedError(f"{node.op_type} cannot be computed: {said or type(error).__name__}") from error


def stored_tensor(value: Any, name: str, path: Path) -> StoredTensor:
    """Find the numbers of a tensor without converting them; InputError if it claims other than it has."""
    from onnx import SparseTensorProto, TensorProto, helper, numpy_helper

    shape = tuple(value.dims)
    if isinstance(value, SparseTensorProto):
        return StoredTensor(name, shape, "sparse", _no_numbers, skip="stored sparse, which is not read")
    try:
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(value.data_type))
    except (KeyError, ValueError, TypeError):
        return StoredTensor(name, shape, "unknown", _no_numbers, skip=f"numbers of type {value.data_type}")
    if dtype.kind in "OSU":
        return StoredTensor(name, shape, "text", _no_numbers, skip="holds text")
    bits = re.search(r"\d+", dtype.name)  # int4 takes half a byte, whatever NumPy gives it
    size = -(-math.prod(shape) * (int(bits[0]) if bits else 8) // 8)
    is_beside = value.data_location == TensorProto.EXTERNAL
    if is_beside:
        entries = {entry.key: entry.value for entry in value.external_data}
        source, offset = _beside(path, entries.get("location", "")), int(entries.get("offset", 0))
        held = min(int(entries.get("length", size)), source.stat().st_size - offset)
        fits = held == size and offset >= 0 and min(shape, default=0) >= 0
    else:  # one byte holds four numbers at most
        source, offset, held = path, 0, value.ByteSize()
        fits = math.prod(shape) <= 4 * held and numpy_helper.to_array(value).shape == shape
    if not fits:
        raise InputError(
            f"{path} is damaged or hostile: {name!r} claims {size} bytes for shape {shape} of {dtype.name}, "
            f"but {max(held, 0)} are there."
        )

    def read() -> np.ndarray:
        if not is_beside:
            return np.asarray(numpy_helper.to_array(value))
        with source.open("rb") as file:
            file.seek(offset)
            raw = file.read(size)
        held = TensorProto(dims=shape, data_type=value.data_type, raw_data=raw)
        return np.asarray(numpy_helper.to_array(held))

    place = (source, offset, size) if is_beside else None
    return StoredTensor(name, shape, dtype.name, read, location=place)


def _beside(path: Path, place: str) -> Path:
    """Return the file of external data, which must lie inside the model's folder."""
    folder = path.parent.resolve()
    source = (folder / place).resolve()
    if not source.is_relative_to(folder):
        raise InputError(f"{path} has data in {place!r}, outside the model's folder, which is not followed.")
    if not source.is_file():
        raise InputError(f"{path} has data in {place!r}, which is missing beside the model.")
    return source


def _no_numbers() -> np.ndarray:
    raise InputError("what holds no numbers cannot be read.")
