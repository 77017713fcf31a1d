"""Folders that hold one network, as Hugging Face's libraries write them: shards, single files, adapters."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import product
from pathlib import Path

from mme.checkpoints.formats import read_file
from mme.checkpoints.limits import refuse_damage
from mme.errors import InputError
from mme.weights.codes import SECOND_FORMAT
from mme.weights.stored import Checkpoint, StoredTensor

__all__ = ["OF_TRAINERS", "PARTS", "SHARD", "mark_second_format", "network_of", "read_folder"]

SINGLE = ("model.safetensors", "pytorch_model.bin")
ADAPTER = ("adapter_model.safetensors", "adapter_model.bin")
INDEX = re.compile(r".+\.(safetensors|bin)\.index\.json")
SHARD = re.compile(r".+-\d{5}-of-\d{5}\.(safetensors|bin)")
FILES = "|".join(map(re.escape, SINGLE + ADAPTER))
PARTS = re.compile(rf"{FILES}|{INDEX.pattern}|{SHARD.pattern}|(\w+_)?config\.json")
"""The files that such a network consists of."""
UNLISTED = "the index of shards does not list it there"
CONFIGURATIONS = ("config.json", "quantize_config.json")
OF_TRAINERS = re.compile(
    r"(optimizer|scheduler|scaler|rng_state|random_states|training_args|trainer_state)(_\d+)*\.\w+"
    r"|.*_optim_states\.pt"
)
"""What trainers keep beside a network: it holds tensors, too, but none that the network computes with."""


def network_of(folder: Path) -> str:
    """The file by which a folder is one network: an index, the only file, or a shard; empty if it is none."""
    with refuse_damage(folder, "folder"):
        names = sorted(entry.name for entry in folder.iterdir())
    alone = SINGLE if "config.json" in names or any(map(OF_TRAINERS.fullmatch, names)) else ()
    adapter = ADAPTER if "adapter_config.json" in names else ()
    single = [name for name in alone + adapter if name in names]
    # Several indices are of the same weights.
    return next(iter([*filter(INDEX.fullmatch, names), *single, *filter(SHARD.fullmatch, names)]), "")


def read_folder(path: Path) -> Checkpoint:
    """Open a folder that holds one network, with the tensors as they are stored."""
    file, called = network_of(path), path.resolve().name
    if INDEX.fullmatch(file):
        format = "safetensors" if ".safetensors." in file else "torch"
        return Checkpoint(called, format, _sharded(path / file))
    if SHARD.fullmatch(file):
        index = re.sub(r"-\d{5}-of-\d{5}", "", file) + ".index.json"
        raise InputError(f"{path} holds {file}, a part of a network, but no index; put {index} beside it.")
    if not file:
        neither = "neither an index (model.safetensors.index.json) nor model.safetensors beside config.json"
        raise InputError(f"{path} is a folder, but not of one network: it has {neither}; name a file in it.")
    if file in SINGLE and any((path / name).exists() for name in ADAPTER):
        raise InputError(f"{path} holds a network and an adapter; give each of them a folder of its own.")
    stored = read_file(path / file)
    scale = _lora_scale(path / "adapter_config.json") if file in ADAPTER else None
    return Checkpoint(called, stored.format, stored.values(), lora_scale=scale)


def mark_second_format(checkpoint: Checkpoint, folder: Path) -> None:
    """Give GPTQ's zeros the type of its second format, where a configuration in the folder tells it."""
    zeros = [name for name in checkpoint if name.endswith("qzeros")]
    for config in map(folder.joinpath, CONFIGURATIONS) if zeros else ():
        with refuse_damage(config, "configuration"):
            said = json.loads(config.read_bytes()) if config.is_file() else {}
            if (said.get("quantization_config") or said).get("checkpoint_format") == SECOND_FORMAT:
                types = frozenset({SECOND_FORMAT})
                checkpoint |= {name: replace(checkpoint[name], types=types) for name in zeros}


def _sharded(index: Path) -> list[StoredTensor]:
    with refuse_damage(index, "index of shards"):
        weight_map: dict[str, str] = json.loads(index.read_bytes())["weight_map"]
        if not weight_map:
            raise ValueError("it lists no tensors")
        shards = {}
        for file in dict.fromkeys(weight_map.values()):
            if re.search(r"[/\\:\0]", file):
                raise InputError(f"{index} names {file!r}, a file outside the folder; it was not opened.")
            if not (index.parent / file).is_file():
                raise InputError(f"{index.parent} lacks {file}, a part of the network in {index.name}.")
            shards[file] = read_file(index.parent / file)
    for tensor, file in weight_map.items():
        if tensor not in shards[file]:
            raise InputError(f"{index.parent / file} lacks the tensor {tensor!r}, which {index.name} lists.")
    every = [(each, file) for file, shard in shards.items() for each in shard.values()]
    others = [(each, file) for each, file in every if weight_map.get(each.name) != file]
    left_out = [replace(each, name=f"{each.name} of {file}", skip=UNLISTED) for each, file in others]
    return [shards[file][tensor] for tensor, file in weight_map.items()] + left_out


def _lora_scale(config: Path) -> dict[str, float]:
    """The factor of B A in each module, by the patterns of PEFT's configuration: alpha/r, or alpha/√r."""
    with refuse_damage(config, "configuration of an adapter"):
        said = json.loads(config.read_bytes())
        kind = said.get("peft_type", "LORA")
        if kind != "LORA":
            raise InputError(f"{config} is of an adapter of the kind {kind}; of adapters, LoRA is read.")
        alphas, ranks = said.get("alpha_pattern") or {}, said.get("rank_pattern") or {}
        power = 0.5 if said.get("use_rslora") else 1.0
        for one, other in product(alphas, ranks):
            if one != other and (one.endswith(other) or other.endswith(one)):
                found = f"{one!r} in alpha_pattern and {other!r} in rank_pattern"
                unknown = "which does not tell the scale of one adapter"
                raise InputError(f"{config} has {found}, {unknown}; give both the same key.")

        def factor(pattern: str) -> float:
            alpha, rank = alphas.get(pattern, said["lora_alpha"]), ranks.get(pattern, said["r"])
            return float(float(alpha) / float(rank) ** power)

        return {pattern: factor(pattern) for pattern in (*alphas, *ranks, "")}  # the last fits all others
