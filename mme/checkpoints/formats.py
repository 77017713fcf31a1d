"""What a file holds is told by its content and never by its name; each format has its reader."""

from __future__ import annotations

import string
import zipfile
from collections.abc import Callable
from pathlib import Path

from mme.checkpoints.limits import NoNetwork, refuse_damage
from mme.checkpoints.numpy_files import read_npy, read_npz
from mme.checkpoints.safetensors_files import read_safetensors
from mme.checkpoints.torch_files import read_torch
from mme.errors import InputError
from mme.weights.stored import Checkpoint

__all__ = ["ENDINGS", "format_of", "read_file"]

ENDINGS: dict[str, tuple[str, ...]] = {
    "torch": (".pt", ".pth", ".ckpt", ".bin", ".th", ".pth.tar"),
    "safetensors": (".safetensors",),
    "ONNX": (".onnx",),
    "Keras": (".keras",),
    "HDF5": (".h5", ".hdf5"),
    "npz": (".npz",),
    "npy": (".npy",),
}
"""The formats that are read, and how such files are usually called."""

TORCH_BEFORE_1_6 = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"  # a pickle of torch's magic number
# How an ONNX model begins: with its version, at least 3, and the field after it. Protobuf has no signature.
ONNX_VERSIONS, ONNX_FIELDS = range(3, 64), b"\x12\x1a\x22\x28\x32\x3a\x42\x72"
OTHERS = {
    b"version https://git-lfs": "is a pointer of Git LFS and not the file itself; fetch it by git lfs pull",
    b"\x1f\x8b": "is compressed by gzip; unpack it first",
    b"BZh": "is compressed by bzip2; unpack it first",
    b"\xfd7zXZ": "is compressed by xz; unpack it first",
    b"(\xb5/\xfd": "is compressed by zstd; unpack it first",
    b"GGUF": "is a GGUF file, which is not read; give the checkpoint that it was made from",
}


def read_file(path: Path) -> Checkpoint:
    """Open a file by what it holds, with the tensors as they are stored there."""
    if not path.exists():
        raise InputError(f"there is no file or folder {path}.")
    if not path.is_file():
        raise InputError(f"{path} is neither a file nor a folder.")
    return READERS[format_of(path)](path)


def format_of(path: Path) -> str:
    """Tell the format of a file, a key of `ENDINGS`, by its first bytes; NoNetwork says what else it is."""
    with refuse_damage(path, "file"), path.open("rb") as file:
        start = file.read(512)
    if start.startswith(b"PK\x03\x04"):
        return _format_of_zip(path)
    if start.startswith(b"\x89HDF\r\n\x1a\n"):
        return "HDF5"
    if start.startswith(b"\x93NUMPY"):
        return "npy"
    if start[:1] == b"\x80" and TORCH_BEFORE_1_6 in start[:32]:
        return "torch"
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") < 2**40:
        return "safetensors"
    if len(start) > 2 and start[0] == 8 and start[1] in ONNX_VERSIONS and start[2] in ONNX_FIELDS:
        return "ONNX"
    raise_if_known(path, start)
    if path.suffix.lower() == ".onnx":
        return "ONNX"
    raise NoNetwork(f"{path} is of no format that is read; those are {', '.join(ENDINGS)}.")


def raise_if_known(path: Path, start: bytes) -> None:
    """Say what a file is that holds no network."""
    if not start:
        raise NoNetwork(f"{path} is empty; it may be a download that failed.")
    for signature, words in OTHERS.items():
        if start.startswith(signature):
            raise NoNetwork(f"{path} {words}.")
    if start[257:262] == b"ustar":
        raise NoNetwork(f"{path} is a tar archive, of torch before 0.1.10 or of files; unpack or convert it.")
    if start[:1] == b"\x80" and start[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        raise NoNetwork(f"{path} is a pickle that torch.save did not write; it was not loaded.")
    if all(byte in string.printable.encode() for byte in start):
        raise NoNetwork(
            f"{path} holds text and no weights; it may be a page that was saved instead of the file."
        )


def _format_of_zip(path: Path) -> str:
    with refuse_damage(path, "zip archive"), zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
    if "model.weights.h5" in names:
        return "Keras"
    if {"data.pkl", "constants.pkl", "archive_format"} & {name.partition("/")[2] for name in names}:
        return "torch"
    if any(name.endswith(".npy") for name in names):
        return "npz"
    raise NoNetwork(f"{path} is a zip archive without a network in it.")


def _read_onnx(path: Path) -> Checkpoint:
    from mme.checkpoints.onnx_files import read_onnx

    return read_onnx(path)


def _read_keras(path: Path) -> Checkpoint:
    from mme.checkpoints.keras_files import read_keras

    return read_keras(path)


READERS: dict[str, Callable[[Path], Checkpoint]] = {
    "torch": read_torch,
    "safetensors": read_safetensors,
    "ONNX": _read_onnx,
    "Keras": _read_keras,
    "HDF5": _read_keras,
    "npz": read_npz,
    "npy": read_npy,
}
