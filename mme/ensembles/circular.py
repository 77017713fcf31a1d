"""Definition 2: circular ensembles, their moduli, and the mixed ensemble of given orders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from mme.algebra import C, Field, H, R
from mme.arguments import choice, generator
from mme.ensembles.mixed import MatrixSpectrum, MixedMatrixEnsemble, eigenvalues
from mme.errors import InputError

__all__ = [
    "CONSTRUCTIONS",
    "ENSEMBLES",
    "CircularMixedEnsemble",
    "SampledCircularEnsemble",
    "circular_mixed_ensemble",
    "hermitian_eigenvectors",
    "validate_orders",
]

# Each ensemble by the field of its Haar unitaries and of its entries.
ENSEMBLES: dict[str, tuple[Field, Field]] = {
    "CUE": (C, C), "COE": (C, C), "CSE": (C, H), "O": (R, R), "U": (C, C), "Sp": (H, H)
}  # fmt: skip
CONSTRUCTIONS = ("eigenvectors", "haar")
BATCH_ENTRIES = 2**22  # entries drawn at a time: 64 MB of complex numbers


@dataclass(frozen=True, eq=False, repr=False)
class CircularMixedEnsemble(MixedMatrixEnsemble):
    """Moduli |U_l| of circular matrices of given orders (conjugate matrix ensembles, Definition 2).

    Made by `circular_mixed_ensemble`.

    Attributes
    ----------
    matrices : tuple of ndarray, each of shape (N_l, N_l) or (draws, N_l, N_l)
        The moduli, entry by entry.
    unitaries : tuple of ndarray
        The unitary matrices, of the same shapes; of order 2 N_l for CSE and Sp, where the rows and columns i
        and N_l + i together hold the 2×2 blocks that are one entry.
    ensemble, construction : str
        How they were drawn.
    """

    unitaries: tuple[np.ndarray, ...] = ()
    ensemble: str = "CUE"
    construction: str = "eigenvectors"


def circular_mixed_ensemble(
    orders: Iterable[int],
    *,
    rng: int | np.random.Generator | None = None,
    ensemble: str = "CUE",
    construction: str = "eigenvectors",
    draws: int | None = None,
) -> CircularMixedEnsemble:
    """Draw one circular matrix for each order, and take moduli.

    Parameters
    ----------
    orders : iterable of int
        The orders N_l ≥ 2, for example those of a layer matrix ensemble.
    rng : int or numpy.random.Generator, optional
        Seed or generator.
    ensemble : {"CUE", "COE", "CSE", "O", "U", "Sp"}
        Dyson's circular ensembles, or Haar measure on O(N), U(N) (the CUE) or Sp(N). For CSE and Sp the
        modulus of an entry is the norm of the quaternion (of the 2×2 block, divided by √2), so orders match
        all the same.
    construction : {"eigenvectors", "haar"}
        Eigenvectors of a Gaussian Hermitian matrix times random phases, as the paper writes it, or QR of a
        Gaussian matrix with the phase fix: equal in law, and faster.
    draws : int, optional
        Draw each matrix this often; the draws are a leading axis. Without it there is no such axis.

    Returns
    -------
    CircularMixedEnsemble

    Raises
    ------
    InputError
        If an order is not an integer of at least 2, or a name or number of draws is not allowed.

    References
    ----------
    Conjugate matrix ensembles, Definition 2; Dyson 1962 for COE (UᵀU) and CSE (U^D U).

    Examples
    --------
    >>> ensemble = circular_mixed_ensemble([2, 5], rng=1)
    >>> ensemble
    CircularMixedEnsemble(2 matrices of orders 2, 5)
    >>> bool(np.allclose((ensemble.matrices[1] ** 2).sum(axis=0), 1))  # the columns of U have length 1
    True
    """
    sampled = SampledCircularEnsemble(orders, 1 if draws is None else draws, rng, ensemble, construction)
    unitaries = [np.concatenate(list(batches)) for batches in sampled.unitary_batches()]
    if draws is None:
        unitaries = [unitary[0] for unitary in unitaries]
    moduli = tuple(_modulus(ensemble, unitary) for unitary in unitaries)
    return CircularMixedEnsemble(moduli, tuple(unitaries), ensemble, construction)


class SampledCircularEnsemble:
    """A circular mixed ensemble that is drawn, diagonalised and forgotten matrix by matrix.

    With the same seed it has the spectra of `circular_mixed_ensemble`, but needs memory for a few matrices
    only. Each call of `spectra` draws anew, unless `rng` is a seed.

    Parameters
    ----------
    orders, draws, rng, ensemble, construction
        As in `circular_mixed_ensemble`; `draws` is at least 1.
    dtype : {"float64", "float32"}
        Precision of the eigenvalues; the matrices are drawn in double precision.

    Examples
    --------
    >>> spectrum = next(SampledCircularEnsemble((3,), draws=2, rng=0).spectra())
    >>> spectrum.eigenvalues.shape
    (2, 3)
    """

    def __init__(
        self,
        orders: Iterable[int],
        draws: int = 1,
        rng: int | np.random.Generator | None = None,
        ensemble: str = "CUE",
        construction: str = "eigenvectors",
        dtype: str = "float64",
    ) -> None:
        choice("dtype", dtype, ("float64", "float32"))
        choice("ensemble", ensemble, tuple(ENSEMBLES))
        choice("construction", construction, CONSTRUCTIONS)
        if not _is_integer(draws) or draws < 1:
            raise InputError(f"draws must be an integer of at least 1, but it is {draws!r}.")
        self.orders = validate_orders(orders)
        self.draws = int(draws)
        self.rng = rng
        self.ensemble = ensemble
        self.construction = construction
        self.dtype = dtype

    def unitary_batches(self) -> Iterator[Iterator[np.ndarray]]:
        """Yield for each order its unitaries, in batches along the draws."""
        rng = generator(self.rng)
        for order in self.orders:
            batch = max(1, BATCH_ENTRIES // order**2)
            sizes = [min(batch, self.draws - start) for start in range(0, self.draws, batch)]
            yield (_circular(self.ensemble, self.construction, order, size, rng) for size in sizes)

    def spectra(self, part: str = "real") -> Iterator[MatrixSpectrum]:
        """Yield for each order the eigenvalues of |U|, shape (draws, N); `part` as in `eigenvalues`."""
        for batches in self.unitary_batches():
            moduli = (_modulus(self.ensemble, batch).astype(self.dtype, copy=False) for batch in batches)
            spectra = [eigenvalues(modulus, part) for modulus in moduli]
            yield MatrixSpectrum(np.concatenate(spectra))


def hermitian_eigenvectors(field: Field, order: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """Draw Haar unitaries as the eigenvectors of Gaussian Hermitian matrices, with random phases.

    Over C this is the paper's construction, H_ij = (a_ij + i b_ij + a_ji − i b_ji)/2 and U = e^{iγ_j} v_j
    column by column. Over R the phases are signs, over H they are unit quaternions.

    Parameters
    ----------
    field : Field
        R, C or H.
    order, size : int
        Order of the matrices and how many.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (size, N, N), or (size, 2N, 2N) over H

    Examples
    --------
    >>> from mme.algebra import C
    >>> U = hermitian_eigenvectors(C, 3, 1, np.random.default_rng(0))
    >>> bool(C.is_unitary(U).all())
    True
    """
    # One array of normals for all: a batch is what single draws from the same generator would have given.
    normals = rng.standard_normal((size, order + 1, order, field.beta))
    gaussian = field.from_components(normals[:, 1:])
    _, vectors = np.linalg.eigh((gaussian + field.adjoint(gaussian)) / 2)
    if field.beta == 4:
        # Each quaternionic eigenvector fills two complex columns, (a, c) and (−c̄, ā). LAPACK mixes the two,
        # so one is kept and the other rebuilt.
        top, bottom = np.split(vectors[..., ::2], 2, axis=-2)
        vectors = np.block([[top, -bottom.conj()], [bottom, top.conj()]])
    # A normal number over its modulus is a uniform phase.
    phases = normals[:, :1] / np.linalg.norm(normals[:, :1], axis=-1, keepdims=True)
    phases = field.from_components(phases)
    # A column takes its phase from the right; over H its two complex halves mix.
    halves = np.split(vectors, field.side, axis=-1)
    turned = [np.tile(half, field.side) * phases[:, [row]] for row, half in enumerate(halves)]
    return np.asarray(sum(turned))


def validate_orders(orders: Iterable[int]) -> tuple[int, ...]:
    """Return the orders as integers of at least 2.

    Raises
    ------
    InputError
        If there is none, or one is not an integer or below 2.

    Examples
    --------
    >>> validate_orders([64, 10])
    (64, 10)
    """
    try:
        listed = list(orders)
    except TypeError:
        raise InputError(f"orders must be a list of integers of at least 2, but it is {orders!r}.") from None
    if not listed:
        raise InputError("orders must hold at least one integer of at least 2, but it is empty.")
    for index, order in enumerate(listed):
        if not _is_integer(order) or order < 2:
            raise InputError(f"orders must be integers of at least 2, but orders[{index}] is {order!r}.")
    return tuple(int(order) for order in listed)


def _is_integer(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _circular(
    ensemble: str, construction: str, order: int, size: int, rng: np.random.Generator
) -> np.ndarray:
    field = ENSEMBLES[ensemble][0]
    haar_order = 2 * order if ensemble == "CSE" else order
    if construction == "haar":
        unitary = field.haar(haar_order, size=size, rng=rng)
    else:
        unitary = hermitian_eigenvectors(field, haar_order, size, rng)
    if ensemble not in _INVOLUTIONS:
        return unitary
    return np.asarray(_INVOLUTIONS[ensemble](unitary) @ unitary)


def _modulus(ensemble: str, unitary: np.ndarray) -> np.ndarray:
    modulus = ENSEMBLES[ensemble][1].modulus(unitary)
    if ensemble not in _INVOLUTIONS:
        return modulus
    return np.asarray((modulus + _transpose(modulus)) / 2)  # symmetric to the last digit, so real eigenvalues


def _transpose(u: np.ndarray) -> np.ndarray:
    return np.swapaxes(u, -1, -2)


def _dual(u: np.ndarray) -> np.ndarray:
    """The dual U^D = J Uᵀ J⁻¹ with J = [[0, 1], [−1, 0]], time reversal of a particle with spin ½."""
    (a, b), (c, d) = (np.split(half, 2, axis=-1) for half in np.split(_transpose(u), 2, axis=-2))
    return np.block([[d, -c], [-b, a]])


_INVOLUTIONS = {"COE": _transpose, "CSE": _dual}
