import math

import numpy as np
import pytest

from mme.algebra import C, Field, H, R, volume
from mme.errors import InputError

from .tools import assert_mean

VALUES = [
    (R, 1, 2.0),
    (C, 1, 2 * math.pi),
    (H, 1, 2 * math.pi**2),
    (R, 2, 4 * math.sqrt(2) * math.pi),
    (C, 2, 8 * math.pi**3),
    (H, 2, 2563.70452),
    (R, 3, 446.64731),
    (C, 3, 30764.4542),
    (H, 3, 657258.0846),
]


@pytest.mark.parametrize(("F", "d", "value"), VALUES)
def test_known_values(F: Field, d: int, value: float) -> None:
    np.testing.assert_allclose(F.group_volume(d), value, rtol=1e-8)
    np.testing.assert_allclose(F.log_group_volume(d), math.log(value), rtol=1e-8)


def sphere_volume(n: int) -> float:
    """The unit sphere in R^n from two points and the circle, by vol(S^n) = 2 pi / (n - 1) vol(S^(n-2))."""
    return {1: 2.0, 2: 2 * math.pi}.get(n) or 2 * math.pi / (n - 2) * sphere_volume(n - 2)


@pytest.mark.parametrize("n", range(1, 12))
def test_sphere_volumes(n: int) -> None:
    np.testing.assert_allclose(math.exp(volume.log_sphere_volume(n)), sphere_volume(n), rtol=1e-13)


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_recursion_over_spheres_with_the_stretch_of_the_first_column(F: Field, d: int) -> None:
    """vol G_d = vol(sphere of first columns) / (Jacobian of Q -> Q e_1) * vol G_(d-1)."""
    columns = F.components(F.lie_basis(d))[:, :, 0, :].reshape(F.group_dimension(d), F.beta * d)
    stretch = np.linalg.svd(columns, compute_uv=False)
    jacobian = np.prod(stretch[stretch > 1e-12])
    assert np.sum(stretch > 1e-12) == F.beta * d - 1
    fibre = F.group_volume(d - 1) if d > 1 else 1.0
    np.testing.assert_allclose(F.group_volume(d), sphere_volume(F.beta * d) / jacobian * fibre, rtol=1e-12)


@pytest.mark.parametrize(
    ("F", "d", "c"),
    [(R, 2, 0.2), (R, 3, 0.2), (C, 1, 0.3), (C, 2, 0.3), (C, 3, 0.5), (H, 1, 1.0), (H, 2, 1.0)],
)
@pytest.mark.slow
def test_volume_by_gaussian_integrals_in_cayley_coordinates(F: Field, d: int, c: float) -> None:
    """vol(G_0) E_Haar exp(-c |a|^2 / 2) = integral of exp(-c |a|^2 / 2) dQ / da da, whatever c is."""
    dimension, draws = F.group_dimension(d), 20_000
    a = F.gaussian_skew_hermitian(d, size=draws, rng=1) / math.sqrt(c)
    algebra = (2 * math.pi / c) ** (dimension / 2) * np.exp(F.cayley_log_density(a))
    q = F.haar(d, size=draws, rng=2)
    if F.beta == 1:  # Cayley coordinates cover the rotations, one of the two components
        q[np.linalg.det(q) < 0, 0] *= -1
    angle = np.angle(np.linalg.eigvals(q))
    squares = np.sum((2 * np.tan(angle / 2)) ** 2, axis=-1) / F.side
    rotations = F.group_volume(d) / (2 if F.beta == 1 else 1)
    difference = algebra - rotations * np.exp(-c * squares / 2)
    assert_mean(difference, 0)
    # The test has power: its standard error is a small part of the volume's side.
    assert np.std(difference) / math.sqrt(draws) < 0.035 * np.mean(algebra)


@pytest.mark.parametrize("d", [1, 2, 7, 40])
def test_closed_forms(d: int) -> None:
    """The products of factorials for U(d) and Sp(d)."""
    factorials = sum(math.lgamma(k + 1) for k in range(d))
    np.testing.assert_allclose(C.log_group_volume(d), d * (d + 1) / 2 * math.log(2 * math.pi) - factorials)
    odd = sum(math.log(2) + 2 * k * math.log(math.pi) - math.lgamma(2 * k) for k in range(1, d + 1))
    np.testing.assert_allclose(H.log_group_volume(d), d * (d - 1) * math.log(2) + odd)


def test_large_orders_have_a_logarithm(F: Field) -> None:
    assert math.isfinite(F.log_group_volume(1000))
    with pytest.raises(InputError, match=r"^d must be an integer from 1 to 1000000, but it is 1000001\.$"):
        F.log_group_volume(10**6 + 1)
    with pytest.raises(InputError, match=r"^d must be smaller .* use log_group_volume\.$"):
        F.group_volume(1000)
