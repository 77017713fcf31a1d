"""h(u) = log(sinh u / u) and its derivatives, exact at u = 0 and for large u alike.

Every formula of the entropy is a sum of these (see `mme.dln.entropy`). The functions accept any array of the
array API standard, NumPy and torch among them, and the first is differentiable where its array is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import array_namespace

__all__ = ["log_sinhc", "log_sinhc_first", "log_sinhc_second"]

SMALL = 0.25
# Taylor coefficients of log(sinh u / u) in u²: 2^{2n} B_{2n} / (2n (2n)!), n = 1, 2, …
SERIES = (
    1 / 6,
    -1 / 180,
    1 / 2835,
    -1 / 37800,
    1 / 467775,
    -691 / 3831077250,
    2 / 127702575,
    -3617 / 2605132530000,
)


def log_sinhc(u: Any) -> Any:
    """Return h(u) = log(sinh u / u), even in u, with h(0) = 0."""
    xp = array_namespace(u)
    small = xp.abs(u) < SMALL
    # Each branch sees only arguments that it can take, so that neither poisons a gradient.
    near = xp.where(small, u, xp.zeros_like(u))
    far = xp.where(small, xp.ones_like(u), xp.abs(u))
    series = sum(c * near ** (2 * n) for n, c in enumerate(SERIES, 1))
    return xp.where(small, series, far + xp.log1p(-xp.exp(-2 * far)) - xp.log(2 * far))


def log_sinhc_first(u: Any) -> np.ndarray:
    """Return h'(u) = coth u − 1/u, the Langevin function."""
    u = np.asarray(u, dtype=np.float64)
    small = np.abs(u) < SMALL
    near, far = np.where(small, u, 0.0), np.where(small, 1.0, u)
    series = sum(2 * n * c * near ** (2 * n - 1) for n, c in enumerate(SERIES, 1))
    return np.where(small, series, 1 / np.tanh(far) - 1 / far)


def log_sinhc_second(u: Any) -> np.ndarray:
    """Return h''(u) = 1/u² − 1/sinh² u, positive and at most 1/3."""
    u = np.asarray(u, dtype=np.float64)
    small = np.abs(u) < SMALL
    near, far = np.where(small, u, 0.0), np.where(small, 1.0, np.abs(u))
    series = sum(2 * n * (2 * n - 1) * c * near ** (2 * n - 2) for n, c in enumerate(SERIES, 1))
    decay = np.exp(-2 * far)
    return np.where(small, series, (1 / far) ** 2 - 4 * decay / (1 - decay) ** 2)
