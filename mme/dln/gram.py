"""The pushed-forward basis and its Gram matrix, from scratch: Lemma 4.2 before it is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mme.algebra import FieldLike
from mme.algebra import field as field_of
from mme.arguments import affordable
from mme.dln.orbit import orbit_map_differential
from mme.dln.singular_values import measured_singular_values, validate_depth

__all__ = ["gram_matrix", "log_jacobian", "pushed_forward_basis"]


def pushed_forward_basis(
    singular_values: Any, *, depth: int, field: FieldLike = "R", frames: Any = None
) -> np.ndarray:
    """Return the tangent vectors V_{kl}^{ε,p} = dΨ(A_{kl}^{ε,(p)}) and V_k^{ε,p} = dΨ(D_k^{ε,(p)}) of O_Σ.

    Source: entropy formula, (4.4).

    Parameters
    ----------
    singular_values : array_like, shape (d,)
        Positive.
    depth, field
        As in `entropy`.
    frames : array_like, shape (N − 1, d, d), optional
        Q, where the tangent vectors are taken; the identity by default.

    Returns
    -------
    ndarray, shape (D, N − 1, N, d, d)
        First the Lie algebra's basis in the order of `Field.lie_basis`, then p, then the layers.

    Examples
    --------
    >>> pushed_forward_basis([2.0, 1.0], depth=3, field="C").shape
    (4, 2, 3, 2, 2)
    """
    depth, scalars = validate_depth(depth), field_of(field)
    sigma = measured_singular_values(singular_values, scalars, positive=True, single=True)
    basis = scalars.lie_basis(len(sigma))
    affordable("depth", (depth - 1) * depth * basis.size * basis.itemsize // 8)
    directions = np.einsum("aij,pq->apqij", basis, np.eye(depth - 1))
    return orbit_map_differential(scalars.diagonal(np.sort(sigma)[::-1]), directions, scalars, frames=frames)


def gram_matrix(
    singular_values: Any, *, depth: int, field: FieldLike = "R", frames: Any = None
) -> np.ndarray:
    """Return the Gram matrix 𝒢 of the pushed-forward basis in the trace pairing, by pairing all with all.

    The arguments are those of `pushed_forward_basis`.
    Source: entropy formula, Lemma 4.2 and Proposition 4.3.

    Returns
    -------
    ndarray, shape ((N − 1) D, (N − 1) D)
        The index runs over the Lie algebra's basis first and over p second, so the blocks of Proposition 4.3
        stand along the diagonal.

    Examples
    --------
    >>> gram_matrix([1.0, 1.0], depth=3)
    array([[ 2., -1.],
           [-1.,  2.]])
    """
    vectors = pushed_forward_basis(singular_values, depth=depth, field=field, frames=frames)
    flat = vectors.reshape(-1, math.prod(vectors.shape[2:]))
    affordable("depth", len(flat) ** 2)
    return np.asarray((flat.conj() @ flat.T).real / field_of(field).side)  # `Field.pairing` of all with all


def log_jacobian(singular_values: Any, *, depth: int, field: FieldLike = "R", frames: Any = None) -> float:
    """Return log √det 𝒢 from the full Gram matrix, the logarithm of the Jacobian of Ψ_Σ.

    The arguments are those of `pushed_forward_basis`.
    Source: entropy formula, Proposition 5.4, (5.5).

    Examples
    --------
    >>> round(float(np.exp(log_jacobian([1.0, 1.0], depth=3))), 9)  # √det [[2, −1], [−1, 2]]
    1.732050808
    """
    gram = gram_matrix(singular_values, depth=depth, field=field, frames=frames)
    return float(np.linalg.slogdet(gram)[1] / 2)
