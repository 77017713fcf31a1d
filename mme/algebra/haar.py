"""Random matrices over R, C and H: Ginibre, Gaussian Hermitian, and Haar measure on the unitary groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mme.algebra import reflections
from mme.algebra.pairing import Pairing
from mme.arguments import affordable, batch_shape, generator, integer
from mme.late import Array, np

__all__ = ["Sampling"]

Size = int | Sequence[int] | None

# Bytes of the matrices that are multiplied at a time: more would not fit the cache, less waits for Python.
PART = 2**20


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
        Q of the LQ decomposition of a Ginibre matrix with a positive diagonal in L: without the phases that
        this takes it is not Haar (Mezzadri, Notices of the AMS 54, 2007). The Ginibre matrix is never formed,
        for the vectors that define its Householder reflections are themselves Gaussian (Stewart, SIAM J.
        Numer. Anal. 17, 1980). Over R both components of O(d) have probability 1/2.

        Examples
        --------
        >>> from mme.algebra import C
        >>> U = C.haar(4, size=1000, rng=1)
        >>> U.shape, bool(C.is_unitary(U).all())
        ((1000, 4, 4), True)
        """
        d = integer("d", d, 1)
        batch, rng = self._affordable_batch(d, d, size), generator(rng)
        q = np.empty((math.prod(batch), self.size(d), self.size(d)), dtype=self.dtype)
        step = max(1, PART // (q.itemsize * self.size(d) ** 2))
        for part in (q[start : start + step] for start in range(0, len(q), step)):
            with reflections.WORKSPACE.block():
                normals = reflections.WORKSPACE.take((len(part), d * (d + 1) // 2, self.beta))
                reflections.multiply(rng.standard_normal(out=normals), part)
        return q.reshape(*batch, *q.shape[1:])

    def _affordable_batch(self, rows: int, columns: int, size: Size) -> tuple[int, ...]:
        batch = batch_shape(size)
        affordable("d and size" if batch else "d", math.prod(batch) * rows * columns * self.beta * self.side)
        return batch
