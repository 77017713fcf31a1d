"""Constants of an ONNX model: tensors as they are stored, and what nodes make of them before any input."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, external_data_helper, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from mme.checkpoints.limits import ALWAYS_ALLOWED, refuse_damage, require_stored
from mme.errors import InputError
from mme.weights.stored import StoredTensor

__all__ = ["FOLDED", "Constant", "Evaluator", "stored_constant"]

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


@dataclass
class Evaluator:
    """ONNX's reference evaluator, which computes no more than the file lets expect."""

    version: int  # of ONNX's own operators
    room: float = ALWAYS_ALLOWED  # bytes that may still be computed

    def output(self, node: Any, name: str, inputs: Sequence[Constant | None]) -> np.ndarray:
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


def stored_constant(value: Any, name: str, path: Path) -> Constant:
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
