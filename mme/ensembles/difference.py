"""Definition 5: the circular spectral difference, and two criteria of conjugacy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.stats import kstwobign

from mme.ensembles.circular import SampledCircularEnsemble
from mme.ensembles.density import (
    BINS,
    WINDOW,
    ExpectedSpectrum,
    SpectralDensity,
    bin_edges,
    spectral_density,
)
from mme.ensembles.layers import layer_matrix_ensemble
from mme.ensembles.limit_law import deterministic_spectrum
from mme.ensembles.mixed import choice
from mme.ensembles.spectrum import PooledSpectrum, pooled_spectrum
from mme.errors import InputError
from mme.result import Result

__all__ = [
    "CSD",
    "CircularSpectralDifference",
    "Conjugacy",
    "circular_spectral_difference",
    "conjugacy",
    "conjugate_spectrum",
    "noise_floor",
    "spectral_difference",
]

CONJUGATES = ("sampled", "deterministic")
ROUNDING = 1e-9  # what the paper's criterion may miss zero by, in units of probability


@dataclass(frozen=True, eq=False, repr=False)
class CircularSpectralDifference(Result):
    """The difference Δ(ε) = ρ_1(ε) − ρ_2(ε) of two spectral densities (Definition 5).

    Attributes
    ----------
    differences : ndarray, shape (draws, bins)
        Δ for each draw of the conjugate ensemble; one row where nothing was drawn.
    edges : ndarray, shape (bins + 1,)
        Bin edges.
    counts : (float, float)
        Independent positions inside the window in the first and the second spectrum, per draw: the number of
        eigenvalues over `PooledSpectrum.repetition`; infinite for a density known by its law.
    sampled : bool
        Whether a spectrum was drawn at random.

    Examples
    --------
    >>> layers = {"a": np.diag([1.0, 2.0]), "b": np.eye(3)}
    >>> csd = circular_spectral_difference(layers, rng=0, draws=4, bins=60)
    >>> csd.difference.shape, csd.variances.shape
    ((60,), (4,))
    """

    differences: np.ndarray
    edges: np.ndarray
    counts: tuple[float, float]
    sampled: bool = True

    @property
    def width(self) -> float:
        """The width of a bin."""
        return float(self.edges[1] - self.edges[0])

    @property
    def centres(self) -> np.ndarray:
        """The middle of each bin, shape (bins,)."""
        return np.asarray((self.edges[:-1] + self.edges[1:]) / 2)

    @property
    def difference(self) -> np.ndarray:
        """Δ(ε) in each bin, shape (bins,): the mean over the draws."""
        return np.asarray(self.differences.mean(axis=0))

    @property
    def cumulative(self) -> np.ndarray:
        """The cumulative CSD, shape (bins,): the running sum of Δ over the bins, as the paper defines it."""
        return np.cumsum(self.difference)

    @property
    def variances(self) -> np.ndarray:
        """Var Δ over the bins, for each draw, shape (draws,): the number that the paper reports, once per draw."""
        return np.asarray(self.differences.var(axis=1))

    @property
    def variance(self) -> float:
        """Var(CSD): the variance of Δ over the bins, averaged over the draws."""
        return float(self.variances.mean())

    @property
    def standard_error(self) -> float:
        """The standard error of `variance` over the draws; NaN for a single draw, 0 where nothing is drawn."""
        draws = len(self.differences)
        if not self.sampled:
            return 0.0
        return float(self.variances.std(ddof=1) / np.sqrt(draws)) if draws > 1 else float("nan")

    @property
    def sampling_noise(self) -> float:
        """The part of `variance` that is noise of one draw of the conjugate; NaN for a single draw."""
        draws = len(self.differences)
        if not self.sampled:
            return 0.0
        if draws == 1:
            return float("nan")
        return float((self.differences - self.difference).var(axis=1).sum() / (draws - 1))

    @property
    def variance_without_noise(self) -> float:
        """`variance` less `sampling_noise`: an unbiased estimate of Var Δ against the conjugate's expected density."""
        return self.variance - self.sampling_noise

    @property
    def noise_floor(self) -> float:
        """Var Δ that independent eigenvalues in these numbers would show if both densities were the same."""
        return noise_floor(*self.counts, window=(self.edges[0], self.edges[-1]), bins=len(self.edges) - 1)

    @property
    def largest_cumulative(self) -> float:
        """max |Σ Δ| · width: the largest difference between the two distribution functions in the window."""
        return float(np.abs(self.cumulative).max() * self.width)

    def to_dict(self) -> dict[str, Any]:
        """Return Δ and the numbers that are made from it."""
        numbers = ("variance", "standard_error", "sampling_noise", "noise_floor", "largest_cumulative")
        return super().to_dict() | {name: getattr(self, name) for name in numbers}

    def __repr__(self) -> str:
        error = f" ± {self.standard_error:.2g}" if self.sampled else ""
        return (
            f"CircularSpectralDifference(Var = {self.variance:.4g}{error}, {self.differences.shape[-1]} bins on "
            f"[{self.edges[0]:g}, {self.edges[-1]:g}], {len(self.differences)} draws)"
        )


CSD = CircularSpectralDifference


def noise_floor(first: float, second: float, *, window: Any = WINDOW, bins: int = BINS) -> float:
    """Return the variance over bins that sampling alone gives to the difference of two densities.

    With n eigenvalues spread over R in bins of width w, a bin holds a Poisson number with mean n w/R, so its
    density has variance ρ/(w n), which averages to 1/(R w n) over the bins whatever the shape of ρ. The variances of
    the two densities add up to (1/R)(1/w)(1/n_1 + 1/n_2). Eigenvalues repel, so real spectra lie below it.

    Parameters
    ----------
    first, second : float
        Numbers of eigenvalues inside the window; infinite for a density known exactly. Eigenvalues that always
        share a position, such as the real parts of a conjugate pair, count as one.
    window, bins
        As in `spectral_density`.

    Returns
    -------
    float

    Raises
    ------
    InputError
        If a number is not positive.

    Examples
    --------
    >>> round(noise_floor(10_000, 10_000), 4)
    0.0056
    """
    if not (first > 0 and second > 0):
        raise InputError(f"numbers of eigenvalues must be positive, but they are {first!r} and {second!r}.")
    edges = bin_edges(window, bins)
    reach, width = float(edges[-1] - edges[0]), float(edges[1] - edges[0])
    return (1 / first + 1 / second) / (reach * width)


def spectral_difference(first: SpectralDensity, second: SpectralDensity) -> CircularSpectralDifference:
    """Return Δ(ε) = ρ_1(ε) − ρ_2(ε) for two densities on the same bins.

    Parameters
    ----------
    first, second : SpectralDensity
        Either may have been drawn several times; if both were, equally often.

    Returns
    -------
    CircularSpectralDifference

    Raises
    ------
    InputError
        If the bins or the numbers of draws differ.

    Examples
    --------
    >>> from mme.ensembles import MixedMatrixEnsemble, pooled_spectrum
    >>> rho = [spectral_density(pooled_spectrum(MixedMatrixEnsemble([np.diag(x)])), window=(0, 2), bins=2)
    ...        for x in ([0.5, 0.6], [0.5, 1.5])]
    >>> spectral_difference(*rho).difference
    array([ 0.5, -0.5])
    """
    if not np.array_equal(first.edges, second.edges):
        raise InputError("first and second must have the same bins; compute both densities with the same window and bins.")
    draws = [len(density.density) for density in (first, second) if density.density.ndim == 2]
    if len(set(draws)) > 1:
        raise InputError(f"first and second must be drawn equally often, but they have {draws[0]} and {draws[1]} draws.")
    differences = np.atleast_2d(first.density - second.density)
    counts = (float(np.mean(first.inside)), float(np.mean(second.inside)))
    return CircularSpectralDifference(differences, first.edges, counts, sampled=bool(draws))


def conjugate_spectrum(
    orders: Any,
    *,
    conjugate: str = "sampled",
    draws: int = 5,
    rng: int | np.random.Generator | None = None,
    circular: str = "CUE",
    construction: str = "eigenvectors",
    part: str = "real",
    pooling: str = "plain",
) -> PooledSpectrum | ExpectedSpectrum:
    """Return the pooled spectrum of the circular mixed ensemble of given orders, drawn or by its law.

    Parameters
    ----------
    orders : iterable of int
        The orders N_l ≥ 2.
    conjugate : {"sampled", "deterministic"}
        Draw the ensemble, or take the expected density of |U| (`mme.ensembles.limit_law`; CUE, plain pooling).
    draws, rng, circular, construction
        As `draws`, `rng`, `ensemble` and `construction` of `circular_mixed_ensemble`.
    part, pooling
        As in `pooled_spectrum`.

    Returns
    -------
    PooledSpectrum, or DeterministicSpectrum with ``expected_counts(edges)``

    Raises
    ------
    InputError
        If an option is unknown, or the law is not known for it.

    Examples
    --------
    >>> conjugate_spectrum([4, 9], rng=0, draws=2).eigenvalues.shape
    (2, 13)
    """
    choice("conjugate", conjugate, CONJUGATES)
    if conjugate == "sampled":
        sampled = SampledCircularEnsemble(orders, draws, rng, circular, construction)
        return pooled_spectrum(sampled, part=part, pooling=pooling)
    if circular not in ("CUE", "U") or pooling != "plain":
        raise InputError("conjugate='deterministic' is known for the CUE with plain pooling only; use 'sampled' here.")
    return deterministic_spectrum(orders, part=part)


def circular_spectral_difference(
    ensemble: Any,
    conjugate: Any = "sampled",
    *,
    draws: int = 5,
    rng: int | np.random.Generator | None = None,
    circular: str = "CUE",
    construction: str = "eigenvectors",
    part: str = "real",
    pooling: str = "plain",
    window: Any = WINDOW,
    bins: int = BINS,
    zeros: str = "keep",
    normalise: str = "window",
    bandwidth: float | None = None,
) -> CircularSpectralDifference:
    """Return the circular spectral difference of a network (or any ensemble) and a conjugate ensemble.

    Parameters
    ----------
    ensemble : ensemble, PooledSpectrum, SpectralDensity, or a network
        A network is anything that `layer_matrix_ensemble` takes.
    conjugate : {"sampled", "deterministic"}, or as `ensemble`
        By default the circular unitary mixed ensemble of the same orders, drawn `draws` times.
    draws, rng, circular, construction, part, pooling
        As in `conjugate_spectrum`. `pooling` applies to both spectra.
    window, bins, zeros, normalise, bandwidth
        As in `spectral_density`, for both spectra.

    Returns
    -------
    CircularSpectralDifference
        `variance` is the paper's Var(CSD), averaged over the draws; `standard_error` its error.

    Raises
    ------
    InputError
        If the input or an option cannot be used.

    References
    ----------
    Conjugate matrix ensembles, Definitions 2, 4 and 5.

    Examples
    --------
    >>> network = {"fc1": np.random.default_rng(0).normal(size=(30, 20)) / 5, "fc2": np.eye(10)}
    >>> csd = circular_spectral_difference(network, rng=0)
    >>> bool(abs(csd.cumulative[-1]) < 1e-9), csd.standard_error < csd.variance
    (True, True)
    """
    density = {"window": window, "bins": bins, "zeros": zeros, "normalise": normalise, "bandwidth": bandwidth}
    first = _pooled(ensemble, pooling)
    if isinstance(conjugate, str):
        second: Any = conjugate_spectrum(
            _orders(first), conjugate=conjugate, draws=draws, rng=rng, circular=circular,
            construction=construction, part=part, pooling=pooling,
        )  # fmt: skip
    else:
        second = _pooled(conjugate, pooling, part)
    densities = [rho if isinstance(rho, SpectralDensity) else spectral_density(rho, **density) for rho in (first, second)]
    csd = spectral_difference(*densities)
    return replace(csd, counts=(_positions(first, csd.counts[0]), _positions(second, csd.counts[1])))


@dataclass(frozen=True, eq=False, repr=False)
class Conjugacy(Result):
    """Two answers to whether two ensembles are conjugate (Definition 5).

    Attributes
    ----------
    cumulative_end : float
        Where the cumulative CSD, as a probability, ends when both densities are normalised in the window.
    holds_as_printed : bool
        The paper's criterion: that this end is zero. It holds for any two spectra.
    distance : float
        The largest difference of the two distribution functions in the window, each normalised over its whole
        positive spectrum: a Kolmogorov distance.
    tail : float
        The first ensemble's share of positive spectrum beyond the window, less the second's.
    tolerance : float
        What `distance` may be.
    holds : bool
        The criterion that can fail: `distance` ≤ `tolerance`.
    """

    cumulative_end: float
    holds_as_printed: bool
    distance: float
    tail: float
    tolerance: float
    holds: bool

    def __repr__(self) -> str:
        return (
            f"Conjugacy(as printed: {self.holds_as_printed}; distance {self.distance:.3g} against tolerance "
            f"{self.tolerance:.3g}: {self.holds}; tail {self.tail:+.3g})"
        )


def conjugacy(
    ensemble: Any, conjugate: Any = "sampled", *, tolerance: float | None = None, level: float = 0.01, **options: Any
) -> Conjugacy:
    """Test whether two ensembles are conjugate, by the paper's criterion and by one that can fail.

    Parameters
    ----------
    ensemble, conjugate
        As in `circular_spectral_difference`, but no densities: their normalisation is set here.
    tolerance : float, optional
        The largest Kolmogorov distance that counts as conjugate. By default the value that independent samples
        of these sizes from one law exceed with probability `level`.
    level : float
        Error rate of the default tolerance.
    **options
        Further options of `circular_spectral_difference`, except `normalise`.

    Returns
    -------
    Conjugacy

    Raises
    ------
    InputError
        If the tolerance is negative or not finite, the level is not between 0 and 1, or an option cannot be used.

    Examples
    --------
    >>> verdict = conjugacy({"far": 2 * np.eye(50)}, rng=0)
    >>> verdict.holds_as_printed, verdict.holds
    (True, False)
    """
    if tolerance is not None and not (np.isfinite(tolerance) and tolerance >= 0):
        raise InputError(f"tolerance must be finite and not negative, but it is {tolerance!r}.")
    if not 0 < level < 1:
        raise InputError(f"level must lie between 0 and 1, but it is {level!r}.")
    if "normalise" in options or any(isinstance(side, SpectralDensity) for side in (ensemble, conjugate)):
        raise InputError("conjugacy chooses the normalisation itself; pass ensembles or spectra and no 'normalise'.")
    # One draw serves both criteria.
    part, pooling = options.pop("part", "real"), options.get("pooling", "plain")
    first = _pooled(ensemble, pooling)
    if isinstance(conjugate, str):
        names = ("draws", "rng", "circular", "construction")
        drawn = {name: options.pop(name) for name in names if name in options}
        second: Any = conjugate_spectrum(_orders(first), conjugate=conjugate, part=part, pooling=pooling, **drawn)
    else:
        second = _pooled(conjugate, pooling, part)
    printed = circular_spectral_difference(first, second, normalise="window", **options)
    whole = circular_spectral_difference(first, second, normalise="positive", **options)
    end = float(printed.cumulative[-1] * printed.width)
    if tolerance is None:
        draws = len(whole.differences)
        effective = 1 / (1 / whole.counts[0] + 1 / (whole.counts[1] * draws))
        tolerance = float(kstwobign.isf(level) / np.sqrt(effective))
    distance = whole.largest_cumulative
    tail = float(-whole.cumulative[-1] * whole.width)
    return Conjugacy(end, abs(end) < ROUNDING, distance, tail, float(tolerance), distance <= tolerance)


def _pooled(source: Any, pooling: str, part: str = "real") -> Any:
    """Pool an ensemble or a network; leave spectra and densities as they are."""
    if isinstance(source, PooledSpectrum | SpectralDensity | ExpectedSpectrum):
        return source
    ensemble = source if hasattr(source, "spectra") and hasattr(source, "orders") else layer_matrix_ensemble(source)
    return pooled_spectrum(ensemble, part=part, pooling=pooling)


def _positions(spectrum: Any, count: float) -> float:
    """The number of independent positions among `count` eigenvalues of a spectrum."""
    if isinstance(spectrum, ExpectedSpectrum):
        return float("inf")
    return count / spectrum.repetition if isinstance(spectrum, PooledSpectrum) else count


def _orders(spectrum: Any) -> tuple[int, ...]:
    if not hasattr(spectrum, "orders"):
        raise InputError("a conjugate ensemble needs the orders of the matrices; pass an ensemble or a PooledSpectrum.")
    return tuple(spectrum.orders)
