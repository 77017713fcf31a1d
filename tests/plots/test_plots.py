"""Every figure draws, is labelled, and leaves matplotlib as it was."""

from __future__ import annotations

import doctest
import importlib
import inspect
import io
import sys
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import Collection
from matplotlib.figure import Figure

from mme import plots
from mme.ensembles import circular_spectral_difference, equivalence_classes, spectral_density
from mme.ensembles.spectrum import PooledSpectrum

TOOLS = {"PALETTE", "figure", "styled"}
FUNCTIONS = sorted(set(plots.__all__) - TOOLS)

every_function = pytest.mark.parametrize("name", FUNCTIONS)


@pytest.fixture(autouse=True)
def _no_window() -> Iterator[None]:
    before = settings()
    yield
    assert plt.get_fignums() == []
    assert settings() == before


def settings() -> dict[str, Any]:
    return {name: value for name, value in mpl.rcParams.items() if name != "backend"}  # chosen at first use


@cache
def example(name: str) -> tuple[Callable[..., Figure], dict[str, Any]]:
    """Run the example of a function's docstring, and return what it names."""
    function = getattr(plots, name)
    namespace = dict(vars(importlib.import_module(function.__module__)))
    for step in doctest.DocTestParser().get_examples(inspect.getdoc(function) or ""):
        exec(compile(step.source, name, "single"), namespace)
    return function, namespace


def figures(namespace: dict[str, Any]) -> list[Figure]:
    return [value for value in namespace.values() if isinstance(value, Figure)]


def drawn_in(ax: Axes) -> int:
    return len(ax.lines) + len(ax.patches) + len(ax.collections) + len(ax.images)


@every_function
def test_the_example_draws_a_closed_figure(name: str) -> None:
    _, namespace = example(name)
    (made,) = figures(namespace)
    assert plt.get_fignums() == []
    assert sum(drawn_in(ax) for ax in made.axes) > 0
    picture = io.BytesIO()
    made.savefig(picture, format="png", dpi=40)
    assert picture.getvalue().startswith(b"\x89PNG")


@every_function
def test_axes_are_labelled(name: str) -> None:
    _, namespace = example(name)
    (made,) = figures(namespace)
    with_axis = [ax for ax in made.axes if ax.axison and drawn_in(ax)]
    # a panel may do without labels of its own only where it has no numbers on its axes, or shares them
    silent = [
        ax
        for ax in with_axis
        if not (ax.get_xlabel() or ax.get_title() or shares_labels(ax) or not ax.get_xticks().size)
    ]
    assert silent == []
    assert any(ax.get_xlabel() or ax.get_ylabel() or ax.get_title() for ax in made.axes)


def shares_labels(ax: Axes) -> bool:
    return any(other.get_xlabel() for other in ax.get_shared_x_axes().get_siblings(ax))


@every_function
def test_the_background_is_transparent(name: str) -> None:
    _, namespace = example(name)
    (made,) = figures(namespace)
    assert made.get_facecolor()[3] == 0
    assert {ax.get_facecolor()[3] for ax in made.axes} == {0}


@every_function
def test_it_says_what_it_takes(name: str) -> None:
    function = getattr(plots, name)
    text = inspect.getdoc(function) or ""
    assert all(
        section in text for section in ("Parameters\n----------", "Returns\n-------", "Examples\n--------")
    )
    for parameter in inspect.signature(function).parameters:
        assert parameter in text


def test_the_functions_are_all_exported() -> None:
    folder = plots.__name__
    modules = [module for name, module in sys.modules.items() if name.startswith(f"{folder}.")]
    public = {name for module in modules for name in getattr(module, "__all__", ())}
    assert public - {"BLUE", "GREEN", "GREY", "ORANGE", "PURPLE", "SKY"} == set(plots.__all__)
    assert len(FUNCTIONS) > 10


# The house style


def test_styled_closes_the_figure_and_keeps_the_settings() -> None:
    @plots.styled
    def line(ax: Axes | None = None) -> Axes:
        ax = plots.figure(ax, size=(2, 1))
        assert mpl.rcParams["axes.spines.top"] is False
        ax.plot([0, 1], [0, 1])
        return ax

    made = line()
    assert isinstance(made, Figure)
    assert list(made.get_size_inches()) == [2, 1]
    assert mpl.rcParams["axes.spines.top"] is True


def test_figure_takes_axes_of_your_own() -> None:
    yours = Figure()
    ax = yours.subplots()
    assert plots.figure(ax) is ax
    assert plots.variance_beside_controls(*two_networks(), ax=ax) is yours
    assert drawn_in(ax) > 0


def test_several_panels() -> None:
    @plots.styled
    def panels() -> Figure:
        axes = plots.figure(panels=(2, 3))
        assert axes.shape == (2, 3)
        return axes[0, 0].get_figure(root=True)

    assert len(panels().axes) == 6


def test_the_palette_tells_colours_apart() -> None:
    assert len(set(plots.PALETTE)) == len(plots.PALETTE) >= 5


# What the figures of equivalence and of networks show


def two_networks() -> tuple[dict[str, Any], dict[str, Any]]:
    rng = np.random.default_rng(0)
    nets = [{"fc": rng.normal(size=(40, 60)) / 8} for _ in range(3)]
    csds = [circular_spectral_difference(net, "deterministic") for net in nets]
    return {"net": csds[0]}, {"net": csds[1:]}


def test_variance_by_choice_draws_one_curve_a_network() -> None:
    curves = {"a": [0.1, 0.2], "b": [0.3, 0.1]}
    made = plots.variance_by_choice(
        {"bins": ([10, 1000], curves), "scale": ([1, 2], curves)}, defaults={"bins": 1000}
    )
    left, right = made.axes
    assert [line.get_ydata().tolist() for line in left.lines[:2]] == list(curves.values())
    assert left.lines[2].get_xdata() == [1000, 1000]
    assert len(right.lines) == 2
    assert [ax.get_xlabel() for ax in made.axes] == ["bins", "scale"]
    assert [text.get_text() for text in made.legends[0].get_texts()] == ["a", "b"]


def test_classes_have_a_band_each_and_a_row_for_each_network() -> None:
    found = equivalence_classes({"a": 0.1, "b": 0.15, "c": 0.4}, delta=0.1)
    (ax,) = plots.equivalence_classes(found).axes
    bands = [(band.get_y(), band.get_y() + band.get_height()) for band in ax.patches]
    assert bands == [(-0.5, 1.5), (1.5, 2.5)]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b", "c"]
    points = np.concatenate([line.get_xdata() for line in ax.lines[:2]])
    assert points.tolist() == [0.1, 0.15, 0.4]
    ruler = ax.lines[2].get_xdata()
    assert ruler[1] - ruler[0] == pytest.approx(0.1)


def test_a_logarithmic_axis_has_no_ruler() -> None:
    found = equivalence_classes({"a": 0.1, "b": 0.15, "c": 0.4}, delta=0.1)
    (ax,) = plots.equivalence_classes(found, log=True).axes
    assert ax.get_xscale() == "log"
    assert len(ax.lines) == len(found.classes)


def test_a_network_stands_in_the_row_of_its_controls() -> None:
    trained, untrained = two_networks()
    (ax,) = plots.variance_beside_controls(trained, untrained).axes
    shown = {
        (round(line.get_xdata()[0], 9), line.get_ydata()[0]) for line in ax.lines if len(line.get_xdata())
    }
    expected = [
        trained["net"].variance,
        trained["net"].noise_floor,
        *(each.variance for each in untrained["net"]),
    ]
    assert shown == {(round(value, 9), 0) for value in expected}


def test_error_bars_are_one_standard_error_long() -> None:
    csd = circular_spectral_difference({"fc": np.eye(30)}, rng=0, draws=4)
    (ax,) = plots.variance_beside_controls({"net": csd}, {"net": csd}).axes
    bars = [piece for piece in ax.collections if isinstance(piece, Collection)]
    for bar in bars:
        ((left, _), (right, _)) = bar.get_segments()[0]
        assert right - left == pytest.approx(2 * csd.standard_error)
    assert len(bars) == 2


def test_densities_are_drawn_bin_by_bin() -> None:
    rho = spectral_density(PooledSpectrum(np.linspace(0.1, 2.9, 50), orders=(50,)), window=(0, 3), bins=12)
    (ax,) = plots.spectra_beside_controls({"x": rho}, {"x": rho}, {"x": rho}, notes={"x": "note"}).axes
    assert ax.get_title() == "x\nnote"
    for stairs in ax.patches:
        assert stairs.get_data().values == pytest.approx(rho.density)
        assert stairs.get_data().edges == pytest.approx(rho.edges)
    assert len(ax.patches) == 3


def test_differences_and_their_sums() -> None:
    csd = circular_spectral_difference({"fc": np.eye(30)}, "deterministic", bins=60)
    upper, lower = plots.differences_beside_controls({"net": csd}, {"net": csd}, until=2).axes
    assert upper.lines[0].get_ydata() == pytest.approx(csd.difference)
    assert lower.lines[0].get_ydata() == pytest.approx(np.cumsum(csd.difference))
    assert [text.get_text() for text in lower.get_legend().get_texts()] == ["net", "net, untrained"]
    assert lower.get_xlim()[1] == 2
