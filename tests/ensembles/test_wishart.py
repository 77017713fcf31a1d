"""The Laguerre law of squared singular values against samples and against exact moments."""

from __future__ import annotations

import numpy as np
import pytest

from mme.ensembles import wishart
from mme.ensembles.ginibre import integrate_from_zero
from mme.ensembles.wishart import expected_squares
from tests.each import each


def moment(order: int, power: int, excess: float = 0.0) -> float:
    """Σ E x^power, as ∫ power x^(power-1) (number above x) dx, in the variable u = √x."""
    nodes, weights = np.polynomial.legendre.leggauss(40)
    width = 0.5
    u = (np.arange(0, 2 * np.sqrt(order) + 10, width)[:, None] + width * (1 + nodes) / 2).ravel()
    above = expected_squares(order, np.inf) - expected_squares(order, u**2, excess)
    return float(2 * power * (u ** (2 * power - 1) * above).reshape(-1, 40).sum(axis=0) @ weights * width / 2)


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5, 8, 9])
@pytest.mark.slow
def test_agrees_with_sampled_matrices(order: int) -> None:
    rng = np.random.default_rng(order)
    squares = np.linalg.svd(rng.standard_normal((20_000, order, order)), compute_uv=False) ** 2
    points = order * np.array([0.002, 0.05, 0.4, 1.0, 1.9, 2.8, 3.6, 4.2])
    counts = (squares[..., None] <= points).sum(axis=1)
    error = counts.std(axis=0) / np.sqrt(len(counts))
    assert (np.abs(counts.mean(axis=0) - expected_squares(order, points)) <= 4 * error).all()


@pytest.mark.slow
@pytest.mark.parametrize("order", [1, 2, 3, 4, 11, 50, 301, 640])
def test_moments_are_those_of_a_gaussian_matrix(order: int) -> None:
    # E tr GGᵀ = n² and E tr (GGᵀ)² = 2n³ + n², by counting pairings; 640 needs numbers below e^-700
    assert expected_squares(order, np.inf) == pytest.approx(order, rel=1e-11)
    assert moment(order, 1) == pytest.approx(order**2, rel=1e-10)
    assert moment(order, 2) == pytest.approx(2 * order**3 + order**2, rel=1e-10)


@each("order", [1, 2, 3, 64, 150])
def test_there_are_as_many_as_the_order_says(order: int) -> None:
    assert expected_squares(order, np.inf) == pytest.approx(order, rel=1e-13)


@pytest.mark.parametrize("order", [40, 301])
def test_interpolant_is_fine_enough(monkeypatch: pytest.MonkeyPatch, order: int) -> None:
    points = order * np.linspace(0, 4.4, 200)
    before = expected_squares(order, points)
    monkeypatch.setattr(
        wishart, "integrate_from_zero", lambda f, end, degree: integrate_from_zero(f, end, 2 * degree)
    )
    monkeypatch.setattr(wishart, "_squares", wishart._squares.__wrapped__)
    np.testing.assert_allclose(expected_squares(order, points), before, rtol=0, atol=order * 1e-13)


def test_excess_is_what_it_adds_to_the_second_moment() -> None:
    order, kappa = 150, 0.5
    assert moment(order, 1, kappa) == pytest.approx(order**2, rel=2e-4)
    added = (moment(order, 2, kappa) - moment(order, 2)) / order**2
    assert added == pytest.approx(kappa, rel=0.05)
    np.testing.assert_allclose(
        expected_squares(order, [-1, 0, np.inf], kappa), [0, 0, order], rtol=0, atol=1e-9
    )
    assert expected_squares(15, np.inf, 1.0) == pytest.approx(15, abs=2e-9)  # and a low order


def test_excess_moves_the_second_moment_as_fast_as_exact_moments_say() -> None:
    """By Σ X³/n² − 2 Σ X²/n, with E tr (GGᵀ)³ = n² (5n² + 6n + 4) by counting pairings: by (n + 2)²."""
    order, step = 30, 1e-3
    speed = (moment(order, 2, step) - moment(order, 2, -step)) / (2 * step)
    assert speed == pytest.approx((order + 2) ** 2, rel=1e-5)


@pytest.mark.slow
def test_excess_kurtosis_of_the_entries_shifts_the_law() -> None:
    order, rng = 40, np.random.default_rng(1)
    uniform = rng.uniform(-(3**0.5), 3**0.5, (3000, order, order))  # variance 1, excess kurtosis -6/5
    squares = np.linalg.svd(uniform, compute_uv=False) ** 2
    points = order * np.array([0.6, 1.0, 3.2, 3.6])
    counts = (squares[..., None] <= points).sum(axis=1)
    error = counts.std(axis=0) / np.sqrt(len(counts))
    gaussian, corrected = expected_squares(order, points), expected_squares(order, points, -1.2)
    off = np.abs(counts.mean(axis=0) - corrected)
    assert (off <= np.maximum(4 * error, np.abs(corrected - gaussian) / 6)).all()
    assert (np.abs(counts.mean(axis=0) - gaussian) > 4 * error).any()
