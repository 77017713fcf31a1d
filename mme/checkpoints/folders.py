"""Folders that hold one network: shards with their index, or a single file beside its configuration.

The layout is that of Hugging Face: ``model.safetensors.index.json`` or ``pytorch_model.bin.index.json`` says
which shard holds which tensor; a small network is one ``model.safetensors`` or ``pytorch_model.bin`` beside
``config.json``.
"""

from __future__ import annotations

import json
import re
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from mme.checkpoints.limits import refuse_damage
from mme.checkpoints.safetensors_files import read_safetensors
from mme.checkpoints.torch_files import read_torch
from mme.errors import InputError
from mme.weights.stored import Checkpoint, StoredTensor

__all__ = ["is_network", "read_folder", "shards_without_index"]

SINGLE = ("model.safetensors", "pytorch_model.bin")
INDEX = re.compile(r".+\.(safetensors|bin)\.index\.json")
SHARD = re.compile(r".+-\d{5}-of-\d{5}\.(safetensors|bin)")
LARGEST_INDEX = 100_000_000


def is_network(folder: Path) -> bool:
    """Whether a folder is one network: it has an index, or a single file of weights and a configuration.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     is_network(Path(folder))
    False
    """
    return bool(_indices(folder)) or _single(folder) is not None


def shards_without_index(folder: Path) -> str:
    """Return the name of a shard in a folder that has no index; empty if there is none.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     (Path(folder) / "model-00001-of-00002.safetensors").touch()
    ...     shards_without_index(Path(folder))
    'model-00001-of-00002.safetensors'
    """
    shards = sorted(entry.name for entry in folder.iterdir() if SHARD.fullmatch(entry.name))
    return "" if not shards or _indices(folder) else shards[0]


def read_folder(path: Path) -> Checkpoint:
    """Open a folder that holds one network; its name is the folder's.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Checkpoint

    Raises
    ------
    InputError
        If the folder is no network, a shard is missing, or the index is broken or leads out of the folder.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from safetensors.numpy import save_file
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "net"
    ...     path.mkdir()
    ...     save_file({"fc.weight": np.eye(2)}, path / "one.safetensors")
    ...     index = {"weight_map": {"fc.weight": "one.safetensors"}}
    ...     _ = (path / "model.safetensors.index.json").write_text(json.dumps(index))
    ...     read_folder(path)
    Checkpoint('net', safetensors: 1 tensors)
    """
    with refuse_damage(path, "folder"):
        indices, single = _indices(path), _single(path)
        shard = shards_without_index(path)
    name = path.resolve().name
    if indices:
        return _sharded(path, _one_of(path, indices), name)
    if single is not None:
        network = _read(single)
        return Checkpoint(name, network.format, network.values())
    if shard:
        index = re.sub(r"-\d{5}-of-\d{5}", "", shard) + ".index.json"
        raise InputError(
            f"{path} holds {shard}, a part of a network, but no index of its parts; put {index} beside it."
        )
    raise InputError(
        f"{path} is a folder, but not of one network: it has neither an index (model.safetensors.index.json) "
        "nor model.safetensors beside config.json; name a checkpoint in it."
    )


def _indices(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if INDEX.fullmatch(entry.name))


def _single(folder: Path) -> Path | None:
    if not (folder / "config.json").is_file():
        return None
    return next((folder / name for name in SINGLE if (folder / name).is_file()), None)


def _one_of(folder: Path, indices: list[Path]) -> Path:
    """Prefer the usual name, then safetensors; they hold the same weights where both are there."""
    for name in SINGLE:
        if folder / f"{name}.index.json" in indices:
            return folder / f"{name}.index.json"
    if len(indices) > 1:
        named = ", ".join(index.name for index in indices)
        raise InputError(
            f"{folder} has several indices ({named}); keep the one that is meant in a folder of its own."
        )
    return indices[0]


def _sharded(folder: Path, index: Path, name: str) -> Checkpoint:
    weight_map = _weight_map(index)
    shards: dict[str, Checkpoint] = {}
    for file in sorted(set(weight_map.values())):
        _require_inside(index, file)
        if not (folder / file).is_file():
            raise InputError(f"{folder} lacks {file}, a part of the network that {index.name} lists.")
        shards[file] = _read(folder / file)
    tensors: list[StoredTensor] = []
    for tensor, file in weight_map.items():
        if tensor not in shards[file]:
            raise InputError(
                f"{folder / file} lacks the tensor {tensor!r}, which {index.name} says it holds."
            )
        tensors.append(shards[file][tensor])
    formats = {shard.format for shard in shards.values()}
    return Checkpoint(name, " and ".join(sorted(formats)), tensors)


def _weight_map(index: Path) -> dict[str, str]:
    with refuse_damage(index, "index of shards"):
        if index.stat().st_size > LARGEST_INDEX:
            raise ValueError("it is larger than any index")
        content: Any = json.loads(index.read_bytes())
        weight_map = content.get("weight_map") if isinstance(content, dict) else None
        if not isinstance(weight_map, dict) or not all(isinstance(file, str) for file in weight_map.values()):
            raise ValueError("it has no 'weight_map' from tensors to files")
        if not weight_map:
            raise ValueError("it lists no tensors")
    return weight_map


def _require_inside(index: Path, file: str) -> None:
    posix, windows = PurePosixPath(file), PureWindowsPath(file)
    is_outside = posix.is_absolute() or bool(windows.anchor) or ".." in (*posix.parts, *windows.parts)
    if is_outside or "\0" in file:
        raise InputError(f"{index} names {file!r}, a file outside the folder; it was not opened.")


def _read(file: Path) -> Checkpoint:
    return read_safetensors(file) if file.suffix == ".safetensors" else read_torch(file)
