"""The Keras 3 archive ``.keras``: a zip of the layers' description and an HDF5 file of their weights."""

from __future__ import annotations

import json
import os
import struct
import tempfile
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from mme.checkpoints.hdf5_files import HDF5File, Window
from mme.checkpoints.limits import refuse_damage, require_stored
from mme.errors import InputError

__all__ = ["open_archive"]

KIND = "Keras archive"
WEIGHTS = "model.weights.h5"
CONFIG = "config.json"
BLOCK = 2**20
LOCAL_HEADER = 30  # bytes, before the member's name


def open_archive(path: Path) -> tuple[HDF5File, Any]:
    """Find the weights and the configuration in a ``.keras`` file.

    Keras stores the weights uncompressed, so they are read in place. Compressed ones are unpacked into a
    nameless temporary file, within the limits of `mme.checkpoints.limits`. Checksums are verified.

    Parameters
    ----------
    path : Path

    Returns
    -------
    weights : HDF5File
    config : dict
        Parsed as JSON; nothing that it names is imported or run.

    Raises
    ------
    InputError
        If the archive is damaged, claims too much, or is none of Keras.
    """
    with refuse_damage(path, KIND), zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        for needed in (CONFIG, WEIGHTS):
            if needed not in names:
                raise InputError(
                    f"{path} is a zip file without {needed}; a .keras file of Keras 3 holds {CONFIG} "
                    f"and {WEIGHTS}."
                )
        for name in (CONFIG, WEIGHTS):
            member = archive.getinfo(name)
            is_compressed = member.compress_type != zipfile.ZIP_STORED
            require_stored(name, path, member.file_size, member.compress_size, compressed=is_compressed)
        config = json.loads(archive.read(CONFIG).decode("utf-8"))
        if not isinstance(config, dict):
            raise InputError(f"{path}: {CONFIG} must describe a model, but it holds {type(config).__name__}.")
        member = archive.getinfo(WEIGHTS)
        if member.compress_type == zipfile.ZIP_STORED:
            _copy(archive, member, None)
            start = _start(path, member)
            reopened: Callable[[], Any] = partial(path.open, "rb", buffering=0)
        else:
            start, reopened = 0, _Unpacked(archive, member).reopened
    return HDF5File(path, member.file_size, lambda: Window(reopened(), start, member.file_size)), config


class _Unpacked:
    """A member in a nameless temporary file, which is gone with this object or the process."""

    def __init__(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
        self.file = tempfile.TemporaryFile()  # noqa: SIM115 (closed below)
        _copy(archive, member, self.file)
        self.file.flush()

    def reopened(self) -> Any:
        return os.fdopen(os.dup(self.file.fileno()), "rb", buffering=0)

    def __del__(self) -> None:
        self.file.close()


def _copy(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: BinaryIO | None) -> None:
    """Read a member to its end, where its checksum is verified, block by block."""
    with archive.open(member) as stream:
        while block := stream.read(BLOCK):
            if target is not None:
                target.write(block)


def _start(path: Path, member: zipfile.ZipInfo) -> int:
    """Return where the bytes of a stored member begin, behind its own header."""
    with path.open("rb") as file:
        file.seek(member.header_offset)
        header = file.read(LOCAL_HEADER)
    name_length, extra_length = struct.unpack("<HH", header[26:LOCAL_HEADER])
    return member.header_offset + LOCAL_HEADER + int(name_length) + int(extra_length)
