"""Squared singular values of a real Ginibre matrix at finite order: the Laguerre ensemble of β = 1.

The density is a sum over Laguerre polynomials plus one product of two of them: Adler, Forrester, Nagao and
van Moerbeke, J. Stat. Phys. 99 (2000), with the weight x^(-1/2) e^(-x/2) of a square matrix. Everything is
written in the singular value u = √x, in which it is smooth.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy
from numpy.typing import ArrayLike

from mme.ensembles.ginibre import EDGE, Function, integrate_from_zero

__all__ = ["expected_squares"]

RESCALE_EVERY = 8


def expected_squares(order: int, x: ArrayLike, excess: float = 0.0) -> np.ndarray:
    """How many squared singular values of a real Ginibre matrix to expect up to x.

    `excess` is κ of `mme.ensembles.ginibre.expected_eigenvalues`. To first order a squared singular value
    x, in units of n, moves by (κ/n) x (x - 2)/2. This leaves the mean as it was and adds κ/n to the second
    moment; it is the change of Marchenko and Pastur's law by a fourth free cumulant, written as a motion.

    Examples
    --------
    >>> expected_squares(50, [0, 100, np.inf]).round(3)
    array([ 0.   , 40.916, 50.   ])
    """
    squares = np.clip(np.asarray(x, dtype=float), 0, (2 * np.sqrt(order) + EDGE) ** 2)
    if excess:
        squares = squares - excess / order * squares * (squares / order - 2) / 2
    return _squares(order)(np.sqrt(squares))


@lru_cache(maxsize=512)
def _squares(order: int) -> Function:
    n, reach = order, 2 * np.sqrt(order) + EDGE
    degree = int(64 + 4 * n + 16 * np.sqrt(n))  # φ_n oscillates with wave number 2√n, its square with 4√n
    partial = integrate_from_zero(lambda u: 2 * _laguerre(n - 2, u)[0], reach, degree)
    total = partial(np.array(np.inf))

    def density(u: np.ndarray) -> np.ndarray:
        last, before = _laguerre(n - 1, u)
        # Christoffel and Darboux: Σ_{k<n-1} φ_k²
        kernel = (n - 1) * (last * before + (n - 1) * ((last - before) / u) ** 2)
        rest = -(n - 1) * last * (partial(u) - total / 2)
        if n % 2:
            # φ_{n-1} with even index has a mean of its own: √(π/2)/B(n/2, 1/2), where B is Euler's integral.
            rest = rest + 2 * last * np.sqrt(np.pi / 2) / scipy.special.beta(n / 2, 0.5)
        return np.asarray(2 * u * kernel + rest)

    return integrate_from_zero(density, reach, degree)


def _laguerre(index: int, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """φ_k(u²) = e^(-u²/2) L_k(u²) for k = index and the one before, by the recurrence, without underflow."""
    x = u**2
    now, before, log_scale = np.ones_like(x), np.zeros_like(x), -x / 2
    if index < 0:
        return np.zeros_like(x), before
    for k in range(index):
        now, before = ((2 * k + 1 - x) * now - k * before) / (k + 1), now
        if k % RESCALE_EVERY == 0:
            size = np.abs(now) + np.abs(before)
            now, before, log_scale = now / size, before / size, log_scale + np.log(size)
    return now * np.exp(log_scale), before * np.exp(log_scale)
