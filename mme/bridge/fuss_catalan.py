"""The Fuss–Catalan law: squared singular values of wide networks, end to end and layer by layer.

With an angle 0 < φ < π/(N+1) and s_k = sin(kφ), the laws of y, end to end, and of x = y^{1/N}, a layer, are

    y = s_{N+1}^{N+1} / (s_1 s_N^N),          density of y  s_1² s_N^{N−1} / (π s_{N+1}^N),
    x = s_{N+1}^{1+1/N} / (s_1^{1/N} s_N),    density of x  (N/π) s_1 (s_1 / s_{N+1})^{1/N},
    share below either  1 − ((N+1)φ − N s_1 s_{N+1} / s_N) / π.

They are derived in the chapter `wide`.
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

__all__ = ["fuss_catalan_density", "fuss_catalan_distribution", "fuss_catalan_moments", "log_edge"]

PARTS = ("end_to_end", "layer")
ENDS = (-710.0, -1e-16)  # of log(1 − (N+1)φ/π): the smallest float, and next to 0


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
        The law of y, as of N layers with independent entries of variance 1/d, or of x = y^{1/N}, as of λ² on
        the balanced manifold with γ = βd.

    Returns
    -------
    float or ndarray, of the shape of x
        0 outside of the support, infinite at 0. Relative errors are about 1e-15 over the share of the support
        between x and its upper end.

    Examples
    --------
    >>> round(fuss_catalan_density(1.0, 1), 6)  # √(4 − 1)/2π
    0.275664
    """
    values, log_x, phi, w, last = _on_the_curve(x, depth, part)
    with np.errstate(divide="ignore", over="ignore"):
        density = depth / np.pi * np.sin(phi) * (np.sin(phi) / last) ** (1 / depth)
        if part == "end_to_end":  # dx/dy = x/(N y)
            density = density * np.exp((1 - depth) * log_x) / depth
    return scalar(np.where(values == 0, np.inf, np.where(np.isnan(w), 0.0, density)))


def fuss_catalan_distribution(x: ArrayLike, depth: int, *, part: str = "end_to_end") -> Any:
    """Return the share of squared singular values up to x. The arguments are those of `fuss_catalan_density`.

    Examples
    --------
    >>> fuss_catalan_distribution([0.0, 4.0], 1)
    array([0., 1.])
    """
    values, _, phi, w, last = _on_the_curve(x, depth, part)
    share = w + depth / np.pi * np.sin(phi) * last / np.sin(depth * phi)
    return scalar(np.where(np.isnan(w), np.where(values > 0, 1.0, 0.0), share))


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
    k, depth = real_array("power", power).astype(float), validate_depth(depth)
    q = k if choice("part", part, PARTS) == "layer" else depth * k
    if not (q > -depth / (depth + 1)).all():
        raise InputError("power must be above −1/(N+1), for a layer above −N/(N+1), but an entry is not.")
    log_gamma = scipy.special.gammaln
    with np.errstate(over="ignore"):
        moments = np.exp(log_gamma(1 + q + q / depth) - log_gamma(1 + q / depth) - log_gamma(2 + q))
    if not np.isfinite(moments).all():
        raise InputError("power must be smaller for a moment within floating point, but an entry is not.")
    return scalar(moments)


def log_edge(depth: int) -> float:
    """Return the logarithm of the largest x of a layer, (N+1)^{1+1/N}/N."""
    return float((1 + 1 / depth) * np.log1p(depth) - np.log(depth))


def _on_the_curve(x: ArrayLike, depth: int, part: str) -> tuple[np.ndarray, np.ndarray, Any, Any, Any]:
    """The values, log x of a layer, φ, w = 1 − (N+1)φ/π, found by its logarithm, and s_{N+1}; NaN outside."""
    from scipy.optimize import elementwise

    values, depth = real_array("x", x).astype(float), validate_depth(depth)
    power = 1 if choice("part", part, PARTS) == "layer" else depth
    affordable("x", 32 * values.size)
    inside = values > 0
    log_x = np.log(np.where(inside, values, 1)) / power
    inside &= log_x < log_edge(depth)

    def angle(log_w: Any) -> Any:
        return -np.pi / (depth + 1) * np.expm1(log_w)

    def sine(log_w: Any) -> Any:  # sin((N+1)φ) = sin πw
        return np.sin(np.where(log_w > -0.5, (depth + 1) * angle(log_w), np.pi * np.exp(log_w)))

    def excess(log_w: Any, target: Any) -> Any:
        phi, last = angle(log_w), np.log(sine(log_w))
        return last + (last - np.log(np.sin(phi))) / depth - np.log(np.sin(depth * phi)) - target

    with np.errstate(divide="ignore", invalid="ignore"):
        found = elementwise.find_root(excess, ENDS, args=(np.where(inside, log_x, 0.0),))
    log_w = np.where(found.success, found.x, ENDS[1])  # none is found where x is an edge but for rounding
    log_w = np.where(inside, log_w, np.nan)
    return values, log_x, angle(log_w), np.exp(log_w), sine(log_w)
