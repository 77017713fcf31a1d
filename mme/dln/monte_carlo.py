"""Orbit volumes by Monte Carlo, from the orbit map and Haar measure alone: no Jacobian is used.

The kernel average Z(t) = E exp(−|Ψ(Q) − Ψ(1)|²/2t) over Haar frames gives vol(O_X) = lim (2πt)^{k/2}/Z(t). In
Cayley coordinates Q_p = (1 − a_p/2)^{−1}(1 + a_p/2) Haar measure is Π_p det(1 + a_p* a_p/4)^{−D/d} da_p /
vol(G), and the average becomes an integral over R^k, k = (N − 1) D, that importance sampling with a learnt
Gaussian does well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import gammaln, logsumexp, ndtri
from scipy.stats import qmc

from mme.algebra import Field
from mme.algebra import field as field_of
from mme.dln.arguments import validate_depth, validate_singular_values
from mme.dln.orbit import orbit_dimension
from mme.errors import InputError
from mme.progress import tracked
from mme.result import Result

__all__ = ["VolumeEstimate", "ball_count_volume", "group_volume_mc", "orbit_volume_mc", "squared_distance"]

REPLICATES = 16  # independent scramblings, whose spread is the statistical error
LEARNING_ROUNDS = 30  # at most
LEARNING_SAMPLES = 4096  # at least
SAMPLES_PER_DIMENSION = 100  # so that a covariance can be learnt from the effective share of them
TEMPERED_SHARE = 0.1  # of effective samples, below which the target is tempered while learning
SMALLEST_SHARE = 0.02  # below which an estimate is refused, because its error cannot be trusted
SMALLEST_COUNT = 50  # of effective samples, likewise
LARGEST_DIMENSION = 150


@dataclass(frozen=True)
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


def squared_distance(frames: np.ndarray, roots: np.ndarray, field: Field) -> np.ndarray:
    """Return |Ψ_Σ(Q) − Ψ_Σ(1)|² = Σ_p |Q_p Λ Q_{p−1}* − Λ|² with Q_0 = Q_N = 1.

    Parameters
    ----------
    frames : ndarray, shape (..., N − 1, d, d)
    roots : ndarray, shape (d,)
        λ_1, …, λ_d.
    field : Field

    Returns
    -------
    ndarray, shape (...,)

    Examples
    --------
    >>> from mme.algebra import R
    >>> float(squared_distance(-np.ones((1, 1, 1)), np.array([2.0]), R))  # two layers, from 2 to −2 each
    32.0
    """
    one = np.broadcast_to(field.identity(len(roots)), (*frames.shape[:-3], 1, *frames.shape[-2:]))
    chain = np.concatenate([one, frames, one], axis=-3)
    scale = np.concatenate([roots] * field.side)
    # |Q_p Λ − Λ Q_{p−1}|², entry by entry, without products of matrices
    gap = chain[..., 1:, :, :] * scale - scale[:, None] * chain[..., :-1, :, :]
    return np.asarray((np.abs(gap) ** 2).sum(axis=(-3, -2, -1)) / field.side)


def orbit_volume_mc(
    singular_values: Any,
    *,
    depth: int,
    field: str | int | Field = "R",
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
    depth : int
        N ≥ 1.
    field : {"R", "C", "H"}, 1, 2, 4 or Field
    rng : int or numpy.random.Generator, optional
    samples : int
        Sobol points in all, at least 256; each is used with its mirror image.
    progress : bool
        Show progress on a terminal.

    Returns
    -------
    VolumeEstimate

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
    roots = _roots(singular_values, depth)
    samples = _validate_samples(samples, 16 * REPLICATES)
    d = len(roots)
    k = orbit_dimension(d, depth=depth, field=scalars)
    if k == 0:  # points: one for each choice of signs over R, one alone at depth 1
        return VolumeEstimate((depth - 1) * scalars.log_group_volume(d), 0.0, 0.0, 0.0, 0, 1.0, "points")
    if k > LARGEST_DIMENSION:
        raise InputError(
            f"the orbit must have a dimension of at most {LARGEST_DIMENSION} here, but it has {k}; "
            "take less depth."
        )
    generator = np.random.default_rng(rng)
    # Volumes scale with λ^k: with 1 for the smallest root nothing leaves the range of floating point.
    unit = float(roots.min())
    target = _Target(roots / unit, depth, scalars)
    times = 0.04 / max(1.0, k / 8) / np.array([1.0, 2.0, 4.0])
    spread, learnt = _learn(target, float(times[-1]), k, generator)
    points = 2 ** int(np.ceil(np.log2(samples / REPLICATES)))
    log_means = np.empty((REPLICATES, 3))
    shares = np.empty(REPLICATES)
    for replicate in tracked(range(REPLICATES), "orbit volume", show=progress):
        log_weights = _log_weights(target, spread, times, _normals(points, k, generator))
        log_means[replicate] = logsumexp(log_weights, axis=1) - np.log(log_weights.shape[1])
        shares[replicate] = _effective_share(log_weights[-1])
    share = float(shares.mean())
    if not share > SMALLEST_SHARE:
        raise InputError(
            f"singular values must be less far apart, or the depth smaller, for an orbit of dimension {k}: "
            f"only {share:.1%} of the samples count."
        )
    # Means over all replicates, and over all but one: the logarithm of a mean of few would be biased.
    whole = logsumexp(log_means, axis=0) - np.log(REPLICATES)
    but_one = np.log(np.maximum(REPLICATES - np.exp(log_means - whole), 1e-300) / (REPLICATES - 1)) + whole
    constant = (depth - 1) * scalars.log_group_volume(d) + k * np.log(unit) - np.linalg.slogdet(spread)[1]
    # Log volumes at t, t/2 and t/4, extrapolated to t = 0 without their terms in t and t².
    second_order, first_order = np.array([1.0, -6.0, 8.0]) / 3, np.array([0.0, -1.0, 2.0])
    log_volume = float(constant - whole @ second_order)
    left_out = (but_one - but_one.mean(axis=0)) @ second_order
    statistical = float(np.sqrt((REPLICATES - 1) / REPLICATES * (left_out**2).sum()))
    extrapolation = float(abs(whole @ (first_order - second_order)) / 4)
    return VolumeEstimate(
        log_volume=log_volume,
        standard_error=float(np.hypot(statistical, extrapolation)),
        statistical_error=statistical,
        extrapolation_error=extrapolation,
        samples=learnt + 2 * 3 * points * REPLICATES,
        effective_share=share,
        method="kernel",
    )


def ball_count_volume(
    singular_values: Any,
    *,
    depth: int,
    radius: float,
    field: str | int | Field = "R",
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
    roots = _roots(singular_values, depth)
    samples = _validate_samples(samples, 100)
    if not (np.isfinite(radius) and radius > 0):
        raise InputError(f"radius must be positive and finite, but it is {radius!r}.")
    k = orbit_dimension(len(roots), depth=depth, field=scalars)
    if k == 0:
        raise InputError("the orbit consists of points here, and has no ball to count in.")
    frames = scalars.haar(len(roots), size=(samples, depth - 1), rng=np.random.default_rng(rng))
    hits = int((squared_distance(frames, roots, scalars) < radius**2).sum())
    if hits < 30:
        raise InputError(
            f"only {hits} of {samples} draws fell within radius {radius:g}; enlarge the radius or draw more."
        )
    share = hits / samples
    log_ball = k / 2 * np.log(np.pi) - gammaln(k / 2 + 1) + k * np.log(radius)
    error = float(np.sqrt((1 - share) / hits))
    return VolumeEstimate(float(log_ball - np.log(share)), error, error, float("nan"), samples, share, "ball")


def group_volume_mc(
    d: int,
    *,
    field: str | int | Field = "R",
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
    field : {"R", "C", "H"}, 1, 2, 4 or Field
    rng : int or numpy.random.Generator, optional
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
    scalars, samples = field_of(field), _validate_samples(samples, 100)
    D = scalars.group_dimension(d)
    if D == 0:
        return VolumeEstimate(float(np.log(2)), 0.0, 0.0, 0.0, 0, 1.0, "points")
    c = scalars.beta / 4 if concentration is None else float(concentration)
    if not (np.isfinite(c) and c > 0):
        raise InputError(f"concentration must be positive and finite, but it is {concentration!r}.")
    generator = np.random.default_rng(rng)
    normals = generator.standard_normal((samples, D)) / np.sqrt(c)
    densities = np.exp(_cayley_log_density(_combine(normals, scalars.lie_basis(d)), scalars))
    # |a|² of a Haar matrix from its eigenvalues e^{iθ}: a has 2i tan(θ/2).
    # Over R a reflection has none and is left out.
    Q = scalars.haar(d, size=samples, rng=generator)
    eigenvalues = np.linalg.eigvals(Q)
    squares = (4 * np.tan(np.angle(eigenvalues) / 2) ** 2).sum(axis=-1) / scalars.side
    inside = np.linalg.det(Q).real > 0 if scalars.beta == 1 else np.ones(samples, dtype=bool)
    kernels = np.where(inside, np.exp(-c * squares / 2), 0.0)
    # Haar measure of O(d) gives half of its mass to SO(d), so the same quotient counts both components.
    value = D / 2 * np.log(2 * np.pi / c) + np.log(densities.mean()) - np.log(kernels.mean())
    relative = [sample.std(ddof=1) / sample.mean() / np.sqrt(samples) for sample in (densities, kernels)]
    error = float(np.hypot(*relative))
    share = min(float(sample.sum() ** 2 / (sample**2).sum() / samples) for sample in (densities, kernels))
    if share * samples < SMALLEST_COUNT:
        raise InputError(
            f"samples must be more, or the concentration another, for d = {d} over {scalars.name}: "
            f"only {share * samples:.0f} of {samples} count."
        )
    return VolumeEstimate(float(value), error, error, 0.0, 2 * samples, share, "cayley")


class _Target:
    """The integrand exp(−|Ψ − Ψ(1)|²/2t) · Π det(1 + a*a/4)^{−D/d} in orthonormal coordinates of g^{N−1}."""

    def __init__(self, roots: np.ndarray, depth: int, field: Field) -> None:
        self.roots, self.field = roots, field
        self.basis = field.lie_basis(len(roots))
        self.shape = (depth - 1, len(self.basis))

    def logarithm(self, y: np.ndarray, t: float) -> np.ndarray:
        density = _cayley_log_density(self._algebra(y), self.field).sum(axis=-1)
        return np.asarray(density - self.squared_distance(y) / (2 * t))

    def squared_distance(self, y: np.ndarray) -> np.ndarray:
        a, one = self._algebra(y), self.field.identity(len(self.roots))
        frames = np.linalg.solve(one - a / 2, one + a / 2)
        return squared_distance(frames, self.roots, self.field)

    def _algebra(self, y: np.ndarray) -> np.ndarray:
        return _combine(y.reshape(*y.shape[:-1], *self.shape), self.basis)


def _combine(coordinates: np.ndarray, basis: np.ndarray) -> np.ndarray:
    return np.tensordot(coordinates, basis, axes=1)


def _cayley_log_density(a: np.ndarray, field: Field) -> np.ndarray:
    """As `Field.cayley_log_density`, but without a look at the matrices: they are skew-Hermitian here."""
    d = a.shape[-1] // field.side
    log_det = 2 * np.linalg.slogdet(np.eye(a.shape[-1]) - a / 2)[1] / field.side
    return np.asarray(-field.group_dimension(d) / d * log_det)


def _learn(target: _Target, t: float, k: int, generator: np.random.Generator) -> tuple[np.ndarray, int]:
    """Learn L, a root of the target's covariance over t, by tempered importance sampling; also the cost."""
    spread = np.diag(_first_guess(target, t, k))
    size, best = max(LEARNING_SAMPLES, SAMPLES_PER_DIMENSION * k), 0.0
    cost = k
    for _ in range(LEARNING_ROUNDS):
        z = generator.standard_normal((size, k))
        log_weights = _log_weights(target, spread, np.array([t]), z)[0]
        share, cost = _effective_share(log_weights), cost + size
        if best > TEMPERED_SHARE and share < 1.02 * best + 0.005:  # it grows no more
            break
        best, power = share, 1.0
        while _effective_share(power * log_weights) < TEMPERED_SHARE:
            power /= 1.5
        weights = np.exp(power * (log_weights - log_weights.max()))
        # The mean is 0, because −z has the weight of z to leading order.
        covariance = (z * weights[:, None]).T @ z / weights.sum()
        spread = spread @ np.linalg.cholesky(covariance)
    return spread, cost


def _first_guess(target: _Target, t: float, k: int) -> np.ndarray:
    """How far one may go along each axis, by a small step: learning starts with the axes on one scale."""
    step = 1e-4 * np.sqrt(t) / target.roots.max()
    return np.asarray(step / np.sqrt(target.squared_distance(step * np.eye(k))))


def _log_weights(target: _Target, spread: np.ndarray, times: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Log of target over proposal at y = √t L z, without (2πt)^{k/2} det L; shape (times, points)."""
    gaussian = (z**2).sum(axis=-1) / 2
    return np.stack([target.logarithm(np.sqrt(t) * z @ spread.T, float(t)) + gaussian for t in times])


def _normals(points: int, k: int, generator: np.random.Generator) -> np.ndarray:
    """Scrambled Sobol points as normals, each with its mirror image, shape (2 points, k)."""
    uniform = qmc.Sobol(k, scramble=True, rng=generator).random(points)
    half = ndtri(np.clip(uniform, 1e-15, 1 - 1e-15))
    return np.concatenate([half, -half])


def _validate_samples(samples: Any, least: int) -> int:
    if isinstance(samples, bool) or not isinstance(samples, int | np.integer) or samples < least:
        raise InputError(f"samples must be an integer of at least {least}, but it is {samples!r}.")
    return int(samples)


def _effective_share(log_weights: np.ndarray) -> float:
    """(Σw)²/(n Σw²)."""
    return float(np.exp(2 * logsumexp(log_weights) - logsumexp(2 * log_weights)) / len(log_weights))


def _roots(singular_values: Any, depth: int) -> np.ndarray:
    sigma = np.asarray(validate_singular_values(singular_values, positive=True, single=True))
    return np.asarray(np.sort(sigma)[::-1] ** (1 / depth))
