"""Equilibrium measures of the layer spectrum of wide networks under e^{κS} dvol_g, between both volumes.

With γ = βd the spectrum settles, as d grows, on the maximiser μ of

    ∫∫ [(1 − κ/2) log|x − y| + (κ/2) log|x^N − y^N|] dμ dμ − N ∫ x dμ.

whose moments are those of κ = 1 times what the factors of r leave (chapter `equilibrium`):

    ∫ x^q dμ = Γ(1 + q + q/N) / (Γ(1 + q/N) Γ(2 + q)) · r_+(0) (r_+(0) r_+(1))^q / r_+(q),
    r(z) = 1 − (1 − κ) sin(πz(1 − 1/N)) / sin(πz(1 + 1/N)) = r_+(z) r_+(−z),

where r_+ has neither zeros nor poles in Re z > 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike

from mme.arguments import affordable, number, real_array
from mme.bridge.fuss_catalan import log_edge
from mme.dln.entropy import scalar
from mme.dln.singular_values import validate_depth
from mme.errors import InputError
from mme.result import Result

__all__ = ["EquilibriumMeasure", "equilibrium_measure"]

SHIFT = 0.3  # of the line of integration to the left of 0; r has neither zeros nor poles as far as 1/2
PANEL, CONTOUR = 24, 24  # nodes of Gauss on a panel, and of Talbot's contour
NEAR_ZERO, TINY = 1e-12, 1e-30  # instead of x = 0 and q = 0


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
        with np.errstate(over="ignore"):
            share = _log_transform(q + TINY + 0j, self.depth, self.kappa).real
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
    method leads to the other κ too.

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
    edge = float(np.exp(log_edge(depth) + _log_factor(np.array([0j, 1]), depth, kappa).real.sum()))
    t = -np.log(np.linspace(0.02, 0.98, 33))
    changes = _inverse(t, depth, kappa, power=1)
    changes -= _inverse(t, depth, kappa, power=1, panel=PANEL - 8, contour=CONTOUR - 4)
    return EquilibriumMeasure(depth, kappa, edge, _exponent(depth, kappa), float(np.abs(changes).max()))


def _exponent(depth: int, kappa: float) -> float:
    """The first zero of r(z) sin(πz(1 + 1/N)) beyond 0, which is the first pole of the moments at −z."""

    def numerator(s: float) -> float:
        return float(np.sin(np.pi * (s + s / depth)) - (1 - kappa) * np.sin(np.pi * (s - s / depth)))

    if depth == 1 or numerator(1.0) >= 0:  # the latter for κ = 2
        return 0.5 if depth == 1 else 1.0
    return float(scipy.optimize.brentq(numerator, 0.5 - 1e-9, 1.0))


def _log_ratio(z: np.ndarray, depth: int, kappa: float) -> np.ndarray:
    """Log r(z), without overflow."""
    up = np.where(z.imag >= 0, z, z.conj()) * 2j * np.pi
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient = np.exp(up / depth) * np.expm1(up * (1 - 1 / depth)) / np.expm1(up * (1 + 1 / depth))
        value = np.log1p(-(1 - kappa) * quotient)
    return np.asarray(np.where(z.imag >= 0, value, value.conj()))


@lru_cache(maxsize=32)
def _line(depth: int, kappa: float, panel: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes y > 0 of the line Re z = −SHIFT, on panels that double, and log r with its weights there."""
    nodes, weights = np.polynomial.legendre.leggauss(panel)
    ends = np.append(0.0, 0.25 * 2.0 ** np.arange(np.ceil(np.log2(30 * depth)) + 1))
    half = np.diff(ends)[:, None] / 2
    y = (ends[:-1, None] + half * (1 + nodes)).ravel()
    return y, (half * weights).ravel() / (2 * np.pi) * _log_ratio(-SHIFT + 1j * y, depth, kappa)


def _log_factor(q: np.ndarray, depth: int, kappa: float, panel: int = PANEL) -> np.ndarray:
    """Log r_+(q): Cauchy's integral to the right of the line, and log r(q) − log r_+(−q) to the left of 0."""
    y, values = _line(depth, kappa, panel)
    right = np.where(q.real >= 0, q, -q)[..., None] + SHIFT
    integral = (values / (right - 1j * y) + values.conj() / (right + 1j * y)).sum(-1)
    return np.asarray(np.where(q.real >= 0, integral, _log_ratio(q, depth, kappa) - integral))


def _log_transform(q: np.ndarray, depth: int, kappa: float, panel: int = PANEL) -> np.ndarray:
    """Log ∫ (x/b)^q dμ, not at 0, by Stirling's formula for the Gamma functions: its large terms cancel."""
    factors = _log_factor(np.zeros(()), depth, kappa, panel) - _log_factor(q, depth, kappa, panel)
    gammas = _binet(q + q / depth) - _binet(q / depth) - _binet(q)
    return np.asarray(np.log((depth + 1) / (2 * np.pi * q)) / 2 - np.log1p(q) + gammas + factors)


def _binet(z: np.ndarray) -> np.ndarray:
    """Return μ(z) of Stirling's formula, for small z by the Gamma function and for large z by its series."""
    large = np.abs(z) > 20
    small, w = np.where(large, 1, z), np.where(large, z, 1)
    head = small * np.log(small) - small + np.log(2 * np.pi * small) / 2
    tail = 1 / (12 * w) - 1 / (360 * w**3) + 1 / (1260 * w**5) - 1 / (1680 * w**7)
    return np.asarray(np.where(large, tail, scipy.special.loggamma(1 + small) - head))


def _inverse(
    t: np.ndarray, depth: int, kappa: float, *, power: int = 0, shift: float = 0.0, panel: int = PANEL,
    contour: int = CONTOUR,
) -> np.ndarray:  # fmt: skip
    """Laplace's inverse at t = log(b/x) of the transform over q^power, on Talbot's contour around q < −shift.

    Source: Trefethen, Weideman and Schmelzer, Talbot quadratures and rational approximations (2006).
    """
    affordable("x", 4 * t.size * contour * len(_line(depth, kappa, panel)[0]))
    angle = (2 * np.arange(contour) + 1) * np.pi / contour - np.pi
    turn = 0.6407 * angle
    z = contour * (0.5017 * angle / np.tan(turn) - 0.6122 + 0.2645j * angle)
    slope = contour * (0.5017 / np.tan(turn) - 0.5017 * turn / np.sin(turn) ** 2 + 0.2645j)
    q = z / t[..., None] - shift
    terms = np.exp(z + _log_transform(q, depth, kappa, panel)) * slope / q**power
    return np.asarray((terms.sum(-1) / (1j * contour * t)).real * np.exp(-shift * t))
