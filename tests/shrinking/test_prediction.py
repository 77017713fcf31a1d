"""Rank correlations against SciPy and by simulation; predictions of left-out entries by leaving them out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from mme.errors import InputError
from mme.shrinking import leave_one_out, rank_correlation


def test_plain_is_scipys() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=25).round(1)  # with ties
    y = x + rng.normal(size=25)
    theirs, ours = stats.spearmanr(x, y), rank_correlation(x, y)
    assert ours.value == pytest.approx(theirs.statistic, abs=1e-12)
    assert ours.p_value == pytest.approx(theirs.pvalue, rel=1e-9)
    assert ours.low < ours.value < ours.high
    assert ours.count == 25


def test_partial_is_the_textbooks_formula() -> None:
    rng = np.random.default_rng(1)
    z = rng.normal(size=30)
    x, y = z + rng.normal(size=30), -z + rng.normal(size=30)
    xy, xz, yz = (stats.spearmanr(a, b).statistic for a, b in ((x, y), (x, z), (y, z)))
    expected = (xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2))
    found = rank_correlation(x, y, z)
    assert found.value == pytest.approx(expected, abs=1e-12)
    t = expected * np.sqrt(27 / (1 - expected**2))
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(t), 27), rel=1e-9)


@pytest.mark.parametrize("kind", ["plain", "partial", "within"])
def test_rates_of_false_alarms(kind: str) -> None:
    rng = np.random.default_rng(2)
    runs, group = 1500, np.repeat(np.arange(7), 3)
    alarms, misses = [], []
    for _ in range(runs):
        z = rng.normal(size=21)
        shared = 3 * rng.normal(size=7)[group] if kind == "within" else z * (kind == "partial")
        x, y = shared + rng.normal(size=21), shared + rng.normal(size=21)
        given, within = (z if kind == "partial" else None), (list(group) if kind == "within" else None)
        found = rank_correlation(x, y, given, within=within)
        alarms.append(found.p_value < 0.05)
        misses.append(not found.low <= 0 <= found.high)
    error = np.sqrt(0.05 * 0.95 / runs)
    # the partial one holds nearly: ranks of the third are not the third; the intervals are approximate
    allowed = 4 * error if kind == "plain" else 6 * error
    assert abs(np.mean(alarms) - 0.05) < allowed
    assert abs(np.mean(misses) - 0.05) < 6 * error


def test_groups_take_off_what_sets_them_apart() -> None:
    rng = np.random.default_rng(3)
    group = np.repeat(np.arange(10), 4)
    x = rng.normal(size=40)
    y = x + 0.1 * rng.normal(size=40)
    shifted = rank_correlation(x + 100 * group, y - 100 * group, within=list(group))
    plain = rank_correlation(x + 100 * group, y - 100 * group)
    assert shifted.value > 0.9
    assert plain.value < -0.9


def test_a_perfect_order_has_no_infinite_ends() -> None:
    found = rank_correlation(range(9), range(9))
    assert found.value == pytest.approx(1)
    assert found.high <= 1
    assert found.p_value < 1e-9


@pytest.mark.parametrize("count", [0, 1, 3])
def test_left_out_one_by_one(count: int) -> None:
    rng = np.random.default_rng(4)
    predictors = rng.normal(size=(count, 12))
    y = rng.normal(size=12) + predictors.sum(axis=0)
    expected = []
    for k in range(12):
        others = np.arange(12) != k
        design = np.column_stack([np.ones(12), *predictors])
        line = np.linalg.lstsq(design[others], y[others])[0]
        expected.append(y[k] - design[k] @ line)
    np.testing.assert_allclose(leave_one_out(y, *predictors), expected, rtol=1e-10)


def test_bad_input() -> None:
    good = [1.0, 3.0, 2.0, 5.0, 4.0]
    with pytest.raises(InputError, match="x must have one axis of at least 5"):
        rank_correlation([1, 2, 3], [1, 2, 3])
    with pytest.raises(InputError, match="given must have one axis"):
        rank_correlation(good, good, good[:4])
    with pytest.raises(InputError, match="y must not be constant"):
        rank_correlation(good, [1.0] * 5)
    with pytest.raises(InputError, match="y must be finite"):
        rank_correlation(good, [1, 2, 3, 4, np.nan])
    with pytest.raises(InputError, match="within must have 5 labels of at most 1 groups"):
        rank_correlation(good, good, within=[1, 1, 2, 2, 2])
    with pytest.raises(InputError, match="equally many entries"):
        leave_one_out(good, good[:3])
    with pytest.raises(InputError, match="at least 4 entries for 2 predictors"):
        leave_one_out([1, 2, 3], [1, 2, 3], [3, 1, 2])
    with pytest.raises(InputError, match="predictors must vary"):
        leave_one_out(good, [1.0] * 5)
    with pytest.raises(InputError, match="predictors must vary"):
        leave_one_out(good, [0, 0, 0, 0, 1.0])
