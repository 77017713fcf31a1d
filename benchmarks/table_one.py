"""The paper's Table I with untrained weights, against the bare calls of LAPACK that it cannot do without."""

from __future__ import annotations

import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.machine import Rates
from benchmarks.rows import Peer, Row
from benchmarks.spectra import NETWORKS, error_of_spectra, smaller_gram, spectral_flops
from mme.algebra import C
from mme.comparison.options import Options
from mme.store import Store

__all__ = ["ROWS"]

ALL, ONE = "all 17 networks", "resnet18"
PRECISION: Any = "float32"  # as `mme table` takes


class Table(NamedTuple):
    """Names of networks, their layers by what they are drawn from, each once, and which draws there are."""

    names: tuple[str, ...]
    layers: dict[str, np.ndarray]
    orders: tuple[int, ...]
    draws: int


def _table(size: str) -> Table:
    names = tuple(import_module("mme.comparison.vision").PAPER) if size == ALL else (size,)
    layers: dict[str, np.ndarray] = {}
    orders: list[int] = []
    for name in names:
        for layer in import_module(NETWORKS).layers_of(name):
            orders.append(layer.order)
            if layer.given.fingerprint not in layers:
                layers[layer.given.fingerprint] = layer.tensor.reshape(layer.order, layer.columns)
    return Table(names, layers, tuple(orders), 5 if size == ALL else 1)


def _ours(**drawn: Any) -> Any:
    def run(table: Table) -> Any:
        told = drawn | ({"draws": table.draws} if drawn else {})
        with tempfile.TemporaryDirectory() as folder:
            store = Store("spectra", folder=Path(folder))
            options = Options(dtype=PRECISION, **told)
            vision = import_module("mme.comparison.vision")
            return list(vision.vision_rows(table.names, options, trained=False, store=store, jobs=1))

    return run


def _bare(table: Table) -> Any:
    return {recipe: smaller_gram(a) for recipe, a in table.layers.items()}


def _bare_sampled(table: Table) -> Any:
    rng, found = np.random.default_rng(0), _bare(table)
    for order in table.orders:
        for _ in range(table.draws):
            np.linalg.eigvals(np.abs(C.haar(order, rng=rng)).astype(PRECISION))
    return found


def _error(_: Table, ours: Any, theirs: Any) -> float:
    layers = [layer for row in ours for layer in row.ensemble.layers]
    bare = [theirs[layer.given.fingerprint] for layer in layers]
    return error_of_spectra(None, [layer.eigenvalues for layer in layers], bare)


def _limit(size: str, rates: Rates) -> float:
    return spectral_flops(a.shape for a in _table(size).layers.values()) / rates["float32"]


ALIKE: dict[str, Any] = {"sizes": (ALL,), "tiny": ONE, "data": _table, "error": _error, "tolerance": 5e-5,
                         "needs": NETWORKS}
ROWS = (
    Row("Table I, untrained", "The whole table against the law, an empty cache, weights drawn on the way.",
        ours=_ours(), peers=(Peer("bare calls of LAPACK", _bare, note="each layer once, already in memory"),),
        limit=_limit, limited_by="the layers' Gram matrices and tridiagonal forms at the rate of products",
        budget=20.0, **ALIKE),
    Row("Table I, untrained, sampled", "The table as the paper makes it, with five draws of each matrix.",
        ours=_ours(conjugate="sampled"), peers=(
            Peer("bare draws and calls of LAPACK", _bare_sampled, note="draws one by one, nothing shared"),
        ), budget=0.0, long=True, **ALIKE),
)  # fmt: skip
