"""The orbit map Ψ_X, its differential, and the tangent vectors: Lemma 3.2, Proposition 2.2, Corollary 3.3."""

from __future__ import annotations

from typing import Any

import numpy as np

from mme.algebra import Field, FieldLike
from mme.algebra import field as field_of
from mme.arguments import common_batch, finite_array
from mme.dln.balance import act, centre, turned_ends
from mme.dln.product import of_size
from mme.dln.singular_values import validate_depth
from mme.errors import InputError

__all__ = ["between", "orbit_dimension", "orbit_map", "orbit_map_differential", "squared_distance"]


def orbit_dimension(d: int, *, depth: int, field: FieldLike = "R") -> int:
    """Return dim O_X = (N − 1) D for an invertible d × d matrix X.

    Parameters
    ----------
    d : int
    depth, field
        As in `entropy`.

    Examples
    --------
    >>> orbit_dimension(3, depth=4, field="H")
    63
    """
    return (validate_depth(depth) - 1) * field_of(field).group_dimension(d)


def orbit_map(matrix: Any, frames: Any, field: FieldLike = "R") -> np.ndarray:
    """Return Ψ_X(Q) = Q·W_X^c = (UΛQ_{N−1}*, Q_{N−1}ΛQ_{N−2}*, …, Q_1ΛV*).

    Source: entropy formula, (2.5) and Proposition 2.2.

    Parameters
    ----------
    matrix : array_like, shape (..., d, d)
        X = UΣV*.
    frames, field, and what is returned
        As in `act`; the number of frames sets the depth.

    Raises
    ------
    InputError
        If X is not square, or the frames are not unitary matrices of its size.

    Examples
    --------
    >>> orbit_map(np.diag([4.0]), [-np.eye(1)])[:, 0, 0]
    array([-2., -2.])
    """
    Q = finite_array("frames", frames)
    if Q.ndim < 3:
        raise InputError(f"frames must have shape (..., N − 1, d, d), but their shape is {Q.shape}.")
    return act(Q, centre(matrix, depth=Q.shape[-3] + 1, field=field), field)


def orbit_map_differential(
    matrix: Any, directions: Any, field: FieldLike = "R", *, frames: Any = None
) -> np.ndarray:
    """Return the differential of Ψ_X, at 1 or at given frames, applied to directions in the Lie algebra.

    At 1 layer q gets (a_q Λ − Λ a_{q−1}) with a_0 = a_N = 0, times U from the left for q = N and V* from the
    right for q = 1. At Q the direction is the tangent vector (Q_p a_p), and the value Q·dΨ_X|_1(a), since
    Ψ_X(QR) = Q·Ψ_X(R) and the action is linear in the layers.

    Source: entropy formula, (3.1); Corollary 3.3, (3.2) at X = Σ.

    Parameters
    ----------
    matrix, field, frames, and what is returned
        As in `orbit_map`; the frames are the identity by default.
    directions : array_like, shape (..., N − 1, d, d)
        a_1, …, a_{N−1}, skew-Hermitian.

    Raises
    ------
    InputError
        If a direction is not skew-Hermitian, or X is not a square matrix of the same size.

    Examples
    --------
    >>> a = np.array([[0.0, 1.0], [-1.0, 0.0]])
    >>> orbit_map_differential(np.diag([4.0, 1.0]), [a])[0]  # a_1 Λ
    array([[ 0.,  1.],
           [-2.,  0.]])
    """
    scalars = field_of(field)
    a = scalars.hermitian_part(directions, sign=-1, name="directions")
    if a.ndim < 3:
        raise InputError(f"directions must have shape (..., N − 1, d, d), but their shape is {a.shape}.")
    depth = a.shape[-3] + 1
    U, sigma, V = scalars.svd(of_size(a.shape[-1], matrix, "matrix", scalars))
    common_batch("matrix and directions", U.shape[:-2], a.shape[:-3])
    root = scalars.diagonal(sigma ** (1 / depth))[..., None, :, :]
    a = between(0, a)
    tangent = a[..., 1:, :, :] @ root - root @ a[..., :-1, :, :]
    tangent = turned_ends(U, V, tangent, scalars)
    return tangent if frames is None else act(frames, tangent, scalars)


def squared_distance(frames: np.ndarray, roots: np.ndarray, field: Field) -> np.ndarray:
    """Return |Ψ_Σ(Q) − Ψ_Σ(1)|² = Σ_p |Q_p Λ Q_{p−1}* − Λ|² with Q_0 = Q_N = 1, for frames as arrays."""
    Q = between(1, frames)
    scale = np.concatenate([roots] * field.side)
    # |Q_p Λ − Λ Q_{p−1}|², entry by entry, without products of matrices
    gap = Q[..., 1:, :, :] * scale - scale[:, None] * Q[..., :-1, :, :]
    return np.asarray((np.abs(gap) ** 2).sum(axis=(-3, -2, -1)) / field.side)


def between(end: int, matrices: np.ndarray) -> np.ndarray:
    """Return Q_0, …, Q_N for Q_1, …, Q_{N−1}, where Q_0 = Q_N = 1, or 0 in the Lie algebra."""
    ends = np.broadcast_to(end * np.eye(matrices.shape[-1]), (*matrices.shape[:-3], 1, *matrices.shape[-2:]))
    return np.concatenate([ends, matrices, ends], axis=-3)
