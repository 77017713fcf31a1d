"""The constant of the law of the layer spectrum, ∫ e^{−γ|W|²/2} dvol, to any digits, and its density."""

from __future__ import annotations

from functools import cache, lru_cache
from itertools import combinations
from math import prod
from typing import Any

import mpmath as mp

from mme.algebra import FieldLike
from mme.algebra import field as field_of
from mme.arguments import affordable, integer, real_array
from mme.bridge.log_gas import KAPPA, gas_of, law
from mme.dln.extrapolation import MOST_DIGITS
from mme.errors import InputError
from mme.late import np

__all__ = ["joint_log_density", "log_normalisation", "log_ordered_integral"]

GUARD, DIGITS = 15, 17
LARGEST_ORDER = 2000
MOST_OVER_R = 3  # singular values, of an integral over their ratios
MOST_OVER_H = 6**5 * 40  # d⁵ N, of a sum over permutations


def log_normalisation(
    order: int, *, depth: int, field: FieldLike = "C", volume: str = "manifold", decay: float = 1.0,
    digits: int | None = None,
) -> Any:  # fmt: skip
    """Return log ∫ e^{−γ|W|²/2} dvol over the balanced manifold, or over GL_d with the volume of the metric.

    With κ = 1 for the manifold and 0 for the metric, c = c_{d,β} and I the integral over ordered spectra of
    the density as written in `mme.bridge.log_gas`,

        Z = c^{2 + κ(N−1)} c_{1,β}^{−d} 2^{−βd(d−1)/2 − d} N^{d(1−β/2) + κd(β−1)/2} I.

    I is a product of Gamma functions for the metric, for N = 1, for d = 1, and over C. On the manifold over H
    it is a finite sum of such products, up to d = 6. Over R no closed form is known: up to d = 3 it is
    an integral over d − 1 ratios of singular values here, and not offered beyond.

    Source: Selberg (1944); Muttalib (1995) and Borodin (1999) over C; Luque and Thibon, Hankel
    hyperdeterminants and Selberg integrals (2003).

    Parameters
    ----------
    order : int
        d ≥ 1.
    depth, field, volume, decay
        As in `layer_spectra`.
    digits : int, optional
        How many decimals of the logarithm to be sure of, at most 100; it is then a number of mpmath.

    Examples
    --------
    >>> from math import log, pi
    >>> z = log_normalisation(2, depth=3, field="H", volume="metric", decay=2.0)
    >>> round(z - (8 * log(2 * pi / 6) - 2 * log(3)), 12) + 0.0  # (2π/γN)^{βd²/2} N^{d(1−β/2)}
    0.0
    """
    depth, scalars, volume, decay = law(depth, field, volume, decay)
    d, beta, kappa = integer("order", order, 1, LARGEST_ORDER), scalars.beta, KAPPA[volume]
    places = DIGITS if digits is None else integer("digits", digits, 1, MOST_DIGITS)
    with _working(places, d, depth):
        total = log_ordered_integral(d, depth, beta, volume, decay, places)
        total += (2 + kappa * (depth - 1)) * _log_group_volume(d, beta) - d * _log_group_volume(1, beta)
        total -= mp.mpf(beta * d * (d - 1) + 2 * d) / 2 * mp.log(2)
        total += mp.mpf(d * (2 - beta) + kappa * d * (beta - 1)) / 2 * mp.log(depth)
    return float(total) if digits is None else total


def joint_log_density(
    values: Any, *, depth: int, field: FieldLike = "C", volume: str = "manifold", decay: float = 1.0
) -> Any:
    """Return the log density of the ordered layer spectrum x_1 > … > x_d, normalised on such spectra.

    The values may stand in any order; the density of an unordered spectrum is d! times smaller.

    Parameters
    ----------
    values : array_like, shape (..., d)
        Squared singular values of a layer, positive.
    depth, field, volume, decay
        As in `layer_spectra`, where `log_normalisation` knows the constant.

    Returns
    -------
    float or ndarray, shape (...,)
        −∞ where two values coincide.

    Examples
    --------
    >>> round(joint_log_density([0.5], depth=2, field="R", volume="metric"), 6)  # x^{−1/2} e^{−x} / Γ(1/2)
    -0.725791
    """
    from mme.dln.entropy import scalar  # and with it NumPy

    depth, scalars, volume, decay = law(depth, field, volume, decay)
    x = real_array("values", values).astype(float)
    if x.ndim < 1 or x.shape[-1] < 1 or not (x > 0).all():
        raise InputError("values must have shape (..., d) with d ≥ 1 and be positive, but they are not.")
    affordable("values", x.size * x.shape[-1])
    constant = float(log_ordered_integral(x.shape[-1], depth, scalars.beta, volume, decay))
    u = np.log(x)
    return scalar(gas_of(scalars, depth, volume, decay).energy(u) - u.sum(-1) - constant)


@lru_cache(maxsize=256)
def log_ordered_integral(
    d: int, depth: int, beta: int, volume: str, decay: float, digits: int = DIGITS
) -> Any:
    """Return log I, the integral of the density as written over x_1 > … > x_d > 0, as a number of mpmath."""
    gas = gas_of(field_of(beta), depth, volume, decay)
    with _working(digits, d, depth):
        a, pairs = mp.mpf(gas.shape), mp.mpf(d * (d - 1)) / 2
        degree = d * a + pairs * (gas.near + gas.far * depth)
        scale = -degree * mp.log(mp.mpf(decay) * depth / 2)
        if volume == "metric" or depth == 1 or d == 1:  # Selberg's integral of |van(x)|^{2c} Π x^{a−1} e^{−x}
            c = mp.mpf(beta) / 2
            terms = (mp.loggamma(a + j * c) + mp.loggamma(1 + (j + 1) * c) for j in range(d))
            return scale + mp.fsum(terms) - d * mp.loggamma(1 + c) - mp.loggamma(d + 1)
        if beta == 2:  # a determinant of Gamma functions, by Andréief's identity
            terms = (mp.loggamma(a + depth * j) + mp.loggamma(j + 1) for j in range(d))
            return scale + mp.fsum(terms) + pairs * mp.log(depth)
        if d > MOST_OVER_R if beta == 1 else d**5 * depth > MOST_OVER_H:
            most = f"at most {MOST_OVER_R}" if beta == 1 else f"such that order⁵ · depth ≤ {MOST_OVER_H}"
            raise InputError(
                f"order must be {most} for the constant on the manifold over {field_of(beta).name}, of which "
                f"no closed form is known, but it is {d} at depth {depth}."
            )
        return scale + (_over_ratios(d, depth, degree) if beta == 1 else _over_permutations(d, depth))


def _working(digits: int, d: int, depth: int) -> Any:
    """A context with digits for as many decimals of a number as large as d²N, and some in reserve."""
    return mp.workdps(digits + GUARD + len(str(d * d * depth)))


def _log_group_volume(d: int, beta: int) -> Any:
    """`Field.log_group_volume` to the digits of mpmath."""
    halves = [mp.mpf(beta * k) / 2 for k in range(1, d + 1)]
    spheres = mp.fsum(mp.log(2 * mp.pi**h) - mp.loggamma(h) for h in halves)
    return spheres + mp.mpf(beta * d * (d - 1)) / 4 * mp.log(2)


def _over_permutations(d: int, depth: int) -> Any:
    """Log I over H at rate 1: van(x)² van(x^N)² is a product of four determinants.

    As in Andréief's identity I = Σ_{σ,τ,ρ} sgn(στρ) Π_i Γ(a + i + σ_i + N(τ_i + ρ_i)), a hyperdeterminant.
    Each factor is Γ(a) times an integer over a power of 2, since 2a = 3N + 1: only integers cancel.
    """
    twice_a = 3 * depth + 1

    @cache
    def moment(p: int, q: int) -> int:
        """2^n (a)_n with n = p + Nq."""
        return prod(range(twice_a, twice_a + 2 * (p + depth * q), 2))

    @cache
    def free(taken: int) -> list[tuple[int, int]]:
        """The columns that are left of those taken, as bits, each with the sign of passing over others."""
        left = [j for j in range(d) if not taken >> j & 1]
        return [(j, (-1) ** place) for place, j in enumerate(left)]

    @cache
    def rest(i: int, s: int, t: int, r: int) -> int:
        """The sum over what is left from row i on."""
        return 1 if i == d else sum(
            sign * other * third * moment(i + j, k + l) * rest(i + 1, s | 1 << j, t | 1 << k, r | 1 << l)
            for j, sign in free(s) for k, other in free(t) for l, third in free(r)
        )  # fmt: skip

    halves = d * (d - 1) * (1 + depth)  # powers of 2, the same in all products
    return mp.log(mp.mpf(rest(0, 0, 0, 0))) + d * mp.loggamma(mp.mpf(twice_a) / 2) - halves * mp.log(2)


def _over_ratios(d: int, depth: int, degree: Any) -> Any:
    """Log I over R at rate 1, in λ_1, which gives a Gamma function, and v_k = λ_{k+1}/λ_k.

    A pair with p = (λ_l/λ_k)² gives λ_k^{N+1} (1 − p) (1 + p + … + p^{N−1})^{1/2}: all is smooth to the ends.
    """

    def integrand(*ratios: Any) -> Any:
        roots = [mp.mpf(1)]
        for v in ratios:
            roots.append(roots[-1] * v)
        value = sum(r**2 for r in roots) ** -degree * mp.fprod(roots[:-1])  # the latter of dλ_2 … dλ_d
        for r, other in combinations(roots, 2):
            p = (other / r) ** 2
            value *= r ** (depth + 1) * mp.sqrt((1 - p) * (1 - p**depth))
        return value

    integral, error = mp.quad(integrand, *[[0, 1]] * (d - 1), method="gauss-legendre", error=True)
    if not error < integral * mp.mpf(10) ** (GUARD // 3 - mp.mp.dps):
        raise InputError("depth must be smaller for the integral that is the constant over R.")
    return (d - 1) * mp.log(2) + mp.loggamma(degree) + mp.log(integral)
