"""What the figures of the chapter on power show."""

from __future__ import annotations

import numpy as np
import pytest

from mme import plots
from mme.ensembles.calibration import rejection_rate


def rate(rejected: int, pairs: int = 20) -> object:
    return rejection_rate([1.0] * rejected + [0.0] * (pairs - rejected), 0.5)


def test_curves_have_rates_and_intervals() -> None:
    counts = {"a": [0, 5, 20], "b": [2, 10, 12]}
    rates = {name: [rate(each) for each in row] for name, row in counts.items()}
    made = plots.power_curves({"bits": ([2, 4, 8], rates), "scale": ([0.5, 1.0, 1.5], rates)}, error_rate=0.1,
                              marks={"scale": 1})  # fmt: skip
    left, right = made.axes
    assert [ax.get_xlabel() for ax in made.axes] == ["bits", "scale"]
    assert left.get_xticks().tolist() == [2, 4, 8]
    for (name, row), container in zip(counts.items(), left.containers, strict=True):
        line, _, (bars,) = container
        assert container.get_label() == name
        np.testing.assert_allclose(line.get_ydata(), np.array(row) / 20)
        np.testing.assert_allclose(line.get_xdata(), [2, 4, 8], atol=0.05)
        ends = np.array([segment[:, 1] for segment in bars.get_segments()])
        np.testing.assert_allclose(ends, [[each.low, each.high] for each in rates[name]])  # type: ignore[attr-defined]
    dotted = [line for line in right.lines if line.get_linestyle() == ":"]
    assert [set(dotted[0].get_ydata()), set(dotted[1].get_xdata())] == [{0.1}, {1}]
    assert [text.get_text() for text in made.legends[0].get_texts()] == ["a", "b"]


def test_a_panel_too_few_leaves_its_place_empty() -> None:
    panel = ([1, 2], {"a": [rate(1), rate(2)]})
    made = plots.power_curves({"one": panel, "two": panel, "three": panel}, error_rate=0.1)
    assert [ax.axison for ax in made.axes] == [True, True, True, False]


def test_the_grid_says_its_rates_in_per_cent() -> None:
    made = plots.power_grid(
        {"a": [[0.0, 1.0, 0.25]], "b": [[0.5, 0.1, 0.2]]}, rows=[1], columns=[12, 16, 24], row_label="depth",
        column_label="width",
    )  # fmt: skip
    first, second = made.axes
    assert [text.get_text() for text in first.texts] == ["0", "100", "25"]
    assert [text.get_text() for text in second.texts] == ["50", "10", "20"]
    assert first.images[0].get_alpha() == pytest.approx(np.array([[0, 0.75, 0.1875]]))
    assert [label.get_text() for label in first.get_xticklabels()] == ["12", "16", "24"]
    assert (first.get_title(), first.get_ylabel(), first.get_xlabel()) == ("a", "depth", "width")
