"""Give the boxes of the papers' statements the papers' numbers, whatever the order of the chapters.

Sphinx counts boxes as it counts figures. Where the ledger knows a number it takes the place of the count, in
the box and in every reference to it.
"""

from __future__ import annotations

from typing import Any

from ledger import load

__all__ = ["setup"]


def _renumber(app: Any, env: Any) -> list[str]:
    numbers = {
        entry.label: tuple(entry.number.split(".")) for entry in load().statements.values() if entry.number
    }
    for kinds in env.toc_fignumbers.values():
        for boxes in kinds.values():
            boxes.update({label: numbers[label] for label in boxes if label in numbers})
    return []


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("env-get-updated", _renumber, priority=600)  # Sphinx itself counts at 500
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
