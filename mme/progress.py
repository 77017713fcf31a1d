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
    """Yield the steps, `total` of them, and show on the terminal's standard error how far they are."""
    is_shown = show and sys.stderr is not None and sys.stderr.isatty()
    if not is_shown:
        yield from steps
        return
    yield from track(steps, description, total, console=Console(stderr=True), transient=True)
