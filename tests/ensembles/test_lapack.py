"""LAPACK's routines against NumPy's, in both precisions and every layout."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest

from mme.ensembles import lapack
from mme.ensembles.lapack import add_gram, general_eigenvalues, symmetric_eigenvalues

DTYPES = ("float32", "float64")
HALVES: dict[str, Any] = {"float32": np.tril, "float64": np.triu}  # that are filled and read


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 5), (5, 1), (2, 2), (30, 47), (47, 30)])
def test_gram_matrices_add_up_in_every_layout(shape: tuple[int, int], dtype: str) -> None:
    rows = np.random.default_rng(1).normal(size=shape).astype(dtype)
    turned = (rows[::-1], rows[:, ::-1], rows[::2, ::3], np.broadcast_to(rows[0], shape))
    for block in (rows, np.asfortranarray(rows), rows.T, rows[:, :3], rows.T[:, :3], *turned):
        gram = np.full((len(block), len(block)), 2, dtype)
        add_gram(gram, block)
        expected = 2 + block.astype(float) @ block.T.astype(float)
        filled, other = HALVES[dtype], HALVES["float64" if dtype == "float32" else "float32"]
        rtol, atol = (1e-7, 2e-5) if dtype == "float32" else (0, 1e-13)
        np.testing.assert_allclose(filled(gram), filled(expected), rtol=rtol, atol=atol)
        assert (other(gram) == other(np.full_like(gram, 2)) + np.diag(gram.diagonal() - 2)).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", [1, 2, 31, 100])
def test_eigenvalues_are_numpys(order: int, dtype: str) -> None:
    matrix = np.random.default_rng(2).normal(size=(order, order)).astype(dtype)
    symmetric, tolerance = matrix + matrix.T, (1e-5 if dtype == "float32" else 1e-12) * order
    half = np.ascontiguousarray(HALVES[dtype](symmetric))
    again = symmetric_eigenvalues(half.copy())
    found = symmetric_eigenvalues(half)
    assert found.dtype == np.float64
    assert np.array_equal(found, again)
    np.testing.assert_allclose(found, np.linalg.eigvalsh(symmetric.astype(float)), rtol=0, atol=tolerance)
    before = matrix.copy()
    general, expected = general_eigenvalues(matrix), np.linalg.eigvals(matrix.astype(float))
    assert general.dtype == ("complex64" if dtype == "float32" else "complex128")
    np.testing.assert_allclose(np.sort(general.real), np.sort(expected.real), rtol=0, atol=tolerance)
    np.testing.assert_allclose(np.sort(general.imag), np.sort(expected.imag), rtol=0, atol=tolerance)
    assert np.array_equal(matrix, before)


def test_what_does_not_converge_is_an_error() -> None:
    with pytest.raises(np.linalg.LinAlgError, match="sterf did not converge"):
        symmetric_eigenvalues(np.full((3, 3), np.nan))


def test_no_routine_holds_the_interpreters_lock() -> None:
    held = ctypes.PYFUNCTYPE(None)._flags_ & ~ctypes.CFUNCTYPE(None)._flags_
    assert held
    for name in ("ssyrk", "dsytrd", "dsterf", "sgeev"):
        assert not lapack._routine(name)._flags_ & held
