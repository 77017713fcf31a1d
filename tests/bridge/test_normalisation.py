from itertools import product
from math import factorial, lgamma, log, pi

import mpmath as mp
import numpy as np
import pytest

from mme.algebra import C, Field, H, R
from mme.bridge import joint_log_density, log_normalisation
from mme.bridge.normalisation import log_ordered_integral
from mme.dln import entropy, log_metric_determinant, orbit_volume
from mme.errors import InputError
from tests.each import each

over_fields = pytest.mark.parametrize("F", [R, C, H], ids=lambda F: F.name)


def nodes(d: int, reach: float, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights on reach > λ_1 > … > λ_d > 0."""
    points, weights = np.polynomial.legendre.leggauss(number)
    unit, weights = (1 + points) / 2, weights / 2
    s = np.stack(np.meshgrid(*[unit] * d, indexing="ij"), -1).reshape(-1, d)
    w = np.prod(np.stack(np.meshgrid(*[weights] * d, indexing="ij"), -1).reshape(-1, d), -1)
    lam = reach * np.cumprod(s, axis=-1)
    return lam, w * reach * np.prod(lam[:, :-1], axis=-1)  # ∂(λ)/∂(s) = reach λ_1 … λ_{d−1}


@over_fields
@pytest.mark.parametrize("d", [1, 2, 3, 7])
@each("volume", ["manifold", "metric"])
def test_one_layer_is_a_gaussian_integral(F: Field, d: int, volume: str) -> None:
    """∫ e^{−γ|X|²/2} dX = (2π/γ)^{βd²/2} says that the group volumes and Selberg's constant fit together."""
    z = log_normalisation(d, depth=1, field=F, volume=volume, decay=0.7)
    assert z == pytest.approx(F.beta * d**2 / 2 * log(2 * pi / 0.7), abs=1e-12 * d**3)


@over_fields
@each("d, depth", [(1, 2), (1, 5), (2, 2), (2, 3)])
def test_the_metric_by_its_determinant(F: Field, d: int, depth: int) -> None:
    """∫ e^{−γN tr Σ^{2/N}/2} (det A)^{−1/2} dX over the Gaussian integral, both over singular values."""
    decay, reach = 1.3, 10.0
    lam, weights = nodes(d, reach, 90)
    pairs = [(k, l) for k in range(d) for l in range(k + 1, d)]

    def measure(sigma: np.ndarray) -> np.ndarray:  # dX up to a constant
        van = np.prod([sigma[:, k] ** 2 - sigma[:, l] ** 2 for k, l in pairs], axis=0)
        return np.abs(van) ** F.beta * np.prod(sigma, axis=-1) ** (F.beta - 1)

    sigma = lam**depth
    root = np.exp(-log_metric_determinant(sigma, depth=depth, field=F) / 2)
    stretch = np.prod(depth * lam ** (depth - 1), axis=-1)  # dσ/dλ
    bound = np.exp(-decay * depth / 2 * (lam**2).sum(-1)) * root * stretch
    flat = np.exp(-(lam**2).sum(-1) / 2)
    ratio = (weights * measure(sigma) * bound).sum() / (weights * measure(lam) * flat).sum()
    z = log_normalisation(d, depth=depth, field=F, volume="metric", decay=decay)
    assert z == pytest.approx(log(ratio) + F.beta * d**2 / 2 * log(2 * pi), abs=1e-7)


CASES = [
    (1, "R", 3), (1, "C", 2), (1, "H", 4), (2, "R", 2), (2, "R", 3), (2, "R", 5), (2, "C", 3), (2, "H", 2),
    (2, "H", 3), pytest.param(3, "R", 2, marks=pytest.mark.slow), (3, "C", 2), (3, "H", 2),
]  # fmt: skip


@pytest.mark.parametrize("volume", ["manifold", "metric"])
@pytest.mark.parametrize(("d", "name", "depth"), CASES)
def test_densities_integrate_to_one(d: int, name: str, depth: int, volume: str) -> None:
    decay = 0.8
    reach = np.sqrt(2 * (24 + 6 * d * {"R": 1, "C": 2, "H": 4}[name]) / (decay * depth)) * 1.4
    lam, weights = nodes(d, float(reach), {1: 80, 2: 60, 3: 44}[d])
    density = np.exp(joint_log_density(lam**2, depth=depth, field=name, volume=volume, decay=decay))
    assert (weights * density * np.prod(2 * lam, axis=-1)).sum() == pytest.approx(1, abs=1e-6)


@over_fields
@pytest.mark.parametrize(("d", "depth"), [(1, 4), (2, 3), pytest.param(3, 5, marks=pytest.mark.slow)])
def test_the_entropy_stands_between_both_volumes(F: Field, d: int, depth: int) -> None:
    """The law of the manifold is e^S Z_g/Z_M times that of the metric: constants, exponents and c^{N−1}."""
    rng, decay = np.random.default_rng(d), 0.6
    lam = np.sort(rng.gamma(2.0, size=(5, d)))[:, ::-1]
    case = {"depth": depth, "field": F, "decay": decay}
    density = {name: joint_log_density(lam**2, **case, volume=name) for name in ("manifold", "metric")}
    z = {name: log_normalisation(d, **case, volume=name) for name in density}
    S = entropy(lam**depth, depth=depth, field=F)
    difference = density["manifold"] + z["manifold"] - density["metric"] - z["metric"]
    np.testing.assert_allclose(difference, S, rtol=0, atol=1e-9)


@pytest.mark.slow
@over_fields
@each("d, depth", [(2, 2), (3, 2)])
def test_mean_orbit_volume_of_gaussian_matrices(F: Field, d: int, depth: int) -> None:
    """E vol(O_X) = Z_M/Z_g where one layer is a Gaussian matrix, of variance 1/γN a component."""
    decay, draws = 2.0, 200_000
    one = F.ginibre(d, size=draws, rng=5)
    scale = np.sqrt(np.mean(F.norm(one) ** 2) / (F.beta * d**2))  # whatever ginibre's convention is
    lam = F.singular_values(one) / scale / np.sqrt(decay * depth)
    volumes = orbit_volume(lam**depth, depth=depth, field=F)
    case = {"depth": depth, "field": F, "decay": decay}
    ratio = log_normalisation(d, **case) - log_normalisation(d, **case, volume="metric")
    error = volumes.std() / np.sqrt(draws)
    assert error < 0.03 * volumes.mean()
    assert abs(volumes.mean() - np.exp(ratio)) < 4 * error


def test_digits_where_the_integral_is_known() -> None:
    """For d = N = 2 over R the density is (x − y) √(x + y) / √(xy), of which the integral is Γ(5/2)."""
    with mp.workdps(70):
        found = log_ordered_integral(2, 2, 1, "manifold", 1.0, 50)
        assert abs(found - mp.loggamma(mp.mpf(5) / 2)) < mp.mpf(10) ** -50
    with mp.workdps(60):  # x = ru, y = r(1 − u), and r gives a Gamma function
        smooth = mp.quad(lambda u: ((2 * u - 1) * (u**3 - (1 - u) ** 3)) ** 2 * (u - u**2) ** 4, [0.5, 1])
        found = log_ordered_integral(2, 3, 4, "manifold", 2 / 3, 40)
        scale = mp.log(mp.mpf(2 / 3) * 3 / 2) * 18  # 2/3 is a float
        assert abs(found + scale - mp.log(smooth) - mp.loggamma(18)) < mp.mpf(10) ** -38
        digits = log_normalisation(2, depth=3, digits=40)
        assert abs(digits - mp.mpf(log_normalisation(2, depth=3))) < 1e-13


@each("F", ["R", "C", "H"])
def test_decimals_of_large_numbers(F: str) -> None:
    """At depth 10^15 the logarithm has sixteen digits before the point; over R and H it is that of d = 1."""
    case = {"depth": 10**15, "field": F, "digits": 20}
    d = 40 if F == "C" else 1
    with mp.workdps(120):
        assert abs(log_normalisation(d, **case) - log_normalisation(d, **(case | {"digits": 60}))) < 1e-20


def test_decimals_at_the_largest_order() -> None:
    """Where the logarithm has 23 digits before the point."""
    with mp.workdps(120):
        few, more = (log_normalisation(2000, depth=4 * 10**15, digits=digits) for digits in (9, 30))
        assert abs(more) > mp.mpf(10) ** 22
        assert abs(few - more) < 1e-9


@each("digits", [1, 17, 60])
def test_the_integral_over_ratios_keeps_ten_digits_in_reserve(
    monkeypatch: pytest.MonkeyPatch, digits: int
) -> None:
    """What bounds its error guesses. For d = 2 and N = 3 there are two more, of 12 = d²N."""
    for share, taken in ((0.999, True), (1, False), (1.001, False), (mp.nan, False)):

        def found(*_: object, share: object = share, **__: object) -> tuple[object, object]:
            return mp.mpf(8), 8 * mp.mpf(10) ** -(digits + 2 + 10) * share

        monkeypatch.setattr("mme.bridge.normalisation.mp.quad", found)
        log_ordered_integral.cache_clear()
        if taken:
            value = log_ordered_integral(2, 3, 1, "manifold", 2 / 3, digits)
            with mp.workdps(digits + 9):  # (d − 1) log 2 + log Γ(da + d(d − 1)(1 + N)/4) + log 8
                scale = mp.log(mp.mpf(2 / 3) * 3 / 2) * 3  # 2/3 is a float
                assert abs(value + scale - mp.log(2 * mp.gamma(3) * 8)) < mp.mpf(10) ** -digits
        else:
            with pytest.raises(InputError, match=r"^depth must be smaller for the integral"):
                log_ordered_integral(2, 3, 1, "manifold", 2 / 3, digits)
    log_ordered_integral.cache_clear()


@pytest.mark.slow
def test_the_sum_over_permutations_at_larger_order() -> None:
    """By expanding both squares: d = 4 at N = 2 as Σ over pairs of permutations of four determinants."""
    d, depth, a = 4, 2, 3.5  # (3N + 1)/2
    index = np.arange(d)
    total = mp.mpf(0)
    with mp.workdps(40):
        # van(x)² = Σ_{σ,τ} ± Π x^{σ_i + τ_i}, and the same in x^N; one permutation of four may stand still.
        van = square_of_vandermonde(d)
        far = {tuple(depth * p for p in powers): c for powers, c in van.items()}
        for (powers, c), (others, e) in product(van.items(), far.items()):
            total += c * e * mp.fprod(mp.gamma(a + powers[i] + others[i]) for i in index)
        found = log_ordered_integral(d, depth, 4, "manifold", 1.0, 20)
        assert abs(found - mp.log(total / factorial(d))) < 1e-18


def square_of_vandermonde(d: int) -> dict[tuple[int, ...], int]:
    poly = {(0,) * d: 1}
    for k in range(d):
        for l in range(k + 1, d):
            for _ in range(2):
                new: dict[tuple[int, ...], int] = {}
                for powers, c in poly.items():
                    for which, sign in ((k, 1), (l, -1)):
                        raised = tuple(p + (i == which) for i, p in enumerate(powers))
                        new[raised] = new.get(raised, 0) + sign * c
                poly = new
    return {powers: c for powers, c in poly.items() if c}


def test_the_product_over_c_as_a_determinant() -> None:
    """Andréief: det Γ((N+1)/2 + i + Nj), without the product formula."""
    d, depth = 6, 3
    with mp.workdps(40):
        matrix = mp.matrix(d, d)
        for i, j in product(range(d), repeat=2):
            matrix[i, j] = mp.gamma(mp.mpf(depth + 1) / 2 + i + depth * j)
        found = log_ordered_integral(d, depth, 2, "manifold", 2 / depth, 20)
        assert abs(found - mp.log(abs(mp.det(matrix)))) < 1e-14  # 2/3 is a float


def test_what_is_not_known_is_said() -> None:
    with pytest.raises(InputError, match=r"^order must be at most 3 for the constant on the manifold over R"):
        log_normalisation(4, depth=2, field="R")
    with pytest.raises(InputError, match=r"^order must be such that order⁵ · depth ≤ 311040 for .* over H"):
        log_normalisation(7, depth=20, field="H")
    assert log_normalisation(4, depth=303, field="H") > 0  # 4⁵ · 303 = 310272
    with pytest.raises(InputError, match=r"but it is 4 at depth 304\.$"):
        log_normalisation(4, depth=304, field="H")
    with pytest.raises(InputError, match=r"^depth must be smaller for the integral"):
        log_normalisation(2, depth=10**9, field="R")
    for bad in ({"decay": 0}, {"volume": "flat"}, {"field": "Q"}, {"depth": 0}, {"digits": 101}):
        with pytest.raises(InputError, match=f"^{next(iter(bad))} must be"):
            log_normalisation(2, **({"depth": 2} | bad))
    with pytest.raises(InputError, match=r"^values must have shape"):
        joint_log_density([1.0, 0.0], depth=2)
    assert joint_log_density([1.0, 1.0], depth=2) == -np.inf
    half_lines = lgamma(0.5) + log(4 * 2**-0.5)  # four of length √2 ∫ e^{−λ²} dλ
    assert log_normalisation(1, depth=2, field="R") == pytest.approx(half_lines, abs=1e-13)


def test_what_is_largest_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("MOST_OVER_R", 2), ("MOST_OVER_H", 2**5 * 3), ("LARGEST_ORDER", 4)):
        monkeypatch.setattr(f"mme.bridge.normalisation.{name}", value)
    log_ordered_integral.cache_clear()
    case = {"volume": "manifold", "digits": 1}
    for d, depth, name in ((2, 2, "R"), (2, 3, "H"), (4, 9, "C"), (4, 1, "R"), (4, 1, "H"), (1, 400, "H")):
        assert np.isfinite(float(log_normalisation(d, depth=depth, field=name, **case)))
    for d, depth, name in ((3, 2, "R"), (2, 4, "H"), (5, 2, "C"), (5, 1, "R"), (0, 2, "C")):
        with pytest.raises(InputError, match=r"^order must be"):
            log_normalisation(d, depth=depth, field=name, **case)
    with pytest.raises(InputError, match=r"^digits must be an integer from 1 to 100"):
        log_normalisation(2, depth=2, digits=0)
    assert abs(log_normalisation(2, depth=2, digits=100) - log_normalisation(2, depth=2, digits=40)) < 1e-40
    log_ordered_integral.cache_clear()


def test_shapes_of_densities() -> None:
    x = np.array([[2.0, 0.5], [1.0, 0.3], [4.0, 0.1]])
    found = joint_log_density(x, depth=3)
    assert found.shape == (3,)
    assert found[1] == joint_log_density(x[1, ::-1], depth=3)  # in any order
    assert isinstance(joint_log_density([0.5], depth=2), float)
    assert joint_log_density(np.empty((0, 2)), depth=2).shape == (0,)
    for bad in (1.0, np.empty((3, 0)), [1.0, -1.0], [[1.0, 0.0], [1.0, 2.0]]):
        with pytest.raises(InputError, match=r"^values must have shape \(\.\.\., d\)"):
            joint_log_density(bad, depth=2)
