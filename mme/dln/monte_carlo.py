"""Orbit volumes by Monte Carlo, from the orbit map and Haar measure alone: no Jacobian is used.

The kernel average Z(t) = E exp(−|Ψ(Q) − Ψ(1)|²/2t) over Haar frames gives vol(O_X) = lim (2πt)^{k/2}/Z(t),
where k = (N − 1) D; `mme.dln.importance` samples it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy

from mme.algebra import Field, FieldLike
from mme.algebra import field as field_of
from mme.algebra.lie import cayley_log_density
from mme.arguments import affordable, flag, generator, integer, number
from mme.dln.importance import Target, effective_share, learn, log_weights, normals
from mme.dln.orbit import orbit_dimension, squared_distance
from mme.dln.singular_values import measured_singular_values, validate_depth
from mme.errors import InputError
from mme.progress import tracked
from mme.result import Result

__all__ = ["VolumeEstimate", "ball_count_volume", "group_volume_mc", "orbit_volume_mc"]

REPLICATES = 16  # independent scramblings, whose spread is the statistical error
SMALLEST_SHARE = 0.02  # below which an estimate is refused, because its error cannot be trusted
SMALLEST_COUNT = 50  # of effective samples, likewise
LARGEST_DIMENSION = 150
LARGEST_RATIO = 1e150  # of the layers' singular values, whose squares are added


@dataclass(frozen=True, eq=False, repr=False)
class VolumeEstimate(Result):
    """A volume estimated by Monte Carlo.

    Attributes
    ----------
    log_volume : float
    standard_error : float
        Of `log_volume`: statistical error and bias of the extrapolation together.
    statistical_error, extrapolation_error : float
        The two parts, added in quadrature.
    samples : int
        Evaluations of the orbit map, learning included.
    effective_share : float
        Effective sample size over sample size at the smallest t; near 1 where the proposal fits.
    method : str
    """

    log_volume: float
    standard_error: float
    statistical_error: float
    extrapolation_error: float
    samples: int
    effective_share: float
    method: str


def orbit_volume_mc(
    singular_values: Any,
    *,
    depth: int,
    field: FieldLike = "R",
    rng: int | np.random.Generator | None = None,
    samples: int = 8192,
    progress: bool = False,
) -> VolumeEstimate:
    """Estimate log vol(O_X) by the Gaussian kernel, importance sampling, Sobol points and extrapolation.

    The proposal is a Gaussian whose covariance is learnt from weighted samples. Sixteen scrambled Sobol sets,
    each with its mirror image, give independent estimates at t, t/2 and t/4 from common normals; they are
    extrapolated to t = 0 (Richardson), and their spread is the statistical error. It uses the orbit map and
    the volume of the group, but no Jacobian.

    Parameters
    ----------
    singular_values : array_like, shape (d,)
        Positive, in any order; equal ones are allowed.
    depth, field
        As in `entropy`.
    rng : int or numpy.random.Generator, optional
    samples : int
        Sobol points in all, at least 256; each is used with its mirror image.
    progress : bool
        Show progress on a terminal.

    Returns
    -------
    VolumeEstimate
        Its `samples` count the mirror images and the learning, too.

    Raises
    ------
    InputError
        If a singular value is not positive, the dimension of the orbit is above 150, the samples fit the
        orbit too badly for an honest error, or an argument cannot be used.

    Examples
    --------
    >>> from mme.dln import entropy
    >>> estimate = orbit_volume_mc([2.0, 1.0], depth=3, rng=0, samples=1024)
    >>> exact = entropy([2.0, 1.0], depth=3)
    >>> bool(abs(estimate.log_volume - exact) < 4 * estimate.standard_error)
    True
    """
    depth, scalars = validate_depth(depth), field_of(field)
    roots, rng, progress = _roots(singular_values, depth, scalars), generator(rng), flag("progress", progress)
    samples, d = integer("samples", samples, 16 * REPLICATES), len(roots)
    k = orbit_dimension(d, depth=depth, field=scalars)
    if k == 0:  # points: one for each choice of signs over R, one alone at depth 1
        return VolumeEstimate((depth - 1) * scalars.log_group_volume(d), 0.0, 0.0, 0.0, 0, 1.0, "points")
    if k > LARGEST_DIMENSION:
        raise InputError(
            f"depth and d must be smaller for an orbit of dimension at most {LARGEST_DIMENSION}, not {k}."
        )
    affordable("samples", samples // REPLICATES * 8 * depth * scalars.size(d) ** 2)
    # Volumes scale with λ^k: with 1 for the smallest root nothing leaves the range of floating point.
    unit = float(roots.min())
    if not float(roots.max()) / unit < LARGEST_RATIO:
        raise InputError("singular_values must be less far apart for floating point.")
    target = Target(roots / unit, depth, scalars)
    times = 0.04 / max(1.0, k / 8) / np.array([1.0, 2.0, 4.0])
    spread, learnt = learn(target, float(times[-1]), k, rng)
    points = 2 ** int(np.ceil(np.log2(samples / REPLICATES)))
    log_means, shares = np.empty((REPLICATES, 3)), np.empty(REPLICATES)
    for replicate in tracked(range(REPLICATES), "orbit volume", show=progress):
        weights = log_weights(target, spread, times, normals(points, k, rng))
        log_means[replicate] = scipy.special.logsumexp(weights, axis=1) - np.log(weights.shape[1])
        shares[replicate] = effective_share(weights[-1])
    share = float(shares.mean())
    if not share > SMALLEST_SHARE:
        raise InputError(
            f"singular_values must be less far apart, or the depth smaller, for an orbit of dimension {k}: "
            f"only {share:.1%} of the samples count."
        )
    # Means over all replicates, and over all but one: the logarithm of a mean of few would be biased.
    whole = scipy.special.logsumexp(log_means, axis=0) - np.log(REPLICATES)
    but_one = np.log(np.maximum(REPLICATES - np.exp(log_means - whole), 1e-300) / (REPLICATES - 1)) + whole
    constant = (depth - 1) * scalars.log_group_volume(d) + k * np.log(unit) - np.linalg.slogdet(spread)[1]
    # Log volumes at t, t/2 and t/4, extrapolated to t = 0 without their terms in t and t².
    second_order, first_order = np.array([1.0, -6.0, 8.0]) / 3, np.array([0.0, -1.0, 2.0])
    log_volume = float(constant - whole @ second_order)
    left_out = (but_one - but_one.mean(axis=0)) @ second_order
    statistical = float(np.sqrt((REPLICATES - 1) / REPLICATES * (left_out**2).sum()))
    extrapolation = float(abs(whole @ (first_order - second_order)) / 4)
    error = float(np.hypot(statistical, extrapolation))
    evaluations = learnt + 2 * 3 * points * REPLICATES
    return VolumeEstimate(log_volume, error, statistical, extrapolation, evaluations, share, "kernel")


def ball_count_volume(
    singular_values: Any,
    *,
    depth: int,
    radius: float,
    field: FieldLike = "R",
    rng: int | np.random.Generator | None = None,
    samples: int = 100_000,
) -> VolumeEstimate:
    """Estimate log vol(O_X) by counting how often a Haar factorisation falls within `radius` of the centre.

    Haar frames spread over the orbit uniformly, and a small ball in it has the volume ω_k r^k of a flat one,
    so the volume is ω_k r^k / P. For teaching: it is biased by the curvature, in order r², and hopeless for k
    beyond 3 or so.

    Parameters
    ----------
    singular_values, depth, field, rng
        As in `orbit_volume_mc`.
    radius : float
        r, positive.
    samples : int
        Haar draws.

    Returns
    -------
    VolumeEstimate
        The extrapolation error is NaN: one radius does not show its bias.

    Raises
    ------
    InputError
        If fewer than 30 draws hit the ball, or an argument cannot be used.

    Examples
    --------
    >>> estimate = ball_count_volume([1.0], depth=2, radius=0.3, field="C", rng=0)  # a circle of radius √2
    >>> bool(abs(np.exp(estimate.log_volume) / (2 * np.pi * 2**0.5) - 1) < 0.05)
    True
    """
    depth, scalars = validate_depth(depth), field_of(field)
    roots = _roots(singular_values, depth, scalars)
    samples, radius, rng = integer("samples", samples, 100), number("radius", radius, above=0), generator(rng)
    k = orbit_dimension(len(roots), depth=depth, field=scalars)
    if k == 0:
        raise InputError("depth and d must be larger for a ball to count in, but the orbit is points.")
    affordable("samples and depth", samples * (depth - 1) * scalars.real_dimension(len(roots)) * scalars.side)
    frames = scalars.haar(len(roots), size=(samples, depth - 1), rng=rng)
    hits = int((np.sqrt(squared_distance(frames, roots, scalars)) < radius).sum())
    if hits < 30:
        raise InputError(
            f"radius and samples must be larger, but only {hits} of {samples} draws fell within {radius:g}."
        )
    share = hits / samples
    log_ball = k / 2 * np.log(np.pi) - scipy.special.gammaln(k / 2 + 1) + k * np.log(radius)
    error = float(np.sqrt((1 - share) / hits))
    return VolumeEstimate(float(log_ball - np.log(share)), error, error, float("nan"), samples, share, "ball")


def group_volume_mc(
    d: int,
    *,
    field: FieldLike = "R",
    rng: int | np.random.Generator | None = None,
    samples: int = 100_000,
    concentration: float | None = None,
) -> VolumeEstimate:
    """Estimate log vol(G) by comparing a Gaussian in Cayley coordinates with Haar measure.

    For the identity component G_0 and any c > 0,
    vol(G_0) = (2π/c)^{D/2} E_{a ~ N(0, 1/c)}[det(1 + a*a/4)^{−D/d}] / E_Haar exp(−c |a(Q)|²/2).

    Parameters
    ----------
    d : int
    field, rng
        As in `orbit_volume_mc`.
    samples : int
        Draws on each side.
    concentration : float, optional
        c; the result does not depend on it, its error does. β/4 by default.

    Raises
    ------
    InputError
        If too few samples count for an honest error, or an argument cannot be used.

    Returns
    -------
    VolumeEstimate
        Over R both components are counted.

    Examples
    --------
    >>> estimate = group_volume_mc(1, field="C", rng=0)
    >>> bool(abs(estimate.log_volume - np.log(2 * np.pi)) < 4 * estimate.standard_error)
    True
    """
    scalars, samples, rng = field_of(field), integer("samples", samples, 100), generator(rng)
    D = scalars.group_dimension(d)
    if D == 0:
        return VolumeEstimate(float(np.log(2)), 0.0, 0.0, 0.0, 0, 1.0, "points")
    affordable("d and samples", samples * 2 * scalars.size(d) ** 2)
    c = scalars.beta / 4 if concentration is None else number("concentration", concentration, above=0)
    coordinates = rng.standard_normal((samples, D)) / np.sqrt(c)
    a = np.tensordot(coordinates, scalars.lie_basis(d), axes=1)
    log_densities = cayley_log_density(a, scalars)
    # |a|² of a Haar matrix from its eigenvalues e^{iθ}: a has 2i tan(θ/2).
    # A reflection over R has the eigenvalue −1, where this is above 1e30, and so no weight.
    eigenvalues = np.linalg.eigvals(scalars.haar(d, size=samples, rng=rng))
    with np.errstate(over="ignore", invalid="ignore"):  # where no weight is a positive float, none counts
        log_kernels = -c * (4 * np.tan(np.angle(eigenvalues) / 2) ** 2).sum(axis=-1) / scalars.side / 2
        shares = np.nan_to_num([effective_share(log_densities), effective_share(log_kernels)])
    share = float(shares.min())
    if not share * samples >= SMALLEST_COUNT:
        raise InputError(
            f"samples must be more, or the concentration another, for d = {d} over {scalars.name}: "
            f"only {share * samples:.0f} of {samples} count."
        )
    # Haar measure of O(d) gives half of its mass to SO(d), so the same quotient counts both components.
    above, below = (scipy.special.logsumexp(each) for each in (log_densities, log_kernels))
    value = D / 2 * np.log(2 * np.pi / c) + above - below
    # The relative variance of weights is 1/share − 1.
    error = float(np.sqrt(sum(1 / each - 1 for each in shares) / (samples - 1)))
    return VolumeEstimate(float(value), error, error, 0.0, 2 * samples, share, "cayley")


def _roots(singular_values: Any, depth: int, scalars: Field) -> np.ndarray:
    sigma = measured_singular_values(singular_values, scalars, positive=True, single=True)
    return np.asarray(np.sort(sigma)[::-1] ** (1 / depth))
