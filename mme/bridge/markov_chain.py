"""Samples of a log-gas by Hamiltonian Monte Carlo: many chains side by side, in λ = √x.

In λ too the density is log-concave while the particles keep their order, for (a^{2N} − b^{2N})^{1/2N} is
concave in a > b > 0; so the curvature near the maximum is a good scale in every direction. Over R the density
does not vanish at λ_d = 0, and is continued there as an even function.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mme.bridge.log_gas import LogGas

__all__ = ["CHAINS", "effective_share", "sample_chains"]

CHAINS, LEAST_STEPS, BURN_IN = 128, 24, 48
SPAN = 1.6  # of a trajectory, about a quarter of a turn in the unit Gaussian
ACCEPTED = 0.75  # of the trajectories; fewer are shorter, and more cost more than they are worth


def sample_chains(gas: LogGas, d: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return x of shape (steps, chains, d), descending, at least `size` draws.

    The burn-in, which fits the leapfrog step, is left out.
    """
    top = gas.maximum(d)
    roots, steps = np.exp(top / 2), max(LEAST_STEPS, -(-size // CHAINS))
    gas = replace(gas, shape=gas.shape - 0.5)  # dλ/λ = du/2
    curvature = 4 * gas.hessian(top) / np.outer(roots, roots) - 2 * np.diag(gas.gradient(top) / roots**2)
    scale = np.linalg.cholesky(np.linalg.inv(-curvature))

    def slope(place: np.ndarray) -> np.ndarray:
        return np.asarray(2 * gas.gradient(2 * np.log(np.abs(place))) / place @ scale)

    place = np.tile(roots, (CHAINS, 1))
    energy, push, step, kept = gas.energy(2 * np.log(place)), slope(place), 0.7 * d**-0.25, []
    for turn in range(BURN_IN + steps):
        momentum = rng.standard_normal(place.shape)
        before = energy - (momentum**2).sum(-1) / 2
        there, force, h = place, push, step * rng.uniform(0.7, 1.3)
        for _ in range(max(1, round(SPAN / h))):
            momentum = momentum + h / 2 * force
            there = there + h * momentum @ scale.T
            force = slope(there)
            momentum = momentum + h / 2 * force
        u = 2 * np.log(np.abs(there))
        in_order = (np.diff(u) < 0).all(-1) & (there[:, :-1] > 0).all(-1)
        new = np.where(in_order, gas.energy(u), -np.inf)
        taken = np.log(rng.random(CHAINS)) < new - (momentum**2).sum(-1) / 2 - before
        place, push = np.where(taken[:, None], there, place), np.where(taken[:, None], force, push)
        energy = np.where(taken, new, energy)
        if turn < BURN_IN:
            step = min(step * np.exp((taken.mean() - ACCEPTED) / (1 + turn / 8)), SPAN)
        else:
            kept.append(place**2)
    return np.stack(kept)


def effective_share(series: np.ndarray) -> float:
    """Return how many independent draws one draw is worth, at most 1: σ²/T over the variance of chain means.

    The series has shape (steps, chains, ...), of which the worst counts.
    """
    means = series.mean(axis=0).var(axis=0, ddof=1)
    return float(min(1.0, (series.var(axis=(0, 1)) / len(series) / means).min()))
