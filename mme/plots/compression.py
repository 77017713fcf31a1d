"""Figures of the chapter on compression: ladders of a shrinking network, and a search among architectures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import ArrayLike

from mme.plots.style import BLUE, GREEN, GREY, ORANGE, PURPLE, figure, styled

if TYPE_CHECKING:
    from mme.shrinking import Step

__all__ = ["pruned_mass", "quantities_and_errors", "shrinking_ladders"]

MARKERS = "osD^v"


@styled
def pruned_mass(
    shares: ArrayLike, mass: Mapping[str, ArrayLike], law: ArrayLike | None = None, *, ax: Axes | None = None
) -> Axes:
    """Draw how much of the sum of squares goes with the smallest weights.

    Parameters
    ----------
    shares : array_like, shape (n,)
        Share of the weights that are zero.
    mass : mapping of names to array_like, shape (n,)
        Share of the sum of squares that went with them.
    law : array_like, shape (n,), optional
        The same for normal weights.
    ax : matplotlib Axes, optional

    Returns
    -------
    Figure

    Examples
    --------
    >>> shares = np.linspace(0, 1, 11)
    >>> drawn = pruned_mass(shares, {"net": shares**3}, law=shares**2)
    """
    ax = figure(ax, size=(6.0, 3.2))
    if law is not None:
        ax.plot(shares, law, color=GREY, label="normal weights")
    # From a large ring to a small dot, for the curves may lie on each other.
    for (name, values), colour, size in zip(
        mass.items(), (BLUE, ORANGE, GREEN, PURPLE), (9, 5, 3, 2), strict=False
    ):
        face = "none" if size == 9 else colour
        ax.plot(shares, values, "o", color=colour, markersize=size, mfc=face, label=name)
    ax.plot([0, 1], [0, 1], ":", color=GREY, linewidth=1, label="weights chosen at random")
    ax.set(xlabel="share of the weights pruned", ylabel="share of the trace lost", xlim=(0, 1), ylim=(0, 1))
    ax.legend()
    return ax


@styled
def shrinking_ladders(ladders: Mapping[str, Mapping[str, Sequence[Step]]], *, zeros: str = "keep") -> Figure:
    """Draw accuracy and Var(CSD) of networks that shrink, one column for each way of shrinking.

    Parameters
    ----------
    ladders : mapping of titles to mappings of names to sequences of Step
        In each column up to four ladders, such as without and with training again.
    zeros : {"keep", "drop"}

    Returns
    -------
    Figure
        Filled marks are equivalent to the whole network by the default δ, which is the grey band; hollow ones
        are not. Bars are binomial standard errors.

    Examples
    --------
    >>> from mme.networks import ARCHITECTURES
    >>> from mme.shrinking import ladder
    >>> from mme.transforms import prune
    >>> steps = ladder(ARCHITECTURES["vgg5"].build(), prune, [0.5, 0.9])
    >>> drawn = shrinking_ladders({"pruned": {"as it is": steps}})
    """
    axes = figure(size=(7.4, 5.0), panels=(2, len(ladders)), sharex="col", sharey="row", squeeze=False)
    for column, (title, each) in enumerate(ladders.items()):
        upper, lower = axes[:, column]
        _band(lower, next(iter(each.values())), zeros)
        for (name, steps), colour, marker in zip(
            each.items(), (ORANGE, GREEN, BLUE, PURPLE), MARKERS, strict=False
        ):
            _one_ladder(upper, lower, steps, name, colour, marker, zeros)
        upper.set_title(title)
        lower.set(xscale="log", yscale="log", xlabel="numbers stored")
        lower.xaxis.set_minor_formatter(NullFormatter())
        lower.invert_xaxis()
    axes[0, 0].set(ylabel="accuracy", ylim=(0, 1.05))
    axes[0, 0].yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
    axes[1, 0].set(ylabel="Var(CSD)")
    root: Figure = axes[0, 0].get_figure(root=True)
    root.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return root


def _band(ax: Any, steps: Sequence[Step], zeros: str) -> None:
    """What counts as equivalent to the first step."""
    middle = getattr(steps[0], zeros).variance
    deltas = np.array([step.delta(steps[0], zeros) for step in steps])
    low = np.maximum(middle - deltas, middle / 10)  # the axis is logarithmic
    sizes = [step.parameters for step in steps]
    ax.fill_between(sizes, low, middle + deltas, color=GREY, alpha=0.2, linewidth=0)


def _one_ladder(
    upper: Any, lower: Any, steps: Sequence[Step], name: str, colour: str, marker: str, zeros: str
) -> None:
    sizes = np.array([step.parameters for step in steps])
    accuracies = np.array([step.accuracy for step in steps])
    variances = np.array([getattr(step, zeros).variance for step in steps])
    moved = np.array([abs(step.moved_from(steps[0], zeros)) for step in steps])
    equivalent = moved <= [step.delta(steps[0], zeros) for step in steps]
    errors = [step.standard_error for step in steps]
    upper.errorbar(sizes, accuracies, yerr=errors, color=colour, linewidth=1.2)
    lower.plot(sizes, variances, color=colour, linewidth=1.2)
    for ax, values in ((upper, accuracies), (lower, variances)):
        ax.plot(sizes[equivalent], values[equivalent], marker, color=colour, markersize=5)
        ax.plot(sizes[~equivalent], values[~equivalent], marker, color=colour, mfc="none", markersize=5)
    upper.plot([], [], f"{marker}-", color=colour, label=name)


@styled
def quantities_and_errors(
    quantities: Mapping[str, ArrayLike], accuracy: ArrayLike, groups: Mapping[str, ArrayLike]
) -> Figure:
    """Draw the error rate of networks against several quantities, one panel for each.

    Parameters
    ----------
    quantities : mapping of names to array_like, shape (n,)
        Positive; their axes are logarithmic.
    accuracy : array_like, shape (n,)
        Below 1.
    groups : mapping of names to array_like of bool, shape (n,)
        Up to four groups of networks, which get colours and marks.

    Returns
    -------
    Figure

    Examples
    --------
    >>> x, accuracy = np.arange(1, 7), np.linspace(0.8, 0.99, 6)
    >>> drawn = quantities_and_errors({"x": x, "x²": x**2}, accuracy, {"even": x % 2 == 0, "odd": x % 2 == 1})
    """
    axes = figure(size=(7.4, 3.2), panels=(1, len(quantities)), sharey=True, squeeze=False)[0]
    errors = 1 - np.asarray(accuracy)
    for ax, (name, values) in zip(axes, quantities.items(), strict=True):
        for (label, member), colour, marker in zip(
            groups.items(), (BLUE, ORANGE, GREEN, PURPLE), MARKERS, strict=False
        ):
            chosen = np.asarray(member, dtype=bool)
            ax.plot(
                np.asarray(values)[chosen], errors[chosen], marker, color=colour, markersize=5, label=label
            )
        ax.set(xscale="log", yscale="log", xlabel=name)
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
        if np.max(values) < 1000:
            ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_minor_formatter(NullFormatter())
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes[0].set(ylabel="test error")
    root: Figure = axes[0].get_figure(root=True)
    root.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return root
