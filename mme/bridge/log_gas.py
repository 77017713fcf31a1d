"""The law of the layer spectrum as a log-gas of particles x_k = λ_k².

Under e^{−γ|W|²/2} dvol, with |W|² = N Σ x, the spectrum has a density proportional to

    Π_{k<l} |x_k − x_l|^{β(1−κ/2)} |x_k^N − x_l^N|^{βκ/2} Π_k x_k^{β/2 − 1 + κ(N−1)(β−1)/2} e^{−γN x_k/2},

where κ = 1 is the volume of the balanced manifold M, and κ = 0 that of the DLN metric, which lacks e^S.
In u = log x it is log-concave as long as the particles keep their order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mme.algebra import Field, FieldLike
from mme.algebra import field as field_of
from mme.arguments import choice, number
from mme.dln.singular_values import validate_depth
from mme.errors import InputError
from mme.late import np

__all__ = ["KAPPA", "LogGas", "gas_of", "law"]

KAPPA = {"manifold": 1, "metric": 0}  # the volumes, and which power of e^S they carry beyond the metric's
MOST_STEPS = 500


@dataclass(frozen=True)
class LogGas:
    """A density in u: `near` repels in x, `far` in x^depth, and each particle has x^shape e^{−rate x}."""

    near: float
    far: float
    depth: int
    shape: float
    rate: float

    def energy(self, u: np.ndarray) -> np.ndarray:
        """Return the log density up to its constant, for u of shape (..., d)."""
        rows, columns = np.triu_indices(u.shape[-1], k=1)
        gap, top = np.abs(u[..., rows] - u[..., columns]), np.maximum(u[..., rows], u[..., columns])
        with np.errstate(divide="ignore", over="ignore"):  # log |e^u − e^v| = max(u, v) + log(1 − e^{−gap})
            pairs = self.near * (top + np.log(-np.expm1(-gap)))
            if self.far:
                pairs = pairs + self.far * (self.depth * top + np.log(-np.expm1(-self.depth * gap)))
            return np.asarray(pairs.sum(-1) + (self.shape * u - self.rate * np.exp(u)).sum(-1))

    def gradient(self, u: np.ndarray) -> np.ndarray:
        """Return the derivative of the energy, shape (..., d)."""
        gap = _gaps(u)
        with np.errstate(over="ignore", divide="ignore"):
            force = self.near / -np.expm1(-gap)
            if self.far:
                force = force + self.far * self.depth / -np.expm1(-self.depth * gap)
            return np.asarray(force.sum(-1) + self.shape - self.rate * np.exp(u))

    def hessian(self, u: np.ndarray) -> np.ndarray:
        """Return the second derivative for u of shape (d,), negative definite."""
        gap = np.minimum(np.abs(_gaps(u)), 700.0)
        bond = self.near / np.sinh(gap / 2) ** 2
        bond += self.far * (self.depth / np.sinh(np.minimum(self.depth * gap, 700.0) / 2)) ** 2
        return np.asarray(bond / 4 - np.diag(bond.sum(-1) / 4 + self.rate * np.exp(u)))

    def maximum(self, d: int) -> np.ndarray:
        """Return the most likely u of d particles, descending: Newton, with steps halved that overshoot."""
        mean = self.shape + (d - 1) / 2 * (self.near + self.far * self.depth)  # of rate · x, by homogeneity
        u = np.log(2 * mean / self.rate * (d - np.arange(d) - 0.5) / d)
        for _ in range(MOST_STEPS):
            value, slope = self.energy(u), self.gradient(u)
            step = np.linalg.solve(-self.hessian(u), slope)
            rise, length, rounding = float(slope @ step), 1.0, 1e-14 * abs(value)
            while (np.diff(u + length * step) >= 0).any() or (
                self.energy(u + length * step) < value + length * rise / 10 - rounding
            ):
                length /= 2
            u = u + length * step
            if rise < 1e-9:  # the root of what is left
                return u
        raise InputError("order and depth must be less extreme: the most likely spectrum is not found.")


def _gaps(u: np.ndarray) -> np.ndarray:
    """u_k − u_l, and on the diagonal −infinity, where no force acts."""
    gap, index = u[..., :, None] - u[..., None, :], np.arange(u.shape[-1])
    gap[..., index, index] = -np.inf
    return np.asarray(gap)


def law(depth: Any, field: FieldLike, volume: Any, decay: Any) -> tuple[int, Field, str, float]:
    """Return what names a law, checked."""
    volume = choice("volume", volume, KAPPA)
    return validate_depth(depth), field_of(field), volume, number("decay", decay, above=0)


def gas_of(scalars: Field, depth: int, volume: str, decay: float) -> LogGas:
    """Return the log-gas of a volume, with the exponents above; du has one power of x more than dx."""
    beta, kappa = scalars.beta, KAPPA[volume]
    shape = beta / 2 + kappa * (depth - 1) * (beta - 1) / 2
    return LogGas(beta * (1 - kappa / 2), beta * kappa / 2, depth, shape, decay * depth / 2)
