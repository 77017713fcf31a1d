"""Figures of the chapter on repulsion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from scipy.stats import chi

from mme.plots.style import PALETTE, figure, styled

__all__ = ["repulsion_and_its_absence"]


@styled
def repulsion_and_its_absence(
    hermitian: Mapping[str, ArrayLike],
    entropic: Mapping[str, ArrayLike],
    *,
    betas: Sequence[float],
    bins: int = 50,
) -> Figure:
    """Draw histograms of gaps between two eigenvalues, and between two singular values.

    Parameters
    ----------
    hermitian : mapping of names to array_like, shape (n,)
        Gaps of 2 × 2 matrices of the Gaussian β-ensembles; their exact law is drawn beside them.
    entropic : mapping of names to array_like, shape (n,)
        Gaps of singular values.
    betas : sequence of float
        β of each entry of `hermitian`.
    bins : int

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> gaps = {"β = 1": rng.uniform(size=99)}
    >>> fig = repulsion_and_its_absence(gaps, gaps, betas=[1])
    """
    left, right = figure(size=(7.4, 3.2), panels=(1, 2))
    for ax, gaps in ((left, hermitian), (right, entropic)):
        for (name, values), colour in zip(gaps.items(), PALETTE, strict=False):
            ax.hist(values, bins, density=True, histtype="step", color=colour, label=name)
        ax.set(xlabel="gap s", xlim=(0, None))
    reach = np.linspace(0, max(float(np.max(values)) for values in hermitian.values()), 200)
    for beta, colour in zip(betas, PALETTE, strict=False):
        law = chi.pdf(reach / np.sqrt(2), beta + 1) / np.sqrt(2)
        left.plot(reach, law, color=colour, linewidth=0.8, alpha=0.7)
    left.set(title="eigenvalues", ylabel="density")
    right.set(title="singular values, weight $e^S$")
    left.legend()
    drawn: Figure = left.get_figure(root=True)
    return drawn
