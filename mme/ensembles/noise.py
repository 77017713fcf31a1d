"""What sampling finitely many eigenvalues adds to the variance of a difference."""

from __future__ import annotations

from math import inf
from typing import Any

from mme.arguments import number
from mme.ensembles.density import BINS, WINDOW, ExpectedSpectrum, bin_edges
from mme.ensembles.spectrum import PooledSpectrum

__all__ = ["independent_positions", "noise_floor"]


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

    Raises
    ------
    InputError
        If a number is not positive.

    Examples
    --------
    >>> round(noise_floor(10_000, 10_000), 4)
    0.0056
    """
    for name, count in (("first", first), ("second", second)):
        if not (isinstance(count, float) and count == inf):
            number(name, count, above=0)
    edges = bin_edges(window, bins)
    reach, width = float(edges[-1] - edges[0]), float(edges[1] - edges[0])
    return (1 / first + 1 / second) / (reach * width)


def independent_positions(spectrum: Any, count: float) -> float:
    """The number of independent positions among `count` eigenvalues of a spectrum."""
    if isinstance(spectrum, ExpectedSpectrum):
        return float("inf")
    if not isinstance(spectrum, PooledSpectrum):
        return count
    # Pairs, and copies by pooling, repeat a position. More ties than these are no repetition but a finding.
    is_copied = spectrum.pooling == "periodic" and spectrum.orders
    copies = -(-max(spectrum.orders) // min(spectrum.orders)) if is_copied else 1
    return count / min(spectrum.repetition, 2 * copies)
