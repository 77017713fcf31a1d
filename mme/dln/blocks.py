"""The tridiagonal blocks M_{N−1}(a, b) of the Gram matrix: (4.7), (4.8), Proposition 4.3, Corollary 5.3."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mme.algebra import FieldLike
from mme.algebra import field as field_of
from mme.arguments import affordable, common_batch, integer, real_array
from mme.dln.chebyshev import log_block_determinant
from mme.dln.singular_values import measured_singular_values, validate_depth

__all__ = ["block_pairs", "gram_blocks", "log_gram_determinant", "path_adjacency", "tridiagonal_block"]


def path_adjacency(n: int) -> np.ndarray:
    """Return J_n, the adjacency matrix of a path with `n` vertices: ones beside the diagonal.

    Examples
    --------
    >>> path_adjacency(3)
    array([[0., 1., 0.],
           [1., 0., 1.],
           [0., 1., 0.]])
    """
    n = integer("n", n, 0)
    affordable("n", n**2)
    return np.eye(n, k=1) + np.eye(n, k=-1)


def tridiagonal_block(a: Any, b: Any, n: int) -> np.ndarray:
    """Return M_n(a, b) = (a² + b²) I − ab J_n, shape (..., n, n).

    Source: entropy formula, (4.8).

    Parameters
    ----------
    a, b : array_like, shape (...,)
    n : int
        Order; N − 1 in the Gram matrix.

    Examples
    --------
    >>> tridiagonal_block(2.0, 1.0, 2)
    array([[ 5., -2.],
           [-2.,  5.]])
    """
    n, a, b = integer("n", n, 0), real_array("a", a).astype(float), real_array("b", b).astype(float)
    affordable("n", math.prod(common_batch("a and b", a.shape, b.shape)) * n**2)
    a, b = a[..., None, None], b[..., None, None]
    return np.asarray((a**2 + b**2) * np.eye(n) - a * b * path_adjacency(n))


def block_pairs(d: int, field: FieldLike = "R") -> np.ndarray:
    """Return the pair (k, l) of each basis element, in the order of `Field.lie_basis`, shape (D, 2)."""
    beta = field_of(field).beta
    off = np.repeat(np.stack(np.triu_indices(d, 1), axis=-1), beta, axis=0)
    diagonal = np.repeat(np.stack([np.arange(d)] * 2, axis=-1), beta - 1, axis=0)
    return np.concatenate([off, diagonal])


def gram_blocks(singular_values: Any, *, depth: int, field: FieldLike = "R") -> np.ndarray:
    """Return the blocks M_{N−1}(λ_k, λ_l) of the Gram matrix, one for each basis element of the Lie algebra.

    The arguments are those of `entropy`.
    Source: entropy formula, Proposition 4.3.

    Returns
    -------
    ndarray, shape (..., D, N − 1, N − 1)
        Singular values in descending order, pairs in that of `block_pairs`.

    Examples
    --------
    >>> gram_blocks([4.0, 1.0], depth=2, field="C")[:, 0, 0]
    array([5., 5., 8., 2.])
    """
    depth, scalars = validate_depth(depth), field_of(field)
    sigma = measured_singular_values(singular_values, scalars)
    k, l = block_pairs(sigma.shape[-1], scalars).T
    roots = np.sort(sigma)[..., ::-1] ** (1 / depth)
    affordable("depth", roots[..., 0].size * len(k) * (depth - 1) ** 2)
    return tridiagonal_block(roots[..., k], roots[..., l], depth - 1)


def log_gram_determinant(singular_values: Any, *, depth: int, field: FieldLike = "R") -> Any:
    """Return log det 𝒢 = Σ over the blocks of log det M_{N−1}(λ_k, λ_l), shape (...,), for any depth.

    The arguments are those of `gram_blocks`; positive.
    Source: entropy formula, (4.9) and Corollary 5.3, (5.4).

    Examples
    --------
    >>> round(float(np.exp(log_gram_determinant([4.0, 1.0], depth=2, field="C"))), 9)  # 5 · 5 · 8 · 2
    400.0
    """
    depth, scalars = validate_depth(depth), field_of(field)
    logarithms = np.log(measured_singular_values(singular_values, scalars, positive=True)) / depth
    k, l = block_pairs(logarithms.shape[-1], scalars).T
    total = log_block_determinant(logarithms[..., k], logarithms[..., l], depth).sum(axis=-1)
    return total if total.ndim else float(total)
