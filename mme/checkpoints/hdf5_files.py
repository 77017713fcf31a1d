"""HDF5 files, read with suspicion: nothing outside the file, and no number that the file does not hold."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np

from mme.checkpoints.limits import refuse_damage, require_stored
from mme.errors import InputError
from mme.weights.stored import StoredTensor

__all__ = ["HDF5File", "is_within", "refuse_endless_texts", "text_attribute"]

BFLOAT16 = np.dtype("V2")  # as h5py stores it; nothing else in a network has opaque numbers of two bytes


@dataclass(frozen=True)
class HDF5File:
    """An HDF5 file, or one in an archive at `path`; `source` opens it for each reading."""

    path: Path
    source: Callable[[], BinaryIO]

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """Open the file and yield its root group; InputError for what goes wrong on the way."""
        # Through Python's file, which needs no lock and does not mind who else has the file open.
        with refuse_damage(self.path, "HDF5 file"), self.source() as stream, h5py.File(stream, "r") as file:
            yield file

    def groups(self, *outer: Any, seen: set[int]) -> Iterator[tuple[list[Any], dict[str, StoredTensor]]]:
        """Yield what the last group and those within it hold, each after the groups that it lies in."""
        group, held = outer[-1], {}
        address = h5py.h5o.get_info(group.id).addr
        if address in seen:  # a group may be linked into itself
            return
        seen.add(address)
        for key in sorted(group, key=lambda name: (len(name), name)):  # conv2d_10 comes after conv2d_9
            item = group[key] if is_within(group, key) else None
            if isinstance(item, h5py.Group):
                yield from self.groups(*outer, item, seen=seen)
            elif isinstance(item, h5py.Dataset) and not item.is_virtual and not item.external:
                held[key] = self._tensor(item)
            elif not isinstance(item, h5py.Datatype):
                found = f"{key!r} in {group.name!r} is a link or lies in another file, which is not followed"
                raise InputError(f"{self.path}: {found}; a file that holds its own numbers is needed.")
        yield list(outer), held

    def _tensor(self, dataset: Any) -> StoredTensor:
        """Look at a dataset without reading its numbers."""
        name, dtype, shape = dataset.name, dataset.dtype, tuple(map(int, dataset.shape or ()))
        is_number = dataset.shape is not None and (dtype.kind in "fiubc" or dtype == BFLOAT16)
        if is_number:
            stored = min(int(dataset.id.get_storage_size()), dataset.file.id.get_filesize())
            is_packed = dataset.id.get_create_plist().get_nfilters() > 0
            claimed = math.prod(shape) * dtype.itemsize
            require_stored(name, self.path, claimed, stored, compressed=is_packed)
            chunk = math.prod(map(int, dataset.chunks or ())) * dtype.itemsize
            require_stored(f"a chunk of {name}", self.path, chunk, stored, compressed=True)

        def read() -> np.ndarray:
            with self.opened() as file:
                if file[name].shape != shape or file[name].dtype != dtype:
                    raise InputError(f"{self.path} was changed while it was in use: {name!r} is another.")
                numbers = np.asarray(file[name][()])
            if dtype == BFLOAT16:  # the upper halves of float32 numbers
                return (numbers.view("<u2").astype(np.uint32) << 16).view(np.float32)
            return numbers.astype(dtype.newbyteorder("="), copy=False)

        place = (str(self.path), h5py.h5o.get_info(dataset.id).addr)
        skip = "" if is_number else f"holds no numbers but {dtype}"
        type_name = "bfloat16" if dtype == BFLOAT16 else dtype.name
        return StoredTensor(name, shape, type_name, read, skip=skip, location=place)


def refuse_endless_texts(path: Path, content: bytes) -> None:
    """Refuse heaps of texts (HDF5 format 3.0, III.E) whose free space (index 0) would be read for ever."""
    for heap in re.finditer(b"GCOL\x01...(.{8})", content, re.DOTALL):
        at, end = heap.end(), heap.start() + int.from_bytes(heap[1], "little")
        while at + 16 <= min(end, len(content)):
            index, length = struct.unpack_from("<H6xQ", content, at)
            if index == 0 and length < 16:
                raise InputError(f"{path} is damaged: a text heap at byte {heap.start()}.")
            at += 16 + -(-length // 8) * 8 if index else length


def is_within(group: Any, name: str) -> bool:
    """Tell whether a group has a hard link of this name; other links may leave the file."""
    return isinstance(group.get(name, getlink=True), h5py.HardLink)


def text_attribute(item: Any, name: str) -> str:
    """Return an attribute of a group as text; empty if it is missing or something else."""
    if name not in item.attrs:
        return ""
    attribute = item.attrs.get_id(name)
    # The HDF5 library does not survive what damage makes of a text's type.
    is_text = attribute.shape == () and h5py.check_string_dtype(attribute.dtype) is not None
    value = item.attrs[name] if is_text else ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
