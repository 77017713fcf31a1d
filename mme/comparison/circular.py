"""Draws of circular ensembles that many networks share, kept on disk block by block.

What |U| is drawn from depends on the order alone. So all networks take their matrices of order N from one
sequence for each N and each draw: within a network the matrices are independent, as Definition 2 asks, and a
second network costs only what the first did not need. Its error is then not independent of the first one's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from mme.arguments import choice
from mme.comparison.spectra import validate_jobs
from mme.comparison.store import SpectrumStore, key_of
from mme.ensembles.circular import SampledCircularEnsemble, validate_orders
from mme.ensembles.mixed import PARTS, MatrixSpectrum
from mme.errors import InputError
from mme.progress import tracked

__all__ = ["SharedCircularEnsemble"]

BLOCK = 1024  # eigenvalues in a block, and one matrix at least

Block = tuple[int, int, int]  # order, draw, number


class SharedCircularEnsemble:
    """The circular mixed ensemble of given orders, from sequences that all networks share.

    Parameters
    ----------
    orders : iterable of int
        N_l ≥ 2.
    draws : int
        How often each matrix is drawn.
    seed : int
        Of all sequences.
    circular, construction
        As `ensemble` and `construction` of `circular_mixed_ensemble`.
    dtype : {"float64", "float32"}
        Precision of the eigenvalues.
    jobs, store, progress
        As in `network_spectrum`.

    Raises
    ------
    InputError
        If an order or option cannot be used.

    Examples
    --------
    >>> small = SharedCircularEnsemble([3, 3], draws=2)
    >>> [spectrum.eigenvalues.shape for spectrum in small.spectra()]
    [(2, 3), (2, 3)]
    >>> large = SharedCircularEnsemble([5, 3], draws=2)
    >>> first, second = next(small.spectra()), list(large.spectra())[1]
    >>> bool((first.eigenvalues == second.eigenvalues).all())
    True
    """

    def __init__(
        self,
        orders: Iterable[int],
        draws: int = 5,
        seed: int = 0,
        circular: str = "CUE",
        construction: str = "haar",
        dtype: str = "float64",
        jobs: int | None = None,
        store: SpectrumStore | None = None,
        progress: bool = False,
    ) -> None:
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise InputError(f"seed must be an integer of at least 0, but it is {seed!r}.")
        self.orders = validate_orders(orders)
        self.draws = SampledCircularEnsemble((2,), draws, 0, circular, construction, dtype).draws
        self.seed = seed
        self.circular = circular
        self.construction = construction
        self.dtype = dtype
        self.jobs = validate_jobs(jobs)
        self.store = SpectrumStore(enabled=False) if store is None else store
        self.progress = progress

    def spectra(self, part: str = "real") -> Iterator[MatrixSpectrum]:
        """Yield for each order the eigenvalues of |U|, shape (draws, N)."""
        choice("part", part, PARTS)
        blocks = self._blocks(part)
        taken: Counter[int] = Counter()
        for order in self.orders:
            number, row = divmod(taken[order], _block_size(order))
            taken[order] += 1
            yield MatrixSpectrum(np.stack([blocks[order, draw, number][row] for draw in range(self.draws)]))

    def _blocks(self, part: str) -> dict[Block, np.ndarray]:
        """All blocks that the orders need, the costly ones first."""
        needed: list[Block] = [
            (order, draw, number)
            for order, count in sorted(Counter(self.orders).items(), reverse=True)
            for number in range(-(-count // _block_size(order)))
            for draw in range(self.draws)
        ]
        found, missing = {}, []
        for block in needed:
            kept = self.store.get(self._key(block, part))
            if kept is None:
                missing.append(block)
            else:
                found[block] = kept
        pool = ThreadPoolExecutor(self.jobs)
        try:
            with threadpool_limits(1):
                drawn = pool.map(lambda block: self._draw(block, part), missing)
                steps = tracked(drawn, "circular ensemble", total=len(missing), show=self.progress)
                found |= dict(zip(missing, steps, strict=True))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        return found

    def _key(self, block: Block, part: str) -> str:
        settings: tuple[Any, ...] = (self.circular, self.construction, part, self.dtype, self.seed, *block)
        return key_of("circular", *map(str, settings))

    def _draw(self, block: Block, part: str) -> np.ndarray:
        order, draw, number = block
        rng = np.random.default_rng([self.seed, order, draw, number])
        sampled = SampledCircularEnsemble(
            (order,), _block_size(order), rng, self.circular, self.construction, self.dtype
        )
        spectrum = next(sampled.spectra(part)).eigenvalues
        self.store.put(self._key(block, part), spectrum)
        return spectrum


def _block_size(order: int) -> int:
    """How many matrices of this order are drawn together."""
    return max(BLOCK // order, 1)
