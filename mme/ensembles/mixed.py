"""Definition 3: mixed matrix ensembles, sets of real square matrices of several orders."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from mme.arguments import choice, listed, real_array
from mme.ensembles.lapack import general_eigenvalues
from mme.errors import InputError
from mme.result import Result, counted

__all__ = ["DTYPES", "PARTS", "MatricesOnDemand", "MatrixSpectrum", "MixedMatrixEnsemble", "eigenvalues"]

Part = Literal["real", "modulus", "symmetric"]
PARTS = get_args(Part)
Precision = Literal["float64", "float32"]  # in which spectra are computed
DTYPES = get_args(Precision)


def eigenvalues(matrices: np.ndarray, part: Part = "real") -> np.ndarray:
    """Return the real part or the modulus of each eigenvalue of A, or the eigenvalues of A Aᵀ, ascending.

    Examples
    --------
    >>> eigenvalues(np.array([[0.0, -2.0], [2.0, 0.0]]), "modulus")
    array([2., 2.])
    """
    choice("part", part, PARTS)
    transposed = matrices.mT
    if part == "symmetric":
        # A Aᵀ is positive semidefinite, so a minus sign is rounding.
        return np.sort(np.abs(np.linalg.eigvalsh(matrices @ transposed)), axis=-1)
    if np.array_equal(matrices, transposed):
        values = np.linalg.eigvalsh(matrices)
    elif matrices.dtype == np.float32:  # in single precision, twice as fast; NumPy would take double
        stack = matrices.reshape(-1, *matrices.shape[-2:])
        values = np.reshape([general_eigenvalues(each) for each in stack], matrices.shape[:-1])
    else:
        values = np.linalg.eigvals(matrices)
    return np.sort(values.real if part == "real" else np.abs(values), axis=-1)


@dataclass(frozen=True, eq=False, repr=False)
class MatrixSpectrum(Result):
    """All eigenvalues of a matrix, ascending, (N,) or (draws, N), and how many its shape alone makes zero.

    Where they are estimated, `estimates` has them several times, as `PooledSpectrum` says.
    """

    eigenvalues: np.ndarray
    structural_zeros: int = 0
    estimates: np.ndarray | None = None


@dataclass(frozen=True, eq=False, repr=False)
class MixedMatrixEnsemble(Result):
    """A set of m real square matrices of orders N_i ≥ 2 (conjugate matrix ensembles, Definition 3).

    Parameters
    ----------
    matrices : sequence of array_like, each of shape (N_i, N_i) or (draws, N_i, N_i)
        Real and finite. With a leading axis, each ensemble was drawn several times, all equally often.

    Raises
    ------
    InputError
        If there is no matrix, or one is not square, not real, not finite or of order below 2.

    Examples
    --------
    >>> ensemble = MixedMatrixEnsemble([np.eye(2), np.ones((3, 3))])
    >>> ensemble.orders, ensemble.is_pure
    ((2, 3), False)
    """

    matrices: Sequence[np.ndarray]

    def __post_init__(self) -> None:
        given = listed("matrices", self.matrices, "square matrices")
        checked = tuple(_square(f"matrices[{index}]", matrix) for index, matrix in enumerate(given))
        if len({matrix.shape[:-2] for matrix in checked}) > 1:
            raise InputError("matrices must all have the same number of draws along their leading axis.")
        object.__setattr__(self, "matrices", checked)

    @property
    def orders(self) -> tuple[int, ...]:
        """The orders N_1, …, N_m."""
        return tuple(matrix.shape[-1] for matrix in self.matrices)

    @property
    def draws(self) -> int | None:
        """How often the ensemble was drawn; None for one set without a leading axis."""
        shape = self.matrices[0].shape
        return shape[0] if len(shape) == 3 else None

    @property
    def is_pure(self) -> bool:
        """True if all orders are equal (a pure ensemble)."""
        return len(set(self.orders)) == 1

    def spectra(self, part: Part = "real") -> Iterator[MatrixSpectrum]:
        """Yield the spectrum of each matrix, in the order of the matrices.

        Parameters
        ----------
        part : {"real", "modulus", "symmetric"}
            What is read off a matrix that need not be symmetric; see `eigenvalues`.

        Examples
        --------
        >>> next(MixedMatrixEnsemble([np.diag([2.0, 1.0])]).spectra()).eigenvalues
        array([1., 2.])
        """
        for matrix in self.matrices:
            yield MatrixSpectrum(eigenvalues(matrix, part))

    def __len__(self) -> int:
        return len(self.orders)

    def __repr__(self) -> str:
        orders = self.orders
        listed = ", ".join(map(str, orders[:6])) + (", …" if len(orders) > 6 else "")
        drawn = "" if self.draws is None else f", {counted(self.draws, 'draw')}"
        matrices = counted(len(orders), "matrix of order", "matrices of orders")
        return f"{type(self).__name__}({matrices} {listed}{drawn})"


class MatricesOnDemand(Sequence[np.ndarray]):
    """The `matrix` of each source, formed when it is asked for."""

    def __init__(self, sources: Sequence[Any]) -> None:
        self.sources = sources

    def __len__(self) -> int:
        return len(self.sources)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return MatricesOnDemand(self.sources[index])
        return self.sources[index].matrix


def _square(name: str, matrix: Any) -> np.ndarray:
    array = real_array(name, matrix)
    shape = array.shape
    if not (len(shape) in (2, 3) and shape[-1] == shape[-2] >= 2 and 0 not in shape):
        raise InputError(
            f"{name} must be a square matrix of order 2 or more, with at most one leading axis of draws, "
            f"but its shape is {shape}."
        )
    return array.astype(np.float64, copy=False)
