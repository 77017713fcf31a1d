"""Complex images of quaternionic matrices against quaternions that are multiplied by their table."""

import numpy as np

from mme.algebra import quaternion
from mme.algebra.quaternion import (
    _bidiagonalise,
    _column,
    _exponent,
    _reflector,
    _times_power_of_two,
    _unit,
    components,
    deinterleave,
    deviation,
    from_blocks,
    image,
    interleave,
    project,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 3, 4, 4))  # two matrices of 3 × 4 quaternions


def times(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The product of matrices of quaternions."""
    a, b, c, d = np.moveaxis(x, -1, 0)
    e, f, g, h = np.moveaxis(y, -1, 0)
    parts = (a @ e - b @ f - c @ g - d @ h, a @ f + b @ e + c @ h - d @ g,
             a @ g - b @ h + c @ e + d @ f, a @ h + b @ g - c @ f + d @ e)  # fmt: skip
    return np.stack(parts, axis=-1)


def test_images_multiply_as_quaternions_do() -> None:
    Y = RNG.normal(size=(2, 4, 2, 4))
    np.testing.assert_allclose(image(X) @ image(Y), image(times(X, Y)), rtol=0, atol=1e-13)
    assert image(X).shape == (2, 6, 8)
    np.testing.assert_array_equal(components(image(X)), X)
    np.testing.assert_array_equal(components(image(X).conj().mT), np.swapaxes(X, 1, 2) * [1, -1, -1, -1])


def test_deviation_of_each_entry() -> None:
    """Wherever the entry is, and whatever way it is off, along the imaginary axis too."""
    exact = image(X[0])
    assert deviation(exact) == 0
    for place in np.ndindex(exact.shape):
        for off in (0.5, -0.5, 0.25j, -0.25j):
            disturbed = np.stack([exact, exact])
            disturbed[1][place] += off
            np.testing.assert_allclose(deviation(disturbed), [0, abs(off)], rtol=0, atol=1e-15)


def test_projection_is_the_nearest() -> None:
    """What is left is orthogonal to all images; entries near the largest float survive."""
    a = RNG.normal(size=(2, 6, 8)) + 1j * RNG.normal(size=(2, 6, 8))
    near = project(a)
    assert deviation(near).max() == 0
    rest = a - near
    np.testing.assert_allclose((rest.conj() * image(X)).sum(axis=(-2, -1)).real, 0, atol=1e-13)
    unit = np.eye(48).reshape(48, 3, 4, 4)
    np.testing.assert_allclose((rest[0].conj() * image(unit)).sum(axis=(-2, -1)).real, 0, atol=1e-14)
    large = image(np.full((1, 1, 4), 1.6e308))
    np.testing.assert_array_equal(project(large), large)


def test_interleaved_each_quaternion_is_a_block() -> None:
    mixed = interleave(image(X))
    for k, l in np.ndindex(3, 4):
        block = mixed[:, 2 * k : 2 * k + 2, 2 * l : 2 * l + 2]
        np.testing.assert_array_equal(block, image(X[:, k : k + 1, l : l + 1]))
    np.testing.assert_array_equal(deinterleave(mixed), image(X))


def test_reflections_leave_a_column_with_its_length_alone() -> None:
    whole = X[:, :, :1]
    without_first = whole * np.array([0, 1, 1])[:, None, None]
    real, none = whole * [1, 0, 0, 0], 0 * whole
    for x, scale in ((whole, 1), (whole, 1e-200), (real, 1), (without_first, 1), (none, 1)):
        column = interleave(image(scale * x))
        w, phase, length = _reflector(column)
        np.testing.assert_allclose(length, scale * np.sqrt((x**2).sum(axis=(1, 2, 3))), rtol=1e-14)
        np.testing.assert_allclose(
            phase @ phase.conj().mT, np.broadcast_to(np.eye(2), (2, 2, 2)), rtol=0, atol=1e-14
        )
        reflected = column - 2 * w @ (w.conj().mT @ column)
        expected = np.zeros_like(column)
        expected[:, :2] = phase * length[:, None, None]
        np.testing.assert_allclose(reflected, expected, rtol=0, atol=1e-13 * scale)
        np.testing.assert_array_equal(_column(column[..., 0]), column)
        direction, size = _unit(column)
        np.testing.assert_allclose(direction * size[:, None, None], column, rtol=1e-14)


def test_bidiagonal_form() -> None:
    for columns in (1, 2, 3):
        x = interleave(image(X[:, :, :columns]))
        u, b, v = _bidiagonalise(x.copy())
        for unitary in (u, v):
            one = np.eye(unitary.shape[-1])
            np.testing.assert_allclose(unitary.conj().mT @ unitary, np.stack([one] * 2), rtol=0, atol=1e-13)
            assert deviation(deinterleave(unitary)).max() < 1e-13
        assert b.dtype == float
        np.testing.assert_array_equal(b, np.triu(np.tril(b, 1)))
        whole = u[..., : 2 * columns] @ np.kron(b, np.eye(2)) @ v.conj().mT
        np.testing.assert_allclose(whole, x, rtol=0, atol=1e-13)


def test_scales_are_powers_of_two() -> None:
    a = np.array([[[3.0 - 0.1j]], [[0.2 - 9.0j]], [[0.5]], [[0.0]]])
    np.testing.assert_array_equal(_exponent(a), np.array([2, 4, 0, 0])[:, None, None])
    np.testing.assert_array_equal(_times_power_of_two(a[0], np.array(3)), 8 * a[0])


def test_decompositions_of_tall_and_wide_images() -> None:
    for x in (X, np.swapaxes(X, 1, 2), 1e-300 * X, 1e300 * X):
        a = image(x)
        u, sigma, v = quaternion.svd(a)
        assert sigma.shape == (2, 3)
        assert (np.diff(sigma) < 0).all()
        diagonal = np.concatenate([sigma, sigma], axis=-1)[:, None]
        scale = np.abs(a).max()
        np.testing.assert_allclose(u * (diagonal / scale) @ v.conj().mT, a / scale, rtol=0, atol=1e-13)
        lengths = [np.linalg.norm(each / scale) for each in (sigma, x)]
        np.testing.assert_allclose(lengths[0], lengths[1], rtol=1e-13)
        for isometry in (u, v):
            assert deviation(isometry).max() == 0
            np.testing.assert_allclose(
                isometry.conj().mT @ isometry, np.stack([np.eye(6)] * 2), rtol=0, atol=1e-13
            )
    assert np.isrealobj(from_blocks(np.eye(2), np.zeros((2, 2))))
