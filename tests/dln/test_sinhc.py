import mpmath as mp
import numpy as np
import pytest
import torch

from mme.dln.sinhc import SMALL, log_sinhc, series, taylor

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
def test_against_long_arithmetic() -> None:
    with mp.workdps(700):
        for u, value in zip(POINTS, log_sinhc(POINTS), strict=True):
            assert abs(value - exact(u, 0)) <= 3e-14 * abs(exact(u, 0)) + 1e-300, u


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("depth", [2, 7, None])
def test_the_series_of_a_pair_and_its_derivatives(order: int, depth: int | None) -> None:
    points = np.array([1e-9, 0.01, 0.1, 0.2, 0.249])
    values = 1.5 * series(order, 1 / depth if depth else 0.0)(points)
    np.testing.assert_allclose(series(order, 1 / depth if depth else 0.0, 1.5)(points), values, rtol=1e-15)
    with mp.workdps(50):
        for u, value in zip(points, values, strict=True):
            wanted = exact(u, order)
            if depth:
                wanted -= exact(mp.mpf(u) / depth, order) / mp.mpf(depth) ** order
            assert abs(value / 1.5 - wanted) <= 1e-15 * abs(wanted), u


def test_parity() -> None:
    near = POINTS[POINTS < SMALL]
    np.testing.assert_array_equal(log_sinhc(-POINTS), log_sinhc(POINTS))
    np.testing.assert_array_equal(series(1)(-near), -series(1)(near))
    np.testing.assert_array_equal(series(2)(-near), series(2)(near))


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
    with mp.workdps(50):
        slopes, bends = ([float(exact(abs(x), k)) for x in u.tolist()] for k in (1, 2))
    np.testing.assert_allclose(first.detach(), np.sign(u.detach().numpy()) * slopes, rtol=1e-13)
    second = torch.autograd.grad(first.sum(), u)[0]
    np.testing.assert_allclose(second, bends, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("u", [0.01, 0.1, 0.2, 0.249])
def test_the_series_has_as_many_terms_as_its_last_digit_needs(u: float) -> None:
    """The second derivative needs most of them; the closed form cancels there, so it has fifty digits."""
    with mp.workdps(50):
        exact = 1 / mp.mpf(u) ** 2 - 1 / mp.sinh(mp.mpf(u)) ** 2
    assert float(series(2)(u)) == pytest.approx(float(exact), rel=5e-16, abs=0)
