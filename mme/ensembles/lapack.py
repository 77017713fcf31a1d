"""Gram matrices and eigenvalues by the BLAS and LAPACK inside SciPy, in either precision and in any thread.

NumPy finds the eigenvalues of float32 matrices in double precision, and SciPy's wrappers hold the lock of the
interpreter, so that no second thread computes. Here the routines are called, without the lock, at the
addresses that `scipy.linalg.cython_blas` and `scipy.linalg.cython_lapack` tell.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np

__all__ = ["add_gram", "general_eigenvalues", "symmetric_eigenvalues"]

BLOCK = 16  # columns that are reduced together; by LAPACK's own 32 an order of 256 takes a sixth longer
TRIANGLE = {"d": b"L", "f": b"U"}  # Fortran's, whose products with a vector are quicker in this precision


def add_gram(gram: np.ndarray, wide: np.ndarray) -> None:
    """Add A Aᵀ to one half of a matrix of its precision: the upper of float64, the lower of float32."""
    wide = wide if wide.flags.forc else np.ascontiguousarray(wide)  # as LAPACK knows no steps
    (order, inner), one = wide.shape, gram.dtype.type(1).tobytes()
    # Fortran sees every transpose: the rows of A as columns, and the other triangle.
    turned, stride = (b"T", inner) if wide.flags.c_contiguous else (b"N", order)
    triangle = TRIANGLE[gram.dtype.char]
    _call("syrk", gram, triangle, turned, order, inner, one, wide, stride, one, gram, order)


def symmetric_eigenvalues(half: np.ndarray) -> np.ndarray:
    """Return the eigenvalues of a matrix by the half that `add_gram` fills: ascending, in float64.

    It is overwritten, and made tridiagonal in its own precision. The rest in float32 would have ten times the
    error.

    Examples
    --------
    >>> symmetric_eigenvalues(np.array([[2.0, 1.0], [0.0, 2.0]]))
    array([1., 3.])
    """
    order = len(half)
    rows = np.empty((3 + BLOCK, order), half.dtype)
    triangle = TRIANGLE[half.dtype.char]
    _call("sytrd", half, triangle, order, half, order, *_addresses(rows, 4), BLOCK * order)
    diagonals = rows[:2].astype(np.float64)
    _call("sterf", diagonals, order, *_addresses(diagonals, 2))
    return np.asarray(diagonals[0])


def general_eigenvalues(matrix: np.ndarray) -> np.ndarray:
    """Return the complex eigenvalues of a real matrix, found in its own precision."""
    copy, order = np.array(matrix, order="F"), len(matrix)
    real, imaginary, work = (np.empty(size * order, copy.dtype) for size in (1, 1, 2 + 2 * BLOCK))
    vectors = (work, 1, work, 1)  # not asked for
    _call("geev", copy, b"N", b"N", order, copy, order, real, imaginary, *vectors, work, work.size)
    return np.asarray(real + 1j * imaginary)


def _addresses(array: np.ndarray, number: int) -> list[ctypes.c_void_p]:
    """Where the first rows lie: NumPy takes a microsecond to tell where an array does."""
    first, step = array.ctypes.data, array.strides[0]
    return [ctypes.c_void_p(first + row * step) for row in range(number)]


def _call(name: str, like: np.ndarray, *arguments: Any) -> None:
    """Call a routine in the precision of an array; LAPACK's tell by a last argument whether they failed."""
    routine, failed = _routine(("s" if like.dtype == np.float32 else "d") + name), ctypes.c_int64(0)
    # A 64-bit number is a 32-bit one too where the lower half comes first, so its size does not matter.
    numbers = [ctypes.byref(ctypes.c_int64(each)) if isinstance(each, int) else each for each in arguments]
    passed = [each.ctypes.data if isinstance(each, np.ndarray) else each for each in numbers]
    routine(*passed, *[ctypes.byref(failed)] * (len(routine.argtypes) - len(passed)))
    if failed.value:
        raise np.linalg.LinAlgError(f"LAPACK's {name} did not converge ({failed.value}).")


@cache
def _routine(name: str) -> Any:
    from scipy.linalg import cython_blas, cython_lapack  # late: they take long to import

    capsule = (cython_blas.__pyx_capi__ | cython_lapack.__pyx_capi__)[name]
    python, told = ctypes.pythonapi, (ctypes.py_object, ctypes.c_char_p)
    signature = ctypes.PYFUNCTYPE(told[1], told[0])(("PyCapsule_GetName", python))(capsule)
    address = ctypes.PYFUNCTYPE(ctypes.c_void_p, *told)(("PyCapsule_GetPointer", python))(capsule, signature)
    return ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (signature.count(b",") + 1))(address)
