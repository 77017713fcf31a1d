"""The house style: one palette that survives colour blindness, print and dark pages."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler

__all__ = ["BLUE", "GREEN", "GREY", "ORANGE", "PALETTE", "PURPLE", "SKY", "figure", "styled"]

# Okabe and Ito's colours, ordered by contrast on white and on near-black alike.
BLUE, ORANGE, GREEN, PURPLE, SKY = "#0077bb", "#dd7711", "#009e73", "#cc6699", "#44aadd"
GREY = "#808080"  # text and axes: 4:1 against white and against the dark page
PALETTE = (BLUE, ORANGE, GREEN, PURPLE, SKY, GREY)

STYLE: Any = {
    "figure.figsize": (7.0, 3.4),
    "figure.dpi": 110,
    "savefig.dpi": 160,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "savefig.bbox": "tight",
    "axes.prop_cycle": cycler(color=PALETTE),
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


P = ParamSpec("P")


def styled(draw: Callable[P, Axes | Figure]) -> Callable[P, Figure]:
    """Run a drawing function in the house style and hand its figure to the reader.

    The figure is closed in pyplot, so a notebook shows it once, as the value of the cell, and the
    user's own matplotlib settings stay as they were.

    Examples
    --------
    >>> @styled
    ... def line(ax=None):
    ...     ax = figure(ax)
    ...     ax.plot([0, 1], [0, 1])
    ...     return ax
    >>> type(line()).__name__
    'Figure'
    """

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with mpl.rc_context(STYLE):
            made = draw(*args, **kwargs)
        root = made if isinstance(made, Figure) else made.get_figure(root=True)
        assert isinstance(root, Figure)
        plt.close(root)
        return root

    return drawn


def figure(
    ax: Axes | None = None,
    *,
    size: tuple[float, float] | None = None,
    panels: tuple[int, int] = (1, 1),
    **subplots: Any,
) -> Any:
    """Open axes in the house style, or take the given ones; for use inside a `styled` function.

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
    Axes, or array of Axes when there are several panels
    """
    if ax is not None:
        return ax
    _, axes = plt.subplots(*panels, figsize=size, **subplots)
    return axes
