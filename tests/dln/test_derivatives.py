import mpmath as mp
import numpy as np
import pytest

from mme.algebra import C, Field, H, R
from mme.dln import entropy_gradient, entropy_hessian
from mme.errors import InputError

from .test_entropy import TIED

over_fields = pytest.mark.parametrize("field", [R, C, H], ids=lambda field: field.name)


@pytest.mark.slow
@over_fields
@pytest.mark.parametrize("depth", [1, 2, 6, 10**5, None])
@pytest.mark.parametrize("sigma", [*TIED, [1e-3, 40.0], [0.5]], ids=str)
def test_derivatives_against_differences_in_long_arithmetic(
    field: Field, depth: int | None, sigma: list[float]
) -> None:
    d, step = len(sigma), mp.mpf(10) ** -20

    def literal(values: list[mp.mpf]) -> mp.mpf:
        total = mp.mpf(0)
        for k in range(d):
            weight = 1 if depth is None else 1 - mp.mpf(1) / depth
            total += weight * (field.beta - 1) * mp.log(values[k])
            for l in range(k):
                a, b = values[k] ** 2, values[l] ** 2
                if depth is None:
                    total += mp.mpf(field.beta) / 2 * mp.log((a - b) / (mp.log(a) - mp.log(b)))
                elif depth > 1:
                    power = mp.mpf(1) / depth
                    total += mp.mpf(field.beta) / 2 * mp.log((a - b) / (a**power - b**power))
        return total

    gradient = entropy_gradient(sigma, depth=depth, field=field)
    hessian = entropy_hessian(sigma, depth=depth, field=field)
    np.testing.assert_allclose(hessian, np.swapaxes(hessian, -1, -2), rtol=1e-15)
    with mp.workdps(120):
        # Ties are moved apart by 1e-30, which no double notices but keeps the quotients of the formula alive.
        base = [mp.mpf(value) * (1 + k * mp.mpf(10) ** -30) for k, value in enumerate(sigma)]
        for k in range(d):
            up, down = list(base), list(base)
            up[k] += step * base[k]
            down[k] -= step * base[k]
            slope = (literal(up) - literal(down)) / (2 * step * base[k])
            assert abs(gradient[k] - slope) <= 1e-12 * (abs(slope) + field.beta * d / sigma[k])
            for l in range(d):
                corners = []
                for first, second in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
                    moved = list(base)
                    moved[k] += first * step * base[k]
                    moved[l] += second * step * base[l]
                    corners.append(literal(moved))
                bend = (corners[0] - corners[1] - corners[2] + corners[3]) / (4 * step**2 * base[k] * base[l])
                size = field.beta * d / (sigma[k] * sigma[l])
                assert abs(hessian[k, l] - bend) <= 1e-12 * (abs(bend) + size), (k, l)


@pytest.mark.filterwarnings("ignore:singular_values come in equal pairs over H:UserWarning")
@over_fields
@pytest.mark.parametrize("gap", [0.0, 1e-9, 1e-4, 3e-3, 0.03, 0.2, 0.3, 5.0])
def test_two_layers_and_two_values_at_every_gap(field: Field, gap: float) -> None:
    """(σ² − τ²)/(σ − τ) = σ + τ, so S has (β/2) log(σ + τ) and ((β − 1)/2) log στ: nothing cancels."""
    sigma, half = np.array([1 + gap, 1.0]), field.beta / 2
    single, both = (field.beta - 1) / 2, half / sigma.sum()
    np.testing.assert_allclose(
        entropy_gradient(sigma, depth=2, field=field), single / sigma + both, rtol=1e-14
    )
    bends = -np.diag(single / sigma**2) - half / sigma.sum() ** 2
    np.testing.assert_allclose(entropy_hessian(sigma, depth=2, field=field), bends, rtol=1e-13)


@over_fields
def test_one_layer_has_no_derivatives(field: Field) -> None:
    """None, not even a rounding error: X alone is its orbit."""
    sigma = -np.sort(-np.random.default_rng(1).lognormal(sigma=2, size=(20, 5)))
    sigma[0] = 1
    assert not entropy_gradient(sigma, depth=1, field=field).any()
    assert not entropy_hessian(sigma, depth=1, field=field).any()


@over_fields
def test_convex_in_the_logarithms(field: Field) -> None:
    """The Hessian in x = log σ, σσ' ∂²S + σ ∂S on the diagonal, has no negative eigenvalue."""
    rng = np.random.default_rng(2)
    for depth in (2, 5, None):
        sigma = -np.sort(-rng.lognormal(size=(50, 4)))
        hessian = entropy_hessian(sigma, depth=depth, field=field) * sigma[:, :, None] * sigma[:, None, :]
        gradient = entropy_gradient(sigma, depth=depth, field=field) * sigma
        hessian += gradient[:, :, None] * np.eye(4)
        assert np.linalg.eigvalsh(hessian).min() > -1e-12
        assert np.linalg.eigvalsh(hessian).max() > 1e-3


@pytest.mark.parametrize("function", [entropy_gradient, entropy_hessian])
def test_bad_input(function: object) -> None:
    assert callable(function)
    with pytest.raises(InputError, match="must be positive here, but one is 0, so the matrix is singular"):
        function([2.0, 0.0], depth=2)
    with pytest.raises(InputError, match="depth must be an integer of at least 1"):
        function([2.0, 1.0], depth=2.5)
