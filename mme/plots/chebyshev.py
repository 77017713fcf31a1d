"""Figures of the chapter on Chebyshev determinants."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from mme.plots.style import figure, styled

__all__ = ["errors_against_gap"]

ROUNDING = 1e-17  # drawn in place of an error of exactly zero


@styled
def errors_against_gap(gaps: ArrayLike, errors: Mapping[str, ArrayLike], ax: Axes | None = None) -> Axes:
    """Draw errors of several evaluations against the gap at which a formula becomes 0/0.

    Parameters
    ----------
    gaps : array_like, shape (n,)
        Positive.
    errors : mapping of names to array_like, shape (n,)
        Absolute errors; those that are not finite are left out.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> fig = errors_against_gap([1e-8, 1e-4], {"quotient": [1e-8, 1e-12], "stable": [0.0, 1e-16]})
    """
    ax = figure(ax)
    for (name, values), marker in zip(errors.items(), "os^Dv", strict=False):
        shown = np.maximum(np.asarray(values, dtype=float), ROUNDING)
        ax.loglog(gaps, np.where(np.isfinite(shown), shown, np.nan), marker, markersize=4, label=name)
    ax.set(xlabel="gap between the logarithms", ylabel="absolute error")
    ax.legend()
    return ax
