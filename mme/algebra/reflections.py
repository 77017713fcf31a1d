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

from mme.algebra import quaternion
from mme.algebra.workspace import Workspace
from mme.late import Array, np

__all__ = ["WORKSPACE", "multiply"]

ONE_BY_ONE = 4, 12  # the order up to which reflections follow one another, for few matrices and for many
MANY = 8  # from so many matrices on triangles are inverted together,
LEAF = 8  # by halves down to such orders

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
    b = (8 if d < (48 if n >= MANY else 32) else 2 ** (d.bit_length() // 2 + 1)) // side
    blocks = []
    lower = take((n, -(-d // b), side * b, side * b), p.dtype)
    lower[:, -1] = 0  # the last block may be a smaller one
    for j, k in enumerate(range(0, d, b)):
        u = take((n, min(b, d - k), side, side * (d - k)), p.dtype)
        u[:, :, 0, : side * b] = 0
        for i in range(u.shape[1]):
            start, end = end, end + side * (d - k - i)
            u[:, i, 0, side * i :] = x[:, start:end]
        if side == 2:
            u[:, :, 1] = quaternion.partner(u[:, :, 0])
        u = u.reshape(n, -1, u.shape[-1])
        adjoint = (np.conj(u, out=take(u.shape, u.dtype)) if u.dtype == complex else u).mT
        np.matmul(u, adjoint, out=lower[:, j, : u.shape[1], : u.shape[1]])
        blocks.append((k, u, adjoint))
    diagonal = np.ones((n, lower.shape[1] * b), c.dtype)
    diagonal[:, :d] = c
    np.einsum("nkii->nki", lower)[...] = np.repeat(diagonal, side, axis=-1).reshape(lower.shape[:-1])
    inverse = take(lower.shape, p.dtype)
    _invert(lower.reshape(-1, *lower.shape[2:]), inverse.reshape(-1, *lower.shape[2:]))
    p[...] = 0
    p.reshape(n, -1)[:, :: side * (d + 1)] = 1
    for j, (k, u, adjoint) in reversed(list(enumerate(blocks))):
        rest, rows = p[:, k:, side * k :], u.shape[1]
        with WORKSPACE.block():
            z, turned = (take((n, d - k, rows), p.dtype) for _ in range(2))
            z[:, : rows // side] = adjoint[:, :rows:side]
            np.matmul(rest[:, rows // side :, rows:], adjoint[:, rows:], out=z[:, rows // side :])
            np.matmul(z, inverse[:, j, :rows, :rows], out=turned)
            rest -= np.matmul(turned, u, out=take(rest.shape, p.dtype))


@WORKSPACE.block()
def _invert(a: Array, inverse: Array) -> None:
    """Write the inverses of the lower triangles of some matrices, whose order is a power of two."""
    if len(a) < MANY:
        inverse[...] = np.linalg.inv(np.tril(a))
        return
    half, take = a.shape[-1] // 2, WORKSPACE.take
    if half >= LEAF:
        parts, inverses = (take((2, len(a), half, half), a.dtype) for _ in range(2))
        parts[:] = a[:, :half, :half], a[:, half:, half:]
        _invert(*(each.reshape(-1, half, half) for each in (parts, inverses)))
        first, last = inverses
        inverse[:, :half, :half], inverse[:, half:, half:], inverse[:, :half, half:] = first, last, 0
        product = np.matmul(a[:, half:, :half], first, out=parts[0])
        np.matmul(np.negative(last, out=parts[1]), product, out=inverse[:, half:, :half])
        return
    rows, inverses, terms = (take((*a.shape[1:], len(a)), a.dtype) for _ in range(3))
    rows[...], inverses[...] = a.transpose(1, 2, 0), 0
    for i, row in enumerate(rows):
        inverses[i, i] = 1 / row[i]
        np.multiply(row[:i, None], inverses[:i, :i], out=terms[:i, :i])
        np.sum(terms[:i, :i], axis=0, out=inverses[i, :i])
        inverses[i, :i] *= -inverses[i, i]
    inverse[...] = inverses.transpose(2, 0, 1)
