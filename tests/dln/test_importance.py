"""Importance sampling of a Gaussian, for which everything is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy

from mme.dln.importance import LEARNING_SAMPLES, effective_share, learn, log_weights, normals

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
    np.testing.assert_allclose(found - np.linalg.slogdet(COVARIANCE)[1] / 2, expected, atol=1e-10)


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


def test_normals_come_with_their_mirror_images() -> None:
    found = normals(1024, 2, np.random.default_rng(3))
    assert found.shape == (2048, 2)
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
