"""lsh(u) = log(sinh u / u) and its derivatives, exact at u = 0 and for large u alike.

Every formula of the entropy is a sum of these (see `mme.dln.entropy`). The functions accept any array of the
array API standard, NumPy and torch among them, and the first is differentiable where its array is.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import scipy
from array_api_compat import array_namespace
from numpy.polynomial import Polynomial

__all__ = ["log_sinhc", "log_sinhc_first", "log_sinhc_second"]

SMALL = 0.25


@cache  # and late: scipy takes long to import
def taylor() -> Polynomial:
    """Return eight terms of log(sinh u / u) = Σ_k log(1 + u²/(kπ)²) = −Σ_n ζ(2n)/n (−u²/π²)^n, in u."""
    n = np.arange(1, 9)
    even = -scipy.special.zeta(2 * n) / n * (-1 / np.pi**2) ** n
    return Polynomial(np.kron([0, *even], [1, 0]))


def log_sinhc(u: Any) -> Any:
    """Return lsh(u) = log(sinh u / u), even in u, with lsh(0) = 0."""
    xp = array_namespace(u)
    small, near, far = _branches(u, xp)
    series = sum(c * near ** (2 * n) for n, c in enumerate(taylor().coef[2::2].tolist(), 1))
    far = xp.abs(far)
    return xp.where(small, series, far + xp.log1p(-xp.exp(-2 * far)) - xp.log(2 * far))


def log_sinhc_first(u: Any) -> np.ndarray:
    """Return lsh'(u) = coth u − 1/u, the Langevin function."""
    small, near, far = _branches(np.asarray(u, dtype=np.float64), np)
    return np.asarray(np.where(small, taylor().deriv()(near), 1 / np.tanh(far) - 1 / far))


def log_sinhc_second(u: Any) -> np.ndarray:
    """Return lsh''(u) = 1/u² − 1/sinh² u, positive and at most 1/3."""
    small, near, far = _branches(np.asarray(u, dtype=np.float64), np)
    decay = np.exp(-2 * np.abs(far))
    closed = (1 / far) ** 2 - 4 * decay / (1 - decay) ** 2
    return np.asarray(np.where(small, taylor().deriv(2)(near), closed))


def _branches(u: Any, xp: Any) -> tuple[Any, Any, Any]:
    """Whether u is small, and u for the series and for the closed form.

    Each branch sees only arguments that it can take, so that neither poisons a gradient.
    """
    small = xp.abs(u) < SMALL
    return small, xp.where(small, u, xp.zeros_like(u)), xp.where(small, xp.ones_like(u), u)
