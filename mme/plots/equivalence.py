"""Figures of the chapter on equivalence: what Var(CSD) depends on, and the classes made from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from mme.ensembles.equivalence import EquivalenceClasses
from mme.plots.style import GREY, PALETTE, figure, styled

__all__ = ["equivalence_classes", "variance_by_choice"]


@styled
def variance_by_choice(
    panels: Mapping[str, tuple[ArrayLike, Mapping[str, ArrayLike]]],
    *,
    defaults: Mapping[str, float] | None = None,
    axes: Any = None,
) -> Figure:
    """Draw how Var(CSD) follows choices: the number of bins, the window, the scale of the weights.

    Parameters
    ----------
    panels : mapping of labels to (values, variances)
        One panel for each choice: its values, shape (n,), and for each network the Var(CSD) at these values.
        All axes are logarithmic.
    defaults : mapping of labels to float, optional
        The value that is taken elsewhere, marked by a dotted line.
    axes : sequence of matplotlib Axes, optional
        One for each panel.

    Returns
    -------
    Figure

    Examples
    --------
    >>> drawn = variance_by_choice({"bins": ([10, 100, 1000], {"network": [0.1, 0.2, 0.4]})})
    """
    if axes is None:
        size = (1.2 + 2.4 * len(panels), 3.3)
        axes = figure(size=size, panels=(1, len(panels)), sharey=True, squeeze=False)[0]
    for ax, (label, (values, variances)) in zip(axes, panels.items(), strict=True):
        for number, (name, variance) in enumerate(variances.items()):
            ax.plot(values, variance, color=PALETTE[number % 5], marker="o", markersize=3, label=name)
        if defaults and label in defaults:
            ax.axvline(defaults[label], color=GREY, linewidth=1, linestyle=":")
        ax.set(xscale="log", yscale="log", xlabel=label)
        ax.xaxis.set_minor_formatter("")
        if np.max(values) < 50 * np.min(values):  # too short for powers of ten
            ax.set_xticks(values, [f"{value:g}" for value in np.asarray(values)])
    axes[0].set(ylabel="Var(CSD)")
    root: Figure = axes[0].get_figure(root=True)
    root.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return root


@styled
def equivalence_classes(*found: EquivalenceClasses, log: bool = False) -> Figure:
    """Draw networks in the order of their Var(CSD), and the classes into which they fall.

    Parameters
    ----------
    *found : EquivalenceClasses
        Of the same networks: one panel each.
    log : bool
        Take a logarithmic axis. On a linear one a bar of length δ is drawn for scale.

    Returns
    -------
    Figure

    Examples
    --------
    >>> from mme.ensembles import equivalence_classes as classes
    >>> variances = {"a": 0.10, "b": 0.19, "c": 0.26, "d": 0.5}
    >>> found = [classes(variances, delta=0.1, linkage=rule) for rule in ("complete", "single")]
    >>> drawn = equivalence_classes(*found)
    """
    names = [name for members in found[0].classes for name in members]
    size = (1.4 + 2.8 * len(found), 1.2 + 0.2 * len(names))
    axes = figure(size=size, panels=(1, len(found)), sharey=True, squeeze=False)[0]
    for ax, each in zip(axes, found, strict=True):
        row = 0
        for number, members in enumerate(each.classes):
            values = [each.variances[name] for name in members]
            last = row + len(members) - 1
            colour = PALETTE[number % 5]
            ax.axhspan(row - 0.5, last + 0.5, color=colour, alpha=0.15, linewidth=0)
            ax.plot(values, range(row, last + 1), "o", color=colour, markersize=5)
            row = last + 1
        ax.set(title=f"{each.linkage} linkage", xlabel="Var(CSD)", xscale="log" if log else "linear")
        if not log:
            low = min(each.variances.values())
            ax.plot([low, low + each.delta], [row, row], color=GREY, linewidth=2)
            ax.annotate("δ", (low + each.delta, row), xytext=(4, 0), textcoords="offset points", va="center")
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
    axes[0].set(yticks=range(len(names)), yticklabels=names)
    root: Figure = axes[0].get_figure(root=True)
    return root
