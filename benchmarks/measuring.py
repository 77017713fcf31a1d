"""Interleaved pairs: in each round every contestant runs once, so that what slows the machine slows all."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from benchmarks.machine import Rates, empty_heap, peak_bytes
from benchmarks.rows import Peer, Row, Size
from mme.extras import MissingExtra

__all__ = ["growth", "lacking", "measured"]

CLOCKS = {"cpu": time.process_time, "wall": time.perf_counter}
FEWEST, MOST = 3, 15  # rounds: of ours at least, of all at most
PATIENCE = 2  # shares of the time that a first call may take, or it is the only one
LAST = 3  # sizes that growth is told from
INSTALL = "pip install -c constraints.txt -e '.[bench]'"


def measured(
    row: Row, sizes: tuple[Size, ...], rates: Rates, *, long: bool, budget: float, say: Callable[[str], None]
) -> dict[str, Any]:
    """Measure a row at some sizes, and return what is kept of it."""
    points, start = [], time.perf_counter()
    for size in sizes:
        say(f"{row.name}, {size}")
        points.append(_point(row, size, rates, long, budget))
    return {
        "name": row.name, "tells": row.tells, "clock": row.clock, "limited_by": row.limited_by,
        "growth": growth([(each["size"], each["ours"]["median"]) for each in points if each["ours"]["runs"]]),
        "seconds": round(time.perf_counter() - start, 1), "points": points,
    }  # fmt: skip


def lacking(module: str) -> str:
    """Say why a module cannot be used; nothing where it can."""
    try:
        import_module(module or "benchmarks")
    except MissingExtra as error:
        return str(error)
    except ImportError as error:
        if module.startswith("benchmarks"):  # a fault of ours
            raise
        return f"not installed: {INSTALL}" if error.name == module else f"cannot be imported: {error}"
    return ""


def growth(points: list[tuple[Size, float]]) -> float | None:
    """The exponent p of seconds ~ size^p, by least squares over the last sizes; None where none are numbers.

    >>> round(growth([(1, 1.0), (2, 8.0), (4, 64.0)]), 6)
    3.0
    """
    numbers = [(float(size), seconds) for size, seconds in points if isinstance(size, int)][-LAST:]
    if len(numbers) < 2:
        return None
    x, y = np.log(np.array(numbers)).T
    return float(np.polyfit(x, y, 1)[0])


def _point(row: Row, size: Size, rates: Rates, long: bool, budget: float) -> dict[str, Any]:
    ours = Peer("mme", row.ours, needs=row.needs)
    contestants, told = [], []
    for peer in (ours, *row.peers):
        reason = lacking(row.needs) or lacking(peer.needs)
        if not reason and (*row.sizes, *row.more).index(size) >= peer.first and not long:
            reason = "left out, for it takes long at this size: --long measures it"
        told.append({"name": peer.name, "note": peer.note, "rival": peer.rival, "agrees": peer.agrees,
                     "said": reason, "runs": 0})  # fmt: skip
        if not reason:
            contestants.append((peer, told[-1]))
    if contestants:
        _race(row, row.data(size), contestants, budget / len(contestants), row.number(size))
    limit = row.limit(size, rates) / row.number(size) if row.limit and not told[0]["said"] else None
    nearer = row.nearer(size, rates) / row.number(size) if row.nearer and limit else None
    return {"size": size, "ours": told[0], "peers": told[1:], "limit": limit, "nearer": nearer}


def _race(row: Row, data: Any, contestants: list[Any], share: float, number: int) -> None:
    """Run all contestants and write down medians, quartiles, ratios to ours, and the peak of a first call."""
    gc.collect()
    clock, seconds, racing = CLOCKS[row.clock], {}, []
    for peer, told in contestants:
        before, start = empty_heap(), clock()
        try:
            peer.run(data)
        except Exception as error:  # a peer's fault is told, and the others run
            if told is contestants[0][1]:
                raise
            told["said"] = f"failed: {type(error).__name__}: {error}"
            continue
        first = clock() - start
        told["memory"] = None if before is None else peak_bytes() - before
        fewest = FEWEST if told is contestants[0][1] else 1  # a first call is slower than the others
        rounds = max(min(int(share / max(first, 1e-9)), MOST), fewest) if first < PATIENCE * share else 0
        seconds[peer.name] = [] if rounds else [first]
        racing.append((peer, told, rounds))
    for round_ in range(max(rounds for _, _, rounds in racing)):
        for peer, _, rounds in racing:
            if round_ < rounds:
                start = clock()
                peer.run(data)
                seconds[peer.name].append(clock() - start)
    own = np.array(seconds["mme"])
    for peer, told, rounds in racing:
        taken = np.array(seconds[peer.name])
        low, middle, high = np.quantile(taken, [0.25, 0.5, 0.75]) / number
        pairs = min(len(taken), len(own))
        paired = taken[:pairs] / own[:pairs] if rounds else taken / np.median(own)
        told |= {"runs": len(taken), "median": float(middle), "low": float(low), "high": float(high),
                 "ratio": float(np.median(paired))}  # fmt: skip
