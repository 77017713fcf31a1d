"""The exact moments of |U| against an independent sampler, and against each other."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache
from math import prod

import numpy as np
import pytest
import scipy

from mme.ensembles.modulus_moments import (
    bulk_deviation,
    bulk_radius,
    entry_mean,
    entry_pair_moment,
    perron_deviation,
    perron_mean,
    trace_excess,
)
from mme.errors import InputError

DRAWS = {2: 20_000, 3: 20_000, 5: 20_000, 12: 10_000, 32: 4000}


@cache
def moduli(order: int) -> np.ndarray:
    return np.abs(scipy.stats.unitary_group.rvs(order, size=DRAWS[order], random_state=order))


def assert_mean(samples: np.ndarray, expected: float) -> None:
    error = samples.std() / np.sqrt(len(samples))
    assert abs(samples.mean() - expected) <= 4 * error


@pytest.mark.parametrize("order", DRAWS)
@pytest.mark.slow
def test_moments_of_entries(order: int) -> None:
    sample = moduli(order)
    assert_mean(sample[:, 0, 0], entry_mean(order))
    assert_mean(sample[:, 0, 1] * sample[:, 1, 0], entry_pair_moment(order))


@pytest.mark.slow
@pytest.mark.parametrize("order", DRAWS)
def test_mean_sum_has_the_perron_moments(order: int) -> None:
    total = moduli(order).sum(axis=(1, 2)) / order
    assert_mean(total, perron_mean(order))
    assert_mean((total - perron_mean(order)) ** 2, perron_deviation(order) ** 2)


@pytest.mark.parametrize("order", [2, 12, 32])
@pytest.mark.slow
def test_perron_eigenvalue_has_the_perron_moments(order: int) -> None:
    largest = np.linalg.eigvals(moduli(order)).real.max(axis=1)
    assert_mean(largest, perron_mean(order))
    assert_mean((largest - perron_mean(order)) ** 2, perron_deviation(order) ** 2)


@pytest.mark.parametrize("order", [12, 32])
@pytest.mark.slow
def test_largest_square_has_the_symmetric_perron_moments(order: int) -> None:
    largest = np.linalg.svd(moduli(order), compute_uv=False)[:, 0] ** 2
    assert_mean(largest, perron_mean(order, "symmetric"))
    # the deviation is the leading term: some per cent at these orders
    assert largest.std() == pytest.approx(perron_deviation(order, "symmetric"), rel=0.04)


@pytest.mark.slow
@pytest.mark.parametrize("order", DRAWS)
def test_size_of_the_bulk(order: int) -> None:
    sample = moduli(order)
    bulk = sample - sample.mean(axis=1, keepdims=True) - sample.mean(axis=2, keepdims=True)
    bulk += sample.mean(axis=(1, 2), keepdims=True)
    assert_mean((bulk**2).sum(axis=(1, 2)), (order - 1) ** 2 * bulk_deviation(order) ** 2)


@pytest.mark.parametrize("order", [2, 7, 49, 50, 51, 800])
def test_squares_add_up_to_the_order(order: int) -> None:
    # tr |U||U|ᵀ = N, of which the Perron eigenvalue is one part and the bulk the other
    bulk = (order - 1) ** 2 * bulk_deviation(order) ** 2
    assert perron_mean(order, "symmetric") + bulk == pytest.approx(order, rel=1e-12)


@pytest.mark.parametrize("order", [1, 2, 10, 49, 50, 51, 170])
def test_entry_mean_is_the_ratio_of_gammas(order: int) -> None:
    exact = math.exp(math.lgamma(1.5) + math.lgamma(order) - math.lgamma(order + 0.5))
    assert entry_mean(order) == pytest.approx(exact, rel=2e-13)


def test_entry_mean_obeys_its_recurrence_where_the_series_takes_over() -> None:
    for order in (48, 49, 50, 51, 1000):
        ratio = entry_mean(order + 1) / entry_mean(order)
        assert ratio == pytest.approx(order / (order + 0.5), rel=2e-14)


@pytest.mark.parametrize("order", [50, 64, 200])
def test_entry_mean_as_an_exact_fraction(order: int) -> None:
    exact = prod(Fraction(2 * k, 2 * k + 1) for k in range(1, order))
    assert entry_mean(order) == pytest.approx(float(exact), rel=2e-15, abs=0)


@pytest.mark.parametrize("order", [3, 40, 60, 100])
def test_square_and_mean_leave_the_small_variance(order: int) -> None:
    """E b² − (E b)², of which all but 1/N² of either cancels, with E b² from the eigenvalue of |U||U|ᵀ."""
    square = 2 * (1 + (order - 1) * np.pi / 4) - perron_mean(order, "symmetric")
    assert square - perron_mean(order) ** 2 == pytest.approx(perron_deviation(order) ** 2, rel=1e-6)


def test_two_by_two_is_exact() -> None:
    # |U| = [[c, s], [s, c]] with c² uniform: the eigenvalues are c + s and c - s
    assert perron_mean(2) == pytest.approx(4 / 3)
    assert perron_deviation(2) ** 2 == pytest.approx(1 + np.pi / 4 - 16 / 9)
    assert bulk_deviation(2) ** 2 == pytest.approx(1 - np.pi / 4)


def test_limits() -> None:
    order = 10**6
    assert perron_mean(order) == pytest.approx(np.sqrt(np.pi * order) / 2, rel=1e-6)
    assert np.sqrt(order) * perron_deviation(order) == pytest.approx(np.sqrt(1 - 5 * np.pi / 16), rel=1e-5)
    squared = perron_deviation(order, "symmetric")  # of a square, twice the mean times as much
    assert squared == pytest.approx(np.sqrt(np.pi * (1 - 5 * np.pi / 16)), rel=1e-5)
    assert np.sqrt(order) * bulk_deviation(order) == pytest.approx(bulk_radius(), rel=1e-5)
    assert bulk_radius() ** 2 + np.pi / 4 == pytest.approx(1)


@pytest.mark.slow
def test_trace_excess_of_sampled_moduli() -> None:
    order = 32
    n = order - 1
    centring = np.eye(order) - 1 / order
    bulk = centring @ moduli(order) @ centring / (np.sqrt(n) * bulk_deviation(order))
    gram = bulk @ np.swapaxes(bulk, 1, 2)
    traces = (gram**2).sum(axis=(1, 2)) / n
    gaussian = 2 + 1 / n  # of a real Ginibre matrix, in these units
    assert_mean(n * (traces - gaussian), trace_excess())


def test_trace_excess_is_the_sum_of_its_sources() -> None:
    rayleigh = [math.gamma(1 + k / 2) for k in range(5)]  # moments of |z| for E|z|² = 1
    mean, variance = rayleigh[1], 1 - np.pi / 4
    fourth = rayleigh[4] - 4 * mean * rayleigh[3] + 6 * mean**2 * rayleigh[2] - 3 * mean**4
    kurtosis = fourth / variance**2 - 3
    # the squared length of a row of the bulk is 1 - (row sum)²/N, with Var(row sum) = 1 - 5π/16
    row_length = np.pi * (1 - 5 * np.pi / 16) / variance**2
    pairs_in_a_row = row_length - (2 + kurtosis)
    linear = (rayleigh[3] - mean) ** 2 / variance  # share of Var|z| that |z|² explains
    assert trace_excess() == pytest.approx(kurtosis + 2 * pairs_in_a_row + linear**2)


def test_unknown_part_is_refused() -> None:
    for function in (perron_mean, perron_deviation):
        with pytest.raises(InputError, match="part must be one of"):
            function(5, "imaginary")
