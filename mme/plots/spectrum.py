"""Figures of many layers at once: how spectra are pooled, and the densities that come out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from mme.ensembles.density import SpectralDensity
from mme.ensembles.spectrum import Ensemble
from mme.plots.style import BLUE, GREY, ORANGE, PALETTE, figure, styled

__all__ = ["densities", "pooling"]

LOWEST = 1e-6  # relative to the largest eigenvalue


@styled
def pooling(ensemble: Ensemble, *, bins: int = 60) -> Axes:
    """Draw the spectrum of each layer, and what is left of it after pooling.

    Parameters
    ----------
    ensemble : LayerMatrixEnsemble or another ensemble, drawn once
    bins : int
        Of the pooled histogram, equally wide on the logarithmic axis.

    Returns
    -------
    Figure
        Above, the eigenvalues that are not structural zeros, layer by layer and pooled, down to 1e-6 of the
        largest. Below, the share of the structural zeros.

    Examples
    --------
    >>> from mme.ensembles import layer_matrix_ensemble
    >>> rng = np.random.default_rng(0)
    >>> drawn = pooling(layer_matrix_ensemble({f"fc{n}": rng.normal(size=(n, 20)) for n in (10, 30, 50)}))
    """
    axes = figure(
        None,
        size=(7.4, 4.4),
        panels=(2, 2),
        sharey="row",
        gridspec_kw={"width_ratios": [3.2, 1], "height_ratios": [3.2, 1]},
    )
    spectra: Axes
    (spectra, pooled), (shares, share) = axes
    layers = list(ensemble.spectra())
    values = [layer.eigenvalues[layer.structural_zeros :] for layer in layers]
    everything = np.concatenate(values)
    lowest = max(everything[everything > 0].min(), LOWEST * everything.max())
    place = np.arange(1, len(layers) + 1)
    for number, shown in zip(place, values, strict=True):
        spectra.plot(np.full(len(shown), number), shown, "_", color=BLUE, markersize=5, alpha=0.4)
    edges = np.geomspace(lowest, everything.max(), bins + 1)
    pooled.stairs(
        np.histogram(everything, edges)[0], edges, orientation="horizontal", fill=True, color=BLUE, alpha=0.6
    )
    zeros, orders = np.array([layer.structural_zeros for layer in layers]), np.array(ensemble.orders)
    shares.bar(place, zeros / orders, color=ORANGE, width=0.8)
    share.axhspan(0, zeros.sum() / orders.sum(), color=ORANGE, linewidth=0)
    share.annotate(
        f"{zeros.sum() / orders.sum():.0%} of all",
        (0.5, zeros.sum() / orders.sum()),
        xycoords=("axes fraction", "data"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        va="bottom",
    )
    spectra.set(
        yscale="log", ylim=(lowest / 2, everything.max() * 2), ylabel="eigenvalues", title="layer by layer"
    )
    pooled.set(title="pooled")
    shares.set(xlabel="layer", ylabel="zeros", ylim=(0, 1.3), yticks=[0, 1], yticklabels=["0", "all"])
    shares.set(xlim=(0.2, len(layers) + 0.8))
    spectra.set(xlim=shares.get_xlim(), xticklabels=[])
    pooled.set(xlabel="eigenvalues in a bin")
    share.set(xticks=[])
    return spectra


@styled
def densities(
    densities: Mapping[str, SpectralDensity],
    *,
    log: bool = False,
    zoom: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw spectral densities over one another, each as a step curve.

    Parameters
    ----------
    densities : mapping of names to SpectralDensity
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
    panels = [ax]
    if ax is None:
        ratios = [2.2, 1] if zoom else [1]
        options = {"squeeze": False, "gridspec_kw": {"width_ratios": ratios}, "sharey": True}
        panels = list(figure(None, size=(7.2, 3.3), panels=(1, len(ratios)), **options)[0])
    for panel in panels:
        assert panel is not None
        for number, (name, rho) in enumerate(densities.items()):
            mean = np.atleast_2d(rho.density).mean(axis=0)
            panel.stairs(mean, rho.edges, baseline=None, color=PALETTE[number % 5], linewidth=1.4, label=name)
        panel.set(xlabel="ε", yscale="log" if log else "linear")
        panel.spines["left"].set_color(GREY)
    first = panels[0]
    assert first is not None
    first.set(ylabel="density ρ(ε)")
    first.legend()
    if zoom is not None and panels[-1] is not first:
        assert panels[-1] is not None
        panels[-1].set(xlim=zoom)
    return first
