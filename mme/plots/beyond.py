"""Figures of the chapter on what goes beyond the paper."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from mme.algebra import C, H, R
from mme.dln import renormalised_entropy
from mme.plots.style import figure, styled

__all__ = ["entropy_at_rank_loss"]


@styled
def entropy_at_rank_loss(smaller: ArrayLike, *, depth: int = 3, ax: Axes | None = None) -> Axes:
    """Draw the renormalised entropy of diag(1, σ) as σ goes to zero, over R, C and H.

    Parameters
    ----------
    smaller : array_like, shape (n,)
        Values of σ.
    depth : int
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> fig = entropy_at_rank_loss([1e-6, 1e-3, 1.0])
    """
    ax = figure(ax)
    small = np.asarray(smaller, dtype=float)
    sigma = np.stack([np.ones_like(small), small], axis=-1)
    for field, style in zip((R, C, H), ("-", "--", ":"), strict=True):
        ax.semilogx(small, renormalised_entropy(sigma, depth=depth, field=field), style, label=field.name)
    ax.set(xlabel="smaller singular value", ylabel="renormalised entropy")
    ax.legend()
    return ax
