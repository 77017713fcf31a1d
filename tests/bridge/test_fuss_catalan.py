from itertools import pairwise
from math import comb

import mpmath as mp
import numpy as np
import pytest

from mme.algebra import C, R
from mme.bridge import (
    fuss_catalan_density,
    fuss_catalan_distribution,
    fuss_catalan_moments,
    layer_spectra,
)
from mme.bridge.fuss_catalan import log_edge
from mme.errors import InputError
from tests.each import each

PARTS = ("end_to_end", "layer")
in_both = pytest.mark.parametrize("part", PARTS)


def support(depth: int, part: str, nodes: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights on the support, with powers that leave no root at either end."""
    edge = (depth + 1) ** (depth + 1) / depth**depth
    edge = edge if part == "end_to_end" else edge ** (1 / depth)
    power = 2 * (depth + 1)
    t, w = np.polynomial.legendre.leggauss(nodes)
    t, w = (1 + t) / 2, w / 2
    s = 1 - (1 - t) ** 2
    return edge * s**power, w * 2 * (1 - t) * edge * power * s ** (power - 1)


@in_both
@each("depth", [1, 2, 3, 6])
def test_density_has_the_moments(depth: int, part: str) -> None:
    """C((N+1)k, k)/(Nk + 1) at integers, and the same numbers by x^{Nk} of one layer."""
    x, weights = support(depth, part)
    density = weights * fuss_catalan_density(x, depth, part=part)
    for k in range(4):
        whole = comb((depth + 1) * k, k) / (depth * k + 1)
        power = k if part == "end_to_end" else depth * k
        assert (density * x**power).sum() == pytest.approx(whole, rel=1e-10)
        assert fuss_catalan_moments(power, depth, part=part) == pytest.approx(whole, rel=1e-12)
        # half powers too
        found = fuss_catalan_moments(k + 0.5, depth, part=part)
        assert (density * x ** (k + 0.5)).sum() == pytest.approx(found, rel=1e-10)


@pytest.mark.slow
@in_both
@each("depth", [1, 2, 3, 6])
def test_distribution_is_the_integral_of_the_density(depth: int, part: str) -> None:
    x, _ = support(depth, part, 20)
    x = x[5:-2]
    t, w = np.polynomial.legendre.leggauss(60)
    for low, high in pairwise(x):
        inside = low + (high - low) * (1 + t) / 2
        mass = (fuss_catalan_density(inside, depth, part=part) * w).sum() * (high - low) / 2
        rise = np.diff(fuss_catalan_distribution([low, high], depth, part=part))[0]
        assert mass == pytest.approx(rise, rel=1e-8, abs=1e-13)


def test_one_layer_is_marchenko_and_pastur() -> None:
    x = np.linspace(0.01, 3.99, 50)
    for part in PARTS:
        law = np.sqrt(x * (4 - x)) / (2 * np.pi * x)
        np.testing.assert_allclose(fuss_catalan_density(x, 1, part=part), law, rtol=1e-11)


@pytest.mark.slow
@pytest.mark.parametrize("F", [R, C], ids="RC")
@each("depth", [1, 2, 4])
def test_products_of_ginibre_matrices(F: object, depth: int) -> None:
    """Squared singular values of products of wide matrices, as a distribution and by log moments."""
    d, draws = 250, 4
    rng = np.random.default_rng(depth)
    shares, points = [], np.array([0.01, 0.1, 0.5, 1.0, 2.0, 3.0])
    for _ in range(draws):
        product = np.eye(d)
        for _ in range(depth):
            layer = rng.standard_normal((d, d))
            if F is C:
                layer = (layer + 1j * rng.standard_normal((d, d))) / np.sqrt(2)
            product = layer / np.sqrt(d) @ product
        y = np.linalg.svd(product, compute_uv=False) ** 2
        shares.append((y[:, None] <= points).mean(axis=0))
    law = fuss_catalan_distribution(points, depth)
    assert np.abs(np.mean(shares, axis=0) - law).max() < 1.5 / d  # eigenvalues are rigid
    assert np.abs(np.mean(shares, axis=0) - fuss_catalan_distribution(points, depth + 1)).max() > 10 / d


@pytest.mark.slow
@each("depth", [2, 5])
def test_layers_of_the_balanced_manifold(depth: int) -> None:
    """With γ = 2d over C the layers of wide networks have the layer law, and their product the other."""
    d = 150
    x = layer_spectra(d, depth=depth, decay=2 * d, size=10, rng=1)
    points = np.quantile(x, [0.05, 0.3, 0.6, 0.9])
    found = (x[..., None] <= points).mean(axis=(0, 1))
    np.testing.assert_allclose(found, fuss_catalan_distribution(points, depth, part="layer"), atol=1.5 / d)
    same = fuss_catalan_distribution(points**depth, depth)
    np.testing.assert_allclose(
        same, fuss_catalan_distribution(points, depth, part="layer"), rtol=0, atol=1e-13
    )


def test_infinite_depth_is_uniform() -> None:
    x = np.array([0.1, 0.5, 0.9])
    np.testing.assert_allclose(fuss_catalan_density(x, 10**7, part="layer"), 1, atol=5e-6)
    np.testing.assert_allclose(fuss_catalan_distribution(x, 10**7, part="layer"), x, atol=2e-6)


@in_both
@each("depth", [1, 3])
def test_ends_of_the_support(depth: int, part: str) -> None:
    power = 1 if part == "layer" else depth
    edge = np.exp(power * log_edge(depth))
    outside = fuss_catalan_density([-1, 0, edge * 1.001], depth, part=part)
    np.testing.assert_array_equal(outside, [0, np.inf, 0])
    np.testing.assert_array_equal(fuss_catalan_distribution([-1, 0, edge + 1], depth, part=part), [0, 0, 1])
    slope = np.diff(np.log(fuss_catalan_density([1e-60, 1e-59], depth, part=part)))[0] / np.log(10)
    assert slope == pytest.approx(-1 / (depth + 1) if part == "layer" else -depth / (depth + 1), abs=1e-8)
    shares = np.log(1 - fuss_catalan_distribution(edge * (1 - np.array([1e-4, 1e-6])), depth, part=part))
    assert -np.diff(shares)[0] / np.log(100) == pytest.approx(1.5, abs=1e-3)
    assert fuss_catalan_density(edge, depth, part=part) < 1e-5
    assert (fuss_catalan_density(4.0, 1, part=part), fuss_catalan_distribution(4.0, 1, part=part)) == (0, 1)


def test_bad_input() -> None:
    with pytest.raises(InputError, match=r"^depth must be an integer of at least 1"):
        fuss_catalan_density(1.0, 0)
    with pytest.raises(InputError, match=r"^part must be one of 'end_to_end', 'layer'"):
        fuss_catalan_distribution(1.0, 2, part="middle")
    with pytest.raises(InputError, match=r"^power must be above −1/\(N\+1\)"):
        fuss_catalan_moments(-0.4, 2)
    for power, part in ((-1 / 3, "end_to_end"), ([1.0, -0.4], "end_to_end"), ([-2 / 3, 1.0], "layer")):
        with pytest.raises(InputError, match=r"^power must be above −1/\(N\+1\)"):
            fuss_catalan_moments(power, 2, part=part)
    assert fuss_catalan_moments(-0.4, 2, part="layer") > 1
    # One layer at y = 4 sin² t, with the density √(4/y − 1)/2π; and t = s⁵ takes the pole away.
    integrand = lambda s: s**4 * mp.cos(s**5) ** 2 * (2 * mp.sin(s**5)) ** -0.8  # noqa: E731
    mean = 20 / mp.pi * mp.quad(integrand, [0, (mp.pi / 2) ** 0.2])
    assert fuss_catalan_moments(-0.4, 1) == pytest.approx(float(mean), rel=1e-12)
    for power in (1e4, [1.0, 1e4]):
        with pytest.raises(InputError, match=r"^power must be smaller"):
            fuss_catalan_moments(power, 2)


@each("part", PARTS)
def test_next_to_the_edge(part: str) -> None:
    """Where rounding decides whether there is an angle, the share is 1 and the density nearly 0."""
    for depth in (1, 2, 3, 7, 12):
        edge = np.exp((1 if part == "layer" else depth) * log_edge(depth))
        x = edge * (1 + np.array([-4, -2, -1, 0, 1, 2, 4]) * 2.0**-52)
        assert (fuss_catalan_density(x, depth, part=part) < 1e-5).all()
        np.testing.assert_allclose(fuss_catalan_distribution(x, depth, part=part), 1, rtol=1e-12)
