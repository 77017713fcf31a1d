"""Richardson's extrapolation of volumes, known at t, t/2, t/4, …, to t = 0."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from mme.result import Result

__all__ = ["MOST_DIGITS", "ExtrapolatedVolume", "richardson", "triangle"]

MOST_DIGITS = 100  # that may be asked for


@dataclass(frozen=True, eq=False, repr=False)
class ExtrapolatedVolume(Result):
    """A volume from kernels at several t, extrapolated to t = 0.

    Attributes
    ----------
    log_volume : float
    error : float
        The last change of the extrapolation, and what rounding can do.
    decimals : str
        Where digits were asked for, the logarithm to as many decimals, more than a float holds. The error is
        then theirs.
    """

    log_volume: float
    error: float
    decimals: str = ""


def triangle(values: Iterable[Any]) -> Iterator[list[Any]]:
    """Yield Richardson's triangle for values at t, t/2, t/4, …: entry p of a row lacks t, …, t^p."""
    row: list[Any] = []
    for value in values:
        finer = [value]
        for power, coarser in enumerate(row, 1):
            finer.append(finer[-1] + (finer[-1] - coarser) / (2**power - 1))
        yield finer
        row = finer


def richardson(values: Any) -> ExtrapolatedVolume:
    """Extrapolate values at t, t/2, t/4, … to t = 0: the entry of the triangle that changed least."""
    *_, before, last = [[], *triangle(map(float, values))]
    # The newest entry has none before it in its column, so it is compared with the column before.
    changes = [abs(new - old) for new, old in zip(last[1:], [*before[1:], *last[-2:-1]], strict=True)]
    best = changes.index(min(changes)) + 1 if changes else 0
    return ExtrapolatedVolume(last[best], changes[best - 1] if changes else float("inf"))
