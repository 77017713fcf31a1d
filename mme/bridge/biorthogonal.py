"""The layer spectrum over C as a determinantal process: Konhauser's biorthogonal polynomials.

At rate 1 its law is Π (x_k − x_l)(x_k^θ − x_l^θ) Π x^α e^{−x}, with θ = N and α = (N − 1)/2 on the manifold,
and θ = 1 and α = 0 for the volume of the metric. With Z_k a polynomial in x^θ,

    Y_k(x) = Σ_{i≤k} x^i/i! Σ_{j≤i} (−1)^j C(i, j) ((j + α + 1)/θ)_k / k!,
    Z_k(x) = Σ_{j≤k} (−1)^j C(k, j) x^{θj} / Γ(θj + α + 1),            ∫ Y_k Z_l x^α e^{−x} dx = δ_kl.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import mpmath as mp
import numpy as np
from numpy.typing import ArrayLike

from mme.arguments import common_batch, integer, real_array
from mme.bridge.log_gas import KAPPA, law
from mme.dln.entropy import scalar
from mme.errors import InputError

__all__ = ["correlation_kernel", "mean_density"]

LARGEST_ORDER, MOST_TERMS = 40, 10**6  # the terms, d² for each entry of x, take some seconds
DEEPEST, DIGITS, STEP = 10**4, 17, 20


def mean_density(
    x: ArrayLike, order: int, *, depth: int, volume: str = "manifold", decay: float = 1.0
) -> Any:
    """Return K(x, x), how many eigenvalues of a layer over C there are per dx in the mean, at finite order.

    The arguments are those of `correlation_kernel`.

    Examples
    --------
    >>> round(mean_density(0.5, 1, depth=1, decay=2.0), 6)  # e^{−x}, at γN/2 = 1
    0.606531
    """
    return correlation_kernel(x, x, order, depth=depth, volume=volume, decay=decay)


def correlation_kernel(
    x: ArrayLike, y: ArrayLike, order: int, *, depth: int, volume: str = "manifold", decay: float = 1.0
) -> Any:
    """Return K(x, y) = √(w(x) w(y)) Σ_{k<d} Y_k(x) Z_k(y), whose determinants are the correlations over C.

    Source: Konhauser (1967); Borodin, Biorthogonal ensembles (1999).

    Parameters
    ----------
    x, y : array_like
        Positive; of shapes that broadcast.
    order : int
        d, from 1 to 40. The sums cancel, and are taken with as many digits as that costs.
    depth : int
        N, to 10,000.
    volume, decay
        As in `layer_spectra`.

    Returns
    -------
    float or ndarray
        With an absolute error of about 1e-17 γN/2.

    Examples
    --------
    >>> K = correlation_kernel([[0.5], [2.0]], [0.5, 2.0], 2, depth=3)
    >>> round(float(np.linalg.det(K)), 6)  # the density of a spectrum, e to the joint_log_density([2.0, 0.5])
    0.098886
    """
    depth, _, volume, decay = law(depth, "C", volume, decay)
    d, theta = integer("order", order, 1, LARGEST_ORDER), depth if KAPPA[volume] else 1
    integer("depth", depth, 1, DEEPEST)
    x, y = (real_array(name, value).astype(float) for name, value in (("x", x), ("y", y)))
    shape = common_batch("x and y", x.shape, y.shape)
    if not (x > 0).all() or not (y > 0).all():
        raise InputError("x and y must be positive, but an entry is not.")
    if int(np.prod(shape, dtype=object)) * d**2 > MOST_TERMS:
        raise InputError(f"x and order must be smaller: order² times the entries exceeds {MOST_TERMS}.")
    rate = decay * depth / 2
    pairs = zip(np.broadcast_to(x, shape).flat, np.broadcast_to(y, shape).flat, strict=True)
    values = [rate * _kernel(mp.mpf(rate * s), mp.mpf(rate * t), d, theta) for s, t in pairs]
    return scalar(np.reshape(np.array(values, dtype=float), shape))


def _kernel(x: Any, y: Any, d: int, theta: int, digits: int = DIGITS, signed: bool = False) -> float:
    """K at rate 1. First come the absolute values of all terms, which say how many digits cancel."""
    with mp.workdps(digits):
        polynomials = zip(*_coefficients(d, theta, digits, signed), strict=True)
        total = mp.fsum(mp.polyval(Y, x) * mp.polyval(Z, y**theta) for Y, Z in polynomials)
        total *= (x * y) ** (mp.mpf(theta - 1) / 4) * mp.exp(-(x + y) / 2)
        lost = int(mp.ceil(mp.log10(total) / STEP)) * STEP if total > 1 else 0
    return float(total) if signed else _kernel(x, y, d, theta, digits + lost, True)


@lru_cache(maxsize=64)
def _coefficients(d: int, theta: int, digits: int, signed: bool) -> list[list[list[Any]]]:
    """Coefficients of Y_k in x and of Z_k in x^θ for k < d, the highest first, or their absolute values."""

    def alternating(i: int, terms: Any) -> list[Any]:
        return [(-1) ** j * mp.binomial(i, j) * term for j, term in zip(range(i + 1), terms, strict=False)]

    with mp.workdps(2 * digits + d):  # the coefficients of Y_k have alternating sums of their own
        first, second, a = [], [], mp.mpf(theta + 1) / 2  # α + 1
        for k in range(d):
            rising = [mp.rf((j + a) / theta, k) / mp.factorial(k) for j in range(k + 1)]
            first.append([mp.fsum(alternating(i, rising)) / mp.factorial(i) for i in range(k + 1)])
            second.append(alternating(k, [mp.rgamma(theta * j + a) for j in range(k + 1)]))
    return [[[c if signed else abs(c) for c in row[::-1]] for row in rows] for rows in (first, second)]
