"""What a rule is: stored tensors, told by their names and shapes, and the weight that they make."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from mme.errors import InputError
from mme.weights.stored import StoredTensor

__all__ = ["Rule", "Shape"]

Shape = tuple[int, ...]
Tensors = dict[str, StoredTensor]
Names = Mapping[str, str]  # templates of names, by what the tensors are called in the formula

# What may stand in a template: a module's path, a tensor's own name, an adapter's, and that of a kernel.
VARIABLES = {"p": r"(?:.*[./])?", "x": r"[^./]+", "a": r"[^./]+", "kernel": r"kernel(?::\d+)?"}


@dataclass(frozen=True)
class Rule:
    """A row of the table: which stored parts make which weight, and how."""

    note: str | Callable[..., str]  # how the weight came to be; a callable takes the parts
    made: str
    parts: Names  # the first one is looked for; none of them remains a tensor of its own
    shape: Callable[..., Shape | None]  # of the weight, from the stored parts; None where they do not fit
    weight: Callable[..., np.ndarray]  # from this shape and the parts' numbers
    optional: Names = field(default_factory=dict)  # parts that may be missing
    beside: Names = field(default_factory=dict)  # what `shape` may look at, and what remains
    alone: str = ""  # a prefix below which nothing but the parts may lie

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What the name of the first part looks like."""
        pieces = re.split(r"{(\w+)}", next(iter(self.parts.values())))
        groups = (f"(?P<{piece}>{VARIABLES[piece]})" for piece in pieces[1::2])
        return re.compile("".join(map("".join, zip(map(re.escape, pieces[::2]), (*groups, ""), strict=True))))

    def apply(self, tensors: Tensors, places: dict[str, int]) -> None:
        """Put weights in the place of their parts, wherever these are found."""
        for match in filter(None, map(self.pattern.fullmatch, list(tensors))):
            if match[0] not in tensors:  # used up meanwhile
                continue
            used = _found({**self.parts, **self.optional}, match, tensors)
            names = {part.name for part in used.values()}
            below = self.alone.format(**match.groupdict())
            others = below and any(name.startswith(below) and name not in names for name in tensors)
            if others or not self.parts.keys() <= used.keys():
                continue
            shape = self.shape(**used, **_found(self.beside, match, tensors))
            if shape is not None:
                for name in names:
                    del tensors[name]
                made = self._made(self.made.format(**match.groupdict()), shape, used)
                tensors[made.name], places[made.name] = made, places[match[0]]

    def _made(self, name: str, shape: Shape, parts: Tensors) -> StoredTensor:
        def read() -> np.ndarray:
            numbers = {role: _wide(part.read()) for role, part in parts.items()}
            try:
                return self.weight(shape, **numbers)
            except (ArithmeticError, LookupError) as error:  # codes or indices that lead out of their tables
                stored = ", ".join(part.name for part in parts.values())
                raise InputError(f"{name} cannot be made of {stored}: they do not fit together.") from error

        note = self.note if isinstance(self.note, str) else self.note(**parts)
        notes = "; ".join([*(part.note for part in parts.values() if part.note), note])
        floats = {part.dtype for part in parts.values() if part.shape and part.dtype.startswith("float")}
        dtype = floats.pop() if len(floats) == 1 else "float32"
        types = frozenset().union(*(part.types for part in parts.values()))
        places = tuple(part.location for part in parts.values())
        location = None if None in places else (self.made, places)
        return StoredTensor(name, shape, dtype, read, types, location=location, note=notes)


def _found(templates: Names, match: re.Match[str], tensors: Tensors) -> Tensors:
    names = {role: template.format(**match.groupdict()) for role, template in templates.items()}
    return {role: tensors[name] for role, name in names.items() if name in tensors}


def _wide(array: Any) -> np.ndarray:
    """Half precision is too narrow for norms and products."""
    array = np.asarray(array)
    is_half = array.dtype.kind == "f" and array.itemsize < 4
    return np.asarray(array, np.float32 if is_half else array.dtype)
