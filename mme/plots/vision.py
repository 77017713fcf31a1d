"""Figures of the vision experiment: cumulative differences, fluctuations, and Table I beside measurements."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mme.comparison.vision import VisionRow
from mme.ensembles.difference import CircularSpectralDifference
from mme.plots.style import BLUE, GREEN, GREY, ORANGE, PALETTE, figure, styled

__all__ = [
    "cumulative_differences",
    "fluctuations",
    "steps_of_variance",
    "table_beside_measurements",
]

DASHES = ("-", "--", "-.")
WIDE = 5  # an axis over more than this factor is logarithmic
LOOKS = (("|", GREY), ("s", GREEN), ("o", ORANGE), (".", BLUE))


@styled
def cumulative_differences(
    rows: Iterable[VisionRow],
    *,
    controls: bool = True,
    until: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the cumulative spectral differences of networks, as the paper's Figures 1 to 3 do.

    Parameters
    ----------
    rows : iterable of VisionRow
        For instance one family. Trained networks are drawn where they were measured, untrained ones
        elsewhere; the legend says which.
    controls : bool
        Draw the untrained control of a trained network too, dotted.
    until : float, optional
        Where the drawn part of the window ends.
    ax : matplotlib Axes, optional

    Returns
    -------
    Figure
        One colour for each depth; networks of equal depth are told apart by dashes.

    Examples
    --------
    >>> import numpy as np
    >>> from mme.comparison import vision
    >>> from mme.ensembles import circular_spectral_difference, layer_matrix_ensemble
    >>> net = {"fc": np.diag([1.0, 2.0])}
    >>> csd = circular_spectral_difference(net, "deterministic")
    >>> printed, ensemble = vision.PAPER["resnet18"], layer_matrix_ensemble(net)
    >>> rows = [vision.VisionRow("resnet18", printed, ensemble, (csd,))]
    >>> drawn = cumulative_differences(rows)
    """
    rows = list(rows)
    ax = figure(ax, size=(7.0, 3.4))
    ax.axhline(0, color=GREY, linewidth=0.6)
    for row, (colour, dashes) in zip(rows, _marks([row.name for row in rows]), strict=True):
        csd, label = _shown(row, rows)
        ax.plot(csd.edges[1:], csd.cumulative, dashes, color=colour, linewidth=1.3, label=label)
        if controls and row.trained is not None:
            before = row.untrained[0]
            ax.plot(before.edges[1:], before.cumulative, ":", color=colour, linewidth=1.0)
    ax.set(xlabel="ε", ylabel="Σ Δ", xlim=(0, until))
    ax.legend(title=_title(rows, controls), loc="upper left", bbox_to_anchor=(1, 1))
    return ax


@styled
def fluctuations(rows: Iterable[VisionRow], *, linear: float = 0.01, until: float | None = None) -> Figure:
    """Draw the spectral differences of networks bin by bin, as the paper's Figure 4 does.

    Parameters
    ----------
    rows : iterable of VisionRow
        One panel each: trained where it was measured, untrained otherwise, as its title says.
    linear : float
        Below this size the axis of Δ is linear, above it logarithmic.
    until : float, optional
        Where the drawn part of the window ends.

    Returns
    -------
    Figure

    Examples
    --------
    >>> import numpy as np
    >>> from mme.comparison import vision
    >>> from mme.ensembles import circular_spectral_difference, layer_matrix_ensemble
    >>> net = {"fc": np.diag([1.0, 2.0])}
    >>> csd = circular_spectral_difference(net, "deterministic")
    >>> printed, ensemble = vision.PAPER["resnet18"], layer_matrix_ensemble(net)
    >>> rows = [vision.VisionRow("resnet18", printed, ensemble, (csd,))]
    >>> drawn = fluctuations(rows, until=3)
    """
    rows = list(rows)
    size = (7.0, 0.7 + 1.5 * len(rows))
    axes = figure(None, size=size, panels=(len(rows), 1), sharex=True, sharey=True, squeeze=False)[:, 0]
    for ax, row, (colour, _) in zip(axes, rows, _marks([row.name for row in rows]), strict=True):
        csd, _ = _shown(row, rows)
        ax.axhline(0, color=GREY, linewidth=0.6)
        ax.stairs(csd.difference, csd.edges, baseline=None, color=colour, linewidth=0.8)
        state = "untrained" if row.trained is None else "trained"
        ax.set_title(f"{row.name}, {state}", loc="right", y=0.78)
        ax.set_yscale("symlog", linthresh=linear)
        ax.set(ylabel="Δ(ε)", xlim=(0, until))
    axes[-1].set(xlabel="ε")
    root: Figure = axes[0].get_figure(root=True)
    return root


@styled
def table_beside_measurements(readings: Mapping[str, Sequence[VisionRow]]) -> Figure:
    """Draw Table I: for each architecture the paper's Var(CSD), the measured one and its untrained control.

    Parameters
    ----------
    readings : mapping of titles to sequences of VisionRow
        One panel for each reading of the definition, with the same architectures.

    Returns
    -------
    Figure
        Bars are one standard error, or the noise floor where that is larger; most are shorter than the marks
        are wide.

    Examples
    --------
    >>> import numpy as np
    >>> from mme.comparison import vision
    >>> from mme.ensembles import circular_spectral_difference, layer_matrix_ensemble
    >>> net = {"fc": np.diag([1.0, 2.0])}
    >>> csd = circular_spectral_difference(net, "sampled", rng=1)
    >>> printed, ensemble = vision.PAPER["resnet18"], layer_matrix_ensemble(net)
    >>> rows = [vision.VisionRow("resnet18", printed, ensemble, (csd,))]
    >>> drawn = table_beside_measurements({"real parts": rows})
    """
    names = [row.name for row in next(iter(readings.values()))]
    size = (1.4 + 2.0 * len(readings), 1.2 + 0.23 * len(names))
    axes = figure(size=size, panels=(1, len(readings)), sharex=True, sharey=True, squeeze=False)[0]
    for ax, (title, rows) in zip(axes, readings.items(), strict=True):
        for height, row in enumerate(rows):
            bar = {"fmt": "o", "capsize": 3, "linewidth": 1.2}
            ax.plot(row.printed.variance, height, "D", color=GREEN, markersize=5)
            error = _bar(row.untrained_standard_error, row.untrained[0])
            ax.errorbar(
                row.untrained_variance, height, xerr=error, color=ORANGE, markersize=7, mfc="none", **bar
            )
            if row.trained is not None:
                error = _bar(row.trained.standard_error, row.trained)
                ax.errorbar(row.trained.variance, height, xerr=error, color=BLUE, markersize=4, **bar)
        ax.set(title=title, xlabel="Var(CSD)", xscale="log")
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ax.grid(axis="y")
    axes[0].set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.4, -0.6))
    marks = [("D", GREEN, GREEN, "Table I"), ("o", ORANGE, "none", "untrained")]
    if any(row.trained is not None for rows in readings.values() for row in rows):
        marks.append(("o", BLUE, BLUE, "trained"))
    for marker, edge, face, label in marks:
        axes[0].plot([], [], marker, color=edge, markerfacecolor=face, label=label)
    root: Figure = axes[0].get_figure(root=True)
    root.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(marks))
    return root


@styled
def steps_of_variance(
    panels: Mapping[str, Mapping[str, Mapping[str, float]]], *, least: float = 0.0
) -> Figure:
    """Draw how Var(CSD) comes about, step by step: one row for each network, one mark for each step.

    Parameters
    ----------
    panels : mapping of titles to mappings of steps to mappings of networks to float
        Each step gives Var(CSD) of some networks. The legend is that of the first panel.
    least : float
        Values that are not above this are not drawn.

    Returns
    -------
    Figure
        A panel is logarithmic where its values differ by much.

    Examples
    --------
    >>> steps = {"untrained": {"a": 0.3, "b": 1.0}, "trained": {"a": 0.4}}
    >>> drawn = steps_of_variance({"zeros kept": steps})
    """
    every = [values for steps in panels.values() for values in steps.values()]
    names = list(dict.fromkeys(name for values in every for name in values))
    looks = dict(zip(dict.fromkeys(step for steps in panels.values() for step in steps), LOOKS, strict=False))
    size = (1.6 + 2.9 * len(panels), 1.2 + 0.21 * len(names))
    axes = figure(size=size, panels=(1, len(panels)), sharey=True, squeeze=False)[0]
    for ax, (title, steps) in zip(axes, panels.items(), strict=True):
        for step, values in steps.items():
            marker, colour = looks[step]
            shown = [name for name, value in values.items() if value > least]
            ax.plot(
                [values[name] for name in shown],
                [names.index(name) for name in shown],
                marker,
                color=colour,
                markerfacecolor="none" if marker in "so" else colour,
                markersize=7,
                label=step,
            )
        low, high = ax.dataLim.intervalx
        ax.set(title=title, xlabel="Var(CSD)", xscale="log" if high > WIDE * low else "linear")
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ax.grid(axis="y")
    axes[0].set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.4, -0.6))
    root: Figure = axes[0].get_figure(root=True)
    root.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return root


def _bar(error: float, csd: CircularSpectralDifference) -> float:
    """What a value is uncertain by, at least."""
    return max(error, csd.noise_floor)


def _marks(names: Sequence[str]) -> list[tuple[str, str]]:
    """A colour for each depth, and dashes for those of equal depth."""
    depths = [re.sub(r"\D", "", name) or name for name in names]
    colours = {depth: PALETTE[number % 5] for number, depth in enumerate(dict.fromkeys(depths))}
    seen: Counter[str] = Counter()
    marks = []
    for depth in depths:
        marks.append((colours[depth], DASHES[seen[depth] % len(DASHES)]))
        seen[depth] += 1
    return marks


def _shown(row: VisionRow, rows: Sequence[VisionRow]) -> tuple[CircularSpectralDifference, str]:
    """The trained difference or else the untrained one, with a label that says so where rows differ."""
    mixed = len({each.trained is None for each in rows}) > 1
    if row.trained is not None:
        return row.trained, f"{row.name}, trained" if mixed else row.name
    return row.untrained[0], f"{row.name}, untrained" if mixed else row.name


def _title(rows: Sequence[VisionRow], controls: bool) -> str | None:
    """What the legend says of all rows together."""
    trained = [row.trained is not None for row in rows]
    if not any(trained):
        return "untrained"
    dotted = "dotted: before training" if controls else ""
    if all(trained):
        return f"trained\n{dotted}".rstrip()
    return dotted or None
