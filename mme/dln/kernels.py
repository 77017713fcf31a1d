"""Gaussian kernels Z(t) on an orbit in closed form, and the volumes that they give without any Jacobian.

For Q uniform on G^{N−1}, Z(t) = E exp(−|Ψ(Q) − Ψ(1)|²/2t). As t → 0 the average sees a flat disc of dimension
k = (N − 1) D, so vol(O_X) = lim (2πt)^{k/2}/Z(t), with an error that is a power series in t.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy

from mme.algebra import FieldLike
from mme.algebra import field as field_of
from mme.arguments import integer, number
from mme.dln.orbit import orbit_dimension
from mme.dln.singular_values import measured_singular_values, validate_depth
from mme.errors import InputError
from mme.result import Result

__all__ = ["ExtrapolatedVolume", "kernel", "orbit_volume_from_kernel", "richardson"]

LARGEST_GRID = 4000  # angles, so that a transfer matrix stays below half a gigabyte
LARGEST_CHAIN = 10_000  # layers of a chain of transfer matrices
MOST_TERMS = 10**7  # of a Fourier series
MOST_LEVELS = 40
LARGEST_DETERMINANT = 50
DIGITS = 60  # for the determinant of Bessel functions, whose columns are nearly parallel at small t


@dataclass(frozen=True, eq=False, repr=False)
class ExtrapolatedVolume(Result):
    """An orbit volume from kernels at several t, extrapolated to t = 0.

    Attributes
    ----------
    log_volume : float
    error : float
        The last change of the extrapolation, and what rounding can do.
    """

    log_volume: float
    error: float


def kernel(singular_values: Any, t: float, *, depth: int, field: FieldLike = "R") -> float:
    """Return log Z(t) in the cases where Z is known in closed form or by quadrature.

    - d = 1 over C: Σ_n (e^{−x} I_n(x))^N, and over H: Σ_{n≥1} n² ((2/x) e^{−x} I_n(x))^N, with x = λ²/t;
    - d = 1 over R: two points for each frame;
    - N = 2 over C: e^{−2 tr Σ/t} Π_{k<d} k! det[s_i^{j−1} I_{j−1}(2 s_i)] / Π_{i<j} (s_j² − s_i²), where s
      is σ/t;
    - d = 2 over R: the chain of frames as a power of its transfer matrix on O(2).

    Parameters
    ----------
    singular_values : array_like, shape (d,)
        Positive; distinct for N = 2 over C.
    t : float
        Positive.
    depth, field
        As in `entropy`.

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
    d, beta = len(sigma), scalars.beta
    if depth == 1:
        return 0.0
    if d == 1 and beta > 1:
        return _one_by_one(float(sigma[0] ** (2 / depth)) / t, depth, beta)
    if beta == 1 and d <= 2:
        return _transfer_matrix(sigma ** (1 / depth), t, depth)
    if beta == 2 and depth == 2:
        return _two_layers(sigma, t)
    raise InputError(
        "the kernel is known in closed form for d = 1, for d = 2 over R and for depth 2 over C only, not for "
        f"d = {d}, depth {depth} over {scalars.name}; use orbit_volume_mc."
    )


def orbit_volume_from_kernel(
    singular_values: Any, *, depth: int, field: FieldLike = "R", levels: int = 9
) -> ExtrapolatedVolume:
    """Return log vol(O_X) from kernels at t, t/2, t/4, …, extrapolated to t = 0.

    It uses neither the Jacobian nor the volume of the group.

    Parameters
    ----------
    singular_values, depth, field
        As in `kernel`.
    levels : int
        How many values of t.

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
    steps = start / 2.0 ** np.arange(levels)
    values = [k / 2 * np.log(2 * np.pi * t) - kernel(sigma, t, depth=depth, field=scalars) for t in steps]
    extrapolated = richardson(values)
    # The exponents are as large as |Ψ|²/t, and are known to one unit in their last place.
    rounding = np.finfo(float).eps * depth * float((sigma ** (2 / depth)).sum()) / float(steps[-1])
    return ExtrapolatedVolume(extrapolated.log_volume, extrapolated.error + rounding)


def richardson(values: Any) -> ExtrapolatedVolume:
    """Extrapolate values at t, t/2, t/4, … to t = 0: the entry of the triangle that changed least."""
    column = np.asarray(values, dtype=np.float64)
    best, error = float(column[-1]), float("inf")
    for power in range(1, len(column)):
        finer = column[1:] + (column[1:] - column[:-1]) / (2.0**power - 1)
        change = float(abs(finer[-1] - (finer[-2] if len(finer) > 1 else column[-1])))
        if change < error:
            best, error = float(finer[-1]), change
        column = finer
    return ExtrapolatedVolume(best, error)


def _one_by_one(x: float, depth: int, beta: int) -> float:
    """D = 1: Fourier series on the circle, and characters on the 3-sphere; e^{−x} I_n(x) is `ive`."""
    if x < np.finfo(float).tiny:  # so large a t that all points count alike
        return 0.0
    if not 12 * np.sqrt(x) < MOST_TERMS:
        raise InputError("t must be larger for such a singular value and depth, but its series is too long.")
    orders = np.arange(1, int(12 * np.sqrt(x)) + 60)
    with np.errstate(divide="ignore"):  # e^{−x} I_n(x) may vanish
        first, others = depth * np.log(scipy.special.ive(0, x)), depth * np.log(scipy.special.ive(orders, x))
    if beta == 2:
        return float(np.logaddexp(first, np.log(2) + scipy.special.logsumexp(others)))
    return float(scipy.special.logsumexp(2 * np.log(orders) + depth * np.log(2 / x) + others))


def _transfer_matrix(roots: np.ndarray, t: float, depth: int) -> float:
    """Frames on O(1) or O(2), as a chain Q_0 = 1, …, Q_N = 1 with neighbours coupled by their distance."""
    if depth > LARGEST_CHAIN:
        raise InputError(f"depth must be at most {LARGEST_CHAIN} for a chain over R, but it is {depth}.")
    if len(roots) == 1:
        group = np.array([[[1.0]], [[-1.0]]])
    else:
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


def _two_layers(sigma: np.ndarray, t: float) -> float:
    """N = 2 over C: an integral over U(d) that is a determinant of Bessel functions."""
    if len(sigma) > LARGEST_DETERMINANT:
        raise InputError(f"singular_values must be at most {LARGEST_DETERMINANT} for a determinant over C.")
    if len(np.unique(sigma)) < len(sigma):
        raise InputError("singular_values must be distinct for the closed form at depth 2 over C.")
    import mpmath as mp  # late: it takes long to import

    with mp.workdps(DIGITS):
        s = [mp.mpf(float(value)) / mp.mpf(float(t)) for value in sigma]
        d = len(s)
        # e^{−2 s_i} goes into row i, so that nothing overflows.
        rows = [[mp.exp(-2 * x) * x**j * mp.besseli(j, 2 * x) for j in range(d)] for x in s]
        value = mp.log(abs(mp.det(mp.matrix(rows)))) + sum(mp.loggamma(k + 1) for k in range(d))
        value -= sum(mp.log(abs(s[j] ** 2 - s[i] ** 2)) for j in range(d) for i in range(j))
        return float(value)
