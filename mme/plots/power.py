"""Figures of the chapter on power: how often pairs of networks are told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from mme.ensembles.calibration import RejectionRate
from mme.plots.style import BLUE, GREY, PALETTE, figure, styled

__all__ = ["power_curves", "power_grid"]

MARKERS = "os^Dv"


@styled
def power_curves(
    panels: Mapping[str, tuple[ArrayLike, Mapping[str, Sequence[RejectionRate]]]],
    *,
    error_rate: float,
    marks: Mapping[str, float] | None = None,
    axes: Any = None,
) -> Figure:
    """Draw how often pairs are told apart as something about them is varied.

    Parameters
    ----------
    panels : mapping of labels to (values, rates)
        One panel for each thing that is varied: its values, shape (n,), and for each statistic the n rates.
        Bars are the intervals of the rates.
    error_rate : float
        The stated error rate, a dotted line.
    marks : mapping of labels to float, optional
        Where in a panel the pair is one of equals.
    axes : sequence of matplotlib Axes, optional
        One for each panel.

    Returns
    -------
    Figure

    Examples
    --------
    >>> from mme.ensembles.calibration import rejection_rate
    >>> rates = [rejection_rate(np.linspace(0, top, 40), 1.0) for top in (1.1, 2, 4)]
    >>> drawn = power_curves({"width ratio": ([1, 1.5, 2], {"Var(CSD)": rates})}, error_rate=0.1)
    """
    if axes is None:
        columns = min(len(panels), 2)
        rows = -(-len(panels) // columns)
        grid = figure(size=(8.0, 0.8 + 2.6 * rows), panels=(rows, columns), sharey=True, squeeze=False)
        axes = list(grid.flat)
        for ax in axes[len(panels) :]:
            ax.set_axis_off()
        axes = axes[: len(panels)]
    for ax, (label, (values, rates)) in zip(axes, panels.items(), strict=True):
        places = np.asarray(values, dtype=float)
        # Intervals of several statistics at one value would hide one another: set them a little apart.
        step = 0.006 * np.ptp(places)
        for number, (name, found) in enumerate(rates.items()):
            rate = np.array([each.rate for each in found])
            bars = np.array([[each.rate - each.low, each.high - each.rate] for each in found]).T
            ax.errorbar(
                places + (number - (len(rates) - 1) / 2) * step, rate, bars, label=name,
                color=PALETTE[number % 5], marker=MARKERS[number % 5], markersize=4, elinewidth=0.8,
            )  # fmt: skip
        ax.axhline(error_rate, color=GREY, linewidth=1, linestyle=":")
        if len(places) < 8 and (places == np.rint(places)).all():  # no ticks between integers
            ax.set_xticks(places)
        if marks and label in marks:
            ax.axvline(marks[label], color=GREY, linewidth=1, linestyle=":")
        ax.set(xlabel=label, ylim=(-0.03, 1.03))
    for ax in axes:
        if ax.get_subplotspec() is None or ax.get_subplotspec().is_first_col():
            ax.set(ylabel="share told apart")
    root: Figure = axes[0].get_figure(root=True)
    handles, labels = axes[0].get_legend_handles_labels()
    root.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return root


@styled
def power_grid(
    rates: Mapping[str, ArrayLike],
    *,
    rows: Sequence[Any],
    columns: Sequence[Any],
    row_label: str = "",
    column_label: str = "",
    axes: Any = None,
) -> Figure:
    """Draw how often pairs are told apart over a grid, one panel a statistic.

    Parameters
    ----------
    rates : mapping of names to array_like, shape (rows, columns)
        Shares from 0 to 1.
    rows, columns : sequences
        What the rows and columns are.
    row_label, column_label : str
    axes : sequence of matplotlib Axes, optional
        One for each statistic.

    Returns
    -------
    Figure

    Examples
    --------
    >>> drawn = power_grid({"Var(CSD)": [[0.1, 0.9]]}, rows=[1], columns=[16, 24])
    """
    if axes is None:
        columns_of_panels = min(len(rates), 2)
        lines = -(-len(rates) // columns_of_panels)
        size = (8.0, lines * (1.0 + 0.42 * len(rows)))
        grid = figure(size=size, panels=(lines, columns_of_panels), sharex=True, sharey=True, squeeze=False)
        axes = list(grid.flat)[: len(rates)]
    for number, (ax, (name, shares)) in enumerate(zip(axes, rates.items(), strict=True)):
        table = np.asarray(shares, dtype=float)
        # Transparent where the rate is low, so that it reads on any page.
        ax.imshow(
            np.ones_like(table),
            alpha=0.75 * table,
            cmap=ListedColormap([BLUE]),
            vmin=0,
            vmax=1,
            aspect="auto",
        )
        for row, column in np.ndindex(table.shape):
            share = table[row, column]
            ax.text(
                column, row, f"{100 * share:.0f}", ha="center", va="center", fontsize="small",
                color="white" if share > 0.6 else GREY,
            )  # fmt: skip
        ax.set(title=name, xticks=range(len(columns)), yticks=range(len(rows)))
        ax.set(xticklabels=columns, yticklabels=rows)
        if number % 2 == 0:
            ax.set(ylabel=row_label)
        if number >= len(rates) - 2:
            ax.set(xlabel=column_label)
        ax.tick_params(length=0)
    root: Figure = axes[0].get_figure(root=True)
    return root
