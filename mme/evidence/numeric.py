"""Numeric checks: floating point against a formula, with the largest error and its tolerance."""

from __future__ import annotations

import math
from typing import Any

from mme.arguments import number, plain_array, shown
from mme.errors import InputError
from mme.evidence.record import Verdict
from mme.late import Array, np

__all__ = ["array_of_numbers", "compare", "not_finite", "short"]

DEFAULT_RTOL = 1e-9


def compare(computed: Any, formula: Any, rtol: float | None, atol: float | None) -> Verdict:
    """Judge whether ``|computed - formula| <= atol + rtol |formula|`` in every entry."""
    if rtol is None:
        rtol = DEFAULT_RTOL if atol is None else 0.0
    rtol, atol = number("rtol", rtol, 0), number("atol", 0.0 if atol is None else atol, 0)
    left, right = array_of_numbers(computed, "computed"), array_of_numbers(formula, "formula")
    if right.ndim and left.shape != right.shape:
        return Verdict(False, f"computed has the shape {left.shape} and formula has the shape {right.shape}")
    if not left.size:
        return Verdict(False, "there is nothing to compare, because the arrays are empty")
    if wrong := not_finite(computed=left, formula=right):
        return Verdict(False, wrong)

    try:
        with np.errstate(over="ignore"):
            difference, right = left - right, np.broadcast_to(right, left.shape)
    except OverflowError:
        return Verdict(False, "whole numbers on one side are beyond the floating-point numbers on the other")
    # Whole numbers have no largest one, floats do, and the modulus of a complex number may pass it.
    beyond = np.isinf(_floats(right)) & (rtol > 0)
    unit = np.where(beyond, right.real, 1)
    error, size = _floats(difference, unit), _floats(right, unit)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        allowed = np.where(beyond, 0, atol) + rtol * size if rtol else np.full(error.shape, atol)
        share = np.where(error == 0, 0.0, error / allowed)
    worst = np.unravel_index(np.argmax(share), share.shape)
    is_relative = rtol > 0 and atol == 0
    largest, tolerance = (rtol * share[worst], rtol) if is_relative else (error[worst], allowed[worst])
    passed = bool(np.all(error <= allowed))
    scale = 1.0 if is_relative else float(max(np.max(size), np.max(_floats(left)))) or 1.0
    seen = max(float(largest), float(np.finfo(float).eps) * scale)  # or the rounding of one operation
    details = {
        "largest_error": float(largest),
        "tolerance": float(tolerance),
        "slack": float(tolerance) / seen,
        "measure": "relative" if is_relative else "absolute",
        "rtol": rtol,
        "atol": atol,
        "compared": left.size,
        "shape": list(left.shape),
    }
    return Verdict(passed, _summary(passed, details, tuple(map(int, worst))), details)


def _summary(passed: bool, details: dict[str, Any], worst: tuple[int, ...]) -> str:
    measure, count = "relative error" if details["measure"] == "relative" else "error", details["compared"]
    largest, tolerance = short(details["largest_error"]), short(details["tolerance"])
    if not passed:
        place = f" at entry {worst}" if worst else ""
        return f"the {measure}{place} is {largest}, above the tolerance {tolerance}"
    if details["tolerance"] == 0:
        return f"exactly equal{f' in all {count} entries' if count > 1 else ''}"
    return f"{'largest ' if count > 1 else ''}{measure} {largest} (tolerance {tolerance})"


def array_of_numbers(value: Any, name: str, *, whole: bool = True) -> Array:
    """Return a float or complex array, or if `whole` one of Python's integers, which subtract exactly."""
    array = plain_array(name, value)
    try:
        if array.dtype.kind in "biu":
            return array.astype(object if whole else float)
        if array.dtype.kind == "O":
            if all(isinstance(entry, int) for entry in array.flat):
                return array if whole else array.astype(float)
            real = all(complex(entry).imag == 0 for entry in array.flat)
            return array.astype(float if real else complex)
        if array.dtype.kind in "fc":
            return array.astype(np.result_type(array.dtype, float))
    except (TypeError, ValueError, OverflowError):
        pass
    raise InputError(f"{name} must be an array of numbers, but it is {shown(value)}.")


def _floats(array: Any, unit: Any = 1) -> Array:
    """Moduli of entries over a unit; infinite where one is too large for a float."""

    def quotient(entry: Any, unit: Any) -> float:
        try:
            return float(abs(entry / unit))
        except OverflowError:
            return math.inf

    quotients = np.vectorize(quotient, otypes=[float])
    if np.asarray(array).dtype == object:
        return np.asarray(quotients(array, unit))
    with np.errstate(over="ignore"):
        return np.asarray(np.hypot(array.real / unit, array.imag / unit))


def not_finite(**arrays: Array) -> str:
    """Say in a clause which of the arrays has entries that are infinite or not a number, if any."""
    for name, array in arrays.items():
        wrong = 0 if array.dtype == object else np.count_nonzero(~np.isfinite(array))
        if wrong:
            return f"{wrong} of the {array.size} entries of {name} are not finite"
    return ""


def short(value: float) -> str:
    """Two significant digits: enough to judge an error by."""
    return f"{value:.2g}"
