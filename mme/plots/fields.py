"""Figures of the chapter on the three fields."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from mme.plots.style import figure, styled

__all__ = ["group_volumes"]


@styled
def group_volumes(orders: ArrayLike, log_volumes: Mapping[str, ArrayLike], ax: Axes | None = None) -> Axes:
    """Draw the logarithms of group volumes against the order of the matrices.

    Parameters
    ----------
    orders : array_like, shape (n,)
        d.
    log_volumes : mapping of names to array_like, shape (n,)
        For each group the logarithms of its volumes.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> fig = group_volumes([1, 2], {"O(d)": [0.69, 2.88]})
    """
    ax = figure(ax)
    for (name, values), marker in zip(log_volumes.items(), "os^Dv", strict=False):
        ax.plot(orders, values, marker, linestyle="-", markersize=4, label=name)
    ax.axhline(0, linewidth=0.8, alpha=0.5, color="grey")
    ax.set(xlabel="order $d$", ylabel="logarithm of the volume")
    ax.legend()
    return ax
