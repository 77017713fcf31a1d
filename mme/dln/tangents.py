"""Tangent spaces of the balanced manifold: projections, the way back onto it, and the lift of gradients.

In the frames of balanced layers, W_p = Q_p Λ Q_{p−1}*, all of it is entry by entry. For matrices c_1, …,
c_{N−1} between the layers let n(c)_p = Λ c_{p−1} − c_p Λ. Skew-Hermitian c give the motions along the orbit,
Hermitian c those normal to M, and n*n acts on the entries (k, l) as the tridiagonal block M_{N−1}(λ_k, λ_l).
"""

from __future__ import annotations

from functools import lru_cache, reduce

import numpy as np

from mme.algebra import Field
from mme.arguments import affordable
from mme.dln.orbit import between

__all__ = ["framed", "lifted", "on_diagonal", "product_of", "retracted", "tangent_part"]

SETTLED = 1e-13  # of the largest squared entry


def product_of(W: np.ndarray) -> np.ndarray:
    """Return W_N ⋯ W_1, without a look at the layers."""
    return reduce(lambda X, layer: layer @ X, np.moveaxis(W, -3, 0))


def lifted(W: np.ndarray, Z: np.ndarray) -> np.ndarray:
    """Return dφ*(Z), layer p of which is (W_N ⋯ W_{p+1})* Z (W_{p−1} ⋯ W_1)*: gradients, from X to layers."""
    star, found, depth = W.conj().mT, np.empty_like(W), W.shape[-3]
    for p in reversed(range(depth)):
        found[..., p, :, :] = Z
        Z = star[..., p, :, :] @ Z
    right = star[..., 0, :, :]
    for p in range(1, depth):
        found[..., p, :, :] = found[..., p, :, :] @ right
        right = right @ star[..., p, :, :]
    return found


def framed(W: np.ndarray, scalars: Field) -> tuple[np.ndarray, np.ndarray]:
    """Return Q_0, …, Q_N and the diagonal of Λ with W_p = Q_p Λ Q_{p−1}*, for balanced layers."""
    first, roots, frame = scalars.svd(W[..., 0, :, :])
    chain = [frame, first]
    for p in range(1, W.shape[-3]):
        chain.append(scalars.polar(W[..., p, :, :] @ chain[-1]))
    return np.stack(chain, axis=-3), np.concatenate([roots] * scalars.side, axis=-1)


def tangent_part(roots: np.ndarray, eta: np.ndarray, scalars: Field, *, horizontal: bool) -> np.ndarray:
    """Project a motion in the frames: along M, or also across the orbits."""
    diagonal = on_diagonal(roots, eta.shape[-3], scalars)
    across = diagonal[..., 1:, :, :] @ eta[..., 1:, :, :] - eta[..., :-1, :, :] @ diagonal[..., :-1, :, :]
    c = _divided(roots, across)
    return np.asarray(eta - _across(diagonal, c if horizontal else (c + c.conj().mT) / 2))


def retracted(
    roots: np.ndarray, moved: np.ndarray, scalars: Field, reach: float
) -> tuple[np.ndarray, np.ndarray]:
    """Bring layers Λ + v, in the frames of Λ, back to M along the normals at Λ, and say where it worked.

    Newton's method, for all at once; for a tangent v it is the nearest point of M up to third order. It fails
    where the defects do not fall, or the way back is longer than `reach` times the step: it could lead to
    another part of M.
    """
    batch, depth, side = moved.shape[:-3], moved.shape[-3], moved.shape[-1]
    if depth == 1:  # nothing to balance
        return moved, np.ones(batch, bool)
    units = _hermitian_units(scalars, scalars.order(moved), depth)
    affordable("layers", int(np.prod(batch)) * len(units) * depth * scalars.beta * side**2)
    start = moved.reshape(-1, depth, side, side)
    diagonal = on_diagonal(roots.reshape(-1, side), depth, scalars)
    moved, settled = start.copy(), np.zeros(len(start), bool)
    normals, tested = _real(_across(diagonal[:, None], units)), _real(units)
    open_, last = np.arange(len(start)), np.full(len(start), np.inf)
    with np.errstate(all="ignore"):
        while open_.size:
            Y = moved[open_]
            defects = Y[:, 1:].conj().mT @ Y[:, 1:] - Y[:, :-1] @ Y[:, :-1].conj().mT
            largest = np.abs(defects).max(axis=(-3, -2, -1), initial=0.0)
            settled[open_] = largest <= SETTLED * np.abs(Y).max(axis=(-3, -2, -1)) ** 2
            # The derivative of the defects, tested with E, is 2 n_Y*(E).
            slopes = 2 * _real(_across(Y[:, None], units)) @ normals[open_].mT
            on = ~settled[open_] & (largest < last) & (np.linalg.slogdet(slopes)[0] != 0)
            open_, last = open_[on], largest[on]
            c = np.linalg.solve(slopes[on], (_real(defects[on]) @ tested.T)[..., None])
            way = (normals[open_].mT @ c)[..., 0]
            moved[open_] -= way.view(moved.dtype).reshape(len(open_), depth, side, side)
        back, step = (np.linalg.norm(_real(each), axis=-1) for each in (moved - start, start - diagonal))
    return moved.reshape(*batch, depth, side, side), (settled & (back <= reach * step)).reshape(batch)


def on_diagonal(roots: np.ndarray, depth: int, scalars: Field) -> np.ndarray:
    """Return Λ as each of the layers."""
    one = roots[..., None, :] * np.eye(roots.shape[-1], dtype=scalars.dtype)
    return np.stack([one] * depth, axis=-3)


@lru_cache(maxsize=16)
def _hermitian_units(scalars: Field, d: int, depth: int) -> np.ndarray:
    """A basis of Hermitian matrices between the layers, shape (K, N − 1, d, d)."""
    k, l, unit = np.indices((d, d, scalars.beta)).reshape(3, -1)
    entries = np.eye(k.size)[(k < l) | (k == l) & (unit == 0)].reshape(-1, d, d, scalars.beta)
    basis = scalars.from_components(entries)
    basis = basis + scalars.adjoint(basis)
    places = np.eye(depth - 1)[:, None, :, None, None]
    return np.asarray(places * basis[None, :, None]).reshape(-1, depth - 1, *basis.shape[1:])


def _real(a: np.ndarray) -> np.ndarray:
    """The numbers of the last three axes in one row."""
    return np.ascontiguousarray(a).reshape(*a.shape[:-3], int(np.prod(a.shape[-3:]))).view(float)


def _across(Y: np.ndarray, c: np.ndarray) -> np.ndarray:
    """n_Y(c)_p = Y_p c_{p−1} − c_p Y_p with c_0 = c_N = 0."""
    c = between(0, c)
    return np.asarray(Y @ c[..., :-1, :, :] - c[..., 1:, :, :] @ Y)


def _divided(roots: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Apply the inverse of n*n: its eigenvectors in p are sines, its eigenvalues a² + b² − 2ab cos(πj/N)."""
    depth = c.shape[-3] + 1
    j = np.arange(1, depth)
    sines = np.sqrt(2 / depth) * np.sin(np.pi * np.outer(j, j) / depth)
    a, b = roots[..., None, :, None], roots[..., None, None, :]
    eigenvalues = (a - b) ** 2 + 4 * a * b * np.sin(np.pi * j / (2 * depth))[:, None, None] ** 2
    flat = (*c.shape[:-2], c.shape[-1] ** 2)
    modes = (sines @ c.reshape(flat)).reshape(c.shape) / eigenvalues
    return np.asarray((sines @ modes.reshape(flat)).reshape(c.shape))
