"""What a rule is: stored tensors, told by their names and shapes, and the weight that they make."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np

from mme.errors import InputError
from mme.weights.stored import Shape, StoredTensor

__all__ = ["Facts", "Made", "Rule"]

Tensors = dict[str, StoredTensor]
Facts = Mapping[str, Any]  # numbers beside the tensors, such as `path.<groups>`, by names that no tensor has
Names = Mapping[str, str]  # templates of names, by what a rule calls the tensors

# What may stand in a template: a module's path, a name without dots, an adapter's after its dot, and kernels.
VARIABLES = {
    "p": r"(?:.*[./])?",
    "x": r"[^./]+",
    "type": r"[^./]+",
    "adapter": r"(?:\.[^./]+)?",
    "kernel": r"(?:(?:\w+_)?(?:recurrent|pointwise|depthwise)_)?kernel",
    "n": r"(?::\d+)?",
}


class Made(NamedTuple):
    """A weight that a rule makes: how it came to be, its shape, and how its numbers are computed."""

    note: str
    shape: Shape
    read: Callable[[], np.ndarray]


@dataclass(frozen=True)
class Rule:
    """A row of the table: which stored parts make which weight, and how."""

    weight: str
    parts: Names  # the first one is looked for; none of them remains a tensor of its own
    make: Callable[..., Made | None]  # takes what was found, and reads none of it; None where it does not fit
    optional: Names = field(default_factory=dict)  # parts that may be missing
    beside: Names = field(default_factory=dict)  # facts, and tensors that remain
    alone: str = ""  # a prefix below which nothing but the parts may lie

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What the name of the first part looks like."""
        first = re.escape(next(iter(self.parts.values())))
        return re.compile(re.sub(r"\\{(\w+)\\}", lambda m: f"(?P<{m[1]}>{VARIABLES[m[1]]})", first))

    def apply(self, tensors: Tensors, facts: Facts, places: dict[str, int]) -> None:
        """Put weights in the place of their parts, wherever these are found."""

        def found(templates: Names, among: Mapping[str, Any]) -> dict[str, Any]:
            names = {role: template.format(**match.groupdict()) for role, template in templates.items()}
            return {role: among[name] for role, name in names.items() if name in among}

        for match in filter(None, map(self.pattern.fullmatch, list(tensors))):
            used = found({**self.parts, **self.optional}, tensors)
            names = {part.name for part in used.values()}
            below = self.alone.format(**match.groupdict())
            others = below and any(name.startswith(below) and name not in names for name in tensors)
            if others or not self.parts.keys() <= used.keys():  # used up meanwhile, or never there
                continue
            parts = {role: replace(part, read=partial(_wide, part)) for role, part in used.items()}
            made = self.make(**parts, **found(self.beside, {**facts, **tensors}))
            if made is not None:
                name = self.weight.format(**match.groupdict())
                places[name] = places[match[0]]
                for each in names:
                    del tensors[each]
                tensors[name] = self._weight(name, made, list(used.values()))

    def _weight(self, name: str, made: Made, parts: list[StoredTensor]) -> StoredTensor:
        def read() -> np.ndarray:
            try:
                return made.read()
            except (ArithmeticError, LookupError) as error:  # codes or indices that lead out of their tables
                stored = ", ".join(part.name for part in parts)
                raise InputError(f"{name} cannot be made of {stored}: they do not fit together.") from error

        dtypes = {part.dtype for part in parts}
        wide = "float64" if "float64" in dtypes else "float32"
        places = tuple(part.location for part in parts)
        return StoredTensor(
            name,
            made.shape,
            wide if len(parts) > 1 else parts[0].dtype,  # one part is turned, and stays what it is
            read,
            frozenset().union(*(part.types for part in parts)),
            location=None if None in places else (self.weight, places),
            note="; ".join(filter(None, [*(part.note for part in parts), made.note])),
        )


def _wide(part: StoredTensor) -> np.ndarray:
    """Half precision is too narrow for norms and products."""
    array = part.read()
    return array.astype(np.float32) if array.dtype == np.float16 else array
