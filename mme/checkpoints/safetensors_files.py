"""Safetensors files: a header in JSON, then the numbers; torch is not needed to read them.

The safetensors library checks the header (lengths, offsets, overlaps). It hands out neither bfloat16 nor
8-bit floats without torch, so the numbers are read from the offsets in the header, one tensor at a time. The
format: https://huggingface.co/docs/safetensors.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

from mme.checkpoints.limits import refuse_damage
from mme.errors import InputError
from mme.weights.stored import Checkpoint, StoredTensor

__all__ = ["read_safetensors"]

KIND = "safetensors file"


def read_safetensors(path: Path) -> Checkpoint:
    """Open a safetensors file; short floats are read as float32 where NumPy lacks them."""
    with refuse_damage(path, KIND):
        with safe_open(path, framework="numpy"):
            pass  # the library refuses a damaged header, and one that claims more than the file has
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header: dict[str, Any] = json.loads(file.read(length))
        header.pop("__metadata__", None)
        tensors = [_tensor(path, name, entry, 8 + length) for name, entry in header.items()]
    return Checkpoint(path.stem, "safetensors", tensors)


def _tensor(path: Path, name: str, entry: dict[str, Any], start: int) -> StoredTensor:
    shape, code = tuple(entry["shape"]), entry["dtype"]
    read = partial(_numbers, path, name, code, shape, start + entry["data_offsets"][0])
    if code not in TYPES:
        return StoredTensor(name, shape, code, read, skip=f"stored as {code}, which is not read")
    return StoredTensor(name, shape, TYPES[code][1], read)


def _numbers(path: Path, name: str, code: str, shape: tuple[int, ...], offset: int) -> np.ndarray:
    if code not in TYPES:
        raise InputError(
            f"{path} holds {name!r} as {code}, which is not read; the types that are: {', '.join(TYPES)}."
        )
    stored, _, convert = TYPES[code]
    with refuse_damage(path, KIND):
        raw = np.fromfile(path, stored, math.prod(shape), offset=offset)
        if raw.size < math.prod(shape):  # the file has shrunk since it was opened
            raise EOFError(f"{name!r} ends early")
        return (raw if convert is None else convert(raw)).reshape(shape)


def _bfloat16(raw: np.ndarray) -> np.ndarray:
    return (raw.astype("<u4") << 16).view("<f4")  # the upper half of a float32


def _float8_e5m2(raw: np.ndarray) -> np.ndarray:
    return (raw.astype("<u2") << 8).view("<f2").astype(np.float32)  # the upper half of a float16


def _float8_e4m3fn(raw: np.ndarray) -> np.ndarray:
    """Sign, 4 bits of exponent (bias 7), 3 of mantissa; no infinity, NaN is all ones (arXiv:2209.05433)."""
    bits = np.arange(256)
    exponent, mantissa = (bits >> 3) & 15, bits & 7
    values = np.ldexp((exponent > 0) + mantissa / 8, np.maximum(exponent, 1) - 7)
    values[(bits & 127) == 127] = np.nan
    return np.asarray(np.where(bits < 128, values, -values).astype(np.float32)[raw])


def _float8_e8m0fnu(raw: np.ndarray) -> np.ndarray:
    """A power of two, the scale of a block (OCP Microscaling Formats); NaN is all ones."""
    values = np.ldexp(1.0, np.arange(256) - 127)
    values[255] = np.nan
    return np.asarray(values.astype(np.float32)[raw])


Convert = Callable[[np.ndarray], np.ndarray]
# For each type: as it is stored, as it is called, and how it is turned into a type that NumPy has.
TYPES: dict[str, tuple[str, str, Convert | None]] = {
    "F64": ("<f8", "float64", None),
    "F32": ("<f4", "float32", None),
    "F16": ("<f2", "float16", None),
    "BF16": ("<u2", "bfloat16", _bfloat16),
    "F8_E4M3": ("u1", "float8_e4m3fn", _float8_e4m3fn),
    "F8_E5M2": ("u1", "float8_e5m2", _float8_e5m2),
    "F8_E8M0": ("u1", "float8_e8m0fnu", _float8_e8m0fnu),
    **{f"I{bits}": (f"<i{bits // 8}", f"int{bits}", None) for bits in (8, 16, 32, 64)},
    **{f"U{bits}": (f"<u{bits // 8}", f"uint{bits}", None) for bits in (8, 16, 32, 64)},
    "BOOL": ("?", "bool", None),
    "C64": ("<c8", "complex64", None),
}
