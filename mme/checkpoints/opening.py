"""Open a network on disk, whatever its format; find the networks of a folder."""

from __future__ import annotations

import string
from collections.abc import Callable
from pathlib import Path

from mme.checkpoints.folders import is_network, read_folder, shards_without_index
from mme.checkpoints.limits import refuse_damage
from mme.checkpoints.numpy_files import read_npy, read_npz
from mme.checkpoints.safetensors_files import read_safetensors
from mme.checkpoints.torch_files import read_torch
from mme.errors import InputError
from mme.weights.stored import Checkpoint

__all__ = ["SUFFIXES", "checkpoints_in", "open_checkpoint"]


def _read_onnx(path: Path) -> Checkpoint:
    from mme.checkpoints.onnx_files import read_onnx

    return read_onnx(path)


def _read_keras(path: Path) -> Checkpoint:
    from mme.checkpoints.keras_files import read_keras

    return read_keras(path)


READERS: dict[str, Callable[[Path], Checkpoint]] = {
    "torch": read_torch,
    "safetensors": read_safetensors,
    "npz": read_npz,
    "npy": read_npy,
    "onnx": _read_onnx,
    "keras": _read_keras,
    "hdf5": _read_keras,
}
SUFFIXES = {
    **dict.fromkeys((".pt", ".pth", ".bin", ".ckpt"), "torch"),
    ".safetensors": "safetensors",
    ".npz": "npz",
    ".npy": "npy",
    ".onnx": "onnx",
    ".keras": "keras",
    **dict.fromkeys((".h5", ".hdf5"), "hdf5"),
}
WORDS = {
    "torch": "a torch checkpoint",
    "safetensors": "a safetensors file",
    "npz": "an npz archive",
    "npy": "an npy array",
    "keras": "a Keras archive",
    "hdf5": "an HDF5 file",
}


def open_checkpoint(path: Path | str) -> Checkpoint:
    """Open a network on disk; its weights stay there until they are read.

    Parameters
    ----------
    path : Path or str
        A file (torch ``.pt``, ``.pth``, ``.bin``, ``.ckpt``; ``.safetensors``; ``.onnx``; Keras ``.keras``,
        ``.h5``, ``.hdf5``; ``.npz``, ``.npy``), or a folder of shards with their index.

    Returns
    -------
    Checkpoint
        For `mme.ensembles.layer_matrix_ensemble`.

    Raises
    ------
    InputError
        If the file is missing, damaged, of another format, or asks to run code.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from mme.ensembles import layer_matrix_ensemble
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "net.npz"
    ...     np.savez(path, fc=np.ones((3, 2)))
    ...     layer_matrix_ensemble(open_checkpoint(path)).structural_zeros
    1
    """
    path = Path(path)
    with refuse_damage(path, "checkpoint"):
        if path.is_dir():
            return read_folder(path)
        if not path.exists():
            raise InputError(f"there is no file or folder {path}.")
        if not path.is_file():
            raise InputError(f"{path} is neither a file nor a folder.")
        kind = SUFFIXES.get(path.suffix.lower())
        if kind is None:
            raise InputError(
                f"{path} ends in {path.suffix or 'no suffix'}, which is not read; the formats that are: "
                f"{', '.join(SUFFIXES)}, and folders of shards with their index."
            )
        _require_kind(path, kind)
        return READERS[kind](path)


def checkpoints_in(folder: Path | str) -> list[Path]:
    """Find the networks of a folder: its checkpoint files, and those of its folders that are one network.

    Parameters
    ----------
    folder : Path or str
        One that is itself a network is the only one.

    Returns
    -------
    list of Path
        Sorted by name; none of them was opened. Hidden files do not count.

    Raises
    ------
    InputError
        If there is no such folder, no network in it, or a part of one without its index.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("b.pt", "a.npz", "notes.txt"):
    ...         (Path(folder) / name).touch()
    ...     [path.name for path in checkpoints_in(folder)]
    ['a.npz', 'b.pt']
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}.")
    with refuse_damage(folder, "folder"):
        if is_network(folder):
            return [folder]
        if shards_without_index(folder):
            read_folder(folder)  # says which index is missing
        found = [
            entry
            for entry in sorted(folder.iterdir())
            if not entry.name.startswith(".")
            and (is_network(entry) if entry.is_dir() else entry.suffix.lower() in SUFFIXES)
        ]
    if not found:
        raise InputError(f"{folder} holds no checkpoint; the formats that are read: {', '.join(SUFFIXES)}.")
    return found


def _require_kind(path: Path, kind: str) -> None:
    """Refuse a file whose first bytes are of another format than its suffix says."""
    with path.open("rb") as file:
        start = file.read(512)
    if not start:
        raise InputError(f"{path} is empty; it may be a download that failed.")
    if start.startswith(b"version https://git-lfs"):
        raise InputError(f"{path} is a pointer of Git LFS and not the file itself; fetch it by git lfs pull.")
    if start.startswith(b"\x1f\x8b"):
        raise InputError(f"{path} is compressed by gzip; unpack it first.")
    if all(byte in string.printable.encode() for byte in start):
        raise InputError(
            f"{path} holds text and no weights; it may be a page that was saved instead of the file."
        )
    found = _kind_of(start)
    if found and found != kind:
        suffix = next(suffix for suffix, named in SUFFIXES.items() if named == found)
        raise InputError(
            f"{path} is {WORDS[found]}, whatever its name; rename it so that it ends in {suffix}."
        )


def _kind_of(start: bytes) -> str:
    """The format that the first bytes of a file tell, empty if none."""
    if start.startswith(b"\x89HDF\r\n\x1a\n"):
        return "hdf5"
    if start.startswith(b"\x93NUMPY"):
        return "npy"
    if start[:1] == b"\x80" and start[1:2] <= b"\x05" and start[8:9] != b"{":
        return "torch"
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") < 2**40:
        return "safetensors"
    if start.startswith(b"PK\x03\x04"):
        first = start[
            30 : 30 + int.from_bytes(start[26:28], "little")
        ]  # the name of the archive's first file
        if first.endswith(b".npy"):
            return "npz"
        if first in (b"metadata.json", b"config.json", b"model.weights.h5"):
            return "keras"
        if first.endswith((b"/data.pkl", b"/version", b"/byteorder", b"/.format_version")):
            return "torch"
    return ""
