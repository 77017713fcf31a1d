"""What the figures of the chapter on compression show of the numbers that they are given."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba

from mme import plots
from mme.ensembles import circular_spectral_difference
from mme.shrinking import Step


def step(accuracy: float, scale: float, parameters: int) -> Step:
    weights = scale * np.random.default_rng(0).normal(size=(200, 400)) / 20
    csd = circular_spectral_difference({"fc": weights}, "deterministic")
    return Step(0.0, parameters, np.arange(100) < 100 * accuracy, csd, csd)


def points(ax: Axes, hollow: bool) -> set[tuple[float, float]]:
    found = set()
    for line in ax.lines:
        faces = to_rgba("none") == to_rgba(line.get_markerfacecolor())
        if line.get_linestyle() == "None" and faces is hollow:
            found |= {(float(x), round(float(y), 9)) for x, y in zip(*line.get_data(), strict=True)}
    return found


def test_equivalent_steps_are_filled() -> None:
    steps = [step(1.0, 1.0, 300), step(0.9, 1.01, 200), step(0.5, 0.4, 100)]
    drawn = plots.shrinking_ladders({"one": {"ladder": steps}, "two": {"ladder": steps}})
    upper, _, lower, _ = drawn.axes
    assert points(upper, hollow=False) == {(300, 1.0), (200, 0.9)}
    assert points(upper, hollow=True) == {(100, 0.5)}
    assert points(lower, hollow=True) == {(100, round(steps[2].keep.variance, 9))}
    assert lower.xaxis_inverted()
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == ["ladder"]


def test_the_band_is_delta() -> None:
    steps = [step(1.0, 1.0, 300), step(0.9, 1.01, 200)]
    lower = plots.shrinking_ladders({"one": {"ladder": steps}}).axes[1]
    (path,) = lower.collections[0].get_paths()
    top = steps[0].keep.variance + steps[0].delta(steps[0])
    assert np.isclose(path.vertices[:, 1].max(), top)
    assert np.isclose(path.vertices[:, 1].min(), 2 * steps[0].keep.variance - top)


def test_groups_and_errors() -> None:
    x, accuracy = np.array([1.0, 2.0, 3.0]), np.array([0.9, 0.95, 0.99])
    groups = {"odd": np.array([True, False, True]), "even": np.array([False, True, False])}
    drawn = plots.quantities_and_errors({"x": x, "2x": 2 * x}, accuracy, groups)
    for ax, factor in zip(drawn.axes, (1, 2), strict=True):
        odd, even = ax.lines
        np.testing.assert_allclose(odd.get_data(), [factor * x[::2], [0.1, 0.01]])
        np.testing.assert_allclose(even.get_data(), [factor * x[1:2], [0.05]])


def test_pruned_mass_beside_the_diagonal() -> None:
    shares = np.linspace(0, 1, 5)
    (ax,) = plots.pruned_mass(shares, {"net": shares**3}, law=shares**2).axes
    drawn = {str(line.get_label()): np.array(line.get_ydata()) for line in ax.lines}
    np.testing.assert_allclose(drawn["net"], shares**3)
    np.testing.assert_allclose(drawn["normal weights"], shares**2)
    np.testing.assert_allclose(drawn["weights chosen at random"], [0, 1])
