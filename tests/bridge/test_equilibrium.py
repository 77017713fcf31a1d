from itertools import product
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import gamma

from mme.bridge import (
    equilibrium_measure,
    fuss_catalan_density,
    fuss_catalan_distribution,
    fuss_catalan_moments,
)
from mme.bridge.equilibrium import _inverse, _log_gammas, _log_transform, _shifts
from mme.bridge.fuss_catalan import log_edge
from mme.errors import InputError
from tests.each import each

CASES = [(2, 0.3), (3, 0.5), (3, 1.0), (3, 1.7), (4, 2.0), (10, 0.4)]


def solved(depth: int, kappa: float, nodes: int = 200) -> tuple[float, np.ndarray, np.ndarray]:
    """The end of the support, points and weights of the maximiser, by a linear system that knows no Mellin.

    In x = b c^4, c = (1 + cos φ)/2, the measure is f(φ) dφ with an even f, which vanishes at φ = 0. On cos kφ
    log|cos φ − cos ψ| is −π/k, what remains of the kernels is smooth, and b stands in the system linearly.
    """
    angle, order = (np.arange(nodes) + 0.5) * np.pi / nodes, np.arange(nodes)
    c = (1 + np.cos(angle)) / 2
    to_series = np.linalg.inv(np.cos(np.outer(angle, order)))
    waves = np.append(-np.pi * np.log(2), -np.pi / order[1:])
    alone = np.cos(np.outer(angle, order)) * waves @ to_series - np.pi / nodes * np.log(2)

    def kernel(power: int) -> np.ndarray:  # log|c^p − d^p|, of which log|c − d| stands in `alone`
        quotient = sum(c[:, None] ** (power - 1 - k) * c**k for k in range(power))
        return np.asarray(alone + np.pi / nodes * np.log(quotient))

    system, right = np.zeros((nodes + 2, nodes + 2)), np.eye(nodes + 2)[nodes]
    system[:nodes, :nodes] = (2 - kappa) * kernel(4) + kappa * kernel(4 * depth)
    system[:nodes, nodes:] = np.stack([-np.ones(nodes), -depth * c**4], axis=1)
    system[nodes, :nodes], system[nodes + 1, :nodes] = np.pi / nodes, to_series.sum(axis=0)
    solution = np.linalg.solve(system, right)
    return solution[-1], solution[-1] * c**4, solution[:nodes] * np.pi / nodes


@pytest.mark.parametrize(("depth", "kappa"), [*CASES, (2, 1.9), (6, 1.35)])
def test_it_solves_the_problem(depth: int, kappa: float) -> None:
    mu, powers = equilibrium_measure(depth, kappa), np.array([0.5, 1.0, 2.0, 3.5])
    edge, x, weights = solved(depth, kappa)
    assert mu.edge == pytest.approx(edge, rel=2e-11)
    found = (weights[:, None] * x[:, None] ** powers).sum(axis=0)
    np.testing.assert_allclose(mu.moment(powers), found, rtol=1e-12)
    assert weights.min() > -1e-12


@each("depth, kappa", [*CASES, (1, 0.7), (7, 0.0)])
def test_first_moment(depth: int, kappa: float) -> None:
    """By homogeneity (2 + κ(N−1))/2N."""
    exact = (2 + kappa * (depth - 1)) / (2 * depth)
    assert equilibrium_measure(depth, kappa).moment(1) == pytest.approx(exact, rel=1e-12)


@pytest.mark.slow
@each("depth, kappa", CASES)
def test_it_is_a_measure_with_those_moments(depth: int, kappa: float) -> None:
    """The density by Laplace's inverse, against the moments that it is made from."""
    mu = equilibrium_measure(depth, kappa)
    assert 0 < mu.error < 1e-10
    t, w = np.polynomial.legendre.leggauss(200)
    t, w = (1 + t) / 2, w / 2
    s = 1 - (1 - t) ** 2
    x, weights = mu.edge * s**4, w * 2 * (1 - t) * mu.edge * 4 * s**3
    mass = weights * mu.density(x)
    for q in (0, 0.5, 1, 2):
        assert (mass * x**q).sum() == pytest.approx(mu.moment(q), rel=1e-8)
    inside = np.array([0.1, 0.4, 0.8]) * mu.edge
    step = 1e-4
    slope = (mu.distribution(inside + step) - mu.distribution(inside - step)) / (2 * step)
    np.testing.assert_allclose(slope, mu.density(inside), rtol=1e-4)


@pytest.mark.slow
@each("depth, kappa", [(3, 0.5), (2, 1.5), (5, 1.0)])
def test_the_potential_is_flat_on_the_support(depth: int, kappa: float) -> None:
    """∫ [(2 − κ) log|x − y| + κ log|x^N − y^N|] dμ(y) − N x is one constant inside, and less outside."""
    mu = equilibrium_measure(depth, kappa)
    t, w = np.polynomial.legendre.leggauss(120)
    t, w = (1 + t) / 2, w / 2

    def potential(x: float) -> float:
        total = 0.0
        for low, high in ((0.0, min(x, mu.edge)), (min(x, mu.edge), mu.edge)):
            if high > low:  # both ends may be singular
                s = t**4 * (35 - 84 * t + 70 * t**2 - 20 * t**3)
                y = low + (high - low) * s
                weights = w * 140 * t**3 * (1 - t) ** 3 * (high - low)
                kernel = (2 - kappa) * np.log(np.abs(x - y)) + kappa * np.log(np.abs(x**depth - y**depth))
                total += (weights * mu.density(y) * kernel).sum()
        return total - depth * x

    inside = [potential(share * mu.edge) for share in (0.05, 0.3, 0.6, 0.95)]
    assert np.ptp(inside) < 1e-5
    assert potential(1.2 * mu.edge) < inside[0] - 0.01


@each("depth", [1, 2, 5])
def test_both_volumes(depth: int) -> None:
    """κ = 1 is the layer law of Fuss and Catalan, κ = 0 Marchenko and Pastur's, which is free of N in Nx."""
    manifold, metric = equilibrium_measure(depth), equilibrium_measure(depth, 0)
    x = np.array([1e-9, 0.1, 0.5, 0.9, 0.999])
    y = x * manifold.edge
    np.testing.assert_allclose(manifold.density(y), fuss_catalan_density(y, depth, part="layer"), rtol=1e-9)
    law = fuss_catalan_distribution(y, depth, part="layer")
    np.testing.assert_allclose(manifold.distribution(y), law, rtol=0, atol=1e-11)
    assert manifold.moment(-0.3) == pytest.approx(fuss_catalan_moments(-0.3, depth, part="layer"), rel=1e-13)
    y = manifold.edge * (1 - np.array([1e-5, 1e-7]))
    np.testing.assert_allclose(manifold.density(y), fuss_catalan_density(y, depth, part="layer"), rtol=1e-8)
    assert metric.edge == pytest.approx(4 / depth, rel=1e-14)
    y = x * metric.edge
    np.testing.assert_allclose(metric.density(y), np.sqrt(4 / depth / y - 1) * depth / (2 * np.pi), rtol=1e-9)
    assert manifold.exponent == pytest.approx(depth / (depth + 1), rel=1e-14)
    assert metric.exponent == pytest.approx(0.5, rel=1e-14)


@pytest.mark.parametrize("kappa", [0.0, 0.2, 1.3, 2.0])
@each("depth", [2, 3])
def test_two_and_three_layers_in_gamma_functions(depth: int, kappa: float) -> None:
    """There r_+(z) is a product of Γ(z/h + c)/Γ(z/h + α), of period h, with cos πs = −κ/2 for N = 2."""
    if depth == 2:
        period, cosine, s = 2, (1 / 3, 2 / 3), np.arccos(-kappa / 2) / np.pi
    else:
        period, cosine, s = 3, (1 / 4, 3 / 4), 3 * np.arccos((1 - kappa) / 2) / (2 * np.pi)
    alpha = s / period

    def factor(z: float) -> float:
        above, below = ([z / period + c for c in pair] for pair in (cosine, (alpha, 1 - alpha)))
        return float(np.prod(gamma(above)) / np.prod(gamma(below)))

    mu = equilibrium_measure(depth, kappa)
    assert mu.exponent == pytest.approx(s, abs=1e-14)
    edge = (depth + 1) ** (1 + 1 / depth) / depth * factor(0) * factor(1)
    assert mu.edge == pytest.approx(edge, rel=2e-14)
    for q in (-0.4, 0.5, 2.0, 7.0):
        raney = fuss_catalan_moments(q, depth, part="layer")
        exact = raney * factor(0) ** (q + 1) * factor(1) ** q / factor(q)
        assert mu.moment(q) == pytest.approx(exact, rel=2e-13)


def test_two_layers_at_kappa_two() -> None:
    """Then x and −x together are a log-gas on the line under |x|, of which Ullman's law is known."""
    mu, x = equilibrium_measure(2, 2), np.array([0.01, 1.0, 3.0])
    np.testing.assert_allclose(mu.density(x), 2 / np.pi**2 * np.arccosh(np.pi / x), rtol=1e-10)
    assert mu.density(0.0) == np.inf
    assert equilibrium_measure(3, 2).density(0.0) == pytest.approx(
        float(equilibrium_measure(3, 2).density(1e-9)), rel=1e-4
    )


@each("depth, kappa", [(3, 0.5), (3, 1.5), (6, 0.2)])
def test_ends_of_the_support(depth: int, kappa: float) -> None:
    mu = equilibrium_measure(depth, kappa)
    slope = np.diff(np.log(mu.density([1e-40, 1e-39])))[0] / np.log(10)
    assert slope == pytest.approx(mu.exponent - 1, abs=1e-8)
    near = np.log(mu.density(mu.edge * (1 - np.array([1e-4, 1e-6, 1e-8, 1e-10]))))
    np.testing.assert_allclose(-np.diff(near) / np.log(100), 0.5, atol=1e-4)
    np.testing.assert_array_equal(mu.density([-1, 0, 99]), [0, np.inf, 0])
    np.testing.assert_array_equal(mu.distribution([-1, 0, 99]), [0, 0, 1])


@each("depth, kappa", [(7, 0.0), (2, 1.3), (4, 0.6)])
def test_at_and_beyond_the_edge(depth: int, kappa: float) -> None:
    """Also where it is below 1: 4/7 for depth 7 and κ = 0."""
    mu = equilibrium_measure(depth, kappa)
    x = mu.edge * np.array([1.0, 1 + 1e-12, 1.7])
    np.testing.assert_array_equal(mu.density(x), [0, 0, 0])
    np.testing.assert_array_equal(mu.distribution(x), [1, 1, 1])
    assert mu.density(mu.edge * (1 - 1e-9)) > 0
    assert 0 < 1 - mu.distribution(mu.edge * (1 - 1e-6)) < 1e-6


def test_density_at_zero() -> None:
    """Its limit, and infinite where the exponent says so, or by a logarithm; beyond, a density of 0."""
    for depth, kappa in ((1, 1.0), (2, 2.0), (3, 1.9)):
        assert equilibrium_measure(depth, kappa).density(0.0) == np.inf
    for depth in (3,):
        mu = equilibrium_measure(depth, 2.0)
        assert mu.exponent == 1.0
        assert mu.density(0.0) == pytest.approx(mu.density(1e-12 * mu.edge), rel=1e-12)


@each("depth, kappa", [(1, 0.4), (2, 2.0), (3, 0.5), (40, 1.9)])
def test_error_is_what_coarser_integrals_change(depth: int, kappa: float) -> None:
    mu, shares = equilibrium_measure(depth, kappa), np.linspace(0.02, 0.98, 33)
    coarse = _inverse(-np.log(shares), depth, kappa, power=1, contour=20)
    change = np.abs(1 - coarse - mu.distribution(mu.edge * shares)).max()
    assert mu.error == pytest.approx(change, abs=3e-16 + 1e-3 * change)


def test_error_is_of_changes_to_either_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest at either end of the shares from 0.02 to 0.98, whatever its sign."""
    for end, change in product((0.02, 0.98), (0.25, -0.25)):

        def found(t: Any, *_: Any, contour: int = 24, end: Any = end, change: Any = change, **__: Any) -> Any:
            return np.where(np.abs(np.exp(-t) - end) < 1e-3, change, 0.0) * (contour == 20)

        monkeypatch.setattr("mme.bridge.equilibrium._inverse", found)
        assert equilibrium_measure(2).error == 0.25


def test_gammas_without_their_large_terms() -> None:
    """On both sides of where Stirling's series takes over, in all directions but the negative ones."""
    shifts = np.array([0.05, 0.5, 0.95, 2.0])
    turned = (10.01 * np.exp(2.4j), 9.99 * np.exp(-2.4j), 9.01 * np.exp(2.4j), 40.0 * np.exp(-1.5j))
    for z in (9.99, 10.01, *turned, 3.0, 0.01 + 0.2j, 1e9j):
        with mp.workdps(40):
            w = mp.mpmathify(z)
            large = w * mp.log(w) - w + mp.log(2 * mp.pi) / 2
            exact = complex(sum(mp.loggamma(w + mp.mpf(float(a))) - large for a in shifts))
        assert abs(complex(_log_gammas(np.array(z + 0j), shifts)) - exact) < 3e-14
    exact = float(np.log(gamma(shifts)).sum() - 2 * np.log(2 * np.pi))
    assert float(_log_gammas(np.zeros(()), shifts).real) == pytest.approx(exact, rel=1e-14)


@each("depth, kappa", [(1, 0.7), (2, 0.0), (3, 0.5), (6, 1.35), (9, 1.9), (40, 1.0)])
def test_shifts(depth: int, kappa: float) -> None:
    """They solve the equation of the hard edge, each between two integers, and N − s_j are the same ones."""
    s = depth * _shifts(depth, kappa)
    up, down = (np.sin(np.pi * s * (1 + sign / depth)) for sign in (1, -1))
    np.testing.assert_allclose(up - (1 - kappa) * down, 0, atol=2e-14 * depth)
    assert ((np.arange(depth) < s) & (s < np.arange(1, depth + 1))).all()
    np.testing.assert_allclose(s + s[::-1], depth, rtol=1e-14)


def test_shifts_where_two_meet() -> None:
    """At κ = 2 they are all integers between 0 and N, and N/2 once more."""
    np.testing.assert_allclose(2 * _shifts(2, 2.0), [1, 1], rtol=1e-15)
    np.testing.assert_allclose(3 * _shifts(3, 2.0), [1, 1.5, 2], rtol=1e-15)
    np.testing.assert_allclose(6 * _shifts(6, 2.0), [1, 2, 3, 3, 4, 5], rtol=1e-15)
    np.testing.assert_allclose(_shifts(6, 1.999999), _shifts(6, 2.0), atol=1e-3)


@each("depth, kappa", [*CASES, (1, 0.3), (2, 1.9), (17, 0.6)])
def test_moments_by_the_integral_of_wiener_and_hopf(depth: int, kappa: float) -> None:
    """Which knows no roots: log r_+(p) = (p/π) ∫ log r(iη) / (p² + η²) dη over η > 0."""

    def log_factor(p: float) -> float:
        def integrand(eta: float) -> float:
            a, b = (np.pi * eta * (1 + sign / depth) for sign in (1, -1))
            quotient = np.exp(b - a) * np.expm1(-2 * b) / np.expm1(-2 * a)
            return float(np.log1p(-(1 - kappa) * quotient) / (p**2 + eta**2))

        return p / np.pi * quad(integrand, 0, 8 * depth, epsabs=1e-14, epsrel=1e-13, limit=200)[0]

    mu, start = equilibrium_measure(depth, kappa), np.log1p(-(1 - kappa) * (depth - 1) / (depth + 1)) / 2
    edge = np.exp(log_edge(depth) + start + log_factor(1.0))
    assert mu.edge == pytest.approx(edge, rel=1e-12)
    for q in (0.5, 2.0, 6.0):
        raney = fuss_catalan_moments(q, depth, part="layer")
        factors = start + q * (start + log_factor(1.0)) - log_factor(q)
        assert mu.moment(q) == pytest.approx(raney * np.exp(factors), rel=1e-11)


def test_transform_near_and_far() -> None:
    """∫ (x/b)^q dμ for κ = 1 by its Gamma functions, on both sides of where the series begin, and far out."""
    for q in (9.9, 10.1, 39.5, 40.5, 24 + 31j, 25 + 32j, 300j, 1e7 * (1 - 1j)):
        with mp.workdps(40):
            p = mp.mpmathify(q)
            raney = mp.loggamma(1 + 5 * p / 4) - mp.loggamma(1 + p / 4) - mp.loggamma(2 + p)
            edge = mp.mpf(5) / 4 * mp.log(5) - mp.log(4)
            exact = complex(mp.exp(raney - p * edge))
        found = complex(np.exp(_log_transform(np.array(q + 0j), 4, 1.0)))
        assert found == pytest.approx(exact, rel=1e-13)


@pytest.mark.slow
def test_exponents_up_to_the_logarithm() -> None:
    """At depth 2 cos πs = −κ/2; at depth 1 one half; both where κ = 2 is near and where it is reached."""
    for kappa in (1e-3, 1.0, 1.97, 1.9999):
        exact = np.arccos(-kappa / 2) / np.pi
        assert equilibrium_measure(2, kappa).exponent == pytest.approx(exact, rel=1e-13)
        assert equilibrium_measure(1, kappa).exponent == pytest.approx(0.5, rel=1e-15)
    assert [equilibrium_measure(depth, 2.0).exponent for depth in (2, 3, 50)] == [1.0, 1.0, 1.0]
    assert equilibrium_measure(1000, 1.0).exponent == pytest.approx(1000 / 1001, rel=1e-13)


@pytest.mark.slow
@each("kappa", [0.0, 0.6, 2.0])
def test_a_thousand_layers(kappa: float) -> None:
    mu = equilibrium_measure(1000, kappa)
    assert mu.error < 1e-10
    assert mu.moment(1.0) == pytest.approx((2 + 999 * kappa) / 2000, rel=1e-12)
    if kappa == 0:
        assert mu.edge == pytest.approx(4 / 1000, rel=1e-12)
        x = mu.edge * np.array([1e-6, 0.3, 0.9])
        np.testing.assert_allclose(mu.density(x), np.sqrt(4 / 1000 / x - 1) * 1000 / (2 * np.pi), rtol=1e-9)


def test_bad_input() -> None:
    with pytest.raises(InputError, match=r"^depth must be an integer of at least 1"):
        equilibrium_measure(0, 1)
    with pytest.raises(InputError, match=r"^kappa must be a finite number from 0 to 2"):
        equilibrium_measure(2, 2.5)
    with pytest.raises(InputError, match=r"^power must be above -0.75 for a finite moment"):
        equilibrium_measure(3).moment(-0.8)
    for power in (1e4, [1.0, 1e4], [[1e4, 0.5]]):
        with pytest.raises(InputError, match=r"^power must be smaller for a moment within floating point"):
            equilibrium_measure(3).moment(power)
    for power in (-0.75, [-0.75, 1.0], [1.0, -0.76]):
        with pytest.raises(InputError, match=r"^power must be above -0.75 for a finite moment"):
            equilibrium_measure(3).moment(power)
    with pytest.raises(InputError, match=r"^depth must be smaller: an array of"):
        equilibrium_measure(10**6)
    with pytest.raises(InputError, match=r"^power must be smaller: an array of"):
        equilibrium_measure(1000).moment(np.ones(2**16))
    with pytest.raises(InputError, match=r"^x must be smaller: an array of"):
        equilibrium_measure(1000).density(np.ones(2**12))
