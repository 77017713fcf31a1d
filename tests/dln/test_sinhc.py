import mpmath as mp
import numpy as np
import pytest
import torch

from mme.dln.sinhc import SMALL, log_sinhc, log_sinhc_first, log_sinhc_second, taylor

POINTS = np.concatenate(
    [[0.0, 1e-300, 1e-9, 0.249, 0.25, 0.251], np.linspace(0.01, 3, 40), [20, 700, 1e5, 1e300]]
)

SERIES = taylor().coef[2::2]


def exact(u: float, order: int) -> mp.mpf:
    x = mp.mpf(u)
    if x == 0:
        return mp.mpf(1) / 3 if order == 2 else mp.mpf(0)
    if order == 0:
        return x + mp.log1p(-mp.exp(-2 * x)) - mp.log(2 * x) if x > 50 else mp.log(mp.sinh(x) / x)
    if order == 1:
        return mp.coth(x) - 1 / x if x < 1e4 else 1 - 1 / x
    return 1 / x**2 - (mp.csch(x) ** 2 if x < 1e4 else 0)


@pytest.mark.slow
@pytest.mark.parametrize(("function", "order"), [(log_sinhc, 0), (log_sinhc_first, 1), (log_sinhc_second, 2)])
def test_against_long_arithmetic(function: object, order: int) -> None:
    assert callable(function)
    values = function(POINTS)
    with mp.workdps(700):  # 1/u² − 1/sinh² u at u = 1e-300
        for u, value in zip(POINTS, values, strict=True):
            assert abs(value - exact(u, order)) <= 3e-14 * abs(exact(u, order)) + 1e-300, u


def test_parity() -> None:
    np.testing.assert_array_equal(log_sinhc(-POINTS), log_sinhc(POINTS))
    np.testing.assert_array_equal(log_sinhc_first(-POINTS), -log_sinhc_first(POINTS))
    np.testing.assert_array_equal(log_sinhc_second(-POINTS), log_sinhc_second(POINTS))


def test_series() -> None:
    """The coefficients are 2^{2n} B_{2n}/(2n (2n)!), and the first left out does not reach the last digit."""
    for n, coefficient in enumerate(SERIES, 1):
        assert coefficient == pytest.approx(
            float(4**n * mp.bernoulli(2 * n) / (2 * n * mp.factorial(2 * n))), rel=1e-15
        )
    n = len(SERIES) + 1
    left_out = abs(4**n * mp.bernoulli(2 * n) / (2 * n * mp.factorial(2 * n)))
    assert 2 * n * (2 * n - 1) * left_out * SMALL ** (2 * n - 2) < 1e-16


@pytest.mark.slow
def test_autograd_at_zero_and_beyond() -> None:
    u = torch.tensor([0.0, 1e-8, 0.2, 0.25, 1.0, -3.0, 800.0], dtype=torch.float64, requires_grad=True)
    first = torch.autograd.grad(log_sinhc(u).sum(), u, create_graph=True)[0]
    np.testing.assert_allclose(first.detach(), log_sinhc_first(u.detach()), rtol=1e-13)
    second = torch.autograd.grad(first.sum(), u)[0]
    np.testing.assert_allclose(second, log_sinhc_second(u.detach()), rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("u", [0.01, 0.1, 0.2, 0.249])
def test_the_series_has_as_many_terms_as_its_last_digit_needs(u: float) -> None:
    """The second derivative needs most of them; the closed form cancels there, so it has fifty digits."""
    with mp.workdps(50):
        exact = 1 / mp.mpf(u) ** 2 - 1 / mp.sinh(mp.mpf(u)) ** 2
    assert float(log_sinhc_second(u)) == pytest.approx(float(exact), rel=5e-16, abs=0)
