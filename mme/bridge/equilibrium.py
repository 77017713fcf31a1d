"""The layer spectrum of wide networks between both volumes: equilibrium measures of the log-gas for 0 ≤ κ ≤ 2.

With γ = βd the spectrum under e^{κS} dvol_g settles on the maximiser μ of

    ∫∫ [(2 − κ) log|x − y| + κ log|x^N − y^N|] dμ dμ / 2 − N ∫ x dμ:

κ = 0 is the law of the metric's volume, Marchenko and Pastur's over N, and κ = 1 that of the manifold, the
Fuss–Catalan law of one layer. In u = log x the condition on the support (0, b) is an equation of Wiener and
Hopf. Its symbol is that of κ = 1, whose factors are Gamma functions, times

    r(z) = 1 − (1 − κ) sin(πz(1 − 1/N)) / sin(πz(1 + 1/N)),

which is even and positive on the imaginary axis. With r = r_+(z) r_+(−z), r_+ free of zeros in Re z > 0,

    ∫ x^q dμ = Γ(1 + q + q/N) / (Γ(1 + q/N) Γ(2 + q)) · r_+(0) (r_+(0) r_+(1))^q / r_+(q).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike

from mme.arguments import affordable, integer, number, real_array
from mme.bridge.fuss_catalan import log_raney
from mme.bridge.log_gas import LogGas
from mme.dln.entropy import scalar
from mme.dln.singular_values import validate_depth
from mme.errors import InputError
from mme.result import Result

__all__ = ["EquilibriumMeasure", "equilibrium_measure", "fekete_points"]

SHIFT = 0.3  # of the line of integration to the left, where r has neither zeros nor poles as far as 1/2
PANEL, CONTOUR = 24, 24  # nodes of Gauss a panel, and of Talbot's contour
NEAR_ZERO = 1e-12
LARGEST_ORDER = 1500  # of Fekete points, which take Newton's method
PROBES = np.linspace(0.02, 0.98, 33)


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
        How much coarser integrals change the distribution, at most; relative to x the distance to the edge must
        be above 1e-6 for six digits of the density.
    """

    depth: int
    kappa: float
    edge: float
    exponent: float
    error: float

    def moment(self, power: ArrayLike) -> Any:
        """Return ∫ x^q dμ for real powers q > −s.

        Parameters
        ----------
        power : array_like
        """
        q = real_array("power", power).astype(float)
        if not (q > -self.exponent).all():
            raise InputError(f"power must be above {-self.exponent:.6g} for a finite moment, but one is not.")
        with np.errstate(over="ignore"):
            moments = np.exp(_log_transform(q + 0j, self.depth, self.kappa).real + q * np.log(self.edge))
        if not np.isfinite(moments).all():
            raise InputError("power must be smaller for moments within floating point, but one is none.")
        return scalar(moments)

    def density(self, x: ArrayLike) -> Any:
        """Return the density at x: 0 outside of the support, and at 0 its limit.

        Parameters
        ----------
        x : array_like
        """
        x = real_array("x", x).astype(float)
        there = np.where((x > 0) & (x < self.edge), x, NEAR_ZERO * self.edge)
        t = np.log(self.edge / there)
        density = _inverse(t, self.depth, self.kappa, shift=self.exponent) / there
        density = np.where((x >= 0) & (x < self.edge), density, 0.0)
        return scalar(np.where((x == 0) & (self.exponent < 1), np.inf, density))

    def distribution(self, x: ArrayLike) -> Any:
        """Return the share of the measure up to x.

        Parameters
        ----------
        x : array_like
        """
        x = real_array("x", x).astype(float)
        inside = (x > 0) & (x < self.edge)
        there = np.where(inside, x, self.edge / 2)
        above = _inverse(np.log(self.edge / there), self.depth, self.kappa, power=1)
        return scalar(np.where(inside, 1 - above, np.where(x > 0, 1.0, 0.0)))


def equilibrium_measure(depth: int, kappa: float = 1.0) -> EquilibriumMeasure:
    """Return the limit law of the layer spectrum of wide networks under e^{κS} dvol_g and weight decay γ = βd.

    Gauge noise of strength κ beside horizontal noise of strength 1 leads to e^{κS} in Langevin's law.

    Source: the method is that of Forrester, Liu and Zinn-Justin, Equilibrium problems for Raney densities
    (2015), who have κ = 1; other κ are derived here.

    Parameters
    ----------
    depth : int
        N ≥ 1. At N = 1 the entropy is 0, and κ changes nothing.
    kappa : float
        κ, from 0 to 2.

    Examples
    --------
    >>> mu = equilibrium_measure(3, 0.5)
    >>> round(mu.moment(1), 12), round(mu.edge, 6)  # (2 + κ(N − 1))/2N
    (0.5, 1.738...)
    """
    depth, kappa = validate_depth(depth), number("kappa", kappa, 0, 2)
    log_zero = np.log1p(-(1 - kappa) * (depth - 1) / (depth + 1)) / 2  # of r_+(0)
    log_edge = (1 + 1 / depth) * np.log(depth + 1.0) - np.log(depth)
    log_edge += log_zero + float(_log_factor(np.ones(1, complex), depth, kappa)[0].real)
    measure = EquilibriumMeasure(depth, kappa, float(np.exp(log_edge)), _exponent(depth, kappa), 0.0)
    t = -np.log(PROBES)
    finer = _inverse(t, depth, kappa, power=1)
    coarser = _inverse(t, depth, kappa, power=1, panel=PANEL - 8, contour=CONTOUR - 4)
    return EquilibriumMeasure(
        depth, kappa, measure.edge, measure.exponent, float(np.abs(finer - coarser).max())
    )


def fekete_points(order: int, depth: int, kappa: float = 1.0) -> np.ndarray:
    """Return the d most likely places of the log-gas without its single factors: Fekete's points, by Newton.

    They maximise Σ_{k<l} [(2 − κ) log|x_k − x_l| + κ log|x_k^N − x_l^N|] − N d Σ x, and one of them is 0. As d
    grows they tend to `equilibrium_measure`, of which they use nothing.

    Parameters
    ----------
    order : int
        d, from 1 to 1500.
    depth, kappa
        As in `equilibrium_measure`.

    Returns
    -------
    ndarray, shape (d,)
        Descending.

    Examples
    --------
    >>> fekete_points(3, 1).round(6)  # the zeros of x L_2^(1)(3x)
    array([1.57735 , 0.42265 , 0.      ])
    """
    d, depth, kappa = integer("order", order, 1, LARGEST_ORDER), validate_depth(depth), number("kappa", kappa, 0, 2)
    at_zero = 2 - kappa + kappa * depth  # what the particle at 0 does to the others
    gas = LogGas(2 - kappa, kappa, depth, at_zero, float(depth * d))
    return np.append(np.exp(gas.maximum(d - 1)), 0.0) if d > 1 else np.zeros(1)


def _exponent(depth: int, kappa: float) -> float:
    """The first zero of r sin(πs(1 + 1/N)), where the density's Mellin transform has its first pole."""
    a, b = np.pi * (1 - 1 / depth), np.pi * (1 + 1 / depth)

    def numerator(s: float) -> float:
        return float(np.sin(b * s) - (1 - kappa) * np.sin(a * s))

    if depth == 1 or numerator(1.0) >= 0:  # the latter for κ = 2
        return 0.5 if depth == 1 else 1.0
    return float(scipy.optimize.brentq(numerator, 0.5 - 1e-9, 1.0))


def _log_ratio(z: np.ndarray, depth: int, kappa: float) -> np.ndarray:
    """Log r(z) for Im z ≥ 0, without overflow."""
    a, b = 2j * np.pi * (1 - 1 / depth), 2j * np.pi * (1 + 1 / depth)
    quotient = np.exp(2j * np.pi * z / depth) * np.expm1(a * z) / np.expm1(b * z)
    return np.asarray(np.log1p(-(1 - kappa) * quotient))


@lru_cache(maxsize=32)
def _line(depth: int, kappa: float, panel: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes y > 0 on the line Re z = −SHIFT, and weighted log r there, on panels that double."""
    if depth == 1 or kappa == 1:
        return np.empty(0), np.empty(0, complex)
    nodes, weights = np.polynomial.legendre.leggauss(panel)
    ends = np.concatenate([[0.0], 0.25 * 2.0 ** np.arange(np.ceil(np.log2(30 * depth)) + 1)])
    half = np.diff(ends)[:, None] / 2
    y = (ends[:-1, None] + half * (1 + nodes)).ravel()
    return y, (half * weights).ravel() / (2 * np.pi) * _log_ratio(-SHIFT + 1j * y, depth, kappa)


def _log_factor(q: np.ndarray, depth: int, kappa: float, panel: int = PANEL) -> np.ndarray:
    """Log r_+(q): Cauchy's integral to the right of the line, and log r(q) − log r_+(−q) to the left of 0."""
    y, values = _line(depth, kappa, panel)
    right = np.where(q.real >= 0, q, -q)[..., None] + SHIFT
    integral = (values / (right - 1j * y) + values.conj() / (right + 1j * y)).sum(-1)
    if depth == 1 or kappa == 1 or (q.real >= 0).all():
        return np.asarray(integral)
    above = np.where(q.imag >= 0, q, q.conj())
    whole = _log_ratio(np.where(q.real < 0, above, 1j), depth, kappa)
    return np.where(q.real < 0, np.where(q.imag >= 0, whole, whole.conj()) - integral, integral)


def _log_transform(q: np.ndarray, depth: int, kappa: float, panel: int = PANEL) -> np.ndarray:
    """Log ∫ (x/b)^q dμ: at κ = 1 that of the layer law, and r_+(0)/r_+(q)."""
    log_edge = (1 + 1 / depth) * np.log(depth + 1.0) - np.log(depth)
    log_zero = np.log1p(-(1 - kappa) * (depth - 1) / (depth + 1)) / 2
    return np.asarray(log_raney(q, depth) - q * log_edge + log_zero - _log_factor(q, depth, kappa, panel))


def _inverse(
    t: np.ndarray, depth: int, kappa: float, *, power: int = 0, shift: float = 0.0, panel: int = PANEL,
    contour: int = CONTOUR,
) -> np.ndarray:  # fmt: skip
    """Laplace's inverse at t = log(b/x) of the transform over q^power, on Talbot's contour around q < −shift.

    Source: Trefethen, Weideman and Schmelzer, Talbot quadratures and rational approximations (2006).
    """
    affordable("x", 2 * t.size * contour * max(1, len(_line(depth, kappa, panel)[0])))
    angle = (2 * np.arange(contour) + 1) * np.pi / contour - np.pi
    turn = 0.6407 * angle
    z = contour * (0.5017 * angle / np.tan(turn) - 0.6122 + 0.2645j * angle)
    slope = contour * (0.5017 / np.tan(turn) - 0.5017 * turn / np.sin(turn) ** 2 + 0.2645j)
    q = z / t[..., None] - shift
    terms = np.exp(z + _log_transform(q, depth, kappa, panel)) * slope / q**power
    return np.asarray((terms.sum(-1) / (1j * contour * t)).real * np.exp(-shift * t))
