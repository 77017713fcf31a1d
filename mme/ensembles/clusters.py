"""Hierarchical clustering of numbers: classes of neighbours on a line."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from typing import Literal, get_args

__all__ = ["LINKAGES", "Linkage", "class_starts"]

Linkage = Literal["complete", "single"]
LINKAGES = get_args(Linkage)


def class_starts(values: Sequence[float], delta: float, linkage: Linkage) -> list[int]:
    """Return where each class begins among ascending values.

    The two closest classes are neighbours, so n values take O(n log n); of ties the leftmost merges first.

    Examples
    --------
    >>> [class_starts([0.10, 0.19, 0.26, 0.9], 0.1, rule) for rule in LINKAGES]
    [[0, 1, 3], [0, 3]]
    """
    size = len(values)
    if linkage == "single":
        return [0, *(place for place in range(1, size) if values[place] - values[place - 1] > delta)]
    following, preceding = list(range(1, size + 1)), list(range(-1, size))
    unions = [(values[place + 1] - values[place], place, place + 2) for place in range(size - 1)]
    heapify(unions)
    while unions and unions[0][0] <= delta:
        _, start, stop = heappop(unions)
        middle = following[start]
        if not 0 < middle < size or following[middle] != stop:
            continue  # one of the two has grown or gone meanwhile
        following[start], following[middle] = stop, 0
        if stop < size:
            preceding[stop] = start
            heappush(unions, (values[following[stop] - 1] - values[start], start, following[stop]))
        if start > 0:
            heappush(unions, (values[stop - 1] - values[preceding[start]], preceding[start], stop))
    return [start for start in range(size) if following[start]]
