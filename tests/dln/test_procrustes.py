import numpy as np
import pytest

from mme.algebra import C, H, R
from mme.dln import act, balance_violation, balanced_lift, centre, end_to_end, frames, nearest_balanced
from mme.errors import InputError

from .test_balance import balanced_by_roots

fields = pytest.mark.parametrize("F", [R, C, H], ids="RCH")
shapes = pytest.mark.parametrize(("d", "N"), [(1, 1), (1, 4), (2, 1), (2, 2), (3, 3), (4, 6)])


@fields
@shapes
def test_frames_of_layers_balanced_by_roots(F, d, N) -> None:
    W = balanced_by_roots(F, d, N, np.random.default_rng(d + N))
    Q = frames(W, F)
    assert Q.shape == (N - 1, F.size(d), F.size(d))
    assert np.all(F.is_unitary(Q))
    again = act(Q, centre(end_to_end(W, F), depth=N, field=F), F)
    np.testing.assert_allclose(again, W, rtol=0, atol=1e-9)


@fields
def test_frames_where_singular_values_coincide(F) -> None:
    W = balanced_lift(F.haar(3, rng=1), depth=4, field=F, rng=2)
    again = act(frames(W, F), centre(end_to_end(W, F), depth=4, field=F), F)
    np.testing.assert_allclose(again, W, rtol=0, atol=1e-12)


@fields
@pytest.mark.parametrize("N", [1, 2, 5])
def test_nearest_balanced(F, N) -> None:
    W = balanced_by_roots(F, 3, N, np.random.default_rng(1))
    np.testing.assert_allclose(nearest_balanced(W, F), W, rtol=0, atol=1e-10)
    disturbed = W + 0.02 * F.ginibre(3, size=N, rng=2)
    near = nearest_balanced(disturbed, F)
    np.testing.assert_allclose(end_to_end(near, F), end_to_end(disturbed, F), rtol=0, atol=1e-10)
    assert balance_violation(near, F) < 1e-10
    distance = (F.norm(near - disturbed) ** 2).sum()
    if N > 1:
        turns = F.exp(0.01 * F.gaussian_skew_hermitian(3, size=(100, N - 1), rng=3))
        assert np.all((F.norm(act(turns, near, F) - disturbed) ** 2).sum(axis=-1) > distance)


def test_nearest_balanced_in_batches() -> None:
    W = R.ginibre(2, size=(3, 4), rng=1)
    near = nearest_balanced(W)
    for index in range(3):
        np.testing.assert_allclose(near[index], nearest_balanced(W[index]), atol=1e-7)


@fields
def test_frames_of_coinciding_singular_values_need_the_matrix(F) -> None:
    rng = np.random.default_rng(4)
    X = F.haar(3, rng=rng) @ F.diagonal([2.0, 2.0, 2.0]) @ F.haar(3, rng=rng)
    W = balanced_lift(X, depth=4, field=F, rng=rng)
    again = act(frames(W, F, matrix=X), centre(X, depth=4, field=F), F)
    np.testing.assert_allclose(again, W, rtol=0, atol=1e-12)
    with pytest.raises(InputError, match="must be the layers' product, but differs from it by 1 of its size"):
        frames(W, F, matrix=0.5 * X)


def test_bad_input() -> None:
    with pytest.raises(InputError, match=r"must be invertible .* singular"):
        frames(centre(np.diag([1.0, 0.0]), depth=3))
    with pytest.raises(InputError, match="singular"):  # one of two
        frames(np.stack([centre(np.diag([1.0, smallest]), depth=3) for smallest in (0.5, 0.0)]))
    with pytest.raises(InputError, match=r"max_steps must be more for these layers, .* within 1"):
        nearest_balanced(np.random.default_rng(1).normal(size=(3, 2, 2)), max_steps=1)
    with pytest.raises(InputError, match="matrix must have the others' size"):
        frames(centre(np.eye(2), depth=3), matrix=np.eye(3))


@pytest.mark.parametrize(("options", "steps"), [({}, 1000), ({"max_steps": 3}, 3)])
def test_what_never_settles_is_given_up(
    options: dict[str, int], steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mme.dln.procrustes.PROCRUSTES_TOLERANCE", 0.0)
    tries, polar = [], type(R).polar
    monkeypatch.setattr(type(R), "polar", lambda *given: tries.append(1) or polar(*given))
    with pytest.raises(InputError, match=f"did not settle within {steps}\\."):
        nearest_balanced([np.eye(1)] * 2, **options)
    assert len(tries) == 1 + steps  # one for where to start


@fields
def test_one_factorisation_in_the_frames_of_several_matrices(F) -> None:
    X = F.ginibre(2, rng=5)
    W = act(F.haar(2, size=2, rng=6), centre(X, depth=3, field=F), F)
    found = frames(W, F, matrix=np.stack([X, X, X]))
    np.testing.assert_allclose(found, [frames(W, F, matrix=X)] * 3, rtol=0, atol=1e-14)


def test_frames_of_a_batch_with_their_products() -> None:
    X = C.ginibre(2, size=3, rng=1)
    layers = centre(X, depth=3, field=C)
    found = frames(layers, C, matrix=X)
    assert found.shape == (3, 2, 2, 2)
    np.testing.assert_allclose(found, np.broadcast_to(np.eye(2), found.shape), rtol=0, atol=1e-12)
    with pytest.raises(InputError, match="matrix and layers"):
        frames(layers, C, matrix=C.ginibre(2, size=2, rng=1))


@pytest.mark.parametrize("smallest", [0.0, 1e-17, 1e-16])
def test_what_is_singular_to_rounding_has_no_unique_frames(smallest: float) -> None:
    for sigma in ([1.0, smallest], [0.0, 0.0]):
        with pytest.raises(InputError, match="must be invertible to have unique frames, but it is singular"):
            frames(centre(np.diag(sigma), depth=3))


@pytest.mark.parametrize("N", [2, 3, 4])
def test_the_distance_to_the_nearest_is_stationary(N: int) -> None:
    """Far from balance, so that a wrong weight of one layer would turn the frames."""
    layers = C.ginibre(2, size=N, rng=5)
    near = nearest_balanced(layers, C)

    def squared_distance(turns: np.ndarray) -> float:
        return float((C.norm(act(turns, near, C) - layers) ** 2).sum())

    a = C.gaussian_skew_hermitian(2, size=(30, N - 1), rng=6)
    slopes = [(squared_distance(C.exp(1e-4 * x)) - squared_distance(C.exp(-1e-4 * x))) / 2e-4 for x in a]
    assert np.abs(slopes).max() < 1e-5 * squared_distance(np.zeros((N - 1, 2, 2)) + np.eye(2))


def test_sweeps_end_where_no_frame_moves_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all frames the largest entry of a move, against N times the tolerance, whatever that is."""
    layers, polar, inside = C.ginibre(2, size=3, rng=0), type(C).polar, list[np.ndarray]()

    def watched(field: object, a: np.ndarray) -> np.ndarray:
        inside.append(np.asarray(polar(field, a)))  # type: ignore[arg-type]
        return inside[-1].copy()

    monkeypatch.setattr(type(C), "polar", watched)
    counts = []
    for tolerance in 0.05 / 8.0 ** np.arange(6):
        monkeypatch.setattr("mme.dln.procrustes.PROCRUSTES_TOLERANCE", tolerance)
        inside.clear()
        nearest_balanced(layers, C)
        moves = np.abs(np.diff(np.reshape(inside, (-1, 8)), axis=0)).max(axis=1)  # from the start on
        assert moves[-1] < 3 * tolerance
        assert (moves[:-1] >= 3 * tolerance).all()
        counts.append(len(moves))
    assert 1 < counts[0] < counts[2] < counts[5]


def test_a_matrix_that_is_the_product_differs_by_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mme.dln.procrustes.BALANCE_TOLERANCE", 0.0)
    layers = centre(np.diag([4.0, 1.0]), depth=2)
    np.testing.assert_allclose(frames(layers, matrix=end_to_end(layers)), [np.eye(2)], rtol=0, atol=1e-15)


def test_a_product_is_singular_from_one_unit_of_rounding_on() -> None:
    eps = np.finfo(float).eps
    for sigma, refused in (([0.0, 0.0], True), ([1.0, 0.9 * eps], True), ([1.0, 1.1 * eps], False)):
        W = np.stack([np.diag(np.sqrt(sigma))] * 2)
        if refused:
            with pytest.raises(InputError, match="it is singular"):
                frames(W)
        else:
            np.testing.assert_allclose(frames(W), [np.eye(2)], rtol=0, atol=1e-12)


def test_one_product_of_many_that_is_another_is_told() -> None:
    """By 1e-8 of its size, for each on its own scale."""
    scales = np.sqrt(10.0 ** np.arange(4))[:, None, None, None]
    W = scales * centre(np.diag([2.0, 1.0]), depth=2)
    product = end_to_end(W)
    for off, refused in ((0.95e-8, False), (1.05e-8, True)):
        given = product.copy()
        given[2] *= 1 + off
        if refused:
            with pytest.raises(InputError, match=r"differs from it by 1\.05e-08 of its size"):
                frames(W, matrix=given)
        else:
            np.testing.assert_allclose(
                frames(W, matrix=given), np.eye(2) * np.ones((4, 1, 1, 1)), rtol=0, atol=1e-12
            )


@fields
def test_one_layer_stays_as_it_is(F) -> None:
    layers = F.ginibre(3, size=(2, 1), rng=1)
    np.testing.assert_array_equal(nearest_balanced(layers, F), layers)
