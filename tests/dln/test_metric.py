import mpmath as mp
import numpy as np
import pytest
from scipy.integrate import quad_vec
from scipy.linalg import fractional_matrix_power

from mme.algebra import C, Field, H, R
from mme.dln import (
    dln_metric,
    entropy,
    entropy_from_metric,
    log_metric_determinant,
    log_metric_eigenvalues,
    metric_operator,
)
from mme.errors import InputError

from . import reference

# Equal ones over H are looked at here; that they are told is tested in test_singular_values.
pytestmark = pytest.mark.filterwarnings("ignore:singular_values come in equal pairs:UserWarning")
over_fields = pytest.mark.parametrize("field", [R, C, H], ids=lambda field: field.name)


def literal_operator(field: Field, X: np.ndarray, Z: np.ndarray, depth: int) -> np.ndarray:
    """Σ_p (XX*)^{(N−p)/N} Z (X*X)^{(p−1)/N} by powers of matrices, which know no singular vectors."""
    left, right = X @ field.adjoint(X), field.adjoint(X) @ X
    total = np.zeros_like(Z)
    for p in range(1, depth + 1):
        first = fractional_matrix_power(left, (depth - p) / depth)
        total = total + first @ Z @ fractional_matrix_power(right, (p - 1) / depth)
    return total


def tied_matrix(field: Field, sigma: list[float], seed: int) -> np.ndarray:
    d, rng = len(sigma), np.random.default_rng(seed)
    return field.haar(d, rng=rng) @ field.diagonal(np.array(sigma)) @ field.haar(d, rng=rng)


@pytest.mark.slow
@over_fields
@pytest.mark.parametrize("depth", [1, 2, 3, 6])
def test_operator_against_powers_of_matrices(field: Field, depth: int) -> None:
    rng = np.random.default_rng(depth)
    for X in (field.ginibre(3, rng=rng), tied_matrix(field, [2.0, 2.0, 0.3], 1)):
        Z = field.ginibre(3, rng=rng)
        found = metric_operator(X, Z, depth=depth, field=field)
        expected = literal_operator(field, X, Z, depth)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())
        if depth == 1:
            np.testing.assert_allclose(found, Z, rtol=0, atol=1e-13)


@over_fields
def test_infinite_depth_operator_is_the_integral(field: Field) -> None:
    rng = np.random.default_rng(0)
    X, Z = field.ginibre(2, rng=rng), field.ginibre(2, rng=rng)
    left, right = X @ field.adjoint(X), field.adjoint(X) @ X

    def integrand(s: float) -> np.ndarray:
        return np.asarray(fractional_matrix_power(left, 1 - s) @ Z @ fractional_matrix_power(right, s))

    expected, _ = quad_vec(integrand, 0, 1, epsabs=1e-11)
    np.testing.assert_allclose(metric_operator(X, Z, depth=None, field=field), expected, rtol=0, atol=1e-9)
    deep = metric_operator(X, Z, depth=10**8, field=field) / 10**8
    np.testing.assert_allclose(deep, expected, atol=1e-6)


@pytest.mark.slow
@over_fields
@pytest.mark.parametrize("depth", [2, 5, 10**9, None])
def test_symmetric_positive_and_with_powers(field: Field, depth: int | None) -> None:
    rng = np.random.default_rng(3)
    for X in (field.ginibre(3, rng=rng), tied_matrix(field, [1.2, 0.7, 0.7], 2)):
        Y, Z = field.ginibre(3, size=2, rng=rng)

        def apply(vector: np.ndarray, power: float = 1.0, X: np.ndarray = X) -> np.ndarray:
            return metric_operator(X, vector, depth=depth, field=field, power=power)

        assert field.pairing(Y, apply(Z)) == pytest.approx(field.pairing(apply(Y), Z), rel=1e-10)
        assert field.pairing(Z, apply(Z)) > 0
        np.testing.assert_allclose(apply(apply(Z), -1), Z, rtol=0, atol=1e-10)
        np.testing.assert_allclose(
            apply(apply(Z, 0.5), 0.5), apply(Z), rtol=1e-9, atol=1e-9 * np.abs(apply(Z)).max()
        )
        np.testing.assert_allclose(apply(Z, 0.0), Z, rtol=0, atol=1e-12)
        if field is H:
            field.validate(apply(Z))
        metric = dln_metric(X, Y, Z, depth=depth, field=field)
        assert metric == pytest.approx(dln_metric(X, Z, Y, depth=depth, field=field), rel=1e-10)
        assert metric == pytest.approx(field.pairing(Y, apply(Z, -1)), rel=1e-12)
        assert dln_metric(X, apply(Z), Z, depth=depth, field=field) == pytest.approx(
            field.pairing(Z, Z), rel=1e-10
        )


@over_fields
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_determinant_is_the_real_one(field: Field, depth: int) -> None:
    """The operator as a real matrix on a basis of M_d(F), its determinant and its eigenvalues."""
    X = tied_matrix(field, [2.0, 0.6], 4)
    units = np.eye(4 * field.beta).reshape(-1, 2, 2, field.beta)
    columns = [
        field.components(metric_operator(X, field.from_components(unit), depth=depth, field=field)).ravel()
        for unit in units
    ]
    matrix = np.array(columns).T
    np.testing.assert_allclose(matrix, matrix.T, rtol=0, atol=1e-12)
    found = log_metric_determinant([2.0, 0.6], depth=depth, field=field)
    assert found == pytest.approx(np.linalg.slogdet(matrix)[1], abs=1e-11)
    eigenvalues = np.exp(log_metric_eigenvalues([2.0, 0.6], depth=depth))
    expected = np.sort(np.repeat(eigenvalues.ravel(), field.beta))
    np.testing.assert_allclose(np.linalg.eigvalsh(matrix), expected, rtol=1e-11)


@pytest.mark.parametrize("depth", [1, 3, 8, 30])
def test_eigenvalues_are_the_sums(depth: int) -> None:
    sigma = np.array([3.0, 0.5, 0.5, 1.0])
    lam = sigma ** (1 / depth)
    found = np.exp(log_metric_eigenvalues(sigma, depth=depth))
    for k in range(4):
        for l in range(4):
            terms = [lam[k] ** (2 * (depth - p)) * lam[l] ** (2 * (p - 1)) for p in range(1, depth + 1)]
            assert found[k, l] == pytest.approx(sum(terms), rel=1e-13)
    mean = np.exp(log_metric_eigenvalues([np.e, 1.0], depth=None))
    np.testing.assert_allclose(mean, [[np.e**2, (np.e**2 - 1) / 2], [(np.e**2 - 1) / 2, 1]], rtol=1e-14)


@pytest.mark.slow
@over_fields
@pytest.mark.parametrize("depth", [1, 2, 5, 1000, 10**12])
def test_entropy_from_metric(field: Field, depth: int) -> None:
    for d in (1, 2, 3):
        for name, sigma in reference.spectra(d).items():
            value = entropy(sigma, depth=depth, field=field)
            literal = reference.terms(sigma, depth, field.beta)
            size = 1 + abs(float(literal["group"])) + 4 * float(literal["sizes"])
            assert abs(entropy_from_metric(sigma, depth=depth, field=field) - value) < 1e-12 * size, name


@over_fields
def test_metric_determinant_in_long_arithmetic(field: Field) -> None:
    for name, sigma in reference.spectra(3).items():
        with mp.workdps(60):
            roots = [mp.root(mp.mpf(value), 7) for value in sigma]
            exact = field.beta * mp.fsum(reference.log_quotient(a, b, 7) for a in roots for b in roots)
            size = 1 + 9 * field.beta * float(sum(abs(np.log(sigma))))
            assert abs(log_metric_determinant(sigma, depth=7, field=field) - exact) < 1e-12 * size, name


@over_fields
def test_batches(field: Field) -> None:
    rng = np.random.default_rng(6)
    X, Z = field.ginibre(2, size=(3, 2), rng=rng), field.ginibre(2, size=(3, 2), rng=rng)
    whole = metric_operator(X, Z, depth=3, field=field)
    values = dln_metric(X, Z, Z, depth=3, field=field)
    sigma = field.singular_values(X)
    entropies = entropy_from_metric(sigma, depth=3, field=field)
    for index in np.ndindex(3, 2):
        one = metric_operator(X[index], Z[index], depth=3, field=field)
        np.testing.assert_allclose(whole[index], one, rtol=1e-12)
        assert values[index] == pytest.approx(dln_metric(X[index], Z[index], Z[index], depth=3, field=field))
        assert entropies[index] == pytest.approx(entropy(sigma[index], depth=3, field=field), rel=1e-13)


@pytest.mark.parametrize(("left", "right"), [((3,), (3,)), ((4,), ()), ((), (4,)), ((2, 1), (5,))])
def test_batches_of_one_axis_and_those_that_are_stretched(left: tuple[int], right: tuple[int]) -> None:
    rng = np.random.default_rng(6)
    X, Z = C.ginibre(2, size=left, rng=rng), C.ginibre(2, size=right, rng=rng)
    shape = np.broadcast_shapes(left, right)
    found = metric_operator(X, Z, depth=2, field=C)
    values = dln_metric(X, Z, Z, depth=2, field=C)
    for index in np.ndindex(shape):
        x, z = (np.broadcast_to(a, (*shape, 2, 2))[index] for a in (X, Z))
        np.testing.assert_allclose(found[index], metric_operator(x, z, depth=2, field=C), rtol=1e-12)
        assert values[index] == pytest.approx(dln_metric(x, z, z, depth=2, field=C))
    with pytest.raises(InputError, match="matrix and vector"):
        metric_operator(C.ginibre(2, size=3, rng=rng), C.ginibre(2, size=4, rng=rng), depth=2, field=C)


def test_bad_input() -> None:
    one = np.eye(2)
    with pytest.raises(InputError, match="matrix must be invertible for the DLN metric"):
        metric_operator(np.diag([1.0, 0.0]), one, depth=2)
    with pytest.raises(InputError, match="matrix must"):
        metric_operator(np.ones((2, 3)), one, depth=2)
    with pytest.raises(InputError, match="vector must have the others' size"):
        metric_operator(one, np.eye(3), depth=2)
    with pytest.raises(InputError, match="vector must"):
        metric_operator(one, np.ones((2, 3)), depth=2)
    with pytest.raises(InputError, match="first"):
        dln_metric(one, np.eye(3), one, depth=2)
    with pytest.raises(InputError, match="depth"):
        metric_operator(one, one, depth=0)
    with pytest.raises(InputError, match="power must be a finite number"):
        metric_operator(one, one, depth=2, power=np.nan)
    with pytest.raises(InputError, match=r"matrix .*block"):
        metric_operator(np.diag([1.0, 2.0]), one, depth=2, field="H")
    for function in (log_metric_eigenvalues, log_metric_determinant, entropy_from_metric):
        with pytest.raises(InputError, match="must be positive here"):
            function([1.0, 0.0], depth=2)
        with pytest.raises(InputError, match="depth"):
            function([1.0], depth=0.5)


def test_one_singular_matrix_of_several_is_refused() -> None:
    for pair in ([[1.0, 1.0], [1.0, 0.0]], [[1.0, 0.0], [1.0, 1.0]]):
        X = np.stack([np.diag(sigma) for sigma in pair])
        with pytest.raises(InputError, match="matrix must be invertible for the DLN metric"):
            metric_operator(X, np.eye(2), depth=2)


@pytest.mark.parametrize("power", [300, -300])
@pytest.mark.parametrize("sigma", [[1e3, 1.0], [1.0, 1e-3]])
def test_one_eigenvalue_that_is_no_float_is_enough(sigma: list[float], power: float) -> None:
    """Too large, or too small: at N = 1 all are 1, at N = 2 they are σ_k + σ_l."""
    X, Z = np.diag(sigma), np.eye(2)
    np.testing.assert_allclose(metric_operator(X, Z, depth=1, power=power), Z, rtol=0, atol=1e-15)
    with pytest.raises(InputError, match="power must be nearer to 0"):
        metric_operator(X, Z, depth=2, power=power)
