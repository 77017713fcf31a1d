"""The argument NET: files, folders and names of hubs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from mme.checkpoints.formats import ENDINGS
from mme.checkpoints.limits import NoNetwork
from mme.checkpoints.opening import checkpoints_in, open_checkpoint
from mme.cli.app import complain
from mme.errors import InputError
from mme.networks.hubs import HUBS, is_hub_name, open_hub
from mme.weights.stored import Checkpoint

__all__ = ["Net", "Nets", "open_net", "open_nets"]

WHAT = (
    f"A checkpoint of any name (usually {', '.join(ENDINGS)}), "
    "a folder of shards or of an adapter, or " + ", ".join(f"{hub}:NAME" for hub in HUBS)
    + "; @untrained after a name asks for initial weights."
)
Net = Annotated[str, typer.Argument(metavar="NET", help=WHAT)]
Nets = Annotated[
    list[str], typer.Argument(metavar="NET...", help=WHAT + " A folder stands for all checkpoints in it.")
]


def open_net(name: str, *, seed: int) -> Checkpoint:
    """Open one network.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    if not name:
        raise InputError("NET is empty; give a checkpoint, a folder or a network of a hub.")
    if is_hub_name(name):
        return open_hub(name, seed=seed)
    if ":" in name and not Path(name).exists():
        raise InputError(f"{name} is no file, and no network of a hub; the hubs are {', '.join(HUBS)}.")
    return open_checkpoint(Path(name))


def open_nets(names: Iterable[str], *, seed: int) -> tuple[dict[str, Checkpoint], bool]:
    """Open all networks, and those of folders.

    Returns
    -------
    (mapping of names to Checkpoint, bool)
        Names are short where they differ. The flag tells whether a file of a folder could not be read; a
        sentence has said why.

    Raises
    ------
    InputError
        If a network that was named cannot be read, or there is none.
    """
    found: list[tuple[str, Checkpoint]] = []
    complete = True
    for name in names:
        if not name or is_hub_name(name) or not Path(name).is_dir():
            found.append((name, open_net(name, seed=seed)))
            continue
        inside = checkpoints_in(name)
        for each in inside:
            try:
                found.append((str(each), open_checkpoint(each)))
            except InputError as error:
                if len(inside) == 1:
                    raise
                complain(error)
                complete = complete and isinstance(error, NoNetwork)
    if not found:
        raise InputError(f"there is no checkpoint that can be read in {', '.join(names)}.")
    short = [checkpoint.name for _, checkpoint in found]
    named: dict[str, Checkpoint] = {}
    for (given, checkpoint), called in zip(found, short, strict=True):
        unique = called if short.count(called) == 1 else given
        if unique in named:
            raise InputError(f"{given} is given twice; name each network once.")
        named[unique] = checkpoint
    return named, complete
