"""Folders that hold one network, as Hugging Face's libraries write them.

``model.safetensors.index.json`` or ``pytorch_model.bin.index.json`` says which shard holds which tensor; a
small network is one ``model.safetensors`` or ``pytorch_model.bin`` beside ``config.json`` or beside what a
trainer keeps; a LoRA adapter is ``adapter_model.safetensors`` or ``.bin`` beside ``adapter_config.json``.
"""

from __future__ import annotations

import json
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
    r"(optimizer|scheduler|scaler|rng_state|random_states|training_args|trainer_state)(_\d+)*\.\w+"
    r"|.*_optim_states\.pt"
)
"""What trainers keep beside a network: it holds tensors, too, but none that the network computes with."""
LARGEST_JSON = 100_000_000


def is_network(folder: Path) -> bool:
    """Whether a folder is one network, or holds a part of one."""
    names = _names(folder)
    return bool(_single(names)) or any(INDEX.fullmatch(name) or SHARD.fullmatch(name) for name in names)


def read_folder(path: Path) -> Checkpoint:
    """Open a folder that holds one network, with the tensors as they are stored; its name is the folder's."""
    names, called = _names(path), path.resolve().name
    if index := next(filter(INDEX.fullmatch, names), ""):  # several are of the same weights
        tensors = _sharded(path, path / index)
        return Checkpoint(called, "safetensors" if ".safetensors." in index else "torch", tensors)
    if file := _single(names):
        stored = read_file(path / file)
        scale = _lora_scale(path / "adapter_config.json") if file in ADAPTER else None
        return Checkpoint(called, stored.format, stored.values(), lora_scale=scale)
    if shard := next(filter(SHARD.fullmatch, names), ""):
        index = re.sub(r"-\d{5}-of-\d{5}", "", shard) + ".index.json"
        raise InputError(f"{path} holds {shard}, a part of a network, but no index; put {index} beside it.")
    raise InputError(
        f"{path} is a folder, but not of one network: it has neither an index (model.safetensors.index.json) "
        "nor model.safetensors beside config.json; name a checkpoint in it."
    )


def _names(folder: Path) -> list[str]:
    with refuse_damage(folder, "folder"):
        return sorted(entry.name for entry in folder.iterdir())


def _single(names: list[str]) -> str:
    """The one file that is the network; empty if there is none."""
    alone = SINGLE if "config.json" in names or any(map(OF_TRAINERS.fullmatch, names)) else ()
    adapter = ADAPTER if "adapter_config.json" in names else ()
    return next((name for name in alone + adapter if name in names), "")


def _sharded(folder: Path, index: Path) -> list[StoredTensor]:
    weight_map = _json(index, "index of shards").get("weight_map")
    is_map = isinstance(weight_map, dict) and all(isinstance(file, str) for file in weight_map.values())
    if not weight_map or not is_map:
        raise InputError(f"{index} is no readable index of shards: it has no 'weight_map' to files.")
    shards: dict[str, Checkpoint] = {}
    for tensor, file in weight_map.items():
        if file not in shards:
            _require_inside(index, file)
            shards[file] = read_file(folder / file)
        if tensor not in shards[file]:
            raise InputError(f"{folder / file} lacks the tensor {tensor!r}, which {index.name} lists.")
    return [shards[file][tensor] for tensor, file in weight_map.items()]


def _require_inside(index: Path, file: str) -> None:
    posix, windows = PurePosixPath(file), PureWindowsPath(file)
    is_outside = posix.is_absolute() or bool(windows.anchor) or ".." in (*posix.parts, *windows.parts)
    if is_outside or "\0" in file:
        raise InputError(f"{index} names {file!r}, a file outside the folder; it was not opened.")
    if not (index.parent / file).is_file():
        raise InputError(f"{index.parent} lacks {file}, a part of the network that {index.name} lists.")


def _lora_scale(config: Path) -> dict[str, float]:
    """The factor of B A in each module, by the patterns of PEFT's configuration: alpha/r, or alpha/√r."""
    said = _json(config, "configuration of an adapter")
    with refuse_damage(config, "configuration of an adapter"):
        alpha, alphas = float(said["lora_alpha"]), dict(said.get("alpha_pattern") or {})
        rank, ranks = float(said["r"]), dict(said.get("rank_pattern") or {})
        power = 0.5 if said.get("use_rslora") else 1.0
        return {
            pattern: float(alphas.get(pattern, alpha)) / float(ranks.get(pattern, rank)) ** power
            for pattern in dict.fromkeys((*alphas, *ranks, ""))  # the last is for every other module
        }


def _json(path: Path, kind: str) -> dict[str, Any]:
    with refuse_damage(path, kind):
        if path.stat().st_size > LARGEST_JSON:
            raise ValueError("it is too large")
        content = json.loads(path.read_bytes())
        if not isinstance(content, dict):
            raise ValueError("it is no JSON object")
    return content
