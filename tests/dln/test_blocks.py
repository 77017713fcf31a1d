import numpy as np
import pytest

from mme.algebra import C, Field, H, R
from mme.dln import gram_blocks, log_gram_determinant, path_adjacency, tridiagonal_block
from mme.dln.blocks import block_pairs
from mme.errors import InputError

from . import reference

over_fields = pytest.mark.parametrize("field", [R, C, H], ids=lambda field: field.name)


def test_path() -> None:
    J = path_adjacency(5)
    assert J.sum() == 8
    np.testing.assert_allclose(
        np.linalg.eigvalsh(J), np.sort(2 * np.cos(np.arange(1, 6) * np.pi / 6)), rtol=0, atol=1e-14
    )


def test_tridiagonal_block_entries() -> None:
    block = tridiagonal_block(3.0, 2.0, 4)
    for p in range(4):
        for q in range(4):
            assert block[p, q] == {0: 13, 1: -6}.get(abs(p - q), 0)
    batch = tridiagonal_block([3.0, 1.0], [2.0, 1.0], 4)
    np.testing.assert_array_equal(batch[0], block)
    assert tridiagonal_block(1.0, 2.0, 0).shape == (0, 0)


@over_fields
def test_pairs_follow_the_basis(field: Field) -> None:
    """The entries that each basis element touches."""
    d = 3
    moduli = field.modulus(field.lie_basis(d))
    for (k, l), element in zip(block_pairs(d, field), moduli, strict=True):
        touched = np.zeros((d, d))
        touched[k, l] = touched[l, k] = 1 if k == l else 2**-0.5
        np.testing.assert_allclose(element, touched, rtol=0, atol=1e-15)


@over_fields
@pytest.mark.parametrize("depth", [2, 3, 6])
def test_determinant_is_that_of_the_blocks(field: Field, depth: int) -> None:
    for sigma in ([3.0, 0.7, 0.7], [0.2, 4.0, 1.0], [2.0]):
        blocks = gram_blocks(sigma, depth=depth, field=field)
        found = log_gram_determinant(sigma, depth=depth, field=field)
        assert found == pytest.approx(np.linalg.slogdet(blocks)[1].sum(), abs=1e-11)


@over_fields
@pytest.mark.parametrize("depth", [1, 4, 10**12])
def test_determinant_in_long_arithmetic(field: Field, depth: int) -> None:
    """(5.4): twice the terms of (1.2) that are not the group's volume."""
    for name, sigma in reference.spectra(3).items():
        literal = reference.terms(sigma, depth, field.beta)
        exact = 2 * (literal["depth"] + literal["determinant"] + literal["vandermonde"])
        found = log_gram_determinant(sigma, depth=depth, field=field)
        assert abs(found - exact) <= 1e-12 * max(1.0, float(literal["sizes"])), name


def test_batches() -> None:
    sigma = -np.sort(-np.random.default_rng(0).lognormal(size=(4, 3, 2)))
    found = log_gram_determinant(sigma, depth=5, field="H")
    blocks = gram_blocks(sigma, depth=5, field="H")
    assert blocks.shape == (4, 3, 10, 4, 4)
    for index in np.ndindex(4, 3):
        assert found[index] == pytest.approx(log_gram_determinant(sigma[index], depth=5, field="H"))
        np.testing.assert_array_equal(blocks[index], gram_blocks(sigma[index], depth=5, field="H"))


@over_fields
def test_blocks_are_of_descending_values(field: Field) -> None:
    """In whatever order they are given."""
    expected = gram_blocks([4.0, 1.0, 0.2], depth=3, field=field)
    np.testing.assert_array_equal(gram_blocks([0.2, 4.0, 1.0], depth=3, field=field), expected)


def test_bad_input() -> None:
    with pytest.raises(InputError, match="must be positive here"):
        log_gram_determinant([1.0, 0.0], depth=2)
    for function in (gram_blocks, log_gram_determinant):
        with pytest.raises(InputError, match="negative"):
            function([1.0, -1.0], depth=2)
        with pytest.raises(InputError, match="depth"):
            function([1.0, 1.0], depth=-2)
