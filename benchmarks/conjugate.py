"""The deterministic conjugate of a network: the expected density of |U| for its orders."""

from __future__ import annotations

import sys
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np

from benchmarks.rows import Peer, Row
from benchmarks.spectra import NETWORKS
from mme.ensembles import conjugate_spectrum, spectral_density

__all__ = ["ROWS"]

NETWORK = "resnet152"
COARSE = np.linspace(-0.5, 0.5, 6)  # bins that hold much each


@lru_cache
def _orders(name: str) -> tuple[int, ...]:
    if name == "tiny":
        return (64,) * 50
    return tuple(layer.order for layer in import_module(NETWORKS).layers_of(name))


def _law(orders: tuple[int, ...]) -> Any:
    spectrum = conjugate_spectrum(orders)
    return spectral_density(spectrum), spectrum


def _law_anew(orders: tuple[int, ...]) -> Any:
    """With the caches of the package emptied, as in a new process."""
    for name, module in list(sys.modules.items()):
        for each in vars(module).values() if name.startswith("mme.ensembles") else ():
            if hasattr(each, "cache_clear"):
                each.cache_clear()
    return _law(orders)


def _draw(orders: tuple[int, ...]) -> Any:
    spectrum = conjugate_spectrum(orders, conjugate="sampled", draws=1, rng=0, jobs=1)
    return spectral_density(spectrum), spectrum


def _error(orders: tuple[int, ...], ours: Any, theirs: Any) -> float:
    """The largest difference of a share of the eigenvalues in coarse bins."""
    edges, spectrum = COARSE, theirs[1]
    if hasattr(spectrum, "expected_counts"):
        other = spectrum.expected_counts(edges)
    else:
        other = np.histogram(spectrum.eigenvalues, edges)[0]
    return float(np.abs(ours[1].expected_counts(edges) - other).max() / sum(orders))


ROWS = (
    Row("deterministic conjugate", "The second half of Var(CSD), of the law in place of draws.",
        sizes=(NETWORK,), tiny="tiny", data=_orders, ours=_law, peers=(
            Peer("the first time", _law_anew, rival=False, note="the package's caches emptied before"),
            Peer("one draw", _draw, note="what the paper averages five of", rival=False, first=0),
        ), error=_error, tolerance=0.03, needs=NETWORKS, budget=3.0),
)  # fmt: skip
