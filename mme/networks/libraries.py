"""What the hubs share: near names, initial weights, and one sentence where there is no way out."""

from __future__ import annotations

import difflib
import hashlib
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from mme.errors import InputError
from mme.weights.effective import effective_weights
from mme.weights.stored import Checkpoint

__all__ = ["fetching", "initialised", "known", "verified"]

SHOWN = 4  # names that are offered for a mistyped one
PATIENCE = 3.0  # seconds


def known(hub: str, network: str, names: Iterable[str], what: str = "network") -> str:
    """Return the name if it is among the names; otherwise InputError offers the nearest ones."""
    listed = list(names)
    if network in listed:
        return network
    near = difflib.get_close_matches(network, listed, SHOWN, cutoff=0.4) or sorted(listed)[:SHOWN]
    raise InputError(f"{hub} has no {what} {network!r}; near names are {', '.join(near)}.")


def initialised(build: Callable[[], Any], seed: int) -> Checkpoint:
    """Return initial weights as the library itself draws them."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return effective_weights(build())


@contextmanager
def fetching(name: str, url: str, instead: str) -> Iterator[bool]:
    """Give whether a server is reached, and say in one sentence what could not be fetched from it."""
    is_reached = is_reachable(url)
    try:
        yield is_reached
    except Exception as error:  # of any library that fetches
        lines = str(getattr(error, "reason", None) or error).splitlines() or [type(error).__name__]
        reason = lines[0].rstrip(".:") if is_reached else "no connection"
        found = f"{name} is not here and cannot be fetched ({reason})"
        raise InputError(f"{found}: check its name and the connection, or {instead}.") from error


def verified(path: Path, otherwise: str) -> Path:
    """Return a file whose SHA-256 begins with the digits in its name, which is torch's convention."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if not digest.startswith(path.stem.rpartition("-")[2]):
        raise InputError(otherwise)
    return path


def is_reachable(url: str) -> bool:
    """Say, soon, whether a server takes a connection; what lies behind a proxy is asked for in earnest."""
    parts = urlsplit(url)
    answers: list[bool] = []

    def ask() -> None:
        with suppress(OSError):
            socket.create_connection((parts.hostname or "", parts.port or 443), PATIENCE).close()
            answers.append(True)

    thread = Thread(target=ask, daemon=True)  # to look up a name heeds no timeout
    thread.start()
    thread.join(PATIENCE)
    return bool(answers) or parts.scheme in getproxies()
