import numpy as np
import pytest
from scipy.linalg import eigvalsh_tridiagonal
from scipy.stats import kstest

from mme.algebra import C, Field, H, R
from mme.dln import beta_hermite
from mme.errors import InputError


@pytest.mark.parametrize("F", [R, C, H], ids="RCH")
@pytest.mark.slow
def test_moments_are_those_of_dense_matrices(F: Field) -> None:
    """E Σ x² = n + β n (n − 1)/2, and the largest eigenvalue has the mean of the dense ensemble's."""
    n, draws = 4, 20_000
    x = beta_hermite(n, F.beta, size=draws, rng=1)
    squares = (x**2).sum(axis=-1)
    error = squares.std() / np.sqrt(draws)
    assert abs(squares.mean() - n - F.beta * n * (n - 1) / 2) < 4 * error
    dense = F.eigvalsh(F.gaussian_hermitian(n, size=draws, rng=2))[:, -1]
    difference = x[:, -1].mean() - dense.mean()
    assert abs(difference) < 4 * np.hypot(x[:, -1].std(), dense.std()) / np.sqrt(draws)


@pytest.mark.parametrize("beta", [0.5, 2.0, 7.0])
@pytest.mark.parametrize("n", [1, 2, 6])
def test_trace_and_squares_have_their_laws(n: int, beta: float) -> None:
    """Tr H is normal of variance n, and tr H² is χ² of n + βn(n−1)/2 degrees: compared as distributions."""
    x = beta_hermite(n, beta, size=4000, rng=3)
    size = n + beta * n * (n - 1) / 2
    assert kstest(x.sum(axis=1) / np.sqrt(n), "norm").pvalue > 1e-4
    assert kstest((x**2).sum(axis=1), "chi2", args=(size,)).pvalue > 1e-4


def test_order_one_and_bad_input() -> None:
    assert beta_hermite(1, 0.5, size=3, rng=0).shape == (3, 1)
    with pytest.raises(InputError, match=r"^beta must be a finite number above 0, but it is 0\.$"):
        beta_hermite(2, 0, size=1)
    with pytest.raises(InputError, match=r"^n and size must be smaller: an array of 1e\+14 numbers"):
        beta_hermite(10**4, 1.0, size=10**6)


def test_the_matrix_is_tridiagonal() -> None:
    """Draw for draw, by a solver that takes nothing else: sums of powers below the third tell no places."""
    n, beta, size = 4, 2.5, 3
    found, rng = beta_hermite(n, beta, size=size, rng=5), np.random.default_rng(5)
    diagonals = rng.standard_normal((size, n))
    beside = np.sqrt(rng.chisquare(beta * np.array([3, 2, 1]), (size, n - 1)) / 2)
    expected = [eigvalsh_tridiagonal(*each) for each in zip(diagonals, beside, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=0, atol=3e-14)
