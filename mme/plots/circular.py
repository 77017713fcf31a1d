"""Figures of circular ensembles: traces, a matrix and its modulus, eigenvalues on the circle, their gaps."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from scipy.special import gamma

from mme.plots.style import BLUE, GREY, ORANGE, PALETTE, figure, styled

__all__ = ["eigenphases", "gaps", "traces", "unitary_and_modulus"]


@styled
def traces(clouds: Mapping[str, ArrayLike]) -> Figure:
    """Draw clouds of complex numbers, one panel each, with their means.

    Parameters
    ----------
    clouds : mapping of names to arrays of complex numbers
        For instance the traces of random unitary matrices.

    Returns
    -------
    Figure
        The mean is a cross, and the dashed lines meet at zero.

    Examples
    --------
    >>> from mme.algebra import C
    >>> drawn = traces({"Haar": np.trace(C.haar(4, size=100, rng=1), axis1=1, axis2=2)})
    """
    size = (min(2.5 * len(clouds), 7.4), 2.9)
    axes = figure(None, size=size, panels=(1, len(clouds)), squeeze=False, sharex=True, sharey=True)[0]
    for ax, (name, cloud) in zip(axes, clouds.items(), strict=True):
        values = np.ravel(cloud)
        ax.axhline(0, color=GREY, linewidth=0.7, linestyle="--")
        ax.axvline(0, color=GREY, linewidth=0.7, linestyle="--")
        ax.scatter(values.real, values.imag, s=3, color=BLUE, alpha=0.4, linewidths=0)
        mean = values.mean()
        ax.plot(mean.real, mean.imag, "P", color=ORANGE, markersize=10, markeredgecolor="white")
        ax.set(title=name, aspect="equal", xlabel="real part")
    axes[0].set(ylabel="imaginary part")
    root: Figure = axes[0].get_figure(root=True)
    return root


@styled
def unitary_and_modulus(unitary: ArrayLike) -> Figure:
    """Draw a unitary matrix, with phases as colours, beside the moduli of its entries.

    Parameters
    ----------
    unitary : array_like of complex, shape (N, N)

    Returns
    -------
    Figure
        On the left each entry has the colour of its phase, paler where its modulus is small.

    Examples
    --------
    >>> from mme.algebra import C
    >>> drawn = unitary_and_modulus(C.haar(12, rng=1))
    """
    entries = np.asarray(unitary)
    left, right = figure(None, size=(6.6, 3.0), panels=(1, 2))
    moduli = np.abs(entries)
    phases = left.imshow(
        np.angle(entries),
        cmap="hsv",
        vmin=-np.pi,
        vmax=np.pi,
        alpha=moduli / moduli.max(),
        interpolation="none",
    )
    sizes = right.imshow(moduli, cmap="cividis", vmin=0, interpolation="none")
    for ax, image, name in ((left, phases, "phase of U"), (right, sizes, "modulus |U|")):
        bar = ax.figure.colorbar(image, ax=ax, shrink=0.8)
        bar.outline.set_visible(False)
        if image is phases:
            bar.set_ticks([-np.pi, 0, np.pi], labels=["−π", "0", "π"])
            bar.solids.set(alpha=1)
        ax.set(title=name, xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    root: Figure = left.get_figure(root=True)
    return root


@styled
def eigenphases(angles: Mapping[str, ArrayLike]) -> Figure:
    """Draw points on the unit circle, one panel for each set.

    Parameters
    ----------
    angles : mapping of names to arrays of angles
        In radians, such as the phases of the eigenvalues of a unitary matrix.

    Returns
    -------
    Figure

    Examples
    --------
    >>> from mme.algebra import C
    >>> drawn = eigenphases({"CUE": np.angle(np.linalg.eigvals(C.haar(30, rng=1)))})
    """
    axes = figure(None, size=(min(2 * len(angles), 7.4), 2.3), panels=(1, len(angles)), squeeze=False)[0]
    circle = np.exp(1j * np.linspace(0, 2 * np.pi, 200))
    for ax, (name, values) in zip(axes, angles.items(), strict=True):
        points = np.exp(1j * np.ravel(values))
        ax.plot(circle.real, circle.imag, color=GREY, linewidth=0.7)
        ax.plot(points.real, points.imag, "o", color=BLUE, markersize=4.5, markeredgewidth=0)
        ax.set(title=name, aspect="equal", xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    root: Figure = axes[0].get_figure(root=True)
    return root


@styled
def gaps(
    gaps: Mapping[str, ArrayLike], betas: Mapping[str, float], *, bins: int = 40, ax: Axes | None = None
) -> Axes:
    """Draw histograms of gaps between neighbouring eigenvalues, with Wigner's surmise.

    Parameters
    ----------
    gaps : mapping of names to arrays
        Divided by their mean.
    betas : mapping of names to float
        The power β with which gaps near zero are avoided; 0 stands for independent points.
    bins : int
        Of width 3.5 / bins.
    ax : matplotlib Axes, optional

    Returns
    -------
    Figure

    Examples
    --------
    >>> drawn = gaps({"independent": np.random.default_rng(0).exponential(size=500)}, {"independent": 0})
    """
    ax = figure(ax, size=(6.6, 3.3))
    s, edges = np.linspace(0, 3.5, 200), np.linspace(0, 3.5, bins + 1)
    for number, (name, values) in enumerate(gaps.items()):
        colour, beta = PALETTE[number % 5], betas[name]
        ax.stairs(
            np.histogram(values, edges, density=True)[0], edges, color=colour, alpha=0.55, linewidth=1.2
        )
        if beta:
            rate = (gamma(beta / 2 + 1) / gamma((beta + 1) / 2)) ** 2
            surmise = 2 * rate ** ((beta + 1) / 2) / gamma((beta + 1) / 2) * s**beta * np.exp(-rate * s**2)
        else:
            surmise = np.exp(-s)
        ax.plot(s, surmise, color=colour, label=name)
    ax.set(xlabel="gap, in units of its mean", ylabel="density", xlim=(0, 3.5), ylim=(0, None))
    ax.legend()
    return ax
