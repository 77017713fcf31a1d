"""What every function of this part asks of its depth and its singular values."""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import array_namespace, is_torch_array

from mme.errors import InputError

__all__ = ["validate_depth", "validate_singular_values"]

DEEPEST = 2**53


def validate_depth(depth: Any) -> int:
    """Return the depth N as an integer of at least 1.

    Raises
    ------
    InputError
        If it is not an integer, below 1 or above 2^53.

    Examples
    --------
    >>> validate_depth(10**12)
    1000000000000
    """
    number = isinstance(depth, int | float | np.integer | np.floating) and not isinstance(depth, bool)
    # The first comparison leaves out NaN and infinity, which have no integer part.
    if not number or not 1 <= depth < np.inf or int(depth) != depth:
        raise InputError(f"depth must be an integer of at least 1, but it is {depth!r}.")
    if depth > DEEPEST:
        raise InputError(f"depth must be at most 2^53, the largest exact float, but it is {depth}.")
    return int(depth)


def validate_singular_values(singular_values: Any, *, positive: bool = False, single: bool = False) -> Any:
    """Return the singular values as a floating array, after looking at them.

    Parameters
    ----------
    singular_values : array_like or torch tensor, shape (..., d)
        In any order.
    positive : bool
        Refuse zeros too.
    single : bool
        Refuse batches: the shape must be (d,).

    Returns
    -------
    array, shape (..., d)

    Raises
    ------
    InputError
        If there is none, or one is NaN, infinite, negative, complex, or zero where it must be positive.

    Examples
    --------
    >>> validate_singular_values([1, 2])
    array([1., 2.])
    """
    try:
        sigma = singular_values if is_torch_array(singular_values) else np.asarray(singular_values)
    except ValueError as problem:
        raise InputError(
            "singular values must be one array, but they are rows of several lengths."
        ) from problem
    xp = array_namespace(sigma)
    if (not is_torch_array(sigma) and sigma.dtype.kind not in "fiu") or (
        is_torch_array(sigma) and sigma.is_complex()
    ):
        raise InputError(f"singular values must be real numbers, but their dtype is {sigma.dtype}.")
    if sigma.ndim < 1 or sigma.shape[-1] < 1:
        raise InputError(
            f"singular values must have shape (..., d) with d ≥ 1, but their shape is {tuple(sigma.shape)}."
        )
    if single and sigma.ndim > 1:
        raise InputError(
            f"singular values must have shape (d,) here, but their shape is {tuple(sigma.shape)}."
        )
    if not xp.isdtype(sigma.dtype, "real floating"):
        sigma = xp.astype(sigma, xp.float64)
    if not bool(xp.all(xp.isfinite(sigma))):
        raise InputError("singular values must be finite, but one is NaN or infinite.")
    if bool(xp.any(sigma < 0)):
        raise InputError(
            f"singular values must not be negative, but the smallest is {float(xp.min(sigma)):.6g}."
        )
    if positive and bool(xp.any(sigma == 0)):
        raise InputError("singular values must be positive here, but one is 0, so the matrix is singular.")
    return sigma
