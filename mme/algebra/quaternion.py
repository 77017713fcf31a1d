"""Quaternionic matrices as complex images: conversion, block symmetry and the singular value decomposition.

The image of ``A + B j`` is ``[[A, B], [-conj(B), conj(A)]]``. Every function is batched over leading axes.
"""

from __future__ import annotations

from mme.late import Array, np

__all__ = ["blocks", "components", "deviation", "from_blocks", "image", "partner", "project", "svd"]


def image(x: Array) -> Array:
    """The complex image of quaternions with real components x: (..., n, m, 4) to (..., 2n, 2m)."""
    return from_blocks(*np.moveaxis(x.view(complex), -1, 0))


def components(a: Array) -> Array:
    """The real components of a complex image, the inverse of `image`: (..., 2n, 2m) to (..., n, m, 4)."""
    return np.stack(blocks(a)[:2], axis=-1).view(float)


def blocks(a: Array) -> tuple[Array, Array, Array, Array]:
    """The four blocks of an image, row by row."""
    n, m = a.shape[-2] // 2, a.shape[-1] // 2
    return a[..., :n, :m], a[..., :n, m:], a[..., n:, :m], a[..., n:, m:]


def from_blocks(a: Array, b: Array) -> Array:
    """The image of a + b j for complex matrices a and b."""
    return np.block([[a, b], [-b.conj(), a.conj()]])


def deviation(a: Array) -> Array:
    """How far the blocks are from ``[[A, B], [-conj(B), conj(A)]]``: the largest difference, shape (...)."""
    a, b, c, d = blocks(a)
    return np.asarray(np.maximum(np.abs(a - d.conj()), np.abs(b + c.conj())).max(axis=(-2, -1)))


def project(a: Array) -> Array:
    """The nearest matrix with exact block symmetry."""
    a, b, c, d = blocks(a)
    # Halves are added, not sums halved, so that entries near the largest float survive.
    return from_blocks(0.5 * a + 0.5 * d.conj(), 0.5 * b - 0.5 * c.conj())


def interleave(a: Array) -> Array:
    """Reorder an image so that each quaternion is one 2 x 2 block."""
    rows, columns = (np.arange(side).reshape(2, -1).T.ravel() for side in a.shape[-2:])
    return a[..., rows[:, None], columns]


def deinterleave(a: Array) -> Array:
    """The inverse of `interleave`."""
    rows, columns = (np.arange(side).reshape(-1, 2).T.ravel() for side in a.shape[-2:])
    return a[..., rows[:, None], columns]


def partner(first: Array) -> Array:
    """The other complex row of interleaved rows of quaternions, or the other column of columns."""
    second = np.empty_like(first)
    second[..., ::2], second[..., 1::2] = -first[..., 1::2].conj(), first[..., ::2].conj()
    return second


def svd(a: Array) -> tuple[Array, Array, Array]:
    """Singular value decomposition of quaternionic matrices, a = U diag(sigma) V*, with symplectic U and V.

    For images of shape (..., 2n, 2m), with exact block symmetry and finite entries, U has the shape
    (..., 2n, 2r), sigma (..., r), descending, and V (..., 2m, 2r), where r = min(n, m).

    Quaternionic Householder reflections bring the matrix to real bidiagonal form, whose decomposition is
    LAPACK's. Every factor has the block symmetry by construction, so nothing depends on gaps between
    singular values. Picking one of each pair from the complex decomposition of the image would fail where
    singular values coincide.
    """
    if a.shape[-2] < a.shape[-1]:
        v, sigma, u = svd(_adjoint(a))
        return u, sigma, v
    shift = _exponent(a)
    u, bidiagonal, v = _bidiagonalise(interleave(_times_power_of_two(a, -shift)))
    left, sigma, right = np.linalg.svd(bidiagonal)
    one = np.eye(2)  # real entries are multiples of it
    u = u[..., :, : v.shape[-1]] @ np.kron(left, one)
    v = v @ np.kron(right.mT, one)
    return project(deinterleave(u)), np.ldexp(sigma, shift[..., 0]), project(deinterleave(v))


def _bidiagonalise(x: Array) -> tuple[Array, Array, Array]:
    """Unitary u and v and a real upper bidiagonal b with x = u b v*, for interleaved x that is not wide."""
    rows, columns = x.shape[-2:]
    batch = x.shape[:-2]
    u = np.broadcast_to(np.eye(rows, dtype=complex), (*batch, rows, rows)).copy()
    v = np.broadcast_to(np.eye(columns, dtype=complex), (*batch, columns, columns)).copy()
    b = np.zeros((*batch, columns // 2, columns // 2))
    for k in range(0, columns, 2):
        w, phase, length = _reflector(x[..., k:, k : k + 2])
        _reflect_rows(x[..., k:, k:], w, phase)
        _reflect_columns(u[..., :, k:], w, phase)
        b[..., k // 2, k // 2] = length
        if k + 2 < columns:
            w, phase, length = _reflector(_adjoint(x[..., k : k + 2, k + 2 :]))
            _reflect_columns(x[..., k:, k + 2 :], w, phase)
            _reflect_columns(v[..., :, k + 2 :], w, phase)
            b[..., k // 2, k // 2 + 1] = length
    return u, b, v


def _reflector(x: Array) -> tuple[Array, Array, Array]:
    """A unit column w and a unit quaternion p such that (1 - 2 w w*) x = p |x| e_1.

    The column x has shape (..., 2n, 2). A zero column gets w = 0 and p = 1.
    """
    direction, length = _unit(_column(x[..., 0]))
    phase, leading = _unit(direction[..., :2, :])
    phase = np.where(leading[..., None, None] > 0, phase, np.eye(2))
    w = direction.copy()
    w[..., :2, :] += phase
    w /= np.sqrt(2 * (1 + leading))[..., None, None]
    zero = (length == 0)[..., None, None]
    return np.where(zero, 0, w), np.where(zero, np.eye(2), -phase), length


def _column(first: Array) -> Array:
    """A column of quaternions from the first of its two complex columns.

    What earlier reflections left of a column may be mere rounding, without block symmetry, and a reflection
    made from both of its complex columns would be none.
    """
    return np.stack([first, partner(first)], axis=-1)


def _reflect_rows(x: Array, w: Array, phase: Array) -> None:
    """Replace x by p* (1 - 2 w w*) x, where p* meets the first row only."""
    x -= 2 * w @ (_adjoint(w) @ x)
    x[..., :2, :] = _adjoint(phase) @ x[..., :2, :]


def _reflect_columns(x: Array, w: Array, phase: Array) -> None:
    """Replace x by x (1 - 2 w w*) p, where p meets the first column only."""
    x -= 2 * (x @ w) @ _adjoint(w)
    x[..., :, :2] = x[..., :, :2] @ phase


def _adjoint(a: Array) -> Array:
    return a.conj().mT


def _unit(x: Array) -> tuple[Array, Array]:
    """A column of quaternions over its length, and the length; a zero column stays zero."""
    shift = _exponent(x)
    scaled = _times_power_of_two(x, -shift)
    # Half the squares: each quaternion stands twice in its block.
    length = np.sqrt((scaled.real**2 + scaled.imag**2).sum(axis=(-2, -1)) / 2)
    return scaled / np.where(length == 0, 1, length)[..., None, None], np.ldexp(length, shift[..., 0, 0])


def _exponent(x: Array) -> Array:
    """The binary exponent of the largest entry, with the last two axes kept."""
    largest = np.maximum(np.abs(x.real), np.abs(x.imag)).max(axis=(-2, -1), keepdims=True)
    return np.asarray(np.frexp(largest)[1])


def _times_power_of_two(x: Array, exponent: Array) -> Array:
    return np.asarray(np.ldexp(x.real, exponent) + 1j * np.ldexp(x.imag, exponent))
