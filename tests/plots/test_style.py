"""The house style holds inside a styled function and nowhere else."""

from __future__ import annotations

from typing import Any, get_type_hints

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mme import plots
from mme.errors import InputError
from mme.plots.style import label


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
    assert plt.get_fignums() == []
    yours = Figure().subplots()
    assert line(yours) is yours.figure
    assert len(yours.lines) == 1
    assert get_type_hints(line)["return"] is Figure


def test_a_figure_that_fails_is_closed_too() -> None:
    @plots.styled
    def half() -> Axes:
        plots.figure()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert plt.get_fignums() == []


def test_a_figure_that_was_open_before_stays_open() -> None:
    before = plt.figure()
    try:
        plots.styled(lambda: plots.figure())()
        assert plt.get_fignums() == [before.number]  # type: ignore[attr-defined]
    finally:
        plt.close(before)


def test_several_panels() -> None:
    @plots.styled
    def panels() -> Figure:
        axes = plots.figure(panels=(2, 3))
        assert axes.shape == (2, 3)
        return axes[0, 0].get_figure(root=True)

    assert len(panels().axes) == 6


@pytest.mark.parametrize("options", [
    {"ax": 5}, {"size": 5}, {"size": (1,)}, {"size": (0, 1)}, {"size": (1, np.nan)}, {"size": (1e9, 1)},
    {"size": "ab"}, {"panels": 2}, {"panels": (0, 1)}, {"panels": (1.5, 1)}, {"panels": (10**30, 1)},
    {"squares": True}, {"sharex": "q"}, {"width_ratios": [1, 2]},
])  # fmt: skip
def test_what_is_no_figure_is_refused(options: dict[str, Any]) -> None:
    draw: Any = plots.styled(lambda: plots.figure(**options))
    with pytest.raises(InputError, match=r"^[^\n]*\.$"):
        draw()


def test_styled_takes_functions_that_draw() -> None:
    wrong: Any = 5
    with pytest.raises(InputError, match="a function that draws"):
        plots.styled(wrong)
    nothing: Any = plots.styled(lambda: wrong)
    with pytest.raises(InputError, match="Axes or a Figure, but it is 5"):
        nothing()


def test_the_palette_tells_colours_apart() -> None:
    assert len(set(plots.PALETTE)) == len(plots.PALETTE) >= 5


@pytest.mark.parametrize(("name", "shown"), [
    ("net.pt", "net.pt"), ("a$b$", r"a\$b\$"), ("a\nb", "a b"), ("\udce4", "\\udce4"), (5, "5"),
    ("a" * 20 + "b" * 20, "a" * 13 + "…" + "b" * 12),
])  # fmt: skip
def test_names_fit_into_a_figure(name: object, shown: str) -> None:
    assert label(name, 26) == shown
