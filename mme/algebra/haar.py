"""Random matrices over R, C and H: Ginibre, Gaussian Hermitian, and Haar measure on the unitary groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mme.algebra import quaternion
from mme.algebra.pairing import Pairing
from mme.arguments import affordable, batch_shape, generator, integer
from mme.late import Array, np, scipy

__all__ = ["Sampling"]

Size = int | Sequence[int] | None

# From this order on one matrix is work enough for a LAPACK call of its own; below, the whole batch goes
# together.
LAPACK_ORDER = 24


class Sampling(Pairing):
    """Random matrices. A batch is what as many single draws from the same generator would have given."""

    def ginibre(self, d: int, size: Size = None, rng: Any = None, *, columns: int | None = None) -> Array:
        """Matrices whose real components are independent standard normals, so that E |entry|^2 = beta.

        Parameters
        ----------
        d : int
            Number of rows.
        size : int or tuple of int, optional
            Shape of the batch.
        rng : None, int or numpy.random.Generator
            Seed or generator.
        columns : int, optional
            Number of columns; d when left out.

        Returns
        -------
        array, shape (*size, d, columns), or (*size, 2d, 2 columns) over H

        Notes
        -----
        The standard normal distribution of the trace pairing: its density is proportional to exp(-norm(a)^2
        / 2).

        Examples
        --------
        >>> from mme.algebra import H
        >>> H.ginibre(2, size=5, rng=1, columns=3).shape
        (5, 4, 6)
        """
        d = integer("d", d, 1)
        columns = d if columns is None else integer("columns", columns, 1)
        batch = self._affordable_batch(d, columns, size)
        return self.from_components(generator(rng).standard_normal((*batch, d, columns, self.beta)))

    def gaussian_hermitian(self, d: int, size: Size = None, rng: Any = None) -> Array:
        """Return Gaussian Hermitian matrices (GOE, GUE, GSE): density proportional to exp(-norm(a)^2 / 2).

        They are (G + G*) / 2 for a Ginibre matrix G: the real components have variance 1 on the diagonal
        and 1/2 off it. The arguments are those of `haar`.

        Examples
        --------
        >>> from mme.algebra import C
        >>> a = C.gaussian_hermitian(3, rng=1)
        >>> bool((a == C.adjoint(a)).all())
        True
        """
        g = self.ginibre(d, size, rng)
        return np.asarray((g + self.adjoint(g)) / 2)

    def gaussian_skew_hermitian(self, d: int, size: Size = None, rng: Any = None) -> Array:
        """Return Gaussian skew-Hermitian matrices, of the Lie algebra: density as of `gaussian_hermitian`.

        They are (G - G*) / 2 for a Ginibre matrix G. The arguments are those of `haar`.

        Examples
        --------
        >>> from mme.algebra import R
        >>> a = R.gaussian_skew_hermitian(3, rng=1)
        >>> bool((a == -R.adjoint(a)).all())
        True
        """
        g = self.ginibre(d, size, rng)
        return np.asarray((g - self.adjoint(g)) / 2)

    def haar(self, d: int, size: Size = None, rng: Any = None) -> Array:
        """Haar measure on the unitary group: O(d), U(d) or Sp(d).

        Parameters
        ----------
        d : int
            Order.
        size : int or tuple of int, optional
            Shape of the batch.
        rng : None, int or numpy.random.Generator
            Seed or generator.

        Returns
        -------
        array, shape (*size, d, d), or (*size, 2d, 2d) over H

        Notes
        -----
        Q of the QR decomposition of a Ginibre matrix, with each column of Q multiplied by the phase of the
        diagonal entry of R: QR alone is not Haar (Mezzadri, Notices of the AMS 54, 2007). Over R and C the
        Ginibre matrix is never formed, for the vectors that define its Householder reflections are
        themselves Gaussian (Stewart, SIAM J. Numer. Anal. 17, 1980). Over R both components of O(d) have
        probability 1/2.

        Examples
        --------
        >>> from mme.algebra import C
        >>> U = C.haar(4, size=1000, rng=1)
        >>> U.shape, bool(C.is_unitary(U).all())
        ((1000, 4, 4), True)
        """
        if self.beta == 4:
            return _symplectic(self.ginibre(d, size, rng))
        d = integer("d", d, 1)
        batch = self._affordable_batch(d, d, size)
        normals = generator(rng).standard_normal((*batch, d * (d + 1) // 2, self.beta))
        x = np.zeros((*batch, d, d), dtype=self.dtype)
        x[..., np.triu(np.ones((d, d), dtype=bool))] = normals.view(self.dtype)[..., 0]
        multiply = _multiply_together if d < LAPACK_ORDER else _multiply_by_lapack
        return multiply(*_reflections(x))

    def _affordable_batch(self, rows: int, columns: int, size: Size) -> tuple[int, ...]:
        batch = batch_shape(size)
        affordable("d and size" if batch else "d", math.prod(batch) * rows * columns * self.beta * self.side)
        return batch


def _symplectic(x: Array) -> Array:
    """Q of the QR decomposition of quaternionic matrices.

    The decomposition is the complex one of the 2 x 2 blocks. With a positive diagonal it is unique, so the
    columns of Q come in quaternionic pairs; one of each is kept and gives the other.
    """
    q, r = np.linalg.qr(quaternion.interleave(x))
    diagonal = np.diagonal(r, axis1=-2, axis2=-1)[..., None, ::2]
    q = q[..., ::2] * (diagonal / np.abs(diagonal))
    return quaternion.from_blocks(q[..., ::2, :], -q[..., 1::2, :].conj())


def _reflections(x: Array) -> tuple[Array, Array, Array]:
    """The reflections that bring columns x, here rows, to the diagonal, as LAPACK's geqrf stores them.

    Row k holds a vector in its entries k and following. The reflection 1 - tau v v*, with v_k = 1, takes
    beta e_k to that vector, where beta is real. Returns the vectors v, the factors tau and the signs of beta.
    """
    alpha = np.diagonal(x, axis1=-2, axis2=-1)
    length = np.sqrt(np.einsum("...kj,...kj->...k", x, x.conj()).real)
    beta = -np.copysign(length, alpha.real)
    tau = (beta - alpha) / beta
    x = x / (alpha - beta)[..., None]
    return x, tau, np.sign(beta)


def _multiply_together(x: Array, tau: Array, sign: Array) -> Array:
    """The transpose of H_1 ... H_d diag(sign), for the whole batch at once."""
    d = x.shape[-1]
    q = np.zeros_like(x)
    for k in reversed(range(d)):
        v = x[..., k, k:].copy()
        v[..., 0] = 1
        q[..., k, k] = 1
        below = q[..., k:, k:]
        projected = below @ v.conj()[..., :, None]
        below -= projected * (tau[..., k, None] * v)[..., None, :]
    return np.asarray(q * sign[..., :, None])


def _multiply_by_lapack(x: Array, tau: Array, sign: Array) -> Array:
    """The same by LAPACK, one large matrix after the other.

    A transposed row-major array is the column-major one that LAPACK wants, so it works in place and leaves
    the transpose behind, which is as much Haar as the matrix.
    """
    name = "ungqr" if np.iscomplexobj(x) else "orgqr"
    (multiply,) = scipy.linalg.get_lapack_funcs((name,), (x,))
    d = x.shape[-1]
    for index in np.ndindex(x.shape[:-2]):
        q, _, info = multiply(x[index].T, tau[index], lwork=64 * d, overwrite_a=True)
        assert info == 0, f"LAPACK's {name} refused argument {-info}"
        x[index] = q.T
    x *= sign[..., :, None]
    return x
