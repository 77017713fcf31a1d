"""Figures of one layer: its weight tensor as a matrix, and its spectrum by both Gram sides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from mme.ensembles.layers import Layer
from mme.plots.style import BLUE, GREY, ORANGE, figure, styled

__all__ = ["gram_sides", "unfolding"]

COLOURS = "RdBu_r"  # white is zero
LOWEST = 1e-19  # relative to the largest eigenvalue: below all that rounding leaves


@styled
def unfolding(layer: Layer, *, filters: int = 6, axes: Sequence[Axes] | None = None) -> Axes:
    """Draw a weight tensor, the matrix A that it is stacked into, and the layer matrix X = A Aᵀ.

    Parameters
    ----------
    layer : Layer
    filters : int
        How many filters of the tensor to draw, channel by channel; at most eight channels of each are shown.
    axes : three matplotlib Axes, optional

    Returns
    -------
    Figure

    Examples
    --------
    >>> weights = np.random.default_rng(0).normal(size=(12, 3, 3, 3))
    >>> drawn = unfolding(Layer("stem", weights))
    """
    if axes is None:
        ratios = {"width_ratios": [0.75, 1, 1.15]}
        axes = figure(None, size=(8.4, 3.1), panels=(1, 3), gridspec_kw=ratios)
    shown = min(filters, layer.order)
    panels = [
        (_tiles(layer.tensor[:shown]), f"W, filters 1 to {shown}", "channels", "filters"),
        (layer.weights, "A, one filter a row", f"M = {layer.columns}", f"N = {layer.order}"),
        (layer.matrix, "X = A Aᵀ", f"N = {layer.order}", ""),
    ]
    for ax, (image, title, across, down) in zip(axes, panels, strict=True):
        limit = np.nanquantile(np.abs(image), 0.995) or 1.0
        ax.imshow(image, cmap=COLOURS, vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest")
        ax.set(title=title, xlabel=across, ylabel=down, xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    axes[0].set_aspect("equal")
    axes[2].set_aspect("equal")
    # The rows of A that hold the filters on the left.
    axes[1].plot(
        [-0.5 - 0.02 * layer.columns] * 2, [-0.5, shown - 0.5], color=GREY, linewidth=2, clip_on=False
    )
    return axes[0]


@styled
def gram_sides(layer: Layer, *, ax: Axes | None = None) -> Axes:
    """Draw the eigenvalues of a layer matrix as X itself gives them, and as the smaller Gram side does.

    Parameters
    ----------
    layer : Layer
        Best one with more rows than columns, N > M.
    ax : matplotlib Axes, optional

    Returns
    -------
    Figure
        Moduli on a logarithmic axis, those below 1e-19 of the largest at its foot. What X gives in place of
        the structural zeros is rounding; negative ones are crosses.

    Examples
    --------
    >>> weights = np.random.default_rng(0).normal(size=(40, 25))
    >>> drawn = gram_sides(Layer("tall", weights))
    """
    ax = figure(ax, size=(7.0, 3.4))
    direct = np.linalg.eigvalsh(layer.matrix)
    direct = direct[np.argsort(-np.abs(direct))]
    bottom = LOWEST * np.abs(direct[0])
    height = np.maximum(np.abs(direct), 2 * bottom)
    place, negative = np.arange(1, layer.order + 1), direct < 0
    exact = layer.eigenvalues[layer.structural_zeros :][::-1]
    ax.plot(place[: len(exact)], exact, color=GREY, linewidth=6, alpha=0.35, label="the smaller Gram side")
    ax.plot(place[~negative], height[~negative], ".", markersize=4, color=BLUE, label="X itself, positive")
    ax.plot(place[negative], height[negative], "x", markersize=4, color=ORANGE, label="X itself, negative")
    if layer.structural_zeros:
        ax.axvspan(len(exact) + 0.5, layer.order + 0.5, color=GREY, alpha=0.12, linewidth=0)
        middle = (len(exact) + layer.order) / 2
        label = f"{layer.structural_zeros} structural zeros"
        ax.annotate(label, (middle, np.abs(direct[0])), ha="center", va="top")
    ax.set(yscale="log", ylim=(bottom, 10 * np.abs(direct[0])), xlim=(0, layer.order + 1))
    ax.set(xlabel="eigenvalue, from the largest on", ylabel="|λ|")
    ax.legend(loc="center right")
    return ax


def _tiles(tensor: np.ndarray, most: int = 8) -> np.ndarray:
    """Arrange the kernels of each filter in a row, one filter below the other, with gaps of NaN between."""
    filters, channels = tensor.shape[0], min(tensor.shape[1], most)
    width = tensor.shape[-1] if tensor.ndim > 2 else 1
    kernels = tensor[:, :channels].reshape(filters, channels, -1, width).astype(float)
    padded = np.pad(kernels, ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=np.nan)
    _, _, height, width = padded.shape
    return padded.transpose(0, 2, 1, 3).reshape(filters * height, channels * width)[:-1, :-1]
