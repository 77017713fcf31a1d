"""Figures of the chapter on networks: each trained network beside its untrained control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mme.ensembles.density import SpectralDensity
from mme.ensembles.difference import CircularSpectralDifference
from mme.plots.style import BLUE, GREY, ORANGE, PALETTE, figure, styled

__all__ = ["differences_beside_controls", "spectra_beside_controls", "variance_beside_controls"]


@styled
def variance_beside_controls(
    trained: Mapping[str, CircularSpectralDifference],
    untrained: Mapping[str, CircularSpectralDifference | Sequence[CircularSpectralDifference]],
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw Var(CSD) of trained networks, each in one row with its untrained controls.

    Parameters
    ----------
    trained : mapping of names to CircularSpectralDifference
    untrained : mapping of names to one CircularSpectralDifference or several
        The controls of the same networks.
    ax : matplotlib Axes, optional

    Returns
    -------
    Figure
        Bars are one standard error over the draws; the tick below each row's marks is its noise floor.

    Examples
    --------
    >>> from mme.ensembles import circular_spectral_difference
    >>> nets = [{"fc": np.random.default_rng(seed).normal(size=(40, 60)) / 8} for seed in range(3)]
    >>> csds = [circular_spectral_difference(net, "deterministic") for net in nets]
    >>> drawn = variance_beside_controls({"net": csds[0]}, {"net": csds[1:]})
    """
    ax = figure(ax, size=(7.0, 0.9 + 0.27 * len(trained)))
    rows = {name: -row for row, name in enumerate(trained)}
    for name, row in rows.items():
        controls = untrained[name]
        for control in controls if isinstance(controls, Sequence) else [controls]:
            error = control.standard_error
            ax.errorbar(control.variance, row, xerr=error, color=ORANGE, fmt="o", markersize=8, mfc="none")
        csd = trained[name]
        ax.errorbar(
            csd.variance, row, xerr=csd.standard_error, color=BLUE, fmt="o", markersize=4, linewidth=1.2
        )
        ax.plot(csd.noise_floor, row, "|", color=GREY, markersize=9)
    marks = [
        ("o", BLUE, BLUE, "trained"),
        ("o", ORANGE, "none", "untrained"),
        ("|", GREY, GREY, "noise floor"),
    ]
    for marker, edge, face, label in marks:
        ax.plot([], [], marker, color=edge, markerfacecolor=face, label=label)
    ax.set_yticks(list(rows.values()), list(rows))
    ax.tick_params(axis="y", length=0)
    ax.set(xscale="log", xlabel="Var(CSD)", ylim=(-len(rows) + 0.4, 0.6))
    ax.grid(axis="y")
    ax.spines["left"].set_visible(False)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    return ax


@styled
def spectra_beside_controls(
    trained: Mapping[str, SpectralDensity],
    untrained: Mapping[str, SpectralDensity],
    conjugate: Mapping[str, SpectralDensity],
    *,
    notes: Mapping[str, str] | None = None,
) -> Figure:
    """Draw the spectral densities of networks, one panel each, with the untrained control and the conjugate.

    Parameters
    ----------
    trained, untrained, conjugate : mapping of names to SpectralDensity
        With the same names; a density that was drawn several times is averaged.
    notes : mapping of names to str, optional
        A line under the title of each panel.

    Returns
    -------
    Figure

    Examples
    --------
    >>> from mme.ensembles import deterministic_spectrum, layer_matrix_ensemble, pooled_spectrum
    >>> from mme.ensembles import spectral_density
    >>> nets = [{"fc": np.random.default_rng(seed).normal(size=(40, 60)) / 8} for seed in range(2)]
    >>> spectra = [pooled_spectrum(layer_matrix_ensemble(net)) for net in nets]
    >>> rho = [spectral_density(each, bins=60) for each in (*spectra, deterministic_spectrum([40]))]
    >>> drawn = spectra_beside_controls({"net": rho[0]}, {"net": rho[1]}, {"net": rho[2]})
    """
    count = len(trained)
    axes = figure(None, size=(2.6 * count + 1.2, 3.1), panels=(1, count), squeeze=False, sharey=True)[0]
    for ax, name in zip(axes, trained, strict=True):
        curves = [
            (conjugate, GREY, "conjugate"),
            (untrained, ORANGE, "untrained"),
            (trained, BLUE, "trained"),
        ]
        for densities, colour, label in curves:
            rho = densities[name]
            mean = np.atleast_2d(rho.density).mean(axis=0)
            ax.stairs(
                mean,
                rho.edges,
                color=colour,
                label=label,
                fill=colour == GREY,
                alpha=0.35 if colour == GREY else 1,
            )
        note = f"\n{notes[name]}" if notes else ""
        ax.set_title(f"{name}{note}")
        ax.set(xlabel="ε")
    axes[0].set(ylabel="density ρ(ε)")
    axes[-1].legend()
    root: Figure = axes[0].get_figure(root=True)
    return root


@styled
def differences_beside_controls(
    differences: Mapping[str, CircularSpectralDifference],
    controls: Mapping[str, CircularSpectralDifference] | None = None,
    *,
    until: float | None = None,
) -> Figure:
    """Draw the spectral differences Δ(ε) of networks, and their cumulative sums below.

    Parameters
    ----------
    differences : mapping of names to CircularSpectralDifference
        One colour each.
    controls : mapping of names to CircularSpectralDifference, optional
        Untrained controls, whose sums are drawn dotted.
    until : float, optional
        Where the drawn part of the window ends.

    Returns
    -------
    Figure

    Examples
    --------
    >>> from mme.ensembles import circular_spectral_difference
    >>> csd = circular_spectral_difference({"fc": np.eye(40)}, "deterministic")
    >>> drawn = differences_beside_controls({"identity": csd}, until=2)
    """
    upper, lower = figure(None, size=(7.0, 4.8), panels=(2, 1), sharex=True)
    for number, (name, csd) in enumerate(differences.items()):
        colour = PALETTE[number % 5]
        upper.plot(csd.centres, csd.difference, color=colour, linewidth=0.7)
        lower.plot(csd.centres, csd.cumulative, color=colour, label=name)
        if controls is not None:
            control = controls[name]
            lower.plot(control.centres, control.cumulative, ":", color=colour, label=f"{name}, untrained")
    upper.set(ylabel="Δ(ε)", yscale="symlog")
    lower.set(ylabel="Σ Δ", xlabel="ε", xlim=(0, until))
    for ax in (upper, lower):
        ax.axhline(0, color=GREY, linewidth=0.6)
    lower.legend(ncols=2 if controls is not None else 1)
    root: Figure = upper.get_figure(root=True)
    return root
