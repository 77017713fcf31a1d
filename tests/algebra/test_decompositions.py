import numpy as np
import pytest
from hypothesis import strategies as st

from mme.algebra import C, Field, H, R, quaternion
from mme.errors import InputError
from tests.each import each

from .tools import largest, matrices, orders, sometimes


def real_embedding(F: Field, a: np.ndarray) -> np.ndarray:
    """The real matrix of multiplication by a, of side beta d."""
    if F.beta == 1:
        return a
    return np.concatenate(
        [np.concatenate([a.real, -a.imag], axis=-1), np.concatenate([a.imag, a.real], axis=-1)], axis=-2
    )


def assert_svd(F: Field, a: np.ndarray, tolerance: float = 1e-13) -> np.ndarray:
    """The factors have the right form and give back a."""
    U, sigma, V = F.svd(a)
    n, m = a.shape[-2] // F.side, a.shape[-1] // F.side
    r = min(n, m)
    assert U.shape[-2:] == (F.side * n, F.side * r)
    assert V.shape[-2:] == (F.side * m, F.side * r)
    assert sigma.shape == (*a.shape[:-2], r)
    assert (sigma >= 0).all()
    assert (np.diff(sigma) <= 0).all()
    for isometry in (U, V):
        assert largest(F.adjoint(isometry) @ isometry - np.eye(F.side * r)) < tolerance
        if F.beta == 4:
            assert largest(quaternion.deviation(isometry)) == 0
    scale = np.max(np.abs(a)) or 1.0
    assert largest((U @ F.diagonal(sigma / scale)) @ F.adjoint(V) - a / scale) < tolerance * max(n, m)
    return sigma


@sometimes(data=st.data(), n=orders, m=orders)
@pytest.mark.slow
def test_svd(F: Field, data: st.DataObject, n: int, m: int) -> None:
    """Entries are eighths of small integers, so rank-deficient and repeated spectra are common."""
    a = data.draw(matrices(F, (n, m)))
    sigma = assert_svd(F, a)
    assert largest(sigma - F.singular_values(a)) < 1e-13
    np.testing.assert_allclose(np.sum(sigma**2), F.pairing(a, a), rtol=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize("scale", [0.0, 1e-305, 1e-300, 1e-150, 1.0, 1e150, 1e300, 8e307])
@pytest.mark.parametrize("d", [1, 2, 5])
def test_svd_at_every_scale(F: Field, d: int, scale: float) -> None:
    a = F.haar(d, size=3, rng=d) @ F.diagonal(np.linspace(1, 2, d)) @ F.haar(d, size=3, rng=d + 1)
    sigma = assert_svd(F, scale * a)
    np.testing.assert_allclose(sigma, scale * F.singular_values(a), rtol=1e-12)


SPECTRA = {
    "identity": np.ones(6),
    "zero": np.zeros(6),
    "pairs": np.array([3.0, 3.0, 2.0, 2.0, 1.0, 1.0]),
    "rank one": np.array([1.0, 0, 0, 0, 0, 0]),
    "rank deficient, repeated": np.array([2.0, 2.0, 2.0, 0, 0, 0]),
    "a cluster at rounding": 1 + 1e-15 * np.arange(6),
    "a cluster": 1 + 1e-12 * np.arange(6),
    "a loose cluster": 1 + 1e-8 * np.arange(6),
    "clusters of clusters": np.array([1, 1 + 1e-14, 1 + 1e-9, 1e-9, 1e-9 + 1e-15, 0]),
    "graded": 10.0 ** (-3 * np.arange(6)),
    "far below rounding": np.array([1.0, 1e-20, 1e-40, 1e-80, 1e-160, 1e-300]),
}


@each("name", SPECTRA)
def test_svd_of_prescribed_spectra(F: Field, name: str) -> None:
    spectrum = SPECTRA[name]
    expected = np.sort(spectrum)[::-1]
    U, V = F.haar(6, size=(2, 20), rng=7)
    sigma = assert_svd(F, U @ F.diagonal(spectrum) @ F.adjoint(V))
    assert largest(sigma - expected) < 2e-14 * max(1.0, expected[0])
    sigma = assert_svd(F, np.stack([F.diagonal(spectrum), F.diagonal(spectrum[::-1])]))
    np.testing.assert_allclose(sigma, [expected, expected], rtol=1e-13, atol=1e-307)


def test_svd_of_large_matrices(F: Field) -> None:
    assert_svd(F, F.ginibre(40, rng=1))
    assert_svd(F, F.haar(40, rng=1))
    assert_svd(F, F.ginibre(40, rng=1, columns=3))
    assert_svd(F, F.ginibre(3, rng=1, columns=40))


def test_svd_of_unruly_rows() -> None:
    """Rows from 1e-300 to 1e300, and entries scattered over the same range."""
    rng = np.random.default_rng(5)
    x = rng.standard_normal((50, 5, 5, 4))
    assert_svd(H, H.from_components(x * 10.0 ** rng.uniform(-300, 300, (50, 5, 1, 1))))
    assert_svd(H, H.from_components(x * 10.0 ** rng.uniform(-300, 300, (50, 5, 5, 4))))


def test_svd_of_structured_quaternions() -> None:
    """Matrices on which reflections degenerate: one unit only, permutations, triangles, nilpotents."""
    shapes = [
        np.eye(4),
        np.eye(4)[::-1],
        np.tril(np.ones((4, 4))),
        np.eye(4, k=1),
        np.ones((4, 4)),
        np.eye(4, k=2),
    ]
    for unit in np.eye(4):
        assert_svd(H, np.stack([H.from_components(a[..., None] * unit) for a in shapes]))


def test_svd_of_no_matrices(F: Field) -> None:
    U, sigma, V = F.svd(np.zeros((0, F.size(3), F.size(3))))
    assert U.shape == V.shape == (0, F.size(3), F.size(3))
    assert sigma.shape == (0, 3)


def test_singular_values_against_the_real_embedding(F: Field) -> None:
    a = F.ginibre(4, size=10, rng=1)
    expected = np.linalg.svd(real_embedding(F, a), compute_uv=False)[:, :: F.beta]
    np.testing.assert_allclose(F.svd(a).sigma, expected, rtol=1e-12)
    np.testing.assert_allclose(F.singular_values(a), expected, rtol=1e-12)


def test_batch_equals_single(F: Field) -> None:
    a = F.ginibre(3, size=(2, 4), rng=1)
    together = F.svd(a)
    for index in np.ndindex(2, 4):
        for factor, alone in zip(together, F.svd(a[index]), strict=True):
            np.testing.assert_allclose(factor[index], alone, rtol=0, atol=1e-13)
        np.testing.assert_allclose(F.polar(a)[index], F.polar(a[index]), rtol=0, atol=1e-13)
        assert F.log_abs_det(a)[index] == pytest.approx(F.log_abs_det(a[index]), rel=1e-13)
    hermitian = a + F.adjoint(a)
    x, V = F.eigh(hermitian)
    np.testing.assert_allclose(V @ F.diagonal(x) @ F.adjoint(V), hermitian, rtol=0, atol=1e-12)
    np.testing.assert_allclose(F.eigvalsh(hermitian), x, rtol=0, atol=1e-12)


def test_polar_is_unitary_and_leaves_a_positive_factor(F: Field) -> None:
    a = F.ginibre(4, size=20, rng=1)
    q = F.polar(a)
    assert F.is_unitary(q, tolerance=1e-13).all()
    positive = F.adjoint(q) @ a
    assert largest(positive - F.adjoint(positive)) < 1e-12
    assert F.eigvalsh(positive).min() > 0


def test_polar_finds_the_unitary_factor_where_singular_values_coincide(F: Field) -> None:
    q, v = F.haar(5, size=(2, 30), rng=3)
    for spectrum in (np.ones(5), [2.0, 2.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1e-3, 1e-3, 1e-3]):
        positive = v @ F.diagonal(spectrum) @ F.adjoint(v)
        assert largest(F.polar(q @ positive) - q) < 1e-11


@each(
    "spectrum",
    [
        [-2.0, -1.0, 0.5, 3.0],
        [-4.0, -3.0, -2.0, -1.0],
        [1.0, 1.0, 1.0, 1.0],
        [-1.0, -1.0, 1.0, 1.0],
        [0.0] * 4,
        [-3.0, -1e-12, 0.0, 1e-12],
    ],
)
@each("scale", [1e-300, 1.0, 1e300])
def test_eigh_of_prescribed_spectra(F: Field, spectrum: list[float], scale: float) -> None:
    u = F.haar(4, size=20, rng=1)
    a = scale * (u @ F.diagonal(spectrum) @ F.adjoint(u))
    x, V = F.eigh(a)
    assert largest(x / scale - spectrum) < 1e-13
    assert largest(F.eigvalsh(a) / scale - spectrum) < 1e-13
    assert F.is_unitary(V, tolerance=1e-13).all()
    assert largest(V @ F.diagonal(x / scale) @ F.adjoint(V) - a / scale) < 1e-13


def test_log_abs_det_is_the_sum_over_singular_values(F: Field) -> None:
    a, b = F.ginibre(4, size=(2, 10), rng=1)
    np.testing.assert_allclose(
        F.log_abs_det(a), np.log(F.singular_values(a)).sum(axis=-1), rtol=0, atol=1e-12
    )
    np.testing.assert_allclose(F.log_abs_det(a @ b), F.log_abs_det(a) + F.log_abs_det(b), rtol=0, atol=1e-12)
    assert F.log_abs_det(np.zeros((F.size(2), F.size(2)))) == -np.inf


@pytest.mark.parametrize(("d", "scale"), [(1, 1.0), (2, 1e-300), (3, 1e300)])
def test_what_is_not_hermitian_is_refused(F: Field, d: int, scale: float) -> None:
    a = scale * F.from_components(np.eye(d)[..., None] * np.ones(F.beta))
    if F.beta > 1:
        for call in (F.eigh, F.eigvalsh):
            with pytest.raises(
                InputError, match=r"^a must be Hermitian, a\* = a, but misses it by .* largest entry\.$"
            ):
                call(a)
    for call in (F.exp, F.cayley, F.cayley_log_density):
        with pytest.raises(
            InputError, match=r"^a must be skew-Hermitian, a\* = -a, but misses it by .* entry\.$"
        ):
            call(a)


def test_how_far_from_hermitian() -> None:
    with pytest.raises(InputError, match=r"misses it by 0\.5 times its largest entry"):
        R.eigh([[4.0, 1.0], [-1.0, 0.0]])
    with pytest.raises(InputError, match=r"misses it by 2 times its largest entry"):
        C.exp([[1.0]])


@each("scale", [-1e3, -1.0, -1e-3, 1e-3, 1.0, 1e3])
def test_one_eigenvalue_far_above_or_below_the_others(F: Field, scale: float) -> None:
    """For batches of two axes, each matrix on its own scale."""
    scales = scale * np.array([[1.0, 7.0, 0.2], [3.0, 0.5, 40.0]])
    x = scales[..., None] * np.array([10.0, 0.4, 0.3, 0.1, 0.2])
    u = F.haar(5, size=(2, 3), rng=1)
    a = u @ F.diagonal(x) @ F.adjoint(u)
    found, v = F.eigh(a)
    size = np.abs(x).max(axis=-1)[..., None]
    assert largest((found - np.sort(x, axis=-1)) / size) < 1e-14
    assert largest((a @ v - v @ F.diagonal(found)) / size[..., None]) < 1e-14
    assert largest((F.eigvalsh(a) - np.sort(x, axis=-1)) / size) < 1e-14


def test_the_largest_floats_have_a_hermitian_part(F: Field) -> None:
    a = np.finfo(float).max * F.identity(2)
    np.testing.assert_array_equal(F.hermitian_part(a, sign=1), a)


def test_what_is_not_hermitian_is_seen_in_any_phase() -> None:
    for entry in (1.0, -1.0):
        with pytest.raises(InputError, match=r"must be Hermitian, .* misses it by 2 times"):
            C.hermitian_part([[1j * entry]], sign=1)
        with pytest.raises(InputError, match=r"must be skew-Hermitian, .* misses it by 2 times"):
            C.hermitian_part([[entry]], sign=-1)


@each("size", [1e-200, 1.0, 1e200])
def test_a_hundred_millionth_of_the_largest_entry_is_rounding(size: float) -> None:
    R.hermitian_part([[1.0, 1e-8], [0.0, 1.0]], sign=1)  # exactly so much is allowed
    for off, refused in ((0.95e-8, False), (1.05e-8, True)):
        a = size * np.array([[0.0, 1.0 + off], [1.0, 0.0]])
        if refused:
            with pytest.raises(InputError, match="must be Hermitian"):
                R.hermitian_part(a, sign=1)
        else:
            np.testing.assert_allclose(R.hermitian_part(a, sign=1), a, rtol=1e-8)
