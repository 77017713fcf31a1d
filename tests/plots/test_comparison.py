"""What the figures of a comparison and of equivalence classes show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mme import plots
from mme.comparison import Options, compare
from mme.ensembles import equivalence_classes
from mme.plots.style import ORANGE


def three(**options: Any) -> Any:
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(20, 30)) / 6
    networks = {name: {"fc": scale * weights} for name, scale in (("large", 2), ("small", 0.5), ("one", 1))}
    return compare(networks, Options(draws=3), **options)


def test_networks_stand_in_the_order_of_their_variances() -> None:
    found = three(delta=0.01)
    variances = sorted(each.csd.variance for each in found.measurements)
    tree, dots, heat, _ = plots.comparison(found).axes
    (line, _, (bars,)) = dots.containers[0]
    assert line.get_xdata().tolist() == variances
    errors = {round(each.csd.variance, 9): each.csd.standard_error for each in found.measurements}
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
    assert ruler[1] - ruler[0] == pytest.approx(0.1)


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
