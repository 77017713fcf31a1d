"""The argument NET: files, folders and names of hubs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from mme.checkpoints.folders import CONFIGURATIONS
from mme.checkpoints.formats import ENDINGS, content_of
from mme.checkpoints.opening import open_checkpoint, search
from mme.cli.accounts import gathered, named
from mme.cli.app import complain
from mme.errors import InputError
from mme.networks.hubs import HUBS, called, is_hub_name, open_hub
from mme.weights.stored import Checkpoint

__all__ = ["Net", "Nets", "Network", "Which", "find_nets", "from_anywhere", "open_net"]

JUST_NOW = 2.0  # seconds in which a file may change again within one tick of its clock

WHAT = (
    f"A checkpoint of any name (usually {', '.join(ENDINGS)}), "
    "a folder of shards or of an adapter, or " + ", ".join(f"{hub}:NAME" for hub in HUBS)
    + "; @untrained after a name asks for initial weights."
)
SEVERAL = WHAT + " A folder stands for all checkpoints in it."
OTHERS = "Which weights, where a file has a second set of them, such as model_ema."
Net = Annotated[str, typer.Argument(metavar="NET", help=WHAT)]
Nets = Annotated[list[str], typer.Argument(metavar="NET", help=SEVERAL)]
Which = Annotated[str | None, typer.Option(help=OTHERS)]


def open_net(name: str, *, seed: int, which: str | None = None) -> Checkpoint:
    """Open one network, from a file, a folder or a hub."""
    check_net(name)
    return open_hub(name, seed=seed, which=which) if is_hub_name(name) else open_checkpoint(Path(name), which)


def check_net(name: str) -> None:
    """Refuse a name that can be neither a file nor a network of a hub."""
    if not name:
        raise InputError("NET is empty; give a checkpoint, a folder or a network of a hub.")
    if not is_hub_name(name) and ":" in name and not Path(name).exists():
        raise InputError(f"{name} is no file, and no network of a hub; the hubs are {', '.join(HUBS)}.")


class Network(NamedTuple):
    """A network that was given or found in a folder, unopened; one that `is_required` must be readable."""

    name: str
    source: str
    is_required: bool = True

    def state(self) -> str:
        """Return what changes whenever the weights do; empty where nothing tells, and for what is new.

        A file that was replaced by another of its age and size has another time of change. A hub tells
        nothing, nor does an ONNX model, whose weights may lie in other files.
        """
        path, states, newest = Path(self.source), [], 0.0
        try:
            told = content_of(path) if path.is_file() else ""
            files = [path, *map(path.parent.joinpath, CONFIGURATIONS)] if told else sorted(path.iterdir())
        except (InputError, OSError):
            return ""
        for file in files:
            with suppress(OSError):  # absent
                found = file.stat()
                newest = max(newest, found.st_mtime, found.st_ctime)
                times = f"{found.st_mtime_ns} {found.st_ctime_ns}"
                states.append(f"{file} {found.st_ino} {found.st_size} {times}")
        return "\n".join(states) if told != "ONNX" and newest < time.time() - JUST_NOW else ""


def from_anywhere(source: str) -> str:
    """Return the name of a hub, or a path that means the same in every folder."""
    return source if is_hub_name(source) else str(Path(source).absolute())


def find_nets(names: Iterable[str]) -> list[Network]:
    """Find all networks, and those of folders, under names that differ; none is opened."""
    found: list[tuple[str, bool]] = []
    for name in names:
        if not name or is_hub_name(name) or not Path(name).is_dir():
            check_net(name)
            found.append((name, True))
            continue
        networks, passed_over = search(Path(name))
        found += [(str(each), len(networks) == 1) for each in networks]
        for reason, files in gathered((why, path) for path, why in passed_over.items()).items():
            complain(f"passed over {named(files, 1)}: {reason}.")
    times = Counter(_called(source) for source, _ in found)
    known: dict[str, Network] = {}
    for source, required in found:
        called, place = _called(source), from_anywhere(source)
        if place in known:
            raise InputError(f"{source} is given twice; name each network once.")
        known[place] = Network(called if times[called] == 1 else source, place, required)
    return list(known.values())


def _called(source: str) -> str:
    """What a network is called, before it is opened."""
    if is_hub_name(source):
        return called(source)
    path = Path(source)
    keras = path.suffix.lower() in (".h5", ".hdf5", ".keras")
    return path.resolve().name if path.is_dir() else path.stem.removesuffix(".weights" if keras else "")
