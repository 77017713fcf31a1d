"""Theorem 1.1: the entropy formula of the deep linear network, written once in β for R, C and H.

With x_k = log σ_k, lsh(u) = log(sinh u / u) and D = dim G, formula (1.2) reads

    S = (N − 1) log c + (D/2) log N + (1 − 1/N) (D/d) Σ_k x_k
        + (β/2) Σ_{k<l} [lsh(x_k − x_l) − lsh((x_k − x_l)/N)],

which is exact at coinciding singular values, and neither overflows nor cancels at any depth or scale.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import array_namespace, is_torch_array

from mme.algebra import Field, FieldLike
from mme.algebra import field as field_of
from mme.arguments import flag
from mme.dln.pairs import pair_sum
from mme.dln.singular_values import of_spectra, validate_depth, validate_singular_values
from mme.errors import InputError

__all__ = [
    "entropy", "entropy_of", "infinite_depth_entropy", "log_vandermonde_ratio", "orbit_volume",
    "renormalised_entropy", "scalar",
]  # fmt: skip


@of_spectra
def log_vandermonde_ratio(singular_values: Any, *, depth: int) -> Any:
    """Return log van(Σ²)/van(Λ²) = Σ_{k<l} log (σ_k² − σ_l²)/(λ_k² − λ_l²) with λ = σ^{1/N}.

    Source: entropy formula, (1.1)–(1.3).

    Parameters
    ----------
    singular_values : array_like or torch tensor, shape (..., d)
        Non-negative; equal values are taken by continuity, as in (1.3).
    depth : int
        N ≥ 1.

    Returns
    -------
    float or array, shape (...,)
        −∞ where two singular values vanish and N > 1.

    Examples
    --------
    >>> round(float(np.exp(log_vandermonde_ratio([2.0, 1.0], depth=2))), 9)  # (4 − 1)/(2 − 1)
    3.0
    """
    depth = validate_depth(depth)
    sigma = validate_singular_values(singular_values)
    d = sigma.shape[-1]
    return scalar(pair_sum(sigma, 1 / depth, 1, 0) + d * (d - 1) / 2 * float(np.log(depth)))


@of_spectra
def entropy(singular_values: Any, *, depth: int, field: FieldLike = "R", group_volume: bool = True) -> Any:
    """Return S(X) = log vol(O_X), the entropy of the balanced factorisations of X in N layers.

    Source: entropy formula, Theorem 1.1, (1.2).

    Parameters
    ----------
    singular_values : array_like or torch tensor, shape (..., d)
        The singular values of X, in any order for one matrix, descending for several; equal ones are allowed.
        Of a matrix itself `matrix_entropy` is the function. Differentiable where they are torch tensors,
        with the gradient NaN where one is 0.
    depth : int
        N ≥ 1.
    field : {"R", "C", "H"}, 1, 2, 4 or Field
    group_volume : bool
        Include (N − 1) log c_{d,β}, which at large depth swamps the rest in floating point.

    Returns
    -------
    float or array, shape (...,)
        At singular X the limit of the formula: for N ≥ 2 it is finite if β = 1 and one singular value
        vanishes, and −∞ otherwise. For N = 1 it is 0.

    Raises
    ------
    InputError
        If a singular value is negative or not finite, several spectra do not descend, a spectrum over H comes
        in equal pairs (a warning where all are equal), the depth is not an integer ≥ 1, or the field unknown.

    Examples
    --------
    >>> round(entropy([2.0, 1.0], depth=2, field="R"), 6)  # log(4√2π) + ½ log 3
    3.426904
    >>> round(entropy([1.0], depth=3, field="H"), 6)  # two 3-spheres, stretched: log(2π²)² + (3/2) log 3
    7.613132
    """
    depth, scalars = validate_depth(depth), field_of(field)
    sigma = validate_singular_values(singular_values, scalars)
    return scalar(entropy_of(sigma, depth, scalars, group_volume=flag("group_volume", group_volume)))


def entropy_of(sigma: Any, depth: int, scalars: Field, *, group_volume: bool = True) -> Any:
    """Return the entropy for singular values that are known to be such."""
    d = sigma.shape[-1]
    total = _renormalised(sigma, depth, scalars) + scalars.group_dimension(d) / 2 * float(np.log(depth))
    if group_volume:
        total = total + (depth - 1) * scalars.log_group_volume(d)
    return total


@of_spectra
def orbit_volume(singular_values: Any, *, depth: int, field: FieldLike = "R") -> Any:
    """Return vol(O_X) = e^S, the volume of the balanced factorisations of X.

    The arguments are those of `entropy`, and so is the shape.
    Source: entropy formula, Theorem 1.1, (1.1).

    Raises
    ------
    InputError
        If the volume of an invertible X is no floating-point number; `entropy` is.

    Examples
    --------
    >>> round(orbit_volume([3.0], depth=2, field="C"), 6)  # a circle of radius √(2·3)
    15.390598
    """
    value = entropy(singular_values, depth=depth, field=field)
    xp = array_namespace(value) if hasattr(value, "shape") else np
    with np.errstate(over="ignore"):
        volume = xp.exp(value)
    if bool(xp.any((volume == xp.inf) | ((volume == 0) & (value > -xp.inf)))):
        raise InputError(
            "singular_values and depth must give a volume within floating point, but e^S is not; use entropy."
        )
    return scalar(volume)


@of_spectra
def renormalised_entropy(singular_values: Any, *, depth: int, field: FieldLike = "R") -> Any:
    """Return S_N − (N − 1) log c − (D/2) log N, which converges as the depth grows.

    The arguments are those of `entropy`, and so is the shape.
    Source: entropy formula, Remark 1.4.

    Examples
    --------
    >>> round(renormalised_entropy([2.0, 1.0], depth=10**9) - infinite_depth_entropy([2.0, 1.0]), 6) + 0.0
    0.0
    """
    depth, scalars = validate_depth(depth), field_of(field)
    return scalar(_renormalised(validate_singular_values(singular_values, scalars), depth, scalars))


@of_spectra
def infinite_depth_entropy(singular_values: Any, *, field: FieldLike = "R") -> Any:
    """Return S_∞ = (D/d) Σ_k log σ_k + (β/2) Σ_{k<l} lsh(log σ_k − log σ_l), the limit at infinite depth.

    `renormalised_entropy` converges to it; at singular X it is −∞, except for d = β = 1.

    The arguments are those of `entropy`, and so is the shape.
    Source: entropy formula, Remark 1.4.

    Examples
    --------
    >>> round(infinite_depth_entropy([np.e, 1.0]), 6)  # ½ log of the logarithmic mean of e² and 1
    0.58072
    """
    scalars = field_of(field)
    return scalar(_renormalised(validate_singular_values(singular_values, scalars), None, scalars))


def _renormalised(sigma: Any, depth: int | None, scalars: Field) -> Any:
    """(1 − 1/N)(β − 1) Σ x_k + (β/2) Σ_{k<l} [log of the pair's Vandermonde ratio − log N]; None is N = ∞."""
    return pair_sum(sigma, 0.0 if depth is None else 1 / depth, scalars.beta / 2, scalars.beta - 1)


def scalar(value: Any) -> Any:
    """Return a plain float instead of an array without axes; leave torch tensors as they are."""
    return value if is_torch_array(value) or np.ndim(value) else float(value)
