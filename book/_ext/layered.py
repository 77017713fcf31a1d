"""Lay out a graph without circles in layers, with at most so many nodes in each, from top to bottom.

Sugiyama's method: what a node rests on stands above it; an edge that crosses layers gets a place in each, and
all edges of one node share theirs; the layers are sorted by the neighbours' places until lines cross least.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from itertools import combinations

import numpy as np
from scipy.optimize import isotonic_regression

__all__ = ["layout"]

Place = tuple[str, int]  # a node, or where its edges pass, and the layer
SWEEPS = 30
THIN = 0.13  # how much of a node's width a passing line needs


def layout(
    graph: Mapping[str, Iterable[str]], most: int
) -> tuple[dict[str, tuple[float, int]], dict[tuple[str, str], list[tuple[float, int]]], float]:
    """Return the place of each node, the places through which each edge (used, user) goes, and the width.

    ``graph`` says what each node rests on, and has an entry for each; a layer holds at most ``most`` nodes.
    A place is a number of node widths and a layer.
    """
    layer: dict[str, int] = {}
    taken: Counter[int] = Counter()
    for node in TopologicalSorter(graph).static_order():
        row = 1 + max((layer[used] for used in graph[node]), default=-1)
        while taken[row] >= most:
            row += 1
        layer[node] = row
        taken[row] += 1

    last = dict(layer)
    pairs = [(used, user) for user in graph for used in graph[user]]
    for used, user in pairs:
        last[used] = max(last[used], layer[user] - 1)
    rows: list[list[Place]] = [[] for _ in range(max(layer.values()) + 1)]
    for node in graph:
        for row in range(layer[node], last[node] + 1):
            rows[row].append((node, row))
    links = {(place, (place[0], place[1] + 1)) for row in rows for place in row if place[1] < last[place[0]]}
    links |= {((used, layer[user] - 1), (user, layer[user])) for used, user in pairs}
    wide = {place: 1.0 if layer[place[0]] == place[1] else THIN for row in rows for place in row}
    across, room = _across(rows, links, wide)
    edges = {}
    for used, user in pairs:
        passed = [(used, row) for row in range(layer[used], layer[user])] + [(user, layer[user])]
        edges[used, user] = [(across[place], place[1]) for place in passed]
    return {node: (across[node, row], row) for node, row in layer.items()}, edges, room


def _across(
    rows: list[list[Place]], links: set[tuple[Place, Place]], wide: Mapping[Place, float]
) -> tuple[dict[Place, float], float]:
    """Sort the rows, and say where in its row each place lies, and how wide the widest row is."""
    near: dict[Place, dict[int, list[Place]]] = {place: {-1: [], 1: []} for place in wide}
    for upper, lower in links:
        near[upper][1].append(lower)
        near[lower][-1].append(upper)
    room = max(sum(wide[place] for place in row) for row in rows)
    across = {place: sum(wide[each] for each in row[:k]) for row in rows for k, place in enumerate(row)}
    best, fewest = rows, float("inf")
    for sweep in range(SWEEPS):
        side = 1 if sweep % 2 else -1
        for row in rows[::-side]:
            wish = {place: _mean(across, near[place][side], across[place]) for place in row}
            row.sort(key=wish.__getitem__)
            across |= _placed(row, wish, wide, room)
        if (count := _crossings(rows, links)) < fewest:
            best, fewest = [list(row) for row in rows], count
    for row in best * SWEEPS:
        wish = {place: _mean(across, near[place][-1] + near[place][1], across[place]) for place in row}
        across |= _placed(row, wish, wide, room)
    return across, room


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
    for row in range(len(rows)):
        between = [(number[a], number[b]) for a, b in links if a[1] == row]
        count += sum((a - c) * (b - d) < 0 for (a, b), (c, d) in combinations(between, 2))
    return count
