"""Weights that NumPy saved: `.npz` archives and single `.npy` arrays; never their pickles."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np

from mme.checkpoints.limits import refuse_damage, require_stored
from mme.errors import InputError
from mme.weights.stored import Checkpoint, StoredTensor

__all__ = ["read_npy", "read_npz"]

HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def read_npz(path: Path) -> Checkpoint:
    """Open an archive of arrays, as `numpy.savez` and `numpy.savez_compressed` write it.

    Names are the archive's keys. An array of Python objects is refused when it is read.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Checkpoint

    Raises
    ------
    InputError
        If the file is damaged, or an array claims more than the file can hold.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "net.npz"
    ...     np.savez(path, fc=np.ones((2, 3)))
    ...     read_npz(path)["fc"].shape
    (2, 3)
    """
    archive = _Archive(path)
    with refuse_damage(path, "npz file"):
        members = archive.members()
        room = path.stat().st_size
        tensors = [_from_member(archive, member, room) for member in members]
    if not tensors:
        raise InputError(f"{path} holds no arrays; numpy.savez writes an archive that does.")
    return Checkpoint(path.stem, "npz", tensors)


def read_npy(path: Path) -> Checkpoint:
    """Open one array, as `numpy.save` writes it; its name is the file's stem.

    Parameters, Returns and Raises are those of `read_npz`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "fc.npy"
    ...     np.save(path, np.ones((2, 3)))
    ...     read_npy(path)
    Checkpoint('fc', npy: 1 tensors)
    """
    with refuse_damage(path, "npy file"):
        with path.open("rb") as file:
            shape, dtype, header = _header(file)
        require_stored(path.stem, path, _bytes(shape, dtype), path.stat().st_size - header)
        tensor = _tensor(path.stem, shape, dtype, lambda: path.open("rb"), path, "npy file")
    return Checkpoint(path.stem, "npy", [tensor])


class _Archive:
    """A zip file whose directory is read once in each process (a forked one must not share its position)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.process = -1
        self.zip: zipfile.ZipFile

    def opened(self) -> zipfile.ZipFile:
        if self.process != os.getpid():
            self.zip = zipfile.ZipFile(self.path)
            self.process = os.getpid()
        return self.zip

    def members(self) -> list[zipfile.ZipInfo]:
        members = [member for member in self.opened().infolist() if member.filename.endswith(".npy")]
        names = [member.filename for member in members]
        if len(set(names)) < len(names):
            raise InputError(f"{self.path} is damaged or hostile: it holds two arrays of one name.")
        return members

    def open(self, member: zipfile.ZipInfo) -> IO[bytes]:
        return self.opened().open(member)


def _from_member(archive: _Archive, member: zipfile.ZipInfo, room: int) -> StoredTensor:
    name = member.filename.removesuffix(".npy")
    if member.compress_type not in METHODS or member.flag_bits & 1:
        raise InputError(f"{archive.path} holds {name!r} encrypted or compressed as numpy never does.")
    with archive.open(member) as file:
        shape, dtype, header = _header(file)
    claimed = _bytes(shape, dtype)
    stored = min(member.compress_size, room - member.header_offset)
    if member.compress_type == zipfile.ZIP_STORED:
        require_stored(name, archive.path, claimed, stored - header)
    else:
        require_stored(name, archive.path, claimed, stored, compressed=True)
    if not dtype.hasobject and header + claimed != member.file_size:
        raise InputError(
            f"{archive.path} is damaged or hostile: {name!r} claims {claimed} bytes, but its entry has "
            f"{member.file_size - header}."
        )
    return _tensor(name, shape, dtype, partial(archive.open, member), archive.path, "npz file")


def _tensor(
    name: str,
    shape: tuple[int, ...],
    dtype: np.dtype,
    opened: Callable[[], IO[bytes]],
    path: Path,
    kind: str,
) -> StoredTensor:
    def read() -> np.ndarray:
        if dtype.hasobject:
            raise InputError(
                f"{path} holds {name!r} as Python objects, which may run code when they are loaded; "
                "save it as an array of numbers."
            )
        with refuse_damage(path, kind), opened() as file:
            array: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)
        return array

    return StoredTensor(name, shape, str(dtype), read)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype, int]:
    """Read an array's shape and type, and how many bytes they took, but none of its numbers."""
    version = np.lib.format.read_magic(file)
    if version not in HEADERS:
        raise ValueError(f"an array of npy version {version}, which holds no plain numbers")
    shape, _, dtype = HEADERS[version](file)
    return shape, dtype, file.tell()


def _bytes(shape: tuple[int, ...], dtype: np.dtype) -> int:
    if any(length < 0 for length in shape):
        return -1
    return math.prod(shape) * dtype.itemsize
