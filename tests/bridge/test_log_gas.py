"""The log-gas at any power κ of e^S: its energy as written, its derivatives, and its maximum."""

from itertools import product
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from scipy.optimize import approx_fprime, minimize

from mme.algebra import C, H, R
from mme.bridge.log_gas import LogGas, gas_of
from tests.each import each

GAS = LogGas(1.2, 0.7, 3, 1.9, 2.5)
X = np.array([2.2, 0.9, 0.15])


def test_energy_is_what_is_written() -> None:
    pairs = [(0, 1), (0, 2), (1, 2)]
    written = sum(1.2 * np.log(X[k] - X[l]) + 0.7 * np.log(X[k] ** 3 - X[l] ** 3) for k, l in pairs)
    written += (1.9 * np.log(X) - 2.5 * X).sum()
    assert GAS.energy(np.log(X)) == pytest.approx(written, abs=1e-13)
    close = np.log([1 + 1e-9, 1.0])  # nothing cancels: x^3 − 1 = 3e-9
    gap = float(np.diff(close)[0])
    assert GAS.energy(close) == pytest.approx(1.9 * np.log(-gap) + 0.7 * np.log(3) - 5, abs=1e-8)


@each("gap", [3e-4, 3e-13])
def test_particles_that_nearly_meet(gap: float) -> None:
    """At 0 and at the gap, which is the float as it is: what is lost is lost by the formula."""
    u = np.array([gap, 0.0])
    with mp.workdps(40):
        apart, far = mp.expm1(gap), mp.expm1(3 * mp.mpf(gap))
        energy = 1.2 * mp.log(apart) + 0.7 * mp.log(far) + 1.9 * mp.mpf(gap) - 2.5 * (2 + apart)
        force = 1.2 / apart + 2.1 / far + 1.9 - 2.5
    assert GAS.energy(u) == pytest.approx(float(energy), rel=1e-14)
    assert GAS.gradient(u)[1] == pytest.approx(-float(force) + 2 * (1.9 - 2.5), rel=1e-14)
    metric = LogGas(2.0, 0.0, 3, 1.0, 1.0)
    assert metric.gradient(u)[1] == pytest.approx(-float(2 / apart), rel=1e-14)


def test_derivatives() -> None:
    u = np.log(X)
    np.testing.assert_allclose(GAS.gradient(u), approx_fprime(u, GAS.energy, 1e-7), atol=1e-5)
    np.testing.assert_allclose(GAS.hessian(u), approx_fprime(u, GAS.gradient, 1e-7), atol=1e-4)
    np.testing.assert_array_equal(GAS.gradient(np.stack([u, u - 1]))[0], GAS.gradient(u))


@each("gas", [GAS, gas_of(R, 4, "manifold", 0.5), gas_of(H, 9, "metric", 2.0)])
def test_maximum_is_where_nothing_is_higher(gas: LogGas) -> None:
    top = gas.maximum(3)
    start = top + np.array([0.1, 0, -0.1])
    found = minimize(lambda u: -gas.energy(u), start, method="Nelder-Mead", options={"xatol": 1e-8})
    np.testing.assert_allclose(top, found.x, atol=1e-4)
    assert np.abs(gas.gradient(top)).max() < 1e-8


def test_exponents() -> None:
    """Of x over C at depth N: both Vandermonde determinants once and x^{(N−1)/2}; du adds one power."""
    assert gas_of(C, 5, "manifold", 3.0) == LogGas(1.0, 1.0, 5, 3.0, 7.5)
    assert gas_of(R, 5, "manifold", 2.0) == LogGas(0.5, 0.5, 5, 0.5, 5.0)
    assert gas_of(H, 5, "manifold", 2.0) == LogGas(2.0, 2.0, 5, 8.0, 5.0)
    assert gas_of(H, 5, "metric", 2.0) == LogGas(4.0, 0.0, 5, 2.0, 5.0)


def test_far_apart_and_out_of_reach() -> None:
    """Particles far apart feel the one below as a power of x, and no force overflows."""
    u = np.array([900.0, 0.0, -900.0])
    powers = np.array([2 * (1.2 + 2.1) + 1.9, 1.2 + 2.1 + 1.9, 1.9])
    assert GAS.energy(u - 900) == pytest.approx((u - 900) @ powers - 2.5, rel=1e-15)
    force = GAS.gradient(u - 900)
    np.testing.assert_allclose(force, powers - [2.5, 0, 0], rtol=1e-14)
    np.testing.assert_allclose(GAS.hessian(u - 900), np.diag([-2.5, 0, 0]), rtol=0, atol=1e-200)
    assert GAS.energy(np.array([1.0, 1.0])) == -np.inf
    assert LogGas(0.0, 0.0, 1, 2.0, 0.5).energy(np.array([np.log(4.0)])) == pytest.approx(2 * np.log(4) - 2)


def test_maximum_by_homogeneity() -> None:
    """There the gradient sums to 0: rate Σ x = d shape + pairs (near + far depth), for one and for many."""
    wide, deep = gas_of(H, 7, "manifold", 0.2), gas_of(R, 1000, "manifold", 1.0)
    for gas, d in ((GAS, 1), (GAS, 6), (wide, 40), (deep, 9)):
        x = np.exp(gas.maximum(d))
        assert (np.diff(x) < 0).all()
        pairs = d * (d - 1) / 2 * (gas.near + gas.far * gas.depth)
        assert gas.rate * x.sum() == pytest.approx(d * gas.shape + pairs, rel=1e-8)


WEAK = [(1e-6, 0.0, 1, 1e-3), (1e-4, 1e-3, 3, 0.5), (0.1, 0.5, 50, 3.0), (2.0, 0.0, 1, 50.0)]


@each("near, far, depth, shape", WEAK)
def test_maximum_keeps_the_order(near: float, far: float, depth: int, shape: float) -> None:
    """Where particles hardly repel each other a step of Newton's would lead past a neighbour."""
    gas = LogGas(near, far, depth, shape, 1.0)
    for d in (2, 3, 6):
        top = gas.maximum(d)
        assert (np.diff(top) < 0).all()
        assert np.abs(gas.gradient(top)).max() < 1e-4


def test_few_steps_lead_to_the_maximum(monkeypatch: pytest.MonkeyPatch) -> None:
    """At any depth; for one particle, which starts there, a single one."""
    steps, hessian = [0], LogGas.hessian

    def counted(gas: LogGas, u: np.ndarray) -> np.ndarray:
        steps[0] += 1
        return hessian(gas, u)

    monkeypatch.setattr(LogGas, "hessian", counted)
    for F, volume, depth in product((R, C, H), ("manifold", "metric"), (1, 2, 50, 10**6)):
        for d in (1, 2, 8, 32):
            steps[0], gas = 0, gas_of(F, depth, volume, 0.3)
            x = np.exp(gas.maximum(d))
            assert steps[0] <= (20 if d > 1 else 1)
            pairs = d * (d - 1) / 2 * (gas.near + gas.far * gas.depth)
            assert gas.rate * x.sum() == pytest.approx(d * gas.shape + pairs, rel=1e-7)


def test_the_maximum_is_found_where_rounding_of_the_energy_hides_it() -> None:
    """Of energies of 1e13, which rounding leaves an error of 1e-3 in, more than the last steps gain."""
    for depth, rate in ((10**12, 8.024395855589413), *((10**k, r) for k in (6, 13) for r in (0.7, 1.0, 3.1))):
        for F, d in product((R, H), (2, 5, 32)):
            gas = gas_of(F, depth, "manifold", rate)
            x, pairs = np.exp(gas.maximum(d)), d * (d - 1) / 2 * (gas.near + gas.far * gas.depth)
            assert gas.rate * x.sum() == pytest.approx(d * gas.shape + pairs, rel=1e-9)


def test_a_step_is_shortened_a_few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it leads past a neighbour or too far, and where rounding hides what it gains."""
    looks, diff = [0], np.diff

    def counted(*given: Any) -> np.ndarray:
        looks[0] += 1
        assert looks[0] <= 100
        return np.asarray(diff(*given))

    monkeypatch.setattr("mme.late.np.diff", counted)  # which each length of a step is looked at with
    weak, deep = LogGas(*WEAK[0], 1.0), gas_of(R, 10**12, "manifold", 8.024395855589413)
    for gas, d in ((GAS, 3), (weak, 2), (deep, 5)):
        looks[0] = 0
        assert len(gas.maximum(d)) == d
        assert looks[0] > 2
