"""What is measured: a row is one computation at several sizes, ours and its peers' on the same data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from benchmarks.machine import Rates

__all__ = ["Peer", "Row", "Size"]

Size = int | str


class Peer(NamedTuple):
    """Another way to the same numbers, and what to know of it.

    `needs` is a module that may be missing. One that is no `rival` does other work, to compare with. With
    `agrees` False its result is known to be another. Beyond its `first` sizes it runs with ``--long`` alone.
    """

    name: str
    run: Callable[[Any], Any]
    needs: str = ""
    note: str = ""
    rival: bool = True
    agrees: bool = True
    first: int = 99


@dataclass(frozen=True)
class Row:
    """One computation, what it is good for, and what it is measured with.

    All contestants get the same `data` of a size. `error` of data, our result and a peer's is at most
    `tolerance` where they agree, which a test looks at for the size `tiny`. No method of this kind beats the
    `limit`, in seconds; a `nearer` one holds for LAPACK's routines. A call makes a `number` of things, and
    seconds are of one. A contestant runs for its share of the `budget`, in seconds for a size, at least
    once. Sizes that are numbers double: growth. With ``--long`` there are `more` of them, and the rows that
    are `long`.
    """

    name: str
    tells: str
    sizes: tuple[Size, ...]
    tiny: Size
    data: Callable[[Any], Any]
    ours: Callable[[Any], Any]
    peers: tuple[Peer, ...]
    error: Callable[[Any, Any, Any], float]
    tolerance: float
    limit: Callable[[Any, Rates], float] | None = None
    limited_by: str = ""
    nearer: Callable[[Any, Rates], float] | None = None
    number: Callable[[Any], int] = lambda size: 1
    clock: str = "cpu"
    budget: float = 6.0
    long: bool = False
    more: tuple[Size, ...] = ()
    needs: str = ""
