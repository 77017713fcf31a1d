"""The Fuss–Catalan law: squared singular values of wide networks of N layers, end to end and layer by layer.

With an angle 0 < φ < π/(N+1) and s_k = sin(kφ), the law of y, end to end, and that of x = y^{1/N}, one layer, are

    y = s_{N+1}^{N+1} / (s_1 s_N^N),             density of y  s_1² s_N^{N−1} / (π s_{N+1}^N),
    x = s_{N+1}^{1+1/N} / (s_1^{1/N} s_N),       density of x  (N/π) s_1 (s_1 / s_{N+1})^{1/N},
    share below either  1 − ((N+1)φ − N s_1 s_{N+1} / s_N) / π.

The first line is known, the second follows from it. For the third: on the cut the generating function B of the
Fuss–Catalan numbers, for which z = (B − 1)/B^{N+1}, is e^{iφ} s_{N+1}/s_N, the density of y = 1/z is Im B/(π y),
and ∫ B dz/z = log(B − 1) − N B.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike

from mme.arguments import affordable, choice, real_array
from mme.dln.entropy import scalar
from mme.dln.singular_values import validate_depth
from mme.errors import InputError

__all__ = ["fuss_catalan_density", "fuss_catalan_distribution", "fuss_catalan_moments", "log_raney"]

PARTS = ("end_to_end", "layer")
LOWEST = -710.0  # the logarithm of the smallest float, about


def fuss_catalan_density(x: ArrayLike, depth: int, *, part: str = "end_to_end") -> Any:
    """Return the density of squared singular values of a product of N wide layers, or of one such layer.

    Source: Biane, Processes with free increments (1998); Penson and Życzkowski, Product of Ginibre matrices
    (2011); Haagerup and Möller, The law of large numbers for the free multiplicative convolution (2013).

    Parameters
    ----------
    x : array_like
    depth : int
        N ≥ 1; N = 1 is the law of Marchenko and Pastur on [0, 4].
    part : {"end_to_end", "layer"}
        The law of y, as of N layers with independent entries of variance 1/d, or of x = y^{1/N}, as of λ² on the
        balanced manifold with γ = βd.

    Returns
    -------
    float or ndarray, of the shape of x
        0 outside of the support, infinite at 0.

    Examples
    --------
    >>> round(fuss_catalan_density(1.0, 1), 6)  # √(4 − 1)/2π
    0.275664
    """
    x, log_x, phi, tail, depth, power = _on_the_curve(x, depth, part)
    with np.errstate(divide="ignore", over="ignore"):
        first, last = np.log(np.sin(phi)), np.log(np.sin(np.pi * np.exp(tail)))
        density = depth / np.pi * np.exp(first + (first - last) / depth)
        if power == 1:  # dx/dy = x/(N y)
            density = density * np.exp((1 - depth) * log_x) / depth
    return scalar(np.where(x == 0, np.inf, np.where(np.isnan(tail), 0.0, density)))


def fuss_catalan_distribution(x: ArrayLike, depth: int, *, part: str = "end_to_end") -> Any:
    """Return the share of squared singular values up to x; the arguments are those of `fuss_catalan_density`.

    Returns
    -------
    float or ndarray, of the shape of x

    Examples
    --------
    >>> fuss_catalan_distribution([0.0, 4.0], 1)
    array([0., 1.])
    """
    x, _, phi, tail, depth, _ = _on_the_curve(x, depth, part)
    w = np.exp(tail)  # 1 − (N+1)φ/π
    share = w + depth / np.pi * np.sin(phi) * np.sin(np.pi * w) / np.sin(depth * phi)
    return scalar(np.where(np.isnan(tail), np.where(x > 0, 1.0, 0.0), share))


def fuss_catalan_moments(power: ArrayLike, depth: int, *, part: str = "end_to_end") -> Any:
    """Return the mean of y^k, which is C((N+1)k, k)/(Nk + 1) at integers, or of x^k = y^{k/N}.

    Parameters
    ----------
    power : array_like
        k, real; above −1/(N+1), and for a layer above −N/(N+1).
    depth, part
        As in `fuss_catalan_density`.

    Examples
    --------
    >>> fuss_catalan_moments([0, 1, 2, 3], 2).round(9)
    array([ 1.,  1.,  3., 12.])
    """
    q, depth = real_array("power", power).astype(float), validate_depth(depth)
    if choice("part", part, PARTS) == "end_to_end":
        q = q * depth
    if not (q * (depth + 1) > -depth).all():
        raise InputError("power must be above −1/(N+1), for a layer above −N/(N+1), but a moment is infinite.")
    with np.errstate(over="ignore"):
        moments = np.exp(log_raney(q, depth))
    if not np.isfinite(moments).all():
        raise InputError("power must be smaller for moments within floating point, but one is none.")
    return scalar(moments)


def log_raney(q: Any, depth: int) -> Any:
    """Return log ∫ x^q of the layer law, Γ(1 + q + q/N) / (Γ(1 + q/N) Γ(2 + q)), for complex q too."""
    log_gamma = scipy.special.loggamma
    return log_gamma(1 + q + q / depth) - log_gamma(1 + q / depth) - log_gamma(2 + q)


def _on_the_curve(x: ArrayLike, depth: Any, part: Any) -> tuple[Any, Any, Any, Any, int, int]:
    """x as an array, log x of one layer, φ, log(1 − (N+1)φ/π), the depth and the power that leads to x.

    φ is NaN outside of the support. The logarithm keeps all digits of φ at either end.
    """
    from scipy.optimize import elementwise

    values, depth = real_array("x", x).astype(float), validate_depth(depth)
    power = depth if choice("part", part, PARTS) == "layer" else 1
    affordable("x", 32 * values.size)
    with np.errstate(divide="ignore"):
        log_x = np.log(np.maximum(values, 0)) * power / depth
    edge = (1 + 1 / depth) * np.log(depth + 1.0) - np.log(depth)
    inside = (values > 0) & (log_x < edge)

    def angle(tail: Any) -> Any:
        return -np.pi / (depth + 1) * np.expm1(tail)

    def excess(tail: Any, target: Any) -> Any:
        phi = angle(tail)
        last = np.log(np.sin(np.pi * np.exp(tail)))
        return last + (last - np.log(np.sin(phi))) / depth - np.log(np.sin(depth * phi)) - target

    with np.errstate(divide="ignore", invalid="ignore"):
        found = elementwise.find_root(
            excess, (LOWEST, -1e-16), args=(np.where(inside, log_x, edge - 1),)
        )
    tail = np.where(inside, np.where(found.success, found.x, -1e-16), np.nan)
    return values, log_x, angle(tail), tail, depth, power
