"""One layer: its weights, their matrix A, and the spectrum of X = A Aᵀ."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, cast

import numpy as np

from mme.arguments import choice, real_array, text
from mme.ensembles.mixed import DTYPES, Precision
from mme.ensembles.parallel import one_thread
from mme.ensembles.quadrature import Rows, estimates_of, validate_estimate
from mme.ensembles.selection import real_weights
from mme.ensembles.solvers import smaller_gram_eigenvalues, spectrum_of_weights
from mme.errors import InputError
from mme.result import Result, counted
from mme.weights.stored import StoredTensor

__all__ = ["Layer"]


@dataclass(frozen=True, eq=False, repr=False)
class Layer(Result):
    """One weight tensor W of shape (p_1, …, p_n), read as the N × M matrix A (Definition 1).

    Attributes
    ----------
    name : str
        The parameter's name in the network.
    given : array, tensor or StoredTensor of shape (p_1, …, p_n), n ≥ 2
        The weights as they were given; N = p_1 and M = p_2 ⋯ p_n. Those of a StoredTensor are read, and found
        to be finite and real or refused, when they are needed; they are not kept.
    dtype : {"float64", "float32"}
        Precision in which the spectrum is computed.
    estimate : int, optional
        The spectrum is estimated (`mme.ensembles.quadrature`) where the smaller of N and M is above this.

    Examples
    --------
    >>> layer = Layer("conv", 2 * np.eye(4, 3).reshape(4, 1, 1, 3))
    >>> layer.order, layer.columns, layer.structural_zeros
    (4, 3, 1)
    >>> layer.eigenvalues
    array([0., 4., 4., 4.])
    """

    name: str
    given: Any
    dtype: Precision = "float64"
    estimate: int | None = None

    def __post_init__(self) -> None:
        text("name", self.name)
        validate_estimate(self.estimate)
        choice("dtype", self.dtype, DTYPES)
        if not isinstance(self.given, StoredTensor):
            if not hasattr(self.given, "shape"):  # a list
                object.__setattr__(self, "given", real_array(f"layer {self.name!r}", self.given))
            real_weights(self.name, self.given)
        if len(self.shape) < 2 or 0 in self.shape:
            shape = f"but their shape is {self.shape}"
            raise InputError(f"layer {self.name!r} must have weights of two or more axes, {shape}.")

    @property
    def tensor(self) -> np.ndarray:
        """The weights W as numbers, shape (p_1, …, p_n)."""
        return real_weights(self.name, self.given)

    @property
    def note(self) -> str:
        """How the weights came to be, where they are not stored as they are used; otherwise empty."""
        return str(getattr(self.given, "note", ""))

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Shape (p_1, …, p_n) of the weight tensor."""
        return tuple(int(length) for length in self.given.shape)

    @property
    def order(self) -> int:
        """The order N = p_1 of the layer matrix."""
        return self.shape[0]

    @property
    def columns(self) -> int:
        """The number of columns M = p_2 ⋯ p_n of A."""
        return prod(self.shape[1:])

    @property
    def structural_zeros(self) -> int:
        """How many eigenvalues of X vanish for any weights: X has rank at most M, so N − M when N > M."""
        return max(self.order - self.columns, 0)

    @property
    def weights(self) -> np.ndarray:
        """The stacked-up weights A, shape (N, M), in the layer's precision."""
        return np.asarray(self.tensor.reshape(self.order, self.columns), dtype=self.dtype)

    @property
    def matrix(self) -> np.ndarray:
        """The layer matrix X = A Aᵀ, shape (N, N)."""
        return np.asarray(self.weights @ self.weights.T)

    @property
    def estimated(self) -> bool:
        """Whether the spectrum is estimated."""
        return self.estimate is not None and min(self.order, self.columns) > self.estimate

    @property
    def is_read_by_rows(self) -> bool:
        """Whether the file of the weights can be asked for some rows of A."""
        return isinstance(self.given, StoredTensor) and hasattr(self.given.read, "rows")

    @property
    def rows(self) -> Rows:
        """A function that returns rows of A, from the file where it can be asked for them."""
        if self.is_read_by_rows:
            return cast(Rows, self.given.read.rows)
        tensor = np.asarray(given := self.tensor, np.result_type(given, np.float32))  # not at each step
        return lambda start, stop: tensor[start:stop]

    @cached_property
    def estimates(self) -> np.ndarray:
        """The estimated eigenvalues, shape (ESTIMATES, N), as `PooledSpectrum.estimates`."""
        with one_thread():
            values = estimates_of(self.name, self.rows, (self.order, self.columns), self.dtype)
        values.setflags(write=False)
        return values

    @cached_property
    def eigenvalues(self) -> np.ndarray:
        """All N eigenvalues of X in ascending order, shape (N,); the structural zeros are exact zeros.

        They are computed once and then kept. Weights whose squares overflow or underflow are refused.
        Those of an estimated layer are the first row of `estimates`.
        """
        if self.estimated:
            return np.asarray(self.estimates[0])
        given = real_weights(self.name, self.given, finite=False)  # for the Gram matrix tells
        with one_thread():  # as where many layers are worked on, so that no digit differs
            values = spectrum_of_weights(self.name, given, self.dtype, smaller_gram_eigenvalues)
        values.setflags(write=False)
        return values

    @property
    def largest_eigenvalue(self) -> float:
        """The largest eigenvalue of X, the squared spectral norm of A; a lower bound where estimated."""
        return float(self.eigenvalues[-1])

    @property
    def rank(self) -> int | None:
        """The numerical rank, None if estimated: eigenvalues above max(N, M) · ε · the largest one."""
        if self.estimated:
            return None
        epsilon = np.finfo(self.eigenvalues.dtype).eps
        threshold = max(self.order, self.columns) * epsilon * self.eigenvalues[-1]
        return int((self.eigenvalues > threshold).sum())

    def to_dict(self) -> dict[str, Any]:
        """Return what one line of a table tells, without the weights and the eigenvalues."""
        names = ("order", "columns", "rank", "structural_zeros", "largest_eigenvalue", "note", "estimated")
        return {"name": self.name, "shape": list(self.shape)} | {name: getattr(self, name) for name in names}

    def __repr__(self) -> str:
        shape = "×".join(map(str, self.shape))
        zeros = counted(self.structural_zeros, "structural zero")
        zeros += ", estimated" if self.estimated else ""
        return f"Layer({self.name!r}, {shape}: A is {self.order}×{self.columns}, {zeros})"
