"""The house style: one palette that survives colour blindness, print and dark pages."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["BLUE", "GREEN", "GREY", "ORANGE", "PALETTE", "PURPLE", "SKY", "figure", "finish"]

# Okabe and Ito's colours, ordered by contrast on white and on near-black alike.
BLUE, ORANGE, GREEN, PURPLE, SKY = "#0077bb", "#dd7711", "#009e73", "#cc6699", "#44aadd"
GREY = "#808080"  # text and axes: 4:1 against white and against the dark page
PALETTE = (BLUE, ORANGE, GREEN, PURPLE, SKY, GREY)

STYLE: dict[str, Any] = {
    "figure.figsize": (7.0, 3.4),
    "figure.dpi": 110,
    "savefig.dpi": 160,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "savefig.bbox": "tight",
    "axes.prop_cycle": mpl.cycler(color=PALETTE),
    "axes.edgecolor": GREY,
    "axes.labelcolor": GREY,
    "axes.titlecolor": GREY,
    "axes.titlesize": "medium",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "text.color": GREY,
    "legend.frameon": False,
    "legend.labelcolor": GREY,
    "grid.color": GREY,
    "grid.alpha": 0.25,
    "lines.linewidth": 1.6,
    "font.size": 11.0,
    "figure.constrained_layout.use": True,
}


def figure(
    ax: Axes | None = None, *, size: tuple[float, float] | None = None, panels: tuple[int, int] = (1, 1), **subplots: Any
) -> tuple[Figure, Any]:
    """Open a figure in the house style, or take the figure of given axes.

    Parameters
    ----------
    ax : matplotlib Axes, optional
        Draw here; then no figure is made.
    size : (float, float), optional
        Width and height in inches.
    panels : (int, int)
        Rows and columns of axes.
    **subplots
        Passed on to `matplotlib.pyplot.subplots`.

    Returns
    -------
    figure : matplotlib Figure
    axes : Axes, or array of Axes when there are several panels
        The figure is already closed in pyplot, so a notebook shows it once, as the value of the cell.

    Examples
    --------
    >>> fig, ax = figure()
    >>> _ = ax.plot([0, 1], [0, 1])
    """
    if ax is not None:
        return finish(ax.figure), ax
    with mpl.rc_context(STYLE):
        fig, axes = plt.subplots(*panels, figsize=size, **subplots)
    plt.close(fig)
    return fig, axes


def finish(fig: Any) -> Figure:
    """Return the figure that holds a (sub)figure, for handing it to the reader."""
    root = fig.get_figure(root=True) if hasattr(fig, "get_figure") else fig
    if not isinstance(root, Figure):
        raise TypeError(f"expected a matplotlib figure, not {type(root).__name__}.")
    return root
