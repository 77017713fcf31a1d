"""Figures of the deterministic conjugate: eigenvalues of |U|, laws beside draws, the errors of the laws."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from mme.plots.style import BLUE, GREY, ORANGE, PALETTE, figure, styled

__all__ = ["eigenvalues_in_the_plane", "errors_by_order", "errors_of_laws", "sampled_beside_laws"]


@styled
def eigenvalues_in_the_plane(
    eigenvalues: ArrayLike, radius: float, outlier: float, *, ax: Axes | None = None
) -> Axes:
    """Draw eigenvalues of |U| in the complex plane: a disc and, far to the right, one outlier.

    Parameters
    ----------
    eigenvalues : array_like of complex, any shape
        Of one matrix or of several.
    radius : float
        Of the circle that is drawn about 0.
    outlier : float
        Where the outlier is expected, marked on the axis.
    ax : matplotlib Axes, optional

    Returns
    -------
    Figure

    Examples
    --------
    >>> drawn = eigenvalues_in_the_plane(np.linalg.eigvals(np.ones((3, 3))), radius=0.5, outlier=3)
    """
    ax = figure(ax, size=(7.0, 1.9))
    values = np.ravel(eigenvalues)
    ax.scatter(values.real, values.imag, s=2.5, color=BLUE, linewidths=0)
    angle = np.linspace(0, 2 * np.pi, 200)
    ax.plot(radius * np.cos(angle), radius * np.sin(angle), color=ORANGE, linewidth=1.2)
    ax.plot([outlier], [-1.25 * radius], "^", color=ORANGE, markersize=6)
    ax.set(aspect="equal", xlabel="real part", ylabel="imaginary part", ylim=(-1.5 * radius, 1.5 * radius))
    return ax


@styled
def sampled_beside_laws(
    samples: Mapping[str, ArrayLike],
    laws: Mapping[str, Mapping[str, ArrayLike]],
    edges: ArrayLike,
    *,
    xlabel: str = "real part",
) -> Axes:
    """Draw histograms of sampled eigenvalues, one panel each, with the densities that laws expect.

    Parameters
    ----------
    samples : mapping of panel titles to array_like, any shape
        Sampled eigenvalues.
    laws : mapping of panel titles to mappings of names to array_like, shape (bins,)
        The expected share of all eigenvalues in each bin.
    edges : array_like, shape (bins + 1,)
        Equally spaced.
    xlabel : str

    Returns
    -------
    Figure

    Examples
    --------
    >>> drawn = sampled_beside_laws({"coins": [0.1, 0.9]}, {"coins": {"fair": [0.5, 0.5]}}, [0, 0.5, 1])
    """
    axes = figure(None, size=(7.2, 3.0), panels=(1, len(samples)), squeeze=False)[0]
    bins = np.asarray(edges, dtype=float)
    width = bins[1] - bins[0]
    for ax, (title, values) in zip(axes, samples.items(), strict=True):
        found, _ = np.histogram(np.ravel(values), bins)
        ax.stairs(found / np.size(values) / width, bins, fill=True, color=GREY, alpha=0.35, label="draws")
        for number, (name, shares) in enumerate(laws[title].items()):
            ax.stairs(np.asarray(shares) / width, bins, color=PALETTE[number], label=name, linewidth=1.3)
        ax.set(xlabel=xlabel, title=title)
    axes[0].set(ylabel="density")
    handles, labels = axes[-1].get_legend_handles_labels()
    axes[0].figure.legend(handles, labels, fontsize="small", loc="outside lower center", ncols=len(labels))
    first: Axes = axes[0]
    return first


@styled
def errors_of_laws(
    points: Mapping[str, ArrayLike],
    errors: Mapping[str, Mapping[str, ArrayLike]],
    noise: Mapping[str, ArrayLike],
    *,
    ylabel: str = "law - draws",
) -> Axes:
    """Draw how far distribution functions are from sampled ones, one panel for each part of the spectrum.

    Parameters
    ----------
    points : mapping of panel titles to array_like, shape (n,)
        Where the distribution functions were compared.
    errors : mapping of panel titles to mappings of names to array_like, shape (n,)
        The difference for each law.
    noise : mapping of panel titles to array_like, shape (n,)
        One standard error of the draws; a band of two is shaded.
    ylabel : str

    Returns
    -------
    Figure

    Examples
    --------
    >>> x = np.linspace(0, 1, 5)
    >>> drawn = errors_of_laws({"real": x}, {"real": {"limit": x / 10}}, {"real": 0 * x + 0.01})
    """
    axes = figure(None, size=(7.6, 2.9), panels=(1, len(points)), squeeze=False, sharey=True)[0]
    for ax, (title, x) in zip(axes, points.items(), strict=True):
        band = 2 * np.asarray(noise[title])
        ax.fill_between(x, -band, band, color=GREY, alpha=0.35, linewidth=0, label="noise of the draws")
        for number, (name, error) in enumerate(errors[title].items()):
            ax.plot(x, error, color=PALETTE[number], linewidth=1.3, label=name)
        ax.axhline(0, color=GREY, linewidth=0.6)
        ax.locator_params(axis="x", nbins=4)
        ax.set(title=title)
    axes[0].set(ylabel=ylabel)
    handles, labels = axes[0].get_legend_handles_labels()
    axes[0].figure.legend(handles, labels, fontsize="small", loc="outside lower center", ncols=len(labels))
    first: Axes = axes[0]
    return first


@styled
def errors_by_order(
    orders: ArrayLike,
    errors: Mapping[str, Mapping[str, ArrayLike]],
    noise: Mapping[str, ArrayLike],
) -> Axes:
    """Draw the largest error of each law against the order of the matrix, one panel for each part.

    Parameters
    ----------
    orders : array_like, shape (n,)
    errors : mapping of panel titles to mappings of names to array_like, shape (n,)
        Kolmogorov distances from the draws; NaN where a law was not tried.
    noise : mapping of panel titles to array_like, shape (n,)
        The distance that the draws alone make, shaded.

    Returns
    -------
    Figure

    Examples
    --------
    >>> drawn = errors_by_order([2, 4], {"real": {"limit": [0.1, 0.07]}}, {"real": [0.002, 0.002]})
    """
    axes = figure(None, size=(7.6, 3.1), panels=(1, len(errors)), squeeze=False, sharey=True)[0]
    for ax, (title, laws) in zip(axes, errors.items(), strict=True):
        for number, (name, error) in enumerate(laws.items()):
            ax.plot(orders, error, marker="o", markersize=3.5, color=PALETTE[number], label=name)
        ax.set(xscale="log", yscale="log", xlabel="order N", title=title)
        low = 0.5 * min(np.nanmin(error) for each in errors.values() for error in each.values())
        ax.fill_between(orders, low, noise[title], color=GREY, alpha=0.35, linewidth=0, label="noise")
    axes[0].set(ylabel="largest error")
    axes[-1].legend(fontsize="small")
    first: Axes = axes[0]
    return first
