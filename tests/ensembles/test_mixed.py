"""Definition 3: sets of real square matrices of several orders, and what is read off their spectra."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme.arguments import choice
from mme.ensembles import MixedMatrixEnsemble
from mme.ensembles.lapack import general_eigenvalues
from mme.ensembles.mixed import PARTS, eigenvalues
from mme.errors import InputError
from tests.each import each

seeds = st.integers(0, 2**32 - 1)
orders = st.integers(2, 12)


def gaussian(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


class TestEigenvalues:
    def test_a_matrix_whose_three_readings_are_known(self) -> None:
        # eigenvalues 1 ± 2i and −3; the singular values are √5, √5 and 3
        matrix = np.array([[1.0, -2.0, 0.0], [2.0, 1.0, 0.0], [0.0, 0.0, -3.0]])
        np.testing.assert_allclose(eigenvalues(matrix, "real"), [-3, 1, 1], rtol=1e-12)
        np.testing.assert_allclose(eigenvalues(matrix, "modulus"), [5**0.5, 5**0.5, 3], rtol=1e-12)
        np.testing.assert_allclose(eigenvalues(matrix, "symmetric"), [5, 5, 9], rtol=1e-12)

    def test_single_precision_is_computed_in_it(self) -> None:
        stack = gaussian(3, 40, 40).astype(np.float32)
        in_single = np.sort([general_eigenvalues(each).real for each in stack])
        np.testing.assert_array_equal(eigenvalues(stack), in_single)

    def test_a_symmetric_matrix(self) -> None:
        matrix = np.array([[0.0, 2.0], [2.0, 0.0]])
        np.testing.assert_allclose(eigenvalues(matrix), [-2, 2], rtol=1e-14)
        np.testing.assert_allclose(eigenvalues(matrix, "modulus"), [2, 2], rtol=1e-14)
        np.testing.assert_allclose(eigenvalues(matrix, "symmetric"), [4, 4], rtol=1e-14)

    @given(orders, seeds)
    def test_sums_and_products_are_those_of_the_matrix(self, order: int, seed: int) -> None:
        matrix = gaussian(order, order, seed=seed)
        assert eigenvalues(matrix, "real").sum() == pytest.approx(np.trace(matrix), abs=1e-9)
        assert eigenvalues(matrix, "modulus").prod() == pytest.approx(abs(np.linalg.det(matrix)), rel=1e-8)
        assert eigenvalues(matrix, "symmetric").sum() == pytest.approx((matrix**2).sum(), rel=1e-12)

    @given(orders, seeds, st.sampled_from(PARTS))
    def test_batched_and_single_calls_agree(self, order: int, seed: int, part: str) -> None:
        matrices = gaussian(2, 3, order, order, seed=seed)
        matrices[0, 0] += matrices[0, 0].T  # one symmetric matrix among others
        together = eigenvalues(matrices, part)
        assert together.shape == (2, 3, order)
        assert (np.diff(together, axis=-1) >= 0).all()
        for index in np.ndindex(2, 3):
            np.testing.assert_allclose(together[index], eigenvalues(matrices[index], part), rtol=0, atol=1e-9)

    @each("part", PARTS)
    def test_in_single_precision_with_any_leading_axes(self, part: str) -> None:
        for shape in ((4, 4), (3, 4, 4), (1, 4, 4), (3, 2, 4, 4), (0, 4, 4)):
            matrices = gaussian(*shape).astype(np.float32)
            found = eigenvalues(matrices, part)
            assert (found.dtype, found.shape) == (np.float32, shape[:-1])
            np.testing.assert_allclose(found, eigenvalues(matrices.astype(float), part), atol=2e-5)

    def test_symmetric_reading_has_no_negative_eigenvalue(self) -> None:
        matrices = gaussian(50, 9, 1) @ gaussian(50, 1, 9, seed=1)  # of rank 1
        values = eigenvalues(matrices, "symmetric")
        assert (values >= 0).all()
        assert (np.diff(values, axis=-1) >= 0).all()
        np.testing.assert_allclose(values[:, -1], (matrices**2).sum(axis=(1, 2)), rtol=1e-12)

    def test_unknown_part(self) -> None:
        with pytest.raises(
            InputError, match=r"part must be one of 'real', 'modulus', 'symmetric'.*'imaginary'"
        ):
            eigenvalues(np.eye(2), "imaginary")


def test_choice_says_which_exist() -> None:
    assert choice("colour", "red", ("red", "blue")) == "red"
    with pytest.raises(InputError, match=r"colour must be one of 'red', 'blue', but it is 'green'\."):
        choice("colour", "green", ("red", "blue"))
    with pytest.raises(InputError, match="but it is 3"):
        choice("colour", 3, ("red", "blue"))


class TestMixedMatrixEnsemble:
    def test_orders_in_the_order_of_the_matrices(self) -> None:
        ensemble = MixedMatrixEnsemble([np.eye(4), np.eye(2), np.eye(3)])
        assert ensemble.orders == (4, 2, 3)
        assert len(ensemble) == 3
        assert ensemble.draws is None

    def test_pure_when_all_orders_are_equal(self) -> None:
        assert MixedMatrixEnsemble([np.eye(3), np.ones((3, 3))]).is_pure
        assert MixedMatrixEnsemble([np.eye(3)]).is_pure
        assert not MixedMatrixEnsemble([np.eye(3), np.eye(2)]).is_pure

    @given(st.lists(orders, min_size=1, max_size=4), seeds, st.sampled_from(PARTS))
    def test_spectra_are_those_of_the_matrices(self, orders: list[int], seed: int, part: str) -> None:
        matrices = [gaussian(n, n, seed=seed + index) for index, n in enumerate(orders)]
        spectra = list(MixedMatrixEnsemble(matrices).spectra(part))
        for matrix, spectrum in zip(matrices, spectra, strict=True):
            np.testing.assert_array_equal(spectrum.eigenvalues, eigenvalues(matrix, part))
            assert spectrum.structural_zeros == 0

    def test_spectra_of_draws(self) -> None:
        ensemble = MixedMatrixEnsemble([gaussian(5, 3, 3), gaussian(5, 2, 2)])
        assert ensemble.draws == 5
        assert ensemble.orders == (3, 2)
        assert [spectrum.eigenvalues.shape for spectrum in ensemble.spectra()] == [(5, 3), (5, 2)]

    @pytest.mark.parametrize("kind", ["int8", "uint16", "int64", "float16", "float32", ">f8"])
    def test_real_dtypes_convert(self, kind: str) -> None:
        ensemble = MixedMatrixEnsemble([np.array([[0, 3], [2, 1]]).astype(kind)])
        assert ensemble.matrices[0].dtype == np.float64
        np.testing.assert_allclose(next(ensemble.spectra()).eigenvalues, [-2, 3], rtol=1e-12)

    def test_lists_of_numbers_are_matrices(self) -> None:
        assert MixedMatrixEnsemble([[[1, 2], [3, 4]]]).orders == (2,)  # type: ignore[list-item]

    def test_result_is_frozen_and_speaks(self) -> None:
        ensemble = MixedMatrixEnsemble([np.eye(2), np.eye(3)])
        with pytest.raises(FrozenInstanceError):
            ensemble.matrices = ()  # type: ignore[misc]
        assert repr(ensemble) == "MixedMatrixEnsemble(2 matrices of orders 2, 3)"
        assert repr(MixedMatrixEnsemble([np.zeros((4, 2, 2))])).endswith("(1 matrix of order 2, 4 draws)")
        for number, rest in ((6, ""), (7, ", …")):
            listed = "2, " * 5 + "2" + rest
            assert repr(MixedMatrixEnsemble([np.eye(2)] * number)).endswith(f"of orders {listed})")
        assert json.loads(json.dumps(ensemble.to_dict()))["matrices"][0] == [[1.0, 0.0], [0.0, 1.0]]

    @each(
        "matrix, message",
        [
            (np.ones((2, 3)), r"matrices\[1\] must be a square matrix .* its shape is \(2, 3\)"),
            (np.ones((5, 2, 3)), r"its shape is \(5, 2, 3\)"),
            (np.ones((3, 2, 3)), r"its shape is \(3, 2, 3\)"),
            (np.ones((1, 1)), r"order 2 or more, .* its shape is \(1, 1\)"),
            (np.ones(4), r"its shape is \(4,\)"),
            (np.ones((2, 2, 2, 2)), r"at most one leading axis of draws, but its shape is \(2, 2, 2, 2\)"),
            (np.ones((0, 2, 2)), r"its shape is \(0, 2, 2\)"),
            (np.eye(2) * 1j, r"matrices\[1\] must be real, but its dtype is complex128"),
            (np.eye(2, dtype=bool), "must be an array of numbers, but it has dtype bool"),
            (np.array([["a", "b"]] * 2), "must be an array of numbers, but it has dtype <U1"),
            ([[1, 2], [3]], r"matrices\[1\] must be an array of numbers, but its rows differ in length"),
            (np.array([[1, np.nan], [0, 1]]), r"matrices\[1\] must be finite"),
            (np.array([[1, np.inf], [0, 1]]), r"matrices\[1\] must be finite"),
        ],
    )
    def test_bad_matrices_are_named(self, matrix: Any, message: str) -> None:
        with pytest.raises(InputError, match=message):
            MixedMatrixEnsemble([np.eye(2), matrix])

    def test_no_matrix(self) -> None:
        with pytest.raises(InputError, match=r"matrices must be a list .*, but it is \[\]\.$"):
            MixedMatrixEnsemble([])

    @each("other", [np.ones((3, 2, 2)), np.eye(2)])
    def test_draws_must_be_equally_many(self, other: np.ndarray) -> None:
        with pytest.raises(InputError, match="the same number of draws"):
            MixedMatrixEnsemble([np.ones((4, 2, 2)), other])


@each(
    "value, shown",
    [
        ("both", "'both'"),
        (None, "None"),
        ([], r"\[\]"),
        (np.eye(9), "of type ndarray"),
        ({"a": 99 * "b"}, "of type dict"),
    ],
)
def test_a_wrong_choice_is_shown_only_where_it_is_short(value: Any, shown: str) -> None:
    with pytest.raises(InputError, match=rf"part must be one of .*, but it is {shown}\.$") as caught:
        choice("part", value, PARTS)
    assert "\n" not in str(caught.value)


@each("matrices", [None, 3])
def test_no_list_of_matrices(matrices: Any) -> None:
    with pytest.raises(InputError, match=r"matrices must be a list of 1 to 1000000 .*, but it is .*\.$"):
        MixedMatrixEnsemble(matrices)


def test_tensors_that_need_gradients_or_have_no_numpy_type() -> None:
    torch = pytest.importorskip("torch")
    assert MixedMatrixEnsemble([torch.eye(3, requires_grad=True)]).orders == (3,)
    assert MixedMatrixEnsemble([torch.eye(3, dtype=torch.bfloat16)]).orders == (3,)
