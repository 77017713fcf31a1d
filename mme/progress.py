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
    """Yield the steps, and show on the terminal's standard error how far they are.

    Parameters
    ----------
    steps : iterable
    description : str
        What is being done, in a word or two.
    total : int, optional
        Number of steps, where `steps` does not know.
    show : bool
        False for silence on a terminal too.

    Yields
    ------
    each step

    Examples
    --------
    >>> list(tracked(range(3), "counting"))
    [0, 1, 2]
    """
    terminal = sys.stderr is not None and sys.stderr.isatty()
    console = Console(stderr=True)
    yield from track(
        steps,
        description=description,
        total=total,
        console=console,
        transient=True,
        disable=not (show and terminal),
    )
