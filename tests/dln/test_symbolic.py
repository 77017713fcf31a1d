import numpy as np
import pytest
import sympy as sp

from mme.algebra import C, Field, H, R
from mme.dln import (
    block_determinant,
    entropy,
    gram_matrix,
    log_metric_determinant,
    metric_operator,
    tridiagonal_block,
)
from mme.dln.symbolic import root_symbols, symbolic_block, symbolic_gram_matrix, symbolic_metric_matrix
from mme.errors import InputError

over_fields = pytest.mark.parametrize("field", [R, C, H], ids=lambda field: field.name)


def numbers(matrix: sp.Matrix, roots: list[float]) -> np.ndarray:
    values = matrix.subs(dict(zip(root_symbols(len(roots)), roots, strict=True)))
    return np.array(values.tolist(), dtype=float).reshape(matrix.shape)


@over_fields
@pytest.mark.parametrize(("d", "depth"), [(1, 2), (1, 4), (2, 2), (2, 3), (3, 2)])
def test_gram_matrix(field: Field, d: int, depth: int) -> None:
    roots = [1.7, 1.2, 0.6][:d]
    symbolic = symbolic_gram_matrix(root_symbols(d), depth=depth, field=field)
    expected = gram_matrix(np.array(roots) ** depth, depth=depth, field=field)
    np.testing.assert_allclose(numbers(symbolic, roots), expected, rtol=0, atol=1e-12)


@over_fields
def test_gram_determinant_is_the_formula(field: Field) -> None:
    """(5.4) exactly, and the entropy from it in numbers."""
    lam = root_symbols(2)
    determinant = symbolic_gram_matrix(lam, depth=3, field=field).det(method="domain-ge")
    squares = [each**2 for each in lam]
    quotient = sp.cancel((squares[0] ** 3 - squares[1] ** 3) / (squares[0] - squares[1]))
    beta = field.beta
    formula = quotient**beta * 3 ** (2 * (beta - 1)) * (lam[0] * lam[1]) ** (4 * (beta - 1))
    assert sp.expand(determinant - formula) == 0
    value = float(sp.log(determinant).subs({lam[0]: 2, lam[1]: 1})) / 2
    assert value == pytest.approx(entropy([8.0, 1.0], depth=3, field=field, group_volume=False), rel=1e-13)


def test_blocks() -> None:
    a, b = sp.symbols("a b", positive=True)
    for n in range(5):
        block = symbolic_block(a, b, n)
        assert block.shape == (n, n)
        assert sp.expand(block.det(method="bareiss") - block_determinant(a, b, n + 1)) == 0
        found = np.array(block.subs({a: 3, b: 2}).tolist(), dtype=float).reshape(n, n)
        np.testing.assert_array_equal(found, tridiagonal_block(3.0, 2.0, n))


@over_fields
@pytest.mark.parametrize(("d", "depth"), [(1, 3), (2, 1), (2, 3)])
def test_metric_matrix(field: Field, d: int, depth: int) -> None:
    roots = np.array([1.7, 0.6])[:d]
    matrix = numbers(symbolic_metric_matrix(root_symbols(d), depth=depth, field=field), roots.tolist())
    found = []
    for unit in np.eye(d * d * field.beta).reshape(-1, d, d, field.beta):
        image = metric_operator(
            field.diagonal(roots**depth), field.from_components(unit), depth=depth, field=field
        )
        found.append(field.components(image).ravel())
    np.testing.assert_allclose(matrix, np.array(found).T, rtol=0, atol=1e-12)
    logarithm = log_metric_determinant(roots**depth, depth=depth, field=field)
    assert np.linalg.slogdet(matrix)[1] == pytest.approx(logarithm, abs=1e-12)


def test_roots_are_positive_and_numbered() -> None:
    roots = root_symbols(3)
    assert [str(root) for root in roots] == ["lambda_1", "lambda_2", "lambda_3"]
    assert all(root.is_positive for root in roots)


def test_bad_input() -> None:
    for function in (symbolic_gram_matrix, symbolic_metric_matrix):
        with pytest.raises(InputError, match="depth"):
            function(root_symbols(2), depth=0)
        with pytest.raises(InputError, match="field"):
            function(root_symbols(2), depth=2, field="Q")
        with pytest.raises(InputError, match="roots must be finite SymPy expressions"):
            function([], depth=2)
        for roots in ([2, sp.oo], [sp.nan, 1], [sp.zoo, 2, 1], [1, sp.S.true], "ab", 3):
            with pytest.raises(InputError, match="roots must be finite SymPy expressions"):
                function(roots, depth=2)
