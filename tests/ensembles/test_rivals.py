"""The power law of a tail, and the spectral norm: laws that are known, scales, bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st

from mme.ensembles import layer_matrix_ensemble
from mme.ensembles.rivals import log_spectral_norm, power_law, power_law_exponent
from mme.errors import InputError


def pareto(size: int, exponent: float, x_min: float = 1.0, seed: int = 0) -> np.ndarray:
    uniform = np.random.default_rng(seed).uniform(size=size)
    return np.asarray(x_min * uniform ** (-1 / (exponent - 1)))


def best_by_scipy(values: np.ndarray) -> tuple[float, float, float]:
    """The same choice of x_min with SciPy's fit and SciPy's distance."""
    found = []
    for x_min in np.unique(values)[:-1]:
        tail = values[values >= x_min]
        shape, _, _ = scipy.stats.pareto.fit(tail, floc=0, fscale=x_min)
        distance = scipy.stats.kstest(tail, scipy.stats.pareto(shape, scale=x_min).cdf).statistic
        found.append((distance, 1 + shape, x_min))
    return min(found)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.slow
def test_exponent_and_start_of_the_tail_are_those_of_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = [
        rng.uniform(size=40),
        pareto(30, 2.5, seed=seed),
        rng.exponential(size=25),
        rng.integers(1, 9, 30),
    ]
    for sample in values:
        distance, exponent, x_min = best_by_scipy(np.asarray(sample, dtype=float))
        found = power_law(sample)
        assert found.distance == pytest.approx(distance)
        assert found.exponent == pytest.approx(exponent)
        assert found.x_min == pytest.approx(x_min)
        assert found.tail == (sample >= found.x_min * (1 - 1e-12)).sum()


@pytest.mark.slow
def test_the_exponent_of_a_tail_below_which_something_else_lies() -> None:
    below = np.random.default_rng(3).uniform(0.01, 1.0, size=2000)
    fits = [power_law(np.concatenate([below, pareto(1000, 3.0, seed=seed)])) for seed in range(12)]
    exponents = np.array([each.exponent for each in fits])
    error = exponents.std(ddof=1) / len(fits) ** 0.5
    assert abs(exponents.mean() - 3.0) < 4 * error
    assert 0.6 < np.median([each.x_min for each in fits]) < 2
    assert exponents.std(ddof=1) < 3 * fits[0].standard_error


def test_the_standard_error_is_that_of_a_known_start() -> None:
    # With x_min at the smallest value nearly always, the fits spread as the error says.
    values = power_law((np.arange(1000) + 0.5)[::-1] ** -0.5)
    assert values.standard_error == pytest.approx((values.exponent - 1) / values.tail**0.5)
    assert values.exponent == pytest.approx(3, abs=0.2)


def test_zeros_take_no_part() -> None:
    values = pareto(50, 2.0)
    assert power_law(np.concatenate([np.zeros(30), values])).to_dict() == power_law(values).to_dict()


@given(st.sampled_from([1e-100, 0.3, 7.0, 1e100]), st.integers(0, 50))
def test_scale_moves_the_start_and_not_the_exponent(scale: float, seed: int) -> None:
    values = np.random.default_rng(seed).gamma(2, size=30)
    first, second = power_law(values), power_law(scale * values)
    assert second.exponent == pytest.approx(first.exponent, rel=1e-6)
    assert second.x_min == pytest.approx(scale * first.x_min)
    assert second.tail == first.tail


def network(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {"conv": rng.normal(size=(24, 2, 3, 3)), "fc": rng.normal(size=(10, 24)), "bias": np.ones(10)}


def test_averages_over_layers() -> None:
    weights = network()
    squares = [np.linalg.svd(weights[k].reshape(len(weights[k]), -1))[1] ** 2 for k in ("conv", "fc")]
    expected = np.mean([power_law(values).exponent for values in squares])
    assert power_law_exponent(weights) == pytest.approx(expected)
    assert power_law_exponent(layer_matrix_ensemble(weights)) == pytest.approx(expected)
    norm = np.mean([np.log10(values.max()) for values in squares])
    assert log_spectral_norm(weights) == pytest.approx(norm)
    assert log_spectral_norm(layer_matrix_ensemble(weights)) == pytest.approx(norm)


def test_rounded_zeros_of_a_layer_without_full_rank_take_no_part() -> None:
    rng = np.random.default_rng(4)
    thin = rng.normal(size=(40, 5))
    low_rank = {"fc": thin @ rng.normal(size=(5, 40))}
    values = np.linalg.svd(low_rank["fc"])[1][:5] ** 2
    assert power_law_exponent(low_rank) == pytest.approx(power_law(values).exponent)
    # Of three eigenvalues what is below 3 · 2.2e-16 of the largest is zero, and two are too few.
    assert power_law_exponent({"fc": np.diag([1.0, 0.9, 3e-8])}) > 1
    with pytest.raises(InputError, match="at least 3 different numbers above 0, but hold 2"):
        power_law_exponent({"fc": np.diag([1.0, 0.9, 2e-8])})


def test_layers_that_are_scaled_move_the_norm_and_not_the_exponent() -> None:
    weights = network()
    scaled = weights | {"conv": 10 * weights["conv"]}
    assert power_law_exponent(scaled) == pytest.approx(power_law_exponent(weights))
    assert log_spectral_norm(scaled) == pytest.approx(
        log_spectral_norm(weights) + 1
    )  # two decades, two layers


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, -1.0, 2.0], "must not be negative, but one is -1"),
        ([1.0, np.inf, 2.0], "must be finite"),
        ([[1.0, 2.0, 3.0]], "sequence of at least 3 numbers"),
        ([0.0, 1.0, 1.0, 2.0], "at least 3 different numbers above 0, but hold 2"),
        ([], "at least 3 numbers"),
    ],
)
def test_values_without_a_tail(values: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        power_law(values)


def test_a_layer_without_weights() -> None:
    with pytest.raises(InputError, match="layer 'fc' must have a weight other than zero"):
        log_spectral_norm({"fc": np.zeros((3, 3))})
    with pytest.raises(InputError, match="layer 'fc' must hold at least 3 different"):
        power_law_exponent({"fc": np.eye(4)})
