"""The argument NET: files, folders and names of hubs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from mme.checkpoints.formats import ENDINGS
from mme.checkpoints.limits import NoNetwork
from mme.checkpoints.opening import open_checkpoint, search
from mme.cli.accounts import gathered
from mme.cli.app import complain
from mme.errors import InputError
from mme.networks.hubs import HUBS, is_hub_name, open_hub
from mme.weights.stored import Checkpoint

__all__ = ["Net", "Nets", "Which", "open_net", "open_nets"]

WHAT = (
    f"A checkpoint of any name (usually {', '.join(ENDINGS)}), "
    "a folder of shards or of an adapter, or " + ", ".join(f"{hub}:NAME" for hub in HUBS)
    + "; @untrained after a name asks for initial weights."
)
Net = Annotated[str, typer.Argument(metavar="NET", help=WHAT)]
Nets = Annotated[
    list[str], typer.Argument(metavar="NET...", help=WHAT + " A folder stands for all checkpoints in it.")
]
Which = Annotated[
    str | None,
    typer.Option(help="Which weights, where a file has a second set of them, such as model_ema."),
]


def open_net(name: str, *, seed: int, which: str | None = None) -> Checkpoint:
    """Open one network, from a file, a folder or a hub."""
    if not name:
        raise InputError("NET is empty; give a checkpoint, a folder or a network of a hub.")
    if is_hub_name(name):
        return open_hub(name, seed=seed, which=which)
    if ":" in name and not Path(name).exists():
        raise InputError(f"{name} is no file, and no network of a hub; the hubs are {', '.join(HUBS)}.")
    return open_checkpoint(Path(name), which)


def open_nets(
    names: Iterable[str], *, seed: int, which: str | None = None
) -> tuple[dict[str, Checkpoint], bool]:
    """Open all networks, and those of folders, under names that differ.

    The flag tells whether all files of folders could be read; for each other, a sentence has said why.
    """
    found: list[tuple[str, Checkpoint]] = []
    complete = True
    for name in names:
        if not name or is_hub_name(name) or not Path(name).is_dir():
            found.append((name, open_net(name, seed=seed, which=which)))
            continue
        networks, passed_over = search(Path(name))
        for each in networks:
            try:
                found.append((str(each), open_checkpoint(each, which)))
            except InputError as error:
                if len(networks) == 1:
                    raise
                complain(error)
                complete = complete and isinstance(error, NoNetwork)
        for reason, files in gathered((why, path) for path, why in passed_over.items()).items():
            more = f" and {len(files) - 1} more" if len(files) > 1 else ""
            complain(f"passed over {files[0]}{more}: {reason}.")
    if not found:
        raise InputError(f"there is no checkpoint that can be read in {', '.join(names)}.")
    times = Counter(checkpoint.name for _, checkpoint in found)
    named: dict[str, Checkpoint] = {}
    for given, checkpoint in found:
        unique = checkpoint.name if times[checkpoint.name] == 1 else given
        if unique in named:
            raise InputError(f"{given} is given twice; name each network once.")
        named[unique] = checkpoint
    return named, complete
