"""Frames of given layers: recovered from balanced ones, and fitted to any, by polar factors (Procrustes)."""

from __future__ import annotations

from typing import Any

import numpy as np

from mme.algebra import Field, FieldLike
from mme.algebra import field as field_of
from mme.arguments import common_batch, integer
from mme.dln.balance import BALANCE_TOLERANCE, act, centre, require_balanced
from mme.dln.orbit import between
from mme.dln.product import end_to_end, of_size, stack_layers
from mme.errors import InputError

__all__ = ["frames", "nearest_balanced"]

PROCRUSTES_TOLERANCE = 1e-13


def frames(layers: Any, field: FieldLike = "R", *, matrix: Any = None) -> np.ndarray:
    """Recover the frames Q_1, …, Q_{N−1} with W = Q·W_X^c from balanced layers of an invertible X.

    W_1 V = Q_1 Λ and W_p Q_{p−1} = Q_p Λ, so each frame is a polar factor, which is unique also where
    singular values coincide; a singular value decomposition of each layer would not be.

    Source: entropy formula, Lemma 3.1 and Proposition 2.2.

    Parameters
    ----------
    layers, field
        As in `stack_layers`; balanced, with an invertible product.
    matrix : array_like, shape (..., d, d), optional
        X, whose singular value decomposition makes the centre; the layers' product by default. Give it where
        singular values coincide: there rounding in the product changes the decomposition, and so the frames.

    Returns
    -------
    ndarray, shape (..., N − 1, d, d)

    Raises
    ------
    InputError
        If the layers are not balanced (it says by how much), or their product is singular or not `matrix`.

    Examples
    --------
    >>> rotation = np.array([[0.0, -1.0], [1.0, 0.0]])
    >>> layers = act([rotation], centre(np.diag([4.0, 1.0]), depth=2))
    >>> bool(np.allclose(frames(layers), [rotation]))
    True
    """
    scalars, stacked = field_of(field), require_balanced(layers, field)
    product = end_to_end(stacked, scalars)
    X = product if matrix is None else of_size(product.shape[-1], matrix, "matrix", scalars)
    common_batch("matrix and layers", X.shape[:-2], product.shape[:-2])
    _, sigma, V = scalars.svd(X)
    if np.any(sigma[..., -1] <= np.finfo(float).eps * sigma[..., 0]):
        raise InputError("the layers' product must be invertible to have unique frames, but it is singular.")
    distance = float(np.max(scalars.norm(product - X) / scalars.norm(X), initial=0.0))
    if distance > BALANCE_TOLERANCE:
        raise InputError(
            f"matrix must be the layers' product, but differs from it by {distance:.3g} of its size."
        )
    return _polar_frames(stacked, V, scalars)


def nearest_balanced(layers: Any, field: FieldLike = "R", *, max_steps: int = 1000) -> np.ndarray:
    """Return a balanced factorisation of the same end-to-end matrix near to given layers.

    It starts from the polar factors that `frames` would take. Then the frames are improved in turn, each by
    the polar factor that brings the layers on both sides of it nearest (Procrustes), until nothing moves: the
    distance never grows, and the result is a local minimum.

    Parameters
    ----------
    layers, field, and what is returned
        As in `stack_layers`.
    max_steps : int
        Sweeps at most.

    Raises
    ------
    InputError
        If the sweeps do not settle within `max_steps`.

    Examples
    --------
    >>> near = nearest_balanced([[[1.0]], [[4.0]]])
    >>> near[:, 0, 0]
    array([2., 2.])
    """
    scalars, stacked = field_of(field), stack_layers(layers, field)
    N, max_steps = stacked.shape[-3], integer("max_steps", max_steps, 1)
    if N == 1:
        return stacked
    product = end_to_end(stacked, scalars)
    middle = centre(product, depth=N, field=scalars)
    chain = between(1, _polar_frames(stacked, scalars.svd(product).V, scalars))
    W, C, Q = (np.moveaxis(array, -3, 0) for array in (stacked, middle, chain))
    # |Q·C − W|² falls most when Q_p follows the polar factor of W_p Q_{p−1} C_p* + W_{p+1}* Q_{p+1} C_{p+1}.
    for _ in range(max_steps):
        before = Q.copy()
        for p in range(1, N):  # W and C begin with W_1 and C_1, Q with Q_0
            pull = W[p - 1] @ Q[p - 1] @ scalars.adjoint(C[p - 1]) + scalars.adjoint(W[p]) @ Q[p + 1] @ C[p]
            Q[p] = scalars.polar(pull)
        if np.max(np.abs(Q - before), initial=0.0) < PROCRUSTES_TOLERANCE * N:
            return act(chain[..., 1:-1, :, :], middle, scalars)
    raise InputError(f"max_steps must be more for these layers, which did not settle within {max_steps}.")


def _polar_frames(stacked: np.ndarray, V: np.ndarray, scalars: Field) -> np.ndarray:
    """Q_1 = polar(W_1 V), Q_p = polar(W_p Q_{p−1})."""
    batch = np.broadcast_shapes(stacked.shape[:-3], V.shape[:-2])
    found = np.zeros((*batch, stacked.shape[-3] - 1, *stacked.shape[-2:]), scalars.dtype)
    frame = V
    for p in range(stacked.shape[-3] - 1):
        frame = found[..., p, :, :] = scalars.polar(stacked[..., p, :, :] @ frame)
    return found
