"""Open a network on disk, whatever its format; find the networks of a folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from mme.arguments import of_type
from mme.checkpoints.folders import OF_TRAINERS, PARTS, SHARD, mark_second_format, network_of, read_folder
from mme.checkpoints.formats import ENDINGS, FORMATS, content_of, read_file
from mme.checkpoints.limits import NoNetwork, refuse_damage
from mme.errors import InputError
from mme.weights.effective import effective_weights
from mme.weights.stored import Checkpoint

__all__ = ["checkpoints_in", "open_checkpoint", "search"]

# A file of such a name should be a network: if it is none, that is said when it is opened.
PROMISING = tuple(ending for ending in ENDINGS if ending != ".bin")


def open_checkpoint(path: Path | str, which: str | None = None) -> Checkpoint:
    """Return the weights that a network on disk computes with; they stay there until they are read.

    Parameters
    ----------
    path : Path or str
        A file of torch, safetensors, ONNX, Keras or NumPy, told by its content and not by its name; or a
        folder that is one network: shards with their index, a trainer's checkpoint, a LoRA adapter.
    which : str, optional
        Which set of weights, where a file holds moving averages beside the weights.

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
    of_type("path", path, (str, os.PathLike), "a path")
    path = Path(path)
    if SHARD.fullmatch(path.name) and "-00001-of-00001." not in path.name:
        raise InputError(f"{path} is a part of a network; give the folder of all its parts.")
    with refuse_damage(path, "checkpoint"):
        stored = read_folder(path) if path.is_dir() else read_file(path)
        mark_second_format(stored, path if path.is_dir() else path.parent)
    weights = effective_weights(stored, which=which)
    if all(len(tensor.shape) < 2 for tensor in weights.values()):
        raise NoNetwork(f"{path} holds no weight tensor of two or more axes, so no layer.")
    return weights


def checkpoints_in(folder: Path | str) -> list[Path]:
    """Return the networks of a `folder`, at any depth: files by content, and folders that are one network.

    They come in the order of their names, numbers by size: ``checkpoint-500`` before ``checkpoint-1000``.
    None is opened. Hidden files do not count, nor does what trainers keep beside a network, such as
    ``optimizer.pt``.

    Raises
    ------
    InputError
        If there is no such folder, or no network in it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("net10.pt", "net9.npz", "notes.txt"):
    ...         (Path(folder) / name).touch()
    ...     [path.name for path in checkpoints_in(folder)]
    ['net9.npz', 'net10.pt']
    """
    of_type("folder", folder, (str, os.PathLike), "a path")
    return search(Path(folder))[0]


def search(folder: Path) -> tuple[list[Path], dict[Path, str]]:
    """Return the networks of a folder, at any depth, and the files that are none, each with the reason."""
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}.")
    with refuse_damage(folder, "folder"):
        found = dict(_looked_at(folder, set()))
    passed_over = {path: reason for path, reason in found.items() if reason}
    if len(passed_over) == len(found):
        right = f"the formats that are read are {', '.join(FORMATS)}"
        raise InputError(f"{folder} holds no checkpoint, and {len(found)} other files; {right}.")
    return [path for path in found if path not in passed_over], passed_over


def _looked_at(folder: Path, walked: set[Path]) -> Iterator[tuple[Path, str]]:
    """Yield networks, with no reason, and other files, with the reason why they are none."""
    if folder.resolve() in walked:  # links may lead in a circle
        return
    try:
        is_one, entries = bool(network_of(folder)), sorted(folder.iterdir(), key=_in_order)
    except InputError:
        if not walked:
            raise
        yield folder, "a folder that cannot be read"
        return
    walked.add(folder.resolve())
    if is_one:
        yield folder, ""
    for entry in entries:
        if entry.name.startswith(".") or (is_one and PARTS.fullmatch(entry.name)):
            continue
        if os.path.isdir(entry):  # unlike pathlib's of Python 3.11, it bears what may not be looked at
            yield from _looked_at(entry, walked)
        elif os.path.isfile(entry):
            yield entry, _no_network(entry) or ("beside the network that is its folder" if is_one else "")
        else:
            yield entry, "no file, or a link that leads nowhere"


def _in_order(path: Path) -> list[str | int]:
    parts = re.split(r"(\d+)", path.name)
    return [int(part) if number % 2 else part for number, part in enumerate(parts)]


def _no_network(file: Path) -> str:
    """Why a file is no network; empty if it is one, or should be one: what is wrong is said on opening it."""
    if OF_TRAINERS.fullmatch(file.name):
        return "what a trainer keeps beside the network"
    try:
        content = content_of(file)
    except InputError:
        return ""
    return "" if content in FORMATS or file.name.lower().endswith(PROMISING) else content
