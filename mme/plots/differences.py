"""Circular spectral differences: of one network with its draws, and of several networks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from mme.arguments import listed, number, of_type
from mme.ensembles.difference import CircularSpectralDifference
from mme.plots.style import BLUE, COLOURS, GREY, binned, figure, label, record, styled

__all__ = ["csd", "cumulative_differences", "fluctuations"]

DASHES = ("-", "--", "-.")


@styled
def csd(difference: CircularSpectralDifference, *, until: float | None = None, linear: float = 0.1) -> Axes:
    """Draw Δ(ε) in a panel above its cumulative sum, with the range of the draws.

    Parameters
    ----------
    difference : CircularSpectralDifference
    until : float, optional
        Where the drawn part of the window ends.
    linear : float
        Below this size the axis of Δ is linear, above it logarithmic.

    Returns
    -------
    Figure
        Lines are means over the draws; bands reach from the lowest draw to the highest.

    Examples
    --------
    >>> from mme.ensembles import circular_spectral_difference
    >>> drawn = csd(circular_spectral_difference({"fc": np.eye(40)}, "sampled", rng=1, bins=100))
    """
    binned("difference", difference, CircularSpectralDifference, "differences", (2,))
    edges = difference.edges
    linear = number("linear", linear, above=0)
    end = None if until is None else number("until", until, above=edges[0])
    axes: list[Axes] = list(figure(size=(5.8, 4.6), panels=(2, 1), sharex=True))
    sums = np.cumsum(difference.differences, axis=1) * difference.width
    for ax, draws in zip(axes, (difference.differences, sums), strict=True):
        ax.axhline(0, color=GREY, linewidth=0.6)
        ax.stairs(draws.max(axis=0), edges, baseline=draws.min(axis=0), fill=True, color=BLUE, alpha=0.3)
        ax.stairs(draws.mean(axis=0), edges, baseline=None, color=BLUE, linewidth=1.0)
    axes[0].set(ylabel="Δ(ε)")
    axes[0].set_yscale("symlog", linthresh=linear)
    axes[1].set(ylabel="cumulative, times w", xlabel="ε", xlim=(edges[0], end))
    return axes[0]


@styled
def cumulative_differences(rows: Iterable[Any], *, ax: Axes | None = None) -> Axes:
    """Draw the cumulative spectral differences of networks, as the paper's Figures 1 to 3 do.

    Parameters
    ----------
    rows : iterable of VisionRow, or of other records with `name`, `untrained` and `trained`
        For instance one family: trained where that was measured, with its untrained control dotted, and
        untrained elsewhere, as the legend says.
    ax : matplotlib Axes, optional

    Returns
    -------
    Figure
        One colour for each depth; networks of equal depth are told apart by dashes.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from mme.ensembles import circular_spectral_difference
    >>> before, after = (circular_spectral_difference({"fc": scale * np.eye(40)}) for scale in (1, 2))
    >>> drawn = cumulative_differences([SimpleNamespace(name="mine", untrained=[before], trained=after)])
    """
    networks = _networks(rows)
    ax = figure(ax, size=(5.8, 3.4))
    ax.axhline(0, color=GREY, linewidth=0.6)
    states = list(dict.fromkeys(state for *_, state in networks))
    for (row, csd, state), (colour, dashes) in zip(networks, _looks(networks), strict=True):
        name = label(row.name if len(states) == 1 else f"{row.name}, {state}")
        ax.plot(csd.edges[1:], csd.cumulative, dashes, color=colour, linewidth=1.3, label=name)
        if state == "trained":
            before = row.untrained[0]
            ax.plot(before.edges[1:], before.cumulative, ":", color=colour, linewidth=1.0)
    ax.set(xlabel="ε", ylabel="Σ Δ", xlim=(0, None))
    dotted = ["dotted: before training"] if "trained" in states else []
    title = (states if len(states) == 1 else []) + dotted
    ax.legend(title="\n".join(title) or None, loc="upper left", bbox_to_anchor=(1, 1))
    return ax


@styled
def fluctuations(rows: Iterable[Any]) -> Axes:
    """Draw the spectral differences of networks bin by bin, as the paper's Figure 4 does.

    Parameters
    ----------
    rows : iterable of VisionRow, or of other records with `name`, `untrained` and `trained`
        One panel each: trained where it was measured, untrained otherwise, as its title says. The axis of Δ
        is linear below 0.01 and logarithmic above.

    Returns
    -------
    Figure

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from mme.ensembles import circular_spectral_difference
    >>> before = circular_spectral_difference({"fc": np.eye(40)}, "deterministic")
    >>> drawn = fluctuations([SimpleNamespace(name="mine", untrained=[before], trained=None)])
    """
    networks = _networks(rows)
    size, panels = (5.8, 0.7 + 1.5 * len(networks)), (len(networks), 1)
    axes: list[Axes] = list(figure(size=size, panels=panels, sharex=True, sharey=True, squeeze=False)[:, 0])
    for ax, (row, csd, state), (colour, _) in zip(axes, networks, _looks(networks), strict=True):
        ax.axhline(0, color=GREY, linewidth=0.6)
        ax.stairs(csd.difference, csd.edges, baseline=None, color=colour, linewidth=0.8)
        ax.set_title(label(f"{row.name}, {state}"), loc="right", y=0.78)
        ax.set_yscale("symlog", linthresh=0.01)
        ax.set(ylabel="Δ(ε)", xlim=(0, None))
    axes[-1].set(xlabel="ε")
    return axes[0]


def _networks(rows: Iterable[Any]) -> list[tuple[Any, CircularSpectralDifference, str]]:
    """Each row with its trained difference, or else the first untrained one, and which it is."""
    networks = []
    for place, row in enumerate(listed("rows", rows, "records")):
        where = f"rows[{place}]"
        record(where, row, "name", "untrained", "trained")
        of_type(f"{where}.name", row.name, str, "a string")
        of_type(f"{where}.untrained", row.untrained, (tuple, list), "a list of differences")
        untrained = listed(f"{where}.untrained", row.untrained, "differences")
        shown = (untrained[0], "untrained") if row.trained is None else (row.trained, "trained")
        for each in (*untrained, shown[0]):
            binned(where, each, CircularSpectralDifference, "differences", (2,))
        networks.append((row, *shown))
    return networks


def _looks(networks: list[tuple[Any, CircularSpectralDifference, str]]) -> list[tuple[str, str]]:
    """A colour for each depth, which is the number in the name, and dashes for those of equal depth."""
    depths = [re.sub(r"\D", "", row.name) or row.name for row, *_ in networks]
    unlike = list(dict.fromkeys(depths))
    return [
        (COLOURS[unlike.index(depth) % len(COLOURS)], DASHES[depths[:place].count(depth) % len(DASHES)])
        for place, depth in enumerate(depths)
    ]
