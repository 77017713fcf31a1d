"""Figures of the chapter on the entropy formula."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from mme.algebra import C, H, R
from mme.dln import renormalised_entropy
from mme.plots.style import figure, styled

__all__ = ["entropy_of_ratio"]


@styled
def entropy_of_ratio(ratios: ArrayLike, depths: Sequence[int] = (2, 4, 16, 256)) -> Figure:
    """Draw the renormalised entropy of diag(e^{r/2}, e^{−r/2}) over R, C and H.

    Parameters
    ----------
    ratios : array_like, shape (n,)
        r, the logarithms of the ratio of the two singular values.
    depths : sequence of int

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> fig = entropy_of_ratio([-1.0, 0.0, 1.0], depths=(2, 3))
    """
    r = np.asarray(ratios, dtype=float)
    sigma = np.exp(np.stack([r, -r], axis=-1) / 2)
    axes = figure(size=(7.4, 3.2), panels=(1, 3), sharey=True)
    for field, ax in zip((R, C, H), axes, strict=True):
        for depth, style in zip(depths, ("-", "--", "-.", ":"), strict=False):
            ax.plot(r, renormalised_entropy(sigma, depth=depth, field=field), style, label=f"N = {depth}")
        ax.set(title=f"{field.name}, β = {field.beta}", xlabel="r")
    axes[0].set_ylabel("renormalised entropy")
    axes[0].legend()
    drawn: Figure = axes[0].get_figure(root=True)
    return drawn
