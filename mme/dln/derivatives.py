"""The gradient and the Hessian of the entropy in the singular values, exact where they coincide."""

from __future__ import annotations

from typing import Any

import numpy as np

from mme.algebra import FieldLike
from mme.algebra import field as field_of
from mme.dln.pairs import by_blocks, derivatives, slopes
from mme.dln.singular_values import measured_singular_values, validate_depth

__all__ = ["entropy_gradient", "entropy_hessian"]


def entropy_gradient(singular_values: Any, *, depth: int | None, field: FieldLike = "R") -> np.ndarray:
    """Return ∂S/∂σ_k, shape (..., d).

    Parameters
    ----------
    singular_values : array_like, shape (..., d)
        Positive.
    depth : int or None
        None for infinite depth.
    field : {"R", "C", "H"}, 1, 2, 4 or Field

    Examples
    --------
    >>> entropy_gradient([2.0], depth=2, field="C")  # S = ½ log 2 + ½ log σ + log 2π
    array([0.25])
    """
    sigma, place, terms = _arguments(singular_values, depth, field)
    return np.asarray(by_blocks(slopes, sigma, *terms)[..., place])


def entropy_hessian(singular_values: Any, *, depth: int | None, field: FieldLike = "R") -> np.ndarray:
    """Return ∂²S/∂σ_k∂σ_l, shape (..., d, d).

    The arguments are those of `entropy_gradient`.

    Examples
    --------
    >>> entropy_hessian([2.0], depth=2, field="C")
    array([[-0.125]])
    """
    sigma, place, terms = _arguments(singular_values, depth, field)
    return np.asarray(by_blocks(_hessians, sigma, *terms)[..., place, :][..., place])


def _hessians(sigma: np.ndarray, *terms: float) -> np.ndarray:
    """The Hessian in σ, shape (rows, d, d)."""
    inverse, repulsion, _ = terms
    second = np.zeros((*sigma.shape, sigma.shape[-1]))
    k = np.arange(sigma.shape[-1])
    for j, curvature in derivatives(sigma, inverse, repulsion, order=2):
        second[:, k[:-j], k[j:]] = second[:, k[j:], k[:-j]] = curvature.T
    # ∂_σ = (1/σ) ∂_x leaves an extra −∂_x S/σ² on the diagonal.
    second[:, k, k] = -second.sum(axis=-1) - slopes(sigma, *terms) * sigma
    return np.asarray(second / sigma[:, :, None] / sigma[:, None, :])


def _arguments(
    singular_values: Any, depth: int | None, field: FieldLike
) -> tuple[np.ndarray, np.ndarray | slice, tuple[float, float, float]]:
    """Return σ in descending order, the places of its values as given, and the rest that `slopes` takes."""
    scalars = field_of(field)
    sigma = measured_singular_values(singular_values, scalars, positive=True)
    inverse = 0.0 if depth is None else 1 / validate_depth(depth)
    terms = inverse, scalars.beta / 2, scalars.beta - 1
    if sigma.ndim > 1:  # which descends
        return sigma, slice(None), terms
    order = np.argsort(-sigma)
    return sigma[order], np.argsort(order), terms
