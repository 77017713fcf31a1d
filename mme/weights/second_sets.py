"""Second sets of a network's weights, such as their moving average: one set counts.

A second set lies below a part of a name that has one of the words ema, swa, teacher, momentum or averag… in
it (`model_ema.`, `momentum_encoder.`, `averaged_model.module.`), and below another prefix, or none, lie
weights of the same names and sizes: each of its weights there, and each weight there in it. Two equal
branches of other names, such as `encoder_q` and `encoder_k`, are one network.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mme.arguments import choice, shown
from mme.errors import InputError
from mme.weights.stored import StoredTensor

__all__ = ["with_one_set"]

WORDS = re.compile(r"(?:^|_)(?:ema|swa|teacher|momentum|averag\w*)(?=_|$)", re.IGNORECASE)
SECOND, PLAIN = "a second set of the weights", "another set of the weights was chosen"


@dataclass(frozen=True)
class _Pair:
    """The prefixes of a second set and of the set that it repeats."""

    second: str
    plain: str


def with_one_set(tensors: Mapping[str, StoredTensor], which: Any = None) -> list[StoredTensor]:
    """Return the tensors, those of all sets but one with the reason that they are left out."""
    pairs = _pairs(tensors)
    if which is not None:
        names = [pair.second.removesuffix(".") for pair in pairs]
        if not names:
            raise InputError(
                f"which must be None, for there is no second set of weights, but it is {shown(which)}."
            )
        which = choice("which", which, names) + "."
    chosen = next((pair for pair in pairs if pair.second == which), None)

    def reason(name: str) -> str:
        set_of = next((pair.second for pair in pairs if name.startswith(pair.second)), "")
        if set_of and set_of != which:
            return f"{SECOND}; which={set_of.removesuffix('.')!r} takes it"
        return PLAIN if chosen and not set_of and name.startswith(chosen.plain) else ""

    return [
        replace(tensor, skip=reason(tensor.name))
        if not tensor.skip or tensor.skip.startswith((SECOND, PLAIN))
        else tensor
        for tensor in tensors.values()
    ]


def _pairs(tensors: Mapping[str, StoredTensor]) -> list[_Pair]:
    weights = {
        name: tensor.size
        for name, tensor in tensors.items()
        if len(tensor.shape) > 1 and (not tensor.skip or tensor.skip.startswith((SECOND, PLAIN)))
    }
    below: dict[str, dict[str, int]] = {}
    plain: dict[str, int] = {}
    for name, size in weights.items():
        prefix = _second_prefix(name)
        (below.setdefault(prefix, {}) if prefix else plain)[name] = size
    found = ((prefix, _plain_prefix(prefix, own, plain)) for prefix, own in below.items())
    return [_Pair(prefix, repeated) for prefix, repeated in found if repeated is not None]


def _second_prefix(name: str) -> str:
    parts = name.split(".")
    place = next((place for place, part in enumerate(parts[:-1]) if WORDS.search(part)), None)
    return "" if place is None else ".".join(parts[: place + 1]) + "."


def _plain_prefix(prefix: str, own: Mapping[str, int], plain: Mapping[str, int]) -> str | None:
    """Return the prefix below which the same weights lie; dots do not count, for some copies lack them."""
    short = {name.removeprefix(prefix).removeprefix("module.").replace(".", ""): n for name, n in own.items()}
    first = next(iter(short))
    for name in plain:
        if name.replace(".", "").endswith(first):
            for candidate in _prefixes(name):
                beside = {
                    other.removeprefix(candidate).replace(".", ""): n
                    for other, n in plain.items()
                    if other.startswith(candidate)
                }
                if beside == short:
                    return candidate
    return None


def _prefixes(name: str) -> Iterable[str]:
    parts = name.split(".")
    return (".".join(parts[:end]) + "." if end else "" for end in range(len(parts)))
