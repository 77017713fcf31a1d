"""Damage in HDF5 files that the HDF5 library does not survive, found before the library sees the file."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mme.errors import InputError

__all__ = ["require_sound"]

SIGNATURE = b"\x89HDF\r\n\x1a\n"
HEAP = b"GCOL\x01"
BLOCK = 2**22
HEADER = 16  # bytes, of a heap and of each object in it
SMALLEST_HEAP = 4096


def require_sound(stream: Any, size: int, path: Path) -> None:
    """Refuse a file that is no HDF5 file, or whose text heaps are damaged.

    Texts of any length, as Keras's names of layers, lie in global heaps: collections of objects, each with
    its length before it. The library follows the lengths without looking, and runs for ever where one is
    zero, as after a block of the file was lost. So each heap of the file is walked here first.

    Parameters
    ----------
    stream : binary file
        Of the HDF5 file; it is read once, block by block.
    size : int
        Its length in bytes.
    path : Path
        For messages.

    Raises
    ------
    InputError

    References
    ----------
    HDF5 File Format Specification, version 3.0, sections II.A (superblock) and III.E (global heap).

    Examples
    --------
    >>> import io
    >>> require_sound(io.BytesIO(b"hello"), 5, Path("net.h5"))
    Traceback (most recent call last):
    mme.errors.InputError: net.h5 is no HDF5 file: it does not begin as one.
    """
    stream.seek(0)
    begin = stream.read(HEADER)
    if not begin.startswith(SIGNATURE) or len(begin) < HEADER:
        raise InputError(f"{path} is no HDF5 file: it does not begin as one.")
    version = begin[8]
    widths = begin[13:15] if version < 2 else begin[9:11]
    if version > 3 or widths != b"\x08\x08":
        raise InputError(f"{path} is no readable HDF5 file: its superblock is damaged or of an unknown form.")
    for place in list(_places(stream, HEAP)):
        stream.seek(place)
        (length,) = struct.unpack("<8xQ", stream.read(HEADER).ljust(HEADER, b"\0"))
        if SMALLEST_HEAP <= length <= size - place and not _is_sound(stream, place, place + length):
            raise InputError(f"{path} is no readable HDF5 file: its text heap at byte {place} is damaged.")


def _places(stream: Any, pattern: bytes) -> Iterator[int]:
    """Yield where a pattern lies in a file."""
    stream.seek(0)
    start, held = 0, b""
    while block := stream.read(BLOCK):
        held += block
        found = held.find(pattern)
        while found >= 0:
            yield start + found
            found = held.find(pattern, found + 1)
        kept = min(len(pattern) - 1, len(held))  # a pattern may lie across two blocks
        start += len(held) - kept
        held = held[len(held) - kept :]


def _is_sound(stream: Any, place: int, end: int) -> bool:
    """Tell whether the objects of a heap follow each other up to its end."""
    at = place + HEADER
    while at + HEADER <= end:
        stream.seek(at)
        header = stream.read(HEADER)
        if len(header) < HEADER:
            return False
        index, length = struct.unpack("<H6xQ", header)
        # An object's length is without its header and padded to 8 bytes; that of the free space is as it is.
        needed = HEADER + (length + 7) // 8 * 8 if index else length
        if needed < HEADER or at + needed > end:
            return False
        at += needed
    return True
