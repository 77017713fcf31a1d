from itertools import product

import numpy as np
import pytest
import scipy

from mme.algebra import C, Field, H, R
from mme.dln import end_to_end, entropy, kernel, orbit_map, orbit_volume_from_kernel
from mme.dln.extrapolation import richardson
from mme.dln.kernels import group_volume_from_kernel
from mme.errors import InputError

over_fields = pytest.mark.parametrize("field", [R, C, H], ids=lambda field: field.name)

CLOSED = [
    ("R", [2.0], 3),
    ("C", [2.0], 2),
    ("C", [0.3], 5),
    ("H", [2.0], 2),
    ("H", [1.4], 4),
    ("R", [2.0, 1.0], 2),
    ("R", [2.0, 1.0], 4),
    ("R", [1.5, 1.5], 3),
    ("R", [3.0, 1.0], 3),
    ("C", [2.0, 1.0], 2),
    ("C", [3.0, 2.0, 1.0], 2),
    ("C", [1.5, 1.5], 2),
    ("C", [1.0, 1.0, 1.0], 2),
    ("R", [1.2, 1.2, 1.2], 2),
    ("R", [1.0, 1.0, 1.0, 1.0], 2),
    ("H", [2.0, 1.0], 2),
]


@pytest.mark.parametrize(("name", "sigma", "depth"), CLOSED)
@pytest.mark.parametrize("factor", [0.7, 3.0])
@pytest.mark.slow
def test_against_haar_averages(name: str, sigma: list[float], depth: int, factor: float) -> None:
    """Z(t) by its definition: the mean over Haar frames, with distances from the layers themselves."""
    field = {"R": R, "C": C, "H": H}[name]
    d, samples = len(sigma), 40_000
    t = factor * min(sigma) ** (2 / depth) * depth
    X = field.diagonal(np.array(sigma))
    frames = field.haar(d, size=(samples, depth - 1), rng=11)
    layers = orbit_map(X, frames, field)
    assert np.abs(end_to_end(layers[:10], field) - X).max() < 1e-12
    one = orbit_map(X, np.stack([field.identity(d)] * (depth - 1)), field)
    weights = np.exp(-(field.norm(layers - one) ** 2).sum(axis=-1) / (2 * t))
    error = weights.std(ddof=1) / np.sqrt(samples)
    assert error < 0.2 * weights.mean()
    assert abs(np.exp(kernel(sigma, t, depth=depth, field=field)) - weights.mean()) < 4 * error + 1e-12


@pytest.mark.parametrize(("name", "sigma", "depth"), CLOSED)
@pytest.mark.slow
def test_volume_is_the_entropy(name: str, sigma: list[float], depth: int) -> None:
    found = orbit_volume_from_kernel(sigma, depth=depth, field=name)
    exact = entropy(sigma, depth=depth, field=name)
    assert found.error < 1e-8
    assert abs(found.log_volume - exact) < 10 * found.error + 1e-12


def test_error_is_the_last_change_and_rounding() -> None:
    """Rounding of exponents of size |Ψ|²/t: one unit in the last place of N Σ σ^{2/N}/t, for the least t."""
    sigma, depth, levels = [2.0, 1.0], 3, 7
    found = orbit_volume_from_kernel(sigma, depth=depth, levels=levels)
    times = 0.08 / 2.0 ** np.arange(levels)
    values = [np.log(2 * np.pi * t) - kernel(sigma, t, depth=depth) for t in times]  # k = 2
    size = depth * sum(value ** (2 / depth) for value in sigma) / times[-1]
    assert found.log_volume == richardson(values).log_volume
    assert found.error == pytest.approx(richardson(values).error + 2.0**-52 * size, rel=1e-9, abs=0)
    assert found.decimals == ""


@pytest.mark.slow
def test_nine_levels_where_nothing_is_said() -> None:
    found, nine, ten = (
        orbit_volume_from_kernel([2.0, 1.0], depth=2, **levels)
        for levels in ({}, {"levels": 9}, {"levels": 10})
    )
    assert found == nine
    assert found != ten


@pytest.mark.parametrize("scale", [1e-100, 1e-3, 1e100])
@pytest.mark.parametrize(
    ("name", "sigma", "depth"), [("H", [1.4], 4), ("R", [2.0, 1.0], 3), ("C", [2.0, 1.0], 2)]
)
@pytest.mark.slow
def test_scales(scale: float, name: str, sigma: list[float], depth: int) -> None:
    """|Ψ|² goes as σ^{2/N}, so Z at t becomes Z at t·scale^{2/N}."""
    t = 0.3
    scaled = kernel(np.array(sigma) * scale, t * scale ** (2 / depth), depth=depth, field=name)
    assert scaled == pytest.approx(kernel(sigma, t, depth=depth, field=name), rel=1e-10)
    found = orbit_volume_from_kernel(np.array(sigma) * scale, depth=depth, field=name)
    assert found.log_volume == pytest.approx(
        entropy(np.array(sigma) * scale, depth=depth, field=name), rel=1e-8
    )


def test_one_layer_is_a_point() -> None:
    for field, sigma in ((R, [2.0, 1.0, 1.0]), (C, [2.0, 1.0]), (H, [1.0])):
        assert kernel(sigma, 0.1, depth=1, field=field) == 0
        assert orbit_volume_from_kernel(sigma, depth=1, field=field).log_volume == 0


def test_points_over_r() -> None:
    """d = 1 over R: 2^{N−1} points; those near each other in number of sign changes."""
    t, lam2 = 0.9, 2.0 ** (2 / 3)
    # Three layers with signs of product 1: all +, or two of them −, each of which is 4λ² away.
    by_hand = (1 + 3 * np.exp(-8 * lam2 / (2 * t))) / 4
    assert kernel([2.0], t, depth=3) == pytest.approx(np.log(by_hand), rel=1e-14)
    for depth in (2, 6, 9):
        chains = np.array([(1, *signs, 1) for signs in product((1, -1), repeat=depth - 1)])
        weights = np.exp(((chains[:, 1:] * chains[:, :-1]) - 1).sum(axis=1) * 2 ** (2 / depth) / t)
        assert kernel([2.0], t, depth=depth) == pytest.approx(np.log(weights.mean()), rel=1e-13)


@pytest.mark.parametrize("depth", [3, 40, 400])
def test_equal_values_over_r_by_the_characters_of_o_2(depth: int) -> None:
    """Each step has the weight e^{−2(1 − cos θ)/t} of a turn and e^{−2/t} of a reflection, at any depth."""
    rate = 2 / 0.05
    turns, flips = scipy.special.ive(np.arange(200), rate), np.exp(-rate)
    steps = np.concatenate([[turns[0] + flips, turns[0] - flips], turns[1:]]) / 2
    times = np.concatenate([[1, 1], np.full(199, 4)])  # the square of a representation's dimension
    expected = depth * np.log(steps[0]) + np.log((times * (steps / steps[0]) ** depth).sum())
    assert kernel([1.0, 1.0], 0.05, depth=depth) == pytest.approx(expected, rel=1e-12)


def test_order_does_not_matter() -> None:
    for name, depth in (("R", 4), ("C", 2)):
        first, second = (kernel(sigma, 0.2, depth=depth, field=name) for sigma in ([2.0, 1.0], [1.0, 2.0]))
        assert first == pytest.approx(second, rel=1e-12)


@over_fields
def test_bad_input(field: Field) -> None:
    for t in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(InputError, match="t must be a finite number above 0"):
            kernel([1.0], t, depth=2, field=field)
    with pytest.raises(InputError, match=r"known in closed form for d = 1, .* use orbit_volume_mc"):
        kernel([3.0, 2.0, 1.0], 0.1, depth=3, field=field)
    with pytest.raises(InputError, match="must be positive here"):
        kernel([0.0], 0.1, depth=2, field=field)
    with pytest.raises(InputError, match=r"must have shape \(d,\)"):
        kernel([[1.0]], 0.1, depth=2, field=field)
    with pytest.raises(InputError, match=r"must have shape \(d,\)"):
        orbit_volume_from_kernel([[1.0]], depth=2, field=field)
    with pytest.raises(InputError, match="depth"):
        orbit_volume_from_kernel([1.0], depth=0, field=field)
    with pytest.raises(InputError, match="levels must be an integer from 2 to 40"):
        orbit_volume_from_kernel([1.0], depth=2, field=field, levels=1)


@pytest.mark.parametrize("digits", [0, 101])
def test_digits_are_from_one_to_a_hundred(digits: int) -> None:
    calls = (
        lambda: kernel([2.0], 0.1, depth=2, field="C", digits=digits),
        lambda: orbit_volume_from_kernel([2.0], depth=2, field="C", digits=digits),
        lambda: group_volume_from_kernel(1, field="C", digits=digits),
    )
    for call in calls:
        with pytest.raises(InputError, match="digits must be an integer from 1 to 100"):
            call()


def test_a_series_is_as_long_as_the_root_of_the_inverse_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mme.dln.kernels.MOST_TERMS", 120)  # 12 √s of them at s = σ^(2/N)/t = 100
    assert kernel([2.0], 2 / 99, depth=2, field="C") < 0
    with pytest.raises(InputError, match="its series is too long"):
        kernel([2.0], 2 / 101, depth=2, field="C")


def test_a_series_that_is_as_long_as_may_be_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    for most, refused in ((24, True), (25, False)):  # 12 √4, for σ = 2 and t = 1/2 at depth 2
        monkeypatch.setattr("mme.dln.kernels.MOST_TERMS", most)
        if refused:
            with pytest.raises(InputError, match="its series is too long"):
                kernel([2.0], 0.5, depth=2, field="C")
        else:
            assert kernel([2.0], 0.5, depth=2, field="C") < 0


def test_two_layers_over_r_have_no_smallest_time() -> None:
    """No grid of angles is needed; up to O(t) log Z is (k/2) log 2πt − S for the entropy S, and k = 1."""
    t = 1e-12
    found = kernel([2.0, 1.0], t, depth=2)
    assert found == pytest.approx(np.log(2 * np.pi * t) / 2 - entropy([2.0, 1.0], depth=2), rel=0, abs=1e-10)
    with pytest.raises(InputError, match="fewer levels reach less far"):
        kernel([2.0, 1.0], t, depth=3)


def test_the_first_kernel_is_as_wide_up_to_eight_dimensions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond, t falls as 1/k; and each is half of the one before."""
    taken: dict[int, list[float]] = {}
    for depth in (8, 9, 10, 17):  # k = depth − 1, as over C d = 1
        monkeypatch.setattr(
            "mme.dln.kernels.kernel",
            lambda _, t, *, depth, field: taken.setdefault(depth - 1, []).append(t) or 0.0,
        )
        orbit_volume_from_kernel([2.0**depth], depth=depth, field="C", levels=3)  # λ = 2
    for k, first in ((7, 0.32), (8, 0.32), (9, 2.56 / 9), (16, 0.16)):
        assert taken[k] == pytest.approx([first, first / 2, first / 4], rel=1e-13)


@pytest.mark.parametrize("sigma", [[2.0, 1.0], [1.0, 1.0]])
def test_the_largest_determinant_is_taken(sigma: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mme.dln.kernels.LARGEST_DETERMINANT", 2)
    assert kernel(sigma, 0.5, depth=2, field="C") < 0
    monkeypatch.setattr("mme.dln.kernels.LARGEST_DETERMINANT", 1)
    with pytest.raises(InputError, match="known in closed form"):
        kernel(sigma, 0.5, depth=2, field="C")


def test_what_has_no_closed_form() -> None:
    for sigma in ([2.0, 1.0, 1.0], np.arange(1.0, 52.0)):
        with pytest.raises(InputError, match="equal or, over C, distinct, not for"):
            kernel(sigma, 0.1, depth=2, field="C")
    with pytest.raises(InputError, match="known in closed form"):
        kernel([2.0, 1.0], 0.1, depth=3, digits=20)
    with pytest.raises(InputError, match="digits must be an integer from 1 to 100"):
        kernel([2.0, 1.0], 0.1, depth=2, digits=101)
    with pytest.raises(InputError, match="its series is too long"):
        kernel([1.0], 1e-12, depth=2, field="C")
