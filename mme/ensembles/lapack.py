"""Gram matrices and eigenvalues by the BLAS and LAPACK inside SciPy, in either precision and in any thread.

NumPy finds the eigenvalues of float32 matrices in double precision, and SciPy's own wrappers hold the
interpreter's lock, so that no second thread computes beside them. The routines are called by the addresses
that `scipy.linalg.cython_blas` and `cython_lapack` tell, without the lock.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from scipy.linalg import cython_blas, cython_lapack

__all__ = ["add_gram", "general_eigenvalues", "symmetric_eigenvalues"]

BLOCK = 32  # columns that the reduction to a tridiagonal or a Hessenberg matrix treats together


def add_gram(gram: np.ndarray, wide: np.ndarray) -> None:
    """Add A Aᵀ to the upper triangle of a matrix of the same precision; A lies in memory by rows or columns.

    Examples
    --------
    >>> gram = np.zeros((2, 2))
    >>> add_gram(gram, np.array([[1.0, 2.0], [0.0, 3.0]]))
    >>> gram
    array([[5., 6.],
           [0., 9.]])
    """
    (order, inner), one = wide.shape, np.ones(1, gram.dtype)
    # Fortran sees every transpose: the rows of A as columns, and the lower triangle.
    along, across, turned = (1, 0, b"T") if wide.strides[1] == wide.itemsize else (0, 1, b"N")
    stride = max(wide.strides[across] // wide.itemsize, wide.shape[along])
    _call("syrk", gram, b"L", turned, order, inner, one, wide, stride, one, gram, order)


def symmetric_eigenvalues(upper: np.ndarray) -> np.ndarray:
    """Return the eigenvalues, ascending and in double precision, of a matrix whose upper triangle is overwritten.

    The matrix is made tridiagonal in its own precision. The rest takes double: in single precision it would
    make the error of float32 ten times as large.

    Examples
    --------
    >>> symmetric_eigenvalues(np.array([[2.0, 1.0], [0.0, 2.0]]))
    array([1., 3.])
    """
    order = len(upper)
    diagonal, beside, factors, work = (np.empty(size * order, upper.dtype) for size in (1, 1, 1, BLOCK))
    _call("sytrd", upper, b"L", order, upper, order, diagonal, beside, factors, work, work.size)
    values, beside = diagonal.astype(np.float64), beside.astype(np.float64)
    _call("sterf", values, order, values, beside)
    return values


def general_eigenvalues(matrix: np.ndarray) -> np.ndarray:
    """Return the complex eigenvalues of a real matrix, found in its own precision.

    Examples
    --------
    >>> general_eigenvalues(np.array([[0.0, -2.0], [2.0, 0.0]])).round(9)
    array([0.+2.j, 0.-2.j])
    """
    copy, order = np.array(matrix, order="F"), len(matrix)
    real, imaginary, work = (np.empty(size * order, copy.dtype) for size in (1, 1, 2 + BLOCK))
    left, right = ((work, 1),) * 2  # not asked for
    _call("geev", copy, b"N", b"N", order, copy, order, real, imaginary, *left, *right, work, work.size)
    return np.asarray(real + 1j * imaginary)


def _call(name: str, like: np.ndarray, *arguments: Any) -> None:
    """Call a routine in the precision of an array."""
    routine, is_lapack = _routine(("s" if like.dtype == np.float32 else "d") + name)
    # A 64-bit number is a 32-bit one too where the lower half comes first, so the size does not matter.
    held = [ctypes.c_int64(each) if isinstance(each, int) else each for each in arguments]
    failed = ctypes.c_int64(0)
    if is_lapack:
        held.append(failed)
    routine(*(
        each.ctypes.data_as(ctypes.c_void_p) if isinstance(each, np.ndarray)
        else each if isinstance(each, bytes) else ctypes.byref(each)
        for each in held
    ))  # fmt: skip
    if failed.value:
        raise np.linalg.LinAlgError(f"LAPACK's {name} did not converge ({failed.value}).")


@cache
def _routine(name: str) -> tuple[Callable[..., None], bool]:
    """A routine at its address, and whether it is LAPACK's and tells by its last argument whether it failed."""
    is_lapack = name in cython_lapack.__pyx_capi__
    capsule = (cython_lapack if is_lapack else cython_blas).__pyx_capi__[name]
    python = ctypes.PyDLL(None)
    python.PyCapsule_GetName.restype, python.PyCapsule_GetPointer.restype = ctypes.c_char_p, ctypes.c_void_p
    signature = python.PyCapsule_GetName(ctypes.py_object(capsule))
    address = python.PyCapsule_GetPointer(ctypes.py_object(capsule), ctypes.c_char_p(signature))
    return ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (signature.count(b",") + 1))(address), is_lapack
