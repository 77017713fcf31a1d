"""A line that says how far the training is, on a terminal and nowhere else."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["progress"]


@contextmanager
def progress(total: int) -> Iterator[Callable[[str, int], None]]:
    """Count steps on the terminal's standard error; silent in notebooks, tests and logs.

    Parameters
    ----------
    total : int
        Number of steps.

    Yields
    ------
    callable
        To be called at the start of each step, with what it works on and how many steps are done.

    Examples
    --------
    >>> with progress(2) as step:
    ...     step("vgg5", 0)
    ...     step("vgg8", 1)
    """
    terminal = sys.stderr if sys.stderr is not None and sys.stderr.isatty() else None

    def step(name: str, done: int) -> None:
        if terminal:
            terminal.write(f"\rTraining on handwritten digits: {name} ({done + 1} of {total})\033[K")
            terminal.flush()

    try:
        yield step
    finally:
        if terminal:
            terminal.write("\r\033[K")
            terminal.flush()
