"""Open a network on disk, whatever its format; find the networks of a folder."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from mme.checkpoints.folders import OF_TRAINERS, PARTS, is_network, read_folder
from mme.checkpoints.formats import ENDINGS, FORMATS, format_of, read_file
from mme.checkpoints.limits import NoNetwork, refuse_damage
from mme.errors import InputError
from mme.weights.effective import effective_weights
from mme.weights.stored import Checkpoint

__all__ = ["Found", "checkpoints_in", "open_checkpoint", "search"]

MOST_FILES = 100_000
# A file of such a name should be a network: if it is none, that is said when it is opened.
PROMISING = tuple(ending for ending in ENDINGS if ending != ".bin")


def open_checkpoint(path: Path | str, which: str | None = None) -> Checkpoint:
    """Open a network on disk; its weights stay there until they are read.

    Parameters
    ----------
    path : Path or str
        A file of torch, safetensors, ONNX, Keras or NumPy, told by its content and not by its name; or a
        folder that is one network: shards with their index, a trainer's checkpoint, a LoRA adapter.
    which : str, optional
        Which set of weights, where a file holds moving averages beside the weights.

    Returns
    -------
    Checkpoint
        The weights that the network computes with, for `mme.ensembles.layer_matrix_ensemble`.

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
        stored = read_folder(path) if path.is_dir() else read_file(path)
    weights = effective_weights(stored, which=which)
    if all(len(tensor.shape) < 2 for tensor in weights.values()):
        raise NoNetwork(f"{path} holds no weight tensor of two or more axes, so no layer.")
    return weights


def checkpoints_in(folder: Path | str) -> list[Path]:
    """Find the networks of a folder, at any depth: files by their content, and folders that are one network.

    Parameters
    ----------
    folder : Path or str

    Returns
    -------
    list of Path
        In the order of their names, numbers by size: ``checkpoint-500`` before ``checkpoint-1000``. None was
        opened. Hidden files do not count, nor does what trainers keep beside a network, such as
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
    found = search(Path(folder))
    if not found.networks:
        raise InputError(
            f"{folder} holds no checkpoint, and {len(found.passed_over)} other files; the formats that are "
            f"read are {', '.join(FORMATS)}."
        )
    return found.networks


@dataclass(frozen=True)
class Found:
    """The networks of a folder, and the files that are none, each with the reason."""

    networks: list[Path] = field(default_factory=list)
    passed_over: dict[Path, str] = field(default_factory=dict)


def search(folder: Path) -> Found:
    """Look at the first bytes of every file of a folder, at any depth."""
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}.")
    found = Found()
    with refuse_damage(folder, "folder"):
        _search(folder, found, set())
    return found


def _search(folder: Path, found: Found, walked: set[tuple[int, int]]) -> None:
    place = folder.stat()
    if (place.st_dev, place.st_ino) in walked:  # links may lead in a circle
        return
    walked.add((place.st_dev, place.st_ino))
    inside = sorted((entry for entry in folder.iterdir() if not entry.name.startswith(".")), key=_in_order)
    is_one = is_network(folder)
    if is_one:
        found.networks.append(folder)
    for entry in inside:
        if entry.is_dir():
            _search(entry, found, walked)
        elif entry.is_file() and not (is_one and PARTS.fullmatch(entry.name)):
            reason = _no_network(entry) or ("beside the network that is its folder" if is_one else "")
            if reason:
                found.passed_over[entry] = reason
            else:
                found.networks.append(entry)
    if len(found.networks) + len(found.passed_over) > MOST_FILES:
        raise InputError(f"{folder} lies among more than {MOST_FILES} files; name a folder with fewer.")


def _no_network(file: Path) -> str:
    """Why a file is no network; empty if it is one, or should be one by its name."""
    if OF_TRAINERS.fullmatch(file.name):
        return "what a trainer keeps beside the network"
    try:
        format_of(file)
    except NoNetwork as error:
        if not file.name.lower().endswith(PROMISING):
            return str(error).removeprefix(f"{file} ").rstrip(".")
    except InputError:  # damaged: to be said when it is opened
        pass
    return ""


def _in_order(path: Path) -> list[str | int]:
    parts = re.split(r"(\d+)", path.name)
    return [int(part) if number % 2 else part for number, part in enumerate(parts)]
