"""A row in words, for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["best_peer", "lines", "shown_seconds"]

UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def lines(row: dict[str, Any]) -> Iterator[str]:
    """Yield what was found, one line for each size and contestant."""
    growth = "" if row["growth"] is None else f", growing like size^{row['growth']:.2f}"
    yield f"{row['name']} ({row['clock']} seconds{growth})"
    for point in row["points"]:
        for each in (point["ours"], *point["peers"]):
            told = [f"  {point['size']!s:>12}  {each['name']:<32}"]
            if each["runs"]:
                low, middle, high = (shown_seconds(each[name]) for name in ("low", "median", "high"))
                told.append(f"{middle:>9} ({low} to {high}, {each['runs']} runs) x {each['ratio']:.2f}")
                told += [f"peak +{each['memory'] / 1e6:.0f} MB"] if each["memory"] is not None else []
            yield " ".join([*told, each["said"]]).rstrip()
        for name, limit in (("limit", point["limit"]), ("nearer limit", point["nearer"])):
            if limit and point["ours"]["runs"]:
                times = point["ours"]["median"] / limit
                line = f"{name:<32} {shown_seconds(limit):>9}, of which ours is {times:.2f} times"
                yield f"  {point['size']!s:>12}  {line}"


def best_peer(point: dict[str, Any]) -> dict[str, Any] | None:
    """The quickest rival whose result is right; None where there is none."""
    rivals = [each for each in point["peers"] if each["runs"] and each["rival"] and each["agrees"]]
    return min(rivals, key=lambda each: float(each["ratio"]), default=None)


def shown_seconds(seconds: float) -> str:
    """Write a time with its unit.

    >>> shown_seconds(0.00123)
    '1.23 ms'
    """
    scale, unit = next((each for each in UNITS if seconds >= each[0]), UNITS[-1])
    return f"{seconds / scale:.3g} {unit}"
