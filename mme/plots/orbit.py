"""Figures of the chapter on the orbit map."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from mme.plots.style import BLUE, ORANGE, figure, styled

__all__ = ["orbit_in_two_planes"]


@styled
def orbit_in_two_planes(layers: ArrayLike) -> Figure:
    """Draw real 2 × 2 layers in two orthogonal planes, of rotations and of reflections, times numbers.

    Every real 2 × 2 matrix is the sum of its projections on the two planes.

    Parameters
    ----------
    layers : array_like, shape (points, 2, 2)
        One layer of each of many factorisations, such as W_1; the colour shows the determinant's sign.

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> fig = orbit_in_two_planes([[[2.0, 0.0], [0.0, 1.0]], [[2.0, 0.0], [0.0, -1.0]]])
    """
    w = np.asarray(layers, dtype=float)
    a, b, c, d = w[:, 0, 0], w[:, 0, 1], w[:, 1, 0], w[:, 1, 1]
    negative = a * d - b * c < 0
    axes = figure(None, size=(8.0, 3.4), panels=(1, 2), sharex=True, sharey=True)
    planes = (("rotations", (a + d, c - b)), ("reflections", (a - d, b + c)))
    for ax, (title, (x, y)) in zip(axes, planes, strict=True):
        for chosen, colour, name in (
            (~negative, BLUE, r"$\det W_1 > 0$"),
            (negative, ORANGE, r"$\det W_1 < 0$"),
        ):
            ax.plot(
                x[chosen] / np.sqrt(2), y[chosen] / np.sqrt(2), ".", markersize=3, color=colour, label=name
            )
        ax.set(title=f"plane of the {title}", aspect="equal")
    axes[1].legend(loc="center left", bbox_to_anchor=(1, 0.5), markerscale=3)
    made = axes[0].get_figure(root=True)
    assert isinstance(made, Figure)
    return made
