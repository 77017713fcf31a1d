"""What the figures ask of the records that they draw."""

from __future__ import annotations

from typing import Any

import numpy as np

from mme.arguments import of_type, shown
from mme.errors import InputError

__all__ = ["binned", "record"]


def record(name: str, value: Any, *fields: str) -> None:
    """Refuse a value that lacks a field."""
    if not all(hasattr(value, field) for field in fields):
        raise InputError(f"{name} must be a record with {', '.join(fields)}, but it is {shown(value)}.")


def binned(name: str, value: Any, kind: type, field: str, axes: tuple[int, ...]) -> None:
    """Refuse what is not of the type, or has not one value for each bin in its field."""
    of_type(name, value, kind, f"a {kind.__name__}")
    shape, bins = np.shape(getattr(value, field)), len(value.edges) - 1
    if len(shape) not in axes or shape[-1] != bins:
        raise InputError(f"{name} must have one value for each of its {bins} bins, but its shape is {shape}.")
