"""Weights that torch saved, read by torch's own safe loader; code that a file asks for is never run.

A file in torch's zip format stays on disk: it is mapped, each tensor is copied when it is read, and its pages
are then given back to the system (638 MB in layers of 16 MB: 32 MB at the peak). A file in the format from
before torch 1.6 is read whole.
"""

from __future__ import annotations

import ctypes
import io
import math
import mmap
import pickletools
import sys
import threading
import warnings
import zipfile
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from typing import IO, Any

import numpy as np

from mme.checkpoints.limits import refuse_damage, require_stored
from mme.checkpoints.torch_shells import stand_ins
from mme.checkpoints.torch_weights import FoundWeight, found_weights
from mme.errors import InputError
from mme.extras import required
from mme.weights.stored import Checkpoint, StoredTensor, as_numpy

__all__ = ["read_torch"]

KIND = "torch checkpoint"
LOADING = threading.Lock()  # what the loader may name is the same for all threads
INSTEAD = "save the network's state dict: torch.save(net.state_dict(), …)"


def read_torch(path: Path) -> Checkpoint:
    """Open what `torch.save` wrote: a state dict, a whole module, or a training checkpoint."""
    torch = required("torch", "torch", f"{path} is a torch checkpoint, and reading it")
    mapped: set[int] = set()
    with refuse_damage(path, KIND):
        with path.open("rb") as file:
            is_zip = file.read(4) == b"PK\x03\x04"
        is_mapped = is_zip and _is_native(path)
        with LOADING, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about protocols and layouts; what matters is raised
            content = _load(torch, path, is_zip, mapped if is_mapped else None)
        found = found_weights(content, torch.Tensor, path)
        tensors = [_stored(torch, path, weight, mapped) for weight in found]
    return Checkpoint(path.stem, "torch", tensors)


def _is_native(path: Path) -> bool:
    """Check an archive without torch; return whether its numbers are in this machine's byte order."""
    with zipfile.ZipFile(path) as archive:
        members = {member.filename.partition("/")[2]: member for member in archive.infolist()}
        if "data.pkl" not in members or "constants.pkl" in members:
            raise InputError(f"{path} is an archive of TorchScript or torch.export, a program; {INSTEAD}.")
        stored = sum(max(member.file_size, member.compress_size) for member in archive.infolist())
        if stored > path.stat().st_size or any(member.compress_type for member in archive.infolist()):
            raise InputError(
                f"{path} is damaged or hostile: its records are compressed or overlap, as torch.save writes "
                "none."
            )
        return "byteorder" not in members or archive.read(members["byteorder"]).decode() == sys.byteorder


def _load(torch: Any, path: Path, is_zip: bool, mapped: set[int] | None) -> Any:
    """Load a checkpoint; where it is mapped, note the addresses of the storages cut from the mapping."""

    def keep(storage: Any, _: str) -> Any:
        if mapped is not None:
            mapped.add(storage.data_ptr())
        return storage

    load = partial(torch.load, path, map_location=keep, weights_only=True, mmap=mapped is not None)
    try:
        return load()
    except UnpicklingError:  # not only tensors in plain containers
        shells = stand_ins(_named_by(path, is_zip), path)
    try:
        with torch.serialization.safe_globals(shells):
            return load()
    except UnpicklingError as error:
        reason = str(error).partition("WeightsUnpickler error: ")[2].strip().partition("\n")[0].strip(" .")
        raise InputError(
            f"{path} holds what torch's safe loader refuses ({reason}): {INSTEAD}; nothing of it was run."
        ) from error


def _named_by(path: Path, is_zip: bool) -> set[str]:
    """What the pickles of a checkpoint name, in Python 3's words, found without loading them."""
    names: set[str] = set()
    with path.open("rb") as file:
        pickles: list[IO[bytes]] = [file] * 5  # a number, a version, the system, the object, the storages
        if is_zip:
            with zipfile.ZipFile(file) as archive:
                members = [name for name in archive.namelist() if name.partition("/")[2] == "data.pkl"]
                pickles = [io.BytesIO(archive.read(name)) for name in members]
        for each in pickles:
            for operation, argument, _ in pickletools.genops(each):
                if operation.name == "GLOBAL":
                    module, name = str(argument).split(" ", 1)
                    found = NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name))
                    names.add(".".join(found))
    return names


def _stored(torch: Any, path: Path, weight: FoundWeight, mapped: set[int]) -> StoredTensor:
    name, value, types, skip = weight
    if isinstance(value, np.ndarray):
        return StoredTensor(name, value.shape, str(value.dtype), lambda: value, types, skip)
    shape, dtype = tuple(value.shape), str(value.dtype).removeprefix("torch.")
    claimed = math.prod(shape) * value.element_size()
    location = None
    if value.layout is not torch.strided:
        values = value.values() if value.layout is not torch.sparse_coo else value._values()
        require_stored(name, path, claimed, values.untyped_storage().nbytes(), compressed=True)
    elif not value.is_meta:
        require_stored(name, path, claimed, value.untyped_storage().nbytes(), compressed=True)
        location = (value.data_ptr(), shape, tuple(value.stride())) if value.data_ptr() else None
    read = partial(_numbers, path, name, value, mapped)
    return StoredTensor(name, shape, dtype, read, types, skip, location)


def _numbers(path: Path, name: str, tensor: Any, mapped: set[int]) -> np.ndarray:
    with refuse_damage(path, KIND):
        array = as_numpy(name, tensor)
        if not mapped or str(tensor.layout) != "torch.strided":
            return array
        storage = tensor.untyped_storage()
        if storage.data_ptr() in mapped:  # memory that is no part of the file would be lost
            if array.ctypes.data == tensor.data_ptr():
                array = array.copy()
            _give_back(storage.data_ptr(), storage.nbytes())
        return array


def _give_back(begin: int, size: int) -> None:
    """Give mapped pages back to the system; they are read from the file again when they are needed."""
    if hasattr(mmap, "MADV_DONTNEED"):
        before = begin % mmap.PAGESIZE
        pages = ctypes.c_void_p(begin - before), ctypes.c_size_t(size + before)
        ctypes.CDLL(None).madvise(*pages, ctypes.c_int(mmap.MADV_DONTNEED))
