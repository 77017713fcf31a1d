"""What the figures of spectral differences show."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from mme import plots
from mme.comparison.vision import PAPER, VisionRow
from mme.ensembles import circular_spectral_difference


def row(name: str, trained: bool = False) -> Any:
    rng = np.random.default_rng(sum(map(ord, name)))
    nets = [{"fc": scale * rng.normal(size=(40, 60)) / 8} for scale in (1, 1.5)]
    new, old = (circular_spectral_difference(net, "sampled", rng=1, draws=2) for net in nets)
    return SimpleNamespace(name=name, untrained=(old,), trained=new if trained else None)


def curves(ax: Axes) -> dict[str, Any]:
    return {str(line.get_label()): line for line in ax.lines}


def legend(ax: Axes) -> tuple[str, list[str]]:
    found = ax.get_legend()
    assert found is not None
    return found.get_title().get_text(), [text.get_text() for text in found.get_texts()]


def test_a_difference_and_its_sum_with_the_range_of_the_draws() -> None:
    csd = circular_spectral_difference({"fc": np.eye(30)}, "sampled", rng=0, draws=4, bins=60)
    upper, lower = plots.csd(csd, until=2).axes
    band, mean = (each.get_data() for each in upper.patches)  # type: ignore[attr-defined]
    assert mean.values == pytest.approx(csd.difference)
    assert band.values == pytest.approx(csd.differences.max(axis=0))
    assert band.baseline == pytest.approx(csd.differences.min(axis=0))
    sums = lower.patches[1].get_data()  # type: ignore[attr-defined]
    assert sums.values == pytest.approx(csd.cumulative * csd.width)
    assert lower.get_xlim() == (0, 2)
    assert (upper.get_ylabel(), lower.get_ylabel()) == ("Δ(ε)", "cumulative, times w")
    assert [list(ax.lines[0].get_ydata()) for ax in (upper, lower)] == [[0, 0], [0, 0]]


def test_untrained_rows_are_drawn_and_named_so() -> None:
    rows = [row("vgg11"), row("vgg13"), row("vgg11_bn")]
    (ax,) = plots.cumulative_differences(each for each in rows).axes
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
    (ax,) = plots.cumulative_differences([one]).axes
    assert legend(ax) == ("trained\ndotted: before training", ["resnet18"])
    assert curves(ax)["resnet18"].get_ydata() == pytest.approx(np.cumsum(one.trained.difference))
    dotted = [line for line in ax.lines if line.get_linestyle() == ":"]
    assert len(dotted) == 1
    assert dotted[0].get_ydata() == pytest.approx(np.cumsum(one.untrained[0].difference))
    assert ax.get_xlim()[0] == 0


def test_a_mixed_family_says_for_each_what_it_is() -> None:
    rows = [row("resnet18", trained=True), row("resnet34")]
    (ax,) = plots.cumulative_differences(rows).axes
    assert legend(ax) == ("dotted: before training", ["resnet18, trained", "resnet34, untrained"])


@pytest.mark.slow
def test_fluctuations_have_a_panel_for_each_network() -> None:
    rows = [row("vgg19"), row("resnet152", trained=True)]
    upper, lower = plots.fluctuations(rows).axes
    assert [ax.get_title(loc="right") for ax in (upper, lower)] == ["vgg19, untrained", "resnet152, trained"]
    shown = [ax.patches[0].get_data() for ax in (upper, lower)]  # type: ignore[attr-defined]
    for stairs, csd in zip(shown, (rows[0].untrained[0], rows[1].trained), strict=True):
        assert stairs.values == pytest.approx(csd.difference)
        assert stairs.edges == pytest.approx(csd.edges)
    assert lower.get_xlim()[0] == 0
    assert (upper.get_xlabel(), lower.get_xlabel()) == ("", "ε")
    assert upper.get_ylim() == lower.get_ylim()


def test_of_several_controls_the_first_is_drawn() -> None:
    one, other = row("vgg11"), row("vgg13")
    both = SimpleNamespace(name="vgg11", untrained=[*one.untrained, *other.untrained], trained=None)
    after = SimpleNamespace(**vars(both) | {"trained": row("vgg16", trained=True).trained})
    first = np.cumsum(one.untrained[0].difference)
    (ax,) = plots.cumulative_differences([both]).axes
    assert curves(ax)["vgg11"].get_ydata() == pytest.approx(first)
    (ax,) = plots.cumulative_differences([after]).axes
    (dotted,) = (line for line in ax.lines if line.get_linestyle() == ":")
    assert dotted.get_ydata() == pytest.approx(first)
    (ax,) = plots.fluctuations([both]).axes
    assert ax.patches[0].get_data().values == pytest.approx(one.untrained[0].difference)  # type: ignore[attr-defined]


def test_rows_of_the_vision_experiment_are_such_records() -> None:
    plain = row("vgg11")
    spectrum: Any = None
    measured = VisionRow("vgg11", PAPER["vgg11"], spectrum, plain.untrained)
    (one,), (other,) = (plots.cumulative_differences([each]).axes for each in (measured, plain))
    assert curves(one)["vgg11"].get_ydata() == pytest.approx(curves(other)["vgg11"].get_ydata())
