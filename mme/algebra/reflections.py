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
from mme.late import Array, np

__all__ = ["multiply"]

ONE_BY_ONE = 4, 12  # the order up to which reflections follow one another, for few matrices and for many
MANY = 8  # from so many matrices on triangles are inverted together,
LEAF = 8  # by halves down to such orders


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
    length = np.sqrt(np.add.reduceat(np.square(normals).reshape(n, -1), beta * starts, axis=-1))[..., None]
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
        p = q if side == 1 else np.empty((n, d, 2 * d), q.dtype)
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
    x, c = np.ascontiguousarray(x.T), np.ascontiguousarray(c.T)
    d, n = c.shape
    side, end = 2 * len(x) // (d * (d + 1)), len(x)
    p = np.zeros((d, side * d, n), x.dtype)
    work = np.empty_like(p)
    for k in reversed(range(d)):
        start = end - side * (d - k)
        rows, end = [x[start:end]], start
        if side == 2:
            rows.append(quaternion.partner(rows[0].T).T)
        rest, product = p[k:, side * k :], work[k:, side * k :]
        z = np.empty((side, d - k, n), x.dtype)  # the rest times u*, over c
        for column, row in zip(z, rows, strict=True):
            conjugate = row.conj()
            np.multiply(rest[1:, side:], conjugate[side:], out=product[1:, side:])
            np.sum(product[1:, side:], axis=1, out=column[1:])
            column[0] = conjugate[0]
        z /= c[k]
        rest[0, 0] = 1
        for column, row in zip(z, rows, strict=True):
            rest -= np.multiply(column[:, None], row, out=product)
    return p.transpose(2, 0, 1)


def _in_blocks(x: Array, c: Array, p: Array) -> None:
    """Write the product without the phases, b reflections at a time, so that BLAS does most of the work."""
    n, d = c.shape
    side, end = p.shape[-1] // d, 0
    b = (8 if d < (48 if n >= MANY else 32) else 2 ** (d.bit_length() // 2 + 1)) // side
    blocks = []
    lower = np.zeros((n, -(-d // b), side * b, side * b), p.dtype)
    for j, k in enumerate(range(0, d, b)):
        u = np.zeros((n, min(b, d - k), side * (d - k)), p.dtype)
        for i in range(u.shape[1]):
            start, end = end, end + side * (d - k - i)
            u[:, i, side * i :] = x[:, start:end]
        if side == 2:
            u = np.stack([u, quaternion.partner(u)], axis=-2).reshape(n, -1, u.shape[-1])
        rows, adjoint = u.shape[1], u.conj().mT
        lower[:, j, :rows, :rows] = u @ adjoint
        blocks.append((k, u, adjoint))
    diagonal = np.ones((n, lower.shape[1] * b), c.dtype)
    diagonal[:, :d] = c
    np.einsum("nkii->nki", lower)[...] = np.repeat(diagonal, side, axis=-1).reshape(lower.shape[:-1])
    inverse = _inverse(lower.reshape(-1, *lower.shape[2:])).reshape(lower.shape)
    p[...] = 0
    p.reshape(n, -1)[:, :: side * (d + 1)] = 1
    work = np.empty(p.size, p.dtype)  # once: arrays that grow from step to step would cost page faults
    for j, (k, u, adjoint) in reversed(list(enumerate(blocks))):
        rest, rows = p[:, k:, side * k :], u.shape[1]
        z = np.empty((n, d - k, rows), p.dtype)
        z[:, : rows // side] = adjoint[:, :rows:side]
        np.matmul(rest[:, rows // side :, rows:], adjoint[:, rows:], out=z[:, rows // side :])
        product = work[: rest.size].reshape(rest.shape)
        rest -= np.matmul(z @ inverse[:, j, :rows, :rows], u, out=product)


def _inverse(a: Array) -> Array:
    """The inverses of the lower triangles of some matrices, whose order is a power of two."""
    if len(a) < MANY:
        return np.linalg.inv(np.tril(a))
    half = a.shape[-1] // 2
    if half >= LEAF:
        inverse = np.zeros_like(a)
        parts = _inverse(np.concatenate([a[:, :half, :half], a[:, half:, half:]]))
        inverse[:, :half, :half], inverse[:, half:, half:] = first, last = parts.reshape(2, -1, half, half)
        np.matmul(-last, a[:, half:, :half] @ first, out=inverse[:, half:, :half])
        return inverse
    a = np.ascontiguousarray(a.transpose(1, 2, 0))
    inverse = np.zeros_like(a)
    for i, row in enumerate(a):
        inverse[i, i] = 1 / row[i]
        inverse[i, :i] = -inverse[i, i] * (row[:i, None] * inverse[:i, :i]).sum(axis=0)
    return np.ascontiguousarray(inverse.transpose(2, 0, 1))
