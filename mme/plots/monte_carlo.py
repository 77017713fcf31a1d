"""Figures of the chapter on volumes from random points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from mme.algebra import field as field_of
from mme.dln import entropy, kernel, orbit_dimension
from mme.plots.style import BLUE, GREY, figure, styled

__all__ = ["kernel_curves"]


@styled
def kernel_curves(cases: Mapping[str, tuple[Sequence[float], int, str]], *, widest: float = 0.25) -> Figure:
    """Draw log (2πt)^{k/2}/Z(t) against t, beside the entropy formula.

    Parameters
    ----------
    cases : mapping of names to (singular values, depth, field)
        With a kernel that is known in closed form.
    widest : float
        Largest t, in units of the smallest λ².

    Returns
    -------
    matplotlib Figure

    Examples
    --------
    >>> fig = kernel_curves({"circle": ([1.0], 2, "C")})
    """
    axes = np.atleast_1d(figure(size=(7.4, 2.9), panels=(1, len(cases))))
    for (name, (sigma, depth, field)), ax in zip(cases.items(), axes, strict=True):
        k = orbit_dimension(len(sigma), depth=depth, field=field_of(field))
        times = widest * min(sigma) ** (2 / depth) * np.linspace(1, 0.02, 40)
        values = [k / 2 * np.log(2 * np.pi * t) - kernel(sigma, t, depth=depth, field=field) for t in times]
        ax.plot(times, values, color=BLUE)
        ax.axhline(entropy(sigma, depth=depth, field=field), color=GREY, linestyle="--", linewidth=1)
        ax.set(title=name, xlabel="t", xlim=(0, None))
    axes[0].set_ylabel("log volume")
    drawn: Figure = axes[0].get_figure(root=True)
    return drawn
