"""Norms, stable rank and the distance of shapes: by hand, under scales, bad input."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st

from mme.ensembles import layer_matrix_ensemble
from mme.ensembles.rivals import (
    log_frobenius_norm,
    log_spectral_norm,
    log_stable_rank,
    shape_distance,
    spike_share,
)
from mme.errors import InputError


def network(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {"conv": rng.normal(size=(24, 2, 3, 3)), "fc": rng.normal(size=(10, 24)), "bias": np.ones(10)}


def test_averages_over_layers() -> None:
    weights = network()
    squares = [np.linalg.svd(weights[k].reshape(len(weights[k]), -1))[1] ** 2 for k in ("conv", "fc")]
    for source in (weights, layer_matrix_ensemble(weights)):
        assert log_spectral_norm(source) == pytest.approx(np.mean([np.log10(x.max()) for x in squares]))
        entries = [np.log10((weights[k] ** 2).sum()) for k in ("conv", "fc")]
        assert log_frobenius_norm(source) == pytest.approx(np.mean(entries))
        ranks = [np.log10(x.sum() / x.max()) for x in squares]
        assert log_stable_rank(source) == pytest.approx(np.mean(ranks))


@given(st.sampled_from([1e-50, 0.3, 7.0, 1e50]))
def test_a_factor_on_a_layer_moves_the_norms_and_nothing_else(scale: float) -> None:
    weights = network()
    scaled = weights | {"conv": scale * weights["conv"]}
    moved = np.log10(scale)  # two decades in the eigenvalues for each in the weights, one of two layers
    assert log_spectral_norm(scaled) == pytest.approx(log_spectral_norm(weights) + moved)
    assert log_frobenius_norm(scaled) == pytest.approx(log_frobenius_norm(weights) + moved)
    assert log_stable_rank(scaled) == pytest.approx(log_stable_rank(weights))


def test_a_factor_leaves_the_distance_of_shapes() -> None:
    weights = network()
    scaled = weights | {"conv": 2.0**-40 * weights["conv"]}  # a power of two rounds nothing
    assert shape_distance(scaled, weights) == 0
    assert shape_distance(scaled, network(5)) == shape_distance(weights, network(5)) > 0


def test_structural_zeros_take_no_part_in_the_distance() -> None:
    ours, theirs = network(1), network(2)
    spectra = [
        [np.linalg.svd(net[k].reshape(len(net[k]), -1))[1] ** 2 for k in ("conv", "fc")]
        for net in (ours, theirs)
    ]
    apart = [
        scipy.stats.ks_2samp(a / a.mean(), b / b.mean()).statistic for a, b in zip(*spectra, strict=True)
    ]
    assert shape_distance(ours, theirs) == pytest.approx(np.mean(apart))
    assert 0 < shape_distance(ours, theirs) < 1


def test_bad_input() -> None:
    with pytest.raises(InputError, match="layer 'fc' must have a weight other than zero"):
        log_spectral_norm({"fc": np.zeros((3, 3))})
    with pytest.raises(InputError, match="control must have the layers of the source"):
        shape_distance({"a": np.eye(3)}, {"b": np.eye(3)})
    with pytest.raises(InputError, match="control must have the layers of the source"):
        shape_distance({"a": np.eye(3)}, {"a": np.eye(4)})
    pair = {"a": np.eye(3), "b": np.eye(4)}
    for other in ({"a": np.eye(3), "b": np.eye(5)}, {"a": np.eye(5), "b": np.eye(4)}):  # one of two is enough
        with pytest.raises(InputError, match="control must have the layers of the source"):
            shape_distance(pair, other)


def test_spikes_by_hand_and_blind_to_the_length_of_rows() -> None:
    rng = np.random.default_rng(3)
    A, B = rng.normal(size=(40, 50)), rng.normal(size=(70, 30)) + 1
    lengths = rng.uniform(1, 9, size=(70, 1))
    spikes = 0
    for each in (A, B):
        rows = each / np.sqrt((each**2).sum(axis=1))[:, None]
        n, m = each.shape
        spikes += (np.linalg.svd(rows)[1] ** 2 > (1 + (n / m) ** 0.5) ** 2).sum()
    assert spikes == 1
    for other in (B, lengths * B):
        assert spike_share({"a": A, "b": other}) == spikes / (40 + 30)
    assert spike_share({"a": np.zeros((3, 4))}) == 0  # rows of zeros


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_factor_makes_spikes(dtype: Literal["float32", "float64"]) -> None:
    A = np.random.default_rng(3).normal(size=(40, 50))
    A[:20] *= 1e-25 if dtype == "float32" else 1e-170  # whose squares underflow
    assert spike_share(layer_matrix_ensemble({"a": A}, dtype=dtype)) == 0


def test_spikes_of_rows_depend_on_no_sign_and_no_size() -> None:
    A = np.random.default_rng(0).normal(size=(50, 60)) + 3
    for factor in (-1.0, -1e-3, 1e-200, -1e200, 1e307):  # the sum of a row may overflow
        assert spike_share({"a": factor * A}) == 1 / 50


def test_spikes_of_rows_that_are_nearly_one_entry() -> None:
    """Rows are divided by their lengths, here hardly above 1: eight alike make an eigenvalue of 8."""
    A = 1e-3 * np.random.default_rng(1).normal(size=(8, 10))
    A[:, 0] = 1
    assert spike_share({"a": A}) == 1 / 8
    A[5:, 0] = 0  # the others are noise, of rows as long
    assert spike_share({"a": A}) == 1 / 8


def test_spikes_lie_beyond_the_edge_of_the_shape() -> None:
    """Rows of length 1 with inner products ρ have the eigenvalues 1 + (N - 1) ρ, once, and 1 - ρ."""
    for rho, spikes in ((0.02, 0), (0.03, 1)):  # the edge is (1 + √(10/1000))² = 1.21
        wide = np.zeros((10, 1000))
        wide[:, 0], wide[:, 1:11] = np.sqrt(rho), np.sqrt(1 - rho) * np.eye(10)
        assert spike_share({"fc": wide}) == spikes / 10
    tall = np.tile(np.eye(4), (100, 1))  # four times 100, below (1 + √100)² = 121
    assert spike_share({"fc": tall}) == 0


def test_one_eigenvalue_is_a_spectrum() -> None:
    assert log_spectral_norm({"fc": 100 * np.eye(3)[:, :1] @ np.eye(3)[:1]}) == pytest.approx(4)
