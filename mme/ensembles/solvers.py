"""The eigenvalues of A Aᵀ from its smaller Gram side, by LAPACK or on another device by torch."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from mme.arguments import of_type
from mme.ensembles.lapack import add_gram, symmetric_eigenvalues
from mme.ensembles.selection import real_weights, unscaled
from mme.errors import InputError
from mme.extras import required

__all__ = ["Solver", "gram_solver", "smaller_gram_eigenvalues", "spectrum_of_weights"]

RANGE = (2.0**-100, 2.0**100)  # of the largest eigenvalue: beyond, products of weights may leave float32
BLOCK_ENTRIES, BLOCK_COLUMNS = 2**20, 256  # of A that are converted at a time: they fit into a large cache

Solver = Callable[[np.ndarray, str], np.ndarray]  # what it returns is ascending, or NaN


def smaller_gram_eigenvalues(weights: np.ndarray, dtype: str = "float64") -> np.ndarray:
    """Return the eigenvalues of A Aᵀ or Aᵀ A, whichever is smaller: both have the same non-zero ones.

    Where a weight is not finite, or the sum of all squares overflows, they are NaN.

    Examples
    --------
    >>> smaller_gram_eigenvalues(np.array([[3.0], [4.0]]))
    array([25.])
    """
    wide = weights if weights.shape[0] <= weights.shape[1] else weights.T
    short, long = wide.shape
    gram = np.zeros((short, short), dtype)
    step = long if wide.dtype == dtype else max(BLOCK_ENTRIES // short, BLOCK_COLUMNS)
    for start in range(0, long, step):
        with np.errstate(over="ignore"):
            block = wide[:, start : start + step].astype(dtype, copy=False)
        add_gram(gram, block)
    with np.errstate(over="ignore"):
        largest = gram.trace()  # or less
    if not np.isfinite(largest):
        return np.full(short, np.nan, dtype)
    return symmetric_eigenvalues(gram).astype(dtype, copy=False)


def spectrum_of_weights(name: str, tensor: np.ndarray, dtype: str, solve: Solver) -> np.ndarray:
    """Return all N eigenvalues of A Aᵀ in ascending order, the structural zeros among them.

    Weights that are not finite, or whose squares overflow, are refused with an InputError.

    Examples
    --------
    >>> spectrum_of_weights("fc", np.array([[3.0], [4.0]]), "float64", smaller_gram_eigenvalues)
    array([ 0., 25.])
    """
    order, columns = tensor.shape[0], prod(tensor.shape[1:])
    # One order in memory, so that the digits do not depend on where the weights came from.
    matrix = np.require(tensor, requirements=["C", "A"]).reshape(order, columns)
    values = solve(matrix, dtype)
    if not RANGE[0] < values[-1] < RANGE[1]:
        # A power of two scales without rounding; it keeps the products of extreme weights in range.
        exponent = int(np.frexp(np.abs(real_weights(name, matrix)).max())[1])
        with np.errstate(under="ignore"):
            scaled = np.ldexp(matrix, -exponent)
        values = unscaled(name, solve(scaled, dtype), exponent)
    # X is positive semidefinite, so a minus sign is rounding. A zero instead would pass for structural.
    values = np.abs(values)
    values.sort()
    return np.concatenate([np.zeros(order - columns, values.dtype), values]) if order > columns else values


def gram_solver(device: Any, dtype: str = "float64") -> Solver:
    """Return `smaller_gram_eigenvalues`, or for a torch device such as ``"cuda"`` its counterpart there."""
    if of_type("device", device, str, "a name such as 'cpu' or 'cuda'") == "cpu":
        return smaller_gram_eigenvalues
    torch = required("torch", "torch", f"device {device!r}")

    def solve(weights: np.ndarray, dtype: str) -> np.ndarray:
        there = torch.as_tensor(np.ascontiguousarray(weights.astype(dtype, copy=False))).to(device)
        gram = there @ there.mT if there.shape[0] <= there.shape[1] else there.mT @ there
        if not torch.isfinite(gram.diagonal()).all():
            return np.full(len(gram), np.nan, dtype)
        return np.asarray(torch.linalg.eigvalsh(gram).cpu().numpy())

    try:
        solve(np.eye(2), dtype)  # not every device has double precision
    except (RuntimeError, TypeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise InputError(
            f"device {device!r} cannot compute eigenvalues in {dtype} here ({reason}); use 'cpu'."
        ) from None
    return solve
