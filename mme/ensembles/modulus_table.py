"""Quantiles of the spectrum of |U| for small orders, sampled once per order and kept in `mme.store`."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from mme.algebra import C
from mme.ensembles.mixed import PARTS, eigenvalues
from mme.errors import InputError
from mme.store import Store, key_of

__all__ = ["LARGEST_ORDER", "modulus_quantiles"]

LARGEST_ORDER = 64  # sampling takes half a minute there, and longer above
EIGENVALUES = 400_000  # in a table: its distribution function errs by about 0.001
PROBABILITIES = np.linspace(0, 1, 4097)
SEED = 20_200_613
VERSION = 1  # raise it when a table would come out differently
BATCH_ENTRIES = 1 << 20


def modulus_quantiles(order: int, part: str = "real") -> np.ndarray:
    """The quantiles of the N eigenvalues of |U| at 4097 equal steps of probability, from a table."""
    if order > LARGEST_ORDER:
        raise InputError(
            f"method 'table' needs orders up to {LARGEST_ORDER}, but one is {order}; "
            "use 'corrected', which errs less there."
        )
    return np.asarray(_table(order, Store("modulus").folder)[PARTS.index(part)])


@lru_cache(maxsize=512)
def _table(order: int, folder: Path) -> np.ndarray:
    store, key = Store("modulus", folder=folder), key_of(f"{VERSION} {SEED} {EIGENVALUES}", str(order))
    table = store.kept(key, lambda: _sample(order))  # where nothing can be kept, as long as the process lives
    store.tidy()
    table.setflags(write=False)
    return table


def _sample(order: int) -> np.ndarray:
    rng = np.random.default_rng([SEED, order])
    draws, batch = EIGENVALUES // order, BATCH_ENTRIES // order**2
    found: dict[str, list[np.ndarray]] = {part: [] for part in PARTS}
    for start in range(0, draws, batch):
        moduli = C.modulus(C.haar(order, size=min(batch, draws - start), rng=rng))
        for part in PARTS:
            found[part].append(eigenvalues(moduli, part).ravel())
    return np.stack([np.quantile(np.concatenate(found[part]), PROBABILITIES) for part in PARTS])
