"""Weights that are stored in parts, from which a network makes those that it computes with."""

from __future__ import annotations

import re
from collections.abc import Iterable

from mme.errors import InputError

__all__ = ["refuse_parts"]

PARTS = re.compile(r"(.*\.)?(parametrizations\..*|weight_(orig|mask|g|v))")


def refuse_parts(argument: str, names: Iterable[str]) -> None:
    """Refuse a network of which some weights are stored in parts, by the names that torch gives to these.

    Examples
    --------
    >>> refuse_parts("model", ["fc.weight_g", "fc.weight_v"])
    Traceback (most recent call last):
    mme.errors.InputError: model must hold whole weights, but 'fc.weight_g' is a part of one; remove the
    parametrisation first.
    """
    for name in names:
        if PARTS.fullmatch(name):
            raise InputError(
                f"{argument} must hold whole weights, but {name!r} is a part of one; remove the "
                "parametrisation first."
            )
