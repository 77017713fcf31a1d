"""Which inputs of ONNX operators are weights, and how they come outputs first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from mme.checkpoints.onnx_constants import Constant

__all__ = ["AFTER", "OPERANDS", "Operand", "outputs_first", "scale_after", "types_of"]


class Operand(NamedTuple):
    """A weight among the inputs of an operator: its position, and those of its scale and zero point."""

    kind: str
    position: int
    scale: int | None = None
    zero: int | None = None


AFTER = -1  # the scale of dynamic quantisation, by which the output is multiplied
KERNEL = (Operand("kernel", 1),)
MATRICES = (Operand("right", 1), Operand("left", 0))
GATES = (Operand("gates", 1), Operand("gates", 2))  # their order permutes rows, and changes nothing
OPERANDS: dict[str, tuple[Operand, ...]] = {
    **dict.fromkeys(("Conv", "FusedConv"), KERNEL),
    "QLinearConv": (Operand("kernel", 3, 4, 5),),
    "ConvInteger": (Operand("kernel", 1, AFTER, 3),),
    "ConvTranspose": (Operand("transposed kernel", 1),),
    **dict.fromkeys(("MatMul", "FusedMatMul", "Gemm", "FusedGemm"), MATRICES),
    "QLinearMatMul": (Operand("right", 3, 4, 5), Operand("left", 0, 1, 2)),
    "MatMulInteger": (Operand("right", 1, AFTER, 3), Operand("left", 0, AFTER, 2)),
    "MatMulIntegerToFloat": (Operand("right", 1, 3, 5), Operand("left", 0, 2, 4)),
    "QGemm": (Operand("right", 3, 4, 5),),
    "DynamicQuantizeMatMul": (Operand("right", 1, 2, 3),),
    "Gather": (Operand("table", 0),),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), GATES),
}


def outputs_first(kind: str, attributes: Mapping[str, Any], array: np.ndarray) -> np.ndarray:
    """Return (out, in/g, k…) of a kernel, (…, out, in) of a matrix; a table and gates stay as they are."""
    if kind == "transposed kernel":
        groups = attributes.get("group", 1)
        inputs, outputs, *positions = array.shape  # the outputs of each group
        by_group = array.reshape(groups, inputs // groups, outputs, *positions).swapaxes(1, 2)
        return by_group.reshape(groups * outputs, inputs // groups, *positions)
    is_turned = {"right": not attributes.get("transB"), "left": bool(attributes.get("transA"))}
    if is_turned.get(kind) and array.ndim > 1:
        array = array.swapaxes(-1, -2)
    alpha = attributes.get("alpha", 1.0) if kind in ("right", "left") else 1.0
    return array if alpha == 1 else array * np.float32(alpha)


def types_of(kind: str, operator: str, axes: int) -> frozenset[str]:
    """Return the names of a layer's type, ONNX's and torch's."""
    if "kernel" in kind:
        name = "ConvTranspose" if operator == "ConvTranspose" else "Conv"
        return frozenset({name, f"{name}{axes - 2}d"})
    return frozenset({{"table": "Embedding", "gates": operator}.get(kind, "Linear")})


def scale_after(node: Any, nodes: list[Any], scope: Mapping[str, Constant | None]) -> Constant | None:
    """Return the constant scale of the weights in Mul(Cast(node), Mul(scale of the input, scale))."""
    value = node.output[0]
    while True:
        takers = [taker for taker in nodes if value in taker.input]
        if len(takers) != 1 or takers[0].op_type not in ("Cast", "Mul") or value in takers[0].output:
            return None
        if takers[0].op_type == "Mul":
            break
        value = takers[0].output[0]
    factors = [name for name in takers[0].input if name != value]
    products = [maker for maker in nodes if maker.op_type == "Mul" and set(factors) & set(maker.output)]
    scales = [scope.get(name) for product in products for name in product.input]
    known = [scale for scale in scales if scale is not None]
    return known[0] if len(known) == 1 else None
