"""What the figures of the vision experiment show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex

from mme import plots
from mme.comparison.vision import PAPER, VisionRow
from mme.ensembles import circular_spectral_difference, layer_matrix_ensemble
from mme.ensembles.difference import CircularSpectralDifference
from mme.plots.style import BLUE, GREEN, ORANGE


def row(name: str, trained: bool = False, **conjugate: Any) -> VisionRow:
    rng = np.random.default_rng(sum(map(ord, name)))
    nets = [{"fc": scale * rng.normal(size=(40, 60)) / 8} for scale in (1, 1.5)]
    chosen = {"conjugate": "sampled", "rng": 1} | conjugate
    new, old = (circular_spectral_difference(net, **chosen) for net in nets)
    spectrum = layer_matrix_ensemble(nets[0 if trained else 1])
    return VisionRow(name, PAPER[name], spectrum, (old,), new if trained else None)


def curves(ax: Axes) -> dict[str, Any]:
    return {str(line.get_label()): line for line in ax.lines}


def legend(ax: Axes) -> tuple[str, list[str]]:
    found = ax.get_legend()
    assert found is not None
    return found.get_title().get_text(), [text.get_text() for text in found.get_texts()]


def test_untrained_rows_are_drawn_and_named_so() -> None:
    rows = [row("vgg11"), row("vgg13"), row("vgg11_bn")]
    (ax,) = plots.cumulative_differences(rows).axes
    assert legend(ax) == ("untrained", ["vgg11", "vgg13", "vgg11_bn"])
    drawn = curves(ax)
    for each in rows:
        csd = each.untrained[0]
        assert drawn[each.name].get_ydata() == pytest.approx(np.cumsum(csd.difference))
        assert drawn[each.name].get_xdata() == pytest.approx(csd.edges[1:])  # a sum belongs to the bin's end
    colours = [to_hex(drawn[each.name].get_color()) for each in rows]
    assert colours[0] == colours[2] != colours[1]  # one colour for each depth
    assert [drawn[each.name].get_linestyle() for each in rows] == ["-", "-", "--"]


def test_trained_rows_have_their_control_beside_them() -> None:
    one = row("resnet18", trained=True)
    assert one.trained is not None
    (ax,) = plots.cumulative_differences([one], until=3).axes
    assert legend(ax) == ("trained\ndotted: before training", ["resnet18"])
    assert curves(ax)["resnet18"].get_ydata() == pytest.approx(np.cumsum(one.trained.difference))
    dotted = [line for line in ax.lines if line.get_linestyle() == ":"]
    assert len(dotted) == 1
    assert dotted[0].get_ydata() == pytest.approx(np.cumsum(one.untrained[0].difference))
    assert ax.get_xlim() == (0, 3)
    (ax,) = plots.cumulative_differences([one], controls=False).axes
    assert legend(ax)[0] == "trained"
    assert not [line for line in ax.lines if line.get_linestyle() == ":"]


def test_a_mixed_family_says_for_each_what_it_is() -> None:
    rows = [row("resnet18", trained=True), row("resnet34")]
    (ax,) = plots.cumulative_differences(rows).axes
    assert legend(ax) == ("dotted: before training", ["resnet18, trained", "resnet34, untrained"])


def test_fluctuations_have_a_panel_for_each_network() -> None:
    rows = [row("vgg19"), row("resnet152", trained=True)]
    upper, lower = plots.fluctuations(rows, until=2).axes
    assert [ax.get_title(loc="right") for ax in (upper, lower)] == ["vgg19, untrained", "resnet152, trained"]
    assert rows[1].trained is not None
    shown = [ax.patches[0].get_data() for ax in (upper, lower)]  # type: ignore[attr-defined]
    for stairs, csd in zip(shown, (rows[0].untrained[0], rows[1].trained), strict=True):
        assert stairs.values == pytest.approx(csd.difference)
        assert stairs.edges == pytest.approx(csd.edges)
    assert lower.get_xlim()[1] == 2


def points(ax: Axes, colour: str) -> list[tuple[float, float]]:
    return [
        (line.get_xdata()[0], line.get_ydata()[0])
        for line in ax.lines
        if to_hex(line.get_color()) == colour and len(line.get_xdata()) and line.get_marker() not in "|"
    ]


def test_the_table_has_the_printed_value_in_the_row_of_the_measured_one() -> None:
    rows = [row("vgg11", conjugate="deterministic"), row("resnet50", trained=True, conjugate="deterministic")]
    made = plots.table_beside_measurements({"one": rows, "other": rows[::1]})
    for ax in made.axes:
        assert points(ax, GREEN)[:2] == [(0.19, 0), (1.45, 1)]
        assert points(ax, ORANGE)[:2] == [(each.untrained_variance, n) for n, each in enumerate(rows)]
        assert rows[1].trained is not None
        assert points(ax, BLUE)[:1] == [(rows[1].trained.variance, 1)]
    assert [label.get_text() for label in made.axes[0].get_yticklabels()] == ["vgg11", "resnet50"]
    assert [ax.get_title() for ax in made.axes] == ["one", "other"]
    assert [text.get_text() for text in made.legends[0].get_texts()] == ["Table I", "untrained", "trained"]


def test_bars_are_standard_errors() -> None:
    differences, edges = np.array([[1.0, -1.0], [2.0, -2.0], [4.0, -4.0]]), np.array([0.0, 3.0, 6.0])
    csd = CircularSpectralDifference(differences, edges, (10.0, np.inf))
    one = VisionRow("vgg11", PAPER["vgg11"], row("vgg11").ensemble, (csd,), csd)
    (ax,) = plots.table_beside_measurements({"one": [one]}).axes
    bars = [piece for piece in ax.collections if isinstance(piece, LineCollection)]
    error = np.std([1, 4, 16], ddof=1) / np.sqrt(3)
    for bar in bars:
        ((left, _), (right, _)) = bar.get_segments()[0]
        assert (left, right) == pytest.approx((7 - error, 7 + error))
    assert len(bars) == 2


def test_a_law_has_bars_as_long_as_the_floor() -> None:
    one = row("vgg11", conjugate="deterministic")
    (ax,) = plots.table_beside_measurements({"one": [one]}).axes
    (bar,) = [piece for piece in ax.collections if isinstance(piece, LineCollection)]
    ((left, _), (right, _)) = bar.get_segments()[0]
    inside = (one.ensemble.eigenvalues <= 6).sum()
    assert right - left == pytest.approx(2 * 1000 / 36 / inside)


def test_steps_stand_in_the_row_of_their_network() -> None:
    kept = {"zeros": {"a": 0.001, "b": 6.0}, "trained": {"b": 7.0}}
    dropped = {"zeros": {}, "trained": {"b": 0.3, "c": 0.4}}
    left, right = plots.steps_of_variance({"kept": kept, "dropped": dropped}, least=0.01).axes
    assert [label.get_text() for label in left.get_yticklabels()] == ["a", "b", "c"]
    drawn = [{name: line.get_xydata().tolist() for name, line in curves(ax).items()} for ax in (left, right)]
    assert drawn[0] == {"zeros": [[6.0, 1.0]], "trained": [[7.0, 1.0]]}
    assert drawn[1] == {"zeros": [], "trained": [[0.3, 1.0], [0.4, 2.0]]}
    assert (left.get_xscale(), right.get_xscale()) == ("linear", "linear")
    (wide,) = plots.steps_of_variance({"kept": kept}).axes
    assert wide.get_xscale() == "log"
