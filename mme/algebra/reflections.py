"""Products of Householder reflections that Gaussian rows define, for many matrices at a time.

A row y, of length m, defines h = 1 - u* u / c with u = y - s e_1, |s| = |y| and c = s conj(s - y_1). It is
unitary, and its first row is y / s. The product p = D h_d ... h_1, where h_k meets the last d - k + 1 columns
and D has the phases of the s on its diagonal, is 1 - U* L^(-1) U but for D: the rows of U are the u, and L is
the lower triangle of U U* with the c on its diagonal (after Schreiber and Van Loan, SIAM J. Sci. Stat.
Comput. 10, 1989).

Over H a row is complex and twice as long: for a quaternion a + b j it has the first row (a, b) of its 2 x 2
block, and `quaternion.partner` makes the second. Products on the left need no more than first rows.
"""

from __future__ import annotations

from functools import lru_cache

from mme.algebra import quaternion
from mme.algebra.workspace import Workspace
from mme.late import Array, np, scipy

__all__ = ["WORKSPACE", "multiply"]

ONE_BY_ONE, MANY = (4, 12), 8  # orders up to which reflections follow one another: for few matrices, for many
SHORT = 2**10  # entries of a row in all matrices: where there are fewer, rows are not copied one by one
LEAF = 8, 128  # triangles up to this order are inverted together where they are so many

WORKSPACE = Workspace(2**23)


@WORKSPACE.block()
def multiply(normals: Array, q: Array) -> None:
    """Write the products p of the reflections of some rows: the phases of the s are such that p is Haar.

    Parameters
    ----------
    normals : array of floats, shape (n, d (d + 1) / 2, beta)
        The real components of an upper triangle of standard normals, row by row. They are overwritten.
    q : array, shape (n, d, d), or (n, 2d, 2d) over H
        Where p is written to.

    Notes
    -----
    Let a be a Ginibre matrix, and y_k the end of row k of a h_1* ... h_(k-1)*. The y_k are independent normal
    rows (Stewart, SIAM J. Numer. Anal. 17, 1980), and a p* is lower triangular with a positive diagonal.
    """
    n, beta = len(q), normals.shape[-1]
    side = max(1, beta // 2)
    d = q.shape[-1] // side
    starts = np.arange(d) * (2 * d + 1 - np.arange(d)) // 2
    with WORKSPACE.block():
        squares = np.square(normals, out=WORKSPACE.take(normals.shape)).reshape(n, -1)
        length = np.sqrt(np.add.reduceat(squares, beta * starts, axis=-1))[..., None]
    x = normals.view(q.dtype).reshape(n, -1, side)
    first = x[:, starts]
    # Real phases, as LAPACK's, where c may be complex; over H those of y_1, for a real c, which commutes.
    squares = np.einsum("nki,nki->nk", parts := first.view(float), parts)[..., None]
    phase = -np.copysign(1, first.real) if side == 1 else -first / np.sqrt(squares)
    first -= length * phase
    x[:, starts] = first
    c = -np.asarray(sum(np.moveaxis(length * phase * first.conj(), -1, 0)))
    if d <= ONE_BY_ONE[n >= MANY]:
        p = _one_by_one(x.reshape(n, -1), c)
    else:
        p = q if side == 1 else WORKSPACE.take((n, d, 2 * d), q.dtype)
        _in_blocks(x.reshape(n, -1), c, p)
    if side == 1:
        np.multiply(p, phase, out=q)
        return
    a, b, phase_a, phase_b = p[..., ::2], p[..., 1::2], phase[..., :1], phase[..., 1:]
    q[:, :d, :d] = phase_a * a - phase_b * b.conj()
    q[:, :d, d:] = phase_a * b + phase_b * a.conj()
    q[:, d:, :d] = -q[:, :d, d:].conj()
    q[:, d:, d:] = q[:, :d, :d].conj()


def _one_by_one(x: Array, c: Array) -> Array:
    """The product without the phases; the batch is the last axis, so that every operation is a long one."""
    rows, c, take = WORKSPACE.take(x.shape[::-1], x.dtype), np.ascontiguousarray(c.T), WORKSPACE.take
    rows[...] = x.T
    d, n = c.shape
    side, end = 2 * len(rows) // (d * (d + 1)), len(rows)
    product, work = (take((d, side * d, n), x.dtype) for _ in range(2))
    product[...] = 0
    for k in reversed(range(d)):
        start = end - side * (d - k)
        u, end = [rows[start:end]], start
        if side == 2:
            u.append(quaternion.partner(u[0].T).T)
        rest, terms = product[k:, side * k :], work[k:, side * k :]
        with WORKSPACE.block():
            z = take((side, d - k, n), x.dtype)  # the rest times u*, over c
            for column, row in zip(z, u, strict=True):
                conjugate = np.conj(row, out=take(row.shape, x.dtype))
                np.multiply(rest[1:, side:], conjugate[side:], out=terms[1:, side:])
                np.sum(terms[1:, side:], axis=1, out=column[1:])
                column[0] = conjugate[0]
            z /= c[k]
            rest[0, 0] = 1
            for column, row in zip(z, u, strict=True):
                rest -= np.multiply(column[:, None], row, out=terms)
    return product.transpose(2, 0, 1)


def _in_blocks(x: Array, c: Array, p: Array) -> None:
    """Write the product without the phases, b reflections at a time, so that BLAS does most of the work."""
    n, d = c.shape
    side, end, take = p.shape[-1] // d, 0, WORKSPACE.take
    b = 2 ** (d.bit_length() // 2 + 1) // side
    blocks = []
    for k in range(0, d, b):
        rows, width = min(b, d - k), side * (d - k)
        start, end = end, end + rows * width - side * rows * (rows - 1) // 2
        u = take((n, rows, side, width), p.dtype)
        _fill(u, x[:, start:end])
        if side == 2:
            u[:, :, 1] = quaternion.partner(u[:, :, 0])
        u = u.reshape(n, -1, width)
        adjoint = (np.conj(u, out=take(u.shape, u.dtype)) if u.dtype == complex else u).mT
        lower = np.matmul(u, adjoint, out=take((n, u.shape[1], u.shape[1]), p.dtype))
        _invert(lower, np.repeat(c[:, k : k + b], side, axis=-1))
        blocks.append((k, u, adjoint, lower))
    p[...] = 0
    p.reshape(n, -1)[:, :: side * (d + 1)] = 1
    for k, u, adjoint, inverse in reversed(blocks):
        rest, rows = p[:, k:, side * k :], u.shape[1]
        with WORKSPACE.block():
            z, turned = (take((n, d - k, rows), p.dtype) for _ in range(2))
            z[:, : rows // side] = adjoint[:, :rows:side]
            np.matmul(rest[:, rows // side :, rows:], adjoint[:, rows:], out=z[:, rows // side :])
            np.matmul(z, inverse, out=turned)
            rest -= np.matmul(turned, u, out=take(rest.shape, p.dtype))


def _fill(u: Array, x: Array) -> None:
    """Write rows, each shorter than the last, into upper parts of some matrices: over H every second row."""
    n, rows, side, width = u.shape
    u[:, :, 0, : side * rows] = 0
    if n * width < SHORT:
        places = _places(rows, side, width)
        for matrix, values in zip(u.reshape(n, -1), x, strict=True):
            matrix[places] = values
        return
    end = 0
    for row in range(rows):
        start, end = end, end + width - side * row
        u[:, row, 0, side * row :] = x[:, start:end]


@lru_cache
def _places(rows: int, side: int, width: int) -> Array:
    """Where `_fill` writes to."""
    starts = [row * side * (width + 1) for row in range(rows)]
    return np.concatenate([np.arange(start, start + width - side * row) for row, start in enumerate(starts)])


def _invert(a: Array, diagonal: Array) -> None:
    """Overwrite some matrices with the inverses of their lower triangles, with another diagonal."""
    a *= _lower(a.shape[-1])
    np.einsum("nkk->nk", a)[...] = diagonal
    if a.shape[-1] > LEAF[0] or len(a) < LEAF[1]:
        invert = scipy.linalg.lapack.ztrtri if a.dtype == complex else scipy.linalg.lapack.dtrtri
        for each in a:
            invert(each.T, overwrite_c=True)  # an upper triangle to LAPACK, which counts columns first
        return
    with WORKSPACE.block():
        rows, inverses, terms = (WORKSPACE.take((*a.shape[1:], len(a)), a.dtype) for _ in range(3))
        rows[...], inverses[...] = a.transpose(1, 2, 0), 0
        for i, row in enumerate(rows):
            inverses[i, i] = 1 / row[i]
            np.multiply(row[:i, None], inverses[:i, :i], out=terms[:i, :i])
            np.sum(terms[:i, :i], axis=0, out=inverses[i, :i])
            inverses[i, :i] *= -inverses[i, i]
        a[...] = inverses.transpose(2, 0, 1)


@lru_cache
def _lower(order: int) -> Array:
    return np.tri(order)
