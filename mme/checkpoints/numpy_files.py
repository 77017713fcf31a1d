"""Weights that NumPy saved: `.npz` archives and single `.npy` arrays; never their pickles."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import IO

import numpy as np

from mme.checkpoints.limits import NoNetwork, refuse_damage, require_stored
from mme.errors import InputError
from mme.weights.stored import Checkpoint, StoredTensor

__all__ = ["read_npy", "read_npz"]

HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def read_npz(path: Path) -> Checkpoint:
    """Open an archive of arrays, as `numpy.savez` writes it; names are its keys."""

    @cache
    def archive_of(process: int) -> zipfile.ZipFile:  # a forked one must not share the position in the file
        return zipfile.ZipFile(path)

    def tensor(member: zipfile.ZipInfo) -> StoredTensor:
        name = member.filename.removesuffix(".npy")
        if member.compress_type not in METHODS or member.flag_bits & 1:
            raise InputError(f"{path} holds {name!r} encrypted or compressed as numpy never does.")
        packed = min(member.compress_size, path.stat().st_size - member.header_offset)
        unpacked = member.file_size if member.compress_type else packed
        return _tensor(path, name, lambda: archive_of(os.getpid()).open(member), packed, unpacked)

    with refuse_damage(path, "npz file"):
        members = archive_of(os.getpid()).infolist()
        tensors = [tensor(member) for member in members if member.filename.endswith(".npy")]
    if not tensors:
        raise NoNetwork(f"{path} holds no arrays; numpy.savez writes an archive that does.")
    if len({tensor.name for tensor in tensors}) < len(tensors):
        raise InputError(f"{path} is damaged or hostile: it holds two arrays of one name.")
    return Checkpoint(path.stem, "npz", tensors)


def read_npy(path: Path) -> Checkpoint:
    """Open one array, as `numpy.save` writes it; its name is the file's stem."""
    with refuse_damage(path, "npy file"):
        size = path.stat().st_size
        tensor = _tensor(path, path.stem, lambda: path.open("rb"), size, size)
    return Checkpoint(path.stem, "npy", [tensor])


def _tensor(
    path: Path, name: str, opened: Callable[[], IO[bytes]], packed: int, unpacked: int
) -> StoredTensor:
    """Read an array's header; in the file it has `packed` bytes, which are said to become `unpacked` ones."""
    with opened() as file:
        version = np.lib.format.read_magic(file)
        if version not in HEADERS:
            raise ValueError(f"an array of npy version {version}, which holds no plain numbers")
        shape, _, dtype = HEADERS[version](file)
        unpacked -= file.tell()
    skip = "Python objects, which may run code when they are loaded" if dtype.hasobject else ""
    if not skip:
        claimed = math.prod(shape) * dtype.itemsize if min(shape, default=0) >= 0 else -1
        require_stored(name, path, claimed, unpacked)
        require_stored(name, path, claimed, packed, compressed=True)
        if claimed < unpacked:  # entries overlap, or an array lies behind the first one
            raise InputError(f"{path} is damaged or hostile: {unpacked - claimed} bytes follow {name!r}.")

    def read() -> np.ndarray:
        if skip:
            raise InputError(f"{path} holds {name!r} as {skip}; save it as an array of numbers.")
        with refuse_damage(path, "file of NumPy"), opened() as file:
            return np.asarray(np.lib.format.read_array(file, allow_pickle=False))

    return StoredTensor(name, shape, str(dtype), read, skip=skip)
