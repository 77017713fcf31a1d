"""One layer: its weights, their matrix A, and the spectrum of X = A Aᵀ."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from math import prod
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from mme.arguments import choice, real_array, text
from mme.ensembles.mixed import DTYPES, Precision
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

    def __post_init__(self) -> None:
        text("name", self.name)
        choice("dtype", self.dtype, DTYPES)
        if not isinstance(self.given, StoredTensor):
            if not hasattr(self.given, "shape"):  # a list
                object.__setattr__(self, "given", real_array(f"layer {self.name!r}", self.given))
            real_weights(self.name, self.given)
        if len(self.shape) < 2 or 0 in self.shape:
            raise InputError(
                f"layer {self.name!r} must have weights of two or more axes, but their shape is {self.shape}."
            )

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

    @cached_property
    def eigenvalues(self) -> np.ndarray:
        """All N eigenvalues of X in ascending order, shape (N,); the structural zeros are exact zeros.

        They are computed once and then kept. Weights whose squares overflow are refused with an InputError.
        """
        given = real_weights(self.name, self.given, finite=False)  # for the Gram matrix tells
        with _blas().limit(limits=1):  # as where many layers are worked on, so that no digit differs
            values = spectrum_of_weights(self.name, given, self.dtype, smaller_gram_eigenvalues)
        values.setflags(write=False)
        return values

    @property
    def largest_eigenvalue(self) -> float:
        """The largest eigenvalue of X, the square of A's largest singular value."""
        return float(self.eigenvalues[-1])

    @property
    def rank(self) -> int:
        """The numerical rank: eigenvalues above max(N, M) · ε · the largest one, ε of their precision."""
        epsilon = np.finfo(self.eigenvalues.dtype).eps
        threshold = max(self.order, self.columns) * epsilon * self.eigenvalues[-1]
        return int((self.eigenvalues > threshold).sum())

    def to_dict(self) -> dict[str, Any]:
        """Return what one line of a table tells, without the weights and the eigenvalues."""
        names = ("order", "columns", "rank", "structural_zeros", "largest_eigenvalue", "note")
        return {"name": self.name, "shape": list(self.shape)} | {name: getattr(self, name) for name in names}

    def __repr__(self) -> str:
        shape = "×".join(map(str, self.shape))
        zeros = counted(self.structural_zeros, "structural zero")
        return f"Layer({self.name!r}, {shape}: A is {self.order}×{self.columns}, {zeros})"


@cache
def _blas() -> ThreadpoolController:
    """The BLAS libraries, looked for once: that takes longer than the spectrum of a small layer."""
    return ThreadpoolController()
