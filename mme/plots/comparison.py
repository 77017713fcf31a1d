"""Figures of the command `mme`: one network's density, and several networks side by side."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.cluster import hierarchy

from mme.comparison.compare import Comparison
from mme.ensembles.density import SpectralDensity
from mme.plots.style import BLUE, GREY, ORANGE, figure, styled

__all__ = ["comparison", "network_density"]

LONGEST = 26  # characters of a name


@styled
def network_density(density: SpectralDensity, conjugate: SpectralDensity, *, name: str) -> Figure:
    """Draw the pooled density of a network, and that of its conjugate ensemble.

    Parameters
    ----------
    density, conjugate : SpectralDensity
        On the same bins; of several draws the mean is drawn.
    name : str
        Of the network.

    Returns
    -------
    Figure

    Examples
    --------
    >>> from mme.ensembles import PooledSpectrum, spectral_density
    >>> rho = spectral_density(PooledSpectrum([0.5, 1.0, 2.0]), bins=10)
    >>> drawn = network_density(rho, rho, name="mine")
    """
    ax = figure(size=(7.0, 3.6))
    heights = np.atleast_2d(conjugate.density).mean(axis=0)
    ax.stairs(heights, conjugate.edges, color=GREY, linewidth=1, label="circular ensemble")
    ax.stairs(np.atleast_2d(density.density).mean(axis=0), density.edges, color=BLUE, label=_shown(name))
    ax.set(xlabel="ε", ylabel="ρ(ε)", yscale="symlog")
    ax.set_yscale("symlog", linthresh=0.1)
    ax.set_ylim(bottom=0)
    ax.legend()
    root: Figure = ax.get_figure(root=True)
    return root


@styled
def comparison(found: Comparison) -> Figure:
    """Draw Var(CSD) of networks with errors and controls, their dendrogram, and all pairs.

    Parameters
    ----------
    found : Comparison

    Returns
    -------
    Figure

    Examples
    --------
    >>> from mme.comparison import Options, compare
    >>> networks = {name: {"fc": scale * np.eye(8)} for name, scale in (("a", 1), ("b", 1.1), ("c", 2))}
    >>> drawn = comparison(compare(networks, Options(draws=3)))
    """
    variances = np.array([each.csd.variance for each in found.measurements])
    order = np.argsort(variances, kind="stable")
    shown, rows = [found.measurements[i] for i in order], np.arange(len(order))
    size = (10.0, 2.2 + 0.24 * len(shown))
    tree, dots, heat = figure(size=size, panels=(1, 3), width_ratios=(1, 2, 2))
    errors = [np.nan_to_num(each.csd.standard_error) for each in shown]
    dots.errorbar(variances[order], rows, xerr=errors, fmt="o", color=BLUE, markersize=5, label="network")
    controls = [(row, each.control.variance) for row, each in zip(rows, shown, strict=True) if each.control]
    if controls:
        places, values = zip(*controls, strict=True)
        dots.plot(values, places, "o", color=ORANGE, fillstyle="none", markersize=9, label="untrained")
    numbered = [f"{_shown(each.name)}  {row + 1}" for row, each in zip(rows, shown, strict=True)]
    dots.set(yticks=rows, yticklabels=numbered, xlabel="Var(CSD)", ylim=(-0.6, len(shown) - 0.4))
    if variances.min() > 0 and variances.max() > 20 * variances.min():
        dots.set_xscale("log")
    dots.figure.legend(*dots.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    _dendrogram(tree, variances[order], found)
    ratio = np.abs(variances[order][:, None] - variances[order][None, :])
    image = heat.imshow(ratio, origin="lower", cmap="cividis", aspect="auto")
    for i, j in np.argwhere(ratio <= found.delta):
        heat.plot(j, i, "s", color="white", markersize=3)
    step = -(-len(shown) // 10)
    heat.set(xticks=rows[::step], yticks=rows[::step], xlabel="|difference|; squares: within δ")
    heat.set_xticklabels(rows[::step] + 1)
    heat.set_yticklabels(rows[::step] + 1)
    root: Figure = heat.get_figure(root=True)
    root.colorbar(image, ax=heat)
    return root


def _shown(name: str) -> str:
    """A name as it fits into a figure: not too long, no formula, nothing that cannot be drawn."""
    short = name if len(name) <= LONGEST else f"{name[: LONGEST // 2]}…{name[-LONGEST // 2 + 1 :]}"
    spelt = short.encode("utf-8", "backslashreplace").decode()
    return "".join(each if each.isprintable() else " " for each in spelt).replace("$", r"\$")


def _dendrogram(ax: Axes, variances: np.ndarray, found: Comparison) -> None:
    """Draw the tree of the classes, its leaves level with the networks, which are sorted."""
    ax.axvline(found.delta, color=ORANGE, linestyle=":")
    ax.annotate("δ", (found.delta, len(variances) - 0.6), color=ORANGE)
    ax.set(xlabel="distance", yticks=[], ylim=(-0.6, len(variances) - 0.4))
    ax.spines["left"].set_visible(False)
    ax.invert_xaxis()
    if len(variances) < 2:
        return
    centres, heights = [float(row) for row in range(len(variances))], [0.0] * len(variances)
    for first, second, distance, _ in hierarchy.linkage(variances[:, None], found.classes.linkage):
        a, b = int(first), int(second)
        ax.plot(
            [heights[a], distance, distance, heights[b]],
            [centres[a], centres[a], centres[b], centres[b]],
            color=GREY,
        )
        centres.append((centres[a] + centres[b]) / 2)
        heights.append(float(distance))
