"""Certified checks: ball arithmetic encloses both sides, and with them their difference."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from mme.arguments import number
from mme.errors import InputError
from mme.evidence.numeric import short
from mme.evidence.record import Verdict
from mme.extras import required
from mme.late import of_numpy

__all__ = ["enclose"]


def enclose(left: Any, right: Any, tolerance: float) -> Verdict:
    """Judge whether both sides provably differ by no more than ``tolerance``."""
    tolerance = number("tolerance", tolerance, above=0)
    first, second = list(_balls(left, "left")), list(_balls(right, "right"))
    if len(second) == 1:
        second *= len(first)
    if len(first) != len(second):
        return Verdict(False, f"left has {len(first)} entries and right has {len(second)}")
    if not first:
        return Verdict(False, "there is nothing to compare, because both sides are empty")

    def place(index: int) -> str:
        return f" of entry {index}" if len(first) > 1 else ""

    bound = radius = seen = 0.0
    for index, (a, b) in enumerate(zip(first, second, strict=True)):
        if not (a.is_finite() and b.is_finite()):
            return Verdict(False, f"a ball{place(index)} is not finite")
        if a == b:  # exactly, as most zeros of a large matrix
            continue
        if not a.overlaps(b):
            wrong = f"the balls{place(index)} do not overlap, so the two sides differ for certain"
            return Verdict(False, wrong)
        difference = (a - b).abs_upper()
        bound = max(bound, _upward(difference))
        radius = max(radius, _upward(a.rad()), _upward(b.rad()))
        if not b.contains(0):
            seen = max(seen, _upward((difference / b.abs_lower()).upper()))
    details = {
        "largest_difference": bound,
        "largest_radius": radius,
        "tolerance": tolerance,
        "compared": len(first),
    }
    if 0 < seen < 1:
        details["digits"] = math.floor(-math.log10(seen))
    if bound > tolerance:
        summary = (
            f"the balls overlap, but the two sides could differ by {short(bound)}, above the tolerance "
            f"{short(tolerance)}; work with more bits"
        )
        return Verdict(False, summary, details)
    more = f" in all {len(first)} entries" if len(first) > 1 else ""
    digits = f", {details['digits']} digits" if "digits" in details else ""
    summary = f"the two sides differ by at most {short(bound)}{more} (tolerance {short(tolerance)}){digits}"
    return Verdict(True, summary, details)


def _balls(value: Any, name: str) -> Iterator[Any]:
    """Yield every entry as a complex ball."""
    flint = required("flint", "book", "a certified check")
    exact: tuple[Any, ...] = (int, Fraction, *of_numpy("integer"))
    if isinstance(value, flint.arb_mat | flint.acb_mat):
        yield from map(flint.acb, value.entries())
    elif isinstance(value, list | tuple):
        for entry in value:
            yield from _balls(entry, name)
    elif isinstance(value, exact) and not isinstance(value, bool):
        yield flint.acb(flint.fmpq(int(value.numerator), int(value.denominator)))
    elif isinstance(value, flint.fmpz | flint.fmpq | flint.arb | flint.acb):
        yield flint.acb(value)
    else:
        raise InputError(
            f"{name} must hold balls of python-flint (arb, acb) or exact integers and fractions, "
            f"but it holds {type(value).__name__}, which carries no error bound."
        )


def _upward(ball: Any) -> float:
    # The nearest float may lie below the bound; the next one up does not.
    return 0.0 if ball.is_zero() else math.nextafter(float(ball), math.inf)
