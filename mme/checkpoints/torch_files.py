"""Weights that torch saved, read by torch's own safe loader; code that a file asks for is never run.

A file in torch's zip format stays on disk: it is mapped, each tensor is copied when it is read, and its pages
are then given back to the system. A file in the format from before torch 1.6 is read whole.
"""

from __future__ import annotations

import ctypes
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
from mme.checkpoints.torch_shells import Array, stand_ins
from mme.checkpoints.torch_weights import FoundWeight, found_weights
from mme.errors import InputError
from mme.weights.arrays import as_numpy
from mme.weights.stored import Checkpoint, StoredTensor

__all__ = ["read_torch"]

KIND = "torch checkpoint"
# A state dict holds buffers too. Weights may be rounded to bytes, but to nothing wider.
WIDE_INTEGERS = ("int16", "int32", "int64", "uint16", "uint32", "uint64")
MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of a file from before torch 1.6
# What the loader may name, and which warnings are shown, is the same for all threads.
LOADING = threading.Lock()
INSTEAD = "save the network's state dict: torch.save(net.state_dict(), …)"


def read_torch(path: Path) -> Checkpoint:
    """Open a checkpoint that `torch.save` wrote: a state dict, a whole module, or a training checkpoint.

    Where the weights are looked for is told in `mme.checkpoints.torch_weights`. Tensors are outputs first, as
    in torch. A whole module's layers have their types; no code of the file is run, and its classes need not
    exist. Reading takes twice the memory of the largest layer (638 MB in layers of 16 MB: 32 MB at the peak).

    Parameters
    ----------
    path : Path

    Returns
    -------
    Checkpoint

    Raises
    ------
    InputError
        If the file is damaged, asks to run code, or holds no weights.

    Examples
    --------
    >>> import tempfile
    >>> import torch
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "net.pt"
    ...     torch.save(torch.nn.Linear(3, 2).state_dict(), path)
    ...     read_torch(path)["weight"].shape
    (2, 3)
    """
    torch = _torch(path)
    with refuse_damage(path, KIND):
        is_zip, is_native = _require_loadable(path)
        with LOADING, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about protocols and layouts; what matters is raised
            content, mapping = _load(torch, path, is_zip, is_zip and is_native)
        weights = found_weights(content, torch.Tensor, path)
        tensors = [_stored(torch, path, weight, mapping) for weight in weights]
    return Checkpoint(path.stem, "torch", tensors)


def _torch(path: Path) -> Any:
    try:
        import torch
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise InputError(
            f"{path} is a torch checkpoint, and torch is not installed: pip install 'mme[torch]' brings it."
        ) from None
    return torch


def _require_loadable(path: Path) -> tuple[bool, bool]:
    """Check what needs no torch; return whether it is a zip, and in this machine's byte order."""
    with path.open("rb") as file:
        start = file.read(512)
    if start[257:262] == b"ustar":
        raise InputError(f"{path} is a tar archive of torch before 0.1.10, which is not read; {INSTEAD}.")
    if start[:4] != b"PK\x03\x04":
        return False, True
    room = path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        names = {member.filename.partition("/")[2]: member for member in members}
        if "constants.pkl" in names:
            raise InputError(f"{path} is a TorchScript archive, which holds code; {INSTEAD}.")
        if {"archive_format", "models/model.json", "serialized_exported_program.json"} & set(names):
            raise InputError(f"{path} is a torch.export archive, which holds a program; {INSTEAD}.")
        if "data.pkl" not in names:
            raise InputError(f"{path} is a zip archive, but torch.save did not write it; {INSTEAD}.")
        total = 0
        for member in members:  # torch.save compresses nothing
            require_stored(member.filename, path, member.file_size, member.compress_size)
            require_stored(member.filename, path, member.compress_size, room - member.header_offset)
            total += member.compress_size
        require_stored("the whole archive", path, total, room)
        order = archive.read(names["byteorder"]).decode() if "byteorder" in names else sys.byteorder
    return True, order == sys.byteorder


def _load(torch: Any, path: Path, is_zip: bool, is_mapped: bool) -> tuple[Any, _Mapping | None]:
    def load() -> tuple[Any, _Mapping | None]:
        if not is_mapped:
            return torch.load(path, map_location="cpu", weights_only=True), None
        mapping = _Mapping()
        return torch.load(path, map_location=mapping.keep, weights_only=True, mmap=True), mapping

    try:
        return load()
    except UnpicklingError as error:  # not only tensors in plain containers
        protocol, names, is_torch = _named_by(path)
        shells = stand_ins(names, path)
        if not is_torch:
            raise InputError(f"{path} is a pickle that torch.save did not write; {INSTEAD}.") from error
        if protocol > 2:
            raise InputError(
                f"{path} uses pickle protocol {protocol}, which torch's safe loader does not read; {INSTEAD} "
                "without pickle_protocol."
            ) from error
    try:
        with torch.serialization.safe_globals(shells):
            return load()
    except UnpicklingError as error:
        if not is_zip and "Only persistent_load of storage" in str(error):
            raise InputError(
                f"{path} is a whole module in the format from before torch 1.6, which torch's safe loader "
                f"does not read; {INSTEAD}."
            ) from error
        raise InputError(
            f"{path} holds what torch's safe loader does not read ({_reason(error)}); {INSTEAD}."
        ) from error


def _reason(error: UnpicklingError) -> str:
    said = str(error).partition("\n\nCheck the documentation")[0].strip().splitlines()
    return said[-1].rpartition("WeightsUnpickler error: ")[2][:150].strip(" .") if said else "damaged"


def _named_by(path: Path) -> tuple[int, set[str], bool]:
    """Return the highest pickle protocol in a checkpoint, what it names, and whether torch wrote it."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            member = next(name for name in archive.namelist() if name.partition("/")[2] == "data.pkl")
            with archive.open(member) as file:
                return *_named_in(file)[:2], True
    with path.open("rb") as file:
        protocol, names, is_torch = _named_in(file)
        if is_torch:
            for _ in range(4):  # a version, the system, the object, and the keys of the storages
                above, more, _ = _named_in(file)
                protocol, names = max(protocol, above), names | more
    return protocol, names, is_torch


def _named_in(file: IO[bytes]) -> tuple[int, set[str], bool]:
    """Take one pickle apart without loading it; also tell whether it is torch's magic number."""
    protocol, names, is_magic = 0, set(), False
    before_last, last = "", ""
    for operation, argument, _ in pickletools.genops(file):
        if operation.name == "PROTO":
            protocol = max(protocol, int(argument or 0))
        elif operation.name in ("GLOBAL", "INST"):
            names.add(_full_name(*str(argument).split(" ", 1)))
        elif operation.name == "STACK_GLOBAL":
            names.add(_full_name(before_last, last))
        elif isinstance(argument, str):
            before_last, last = last, argument
        elif argument == MAGIC:
            is_magic = True
    return protocol, names, is_magic


def _full_name(module: str, name: str = "") -> str:
    """A name as Python 3 has it, also where the pickle has it as in Python 2."""
    return ".".join(NAME_MAPPING.get((module, name), (IMPORT_MAPPING.get(module, module), name)))


class _Mapping:
    """Where a file is mapped to memory, so that pages which were read can be given back."""

    def __init__(self) -> None:
        self.begin, self.end = sys.maxsize, 0

    def keep(self, storage: Any, _: str) -> Any:
        """Note a storage that the loader has cut from the mapping, and leave it there."""
        self.begin = min(self.begin, storage.data_ptr())
        self.end = max(self.end, storage.data_ptr() + storage.nbytes())
        return storage

    def holds(self, begin: int, end: int) -> bool:
        """Whether these addresses are of the mapping."""
        return self.begin <= begin < end <= self.end

    def forget(self, storage: Any) -> None:
        """Give back the pages of a storage; they are read from the file again when they are needed."""
        begin, end = storage.data_ptr(), storage.data_ptr() + storage.nbytes()
        if not (hasattr(mmap, "MADV_DONTNEED") and self.holds(begin, end)):
            return  # another system, or memory that is no part of the file, where this would lose numbers
        begin -= begin % mmap.PAGESIZE
        advise = ctypes.CDLL(None).madvise
        advise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), ctypes.c_int(mmap.MADV_DONTNEED))


def _stored(torch: Any, path: Path, weight: FoundWeight, mapping: _Mapping | None) -> StoredTensor:
    name, value = weight.name, weight.value
    if isinstance(value, Array) and value.numbers is not None:
        value = value.numbers
    if isinstance(value, np.ndarray):
        return StoredTensor(name, value.shape, str(value.dtype), lambda: value, weight.types)
    if not isinstance(value, torch.Tensor):
        kind = f"not an array but {type(value).__name__}"

        def refuse() -> np.ndarray:
            raise InputError(f"{path} holds {name!r}, {kind}.")

        return StoredTensor(name, (), type(value).__name__, refuse, weight.types, skip=kind)
    shape, dtype = tuple(value.shape), str(value.dtype).removeprefix("torch.")
    location = None
    if value.layout is not torch.strided:
        values = value.values() if value.layout is not torch.sparse_coo else value._values()
        stored = values.untyped_storage().nbytes()
    elif value.is_meta:
        stored = math.prod(shape) * value.element_size()
    else:
        stored = value.untyped_storage().nbytes()
        location = (value.data_ptr(), shape, tuple(value.stride())) if value.data_ptr() else None
    require_stored(name, path, math.prod(shape) * value.element_size(), stored, compressed=True)
    read = partial(_numbers, torch, path, name, value, mapping)
    skip = f"an index table ({dtype})" if dtype in WIDE_INTEGERS and len(shape) > 1 else ""
    return StoredTensor(name, shape, dtype, read, weight.types, skip, location)


def _numbers(torch: Any, path: Path, name: str, tensor: Any, mapping: _Mapping | None) -> np.ndarray:
    with refuse_damage(path, KIND):
        if tensor.layout is not torch.strided:
            return as_numpy(name, tensor.to_dense())
        array: np.ndarray = as_numpy(name, tensor)
        if mapping is not None:
            if mapping.holds(array.ctypes.data, array.ctypes.data + 1):
                array = array.copy()
            mapping.forget(tensor.untyped_storage())
        return array
