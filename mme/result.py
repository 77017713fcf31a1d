"""What every result has in common: fields with names, and a plain dictionary for machines."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import numpy as np

__all__ = ["Result", "plain"]


def plain(value: Any) -> Any:
    """Turn arrays, NumPy scalars and tuples into lists and numbers that JSON knows.

    Examples
    --------
    >>> plain({"a": np.arange(2), "b": (np.float64(0.5), None)})
    {'a': [0, 1], 'b': [0.5, None]}
    """
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, Result):
        return value.to_dict()
    return value


class Result:
    """Base of the frozen dataclasses that functions return; `also` names properties that are told too."""

    also: ClassVar[tuple[str, ...]] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, in their order, as numbers, strings, lists and dictionaries."""
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        names = [field.name for field in fields] + list(self.also)
        return {name: plain(getattr(self, name)) for name in names}
