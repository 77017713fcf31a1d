import numpy as np
import pytest
import scipy

from mme.algebra import C, Field, H, R, haar, reflections
from mme.errors import InputError
from tests.each import each

from .tools import assert_mean, largest

# Orders on both sides of the switch to blocks of reflections.
LARGE = max(reflections.ONE_BY_ONE) + 1
ORDERS = [1, 2, 3, 6, LARGE]


def trace(a: np.ndarray) -> np.ndarray:
    return np.trace(a, axis1=-2, axis2=-1)


@pytest.mark.parametrize("d", [*ORDERS, 60])
def test_haar_is_in_the_group(F: Field, d: int) -> None:
    q = F.haar(d, size=30, rng=d)
    assert q.dtype == F.dtype
    assert F.is_unitary(q, tolerance=1e-13).all()
    np.testing.assert_array_equal(F.validate(q), q)


@pytest.mark.slow
@pytest.mark.parametrize("n", ORDERS)
def test_traces_of_powers_over_the_complex_numbers(n: int) -> None:
    """E |tr U^k|^2 = min(k, n) (Diaconis and Shahshahani 1994), and E tr U^k = 0."""
    power = u = C.haar(n, size=4000 if n < 10 else 1500, rng=10 + n)
    for k in range(1, 6):
        t = trace(power)
        assert_mean(np.abs(t) ** 2, min(k, n))
        assert_mean(np.stack([t.real, t.imag], axis=1), 0)
        power = power @ u


@pytest.mark.parametrize("F", [R, H], ids=lambda field: field.name)
@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("n", [6, LARGE])
@pytest.mark.slow
def test_traces_of_powers_over_the_reals_and_the_quaternions(F: Field, n: int, k: int) -> None:
    """For even k, tr Q^k has mean 1 over R and -1 over H, else 0; the variance is k (the same paper)."""
    q = F.haar(n, size=6000 if n < 10 else 1500, rng=20 + n)
    t = trace(np.linalg.matrix_power(q, k)).real
    mean = (1 if F.beta == 1 else -1) * (k % 2 == 0)
    assert_mean(t, mean)
    assert_mean((t - mean) ** 2, k)


@pytest.mark.slow
def test_traces_in_small_groups() -> None:
    """O(2) is half reflections; the trace on Sp(1) = SU(2) has the semicircle law: Catalan moments."""
    t = trace(R.haar(2, size=20_000, rng=1))
    assert_mean(t[:, None] ** [1, 2, 4], [0, 1, 3])
    assert_mean(np.abs(t) < 1e-12, 0.5)
    t = trace(H.haar(1, size=20_000, rng=1)).real
    assert_mean(t[:, None] ** [1, 2, 4, 6], [0, 1, 2, 5])
    t = trace(H.haar(2, size=20_000, rng=1)).real
    assert_mean(t[:, None] ** [1, 2, 4], [0, 1, 3])
    assert_mean(R.haar(1, size=2000, rng=1)[:, 0, 0], 0)


@pytest.mark.parametrize("n", ORDERS[1:])
@pytest.mark.parametrize("column", [0, -1])
@pytest.mark.slow
def test_columns_are_uniform_on_the_sphere(F: Field, n: int, column: int) -> None:
    """|<1, u>|^2 / n follows the law Beta(beta / 2, beta (n - 1) / 2), for a row as for a column."""
    q = F.components(F.haar(n, size=3000 if n < 10 else 1000, rng=30 + n))
    law = scipy.stats.beta(F.beta / 2, F.beta * (n - 1) / 2)
    for line in (q[..., :, column, :], q[..., column, :, :]):
        share = np.sum(np.sum(line, axis=-2) ** 2, axis=-1) / n
        assert scipy.stats.kstest(share, law.cdf).pvalue > 1e-3


@pytest.mark.parametrize("n", [2, 6, LARGE])
@pytest.mark.slow
def test_products_with_a_fixed_matrix_have_the_same_law(F: Field, n: int) -> None:
    """A functional of both corners, drawn afresh for Q, gQ and Qg."""
    g = F.haar(n, rng=99)
    laws = []
    for seed, left, right in (
        (1, F.identity(n), F.identity(n)),
        (2, g, F.identity(n)),
        (3, F.identity(n), g),
    ):
        x = F.components(left @ F.haar(n, size=3000 if n < 10 else 800, rng=seed) @ right)
        laws.append(x[:, 0, 0, 0] + 2 * x[:, -1, -1, 0] + x[:, 0, -1, -1] * x[:, -1, 0, 0])
    assert scipy.stats.ks_2samp(laws[0], laws[1]).pvalue > 1e-3
    assert scipy.stats.ks_2samp(laws[0], laws[2]).pvalue > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("n", [2, 4, LARGE])
def test_entries_are_uncorrelated_with_mean_square_one_over_n(F: Field, n: int) -> None:
    x = F.components(F.haar(n, size=2000, rng=40 + n))
    assert_mean(np.sum(x**2, axis=-1).reshape(len(x), -1), 1 / n, tolerance=4.5)
    assert_mean(x[:, 0, 0] * x[:, 1, 1], 0)
    assert_mean(x.reshape(len(x), -1), 0, tolerance=4.5)


@pytest.mark.slow
@pytest.mark.parametrize("d", [1, 2, 3, LARGE])
def test_second_moments(F: Field, d: int) -> None:
    """The means of conj(U) x U and of U x U project onto what the group leaves alone, in random directions.

    These are the unit matrix in the first, and in the second that over R, none over C, and J over H.
    """
    u = F.haar(d, size=4000, rng=50 + d)
    n = u.shape[-1]
    left, right = np.random.default_rng(1).standard_normal((2, 3, n))
    entries = np.einsum("ai,nij,aj->na", left, u, right)
    form = np.eye(n) if F.beta == 1 else np.zeros((n, n))
    if F.beta == 4:
        form[:d, d:], form[d:, :d] = np.eye(d), -np.eye(d)
    for first, invariant in ((entries.conj(), np.eye(n)), (entries, form)):
        product = first[:, :, None] * entries[:, None]
        assert_mean(product.real, (left @ invariant @ left.T) * (right @ invariant @ right.T) / n)


@pytest.mark.slow
def test_determinants() -> None:
    """Fair signs on O(d), uniform phases on U(d), and 1 on Sp(d)."""
    for d in (1, 3, LARGE):
        assert_mean(np.linalg.det(R.haar(d, size=2000, rng=d)), 0)
        phase = np.angle(np.linalg.det(C.haar(d, size=1000, rng=d)))
        assert scipy.stats.kstest(phase, scipy.stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 1e-3
        assert largest(np.linalg.det(H.haar(d, size=100, rng=d)) - 1) < 1e-12


def test_eigenvalues_of_unitary_matrices_have_uniform_phases() -> None:
    phases = np.angle(np.linalg.eigvals(C.haar(5, size=500, rng=1)))
    assert scipy.stats.kstest(phases[:, 0], scipy.stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 1e-3


def test_the_oracle_sees_a_missing_phase(F: Field) -> None:
    """QR alone is unitary and not Haar: the mean trace gives it away."""
    q = np.linalg.qr(F.ginibre(4, size=2000, rng=1))[0]
    with pytest.raises(AssertionError, match="errors from 0"):
        assert_mean(trace(q).real, 0)


@each("draw", ["haar", "ginibre", "gaussian_hermitian", "gaussian_skew_hermitian"])
@each("d", [1, 3, 5, LARGE, 33])
def test_a_batch_is_a_sequence_of_single_draws(F: Field, draw: str, d: int) -> None:
    batch = getattr(F, draw)(d, size=(2, 2), rng=1)
    rng = np.random.default_rng(1)
    singles = [getattr(F, draw)(d, rng=rng) for _ in range(4)]
    np.testing.assert_allclose(batch.reshape(4, *batch.shape[2:]), singles, rtol=0, atol=1e-14)


@each("d", [3, LARGE])
def test_parts_of_a_batch_follow_one_another(monkeypatch: pytest.MonkeyPatch, F: Field, d: int) -> None:
    whole = F.haar(d, size=7, rng=1)
    monkeypatch.setattr(haar, "PART", 3 * whole[0].nbytes)
    np.testing.assert_allclose(F.haar(d, size=7, rng=1), whole, rtol=0, atol=1e-14)


def test_seeds_generators_and_sizes(F: Field) -> None:
    for draw in (F.haar, F.ginibre):
        np.testing.assert_array_equal(draw(3, rng=1), draw(3, rng=np.random.default_rng(1)))
        assert largest(draw(3, rng=1) - draw(3, rng=2)) > 0
        assert largest(draw(3) - draw(3)) > 0
        assert draw(3).shape == (F.size(3), F.size(3))
        assert draw(3, size=2).shape == draw(3, size=(2,)).shape == (2, F.size(3), F.size(3))
        assert draw(3, size=0).shape == (0, F.size(3), F.size(3))
        assert draw(30, size=(0, 2)).shape == (0, 2, F.size(30), F.size(30))
    for draw in (F.gaussian_hermitian, F.gaussian_skew_hermitian):
        assert largest(draw(3) - draw(3)) > 0


@each("rng", ["seed", -1, 1.5])
def test_bad_seeds_are_refused(F: Field, rng: object) -> None:
    with pytest.raises(
        InputError, match=r"^rng must be None, a non-negative integer or a NumPy generator, but it is"
    ):
        F.haar(2, rng=rng)


@pytest.mark.parametrize("size", [-1, 1.0, (2, -1), "2", True])
def test_bad_sizes_are_refused(F: Field, size: object) -> None:
    for draw in (F.haar, F.ginibre, F.gaussian_hermitian):
        with pytest.raises(
            InputError, match=r"^size must be None, a non-negative integer or a tuple of at most 32 of them, "
        ):
            draw(2, size=size)  # type: ignore[arg-type]


def test_ginibre_is_standard_normal_in_every_component(F: Field) -> None:
    x = F.components(F.ginibre(3, size=4000, rng=1, columns=2))
    assert x.shape == (4000, 3, 2, F.beta)
    assert scipy.stats.kstest(x.ravel(), scipy.stats.norm.cdf).pvalue > 1e-3
    assert_mean(np.sum(x**2, axis=-1), F.beta)
    many = F.components(F.ginibre(50, size=100, rng=2))  # so many that one part in a hundred is seen
    assert abs(np.mean(many**2) - 1) < 4 * np.sqrt(2 / many.size)
    assert_mean(np.prod(x[:, :2, 0, 0], axis=1), 0)
    with pytest.raises(InputError, match=r"^columns must be an integer of at least 1, but it is 0\.$"):
        F.ginibre(3, columns=0)


@pytest.mark.parametrize("kind", ["gaussian_hermitian", "gaussian_skew_hermitian"])
def test_gaussian_matrices_are_standard_normal_in_the_pairing(F: Field, kind: str) -> None:
    """The coordinates in an orthonormal basis, which here is found from the matrices themselves."""
    d = 3
    a = getattr(F, kind)(d, size=4000, rng=1)
    sign = 1 if kind == "gaussian_hermitian" else -1
    np.testing.assert_array_equal(F.adjoint(a), sign * a)
    dimension = F.real_dimension(d) - F.group_dimension(d) if sign > 0 else F.group_dimension(d)
    assert_mean(F.pairing(a, a), dimension)
    assert_mean(F.pairing(a, a) ** 2, dimension * (dimension + 2))
    direction = getattr(F, kind)(d, rng=2)
    coordinate = F.pairing(direction / F.norm(direction), a)
    assert scipy.stats.kstest(coordinate, scipy.stats.norm.cdf).pvalue > 1e-3
    if sign > 0:
        assert_mean(F.components(a)[:, 0, 0, 0] ** 2, 1)
    assert_mean(F.components(a)[:, 0, 1] ** 2, 0.5)


def test_gap_of_two_eigenvalues(F: Field) -> None:
    """For order 2 the gap is the length of a normal vector with beta + 1 coordinates: repulsion as s^beta."""
    x = F.eigvalsh(F.gaussian_hermitian(2, size=20_000, rng=1))
    gap = (x[:, 1] - x[:, 0]) / np.sqrt(2)
    assert scipy.stats.kstest(gap, scipy.stats.chi(F.beta + 1).cdf).pvalue > 1e-3


@each("part, lengths", [(1, [1] * 6), (300, [2, 2, 2]), (577, [4, 2]), (864, [6]), (10**6, [6])])
def test_as_many_are_multiplied_at_a_time_as_the_cache_holds(
    monkeypatch: pytest.MonkeyPatch, part: int, lengths: list[int]
) -> None:
    """A matrix of order 3 over C takes 144 bytes; they are the same as one by one."""
    multiply, seen = reflections.multiply, list[int]()
    monkeypatch.setattr(haar, "PART", part)
    monkeypatch.setattr(reflections, "multiply", lambda drawn, q: seen.append(len(q)) or multiply(drawn, q))
    rng, found = np.random.default_rng(2), C.haar(3, size=(2, 3), rng=2)
    assert seen[: len(lengths)] == lengths
    for index in np.ndindex(2, 3):
        assert largest(found[index] - C.haar(3, rng=rng)) < 1e-14


def test_over_the_quaternions_a_part_has_matrices_of_twice_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = list[int]()
    monkeypatch.setattr(haar, "PART", 1152)  # two of order 6
    monkeypatch.setattr(reflections, "multiply", lambda _, q: seen.append(len(q)))
    H.haar(3, size=5)
    assert seen == [2, 2, 1]
