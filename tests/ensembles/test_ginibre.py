"""The real Ginibre law against counts of sampled eigenvalues, direct quadrature and closed forms."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from scipy.integrate import dblquad, quad
from scipy.special import gammaincc
from scipy.stats import norm

from mme.ensembles import ginibre
from mme.ensembles.ginibre import (
    complex_eigenvalue_density,
    expected_eigenvalues,
    integrate_from_zero,
    real_eigenvalue_density,
)
from mme.errors import InputError

PARTS = ("real", "modulus")


def sampled_counts(matrices: np.ndarray, points: np.ndarray, part: str) -> np.ndarray:
    values = np.linalg.eigvals(matrices)
    values = values.real if part == "real" else np.abs(values)
    return (values[..., None] <= points).sum(axis=1)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("order", [1, 2, 3, 4, 7, 16])
@pytest.mark.slow
def test_agrees_with_sampled_matrices(order: int, part: str) -> None:
    rng = np.random.default_rng(order)
    points = np.sqrt(order) * np.array([-1.1, -0.6, 0.05, 0.3, 0.7, 1.0, 1.3])
    counts = sampled_counts(rng.standard_normal((20_000, order, order)), points, part)
    error = counts.std(axis=0) / np.sqrt(len(counts))
    assert (np.abs(counts.mean(axis=0) - expected_eigenvalues(order, points, part)) <= 4 * error).all()


@pytest.mark.parametrize(
    ("order", "real"),
    [(1, 1), (2, 2**0.5), (3, 1 + 2**-0.5), (4, 11 / 8 * 2**0.5), (5, 1 + 13 / 16 * 2**0.5)],
)
def test_number_of_real_eigenvalues_is_edelmans(order: int, real: float) -> None:
    # the closed forms of Edelman, Kostlan and Shub's table
    number, _ = quad(lambda x: float(real_eigenvalue_density(order, x)), -np.inf, np.inf)
    assert number == pytest.approx(real, abs=1e-9)


def test_the_only_eigenvalue_of_order_one_is_normal() -> None:
    x = np.array([-2.0, 0.0, 1e-200, 1.0, 30.0])
    np.testing.assert_allclose(real_eigenvalue_density(1, x), norm.pdf(x), rtol=1e-14)
    np.testing.assert_array_equal(complex_eigenvalue_density(1, [0, 0, 2.0], [0, 1.0, 0]), 0)


def test_counts_of_order_one_are_those_of_a_normal_variable() -> None:
    x = np.array([-2.0, -0.3, 0.0, 0.2, 0.9, 1.1, 12.0])
    np.testing.assert_allclose(expected_eigenvalues(1, x), norm.cdf(x), rtol=0, atol=1e-14)
    both = np.maximum(2 * norm.cdf(x) - 1, 0)
    np.testing.assert_allclose(expected_eigenvalues(1, x, "modulus"), both, rtol=0, atol=1e-14)


def test_eigenvalues_come_in_conjugate_pairs() -> None:
    x, y = np.array([0.0, 1.0, 3.0]), np.array([0.2, 1.0, 2.0])
    above, below = (complex_eigenvalue_density(9, x, sign * y) for sign in (1, -1))
    np.testing.assert_array_equal(above, below)
    assert (below > 0).all()


def test_many_points_take_little_memory() -> None:
    x = np.linspace(0, 9, 40_000)
    expected_eigenvalues(1, x[:9])  # loads what it needs
    tracemalloc.start()
    try:
        expected_eigenvalues(1, x)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 * ginibre.POWERS * 5  # all powers of all points would take 70 MB


def test_an_integral_ends_where_its_density_does() -> None:
    integral = integrate_from_zero(np.cos, 0.5, 20)
    found, expected = integral(np.array([-1.0, 0.25, 0.7, 2.0])), np.sin([0, 0.25, 0.5, 0.5])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_agrees_with_direct_quadrature_of_the_densities(part: str) -> None:
    order, end = 20, 3.7
    if part == "real":
        pairs, _ = dblquad(
            lambda y, x: complex_eigenvalue_density(order, x, y), -12, end, 0, 12, epsabs=1e-10
        )
        real, _ = quad(lambda x: real_eigenvalue_density(order, x), -12, end, epsabs=1e-12)
    else:
        pairs, _ = dblquad(
            lambda a, r: r * complex_eigenvalue_density(order, r * np.cos(a), r * np.sin(a)), 0, end, 0, np.pi
        )
        real, _ = quad(lambda x: real_eigenvalue_density(order, x), -end, end, epsabs=1e-12)
    assert expected_eigenvalues(order, end, part) == pytest.approx(2 * pairs + real, abs=2e-8)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("order", [1, 2, 3, 10, 63, 512, 4095, 40_000])
def test_all_eigenvalues_are_expected_somewhere(order: int, part: str) -> None:
    assert expected_eigenvalues(order, np.inf, part) == pytest.approx(order, rel=1e-12)
    assert expected_eigenvalues(order, -np.inf, part) == pytest.approx(0, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("order", [12, 600, 4095])
def test_interpolant_is_fine_enough(monkeypatch: pytest.MonkeyPatch, order: int, part: str) -> None:
    points = np.sqrt(order) * np.linspace(0, 1.2, 200)
    before = expected_eigenvalues(order, points, part, excess=1)
    monkeypatch.setattr(ginibre, "_degree", lambda order: 400 + int(80 * order**0.25))
    monkeypatch.setattr(ginibre, "_law", ginibre._law.__wrapped__)
    np.testing.assert_allclose(expected_eigenvalues(order, points, part, excess=1), before, rtol=0, atol=1e-9)


def test_real_parts_are_symmetric_and_moduli_are_not_negative() -> None:
    points = np.linspace(-9, 9, 7)
    left, right = expected_eigenvalues(30, points), expected_eigenvalues(30, -points)
    np.testing.assert_allclose(left + right, 30, rtol=0, atol=1e-10)
    assert (expected_eigenvalues(30, [-2.0, -1e-9], "modulus", excess=1) == 0).all()


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("order", [17, 600])
def test_excess_moves_eigenvalues_but_makes_none(order: int, part: str) -> None:
    everything = [-np.inf, np.inf]
    np.testing.assert_allclose(
        expected_eigenvalues(order, everything, part, excess=0.7), [0, order], rtol=0, atol=1e-10
    )


@pytest.mark.parametrize("order", [9, 200])
def test_excess_agrees_with_direct_quadrature(order: int) -> None:
    def change(square: float) -> float:
        return (1 - 2 * square / order) * gammaincc(order - 1, square) / (np.pi * order)

    end, reach = 0.6 * order**0.5, order**0.5 + 7
    strip, _ = dblquad(lambda y, x: 2 * change(x**2 + y**2), 0, end, 0, reach)
    disc, _ = quad(lambda r: 2 * np.pi * r * change(r**2), 0, end)
    for part, expected in (("real", strip), ("modulus", disc)):
        shift = expected_eigenvalues(order, end, part, excess=1) - expected_eigenvalues(order, end, part)
        assert shift == pytest.approx(expected, abs=1e-8)


@pytest.mark.slow
def test_excess_kurtosis_of_the_entries_shifts_the_law() -> None:
    order, rng = 20, np.random.default_rng(1)
    uniform = rng.uniform(-(3**0.5), 3**0.5, (20_000, order, order))  # variance 1, excess kurtosis -6/5
    values = np.linalg.eigvals(uniform)
    points = np.sqrt(order) * np.array([0.4, 0.6, 0.7])
    for part, numbers in (("real", values.real), ("modulus", np.abs(values))):
        counts = (numbers[..., None] <= points).sum(axis=1)
        error = counts.std(axis=0) / np.sqrt(len(counts))
        gaussian = expected_eigenvalues(order, points, part)
        corrected = expected_eigenvalues(order, points, part, excess=-1.2)
        off = np.abs(counts.mean(axis=0) - corrected)
        # the shift is of first order in 1/n: noise, or a sixth of it, may remain
        assert (off <= np.maximum(4 * error, np.abs(corrected - gaussian) / 6)).all()
        assert (np.abs(counts.mean(axis=0) - gaussian) > 4 * error).any()


def test_parts_of_a_series_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    points = np.linspace(-1, 40, 301)
    whole = expected_eigenvalues(90, points, "modulus", excess=1)
    for powers in (1000, 1):
        monkeypatch.setattr(ginibre, "POWERS", powers)
        np.testing.assert_allclose(
            expected_eigenvalues(90, points, "modulus", excess=1), whole, rtol=0, atol=1e-12
        )
    assert expected_eigenvalues(90, points[:0]).shape == (0,)


def test_points_grow_as_the_fourth_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rim has width 1, and Chebyshev points stand √reach times as close at the ends of √n + 8."""
    degrees = []

    def asked(density: Any, reach: float, degree: int) -> Any:
        degrees.append(degree)
        return lambda x: x

    monkeypatch.setattr(ginibre, "integrate_from_zero", asked)
    for order in (1, 16, 10_000):
        ginibre._law.__wrapped__(order, "modulus", 1.0)
    assert degrees == [110, 160, 560]


def test_unknown_part_is_refused() -> None:
    with pytest.raises(InputError, match="part must be one of 'real', 'modulus', but it is 'symmetric'"):
        expected_eigenvalues(4, 1.0, "symmetric")
