"""lsh(u) = log(sinh u / u) and its derivatives, exact at u = 0 and for large u alike.

Every formula of the entropy is a sum of these (see `mme.dln.entropy`). The functions accept any array of the
array API standard, NumPy and torch among them, and the first is differentiable where its array is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, reduce
from typing import Any

import numpy as np
import scipy
from array_api_compat import array_namespace
from numpy.polynomial import Polynomial

__all__ = ["log_sinhc", "series"]

SMALL = 0.25


@cache  # and late: scipy takes long to import
def taylor() -> Polynomial:
    """Return eight terms of log(sinh u / u) = Σ_k log(1 + u²/(kπ)²) = −Σ_n ζ(2n)/n (−u²/π²)^n, in u."""
    n = np.arange(1, 9)
    even = -scipy.special.zeta(2 * n) / n * (-1 / np.pi**2) ** n
    return Polynomial(np.kron([0, *even], [1, 0]))


def series(order: int = 0, inverse: float = 0.0, factor: float = 1.0) -> Callable[[Any], Any]:
    """Return a derivative of lsh(u) − lsh(u/N), times a factor, for |u| < SMALL and from the inverse of N."""
    odd, terms = order % 2, np.asarray(taylor().coef, dtype=np.float64)
    polynomial = Polynomial(factor * terms * (1 - inverse ** np.arange(len(terms)))).deriv(order)
    coefficients = polynomial.coef[odd::2][::-1].tolist()

    def horner(u: Any) -> Any:
        square = u * u
        total = reduce(lambda sum_, each: sum_ * square + each, coefficients)
        return u * total if odd else total

    return horner


def log_sinhc(u: Any) -> Any:
    """Return lsh(u) = log(sinh u / u), even in u, with lsh(0) = 0."""
    xp = array_namespace(u)
    small = xp.abs(u) < SMALL
    # Each branch sees only arguments that it can take, so that neither poisons a gradient.
    near, far = xp.where(small, u, xp.zeros_like(u)), xp.abs(xp.where(small, xp.ones_like(u), u))
    return xp.where(small, series()(near), far + xp.log1p(-xp.exp(-2 * far)) - xp.log(2 * far))
