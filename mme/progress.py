"""Progress of long work: a bar on a terminal, silence in pipes, notebooks and tests."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import track

__all__ = ["tracked"]

Step = TypeVar("Step")


def tracked(
    steps: Iterable[Step], description: str, *, total: int | None = None, show: bool = True
) -> Iterator[Step]:
    """Return an iterator over the steps, `total` of them, that shows on a terminal how far it is."""
    if not show or sys.stderr is None or not sys.stderr.isatty():
        return iter(steps)
    return iter(track(steps, description, total, console=Console(stderr=True), transient=True))
