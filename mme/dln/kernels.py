"""Gaussian kernels Z(t) on an orbit in closed form, and the volumes that they give without any Jacobian.

For Q uniform on G^{N−1}, Z(t) = E exp(−|Ψ(Q) − Ψ(1)|²/2t). As t → 0 the average sees a flat disc of dimension
k = (N − 1) D, so vol(O_X) = lim (2πt)^{k/2}/Z(t), with an error that is a power series in t.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mme.algebra import Field, FieldLike
from mme.algebra import field as field_of
from mme.arguments import integer, number
from mme.dln.extrapolation import MOST_DIGITS, ExtrapolatedVolume, richardson
from mme.dln.orbit import orbit_dimension
from mme.dln.singular_values import measured_singular_values, validate_depth
from mme.errors import InputError

__all__ = ["group_volume_from_kernel", "kernel", "orbit_volume_from_kernel"]

LARGEST_GRID = 4000  # angles, so that a transfer matrix stays below half a gigabyte
LARGEST_CHAIN = 10_000  # layers of a chain of transfer matrices
MOST_TERMS = 10**6  # of a Fourier series
MOST_LEVELS = 40
LARGEST_DETERMINANT = 50
DIGITS = 15


def kernel(
    singular_values: Any, t: float, *, depth: int, field: FieldLike = "R", digits: int | None = None
) -> Any:
    """Return log Z(t) in the cases where Z is known in closed form or by quadrature.

    - d = 1 over C: Σ_n (e^{−x} I_n(x))^N, and over H: Σ_{n≥1} n² ((2/x) e^{−x} I_n(x))^N, with x = λ²/t;
    - d = 1 over R: two points for each frame;
    - N = 2 over C: e^{−2 tr Σ/t} Π_{k<d} k! det[s_i^{j−1} I_{j−1}(2 s_i)] / Π_{i<j} (s_j² − s_i²), where s
      is σ/t;
    - d = N = 2: an integral over the Beta law of |q_11|²;
    - N = 2 and equal singular values: determinants, as Re tr Q depends on the eigenvalues alone;
    - d = 2 over R, N > 2: the chain of frames as a power of its transfer matrix on O(2).

    Parameters
    ----------
    singular_values : array_like, shape (d,)
        Positive; distinct, or all equal, for N = 2 over C and d > 2.
    t : float
        Positive.
    depth, field
        As in `entropy`.
    digits : int, optional
        How many decimals of the logarithm to be sure of, at most 100; not for the transfer matrix. The
        logarithm is then a number of mpmath.

    Raises
    ------
    InputError
        If no closed form is known, or an argument cannot be used.

    Examples
    --------
    >>> round(kernel([1.0], 1e9, depth=2, field="C"), 6) + 0.0  # at large t every factorisation counts alike
    0.0
    """
    depth, scalars = validate_depth(depth), field_of(field)
    sigma = measured_singular_values(singular_values, scalars, positive=True, single=True)
    t = number("t", t, above=0)
    if digits is None and depth > 2 and len(sigma) == 2 and scalars.beta == 1:
        return _transfer_matrix(sigma ** (1 / depth), t, depth)
    if digits is None:
        return float(_log_kernel(sigma, t, depth, scalars, DIGITS))
    return _log_kernel(sigma, t, depth, scalars, integer("digits", digits, 1, MOST_DIGITS))


def orbit_volume_from_kernel(
    singular_values: Any, *, depth: int, field: FieldLike = "R", levels: int = 9, digits: int | None = None
) -> ExtrapolatedVolume:
    """Return log vol(O_X) from kernels at t, t/2, t/4, …, extrapolated to t = 0.

    It uses neither the Jacobian nor the volume of the group.

    Parameters
    ----------
    singular_values, depth, field
        As in `kernel`.
    levels : int
        How many values of t.
    digits : int, optional
        Instead of `levels`: go on until the last change is below 10^−digits, as far as `kernel` has digits.

    Examples
    --------
    >>> from mme.dln import entropy
    >>> estimate = orbit_volume_from_kernel([2.0, 1.0], depth=2, field="C")
    >>> bool(abs(estimate.log_volume - entropy([2.0, 1.0], depth=2, field="C")) < 1e-9)
    True
    """
    depth, scalars = validate_depth(depth), field_of(field)
    sigma = measured_singular_values(singular_values, scalars, positive=True, single=True)
    levels = integer("levels", levels, 2, MOST_LEVELS)
    k = orbit_dimension(sigma.shape[-1], depth=depth, field=scalars)
    start = 0.08 * float(sigma.min()) ** (2 / depth) / max(1.0, k / 8)
    if digits is not None:
        from mme.dln.closed_kernels import extrapolated  # and with it mpmath

        digits = integer("digits", digits, 1, MOST_DIGITS)
        return extrapolated(lambda t: _log_kernel(sigma, t, depth, scalars, digits + 5), k, start / 4, digits)
    steps = start / 2.0 ** np.arange(levels)
    values = [k / 2 * np.log(2 * np.pi * t) - kernel(sigma, t, depth=depth, field=scalars) for t in steps]
    limit = richardson(values)
    # The exponents are as large as |Ψ|²/t, and are known to one unit in their last place.
    rounding = np.finfo(float).eps * depth * float((sigma ** (2 / depth)).sum()) / float(steps[-1])
    return ExtrapolatedVolume(limit.log_volume, limit.error + rounding)


def group_volume_from_kernel(d: int, *, field: FieldLike = "R", digits: int = 15) -> ExtrapolatedVolume:
    """Return log vol(G) for O(d), both components, U(d) or Sp(d), from kernels E exp(−|Q − 1|²/2t).

    Parameters
    ----------
    d : int
        From 1 to 50.
    field : {"R", "C", "H"}, 1, 2, 4 or Field
    digits : int
        The last change of the extrapolation is below 10^−digits.

    Examples
    --------
    >>> group_volume_from_kernel(1, field="C", digits=20).decimals  # log 2π
    '1.83787706640934548356'
    """
    from mme.dln import closed_kernels as forms  # and with it mpmath

    scalars, d = field_of(field), integer("d", d, 1, LARGEST_DETERMINANT)
    digits, D = integer("digits", digits, 1, MOST_DIGITS), scalars.group_dimension(d)
    return forms.extrapolated(
        lambda t: forms.settled(lambda: forms.whole_group(d, 1 / t, scalars.beta), digits + 5),
        D,
        0.04 / (1 + D / 8),
        digits,
    )


def _log_kernel(sigma: np.ndarray, t: Any, depth: int, scalars: Field, digits: int) -> Any:
    """Log Z(t) as a number of mpmath, with an error below 10^−digits."""
    import mpmath as mp

    from mme.dln import closed_kernels as forms

    d, beta = len(sigma), scalars.beta
    if depth == 1:
        return mp.mpf(0)
    with mp.workdps(digits + 30):
        s = [mp.mpf(float(value)) ** (mp.mpf(2) / depth) / t for value in sigma]
    if d == 1:
        if beta > 1 and not 12 * s[0] ** 0.5 < MOST_TERMS:
            raise InputError("t must be larger for such a singular value and depth: its series is too long.")
        return forms.settled(lambda: forms.closed_walk(s[0], depth, beta), digits)
    if d == depth == 2 and beta != 2:
        with mp.workdps(digits):
            return forms.two_by_two(s, beta)
    if depth == 2 and len(set(s)) == 1 and d <= LARGEST_DETERMINANT:
        return forms.settled(lambda: forms.whole_group(d, 2 * s[0], beta), digits)
    if beta == 2 and depth == 2 and len(set(s)) == d <= LARGEST_DETERMINANT:
        return forms.settled(lambda: forms.two_layers(s), digits)
    raise InputError(
        "the kernel is known in closed form for d = 1, for d = depth = 2, without digits for d = 2 over R, "
        f"and at depth 2 for up to {LARGEST_DETERMINANT} singular values, equal or, over C, distinct, not "
        f"for d = {d}, depth {depth} over {scalars.name}; use orbit_volume_mc."
    )


def _transfer_matrix(roots: np.ndarray, t: float, depth: int) -> float:
    """Frames on O(2), as a chain Q_0 = 1, …, Q_N = 1 with neighbours coupled by their distance."""
    if depth > LARGEST_CHAIN:
        raise InputError(f"depth must be at most {LARGEST_CHAIN} for a chain over R, but it is {depth}.")
    # The integrand is periodic in the angle, so equal steps converge faster than any power.
    reach = 16 * np.sqrt(float((roots**2).sum()) / t)
    if not reach + 32 <= LARGEST_GRID:
        raise InputError(
            f"t must be larger for such singular values, but it is {t:g}; fewer levels reach less far."
        )
    points = int(reach) + 32
    angle = 2 * np.pi * np.arange(points) / points
    cosine, sine = np.cos(angle), np.sin(angle)
    turns = np.stack([np.stack([cosine, -sine], -1), np.stack([sine, cosine], -1)], -2)
    group = np.concatenate([turns, turns * np.array([1.0, -1.0])])
    Λ = np.diag(roots)
    overlap = np.einsum("aij,bij->ab", Λ @ group @ Λ, group)
    with np.errstate(over="ignore"):
        coupling = np.exp((overlap - (roots**2).sum()) / t)
    chain, log_scale = coupling[0], 0.0
    for _ in range(depth - 1):
        chain = chain @ coupling / len(group)
        scale = chain.max()
        chain, log_scale = chain / scale, log_scale + float(np.log(scale))
    return float(np.log(chain[0])) + log_scale
