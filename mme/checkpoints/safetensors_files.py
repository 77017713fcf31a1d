"""Safetensors files: a header in JSON, then the numbers; torch is not needed to read them.

The safetensors library checks the header (lengths, offsets, overlaps). It hands out neither bfloat16 nor
8-bit floats without torch, and it maps the file, whose pages would stay in memory; so the numbers are
read from the offsets in the header, one tensor at a time. The format: https://huggingface.co/docs/safetensors.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

from mme.checkpoints.limits import refuse_damage, require_stored
from mme.errors import InputError
from mme.weights.stored import Checkpoint, StoredTensor

__all__ = ["read_safetensors"]

KIND = "safetensors file"
LARGEST_HEADER = 100_000_000  # the library's own limit


def read_safetensors(path: Path) -> Checkpoint:
    """Open a safetensors file.

    Short floats are read as float32 where NumPy lacks them.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Checkpoint

    Raises
    ------
    InputError
        If the file is damaged, or a tensor claims more than the file can hold.

    Examples
    --------
    >>> import tempfile
    >>> from safetensors.numpy import save_file
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "net.safetensors"
    ...     save_file({"fc.weight": np.ones((2, 3), np.float16)}, path)
    ...     read_safetensors(path)["fc.weight"].dtype
    'float16'
    """
    with refuse_damage(path, KIND):
        header, start = _header(path)
        with safe_open(path, framework="numpy"):
            pass  # the library refuses damaged headers when it opens the file
        room = path.stat().st_size - start
        tensors = [
            _tensor(path, name, entry, start, room)
            for name, entry in header.items()
            if name != "__metadata__"
        ]
    return Checkpoint(path.stem, "safetensors", tensors)


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """Return the header, and where the numbers begin."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        room = path.stat().st_size - 8
        if length > min(room, LARGEST_HEADER):
            raise InputError(
                f"{path} is damaged or hostile: its header claims {length} bytes, but {max(room, 0)} follow."
            )
        header = json.loads(file.read(length), object_pairs_hook=_without_repeats)
    if not isinstance(header, dict):
        raise ValueError("its header is no JSON object")
    return header, 8 + length


def _without_repeats(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    for name, value in pairs:
        if name in entries:
            raise ValueError(f"its header holds {name!r} twice")
        entries[name] = value
    return entries


def _tensor(path: Path, name: str, entry: dict[str, Any], start: int, room: int) -> StoredTensor:
    shape, code = tuple(map(int, entry["shape"])), str(entry["dtype"])
    begin, end = map(int, entry["data_offsets"])
    require_stored(name, path, end - begin, min(end, room) - begin)
    name_of_type = code
    if code in TYPES:
        stored, name_of_type, _ = TYPES[code]
        require_stored(name, path, math.prod(shape) * stored.itemsize, end - begin)
    read = partial(_numbers, path, name, code, shape, start + begin)
    return StoredTensor(name, shape, name_of_type, read)


def _numbers(path: Path, name: str, code: str, shape: tuple[int, ...], offset: int) -> np.ndarray:
    if code not in TYPES:
        raise InputError(
            f"{path} holds {name!r} as {code}, which is not read; the types that are: {', '.join(TYPES)}."
        )
    stored, _, convert = TYPES[code]
    count = math.prod(shape)
    with refuse_damage(path, KIND):
        raw = np.fromfile(path, stored, count, offset=offset)
        if raw.size < count:  # the file has shrunk since it was opened
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
    values = np.where(
        exponent > 0, np.ldexp(1 + mantissa / 8, exponent - 7), np.ldexp(mantissa / 8, exponent - 6)
    )
    values[(bits & 127) == 127] = np.nan
    table: np.ndarray = np.where(bits < 128, values, -values).astype(np.float32)
    return np.asarray(table[raw])


# For each type: as it is stored, as it is called, and how it is turned into a type that NumPy has.
TYPES: dict[str, tuple[np.dtype, str, Callable[[np.ndarray], np.ndarray] | None]] = {
    "F64": (np.dtype("<f8"), "float64", None),
    "F32": (np.dtype("<f4"), "float32", None),
    "F16": (np.dtype("<f2"), "float16", None),
    "BF16": (np.dtype("<u2"), "bfloat16", _bfloat16),
    "F8_E4M3": (np.dtype("u1"), "float8_e4m3fn", _float8_e4m3fn),
    "F8_E5M2": (np.dtype("u1"), "float8_e5m2", _float8_e5m2),
    "I64": (np.dtype("<i8"), "int64", None),
    "I32": (np.dtype("<i4"), "int32", None),
    "I16": (np.dtype("<i2"), "int16", None),
    "I8": (np.dtype("i1"), "int8", None),
    "U64": (np.dtype("<u8"), "uint64", None),
    "U32": (np.dtype("<u4"), "uint32", None),
    "U16": (np.dtype("<u2"), "uint16", None),
    "U8": (np.dtype("u1"), "uint8", None),
    "BOOL": (np.dtype("?"), "bool", None),
    "C64": (np.dtype("<c8"), "complex64", None),
}
