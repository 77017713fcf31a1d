"""Importance sampling of a Gaussian, for which everything is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy

from mme.algebra import C, Field, H, R
from mme.dln import gram_matrix
from mme.dln.importance import LEARNING_SAMPLES, Target, effective_share, learn, log_weights, normals

COVARIANCE = np.array([[4.0, 1.5, 0.0], [1.5, 1.0, 0.2], [0.0, 0.2, 0.25]])


class Gaussian:
    """A target whose kernel is exp(−|y|²/2t) in the metric of the inverse of a covariance."""

    roots = np.array([1.0])

    def squared_distance(self, y: np.ndarray) -> np.ndarray:
        return np.asarray((y @ np.linalg.inv(COVARIANCE) * y).sum(axis=-1))

    def logarithm(self, y: np.ndarray, t: float) -> np.ndarray:
        return -self.squared_distance(y) / (2 * t)


TARGET: Any = Gaussian()


def test_the_right_proposal_has_equal_weights_at_every_time() -> None:
    root = np.linalg.cholesky(COVARIANCE)
    z = np.random.default_rng(0).normal(size=(20, 3))
    found = log_weights(TARGET, root, np.array([0.5, 2.0]), z)
    assert found.shape == (2, 20)
    np.testing.assert_allclose(found, 0, atol=1e-10)
    # With the unit matrix the weight of z is its normal density with the covariance over that without.
    normal = scipy.stats.multivariate_normal
    expected = normal(cov=COVARIANCE).logpdf(z) - normal(cov=np.eye(3)).logpdf(z)
    found = log_weights(TARGET, np.eye(3), np.array([1.0]), z)[0]
    np.testing.assert_allclose(found - np.linalg.slogdet(COVARIANCE)[1] / 2, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("t", [1e-3, 1.0])
def test_the_covariance_is_learnt(t: float) -> None:
    root, cost = learn(TARGET, t, 3, np.random.default_rng(1))
    assert (cost - 3) % LEARNING_SAMPLES == 0
    assert 2 * LEARNING_SAMPLES <= cost - 3 <= 5 * LEARNING_SAMPLES
    whitened = np.linalg.solve(np.linalg.cholesky(COVARIANCE), root)
    error = whitened @ whitened.T - np.eye(3)
    # An entry of a covariance of so many samples errs by √(2/n) on the diagonal, and less beside it.
    assert np.abs(error).max() < 4 * np.sqrt(2 / LEARNING_SAMPLES)
    z = np.random.default_rng(2).normal(size=(5000, 3))
    assert effective_share(log_weights(TARGET, root, np.array([t]), z)[0]) > 0.99


def test_one_round_learns_what_lies_beside_the_diagonal(monkeypatch: pytest.MonkeyPatch) -> None:
    """From axes on one scale, with so many samples that later rounds have nothing to mend."""

    class Ellipse(Gaussian):
        def squared_distance(self, y: np.ndarray) -> np.ndarray:
            return np.asarray((y**2).sum(axis=-1) - y[..., 0] * y[..., 1]) * 4 / 3

    for name, value in (("LEARNING_ROUNDS", 1), ("LEARNING_SAMPLES", 2**17)):
        monkeypatch.setattr(f"mme.dln.importance.{name}", value)
    target: Any = Ellipse()
    root, _ = learn(target, 1.0, 2, np.random.default_rng(0))
    np.testing.assert_allclose(root @ root.T, [[1.0, 0.5], [0.5, 1.0]], atol=0.05)


def test_normals_come_with_their_mirror_images() -> None:
    rng = np.random.default_rng(3)
    found, other = normals(1024, 2, rng), normals(1024, 2, rng)
    assert found.shape == (2048, 2)
    assert not np.isin(other, found).any()  # each set is scrambled anew, as independent estimates need
    np.testing.assert_array_equal(found[1024:], -found[:1024])
    # Scrambled points have one in each of 1024 equal intervals.
    cells = np.floor(scipy.special.ndtr(found[:1024]) * 1024)
    for column in cells.T:
        np.testing.assert_array_equal(np.sort(column), np.arange(1024))


def test_effective_share_by_hand() -> None:
    assert effective_share(np.zeros(7)) == pytest.approx(1)
    assert effective_share(np.array([5.0, -np.inf])) == pytest.approx(1 / 2)
    assert effective_share(np.log([1.0, 2.0, 3.0]) + 800) == pytest.approx(36 / (3 * 14))


@pytest.mark.parametrize(
    ("shares", "rounds"),
    [
        ([0.2, 0.2 * 1.02 + 0.0049], 2),  # it grows no more
        ([0.2, 0.2 * 1.02 + 0.0051, 0.2], 3),
        ([0.101, 0.101 * 1.02 + 0.0049], 2),
        ([0.099, 0.099 * 1.02 + 0.0049, 0.4, 0.4], 4),  # too low to end with
    ],
)
def test_learning_ends_where_the_share_grows_no_more(
    shares: list[float], rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = iter([value for share in shares for value in (share, 1.0)])  # and enough of it without tempering
    monkeypatch.setattr("mme.dln.importance.effective_share", lambda _: next(told))
    assert learn(TARGET, 1.0, 3, np.random.default_rng(0))[1] == 3 + rounds * LEARNING_SAMPLES


def test_the_integrand_of_a_circle() -> None:
    """On U(1) with y_p = 2 tan(θ_p/2): Π 1/(1 + y_p²/4) · exp(−Σ_p λ² |q_p − q_{p−1}|²/2t), as |dq| says."""
    root, depth, t = 1.3, 4, 0.2
    y = np.random.default_rng(0).normal(size=(2, 5, 3))
    q = np.pad(np.exp(2j * np.arctan(y / 2)), [(0, 0), (0, 0), (1, 1)], constant_values=1)
    away = root**2 * (np.abs(np.diff(q)) ** 2).sum(axis=-1)
    expected = -np.log1p(y**2 / 4).sum(axis=-1) - away / (2 * t)
    target = Target(np.array([root]), depth, C)
    np.testing.assert_allclose(target.squared_distance(y), away, rtol=1e-12)
    np.testing.assert_allclose(target.logarithm(y, t), expected, rtol=1e-12)


@pytest.mark.parametrize("F", [R, C, H], ids="RCH")
@pytest.mark.parametrize(("largest", "t"), [(50.0, 1e-8), (1000.0, 0.01)])
def test_learning_starts_with_the_lengths_of_the_axes(
    F: Field, largest: float, t: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of dΨ along each: the diagonal of the Gram matrix of Lemma 4.2, p by p."""
    roots, depth = np.array([largest, 1.0]), 3
    started = list[np.ndarray]()

    def weigh(_: Any, spread: np.ndarray, *rest: Any) -> np.ndarray:
        started.append(spread)
        raise InterruptedError

    monkeypatch.setattr("mme.dln.importance.log_weights", weigh)
    k = (depth - 1) * F.group_dimension(2)
    with pytest.raises(InterruptedError):
        learn(Target(roots, depth, F), t, k, np.random.default_rng(0))
    squares = np.diag(gram_matrix(roots**depth, depth=depth, field=F)).reshape(-1, depth - 1).T.ravel()
    np.testing.assert_allclose(started[0], np.diag(squares**-0.5), rtol=1e-6)


def test_samples_and_tempering_while_learning(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many samples for each dimension; and powers fall by 2/3 from one until enough of them count."""
    told, asked = iter([0.2, 0.05, 0.05, 0.3, 0.2]), list[np.ndarray]()
    monkeypatch.setattr("mme.dln.importance.LEARNING_SAMPLES", 10)
    monkeypatch.setattr("mme.dln.importance.SAMPLES_PER_DIMENSION", 7)
    monkeypatch.setattr("mme.dln.importance.effective_share", lambda found: asked.append(found) or next(told))
    assert learn(TARGET, 1.0, 3, np.random.default_rng(0))[1] == 3 + 2 * 21
    assert [each.shape for each in asked] == [(21,)] * 5
    for power, each in ((1, asked[1]), (2 / 3, asked[2]), (4 / 9, asked[3])):
        np.testing.assert_allclose(each, power * asked[0], rtol=1e-14)


@pytest.mark.parametrize("level", [-1e4, 0.0, 1e4])
def test_learning_has_no_level_and_may_meet_walls(level: float) -> None:
    """Half of a Gaussian has its second moments; the other half is as good as without weight."""

    class Half(Gaussian):
        def logarithm(self, y: np.ndarray, t: float) -> np.ndarray:
            return super().logarithm(y, t) + level - 1e5 * (y[..., 0] > 0)

    wall: Any = Half()
    root, _ = learn(wall, 0.1, 3, np.random.default_rng(1))
    whitened = np.linalg.solve(np.linalg.cholesky(COVARIANCE), root)
    assert np.abs(whitened @ whitened.T - np.eye(3)).max() < 4 * np.sqrt(2 / (LEARNING_SAMPLES / 2))


def test_normals_are_finite_at_both_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A point at 0 or 1 counts as one 1e-15 away from it."""

    class Ends:
        def __init__(self, k: int, **_: Any) -> None:
            self.k = k

        def random(self, points: int) -> np.ndarray:
            return np.tile([0.0, 1.0], (points, self.k // 2))

    monkeypatch.setattr(scipy.stats.qmc, "Sobol", Ends)
    found = normals(1, 2, np.random.default_rng(0))
    np.testing.assert_array_equal(found[1], -found[0])
    assert scipy.special.ndtr(found[0, 0]) == pytest.approx(1e-15, rel=1e-12, abs=0)
    # Few digits of it are left in 1 − 1e-15.
    assert scipy.special.ndtr(found[1, 1]) == pytest.approx(1e-15, rel=0.01, abs=0)
