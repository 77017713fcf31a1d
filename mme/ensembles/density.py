"""The spectral density of a pooled spectrum: a histogram whose choices are all named."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import numpy as np
import scipy

from mme.arguments import choice, integer, number, of_type, real_array
from mme.ensembles.quadrature import PROBES, jackknife_error
from mme.ensembles.spectrum import PooledSpectrum
from mme.errors import InputError
from mme.result import Plotted, Result, counted

__all__ = [
    "BINS", "NORMALISATIONS", "WINDOW", "ZERO_POLICIES", "Binned", "ExpectedSpectrum", "SpectralDensity",
    "bin_edges", "shares_inside", "spectral_density",
]  # fmt: skip

WINDOW = (0.0, 6.0)  # the paper's "long positive tail part"
BINS = 1000
MOST_BINS = 10**7  # more take gigabytes, and so do more numbers in all draws together
MOST_NUMBERS = 10**8
Zeros = Literal["keep", "drop", "half"]
Normalisation = Literal["window", "positive", "all"]
ZERO_POLICIES: dict[Zeros, float] = {"keep": 1.0, "drop": 0.0, "half": 0.5}  # what a structural zero weighs
NORMALISATIONS = get_args(Normalisation)
KERNEL_REACH = 6.0  # in bandwidths; a Gaussian keeps 2e-9 of its mass beyond


@runtime_checkable
class ExpectedSpectrum(Protocol):
    """A spectrum known by its law: the expected number of eigenvalues in any bin."""

    def expected_counts(self, edges: np.ndarray) -> np.ndarray:
        """Return the expected number of eigenvalues in each bin, shape (bins,)."""
        ...


class Binned(Result):
    """A function of ε that is constant on equal bins."""

    edges: np.ndarray

    @property
    def width(self) -> float:
        """The width of a bin."""
        return float(self.edges[1] - self.edges[0])

    @property
    def centres(self) -> np.ndarray:
        """The middle of each bin, shape (bins,)."""
        return np.asarray((self.edges[:-1] + self.edges[1:]) / 2)


@dataclass(frozen=True, eq=False, repr=False)
class SpectralDensity(Binned, Plotted):
    """A spectral density ρ(ε), constant on each bin.

    Attributes
    ----------
    density : ndarray, shape (bins,) or (draws, bins)
        ρ in each bin; with ``normalise="window"`` it integrates to 1 over the window.
    edges : ndarray, shape (bins + 1,)
        Bin edges, equally spaced over the window.
    inside : ndarray, shape () or (draws,)
        The number of eigenvalues in the window; a structural zero counts with the weight of the policy.
    total : ndarray, shape () or (draws,)
        The number that the density was divided by: of those in the window, of the non-negative, or of all.
    zeros, normalise : str
        The policies.
    estimates : ndarray, shape (ESTIMATES, bins), optional
        ρ by each row of `PooledSpectrum.estimates`, where eigenvalues are estimated.
    estimated : ndarray, shape (bins,), optional
        The part of ρ that stands for these.
    """

    figure = "densities"
    density: np.ndarray
    edges: np.ndarray
    inside: np.ndarray
    total: np.ndarray
    zeros: Zeros = "keep"
    normalise: Normalisation = "window"
    estimates: np.ndarray | None = None
    estimated: np.ndarray | None = None

    @property
    def estimate_error(self) -> float:
        """The largest standard error of ∫ρ up to any bin, over the probes, and at most 1; 0 if exact."""
        if self.estimates is None:
            return 0.0
        error = jackknife_error(self.estimates[-PROBES:].cumsum(axis=1) * self.width)
        return min(float(error.max()), 1.0)

    @property
    def mass_outside(self) -> np.ndarray:
        """The share of the total that lies outside the window, shape () or (draws,)."""
        return np.asarray(1 - self.inside / self.total)

    def __repr__(self) -> str:
        drawn = "" if self.density.ndim == 1 else f", {counted(len(self.density), 'draw')}"
        bins, inside = counted(self.density.shape[-1], "bin"), counted(np.mean(self.inside), "eigenvalue")
        return f"SpectralDensity({bins} on [{self.edges[0]:g}, {self.edges[-1]:g}], {inside} inside{drawn})"


def bin_edges(window: Any = WINDOW, bins: int = BINS) -> np.ndarray:
    """Return equally spaced bin edges over a window.

    Examples
    --------
    >>> bin_edges((0, 6), 3)
    array([0., 2., 4., 6.])
    """
    ends = real_array("window", window)
    if ends.shape != (2,):
        raise InputError(f"window must be two numbers (low, high), but its shape is {ends.shape}.")
    low, high = map(float, ends)
    if low >= high:
        raise InputError(f"window must be two finite numbers with low < high, but it is ({low:g}, {high:g}).")
    edges = np.linspace(low, high, integer("bins", bins, 1, MOST_BINS) + 1)
    if not (np.diff(edges) > np.finfo(float).tiny).all():  # narrower ones have no finite height
        raise InputError(
            f"window ({low!r}, {high!r}) is too narrow for {bins} bins in floating point; use fewer bins."
        )
    return edges


def shares_inside(spectrum: PooledSpectrum, window: Any = WINDOW) -> tuple[float, float | None]:
    """Return which share of all eigenvalues lies in a window, and of those that are no structural zeros.

    Examples
    --------
    >>> shares_inside(PooledSpectrum([0, 0, 1, 7], structural_zeros=2))
    (0.75, 0.5)
    """
    edges = bin_edges(window, 1)
    inside, others = (float(_counts(spectrum, edges, zeros).mean()) for zeros in ("keep", "drop"))
    nonzero = len(spectrum) - spectrum.structural_zeros
    return inside / len(spectrum), others / nonzero if nonzero else None


def spectral_density(
    spectrum: PooledSpectrum | ExpectedSpectrum | Any,
    *,
    window: Any = WINDOW,
    bins: int = BINS,
    zeros: Zeros = "keep",
    normalise: Normalisation = "window",
    bandwidth: float | None = None,
) -> SpectralDensity:
    """Return the histogram density of a pooled spectrum, without smoothing unless asked.

    Parameters
    ----------
    spectrum : PooledSpectrum, or anything with ``expected_counts(edges)``
    window : (float, float)
        The part of the spectrum that is looked at; the paper takes [0, 6].
    bins : int
        Equal bins; the paper takes 1000. For a picture take fewer than there are eigenvalues.
    zeros : {"keep", "drop", "half"}
        Structural zeros count whole, not at all, or half (as rounding noise about half of them would come out
        negative and leave the window).
    normalise : {"window", "positive", "all"}
        Divide by the number of eigenvalues in the window, of all non-negative ones, or of all.
    bandwidth : float, optional
        Standard deviation of a Gaussian kernel to smooth with, applied to the counts in the bins.

    Raises
    ------
    InputError
        If the input is no spectrum, an option is unknown or out of range, or no eigenvalue reaches the
        window.

    Examples
    --------
    >>> spectrum = PooledSpectrum(np.array([0.0, 1.0, 1.5, 9.0]), 1, (4,))
    >>> spectral_density(spectrum, window=(0, 2), bins=2).density
    array([0.33333333, 0.66666667])
    >>> spectral_density(spectrum, window=(0, 2), bins=2, zeros="drop", normalise="positive").density
    array([0.        , 0.66666667])
    """
    right = "a PooledSpectrum (from pooled_spectrum) or a spectrum known by its law"
    of_type("spectrum", spectrum, (PooledSpectrum, ExpectedSpectrum), right)
    choice("zeros", zeros, ZERO_POLICIES)
    choice("normalise", normalise, NORMALISATIONS)
    edges = bin_edges(window, bins)
    draws = getattr(spectrum, "draws", None) or 1
    if draws * bins > MOST_NUMBERS:
        raise InputError(f"bins must be at most {MOST_NUMBERS // draws} for {draws} draws, but it is {bins}.")
    width = edges[1] - edges[0]
    fine, first = edges, 0
    if bandwidth is not None:
        bandwidth = number("bandwidth", bandwidth, most=float(edges[-1] - edges[0]), above=0)
        # Eigenvalues beyond the window reach into it through the kernel.
        first = int(np.ceil(KERNEL_REACH * bandwidth / width))
        fine = edges[0] + width * np.arange(-first, len(edges) + first)
    counts = _counts(spectrum, fine, zeros)
    estimates = getattr(spectrum, "estimates", None)
    if estimates is not None:  # after the counts, those by each row, and those of the estimated alone
        rows = np.stack([np.histogram(row, fine)[0] for row in estimates])
        alone = np.histogram(estimates[0][estimates[0] != 0], fine)[0]  # structural zeros are certain
        counts = np.stack([counts, *(counts - rows[0] + rows), alone])
    if bandwidth is not None:
        kernel = {"mode": "constant", "truncate": KERNEL_REACH}
        counts = scipy.ndimage.gaussian_filter1d(counts, bandwidth / width, axis=-1, **kernel)
        counts = counts[..., first : first + len(edges) - 1]
    further, counts = (None, counts) if estimates is None else (counts[1:], counts[0])
    inside = counts.sum(axis=-1)
    if not np.all(inside > 0):
        values = getattr(spectrum, "eigenvalues", None)
        reach = "elsewhere" if values is None else f"from {values.min():.4g} to {values.max():.4g}"
        raise InputError(
            f"window ({edges[0]:g}, {edges[-1]:g}) holds no eigenvalue; the spectrum reaches {reach}, "
            "so choose a window that overlaps it."
        )
    if normalise == "window":
        total = inside
    else:
        whole = [0.0 if normalise == "positive" else -np.inf, np.inf]
        total = _counts(spectrum, np.array(whole), zeros)[..., 0]
        if not np.all(total > 0):
            raise InputError(
                f"normalise={normalise!r} divides by the non-negative eigenvalues, but there is none."
            )
    density = counts / (total[..., None] * width)
    rho = SpectralDensity(density, edges, inside, np.asarray(total), zeros, normalise)
    if further is None:
        return rho
    totals = further[:-1].sum(axis=1, keepdims=True) if normalise == "window" else np.asarray(total)
    totals = np.where(totals > 0, totals, 1)  # a row may have nothing in the window: its density is 0
    return replace(rho, estimates=further[:-1] / (totals * width), estimated=further[-1] / (total * width))


def _counts(spectrum: Any, edges: np.ndarray, zeros: Zeros) -> np.ndarray:
    """Count eigenvalues per bin, shape (bins,) or (draws, bins).

    Bins are [low, high), and the last one is closed.
    """
    if isinstance(spectrum, ExpectedSpectrum):
        return np.asarray(spectrum.expected_counts(edges), dtype=np.float64)
    counts = np.apply_along_axis(lambda draw: np.histogram(draw, edges)[0], -1, spectrum.eigenvalues)
    spared = (1 - ZERO_POLICIES[zeros]) * spectrum.structural_zeros
    return np.asarray(counts - spared * np.histogram(0.0, edges)[0])
