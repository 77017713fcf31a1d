"""Definition 4: the pooled spectrum of a mixed matrix ensemble."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import numpy as np

from mme.arguments import choice, integer, of_type, real_array
from mme.ensembles.mixed import PARTS, MatrixSpectrum, Part
from mme.errors import InputError
from mme.result import Result, counted

__all__ = ["POOLINGS", "Ensemble", "PooledSpectrum", "pooled_spectrum"]

Pooling = Literal["plain", "periodic"]
POOLINGS = get_args(Pooling)


@runtime_checkable
class Ensemble(Protocol):
    """Anything that can be pooled: matrices with their orders and spectra."""

    @property
    def orders(self) -> Sequence[int]:
        """The orders N_1, …, N_m."""
        ...

    def spectra(self, part: Part = "real") -> Iterator[MatrixSpectrum]:
        """Yield the spectrum of each matrix."""
        ...


@dataclass(frozen=True, eq=False, repr=False)
class PooledSpectrum(Result):
    """All eigenvalues of a mixed matrix ensemble together (conjugate matrix ensembles, Definition 4).

    Made by `pooled_spectrum`, or from eigenvalues that come from elsewhere.

    Attributes
    ----------
    eigenvalues : ndarray, shape (n,) or (draws, n)
        Ascending in each draw. Structural zeros are exact zeros and always here.
    structural_zeros : int
        How many eigenvalues vanish because of the shapes alone.
    orders : tuple of int
        The orders N_i; n is their sum (plain pooling) or m · max N_i (periodic pooling).
    part, pooling : str
        How the spectra were read and pooled.
    estimates : ndarray, shape (ESTIMATES, k), optional
        Those of the eigenvalues that are estimated: as they are above, by half the steps, with those of each
        step in one place, and without each of the probes (`mme.ensembles.quadrature`).

    Raises
    ------
    InputError
        If the eigenvalues are not real and finite, there is none, or fewer of them vanish than there are
        structural zeros.

    Examples
    --------
    >>> PooledSpectrum([3, 0, 0, 1], structural_zeros=2)
    PooledSpectrum(4 eigenvalues from 0 to 3, 2 structural zeros)
    """

    eigenvalues: np.ndarray
    structural_zeros: int = 0
    orders: tuple[int, ...] = ()
    part: Part = "real"
    pooling: Pooling = "plain"
    estimates: np.ndarray | None = None

    def __post_init__(self) -> None:
        values = real_array("eigenvalues", self.eigenvalues)
        if values.ndim not in (1, 2) or not values.size:
            raise InputError(f"eigenvalues must have shape (n,) or (draws, n), but it is {values.shape}.")
        # No more than there are eigenvalues that vanish.
        integer("structural_zeros", self.structural_zeros, 0, int((values == 0).sum(axis=-1).min()))
        values = values if values.dtype.kind == "f" else values.astype(np.float64)
        if (values[..., 1:] < values[..., :-1]).any():
            values = np.sort(values, axis=-1)
        object.__setattr__(self, "eigenvalues", values)

    @property
    def draws(self) -> int | None:
        """How often the ensemble was drawn; None without a leading axis."""
        return self.eigenvalues.shape[0] if self.eigenvalues.ndim == 2 else None

    @property
    def repetition(self) -> float:
        """How many non-zero eigenvalues share one position, on average over the eigenvalues.

        It is close to 2 for real parts of conjugate pairs, and larger where spectra are repeated
        periodically.
        """
        draws = np.atleast_2d(self.eigenvalues)
        counts = np.concatenate([np.unique(draw[draw != 0], return_counts=True)[1] for draw in draws])
        return float((counts**2).sum() / counts.sum()) if counts.size else 1.0

    def squared(self) -> PooledSpectrum:
        """Return the spectrum of X Xᵀ in the place of X, for symmetric X: each eigenvalue squared.

        With X = A Aᵀ these are the σ⁴ of the singular values of A. The paper's definitions stop at σ²; its
        author's later package squares twice.

        Examples
        --------
        >>> PooledSpectrum([0, 1, 3], structural_zeros=1).squared().eigenvalues
        array([0., 1., 9.])
        """
        estimates = None if self.estimates is None else self.estimates**2
        return replace(self, eigenvalues=self.eigenvalues**2, estimates=estimates)

    def __len__(self) -> int:
        return int(self.eigenvalues.shape[-1])

    def __repr__(self) -> str:
        drawn = "" if self.draws is None else f", {counted(self.draws, 'draw')}"
        low, high, many = self.eigenvalues.min(), self.eigenvalues.max(), counted(len(self), "eigenvalue")
        zeros = counted(self.structural_zeros, "structural zero")
        return f"PooledSpectrum({many} from {low:.4g} to {high:.4g}, {zeros}{drawn})"


def pooled_spectrum(
    ensemble: Ensemble | Any, *, part: Part = "real", pooling: Pooling = "plain"
) -> PooledSpectrum:
    """Return the eigenvalues of all matrices of an ensemble, pooled.

    Source: conjugate matrix ensembles, Definition 4.

    Parameters
    ----------
    ensemble : MixedMatrixEnsemble, LayerMatrixEnsemble, CircularMixedEnsemble or SampledCircularEnsemble
    part : {"real", "modulus", "symmetric"}
        What is read off the complex spectrum of a matrix that is not symmetric: real parts, moduli, or the
        eigenvalues of A Aᵀ. Layer matrices are symmetric already, and `part` leaves them as they are.
    pooling : {"plain", "periodic"}
        All Σ N_i eigenvalues once, or each ascending spectrum repeated until it is as long as the longest,
        which makes m · max N_i, the one reading of the paper's "N_i · m" that fits a mixed ensemble.

    Raises
    ------
    InputError
        If `ensemble` is no ensemble, or an option is unknown.

    Examples
    --------
    >>> from mme.ensembles import MixedMatrixEnsemble
    >>> ensemble = MixedMatrixEnsemble([np.diag([1.0, 4.0]), np.diag([2.0, 3.0, 5.0])])
    >>> pooled_spectrum(ensemble).eigenvalues
    array([1., 2., 3., 4., 5.])
    >>> pooled_spectrum(ensemble, pooling="periodic").eigenvalues
    array([1., 1., 2., 3., 4., 5.])
    """
    choice("part", part, PARTS)
    choice("pooling", pooling, POOLINGS)
    of_type("ensemble", ensemble, Ensemble, "an ensemble of matrices, such as layer_matrix_ensemble makes")
    spectra = list(ensemble.spectra(part))
    if pooling == "periodic":
        longest = max(ensemble.orders)
        spectra = [_repeated(spectrum, longest) for spectrum in spectra]
    pooled = np.concatenate([spectrum.eigenvalues for spectrum in spectra], axis=-1)
    zeros = sum(spectrum.structural_zeros for spectrum in spectra)
    estimated = [spectrum.estimates for spectrum in spectra if spectrum.estimates is not None]
    estimates = np.concatenate(estimated, axis=-1) if estimated else None
    return PooledSpectrum(pooled, zeros, tuple(ensemble.orders), part, pooling, estimates)


def _repeated(spectrum: MatrixSpectrum, length: int) -> MatrixSpectrum:
    order = spectrum.eigenvalues.shape[-1]
    index = np.arange(length) % order
    # Ascending, so a layer's structural zeros are the first of its eigenvalues.
    estimates = None if spectrum.estimates is None else spectrum.estimates[..., index]
    zeros = int((index < spectrum.structural_zeros).sum())
    return MatrixSpectrum(spectrum.eigenvalues[..., index], zeros, estimates)
