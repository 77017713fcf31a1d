import numpy as np
import pytest

from mme.algebra import C, H, R
from mme.dln import (
    act,
    act_on_endpoints,
    balance_defects,
    balance_violation,
    balanced_lift,
    centre,
    end_to_end,
    frames,
    require_balanced,
)
from mme.errors import InputError
from tests.each import each

fields = pytest.mark.parametrize("F", [R, C, H], ids="RCH")
shapes = pytest.mark.parametrize(("d", "N"), [(1, 1), (1, 4), (2, 1), (2, 2), (3, 3), (4, 6)])


def balanced_by_roots(F, d, N, rng):
    """Balanced layers from the equations alone: W_{p+1} is any unitary matrix times the root of W_p W_p*."""
    layers = [F.haar(d, rng=rng) @ F.diagonal(rng.uniform(0.5, 2, d)) @ F.haar(d, rng=rng)]
    while len(layers) < N:
        x, v = F.eigh(layers[-1] @ F.adjoint(layers[-1]))
        layers.append(F.haar(d, rng=rng) @ v @ F.diagonal(np.sqrt(x)) @ F.adjoint(v))
    return np.array(layers)


@fields
@shapes
def test_centre(F, d, N) -> None:
    X = F.ginibre(d, rng=N)
    W = centre(X, depth=N, field=F)
    assert W.shape == (N, F.size(d), F.size(d))
    np.testing.assert_allclose(end_to_end(W, F), X, rtol=0, atol=1e-13)
    for p in range(N - 1):
        np.testing.assert_allclose(W[p + 1].conj().T @ W[p + 1], W[p] @ W[p].conj().T, rtol=0, atol=1e-13)


def test_centre_of_a_singular_matrix_is_balanced() -> None:
    W = centre(np.diag([4.0, 0.0]), depth=2)
    np.testing.assert_allclose(end_to_end(W), np.diag([4.0, 0.0]), rtol=0, atol=1e-14)
    assert balance_violation(W) < 1e-14


def test_violation_by_hand() -> None:
    # W_2* W_2 − W_1 W_1* on layers that are not normal, so that the sides cannot be exchanged.
    first, second = np.array([[1.0, 2.0], [0.0, 1.0]]), np.array([[1.0, 0.0], [1.0, 1.0]])
    np.testing.assert_array_equal(balance_defects([first, second]), [[[-3.0, -1.0], [-1.0, 0.0]]])
    assert balance_violation([first, second]) == pytest.approx(np.sqrt(11))
    assert balance_violation([first]) == 0


def test_violation_over_h_counts_every_entry_once() -> None:
    W = [H.identity(1), 2 * H.identity(1)]
    assert balance_violation(W, H) == pytest.approx(3)


@fields
@shapes
def test_act_keeps_product_and_balance(F, d, N) -> None:
    W = F.ginibre(d, size=N, rng=1)
    Q = F.haar(d, size=N - 1, rng=2) if N > 1 else np.zeros((0, F.size(d), F.size(d)))
    moved = act(Q, W, F)
    np.testing.assert_allclose(end_to_end(moved, F), end_to_end(W, F), rtol=0, atol=1e-10)
    assert balance_violation(moved, F) == pytest.approx(balance_violation(W, F), abs=1e-10)
    if N > 1:
        np.testing.assert_allclose(moved[0], Q[0] @ W[0], rtol=0, atol=1e-12)
        np.testing.assert_allclose(moved[-1], W[-1] @ F.adjoint(Q[-1]), rtol=0, atol=1e-12)


def test_actions_broadcast() -> None:
    Q, W = C.haar(2, size=(5, 2), rng=1), C.ginibre(2, size=3, rng=2)
    assert act(Q, W, C).shape == (5, 3, 2, 2)
    np.testing.assert_allclose(act(Q, W, C)[3], act(Q[3], W, C))
    L, R_ = C.haar(2, size=5, rng=3), C.haar(2, rng=4)
    assert act_on_endpoints(L, R_, W, C).shape == (5, 3, 2, 2)
    np.testing.assert_allclose(act_on_endpoints(L, R_, W, C)[3], act_on_endpoints(L[3], R_, W, C))


@fields
@shapes
def test_endpoint_action(F, d, N) -> None:
    W, Y = balanced_by_roots(F, d, N, np.random.default_rng(1)), F.ginibre(d, size=N, rng=2)
    L, right = F.haar(d, size=2, rng=3)
    moved = act_on_endpoints(L, right, W, F)
    X = end_to_end(W, F)
    np.testing.assert_allclose(end_to_end(moved, F), L @ X @ F.adjoint(right), rtol=0, atol=1e-11)
    assert balance_violation(moved, F) < 1e-11
    distance = F.norm(act_on_endpoints(L, right, Y, F) - moved)
    np.testing.assert_allclose((distance**2).sum(), (F.norm(Y - W) ** 2).sum(), rtol=1e-12)


@fields
@pytest.mark.slow
def test_lift_draws_haar_frames(F) -> None:
    d, draws = 2, 4000
    X = np.broadcast_to(F.diagonal([2.0, 1.0]), (draws, F.size(d), F.size(d)))
    W = balanced_lift(X, depth=3, field=F, rng=1)
    np.testing.assert_allclose(end_to_end(W, F), X, rtol=0, atol=1e-12)
    Q = frames(W, F)
    first = F.components(Q).reshape(draws, -1)
    error = first.std(axis=0, ddof=1) / np.sqrt(draws)
    assert np.all(np.abs(first.mean(axis=0)) < 4.5 * error)
    square = F.modulus(Q[:, 1])[:, 0, 0] ** 2  # E |Q_kl|² = 1/d
    assert abs(square.mean() - 1 / d) < 4 * square.std() / np.sqrt(draws)


def test_lift_is_repeatable() -> None:
    X = H.ginibre(2, rng=1)
    same, other = (balanced_lift(X, depth=3, field=H, rng=seed) for seed in (5, 6))
    np.testing.assert_array_equal(balanced_lift(X, depth=3, field=H, rng=5), same)
    assert not np.allclose(same, other)


def test_unbalanced_layers_are_refused_with_the_distance() -> None:
    with pytest.raises(InputError, match=r"miss it by 5, which is 0\.556 times the largest squared layer"):
        frames([2 * np.eye(1), 3 * np.eye(1)])


def test_each_of_a_batch_must_be_balanced() -> None:
    good, bad = [[[1e6]], [[1e6]]], [[[1.0]], [[2.0]]]
    assert require_balanced(good).shape == (2, 1, 1)
    with pytest.raises(InputError, match=r"miss it by 3, which is 0\.75 times"):
        require_balanced(np.array([good, bad]))
    farther = [[[10.0]], [[10.5]]]  # which misses it by 10.25, but by 0.093 times
    for several in ([farther, bad, good], [bad, farther]):
        with pytest.raises(InputError, match=r"miss it by 3, which is 0\.75 times"):
            require_balanced(np.array(several))


X, W, one = np.eye(2), np.ones((3, 2, 2)), np.eye(2)


@each(
    "call, message",
    [
        (lambda: centre(np.ones((2, 3)), depth=2), "matrix must be square, but its shape is"),
        (lambda: centre(X, depth=0), "depth must be an integer of at least 1, but it is 0"),
        (lambda: centre(X, depth=1.5), "depth must be an integer of at least 1, but it is 1.5"),
        (lambda: centre(X, depth=2, field="Q"), "field must be"),
        (lambda: centre(np.diag([1.0, 1, 1, 2]), depth=2, field="H"), "miss that by 0.5 times"),
        (lambda: balanced_lift(np.ones((2, 3)), depth=2), "matrix must be square"),
        (lambda: act([one], W), "frames must be 2 matrices for 3 layers"),
        (lambda: act(np.eye(3)[None].repeat(2, 0), W), "frames must have the others' size, 2"),
        (lambda: act([one, 2 * one], W), "frames must be unitary over R"),
        (lambda: act_on_endpoints(2 * one, one, W), "left must be unitary"),
        (lambda: act_on_endpoints(one, 2 * one, W), "right must be unitary"),
        (lambda: act_on_endpoints(one, np.eye(3), W), "right must have the others' size"),
    ],
)
def test_bad_input(call, message) -> None:
    with pytest.raises(InputError, match=message):
        call()


def test_frames_need_an_axis_of_layers() -> None:
    with pytest.raises(
        InputError, match=r"frames must be 1 matrices for 2 layers, but their shape is \(2, 2\)"
    ):
        act(np.eye(2), np.ones((2, 2, 2)))
    with pytest.raises(InputError, match=r"frames must be 2 matrices for 3 layers, .* is \(1, 2, 2\)"):
        act(np.eye(2)[None], np.ones((3, 2, 2)))


def test_endpoints_of_a_batch_of_layers() -> None:
    W, L, right = C.ginibre(2, size=(5, 3), rng=2), C.haar(2, rng=3), C.haar(2, size=5, rng=4)
    moved = act_on_endpoints(L, right, W, C)
    assert moved.shape == W.shape
    for index in range(5):
        np.testing.assert_allclose(
            moved[index], act_on_endpoints(L, right[index], W[index], C), rtol=0, atol=1e-13
        )


def test_ends_of_batches() -> None:
    """Leading axes of both ends and of the layers are those of one batch, or there is none."""
    L, R_, W = R.haar(2, size=(2, 1), rng=1), R.haar(2, rng=2), R.ginibre(2, size=(3, 4), rng=3)
    found = act_on_endpoints(L, R_, W)
    assert found.shape == (2, 3, 4, 2, 2)
    np.testing.assert_allclose(end_to_end(found), L @ end_to_end(W) @ R_.T, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(found[1, 2, 1:3], W[2, 1:3])
    with pytest.raises(InputError, match="left, right and layers"):
        act_on_endpoints(L[:, 0], R_, W)
    with pytest.raises(InputError, match="left, right and layers"):
        act_on_endpoints(R_, L[:, 0], W)
