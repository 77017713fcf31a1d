import mpmath as mp
import numpy as np
import pytest
from scipy.special import eval_genlaguerre

from mme.bridge import correlation_kernel, joint_log_density, layer_spectra, mean_density
from mme.bridge.biorthogonal import _kernel
from mme.errors import InputError
from tests.each import each


def grid(reach: float, nodes: int = 120) -> tuple[np.ndarray, np.ndarray]:
    t, w = np.polynomial.legendre.leggauss(nodes)
    lam = reach * (1 + t) / 2
    return lam**2, w * reach * lam


@pytest.mark.slow
@pytest.mark.parametrize(("d", "depth"), [(1, 3), (2, 3), (3, 2), (5, 4)])
@each("volume", ["manifold", "metric"])
def test_the_kernel_projects_onto_d_dimensions(d: int, depth: int, volume: str) -> None:
    """∫ K(x, x) dx = d and ∫ K(x, y) K(y, z) dy = K(x, z); the mean of γ|W|² is a dimension."""
    case = {"depth": depth, "volume": volume, "decay": 0.7}
    y, weights = grid(np.sqrt((60 + 20 * d) / (0.7 * depth)) * 1.6)
    density = mean_density(y, d, **case)
    assert (weights * density).sum() == pytest.approx(d, rel=1e-11)
    dimension = 2 * d**2 + (depth - 1) * d**2 * (volume == "manifold")
    assert 0.7 * depth * (weights * density * y).sum() == pytest.approx(dimension, rel=1e-11)
    twice = correlation_kernel(0.9, y, d, **case) * correlation_kernel(y, 1.3, d, **case)
    assert (weights * twice).sum() == pytest.approx(correlation_kernel(0.9, 1.3, d, **case), abs=1e-11)


SPECTRA = [([0.7], 4), ([1.5, 0.6], 9), ([2.0, 0.4], 3), ([2.0, 1.0, 0.3], 2), ([3, 2, 1, 0.1], 5)]


@pytest.mark.parametrize(("x", "depth"), SPECTRA)
@each("volume", ["manifold", "metric"])
def test_the_determinant_is_the_joint_density(x: list[float], depth: int, volume: str) -> None:
    points = np.array(x, dtype=float)
    case = {"depth": depth, "volume": volume, "decay": 0.8}
    K = correlation_kernel(points[:, None], points, len(x), **case)
    assert np.linalg.det(K) == pytest.approx(np.exp(joint_log_density(points, **case)), rel=1e-9)


@pytest.mark.parametrize("d", [2, 3])
def test_which_argument_has_the_powers(d: int) -> None:
    """At N = 3 and rate 1 K(x, y) is √(xy) e^{−(x+y)/2} times a polynomial of degree d − 1 in x, and in y³.

    Of the differences at equal steps of these the d-th vanish. Determinants do not tell x from y.
    """
    steps = np.arange(1.0, d + 2)
    roots, one = np.cbrt(steps), {"depth": 3, "decay": 2 / 3}
    in_x = correlation_kernel(steps, 1.7, d, **one) / np.sqrt(steps) * np.exp(steps / 2)
    in_y = correlation_kernel(1.7, roots, d, **one) / np.sqrt(roots) * np.exp(roots / 2)
    turned = correlation_kernel(roots, 1.7, d, **one) / np.sqrt(roots) * np.exp(roots / 2)
    for values, vanishes in ((in_x, True), (in_y, True), (turned, False)):
        assert (abs(np.diff(values, d)[0]) < 1e-13) == vanishes
        assert abs(np.diff(values, d - 1)[0]) > 1e-7


def test_one_layer_is_laguerre() -> None:
    x = np.array([0.01, 1.0, 5.0, 30.0])
    density = np.exp(-x) * sum(eval_genlaguerre(k, 0, x) ** 2 for k in range(9))
    np.testing.assert_allclose(mean_density(x, 9, depth=1, decay=2.0), density, rtol=1e-11)
    np.testing.assert_allclose(mean_density(x, 9, depth=4, decay=0.5, volume="metric"), density, rtol=1e-11)


@pytest.mark.slow
def test_the_order_may_be_large() -> None:
    """d = 40, where terms of 10^40 cancel: the mean number beyond x against draws."""
    d, depth = 40, 3
    x = np.linspace(0.2, 60, 400)
    density = mean_density(x[::5], d, depth=depth)
    assert (density >= -1e-12).all()
    drawn = layer_spectra(d, depth=depth, size=2000, rng=0)
    for low, high in ((5.0, 10.0), (20.0, 30.0), (40.0, 80.0)):
        t, w = np.polynomial.legendre.leggauss(40)
        mean = (mean_density(low + (high - low) * (1 + t) / 2, d, depth=depth) * w).sum() * (high - low) / 2
        counts = ((drawn > low) & (drawn < high)).sum(axis=-1)
        assert abs(counts.mean() - mean) < 4 * counts.std() / np.sqrt(len(counts)) + 1e-9


def test_shapes_and_bad_input() -> None:
    assert isinstance(mean_density(1.0, 2, depth=2), float)
    assert mean_density(np.empty(0), 2, depth=2).shape == (0,)
    assert correlation_kernel(np.ones((3, 1)), np.ones(2), 2, depth=2).shape == (3, 2)
    for bad, match in (
        ({"x": [1.0, 0.0]}, "^x and y must be positive"),
        ({"order": 41}, "^order must be an integer from 1 to 40"),
        ({"depth": 10**5}, "^depth must be an integer from 1 to 10000"),
        ({"x": np.ones(62_501), "order": 4}, r"^x and order must be smaller: order² times the entries"),
        ({"volume": "flat"}, "^volume must be one of"),
    ):
        with pytest.raises(InputError, match=match):
            mean_density(**({"x": 1.0, "order": 2, "depth": 2} | bad))


@pytest.mark.slow
def test_more_digits_change_nothing() -> None:
    cases = ((20, 3, 30.0, 30.0), (10, 1, 30.0, 2.0), (3, 40, 1.0, 1.5), (20, 10, 400.0, 400.0))
    for d, theta, x, y in cases:  # the last beyond the spectrum, where coefficients cancel most
        found, more = (_kernel(mp.mpf(x), mp.mpf(y), d, theta, digits) for digits in (17, 60))
        assert found == pytest.approx(more, rel=3e-16, abs=1e-17)


def test_x_and_order_may_be_as_large_as_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """10^6 terms are taken, and counted over all entries."""
    monkeypatch.setattr("mme.bridge.biorthogonal._kernel", lambda *_: 0.0)
    assert not mean_density(np.ones((25, 25)), 40, depth=2).any()
    with pytest.raises(InputError, match=r"exceeds 1000000\.$"):
        mean_density(np.ones((2, 313)), 40, depth=2)


def test_what_is_largest_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("LARGEST_ORDER", 2), ("MOST_TERMS", 8), ("DEEPEST", 3)):
        monkeypatch.setattr(f"mme.bridge.biorthogonal.{name}", value)
    assert mean_density([1.0, 2.0], 2, depth=3).shape == (2,)
    for bad in ({"order": 3}, {"depth": 4}, {"x": [1.0, 2.0, 3.0]}, {"order": 0}):
        with pytest.raises(InputError, match=f"^{next(iter(bad))} (must be|and order must)"):
            mean_density(**({"x": [1.0, 2.0], "order": 2, "depth": 3} | bad))
    for x, y in ((1.0, [1.0, 0.0]), ([1.0, 0.0], 1.0), (0.0, 1.0), (1.0, 0.0), (-1.0, 1.0), (1.0, -1.0)):
        with pytest.raises(InputError, match=r"^x and y must be positive"):
            correlation_kernel(x, y, 2, depth=2)
