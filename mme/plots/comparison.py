"""Several networks side by side: their Var(CSD), the pairs, and the classes into which they fall."""

from __future__ import annotations

from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from scipy.cluster import hierarchy

from mme.arguments import flag, listed, number, of_type
from mme.ensembles.equivalence import EquivalenceClasses
from mme.errors import InputError
from mme.plots.style import BLUE, COLOURS, GREY, LONGEST, ORANGE, figure, label, record, styled
from mme.result import counted

__all__ = ["comparison", "equivalence_classes"]

MOST_NAMED = 40  # networks
MOST_TICKS = 25  # of classes on an axis
BARS = 60
WIDE = 20  # an axis over more than this factor is logarithmic


@styled
def comparison(found: Any) -> Axes:
    """Draw Var(CSD) of networks with errors and controls, their dendrogram, and all pairs, in three panels.

    More than 40 networks are drawn without names: their ranks, coloured by class, and the distribution.

    Parameters
    ----------
    found : Comparison
        As `mme.comparison.compare` returns it.

    Returns
    -------
    Figure

    Examples
    --------
    >>> from mme.comparison import Options, compare
    >>> networks = {name: {"fc": scale * np.eye(8)} for name, scale in (("a", 1), ("b", 1.1), ("c", 2))}
    >>> drawn = comparison(compare(networks, Options(draws=3)))
    """
    shown = sorted(_measured(found), key=lambda row: row["variance"])
    variances, rows = np.array([row["variance"] for row in shown]), np.arange(len(shown))
    if len(shown) > MOST_NAMED:
        return _ranks(shown, variances, found)
    size = (10.0, 2.2 + 0.24 * len(shown))
    axes: list[Axes] = list(figure(size=size, panels=(1, 3), width_ratios=(1, 2, 2)))
    tree, dots, heat = axes
    errors = [row["standard_error"] or 0.0 for row in shown]
    dots.errorbar(variances, rows, xerr=errors, fmt="o", color=BLUE, markersize=5, label="network")
    controls = np.array([row["control_variance"] for row in shown], float)
    places = np.flatnonzero(~np.isnan(controls))
    if len(places):
        style = {"color": ORANGE, "fillstyle": "none", "markersize": 9}
        dots.plot(controls[places], places, "o", label="untrained", **style)  # type: ignore[arg-type]
    numbered = [f"{label(row['name'], LONGEST)}  {place}" for place, row in enumerate(shown, 1)]
    dots.set(yticks=rows, yticklabels=numbered, xlabel="Var(CSD)", ylim=(-0.6, len(shown) - 0.4))
    if variances[0] > 0 and variances[-1] > WIDE * variances[0]:
        dots.set_xscale("log")
    dots.figure.legend(*dots.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    _dendrogram(tree, variances, found)
    apart = np.abs(variances[:, None] - variances[None, :])
    image = heat.imshow(apart, origin="lower", cmap="cividis", aspect="auto")
    for i, j in np.argwhere(apart <= found.delta):
        heat.plot(j, i, "s", color="white", markersize=3)
    ticks = rows[:: -(-len(shown) // 10)]
    heat.set(xticks=ticks, xticklabels=ticks + 1, yticks=ticks, yticklabels=ticks + 1)
    heat.set(xlabel="|difference|; squares: within δ")
    heat.figure.colorbar(image, ax=heat)
    return heat


def _ranks(shown: list[Any], variances: np.ndarray, found: Any) -> Axes:
    """Draw the ascending variances over their ranks with the classes, and the distribution below."""
    axes: list[Axes] = list(figure(size=(5.8, 5.8), panels=(2, 1), sharex=True, height_ratios=(3, 1)))
    ranks, bars = axes
    sizes = [len(members) for members in found.classes.classes]
    ends = np.cumsum(sizes)
    colours = np.repeat([COLOURS[k % len(COLOURS)] for k in range(len(sizes))], sizes)
    ranks.scatter(variances, np.arange(1, len(shown) + 1), s=6, c=colours.tolist(), linewidths=0)
    large = [k for k in range(len(sizes)) if sizes[k] >= len(shown) / MOST_TICKS]
    for border in {place + 0.5 for k in large for place in (ends[k] - sizes[k], ends[k])}:
        ranks.axhline(border, color=GREY, linewidth=0.4)
    ranks.set(ylabel="rank", ylim=(0, len(shown) + 1))
    ranks.set_title(f"{len(shown)} networks in {counted(len(sizes), 'class', 'classes')}")
    beside = ranks.secondary_yaxis("right")
    beside.set_yticks([ends[k] - (sizes[k] - 1) / 2 for k in large], [f"class {k + 1}" for k in large])
    beside.tick_params(length=0)
    drawn = {"network": (variances, BLUE)}
    if controls := [row["control_variance"] for row in shown if row["control_variance"] is not None]:
        drawn["untrained"] = (np.array(controls), ORANGE)
    edges = np.histogram_bin_edges(np.concatenate([values for values, _ in drawn.values()]), BARS)
    low, high = edges[0], edges[-1]
    if is_log := low > 0 and high > WIDE * low:
        edges = np.geomspace(low, high, BARS + 1)
    for name, (values, colour) in drawn.items():
        bars.hist(values, edges.tolist(), histtype="step", color=colour, label=name)
    bars.set_yscale("log", nonpositive="clip")
    _draw_delta(bars, low, found.delta, bars.get_ylim()[1])
    bars.set(xlabel="Var(CSD)", ylabel="networks", xscale="log" if is_log else "linear")
    bars.legend()
    return bars


@styled
def equivalence_classes(*found: EquivalenceClasses, log: bool = False, ax: Axes | None = None) -> Axes:
    """Draw networks in the order of their Var(CSD), and the classes into which they fall.

    Parameters
    ----------
    *found : EquivalenceClasses
        Of the same networks: one panel each.
    log : bool
        Take a logarithmic axis. On a linear one a bar of length δ is drawn for scale.
    ax : matplotlib Axes, optional
        Draw here, the classes of one `found` only.

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
    if ax is not None and len(found) > 1:
        raise InputError("ax must be left out where found are several, for each has a panel of its own.")
    for each in listed("found", found, "EquivalenceClasses"):
        of_type("found", each, EquivalenceClasses, "an EquivalenceClasses")
    log = flag("log", log)
    (names, *others) = ([name for members in each.classes for name in members] for each in found)
    if any(each != names for each in others) or not all(set(names) <= set(each.variances) for each in found):
        raise InputError("found must be classes of the same networks in the same order, but they are not.")
    size = (1.2 + 2.3 * len(found), 1.2 + 0.2 * len(names))
    axes: list[Axes] = list(np.ravel(figure(ax, size=size, panels=(1, len(found)), sharey=True)))
    for ax, each in zip(axes, found, strict=True):
        row = 0
        for members, colour in zip(each.classes, cycle(COLOURS), strict=False):
            values, end = [each.variances[name] for name in members], row + len(members)
            ax.axhspan(row - 0.5, end - 0.5, color=colour, alpha=0.15, linewidth=0)
            ax.plot(values, range(row, end), "o", color=colour, markersize=5)
            row = end
        ax.set(title=f"{each.linkage} linkage", xlabel="Var(CSD)", xscale="log" if log else "linear")
        if not log:
            _draw_delta(ax, min(each.variances.values()), each.delta, row)
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
    axes[0].set(yticks=range(len(names)), yticklabels=[label(name) for name in names])
    return axes[0]


def _draw_delta(ax: Axes, low: float, delta: float, height: float) -> None:
    """Draw a bar of length δ for scale."""
    ax.plot([low, low + delta], [height, height], color=GREY, linewidth=2)
    ax.annotate("δ", (low + delta, height), xytext=(4, 0), textcoords="offset points", va="center")


def _measured(found: Any) -> list[dict[str, Any]]:
    """The lines of the networks of a comparison."""
    record("found", found, "measurements", "delta", "classes")
    of_type("found.classes", found.classes, EquivalenceClasses, "an EquivalenceClasses")
    number("found.delta", found.delta)
    measured = listed("found.measurements", found.measurements, "measured networks")
    for place, each in enumerate(measured):
        record(f"found.measurements[{place}]", each, "to_dict")
    return [each.to_dict() for each in measured]


def _dendrogram(ax: Axes, variances: np.ndarray, found: Any) -> None:
    """Draw the tree of the classes, its leaves level with the networks, which are sorted."""
    ax.axvline(found.delta, color=ORANGE, linestyle=":")
    ax.annotate("δ", (found.delta, len(variances) - 0.6), color=ORANGE)
    ax.set(xlabel="distance", yticks=[], ylim=(-0.6, len(variances) - 0.4))
    ax.spines["left"].set_visible(False)
    ax.invert_xaxis()
    merges = hierarchy.linkage(variances[:, None], found.classes.linkage) if len(variances) > 1 else []
    nodes = [(0.0, float(row)) for row in range(len(variances))]  # distance and row
    for first, second, distance, _ in merges:
        (x, low), (y, high) = nodes[int(first)], nodes[int(second)]
        ax.plot([x, distance, distance, y], [low, low, high, high], color=GREY)
        nodes.append((float(distance), (low + high) / 2))
