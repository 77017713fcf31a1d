"""Statistical checks: a Monte-Carlo estimate against an expected value, in standard errors."""

from __future__ import annotations

import math
from typing import Any

from mme.arguments import integer, number, real_array
from mme.errors import InputError
from mme.evidence.numeric import array_of_numbers, not_finite, short
from mme.evidence.record import Verdict
from mme.late import Array, np

__all__ = ["compare"]

FEWEST_SAMPLES = 30  # below this the mean is not yet normal, and z says little
ROUNDING = 1e-12  # samples that spread less than this, relative to their mean, differ by rounding only


def compare(
    samples: Any, expected: Any, given_error: Any, tolerance: float, seed: int | None, sample_size: int | None
) -> Verdict:
    """Judge whether the estimate lies within ``tolerance`` standard errors of what is expected."""
    tolerance = number("tolerance", tolerance, above=0)
    seed = None if seed is None else integer("seed", seed, 0)
    sample_size = None if sample_size is None else integer("sample_size", sample_size, FEWEST_SAMPLES)
    values = array_of_numbers(samples, "samples", whole=False)
    target = array_of_numbers(expected, "expected", whole=False)
    if wrong := not_finite(samples=values, expected=target):
        return Verdict(False, wrong)
    shape = values.shape[1:] if given_error is None else values.shape
    if target.ndim and target.shape != shape:
        return Verdict(False, f"the estimate has the shape {shape} and expected has the shape {target.shape}")
    if math.prod(shape) == 0:
        return Verdict(False, "there is nothing to compare, because the samples are empty")

    is_complex = "c" in (values.dtype.kind, target.dtype.kind)
    values, target = _real(values, is_complex), _real(np.broadcast_to(target, shape), is_complex)
    if given_error is None:
        estimate, error, sample_size = _mean(values)
    else:
        estimate, error = values, _given(given_error, shape, is_complex)

    z = (estimate - target) / error
    worst = np.unravel_index(np.argmax(np.abs(z)), z.shape)
    passed = bool(abs(z[worst]) <= tolerance)
    entries = {"estimate": estimate, "expected": target, "standard_error": error, "z": z}
    details: dict[str, Any] = {name: float(array[worst]) for name, array in entries.items()}
    details |= {"tolerance": tolerance, "compared": z.size, "sample_size": sample_size, "seed": seed}
    return Verdict(passed, _summary(passed, details), details)


def _real(array: Array, is_complex: bool) -> Array:
    # A complex mean is two real ones; each has its own standard error.
    if not is_complex:
        return array.astype(float)
    return np.stack([array.real, array.imag], axis=-1).astype(float)


def _mean(values: Array) -> tuple[Array, Array, int]:
    if values.ndim == 0:
        raise InputError("samples must have draws along axis 0; give a single estimate its standard_error.")
    count = len(values)
    if count < FEWEST_SAMPLES:
        raise InputError(
            f"samples must hold at least {FEWEST_SAMPLES} draws on axis 0, but it holds {count}."
        )
    estimate, spread = values.mean(axis=0), values.std(axis=0, ddof=1)
    if np.any(spread <= ROUNDING * np.abs(estimate)):
        raise InputError("samples must vary, but some entry is the same in every draw; use .numeric there.")
    return estimate, spread / math.sqrt(count), count


def _given(standard_error: Any, shape: tuple[int, ...], is_complex: bool) -> Array:
    error = real_array("standard_error", standard_error).astype(float)
    if not np.all(error > 0):
        raise InputError("standard_error must be positive; use .numeric where there is none.")
    if error.ndim and error.shape != shape:
        raise InputError(
            f"standard_error must have the estimate's shape {shape}, but its shape is {error.shape}."
        )
    error = np.broadcast_to(error, shape)
    return np.stack([error, error], axis=-1) if is_complex else error


def _summary(passed: bool, details: dict[str, Any]) -> str:
    z, compared = abs(details["z"]), details["compared"]
    size = f"; {details['sample_size']} samples" if details["sample_size"] else ""
    value = _with_error(details["estimate"], details["standard_error"], details["expected"])
    if compared == 1:
        return f"{value} (|z| = {short(z)}, tolerance {details['tolerance']:g}{size})"
    largest = f"largest |z| of {compared} is {short(z)} (tolerance {details['tolerance']:g}{size})"
    return largest if passed else f"{largest}, where the estimate is {value}"


def _with_error(estimate: float, error: float, expected: float) -> str:
    # As many digits as the standard error supports, and one more of what is known exactly.
    last = math.floor(math.log10(error))
    first = math.floor(math.log10(max(abs(estimate), abs(expected), error)))
    digits = first - last + 1
    if -6 <= last <= 0 and first < 6:
        shown = f"{estimate:.{-last}f} ± {error:.{-last}f}"
    else:
        shown = f"{estimate:.{digits}g} ± {error:.1g}"
    return f"{shown}, expected {expected:.{digits + 1}g}"
