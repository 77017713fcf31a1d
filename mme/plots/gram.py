"""Figures of the chapters on the Gram matrix and its blocks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from mme.dln.blocks import tridiagonal_block
from mme.plots.style import GREY, figure, styled

__all__ = ["block_spectra", "gram_matrix_image"]


@styled
def gram_matrix_image(gram: ArrayLike, block: int | None = None, ax: Axes | None = None) -> Axes:
    """Draw the absolute values of a matrix's entries, zeros blank.

    Parameters
    ----------
    gram : array_like, shape (n, n)
    block : int, optional
        Order of the blocks along the diagonal, to mark them.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> from mme.dln import gram_matrix
    >>> fig = gram_matrix_image(gram_matrix([2.0, 1.0], depth=3, field="C"), block=2)
    """
    ax = figure(ax, size=(4.6, 3.8))
    sizes = np.abs(np.asarray(gram, dtype=float))
    sizes[sizes < 1e-12 * sizes.max()] = np.nan
    image = ax.imshow(sizes, cmap="cividis")
    bar = ax.figure.colorbar(image, ax=ax, label="|entry|")
    bar.outline.set_visible(False)
    for start in range(0, len(sizes), block or len(sizes)):
        side = (start - 0.5, start - 0.5 + (block or len(sizes)))
        ax.plot(
            [side[0], side[1], side[1], side[0], side[0]],
            [side[0], side[0], side[1], side[1], side[0]],
            color=GREY,
            lw=0.6,
            clip_on=False,  # the last block ends where the axes do
        )
    ax.set(xticks=[], yticks=[], xlabel="Lie algebra element, then frame", ylabel="the same")
    return ax


@styled
def block_spectra(pairs: Mapping[str, tuple[float, float]], order: int = 11, ax: Axes | None = None) -> Axes:
    """Draw the eigenvalues of the blocks M_n(a, b) of several pairs (a, b).

    Parameters
    ----------
    pairs : mapping of names to (a, b)
    order : int
        n.
    ax : matplotlib Axes, optional

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> fig = block_spectra({"equal": (1.0, 1.0)}, order=5)
    """
    ax = figure(ax)
    for (name, (a, b)), marker in zip(pairs.items(), "os^Dv", strict=False):
        ax.plot(
            np.arange(1, order + 1), np.linalg.eigvalsh(tridiagonal_block(a, b, order)), marker, label=name
        )
    ax.set(xlabel="number of half waves j", ylabel="eigenvalue", ylim=(0, None))
    ax.legend()
    return ax
