"""Definition 5: the circular spectral difference, and two criteria of conjugacy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from numbers import Real
from typing import Any

import numpy as np
from scipy.stats import kstwobign

from mme.ensembles.conjugate import conjugate_spectrum, two_spectra
from mme.ensembles.density import BINS, WINDOW, ExpectedSpectrum, SpectralDensity, bin_edges, spectral_density
from mme.ensembles.spectrum import PooledSpectrum
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
        """Var Δ over the bins, shape (draws,): the number that the paper reports, once for each draw."""
        return np.asarray(self.differences.var(axis=1))

    @property
    def variance(self) -> float:
        """Var(CSD): the variance of Δ over the bins, averaged over the draws."""
        return float(self.variances.mean())

    @property
    def standard_error(self) -> float:
        """The standard error of `variance` over the draws; NaN for one draw, 0 where nothing is drawn."""
        if not self.sampled:
            return 0.0
        draws = len(self.differences)
        return float(self.variances.std(ddof=1) / np.sqrt(draws)) if draws > 1 else float("nan")

    @property
    def sampling_noise(self) -> float:
        """The part of `variance` that is noise of one draw of the conjugate; NaN for one draw."""
        return self.variance - self.variance_without_noise

    @property
    def variance_without_noise(self) -> float:
        """The covariance over the bins of Δ from two different draws, averaged over all pairs of draws.

        The noise of two draws is independent, so this is an unbiased estimate of Var Δ against the
        conjugate's expected density. NaN for one draw; `variance` where nothing is drawn.
        """
        if not self.sampled:
            return self.variance
        covariances = self._covariances()
        draws = len(covariances)
        return float(covariances.sum() / (draws * (draws - 1))) if draws > 1 else float("nan")

    @property
    def standard_error_without_noise(self) -> float:
        """The standard error of `variance_without_noise` by the jackknife; NaN for fewer than three draws."""
        if not self.sampled:
            return 0.0
        covariances = self._covariances()
        draws = len(covariances)
        if draws < 3:
            return float("nan")
        # Leaving out a draw leaves out its row and its column of covariances.
        left = (covariances.sum() - 2 * covariances.sum(axis=0)) / ((draws - 1) * (draws - 2))
        return float(np.sqrt((draws - 1) / draws * ((left - left.mean()) ** 2).sum()))

    def _covariances(self) -> np.ndarray:
        """Covariances over the bins between different draws, shape (draws, draws); zero on the diagonal."""
        centred = self.differences - self.differences.mean(axis=1, keepdims=True)
        covariances = centred @ centred.T / centred.shape[1]
        np.fill_diagonal(covariances, 0)
        return np.asarray(covariances)

    @property
    def noise_floor(self) -> float:
        """Var Δ that independent eigenvalues in these numbers would show if both densities were the same."""
        return noise_floor(*self.counts, window=(self.edges[0], self.edges[-1]), bins=len(self.edges) - 1)

    @property
    def largest_cumulative(self) -> float:
        """The largest |Σ Δ| · width: how far the two distribution functions differ in the window."""
        return float(np.abs(self.cumulative).max() * self.width)

    def to_dict(self) -> dict[str, Any]:
        """Return Δ and the numbers that are made from it."""
        numbers = ("variance", "standard_error", "variance_without_noise", "standard_error_without_noise")
        others = ("sampling_noise", "noise_floor", "largest_cumulative")
        return super().to_dict() | {name: getattr(self, name) for name in numbers + others}

    def __repr__(self) -> str:
        error = f" ± {self.standard_error:.2g}" if self.sampled else ""
        draws, bins = self.differences.shape
        return (
            f"CircularSpectralDifference(Var = {self.variance:.4g}{error}, {bins} bins on "
            f"[{self.edges[0]:g}, {self.edges[-1]:g}], {draws} draws)"
        )


CSD = CircularSpectralDifference


def noise_floor(first: float, second: float, *, window: Any = WINDOW, bins: int = BINS) -> float:
    """Return the variance over bins that sampling alone gives to the difference of two densities.

    Of n independent eigenvalues a bin of width w holds a binomial number, so its density has variance
    p (1 - p)/(w² n) for the bin's probability p. Over a window of length R this averages to
    (1 - Σp²)/(R w n), at most 1/(R w n) whatever the shape of the density, and close to that for narrow bins.
    The variances of the two densities add up to (1/R)(1/w)(1/n_1 + 1/n_2). Eigenvalues repel, so the spectra
    of random matrices lie below it.

    Parameters
    ----------
    first, second : float
        Numbers of eigenvalues inside the window; infinite for a density known exactly. Eigenvalues that
        always share a position, such as the real parts of a conjugate pair, count as one.
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
    if not (_is_number(first) and _is_number(second) and first > 0 and second > 0):
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
        If one is no density, or the bins or the numbers of draws differ.

    Examples
    --------
    >>> from mme.ensembles import MixedMatrixEnsemble, pooled_spectrum
    >>> rho = [spectral_density(pooled_spectrum(MixedMatrixEnsemble([np.diag(x)])), window=(0, 2), bins=2)
    ...        for x in ([0.5, 0.6], [0.5, 1.5])]
    >>> spectral_difference(*rho).difference
    array([ 0.5, -0.5])
    """
    for name, density in (("first", first), ("second", second)):
        if not isinstance(density, SpectralDensity):
            raise InputError(
                f"{name} must be a SpectralDensity (from spectral_density), "
                f"but it is a {type(density).__name__}."
            )
    if not np.array_equal(first.edges, second.edges):
        raise InputError("first and second must have the same bins; give both densities one window and bins.")
    draws = [len(density.density) for density in (first, second) if density.density.ndim == 2]
    if len(set(draws)) > 1:
        raise InputError(f"first and second must be drawn equally often, but their draws are {draws}.")
    differences = np.atleast_2d(first.density - second.density)
    counts = (float(np.mean(first.inside)), float(np.mean(second.inside)))
    return CircularSpectralDifference(differences, first.edges, counts, sampled=bool(draws))


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
        As in `conjugate_spectrum`. `part` and `pooling` apply to both spectra, but for layer matrices, whose
        eigenvalues are real and not negative, `part` makes no difference.
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
    spectra = two_spectra(
        ensemble, conjugate, part=part, pooling=pooling,
        draws=draws, rng=rng, circular=circular, construction=construction,
    )  # fmt: skip
    first, second = (
        spectrum
        if isinstance(spectrum, SpectralDensity)
        else spectral_density(
            spectrum, window=window, bins=bins, zeros=zeros, normalise=normalise, bandwidth=bandwidth
        )
        for spectrum in spectra
    )
    csd = spectral_difference(first, second)
    counts = [_positions(spectrum, count) for spectrum, count in zip(spectra, csd.counts, strict=True)]
    return replace(csd, counts=(counts[0], counts[1]))


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
    ensemble: Any,
    conjugate: Any = "sampled",
    *,
    tolerance: float | None = None,
    level: float = 0.01,
    window: Any = WINDOW,
    bins: int = BINS,
    zeros: str = "keep",
    bandwidth: float | None = None,
    **options: Any,
) -> Conjugacy:
    """Test whether two ensembles are conjugate, by the paper's criterion and by one that can fail.

    Parameters
    ----------
    ensemble, conjugate
        As in `circular_spectral_difference`, but no densities: their normalisation is set here.
    tolerance : float, optional
        The largest Kolmogorov distance that counts as conjugate. By default the value that independent
        samples of these sizes from one law exceed with probability `level`.
    level : float
        Error rate of the default tolerance.
    window, bins, zeros, bandwidth
        As in `spectral_density`. The distance is taken over [0, ε_max], as Definition 5 says: from the window
        it takes the upper end.
    **options
        `draws`, `rng`, `circular`, `construction`, `part` and `pooling` of `circular_spectral_difference`.

    Returns
    -------
    Conjugacy

    Raises
    ------
    InputError
        If the tolerance is negative or not finite, the level is not between 0 and 1, or an option cannot be
        used.

    Examples
    --------
    >>> verdict = conjugacy({"far": 2 * np.eye(50)}, rng=0)
    >>> verdict.holds_as_printed, verdict.holds
    (True, False)
    """
    if tolerance is not None and not (_is_number(tolerance) and 0 <= tolerance < np.inf):
        raise InputError(f"tolerance must be finite and not negative, but it is {tolerance!r}.")
    if not (_is_number(level) and 0 < level < 1):
        raise InputError(f"level must lie between 0 and 1, but it is {level!r}.")
    if "normalise" in options or any(isinstance(side, SpectralDensity) for side in (ensemble, conjugate)):
        raise InputError("conjugacy sets the normalisation itself; pass ensembles or spectra instead.")
    spectra = two_spectra(ensemble, conjugate, **options)  # one draw serves both criteria
    density = partial(spectral_density, bins=bins, zeros=zeros, bandwidth=bandwidth)
    printed = spectral_difference(*(density(each, window=window, normalise="window") for each in spectra))
    end = float(printed.cumulative[-1] * printed.width)
    reach = (0.0, bin_edges(window, bins)[-1])
    positive = [density(each, window=reach, normalise="positive") for each in spectra]
    repaired = spectral_difference(*positive)
    distance = repaired.largest_cumulative
    tail = float(-repaired.cumulative[-1] * repaired.width)
    if tolerance is None:
        # Every draw counts, and so does what lies beyond the window.
        totals = [float(rho.total.sum()) for rho in positive]
        numbers = [_positions(*each) for each in zip(spectra, totals, strict=True)]
        tolerance = float(kstwobign.isf(level) * np.sqrt(sum(1 / number for number in numbers)))
    return Conjugacy(end, abs(end) < ROUNDING, distance, tail, float(tolerance), distance <= tolerance)


def _positions(spectrum: Any, count: float) -> float:
    """The number of independent positions among `count` eigenvalues of a spectrum."""
    if isinstance(spectrum, ExpectedSpectrum):
        return float("inf")
    if not isinstance(spectrum, PooledSpectrum):
        return count
    # Pairs, and copies by pooling, repeat a position. More ties than these are no repetition but a finding.
    is_copied = spectrum.pooling == "periodic" and spectrum.orders
    copies = -(-max(spectrum.orders) // min(spectrum.orders)) if is_copied else 1
    return count / min(spectrum.repetition, 2 * copies)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_)
