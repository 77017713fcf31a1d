"""What a rule is: stored tensors, told by their names and shapes, and the weight that they make."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from mme.weights.stored import StoredTensor

__all__ = ["Rule", "Shape"]

Shape = tuple[int, ...]

# What stands in a template of names: p is a module's path, and x the name of one of its tensors.
VARIABLES = {"p": r"(?:.*[./])?", "x": r"[^./]+", "a": r"[^./]+", "kernel": r"kernel(?::\d+)?"}


@dataclass(frozen=True)
class Rule:
    """A row of the table: the parts of a weight, when they are these, and the weight.

    Attributes
    ----------
    note : str or callable
        How the weight came to be; a callable takes the parts.
    made : str
        Template of the weight's name.
    parts : dict of str to str
        Templates of names, by what they are called in the formula; the first one is looked for. They do not
        appear as tensors of their own.
    shape : callable
        Takes the parts, stored, to the weight's shape; None where they are something else.
    weight : callable
        Takes this shape and the parts' numbers to the weight.
    optional, beside : dict of str to str
        Further parts that may be missing, and tensors that `shape` may look at without using them up.
    alone : str
        Template of a prefix below which nothing else may lie.
    """

    note: str | Callable[..., str]
    made: str
    parts: Mapping[str, str]
    shape: Callable[..., Shape | None]
    weight: Callable[..., np.ndarray]
    optional: Mapping[str, str] = field(default_factory=dict)
    beside: Mapping[str, str] = field(default_factory=dict)
    alone: str = ""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What the name of the first part looks like."""
        pieces = re.split(r"{(\w+)}", next(iter(self.parts.values())))
        groups = (
            f"(?P<{piece}>{VARIABLES[piece]})" if place % 2 else re.escape(piece)
            for place, piece in enumerate(pieces)
        )
        return re.compile("".join(groups))

    def apply(self, tensors: dict[str, StoredTensor], places: dict[str, int]) -> None:
        """Put weights in the place of their parts, wherever these are found."""
        for name in list(tensors):
            match = self.pattern.fullmatch(name)
            if match is None or name not in tensors:
                continue
            used = self._found({**self.parts, **self.optional}, match, tensors)
            shape = None
            if self.parts.keys() <= used.keys() and not self._crowded(match, tensors, used):
                shape = self.shape(**used, **self._found(self.beside, match, tensors))
            if shape is None:
                continue
            for part in used.values():
                del tensors[part.name]
            made = self._made(self.made.format(**match.groupdict()), shape, used)
            tensors[made.name] = made
            places[made.name] = places[name]

    def _found(
        self, templates: Mapping[str, str], match: re.Match[str], tensors: Mapping[str, StoredTensor]
    ) -> dict[str, StoredTensor]:
        names = {role: template.format(**match.groupdict()) for role, template in templates.items()}
        return {role: tensors[name] for role, name in names.items() if name in tensors}

    def _crowded(
        self, match: re.Match[str], tensors: Mapping[str, StoredTensor], used: Mapping[str, StoredTensor]
    ) -> bool:
        prefix = self.alone.format(**match.groupdict())
        taken = {part.name for part in used.values()}
        return bool(prefix) and any(name.startswith(prefix) and name not in taken for name in tensors)

    def _made(self, name: str, shape: Shape, parts: dict[str, StoredTensor]) -> StoredTensor:
        def read() -> np.ndarray:
            return self.weight(shape, **{role: _wide(part.read()) for role, part in parts.items()})

        note = self.note if isinstance(self.note, str) else self.note(**parts)
        places = tuple(part.location for part in parts.values())
        floats = {part.dtype for part in parts.values() if part.shape and part.dtype.startswith("float")}
        return StoredTensor(
            name,
            shape,
            floats.pop() if len(floats) == 1 else "float32",
            read,
            frozenset().union(*(part.types for part in parts.values())),
            location=None if None in places else (self.made, places),
            note="; ".join([*(part.note for part in parts.values() if part.note), note]),
        )


def _wide(array: Any) -> np.ndarray:
    """Half precision is too narrow for norms and products."""
    array = np.asarray(array)
    is_half = array.dtype.kind == "f" and array.itemsize < 4
    return np.asarray(array, np.float32 if is_half else array.dtype)
