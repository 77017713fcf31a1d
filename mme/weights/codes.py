"""Codes of few bits, and the scales that turn them into weights again.

The formats, as their writers store them: bitsandbytes 0.45 (int8, nf4, fp4), AutoGPTQ 0.7 (whose first format
stores a zero less one) and GPTQModel 2 (whose second does not), and the int8 and fp8 of DeepSeek-V3, FBGEMM
and compressed-tensors 0.9, with one scale a tensor, a row or a block.
"""

from __future__ import annotations

import json
from functools import partial
from math import prod
from typing import Any

import numpy as np

from mme.errors import InputError
from mme.weights.rules import Made, Rule
from mme.weights.stored import StoredTensor

__all__ = ["CODES", "SECOND_FORMAT"]

BLOCKS = tuple(2**n for n in range(4, 16))  # DeepSeek's are of 128 in both directions
WORD = 32  # bits
SECOND_FORMAT = "gptq_v2"  # in the types of zeros, where a configuration tells it
LONGEST_STATE = 10_000  # bytes of JSON


def _scaled(unit: int, codes: StoredTensor, scale: StoredTensor, **rest: StoredTensor) -> Made | None:
    """A scale for the whole, for each entry of the first axes, or for each block along every axis."""
    zero, form = rest.get("zero"), rest.get("form")
    axes, is_code = len(codes.shape), codes.dtype == "int8" or codes.dtype.startswith("float8")
    counts = (1,) * axes if scale.size == 1 else scale.shape + (1,) * (axes - len(scale.shape))
    if not is_code or axes < 2 or len(counts) != axes or 0 in codes.shape + counts:
        return None
    blocks = list(map(_block, codes.shape, counts))
    if 0 in blocks or "float" not in scale.dtype or (zero is not None and zero.shape != scale.shape):
        return None

    def spread(part: StoredTensor) -> np.ndarray:
        places = (np.arange(side) // block for side, block in zip(codes.shape, blocks, strict=True))
        return np.asarray(part.read().astype(np.float32).reshape(counts)[np.ix_(*places)])

    def weight() -> np.ndarray:
        if form is not None and form.read().any():  # 0 stands for rows
            raise InputError(f"{codes.name} has codes of int8, which are stored in tiles; save them as rows.")
        shifted = codes.read() if zero is None else codes.read() - spread(zero)
        return np.asarray(shifted * (spread(scale) / unit))

    part = f"/{unit}" if unit > 1 else ""
    return Made(f"codes times the scale{part} of each {'×'.join(map(str, blocks))}", codes.shape, weight)


def _block(side: int, count: int) -> int:
    """How many places share a scale: a power of two, with the last block cut off, or equal parts, or none."""
    fits = (block for block in BLOCKS if 1 < count == -(-side // block))
    return next(fits, 0 if side % count else side // count)


def _four_bits(
    state: StoredTensor, codes: StoredTensor, absmax: StoredTensor, table: StoredTensor, **nested: Any
) -> Made | None:
    """Codes of nf4 and fp4, two an octet, the upper first; their scales may be codes themselves."""
    if codes.dtype != "uint8" or state.dtype != "uint8" or state.size > LONGEST_STATE:
        return None
    try:
        told = json.loads(bytes(state.read()))
        shape, block = tuple(int(length) for length in told["shape"]), int(told["blocksize"])
        blocks = -(-prod(shape) // block)
        inner = (int(told["nested_blocksize"]), float(told["nested_offset"])) if len(nested) == 2 else None
    except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError):  # no JSON, or not this
        return None
    fits = codes.size == -(-prod(shape) // 2) and absmax.size == blocks and table.size == 16
    if not fits or min(shape, default=0) <= 0 or (absmax.dtype == "uint8" and not inner):
        return None

    def weight() -> np.ndarray:
        scales, octets = absmax.read().ravel(), codes.read().ravel()
        if inner:
            outer = nested["nested_absmax"].read().ravel()[np.arange(scales.size) // inner[0]]
            scales = nested["nested_table"].read()[scales] * outer + inner[1]
        values = table.read()[np.stack([octets >> 4, octets & 15], axis=-1).ravel()[: prod(shape)]]
        return np.asarray((values * scales[np.arange(values.size) // block]).reshape(shape))

    return Made("4-bit codes of bitsandbytes times their scales", shape, weight)


def _packed(
    qweight: StoredTensor, qzeros: StoredTensor, scales: StoredTensor, g_idx: StoredTensor | None = None
) -> Made | None:
    """(code − zero) · scale for groups of inputs, along which GPTQ packs its codes."""
    if len(qweight.shape) != 2 or len(scales.shape) != 2 or 0 in scales.shape or qweight.dtype != "int32":
        return None
    groups, outputs = scales.shape
    bits = next((n for n in (2, 3, 4, 8) if qzeros.shape == (groups, n * outputs / WORD)), 0)
    inputs, rest = divmod(WORD * qweight.shape[0], bits or WORD)
    shared = _block(inputs, groups) if inputs % groups else inputs // groups
    is_gptq = bits and qweight.shape[1] == outputs and not rest  # AWQ packs along the outputs
    if not is_gptq or (not shared if g_idx is None else g_idx.shape != (inputs,)):
        return None
    half, is_second = 2 ** (bits - 1), SECOND_FORMAT in qzeros.types

    def weight() -> np.ndarray:
        group = np.arange(inputs) // shared if g_idx is None else g_idx.read().astype(int)
        codes, zeros = _unpacked(qweight.read().T, bits), _unpacked(qzeros.read(), bits)
        if not is_second and (zeros != half).any():
            zeros = (zeros + 1) & (2 * half - 1)
        return np.asarray((codes - zeros.T[:, group]) * scales.read().T[:, group])

    first = f"first format stores them, less one, unless all are {half}"
    taken = f"zeros as the {'second format stores them' if is_second else first}"
    return Made(f"(code − zero) · scale of GPTQ, {taken}", (outputs, inputs), weight)


def _unpacked(words: np.ndarray, bits: int) -> np.ndarray:
    """Take the codes out of rows of words: each row is one stream of bits, from the lowest on."""
    octets = np.ascontiguousarray(words.astype("<i4", copy=False)).view(np.uint8)
    stream = np.unpackbits(octets, axis=-1, bitorder="little").reshape(len(words), -1, bits)
    return np.packbits(stream, axis=-1, bitorder="little")[..., 0].astype(np.int16)


WORDS = {"qweight": "{p}qweight", "qzeros": "{p}qzeros", "scales": "{p}scales"}
STATE = {
    "state": "{p}{x}.quant_state.bitsandbytes__{type}", "codes": "{p}{x}", "absmax": "{p}{x}.absmax",
    "table": "{p}{x}.quant_map",
}  # fmt: skip
NESTED = {"nested_absmax": "{p}{x}.nested_absmax", "nested_table": "{p}{x}.nested_quant_map"}
FORM, ZERO = {"form": "{p}weight_format"}, {"zero": "{p}{x}_zero_point"}

CODES = (
    # A row's largest weight is stored, for which the code 127 stands.
    Rule("{p}weight", {"scale": "{p}SCB", "codes": "{p}weight"}, partial(_scaled, 127), FORM),
    Rule("{p}weight", {"scale": "{p}weight.SCB", "codes": "{p}weight"}, partial(_scaled, 127), FORM),
    Rule("{p}{x}", {"scale": "{p}{x}_scale_inv", "codes": "{p}{x}"}, partial(_scaled, 1), ZERO),
    Rule("{p}{x}", {"scale": "{p}{x}_scale", "codes": "{p}{x}"}, partial(_scaled, 1), ZERO),
    Rule("{p}{x}", STATE, _four_bits, NESTED),
    Rule("{p}weight", WORDS, _packed, {"g_idx": "{p}g_idx"}),
)
