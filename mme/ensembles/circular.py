"""Definition 2: circular ensembles, their moduli, and the mixed ensemble of given orders."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from mme.algebra import C, Field, H, R, quaternion
from mme.arguments import choice, generator, integer, listed, shown
from mme.ensembles.mixed import MixedMatrixEnsemble
from mme.errors import InputError

__all__ = [
    "CONSTRUCTIONS", "ENSEMBLES", "CircularMixedEnsemble", "batch_sizes", "circular_mixed_ensemble",
    "draw_unitaries", "hermitian_eigenvectors", "moduli_of", "refuse_beyond_memory", "unitary_order",
    "validate_order", "validate_orders",
]  # fmt: skip

Circular = Literal["CUE", "COE", "CSE", "O", "U", "Sp"]
# Each ensemble by the field of its Haar unitaries and of its entries.
ENSEMBLES: dict[Circular, tuple[Field, Field]] = {
    "CUE": (C, C), "COE": (C, C), "CSE": (C, H), "O": (R, R), "U": (C, C), "Sp": (H, H)
}  # fmt: skip
Construction = Literal["eigenvectors", "haar"]
CONSTRUCTIONS = get_args(Construction)
BATCH_ENTRIES = 2**22  # entries drawn at a time: 64 MB of complex numbers
MOST_DRAWS = 10**6
LARGEST_ORDER = 10**12


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
    circular, construction : str
        How they were drawn.
    """

    unitaries: tuple[np.ndarray, ...] = ()
    circular: Circular = "CUE"
    construction: Construction = "eigenvectors"

    def __post_init__(self) -> None:
        super().__post_init__()
        choice("circular", self.circular, ENSEMBLES)
        choice("construction", self.construction, CONSTRUCTIONS)


def circular_mixed_ensemble(
    orders: Iterable[int],
    *,
    rng: int | np.random.Generator | None = None,
    circular: Circular = "CUE",
    construction: Construction = "eigenvectors",
    draws: int | None = None,
) -> CircularMixedEnsemble:
    """Return the moduli of circular matrices drawn at random, one for each order.

    Source: conjugate matrix ensembles, Definition 2; Dyson 1962 for COE (UᵀU) and CSE (U^D U).

    Parameters
    ----------
    orders : iterable of int
        The orders N_l ≥ 2, for example those of a layer matrix ensemble.
    rng : int or numpy.random.Generator, optional
    circular : {"CUE", "COE", "CSE", "O", "U", "Sp"}
        Dyson's circular ensembles, or Haar measure on O(N), U(N) (the CUE) or Sp(N). For CSE and Sp the
        modulus of an entry is the norm of the quaternion (of the 2×2 block, divided by √2), so orders match
        all the same.
    construction : {"eigenvectors", "haar"}
        Eigenvectors of a Gaussian Hermitian matrix times random phases, as the paper writes it, or QR of a
        Gaussian matrix with the phase fix: equal in law, and faster.
    draws : int, optional
        Draw each matrix this often; the draws are a leading axis. Without it there is no such axis.

    Raises
    ------
    InputError
        If an order is not an integer of at least 2, a name or number of draws is not allowed, or the matrices
        do not fit in memory.

    Examples
    --------
    >>> ensemble = circular_mixed_ensemble([2, 5], rng=1)
    >>> ensemble
    CircularMixedEnsemble(2 matrices of orders 2, 5)
    >>> bool(np.allclose((ensemble.matrices[1] ** 2).sum(axis=0), 1))  # the columns of U have length 1
    True
    """
    choice("circular", circular, ENSEMBLES)
    choice("construction", construction, CONSTRUCTIONS)
    orders, generated = validate_orders(orders), generator(rng)
    repeats = 1 if draws is None else integer("draws", draws, 1, MOST_DRAWS)
    entries = repeats * sum(unitary_order(circular, order) ** 2 for order in orders)
    refuse_beyond_memory(24 * entries)  # complex unitaries, real moduli
    unitaries = [
        np.concatenate([draw_unitaries(circular, construction, order, size, generated) for size in sizes])
        for order, sizes in ((order, batch_sizes(order, repeats)) for order in orders)
    ]
    if draws is None:
        unitaries = [unitary[0] for unitary in unitaries]
    moduli = tuple(moduli_of(circular, unitary) for unitary in unitaries)
    return CircularMixedEnsemble(moduli, tuple(unitaries), circular, construction)


def hermitian_eigenvectors(field: Field, order: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """Draw Haar unitaries as the eigenvectors of Gaussian Hermitian matrices, with random phases.

    Over C this is the paper's construction, H_ij = (a_ij + i b_ij + a_ji − i b_ji)/2 and U = e^{iγ_j} v_j
    column by column. Over R the phases are signs, over H they are unit quaternions.

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


def validate_order(name: str, order: Any) -> int:
    """Return one order as an integer of at least 2."""
    if integer(name, order, 2) > LARGEST_ORDER:
        raise InputError(f"{name} must be at most {LARGEST_ORDER:.0e}, but it is {shown(order)}.")
    return int(order)


def validate_orders(orders: Any) -> tuple[int, ...]:
    """Return the orders as integers of at least 2.

    Examples
    --------
    >>> validate_orders([64, 10])
    (64, 10)
    """
    several = listed("orders", orders, "integers of at least 2")
    return tuple(validate_order(f"orders[{index}]", order) for index, order in enumerate(several))


def batch_sizes(order: int, draws: int) -> list[int]:
    """Return how many matrices of an order are drawn at a time."""
    batch = max(1, BATCH_ENTRIES // order**2)
    return [min(batch, draws - start) for start in range(0, draws, batch)]


def unitary_order(circular: Circular, order: int) -> int:
    """Return the order of the complex matrix behind |U| of a given order."""
    return 2 * order if circular in ("CSE", "Sp") else order


def refuse_beyond_memory(needed: float) -> None:
    """Refuse to draw what takes more bytes than this machine has."""
    try:
        here = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # a system that does not tell
        here = 2**36
    if needed > here:
        raise InputError(
            f"orders and draws must fit in memory, but they take {needed / 1e9:.3g} GB of the "
            f"{here / 1e9:.3g} GB here; use conjugate='deterministic', smaller orders or fewer draws."
        )


def draw_unitaries(
    circular: Circular, construction: Construction, order: int, size: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw unitary matrices of a circular ensemble, shape (size, N, N), or (size, 2N, 2N) for CSE and Sp."""
    field = ENSEMBLES[circular][0]
    haar_order = 2 * order if circular == "CSE" else order
    if construction == "haar":
        unitary = field.haar(haar_order, size=size, rng=rng)
    else:
        unitary = hermitian_eigenvectors(field, haar_order, size, rng)
    if circular == "COE":
        return np.asarray(unitary.mT @ unitary)
    return np.asarray(_dual(unitary) @ unitary) if circular == "CSE" else unitary


def moduli_of(circular: Circular, unitary: np.ndarray) -> np.ndarray:
    """Return |U| entry by entry, shape (..., N, N)."""
    modulus = ENSEMBLES[circular][1].modulus(unitary)
    if circular in ("COE", "CSE"):
        modulus = (modulus + modulus.mT) / 2  # symmetric to the last digit, so real eigenvalues
    return modulus


def _dual(u: np.ndarray) -> np.ndarray:
    """The dual U^D = J Uᵀ J⁻¹ with J = [[0, 1], [−1, 0]], time reversal of a particle with spin ½."""
    a, b, c, d = quaternion.blocks(u.mT)
    return np.block([[d, -c], [-b, a]])
