"""What the figures of a comparison and of equivalence classes show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mme import plots
from mme.comparison import Options, compare
from mme.comparison.compare import Line, grouped
from mme.ensembles import equivalence_classes
from mme.plots.style import ORANGE


def three(how: Options | None = None, **options: Any) -> Any:
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(20, 30)) / 6
    networks = {name: {"fc": scale * weights} for name, scale in (("large", 2), ("small", 0.5), ("one", 1))}
    return compare(networks, how or Options(draws=3), **options)


def test_networks_stand_in_the_order_of_their_variances() -> None:
    found = three(Options(conjugate="sampled", draws=3), delta=0.01)
    variances = sorted(each.csd.variance for each in found.measurements)
    tree, dots, heat, _ = plots.comparison(found).axes
    (line, _, (bars,)) = dots.containers[0]
    assert line.get_xdata().tolist() == variances
    errors = {round(each.csd.variance, 9): each.csd.standard_error for each in found.measurements}
    assert min(errors.values()) > 1e-6
    for (left, _), (right, _) in bars.get_segments():
        assert right - left == pytest.approx(2 * errors[round((left + right) / 2, 9)])
    names = [text.get_text().split()[0] for text in dots.get_yticklabels()]
    order = sorted(found.measurements, key=lambda each: each.csd.variance)
    assert names == [each.name for each in order]
    apart = np.abs(np.subtract.outer(variances, variances))
    assert np.asarray(heat.images[0].get_array()) == pytest.approx(apart)
    assert len(heat.lines) == (apart <= 0.01).sum()
    assert tree.lines[0].get_xdata() == [0.01, 0.01]
    merges = [max(line.get_xdata()) for line in tree.lines[1:]]
    gaps = np.diff(variances)
    assert merges == pytest.approx([gaps.min(), variances[-1] - variances[0]])


def test_two_networks_have_one_branch() -> None:
    tree = plots.comparison(some(0.25, 0.75)).axes[0]
    assert [list(line.get_xdata()) for line in tree.lines[1:]] == [[0, 0.5, 0.5, 0]]


def test_one_network_has_no_tree() -> None:
    one = compare({"a": {"fc": np.eye(8)}}, Options(draws=2))
    tree, *_ = plots.comparison(one).axes
    assert len(tree.lines) == 1


def test_classes_have_a_band_each_and_a_row_for_each_network() -> None:
    found = equivalence_classes({"a": 0.1, "b": 0.15, "c": 0.4}, delta=0.1)
    (ax,) = plots.equivalence_classes(found).axes
    bands = [(band.get_y(), band.get_y() + band.get_height()) for band in ax.patches]  # type: ignore[attr-defined]
    assert bands == [(-0.5, 1.5), (1.5, 2.5)]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b", "c"]
    points = np.concatenate([line.get_xdata() for line in ax.lines[:2]])
    assert points.tolist() == [0.1, 0.15, 0.4]
    ruler = ax.lines[2].get_xdata()
    assert ruler == pytest.approx([0.1, 0.2])  # from the least variance on


def test_a_logarithmic_axis_has_no_ruler() -> None:
    found = equivalence_classes({"a": 0.1, "b": 0.15, "c": 0.4}, delta=0.1)
    (ax,) = plots.equivalence_classes(found, log=True).axes
    assert ax.get_xscale() == "log"
    assert len(ax.lines) == len(found.classes)


def test_controls_are_rings() -> None:
    found = three(delta=0.01)
    control = found.measurements[0].csd
    with_control = type(found.measurements[0])(**(vars(found.measurements[0]) | {"control": control}))
    changed = type(found)(**(vars(found) | {"measurements": (with_control, *found.measurements[1:])}))
    dots = plots.comparison(changed).axes[1]
    (rings,) = [line for line in dots.lines if line.get_color() == ORANGE]
    assert list(rings.get_xdata()) == [control.variance]
    assert rings.get_fillstyle() == "none"


def many(count: int) -> Any:
    rng = np.random.default_rng(0)
    rows = [
        {"name": f"net{number}", "variance": float(value), "standard_error": 0.0, "noise_floor": 0.5,
         "estimate_bound": 0.0, "control_variance": 0.4, "control_standard_error": 0.0}
        for number, value in enumerate(rng.lognormal(size=count))
    ]  # fmt: skip
    return grouped([Line(row, [], [], None, 1) for row in rows])


def test_many_networks_are_ranked_without_names() -> None:
    found = many(1000)
    ranks, bars, beside = plots.comparison(found).axes[:2] + plots.comparison(found).axes[0].child_axes
    points = np.asarray(ranks.collections[0].get_offsets())
    assert points[:, 0].tolist() == sorted(found.classes.variances.values())
    assert points[:, 1].tolist() == list(range(1, 1001))
    colours = [tuple(colour) for colour in np.asarray(ranks.collections[0].get_facecolor())]
    sizes = [len(members) for members in found.classes.classes]
    changes = [place for place in range(1, 1000) if colours[place] != colours[place - 1]]
    assert changes == np.cumsum(sizes)[:-1].tolist()
    named = [text.get_text() for text in beside.get_yticklabels()]
    assert named == [f"class {k}" for k, size in enumerate(sizes, 1) if size >= 40]
    assert named
    assert f"1000 networks in {len(sizes)} classes" in ranks.get_title()
    names = [text.get_text() for ax in (ranks, bars) for text in ax.get_yticklabels()]
    assert not any("net" in name for name in names)
    drawn = {patch.get_label(): patch for patch in bars.patches}
    assert set(drawn) == {"network", "untrained"}
    assert ranks.get_shared_x_axes().joined(ranks, bars)


def test_controls_outside_the_range_of_the_networks_are_counted() -> None:
    far = [Line(line.row | {"control_variance": 1e4}, [], [], None, 1) for line in many(50).measurements]
    bars = plots.comparison(grouped(far)).axes[1]
    heights: dict[str, float] = {}
    for patch in bars.patches:  # along the outline each bar's height stands twice
        heights[str(patch.get_label())] = patch.get_path().vertices[:, 1].max()  # type: ignore[index]
    assert heights["untrained"] == 50


def test_forty_networks_have_names() -> None:
    assert len(plots.comparison(many(40)).axes[1].get_yticklabels()) == 40
    assert len(plots.comparison(many(41)).axes) == 2


def test_many_equal_networks_have_a_picture() -> None:
    same = [Line(line.row | {"variance": 0.4}, [], [], None, 1) for line in many(50).measurements]
    ranks = plots.comparison(grouped(same)).axes[0]
    assert "50 networks in 1 class" in ranks.get_title()


def some(*variances: float, **others: Any) -> Any:
    """A comparison of networks with these variances."""
    rest = {"noise_floor": 0.5, "estimate_bound": 0.0, "control_variance": None} | others
    rest |= {"standard_error": 0.0, "control_standard_error": None}
    rows = [{"name": f"net{place}", "variance": each, **rest} for place, each in enumerate(variances)]
    return grouped([Line(row, [], [], None, 0) for row in rows], delta=0.01)


@pytest.mark.parametrize(
    ("variances", "scale"),
    [((0.1, 1.9), "linear"), ((0.1, 0.2, 2.1), "log"), ((2.1, 0.1), "log"), ((0.0, 0.1, 9.0), "linear")],
)
def test_an_axis_over_more_than_a_factor_of_twenty_is_logarithmic(variances: Any, scale: str) -> None:
    assert plots.comparison(some(*variances)).axes[1].get_xscale() == scale
    many = [variances[0]] * 40 + list(variances)
    assert plots.comparison(some(*many)).axes[1].get_xscale() == scale


def test_branches_meet_half_way_and_pairs_have_the_numbers_of_networks() -> None:
    tree, dots, heat, _ = plots.comparison(some(0.1, 0.2, 0.5, 0.9)).axes
    rows = [sorted(line.get_ydata()) for line in tree.lines[1:]]
    assert rows == [[0, 0, 1, 1], [0.5, 0.5, 2, 2], [1.25, 1.25, 3, 3]]
    numbers = [text.get_text().split()[-1] for text in dots.get_yticklabels()]
    for labels in (heat.get_xticklabels(), heat.get_yticklabels()):
        assert [text.get_text() for text in labels] == numbers == ["1", "2", "3", "4"]


def test_pairs_at_the_tolerance_are_marked() -> None:
    rest = {"noise_floor": 0.5, "estimate_bound": 0.0, "standard_error": 0.0, "control_variance": None}
    rows = [{"name": str(each), "variance": each} | rest for each in (0.25, 0.75, 1.5)]
    heat = plots.comparison(grouped([Line(row, [], [], None, 0) for row in rows], delta=0.5)).axes[2]
    marked = sorted((int(line.get_xdata()[0]), int(line.get_ydata()[0])) for line in heat.lines)
    assert marked == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 2)]


@pytest.mark.parametrize(("count", "step"), [(10, 1), (11, 2), (39, 4)])
def test_no_more_than_ten_numbers_beside_the_pairs(count: int, step: int) -> None:
    heat = plots.comparison(some(*np.linspace(0.1, 0.9, count))).axes[2]
    assert heat.get_xticks().tolist() == heat.get_yticks().tolist() == list(range(0, count, step))


def test_classes_are_named_beside_their_networks() -> None:
    found = some(*np.linspace(0.1, 0.101, 30), *np.linspace(0.4, 0.401, 12))
    ranks = plots.comparison(found).axes[0]
    (beside,) = ranks.child_axes
    assert beside.get_yticks().tolist() == [15.5, 36.5]  # the middle of the ranks 1 … 30 and 31 … 42
    borders = sorted({float(line.get_ydata()[0]) for line in ranks.lines})
    assert borders == [0.5, 30.5, 42.5]
    assert ranks.get_ylim()[0] < 1 < 42 < ranks.get_ylim()[1]
