import numpy as np
import pytest
from scipy.linalg import expm

from mme.algebra import C, Field, H, R
from mme.errors import InputError
from tests.each import each

from .tools import assert_mean, largest


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_lie_basis_is_an_orthonormal_basis(F: Field, d: int) -> None:
    """Lemma 4.1 of the entropy paper."""
    basis = F.lie_basis(d)
    assert len(basis) == F.group_dimension(d)
    np.testing.assert_array_equal(F.adjoint(basis), -basis)
    gram = F.pairing(basis[:, None], basis[None, :]) if len(basis) else np.zeros((0, 0))
    assert largest(gram - np.eye(len(basis))) < 1e-15
    a = F.gaussian_skew_hermitian(d, rng=1)  # and it spans: every element is the sum of its parts
    coordinates = F.pairing(basis, a) if len(basis) else np.zeros(0)
    assert largest(np.tensordot(coordinates, basis, axes=1) - a) < 1e-14


def test_lie_basis_has_the_order_of_its_formulas(F: Field) -> None:
    """(4.2) pair by pair with the units inside, then (4.3) place by place."""
    x = iter(F.components(F.lie_basis(3)))
    for k, l in ((0, 1), (0, 2), (1, 2)):
        for unit in range(F.beta):
            expected = np.zeros((3, 3, F.beta))
            expected[k, l, unit] = np.sqrt(0.5)
            expected[l, k, unit] = -np.sqrt(0.5) if unit == 0 else np.sqrt(0.5)
            np.testing.assert_allclose(next(x), expected)
    for k in range(3):
        for unit in range(1, F.beta):
            expected = np.zeros((3, 3, F.beta))
            expected[k, k, unit] = 1
            np.testing.assert_allclose(next(x), expected)
    assert next(x, None) is None


def test_gaussian_skew_hermitian_has_independent_normal_coordinates(F: Field) -> None:
    coordinates = F.pairing(F.lie_basis(2), F.gaussian_skew_hermitian(2, size=(4000, 1), rng=1))
    assert_mean(coordinates[:, :, None] * coordinates[:, None, :], np.eye(F.group_dimension(2)))


@each("scale", [0.0, 1e-200, 1e-8, 1.0, 100.0])
@each("d", [1, 2, 4])
def test_exp(F: Field, d: int, scale: float) -> None:
    a = scale * F.gaussian_skew_hermitian(d, size=(2, 5), rng=1)
    q = F.exp(a)
    assert q.dtype == F.dtype
    assert F.is_unitary(q, tolerance=1e-13).all()
    assert largest(q - expm(a)) < 1e-12 * (1 + scale)
    assert largest(F.exp(0.5 * a) @ F.exp(0.5 * a) - q) < 1e-12 * (1 + scale)
    assert largest(q @ F.exp(-a) - np.eye(F.size(d))) < 1e-13
    np.testing.assert_allclose(q[1, 2], F.exp(a[1, 2]), rtol=0, atol=1e-13)


@each("scale", [0.0, 1e-200, 1e-8, 1.0, 1e3, 1e200])
@each("d", [1, 2, 4])
def test_cayley(F: Field, d: int, scale: float) -> None:
    a = scale * F.gaussian_skew_hermitian(d, size=(2, 5), rng=1)
    q = F.cayley(a)
    assert q.dtype == F.dtype
    assert F.is_unitary(q, tolerance=1e-12).all()
    if scale <= 1e3:
        one = np.eye(F.size(d))
        assert largest((one - a / 2) @ q - (one + a / 2)) < 1e-13 * (1 + scale)
        assert largest(F.inverse_cayley(q) - a) < 1e-13 * (1 + scale) ** 2
    np.testing.assert_allclose(q[1, 2], F.cayley(a[1, 2]), rtol=0, atol=1e-13)


def test_exp_and_cayley_agree_to_second_order(F: Field) -> None:
    """Their difference is a^3 / 12 plus smaller terms."""
    a = 1e-3 * F.gaussian_skew_hermitian(3, rng=1)
    assert largest(F.cayley(a) - F.exp(a) - a @ a @ a / 12) < 0.05 * largest(a @ a @ a / 12)


def test_images_have_exact_block_symmetry() -> None:
    a = H.gaussian_skew_hermitian(3, size=5, rng=1)
    for q in (H.exp(a), H.cayley(a)):
        np.testing.assert_array_equal(H.validate(q), q)


def test_inverse_cayley_refuses_what_has_no_coordinates(F: Field) -> None:
    with pytest.raises(
        InputError, match=r"^q must have no eigenvalue -1, where Cayley coordinates are infinite"
    ):
        F.inverse_cayley(F.diagonal([1.0, -1.0]))
    with pytest.raises(InputError, match=rf"^q must be unitary over {F.name}, q\* q = 1, but it is not\.$"):
        F.inverse_cayley(F.diagonal([1.0, 2.0]))


@pytest.mark.parametrize("d", [1, 2, 3])
def test_cayley_density_against_differences(F: Field, d: int) -> None:
    """The map's Jacobian in the orthonormal basis, by differences of the map alone."""
    if F.group_dimension(d) == 0:
        assert F.cayley_log_density(np.zeros((1, 1))) == 0
        return
    basis, step = F.lie_basis(d), 1e-5
    for a in 0.7 * F.gaussian_skew_hermitian(d, size=3, rng=d):
        moved = (F.cayley(a + step * basis) - F.cayley(a - step * basis)) / (2 * step)
        velocity = F.adjoint(F.cayley(a)) @ moved
        jacobian = F.pairing(basis[:, None], velocity[None, :])
        np.testing.assert_allclose(np.linalg.slogdet(jacobian)[1], F.cayley_log_density(a), rtol=0, atol=1e-8)


def test_exp_of_a_full_turn() -> None:
    assert largest(C.exp([[2j * np.pi]]) - 1) < 1e-15
    turn = np.array([[0, -1], [1, 0]]) * 2 * np.pi
    assert largest(R.exp(turn) - np.eye(2)) < 1e-14
    j = H.from_components(np.array([0, 0, np.pi, 0]).reshape(1, 1, 4))
    assert largest(H.exp(j) + np.eye(2)) < 1e-15


def test_exponential_of_coinciding_angles() -> None:
    u, angles = C.haar(5, rng=3), np.array([1.0, 1.0, 1.0, -2.0, -2.0])
    found = C.exp((u * (1j * angles)) @ u.conj().T)
    np.testing.assert_allclose(found, (u * np.exp(1j * angles)) @ u.conj().T, rtol=0, atol=1e-13)
    np.testing.assert_allclose(found @ found.conj().T, np.eye(5), rtol=0, atol=1e-13)


def test_inverse_cayley_looks_at_every_matrix(F: Field) -> None:
    for second, said in (([1.0, 2.0], "must be unitary"), ([1.0, -1.0], "must have no eigenvalue -1")):
        for pair in ([[1.0, 1.0], second], [second, [1.0, 1.0]]):
            with pytest.raises(InputError, match=f"q {said}"):
                F.inverse_cayley(F.diagonal(pair))


def test_cayley_coordinates_go_up_to_an_eigenvalue_a_trillionth_from_minus_one() -> None:
    """There they are 2 tan(θ/2), for an angle θ = π − gap with |q + 1| = gap."""
    for gap in (1.05e-12, 1e-6):
        q = np.diag([-np.exp(1j * gap), 1.0])
        assert abs(C.inverse_cayley(q)[0, 0]) == pytest.approx(4 / gap, rel=1e-3)
    with pytest.raises(InputError, match="must have no eigenvalue -1"):
        C.inverse_cayley(np.diag([-np.exp(0.95e-12j), 1.0]))


def test_densities_of_batches_are_those_of_each(F: Field) -> None:
    a = F.gaussian_skew_hermitian(3, size=(2, 5, 4), rng=1)
    found = F.cayley_log_density(a)
    assert found.shape == (2, 5, 4)
    for index in np.ndindex(2, 5, 4):
        assert found[index] == pytest.approx(float(F.cayley_log_density(a[index])), rel=1e-13)
