"""The real Ginibre ensemble at finite order: how many eigenvalues to expect where, to rounding.

A real Ginibre matrix has independent standard normal entries. Its n eigenvalues are real, or come in
complex conjugate pairs; the densities of both are known in closed form at every order n: [EKS] Edelman,
Kostlan and Shub, J. Amer. Math. Soc. 7 (1994), for the real ones, and [E] Edelman, J.
Multivariate Anal. 60 (1997), for the others. With Q(a, z) = Γ(a, z)/Γ(a), each is nearly
constant inside the disc of radius √n.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import scipy
from numpy.polynomial.chebyshev import Chebyshev
from numpy.polynomial.legendre import leggauss
from numpy.typing import ArrayLike

from mme.arguments import choice

__all__ = [
    "complex_eigenvalue_density", "expected_eigenvalues", "integrate_from_zero",
    "real_eigenvalue_density",
]  # fmt: skip

Function = Callable[[np.ndarray], np.ndarray]

# Beyond √n + EDGE there is no eigenvalue to rounding, and within √n - EDGE the factor Q is 1.
EDGE = 8.0
NODES, WEIGHTS = leggauss(100)
POWERS = 2**18  # at a time: 4 MB


def real_eigenvalue_density(order: int, x: ArrayLike) -> np.ndarray:
    """The density of the real eigenvalues of a real Ginibre matrix ([EKS] Corollary 4.3).

    Examples
    --------
    >>> real_eigenvalue_density(9, [0.0, 1.0, 4.0]).round(4)
    array([0.3989, 0.3989, 0.084 ])
    """
    n, r = order, np.abs(np.asarray(x, dtype=float))
    if n == 1:
        return np.asarray(np.exp(-(r**2) / 2) / np.sqrt(2 * np.pi))
    inside = scipy.special.gammaincc(n - 1, r**2) / np.sqrt(2 * np.pi)
    power = scipy.special.xlogy(n - 1, r) - r**2 / 2 - scipy.special.gammaln(n / 2) - n / 2 * np.log(2)
    return np.asarray(inside + np.exp(power) * scipy.special.gammainc((n - 1) / 2, r**2 / 2))


def complex_eigenvalue_density(order: int, x: ArrayLike, y: ArrayLike) -> np.ndarray:
    """The density of the complex eigenvalues x + iy of a real Ginibre matrix ([E] Theorem 6.2).

    Examples
    --------
    >>> complex_eigenvalue_density(100, [0.0, 3.0, 8.0], [0.0, 4.0, 8.0]).round(4)
    array([0.    , 0.3136, 0.0011])
    """
    across, up = np.asarray(x, dtype=float), np.abs(np.asarray(y, dtype=float))
    return np.asarray(_repulsion(up) * _inside(order, across**2 + up**2))


def expected_eigenvalues(order: int, x: ArrayLike, part: str = "real", excess: float = 0.0) -> np.ndarray:
    """How many eigenvalues of a real Ginibre matrix to expect up to x, real and complex ones together.

    `excess` is κ, for a matrix Y that is not quite Gaussian: tr((YYᵀ)²)/n, in units of the square of
    tr(YYᵀ)/n, exceeds that of the Ginibre matrix by κ/n. To first order the density of the complex
    eigenvalues changes by (κ/n)(1 - 2r²/n)/π: a smaller trace pushes them outwards. The factor Q gives this
    change a smooth rim, and makes its total exactly zero. Where it comes from: let the law of Y not change
    under rotations from either side, and let F be the share of moduli up to r√n. Then, to first order in
    the fourth free cumulant ε = κ/n, r² = F(1 - ε(1 - F)), so that F = r² + ε r²(1 - r²) + …. For
    independent entries, with their excess kurtosis as κ, Cipolloni, Erdős and Schröder (Electron. J.
    Probab. 26, 2021) prove the same shape.

    Examples
    --------
    >>> expected_eigenvalues(50, [-np.inf, 0, np.inf]).round(9)
    array([ 0., 25., 50.])
    >>> expected_eigenvalues(50, [5, 9], "modulus").round(3)
    array([25.46 , 49.996])
    >>> (expected_eigenvalues(50, [5, 9], "modulus", excess=1) - [25.46, 49.996]).round(3)
    array([0.25, 0.  ])
    """
    choice("part", part, ("real", "modulus"))
    points, law = np.asarray(x, dtype=float), _law(order, part, excess)
    within = law(np.abs(points))
    if part == "modulus":
        return np.where(points < 0, 0.0, within)
    # Real parts are spread evenly about 0.
    return np.asarray(law(np.array(np.inf)) + np.sign(points) * within)


def integrate_from_zero(density: Function, reach: float, degree: int) -> Function:
    """Return x ↦ ∫_0^x of a smooth density on [0, reach], from its Chebyshev interpolant.

    Examples
    --------
    >>> F = integrate_from_zero(np.cos, np.pi, 30)
    >>> bool(abs(F(np.array([0.0, 1.0])) - np.sin([0, 1])).max() < 1e-14)
    True
    """
    angles = np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1)
    values: np.ndarray = density(reach * (1 + np.cos(angles)) / 2)
    coefficients = scipy.fft.dct(values, type=2) / (degree + 1)
    coefficients[0] /= 2
    antiderivative = Chebyshev(coefficients, domain=[0, reach]).integ(lbnd=0).coef
    end = antiderivative.sum()

    def integral(x: np.ndarray) -> np.ndarray:
        found, is_within = np.where(x > 0, end, 0.0), (x > 0) & (x < reach)
        found[is_within] = _series(antiderivative, 2 * x[is_within] / reach - 1)
        return found

    return integral


def _series(coefficients: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Σ c_k T_k(t) by powers on the unit circle: few long operations, where Clenshaw's rule has many."""
    z, found = t + 1j * np.sqrt(1 - t**2), np.full(len(t), coefficients[0])
    step, degree = max(POWERS // len(coefficients), 1), len(coefficients) - 1
    for part in (slice(start, start + step) for start in range(0, len(t), step)):
        powers = np.multiply.accumulate(np.broadcast_to(z[part], (degree, len(z[part]))))
        found[part] += coefficients[1:] @ powers.real
    return found


@lru_cache(maxsize=512)
def _law(order: int, part: str, excess: float) -> Function:
    """How many to expect on [0, x]."""
    usual, added = _eigenvalues(order, part), _excess(order, part)
    density = (lambda x: usual(x) + excess * added(x)) if excess else usual
    return integrate_from_zero(density, np.sqrt(order) + EDGE, _degree(order))


def _eigenvalues(order: int, part: str) -> Function:
    both_signs = 1 if part == "real" else 2

    def density(x: np.ndarray) -> np.ndarray:
        real = both_signs * real_eigenvalue_density(order, x)
        pairs = _complex_column(order, x) if part == "real" else _complex_circle(order, x)
        return np.asarray(real + pairs)

    return density


def _excess(order: int, part: str) -> Function:
    n = order

    def on_circle(r: np.ndarray) -> np.ndarray:
        return np.asarray(2 * r / n * (1 - 2 * r**2 / n) * _inside(n, r**2))

    def on_column(x: np.ndarray) -> np.ndarray:
        low, high = _rim(n, x)
        flat = (1 - 2 * x**2 / n) * low - 2 * low**3 / (3 * n)
        bent = _quadrature(lambda y: (1 - 2 * (x**2 + y**2) / n) * _inside(n, x**2 + y**2), low, high)
        return np.asarray(2 / (np.pi * n) * (flat + bent))

    return on_column if part == "real" else on_circle


def _complex_column(order: int, x: np.ndarray) -> np.ndarray:
    """The density of complex eigenvalues with real part x: ∫ over y, in closed form where Q is 1."""
    low, high = _rim(order, x)
    # ∫_0^Y y erfcx(√2 y) dy = (erfcx(√2 Y) - 1)/4 + Y/√(2π)
    flat = np.sqrt(2 / np.pi) * ((scipy.special.erfcx(np.sqrt(2) * low) - 1) / 4 + low / np.sqrt(2 * np.pi))
    rim = _quadrature(lambda y: complex_eigenvalue_density(order, x, y), low, high)
    return np.asarray(2 * (flat + rim))


def _complex_circle(order: int, r: np.ndarray) -> np.ndarray:
    """The density of complex eigenvalues of modulus r: ∫ over the angle, in one quarter of the circle."""
    quarter = _quadrature(lambda angle: _repulsion(r * np.sin(angle)), 0 * r, 0 * r + np.pi / 2)
    return np.asarray(4 * r * quarter * _inside(order, r**2))


def _repulsion(y: np.ndarray) -> np.ndarray:
    """√(2/π) y erfcx(√2 y): 1/π far from the real axis, 0 on it, where a pair would meet."""
    return np.asarray(np.sqrt(2 / np.pi) * y * scipy.special.erfcx(np.sqrt(2) * y))


def _inside(order: int, square: np.ndarray) -> np.ndarray:
    """Q(n - 1, r²): 1 inside the disc of radius √n, 0 outside."""
    return np.asarray(scipy.special.gammaincc(order - 1, square)) if order > 1 else np.zeros_like(square)


def _rim(order: int, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the line at x crosses the circles of radius √n ± EDGE (0 where it doesn't)."""
    inner, outer = max(np.sqrt(order) - EDGE, 0), np.sqrt(order) + EDGE
    return np.sqrt(np.maximum(inner**2 - x**2, 0)), np.sqrt(np.maximum(outer**2 - x**2, 0))


def _quadrature(function: Function, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """∫ from low to high by Gauss and Legendre; the function takes points of shape (nodes, *low.shape)."""
    half = (high - low) / 2
    return np.asarray(half * np.tensordot(WEIGHTS, function(low + half * (1 + NODES[:, None])), axes=1))


def _degree(order: int) -> int:
    """A degree that resolves the rim, of width 1, by Chebyshev points on [0, √n + EDGE]."""
    return int(60 + 50 * order**0.25)
