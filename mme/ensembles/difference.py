"""Definition 5: the circular spectral difference."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from mme.arguments import of_type
from mme.ensembles.circular import Circular, Construction
from mme.ensembles.conjugate import DRAWS, two_spectra
from mme.ensembles.density import (
    BINS,
    WINDOW,
    Binned,
    Normalisation,
    SpectralDensity,
    Zeros,
    shares_inside,
    spectral_density,
)
from mme.ensembles.mixed import Part
from mme.ensembles.noise import independent_positions, noise_floor
from mme.ensembles.quadrature import jackknife_error, variance_error
from mme.ensembles.spectrum import PooledSpectrum, Pooling
from mme.errors import InputError
from mme.result import Plotted, counted

__all__ = [
    "CSD", "CircularSpectralDifference", "circular_spectral_difference", "spectral_difference",
]  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class CircularSpectralDifference(Binned, Plotted):
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
    inside, inside_nonzero : float, optional
        The share of the first spectrum that lies in the window: of all its eigenvalues, and of those that are
        no structural zeros. Nothing outside the window has a part in the numbers here.
    estimated : int
        How many eigenvalues of the first spectrum are estimated (`mme.ensembles.quadrature`).
    estimate_error, estimate_bound : float
        The standard error of `variance` over the probes of the estimate, and by how much `variance` may miss
        that of the exact spectrum (`mme.ensembles.quadrature.variance_error`); 0 where nothing is estimated.

    Examples
    --------
    >>> layers = {"a": np.diag([1.0, 2.0]), "b": np.eye(3)}
    >>> csd = circular_spectral_difference(layers, "sampled", rng=0, draws=4, bins=60)
    >>> csd.difference.shape, csd.variances.shape
    ((60,), (4,))
    """

    also = (
        "variance", "standard_error", "variance_without_noise", "standard_error_without_noise",
        "sampling_noise", "noise_floor", "largest_cumulative",
    )  # fmt: skip
    figure = "csd"
    differences: np.ndarray
    edges: np.ndarray
    counts: tuple[float, float]
    sampled: bool = True
    inside: float | None = None
    inside_nonzero: float | None = None
    estimated: int = 0
    estimate_error: float = 0.0
    estimate_bound: float = 0.0

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
        return float(jackknife_error(left))

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

    def __repr__(self) -> str:
        error = f" ± {self.standard_error:.2g}" if self.sampled else ""
        draws, bins = self.differences.shape
        drawn = counted(draws, "draw") if self.sampled else "nothing drawn"
        window = f"{counted(bins, 'bin')} on [{self.edges[0]:g}, {self.edges[-1]:g}]"
        return f"CircularSpectralDifference(Var = {self.variance:.4g}{error}, {window}, {drawn})"


CSD = CircularSpectralDifference


def spectral_difference(first: SpectralDensity, second: SpectralDensity) -> CircularSpectralDifference:
    """Return Δ(ε) = ρ_1(ε) − ρ_2(ε) for two densities on the same bins.

    Parameters
    ----------
    first, second : SpectralDensity
        Either may have been drawn several times; if both were, equally often.

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
        of_type(name, density, SpectralDensity, "a SpectralDensity (from spectral_density)")
    if not np.array_equal(first.edges, second.edges):
        raise InputError("first and second must have the same bins; give both densities one window and bins.")
    draws = [len(density.density) for density in (first, second) if density.density.ndim == 2]
    if len(set(draws)) > 1:
        raise InputError(f"first and second must be drawn equally often, but their draws are {draws}.")
    differences = np.atleast_2d(first.density - second.density)
    counts = (float(np.mean(first.inside)), float(np.mean(second.inside)))
    csd = CircularSpectralDifference(differences, first.edges, counts, sampled=bool(draws))
    if first.estimates is None or first.estimated is None:
        return csd
    unit = float(first.total * first.width)
    error, bound = variance_error(first.estimates, first.estimated * unit, second.density, unit)
    return replace(csd, estimate_error=error, estimate_bound=bound)


def circular_spectral_difference(
    ensemble: Any,
    conjugate: Any = "deterministic",
    *,
    draws: int = DRAWS,
    rng: int | np.random.Generator | None = None,
    circular: Circular = "CUE",
    construction: Construction = "haar",
    part: Part = "real",
    pooling: Pooling = "plain",
    window: Any = WINDOW,
    bins: int = BINS,
    zeros: Zeros = "keep",
    normalise: Normalisation = "window",
    bandwidth: float | None = None,
) -> CircularSpectralDifference:
    """Return the circular spectral difference of a network (or any ensemble) and a conjugate ensemble.

    Source: conjugate matrix ensembles, Definitions 2, 4 and 5.

    Parameters
    ----------
    ensemble : ensemble, PooledSpectrum, SpectralDensity, or a network
        A network is anything that `layer_matrix_ensemble` takes.
    conjugate : {"deterministic", "sampled"}, or as `ensemble`
        By default the circular unitary mixed ensemble of the same orders by its law, so that one network has
        one number; or drawn `draws` times, as the paper does.
    draws, rng, circular, construction, part, pooling
        As in `conjugate_spectrum`; the first four are for the sampled conjugate. `part` and `pooling` apply
        to both spectra, but `part` makes no difference to layer matrices, whose eigenvalues are real and not
        negative.
    window, bins, zeros, normalise, bandwidth
        As in `spectral_density`, for both spectra.

    Raises
    ------
    InputError
        If the input or an option cannot be used.

    Examples
    --------
    >>> network = {"fc1": np.random.default_rng(0).normal(size=(30, 20)) / 5, "fc2": np.eye(10)}
    >>> csd = circular_spectral_difference(network)
    >>> csd
    CircularSpectralDifference(Var = ..., 1000 bins on [0, 6], nothing drawn)
    >>> drawn = circular_spectral_difference(network, "sampled", draws=10, rng=0)
    >>> bool(drawn.variance > csd.variance > drawn.variance_without_noise - 3 * drawn.standard_error)
    True
    """
    spectra = two_spectra(
        ensemble, conjugate, part=part, pooling=pooling,
        draws=draws, rng=rng, circular=circular, construction=construction,
    )  # fmt: skip
    density = partial(
        spectral_density, window=window, bins=bins, zeros=zeros, normalise=normalise, bandwidth=bandwidth
    )
    csd = spectral_difference(
        *(each if isinstance(each, SpectralDensity) else density(each) for each in spectra)
    )
    counts = [independent_positions(each, count) for each, count in zip(spectra, csd.counts, strict=True)]
    shares = shares_inside(spectra[0], window) if isinstance(spectra[0], PooledSpectrum) else (None, None)
    estimates = getattr(spectra[0], "estimates", None)
    return replace(
        csd, counts=(counts[0], counts[1]), inside=shares[0], inside_nonzero=shares[1],
        estimated=0 if estimates is None else int(np.count_nonzero(estimates[0])),
    )  # fmt: skip
