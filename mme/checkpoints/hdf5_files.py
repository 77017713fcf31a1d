"""HDF5 files, read with suspicion: nothing outside the file, and no number that the file does not hold."""

from __future__ import annotations

import math
import mmap
import re
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from mme.checkpoints.limits import refuse_damage, require_stored
from mme.errors import InputError
from mme.extras import required
from mme.weights.stored import StoredTensor

__all__ = ["HDF5File", "text_attribute"]

DEEPEST = 50  # of groups within groups
BFLOAT16 = np.dtype("V2")  # as h5py stores it; nothing else in a network has opaque numbers of two bytes


@dataclass(frozen=True)
class HDF5File:
    """An HDF5 file that is opened for each reading and closed after it.

    `path` is the file, or the archive around it, for messages; `source` opens it as a binary file.
    """

    path: Path
    source: Callable[[], BinaryIO]

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """Open the file and yield its root group; InputError for what goes wrong on the way."""
        h5py = required("h5py", "checkpoints", f"reading {self.path}")
        # Through Python's file, which needs no lock and does not mind who else has the file open.
        with refuse_damage(self.path, "HDF5 file"), self.source() as stream, h5py.File(stream, "r") as file:
            yield file

    def require_sound(self) -> None:
        """Refuse a damaged heap of texts: where a length in it is zero, the HDF5 library runs for ever.

        HDF5 File Format Specification, version 3.0, section III.E: an object has its index and length before
        it, and the free space at the end has the index 0.
        """
        with self.source() as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            for heap in re.finditer(b"GCOL\x01", data):
                start = heap.start()
                (size,) = struct.unpack("<Q", data[start + 8 : start + 16].ljust(8, b"\0"))
                at, end = start + 16, start + size if size <= len(data) - start else 0
                while at + 16 <= end:
                    index, length = struct.unpack("<H6xQ", data[at : at + 16])
                    at += 16 + -(-length // 8) * 8 if index else max(length, 16)
                    if at > end or (index == 0 and length < 16):
                        raise InputError(f"{self.path} is damaged: a text heap at byte {start}.")

    def has(self, group: Any, name: str) -> bool:
        """Tell whether a hard link of a group has this name; other links may leave the file."""
        import h5py

        return isinstance(group.get(name, getlink=True), h5py.HardLink)

    def datasets(self, group: Any) -> Iterator[tuple[list[Any], StoredTensor]]:
        """Yield the datasets within a group, each after the groups that it lies in, by hard links only."""
        yield from self._within([group], set())

    def _within(self, groups: list[Any], seen: set[int]) -> Iterator[tuple[list[Any], StoredTensor]]:
        import h5py

        group = groups[-1]
        address = h5py.h5o.get_info(group.id).addr
        if address in seen:  # a group may be linked into itself
            return
        seen.add(address)
        if len(groups) > DEEPEST:
            raise InputError(f"{self.path} has groups within groups more than {DEEPEST} levels deep.")
        for key in sorted(group, key=_by_number):
            if not self.has(group, key):
                raise InputError(
                    f"{self.path}: {key!r} in {group.name!r} is a link, which is not followed; "
                    "a file that holds its own numbers is needed."
                )
            item = group[key]
            if isinstance(item, h5py.Dataset):
                yield groups, self._tensor(item, h5py.h5o.get_info(item.id).addr)
            elif isinstance(item, h5py.Group):
                yield from self._within([*groups, item], seen)

    def _tensor(self, dataset: Any, address: int) -> StoredTensor:
        """Look at a dataset without reading its numbers."""
        name, dtype, shape = dataset.name, dataset.dtype, tuple(map(int, dataset.shape or ()))
        if dataset.is_virtual or dataset.external:
            raise InputError(
                f"{self.path}: the numbers of {name!r} lie in other files, which are not followed; "
                "a file that holds its own numbers is needed."
            )
        is_number = dataset.shape is not None and (dtype.kind in "fiubc" or dtype == BFLOAT16)

        def read() -> np.ndarray:
            with self.opened() as file:
                again = file.get(name)
                if again is None or again.shape != shape or again.dtype != dtype:
                    raise InputError(f"{self.path} was changed while it was in use: {name!r} is another.")
                return _native(np.asarray(again[()]))

        if is_number:
            stored = min(int(dataset.id.get_storage_size()), dataset.file.id.get_filesize())
            is_packed = dataset.id.get_create_plist().get_nfilters() > 0
            claimed = math.prod(shape) * dtype.itemsize
            require_stored(name, self.path, claimed, stored, compressed=is_packed)
            chunk = math.prod(map(int, dataset.chunks or ())) * dtype.itemsize
            require_stored(f"a chunk of {name}", self.path, chunk, stored, compressed=True)
        type_name = "bfloat16" if dtype == BFLOAT16 else dtype.name
        skip = "" if is_number else f"holds no numbers but {dtype}"
        return StoredTensor(name, shape, type_name, read, skip=skip, location=(str(self.path), address))


def text_attribute(item: Any, name: str) -> str:
    """Return an attribute of a group as text; empty if it is missing or something else."""
    import h5py

    if name not in item.attrs:
        return ""
    attribute = item.attrs.get_id(name)
    # The HDF5 library does not survive what damage makes of a text's type.
    is_text = attribute.shape == () and h5py.check_string_dtype(attribute.dtype) is not None
    value = item.attrs[name] if is_text else ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _by_number(name: str) -> list[str | int]:
    """Return a key that sorts ``conv2d_10`` behind ``conv2d_9``."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d{1,9})", name)]


def _native(numbers: np.ndarray) -> np.ndarray:
    """Return numbers in this machine's order of bytes, at most in double precision."""
    if numbers.dtype == BFLOAT16:  # the upper halves of float32 numbers
        return (numbers.view("<u2").astype(np.uint32) << 16).view(np.float32)
    is_long = numbers.dtype.kind == "f" and numbers.dtype.itemsize > 8
    return numbers.astype(np.float64 if is_long else numbers.dtype.newbyteorder("="), copy=False)
