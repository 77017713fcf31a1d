"""Circular ensembles that are drawn and diagonalised, but not kept, and what that takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from mme.arguments import choice, generator, integer
from mme.ensembles.circular import (
    CONSTRUCTIONS,
    ENSEMBLES,
    MOST_DRAWS,
    batch_sizes,
    draw_unitaries,
    moduli_of,
    refuse_beyond_memory,
    unitary_order,
    validate_orders,
)
from mme.ensembles.mixed import DTYPES, PARTS, MatrixSpectrum, eigenvalues
from mme.ensembles.parallel import Task, in_threads, validate_work
from mme.progress import tracked
from mme.result import Result
from mme.store import Store, key_of

__all__ = ["SampledCircularEnsemble", "SamplingCost", "sampling_cost"]

IN_FLIGHT_BYTES = 2**29  # moduli that wait to be diagonalised, one at least
# Of one draw, measured with OpenBLAS on a server core: seconds over N³, bytes over N².
COSTS = {"haar": (6.5e-10, 48), "eigenvectors": (1.7e-9, 120)}


class SampledCircularEnsemble:
    """A circular mixed ensemble that is drawn, diagonalised and forgotten matrix by matrix.

    With the same seed it has the spectra of `circular_mixed_ensemble`, but needs memory for a few matrices
    only. Each call of `spectra` draws anew, unless `rng` is a seed.

    Parameters
    ----------
    orders, draws, rng, circular, construction
        As in `circular_mixed_ensemble`; `draws` is at least 1.
    dtype : {"float64", "float32"}
        Precision of the eigenvalues; the matrices are drawn in double precision.
    jobs, store, progress
        As in `LayerMatrixEnsemble.measured`. What is drawn from a seed is kept in the store.

    Raises
    ------
    InputError
        If an argument cannot be used, or a matrix or the spectra do not fit in memory.

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
        circular: str = "CUE",
        construction: str = "eigenvectors",
        dtype: str = "float64",
        *,
        jobs: int | None = None,
        store: Store | None = None,
        progress: bool = False,
    ) -> None:
        generator(rng)
        self.dtype = choice("dtype", dtype, DTYPES)
        self.circular = choice("circular", circular, ENSEMBLES)
        self.construction = choice("construction", construction, CONSTRUCTIONS)
        self.draws = integer("draws", draws, 1, MOST_DRAWS)
        self.orders = validate_orders(orders)
        self.rng = rng
        self.jobs, self.store, self.progress = validate_work(jobs, store, progress)
        self.is_repeatable = not (rng is None or isinstance(rng, np.random.Generator))
        cost = sampling_cost(self.orders, self.draws, circular=circular, construction=construction)
        refuse_beyond_memory(cost.bytes)

    def spectra(self, part: str = "real") -> Iterator[MatrixSpectrum]:
        """Yield for each order the eigenvalues of |U|, shape (draws, N); `part` as in `eigenvalues`."""
        choice("part", part, PARTS)
        kind = (self.circular, self.construction, self.dtype, part)
        key = key_of("circular", *kind, *map(str, (self.rng, self.draws, *self.orders)))
        found = self.store.get(key) if self.is_repeatable else None
        if found is None:
            found = self._diagonalised(part)
            if self.is_repeatable:
                self.store.put(key, found)
        for spectrum in np.split(found, np.cumsum(self.orders)[:-1], axis=1):
            yield MatrixSpectrum(spectrum)

    def _diagonalised(self, part: str) -> np.ndarray:
        """All eigenvalues, shape (draws, Σ N_l): drawn one after the other, diagonalised in threads."""
        found = np.empty((self.draws, sum(self.orders)), self.dtype)
        places: list[np.ndarray] = []  # views of `found`, one for each batch
        for start, order in zip(np.cumsum([0, *self.orders]), self.orders, strict=False):
            stops = np.cumsum(batch_sizes(order, self.draws))
            places += np.split(found[:, start : start + order], stops[:-1])
        steps = in_threads(self._tasks(part), self.jobs, IN_FLIGHT_BYTES)
        steps = tracked(steps, "circular ensemble", total=len(places), show=self.progress)
        for number, spectra in steps:
            places[number][:] = spectra
        return found

    def _tasks(self, part: str) -> Iterator[Task[np.ndarray]]:
        rng = generator(self.rng)
        for order in self.orders:
            for size in batch_sizes(order, self.draws):
                yield 8 * size * order**2, partial(self._drawn, order, size, rng, part)

    def _drawn(
        self, order: int, size: int, rng: np.random.Generator, part: str
    ) -> Callable[[], np.ndarray]:
        unitary = draw_unitaries(self.circular, self.construction, order, size, rng)
        modulus = moduli_of(self.circular, unitary).astype(self.dtype, copy=False)
        return partial(eigenvalues, modulus, part)


@dataclass(frozen=True)
class SamplingCost(Result):
    """What drawing a circular ensemble takes, roughly.

    Attributes
    ----------
    seconds : float
        Of one core, on a server of 2024 with OpenBLAS.
    bytes : int
        Memory for the largest matrix and for all eigenvalues.
    """

    seconds: float
    bytes: int


def sampling_cost(
    orders: Iterable[int], draws: int = 5, *, circular: str = "CUE", construction: str = "haar"
) -> SamplingCost:
    """Estimate what it takes to draw the circular ensemble of given orders and to diagonalise it.

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
