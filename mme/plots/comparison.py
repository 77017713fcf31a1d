"""Figures of the command `mme`: one network's density, and several networks side by side."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from scipy.cluster import hierarchy

from mme.comparison.compare import Comparison
from mme.ensembles.density import SpectralDensity
from mme.plots.style import BLUE, GREY, ORANGE, figure, styled

__all__ = ["comparison", "network_density"]


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
    ax.stairs(np.atleast_2d(density.density).mean(axis=0), density.edges, color=BLUE, label=name)
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
    shown = [found.measurements[i] for i in order]
    rows = np.arange(len(shown))
    height = 1.8 + 0.28 * len(shown)
    tree, dots, heat = figure(size=(10.0, height), panels=(1, 3), width_ratios=(1, 2, 2), sharey=False)
    dots.errorbar(
        variances[order], rows, xerr=[np.nan_to_num(each.csd.standard_error) for each in shown], fmt="o",
        color=BLUE, markersize=5, label="network",
    )  # fmt: skip
    controls = [(row, each.control.variance) for row, each in zip(rows, shown, strict=True) if each.control]
    if controls:
        places, values = zip(*controls, strict=True)
        dots.plot(values, places, "o", color=ORANGE, fillstyle="none", markersize=9, label="untrained")
    dots.set(yticks=rows, yticklabels=[each.name for each in shown], xlabel="Var(CSD)")
    dots.set_ylim(-0.6, len(shown) - 0.4)
    dots.legend(loc="best")
    if len(shown) > 1:
        _dendrogram(tree, variances[order], found)
    else:
        tree.set_axis_off()
    ratio = np.abs(variances[order][:, None] - variances[order][None, :])
    image = heat.imshow(ratio, origin="lower", cmap="cividis", aspect="auto")
    for i, j in np.argwhere(ratio <= found.delta):
        heat.plot(j, i, "s", color="white", markersize=3)
    heat.set(xticks=rows, yticks=rows, yticklabels=[], title="|difference|; dots: within δ")
    heat.set_xticklabels([each.name for each in shown], rotation=90)
    root: Figure = heat.get_figure(root=True)
    root.colorbar(image, ax=heat)
    return root


def _dendrogram(ax: object, variances: np.ndarray, found: Comparison) -> None:
    """Draw the tree of the classes, its leaves level with the networks."""
    links = hierarchy.linkage(variances[:, None], found.classes.linkage)
    drawn = hierarchy.dendrogram(links, no_plot=True)
    # On a line the leaves keep the order of the variances, or its mirror image in a branch.
    places = {leaf: row for row, leaf in enumerate(drawn["leaves"])}
    position = {leaf: float(leaf) for leaf in places}
    heights = dict.fromkeys(places, 0.0)
    for number, (first, second, distance, _) in enumerate(links):
        a, b = int(first), int(second)
        top = len(variances) + number
        ax.plot(  # type: ignore[attr-defined]
            [heights[a], distance, distance, heights[b]],
            [position[a], position[a], position[b], position[b]],
            color=GREY,
        )
        position[top], heights[top] = (position[a] + position[b]) / 2, float(distance)
    ax.axvline(found.delta, color=ORANGE, linestyle=":", label="δ")  # type: ignore[attr-defined]
    ax.set(xlabel="distance", yticks=[], ylim=(-0.6, len(variances) - 0.4))  # type: ignore[attr-defined]
    ax.invert_xaxis()  # type: ignore[attr-defined]
    ax.legend(loc="best")  # type: ignore[attr-defined]
    ax.spines["left"].set_visible(False)  # type: ignore[attr-defined]
