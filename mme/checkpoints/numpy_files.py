"""Weights that NumPy saved: `.npz` archives and single `.npy` arrays; never their pickles."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Callable
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
    archives: dict[int, zipfile.ZipFile] = {}

    def archive() -> zipfile.ZipFile:
        process = os.getpid()  # a forked one must not share the position in the file
        if process not in archives:
            archives[process] = zipfile.ZipFile(path)
        return archives[process]

    with refuse_damage(path, "npz file"):
        members = [member for member in archive().infolist() if member.filename.endswith(".npy")]
        if len({member.filename for member in members}) < len(members):
            raise InputError(f"{path} is damaged or hostile: it holds two arrays of one name.")
        tensors = [_from_member(path, archive, member) for member in members]
    if not tensors:
        raise NoNetwork(f"{path} holds no arrays; numpy.savez writes an archive that does.")
    return Checkpoint(path.stem, "npz", tensors)


def read_npy(path: Path) -> Checkpoint:
    """Open one array, as `numpy.save` writes it; its name is the file's stem."""
    with refuse_damage(path, "npy file"), path.open("rb") as file:
        shape, dtype, claimed = _header(file)
        require_stored(path.stem, path, claimed, path.stat().st_size - file.tell())
    return Checkpoint(path.stem, "npy", [_tensor(path, path.stem, shape, dtype, lambda: path.open("rb"))])


def _from_member(
    path: Path, archive: Callable[[], zipfile.ZipFile], member: zipfile.ZipInfo
) -> StoredTensor:
    name = member.filename.removesuffix(".npy")
    if member.compress_type not in METHODS or member.flag_bits & 1:
        raise InputError(f"{path} holds {name!r} encrypted or compressed as numpy never does.")
    with archive().open(member) as file:
        shape, dtype, claimed = _header(file)
        header = file.tell()
    stored = min(member.compress_size, path.stat().st_size - member.header_offset)
    if is_plain := member.compress_type == zipfile.ZIP_STORED:
        stored -= header
    require_stored(name, path, claimed, stored, compressed=not is_plain)
    if not dtype.hasobject and header + claimed != member.file_size:
        raise InputError(
            f"{path} is damaged or hostile: {name!r} claims {claimed} bytes, but its entry has "
            f"{member.file_size - header}."
        )
    return _tensor(path, name, shape, dtype, lambda: archive().open(member))


def _tensor(
    path: Path, name: str, shape: tuple[int, ...], dtype: np.dtype, opened: Callable[[], IO[bytes]]
) -> StoredTensor:
    def read() -> np.ndarray:
        if dtype.hasobject:
            raise InputError(
                f"{path} holds {name!r} as Python objects, which may run code when they are loaded; "
                "save it as an array of numbers."
            )
        with refuse_damage(path, "file of NumPy"), opened() as file:
            array: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)
        return array

    skip = "Python objects, which may run code when they are loaded" if dtype.hasobject else ""
    return StoredTensor(name, shape, str(dtype), read, skip=skip)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype, int]:
    """Read an array's shape and type, and how many bytes it claims, but none of its numbers."""
    version = np.lib.format.read_magic(file)
    if version not in HEADERS:
        raise ValueError(f"an array of npy version {version}, which holds no plain numbers")
    shape, _, dtype = HEADERS[version](file)
    return shape, dtype, math.prod(shape) * dtype.itemsize if min(shape, default=0) >= 0 else -1
