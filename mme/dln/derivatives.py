"""The gradient and the Hessian of the entropy in the singular values, exact where they coincide."""

from __future__ import annotations

from typing import Any

import numpy as np

from mme.algebra import FieldLike
from mme.algebra import field as field_of
from mme.dln.singular_values import measured_singular_values, validate_depth
from mme.dln.sinhc import log_sinhc_first, log_sinhc_second

__all__ = ["entropy_gradient", "entropy_hessian"]


def entropy_gradient(singular_values: Any, *, depth: int | None, field: FieldLike = "R") -> np.ndarray:
    """Return ∂S/∂σ_k.

    Parameters
    ----------
    singular_values : array_like, shape (..., d)
        Positive.
    depth : int or None
        None for infinite depth.
    field : {"R", "C", "H"}, 1, 2, 4 or Field

    Returns
    -------
    ndarray, shape (..., d)

    Examples
    --------
    >>> entropy_gradient([2.0], depth=2, field="C")  # S = ½ log 2 + ½ log σ + log 2π
    array([0.25])
    """
    sigma, logarithmic, _ = _derivatives(singular_values, depth, field)
    return np.asarray(logarithmic / sigma)


def entropy_hessian(singular_values: Any, *, depth: int | None, field: FieldLike = "R") -> np.ndarray:
    """Return ∂²S/∂σ_k∂σ_l.

    The arguments are those of `entropy_gradient`.

    Returns
    -------
    ndarray, shape (..., d, d)

    Examples
    --------
    >>> entropy_hessian([2.0], depth=2, field="C")
    array([[-0.125]])
    """
    sigma, first, second = _derivatives(singular_values, depth, field)
    d = sigma.shape[-1]
    # ∂_σ = (1/σ) ∂_x leaves an extra −∂_x S/σ² on the diagonal.
    second = second - first[..., None] * np.eye(d)
    return np.asarray(second / sigma[..., :, None] / sigma[..., None, :])


def _derivatives(
    singular_values: Any, depth: int | None, field: FieldLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return σ and the gradient and Hessian of S in x = log σ, shapes (..., d) and (..., d, d)."""
    scalars = field_of(field)
    sigma = measured_singular_values(singular_values, scalars, positive=True)
    inverse, d = 0.0 if depth is None else 1 / validate_depth(depth), sigma.shape[-1]
    x = np.log(sigma)
    delta = x[..., :, None] - x[..., None, :]
    slope = log_sinhc_first(delta) - inverse * log_sinhc_first(delta * inverse)
    curvature = log_sinhc_second(delta) - inverse**2 * log_sinhc_second(delta * inverse)
    curvature = curvature * (1 - np.eye(d))
    first = (1 - inverse) * scalars.group_dimension(d) / d + scalars.beta / 2 * slope.sum(axis=-1)
    second = scalars.beta / 2 * (curvature.sum(axis=-1)[..., None] * np.eye(d) - curvature)
    return sigma, first, second
