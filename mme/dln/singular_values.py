"""What every function of this part asks of its depth and its singular values."""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import array_namespace

from mme.arguments import affordable, any_array, integer, real_array
from mme.errors import InputError

__all__ = ["measured_singular_values", "validate_depth", "validate_singular_values"]

DEEPEST = 2**53


def validate_depth(depth: Any) -> int:
    """Return the depth N, an integer from 1 to 2^53."""
    if integer("depth", depth, 1) > DEEPEST:
        raise InputError("depth must be at most 2^53, the largest exact float, but it is more.")
    return int(depth)


def validate_singular_values(singular_values: Any, *, positive: bool = False, single: bool = False) -> Any:
    """Return the singular values, shape (..., d) or for one matrix (d,), with their gradient if any."""
    sigma = any_array("singular_values", singular_values, real=True)
    xp, shape = array_namespace(sigma), tuple(sigma.shape)
    if len(shape) < 1 or shape[-1] < 1:
        raise InputError(
            f"singular_values must have shape (..., d) with d ≥ 1, but their shape is {shape}."
        )
    if single and len(shape) > 1:
        raise InputError(f"singular_values must have shape (d,) here, but their shape is {shape}.")
    affordable("singular_values", int(np.prod(shape, dtype=object)) * shape[-1])  # they go in pairs
    if not xp.isdtype(sigma.dtype, "real floating"):
        sigma = xp.astype(sigma, xp.float64)
    if bool(xp.any(sigma < 0)):
        raise InputError(
            f"singular_values must not be negative, but the smallest is {float(xp.min(sigma)):.6g}."
        )
    if positive and bool(xp.any(sigma == 0)):
        raise InputError("singular_values must be positive here, but one is 0, so the matrix is singular.")
    return sigma


def measured_singular_values(
    singular_values: Any, *, positive: bool = False, single: bool = False
) -> np.ndarray:
    """Return the singular values as a NumPy array, without a gradient; see `validate_singular_values`."""
    sigma = real_array("singular_values", singular_values)
    return np.asarray(validate_singular_values(sigma, positive=positive, single=single))
