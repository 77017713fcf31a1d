"""Figures of Part I: layer matrices, circular ensembles, spectra, their difference, equivalence.

Each function stands for itself. It takes the results of `mme.ensembles`, or plain numbers, and returns a
closed matplotlib figure; with ``ax=`` it draws into axes of your own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from mme.ensembles.density import SpectralDensity
from mme.ensembles.difference import CircularSpectralDifference
from mme.ensembles.equivalence import EquivalenceClasses
from mme.plots.style import BLUE, GREY, ORANGE, PALETTE, figure, styled

__all__ = [
    "equivalence_classes",
    "spectra_beside_controls",
    "spectral_differences",
    "variance_beside_controls",
    "variance_curves",
]


@styled
def variance_curves(
    along: ArrayLike,
    variances: Mapping[str, ArrayLike],
    *,
    axis: str,
    floor: ArrayLike | None = None,
    default: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw how Var(CSD) follows a choice: the number of bins, the window, the scale of the weights.

    Parameters
    ----------
    along : array_like, shape (n,)
        The values of the choice, positive.
    variances : mapping of names to array_like, each of shape (n,)
        Var(CSD) for each of them; both axes are logarithmic.
    axis : str
        What the choice is, for the label of the horizontal axis.
    floor : array_like, shape (n,), optional
        The noise floor, drawn as a shaded region.
    default : float, optional
        The value that the book takes, marked by a vertical line.
    ax : matplotlib Axes, optional

    Returns
    -------
    Figure

    Examples
    --------
    >>> drawn = variance_curves([10, 100, 1000], {"network": [0.1, 0.2, 0.4]}, axis="bins", default=1000)
    """
    ax = figure(ax, size=(6.4, 3.2))
    for name, variance in variances.items():
        ax.plot(along, variance, marker="o", markersize=4, label=name)
    if floor is not None:
        bottom = min(np.min(floor), *(np.min(variance) for variance in variances.values())) / 2
        ax.fill_between(along, bottom, floor, color=GREY, alpha=0.2, linewidth=0, label="noise floor")
    if default is not None:
        ax.axvline(default, color=GREY, linewidth=0.8, linestyle=":")
    ax.set(xscale="log", yscale="log", xlabel=axis, ylabel="Var(CSD)")
    ax.legend()
    return ax


@styled
def equivalence_classes(*found: EquivalenceClasses, log: bool = False, ax: Axes | None = None) -> Axes:
    """Draw networks on the axis of Var(CSD), and the classes into which they fall.

    Parameters
    ----------
    *found : EquivalenceClasses
        Of the same networks, one row each.
    log : bool
        Take a logarithmic axis. On a linear one a bar of length δ is drawn for scale.
    ax : matplotlib Axes, optional

    Returns
    -------
    Figure

    Examples
    --------
    >>> from mme.ensembles import equivalence_classes as classes
    >>> variances = {"a": 0.10, "b": 0.19, "c": 0.26, "d": 0.5}
    >>> found = [classes(variances, delta=0.1, linkage=rule) for rule in ("complete", "single")]
    >>> drawn = equivalence_classes(*found)
    """
    ax = figure(ax, size=(7.0, 1.1 + 0.75 * len(found)))
    values = found[0].variances
    for row, each in enumerate(reversed(found)):
        for number, members in enumerate(each.classes):
            ends = [values[members[0]], values[members[-1]]]
            ax.plot(
                ends, [row, row], color=PALETTE[number % 5], linewidth=13, alpha=0.35, solid_capstyle="round"
            )
        ax.scatter(list(values.values()), [row] * len(values), s=14, color=GREY, zorder=3)
    ax.set_yticks(range(len(found)), [f"{each.linkage} linkage" for each in reversed(found)])
    top = len(found) - 0.55
    for name, value in values.items():
        ax.annotate(name, (value, top), rotation=40, ha="left", va="bottom", fontsize="small")
    if log:
        ax.set_xscale("log")
    else:
        low = min(values.values())
        ax.plot([low, low + found[0].delta], [-0.6, -0.6], color=GREY, linewidth=2)
        ax.annotate("δ", (low + found[0].delta, -0.6), xytext=(4, 0), textcoords="offset points", va="center")
    ax.set(xlabel="Var(CSD)", ylim=(-0.85, top))
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    return ax


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
def spectral_differences(
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
        The same for untrained controls, drawn dotted.
    until : float, optional
        Where the drawn part of the window ends.

    Returns
    -------
    Figure

    Examples
    --------
    >>> from mme.ensembles import circular_spectral_difference
    >>> csd = circular_spectral_difference({"fc": np.eye(40)}, "deterministic")
    >>> drawn = spectral_differences({"identity": csd}, until=2)
    """
    upper, lower = figure(None, size=(7.0, 4.8), panels=(2, 1), sharex=True)
    for number, (name, csd) in enumerate(differences.items()):
        colour = PALETTE[number % 5]
        pairs = [(csd, "-", name)]
        if controls is not None:
            pairs.append((controls[name], ":", f"{name}, untrained"))
        for each, line, label in pairs:
            upper.plot(each.centres, each.difference, line, color=colour, linewidth=0.9, label=label)
            lower.plot(each.centres, each.cumulative, line, color=colour, label=label)
    upper.set(ylabel="Δ(ε)", yscale="symlog")
    lower.set(ylabel="Σ Δ", xlabel="ε", xlim=(0, until))
    for ax in (upper, lower):
        ax.axhline(0, color=GREY, linewidth=0.6)
    lower.legend(ncols=2 if controls is not None else 1)
    root: Figure = upper.get_figure(root=True)
    return root
