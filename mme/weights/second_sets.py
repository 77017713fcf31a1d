"""Second sets of a network's weights, such as their moving average: one set counts.

A second set lies below a part of a name that has one of the words ema, swa, teacher, momentum or averag… in
it (`model_ema.`, `momentum_encoder.`, `averaged_model.module.`), and below another prefix, or none, lie
weights of the same names and sizes: each of its weights there, and each weight there in it. Two equal
branches of other names, such as `encoder_q` and `encoder_k`, are one network.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import accumulate
from typing import Any

from mme.arguments import choice, shown
from mme.errors import InputError
from mme.weights.stored import StoredTensor

__all__ = ["with_one_set"]

SECOND = re.compile(r"((?:.*?\.)??(?:[^.]*_)?(?:ema|swa|teacher|momentum|averag\w*)(?:_[^.]*)?)\..+", re.I)
REPEATED, REPLACED = "a second set of the weights", "another set of the weights was chosen"


def with_one_set(tensors: Iterable[StoredTensor], which: Any = None) -> list[StoredTensor]:
    """Return the tensors, those of all sets but one with the reason that they are left out."""
    whole = [
        replace(tensor, skip="") if tensor.skip.startswith((REPEATED, REPLACED)) else tensor
        for tensor in tensors
    ]
    plain_of = _sets({each.name: each.size for each in whole if len(each.shape) > 1 and not each.skip})
    if which is not None and not plain_of:
        raise InputError(
            f"which must be None, for there is no second set of weights, but it is {shown(which)}."
        )
    replaced = () if which is None else plain_of[choice("which", which, plain_of)]

    def reason(name: str) -> str:
        prefix = _prefix(name)
        if prefix in plain_of:
            return "" if prefix == which else f"{REPEATED}; which={prefix!r} takes it"
        return REPLACED if name.startswith(replaced) else ""

    return [replace(tensor, skip=tensor.skip or reason(tensor.name)) for tensor in whole]


def _prefix(name: str) -> str:
    match = SECOND.fullmatch(name)
    return match[1] if match else ""


def _sets(sizes: Mapping[str, int]) -> dict[str, str]:
    """The prefix of each second set, and that of the weights that it repeats.

    Dots do not count, for some copies lack them.
    """
    sets: dict[str, dict[str, int]] = defaultdict(dict)
    below: dict[str, dict[str, int]] = defaultdict(dict)
    for name, size in sizes.items():
        if prefix := _prefix(name):
            rest = name.removeprefix(f"{prefix}.").removeprefix("module.")
            sets[prefix][rest.replace(".", "")] = size
        else:
            for start in ("", *accumulate(f"{part}." for part in name.split(".")[:-1])):
                below[start][name.removeprefix(start).replace(".", "")] = size
    return {
        prefix: start for prefix, own in sets.items() for start, plain in below.items() if own == plain
    }
