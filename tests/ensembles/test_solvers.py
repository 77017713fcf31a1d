"""Eigenvalues of A Aᵀ from its smaller side: in blocks, and where squares leave the range of numbers."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

from mme.ensembles.solvers import gram_solver, smaller_gram_eigenvalues, spectrum_of_weights
from mme.errors import InputError


def test_no_block_that_is_converted_is_larger_than_it_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    read = []

    class Watched(np.ndarray):
        def __getitem__(self, index: Any) -> Any:
            found = super().__getitem__(index)
            read.append(np.shape(found))
            return found

    for limit, widths in ((20, [6, 4]), (3, [3, 3, 3, 1]), (1, [1] * 10)):
        monkeypatch.setattr("mme.ensembles.solvers.BLOCK_ENTRIES", limit)
        monkeypatch.setattr("mme.ensembles.solvers.BLOCK_COLUMNS", 1)
        weights = np.arange(10.0 * (3 if limit == 20 else 1)).reshape(-1, 10).view(Watched)
        for dtype, expected in (("float32", widths), ("float64", [10])):
            read.clear()
            smaller_gram_eigenvalues(weights, dtype)
            assert [shape for shape in read if len(shape) == 2] == [(len(weights), each) for each in expected]


@pytest.mark.parametrize(("dtype", "taken"), [("float32", 1.1), ("float64", 0.01)])  # of two blocks; of none
def test_a_long_layer_is_never_copied_whole(dtype: str, taken: float) -> None:
    weights = np.ones((8, 2**19), dtype)
    smaller_gram_eigenvalues(weights[:, :8])  # loads what it needs
    tracemalloc.start()
    try:
        found = smaller_gram_eigenvalues(weights)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found[-1] == pytest.approx(weights.size, rel=1e-14)
    assert peak < taken * weights.nbytes


def test_the_processor_needs_no_other_solver() -> None:
    assert gram_solver("cpu") is smaller_gram_eigenvalues


@pytest.mark.parametrize("device", ["cpu", "cpu:0"])
@pytest.mark.parametrize("odd", [np.nan, 1e200])
def test_one_sum_of_squares_that_is_not_finite_leaves_no_eigenvalue(device: str, odd: float) -> None:
    if device != "cpu":
        pytest.importorskip("torch")
    weights = np.ones((6, 7))
    weights[5] = odd
    assert np.isnan(gram_solver(device)(weights, "float64")).tolist() == [True] * 6


@pytest.mark.parametrize("sign", [1, -1])
def test_large_weights_of_either_sign_are_scaled(sign: int) -> None:
    def found(power: int, dtype: str = "float64") -> np.ndarray:
        weights = sign * np.array([[2.0**power, 0.0], [0.0, 2.0 ** (power - 1)], [0.0, 0.0]])
        return spectrum_of_weights("w", weights, dtype, smaller_gram_eigenvalues)

    for power in (-500, -60, -3, 0, 40, 60, 511):
        assert found(power).tolist() == [0.0, 4.0 ** (power - 1), 4.0**power]
    assert found(-62, "float32").tolist() == [0, 4.0**-63, 4.0**-62]
    assert found(-62, "float32").dtype == found(3, "float32").dtype == np.float32
    for power, dtype in ((-512, "float64"), (-600, "float64"), (-64, "float32"), (-100, "float32")):
        squares = rf"layer 'w' has weights up to 2\^{power + 1}, whose squares underflow {dtype}"
        with pytest.raises(InputError, match=squares):
            found(power, dtype)
    with pytest.raises(
        InputError, match=r"layer 'w' has weights up to 2\^513, whose squares overflow float64"
    ):
        found(512)
    with pytest.raises(
        InputError, match=r"layer 'w' has weights up to 2\^65, whose squares overflow float32"
    ):
        found(64, "float32")


def test_what_fits_is_found_where_sums_of_squares_do_not_fit() -> None:
    """Of three equal eigenvalues, and of one that their matrix alone makes too large."""
    for dtype, power in (("float64", 511), ("float32", 63)):
        large = 1.25 * 2.0**power
        found = spectrum_of_weights("w", large * np.eye(3), dtype, smaller_gram_eigenvalues)
        assert found.tolist() == [large**2] * 3
        ones = np.full((8, 8), 2.0 ** (power - 2))  # whose squares, times 64, do not fit
        with pytest.raises(InputError, match=rf"up to 2\^{power - 1}, whose squares overflow {dtype}"):
            spectrum_of_weights("w", ones, dtype, smaller_gram_eigenvalues)


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_found_by_their_squares(odd: float) -> None:
    weights = np.ones((3, 4), np.float32)
    weights[1, 2] = odd
    for dtype in ("float32", "float64"):
        with pytest.raises(InputError, match=r"layer 'w' has NaN or infinite weights \(1 of 12\)"):
            spectrum_of_weights("w", weights, dtype, smaller_gram_eigenvalues)


@pytest.mark.parametrize("shape", [(40, 300), (300, 40), (120, 120)])
def test_single_precision_errs_by_its_rounding(shape: tuple[int, int]) -> None:
    weights = np.random.default_rng(4).normal(size=shape).astype(np.float32)
    found = smaller_gram_eigenvalues(weights, "float32")
    singular = np.linalg.svd(weights.astype(float), compute_uv=False)[::-1]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, singular**2, atol=5e-7 * singular[-1] ** 2)
