"""The entropy of many spectra and its gradient, against the formula as it is printed."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.machine import Rates
from benchmarks.rows import Peer, Row
from mme.algebra import H
from mme.dln import entropy, entropy_gradient

__all__ = ["ROWS", "plain_entropy", "plain_gradient"]

DIMENSION, DEPTH = 4, 5
BATCHES = (250_000, 500_000, 1_000_000)
WRONG = "NaN where two singular values coincide, and few digits near by"


def plain_entropy(sigma: Any, log: Any = np.log) -> Any:
    """Formula (1.1) term by term; of NumPy arrays, or of torch tensors with torch's logarithm."""
    scalars, d = H, sigma.shape[-1]
    beta, (k, l) = scalars.beta, np.triu_indices(d, 1)
    square, power = sigma**2, sigma ** (2 / DEPTH)
    ratio = (square[..., k] - square[..., l]) / (power[..., k] - power[..., l])
    constant = (DEPTH - 1) * scalars.log_group_volume(d) + d * (beta - 1) / 2 * np.log(DEPTH)
    return beta / 2 * log(ratio).sum(-1) + (1 - 1 / DEPTH) * (beta - 1) * log(sigma).sum(-1) + constant


def plain_gradient(sigma: Any) -> Any:
    """Its derivative, term by term."""
    beta, d = H.beta, sigma.shape[-1]
    square, power = sigma**2, sigma ** (2 / DEPTH)
    total = (1 - 1 / DEPTH) * (beta - 1) / sigma
    for k, l in zip(*np.triu_indices(d, 1), strict=True):
        first = beta / (square[..., k] - square[..., l])
        second = beta / DEPTH / (power[..., k] - power[..., l])
        for sign, at in ((1, k), (-1, l)):
            total[..., at] += sign * (first * sigma[..., at] - second * power[..., at] / sigma[..., at])
    return total


def _spectra(count: int) -> Any:
    """Singular values with gaps, descending: where the plain formula is right."""
    steps = np.random.default_rng(0).uniform(0.2, 1.2, (count, DIMENSION))
    return np.cumsum(steps, axis=-1)[:, ::-1].copy()


def _tensor(count: int) -> Any:
    import torch

    return torch.from_numpy(_spectra(count)).requires_grad_()


def _gradient_by_torch(value: Any) -> Any:
    def run(sigma: Any) -> Any:
        import torch

        sigma = torch.as_tensor(sigma).detach().requires_grad_()
        value(sigma).sum().backward()
        return sigma.grad.numpy()

    return run


def _ours(sigma: Any) -> Any:
    return entropy(sigma, depth=DEPTH, field=H)


def _torch_plain(sigma: Any) -> Any:
    import torch

    return plain_entropy(torch.as_tensor(sigma), torch.log)


def _error(_: Any, ours: Any, theirs: Any) -> float:
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    return float(np.max(np.abs(ours - theirs)) / np.max(np.abs(ours)))


def _logarithms(count: int, rates: Rates) -> float:
    return count * DIMENSION * (DIMENSION + 1) / 2 / rates["logarithms"]


def _traffic(count: int, rates: Rates) -> float:
    return 8 * 2 * DIMENSION * count / rates["bytes"]


ALIKE: dict[str, Any] = {"sizes": BATCHES, "tiny": 100, "error": _error, "tolerance": 1e-11}
READ = "reading the singular values and writing the gradient once; no arithmetic counts"
VALUE = Peer("our value alone", _ours, note="the unit of a gradient", rival=False, agrees=False)
ROWS = (
    Row("entropy", f"S of many spectra of {DIMENSION} singular values over H, N = {DEPTH}: maps of the "
        "entropy, Monte Carlo, Langevin dynamics.", data=_spectra, ours=_ours, peers=(
            Peer("plain formula in NumPy", plain_entropy, note=WRONG),
            Peer("plain formula in torch", lambda sigma: _torch_plain(sigma).numpy(), "torch", WRONG),
        ), limit=_logarithms, limited_by="NumPy's logarithm of each value and each pair", **ALIKE),
    Row("entropy gradient", "Its gradient in the singular values: forces, flows, the most likely spectrum.",
        data=_spectra, ours=lambda sigma: entropy_gradient(sigma, depth=DEPTH, field=H), peers=(
            Peer("plain gradient in NumPy", plain_gradient, note=WRONG),
            Peer("plain formula, torch's gradient", _gradient_by_torch(_torch_plain), "torch", WRONG),
            VALUE,
        ), limit=_traffic, limited_by=READ, **ALIKE),
    Row("entropy gradient by torch", "The same where the entropy is part of a loss: value and backward pass.",
        data=_tensor, ours=_gradient_by_torch(_ours), needs="torch", peers=(
            Peer("plain formula, torch's gradient", _gradient_by_torch(_torch_plain), note=WRONG),
            VALUE._replace(run=lambda sigma: _ours(sigma.detach())),
        ), limit=_traffic, limited_by=READ, **ALIKE),
)  # fmt: skip
