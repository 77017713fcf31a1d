"""Gaussian kernels on orbits and groups as formulas of mpmath, and limits at t = 0, to the digits asked for.

None of them uses a Jacobian of the orbit map, or the volume of a group.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp

from mme.dln.extrapolation import ExtrapolatedVolume, triangle
from mme.errors import InputError

__all__ = [
    "closed_walk", "extrapolated", "jacobi_average", "settled", "two_by_two", "two_layers", "whole_group",
]  # fmt: skip

GUARD = 15  # digits beyond those
LARGEST_PRECISION = 2000  # digits at which a determinant that still cancels is given up
LONGEST_EXTRAPOLATION = 60


def settled(compute: Callable[[], Any], digits: int) -> Any:
    """Return a number computed with so many digits that half as many more change none of those asked for."""
    precision, before = digits + GUARD, mp.inf
    while precision < LARGEST_PRECISION:
        with mp.workdps(precision):
            value = compute()
        if abs(value - before) < mp.mpf(10) ** -digits:
            return value
        precision, before = precision * 3 // 2, value
    raise InputError("the arguments must be less extreme: the closed form cancels too many digits.")


def extrapolated(
    log_kernel: Callable[[Any], Any], dimension: int, start: float, digits: int
) -> ExtrapolatedVolume:
    """Return log lim (2πt)^{k/2}/Z(t), from so many t that the last change is below 10^−digits."""

    def log_volume(level: int) -> Any:
        t = mp.mpf(start) / 2**level
        return dimension * mp.log(2 * mp.pi * t) / 2 - log_kernel(t)

    with mp.workdps(digits + GUARD):
        before = mp.inf
        for row in triangle(map(log_volume, range(LONGEST_EXTRAPOLATION))):
            change, before = abs(row[-1] - before), row[-1]
            if change < mp.mpf(10) ** -digits:
                units = int(mp.nint(before * mp.mpf(10) ** digits))
                whole, rest = divmod(abs(units), 10**digits)
                decimals = f"{'-' if units < 0 else ''}{whole}.{rest:0{digits}}"
                return ExtrapolatedVolume(float(before), float(change) + 0.5 * 10.0**-digits, decimals)
    raise InputError("digits must be fewer for an extrapolation that settles.")


def closed_walk(x: Any, depth: int, beta: int) -> Any:
    """Return log Z for d = 1, where x = λ²/t.

    Over R an even number of N steps changes the sign, each at the cost of e^{−2x}. Over C Z is Σ_n p_n^N, and
    over H Σ_{n≥1} n² (2 p_n/x)^N, with p_n = e^{−x} I_n(x). I_{n−1} = I_{n+1} + (2n/x) I_n downwards gives
    them up to a factor, and p_0 + 2 Σ_{n≥1} p_n = 1 the factor.
    """
    if beta == 1:
        q = mp.exp(-2 * x)
        return mp.log(((1 + q) / 2) ** depth + ((1 - q) / 2) ** depth)
    later, current, total, walks = mp.mpf(0), mp.mpf(1), mp.mpf(0), mp.mpf(0)
    for n in range(int(mp.sqrt(5 * mp.mp.dps * x)) + mp.mp.dps + 20, -1, -1):  # beyond, p_n is negligible
        total += current if n == 0 else 2 * current
        walks += current**depth * (n**2 if beta == 4 else 1 if n == 0 else 2)
        later, current = current, later + 2 * n / x * current
    return mp.log(walks) - depth * mp.log(total * (x / 2 if beta == 4 else 1))


def two_layers(s: list[Any]) -> Any:
    """Return log Z for N = 2 over C and distinct s = σ/t: a determinant of Bessel functions."""
    d = len(s)
    # e^{−2 s_i} goes into row i, so that nothing overflows.
    rows = [[mp.exp(-2 * x) * x**j * mp.besseli(j, 2 * x) for j in range(d)] for x in s]
    value = mp.log(abs(mp.det(mp.matrix(rows)))) + sum(mp.loggamma(k + 1) for k in range(d))
    return value - sum(mp.log(abs(s[j] ** 2 - s[i] ** 2)) for j in range(d) for i in range(j))


def two_by_two(s: list[Any], beta: int) -> Any:
    """Return log Z for d = N = 2 and s = σ/t: an integral over |q_11|² = r², which has the law B(β/2, β/2).

    Z = E_r g(2 s_1 r) g(2 s_2 r) e^{−2 (s_1 + s_2)(1 − r)}, where g(y) = E e^{y (Re q − 1)} for q uniform on
    the unit sphere of the field.
    """

    def g(y: Any) -> Any:
        if beta == 1:
            return (1 + mp.exp(-2 * y)) / 2
        return mp.exp(-y) * (mp.besseli(0, y) if beta == 2 else 2 * mp.besseli(1, y) / y)

    half, rate = mp.mpf(beta) / 2, 2 * (s[0] + s[1])
    unit = g(2 * s[0]) * g(2 * s[1]) / rate**half  # the size of the integral, whose error is absolute

    def integrand(x: Any) -> Any:  # r = 1 − x², which leaves no root at the end
        r, powers = 1 - x**2, (x * (1 - x**2)) ** (beta - 1) * (2 - x**2) ** (half - 1)
        return powers * g(2 * s[0] * r) * g(2 * s[1] * r) * mp.exp(-rate * x**2) / unit

    with mp.extradps(5):
        end = mp.sqrt(min(mp.mpf(1), mp.mp.dps * mp.ln(10) / rate))  # beyond, the exponential is negligible
        integral, error = mp.quad(integrand, [0, end], method="gauss-legendre", error=True)
        if not error < integral * mp.mpf(10) ** (2 - mp.mp.dps):
            raise InputError("singular_values must be less extreme beside t for the integral.")
        return mp.log(4 * integral * unit / mp.beta(half, half))


def whole_group(d: int, x: Any, beta: int) -> Any:
    """Return log E e^{−x Re tr(1 − Q)} over O(d), U(d) or Sp(d): Weyl's density gives determinants."""
    if beta == 2:  # det[e^{−x} I_{j−k}(x)]
        p = [mp.exp(-x) * mp.besseli(n, x) for n in range(d)]
        return mp.log(mp.det(mp.matrix([[p[abs(j - k)] for k in range(d)] for j in range(d)])))
    low, high = mp.mpf(1) / 2, mp.mpf(3) / 2
    if beta == 4:
        return mp.log(jacobi_average(d, high, high, x))
    # Pairs of eigenvalues count twice. On the other component one eigenvalue is −1.
    pairs, odd = divmod(d, 2)
    turns = jacobi_average(pairs, high if odd else low, low, 2 * x)
    others = jacobi_average(pairs if odd else pairs - 1, low if odd else high, high, 2 * x)
    return mp.log((turns + mp.exp(-2 * x) * others) / 2)


def jacobi_average(n: int, a: Any, b: Any, x: Any) -> Any:
    """Return E e^{−x Σ v_k} over the density Π v_k^{a−1} (2 − v_k)^{b−1} Π_{j<k} (v_j − v_k)² on [0, 2]^n.

    By Andréief's identity a quotient of determinants, at x and at 0, of moments of v/2: Kummer's functions.
    """

    def determinant(x: Any) -> Any:
        m = [mp.beta(k + a, b) * mp.hyp1f1(k + a, k + a + b, -2 * x) for k in range(2 * n)]
        return mp.det(mp.matrix([[m[j + k] for k in range(n)] for j in range(n)])) if n else mp.mpf(1)

    return determinant(x) / determinant(mp.mpf(0))
