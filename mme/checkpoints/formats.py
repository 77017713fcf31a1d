"""What a file holds is told by its content and never by its name; each format has its reader."""

from __future__ import annotations

import string
import zipfile
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from mme.checkpoints.limits import NoNetwork, refuse_damage
from mme.errors import InputError
from mme.extras import required
from mme.weights.stored import Checkpoint

__all__ = ["ENDINGS", "FORMATS", "content_of", "read_file"]


class Format(NamedTuple):
    """A module of this folder and its reader, how such files usually end, and a library with its extra."""

    module: str
    reader: str
    endings: str
    library: tuple[str, str] | None = None


FORMATS = {
    "torch": Format("torch_files", "read_torch", ".pt .pth .ckpt .bin .th .pth.tar", ("torch", "torch")),
    "safetensors": Format("safetensors_files", "read_safetensors", ".safetensors"),
    "ONNX": Format("onnx_files", "read_onnx", ".onnx", ("onnx", "checkpoints")),
    "Keras": Format("keras_files", "read_keras", ".keras", ("h5py", "checkpoints")),
    "HDF5": Format("keras_files", "read_keras", ".h5 .hdf5", ("h5py", "checkpoints")),
    "npz": Format("numpy_files", "read_npz", ".npz"),
    "npy": Format("numpy_files", "read_npy", ".npy"),
}
ENDINGS = tuple(ending for each in FORMATS.values() for ending in each.endings.split())
TORCH_BEFORE_1_6 = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"  # a pickle of torch's magic number
# An ONNX model begins with its version and a further field; protobuf has no signature.
ONNX_VERSIONS, ONNX_FIELDS = range(3, 64), b"\x12\x1a\x22\x28\x32\x3a\x42\x72"
COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"(\xb5/\xfd": "zstd"}
BEGINNINGS = {
    b"\x89HDF\r\n\x1a\n": "HDF5",
    b"\x93NUMPY": "npy",
    **{begin: f"is compressed by {program}; unpack it first" for begin, program in COMPRESSED.items()},
    b"version https://git-lfs": "is a pointer of Git LFS and not the file itself; fetch it by git lfs pull",
    b"GGUF": "is a GGUF file, which is not read; give the checkpoint that it was made from",
    b"\x80": "is a pickle that torch.save did not write; it was not loaded",
    b"PK\x05\x06": "is an archive without anything in it",
}


def read_file(path: Path) -> Checkpoint:
    """Open a file by what it holds, with the tensors as they are stored there."""
    if not path.is_file():  # nor a pipe, which would be waited for
        raise InputError(f"there is no file or folder {path}.")
    found = content_of(path)
    if found not in FORMATS:
        raise NoNetwork(f"{path} {found}.")
    told = FORMATS[found]
    if told.library:
        required(*told.library, f"reading {path}")
    checkpoint: Checkpoint = getattr(import_module(f"mme.checkpoints.{told.module}"), told.reader)(path)
    return checkpoint


def content_of(path: Path) -> str:
    """Tell what a file holds by its first bytes: a key of `FORMATS`, or in words why it is no network."""
    with refuse_damage(path, "file"), path.open("rb") as file:
        start = file.read(512)
        if start.startswith(b"PK\x03\x04"):
            return _content_of_zip(zipfile.ZipFile(file).namelist())
    if start[:1] == b"\x80" and TORCH_BEFORE_1_6 in start[:32]:
        return "torch"
    if start[8:9] == b"{" and int.from_bytes(start[:8], "little") < 2**40:
        return "safetensors"
    if len(start) > 2 and start[0] == 8 and start[1] in ONNX_VERSIONS and start[2] in ONNX_FIELDS:
        return "ONNX"
    if known := [content for begin, content in BEGINNINGS.items() if start.startswith(begin)]:
        return known[0]
    if start[257:262] == b"ustar":
        return "is a tar archive, of files or of torch before 0.1.10; unpack or convert it"
    if start and all(byte in string.printable.encode() for byte in start):
        return "holds text and no weights; it may be a page that was saved in its place"
    if start:
        return f"is of no format that is read; those are {', '.join(FORMATS)}"
    return "is empty; it may be a download that failed"


def _content_of_zip(names: list[str]) -> str:
    if "model.weights.h5" in names:
        return "Keras"
    if {"data.pkl", "constants.pkl", "archive_format"} & {name.partition("/")[2] for name in names}:
        return "torch"
    if any(name.endswith(".npy") for name in names):
        return "npz"
    return "is a zip archive without a network in it"
