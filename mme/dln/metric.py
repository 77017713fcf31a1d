"""The DLN metric: the operator A_{N,X}, its determinant (Lemma 5.5), the entropy through it (Prop. 1.3)."""

from __future__ import annotations

from typing import Any

import numpy as np

from mme.algebra import Field, FieldLike
from mme.algebra import field as field_of
from mme.arguments import common_batch, number
from mme.dln.chebyshev import log_block_determinant
from mme.dln.product import of_size
from mme.dln.singular_values import measured_singular_values, validate_depth
from mme.dln.sinhc import log_sinhc
from mme.errors import InputError

__all__ = [
    "dln_metric", "entropy_from_metric", "log_metric_determinant", "log_metric_eigenvalues",
    "metric_operator",
]  # fmt: skip


def log_metric_eigenvalues(singular_values: Any, *, depth: int | None) -> np.ndarray:
    """Return log μ_kl, where A_{N,X} has the eigenvalue μ_kl = Σ_p λ_k^{2(N−p)} λ_l^{2(p−1)} on u_k ε v_l*.

    Source: entropy formula, Lemma 5.5 and Remark 1.4.

    Parameters
    ----------
    singular_values : array_like, shape (..., d)
        Positive.
    depth : int or None
        N ≥ 1; None for A_∞, whose eigenvalues are the logarithmic means of σ_k² and σ_l².

    Returns
    -------
    ndarray, shape (..., d, d)
        In the order of the singular values as given; symmetric. Over F each has real multiplicity β.

    Examples
    --------
    >>> np.exp(log_metric_eigenvalues([4.0, 1.0], depth=2)).round(9)  # λ = 2, 1: λ_k² + λ_l²
    array([[8., 5.],
           [5., 2.]])
    """
    x = np.log(measured_singular_values(singular_values, positive=True))
    rows, columns = x[..., :, None], x[..., None, :]
    if depth is None:
        return np.asarray(rows + columns + log_sinhc(rows - columns))
    depth = validate_depth(depth)
    return np.asarray(log_block_determinant(rows / depth, columns / depth, depth))


def metric_operator(
    matrix: Any, vector: Any, *, depth: int | None, field: FieldLike = "R", power: float = 1.0
) -> np.ndarray:
    """Return A_{N,X}(Z) = Σ_p (XX*)^{(N−p)/N} Z (X*X)^{(p−1)/N}, shape (..., d, d), or a power of A_{N,X}.

    Source: entropy formula, Section 1.2, and Remark 1.4 for infinite depth.

    Parameters
    ----------
    matrix, vector : array_like, shape (..., d, d)
        X, invertible, and Z.
    depth : int or None
        N ≥ 1; None for A_∞ = lim A_N/N.
    field : {"R", "C", "H"}, 1, 2, 4 or Field
    power : float
        1 for the operator, −1 for its inverse, any other real power by its eigenvalues.

    Raises
    ------
    InputError
        If X is singular.

    Examples
    --------
    >>> metric_operator(np.diag([4.0, 1.0]), np.ones((2, 2)), depth=2).round(9)
    array([[8., 5.],
           [5., 2.]])
    """
    scalars, power = field_of(field), number("power", power)
    U, sigma, V = scalars.svd(scalars.validate(matrix, name="matrix"))
    if np.any(sigma[..., -1] == 0):
        raise InputError("matrix must be invertible for the DLN metric, but a singular value is 0.")
    Z = _of_size(vector, "vector", U, scalars)
    with np.errstate(over="ignore"):
        factors = np.exp(power * log_metric_eigenvalues(sigma, depth=depth))
    if not (np.isfinite(factors) & (factors > 0)).all():
        raise InputError(
            f"power must be nearer to 0 for such a matrix, whose eigenvalues are no floats at {power:g}."
        )
    factors = np.tile(factors, (scalars.side, scalars.side))
    inner = factors * (scalars.adjoint(U) @ Z @ V)
    return np.asarray(U @ inner @ scalars.adjoint(V))


def dln_metric(matrix: Any, first: Any, second: Any, *, depth: int | None, field: FieldLike = "R") -> Any:
    """Return g^N_X(Z_1, Z_2) = Re Tr(Z_1* A_{N,X}^{−1}(Z_2)), shape (...,).

    Source: entropy formula, (1.4).

    Parameters
    ----------
    matrix, depth, field
        As in `metric_operator`.
    first, second : array_like, shape (..., d, d)
        Tangent vectors Z_1, Z_2.

    Examples
    --------
    >>> float(dln_metric(np.diag([4.0, 1.0]), np.eye(2), np.eye(2), depth=2))  # 1/8 + 1/2
    0.625
    """
    scalars = field_of(field)
    X = scalars.validate(matrix, name="matrix")
    Z = _of_size(second, "second", X, scalars)
    inverse = metric_operator(X, Z, depth=depth, field=scalars, power=-1)
    return scalars.pairing(_of_size(first, "first", inverse, scalars), inverse)


def log_metric_determinant(singular_values: Any, *, depth: int | None, field: FieldLike = "R") -> Any:
    """Return log det A_{N,X}, shape (...,): the real determinant on the β d² dimensional space of matrices.

    The arguments are those of `entropy_gradient`, with None for A_∞.
    Source: entropy formula, Lemma 5.5, (5.6).

    Examples
    --------
    >>> round(float(np.exp(log_metric_determinant([4.0, 1.0], depth=2))), 6)  # 8 · 5 · 5 · 2
    400.0
    """
    scalars = field_of(field)
    sigma = measured_singular_values(singular_values, scalars, positive=True)
    total = scalars.beta * log_metric_eigenvalues(sigma, depth=depth).sum(axis=(-2, -1))
    return total if total.ndim else float(total)


def entropy_from_metric(singular_values: Any, *, depth: int, field: FieldLike = "R") -> Any:
    """Return S(X) by (1.6): through the determinant of the DLN metric's operator.

    The arguments are those of `mme.dln.entropy`, positive, and so is the shape.
    Source: entropy formula, Proposition 1.3, (1.6); (1.7) for β = 2.

    Examples
    --------
    >>> from mme.dln import entropy
    >>> case = {"depth": 3, "field": "H"}
    >>> bool(np.isclose(entropy_from_metric([2.0, 1.0], **case), entropy([2.0, 1.0], **case)))
    True
    """
    depth, scalars = validate_depth(depth), field_of(field)
    sigma = measured_singular_values(singular_values, scalars, positive=True)
    d, beta = sigma.shape[-1], scalars.beta
    total = (
        (depth - 1) * scalars.log_group_volume(d)
        + d * (beta - 2) / 4 * np.log(depth)
        + (depth - 1) * (beta - 2) / (2 * depth) * np.log(sigma).sum(axis=-1)
        + log_metric_determinant(sigma, depth=depth, field=scalars) / 4
    )
    return total if np.ndim(total) else float(total)


def _of_size(vector: Any, name: str, matrix: np.ndarray, scalars: Field) -> np.ndarray:
    Z = of_size(matrix.shape[-1], vector, name, scalars)
    common_batch(f"matrix and {name}", matrix.shape[:-2], Z.shape[:-2])
    return Z
