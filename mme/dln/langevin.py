"""Langevin dynamics of layers: noise on the balanced manifold, orthogonal to its orbits, or everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from mme.algebra import Field, FieldLike
from mme.algebra import field as field_of
from mme.arguments import affordable, choice, flag, generator, integer, number
from mme.dln.balance import require_balanced
from mme.dln.flows import Flow, Loss, loss_at
from mme.dln.product import stack_layers
from mme.dln.tangents import framed, lifted, on_diagonal, product_of, retracted, tangent_part
from mme.errors import InputError

__all__ = ["Langevin", "langevin"]

NOISES = ("manifold", "horizontal", "ambient")
LARGEST_GROWTH = 1e6  # of |W|² against its start
SAME = 1e-8  # of the largest layer: a step back arrives where it came from


@dataclass(frozen=True, eq=False, repr=False)
class Langevin(Flow):
    """A `Flow` with noise, of one chain or several; its times are steps times their size.

    Attributes
    ----------
    times, layers, loss, field, stopped
        As of a `Flow`.
    accepted : ndarray, shape (...,)
        Share of the steps that were taken, of each chain.
    out_of_reach : ndarray, shape (...,)
        Share of the steps that found no short way back to the manifold, or none that could be undone.
    """

    accepted: np.ndarray
    out_of_reach: np.ndarray


class _State(NamedTuple):
    """Layers Q_p Y_p Q_{p−1}*, where on M all Y_p are Λ, and the gradient in the same frames."""

    Q: np.ndarray
    roots: np.ndarray  # the diagonal of Λ
    Y: np.ndarray
    energy: np.ndarray
    gradient: np.ndarray


def langevin(
    loss: Loss,
    layers: Any,
    *,
    steps: int,
    step: float,
    field: FieldLike = "R",
    noise: str = "manifold",
    temperature: float = 1.0,
    decay: float = 0.0,
    metropolis: bool | None = None,
    reach: float = 0.5,
    every: int = 1,
    rng: int | np.random.Generator | None = None,
) -> Langevin:
    """Run dW = −∇E dt + √(2T) dB for the energy E = loss(W_N ⋯ W_1) + γ|W|²/2, in steps of size h.

    The law that stays is e^{−E/T} times a volume, which the noise decides:

    - "manifold": Brownian motion on M; its volume. Without a loss E|W|² = T dim M/γ.
    - "horizontal": its part orthogonal to the orbits; the volume of g^N, which knows no entropy. T βd²/γ.
    - "ambient": in all directions; the layers leave M, and the volume is that of all layers. T Nβd²/γ.

    On M a step goes along the tangent space and back to M along the normals. It is rejected where that way
    is longer than `reach` times the step, or where the same would not lead back. With `metropolis` the law is
    exact for every h (Zappa, Holmes-Cerfon and Goodman, 2018), without it the error is of order h.

    Parameters
    ----------
    loss, field, decay
        As in `gradient_flow`.
    layers : array_like, shape (..., N, d, d)
        The start, a chain for each of the leading axes; balanced except for "ambient".
    steps : int
    step : float
        h.
    noise : {"manifold", "horizontal", "ambient"}
    temperature : float
        T > 0.
    metropolis : bool, optional
        By default True except for "horizontal", whose steps have no density to compare.
    reach : float
        Up to 1.
    every : int
        Keep every so many steps.
    rng : int or numpy.random.Generator, optional

    Returns
    -------
    Langevin
        Chains that diverge raise nothing: `stopped` says so, and what was before is kept.

    Raises
    ------
    InputError
        If an argument cannot be used, or the start is not balanced; `nearest_balanced` makes it so.

    Examples
    --------
    >>> run = langevin(None, np.ones((50, 2, 1, 1)), steps=200, step=0.2, decay=1.0, field="C", rng=0)
    >>> run.layers.shape, bool(1.5 < run.squared_norm[100:].mean() < 4.5)  # dim M = 3
    ((201, 50, 2, 1, 1), True)
    """
    scalars, noise = field_of(field), choice("noise", noise, NOISES)
    steps, every, step = integer("steps", steps, 1), integer("every", every, 1), number("step", step, above=0)
    T, decay = number("temperature", temperature, above=0), number("decay", decay, 0)
    reach, rng, on_m = number("reach", reach, above=0, most=1), generator(rng), noise != "ambient"
    metropolis = noise != "horizontal" if metropolis is None else flag("metropolis", metropolis)
    if metropolis and noise == "horizontal":
        raise InputError("metropolis must be False for horizontal noise, whose steps have no density.")
    W = require_balanced(layers, scalars) if on_m else stack_layers(layers, scalars)
    chains, depth, d = W.shape[:-3], W.shape[-3], scalars.order(W)
    affordable("steps", (steps // every + 1) * W.size * scalars.beta)

    def placed(Q: np.ndarray, roots: np.ndarray, Y: np.ndarray) -> _State:
        first, last = Q[..., 0, :, :], Q[..., -1, :, :]
        value, slope = loss_at(loss, last @ product_of(Y) @ first.conj().mT)
        gradient = decay * Y + lifted(Y, last.conj().mT @ slope @ first)
        return _State(Q, roots, Y, value + decay / 2 * _squared(Y, scalars), gradient)

    @np.errstate(all="ignore")
    def proposed(now: _State) -> tuple[_State, np.ndarray, np.ndarray]:
        """Where a step leads, the logarithm of its Metropolis ratio, and whether it counts."""
        xi = np.sqrt(2 * T * step) * scalars.ginibre(d, size=W.shape[:-2], rng=rng)
        if not on_m:
            after = placed(now.Q, now.roots, now.Y - step * now.gradient + xi)
            found, back = np.isfinite(after.energy), now.Y - after.Y
        else:
            xi = tangent_part(now.roots, xi, scalars, horizontal=noise == "horizontal")
            there, found = retracted(now.roots, now.Y + xi - step * now.gradient, scalars, reach)
            turn, roots = framed(_chosen(found, there, now.Y), scalars)
            here = turn[..., 1:, :, :].conj().mT @ now.Y @ turn[..., :-1, :, :]
            after = placed(now.Q @ turn, roots, on_diagonal(roots, depth, scalars))
            back = tangent_part(roots, here - after.Y, scalars, horizontal=False)
            again, undone = retracted(roots, after.Y + back, scalars, reach)
            largest = np.abs(np.stack([again - here, here])).max(axis=(-3, -2, -1))
            found = found & undone & (largest[0] <= SAME * largest[1]) & _invertible(roots)
        gap = _squared(xi, scalars) - _squared(back + step * after.gradient, scalars)
        return after, gap / (4 * T * step) - (after.energy - now.energy) / T, found

    one = np.broadcast_to(np.eye(W.shape[-1]), (*W.shape[:-3], depth + 1, *W.shape[-2:]))
    Q, roots = framed(W, scalars) if on_m else (one, one.sum(axis=-1)[..., 0, :])
    if not np.all(_invertible(roots)):
        raise InputError("layers must be invertible, for M is no manifold elsewhere, but are singular.")
    now = placed(Q, roots, on_diagonal(roots, depth, scalars) if on_m else W)
    kept, stopped, start = [W], "", _squared(W, scalars)
    taken, lost = np.zeros(chains), np.zeros(chains)
    for count in range(1, steps + 1):
        after, ratio, found = proposed(now)
        accepted = found & np.isfinite(after.energy)
        if metropolis:
            accepted &= np.log(rng.random(chains)) < ratio
        now = _State(*(_chosen(accepted, new, old) for new, old in zip(after, now, strict=True)))
        taken, lost = taken + accepted, lost + ~found
        spread = 2 * T * step * count * depth * scalars.real_dimension(d)  # what noise alone makes of it
        if np.any(_squared(now.Y, scalars) > LARGEST_GROWTH * (start + spread)):
            stopped = f"step must be less than {step:g}, or the loss grow far out: a chain left at {count}."
            break
        if count % every == 0:
            kept.append(now.Q[..., 1:, :, :] @ now.Y @ now.Q[..., :-1, :, :].conj().mT)
    if not stopped and np.any(taken == 0):
        stopped = f"step must be less than {step:g}, where {np.sum(taken == 0)} of {taken.size} chains stood."
    times, W = step * every * np.arange(len(kept)), np.stack(kept)
    losses = loss_at(loss, product_of(W))[0]
    return Langevin(times, W, losses, scalars.name, stopped, taken / count, lost / count)


def _invertible(roots: np.ndarray) -> np.ndarray:
    return np.asarray(roots.min(axis=-1) > np.finfo(float).eps * roots.max(axis=-1))


def _squared(Y: np.ndarray, scalars: Field) -> np.ndarray:
    return np.asarray((np.abs(Y) ** 2).sum(axis=(-3, -2, -1)) / scalars.side)


def _chosen(accepted: np.ndarray, new: np.ndarray, old: np.ndarray) -> np.ndarray:
    return np.where(accepted[(..., *[None] * (np.ndim(new) - accepted.ndim))], new, old)
