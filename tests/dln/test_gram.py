import numpy as np
import pytest

from mme.algebra import C, Field, H, R
from mme.dln import (
    gram_blocks,
    gram_matrix,
    log_gram_determinant,
    log_jacobian,
    orbit_map,
    pushed_forward_basis,
)
from mme.errors import InputError

over_fields = pytest.mark.parametrize("field", [R, C, H], ids=lambda field: field.name)


@over_fields
@pytest.mark.parametrize("depth", [2, 3, 4])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_lemma_4_2_and_block_structure(field: Field, depth: int, d: int) -> None:
    """Everything from scratch against blocks in their places, at the identity and at random frames."""
    sigma = [2.3, 1.1, 1.1][:d]
    D = field.group_dimension(d)
    blocks = gram_blocks(sigma, depth=depth, field=field)
    assert blocks.shape == (D, depth - 1, depth - 1)
    expected = np.zeros((D, depth - 1, D, depth - 1))
    expected[range(D), :, range(D), :] = blocks
    expected = expected.reshape(D * (depth - 1), D * (depth - 1))
    np.testing.assert_allclose(gram_matrix(sigma, depth=depth, field=field), expected, rtol=0, atol=1e-14)
    frames = field.haar(d, size=depth - 1, rng=0)
    np.testing.assert_allclose(
        gram_matrix(sigma, depth=depth, field=field, frames=frames), expected, rtol=0, atol=1e-13
    )
    half = log_gram_determinant(sigma, depth=depth, field=field) / 2
    assert log_jacobian(sigma, depth=depth, field=field, frames=frames) == pytest.approx(half, abs=1e-12)


@over_fields
def test_basis_is_the_derivative_of_the_orbit_map(field: Field) -> None:
    sigma, depth, step = [2.3, 1.1], 3, 1e-5
    X = field.diagonal(np.array(sigma))
    vectors = pushed_forward_basis(sigma, depth=depth, field=field)
    basis = field.lie_basis(2)
    for index, element in enumerate(basis):
        for p in range(depth - 1):
            ends = []
            for sign in (1, -1):
                frames = np.stack([field.identity(2)] * (depth - 1))
                frames[p] = field.exp(sign * step * element)
                ends.append(orbit_map(X, frames, field))
            difference = (ends[0] - ends[1]) / (2 * step)
            np.testing.assert_allclose(vectors[index, p], difference, rtol=0, atol=1e-9)


def test_points_have_no_jacobian() -> None:
    assert log_jacobian([2.0], depth=3) == 0
    assert log_jacobian([2.0, 1.0], depth=1, field="C") == 0
    assert gram_matrix([2.0], depth=3).shape == (0, 0)


@pytest.mark.parametrize("scale", [1e-80, 1e80])
def test_a_jacobian_beyond_floating_point_has_a_logarithm(scale: float) -> None:
    """It has degree (N − 1) D in λ, here 42 in σ^{1/3}: 10^{±1120}."""
    sigma = np.array([3.0, 2.0, 0.5])
    found = log_jacobian(scale * sigma, depth=3, field=H) - log_jacobian(sigma, depth=3, field=H)
    assert found == pytest.approx(42 / 3 * np.log(scale), rel=1e-12)


def test_order_does_not_matter() -> None:
    """The tangent vectors, not only their products, are those at the descending Σ."""
    for function in (gram_matrix, pushed_forward_basis):
        np.testing.assert_array_equal(function([1.0, 3.0], depth=3), function([3.0, 1.0], depth=3))


@pytest.mark.parametrize("function", [gram_matrix, log_jacobian, pushed_forward_basis])
def test_bad_input(function: object) -> None:
    assert callable(function)
    with pytest.raises(InputError, match="must be positive here"):
        function([1.0, 0.0], depth=2)
    with pytest.raises(InputError, match="negative"):
        function([1.0, -1.0], depth=2)
    with pytest.raises(InputError, match="depth"):
        function([1.0], depth=0)
    with pytest.raises(InputError, match="must be unitary over C"):
        function([1.0, 2.0], depth=2, field="C", frames=[np.ones((2, 2))])
    with pytest.raises(InputError, match=r"must have shape \(d,\) here"):
        function(np.ones((2, 2)), depth=2)
