"""Weights that torch saved, read by torch's own safe loader; code that a file asks for is never run.

A file in torch's zip format is mapped, each tensor copied when it is read, and its pages given back (638 MB
in layers of 16 MB: 32 MB at the peak). A file from before torch 1.6 is read whole.
"""

from __future__ import annotations

import ctypes
import io
import mmap
import pickletools
import sys
import threading
import warnings
import zipfile
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from pickle import UnpicklingError
from typing import IO, Any

import numpy as np
import torch

from mme.checkpoints.limits import refuse_damage, require_stored
from mme.checkpoints.torch_weights import INSTEAD, Call, FoundWeight, StandIn, found_weights
from mme.errors import InputError
from mme.weights.sources import described
from mme.weights.stored import Checkpoint, StoredTensor, as_numpy

__all__ = ["read_torch"]

KIND = "torch checkpoint"
LOADING = threading.Lock()  # what the loader may name is the same for all threads


def read_torch(path: Path) -> Checkpoint:
    """Open what `torch.save` wrote: a state dict, a whole module, or a training checkpoint."""
    mapped: set[int] = set()
    with refuse_damage(path, KIND):
        content = _load(path, mapped)
        found = found_weights(content, path)
        tensors = [_stored(path, name, weight, mapped) for name, weight in found.items()]
    return Checkpoint(path.stem, "torch", tensors)


def _load(path: Path, mapped: set[int]) -> Any:
    """Load a checkpoint, and note the addresses of the storages that are cut from the mapped file."""
    with path.open("rb") as file:
        is_mapped = False
        pickles: list[IO[bytes]] = [file] * 5  # a number, a version, the system, the object, the storages
        if file.read(4) == b"PK\x03\x04":
            is_mapped, pickles = _records(path)
            is_mapped &= path.suffix != ".safetensors"  # torch would believe that ending
        file.seek(0)
        known: list[Any] = [(Call, "<call>"), *((StandIn(name), name) for name in _named_by(pickles))]

    def keep(storage: Any, _: str) -> Any:
        if is_mapped:
            mapped.add(storage.data_ptr())
        return storage

    try:
        with LOADING, torch.serialization.safe_globals(known), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about protocols and layouts; what matters is raised
            with path.open("rb") as file:
                source = path if is_mapped else file
                return torch.load(source, map_location=keep, weights_only=True, mmap=is_mapped)
    except UnpicklingError as error:
        reason = str(error.__context__ or error).partition("\n")[0].strip(" .")  # without torch's advice
        refused = f"what torch's safe loader refuses ({reason})"
        raise InputError(f"{path} holds {refused}: {INSTEAD}; nothing of it was run.") from error


def _records(path: Path) -> tuple[bool, list[IO[bytes]]]:
    """Check an archive; return whether its numbers are in this machine's byte order, and its pickle."""
    with zipfile.ZipFile(path) as archive:
        members = {member.filename.partition("/")[2]: member for member in archive.infolist()}
        if "data.pkl" not in members or "constants.pkl" in members:
            raise InputError(f"{path} is an archive of TorchScript or torch.export, a program; {INSTEAD}.")
        stored = sum(max(member.file_size, member.compress_size) for member in archive.infolist())
        if stored > path.stat().st_size or any(member.compress_type for member in archive.infolist()):
            raise InputError(f"{path} is damaged or hostile: its records are compressed, or overlap.")
        order = archive.read(members["byteorder"]).decode() if "byteorder" in members else sys.byteorder
        return order == sys.byteorder, [io.BytesIO(archive.read(members["data.pkl"]))]


def _named_by(pickles: Iterable[IO[bytes]]) -> Iterator[str]:
    """What pickles name, in Python 3's words, found without loading them."""
    for operation, argument, _ in chain.from_iterable(map(pickletools.genops, pickles)):
        if operation.name == "GLOBAL":
            module, name = str(argument).split(" ", 1)
            yield ".".join(NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name)))


def _stored(path: Path, name: str, weight: FoundWeight, mapped: set[int]) -> StoredTensor:
    value, types, skip = weight
    tensor = replace(described(name, value), types=types, skip=skip)
    if isinstance(value, np.ndarray):
        return replace(tensor, dtype=value.dtype.name, read=partial(as_numpy, name, value))
    held = value
    if value.layout is not torch.strided:
        held = value._values() if value.layout is torch.sparse_coo else value.values()
    claimed = tensor.size * value.element_size()
    require_stored(name, path, claimed, held.untyped_storage().nbytes(), compressed=True)
    return replace(tensor, read=partial(_numbers, path, name, value, mapped))


def _numbers(path: Path, name: str, tensor: Any, mapped: set[int]) -> np.ndarray:
    with refuse_damage(path, KIND):
        array = as_numpy(name, tensor)
        storage = tensor.untyped_storage() if str(tensor.layout) == "torch.strided" else None
        if storage is not None and storage.data_ptr() in mapped:  # other memory is not in the file
            if array.ctypes.data == tensor.data_ptr():
                array = array.copy()
            if hasattr(mmap, "MADV_DONTNEED"):  # the system reads the pages again when they are needed
                before = storage.data_ptr() % mmap.PAGESIZE
                begin = ctypes.c_void_p(storage.data_ptr() - before)
                size, advice = ctypes.c_size_t(storage.nbytes() + before), ctypes.c_int(mmap.MADV_DONTNEED)
                ctypes.CDLL(None).madvise(begin, size, advice)
        return array
