"""The sampler draw for draw against the method written out in λ, one pair of particles after the other."""

from itertools import permutations

import numpy as np
import pytest

from mme.bridge.log_gas import LogGas
from mme.bridge.markov_chain import effective_share, sample_chains
from tests.each import each

CHAINS, BURN_IN = 7, 12


def log_density(gas: LogGas, lam: np.ndarray) -> np.ndarray:
    """Of |λ| in order, the last of any sign: x^{shape} dx/x = 2 λ^{2 shape − 1} dλ; of others nothing."""
    in_order = (np.diff(np.abs(lam)) < 0).all(-1) & (lam[:, :-1] > 0).all(-1)
    x = np.where(in_order[:, None], lam**2, np.arange(lam.shape[1], 0, -1))
    total = ((gas.shape - 0.5) * np.log(x) - gas.rate * x).sum(-1)
    for k in range(x.shape[1]):
        for l in range(k + 1, x.shape[1]):
            a, b = x[:, k], x[:, l]
            total += gas.near * np.log(a - b) + gas.far * np.log(a**gas.depth - b**gas.depth)
    return np.where(in_order, total, -np.inf)


def slope(gas: LogGas, lam: np.ndarray) -> np.ndarray:
    force, n = (2 * gas.shape - 1) / lam - 2 * gas.rate * lam, 2 * gas.depth
    for k, l in permutations(range(lam.shape[1]), 2):
        a, b = lam[:, k], lam[:, l]
        force[:, k] += gas.near * 2 * a / (a**2 - b**2) + gas.far * n * a ** (n - 1) / (a**n - b**n)
    return force


def written_out(gas: LogGas, d: int, turns: int, rng: np.random.Generator) -> np.ndarray:
    """Hamiltonian Monte Carlo with so few chains and turns of burn-in as set below."""
    start = np.exp(gas.maximum(d) / 2)
    tiny = 1e-5 * np.eye(d)
    hessian = (slope(gas, start + tiny) - slope(gas, start - tiny)) / 2e-5
    root = np.linalg.cholesky(np.linalg.inv(-(hessian + hessian.T) / 2))
    place, step, kept = np.tile(start, (CHAINS, 1)), 0.7 / d**0.25, []
    for turn in range(BURN_IN + turns):
        there, p = place, rng.standard_normal((CHAINS, d))
        h = step * rng.uniform(0.7, 1.3)
        before = log_density(gas, place) - (p**2).sum(-1) / 2
        for _ in range(max(1, round(1.6 / h))):
            p = p + h / 2 * slope(gas, there) @ root
            there = there + h * p @ root.T
            p = p + h / 2 * slope(gas, there) @ root
        taken = np.log(rng.random(CHAINS)) < log_density(gas, there) - (p**2).sum(-1) / 2 - before
        place = np.where(taken[:, None], there, place)
        if turn < BURN_IN:
            step = min(step * np.exp((taken.mean() - 0.75) / (1 + turn / 8)), 1.6)
        else:
            kept.append(place**2)
    return np.array(kept)


CASES = [
    (LogGas(1.2, 0.7, 3, 1.9, 2.5), 3, 1, 3),
    (LogGas(0.5, 0.5, 2, 0.5, 0.8), 2, 22, 4),  # over R, where the last λ may cross 0
    (LogGas(0.2, 0.0, 1, 0.5, 0.8), 3, 30, 5),  # hardly repelled: they pass each other, and 0
    (LogGas(0.0, 0.0, 1, 40.0, 1.0), 1, 21, 3),  # nearly Gaussian: a step grows to the whole trajectory
]


@each("gas, d, size, turns", CASES)
def test_the_method_draw_for_draw(
    monkeypatch: pytest.MonkeyPatch, gas: LogGas, d: int, size: int, turns: int
) -> None:
    for name, value in (("CHAINS", CHAINS), ("BURN_IN", BURN_IN), ("LEAST_STEPS", 3)):
        monkeypatch.setattr(f"mme.bridge.markov_chain.{name}", value)
    found = sample_chains(gas, d, size, np.random.default_rng(3))
    expected = written_out(gas, d, turns, np.random.default_rng(3))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.slow
def test_few_draws_are_of_a_chain_long_enough_to_judge() -> None:
    """128 chains of at least 24 steps each, which a share of effective draws can be told from."""
    for size, steps in ((1, 24), (128 * 24, 24), (128 * 24 + 1, 25)):
        found = sample_chains(LogGas(0.5, 0.5, 2, 0.5, 0.8), 2, size, np.random.default_rng(0))
        assert found.shape == (steps, 128, 2)


def test_effective_share_is_of_the_worst() -> None:
    """(σ²/T) over the variance of the means of the chains, each around the mean of all."""
    series = np.random.default_rng(0).standard_normal((3, 4, 2))
    means = series.mean(axis=0)
    around = ((means - means.mean(axis=0)) ** 2).sum(axis=0) / 3
    shares = ((series - series.mean(axis=(0, 1))) ** 2).mean(axis=(0, 1)) / 3 / around
    assert 0.2 < shares.min() < 1 < shares.max()
    assert effective_share(series) == pytest.approx(shares.min(), rel=1e-13)
    assert effective_share(series[..., [int(shares.argmax())]]) == 1.0


def test_turns_of_the_chains() -> None:
    """48 of burn-in and at least 24 more, each of which draws momenta, a step and what decides."""
    rng, again = (np.random.default_rng(0) for _ in range(2))
    assert sample_chains(LogGas(0.0, 0.0, 1, 40.0, 1.0), 1, 1, rng).shape == (24, 128, 1)
    for _ in range(48 + 24):
        again.standard_normal((128, 1)), again.uniform(), again.random(128)
    assert rng.random() == again.random()
