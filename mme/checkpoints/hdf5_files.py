"""HDF5 files, read with suspicion: nothing outside the file, no number that the file does not hold."""

from __future__ import annotations

import io
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mme.checkpoints.hdf5_heaps import require_sound
from mme.checkpoints.limits import refuse_damage, require_stored
from mme.errors import InputError

__all__ = ["HDF5File", "StoredArray", "Window", "inner", "text_attribute", "texts"]

KIND = "HDF5 file"
BFLOAT16 = np.dtype("V2")  # as h5py stores it; nothing else in a network has opaque numbers of two bytes


class Window(io.RawIOBase):
    """A part of a binary file, read as a file of its own.

    Parameters
    ----------
    file : binary file
        Closed together with the window.
    start, size : int
        Where the part begins and how long it is.

    Examples
    --------
    >>> Window(io.BytesIO(b"one two three"), 4, 3).read()
    b'two'
    """

    def __init__(self, file: Any, start: int, size: int) -> None:
        super().__init__()
        self.file = file
        self.start = start
        self.size = size
        self.position = 0

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a place of the part, counted from its beginning, the present place or its end."""
        self.position = max((0, self.position, self.size)[whence] + offset, 0)
        return self.position

    def tell(self) -> int:
        """Return the present place."""
        return self.position

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer as far as the part goes; return how many bytes that were."""
        target = memoryview(buffer)[: max(self.size - self.position, 0)]
        self.file.seek(self.start + self.position)
        count = int(self.file.readinto(target) or 0)
        self.position += count
        return count

    def close(self) -> None:
        """Close the file."""
        self.file.close()
        super().close()


@dataclass(frozen=True, eq=False)
class StoredArray:
    """A dataset that is read when it is needed.

    Attributes
    ----------
    shape : tuple of int
    dtype : str
        Of the stored numbers.
    read : callable
        Returns an ndarray of this shape, of a type that NumPy itself has.
    skip : str
        Why it is no array of numbers; otherwise empty.
    location : hashable
        The same for two names of one dataset.
    """

    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], np.ndarray]
    skip: str = ""
    location: Hashable | None = None


class HDF5File:
    """An HDF5 file that is opened for each reading and closed after it.

    Parameters
    ----------
    path : Path
        The file, or the one that it is a part of; for messages.
    size : int
        Its length in bytes.
    source : callable, optional
        Returns it as a binary file, where it is not `path` itself.

    Raises
    ------
    InputError
        If h5py is missing, or the file is no HDF5 file or damaged.
    """

    def __init__(self, path: Path, size: int, source: Callable[[], Any] | None = None) -> None:
        try:
            import h5py
        except ImportError:
            raise InputError(
                f"reading {path} needs h5py, which is not installed: "
                "pip install 'mme[checkpoints]' brings it."
            ) from None
        self.library = h5py
        self.path = path
        self.size = size
        self.source = source or partial(path.open, "rb", buffering=0)
        with refuse_damage(path, KIND), self.source() as stream:
            require_sound(stream, size, path)

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """Open the file and yield its root group.

        Raises
        ------
        InputError
            If the file is damaged or no HDF5 file, or what is done with it meets a damage.
        """
        # Through Python's file, which needs no lock and does not mind who else has the file open.
        with refuse_damage(self.path, KIND), self.source() as stream, self.library.File(stream, "r") as file:
            yield file

    def array(self, dataset: Any) -> StoredArray:
        """Look at a dataset without reading its numbers.

        Parameters
        ----------
        dataset : h5py.Dataset

        Returns
        -------
        StoredArray

        Raises
        ------
        InputError
            If its numbers lie outside the file, or it claims more than the file holds.
        """
        name = dataset.name
        location = (str(self.path), self.library.h5o.get_info(dataset.id).addr)
        if dataset.shape is None:
            return StoredArray((), "empty", _nothing, "holds nothing", location)
        shape, dtype = tuple(map(int, dataset.shape)), dataset.dtype
        if dataset.is_virtual or dataset.external:
            raise InputError(
                f"{self.path}: the numbers of {name!r} lie in other files, which are not followed; "
                "a file that holds its own numbers is needed."
            )
        is_bfloat16 = dtype == BFLOAT16
        if dtype.kind not in "fiubc" and not is_bfloat16:
            return StoredArray(shape, str(dtype), _nothing, f"holds no numbers but {dtype}", location)
        self._require_stored(dataset, shape, dtype)

        def read() -> np.ndarray:
            with self.opened() as file:
                again = inner(file, name, self.path)
                if again is None or again.shape != shape or again.dtype != dtype:
                    raise InputError(
                        f"{self.path} was changed while it was in use: {name!r} is not the same."
                    )
                numbers = np.asarray(again[()])
            return _from_bfloat16(numbers) if is_bfloat16 else _native(numbers)

        return StoredArray(shape, "bfloat16" if is_bfloat16 else dtype.name, read, "", location)

    def _require_stored(self, dataset: Any, shape: tuple[int, ...], dtype: np.dtype) -> None:
        claimed = dtype.itemsize
        for length in shape:
            claimed *= length
        stored = min(int(dataset.id.get_storage_size()), self.size)
        filters = dataset.id.get_create_plist().get_nfilters()
        require_stored(dataset.name, self.path, claimed, stored, compressed=filters > 0)
        chunk = dtype.itemsize
        for length in dataset.chunks or ():
            chunk *= int(length)
        require_stored(f"a chunk of {dataset.name}", self.path, chunk, stored, compressed=True)


def inner(group: Any, name: str, path: Path) -> Any:
    """Return the group or dataset of a name, by hard links only; None if there is none.

    Parameters
    ----------
    group : h5py.Group
    name : str
        Several names are joined by ``/``.
    path : Path
        For messages.

    Raises
    ------
    InputError
        If the way leads through a soft link, or out of the file.
    """
    import h5py

    for part in filter(None, name.split("/")):
        if not isinstance(group, h5py.Group):
            return None
        link = group.get(part, getlink=True)
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise InputError(
                f"{path}: {part!r} in {group.name!r} is a link, which is not followed; "
                "a file that holds its own numbers is needed."
            )
        group = group[part]
    return group


def text_attribute(item: Any, name: str) -> str | None:
    """Return an attribute of a group or dataset as text; None if it is missing or something else.

    Parameters
    ----------
    item : h5py.Group or h5py.Dataset
    name : str
    """
    if name not in item.attrs:
        return None
    value = item.attrs[name]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value) if isinstance(value, str) else None


def texts(item: Any, name: str) -> list[str] | None:
    """Return an attribute that lists texts; None if it is missing.

    Keras splits a list too long for one attribute into ``name0``, ``name1``, ….

    Parameters
    ----------
    item : h5py.Group
    name : str
    """
    if name in item.attrs:
        parts = [item.attrs[name]]
    elif f"{name}0" in item.attrs:
        parts = []
        while f"{name}{len(parts)}" in item.attrs:
            parts.append(item.attrs[f"{name}{len(parts)}"])
    else:
        return None
    values = [value for part in parts for value in np.ravel(part).tolist()]
    return [value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in values]


def _from_bfloat16(numbers: np.ndarray) -> np.ndarray:
    """Return the upper halves of float32 numbers as float32."""
    return (numbers.view("<u2").astype(np.uint32) << 16).view(np.float32)


def _native(numbers: np.ndarray) -> np.ndarray:
    """Return numbers in this machine's order of bytes, at most in double precision."""
    dtype = numbers.dtype.newbyteorder("=")
    if dtype.kind == "f" and dtype.itemsize > 8:
        dtype = np.dtype(np.float64)
    return numbers.astype(dtype, copy=False)


def _nothing() -> np.ndarray:
    raise InputError("what holds no numbers cannot be read.")
