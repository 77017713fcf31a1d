"""The constant of the law of the layer spectrum, ∫ e^{−γ|W|²/2} dvol, to the digits asked for."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any

import mpmath as mp

from mme.algebra import FieldLike
from mme.algebra import field as field_of
from mme.arguments import integer
from mme.bridge.log_gas import KAPPA, gas_of, law
from mme.dln.extrapolation import MOST_DIGITS
from mme.errors import InputError

__all__ = ["log_normalisation", "log_ordered_integral"]

GUARD = 15
LARGEST_ORDER = 2000  # of a product of Gamma functions
MOST_RATIOS = 2  # of an integral over R
LARGEST_SUM = 6**5 * 40  # d⁵ N of a sum over permutations for H, which takes some seconds
DIGITS = 17


def log_normalisation(
    order: int, *, depth: int, field: FieldLike = "C", volume: str = "manifold", decay: float = 1.0,
    digits: int | None = None,
) -> Any:  # fmt: skip
    """Return log ∫ e^{−γ|W|²/2} dvol over the balanced manifold, or over GL_d with the volume of the metric.

    With κ = 1 for the manifold and 0 for the metric, and I the integral over ordered spectra of the density
    in `mme.bridge.log_gas`,

        Z = C_X 2^{−d} N^{d(1−β/2) + κ d(β−1)/2} c_{d,β}^{κ(N−1)} I,   C_X = c_{d,β}² 2^{−βd(d−1)/2} / c_{1,β}^d.

    I is Selberg's product of Gamma functions for the metric, N = 1 and d = 1, and a product of them too over
    C. Over H it is a finite sum of such products, exact here up to d = 6. Over R no closed form is known: up
    to d = 3 it is an integral over d − 1 ratios of singular values, which are smooth, and no more is offered.

    Source: Selberg (1944); Muttalib (1995); Luque and Thibon, Hankel hyperdeterminants (2003).

    Parameters
    ----------
    order : int
        d ≥ 1.
    depth, field, volume, decay
        As in `layer_spectra`.
    digits : int, optional
        How many decimals of the logarithm to be sure of, at most 100.

    Returns
    -------
    float, or with `digits` mpmath.mpf

    Raises
    ------
    InputError
        If the constant is not known, or an argument cannot be used.

    Examples
    --------
    >>> from math import log, pi
    >>> z = log_normalisation(2, depth=3, field="H", volume="metric", decay=2.0)
    >>> round(z - (8 * log(2 * pi / 6) - 2 * log(3)), 12) + 0.0  # N^{d(1−β/2)} (2π/γN)^{βd²/2}
    0.0
    """
    depth, scalars, volume, decay = law(depth, field, volume, decay)
    d = integer("order", order, 1, LARGEST_ORDER)
    places = DIGITS if digits is None else integer("digits", digits, 1, MOST_DIGITS)
    beta, kappa = scalars.beta, KAPPA[volume]
    integral = log_ordered_integral(d, depth, beta, volume, decay, places)
    with mp.workdps(places + GUARD):
        group = _log_group_volume(d, beta)
        constant = 2 * group - d * _log_group_volume(1, beta) - (beta * mp.mpf(d * (d - 1)) / 2 + d) * mp.log(2)
        power = d * (1 - mp.mpf(beta) / 2) + kappa * d * mp.mpf(beta - 1) / 2
        total = constant + power * mp.log(depth) + kappa * (depth - 1) * group + integral
    return float(total) if digits is None else total


@lru_cache(maxsize=256)
def log_ordered_integral(d: int, depth: int, beta: int, volume: str, decay: float, digits: int) -> Any:
    """Return log I, the integral of the density as written over x_1 > … > x_d > 0, as a number of mpmath."""
    gas = gas_of(field_of(beta), depth, volume, decay)
    with mp.workdps(digits + GUARD):
        a, pairs = mp.mpf(gas.shape), mp.mpf(d * (d - 1)) / 2
        degree = d * a + pairs * (mp.mpf(gas.near) + mp.mpf(gas.far) * depth)
        scale = -degree * mp.log(mp.mpf(decay) * depth / 2)
        if volume == "metric" or depth == 1 or d == 1:
            return scale + _selberg(d, a, mp.mpf(beta) / 2)
        if beta == 2:
            terms = (mp.loggamma(a + depth * j) + mp.loggamma(j + 1) for j in range(d))
            return scale + mp.fsum(terms) + pairs * mp.log(depth)
        known = d <= MOST_RATIOS + 1 if beta == 1 else d**5 * depth <= LARGEST_SUM
        if not known:
            span = "at most 3 over R" if beta == 1 else f"such that order⁵ · depth ≤ {LARGEST_SUM} over H"
            raise InputError(
                f"order must be {span} for the constant on the manifold, of which no closed form is known, "
                f"but it is {d} at depth {depth}."
            )
        return scale + (_integral_over_ratios if beta == 1 else _sum_over_permutations)(d, depth, degree)


def _log_group_volume(d: int, beta: int) -> Any:
    """`Field.log_group_volume` to the digits of mpmath."""
    spheres = (mp.log(2 * mp.pi ** (mp.mpf(beta * k) / 2)) - mp.loggamma(mp.mpf(beta * k) / 2) for k in range(1, d + 1))
    return mp.fsum(spheres) + mp.mpf(beta * d * (d - 1)) / 4 * mp.log(2)


def _selberg(d: int, a: Any, c: Any) -> Any:
    """Selberg's integral of Π |x_k − x_l|^{2c} Π x^{a−1} e^{−x} over ordered x."""
    terms = (mp.loggamma(a + j * c) + mp.loggamma(1 + (j + 1) * c) - mp.loggamma(1 + c) for j in range(d))
    return mp.fsum(terms) - mp.loggamma(d + 1)


def _sum_over_permutations(d: int, depth: int, degree: Any) -> Any:
    """The integral over H at rate 1: van(x)² van(x^N)² is a product of four determinants, so it is a sum of Gammas.

    By Andréief's argument I = Σ_{σ,τ,ρ} sgn(σ τ ρ) Π_i m(i + σ_i, τ_i + ρ_i), with m(p, q) = Γ(a + p + Nq).
    These are Γ(a) times integers over 2^{p + Nq}, since 2a = 3N + 1: nothing cancels but integers.
    """
    twice_a, full = 3 * depth + 1, (1 << d) - 1

    def moment(n: int) -> int:
        return prod(range(twice_a, twice_a + 2 * n, 2))

    m = [[moment(p + depth * q) for q in range(2 * d - 1)] for p in range(2 * d - 1)]

    @lru_cache(maxsize=None)
    def rest(i: int, s: int, t: int, r: int) -> int:
        """The sum over what is left: s, t and r are the columns that are taken, as bits."""
        return 1 if i == d else sum(
            parity_s * parity_t * parity_r * m[i + j][k + l] * rest(i + 1, s | 1 << j, t | 1 << k, r | 1 << l)
            for j, parity_s in free(s) for k, parity_t in free(t) for l, parity_r in free(r)
        )  # fmt: skip

    @lru_cache(maxsize=None)
    def free(taken: int) -> list[tuple[int, int]]:
        """The columns that are left, each with the sign of passing over those before it."""
        left = [j for j in range(d) if not taken >> j & 1]
        return [(j, -1 if place % 2 else 1) for place, j in enumerate(left)]

    halves = d * (d - 1) * (1 + depth)  # the degree p + Nq of every product
    return mp.log(mp.mpf(rest(0, 0, 0, 0))) + d * mp.loggamma(mp.mpf(twice_a) / 2) - halves * mp.log(2)


def _integral_over_ratios(d: int, depth: int, degree: Any) -> Any:
    """The integral over R at rate 1, in λ_1 and the ratios v_k = λ_{k+1}/λ_k, where it is smooth to the edges.

    λ_1 gives a Gamma function. A pair with p = (λ_l/λ_k)² gives λ_k^{N+1} (1 − p) (1 + p + … + p^{N−1})^{1/2}.
    """

    def integrand(*ratios: Any) -> Any:
        roots = [mp.mpf(1)]
        for v in ratios:
            roots.append(roots[-1] * v)
        value = sum(r**2 for r in roots) ** -degree
        for k, r in enumerate(roots[:-1]):
            value *= r ** ((depth + 1) * (d - 1 - k)) * (r if k else 1)  # the last is of dλ_2 … dλ_d
            for other in roots[k + 1 :]:
                p = (other / r) ** 2
                value *= (1 - p) * mp.sqrt((1 - p**depth) / (1 - p))
        return value

    integral, error = mp.quad(integrand, *[[0, 1]] * (d - 1), method="gauss-legendre", error=True)
    if not error < integral * mp.mpf(10) ** (GUARD // 3 - mp.mp.dps):
        raise InputError("depth must be smaller for the integral that is the constant over R.")
    return d * mp.log(2) + mp.loggamma(degree) - mp.log(2) + mp.log(integral)
