"""Codes of few bits, and the scales that turn them into weights again.

The formats, as their writers store them: bitsandbytes 0.45 (int8, nf4, fp4), AutoGPTQ 0.7 (whose first format
stores a zero less one), AutoAWQ 0.2 (the layout of its GEMM kernels), and the int8 and fp8 of
DeepSeek-V3, FBGEMM and compressed-tensors 0.9, with one scale a tensor, a row or a block.
"""

from __future__ import annotations

import json
from math import prod
from typing import Any

import numpy as np

from mme.errors import InputError
from mme.weights.rules import Rule, Shape
from mme.weights.stored import StoredTensor

__all__ = ["CODES"]

BLOCK = 128  # DeepSeek's, in both directions; the last block of an axis may be cut off
WORD = 32  # bits
AWQ_ORDER = (0, 2, 4, 6, 1, 3, 5, 7)  # the column that each four bits of a word hold, from the lowest
LONGEST_STATE = 10_000  # bytes of JSON


def _is_code(tensor: StoredTensor) -> bool:
    return len(tensor.shape) >= 2 and (tensor.dtype == "int8" or tensor.dtype.startswith("float8"))


def _block(length: int, scales: int) -> int:
    """How many rows share a scale, for so many rows and scales."""
    return BLOCK if -(-length // BLOCK) == scales else max(-(-length // scales), 1)


def _spread(scale: np.ndarray, shape: Shape) -> np.ndarray:
    """Repeat scales over their blocks, so that they can be multiplied with codes of this shape."""
    if scale.size == 1:
        return scale.reshape(())
    scale = scale.reshape(scale.shape + (1,) * (len(shape) - scale.ndim))
    for axis, length in enumerate(shape):
        if scale.shape[axis] not in (1, length):
            block = _block(length, scale.shape[axis])
            scale = np.take(scale, np.arange(length) // block, axis=axis)
    return scale


def _scaled_shape(codes: StoredTensor, scale: StoredTensor, **zero: StoredTensor) -> Shape | None:
    if not _is_code(codes) or (zero and zero["zero"].shape != scale.shape):
        return None
    fits = scale.size == 1 or (
        len(scale.shape) in (1, len(codes.shape))
        and all(
            n and -(-length // _block(length, n)) == n
            for n, length in zip(scale.shape, codes.shape, strict=False)
        )
    )
    return codes.shape if fits else None


def _scaled(
    shape: Shape, codes: np.ndarray, scale: np.ndarray, zero: np.ndarray | None = None
) -> np.ndarray:
    shifted = codes.astype(np.float32) if zero is None else codes - _spread(zero.astype(np.float32), shape)
    return np.asarray(shifted * _spread(scale, shape))


def _int8_shape(codes: StoredTensor, scale: StoredTensor, **form: StoredTensor) -> Shape | None:
    rows = codes.dtype == "int8" and scale.shape == codes.shape[:1]
    return codes.shape if rows and len(codes.shape) == 2 else None


def _int8(shape: Shape, codes: np.ndarray, scale: np.ndarray, form: Any = None) -> np.ndarray:
    if form is not None and form.any():  # 0 stands for rows; the others are tiles of certain devices
        raise InputError(f"codes of int8 are stored in tiles (weight_format {form}); save them as rows.")
    return np.asarray(codes * (scale[:, None] / 127))


def _state(state: np.ndarray) -> dict[str, Any]:
    return dict(json.loads(bytes(state.astype(np.uint8))))


def _four_bit_shape(state: StoredTensor, codes: StoredTensor, **rest: StoredTensor) -> Shape | None:
    if codes.dtype != "uint8" or state.dtype != "uint8" or state.size > LONGEST_STATE:
        return None
    try:
        told = _state(state.read())
        shape = tuple(int(length) for length in told["shape"])
        blocks = -(-prod(shape) // int(told["blocksize"]))
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError):  # no JSON, or not this
        return None
    is_nested = {"nested_absmax", "nested_map"} <= rest.keys() and "nested_blocksize" in told
    fits = codes.size == -(-prod(shape) // 2) and rest["absmax"].size == blocks and rest["table"].size == 16
    is_whole = is_nested or rest["absmax"].dtype != "uint8"
    return shape if fits and is_whole and min(shape, default=0) > 0 else None


def _four_bit(
    shape: Shape, state: np.ndarray, codes: np.ndarray, absmax: np.ndarray, table: np.ndarray,
    nested_absmax: np.ndarray | None = None, nested_map: np.ndarray | None = None,
) -> np.ndarray:  # fmt: skip
    told = _state(state)
    if nested_absmax is not None and nested_map is not None:  # the scales are codes themselves
        place = np.arange(absmax.size) // int(told["nested_blocksize"])
        absmax = nested_map[absmax.ravel()] * nested_absmax.ravel()[place] + float(told["nested_offset"])
    octets = codes.ravel()
    values = table[np.stack([octets >> 4, octets & 15], axis=-1).ravel()[: prod(shape)]]
    values = values * absmax.ravel()[np.arange(values.size) // int(told["blocksize"])]
    return np.asarray(values.reshape(shape))


def _unpacked(words: np.ndarray, bits: int) -> np.ndarray:
    """Take the codes out of rows of words: each row is one stream of bits, from the lowest on."""
    octets = np.ascontiguousarray(words.astype("<i4", copy=False)).view(np.uint8)
    stream = np.unpackbits(octets, axis=-1, bitorder="little")
    stream = stream[..., : stream.shape[-1] // bits * bits]
    codes = np.zeros((*words.shape[:-1], stream.shape[-1] // bits), np.int16)
    for bit in range(bits):
        codes |= stream[..., bit::bits].astype(np.int16) << bit
    return codes


def _words(qweight: StoredTensor, qzeros: StoredTensor, scales: StoredTensor) -> tuple[int, int] | None:
    """How many bits a code has, and how many outputs there are, where the zeros fit the scales."""
    if len(qweight.shape) != 2 or len(scales.shape) != 2 or 0 in scales.shape or qweight.dtype != "int32":
        return None
    groups, outputs = scales.shape
    fitting = (bits for bits in (2, 3, 4, 8) if qzeros.shape == (groups, bits * outputs / WORD))
    return next(((bits, outputs) for bits in fitting), None)


def _gptq_shape(
    qweight: StoredTensor, qzeros: StoredTensor, scales: StoredTensor, **order: StoredTensor
) -> Shape | None:
    found = _words(qweight, qzeros, scales)
    if found is None or found[1] != qweight.shape[1]:
        return None
    inputs = WORD * qweight.shape[0] // found[0]
    return (found[1], inputs) if not order or order["g_idx"].shape == (inputs,) else None


def _gptq(
    shape: Shape, qweight: np.ndarray, qzeros: np.ndarray, scales: np.ndarray, g_idx: np.ndarray | None = None
) -> np.ndarray:
    inputs = shape[1]
    bits = WORD * qweight.shape[0] // inputs
    group = np.arange(inputs) // -(-inputs // len(scales)) if g_idx is None else g_idx.astype(int)
    zeros = _unpacked(qzeros, bits)
    if (zeros != 2 ** (bits - 1)).any():  # else it is symmetric, and of the second format, which adds nothing
        zeros = (zeros + 1) & (2**bits - 1)
    return np.asarray((_unpacked(qweight.T, bits) - zeros.T[:, group]) * scales.T[:, group])


def _awq_shape(qweight: StoredTensor, qzeros: StoredTensor, scales: StoredTensor) -> Shape | None:
    found = _words(qweight, qzeros, scales)
    if found is None or found[0] != 4 or qweight.shape[1] != qzeros.shape[1]:
        return None
    return (found[1], qweight.shape[0]) if qweight.shape[0] % scales.shape[0] == 0 else None


def _awq(shape: Shape, qweight: np.ndarray, qzeros: np.ndarray, scales: np.ndarray) -> np.ndarray:
    places = np.argsort(AWQ_ORDER)
    codes, zeros = (
        _unpacked(words, 4).reshape(len(words), -1, len(places))[..., places].reshape(len(words), -1)
        for words in (qweight, qzeros)
    )
    group = np.arange(shape[1]) // (shape[1] // len(scales))
    return np.asarray(((codes - zeros[group]) * scales[group]).T)


WORDS = {"qweight": "{p}qweight", "qzeros": "{p}qzeros", "scales": "{p}scales"}
STATE = {
    "state": "{p}{x}.quant_state.bitsandbytes__{a}", "codes": "{p}{x}", "absmax": "{p}{x}.absmax",
    "table": "{p}{x}.quant_map",
}  # fmt: skip
NESTED = {"nested_absmax": "{p}{x}.nested_absmax", "nested_map": "{p}{x}.nested_quant_map"}
FORM = {"form": "{p}weight_format"}
SCALED = "codes times their scale"

CODES = (
    *(
        Rule("int8 codes times SCB/127", "{p}weight", {"scale": scale, "codes": "{p}weight"},
             _int8_shape, _int8, optional=FORM)
        for scale in ("{p}SCB", "{p}weight.SCB")
    ),
    Rule("4-bit codes of bitsandbytes times their scales", "{p}{x}", STATE, _four_bit_shape, _four_bit,
         optional=NESTED),
    Rule("GPTQ: (codes − zero) times their scale", "{p}weight", WORDS, _gptq_shape, _gptq,
         optional={"g_idx": "{p}g_idx"}),
    Rule("AWQ: (codes − zero) times their scale", "{p}weight", WORDS, _awq_shape, _awq),
    *(
        Rule(SCALED, "{p}{x}", {"scale": scale, "codes": "{p}{x}"}, _scaled_shape, _scaled,
             optional={"zero": "{p}{x}_zero_point"})
        for scale in ("{p}{x}_scale_inv", "{p}{x}_scale")
    ),
)  # fmt: skip
