import math
import random
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cache
from itertools import combinations
from typing import Any

import flint
import numpy as np
import pytest
from flint import arb, arb_mat, fmpq

from mme.algebra import C, Field, H, R
from mme.dln import (
    balls,
    block_determinant,
    chebyshev_recurrence,
    entropy,
    gram_matrix,
    orbit_map_differential,
    pushed_forward_basis,
    tridiagonal_determinants,
)
from mme.errors import InputError
from mme.evidence import CheckFailed, check

over_fields = pytest.mark.parametrize("field", [R, C, H], ids=lambda field: field.name)
CLAIM = check("theorem-1.1", "a test")


@pytest.fixture(autouse=True)
def precision() -> Iterator[None]:
    with flint.ctx.workprec(300):
        yield


def floats(matrix: arb_mat) -> np.ndarray:
    entries = [float(entry.mid()) for entry in matrix.entries()]
    return np.array(entries).reshape(matrix.nrows(), matrix.ncols())


def over(field: Field, matrix: arb_mat) -> np.ndarray:
    """The same matrix as mme.algebra has it."""
    d = matrix.nrows() // field.beta
    parts = [float(entry.mid()) for entry in balls.components(matrix, field.beta)]
    return field.from_components(np.array(parts).reshape(d, d, field.beta))


@over_fields
def test_products_adjoints_and_basis_are_those_of_the_field(field: Field) -> None:
    draws = random.Random(1)
    a, b = (balls.unitary(2, field.beta, draws) * 3 + balls.diagonal([1, 2], field.beta) for _ in "ab")
    np.testing.assert_allclose(over(field, a * b), over(field, a) @ over(field, b), rtol=0, atol=1e-13)
    np.testing.assert_allclose(over(field, a.transpose()), field.adjoint(over(field, a)), rtol=0, atol=1e-15)
    left, right = (balls.components(each, field.beta) for each in (a, b))
    pairing = float(sum(x * y for x, y in zip(left, right, strict=True)).mid())
    assert pairing == pytest.approx(field.pairing(over(field, a), over(field, b)), abs=1e-12)
    for d in (1, 2, 3):
        basis = [over(field, element) for element in balls.lie_basis(d, field.beta)]
        np.testing.assert_allclose(np.array(basis).reshape(field.lie_basis(d).shape), field.lie_basis(d))


@over_fields
def test_real_matrix_and_unitary(field: Field) -> None:
    b, draws = field.beta, random.Random(5)
    first, second = balls.unitary(2, b, draws), balls.unitary(2, b, draws)
    one = balls.diagonal([1, 1], b)
    CLAIM.certified(first * first.transpose(), one)
    assert all(max(abs(floats(each - one)).ravel()) > 0.1 for each in (first, second, first - second + one))
    matrix = balls.real_matrix(lambda Z: first * Z * second + 3 * Z, 2, b)
    Z = balls.diagonal([2, 3], b) * second + first
    image = matrix * arb_mat([[entry] for entry in balls.components(Z, b)])
    CLAIM.certified(image, balls.components(first * Z * second + 3 * Z, b))


@over_fields
def test_differential_at_frames(field: Field) -> None:
    """Against the package's own, in floating point, for X = UΣV*."""
    draws, sigma, b = random.Random(2), [Fraction(9, 4), Fraction(1, 3)], field.beta
    at_one = [balls.diagonal([1, 1], b)] * 4
    roots = [balls.ball(value).root(3) for value in sigma]
    vectors = floats(balls.orbit_differential(roots, at_one, b))
    expected = field.components(pushed_forward_basis([2.25, 1 / 3], depth=3, field=field))
    np.testing.assert_allclose(vectors, expected.reshape(vectors.shape), rtol=0, atol=1e-14)
    chain = [balls.unitary(2, b, draws) for _ in range(4)]
    V, first, second, U = (over(field, each) for each in chain)
    X = U @ field.diagonal([2.25, 1 / 3]) @ field.adjoint(V)
    basis = field.lie_basis(2)
    directions = np.einsum("aij,pq->apqij", basis, np.eye(2))
    expected = orbit_map_differential(X, directions, field, frames=[first, second])
    # The decomposition that the package finds may differ from ours by units, and the frames with it.
    ours = floats(balls.gram_matrix(sigma, depth=3, beta=b, frames=chain))
    flat = field.components(expected).reshape(len(ours), -1)
    np.testing.assert_allclose(
        np.linalg.slogdet(ours)[1], np.linalg.slogdet(flat @ flat.T)[1], rtol=0, atol=1e-12
    )


@over_fields
def test_the_gram_matrix_is_the_same_at_all_frames(field: Field) -> None:
    """Entry by entry, for Ψ(QR) = Q·Ψ(R), and the action on layers is one of isometries."""
    draws, sigma, b = random.Random(4), [Fraction(9, 4), Fraction(1, 3)], field.beta
    chain = [balls.unitary(2, b, draws) for _ in range(4)]
    there = balls.gram_matrix(sigma, depth=3, beta=b, frames=chain)
    CLAIM.certified(there, balls.gram_matrix(sigma, depth=3, beta=b))


def test_dual_numbers() -> None:
    x = balls.unitary(2, 4, random.Random(3))
    y, dx, dy = x * x + 2 * x, 3 * x - x.transpose(), x * x * x
    value, slope = balls.product((x, dx), (y, dy), (x, dx))
    CLAIM.certified(value, x * y * x)
    CLAIM.certified(slope, dx * y * x + x * dy * x + x * y * dx)
    root = balls.diagonal([2, 3], 4)
    value, slope = balls.layer((x, dx), root, (y, dy))
    CLAIM.certified(value, x * root * y.transpose())
    CLAIM.certified(slope, dx * root * y.transpose() + x * root * dy.transpose())


def test_determinant_in_pieces() -> None:
    draws = random.Random(4)
    for _ in range(20):
        n = draws.randint(0, 7)
        entries = [draws.choice([0, 0, 0, 1, -2, 3]) for _ in range(n * n)]
        matrix = arb_mat(n, n, entries)
        exact, found = flint.fmpz_mat(n, n, entries).det(), balls.determinant(matrix)
        assert found.contains(exact)
        assert not exact or found.rad() < 1e-60
    assert balls.determinant(arb_mat([[0, 1], [1, 0]])) == -1
    assert balls.determinant(arb_mat([[1, 5], [0, 1]])) == 1


def test_cases() -> None:
    drawn = balls.cases(7, deepest=5)
    assert drawn == balls.cases(7, deepest=5) != balls.cases(8, deepest=5)
    assert [(b, len(sigma)) for sigma, _, b in drawn] == [
        (b, d) for b in (1, 2, 4) for d in (1, 2, 2, 3, 3, 4, 4)
    ]
    assert all(sigma == sorted(sigma, reverse=True) and min(sigma) > 0 for sigma, _, _ in drawn)
    assert [len(set(sigma)) == len(sigma) for sigma, _, _ in drawn] == [True, *[True, False] * 3] * 3
    assert {N for sigma, N, _ in drawn if len(sigma) == 4} == {5}
    more = [case for seed in range(20) for case in balls.cases(seed, deepest=5)]
    assert {N for sigma, N, _ in more if len(sigma) < 4} == {2, 3, 4, 5}
    for sigma, count in (([1, 3, 3], 3), ([1, 4, 4], 4)):  # how often the largest may occur
        assert {s.count(s[0]) for s, _, _ in more if len(s) == count} == {*range(1, count + 1)}, sigma


@over_fields
def test_group_volume(field: Field) -> None:
    for d in range(1, 7):
        assert float(balls.group_volume(d, field.beta).log().mid()) == pytest.approx(
            field.log_group_volume(d), rel=1e-14
        )
    spheres = {1: 2, 2: 2 * arb.pi(), 4: 2 * arb.pi() ** 2}
    CLAIM.certified(balls.group_volume(1, field.beta), spheres[field.beta])


WIDE = [Fraction(5, 2), Fraction(2), Fraction(2), Fraction(7, 5), Fraction(1, 30)]  # beyond what is drawn


@pytest.mark.parametrize("case", [*balls.cases(11, deepest=4), *((WIDE, 3, b) for b in (1, 2, 4))], ids=str)
def test_orbit_volume(case: tuple[list[Fraction], int, int]) -> None:
    sigma, depth, b = case
    volume = balls.orbit_volume(sigma, depth=depth, beta=b)
    jacobian = balls.determinant(balls.gram_matrix(sigma, depth=depth, beta=b)).sqrt()
    CLAIM.certified(volume / jacobian, balls.group_volume(len(sigma), b) ** (depth - 1))
    values = [float(value) for value in sigma]
    if b == 4 and len(set(sigma)) == 1:
        return  # the package warns of equal pairs over H
    found = entropy(values, depth=depth, field=b)
    assert found == pytest.approx(float(volume.log().mid()), rel=1e-13, abs=1e-13)
    gram = gram_matrix(values, depth=depth, field=b)
    np.testing.assert_allclose(
        floats(balls.gram_matrix(sigma, depth=depth, beta=b)), gram, rtol=0, atol=1e-12
    )


def test_formulas_of_the_package_take_balls() -> None:
    x, y = arb(2).sqrt(), arb(3).sqrt()
    CLAIM.certified(chebyshev_recurrence(5, x), [x.chebyshev_u(n) for n in range(6)])
    CLAIM.certified(tridiagonal_determinants(4, x, y)[4], x**4 - 9 * x**2 + 9)
    CLAIM.certified(block_determinant(x, y, 4), 65)  # 8 + 12 + 18 + 27


# --- formulas and their neighbours --------------------------------------------------------------------


@cache
def measured(sigma: tuple[Fraction, ...], N: int, b: int) -> dict[str, Any]:
    """What has no formula of the paper in it: both determinants, from the differentials."""
    gram = balls.gram_matrix(sigma, depth=N, beta=b)
    d, lam = len(sigma), [balls.ball(value).root(N) for value in sigma]
    root = balls.diagonal(lam, b)
    powers = [(root ** (2 * (N - p)), root ** (2 * (p - 1))) for p in range(1, N + 1)]
    A = balls.real_matrix(lambda Z: sum((x * Z * y for x, y in powers), 0 * Z), d, b)
    det, s = balls.determinant(gram), [balls.ball(value) for value in sigma]
    return {
        "gram": gram, "det": det, "A": A.det(), "c": balls.group_volume(d, b), "s": s, "lam": lam,
        "volume": det.sqrt() * balls.group_volume(d, b) ** (N - 1), "sigma": product(s),
        "van": product((s[k] ** 2 - s[l] ** 2) / (lam[k] ** 2 - lam[l] ** 2)
                       for k, l in combinations(range(d), 2)),
    }  # fmt: skip


def product(factors: Any) -> Any:
    return math.prod(factors, start=arb(1))


Formula = Callable[[dict[str, Any], int, int, int, Sequence[Any]], tuple[Any, Any]]
# Each gives what is measured, and what is printed with a factor 1 beside each exponent and each term.
FORMULAS: dict[str, tuple[int, Formula]] = {
    "(1.1)": (5, lambda m, d, N, b, f: (m["volume"], f[0] * m["c"] ** (f[1] * (N - 1))
        * arb(N) ** (f[2] * d * (b - 1) / 2) * m["sigma"] ** (f[3] * (N - 1) * (b - 1) / N)
        * m["van"] ** (f[4] * b / 2))),
    "(1.2)": (5, lambda m, d, N, b, f: (m["volume"].log(), f[0] * (f[1] * (N - 1) * m["c"].log()
        + f[2] * d * (b - 1) / 2 * arb(N).log() + f[3] * (N - 1) * (b - 1) / N * m["sigma"].log()
        + f[4] * b / 2 * m["van"].log()))),
    "(1.3)": (2, lambda m, d, N, b, f: (m["van"] if d == 2 else 1, f[0] * sum(
        m["lam"][0] ** (2 * (N - 1 - p)) * m["lam"][1] ** (f[1] * 2 * p) for p in range(N)))),
    "(1.5)": (5, lambda m, d, N, b, f: (m["volume"], f[0] * m["c"] ** (f[1] * (N - 1))
        * arb(N) ** (f[2] * d * (b - 2) / 4) * m["sigma"] ** (f[3] * (N - 1) * (b - 2) / (2 * N))
        * m["A"] ** (f[4] / 4))),
    "(1.6)": (5, lambda m, d, N, b, f: (m["volume"].log(), f[0] * (f[1] * (N - 1) * m["c"].log()
        + f[2] * d * (b - 2) / 4 * arb(N).log() + f[3] * (N - 1) * (b - 2) / (2 * N) * m["sigma"].log()
        + f[4] * m["A"].log() / 4))),
    "(4.5)": (3, lambda m, d, N, b, f: ([m["gram"][0, 0], m["gram"][0, 1]], [
        f[0] * m["lam"][0] ** 2 + f[1] * m["lam"][1] ** 2, -f[2] * m["lam"][0] * m["lam"][1]])),
    "(4.6)": (2, lambda m, d, N, b, f: ([m["gram"][b * (N - 1), b * (N - 1) + p] for p in (0, 1)], [
        2 * f[0] * m["lam"][0] ** 2, -f[1] * m["lam"][0] ** 2])),
    "(5.4)": (4, lambda m, d, N, b, f: (m["det"], f[0] * m["van"] ** (f[1] * b)
        * arb(N) ** (f[2] * d * (b - 1)) * m["sigma"] ** (f[3] * 2 * (N - 1) * (b - 1) / N))),
    "(5.6)": (4, lambda m, d, N, b, f: (m["A"], f[0] * m["van"] ** (f[1] * 2 * b)
        * arb(N) ** (f[2] * b * d) * m["sigma"] ** (f[3] * 2 * b * (N - 1) / N))),
    "c": (3, lambda m, d, N, b, f: (m["c"], f[0] * arb(2) ** (f[1] * b * d * (d - 1) / 4)
        * product(2 * arb.pi() ** (f[2] * b * k / 2) / arb(fmpq(b * k, 2)).gamma()
                  for k in range(1, d + 1)))),
}  # fmt: skip
SPECTRUM, DEPTH = (Fraction(7, 4), Fraction(5, 13)), 3
ONE_PART = arb(1) / 10**40


def judged(name: str, b: int, factors: Sequence[Any]) -> None:
    measured_, printed = FORMULAS[name][1](measured(SPECTRUM, DEPTH, b), 2, DEPTH, b, factors)
    check("theorem-1.1", name).certified(measured_, printed)


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("b", [1, 2, 4])
def test_formulas_hold(name: str, b: int) -> None:
    if (name, b) != ("(4.6)", 1):  # which is empty
        judged(name, b, [arb(1)] * FORMULAS[name][0])


@pytest.mark.parametrize("name", FORMULAS)
def test_their_neighbours_do_not(name: str) -> None:
    """Over H, where no exponent vanishes: each factor and exponent changed a little, and in its sign."""
    for place in range(FORMULAS[name][0]):
        for change in (1 + ONE_PART, 1 - ONE_PART, arb(-1), arb(2)):
            factors = [arb(1)] * FORMULAS[name][0]
            factors[place] = change
            with pytest.raises(CheckFailed, match="differ for certain"):
                judged(name, 4, factors)


def test_a_wrong_differential_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the basis is a little too long, and where the adjoint of a frame is left out."""
    basis, (size, formula) = balls.lie_basis, FORMULAS["(4.5)"]

    def wrong(name: str, replacement: Any) -> bool:
        with monkeypatch.context() as patch:
            patch.setattr(balls, name, replacement)
            changed = {"gram": balls.gram_matrix(SPECTRUM, depth=DEPTH, beta=4)}
        found, printed = formula(measured(SPECTRUM, DEPTH, 4) | changed, 2, DEPTH, 4, [arb(1)] * size)
        return not all(x.overlaps(y) for x, y in zip(found, printed, strict=True))

    assert not wrong("lie_basis", basis)
    assert wrong("lie_basis", lambda d, b: [a * (1 + ONE_PART) for a in basis(d, b)])
    assert wrong("layer", lambda later, root, earlier: balls.product(later, (root, 0 * root), earlier))


def test_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="beta must be 1, 2 or 4, but it is 3"):
        balls.diagonal([1], 3)
    for value in (0.5, True, "1"):
        with pytest.raises(InputError, match="value must be an integer, a fraction or a ball"):
            balls.ball(value)
    monkeypatch.setitem(__import__("sys").modules, "flint", None)
    with pytest.raises(InputError, match=r"ball arithmetic needs flint, .* pip install 'mme\[book\]'"):
        balls.ball(1)
