"""Gaussian β-ensembles for any β > 0, by the tridiagonal matrices of Dumitriu and Edelman."""

from __future__ import annotations

import numpy as np

from mme.arguments import affordable, generator, integer, number

__all__ = ["beta_hermite"]


def beta_hermite(
    n: int, beta: float, *, size: int, rng: int | np.random.Generator | None = None
) -> np.ndarray:
    """Draw the eigenvalues of the Gaussian β-ensemble of order n.

    Their density is proportional to |van(x)|^β exp(−Σ x²/2). The matrix has standard normal entries on the
    diagonal and χ_{β(n−1)}/√2, …, χ_β/√2 beside it; for β = 1, 2, 4 it has the eigenvalues of
    `Field.gaussian_hermitian` in law.

    Source: Dumitriu and Edelman, Matrix models for beta ensembles (2002).

    Parameters
    ----------
    n : int
        Order, at least 1.
    beta : float
        Positive, any.
    size : int
        Number of draws.
    rng : int or numpy.random.Generator, optional

    Returns
    -------
    ndarray, shape (size, n)
        Ascending.

    Examples
    --------
    >>> beta_hermite(3, 2.5, size=4, rng=0).shape
    (4, 3)
    """
    n, beta, size = integer("n", n, 1), number("beta", beta, above=0), integer("size", size, 0)
    rng = generator(rng)
    affordable("n and size", size * n**2)
    matrices, index = np.zeros((size, n, n)), np.arange(n)
    matrices[:, index, index] = rng.standard_normal((size, n))
    # eigvalsh reads the lower triangle
    matrices[:, index[1:], index[:-1]] = np.sqrt(rng.chisquare(beta * index[:0:-1], (size, n - 1)) / 2)
    return np.linalg.eigvalsh(matrices)
