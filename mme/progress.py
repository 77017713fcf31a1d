"""Progress of long work: a bar on a terminal, silence in pipes, notebooks and tests."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from operator import length_hint
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress, TimeElapsedColumn

__all__ = ["tracked"]

Step = TypeVar("Step")

INSTANT = 0.01  # seconds of a step that was kept from before, and says nothing of how long the others take


def tracked(
    steps: Iterable[Step],
    description: str,
    *,
    total: float | None = None,
    cost: Callable[[Step], float] = lambda step: 1,
    show: bool = True,
) -> Iterator[Step]:
    """Return an iterator over the steps that shows on a terminal how far it is: costs add up to `total`."""
    if not show or sys.stderr is None or not sys.stderr.isatty():
        return iter(steps)
    return _shown(steps, description, length_hint(steps) or None if total is None else total, cost)


def _shown(
    steps: Iterable[Step], description: str, total: float | None, cost: Callable[[Step], float]
) -> Iterator[Step]:
    columns = *Progress.get_default_columns(), TimeElapsedColumn()
    console = Console(stderr=True)
    # Of what is older than half a minute Rich would know no more, and say nothing where a step takes longer.
    with Progress(*columns, console=console, transient=True, speed_estimate_period=math.inf) as bar:
        task = bar.add_task(description, total=total)
        bar.advance(task, 0)
        done, start = 0.0, time.monotonic()
        for step in steps:
            if time.monotonic() - start < INSTANT:
                bar.reset(task)  # speed and time count from here on
            bar.update(task, completed=(done := done + cost(step)))
            yield step
            start = time.monotonic()
