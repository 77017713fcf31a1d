from fractions import Fraction

import numpy as np
import pytest

from mme.dln.extrapolation import richardson, triangle


def test_triangle() -> None:
    rows = list(triangle([1 + 3 * t - 2 * t**2 for t in (Fraction(1), Fraction(1, 2), Fraction(1, 4))]))
    assert [len(row) for row in rows] == [1, 2, 3]
    assert rows[-1][-1] == 1
    assert rows[-1][1] != 1


def test_a_polynomial_is_exact_where_a_row_is_longer_than_its_degree() -> None:
    times = [Fraction(1, 2**level) for level in range(13)]
    rows = list(triangle([7 + sum((-1) ** p * p * t**p for p in range(1, 12)) for t in times]))
    assert rows[-1][-1] == rows[-1][-2] == rows[-2][-1] == 7 != rows[-1][-3]


def test_richardson() -> None:
    t = 0.5 / 2.0 ** np.arange(8)
    found = richardson(np.exp(t) * np.cos(t))
    assert found.log_volume == pytest.approx(1, abs=1e-10)
    assert abs(found.log_volume - 1) <= 10 * found.error + 1e-15
    assert richardson([3.0]).error == np.inf


def test_the_error_is_the_change_of_what_is_returned() -> None:
    """By hand: 1, 2, 21/10; then 3, 22/10; then 29/15, which changed by 4/15, the one before it by 8/10."""
    found = richardson([1.0, 2.0, 2.1])
    assert found.log_volume == pytest.approx(29 / 15, rel=1e-14)
    assert found.error == pytest.approx(4 / 15, rel=1e-14)
