"""A check passes when the claim holds, fails when it does not, and leaves one record."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import numpy as np
import pytest
import sympy as sp
import torch
from execute_once import ROOT
from hypothesis import given
from hypothesis import strategies as st
from nbclient import NotebookClient

from mme import InputError, __version__
from mme.evidence import LEVELS, MIME_TYPE, CheckFailed, Evidence, check, page, records, spoken
from mme.evidence.page import html, show
from mme.extras import MissingExtra
from tests.chapters import chapters, executed
from tests.each import each

flint = pytest.importorskip("flint")

CLAIM = check("lemma-5.1", "a claim")
MOST_SLACK = 100  # how many times the error a tolerance may be without a reason
a, b = sp.symbols("a b", positive=True)
N = sp.Symbol("N", integer=True, positive=True)
k = sp.Symbol("k", integer=True)


def normal(*shape: int, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


# --- proved -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((a + b) ** 2, a**2 + 2 * a * b + b**2),
        ((a**4 - b**4) / (a**2 - b**2), a**2 + b**2),
        (sp.Sum(k**2, (k, 1, N)), N * (N + 1) * (2 * N + 1) / 6),
        (sp.Sum(a**k, (k, 0, N - 1)) * (a - 1), a**N - 1),
        (sp.gamma(N + 1), N * sp.gamma(N)),
        (sp.sinh(a), (sp.exp(a) - sp.exp(-a)) / 2),
        (sp.sqrt(5 + 2 * sp.sqrt(6)), sp.sqrt(2) + sp.sqrt(3)),
        ((a**N) ** 2 * a, a ** (2 * N + 1)),
        (sp.Matrix([[a, 1], [0, a]]) ** 2, sp.Matrix([[a**2, 2 * a], [0, a**2]])),
        ([a - a, (a - b) * (a + b) - a**2 + b**2], 0),
        (np.array([[a + b]], dtype=object), [[b + a]]),
        (sp.Eq((a + b) ** 3, sp.expand((a + b) ** 3)), 0),
        ([sp.Eq(a, a), sp.Eq(2 * a, a + a)], 0),
        (sp.Eq(sp.Matrix([a + b, (a + 1) ** 2]), sp.Matrix([b + a, a**2 + 2 * a + 1])), 0),
        (Fraction(1, 3) + Fraction(1, 6), sp.Rational(1, 2)),
        ((0, 1, 4), sp.Tuple(0, 1, 4)),
        ([range(2), range(1, 3)], np.array([[0, 1], [1, 2]])),
        (sp.MatrixSymbol("M", 2, 1), [[sp.MatrixSymbol("M", 2, 1)[k, 0]] for k in range(2)]),
        ([sp.Matrix([a, b])] * 2, [[[a], [b]]] * 2),
    ],
)
@pytest.mark.slow
def test_proved_reduces_what_is_equal(left: Any, right: Any) -> None:
    record = CLAIM.proved(left, right)
    assert record.level == "proved"
    assert record.passed


def test_proved_writes_hyperbolic_functions_as_exponentials() -> None:
    record = CLAIM.proved(sp.coth(a) - sp.tanh(a), 2 / sp.sinh(2 * a))
    assert record.details["reductions"] == ["exponentials"]
    record = CLAIM.proved([sp.coth(a) - sp.tanh(a), a], [2 / sp.sinh(2 * a), a])
    assert record.details["reductions"] == ["exponentials", "subtraction"]  # of all entries, each once
    with pytest.raises(CheckFailed, match=r"at entry \(3, 3\)"):  # and each of many is looked at
        CLAIM.proved(sp.eye(4), sp.diag(1, 1, 1, 2))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("left", "right", "why"),
    [
        ((a + b) ** 2, a**2 + b**2, r"is 2\*a\*b, which is .* at a = "),
        (sp.Sum(k, (k, 1, N)), N * (N - 1) / 2, "which is .* at N = 2"),
        (a ** (2 * N), a ** (2 * N + 1), "which is .* at N = "),
        (sp.Matrix([[a, b]]), sp.Matrix([[a, a]]), r"at entry \(0, 1\)"),
        (sp.Matrix([[a, b]]), sp.Matrix([[a], [b]]), "the shape"),
        ([[a, b], [b, a]], [[a, b], [a, a]], r"at entry \(1, 0\)"),
        ([sp.Eq(a, a), sp.Eq(a, b)], 0, r"at entry \(1,\)"),
        (sp.Eq(sp.Integer(1), 2), 0, "difference is"),
        ([], 0, "nothing to prove"),
        (sp.Function("f")(a), sp.Function("f")(b), "could not be reduced to 0, so it is not proved"),
    ],
)
def test_proved_fails_on_what_is_not_equal(left: Any, right: Any, why: str) -> None:
    with pytest.raises(CheckFailed, match=why) as failure:
        CLAIM.proved(left, right)
    assert not failure.value.record.passed


def test_proved_shows_where_a_difference_is_not_zero() -> None:
    for left, right, why in (
        (a, b, "is a - b, which is -0.2857 at a = 3/7, b = 5/7"),
        (a * k, 0, "is a*k, which is 1.286 at a = 3/7, k = 3"),
        (sp.I * a, -1, "is I*a + 1, which is 1+0.4286j at a = 3/7"),
        (sp.Symbol("x", negative=True), 0, "is x, which is -0.4286 at x = -3/7"),
        (1 - a / b, 0, "is -a/b + 1, which is 0.4 at a = 3/7, b = 5/7"),  # no other form is shorter
    ):
        with pytest.raises(CheckFailed) as failure:
            CLAIM.proved(left, right)
        assert why in str(failure.value)


@each("left", [0.5, sp.Float(0.5) * a, True, "a - a", a < b, [[a, b], [a]], sp.MatrixSymbol("M", N, N), None])
@each("beside", [False, True])  # something exact
def test_proved_refuses_what_is_not_exact(left: Any, beside: bool) -> None:
    with pytest.raises(InputError, match="left must"):
        CLAIM.proved([a - a, left] if beside else left)


def test_proved_compares_with_zero_where_no_right_side_is_given() -> None:
    assert CLAIM.proved((a + b) ** 2 - a**2 - 2 * a * b - b**2).passed
    squares = sp.Eq(sp.Matrix([a, (a + 1) ** 2]), sp.Matrix([a, a**2 + 2 * a + 1]))
    assert CLAIM.proved(squares).details["entries"] == 2  # an equality of matrices
    assert CLAIM.proved([sp.Eq(a**2 - 1, (a - 1) * (a + 1))]).passed  # and one in a list
    with pytest.raises(CheckFailed, match="the difference is 1"):
        CLAIM.proved(sp.Integer(1))


def test_proved_refuses_two_right_sides() -> None:
    with pytest.raises(InputError, match="right must be left out"):
        CLAIM.proved([sp.Eq(a, b)], [b])


@pytest.mark.parametrize("length", [119, 120, 121, 200])
def test_a_long_rest_is_cut(length: int) -> None:
    rest = sp.Symbol("x" * length)
    shown = str(rest) if length <= 120 else "x" * 117 + "…"
    with pytest.raises(CheckFailed, match=f"the difference is {shown}, which is"):
        CLAIM.proved(rest, 0)


def test_certified_counts_the_entries_where_they_are_several() -> None:
    third = flint.arb(1) / 3
    assert "entries" not in CLAIM.certified(third, Fraction(1, 3), tolerance=1e-9).summary
    assert " in all 2 entries (" in CLAIM.certified([third, 1], [Fraction(1, 3), 1], tolerance=1e-9).summary


def test_certified_digits_are_of_what_is_not_zero() -> None:
    third = flint.arb(1) / 3
    assert CLAIM.certified(3 * third, 1, tolerance=1e-9).details["digits"] == 15
    assert "digits" not in CLAIM.certified(3 * third - 1, 0, tolerance=1e-9).details


def test_statistical_tells_the_size_of_z_and_digits_that_the_error_supports() -> None:
    below = CLAIM.statistical(0.9, expected=1, standard_error=0.1)
    assert below.summary == "0.9 ± 0.1, expected 1 (|z| = 1, tolerance 4)"
    small = CLAIM.statistical(2.4567e-9, expected=2.0123e-9, standard_error=4e-10)
    assert small.summary.startswith("2.5e-09 ± 4e-10, expected 2.01e-09 (")
    for estimate, error, told in (
        (0.5, 0.01, "0.50 ± 0.01, expected 0.5 ("), (12.3, 1.0, "12 ± 1, expected 12.3 ("),
        (123.4, 10.0, "1.2e+02 ± 1e+01, expected 123 ("),
        (2e-6, 1e-6, "0.000002 ± 0.000001, expected 2e-06 ("),
        (2e-7, 1e-7, "2e-07 ± 1e-07, expected 2e-07 ("), (999998.0, 0.5, "999998.0 ± 0.5, expected 999998 ("),
        (1000001.0, 0.5, "1000001 ± 0.5, expected 1000001 ("), (0.0, 0.1, "0.0 ± 0.1, expected 0 ("),
    ):  # fmt: skip
        found = CLAIM.statistical(estimate, expected=estimate, standard_error=error).summary
        assert found.startswith(told), found
    large = CLAIM.statistical(1.23456e8, expected=1.23321e8, standard_error=2e5)
    assert large.summary.startswith("1.235e+08 ± 2e+05, expected 1.2332e+08 (")


def test_statistical_errors_of_complex_numbers_are_those_of_their_entries() -> None:
    found = CLAIM.statistical(
        np.array([1 + 1.05j, 2 + 2j]), expected=np.array([1 + 1j, 2 + 2j]), standard_error=[0.1, 0.2]
    )
    assert found.details["z"] == pytest.approx(0.5)


def test_proved_counts_symbols_where_they_are_many() -> None:
    six, seven = (sum(sp.symbols(f"x:{count}")) for count in (6, 7))
    assert CLAIM.proved(six, six).summary.endswith("for symbolic x0, x1, x2, x3, x4, x5")
    assert CLAIM.proved(seven, seven).summary.endswith("for 7 symbols")


def test_proved_names_the_symbols_of_both_sides() -> None:
    record = CLAIM.proved([a * b / b, N], [a, N])
    assert record.details["symbols"] == ["N", "a"]
    assert record.details["entries"] == 2
    assert CLAIM.proved(sp.sqrt(2) ** 2, 2).details["symbols"] == []


# --- certified ----------------------------------------------------------------------------------------


def test_certified_bounds_the_difference() -> None:
    record = CLAIM.certified([flint.arb(2).sqrt() ** 2, flint.acb(0, 1) ** 2], [2, -1], tolerance=1e-14)
    assert 0 < record.details["largest_radius"] <= record.details["largest_difference"] <= 1e-14
    matrix = flint.arb_mat([[1, 2], [3, 4]])
    assert CLAIM.certified(matrix * matrix, flint.arb_mat([[7, 10], [15, 22]])).details["compared"] == 4
    assert CLAIM.certified(flint.arb(flint.fmpq(1, 3)), Fraction(1, 3), tolerance=1e-15).passed


def test_certified_bound_is_as_wide_as_the_balls() -> None:
    # Everything in [1.5, 2.5] against everything in [1.75, 2.25]: at most 0.75 apart.
    wide, narrow = flint.arb(2, 0.5), flint.arb(2, 0.25)
    assert CLAIM.certified(wide, narrow, tolerance=0.76).details["largest_difference"] >= 0.75
    with pytest.raises(CheckFailed, match=r"could differ by 0\.75"):
        CLAIM.certified(wide, narrow, tolerance=0.74)


@pytest.mark.parametrize("change", [1, -1])
def test_certified_sees_a_change_in_the_fortieth_digit(change: int) -> None:
    with flint.ctx.workprec(200):
        root = flint.arb(2).sqrt()
        record = CLAIM.certified([root**2, root * 10**6, 0], [2, flint.arb(2 * 10**12).sqrt(), 0])
        assert 57 <= record.details["digits"] <= 60  # 200 bits are 60.2 digits
        assert record.summary.endswith(f"(tolerance 1e-50), {record.details['digits']} digits")
        neighbour = 2 * (1 + flint.arb(change) / 10**40)
        with pytest.raises(CheckFailed, match="differ for certain"):
            CLAIM.certified([root**2], [neighbour])
    with pytest.raises(CheckFailed, match="work with more bits"):
        CLAIM.certified(flint.arb(2).sqrt() ** 2, 2)  # 53 bits would not see it
    assert "digits" not in CLAIM.certified(Fraction(1, 2), Fraction(2, 4)).details  # equal
    with flint.ctx.workprec(2000):  # what is less than any float is not 0
        assert 0 < CLAIM.certified(flint.arb(2).sqrt() ** 2, 2).details["largest_difference"] < 1e-320


def test_certified_counts_the_digits_of_the_worst_entry() -> None:
    third = flint.arb(1) / 3  # 53 bits
    assert CLAIM.certified([1, third], [1, Fraction(1, 3)], tolerance=1e-9).details["digits"] == 15
    small = CLAIM.certified([third / 10**9], [Fraction(1, 3 * 10**9)], tolerance=1e-9)
    assert small.details["digits"] == 15  # relative, unlike the largest difference
    assert small.details["largest_difference"] < 1e-24


@each(
    "left, right, why",
    [
        (flint.arb(2).sqrt(), flint.arb(3).sqrt(), "differ for certain"),
        (flint.arb(2, 1e-3), 2, "could differ by 0.001, above the tolerance"),
        ([1, flint.arb(2, 0.5)], [1, 3], "of entry 1 do not overlap"),
        (flint.arb(2), 3, r"\(certified\): the balls do not overlap, so the two sides differ for certain"),
        (flint.arb("nan"), 1, r"\(certified\): a ball is not finite"),
        ([1, 2, flint.arb("nan")], 1, "the balls of entry 1 do not overlap"),
        ([1, flint.arb("nan")], 1, "a ball of entry 1 is not finite"),
        (1, [1, 2], "left has 1 entries and right has 2"),
        (flint.arb(1) / 0, 1, "not finite"),
        ([1, 2], 1, "of entry 1 do not overlap"),
        ([1, 2, 3], [1, 2], "left has 3 entries and right has 2"),
        ([], [], "nothing to compare"),
    ],
)
def test_certified_fails(left: Any, right: Any, why: str) -> None:
    with pytest.raises(CheckFailed, match=why):
        CLAIM.certified(left, right)


def test_certified_counts_no_digits_where_the_first_may_be_wrong() -> None:
    for radius, digits in ((0.05, 1), (0.5, 0), (1.2, None), (3.0, None)):
        found = CLAIM.certified(flint.arb(1, radius), flint.arb(1), tolerance=5.0)
        assert found.details.get("digits") == digits
        assert ("digits" in found.summary) == (digits is not None)
    with flint.ctx.workprec(100):  # off by the largest float below 1, and the bound is the next one
        half = flint.arb(0, 0.5)
        near = half + (2 - half.rad() - flint.arb(2) ** -53)
        details = CLAIM.certified(near, 1, tolerance=5.0).details
    assert details["largest_difference"] == 1
    assert "digits" not in details


@pytest.mark.parametrize("right", [1, sp.Symbol("x"), sp.Integer(2)])
def test_an_equality_has_no_other_right_side(right: Any) -> None:
    x = sp.Symbol("x")
    holds = sp.Eq((x + 1) ** 2, x**2 + 2 * x + 1)
    assert CLAIM.proved(holds).passed
    for left in (holds, [holds]):
        with pytest.raises(InputError, match="right must be left out when left holds equalities"):
            CLAIM.proved(left, right)


def test_the_largest_radius_is_that_of_either_side() -> None:
    wide, narrow = flint.arb(2, 1e-3), flint.arb(2, 1e-9)
    for sides in ((wide, narrow), (narrow, wide), ([narrow, 2], [wide, 2])):
        details = CLAIM.certified(*sides, tolerance=1.0).details
        assert details["largest_radius"] == pytest.approx(1e-3, rel=1e-6)


def test_certified_takes_a_difference_as_large_as_the_tolerance() -> None:
    sides = flint.arb(2, 1e-3), flint.arb(2)
    bound = CLAIM.certified(*sides, tolerance=1.0).details["largest_difference"]
    assert 1e-3 <= bound < 1.001e-3
    assert CLAIM.certified(*sides, tolerance=bound).passed
    with pytest.raises(CheckFailed, match=r"could differ by 0\.001, above the tolerance 0\.001"):
        CLAIM.certified(*sides, tolerance=np.nextafter(bound, 0))


def test_certified_refuses_what_has_no_error_bound() -> None:
    with pytest.raises(InputError, match="right must hold balls"):
        CLAIM.certified(flint.arb(2).sqrt(), 1.4142135623730951)
    with pytest.raises(InputError, match="tolerance must be"):
        CLAIM.certified(1, 1, tolerance=float("nan"))


def test_certified_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "flint", None)
    with pytest.raises(MissingExtra, match=r"needs flint, .* pip install 'mme\[book\]' brings it"):
        CLAIM.certified(1, 1)


# --- numeric ------------------------------------------------------------------------------------------


def test_numeric_reports_the_largest_error() -> None:
    record = CLAIM.numeric([1.0, 2.0, 3.0], [1.0, 2.25, 3.0], atol=0.5)
    assert record.details["largest_error"] == 0.25
    assert record.details["tolerance"] == 0.5
    assert record.details["compared"] == 3
    relative = CLAIM.numeric([10.0, 100.0], [10.5, 100.5], rtol=0.05)
    assert relative.details["largest_error"] == pytest.approx(0.5 / 10.5)  # relative, where it is worst
    assert relative.details["measure"] == "relative"
    both = CLAIM.numeric([10.0, 0.5], [11.0, 0.0], rtol=0.1, atol=1.0)
    assert both.details["largest_error"] == 0.5  # 0.5 of 1.0 allowed, against 1.0 of 2.1
    assert both.details["tolerance"] == 1.0


@pytest.mark.slow
@given(st.floats(-1e6, 1e6), st.floats(1e-9, 1e3), st.floats(0.1, 0.9), st.floats(1.1, 10))
def test_numeric_tolerance_is_the_border(value: float, atol: float, inside: float, outside: float) -> None:
    assert CLAIM.numeric(value, value + inside * atol, atol=atol * 1.05 + 1e-9).passed
    with pytest.raises(CheckFailed):
        CLAIM.numeric(value, value + 1.1 * outside * atol + 1e-9, atol=atol)


def test_numeric_says_how_much_wider_than_the_error_the_tolerance_is() -> None:
    assert CLAIM.numeric([1.0, 2.0], [1.0, 2.25], atol=0.5).details["slack"] == 2
    assert CLAIM.numeric(10.0, 10.5, rtol=0.5).details["slack"] == pytest.approx(0.5 * 10.5 / 0.5)
    eps = np.finfo(float).eps  # what an error of zero counts as, relative to the larger side
    assert CLAIM.numeric(4.0, 4.0, rtol=100 * eps).details["slack"] == pytest.approx(100)
    assert CLAIM.numeric([4.0, 0.0], [4.0, 0.0], atol=100 * eps).details["slack"] == pytest.approx(25)
    assert CLAIM.numeric(0.0, 0.0, atol=50 * eps).details["slack"] == pytest.approx(50)
    # One that is far off where more is allowed; the worst for what is allowed there is near.
    worst = CLAIM.numeric([0.0, 1e-3], [1e20, 0.0], rtol=1.5, atol=1.1e-3).details
    assert worst["largest_error"] == 1e-3
    assert worst["slack"] == pytest.approx(1.1e-3 / (1e20 * eps))
    assert CLAIM.numeric([3, 4], [3, 4], atol=0).details["slack"] == 0


def test_numeric_says_why_a_tolerance_is_wide() -> None:
    record = CLAIM.numeric(1.0, 1.0, atol=0.1, because="the draws differ")
    assert record.summary == "error 0 (tolerance 0.1), wide because the draws differ"
    assert record.details["because"] == "the draws differ"
    with pytest.raises(CheckFailed, match=r"above the tolerance 0\.1\.$"):
        CLAIM.numeric(2.0, 1.0, atol=0.1, because="the draws differ")
    with pytest.raises(InputError, match="because must be"):
        CLAIM.numeric(1, 1, because=3)  # type: ignore[arg-type]


def test_numeric_tolerances_add_up() -> None:
    assert CLAIM.numeric(100.9, 100, rtol=0.01).passed
    assert CLAIM.numeric(101.4, 100, rtol=0.01, atol=0.5).passed
    for wrong, tolerances in ((101.1, {"rtol": 0.01}), (101.6, {"rtol": 0.01, "atol": 0.5})):
        with pytest.raises(CheckFailed):
            CLAIM.numeric(wrong, 100, **tolerances)


def test_numeric_tolerances_are_relative_to_the_size_of_the_formula() -> None:
    for sign in (-1, 1j, -1j):
        assert CLAIM.numeric(sign * 100.9, sign * 100, rtol=0.01).passed
        with pytest.raises(CheckFailed):
            CLAIM.numeric(sign * 101.1, sign * 100, rtol=0.01)


def test_numeric_fails_for_one_entry_of_many() -> None:
    computed = np.zeros((2, 3))
    computed[1, 2] = 0.5
    with pytest.raises(CheckFailed, match=r"the error at entry \(1, 2\) is 0\.5, above the tolerance 0\.1"):
        CLAIM.numeric(computed, 0, atol=0.1)


@each(
    "computed, formula, why",
    [
        (1.0, 1.0 + 1e-8, "relative error is"),
        ([1.0, np.nan], [1.0, np.nan], "1 of the 2 entries of computed are not finite"),
        ([1.0, 2.0], [1.0, np.nan], "1 of the 2 entries of formula are not finite"),
        (np.inf, np.inf, "not finite"),
        ([], [], "nothing to compare"),
        (np.empty((3, 0)), 1.0, "nothing to compare"),
        ([1.0, 1.0], [1.0], "shape"),
        (1.0, [1.0, 1.0], "shape"),
        (np.ones((2, 3)), np.ones((3, 2)), "shape"),
        (1 + 1j, 1.0, "relative error is 1,"),
        (1e-300, 0.0, "above the tolerance"),
    ],
)
def test_numeric_fails(computed: Any, formula: Any, why: str) -> None:
    with pytest.raises(CheckFailed, match=why):
        CLAIM.numeric(computed, formula)


@each(
    "arguments, why",
    [
        (([[1, 2], [3]], 0), "computed must be an array of numbers, but its rows differ"),
        (("text", 0), "computed must be"),
        ((1, None), "formula must be"),
        (([1, None], 0), "computed must be an array of numbers"),
    ],
)
def test_numeric_refuses_what_is_no_array(arguments: Any, why: str) -> None:
    with pytest.raises(InputError, match=why):
        CLAIM.numeric(*arguments)


@each("tolerance", [-1.0, np.nan, np.inf, "1e-9"])
@each("name", ["rtol", "atol"])
def test_numeric_refuses_senseless_tolerances(name: str, tolerance: Any) -> None:
    with pytest.raises(InputError, match=f"{name} must be a finite number"):
        CLAIM.numeric(1, 1, **{name: tolerance})


def test_numeric_compares_whole_numbers_exactly() -> None:
    huge = 2**80
    assert CLAIM.numeric([huge, 10**400], [huge, 10**400], atol=0).details["largest_error"] == 0
    for one_off in (huge + 1, 10**400 + 1):
        with pytest.raises(CheckFailed, match="is 1, above the tolerance 0"):
            CLAIM.numeric([one_off], [one_off - 1], atol=0)
    with pytest.raises(CheckFailed):
        CLAIM.numeric(np.uint8(0), np.uint8(255), atol=1)  # the difference does not wrap around
    assert CLAIM.numeric(np.array([True, True]), True, atol=0).passed


def test_numeric_compares_whole_numbers_beyond_floats() -> None:
    """Relative to their size, as others are; a large entry lends nothing to a smaller one beside it."""
    huge = 10**400
    for computed, formula, error in (
        (huge, 2 * huge, 0.5), (2 * huge, huge, 1.0), (-huge, huge, 2.0), (huge + huge // 10**5, huge, 1e-5),
        ([huge, 2**1010], [huge, 2**1011], 0.5), ([huge, 2**1001 + 2**990], [huge, 2**1001], 2.0**-11),
        ([2**1023, huge], [2**1023 - 2**1012, huge], 2.0**-11), (2**1024, 2**1024 - 2**1014, 2.0**-10),
        (2**1024 + 2**1014, 2**1024, 2.0**-10),
    ):  # fmt: skip
        found = CLAIM.numeric(computed, formula, rtol=1.01 * error).details
        assert found["largest_error"] == pytest.approx(error, rel=2e-3)
        assert CLAIM.numeric(computed, formula, rtol=1.01 * error, atol=1).passed
        for atol in (0, 1):
            with pytest.raises(CheckFailed, match="above the tolerance"):
                CLAIM.numeric(computed, formula, rtol=0.99 * error, atol=atol)
    for computed, formula in ((huge, 0), (huge, 1), (huge, 1.0), (1.0, huge), ([1.5, 1], [huge, 1])):
        with pytest.raises(CheckFailed, match=r"is inf, above the tolerance|beyond the floating-point"):
            CLAIM.numeric(computed, formula)
    assert CLAIM.numeric(huge + 1, huge).details["largest_error"] == 0  # relative to 10^400
    assert CLAIM.numeric(huge + 2, huge, atol=2).details["largest_error"] == 2
    with pytest.raises(CheckFailed, match=r"is 2, above the tolerance 1\.$"):
        CLAIM.numeric(huge + 2, huge, atol=1)
    for bad in (
        lambda: CLAIM.numeric(Fraction(huge), 1),
        lambda: CLAIM.statistical([huge, 1] * 40, expected=1),
        lambda: CLAIM.statistical([0.0, 1.0] * 40, expected=huge),
    ):
        with pytest.raises(InputError, match=r"^(computed|samples|expected) must be an array of numbers"):
            bad()


def test_numeric_compares_complex_numbers_whose_modulus_is_beyond_floats() -> None:
    for large in (1.5e308 * (1 + 1j), 1.5e308 * (-1 + 1j), 0.9e308 - 1.7e308j, -1.7e308 + 0.9e308j):
        for tolerances in ({}, {"rtol": 1e-9, "atol": 1.0}, {"atol": 0.0}, {"rtol": 2.5}):
            assert CLAIM.numeric([large, 1], [large, 1], **tolerances).details["largest_error"] == 0
        assert CLAIM.numeric(large, large).details["slack"] == pytest.approx(1e-9 / np.finfo(float).eps)
        for atol in (0.0, 1.0):
            off = [large * (1 - 1e-3), 1]
            assert CLAIM.numeric(off, [large, 1], rtol=1.01e-3, atol=atol).passed
            with pytest.raises(CheckFailed, match=r"error at entry \(0,\) is"):
                CLAIM.numeric(off, [large, 1], rtol=0.99e-3, atol=atol)
        assert CLAIM.numeric(off[0], large, rtol=2e-3).details["largest_error"] == pytest.approx(1e-3)
        for tiny in (5e-324, 1e-300):  # a large entry lends nothing to a smaller one
            with pytest.raises(CheckFailed, match=r"error at entry \(1,\) is"):
                CLAIM.numeric([large, 2 * tiny], [large, tiny])
        for other in (-large, large.real, 1, 0, 0j):
            for left, right in ((large, other), (other, large)):
                for tolerances in ({}, {"atol": 8e307}):
                    with pytest.raises(CheckFailed, match=r"above the tolerance|beyond the floating-point"):
                        CLAIM.numeric(left, right, **tolerances)


def test_numeric_reads_tensors_and_expressions() -> None:
    assert CLAIM.numeric(torch.ones(3, requires_grad=True), 1).details["compared"] == 3
    assert CLAIM.numeric(sp.Rational(1, 3), 1 / 3).passed
    assert CLAIM.numeric([Fraction(1, 2), sp.sqrt(2)], [0.5, np.sqrt(2)], rtol=1e-15).passed


def test_numeric_reads_complex_numbers_whole() -> None:
    # Some of them real, none, and all with the same imaginary part.
    for exact in ([sp.I, sp.Integer(1)], [sp.I, sp.I / 2], [sp.I, 1 + sp.I]):
        assert CLAIM.numeric(exact, [complex(each) for each in exact], atol=0).passed
        with pytest.raises(CheckFailed):
            CLAIM.numeric(exact, [complex(each).real for each in exact], atol=1e-3)


# --- statistical --------------------------------------------------------------------------------------


def test_thirty_draws_are_enough() -> None:
    assert CLAIM.statistical(normal(30), expected=0, tolerance=99).details["sample_size"] == 30


@each("level", [0.0, -3.0, 3.0, 1e6, -1e6])
def test_statistical_refuses_samples_that_differ_by_rounding(level: float) -> None:
    """Relative to their mean, whatever its sign, and in one entry among others too."""
    wave = np.tile([-1.0, 1.0], 20)
    for size, passed in ((0.0, False), (0.9e-12, False), (1.1e-12, True)):
        samples = level + abs(level) * size * wave
        if passed and level:
            assert CLAIM.statistical(samples, expected=samples.mean()).passed
            continue
        for draws in (samples, np.stack([wave, samples], axis=1)):
            with pytest.raises(InputError, match=r"^samples must vary"):
                CLAIM.statistical(draws, expected=level)


def test_statistical_refuses_standard_errors_that_are_not_positive() -> None:
    for error in (0.0, -1.0, [1.0, 0.0], [-1.0, 1.0]):
        with pytest.raises(InputError, match=r"^standard_error must be positive"):
            CLAIM.statistical(np.zeros(np.shape(error)), expected=0.0, standard_error=error)


@each(
    "estimate, expected, error, told",
    [
        (-123.456, 1.23456, 0.5, "-123.5 ± 0.5, expected 1.2346"),
        (1.2, -123.456789, 0.5, "1.2 ± 0.5, expected -123.46"),
        (0.4, 0.3, 3.0, "0 ± 3, expected 0.3"),
        (12.6, 12.4, 0.96, "12.6 ± 1.0, expected 12.4"),
        (3.2e-7, 0, 2e-7, "3e-07 ± 2e-07, expected 0"),
        (1234567.0, 1234568, 2.0, "1234567 ± 2, expected 1234568"),
        (0.1, 0.2, 20.0, "0.1 ± 2e+01, expected 0.2"),
    ],
)
def test_statistical_tells_as_many_digits_as_the_error_supports(
    estimate: float, expected: float, error: float, told: str
) -> None:
    found = CLAIM.statistical(estimate, expected=expected, standard_error=error, tolerance=1e3)
    assert found.summary.startswith(f"{told} (|z| = ")


def test_statistical_takes_an_error_for_each_entry_of_a_complex_table() -> None:
    """The real and the imaginary part of an entry have the same."""
    estimate, error = np.zeros((2, 3), complex), np.arange(1.0, 7).reshape(2, 3)
    for place in np.ndindex(2, 3):
        for part in (1, 1j):
            off = estimate.copy()
            off[place] = 2 * part
            found = CLAIM.statistical(off, expected=0, standard_error=error).details
            assert (found["standard_error"], found["z"]) == (error[place], 2 / error[place])
            assert found["compared"] == 12


def test_statistical_takes_a_distance_as_large_as_the_tolerance() -> None:
    for sign in (1, -1):
        assert CLAIM.statistical(4.0 * sign, expected=0.0, standard_error=1.0).details["z"] == 4 * sign
        with pytest.raises(CheckFailed):
            CLAIM.statistical(np.nextafter(4.0, 5) * sign, expected=0.0, standard_error=1.0)


def test_statistical_takes_the_standard_error_from_the_samples() -> None:
    draws = 3 + 2 * normal(4000)
    details = CLAIM.statistical(draws, expected=3, seed=5).details
    by_hand = np.sqrt(sum((draw - draws.mean()) ** 2 for draw in draws) / 3999 / 4000)
    assert details["standard_error"] == pytest.approx(by_hand, rel=1e-12)
    assert details["z"] == pytest.approx((draws.mean() - 3) / by_hand, rel=1e-9)
    assert (details["sample_size"], details["seed"], details["compared"]) == (4000, 5, 1)


def test_statistical_tolerance_is_the_border() -> None:
    assert CLAIM.statistical(1.039, expected=1, standard_error=0.01).details["z"] == pytest.approx(3.9)
    with pytest.raises(CheckFailed, match=r"\|z\| = 4.1"):
        CLAIM.statistical(1.041, expected=1, standard_error=0.01)
    assert CLAIM.statistical(1.041, expected=1, standard_error=0.01, tolerance=5).passed


def test_statistical_judges_the_worst_of_many() -> None:
    expected = np.zeros((2, 3))
    record = CLAIM.statistical(normal(5000, 2, 3), expected=expected)
    assert record.details["compared"] == 6
    expected[1, 2] = 0.1
    with pytest.raises(CheckFailed, match=r"largest \|z\| of 6 is .*expected 0.1"):
        CLAIM.statistical(normal(5000, 2, 3), expected=expected)


def test_statistical_sees_both_parts_of_complex_means() -> None:
    draws = normal(5000, 2) @ np.array([1, 1j])
    assert CLAIM.statistical(draws, expected=0).details["compared"] == 2
    for wrong in (0.1, 0.1j):
        with pytest.raises(CheckFailed):
            CLAIM.statistical(draws, expected=wrong)
    assert CLAIM.statistical([0.01 + 1j, 1j], expected=1j, standard_error=0.01).details["compared"] == 4


@pytest.mark.slow
def test_statistical_false_alarms_are_rare_but_possible() -> None:
    # At three standard errors about 0.27 % of right claims fail; a standard error off by 2 would show here.
    z = [CLAIM.statistical(normal(50, seed=s), expected=0, tolerance=99).details["z"] for s in range(2000)]
    assert 0.9 < np.std(z) < 1.15
    assert 0 < np.mean(np.abs(z) > 3) < 0.012


@each(
    "arguments, why",
    [
        (
            {"samples": np.append(normal(99), np.nan), "expected": 0},
            "1 of the 100 entries of samples are not finite",
        ),
        ({"samples": normal(100), "expected": np.nan}, "of expected are not finite"),
        ({"samples": normal(100, 2), "expected": [0, 0, 0]}, "shape"),
        ({"samples": normal(100), "expected": [0]}, "shape"),
        ({"samples": normal(100, 0), "expected": 0}, "nothing to compare"),
    ],
)
def test_statistical_fails(arguments: dict[str, Any], why: str) -> None:
    with pytest.raises(CheckFailed, match=why):
        CLAIM.statistical(**arguments)


@each(
    "arguments, why",
    [
        ({"samples": normal(29), "expected": 0}, "at least 30 draws"),
        ({"samples": 1.0, "expected": 1}, "draws along axis 0"),
        ({"samples": np.ones(100), "expected": 1}, "must vary"),
        ({"samples": 0.1 + 1e-16 * normal(100), "expected": 0.1}, "must vary"),
        ({"samples": np.stack([normal(100), np.ones(100)], axis=1), "expected": 0}, "must vary"),
        ({"samples": 1.0, "expected": 1, "standard_error": 0}, "standard_error must be"),
        ({"samples": 1.0, "expected": 1, "standard_error": np.nan}, "standard_error must be"),
        ({"samples": [1.0, 2.0], "expected": 1, "standard_error": [1, 1, 1]}, "standard_error must have"),
        ({"samples": 1.0, "expected": 1, "standard_error": 0.1, "sample_size": 3}, "sample_size must be"),
        ({"samples": normal(100), "expected": 0, "tolerance": 0}, "tolerance must be"),
        ({"samples": normal(100), "expected": 0, "tolerance": np.inf}, "tolerance must be"),
    ],
)
def test_statistical_refuses(arguments: dict[str, Any], why: str) -> None:
    with pytest.raises(InputError, match=why):
        CLAIM.statistical(**arguments)


# --- the record ---------------------------------------------------------------------------------------

ONE_OF_EACH: dict[str, Callable[[], Evidence]] = {
    "proved": lambda: CLAIM.proved((a + b) ** 2, a**2 + 2 * a * b + b**2),
    "certified": lambda: CLAIM.certified(flint.arb(2).sqrt() ** 2, 2, tolerance=1e-14),
    "numeric": lambda: CLAIM.numeric(np.float32([1, 2]), [1, 2]),
    "statistical": lambda: CLAIM.statistical(normal(100), expected=0, seed=5),
}


def test_levels_but_the_highest_have_a_method() -> None:
    assert ("machine-checked", *ONE_OF_EACH) == LEVELS


@pytest.mark.parametrize("level", ONE_OF_EACH)
def test_records_survive_json(level: str) -> None:
    record = ONE_OF_EACH[level]()
    text = json.dumps(record.to_dict(), allow_nan=False)
    assert Evidence.from_dict(json.loads(text)) == record
    assert record.level == level


@pytest.mark.parametrize("level", ONE_OF_EACH)
def test_lines_are_short_and_say_it_all(level: str) -> None:
    record = ONE_OF_EACH[level]()
    assert str(record).startswith(f"✓ Lemma 5.1 · {level} · a claim — ")
    assert len(str(record)) < 140
    assert repr(record) == f"<{record}>"


def test_times_are_told_to_a_thousandth_of_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    CLAIM.numeric(1, 1)
    now = time.process_time()
    for later, told in ((10, None), (0.0627, 0.063), (0.0004, 0), (1.0005001, 1.001)):
        now += later
        monkeypatch.setattr("mme.evidence.record.time.process_time", lambda now=now: now)
        record = CLAIM.numeric(1, 1)
        assert told is None or record.seconds == told


def test_records_say_what_made_them_and_how_long_it_took() -> None:
    CLAIM.numeric(1, 1)
    before = time.process_time()
    while time.process_time() < before + 0.05:
        pass
    record = CLAIM.numeric(1, 1)
    assert 0.05 <= record.seconds < 0.5
    assert CLAIM.numeric(1, 1).seconds < 0.05
    assert record.versions["numpy"] == np.__version__
    assert record.versions["sympy"] == sp.__version__
    assert record.versions["python"] == platform.python_version()
    assert record.versions["mme"] == __version__


def test_lines_of_the_plan() -> None:
    ends = check("definition-5", "the cumulative CSD ends at zero").numeric([0.0, 3e-15], 0, atol=1e-12)
    assert str(ends) == (
        "✓ Definition 5 · numeric · the cumulative CSD ends at zero — largest error 3e-15 (tolerance 1e-12)"
    )
    assert str(check("modulus-perron").numeric(3, 3, atol=0)) == "✓ Modulus perron · numeric — exactly equal"
    mean = CLAIM.statistical(1.00312, expected=1, standard_error=0.00707, sample_size=20_000)
    assert mean.summary == "1.003 ± 0.007, expected 1 (|z| = 0.44, tolerance 4; 20000 samples)"
    tiny = CLAIM.statistical(2.5e-9, expected=2e-9, standard_error=4e-10)
    assert tiny.summary == "2.5e-09 ± 4e-10, expected 2e-09 (|z| = 1.2, tolerance 4)"
    assert CLAIM.numeric(2.0, 2.0, atol=1e-9, over="d = 1…4").summary.endswith(
        "(tolerance 1e-09), over d = 1…4"
    )


def test_infinite_numbers_become_text_in_json() -> None:
    record = Evidence("lemma-5.1", "", "numeric", False, "", {"a": float("nan"), "b": [float("inf")]})
    assert record.to_dict()["seconds"] == 0
    assert record.to_dict()["details"] == {"a": "nan", "b": ["inf"]}


def test_html_escapes_and_names_its_level() -> None:
    record = Evidence("lemma-5.1", "<b> & |U|", "numeric", True, "1 < 2", anchor="here")
    assert 'class="mme-evidence mme-evidence--numeric" id="here"' in html(record)
    assert "&lt;b&gt; &amp; |U|" in html(record)
    assert "1 &lt; 2" in html(record)


def test_html_of_a_failed_check_is_marked_as_such() -> None:
    with pytest.raises(CheckFailed) as failure:
        CLAIM.numeric(1, 2)
    shown = html(failure.value.record)
    assert 'class="mme-evidence mme-evidence--failed"' in shown
    assert 'aria-label="does not hold">✗<' in shown
    assert 'aria-label="holds">✓<' in html(ONE_OF_EACH["numeric"]())


def test_foreign_records_are_refused() -> None:
    entry = ONE_OF_EACH["numeric"]().to_dict()
    with pytest.raises(InputError, match="version"):
        Evidence.from_dict(entry | {"version": 0})
    with pytest.raises(InputError, match="level must be one of"):
        Evidence.from_dict(entry | {"level": "believed"})
    with pytest.raises(InputError, match="claim"):
        Evidence.from_dict({name: value for name, value in entry.items() if name != "claim"})


def test_records_are_read_from_the_outputs_that_hold_one() -> None:
    entry = ONE_OF_EACH["numeric"]().to_dict()
    outputs = [{"data": {"text/plain": "1"}}, {"data": {MIME_TYPE: entry}}, {"text": "words"}]
    cells = [{"cell_type": "markdown"}, {"cell_type": "code", "outputs": outputs}]
    assert [record.to_dict() for record in records({"cells": cells})] == [entry]


def test_failures_say_statement_claim_and_level() -> None:
    with pytest.raises(CheckFailed) as failure:
        check("definition-5", "the end is zero").numeric(0.3, 0, atol=1e-12)
    assert str(failure.value) == (
        "Definition 5: the claim 'the end is zero' does not hold (numeric): "
        "the error is 0.3, above the tolerance 1e-12."
    )
    assert isinstance(failure.value, AssertionError)


@each("statement", ["Definition 5", "", "definition-", "a b", None, 5, "lemma-5..1"])
def test_statements_go_by_their_id(statement: Any) -> None:
    with pytest.raises(InputError, match=r"statement must be an id .* lower-case letters and digits joined"):
        check(statement)


def test_claims_are_words() -> None:
    with pytest.raises(InputError, match="claim must be"):
        check("lemma-5.1", 5)  # type: ignore[arg-type]
    assert "not checked" in repr(check("lemma-5.1"))


def test_spoken_ids() -> None:
    assert [spoken(name) for name in ("theorem-1.1", "table-1", "haar-constructions-agree")] == [
        "Theorem 1.1",
        "Table 1",
        "Haar constructions agree",
    ]


@pytest.mark.slow
def test_importing_evidence_imports_nothing_heavy() -> None:
    code = "import sys, mme.evidence; print({'sympy', 'flint', 'torch', 'IPython'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "set()\n"


# --- in a notebook ------------------------------------------------------------------------------------

CELLS = [
    "from mme.evidence import check\nfirst = check('lemma-5.1', 'one').numeric(1, 1)\nfirst",  # kept and last
    "check('lemma-5.1', 'two').numeric(1, 1)",  # last expression
    "for name in 'ab':\n    check('lemma-5.2', name).numeric(1, 1)",  # a loop
    "check('lemma-5.1', 'three').numeric(1, 1);\n'something else'",
    "first",  # asked for again
    "check('lemma-5.1')",  # forgotten
]


@pytest.fixture(scope="module")
def notebook() -> nbformat.NotebookNode:
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    executed: nbformat.NotebookNode = NotebookClient(made, timeout=600, record_timing=False).execute()
    return executed


def test_anchors_count_the_checks_of_each_statement(monkeypatch: pytest.MonkeyPatch) -> None:
    published: list[dict[str, Any]] = []
    shell = SimpleNamespace(execution_count=4, display_pub=SimpleNamespace(publish=published.append))
    monkeypatch.setattr(page, "_shell", lambda: shell)
    monkeypatch.setattr(page, "_shown", Counter())
    found = [show(Evidence(name, "", "numeric", True, "")) for name in ("lemma-5.1", "axiom", "lemma-5.1")]
    assert [each.anchor for each in found] == ["check-lemma-5-1-1", "check-axiom-1", "check-lemma-5-1-2"]
    lines = [line["text/html"] for line in published]
    assert all(f'id="{each.anchor}"' in line for each, line in zip(found, lines, strict=True))
    for cell, shown in ((4, 0), (5, 1), (4, 0), (3, 1)):  # a cell may run again, and one before it, too
        published.clear()
        shell.execution_count = cell
        found[0]._ipython_display_()  # type: ignore[attr-defined]
        assert len(published) == shown
        assert not any("id=" in line["text/html"] or MIME_TYPE in line for line in published)


@pytest.mark.slow
def test_each_check_is_shown_once(notebook: nbformat.NotebookNode) -> None:
    shown = [[set(output.data) for output in cell.outputs] for cell in notebook.cells]
    line, record, text = {"text/plain", "text/html"}, {"text/plain", "text/html", MIME_TYPE}, {"text/plain"}
    assert shown == [[record], [record], [record, record], [record, text], [line], [text]]
    assert "not checked" in notebook.cells[-1].outputs[0].data["text/plain"]


@pytest.mark.slow
def test_each_check_is_recorded_once(notebook: nbformat.NotebookNode) -> None:
    found = list(records(notebook))
    assert [record.claim for record in found] == ["one", "two", "a", "b", "three"]
    assert len({record.anchor for record in found}) == 5
    lines = [output.data["text/html"] for output in notebook.cells[2].outputs]
    assert all(f'id="{record.anchor}"' in line for record, line in zip(found[2:4], lines, strict=True))
    assert "id=" not in notebook.cells[4].outputs[0].data["text/html"]  # no anchor twice


@pytest.mark.slow
# From the last chapter on: another process starts at the first, and neither waits for the other.
@pytest.mark.parametrize("chapter", chapters()[::-1], ids=lambda path: path.stem)
def test_tolerances_are_near_to_the_errors_or_say_why_not(chapter: Path) -> None:
    found = [record for record in records(executed(chapter)) if record.level == "numeric"]
    wide = {record.claim: record.details["slack"] for record in found if "because" not in record.details}
    assert {claim: slack for claim, slack in wide.items() if not slack <= MOST_SLACK} == {}


# --- in the book --------------------------------------------------------------------------------------

CONF = f"""
import sys
sys.path.insert(0, {str(ROOT / "book" / "_ext")!r})
extensions = ["myst_nb", "sphinx_proof", "evidence_page"]
suppress_warnings = ["evidence.missing"]
exclude_patterns = ["_build"]
html_theme = "basic"
nb_execution_mode = "cache"
nb_execution_raise_on_error = True
"""
CHAPTER = """\
---
file_format: mystnb
kernelspec:
  name: python3
---

# A chapter

```{prf:definition}
:label: definition-5

The text.
```

```{code-cell}
from mme.evidence import check
```

```{code-cell}
check("definition-5", "it holds").numeric(3e-15, 0, atol=1e-12)
```
"""
PAGE = """\
# Evidence

```{evidence-summary}
```

```{evidence-table} conjugate
```
"""


def build(folder: Path) -> str:
    command = [sys.executable, "-m", "sphinx", "-W", "-n", "-d", "_build/.doctrees", ".", "_build/html"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return (folder / "_build/html/reference/evidence.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_page_is_made_from_the_chapters(tmp_path: Path) -> None:
    chapter = tmp_path / "chapter.md"
    (tmp_path / "reference").mkdir()
    (tmp_path / "conf.py").write_text(CONF, encoding="utf-8")
    (tmp_path / "index.md").write_text(
        "# Book\n\n```{toctree}\nchapter\nreference/evidence\n```\n", encoding="utf-8"
    )
    (tmp_path / "reference/evidence.md").write_text(PAGE, encoding="utf-8")
    chapter.write_text(CHAPTER, encoding="utf-8")

    first = build(tmp_path)
    anchor = "check-definition-5-1"
    assert f'href="../chapter.html#{anchor}">it holds</a>' in first
    assert "largest error" not in first
    assert "error 3e-15 (tolerance 1e-12)" in first
    assert 'href="../chapter.html#definition-5"' in first
    assert "0 proved, 0 certified, 1 numeric, 0 statistical" in first
    written = (tmp_path / "_build/html/chapter.html").read_text(encoding="utf-8")
    assert f'id="{anchor}"' in written
    title = written.split('class="admonition-title"')[1][:120]
    assert "Definition 5" in title  # the paper's number, not the count
    download = json.loads((tmp_path / "_build/html/reference/evidence.json").read_text(encoding="utf-8"))
    checked = {entry["id"]: entry["checks"] for entry in download["statements"] if entry["checks"]}
    assert [record["claim"] for record in checked["definition-5"]] == ["it holds"]

    # A build from the cache alone, where myst-nb leaves notebooks without their outputs.
    for name in (".doctrees", "html", "jupyter_execute"):
        shutil.rmtree(tmp_path / "_build" / name)
    assert build(tmp_path) == first
    assert MIME_TYPE in (tmp_path / "_build/jupyter_execute/chapter.ipynb").read_text(encoding="utf-8")

    # The chapter loses its check: the page follows, although it did not change itself.
    chapter.write_text(CHAPTER.split("```{code-cell}")[0], encoding="utf-8")
    assert "0 proved, 0 certified, 0 numeric, 0 statistical" in build(tmp_path)


def test_what_is_plainly_not_zero_is_told_from_what_is_not_proved() -> None:
    """By its size at a point: above 1e-15, and with a point only where there are symbols."""
    for rest, told in (
        (sp.Rational(104, 10**17), "the difference is 13/12500000000000000"),
        (sp.Rational(96, 10**17), "could not be reduced to 0, so it is not proved"),
        (sp.Rational(1, 10**15), "could not be reduced to 0, so it is not proved"),
        (-sp.Rational(104, 10**17), "the difference is -13/12500000000000000"),
    ):
        with pytest.raises(AssertionError, match=told):
            CLAIM.proved(rest, 0)
