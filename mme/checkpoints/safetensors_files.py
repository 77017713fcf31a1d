"""Safetensors files: a header in JSON, then the numbers; torch is not needed to read them.

The safetensors library checks the header, but hands out neither bfloat16 nor 8-bit floats without torch: they
are read from the offsets in the header. The format: https://huggingface.co/docs/safetensors.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from safetensors import safe_open

from mme.checkpoints.limits import refuse_damage
from mme.weights.stored import Checkpoint, StoredTensor

__all__ = ["read_safetensors"]

KIND = "safetensors file"
TYPES: dict[str, np.dtype] = {
    **{f"F{8 * size}": np.dtype(f"<f{size}") for size in (2, 4, 8)},
    **{f"{kind}{8 * size}": np.dtype(f"<{kind.lower()}{size}") for kind in "IU" for size in (1, 2, 4, 8)},
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "F8_E4M3": np.dtype(ml_dtypes.float8_e4m3fn),
    "F8_E5M2": np.dtype(ml_dtypes.float8_e5m2),
    "F8_E8M0": np.dtype(ml_dtypes.float8_e8m0fnu),
    "BOOL": np.dtype("?"),
    "C64": np.dtype("<c8"),
}


def read_safetensors(path: Path) -> Checkpoint:
    """Open a safetensors file; short floats are read as float32, for NumPy lacks them."""
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
    skip = "" if code in TYPES else f"stored as {code}, which is not read"
    read = _Numbers(path, name, shape, code, start + entry["data_offsets"][0])
    return StoredTensor(name, shape, code if skip else TYPES[code].name, read, skip=skip)


@dataclass(frozen=True)
class _Numbers:
    """Reads a tensor when it is called, or some entries along its first axis."""

    path: Path
    name: str
    shape: tuple[int, ...]
    code: str
    start: int

    def __call__(self) -> np.ndarray:
        return self.rows(0, self.shape[0]) if self.shape else self.rows(0, 1).reshape(())

    def rows(self, start: int, stop: int) -> np.ndarray:
        with refuse_damage(self.path, KIND):
            if self.code not in TYPES:
                raise TypeError(f"{self.name!r} is stored as {self.code}, which is not read")
            kind, shape = TYPES[self.code], (stop - start, *self.shape[1:])
            offset = self.start + start * math.prod(shape[1:]) * kind.itemsize
            numbers = np.fromfile(self.path, kind, math.prod(shape), offset=offset)
            if numbers.size < math.prod(shape):  # the file has shrunk since it was opened
                raise EOFError(f"{self.name!r} ends early")
            return np.asarray(numbers, None if kind.isbuiltin == 1 else np.float32).reshape(shape)
