"""Forty digits: each closed form against a way to the same number that shares no formula with it."""

import itertools
import warnings
from math import comb

import mpmath as mp
import numpy as np
import pytest

from mme.algebra import C, Field, H, R
from mme.dln import group_volume_from_kernel, kernel, orbit_volume_from_kernel
from mme.dln.closed_kernels import (
    closed_walk,
    extrapolated,
    jacobi_average,
    settled,
    two_by_two,
    whole_group,
)
from mme.errors import InputError

over_fields = pytest.mark.parametrize("field", [R, C, H], ids=lambda field: field.name)
DIGITS = 40
RNG = np.random.default_rng(17)
PAIRS = [tuple(pair) for pair in RNG.uniform(0.3, 2, (2, 2))] + [(1.0, 1.0), (1.3, 1.29)]


@pytest.fixture(autouse=True)
def many_digits() -> object:
    with mp.workdps(70), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "singular_values come in equal pairs over H")
        yield


def agree(left: object, right: object, digits: int = DIGITS) -> None:
    assert abs(left - right) < mp.mpf(10) ** -digits, mp.nstr(left - right, 3)  # type: ignore[operator]


@pytest.mark.slow
@pytest.mark.parametrize("pair", PAIRS, ids=str)
@pytest.mark.parametrize("t", [2.0, 0.3])
def test_two_by_two(pair: tuple[float, float], t: float) -> None:
    """Over R rotations and reflections; over C Bessel's determinant; over H the moments, term by term."""
    a, b = (2 * mp.mpf(value) / mp.mpf(t) for value in pair)
    real = (mp.besseli(0, a + b) + mp.besseli(0, a - b)) / 2
    agree(kernel(pair, t, depth=2, digits=DIGITS), mp.log(real) - a - b)
    if a == b:  # the limit of the determinant, by l'Hôpital
        unitary = mp.besseli(0, a) ** 2 - mp.besseli(1, a) ** 2
    else:
        unitary = 2 * (b * mp.besseli(1, b) * mp.besseli(0, a) - a * mp.besseli(1, a) * mp.besseli(0, b))
        unitary /= b**2 - a**2
    agree(kernel(pair, t, depth=2, field=C, digits=DIGITS), mp.log(unitary) - a - b)
    agree(two_by_two([a / 2, b / 2], 2), mp.log(unitary) - a - b)
    # E u^n = (2)_n/(4)_n for the Beta law, and E (Re q)^2n = (1/2)_n/(2)_n for a unit quaternion
    terms = [
        (a / 2) ** (2 * j) * (b / 2) ** (2 * k) * mp.rf(2, j + k) / mp.rf(4, j + k)
        / (mp.factorial(j) * mp.factorial(k) * mp.rf(2, j) * mp.rf(2, k))
        for j, k in itertools.product(range(60), repeat=2)
    ]  # fmt: skip
    agree(kernel(pair, t, depth=2, field=H, digits=DIGITS), mp.log(mp.fsum(terms)) - a - b)


@pytest.mark.parametrize("depth", [2, 3, 5])
def test_one_by_one(depth: int) -> None:
    """Bessel functions of mpmath, and over R the choices of signs."""
    sigma, t = 1.7, 0.9
    x = mp.mpf(sigma) ** (mp.mpf(2) / depth) / mp.mpf(t)
    p = [mp.exp(-x) * mp.besseli(n, x) for n in range(80)]
    circle = p[0] ** depth + 2 * mp.fsum(value**depth for value in p[1:])
    sphere = mp.fsum(n**2 * (2 * p[n] / x) ** depth for n in range(1, 80))
    signs = mp.fsum(comb(depth, k) * mp.exp(-2 * k * x) for k in range(0, depth + 1, 2)) / 2 ** (depth - 1)
    for field, expected in ((R, signs), (C, circle), (H, sphere)):
        agree(kernel([sigma], t, depth=depth, field=field, digits=DIGITS), mp.log(expected))


def by_angles(x: mp.mpf, pairs: int, single: str, multiplicity: int) -> mp.mpf:
    """Weyl's density in the angles, by equal steps, which are exact to all digits for a periodic function."""
    grid = [2 * mp.pi * k / 80 for k in range(80)]
    factor = {"": lambda _: 1, "+": lambda a: 1 - mp.cos(a), "-": lambda a: 1 + mp.cos(a)}
    factor["+-"] = lambda a: mp.sin(a) ** 2
    one = [factor[single](a) for a in grid]
    cosine = [mp.cos(a) for a in grid]
    kernel = [mp.exp(multiplicity * x * (c - 1)) for c in cosine]
    above = below = mp.mpf(0)
    for at in itertools.product(range(80), repeat=pairs):
        density = mp.fprod(one[k] for k in at)
        density *= mp.fprod((cosine[j] - cosine[k]) ** 2 for j, k in itertools.combinations(at, 2))
        below += density
        above += density * mp.fprod(kernel[k] for k in at)
    return above / below


@pytest.mark.slow
def test_groups_by_angles() -> None:
    x = mp.mpf(1) / mp.mpf(0.7)
    half = mp.exp(-2 * x)
    expected = {
        (1, R): (1 + half) / 2,
        (2, R): (by_angles(x, 1, "", 2) + half) / 2,
        (3, R): (by_angles(x, 1, "+", 2) + half * by_angles(x, 1, "-", 2)) / 2,
        (4, R): (by_angles(x, 2, "", 2) + half * by_angles(x, 1, "+-", 2)) / 2,
        (5, R): (by_angles(x, 2, "+", 2) + half * by_angles(x, 2, "-", 2)) / 2,
        (1, H): by_angles(x, 1, "+-", 1),
        (2, H): by_angles(x, 2, "+-", 1),
    }
    for (d, field), value in expected.items():
        if d != 2 or field is not H:
            agree(kernel(np.ones(d), 1.4, depth=2, field=field, digits=DIGITS), mp.log(value))
    agree(kernel([1, 1], 1.4, depth=2, field=H, digits=30), mp.log(expected[2, H]), 30)


@pytest.mark.slow
@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_unitary_groups_by_permutations(d: int) -> None:
    """E |tr Q|^2n counts the permutations of n letters without d + 1 letters in increasing order: Σ f_λ²."""
    x = mp.mpf(1) / mp.mpf(0.7)

    def partitions(n: int, most: int, parts: int) -> list[list[int]]:
        if n == 0:
            return [[]]
        if parts == 0:
            return []
        heads = range(min(n, most), 0, -1)
        return [[head, *tail] for head in heads for tail in partitions(n - head, head, parts - 1)]

    def tableaux(shape: list[int]) -> mp.mpf:
        columns = [sum(row > j for row in shape) for j in range(shape[0] if shape else 0)]
        hooks = [row - j + columns[j] - i - 1 for i, row in enumerate(shape) for j in range(row)]
        return mp.factorial(sum(shape)) / mp.fprod(hooks)

    total = mp.mpf(0)
    for n in range(40):
        moment = mp.fsum(tableaux(shape) ** 2 for shape in partitions(n, n, d))
        total += (x / 2) ** (2 * n) * moment / mp.factorial(n) ** 2
    agree(kernel(np.ones(d), 1.4, depth=2, field=C, digits=DIGITS), mp.log(total) - d * x)


def log_volume(sigma: list[float], depth: int, beta: int) -> mp.mpf:
    """The entropy formula, in the form (1.2) and with the powers of λ divided out."""
    d, beta = len(sigma), mp.mpf(beta)
    roots = [mp.mpf(value) ** (mp.mpf(1) / depth) for value in sigma]
    value = (depth - 1) * log_group(d, beta) + d * (beta - 1) / 2 * mp.log(depth)
    value += (depth - 1) * (beta - 1) * mp.fsum(map(mp.log, roots))
    for a, b in itertools.combinations(roots, 2):
        value += beta / 2 * mp.log(mp.fsum(a ** (2 * p) * b ** (2 * (depth - 1 - p)) for p in range(depth)))
    return value


def log_group(d: int, beta: mp.mpf) -> mp.mpf:
    spheres = [mp.log(2 * mp.pi ** (beta * k / 2) / mp.gamma(beta * k / 2)) for k in range(1, d + 1)]
    return beta * d * (d - 1) / 4 * mp.log(2) + mp.fsum(spheres)


@over_fields
@pytest.mark.parametrize(
    ("sigma", "depth"),
    [(PAIRS[0], 2), (PAIRS[2], 2), (PAIRS[3], 2), ((1.7,), 5), ((0.6,), 2), ((1.2, 1.2, 1.2), 2)],
    ids=str,
)
@pytest.mark.slow
def test_volumes(field: Field, sigma: tuple[float, ...], depth: int) -> None:
    if field is not C and len(sigma) == 3:
        sigma = (1.2,) * 4
    found = orbit_volume_from_kernel(sigma, depth=depth, field=field, digits=DIGITS)
    assert found.error < 1e-39
    exact = log_volume(list(sigma), depth, field.beta)
    assert abs(mp.mpf(found.decimals) - exact) <= found.error
    assert found.log_volume == pytest.approx(float(mp.mpf(found.decimals)), rel=1e-15)


@pytest.mark.slow
def test_three_complex_layers_of_digits() -> None:
    found = orbit_volume_from_kernel([1.9, 1.1, 0.4], depth=2, field=C, digits=DIGITS)
    agree(mp.mpf(found.decimals), log_volume([1.9, 1.1, 0.4], 2, 2), DIGITS - 1)


@over_fields
@pytest.mark.slow
def test_group_volumes(field: Field) -> None:
    for d in range(1, 6):
        found = group_volume_from_kernel(d, field=field, digits=DIGITS)
        assert found.error < 1e-39
        agree(mp.mpf(found.decimals), log_group(d, mp.mpf(field.beta)), DIGITS - 1)


def test_settled_asks_for_more_digits() -> None:
    asked = []

    def cancels() -> mp.mpf:
        asked.append(mp.mp.dps)
        return (1 + mp.mpf(10) ** -30) - 1

    agree(settled(lambda: cancels() * mp.mpf(10) ** 30, 10), 1, 10)
    assert asked == [25, 37, 55, 82]
    with pytest.raises(InputError, match="cancels too many digits"):
        settled(lambda: mp.mpf(RNG.standard_normal()), 10)


def test_extrapolation() -> None:
    t = mp.mpf("0.3")
    found = extrapolated(lambda t: -t - t**2, 0, float(t), 30)
    assert abs(mp.mpf(found.decimals)) < 1e-30
    assert 5e-31 <= found.error < 2e-30  # half a unit of the last decimal, at least
    with pytest.raises(InputError, match="digits must be fewer"):
        extrapolated(lambda _: mp.mpf(RNG.standard_normal()), 1, 0.1, 30)


def test_extrapolated_decimals_of_what_is_below_one() -> None:
    """A circle of radius √0.1: no digit stands before the point, so that all are behind it."""
    found = orbit_volume_from_kernel([0.05], depth=2, field="C", digits=10)
    exact = mp.log(2 * mp.pi * mp.sqrt(2 * mp.mpf(0.05)))
    assert found.decimals == f"{float(exact):.10f}"
    assert len(found.decimals) == len("0.") + 10


def test_extrapolated_decimals_below_zero() -> None:
    found = extrapolated(lambda t: mp.mpf("12.25") - t, 0, 0.1, 20)
    assert found.decimals == "-12.25" + 18 * "0"
    assert (found.log_volume, found.error) == (-12.25, pytest.approx(5e-21, rel=1e-9, abs=0))


def last_change(values: list[mp.mpf], below: float) -> mp.mpf:
    """The first change below a bound of polynomials through the values at 1, 1/2, 1/4, …, read at 0."""
    before = mp.inf
    for count in range(1, len(values)):
        points = [mp.mpf(2) ** -k for k in range(count)]
        weights = [mp.fprod(other / (other - x) for other in points if other != x) for x in points]
        limit = mp.fdot(weights, values[:count])
        if abs(limit - before) < below:
            return abs(limit - before)
        before = limit
    raise AssertionError("the values do not settle")


def test_extrapolated_volumes_of_circles_whole() -> None:
    """U(1) is a circle of length 2π, and two layers of d = 1 over C one of radius √(2σ)."""
    start, below = mp.mpf(0.04 / (1 + 1 / 8)), 1e-10

    def log_volume(t: mp.mpf, rate: mp.mpf) -> mp.mpf:
        return mp.log(2 * mp.pi * t) / 2 + rate / t - mp.log(mp.besseli(0, rate / t))

    found = group_volume_from_kernel(1, field=C, digits=10)
    change = last_change([log_volume(start / 2**k, mp.mpf(1)) for k in range(15)], below)
    assert found.log_volume == pytest.approx(np.log(2 * np.pi), rel=0, abs=1e-10)
    assert found.error == pytest.approx(float(change) + 5e-11, rel=1e-9, abs=0)
    assert found.decimals == "1.8378770664"
    assert group_volume_from_kernel(1, field=C).decimals == "1.837877066409345"

    start, sigma = mp.mpf(0.02) * 3, mp.mpf(3)  # a quarter of 0.08 σ^{2/N}
    found = orbit_volume_from_kernel([3.0], depth=2, field=C, digits=10)
    change = last_change([log_volume(start / 2**k, 2 * sigma) for k in range(15)], below)
    assert found.log_volume == pytest.approx(np.log(2 * np.pi * np.sqrt(6)), rel=0, abs=1e-10)
    assert found.error == pytest.approx(float(change) + 5e-11, rel=1e-9, abs=0)
    assert found.decimals == mp.nstr(mp.log(2 * mp.pi * mp.sqrt(6)), 11, strip_zeros=False)


@pytest.mark.slow
@pytest.mark.parametrize("beta", [1, 4])
def test_one_singular_value_far_above_the_other(beta: int) -> None:
    """Only Re q_11 is left, a coordinate on a sphere in 2β dimensions: a Bessel function of order β − 1."""
    for large in (mp.mpf(10), mp.mpf(10) ** 20):
        y = 2 * large
        exact = mp.log(mp.gamma(beta) * (2 / y) ** (beta - 1) * mp.besseli(beta - 1, y)) - y
        for s in ([mp.mpf(10) ** -60, large], [large, mp.mpf(10) ** -60]):
            with mp.workdps(30):
                found = two_by_two(s, beta)
            agree(found, exact, 26)


@pytest.mark.parametrize("x", ["0.01", "0.5", "3"])
def test_short_walks_use_all_digits(x: str) -> None:
    """Two layers over C: e^{−2x} I_0(2x), to the digits that it is worked out with."""
    exact = mp.log(mp.besseli(0, 2 * mp.mpf(x))) - 2 * mp.mpf(x)
    with mp.workdps(16):
        found = closed_walk(mp.mpf(x), 2, 2)
    assert abs(found - exact) < 1e-13


@pytest.mark.parametrize("digits", [30, 60])
def test_long_walks_use_all_digits(digits: int) -> None:
    """At large x the terms fall off as e^{−n²/2x}, so that the root of x sets how many there are."""
    x = mp.mpf(10) ** 6
    exact = mp.log(mp.besseli(0, 2 * x)) - 2 * x
    with mp.workdps(digits):
        found = closed_walk(x, 2, 2)
    assert abs(found - exact) < mp.mpf(10) ** (3 - digits)


@pytest.mark.parametrize(
    ("value", "decimals"),
    [
        ("1", "1.0000"), ("-1", "-1.0000"), ("0.5", "0.5000"), ("-0.75", "-0.7500"), ("1.9375", "1.9375"),
        ("10", "10.0000"), ("-99.5", "-99.5000"), ("100", "100.0000"), ("0.0625", "0.0625"),
        ("-0.01171875", "-0.0117"), ("0.00006103515625", "0.0001"), ("0.000030517578125", "0.0000"),
        ("-0.000030517578125", "0.0000"), ("0", "0.0000"), ("-9.99999", "-10.0000"), ("0.99996", "1.0000"),
    ],
)  # fmt: skip
def test_decimals_are_as_many_on_both_sides_of_a_power_of_ten(value: str, decimals: str) -> None:
    found = extrapolated(lambda _: -mp.mpf(value), 0, 0.1, 4)
    assert (found.log_volume, found.error, found.decimals) == (float(value), 0.5e-4, decimals)


def test_no_variables_at_all() -> None:
    assert jacobi_average(0, mp.mpf(1), mp.mpf(1), mp.mpf(3)) == 1


@pytest.mark.parametrize(("share", "settled"), [(0.99, True), (1.01, False)])
def test_an_integral_is_believed_to_a_hundred_units_of_its_last_place(
    share: float, settled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def quad(*_: object, **__: object) -> tuple[mp.mpf, mp.mpf]:
        return mp.mpf(3), share * 3 * mp.mpf(10) ** (2 - mp.mp.dps)

    monkeypatch.setattr("mme.dln.closed_kernels.mp.quad", quad)
    if settled:
        two_by_two([mp.mpf(2), mp.mpf(1)], 1)
    else:
        with pytest.raises(InputError, match="singular_values must be less extreme beside t"):
            two_by_two([mp.mpf(2), mp.mpf(1)], 1)


def test_settled_where_fewer_than_the_digits_change() -> None:
    """The change must be below 10^−digits, not equal to it, and nothing is done with less than 15 more."""
    tenth = mp.mpf(10) ** -2
    for values, taken in (
        ([1.0, 1.0115, 1.0115], 3), ([1.0, 1.0085, 1.0], 2), ([0, tenth, tenth], 3), ([0, -tenth, -tenth], 3),
    ):  # fmt: skip
        left, precisions = list(values), list[int]()
        found = settled(lambda left=left, to=precisions: to.append(mp.mp.dps) or left.pop(0), 2)
        assert found == values[taken - 1]
        assert precisions == [17, 25, 37][:taken]


def test_extrapolated_where_the_last_change_is_below_the_digits() -> None:
    """The second corner of the triangle is off by twice what the second value is."""
    for change, more in (("0.0099", False), ("0.01", True), ("0.0101", True), ("0.0115", True)):
        taken = list[float]()

        def log_kernel(t: float, taken: list[float] = taken, change: str = change) -> object:
            taken.append(t)
            return -mp.mpf(change) / 2 if t < 0.5 else 0

        found = extrapolated(log_kernel, 0, 0.5, 2)
        assert taken[:2] == [0.5, 0.25]
        assert (len(taken) > 2) == more
        if not more:
            assert (found.log_volume, found.error) == pytest.approx((0.0099, 0.0099 + 0.005))
            assert found.decimals == "0.01"


@over_fields
@pytest.mark.parametrize("d", [6, 7, 9])
def test_traces_of_large_groups_are_gaussian(field: Field, d: int) -> None:
    """Their moments up to the 2d-th are those of a normal number of variance 1 (R), 1/2 (C) and 1/4 (H).

    Diaconis and Shahshahani, On the eigenvalues of random matrices (1994); over H half of the image's trace.
    """
    x = mp.mpf(1) / 1000
    variance = {1: mp.mpf(1), 2: mp.mpf(1) / 2, 4: mp.mpf(1) / 4}[field.beta]
    with mp.workdps(120):
        agree(whole_group(d, x, field.beta), -x * d + variance * x**2 / 2, 6 * d)


@pytest.mark.parametrize("d", [2, 5, 7])
def test_two_layers_at_large_times(d: int) -> None:
    """Z = E e^{−2 Re tr Σ(1 − Q)/t}, where Re tr ΣQ has the variance Σ σ²/2d and no third moment."""
    sigma, t = [1 + k / 4 for k in range(d)], 1e6
    first, second = sum(sigma), sum(value**2 for value in sigma)
    expected = (second / mp.mpf(t) / d - 2 * first) / mp.mpf(t)
    agree(kernel(sigma, t, depth=2, field="C", digits=40), expected, 20)
