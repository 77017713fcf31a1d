"""Equilibrium measures of the layer spectrum of wide networks under e^{κS} dvol_g, between both volumes.

With γ = βd the spectrum settles, as d grows, on the maximiser μ of

    ∫∫ [(1 − κ/2) log|x − y| + (κ/2) log|x^N − y^N|] dμ dμ − N ∫ x dμ.

With the solutions 0 < s_1 ≤ … ≤ s_N < N of sin(πs(1 + 1/N)) = (1 − κ) sin(πs(1 − 1/N)) its moments are

    ∫ x^q dμ = (Nb)^q / Γ(2 + q) · ∏_j Γ((s_j + q)/N) / Γ(s_j/N),
    b = (2 + κ(N − 1))/N² · ∏_j Γ(s_j/N) / Γ((1 + s_j)/N),

as if (x/b)^N were a product of N independent Beta variables (chapter `equilibrium`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike

from mme.arguments import affordable, number, real_array
from mme.dln.entropy import scalar
from mme.dln.singular_values import validate_depth
from mme.errors import InputError
from mme.result import Result

__all__ = ["EquilibriumMeasure", "equilibrium_measure"]

CONTOUR = 24  # nodes of Talbot's contour
LARGE, TERMS = 10, 12  # from where on Stirling's series is taken, and how much of it
NEAR_ZERO = 1e-12  # instead of x = 0


@dataclass(frozen=True, eq=False, repr=False)
class EquilibriumMeasure(Result):
    """The equilibrium measure of a depth and κ, in units in which γ = βd.

    Attributes
    ----------
    depth : int
    kappa : float
    edge : float
        The upper end b of the support, where the density vanishes as a square root.
    exponent : float
        s, where the density grows as x^{s−1} at 0.
    error : float
        How much coarser integrals change the distribution at most.

    Examples
    --------
    >>> mu = equilibrium_measure(2, 2.0)
    >>> round(mu.edge, 9), round(6 * mu.moment(2), 9)  # π and π²
    (3.141592654, 9.869604401)
    >>> round(mu.density(1.0), 9), round(mu.distribution(1.0), 9)  # the first is (2/π²) arcosh π
    (0.367091972, 0.573322469)
    """

    depth: int
    kappa: float
    edge: float
    exponent: float
    error: float

    def moment(self, power: ArrayLike) -> Any:
        """Return ∫ x^q dμ for real q > −s, given by `power`."""
        q = real_array("power", power).astype(float)
        if not (q > -self.exponent).all():
            raise InputError(f"power must be above {-self.exponent:.6g} for a finite moment, but one is not.")
        affordable("power", 4 * q.size * self.depth)
        with np.errstate(over="ignore"):
            share = _log_transform(q + 0j, self.depth, self.kappa).real
            moments = np.exp(share + q * np.log(self.edge))
        if not np.isfinite(moments).all():
            raise InputError("power must be smaller for a moment within floating point, but an entry is not.")
        return scalar(moments)

    def density(self, x: ArrayLike) -> Any:
        """Return the density at `x`, an array_like: 0 outside of the support, and at 0 its limit."""
        x = real_array("x", x).astype(float)
        there = np.where((x > 0) & (x < self.edge), x, NEAR_ZERO * self.edge)
        t = np.log(self.edge / there)
        density = _inverse(t, self.depth, self.kappa, shift=self.exponent) / there
        density = np.where((x >= 0) & (x < self.edge), density, 0.0)
        is_infinite = self.exponent < 1 or self.depth == 2  # where κ = 2 the latter has a logarithm
        return scalar(np.where((x == 0) & is_infinite, np.inf, density))

    def distribution(self, x: ArrayLike) -> Any:
        """Return the share of the measure up to `x`, an array_like."""
        x = real_array("x", x).astype(float)
        inside = (x > 0) & (x < self.edge)
        t = np.log(self.edge / np.where(inside, x, self.edge / 2))
        share = 1 - _inverse(t, self.depth, self.kappa, power=1)
        return scalar(np.where(inside, share, np.where(x > 0, 1.0, 0.0)))


def equilibrium_measure(depth: int, kappa: float = 1.0) -> EquilibriumMeasure:
    """Return the limit law of the layer spectrum of wide networks under e^{κS} dvol_g, with γ = βd.

    Source: for κ = 1 Forrester, Liu and Zinn-Justin, Equilibrium problems for Raney densities (2015), whose
    method leads to the other κ too; time and memory grow like N.

    Parameters
    ----------
    depth : int
        N ≥ 1. At N = 1 the entropy is 0, and κ changes nothing.
    kappa : float
        κ, from 0 to 2.

    Examples
    --------
    >>> round(equilibrium_measure(3, 0.5).moment(1), 12)  # (2 + κ(N − 1))/2N
    0.5
    """
    depth, kappa = validate_depth(depth), number("kappa", kappa, 0, 2)
    affordable("depth", 33 * CONTOUR * 4 * depth)
    shifts = _shifts(depth, kappa)
    log_ratios = scipy.special.gammaln(shifts) - scipy.special.gammaln(shifts + 1 / depth)
    edge = float((2 + kappa * (depth - 1)) / depth**2 * np.exp(log_ratios.sum()))
    t = -np.log(np.linspace(0.02, 0.98, 33))
    changes = _inverse(t, depth, kappa, power=1) - _inverse(t, depth, kappa, power=1, contour=CONTOUR - 4)
    return EquilibriumMeasure(depth, kappa, edge, float(depth * shifts[0]), float(np.abs(changes).max()))


@lru_cache(maxsize=32)
def _shifts(depth: int, kappa: float) -> np.ndarray:
    """Return all s_j/N, shape (N,): s_j lies between j − 1 and j, where the equation is one for its angle."""
    from scipy.optimize import elementwise

    def excess(s: np.ndarray, j: np.ndarray) -> np.ndarray:
        xi = np.pi * s / depth
        return np.asarray(s - j + np.arctan2((2 - kappa) * np.sin(xi), kappa * np.cos(xi)) / np.pi)

    j = np.arange(1.0, depth + 1)
    return np.asarray(elementwise.find_root(excess, (j - 1, j), args=(j,)).x / depth)


def _log_gammas(z: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Σ_j log Γ(z + a_j) for the shifts a_j, each less z log z − z + log(2π)/2; Stirling's if far."""
    far = np.abs(z) > LARGE
    near, w = np.where(far, 1, z), np.where(far, z, LARGE)
    first = (scipy.special.xlogy(near, near) - near + np.log(2 * np.pi) / 2)[..., None]
    direct = (scipy.special.loggamma(near[..., None] + shifts) - first).sum(-1)
    series = (shifts - 0.5).sum() * np.log(w)
    for n in range(2, TERMS + 2):  # with Bernoulli's polynomials
        bernoulli = np.polyval(scipy.special.comb(n, np.arange(n + 1)) * scipy.special.bernoulli(n), shifts)
        series = series - bernoulli.sum() / (n * (n - 1)) * (-1 / w) ** (n - 1)
    return np.asarray(np.where(far, series, direct))


def _log_transform(q: np.ndarray, depth: int, kappa: float) -> np.ndarray:
    """Log ∫ (x/b)^q dμ: what is large in the Gamma functions cancels."""
    shifts, two = _shifts(depth, kappa), np.array([2.0])
    moments = [_log_gammas(p / depth, shifts) - _log_gammas(p, two) for p in (q, np.zeros(()))]
    return np.asarray(moments[0] - moments[1])


def _inverse(
    t: np.ndarray, depth: int, kappa: float, *, power: int = 0, shift: float = 0.0, contour: int = CONTOUR
) -> np.ndarray:
    """Laplace's inverse at t = log(b/x) of the transform over q^power, on Talbot's contour around q < −shift.

    Source: Trefethen, Weideman and Schmelzer, Talbot quadratures and rational approximations (2006).
    """
    affordable("x", 4 * t.size * contour * depth)
    angle = (2 * np.arange(contour) + 1) * np.pi / contour - np.pi
    turn = 0.6407 * angle
    z = contour * (0.5017 * angle / np.tan(turn) - 0.6122 + 0.2645j * angle)
    slope = contour * (0.5017 / np.tan(turn) - 0.5017 * turn / np.sin(turn) ** 2 + 0.2645j)
    q = z / t[..., None] - shift
    terms = np.exp(z + _log_transform(q, depth, kappa)) * slope / q**power
    return np.asarray((terms.sum(-1) / (1j * contour * t)).real * np.exp(-shift * t))
