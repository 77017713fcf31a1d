"""Definition 5: two criteria of conjugacy, the paper's and one that can fail."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import scipy

from mme.arguments import number, options, share
from mme.ensembles.conjugate import DRAWING, two_spectra
from mme.ensembles.density import BINS, WINDOW, SpectralDensity, Zeros, bin_edges, spectral_density
from mme.ensembles.difference import spectral_difference
from mme.ensembles.noise import independent_positions
from mme.errors import InputError
from mme.result import Result

__all__ = ["Conjugacy", "conjugacy"]

ROUNDING = 1e-9  # what the paper's criterion may miss zero by, in units of probability


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
    conjugate: Any = "deterministic",
    *,
    tolerance: float | None = None,
    level: float = 0.01,
    window: Any = WINDOW,
    bins: int = BINS,
    zeros: Zeros = "keep",
    bandwidth: float | None = None,
    **drawing: Any,
) -> Conjugacy:
    """Return whether two ensembles are conjugate, by the paper's criterion and by one that can fail.

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
    **drawing
        `draws`, `rng`, `circular`, `construction`, `part` and `pooling` of `circular_spectral_difference`.

    Raises
    ------
    InputError
        If the tolerance is negative or not finite, the level is not between 0 and 1, or an option cannot be
        used.

    Examples
    --------
    >>> verdict = conjugacy({"far": 2 * np.eye(50)})
    >>> verdict.holds_as_printed, verdict.holds
    (True, False)
    """
    tolerance = None if tolerance is None else number("tolerance", tolerance, 0)
    share("level", level)
    if "normalise" in drawing or any(isinstance(side, SpectralDensity) for side in (ensemble, conjugate)):
        raise InputError("conjugacy sets the normalisation itself; pass ensembles or spectra instead.")
    options("conjugacy", drawing, "rng", *DRAWING)
    spectra = two_spectra(ensemble, conjugate, **drawing)  # one draw serves both criteria
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
        numbers = [independent_positions(*each) for each in zip(spectra, totals, strict=True)]
        tolerance = float(scipy.special.kolmogi(level) * np.sqrt(sum(1 / number for number in numbers)))
    return Conjugacy(end, abs(end) < ROUNDING, distance, tail, tolerance, distance <= tolerance)
