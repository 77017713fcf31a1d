"""Figures of the chapter on balance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from mme.plots.style import BLUE, GREEN, GREY, ORANGE, figure, styled

__all__ = ["fibre_and_balance"]


@styled
def fibre_and_balance(product: float, paths: Sequence[ArrayLike] = (), ax: Axes | None = None) -> Axes:
    """Draw a real two-layer network of width 1: its fibre, its balanced layers, and paths.

    Parameters
    ----------
    product : float
        The end-to-end matrix w_2 w_1, positive.
    paths : sequence of array_like, shape (steps, 2)
        Points (w_1, w_2), such as gradient flows; each starts at a dot.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> fig = fibre_and_balance(1.0, [[[0.1, 1.0], [0.7, 1.4]]])
    """
    ax = figure(ax, size=(5.2, 4.6))
    reach = 2.6 * np.sqrt(product)
    w = np.linspace(product / reach, reach, 200)
    for sign in (1, -1):
        ax.plot(sign * w, sign * product / w, color=BLUE, label=r"fibre $w_2 w_1 = x$" if sign > 0 else None)
        ax.plot(
            [-reach, reach],
            [-sign * reach, sign * reach],
            "--",
            color=GREY,
            linewidth=1,
            label="balanced" if sign > 0 else None,
        )
    for index, path in enumerate(np.asarray(each, dtype=float) for each in paths):
        ax.plot(*path.T, color=GREEN, linewidth=1.1, label="gradient flow" if index == 0 else None)
        ax.plot(*path[0], ".", color=GREEN)
    root = np.sqrt(product)
    ax.plot([root, -root], [root, -root], "o", color=ORANGE, markersize=8, label=r"orbit $\mathcal{O}_x$")
    ax.set(xlabel="$w_1$", ylabel="$w_2$", xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return ax
