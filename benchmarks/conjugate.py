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


@lru_cache
def _orders(name: str) -> tuple[int, ...]:
    small = (64,) * 50
    return small if name == "small" else tuple(x.order for x in import_module(NETWORKS).layers_of(name))


def _law(orders: tuple[int, ...]) -> Any:
    return spectral_density(conjugate_spectrum(orders))


def _law_anew(orders: tuple[int, ...]) -> Any:
    for name, module in list(sys.modules.items()):
        for each in vars(module).values() if name.startswith("mme.ensembles") else ():
            if hasattr(each, "cache_clear"):
                each.cache_clear()
    return _law(orders)


def _draw(orders: tuple[int, ...]) -> Any:
    return spectral_density(conjugate_spectrum(orders, conjugate="sampled", draws=1, rng=0, jobs=1))


def _error(_: Any, ours: Any, theirs: Any) -> float:
    """Kolmogorov's distance in the window."""
    return float(np.abs(np.cumsum(ours.density - theirs.density)).max() * ours.width)


ROWS = (
    Row("deterministic conjugate", "The second half of Var(CSD), of the law in place of draws.",
        sizes=("resnet152",), tiny="small", data=_orders, ours=_law, peers=(
            Peer("the first time", _law_anew, rival=False, note="the package's caches emptied before"),
            Peer("one draw", _draw, note="what the paper averages five of", rival=False, first=0),
        ), error=_error, tolerance=0.03, needs=NETWORKS, budget=3.0),
)  # fmt: skip
