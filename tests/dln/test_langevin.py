import functools
from functools import cache, partial
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad

from mme.algebra import C, Field, H, R
from mme.dln import (
    Langevin,
    balanced_lift,
    entropy_gradient,
    gradient_flow,
    langevin,
    matrix_entropy,
    metric_operator,
)
from mme.errors import InputError
from tests.each import each

FIELDS = {"R": R, "C": C, "H": H}
over_fields = pytest.mark.parametrize("F", FIELDS.values(), ids=FIELDS)


def started(F: Field, d: int, depth: int, chains: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return balanced_lift(F.ginibre(d, size=chains, rng=rng), depth=depth, field=F, rng=rng)


def score(samples: np.ndarray, expected: float) -> tuple[float, float]:
    """How far the mean over time is off, in standard errors, which the chains have of each other; and one."""
    means = samples.mean(axis=0)
    error = means.std(ddof=1) / np.sqrt(len(means))
    return float((means.mean() - expected) / error), float(error)


def dimension(F: Field, d: int, depth: int, noise: str) -> int:
    real, group = F.real_dimension(d), F.group_dimension(d)
    return {"manifold": real + (depth - 1) * group, "horizontal": real, "ambient": depth * real}[noise]


@cache
def ratio_of_two(beta: int, depth: int, noise: str) -> float:
    """E x_2/x_1 of the layers' squared singular values at d = 2, from their density."""
    a = (depth * (beta - 1) - 1) / 2 if noise == "manifold" else beta / 2 - 1
    other = depth if noise == "manifold" else 1
    power = beta / 2 * (1 + other) + 2 * a + 2  # of what the size leaves, integrated out

    def density(r: float) -> float:
        return float(((1 - r) * (1 - r**other)) ** (beta / 2) * r**a * (1 + r) ** -power)

    return float(quad(lambda r: r * density(r), 0, 1)[0] / quad(density, 0, 1)[0])


def ratios(run: Langevin, F: Field) -> np.ndarray:
    sigma = F.singular_values(run.layers[..., 0, :, :])
    return (sigma[..., 1] / sigma[..., 0]) ** 2


def run_for(F: Field, d: int, depth: int, noise: str, *, step: float, time: float = 12.0, chains: int = 100,
            **options: Any) -> Langevin:  # fmt: skip
    """The second half and more of a run: after four times 1/γ the start is forgotten."""
    every = max(1, round(0.2 / step))
    W = started(F, d, depth, chains)
    run = langevin(None, W, steps=round(time / step), step=step, field=F, noise=noise, decay=1.0,
                   every=every, rng=1, **options)  # fmt: skip
    late = run.times > 4
    return Langevin(run.times[late], run.layers[late], run.loss[late], run.field, run.stopped,
                    run.accepted, run.out_of_reach)  # fmt: skip


@pytest.mark.parametrize("noise", ["manifold", "ambient"])
def test_the_size_of_the_layers(noise: str) -> None:
    """E|W|² = T·dimension/γ: exact with the Metropolis correction, at a coarse step."""
    run = run_for(C, 1, 2, noise, step=0.2, temperature=0.5)
    z, error = score(run.squared_norm, 0.5 * dimension(C, 1, 2, noise))
    assert abs(z) < 4
    assert error < 0.06
    assert (run.imbalance.max() < 1e-11) == (noise == "manifold")


CASES = [(R, 2, 3, 0.05), (R, 3, 2, 0.05), (C, 2, 2, 0.1), (C, 2, 3, 0.05), (H, 1, 3, 0.1), (H, 2, 2, 0.1)]


@pytest.mark.slow
@pytest.mark.parametrize(("F", "d", "depth", "step"), CASES)
def test_laws_on_the_manifold(F: Field, d: int, depth: int, step: float) -> None:
    """|W|² of all cases, and the shape of the spectrum at d = 2, which scale alone does not decide."""
    run = run_for(F, d, depth, "manifold", step=step, time=20.0)
    size = score(run.squared_norm, dimension(F, d, depth, "manifold"))
    assert abs(size[0]) < 4
    assert size[1] < 0.02 * dimension(F, d, depth, "manifold")
    assert run.accepted.mean() > 0.7
    assert run.out_of_reach.mean() < 0.15  # Newton's way back finds M where the normals at Λ alone do not
    if d == 2:
        shape = score(ratios(run, F), ratio_of_two(F.beta, depth, "manifold"))
        assert abs(shape[0]) < 4
        assert shape[1] < 0.01


@pytest.mark.slow
def test_steps_that_cannot_be_undone_do_not_count() -> None:
    """At a step so coarse that a third are out of reach; without the look back it is 7 errors off."""
    run = run_for(C, 1, 3, "manifold", step=0.3, time=40.0, chains=300)
    z, error = score(run.squared_norm, 4.0)
    assert abs(z) < 4
    assert error < 0.04
    assert 0.2 < run.out_of_reach.mean() < 0.6


@pytest.mark.slow
@pytest.mark.parametrize(("F", "depth"), [(R, 3), (C, 3), (H, 2)])
def test_laws_of_horizontal_noise(F: Field, depth: int) -> None:
    """The bias is of first order in the step and upwards; extrapolated to 0 the law is that of g^N."""
    coarse, fine = (run_for(F, 2, depth, "horizontal", step=h, time=14.0) for h in (0.06, 0.03))
    for of, expected, most in (
        (lambda run: run.squared_norm, F.real_dimension(2), 0.1 * F.real_dimension(2)),
        (lambda run: ratios(run, F), ratio_of_two(F.beta, 1, "horizontal"), 0.02),
    ):
        (first, error), (second, finer) = score(of(coarse), 0.0), score(of(fine), 0.0)
        both = np.hypot(error, 2 * finer)
        assert abs(2 * second * finer - first * error - expected) < 4 * both
        assert abs(second * finer - expected) < most
    assert fine.imbalance.max() < 1e-10


@pytest.mark.slow
@pytest.mark.parametrize(("F", "depth"), [(C, 3), (H, 2)])
def test_the_entropy_as_a_loss_undoes_the_volume_of_the_orbits(F: Field, depth: int) -> None:
    """e^{−S} dvol_M is downstairs the volume of g^N: noise on M then has the law of horizontal noise."""

    def loss(X: np.ndarray) -> tuple[Any, np.ndarray]:
        U, sigma, V = F.svd(X)
        slope = F.diagonal(entropy_gradient(sigma, depth=depth, field=F))
        return matrix_entropy(X, depth=depth, field=F), U @ slope @ F.adjoint(V)

    run = langevin(loss, started(F, 2, depth, 100), steps=240, step=0.05, field=F, decay=1.0, every=4, rng=2)
    late = run.times > 4
    assert abs(score(run.squared_norm[late], F.real_dimension(2))[0]) < 4
    assert abs(score(ratios(run, F)[late], ratio_of_two(F.beta, 1, "horizontal"))[0]) < 4


@pytest.mark.slow
@pytest.mark.parametrize("F", [C, H], ids=["C", "H"])
def test_laws_with_a_loss(F: Field) -> None:
    """A loss of degree 2N in the layers alone: E loss = T dim M/2N, by scaling."""
    loss = lambda X: (F.norm(X) ** 2 / 2, X)  # noqa: E731
    run = langevin(
        loss, started(F, 2, 2, 100), steps=300, step=0.04, field=F, temperature=2.0, every=5, rng=3
    )
    z, error = score(run.loss[run.times > 4], 2.0 * dimension(F, 2, 2, "manifold") / 4)
    assert abs(z) < 4
    assert error < 0.3


@pytest.mark.slow
@pytest.mark.parametrize(("F", "sigma", "depth"), [(C, [1.0], 2), (R, [2.0, 0.7], 3), (H, [1.5], 3)])
def test_only_noise_on_the_manifold_feels_the_entropy(F: Field, sigma: list[float], depth: int) -> None:
    """A step with the same draws: on M and orthogonal to the orbits X differs by T A(∇S) h on average."""
    X, h, T = F.diagonal(sigma), 1e-4, 1.5
    W = np.stack([balanced_lift(X, depth=depth, field=F, rng=5)] * 3000)
    kinds = [
        langevin(None, W, steps=1, step=h, field=F, noise=noise, temperature=T, metropolis=False, rng=6)
        for noise in ("manifold", "horizontal")
    ]
    apart = F.components(kinds[0].end_to_end[1] - kinds[1].end_to_end[1]) / h
    slope = F.diagonal(entropy_gradient(sigma, depth=depth, field=F))
    expected = T * F.components(metric_operator(X, slope, depth=depth, field=F))
    error = apart.std(axis=0, ddof=1) / np.sqrt(len(apart))
    assert np.all(np.abs(apart.mean(axis=0) - expected) < 4.5 * error + 0.02 * np.abs(expected).max())
    assert np.all(error < 0.2 * np.abs(expected).max())


def test_without_noise_to_speak_of_it_is_gradient_flow() -> None:
    run = langevin(lambda X: ((X**2).sum((-2, -1)) / 2, X), np.ones((2, 1, 1)), steps=200, step=5e-3,
                   temperature=1e-12, metropolis=False, every=100, rng=0)  # fmt: skip
    np.testing.assert_allclose(run.end_to_end.ravel(), 1 / (1 + 2 * run.times), rtol=5e-3)
    np.testing.assert_allclose(run.times, [0.0, 0.5, 1.0])


def test_records_and_seeds() -> None:
    W = started(R, 2, 3, 4)
    case: dict[str, Any] = {"steps": 7, "step": 0.02, "decay": 1.0, "every": 3}
    first, again = (langevin(None, W, rng=seed, **case) for seed in (3, np.random.default_rng(3)))
    assert first == again
    assert first != langevin(None, W, rng=4, **case)
    assert first.layers.shape == (3, 4, 3, 2, 2)
    np.testing.assert_allclose(first.times, [0.0, 0.06, 0.12])
    np.testing.assert_array_equal(first.layers[0], W)
    np.testing.assert_array_equal(first.loss, np.zeros((3, 4)))
    assert Langevin.from_dict(first.to_dict()) == first
    one = langevin(None, W[0], rng=3, **case)
    assert one.layers.shape == (3, 3, 2, 2)
    assert one.accepted.shape == ()
    alone = langevin(None, W[:, :1] @ np.eye(2), rng=3, **case)  # one layer: nothing to balance
    assert alone.out_of_reach.max() == 0


@pytest.mark.parametrize("noise", ["horizontal", "ambient"])
def test_a_step_that_diverges_is_told_and_loses_nothing(noise: str) -> None:
    run = langevin(None, started(R, 2, 3, 5), steps=500, step=3.0, noise=noise, decay=1.0, metropolis=False,
                   every=2, rng=0)  # fmt: skip
    assert run.stopped.startswith("step must be less than 3, or the loss grow far out: a chain left at ")
    assert 1 < len(run.times) == len(run.layers) == len(run.loss) < 200
    assert np.isfinite(run.layers).all()


def test_chains_that_never_move_are_told() -> None:
    run = langevin(None, started(C, 2, 3, 5), steps=10, step=1e6, decay=1.0, field=C, rng=0)
    assert run.stopped == "step must be less than 1e+06, where 5 of 5 chains stood."
    assert np.all(run.accepted == 0)
    short = langevin(None, started(C, 2, 3, 20), steps=10, step=0.05, reach=0.01, field=C, rng=0)
    far = langevin(None, started(C, 2, 3, 20), steps=10, step=0.05, reach=1.0, field=C, rng=0)
    assert short.out_of_reach.mean() > 0.9 > 0.3 > far.out_of_reach.mean()


def test_rank_loss_on_the_way_is_no_error() -> None:
    """From where rounding begins to hide a direction, and at a noise that does not see it either."""
    W = np.stack([np.stack([np.diag([1.0, 3e-16])] * 3)] * 20)
    for noise in ("manifold", "horizontal"):
        run = langevin(None, W, steps=20, step=1e-33, noise=noise, rng=0)
        assert np.isfinite(run.layers).all()
        assert run.out_of_reach.max() > 0
        run = langevin(None, W, steps=20, step=0.01, noise=noise, rng=0)
        assert np.isfinite(run.layers).all()


def test_bad_input() -> None:
    W, case = started(R, 2, 3, 2), {"steps": 2, "step": 0.1}
    with pytest.raises(InputError, match=r"layers must be balanced.*nearest_balanced finds balanced ones"):
        langevin(None, R.ginibre(2, size=3, rng=0), **case)
    langevin(None, R.ginibre(2, size=3, rng=0), noise="ambient", **case)
    with pytest.raises(InputError, match="layers must be invertible"):
        langevin(None, np.stack([np.diag([1.0, 0.0])] * 2), **case)
    with pytest.raises(InputError, match="layers must be invertible"):  # one chain of two
        langevin(None, np.stack([np.stack([np.diag([1.0, last])] * 2) for last in (1.0, 0.0)]), **case)
    for name, value in (("temperature", 0.0), ("temperature", -1.0), ("decay", -0.1), ("step", 0.0),
                        ("reach", 0.0), ("reach", 1.1), ("noise", "white"), ("steps", 0)):  # fmt: skip
        with pytest.raises(InputError, match=f"{name} must be"):
            langevin(None, W, **{**case, name: value})
    with pytest.raises(InputError, match="metropolis must be False for horizontal noise"):
        langevin(None, W, noise="horizontal", metropolis=True, **case)
    with pytest.raises(InputError, match="steps must be smaller"):
        langevin(None, W, steps=10**9, step=0.1)


def squared(W: np.ndarray, F: Field) -> np.ndarray:
    return np.asarray((F.norm(W) ** 2).sum(axis=-1))


def written_out(W: np.ndarray, F: Field, target: np.ndarray, steps: int, rng: np.random.Generator,
                *, on_line: bool, h: float, T: float, decay: float) -> tuple[Any, ...]:  # fmt: skip
    """Metropolis-adjusted Langevin steps in all directions, or along the line of equal layers for d = 1."""
    depth, states = W.shape[-3], [W]

    def energy(W: np.ndarray) -> tuple[Any, Any, np.ndarray]:
        factors = list(np.moveaxis(W, -3, 0))
        X = functools.reduce(lambda product, layer: layer @ product, factors)
        gap, slopes = X - target, []
        for p in range(depth):
            after = functools.reduce(lambda a, b: b @ a, factors[p + 1 :], np.eye(W.shape[-1]))
            before = functools.reduce(lambda a, b: b @ a, factors[:p], np.eye(W.shape[-1]))
            slopes.append(F.adjoint(after) @ gap @ F.adjoint(before) + decay * factors[p])
        loss = F.norm(gap) ** 2 / 2
        return loss + decay / 2 * squared(W, F), loss, np.stack(slopes, axis=-3)

    E, loss, slope = energy(W)
    losses, taken = [loss], np.zeros(W.shape[:-3])
    for _ in range(steps):
        xi = np.sqrt(2 * T * h) * F.ginibre(F.order(W), size=W.shape[:-2], rng=rng)
        if on_line:
            xi = np.broadcast_to(xi.mean(axis=-3, keepdims=True), xi.shape)
        there = W - h * slope + xi
        E_there, loss_there, slope_there = energy(there)
        back = W - there + h * slope_there
        ratio = (squared(xi, F) - squared(back, F)) / (4 * T * h) - (E_there - E) / T
        yes = np.log(rng.random(E.shape)) < ratio
        taken = taken + yes
        chosen = yes[..., None, None, None]
        W, slope = np.where(chosen, there, W), np.where(chosen, slope_there, slope)
        E, loss = np.where(yes, E_there, E), np.where(yes, loss_there, loss)
        states.append(W)
        losses.append(loss)
    return np.stack(states), np.stack(losses), taken / steps


DRAWN = [(R, 2, 3, "ambient"), (C, 2, 2, "ambient"), (H, 1, 3, "ambient"), (R, 1, 3, "manifold")]


@each("F, d, depth, noise", DRAWN)
def test_steps_draw_for_draw(F: Field, d: int, depth: int, noise: str) -> None:
    on_line = noise == "manifold"
    W = 0.6 * F.ginibre(d, size=(6, depth), rng=1)
    if on_line:
        W = np.broadcast_to(np.array([0.4, 0.7, 1.1, 1.3])[:, None, None, None], (4, depth, 1, 1))
    target, case = F.ginibre(d, rng=2), {"T": 0.8, "decay": 0.6, "h": 0.1}
    loss = partial(lambda X, target: (F.norm(X - target) ** 2 / 2, X - target), target=target)
    run = langevin(loss, W, steps=7, step=0.1, field=F, noise=noise, temperature=0.8, decay=0.6, every=3,
                   rng=3, reach=1.0)  # fmt: skip
    layers, losses, share = written_out(W, F, target, 7, np.random.default_rng(3), on_line=on_line, **case)
    assert 0 < share.min() < share.max()
    np.testing.assert_allclose(run.layers, layers[[0, 3, 6]], rtol=0, atol=1e-12)
    np.testing.assert_allclose(run.loss, losses[[0, 3, 6]], rtol=0, atol=1e-12)
    np.testing.assert_allclose(run.accepted, share, rtol=0, atol=1e-15)
    np.testing.assert_allclose(run.times, [0.0, 0.3, 0.6], rtol=0, atol=1e-15)
    np.testing.assert_array_equal(run.out_of_reach, np.zeros(len(W)))
    assert (run.field, run.stopped) == (F.name, "")


@each("F", [R, H])
def test_growth_is_judged_by_what_noise_alone_makes(monkeypatch: pytest.MonkeyPatch, F: Field) -> None:
    """Of 20 chains without a force |W|² is near 2ThnNβd² after n steps, from 0: 1.25 times that occurs."""
    d = 4 if F is R else 2
    for most, stops in ((1.25, True), (2.2, False)):
        monkeypatch.setattr(import_module("mme.dln.langevin"), "LARGEST_GROWTH", most)
        run = langevin(None, 1e-9 * F.ginibre(d, size=(20, 4), rng=0), steps=12, step=0.3, field=F,
                       noise="ambient", temperature=1.7, metropolis=False, rng=1)  # fmt: skip
        assert run.stopped.startswith("step must be less than 0.3, or the loss grow") == stops
        assert (len(run.times) < 13) == stops


def test_what_leaves_is_told_when_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """|W|² = (1 + h)^2n without noise to speak of, under a loss that falls as −X²/2."""
    monkeypatch.setattr(import_module("mme.dln.langevin"), "LARGEST_GROWTH", 1.1**10 * 1.001)
    run = langevin(lambda X: (-(X**2).sum((-2, -1)) / 2, -X), np.ones((3, 1, 1, 1)), steps=40, step=0.1,
                   noise="ambient", temperature=1e-20, metropolis=False, every=2, rng=0)  # fmt: skip
    assert run.stopped == "step must be less than 0.1, or the loss grow far out: a chain left at 6."
    np.testing.assert_allclose(run.squared_norm[:, 0], 1.1 ** (4 * np.arange(3)), rtol=1e-8)
    np.testing.assert_array_equal(run.accepted, [1.0, 1.0, 1.0])


def test_invertible_to_rounding() -> None:
    eps = np.finfo(float).eps
    roots = np.array([[1.0, 2 * eps], [1.0, eps], [3.0, 2.9 * eps], [0.0, 0.0], [np.nan, 1.0], [1e-300, 1.0]])
    found = import_module("mme.dln.langevin")._invertible(roots)
    np.testing.assert_array_equal(found, [True, False, False, False, False, False])


def test_what_is_meant_where_nothing_is_said() -> None:
    """Steps so long that some ways back are about half as long as they are."""
    W = started(R, 2, 3, 60)
    case: dict[str, Any] = {"steps": 6, "step": 0.15, "rng": 5}
    said: dict[str, Any] = {"noise": "manifold", "temperature": 1.0, "decay": 0.0, "metropolis": True}
    said |= {"reach": 0.5, "every": 1}
    found = langevin(None, W, **case)
    assert found == langevin(None, W, **case, **said)
    for name, other in (("temperature", 1.1), ("decay", 1.0), ("metropolis", False), ("reach", 0.55)):
        assert found != langevin(None, W, **case, **(said | {name: other})), name
    assert len(found.times) == 7


@each("F, noise", [(C, "manifold"), (H, "manifold"), (C, "horizontal"), (H, "horizontal"), (C, "ambient")])
def test_the_first_step_without_noise_to_speak_of_is_down_the_slope(F: Field, noise: str) -> None:
    """From turned frames, with a loss that has no symmetry."""
    W, Y, h = started(F, 2, 3, 5), F.ginibre(2, rng=9), 1e-5
    options = {"metropolis": False, "noise": noise, "temperature": 1e-24}
    run = langevin(lambda X: (F.norm(X - Y) ** 2 / 2, X - Y), W, steps=1, step=h, field=F, rng=0, **options)
    moved = run.end_to_end[1] - run.end_to_end[0]
    flow = gradient_flow(lambda X: (F.norm(X - Y) ** 2 / 2, X - Y), W, [0.0, h], field=F)
    expected = flow.end_to_end[1] - flow.end_to_end[0]
    assert np.abs(moved - expected).max() < 1e-3 * np.abs(expected).max()


def test_every_step_or_fewer_are_kept() -> None:
    with pytest.raises(InputError, match="every must be an integer of at least 1"):
        langevin(None, started(R, 2, 2, 1), steps=1, step=0.1, every=0)


@each("F", [R, H])
def test_steps_have_no_scale(F: Field) -> None:
    """s times the layers, with steps s² times as long, take s times the way; s is a power of two."""
    W, s = started(F, 2, 3, 4), 2.0**20
    one, other = (langevin(None, c * W, steps=4, step=0.01 * c**2, field=F, rng=1) for c in (1.0, s))
    assert one.accepted.min() > 0.5
    np.testing.assert_array_equal(other.accepted, one.accepted)
    np.testing.assert_allclose(other.layers / s, one.layers, rtol=0, atol=1e-13)


def test_some_chains_that_never_move_are_told() -> None:
    run = langevin(None, started(C, 2, 3, 30), steps=1, step=0.15, field=C, rng=0)
    stood = int((run.accepted == 0).sum())
    assert 0 < stood < 30
    assert run.stopped == f"step must be less than 0.15, where {stood} of 30 chains stood."


def test_without_metropolis_steps_are_taken_or_out_of_reach() -> None:
    run = langevin(None, started(C, 2, 3, 20), steps=10, step=0.15, field=C, metropolis=False, rng=0)
    assert 0.05 < run.out_of_reach.mean() < 0.9
    np.testing.assert_allclose(run.accepted + run.out_of_reach, 1, rtol=1e-15)


def test_a_step_may_lead_through_zero() -> None:
    """Of one number over R, whose layers then all have the other sign."""
    W, target = np.full((40, 3, 1, 1), 0.1), np.array([[0.3]])
    run = langevin(lambda X: (R.norm(X - target) ** 2 / 2, X - target), W, steps=1, step=0.1,
                   temperature=0.8, decay=0.6, rng=3, reach=1.0)  # fmt: skip
    case = {"on_line": True, "h": 0.1, "T": 0.8, "decay": 0.6}
    layers, _, share = written_out(W, R, target, 1, np.random.default_rng(3), **case)
    np.testing.assert_allclose(run.layers, layers, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(run.accepted, share)
    assert 5 < (layers[1, :, 0] < 0).sum() < 35
