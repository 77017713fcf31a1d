"""Importance sampling of the orbit's Gaussian kernel in Cayley coordinates, with a proposal that is learnt.

In the coordinates Q_p = (1 − a_p/2)^{−1}(1 + a_p/2) Haar measure is Π_p det(1 + a_p* a_p/4)^{−D/d} da_p /
vol(G), and the kernel's average over frames an integral over R^k, k = (N − 1) D.
"""

from __future__ import annotations

import numpy as np
import scipy

from mme.algebra import Field
from mme.algebra.lie import cayley_log_density
from mme.dln.orbit import squared_distance

__all__ = ["Target", "effective_share", "learn", "log_weights", "normals"]

LEARNING_ROUNDS = 30  # at most
LEARNING_SAMPLES = 4096  # at least
SAMPLES_PER_DIMENSION = 100  # so that a covariance can be learnt from the effective share of them
TEMPERED_SHARE = 0.1  # of effective samples, below which the target is tempered while learning


class Target:
    """The integrand exp(−|Ψ − Ψ(1)|²/2t) · Π det(1 + a*a/4)^{−D/d} in orthonormal coordinates of g^{N−1}."""

    def __init__(self, roots: np.ndarray, depth: int, field: Field) -> None:
        self.roots, self.field = roots, field
        self.basis = field.lie_basis(len(roots))
        self.shape = (depth - 1, len(self.basis))

    def logarithm(self, y: np.ndarray, t: float) -> np.ndarray:
        """Return its logarithm at coordinates y of shape (..., k)."""
        density = cayley_log_density(self._algebra(y), self.field).sum(axis=-1)
        return np.asarray(density - self.squared_distance(y) / (2 * t))

    def squared_distance(self, y: np.ndarray) -> np.ndarray:
        """Return |Ψ − Ψ(1)|² there."""
        a, one = self._algebra(y), self.field.identity(len(self.roots))
        frames = np.linalg.solve(one - a / 2, one + a / 2)
        return squared_distance(frames, self.roots, self.field)

    def _algebra(self, y: np.ndarray) -> np.ndarray:
        return np.tensordot(y.reshape(*y.shape[:-1], *self.shape), self.basis, axes=1)


def learn(target: Target, t: float, k: int, rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """Learn L, a root of the target's covariance over t, by tempered importance sampling; also the cost."""
    # How far one may go along each axis, by a small step: learning starts with the axes on one scale.
    step = 1e-4 * np.sqrt(t) / target.roots.max()
    spread = np.diag(step / np.sqrt(target.squared_distance(step * np.eye(k))))
    size, best, cost = max(LEARNING_SAMPLES, SAMPLES_PER_DIMENSION * k), 0.0, k
    for _ in range(LEARNING_ROUNDS):
        z = rng.standard_normal((size, k))
        found = log_weights(target, spread, np.array([t]), z)[0]
        share, cost = effective_share(found), cost + size
        if best > TEMPERED_SHARE and share < 1.02 * best + 0.005:  # it grows no more
            break
        best, power = share, 1.0
        while effective_share(power * found) < TEMPERED_SHARE:
            power /= 1.5
        weights = np.exp(power * (found - found.max()))
        # The mean is 0, because −z has the weight of z to leading order.
        covariance = (z * weights[:, None]).T @ z / weights.sum()
        spread = spread @ np.linalg.cholesky(covariance)
    return spread, cost


def log_weights(target: Target, spread: np.ndarray, times: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Log of target over proposal at y = √t L z, without (2πt)^{k/2} det L; shape (times, points)."""
    gaussian = (z**2).sum(axis=-1) / 2
    return np.stack([target.logarithm(np.sqrt(t) * z @ spread.T, float(t)) + gaussian for t in times])


def normals(points: int, k: int, rng: np.random.Generator) -> np.ndarray:
    """Scrambled Sobol points as normals, each with its mirror image, shape (2 points, k)."""
    uniform = scipy.stats.qmc.Sobol(k, scramble=True, rng=rng).random(points)
    half = scipy.special.ndtri(np.clip(uniform, 1e-15, 1 - 1e-15))
    return np.concatenate([half, -half])


def effective_share(log_of_weights: np.ndarray) -> float:
    """(Σw)²/(n Σw²)."""
    whole, squares = (scipy.special.logsumexp(power * log_of_weights) for power in (1, 2))
    return float(np.exp(2 * whole - squares) / len(log_of_weights))
