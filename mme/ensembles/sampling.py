"""Circular ensembles that are drawn and diagonalised, but not kept, and what that takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np

from mme.arguments import choice, flag, generator, integer, shown
from mme.ensembles.circular import (
    CONSTRUCTIONS,
    ENSEMBLES,
    MOST_DRAWS,
    Circular,
    Construction,
    batch_sizes,
    draw_unitaries,
    moduli_of,
    refuse_beyond_memory,
    unitary_order,
    validate_orders,
)
from mme.ensembles.mixed import DTYPES, PARTS, MatrixSpectrum, Part, Precision, eigenvalues
from mme.ensembles.parallel import in_threads, validate_jobs, validate_work
from mme.errors import InputError
from mme.progress import tracked
from mme.result import Result, counted
from mme.store import Store, key_of

__all__ = ["SampledCircularEnsemble", "SamplingCost", "sampling_cost"]

IN_FLIGHT_BYTES = 2**29  # moduli that wait to be diagonalised, one at least
# Of one draw, measured with OpenBLAS on a server core: seconds over N³, bytes over N².
COSTS = {"haar": (6.5e-10, 48), "eigenvectors": (1.7e-9, 120)}


@dataclass(frozen=True, eq=False, repr=False)
class SampledCircularEnsemble(Result):
    """A circular mixed ensemble that is drawn, diagonalised and forgotten matrix by matrix.

    With the same seed it has the spectra of `circular_mixed_ensemble`, but needs memory for a few matrices
    only. Each call of `spectra` draws anew, unless `rng` is a seed.

    Parameters
    ----------
    orders, draws, rng, circular, construction
        As in `circular_mixed_ensemble`; `draws` is at least 1.
    dtype : {"float64", "float32"}
        Precision of the eigenvalues; the matrices are drawn in double precision.
    shared : bool
        Draw the k-th matrix of an order by a seed of its own, which follows from `rng`, the order and k, and
        keep its spectrum by itself. Ensembles with the same orders then share matrices, and many cost little
        more than one. Each has the right law and the right error, but they are correlated.
    jobs, store, progress
        As in `LayerMatrixEnsemble.measured`. What is drawn from a seed is kept in the store.

    Raises
    ------
    InputError
        If an argument cannot be used, `shared` has no seed, or a matrix or the spectra do not fit in memory.

    Examples
    --------
    >>> spectrum = next(SampledCircularEnsemble((3,), draws=2, rng=0).spectra())
    >>> spectrum.eigenvalues.shape
    (2, 3)
    >>> SampledCircularEnsemble((3, 5), draws=2, rng=0)
    SampledCircularEnsemble(CUE, 2 matrices of orders 3 to 5, 2 draws)
    """

    orders: Sequence[int]
    draws: int = 1
    rng: int | np.random.Generator | None = None
    circular: Circular = "CUE"
    construction: Construction = "eigenvectors"
    dtype: Precision = "float64"
    shared: bool = False
    jobs: int | None = field(default=None, kw_only=True, compare=False, repr=False)
    store: Store | None = field(default=None, kw_only=True, compare=False, repr=False)
    progress: bool = field(default=False, kw_only=True, compare=False, repr=False)

    def __post_init__(self) -> None:
        generator(self.rng)
        choice("dtype", self.dtype, DTYPES)
        object.__setattr__(self, "orders", validate_orders(self.orders))
        validate_work(self.jobs, self.store, self.progress)
        if flag("shared", self.shared) and not isinstance(self.rng, Integral):
            raise InputError(f"rng must be a seed where draws are shared, but it is {shown(self.rng)}.")
        cost = sampling_cost(self.orders, self.draws, circular=self.circular, construction=self.construction)
        refuse_beyond_memory(cost.bytes)

    def __repr__(self) -> str:
        orders = counted(len(self.orders), f"matrix of order {self.orders[0]}", "matrices of orders ")
        span = "" if len(self.orders) == 1 else f"{min(self.orders)} to {max(self.orders)}"
        return f"SampledCircularEnsemble({self.circular}, {orders}{span}, {counted(self.draws, 'draw')})"

    def spectra(self, part: Part = "real") -> Iterator[MatrixSpectrum]:
        """Yield for each order the eigenvalues of |U|, shape (draws, N); `part` as in `eigenvalues`."""
        choice("part", part, PARTS)
        if self.shared:
            steps = tracked(self._alone(), "circular ensemble", total=len(self.orders), show=self.progress)
            yield from (spectrum for one in steps for spectrum in one.spectra(part))
            return
        if self.rng is None or isinstance(self.rng, np.random.Generator):
            found = self._diagonalised(part)
        else:  # a seed makes the same again
            kind = (self.circular, self.construction, self.dtype, part)
            key = key_of("circular", *kind, *map(str, (self.rng, self.draws, *self.orders)))
            store = validate_work(self.jobs, self.store, self.progress)[1]
            found = store.kept(key, lambda: self._diagonalised(part))
        for spectrum in np.split(found, np.cumsum(self.orders)[:-1], axis=1):
            yield MatrixSpectrum(spectrum)

    def _alone(self) -> Iterator[SampledCircularEnsemble]:
        """Each order for itself, with its seed."""
        seed: Any = self.rng
        taken = Counter[int]()
        for order in self.orders:
            rng = np.random.default_rng([seed, order, taken[order]])
            taken[order] += 1
            yield replace(self, orders=(order,), rng=int(rng.integers(2**63)), shared=False, progress=False)

    def _diagonalised(self, part: Part) -> np.ndarray:
        """All eigenvalues, shape (draws, Σ N_l): drawn one after the other, diagonalised in threads."""
        found = np.empty((self.draws, sum(self.orders)), self.dtype)
        places = [  # views of `found`, one for each batch, shape (size, N)
            batch
            for columns in np.split(found, np.cumsum(self.orders)[:-1], axis=1)
            for batch in np.split(columns, np.cumsum(batch_sizes(columns.shape[1], self.draws))[:-1])
        ]
        rng, shapes = generator(self.rng), [batch.shape for batch in places]
        tasks = ((8 * size * n**2, partial(self._drawn, size, n, rng, part)) for size, n in shapes)
        steps = in_threads(tasks, validate_jobs(self.jobs), IN_FLIGHT_BYTES)
        costs = [size * n**3 for size, n in shapes]
        how = {"total": sum(costs), "cost": lambda step: costs[step[0]], "show": self.progress}
        for number, spectra in tracked(steps, "circular ensemble", **how):
            places[number][:] = spectra
        return found

    def _drawn(self, size: int, order: int, rng: np.random.Generator, part: Part) -> Callable[[], np.ndarray]:
        unitary = draw_unitaries(self.circular, self.construction, order, size, rng)
        modulus = moduli_of(self.circular, unitary).astype(self.dtype, copy=False)
        return partial(eigenvalues, modulus, part)


@dataclass(frozen=True, eq=False, repr=False)
class SamplingCost(Result):
    """Seconds of one core of a server of 2024 with OpenBLAS, and bytes of memory, roughly."""

    seconds: float
    bytes: int


def sampling_cost(
    orders: Iterable[int], draws: int = 5, *, circular: Circular = "CUE", construction: Construction = "haar"
) -> SamplingCost:
    """Return an estimate of what it takes to draw a circular ensemble and to diagonalise it.

    The arguments are those of `circular_mixed_ensemble`.

    Examples
    --------
    >>> cost = sampling_cost([2048], draws=1)
    >>> print(f"{cost.seconds:.0f} seconds, {cost.bytes / 1e6:.0f} MB")
    6 seconds, 201 MB
    """
    orders, draws = validate_orders(orders), integer("draws", draws, 1, MOST_DRAWS)
    seconds, size = COSTS[choice("construction", construction, CONSTRUCTIONS)]
    choice("circular", circular, ENSEMBLES)
    counted = [(unitary_order(circular, order), times) for order, times in Counter(orders).items()]
    work = sum(times * float(order) ** 3 for order, times in counted)
    largest = max(order for order, _ in counted)
    return SamplingCost(draws * seconds * work, size * largest**2 + 8 * draws * sum(orders))
