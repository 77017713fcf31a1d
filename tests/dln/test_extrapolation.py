from fractions import Fraction

import numpy as np
import pytest

from mme.dln.extrapolation import richardson, triangle


def test_triangle() -> None:
    rows = list(triangle([1 + 3 * t - 2 * t**2 for t in (Fraction(1), Fraction(1, 2), Fraction(1, 4))]))
    assert [len(row) for row in rows] == [1, 2, 3]
    assert rows[-1][-1] == 1
    assert rows[-1][1] != 1


def test_richardson() -> None:
    t = 0.5 / 2.0 ** np.arange(8)
    found = richardson(np.exp(t) * np.cos(t))
    assert found.log_volume == pytest.approx(1, abs=1e-10)
    assert abs(found.log_volume - 1) <= 10 * found.error + 1e-15
    assert richardson([3.0]).error == np.inf
