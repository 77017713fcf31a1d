import numpy as np
import pytest

from mme.algebra import C, H, R
from mme.dln import (
    act,
    balance_violation,
    end_to_end,
    frames,
    orbit_dimension,
    orbit_map,
    orbit_map_differential,
)
from mme.dln.orbit import squared_distance
from mme.errors import InputError
from tests.each import each

fields = pytest.mark.parametrize("F", [R, C, H], ids="RCH")
shapes = pytest.mark.parametrize(("d", "N"), [(1, 2), (1, 4), (2, 2), (2, 3), (3, 4), (4, 2)])


def test_dimension_by_hand() -> None:
    assert [orbit_dimension(3, depth=4, field=beta) for beta in (1, 2, 4)] == [9, 27, 63]
    assert orbit_dimension(3, depth=1, field="H") == 0
    assert orbit_dimension(1, depth=5) == 0


@fields
@shapes
def test_orbit_map_layer_by_layer(F, d, N) -> None:
    X, Q = F.ginibre(d, rng=1), F.haar(d, size=N - 1, rng=2)
    U, sigma, V = F.svd(X)
    root = F.diagonal(sigma ** (1 / N))
    chain = [V, *Q, U]
    expected = [chain[p] @ root @ F.adjoint(chain[p - 1]) for p in range(1, N + 1)]
    W = orbit_map(X, Q, F)
    np.testing.assert_allclose(W, expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(end_to_end(W, F), X, rtol=0, atol=1e-12)
    assert balance_violation(W, F) < 1e-12


@fields
@shapes
def test_orbit_map_is_injective_and_equivariant(F, d, N) -> None:
    X = F.haar(d, rng=1) @ F.diagonal(np.linspace(2, 1, d)) @ F.haar(d, rng=2)
    P, Q = F.haar(d, size=(2, N - 1), rng=3)
    np.testing.assert_allclose(frames(orbit_map(X, Q, F), F), Q, rtol=0, atol=1e-11)
    np.testing.assert_allclose(act(P, orbit_map(X, Q, F), F), orbit_map(X, P @ Q, F), rtol=0, atol=1e-12)


@fields
@shapes
@pytest.mark.parametrize("at_identity", [True, False])
def test_differential_against_differences(F, d, N, at_identity) -> None:
    X = F.ginibre(d, rng=1)
    Q = F.haar(d, size=N - 1, rng=2)
    if at_identity:
        Q = np.broadcast_to(F.identity(d), Q.shape)
    a = F.gaussian_skew_hermitian(d, size=N - 1, rng=3)
    h = 1e-4

    def along(t):
        return orbit_map(X, Q @ F.exp(t * a), F)

    # Richardson's step removes the error of order h².
    coarse, fine = (along(h) - along(-h)) / (2 * h), (along(h / 2) - along(-h / 2)) / h
    computed = orbit_map_differential(X, a, F, frames=None if at_identity else Q)
    np.testing.assert_allclose(computed, (4 * fine - coarse) / 3, rtol=0, atol=1e-9)


@fields
def test_differential_at_a_diagonal_point(F) -> None:
    root = F.diagonal([2.0, 1.5, 1.0])
    a = F.gaussian_skew_hermitian(3, size=3, rng=1)
    T = orbit_map_differential(F.diagonal([16.0, 1.5**4, 1.0]), a, F)
    expected = [a[0] @ root, a[1] @ root - root @ a[0], a[2] @ root - root @ a[1], -root @ a[2]]
    np.testing.assert_allclose(T, expected, rtol=0, atol=1e-12)


@pytest.mark.slow
@fields
def test_differential_is_injective_for_invertible_matrices_only(F) -> None:
    def rank(X):
        columns = [F.components(orbit_map_differential(X, [a], F)).ravel() for a in F.lie_basis(3)]
        return np.linalg.matrix_rank(np.array(columns))

    assert rank(F.diagonal([3.0, 2.0, 1.0])) == F.group_dimension(3)
    assert rank(F.diagonal([2.0, 2.0, 2.0])) == F.group_dimension(3)
    assert rank(F.diagonal([3.0, 2.0, 0.0])) == F.group_dimension(3) - (F.beta - 1)


def test_batches() -> None:
    X, Q, a = (
        C.ginibre(2, rng=1),
        C.haar(2, size=(5, 2), rng=2),
        C.gaussian_skew_hermitian(2, size=(5, 2), rng=3),
    )
    np.testing.assert_allclose(orbit_map(X, Q, C)[3], orbit_map(X, Q[3], C))
    np.testing.assert_allclose(
        orbit_map_differential(X, a, C, frames=Q)[3], orbit_map_differential(X, a[3], C, frames=Q[3])
    )
    two = C.gaussian_skew_hermitian(2, size=(3, 4, 2), rng=4)
    np.testing.assert_allclose(
        orbit_map_differential(X, two, C)[2, 1], orbit_map_differential(X, two[2, 1], C)
    )


turn = np.array([[0.0, 1.0], [-1.0, 0.0]])


@each(
    "call, message",
    [
        (lambda: orbit_map(np.ones((2, 3)), [np.eye(2)]), "matrix must be square"),
        (lambda: orbit_map(np.eye(2), np.eye(2)), "frames must have shape"),
        (lambda: orbit_map(np.eye(2), [2 * np.eye(2)]), "frames must be unitary over R"),
        (lambda: orbit_map(np.eye(2), [np.eye(3)]), "frames must have the others' size"),
        (lambda: orbit_map(np.diag([1.0, 1, 2, 1]), [np.eye(4)], "H"), "miss that by 0.5 times"),
        (lambda: orbit_map_differential(np.ones((2, 3)), [turn]), "matrix must be square"),
        (lambda: orbit_map_differential(np.eye(3), [turn]), "matrix must have the others' size, 2"),
        (lambda: orbit_map_differential(np.eye(2), turn), "directions must have shape"),
        (lambda: orbit_map_differential(np.eye(2), [np.eye(2)]), "directions must be skew-Hermitian"),
        (lambda: orbit_dimension(2, depth=0), "depth must be an integer of at least 1"),
        (lambda: orbit_dimension(0, depth=2), "d must be an integer of at least 1"),
    ],
)
def test_bad_input(call, message) -> None:
    with pytest.raises(InputError, match=message):
        call()


@fields
@pytest.mark.parametrize("batch", [(), (5,), (5, 2)])
def test_squared_distance_is_that_of_the_layers(F, batch) -> None:
    roots, depth, rng = np.array([1.6, 0.7, 0.4]), 5, np.random.default_rng(0)
    frames = F.haar(3, size=(*batch, depth - 1), rng=rng)
    X = F.diagonal(roots**depth)
    one = np.broadcast_to(F.identity(3), (depth - 1, *frames.shape[-2:]))
    gaps = orbit_map(X, frames, F) - orbit_map(X, one, F)
    expected = (F.norm(gaps) ** 2).sum(axis=-1)
    np.testing.assert_allclose(squared_distance(frames, roots, F), expected, rtol=1e-12)


def test_batches_of_a_differential_must_fit() -> None:
    X, a = C.ginibre(2, size=3, rng=1), C.gaussian_skew_hermitian(2, size=(3, 2), rng=2)
    found = orbit_map_differential(X, a, C)
    for index in range(3):
        np.testing.assert_allclose(
            found[index], orbit_map_differential(X[index], a[index], C), rtol=0, atol=1e-12
        )
    with pytest.raises(InputError, match="matrix and directions"):
        orbit_map_differential(X, a[:2], C)
