from fractions import Fraction

import mpmath as mp
import numpy as np
import pytest
import sympy as sp
import torch
from scipy.special import eval_chebyu

from mme.dln import (
    block_determinant,
    chebyshev_recurrence,
    log_block_determinant,
    log_chebyshev,
    tridiagonal_block,
    tridiagonal_determinants,
)
from mme.errors import InputError

from . import reference


def test_recurrence_gives_chebyshev_polynomials() -> None:
    x = np.linspace(-2, 2, 9)
    for n, values in enumerate(chebyshev_recurrence(12, x)):
        np.testing.assert_allclose(values, eval_chebyu(n, x), rtol=1e-10, atol=1e-10)
    symbol = sp.Symbol("x")
    for n, polynomial in enumerate(chebyshev_recurrence(24, sp.Poly(symbol))):
        assert polynomial.as_expr() == sp.expand(sp.chebyshevu(n, symbol))
    assert chebyshev_recurrence(0, 5) == [1]
    assert tridiagonal_determinants(0, 5, 1) == [1]


def test_tridiagonal_determinants() -> None:
    rng = np.random.default_rng(0)
    for t, s in rng.normal(size=(5, 2)):
        for n, value in enumerate(tridiagonal_determinants(7, t, s)):
            matrix = t * np.eye(n) + s * (np.eye(n, k=1) + np.eye(n, k=-1))
            assert value == pytest.approx(np.linalg.det(matrix) if n else 1, abs=1e-10)


def test_block_determinant() -> None:
    rng = np.random.default_rng(1)
    for a, b in rng.lognormal(size=(5, 2)):
        for depth in range(1, 8):
            literal = (a ** (2 * depth) - b ** (2 * depth)) / (a**2 - b**2)
            assert block_determinant(a, b, depth) == pytest.approx(literal, rel=1e-11)
            determinant = np.linalg.det(tridiagonal_block(a, b, depth - 1))
            assert block_determinant(a, b, depth) == pytest.approx(determinant, rel=1e-10)
    a, b = sp.symbols("a b", positive=True)
    assert sp.cancel(block_determinant(a, b, 6) * (a**2 - b**2) - (a**12 - b**12)) == 0
    assert sp.expand(block_determinant(a, a, 6) - 6 * a**10) == 0


@pytest.mark.parametrize("depth", [1, 2, 5, 300, 10**12])
def test_log_block_determinant(depth: int) -> None:
    """From the logarithms, so those are the numbers that the reference takes."""
    for log_a, log_b in [(0.3, -0.2), (0.5, 0.5), (0.5, 0.5 + 1e-13), (200.0, -400.0), (-300.0, -300.0)]:
        scale = depth if abs(log_a) < 1 else 1  # λ is close to 1 where N is large
        x, y = np.float64(log_a / scale), np.float64(log_b / scale)
        with mp.workdps(1500 if abs(log_a) > 1 else 60):
            exact = reference.log_quotient(mp.exp(mp.mpf(x)), mp.exp(mp.mpf(y)), depth)
            size = float(abs(exact)) + depth * (abs(x) + abs(y))
            assert abs(log_block_determinant(x, y, depth) - exact) <= 3e-15 * size + 1e-14


def test_log_chebyshev() -> None:
    x = np.array([1.0, 1.0 + 1e-9, 1.5, 40.0])
    for n in (0, 1, 2, 9):
        np.testing.assert_allclose(np.exp(log_chebyshev(n, x)), eval_chebyu(n, x), rtol=1e-12)
    # U_n(cosh u) ~ e^{n u} / (1 − e^{−2u})
    assert log_chebyshev(10**9, np.cosh(1.0)) == pytest.approx(1e9 - np.log(1 - np.exp(-2)), rel=1e-12)


def test_bad_input() -> None:
    with pytest.raises(InputError, match="x must be"):
        log_chebyshev(2, np.array([2.0 + 1.0j]))
    with pytest.raises(InputError, match=r"n must be an integer from 0 to 10000, but it is -1\."):
        chebyshev_recurrence(-1, 0.5)
    with pytest.raises(InputError, match=r"n must be an integer from 0 to 10000, but it is -2\."):
        tridiagonal_determinants(-2, 1, 1)
    with pytest.raises(InputError, match="depth must be an integer from 1 to 10000"):
        block_determinant(1.0, 1.0, 0)
    with pytest.raises(InputError, match="log_a must be real"):
        log_block_determinant(np.array(1j), np.array(1.0), 3)
    for n, x in ((-1, 2.0), (3, 0.9), (3, np.nan), (3, [2.0, 0.9])):
        with pytest.raises(InputError, match=r"n must be an integer|x must be"):
            log_chebyshev(n, np.asarray(x))
    with pytest.raises(InputError, match="floating point, which overflows"):
        block_determinant(1e200, 1.0, 3)
    with pytest.raises(InputError, match="floating point, which overflows"):
        chebyshev_recurrence(3, 1e200)
    with pytest.raises(InputError, match="floating point, which overflows"):
        chebyshev_recurrence(3, np.array([1.0, 1e200]))
    for t, s in ((sp.Symbol("t"), 1), (1, sp.Symbol("s"))):
        with pytest.raises(InputError, match="n must be an integer from 0 to 300, but it is 301"):
            tridiagonal_determinants(301, t, s)


def test_exact_numbers_stay_exact() -> None:
    assert block_determinant(np.int64(3), 2, 60) == (9**60 - 4**60) // 5
    assert chebyshev_recurrence(2, Fraction(1, 3))[2] == Fraction(-5, 9)


def test_arrays() -> None:
    """Of whole numbers, whose determinants no integer of NumPy's holds; and of torch."""
    exact = [float((9**60 - 4**60) // 5), float(4**60 // 3)]
    np.testing.assert_allclose(block_determinant(np.array([3, 2]), np.array([2, 1]), 60), exact, rtol=1e-14)
    a, b = torch.tensor([3.0, 2.0], dtype=torch.float64), torch.tensor([2.0, 1.0], dtype=torch.float64)
    np.testing.assert_allclose(block_determinant(a, b, 3), [133.0, 21.0], rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint64])
def test_whole_numbers_of_no_sign_or_few_bits(dtype: type) -> None:
    """U_m(0) is 1, 0, −1, 0, … and U_m(1) is m + 1; for t = 1 and s = 2 the determinants go below zero."""
    found = np.array(chebyshev_recurrence(300, np.array([0, 1], dtype)))
    np.testing.assert_array_equal(found[:5, 0], [1, 0, -1, 0, 1])
    np.testing.assert_array_equal(found[:, 1], np.arange(1, 302))
    found = np.array(tridiagonal_determinants(3, np.array([1], dtype), np.array([2], dtype)))
    np.testing.assert_array_equal(found[:, 0], [1, 1, -3, -7])


def test_logarithms_of_tensors_one_by_one() -> None:
    """Under `vmap` no value can be looked at."""
    logs = torch.tensor([[0.3, -0.2], [0.5, 0.5]], dtype=torch.float64)
    found = torch.func.vmap(lambda pair: log_block_determinant(pair[0], pair[1], 4))(logs)
    np.testing.assert_allclose(found, [log_block_determinant(*pair, 4) for pair in logs.numpy()], rtol=1e-14)
