from functools import partial
from typing import Any

import numpy as np
import pytest
import scipy
from scipy.linalg import expm

from mme.algebra import C, Field, H, R
from mme.dln import (
    Flow,
    balance_defects,
    balanced_lift,
    end_to_end,
    gradient_flow,
    metric_operator,
    nearest_balanced,
)
from mme.dln.tangents import framed, lifted, on_diagonal, retracted, tangent_part
from mme.errors import InputError
from tests.each import each

FIELDS = {"R": R, "C": C, "H": H}
over_fields = pytest.mark.parametrize("F", FIELDS.values(), ids=FIELDS)


def distance(X: np.ndarray, *, target: np.ndarray, F: Field) -> tuple[Any, np.ndarray]:
    """Half the squared distance of a matrix."""
    return F.norm(X - target) ** 2 / 2, X - target


@over_fields
def test_imbalance_decays_as_twice_the_weight_decay(F: Field) -> None:
    """Every entry of every defect, from any start and under any loss."""
    rng, times = np.random.default_rng(1), np.array([0.0, 0.4, 1.5])
    start = 0.7 * F.ginibre(2, size=(2, 3), rng=rng)
    loss = partial(distance, target=F.ginibre(2, rng=rng), F=F)
    flow = gradient_flow(loss, start, times, field=F, decay=0.3)
    defects = balance_defects(flow.layers, F)
    assert flow.stopped == ""
    np.testing.assert_array_equal(F.from_components(F.components(flow.layers)), flow.layers)
    np.testing.assert_allclose(defects, np.exp(-0.6 * times)[:, *[None] * 4] * defects[0], rtol=0, atol=2e-9)
    np.testing.assert_allclose(flow.imbalance[2], np.exp(-0.9) * flow.imbalance[0], rtol=1e-8)
    assert np.all(flow.loss[0] > 1.2 * flow.loss[2])  # it did move
    squares = (F.components(flow.layers) ** 2).sum(axis=(-4, -3, -2, -1))
    np.testing.assert_allclose(flow.squared_norm, squares, rtol=1e-13)


@over_fields
@pytest.mark.parametrize("decay", [0.0, 0.4])
def test_the_flow_downstairs(F: Field, decay: float) -> None:
    """dX/dt = −A(∇E) − NγX by differences in time; the singular values follow the diagonal of it."""
    rng, h = np.random.default_rng(2), 1e-4
    target = F.ginibre(2, rng=rng)
    start = balanced_lift(F.ginibre(2, rng=rng), depth=3, field=F, rng=rng)
    loss = partial(distance, target=target, F=F)
    flow = gradient_flow(loss, start, [0.0, 0.3 - h, 0.3, 0.3 + h], field=F, decay=decay, tolerance=1e-12)
    X, moved = flow.end_to_end[2], (flow.end_to_end[3] - flow.end_to_end[1]) / (2 * h)
    expected = -metric_operator(X, X - target, depth=3, field=F) - 3 * decay * X
    np.testing.assert_allclose(moved, expected, atol=2e-6 * np.abs(expected).max())
    U, sigma, V = F.svd(X)
    along = F.components(F.adjoint(U) @ (X - target) @ V)[range(2), range(2), 0]
    grown = (F.singular_values(flow.end_to_end[3]) - F.singular_values(flow.end_to_end[1])) / (2 * h)
    rate = -3 * sigma ** (4 / 3) * along - 3 * decay * sigma
    np.testing.assert_allclose(grown, rate, atol=2e-6 * np.abs(rate).max())
    assert flow.imbalance.max() < 1e-9


def test_closed_solutions() -> None:
    """Of a linear loss: 1/λ is linear without decay at depth 3; and X = exp for depth 1 and a square."""
    times, c, decay = np.array([0.0, 0.5, 1.0]), np.array([0.6, -1.0]), 0.5
    start = np.stack([np.diag([1.0, 2.0])] * 3)
    linear = gradient_flow(lambda X: (-(c * np.diagonal(X, axis1=-2, axis2=-1)).sum(-1), -np.diag(c) + 0 * X),
                           start, times, decay=decay)  # fmt: skip
    inverse = c / decay + (1 / np.array([1.0, 2.0]) - c / decay) * np.exp(decay * times)[:, None]
    roots = linear.layers[:, 1][:, range(2), range(2)]
    np.testing.assert_allclose(roots, 1 / inverse, rtol=1e-9)
    A = np.array([[2.0, 0.5], [0.5, 1.0]])
    square = gradient_flow(
        lambda X: ((X * (A @ X)).sum((-2, -1)) / 2, A @ X), [np.eye(2)], times, decay=decay
    )
    np.testing.assert_allclose(
        square.end_to_end, [expm(-t * (A + decay * np.eye(2))) for t in times], rtol=0, atol=1e-9
    )


def test_tolerances() -> None:
    """The error follows the tolerance."""
    exact = 1 / (1 + 2 * np.array([0.0, 2.0]))

    def error(**options: Any) -> float:
        loss = lambda X: ((X**2).sum((-2, -1)) / 2, X)  # noqa: E731
        return float(
            abs(gradient_flow(loss, np.ones((2, 1, 1)), [0.0, 2.0], **options).end_to_end.ravel() - exact)[1]
        )

    assert error(tolerance=1e-12) < 1e-11
    assert 1e-12 < error(tolerance=1e-5) < 1e-4


@each("start, largest", [([[3.0, -5.0], [0.0, 1.0]], 5.0), ([[2.0j, 1.0], [0.0, 1.0]], 2.0), ([[0.0]], 1.0)])
def test_errors_are_against_the_largest_entry(
    monkeypatch: pytest.MonkeyPatch, start: Any, largest: float
) -> None:
    """As the solver is told; where nothing is above zero, against one."""
    told = dict[str, float]()
    solver = scipy.integrate.solve_ivp
    monkeypatch.setattr(scipy.integrate, "solve_ivp", lambda *a, **o: told.update(o) or solver(*a, **o))
    loss = lambda X: ((abs(X) ** 2).sum((-2, -1)) / 2, X)  # noqa: E731
    for options, tolerance in (({}, 1e-10), ({"tolerance": 1e-6}, 1e-6)):
        gradient_flow(loss, [start, start], [0.0, 0.1], field=C, **options)
        wanted = tolerance, tolerance * largest
        assert (told["rtol"], told["atol"]) == pytest.approx(wanted, rel=1e-15, abs=0)


def test_what_stops_a_flow_is_said_and_loses_nothing() -> None:
    runaway = lambda X: (-(X**2).sum((-2, -1)), -2 * X)  # noqa: E731  (blows up at 1/4)
    flow = gradient_flow(runaway, np.ones((2, 1, 1)), [0.0, 0.1, 0.2, 1.0])
    why = "the layers grow without bound, or most_steps must be more than 10000."
    assert flow.stopped == f"The flow ends before t = 1: {why}"
    np.testing.assert_allclose(flow.end_to_end.ravel(), 1 / (1 - 4 * flow.times), rtol=1e-6)
    assert list(flow.times) == [0.0, 0.1, 0.2]
    few = gradient_flow(runaway, np.ones((2, 1, 1)), [0.0, 0.01, 0.2], most_steps=2)
    assert few.stopped.endswith("or most_steps must be more than 2.")
    assert Flow.from_dict(few.to_dict()) == few


@each("most_steps", [1, 2, 5])
def test_a_flow_asks_for_the_loss_twelve_times_a_step(most_steps: int) -> None:
    """And once before the first, once to look at what the loss returns, and once to tell it."""
    asked = list[np.ndarray]()
    runaway = lambda X: asked.append(X) or (-(X**2).sum((-2, -1)), -2 * X)  # noqa: E731
    flow = gradient_flow(runaway, np.ones((2, 1, 1)), [0.0, 1.0], most_steps=most_steps)
    assert flow.stopped
    assert len(asked) == 12 * most_steps + 3


def test_a_loss_is_not_asked_about_what_is_no_number() -> None:
    """Where one of two leaves floating point."""

    def steep(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        assert np.isfinite(X).all()
        return -np.exp(X).sum((-2, -1)), -np.exp(X)

    start = np.sqrt([709.0, 1.0])[:, None, None, None] * np.ones((2, 2, 1, 1))
    with np.errstate(all="ignore"):
        flow = gradient_flow(steep, start, [0.0, 1.0])
    assert flow.stopped.startswith("The flow ends before t = 1")


def test_no_loss_is_zero() -> None:
    flow = gradient_flow(None, np.ones((5, 2, 1, 1)), [0.0, 0.5, 1.0], decay=0.3)
    np.testing.assert_array_equal(flow.loss, np.zeros((3, 5)))
    np.testing.assert_allclose(flow.layers[:, 0, 0, 0, 0], np.exp([0.0, -0.15, -0.3]), rtol=1e-12)


def test_bad_input() -> None:
    square = lambda X: ((X**2).sum((-2, -1)) / 2, X)  # noqa: E731
    one = np.ones((2, 1, 1))
    for times in ([0.0, 0.0], [1.0, 0.0], []):
        with pytest.raises(InputError, match="times"):
            gradient_flow(square, one, times)
    with pytest.raises(InputError, match="decay must be a finite number of at least 0"):
        gradient_flow(square, one, [0.0, 1.0], decay=-1.0)
    for wrong in (lambda X: X, lambda X: (0.0, X), lambda X: None, lambda X: ("a", X), "loss"):
        with pytest.raises(InputError, match="loss must"):
            gradient_flow(wrong, one, [0.0])


# --- tangent spaces ------------------------------------------------------------------------------------


def rows_of(function: Any, W: np.ndarray, F: Field, h: float) -> np.ndarray:
    """The projection onto what the derivative of a function sees, by differences."""
    size = W.shape[0] * F.real_dimension(F.order(W))
    units = h * F.from_components(np.eye(size).reshape(size, *F.components(W).shape))
    slopes = F.components(function(W + units, F) - function(W - units, F)).reshape(size, -1) / (2 * h)
    left, s, _ = np.linalg.svd(slopes, full_matrices=False)
    left = left[:, s > 1e-6 * s[0]]
    return left @ left.T


@over_fields
def test_gradients_of_many_networks_are_lifted_one_by_one(F: Field) -> None:
    W, Z = F.ginibre(2, size=(3, 2, 4), rng=1), F.ginibre(2, size=(3, 2), rng=2)
    np.testing.assert_allclose(lifted(W, Z)[2, 1], lifted(W[2, 1], Z[2, 1]), rtol=1e-12)


@pytest.mark.parametrize(("F", "d", "depth"), [(R, 3, 2), (R, 1, 4), (C, 2, 3), (H, 2, 2), (H, 1, 3)])
def test_projections(F: Field, d: int, depth: int) -> None:
    rng = np.random.default_rng(3)
    W = balanced_lift(F.ginibre(d, rng=rng), depth=depth, field=F, rng=rng)
    xi = F.ginibre(d, size=depth, rng=rng)
    Q, roots = framed(W, F)
    np.testing.assert_allclose(
        Q[1:] @ on_diagonal(roots, depth, F) @ F.adjoint(Q[:-1]), W, rtol=0, atol=1e-12
    )
    inside = F.adjoint(Q[1:]) @ xi @ Q[:-1]
    x = F.components(xi).ravel()
    normal, across = rows_of(balance_defects, W, F, 1.0), rows_of(end_to_end, W, F, 1e-4)
    for horizontal, expected in ((False, x - normal @ x), (True, across @ x)):
        eta = Q[1:] @ tangent_part(roots, inside, F, horizontal=horizontal) @ F.adjoint(Q[:-1])
        np.testing.assert_allclose(F.components(eta).ravel(), expected, rtol=0, atol=1e-8)
    Z, h = F.ginibre(d, rng=rng), 1e-5
    moved = (end_to_end(W + h * xi, F) - end_to_end(W - h * xi, F)) / (2 * h)
    assert float(F.pairing(lifted(W, Z), xi).sum()) == pytest.approx(float(F.pairing(Z, moved)), rel=1e-7)


@pytest.mark.parametrize(("F", "d", "depth"), [(R, 2, 3), (C, 2, 3), (H, 2, 2)])
def test_ways_back_to_the_manifold(F: Field, d: int, depth: int) -> None:
    """Normal where they start; of second order in the step; `nearest_balanced` differs in third order."""
    rng, lengths, apart = np.random.default_rng(4), [], []
    W = balanced_lift(F.ginibre(d, rng=rng), depth=depth, field=F, rng=rng)
    _, roots = framed(W, F)
    diagonal = on_diagonal(roots, depth, F)
    v = tangent_part(roots, F.ginibre(d, size=depth, rng=rng), F, horizontal=False)
    for t in (0.04, 0.02):
        there, found = retracted(roots, diagonal + t * v, F, 0.5)
        way = there - diagonal - t * v
        assert found
        assert np.abs(balance_defects(there, F)).max() < 1e-12
        np.testing.assert_allclose(tangent_part(roots, way, F, horizontal=False), 0, atol=1e-12)
        lengths.append(np.linalg.norm(way))
        apart.append(np.linalg.norm(nearest_balanced(diagonal + t * v, F) - there))
    assert lengths[0] / lengths[1] == pytest.approx(4, rel=0.1)
    assert apart[0] / apart[1] == pytest.approx(8, rel=0.2)
    assert not retracted(roots, diagonal + t * v, F, 0.5 * lengths[1] / np.linalg.norm(t * v))[1]
    assert not retracted(roots, diagonal + 100 * v, F, 0.5)[1]


@pytest.mark.slow
def test_a_rest_over_the_quaternions_is_reached() -> None:
    """Where loss and decay cancel, what is left of the motion is rounding, and no error of the caller's."""
    Y = H.ginibre(2, rng=1)
    W = balanced_lift(H.ginibre(2, rng=2), depth=3, field=H, rng=3)
    flow = gradient_flow(lambda X: (H.norm(X - Y) ** 2 / 2, X - Y), W, [0.0, 200.0], field=H, decay=0.1)
    assert not flow.stopped
    rest = gradient_flow(lambda X: (H.norm(X - Y) ** 2 / 2, X - Y), flow.layers[-1], [0.0, 50.0],
                         field=H, decay=0.1)  # fmt: skip
    np.testing.assert_allclose(rest.layers[-1], flow.layers[-1], atol=1e-7)


def test_where_there_is_no_way_back_or_none_to_go() -> None:
    """Nothing moved is on M already; and what Newton's method does not bring back is given up."""
    roots = np.array([[2.0, 0.5], [1.0, 0.7], [3.0, 1.0]])
    diagonal = on_diagonal(roots, 3, R)
    there, found = retracted(roots, diagonal, R, 0.5)
    assert found.all()
    np.testing.assert_array_equal(there, diagonal)
    far = diagonal + 50 * R.ginibre(2, size=(3, 3), rng=1)
    assert not retracted(roots, far, R, 1e-3)[1].any()


@each("F, d, depth", [(R, 2, 3), (C, 2, 2), (H, 1, 4)])
def test_ways_back_of_many_are_those_of_each(F: Field, d: int, depth: int) -> None:
    """Of steps of many lengths, so that they settle, or are given up, after different numbers of turns."""
    rng, lengths = np.random.default_rng(5), np.array([[0.0, 1e-9, 1e-3, 0.1], [0.3, 1.0, 3.0, 30.0]])
    W = balanced_lift(F.ginibre(d, size=(2, 4), rng=rng), depth=depth, field=F, rng=rng)
    _, roots = framed(W, F)
    step = tangent_part(roots, F.ginibre(d, size=(2, 4, depth), rng=rng), F, horizontal=False)
    moved = on_diagonal(roots, depth, F) + lengths[..., None, None, None] * step
    there, found = retracted(roots, moved, F, 0.5)
    assert found[0].all()
    assert not found.all()
    for index in np.ndindex(2, 4):
        alone, one = retracted(roots[index], moved[index], F, 0.5)
        assert bool(one) == found[index]
        if one:
            np.testing.assert_allclose(there[index], alone, rtol=0, atol=1e-12)
            assert np.abs(balance_defects(alone, F)).max() < 1e-12 * np.abs(alone).max() ** 2


@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_the_way_back_has_no_scale(scale: float) -> None:
    rng = np.random.default_rng(6)
    W = balanced_lift(R.ginibre(3, rng=rng), depth=3, rng=rng)
    _, roots = framed(W, R)
    step = tangent_part(roots, R.ginibre(3, size=3, rng=rng), R, horizontal=False)
    moved = on_diagonal(roots, 3, R) + 0.05 * step
    for factor in (1, scale):
        there, found = retracted(factor * roots, factor * moved, R, 0.5)
        assert found
        assert np.abs(balance_defects(there, R)).max() < 1e-12 * np.abs(there).max() ** 2


def test_nearly_balanced_layers_stay_as_they_are() -> None:
    """Defects of up to 1e-13 of the largest squared entry are rounding, however many entries are small."""
    roots = np.array([4.0, 0.5, 0.25])
    diagonal = on_diagonal(roots, 3, R)
    for off, stays in ((0.9e-13, True), (1.1e-13, False)):
        moved = diagonal.copy()
        moved[0, 0, 1] = 16 * off / 0.5  # half of which is the defect
        there, found = retracted(roots, moved, R, 10.0)
        assert found
        assert np.array_equal(there, moved) == stays


@each("F, entry", [(R, 1.0), (R, -1.0), (C, 1.0j)])
def test_defects_of_any_phase_are_made_good(F: Field, entry: complex) -> None:
    roots = np.array([2.0, 1.0])
    moved = on_diagonal(roots, 2, F)
    moved[1, 1, 1] += 1e-3 * entry
    moved[1, 0, 1] += 1e-3 * entry
    there, found = retracted(roots, moved, F, 10.0)
    assert found
    assert np.abs(balance_defects(there, F)).max() < 1e-12


def test_the_way_back_converges_quadratically(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four of Newton's steps bring a defect of 1e-3 below rounding; a method of first order takes a dozen."""
    solve, solved = np.linalg.solve, list[int]()
    monkeypatch.setattr(np.linalg, "solve", lambda a, b: solved.append(len(a)) or solve(a, b))
    roots = np.array([2.0, 1.0, 0.5])
    moved = on_diagonal(roots, 4, R) + 1e-3 * R.ginibre(3, size=4, rng=1)
    assert retracted(roots, moved, R, 10.0)[1]
    assert 2 <= sum(solved) <= 4


def test_a_defect_that_falls_no_more_ends_the_way_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is wanted of it: at zero it stays."""
    solve, solved = np.linalg.solve, list[int]()

    def counted(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        solved.append(len(a))
        assert len(solved) < 30
        return solve(a, b)

    monkeypatch.setattr(np.linalg, "solve", counted)
    monkeypatch.setattr("mme.dln.tangents.SETTLED", -1.0)
    moved = np.array([[[[2.5]], [[2.0]]], [[[1.0]], [[1.0]]]])
    there, found = retracted(np.array([[2.0], [1.0]]), moved, R, 10.0)
    assert not found.any()
    np.testing.assert_allclose(there[:, 0], there[:, 1], rtol=1e-14)


def test_a_way_back_is_too_long_from_its_length_on() -> None:
    """For many at once, each against its own step; and nowhere to go is not too far."""
    roots = np.array([[2.0, 1.0], [1.5, 0.4], [3.0, 2.0]])
    diagonal = on_diagonal(roots, 3, R)
    step = 0.05 * np.arange(3)[:, None, None, None] * R.ginibre(2, size=(3, 3), rng=2)
    there, found = retracted(roots, diagonal + step, R, 10.0)
    assert found.all()
    way, length = (np.linalg.norm(each.reshape(3, -1), axis=1) for each in (there - diagonal - step, step))
    for one in (1, 2):
        for factor in (1 - 1e-9, 1 + 1e-9):
            reach = factor * way[one] / length[one]
            expected = [True, *(way[1:] <= reach * length[1:])]
            assert expected[one] == (factor > 1)
            np.testing.assert_array_equal(retracted(roots, diagonal + step, R, reach)[1], expected)


def test_layers_that_are_zero_are_balanced() -> None:
    there, found = retracted(np.ones(2), np.zeros((3, 2, 2)), R, 0.5)
    assert found
    np.testing.assert_array_equal(there, 0)


def test_a_derivative_that_is_singular_is_given_up() -> None:
    """At λ and −λ one entry of the defects has no slope, whatever another needs."""
    roots = np.array([1.0, 1.0])
    moved = np.stack([np.diag([1.0, 1.0]), np.diag([-1.0, 1.1])])
    assert not retracted(roots, moved, R, 10.0)[1]
