"""Folders that hold one network, as Hugging Face's libraries write them.

``model.safetensors.index.json`` or ``pytorch_model.bin.index.json`` says which shard holds which tensor; a
small network is one ``model.safetensors`` or ``pytorch_model.bin`` beside ``config.json`` or beside what a
trainer keeps; a LoRA adapter is ``adapter_model.safetensors`` or ``.bin`` beside ``adapter_config.json``.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from mme.checkpoints.formats import read_file
from mme.checkpoints.limits import refuse_damage
from mme.errors import InputError
from mme.weights.stored import Checkpoint, StoredTensor

__all__ = ["OF_TRAINERS", "PARTS", "is_network", "read_folder"]

SINGLE = ("model.safetensors", "pytorch_model.bin")
ADAPTER = ("adapter_model.safetensors", "adapter_model.bin")
INDEX = re.compile(r".+\.(safetensors|bin)\.index\.json")
SHARD = re.compile(r".+-\d{5}-of-\d{5}\.(safetensors|bin)")
PARTS = re.compile(rf"{'|'.join(map(re.escape, SINGLE + ADAPTER))}|{INDEX.pattern}|{SHARD.pattern}")
"""The files that such a network consists of."""
OF_TRAINERS = re.compile(
    r"(optimizer|scheduler|scaler|rng_state|random_states|training_args|trainer_state)(_\d+)*\.\w+|.*_optim_states\.pt"
)
"""What trainers keep beside a network: it holds tensors, too, but none that the network computes with."""
LARGEST_JSON = 100_000_000


def is_network(folder: Path) -> bool:
    """Whether a folder is one network, or a part of one whose index is missing."""
    names = _names(folder)
    return bool(_indices(names) or _single(names) or any(map(SHARD.fullmatch, names)))


def read_folder(path: Path) -> Checkpoint:
    """Open a folder that holds one network, with the tensors as they are stored; its name is the folder's."""
    names = _names(path)
    if indices := _indices(names):
        return _sharded(path, path / _one_of(path, indices))
    if file := _single(names):
        stored = read_file(path / file)
        scale = _lora_scale(path / "adapter_config.json") if file in ADAPTER else None
        return Checkpoint(path.resolve().name, stored.format, stored.values(), lora_scale=scale)
    if shard := next(filter(SHARD.fullmatch, names), ""):
        index = re.sub(r"-\d{5}-of-\d{5}", "", shard) + ".index.json"
        raise InputError(
            f"{path} holds {shard}, a part of a network, but no index of its parts; put {index} beside it."
        )
    raise InputError(
        f"{path} is a folder, but not of one network: it has neither an index (model.safetensors.index.json) "
        "nor model.safetensors beside config.json; name a checkpoint in it."
    )


def _names(folder: Path) -> list[str]:
    with refuse_damage(folder, "folder"):
        return sorted(entry.name for entry in folder.iterdir())


def _indices(names: list[str]) -> list[str]:
    return [name for name in names if INDEX.fullmatch(name)]


def _single(names: list[str]) -> str:
    """The one file that is the network; empty if there is none."""
    if "config.json" in names or any(map(OF_TRAINERS.fullmatch, names)):
        for name in SINGLE:
            if name in names:
                return name
    return next((name for name in ADAPTER if name in names and "adapter_config.json" in names), "")


def _one_of(folder: Path, indices: list[str]) -> str:
    """Prefer the usual name, then safetensors; they hold the same weights where both are there."""
    for name in SINGLE:
        if f"{name}.index.json" in indices:
            return f"{name}.index.json"
    if len(indices) > 1:
        raise InputError(
            f"{folder} has several indices ({', '.join(indices)}); keep the one that is meant in a folder of "
            "its own."
        )
    return indices[0]


def _sharded(folder: Path, index: Path) -> Checkpoint:
    weight_map = _json(index, "index of shards").get("weight_map")
    if (
        not isinstance(weight_map, dict)
        or not weight_map
        or not all(isinstance(file, str) for file in weight_map.values())
    ):
        raise InputError(f"{index} is no readable index of shards: it has no 'weight_map' from tensors to files.")
    shards: dict[str, Checkpoint] = {}
    for file in sorted(set(weight_map.values())):
        _require_inside(index, file)
        if not (folder / file).is_file():
            raise InputError(f"{folder} lacks {file}, a part of the network that {index.name} lists.")
        shards[file] = read_file(folder / file)
    tensors: list[StoredTensor] = []
    for tensor, file in weight_map.items():
        if tensor not in shards[file]:
            raise InputError(
                f"{folder / file} lacks the tensor {tensor!r}, which {index.name} says it holds."
            )
        tensors.append(shards[file][tensor])
    formats = sorted({shard.format for shard in shards.values()})
    return Checkpoint(folder.resolve().name, " and ".join(formats), tensors)


def _require_inside(index: Path, file: str) -> None:
    posix, windows = PurePosixPath(file), PureWindowsPath(file)
    is_outside = posix.is_absolute() or bool(windows.anchor) or ".." in (*posix.parts, *windows.parts)
    if is_outside or "\0" in file:
        raise InputError(f"{index} names {file!r}, a file outside the folder; it was not opened.")


def _lora_scale(config: Path) -> dict[str, float]:
    """The factor of B A in each module, by the patterns of PEFT's configuration: alpha/r, or alpha/√r."""
    said = _json(config, "configuration of an adapter")
    with refuse_damage(config, "configuration of an adapter"):
        alphas, ranks = dict(said.get("alpha_pattern") or {}), dict(said.get("rank_pattern") or {})
        alphas[""], ranks[""] = said["lora_alpha"], said["r"]  # for every other module
        root = math.sqrt if said.get("use_rslora") else float
        return {
            pattern: float(alphas.get(pattern, alphas[""])) / root(ranks.get(pattern, ranks[""]))
            for pattern in dict.fromkeys([*alphas, *ranks])
            if pattern
        } | {"": float(alphas[""]) / root(ranks[""])}


def _json(path: Path, kind: str) -> dict[str, Any]:
    with refuse_damage(path, kind):
        if path.stat().st_size > LARGEST_JSON:
            raise ValueError("it is too large")
        content = json.loads(path.read_bytes())
        if not isinstance(content, dict):
            raise ValueError("it is no JSON object")
    return content
