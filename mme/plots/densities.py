"""Spectral densities over one another: of several spectra, or of a network and its conjugate."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes

from mme.arguments import flag, listed, number, of_type
from mme.ensembles.density import SpectralDensity
from mme.plots.style import BLUE, COLOURS, GREY, LONGEST, binned, figure, label, pair, styled

__all__ = ["densities", "network_density"]


@styled
def densities(
    densities: Mapping[str, SpectralDensity] | SpectralDensity, *, log: bool = False,
    zoom: tuple[float, float] | None = None, ax: Axes | None = None,
) -> Axes:  # fmt: skip
    """Draw spectral densities over one another, each as a step curve.

    Parameters
    ----------
    densities : mapping of names to SpectralDensity, or one
        A density that was drawn several times is averaged.
    log : bool
        Take a logarithmic axis for the density.
    zoom : (float, float), optional
        Draw this part of the window once more, in a panel beside the first.
    ax : matplotlib Axes, optional
        Draw here, without a second panel.

    Returns
    -------
    Figure

    Examples
    --------
    >>> from mme.ensembles import PooledSpectrum, spectral_density
    >>> spectrum = PooledSpectrum([0, 0, 1, 2, 2.5], structural_zeros=2)
    >>> rho = {zeros: spectral_density(spectrum, bins=12, zeros=zeros) for zeros in ("keep", "half", "drop")}
    >>> drawn = densities(rho, zoom=(0, 1))
    """
    if isinstance(densities, SpectralDensity):
        densities = {"density": densities}
    of_type("densities", densities, Mapping, "a mapping of names to SpectralDensity")
    listed("densities", densities, "spectral densities by their names")
    log = flag("log", log)
    for name, rho in densities.items():
        binned(f"densities[{name!r}]", rho, SpectralDensity, "density", (1, 2))
    if zoom is not None:
        zoom = pair("zoom", zoom, number)
        number("zoom[1]", zoom[1], above=zoom[0])
    ratios = [1.0] if zoom is None or ax is not None else [2.2, 1.0]
    opened = figure(ax, size=(5.8, 3.3), panels=(1, len(ratios)), sharey=True, width_ratios=ratios)
    panels: list[Axes] = list(np.ravel(opened))
    for panel in panels:
        for (name, rho), colour in zip(densities.items(), cycle(COLOURS), strict=False):
            heights = _heights(rho)
            panel.stairs(heights, rho.edges, baseline=None, color=colour, linewidth=1.4, label=label(name))
        panel.set(xlabel="ε", yscale="log" if log else "linear")
    panels[0].set(ylabel="density ρ(ε)")
    panels[0].legend()
    if len(panels) > 1:
        panels[1].set(xlim=zoom)
    return panels[0]


@styled
def network_density(
    density: SpectralDensity, conjugate: SpectralDensity, *, name: str, ax: Axes | None = None
) -> Axes:
    """Draw the pooled density of a network, and that of its conjugate ensemble.

    Parameters
    ----------
    density, conjugate : SpectralDensity
        Of several draws the mean is drawn.
    name : str
        Of the network.
    ax : matplotlib Axes, optional

    Returns
    -------
    Figure

    Examples
    --------
    >>> from mme.ensembles import PooledSpectrum, spectral_density
    >>> rho = spectral_density(PooledSpectrum([0.5, 1.0, 2.0]), bins=10)
    >>> drawn = network_density(rho, rho, name="mine")
    """
    binned("density", density, SpectralDensity, "density", (1, 2))
    binned("conjugate", conjugate, SpectralDensity, "density", (1, 2))
    of_type("name", name, str, "a string")
    ax = figure(ax, size=(5.8, 3.6))
    ax.stairs(_heights(conjugate), conjugate.edges, color=GREY, linewidth=1, label="circular ensemble")
    ax.stairs(_heights(density), density.edges, color=BLUE, label=label(name, LONGEST))
    ax.set_yscale("symlog", linthresh=0.1)
    ax.set(xlabel="ε", ylabel="ρ(ε)", ylim=(0, None))
    ax.legend()
    return ax


def _heights(rho: SpectralDensity) -> np.ndarray:
    """The density in each bin, the mean over the draws."""
    return np.asarray(np.atleast_2d(rho.density).mean(axis=0))
