"""Figures of the chapter on equivalence: what Var(CSD) depends on, and the classes made from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
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
) -> Axes:
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
        axes = figure(
            size=(1.0 + 2.4 * len(panels), 3.2), panels=(1, len(panels)), sharey=True, squeeze=False
        )[0]
    for ax, (label, (values, variances)) in zip(axes, panels.items(), strict=True):
        for number, (name, variance) in enumerate(variances.items()):
            ax.plot(values, variance, color=PALETTE[number % 5], marker="o", markersize=3, label=name)
        if defaults and label in defaults:
            ax.axvline(defaults[label], color=GREY, linewidth=1, linestyle=":")
        ax.set(xscale="log", yscale="log", xlabel=label)
    axes[0].set(ylabel="Var(CSD)")
    axes[0].legend()
    first: Axes = axes[0]
    return first


@styled
def equivalence_classes(*found: EquivalenceClasses, log: bool = False, ax: Axes | None = None) -> Axes:
    """Draw networks on the axis of Var(CSD), and the classes into which they fall.

    Parameters
    ----------
    *found : EquivalenceClasses
        Of the same networks, one row each.
    log : bool
        Take a logarithmic axis. On a linear one a bar of length δ is drawn for scale.
    ax : matplotlib Axes, optional

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
    ax = figure(ax, size=(7.0, 1.1 + 0.75 * len(found)))
    values = found[0].variances
    for row, each in enumerate(reversed(found)):
        for number, members in enumerate(each.classes):
            ends = [values[members[0]], values[members[-1]]]
            ax.plot(
                ends, [row, row], color=PALETTE[number % 5], linewidth=13, alpha=0.35, solid_capstyle="round"
            )
        ax.scatter(list(values.values()), [row] * len(values), s=14, color=GREY, zorder=3)
    ax.set_yticks(range(len(found)), [f"{each.linkage} linkage" for each in reversed(found)])
    top = len(found) - 0.55
    for name, value in values.items():
        ax.annotate(name, (value, top), rotation=40, ha="left", va="bottom", fontsize="small")
    if log:
        ax.set_xscale("log")
    else:
        low = min(values.values())
        ax.plot([low, low + found[0].delta], [-0.6, -0.6], color=GREY, linewidth=2)
        ax.annotate("δ", (low + found[0].delta, -0.6), xytext=(4, 0), textcoords="offset points", va="center")
    ax.set(xlabel="Var(CSD)", ylim=(-0.85, top))
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    return ax
