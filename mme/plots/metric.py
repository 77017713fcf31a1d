"""Figures of the chapters on the metric and on infinite depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mme.algebra import field as field_of
from mme.dln import infinite_depth_entropy, log_metric_eigenvalues, renormalised_entropy
from mme.plots.style import BLUE, PALETTE, figure, styled

__all__ = ["approach_to_infinite_depth", "metric_balls"]


@styled
def metric_balls(
    depths: Sequence[int] = (1, 4), *, values: Sequence[float] = (0.1, 0.5, 1.0, 1.5), size: float = 0.12
) -> Figure:
    """Draw unit balls of the metric g^N among the diagonal 2 × 2 matrices.

    Parameters
    ----------
    depths : sequence of int
        One panel each.
    values : sequence of float
        Singular values at which balls are drawn.
    size : float
        Radius of a drawn ball where the metric is flat.

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> fig = metric_balls(depths=(1, 3), values=(0.5, 1.0))
    """
    axes = np.atleast_1d(figure(size=(6.6, 3.4), panels=(1, len(depths)), sharex=True, sharey=True))
    angle = np.linspace(0, 2 * np.pi, 100)
    for depth, ax in zip(depths, axes, strict=True):
        for first in values:
            for second in values:
                # Along the diagonal the metric is 1/μ_kk in each direction.
                reach = (
                    size
                    * np.exp(np.diag(log_metric_eigenvalues([first, second], depth=depth)) / 2)
                    / np.sqrt(depth)
                )
                ax.plot(first + reach[0] * np.cos(angle), second + reach[1] * np.sin(angle), color=BLUE, lw=1)
        ax.set(title=f"N = {depth}", xlabel="σ₁", aspect="equal")
    axes[0].set_ylabel("σ₂")
    drawn: Figure = axes[0].get_figure(root=True)
    return drawn


@styled
def approach_to_infinite_depth(
    matrices: Mapping[str, Sequence[float]], *, field: str = "C", ax: Axes | None = None
) -> Axes:
    """Draw how far the renormalised entropy is from its limit, against the depth.

    Parameters
    ----------
    matrices : mapping of names to singular values
    field : {"R", "C", "H"}
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> fig = approach_to_infinite_depth({"det X = 2": (2.0, 1.0)}, field="R")
    """
    ax = figure(ax)
    scalars = field_of(field)
    depths = np.unique(np.logspace(0, 4, 30).astype(int))
    for (name, sigma), colour, marker in zip(matrices.items(), PALETTE, "os^Dv", strict=False):
        x = np.log(np.asarray(sigma, dtype=float))
        limit = infinite_depth_entropy(sigma, field=field)
        distance = [
            abs(renormalised_entropy(sigma, depth=int(depth), field=field) - limit) for depth in depths
        ]
        ax.loglog(depths, distance, marker, color=colour, markersize=4, label=name)
        slope = scalars.group_dimension(len(x)) / len(x) * abs(x.sum())
        pairs = (x[:, None] - x)[np.triu_indices(len(x), 1)]
        leading = slope / depths if slope > 1e-12 else scalars.beta / 12 * (pairs**2).sum() / depths**2
        ax.loglog(depths, leading, "-", color=colour, linewidth=1, alpha=0.6)
    ax.set(xlabel="depth N", ylabel="distance from the limit")
    ax.legend()
    return ax
