"""Haar matrices, in batches at small orders: O(n), U(n) and Sp(n)."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import ortho_group, unitary_group

from benchmarks.machine import Rates
from benchmarks.rows import Peer, Row
from mme.algebra import C, Field, H, R

__all__ = ["ROWS"]

ORDERS = tuple(2**k for k in range(2, 12))
SYMPLECTIC = tuple(2**k for k in range(1, 10))
MOST = 8192  # matrices in a batch
NO_PHASES = "not Haar: the phases of R are left out, as in scikit-rmt, which no NumPy 2 can import"


class Draws(NamedTuple):
    """So many matrices of an order, from a generator."""

    order: int
    number: int
    rng: np.random.Generator


def _number(order: int) -> int:
    """Enough matrices for some milliseconds."""
    return max(1, min(MOST, 2**21 // order**3))


def _draws(order: int) -> Draws:
    return Draws(order, _number(order), np.random.default_rng(order))


def _ours(field: Field, times: int = 1) -> Any:
    return lambda draws: field.haar(times * draws.order, draws.number, draws.rng)


def _by_scipy(law: Any) -> Any:
    def run(draws: Draws) -> Any:
        shape = (draws.number, draws.order, draws.order)  # one matrix comes without the first axis
        return law.rvs(draws.order, draws.number, draws.rng).reshape(shape)

    return run


def _by_torch(dtype: str) -> Any:
    def run(draws: Draws) -> Any:
        import torch

        torch.manual_seed(int(draws.rng.integers(2**31)))
        shape = (draws.number, draws.order, draws.order)
        q, r = torch.linalg.qr(torch.randn(shape, dtype=getattr(torch, dtype)))
        diagonal = r.diagonal(dim1=-2, dim2=-1)
        return (q * (diagonal / diagonal.abs())[..., None, :]).numpy()

    return run


def _without_phases(draws: Draws) -> Any:
    return np.linalg.qr(C.ginibre(draws.order, draws.number, draws.rng))[0]


def _bristol(draws: Draws) -> Any:
    circular = import_module("bristol.ensembles").Circular()
    seeds = map(int, draws.rng.integers(2**31, size=draws.number))
    return np.array([circular.gen_cue(draws.order, set_seed=True, seed=seed) for seed in seeds])


def _standard_errors(beta: int) -> Any:
    """How far draws are from Haar: infinitely if not unitary, else the worse of two means in standard errors.

    Re tr U has mean 0. The squared share x of (1, …, 1) in a column follows a Beta law with E x² = (β + 2)
    / (n (β n + 2)), where β is 1 for real matrices and 2 for complex ones.
    """

    def error(_: Draws, ours: Any, theirs: Any) -> float:
        n = theirs.shape[-1]
        if np.abs(theirs @ theirs.conj().mT - np.eye(n)).max() > 1e-10 * n or theirs.shape != ours.shape:
            return float("inf")
        shares = np.abs(theirs.sum(-2)) ** 2 / n
        traces = np.trace(theirs, axis1=-2, axis2=-1).real
        second = (shares**2).mean(-1) - (beta + 2) / (n * (beta * n + 2))
        return max(float(abs(x.mean()) / x.std(ddof=1) * len(x) ** 0.5) for x in (traces, second))

    return error


def _limit(flops: float, normals: float) -> Any:
    """Of n³ operations to multiply the reflections out, and n(n + 1)/2 · β normal numbers to draw them."""

    def limit(n: int, rates: Rates) -> float:
        drawn = normals * n * (n + 1) / 2 / rates["normals"]
        return float(_number(n) * (flops * n**3 / rates["float64"] + drawn))

    return limit


ALIKE: dict[str, Any] = {"data": _draws, "tolerance": 5.0, "number": _number, "budget": 4.0,
                         "limited_by": "drawing reflections and multiplying them at the rate of products"}
ROWS = (
    Row("Haar unitary", "The circular ensemble: every draw of a conjugate spectrum starts with these.",
        sizes=ORDERS, more=(4096,), tiny=4, ours=_ours(C), peers=(
            Peer("SciPy", _by_scipy(unitary_group)),
            Peer("torch", _by_torch("complex128"), "torch", "QR with its phases put right"),
            Peer("QR without phases", _without_phases, note=NO_PHASES, agrees=False),
            Peer("bristol", _bristol, "bristol", "not Haar: one column is nearly constant", agrees=False,
                 first=7),
        ), error=_standard_errors(2), limit=_limit(16 / 3, 2), **ALIKE),
    Row("Haar orthogonal", "Random frames over R: orbit volumes by Monte Carlo, random balanced networks.",
        sizes=ORDERS, more=(4096,), tiny=4, ours=_ours(R), peers=(
            Peer("SciPy", _by_scipy(ortho_group)),
            Peer("torch", _by_torch("float64"), "torch", "QR with its signs put right"),
        ), error=_standard_errors(1), limit=_limit(4 / 3, 1), **ALIKE),
    Row("Haar symplectic", "Random frames over H, as complex matrices of order 2n.",
        sizes=SYMPLECTIC, more=(1024,), tiny=2, ours=_ours(H), peers=(
            Peer("our U(2n)", _ours(C, 2), note="another law, of matrices of the same order", rival=False),
        ), error=_standard_errors(2), limit=_limit(64 / 3, 4), **ALIKE),
)  # fmt: skip
