"""Figures of the circular spectral difference: Δ with its cumulative sum, criteria of conjugacy, noise."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mme.ensembles.difference import CircularSpectralDifference
from mme.plots.style import BLUE, GREEN, GREY, ORANGE, PALETTE, figure, styled

__all__ = ["csd", "cumulative_sums", "variance_by_draw"]


@styled
def csd(difference: CircularSpectralDifference, *, until: float | None = None, linear: float = 0.1) -> Figure:
    """Draw Δ(ε) above its cumulative sum, with the range of the draws.

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
    upper, lower = figure(None, size=(7.0, 4.6), panels=(2, 1), sharex=True)
    sums = np.cumsum(difference.differences, axis=1) * difference.width
    rows = ((upper, difference.differences, difference.difference), (lower, sums, sums.mean(axis=0)))
    for ax, draws, mean in rows:
        ax.axhline(0, color=GREY, linewidth=0.6)
        ax.stairs(
            draws.max(axis=0), difference.edges, baseline=draws.min(axis=0), fill=True, color=BLUE, alpha=0.3
        )
        ax.stairs(mean, difference.edges, baseline=None, color=BLUE, linewidth=1.0)
    upper.set(ylabel="Δ(ε)")
    upper.set_yscale("symlog", linthresh=linear)
    lower.set(ylabel="cumulative, times w", xlabel="ε", xlim=(difference.edges[0], until))
    root: Figure = upper.get_figure(root=True)
    return root


@styled
def cumulative_sums(panels: Mapping[str, Mapping[str, CircularSpectralDifference]]) -> Figure:
    """Draw cumulative sums of several differences, one panel for each way to normalise.

    Parameters
    ----------
    panels : mapping of titles to mappings of names to CircularSpectralDifference
        The same names in each panel, for one legend serves all.

    Returns
    -------
    Figure
        Where a curve ends, there is a dot.

    Examples
    --------
    >>> from mme.ensembles import circular_spectral_difference
    >>> one = circular_spectral_difference({"fc": 2 * np.eye(40)}, "sampled", rng=1)
    >>> drawn = cumulative_sums({"in the window": {"identity": one}})
    """
    axes = figure(None, size=(7.4, 3.2), panels=(1, len(panels)), squeeze=False, sharey=True)[0]
    for ax, (title, differences) in zip(axes, panels.items(), strict=True):
        ax.axhline(0, color=GREY, linewidth=0.6)
        for number, (name, difference) in enumerate(differences.items()):
            colour = PALETTE[number % 5]
            sums = difference.cumulative * difference.width
            ax.plot(difference.edges[1:], sums, color=colour, linewidth=1.3, label=name)
            ax.plot(difference.edges[-1], sums[-1], "o", color=colour, markersize=5, clip_on=False, zorder=3)
        ax.set(title=title, xlabel="ε")
    axes[0].set(ylabel="cumulative CSD, times w")
    axes[-1].legend(loc="upper left", bbox_to_anchor=(1, 1))
    root: Figure = axes[0].get_figure(root=True)
    return root


@styled
def variance_by_draw(
    difference: CircularSpectralDifference, exact: float | None = None, *, ax: Axes | None = None
) -> Axes:
    """Draw Var Δ of each draw, their mean, and what is left of it without the noise of the draws.

    Parameters
    ----------
    difference : CircularSpectralDifference
        Drawn at least three times.
    exact : float, optional
        Var Δ against the law of the conjugate.
    ax : matplotlib Axes, optional

    Returns
    -------
    Figure

    Examples
    --------
    >>> from mme.ensembles import circular_spectral_difference
    >>> drawn = variance_by_draw(circular_spectral_difference({"fc": np.eye(40)}, "sampled", rng=1, draws=8))
    """
    ax = figure(ax, size=(6.6, 2.4))
    # Dots of one row would hide each other, so each stands a little above or below.
    height = 2 + 0.25 * np.sin(2.4 * np.arange(len(difference.variances)))
    ax.plot(difference.variances, height, "o", color=GREY, alpha=0.6, markersize=4, markeredgewidth=0)
    rows = (
        (1, BLUE, difference.variance, difference.standard_error),
        (0, ORANGE, difference.variance_without_noise, difference.standard_error_without_noise),
    )
    for row, colour, value, error in rows:
        ax.errorbar(value, row, xerr=error, fmt="o", color=colour, capsize=4, markersize=6)
    names = ["without the noise", "mean over draws", "single draws"]
    if exact is not None:
        ax.axvline(exact, color=GREEN, linewidth=1.4)
        ax.annotate(
            "the law", (exact, 2.6), xytext=(4, 0), textcoords="offset points", color=GREEN, va="center"
        )
    ax.set(yticks=[0, 1, 2], yticklabels=names, ylim=(-0.6, 2.9), xlabel="Var(CSD)")
    ax.tick_params(axis="y", length=0)
    return ax
