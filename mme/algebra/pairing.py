"""The adjoint, the real trace pairing and its norm, and the absolute values of entries."""

from __future__ import annotations

from typing import Any, cast

from mme.algebra import quaternion
from mme.algebra.structure import Structure
from mme.arguments import arrays, common_batch, finite_array, number
from mme.late import Array, ArrayLike, np

__all__ = ["Pairing"]


class Pairing(Structure):
    """Linear algebra that needs no more than sums of products.

    `adjoint`, `pairing` and `norm` take NumPy arrays, torch tensors and any others of the array API standard.
    """

    def adjoint(self, a: Any) -> Any:
        """The adjoint a*: transpose over R, conjugate transpose over C and H.

        Parameters
        ----------
        a : array, shape (..., n, m)
            NumPy, torch or any other array of the array API standard.

        Returns
        -------
        array of the same kind, shape (..., m, n)

        Examples
        --------
        >>> from mme.algebra import C
        >>> C.adjoint([[1, 2j]])
        array([[1.-0.j],
               [0.-2.j]])
        """
        xp, (a,) = arrays(a=a, finite=False, real=self.beta == 1)
        self._sides(a)
        a = xp.matrix_transpose(a)
        return a if self.beta == 1 else xp.conj(a)

    def pairing(self, a: Any, b: Any) -> Any:
        """The real trace pairing Re Tr(a* b), where the trace is over the field.

        Over H the trace of the complex image counts every entry twice, so the pairing halves it.
        Source: entropy formula, Section 2, (2.1) for one layer.

        Parameters
        ----------
        a, b : array, shape (..., n, m)
            NumPy, torch or any other arrays of the array API standard; leading axes broadcast.

        Returns
        -------
        real array of the same kind, shape (...)

        Raises
        ------
        InputError
            If the matrices differ in shape, or have an odd side over H.

        Examples
        --------
        >>> from mme.algebra import C, H
        >>> float(C.pairing(C.identity(3), C.identity(3))), float(H.pairing(H.identity(3), H.identity(3)))
        (3.0, 3.0)
        """
        xp, (a, b) = arrays(a=a, b=b, finite=False, real=self.beta == 1)
        self._sides(a, b, names="ab")
        a, b = (_floats(xp, each) for each in (a, b))
        common_batch("a and b", a.shape[:-2], b.shape[:-2])
        product = xp.conj(a) * b if self.beta > 1 else a * b
        if xp.isdtype(product.dtype, "complex floating"):
            product = xp.real(product)
        return xp.sum(product, axis=(-2, -1)) / self.side

    def norm(self, a: Any) -> Any:
        """Return the norm (Re Tr a* a)^(1/2), shape (...), also where the squares would overflow.

        The arguments are those of `adjoint`.

        Examples
        --------
        >>> import numpy as np
        >>> from mme.algebra import R
        >>> float(R.norm(np.array([[3e300, 4e300]])))
        5e+300
        """
        xp, (a,) = arrays(a=a, finite=False, real=self.beta == 1)
        self._sides(a)
        a = _floats(xp, a)
        largest = xp.max(xp.abs(a), axis=(-2, -1), keepdims=True)
        scale = largest + xp.finfo(largest.dtype).smallest_normal
        scaled = a / scale
        return scale[..., 0, 0] * xp.sqrt(self.pairing(scaled, scaled))

    def modulus(self, a: ArrayLike) -> Array:
        """Return the absolute value of every entry of `a`, a real matrix of shape (..., n, m).

        Over H, where a has shape (..., 2n, 2m), an entry is a 2 x 2 block and its absolute value is the
        block's Frobenius norm over the square root of 2. That is the absolute value of the quaternion, and
        extends it to blocks which are complex quaternions.

        Examples
        --------
        >>> from mme.algebra import C, H
        >>> C.modulus([[3 + 4j]])
        array([[5.]])
        >>> H.modulus(H.identity(2))
        array([[1., 0.],
               [0., 1.]])
        """
        absolute = np.asarray(np.abs(_floats(np, finite_array("a", a))))
        self._sides(absolute)
        if self.side == 1:
            return absolute
        a, b, c, d = quaternion.blocks(absolute)
        return np.asarray(np.hypot(np.hypot(a, b), np.hypot(c, d)) / np.sqrt(2))

    def is_unitary(self, a: ArrayLike, *, tolerance: float = 1e-10) -> Any:
        """Whether a* a = 1 up to the tolerance in every entry; over H also the block symmetry.

        Parameters
        ----------
        a : array_like, shape (..., size, size)
        tolerance : float
            The largest deviation allowed in an entry.

        Returns
        -------
        bool, or array of bool of shape (...)

        Examples
        --------
        >>> from mme.algebra import H, R
        >>> H.is_unitary(H.haar(3, rng=1)), R.is_unitary([[1, 1], [0, 1]])
        (True, False)
        """
        a, tolerance = _floats(np, finite_array("a", a)), number("tolerance", tolerance, 0)
        self.order(a)
        with np.errstate(over="ignore", invalid="ignore"):  # NaN is no smaller than the tolerance
            defect = np.max(np.abs(a.conj().mT @ a - np.eye(a.shape[-1])), axis=(-2, -1))
        if self.beta == 4:
            defect = np.maximum(defect, quaternion.deviation(a))
        elif self.beta == 1:
            defect = np.maximum(defect, np.max(np.abs(a.imag), axis=(-2, -1)))
        good = np.asarray(defect <= tolerance)
        return good if good.ndim else bool(good)


def _floats(xp: Any, a: Any) -> Array:
    """Whole numbers as floats: as they are, their products and the modulus of the least would wrap round."""
    return cast(Array, xp.astype(a, xp.float64) if xp.isdtype(a.dtype, "integral") else a)
