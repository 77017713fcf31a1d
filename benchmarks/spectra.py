"""The layer spectra of whole networks, against bare calls of LAPACK and against other packages' ways."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Literal

import numpy as np
import scipy

from benchmarks.machine import Rates, vector_rate
from benchmarks.rows import Peer, Row
from mme.ensembles import layer_matrix_ensemble

__all__ = ["ROWS", "error_of_spectra", "smaller_gram", "spectral_flops"]

LARGE, SMALL = ("densenet201", "resnet152"), ("mobilenet_v2", "resnet18", "densenet121")
NETWORKS, TINY = "benchmarks.networks", "squeezenet1_1"


def _network(name: str) -> dict[str, np.ndarray]:
    return import_module(NETWORKS).matrices(name)  # type: ignore[no-any-return]


def _ours(dtype: Any, jobs: int = 1) -> Any:
    def run(network: dict[str, np.ndarray]) -> Any:
        ensemble = layer_matrix_ensemble(network, dtype=dtype).measured(jobs=jobs)
        return [layer.eigenvalues for layer in ensemble.layers]

    return run


def _each(dtype: str, squares: Any) -> Any:
    return lambda network: [squares(a.astype(dtype, copy=False)) for a in network.values()]


def smaller_gram(a: np.ndarray) -> Any:
    """The eigenvalues of A Aᵀ or Aᵀ A by one product and one call of LAPACK."""
    a = a if a.shape[0] <= a.shape[1] else a.T
    return np.linalg.eigvalsh(a @ a.T)


def _gram_by_torch(a: np.ndarray) -> Any:
    import torch

    there = torch.from_numpy(a if a.shape[0] <= a.shape[1] else a.T)
    return torch.linalg.eigvalsh(there @ there.mT).numpy()


def _weightwatcher(a: np.ndarray) -> Any:
    return import_module("weightwatcher.RMT_Util").svd_vals(a) ** 2


def _bristol(a: np.ndarray) -> Any:
    squares = import_module("bristol.cPSE").get_eigenvals_layer_matrix_set([a @ a.T])
    return np.sqrt(np.abs(squares[0]))


def error_of_spectra(_: Any, ours: Any, theirs: Any) -> float:
    """The largest difference in a layer over its largest eigenvalue, missing zeros filled in."""
    worst = 0.0
    for mine, other in zip(ours, theirs, strict=True):
        mine, other = np.sort(mine), np.sort(other)
        most = max(len(mine), len(other))
        mine, other = (np.concatenate([np.zeros(most - len(x)), x]) for x in (mine, other))
        worst = max(worst, float(np.abs(mine - other).max() / mine[-1]))
    return worst


def spectral_flops(shapes: Any) -> float:
    """n² m for the smaller Gram matrix, which is symmetric, and 4/3 n³ to make it tridiagonal."""
    sides = [sorted(shape) for shape in shapes]
    return float(sum(n**2 * m + 4 / 3 * n**3 for n, m in sides))


def _limit(dtype: Literal["float32", "float64"]) -> Any:
    def limit(name: str, rates: Rates) -> float:
        return spectral_flops(a.shape for a in _network(name).values()) / rates[dtype]

    return limit


def _nearer(dtype: Literal["float32", "float64"]) -> Any:
    """The same with half of the tridiagonal form, 2/3 n³, at the rate of products with a vector."""

    def nearer(name: str, rates: Rates) -> float:
        cubes = sum(min(a.shape) ** 3 for a in _network(name).values())
        return float(_limit(dtype)(name, rates) + 2 / 3 * cubes * (1 / vector_rate(dtype) - 1 / rates[dtype]))

    return nearer


BOUND = "the smaller Gram matrix and its tridiagonal form at the rate of matrix products"
GRAM = Peer("plain smaller Gram matrix", _each("float64", smaller_gram), note="structural zeros left out")
ALIKE: dict[str, Any] = {"tiny": TINY, "data": _network, "error": error_of_spectra, "needs": NETWORKS,
                         "limited_by": BOUND}
ROWS = (
    Row("layer spectra, float64", "All eigenvalues of A Aᵀ of a network: the first half of Var(CSD).",
        sizes=LARGE, ours=_ours("float64"), peers=(
            GRAM,
            Peer("singular values", _each("float64", lambda a: scipy.linalg.svdvals(a) ** 2),
                 note="the accurate way; structural zeros left out"),
            Peer("WeightWatcher", _each("float64", _weightwatcher), "weightwatcher",
                 "its own singular values, of our matrices; it would cut convolutions into slices"),
            Peer("eigvalsh(A Aᵀ)", _each("float64", lambda a: np.linalg.eigvalsh(a @ a.T))),
            Peer("torch", _each("float64", _gram_by_torch), "torch", "eigvalsh of the smaller Gram matrix"),
        ), tolerance=1e-12, limit=_limit("float64"), nearer=_nearer("float64"), budget=16, **ALIKE),
    Row("layer spectra, float32", "The same in single precision, enough for a histogram.",
        sizes=LARGE, ours=_ours("float32"), peers=(
            GRAM._replace(run=_each("float32", smaller_gram)),
            Peer("torch", _each("float32", _gram_by_torch), "torch", "eigvalsh of the smaller Gram matrix"),
            Peer("bristol", _each("float32", _bristol), "bristol", agrees=False, first=1,
                 note="general eigenvalues of (A Aᵀ)²; half of the digits of small ones are lost"),
        ), tolerance=5e-5, limit=_limit("float32"), nearer=_nearer("float32"), budget=12, **ALIKE),
    Row("network spectrum", "What reading a network adds to the bare calls, where layers are small.",
        sizes=SMALL, ours=_ours("float64"), peers=(GRAM,), tolerance=1e-12, limit=_limit("float64"),
        nearer=_nearer("float64"), **ALIKE),
    Row("two cores", "The layers of one network on two cores, by the clock on the wall.",
        sizes=LARGE[1:], ours=_ours("float64", jobs=2), peers=(
            Peer("one core", _ours("float64"), rival=False),
        ), tolerance=0.0, clock="wall", budget=12, **ALIKE),
)  # fmt: skip
