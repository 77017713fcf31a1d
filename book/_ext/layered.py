"""Lay out a graph without circles in layers, with at most so many nodes in each, from top to bottom.

Sugiyama's method: what a node rests on stands above it; an edge that crosses layers gets a place in each, and
all edges of one node share theirs; the layers are sorted by the neighbours' places until lines cross least.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from itertools import combinations, pairwise

import numpy as np
from scipy.optimize import isotonic_regression

__all__ = ["Place", "layout"]

Place = tuple[str, int]  # a node, or where its edges pass, and the layer
SWEEPS = 30
THIN = 0.16  # how much of a node's width a passing line needs


def layout(
    graph: Mapping[str, Iterable[str]], most: int
) -> tuple[dict[str, tuple[float, int]], dict[tuple[str, str], list[tuple[float, int]]]]:
    """Return the place of each node, and the places through which each edge goes.

    Parameters
    ----------
    graph : mapping of str to iterables of str
        What each node rests on; nodes without an entry of their own are not drawn.
    most : int
        How many nodes a layer may have.

    Returns
    -------
    nodes : dict of (float, int)
        Across, in widths of a node from 0 on, and the layer.
    edges : dict of lists of (float, int)
        For each pair (used, user) the places from the one to the other.
    """
    uses = {node: [used for used in below if used in graph] for node, below in graph.items()}
    layer = _layers(uses, most)
    last = {node: layer[node] for node in uses}
    for user, below in uses.items():
        for used in below:
            last[used] = max(last[used], layer[user] - 1)
    rows: list[list[Place]] = [[] for _ in range(max(layer.values()) + 1)]
    for node, first in layer.items():
        for row in range(first, last[node] + 1):
            rows[row].append((node, row))
    links = {(place, (place[0], place[1] + 1)) for row in rows for place in row if place[1] < last[place[0]]}
    links |= {((used, layer[user] - 1), (user, layer[user])) for user in uses for used in uses[user]}
    across = _across(rows, links, layer)
    edges = {
        (used, user): [
            *((across[used, row], row) for row in range(layer[used], layer[user])),
            (across[user, layer[user]], layer[user]),
        ]
        for user in uses
        for used in uses[user]
    }
    return {node: (across[node, row], row) for node, row in layer.items()}, edges


def _layers(uses: Mapping[str, Sequence[str]], most: int) -> dict[str, int]:
    """Each node as high as what it rests on and the room allow."""
    layer: dict[str, int] = {}
    taken: Counter[int] = Counter()
    order = {node: number for number, node in enumerate(uses)}
    sorter = TopologicalSorter(uses)
    sorter.prepare()
    while sorter.is_active():
        for node in sorted(sorter.get_ready(), key=order.__getitem__):
            row = 1 + max((layer[used] for used in uses[node]), default=-1)
            while taken[row] >= most:
                row += 1
            layer[node] = row
            taken[row] += 1
            sorter.done(node)
    return layer


def _across(
    rows: list[list[Place]], links: set[tuple[Place, Place]], layer: Mapping[str, int]
) -> dict[Place, float]:
    near: dict[Place, dict[int, list[Place]]] = {place: {-1: [], 1: []} for row in rows for place in row}
    for upper, lower in links:
        near[upper][1].append(lower)
        near[lower][-1].append(upper)
    wide = {place: 1.0 if layer[place[0]] == place[1] else THIN for place in near}
    across = {place: sum(wide[each] for each in row[:k]) for row in rows for k, place in enumerate(row)}
    room = max(sum(wide[place] for place in row) for row in rows)
    best, fewest = rows, float("inf")
    for sweep in range(SWEEPS):
        side = -1 if sweep % 2 == 0 else 1
        for row in rows if side < 0 else reversed(rows):
            wish = {place: _mean(across, near[place][side], across[place]) for place in row}
            row.sort(key=wish.__getitem__)
            across |= _placed(row, wish, wide, room)
        if (count := _crossings(rows, links)) < fewest:
            room = max(sum(wide[place] for place in row) for row in rows)
    best, fewest = [list(row) for row in rows], count
    for _ in range(SWEEPS):
        for row in best:
            wish = {place: _mean(across, near[place][-1] + near[place][1], across[place]) for place in row}
            across |= _placed(row, wish, wide, room)
    return across


def _mean(across: Mapping[Place, float], places: Sequence[Place], otherwise: float) -> float:
    return float(np.mean([across[place] for place in places])) if places else otherwise


def _placed(
    row: Sequence[Place], wish: Mapping[Place, float], wide: Mapping[Place, float], room: float
) -> Iterator[tuple[Place, float]]:
    """As near to the wishes as places in this order can be that do not overlap."""
    widths = np.array([wide[place] for place in row])
    offsets = np.cumsum(widths) - widths / 2
    free = isotonic_regression(np.array([wish[place] for place in row]) - offsets).x
    return zip(row, (np.clip(free, 0, room - widths.sum()) + offsets).tolist(), strict=True)


def _crossings(rows: Sequence[Sequence[Place]], links: set[tuple[Place, Place]]) -> int:
    number = {place: each for row in rows for each, place in enumerate(row)}
    count = 0
    for upper, _ in pairwise(range(len(rows))):
        between = [(number[a], number[b]) for a, b in links if a[1] == upper]
        count += sum((a - c) * (b - d) < 0 for (a, b), (c, d) in combinations(between, 2))
    return count
