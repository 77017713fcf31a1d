"""What a rule is: stored tensors, told by their names and shapes, and the weight that they make."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from mme.errors import InputError
from mme.weights.stored import Shape, StoredTensor

__all__ = ["Facts", "Made", "Rule"]

Facts = Mapping[str, Any]  # numbers beside the tensors, such as `path.<groups>`, by names that no tensor has
Names = dict[str, str]  # templates of names, by what a rule calls the tensors

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

    def apply(self, tensors: dict[str, StoredTensor], facts: Facts, places: dict[str, int]) -> None:
        """Put weights in the place of their parts, wherever these are found."""
        first = next(iter(self.parts.values()))
        fixed = max(re.split(r"\{\w+\}", first), key=len)  # most names lack it, and need no slow match
        pattern = re.sub(r"\\{(\w+)\\}", lambda m: f"(?P<{m[1]}>{VARIABLES[m[1]]})", re.escape(first))
        found = [re.fullmatch(pattern, name) for name in tensors if fixed in name]
        for match in filter(None, found):
            used = _found(self.parts | self.optional, match, tensors)
            if not self.parts.keys() <= used.keys():  # used up meanwhile, or never there
                continue
            beside = _found(self.beside, match, facts) | _found(self.beside, match, tensors)
            made = self.make(**{role: _wide(part, len(used)) for role, part in used.items()}, **beside)
            if made is not None:
                for part in used.values():
                    del tensors[part.name]
                name = self.weight.format(**match.groupdict())
                tensors[name] = _weight(name, made, *used.values())
                places[name] = places[match[0]]


def _found(templates: Names, match: re.Match[str], among: Mapping[str, Any]) -> dict[str, Any]:
    names = {role: template.format(**match.groupdict()) for role, template in templates.items()}
    return {role: among[name] for role, name in names.items() if name in among}


def _wide(part: StoredTensor, parts: int) -> StoredTensor:
    """Half precision is too narrow for norms and products; one part is turned, and stays what it is."""
    if part.dtype != "float16" or parts == 1:
        return part
    return replace(part, read=lambda: part.read().astype(np.float32))


def _weight(name: str, made: Made, *parts: StoredTensor) -> StoredTensor:
    def read() -> np.ndarray:
        try:
            return made.read()
        except (ArithmeticError, LookupError) as error:  # codes or indices that lead out of their tables
            stored = ", ".join(part.name for part in parts)
            raise InputError(f"{name} cannot be made of {stored}: they do not fit together.") from error

    dtypes, places = {part.dtype for part in parts}, tuple(part.location for part in parts)
    wide = "float64" if "float64" in dtypes else "float32"
    dtype = wide if len(parts) > 1 else parts[0].dtype
    types = frozenset().union(*(part.types for part in parts))
    location = None if None in places else (made.note, places)
    note = "; ".join(filter(None, [*(part.note for part in parts), made.note]))
    return StoredTensor(name, made.shape, dtype, read, types, location=location, note=note)
