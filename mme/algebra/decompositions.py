"""Singular values, polar factors, eigenvalues and determinants over R, C and H."""

from __future__ import annotations

from typing import Any, NamedTuple

from mme.algebra import quaternion
from mme.algebra.pairing import Pairing
from mme.algebra.structure import by_largest_entry
from mme.arguments import integer
from mme.errors import InputError
from mme.late import Array, ArrayLike, array_api_compat, np
from mme.result import by_value

__all__ = ["SVD", "Decompositions", "Eigendecomposition"]


@by_value
class SVD(NamedTuple):
    """The factors U, sigma and V of a = U diag(sigma) V*, in this order; see `Field.svd` for their shapes."""

    U: Array
    sigma: Array
    V: Array


@by_value
class Eigendecomposition(NamedTuple):
    """The factors x and V of a = V diag(x) V*, in this order; see `Field.eigh` for their shapes."""

    x: Array
    V: Array


class Decompositions(Pairing):
    """The decompositions that the unitary group acts by."""

    def svd(self, a: ArrayLike) -> SVD:
        """Singular value decomposition a = U diag(sigma) V*, where U and V are unitary over the field.

        It is not unique: Lemma 3.2 says what is open for distinct singular values, and more is where they
        coincide. U V* is unique for invertible a; see `polar`.
        Source: entropy formula, Section 2, X = U Sigma V*.

        Parameters
        ----------
        a : array_like, shape (..., d, d), or (..., 2d, 2d) over H
            Rectangular matrices are welcome and get the thin decomposition.

        Returns
        -------
        SVD
            ``U`` and ``V`` as arrays over the field (complex images over H), and ``sigma`` of shape (...,
            d), descending: each singular value once over H too, though the complex image has it twice.

        Examples
        --------
        >>> from mme.algebra import H
        >>> U, sigma, V = H.svd(H.diagonal([1.0, 3.0]))
        >>> sigma
        array([3., 1.])
        >>> H.is_unitary(U), H.is_unitary(V)
        (True, True)
        """
        a = self.validate(a, square=False)
        if self.beta == 4:
            return SVD(*quaternion.svd(a))
        u, sigma, right = np.linalg.svd(a, full_matrices=False)
        return SVD(u, sigma, self.adjoint(right))

    def singular_values(self, a: Any) -> Any:
        """Return the singular values of `a`, descending, shape (..., min(n, m)), each once over H too.

        The matrices have shape (..., n, m), or (..., 2n, 2m) over H. A torch tensor gives a tensor, with its
        gradient.

        Examples
        --------
        >>> from mme.algebra import R
        >>> R.singular_values([[0.0, -2.0], [1.0, 0.0]])
        array([2., 1.])
        """
        checked = self.validate(a, square=False)
        if not array_api_compat.is_torch_array(a):
            return np.asarray(np.linalg.svd(checked, compute_uv=False)[..., :: self.side])
        xp = array_api_compat.array_namespace(a)
        is_floating = xp.isdtype(a.dtype, ("real floating", "complex floating"))
        if not is_floating or a.element_size() < 4:  # LAPACK has no half precision
            a = xp.astype(a, xp.float32 if is_floating else xp.float64)
        doubled = xp.linalg.svdvals(a)
        # The mean of each pair, because either alone has a gradient without the block symmetry.
        return xp.mean(xp.reshape(doubled, (*doubled.shape[:-1], -1, self.side)), axis=-1)

    def polar(self, a: ArrayLike) -> Array:
        """Return the unitary polar factor Q of `a` = Q P with P = (a* a)^(1/2), an array of the shape of a.

        It is the unitary matrix nearest to a. For invertible a it is unique and depends smoothly on a, also
        where singular values coincide and U and V of `svd` are arbitrary. For singular a it is one of the
        nearest. The matrices have shape (..., d, d), or (..., 2d, 2d) over H.

        Examples
        --------
        >>> from mme.algebra import R
        >>> R.polar([[0.0, -2.0], [3.0, 0.0]]).round(12) + 0.0
        array([[ 0., -1.],
               [ 1.,  0.]])
        """
        u, _, v = self.svd(self.validate(a))
        return np.asarray(u @ self.adjoint(v))

    def eigh(self, a: ArrayLike) -> Eigendecomposition:
        """Eigenvalues and eigenvectors of Hermitian matrices, a = V diag(x) V* with unitary V over the field.

        Parameters
        ----------
        a : array_like, shape (..., d, d), or (..., 2d, 2d) over H
            Hermitian over the field: symmetric over R.

        Returns
        -------
        Eigendecomposition
            ``x`` of shape (..., d), ascending, each eigenvalue once over H too, and ``V`` of the shape of a.

        Raises
        ------
        InputError
            If a is no matrix over the field, or is not Hermitian; it says by how much.

        Examples
        --------
        >>> from mme.algebra import H
        >>> x, V = H.eigh(H.diagonal([2.0, -1.0]))
        >>> x.round(12)
        array([-1.,  2.])
        """
        a = self.hermitian_part(a, sign=1)
        if self.beta < 4:
            return Eigendecomposition(*np.linalg.eigh(a))
        # The singular vectors of the positive matrix c - a are the eigenvectors of a.
        c = 2 * np.max(np.abs(np.linalg.eigvalsh(a)), axis=-1)
        _, sigma, v = self.svd(c[..., None, None] * np.eye(a.shape[-1]) - a)
        return Eigendecomposition(c[..., None] - sigma, v)

    def eigvalsh(self, a: ArrayLike) -> Array:
        """Return the eigenvalues of Hermitian matrices, ascending, shape (..., d), each once over H too.

        The arguments are those of `eigh`, and so is what is raised.

        Examples
        --------
        >>> from mme.algebra import H
        >>> H.eigvalsh(H.diagonal([2.0, -1.0]))
        array([-1.,  2.])
        """
        return np.asarray(np.linalg.eigvalsh(self.hermitian_part(a, sign=1))[..., :: self.side])

    def log_abs_det(self, a: ArrayLike) -> Array:
        """Return the logarithm of |det `a`|, shape (...), from the singular values; -inf for singular a.

        The matrices have shape (..., d, d), or (..., 2d, 2d) over H, where this is Dieudonné's determinant,
        det(a* a)^(1/2).

        Examples
        --------
        >>> import numpy as np
        >>> from mme.algebra import H
        >>> round(float(np.exp(H.log_abs_det(H.diagonal([2.0, 3.0])))), 12)
        6.0
        """
        return np.asarray(np.linalg.slogdet(self.validate(a))[1] / self.side)

    def hermitian_part(self, a: ArrayLike, *, sign: int, name: str = "a") -> Array:
        """Return the Hermitian (sign 1) or skew-Hermitian (sign -1) matrix that a is up to rounding.

        Parameters
        ----------
        a, name
            As in `validate`.
        sign : {1, -1}

        Raises
        ------
        InputError
            If a differs from sign * a* by more than rounding explains; it says by how much.

        Examples
        --------
        >>> from mme.algebra import C
        >>> C.hermitian_part([[0, 1], [0, 0]], sign=-1)
        Traceback (most recent call last):
        mme.errors.InputError: a must be skew-Hermitian, a* = -a, but misses it by 1 times its largest entry.
        """
        if integer("sign", sign, -1, 1) == 0:
            raise InputError("sign must be 1 or -1, but it is 0.")
        a = self.validate(a, name=name)
        scaled = by_largest_entry(a)
        deviation = float(np.max(np.abs(scaled - sign * self.adjoint(scaled)), initial=0.0))
        if deviation > 1e-8:
            kind = "Hermitian, a* = a" if sign > 0 else "skew-Hermitian, a* = -a"
            raise InputError(
                f"{name} must be {kind}, but misses it by {deviation:.2g} times its largest entry."
            )
        return np.asarray(0.5 * a + sign * 0.5 * self.adjoint(a))
