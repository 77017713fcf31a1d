"""Definition 4: pooled spectra, what leaves them as they are, and how many eigenvalues they hold."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import block_diag

from mme.ensembles import (
    MixedMatrixEnsemble,
    PooledSpectrum,
    circular_mixed_ensemble,
    layer_matrix_ensemble,
    pooled_spectrum,
)
from mme.ensembles.mixed import PARTS
from mme.errors import InputError
from tests.each import each

RTOL = 1e-10

seeds = st.integers(0, 2**32 - 1)
shapes = st.lists(st.tuples(st.integers(2, 15), st.integers(2, 15)), min_size=1, max_size=5)
orders = st.lists(st.integers(2, 10), min_size=1, max_size=5)


def network(shapes: list[tuple[int, int]], seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {f"layer{index}": rng.normal(size=shape) for index, shape in enumerate(shapes)}


def matrices(orders: list[int], seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(order, order)) for order in orders]


def pool(layers: dict[str, np.ndarray]) -> np.ndarray:
    return pooled_spectrum(layer_matrix_ensemble(layers)).eigenvalues


def rotation(order: int, seed: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(order, order)))[0]


def assert_same(computed: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(computed, expected, rtol=0, atol=RTOL * np.abs(expected).max())


class TestPlainPooling:
    @given(shapes, seeds)
    @pytest.mark.slow
    def test_is_the_spectrum_of_the_block_diagonal_matrix(
        self, shapes: list[tuple[int, int]], seed: int
    ) -> None:
        layers = network(shapes, seed)
        blocks = block_diag(*[weights @ weights.T for weights in layers.values()])
        assert_same(pool(layers), np.linalg.eigvalsh(blocks))

    @given(shapes, seeds)
    @pytest.mark.slow
    def test_counts_every_eigenvalue_once(self, shapes: list[tuple[int, int]], seed: int) -> None:
        spectrum = pooled_spectrum(layer_matrix_ensemble(network(shapes, seed)))
        assert len(spectrum) == sum(rows for rows, _ in shapes)
        assert spectrum.structural_zeros == sum(max(rows - columns, 0) for rows, columns in shapes)
        assert (spectrum.eigenvalues == 0).sum() == spectrum.structural_zeros
        assert (np.diff(spectrum.eigenvalues) >= 0).all()
        assert spectrum.orders == tuple(rows for rows, _ in shapes)

    @given(orders, seeds, st.sampled_from(PARTS))
    def test_holds_the_spectrum_of_each_matrix(self, orders: list[int], seed: int, part: str) -> None:
        ensemble = MixedMatrixEnsemble(matrices(orders, seed))
        spectrum = pooled_spectrum(ensemble, part=part)
        each = [spectrum.eigenvalues for spectrum in ensemble.spectra(part)]
        np.testing.assert_array_equal(spectrum.eigenvalues, np.sort(np.concatenate(each)))
        assert (spectrum.part, spectrum.pooling, spectrum.structural_zeros) == (part, "plain", 0)

    def test_moments_are_sums_of_traces(self) -> None:
        parts = matrices([4, 7, 3], 5)
        symmetric = [part + part.T for part in parts]
        values = pooled_spectrum(MixedMatrixEnsemble(symmetric)).eigenvalues
        for power in range(5):
            traces = sum(np.trace(np.linalg.matrix_power(part, power)) for part in symmetric)
            assert (values**power).sum() == pytest.approx(traces, rel=1e-10)


class TestInvariance:
    @given(shapes, seeds, st.randoms(use_true_random=False))
    @pytest.mark.slow
    def test_order_of_the_layers(self, shapes: list[tuple[int, int]], seed: int, shuffler: Any) -> None:
        layers = list(network(shapes, seed).items())
        expected = pool(dict(layers))
        shuffler.shuffle(layers)
        np.testing.assert_array_equal(pool(dict(layers)), expected)

    @given(shapes, seeds)
    @pytest.mark.slow
    def test_orthogonal_maps_of_each_layer(self, shapes: list[tuple[int, int]], seed: int) -> None:
        layers = network(shapes, seed)
        turned = {
            name: rotation(len(w), seed + i) @ w @ rotation(w.shape[1], seed - i + 99)
            for i, (name, w) in enumerate(layers.items())
        }
        assert_same(pool(turned), pool(layers))

    @given(shapes, seeds)
    @pytest.mark.slow
    def test_transposes_up_to_zeros(self, shapes: list[tuple[int, int]], seed: int) -> None:
        layers = network(shapes, seed)
        both = [
            pooled_spectrum(layer_matrix_ensemble(each))
            for each in (layers, {name: w.T for name, w in layers.items()})
        ]
        plain, turned = (each.eigenvalues[each.structural_zeros :] for each in both)
        assert_same(turned, plain)

    @given(orders, seeds)
    @pytest.mark.slow
    def test_similarity_of_each_matrix(self, orders: list[int], seed: int) -> None:
        parts = matrices(orders, seed)
        turned = [(q := rotation(len(part), seed + index)) @ part @ q.T for index, part in enumerate(parts)]
        for part in PARTS:
            values, expected = (pooled_spectrum(MixedMatrixEnsemble(m), part=part) for m in (turned, parts))
            np.testing.assert_allclose(values.eigenvalues, expected.eigenvalues, atol=1e-6)


class TestPeriodicPooling:
    def test_repeats_from_the_smallest_on(self) -> None:
        long, short = np.diag([7.0, 5, 3, 4, 1, 2, 6]), np.diag([50.0, 20, 30, 10, 40])
        values = pooled_spectrum(MixedMatrixEnsemble([long, short]), pooling="periodic").eigenvalues
        assert values.tolist() == [1, 2, 3, 4, 5, 6, 7, 10, 10, 20, 20, 30, 40, 50]

    @given(shapes, seeds)
    @pytest.mark.slow
    def test_counts_m_times_the_largest_order(self, shapes: list[tuple[int, int]], seed: int) -> None:
        spectrum = pooled_spectrum(layer_matrix_ensemble(network(shapes, seed)), pooling="periodic")
        assert len(spectrum) == len(shapes) * max(rows for rows, _ in shapes)
        assert (spectrum.eigenvalues == 0).sum() == spectrum.structural_zeros
        assert spectrum.pooling == "periodic"

    @given(st.integers(2, 10), st.integers(1, 4), seeds)
    def test_changes_nothing_for_a_pure_ensemble(self, order: int, count: int, seed: int) -> None:
        ensemble = MixedMatrixEnsemble(matrices([order] * count, seed))
        plain, periodic = (
            pooled_spectrum(ensemble, pooling=how).eigenvalues for how in ("plain", "periodic")
        )
        np.testing.assert_array_equal(periodic, plain)
        assert len(plain) == order * count  # the paper's count is right here

    def test_counts_the_structural_zeros_of_all_layers(self) -> None:
        layers = {"a": np.eye(7, 4), "b": np.eye(3, 2), "c": np.eye(2)}
        pooled = pooled_spectrum(layer_matrix_ensemble(layers))
        assert pooled.structural_zeros == 3 + 1
        assert pooled.eigenvalues.tolist() == [0.0] * 4 + [1.0] * 8

    def test_repeats_structural_zeros(self) -> None:
        # orders 7 and 3; the second has 1 zero, which is first among its three and so appears 3 times
        layers = {"a": np.eye(7), "b": np.eye(3, 2)}
        spectrum = pooled_spectrum(layer_matrix_ensemble(layers), pooling="periodic")
        assert spectrum.structural_zeros == 3
        assert spectrum.eigenvalues.tolist() == [0.0] * 3 + [1.0] * 11


class TestDraws:
    @pytest.mark.parametrize("pooling", ["plain", "periodic"])
    @pytest.mark.parametrize("part", PARTS)
    def test_batched_draws_equal_single_ones(self, part: str, pooling: str) -> None:
        drawn = circular_mixed_ensemble([3, 6, 2], rng=0, draws=4)
        together = pooled_spectrum(drawn, part=part, pooling=pooling)
        assert together.draws == 4
        for index, values in enumerate(together.eigenvalues):
            single = MixedMatrixEnsemble([matrix[index] for matrix in drawn.matrices])
            alone = pooled_spectrum(single, part=part, pooling=pooling)
            np.testing.assert_allclose(values, alone.eigenvalues, rtol=0, atol=1e-12)
            assert alone.draws is None


class TestPooledSpectrum:
    def test_takes_eigenvalues_from_elsewhere(self) -> None:
        spectrum = PooledSpectrum(np.array([3, 0, 1]), 1)
        assert spectrum.eigenvalues.tolist() == [0.0, 1.0, 3.0]
        assert spectrum.eigenvalues.dtype == np.float64
        drawn = PooledSpectrum(np.array([[2.0, 1.0], [3.0, 4.0]]))
        assert drawn.eigenvalues.tolist() == [[1.0, 2.0], [3.0, 4.0]]
        assert drawn.draws == 2

    def test_sorts_what_descends(self) -> None:
        assert PooledSpectrum([3.0, 2.0, 1.0]).eigenvalues.tolist() == [1, 2, 3]

    def test_leaves_the_given_array_alone(self) -> None:
        given_array = np.array([3.0, 1.0])
        PooledSpectrum(given_array)
        assert given_array.tolist() == [3.0, 1.0]

    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            ([1.0, 2.0, 3.0], 1.0),
            ([0.0, 0.0, 0.0, 2.0], 1.0),  # zeros are counted apart
            ([1.0, 1.0, 2.0, 2.0], 2.0),
            ([1.0, 1.0, 1.0, 2.0], 10 / 4),  # three eigenvalues share with three, one with none
            ([0.0, 0.0], 1.0),
        ],
    )
    def test_repetition(self, values: list[float], expected: float) -> None:
        assert PooledSpectrum(np.array(values)).repetition == pytest.approx(expected, rel=1e-14)

    def test_repetition_of_draws_is_within_each_draw(self) -> None:
        assert PooledSpectrum(np.array([[1.0, 2.0], [1.0, 2.0]])).repetition == 1.0
        assert PooledSpectrum(np.array([[1.0, 1.0], [1.0, 2.0]])).repetition == 1.5

    def test_speaks(self) -> None:
        spectrum = pooled_spectrum(layer_matrix_ensemble({"a": np.eye(3, 2), "b": 2 * np.eye(2)}))
        assert repr(spectrum) == "PooledSpectrum(5 eigenvalues from 0 to 4, 1 structural zero)"
        assert "3 draws)" in repr(PooledSpectrum(np.ones((3, 2))))
        assert json.loads(json.dumps(spectrum.to_dict())) == {
            "eigenvalues": [0.0, 1.0, 1.0, 4.0, 4.0], "structural_zeros": 1, "orders": [3, 2],
            "part": "real", "pooling": "plain", "estimates": None,
        }  # fmt: skip

    @each("values", [[], np.ones((2, 2, 2)), np.array(1.0), np.array([1j]), ["a"], [True]])
    def test_bad_eigenvalues(self, values: Any) -> None:
        with pytest.raises(InputError, match=r"eigenvalues must (be|have)"):
            PooledSpectrum(values)

    @each("bad", [np.nan, np.inf])
    def test_eigenvalues_that_are_not_finite(self, bad: float) -> None:
        with pytest.raises(InputError, match="eigenvalues must be finite"):
            PooledSpectrum(np.array([1.0, bad]))

    @each("zeros", [-1, 2])
    def test_more_structural_zeros_than_zeros(self, zeros: int) -> None:
        with pytest.raises(InputError, match=r"structural_zeros must be an integer from 0 to 1, "):
            PooledSpectrum(np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 1.0]]), zeros)


class TestBadInput:
    @each("source", [{"fc": np.eye(3)}, np.eye(3), 4])
    def test_what_is_no_ensemble(self, source: Any) -> None:
        with pytest.raises(InputError, match="ensemble must be an ensemble of matrices, such as"):
            pooled_spectrum(source)

    def test_unknown_names_say_which_exist(self) -> None:
        ensemble = MixedMatrixEnsemble([np.eye(2)])
        with pytest.raises(InputError, match="part must be one of 'real', 'modulus', 'symmetric', but it is"):
            pooled_spectrum(ensemble, part="phase")
        with pytest.raises(
            InputError, match="pooling must be one of 'plain', 'periodic', but it is 'cyclic'"
        ):
            pooled_spectrum(ensemble, pooling="cyclic")


def test_ragged_eigenvalues_are_refused() -> None:
    with pytest.raises(InputError, match=r"eigenvalues must be .*, but its rows differ in length\.$"):
        PooledSpectrum([[1.0, 2.0], [3.0]])


@each("zeros", ["1", None, 1.0, True, -1, 2])
def test_structural_zeros_are_a_number_of_zeros(zeros: Any) -> None:
    with pytest.raises(InputError, match=r"structural_zeros must be an integer from 0 to 1, but"):
        PooledSpectrum([0.0, 1.0], structural_zeros=zeros)
