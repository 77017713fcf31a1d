"""A δ with a stated error rate: its rank, its luck, and the intervals of a rate."""

from __future__ import annotations

from math import comb, inf
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme.ensembles.calibration import calibrate_delta, disjoint_differences
from mme.errors import InputError


def test_pairs_share_no_network() -> None:
    assert disjoint_differences([1, 5, 2, 2, 7]).tolist() == [4, 0]
    values = np.random.default_rng(0).normal(size=20)
    assert disjoint_differences(values).tolist() == [
        abs(values[2 * i] - values[2 * i + 1]) for i in range(10)
    ]


@given(
    st.lists(st.floats(0, 1e6), min_size=9, max_size=60, unique=True),
    st.sampled_from([0.1, 0.2, 0.25, 0.5]),
)
@pytest.mark.slow
def test_delta_is_exceeded_by_its_share_of_the_others(differences: list[float], rate: float) -> None:
    # Leave one out: exactly n + 1 − k of n + 1 exceed the δ that the others give.
    judged = [
        value > calibrate_delta(differences[:i] + differences[i + 1 :], rate).delta
        for i, value in enumerate(differences)
        if len(differences) - 1 >= 1 / rate - 1
    ]
    if judged:
        found = calibrate_delta(differences[1:], rate)
        assert sum(judged) == round(found.expected_rate * len(differences))
        assert found.expected_rate <= rate + 1e-12
        assert found.expected_rate > rate - 1 / len(differences)


@pytest.mark.parametrize(
    ("pairs", "rate", "rank"),
    [(9, 0.1, 9), (19, 0.1, 18), (20, 0.1, 19), (99, 0.05, 95), (8, 1 / 3, 6), (149, 0.18, 123)],
)
def test_ranks(pairs: int, rate: float, rank: int) -> None:
    """In floating point 9 · (1 − 1/3) and 150 · (1 − 0.18) are more than 6 and 123."""
    found = calibrate_delta(np.arange(pairs, 0, -1.0), rate)
    assert (found.rank, found.delta, found.pairs) == (rank, rank, pairs)
    assert found.expected_rate == pytest.approx((pairs + 1 - rank) / (pairs + 1))


@pytest.mark.slow
def test_the_error_rate_of_a_new_pair_and_of_the_delta_itself() -> None:
    # Differences of two Cauchy variables; their law has the tail 1 − (2/π) arctan(δ/2).
    rng = np.random.default_rng(1)
    values = rng.standard_cauchy((1500, 2 * 29))
    found = [calibrate_delta(disjoint_differences(row)) for row in values]
    sizes = np.array([1 - 2 / np.pi * np.arctan(each.delta / 2) for each in found])
    error = sizes.std(ddof=1) / len(sizes) ** 0.5
    assert abs(sizes.mean() - 0.1) < 4 * error
    low, high = found[0].rate_interval
    for share in ((sizes < low).mean(), (sizes > high).mean()):
        assert abs(share - 0.025) < 4 * (0.025 * 0.975 / len(sizes)) ** 0.5


@pytest.mark.slow
def test_the_interval_of_the_quantile_covers() -> None:
    rng = np.random.default_rng(2)
    quantile = 0.9
    found = [calibrate_delta(row, 0.1).delta_interval for row in rng.uniform(size=(1500, 79))]
    low, high = np.array(found).T
    missed = (low > quantile).mean(), (high < quantile).mean()
    # Two order statistics of 79: by their binomial law they miss on either side with at most 2.5 %.
    allowed = 0.025 + 4 * (0.025 / 1500) ** 0.5
    assert max(missed) < allowed
    assert min(missed) > 0.003


def test_few_pairs_leave_the_interval_open() -> None:
    assert calibrate_delta(np.arange(9.0), 0.1).delta_interval[1] == inf
    assert calibrate_delta(np.arange(1, 3.0), 0.5).delta_interval == (0.0, inf)


def binomial(count: int, p: float, at_least: int) -> float:
    return sum(comb(count, j) * p**j * (1 - p) ** (count - j) for j in range(at_least, count + 1))


@pytest.mark.parametrize(("pairs", "rate", "level"), [(99, 0.1, 0.9), (49, 0.2, 0.95), (39, 0.25, 0.5)])
def test_calibrations_whole(pairs: int, rate: float, level: float) -> None:
    found = calibrate_delta(np.arange(pairs, 0, -1.0) ** 2, rate, level=level)
    rank, outside = round((pairs + 1) * (1 - rate)), (1 - level) / 2
    # The number of differences below the quantile is binomial, and their ranks are the roots of the values.
    below = [1 - binomial(pairs, 1 - rate, j + 1) for j in range(pairs + 1)]
    low = next(j for j, share in enumerate(below) if share >= outside)
    high = next(j for j, share in enumerate(below) if share >= 1 - outside) + 1
    record = found.to_dict()
    ends = record.pop("rate_interval")
    assert record == {
        "delta": rank**2, "rate": rate, "pairs": pairs, "rank": rank, "level": level,
        "delta_interval": [low**2, high**2], "expected_rate": pytest.approx(rate),
    }  # fmt: skip
    # The error rate of the k-th smallest of n is at most p where at least n + 1 − k of n are beyond it.
    beyond = [binomial(pairs, end, pairs + 1 - rank) for end in ends]
    assert beyond == pytest.approx([outside, 1 - outside])


def test_results_tell_what_they_hold() -> None:
    told = calibrate_delta(range(1, 10)).to_dict()
    assert told["expected_rate"] == pytest.approx(0.1)
    assert told["rate"] == 0.1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0] * 8, 0.1), "differences must be at least 9 for an error rate of 0.1, but they are 8"),
        (([1.0, -1.0], 0.5), "differences must not be negative"),
        (([1.0, np.nan], 0.5), "differences must be finite"),
        (([], 0.5), "sequence of at least 1"),
        (([[1.0]], 0.5), "sequence of at least 1"),
        ((["a"], 0.5), "array of numbers"),
        (([1j], 0.5), "real"),
        (([1.0], 0), "rate must be a finite number above 0"),
        (([1.0], True), "rate must be a finite number"),
        (([1.0], "0.1"), "rate must be a finite number"),
    ],
)
def test_what_cannot_be_calibrated(arguments: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        calibrate_delta(*arguments)


def test_what_makes_no_pairs() -> None:
    with pytest.raises(InputError, match="at least 2"):
        disjoint_differences([1.0])
