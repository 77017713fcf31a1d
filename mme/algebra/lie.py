"""The Lie algebra of skew-Hermitian matrices, and its maps to the unitary group."""

from __future__ import annotations

from collections.abc import Callable

from mme.algebra import quaternion
from mme.algebra.decompositions import Decompositions
from mme.arguments import affordable, integer
from mme.errors import InputError
from mme.late import Array, ArrayLike, np

__all__ = ["LieGroup", "cayley_log_density"]


class LieGroup(Decompositions):
    """The unitary group as a Lie group with the bi-invariant metric of the trace pairing."""

    def lie_basis(self, d: int) -> Array:
        """Return the orthonormal basis of the Lie algebra of order `d` in the trace pairing.

        First the ``(eps E_kl - conj(eps) E_lk) / sqrt(2)`` for k < l, with eps running over (1), (1, i) or
        (1, i, j, k) within each pair (k, l); then the ``eps E_kk`` with eps running over the imaginary
        units. Source: entropy formula, (4.2), (4.3) and Lemma 4.1.

        Returns
        -------
        array, shape (D, size, size) with D = group_dimension(d)

        Examples
        --------
        >>> from mme.algebra import C
        >>> C.lie_basis(1)
        array([[[0.+1.j]]])
        >>> basis = C.lie_basis(3)
        >>> gram = C.pairing(basis[:, None], basis[None, :])
        >>> bool(abs(gram - np.eye(9)).max() < 1e-15)
        True
        """
        d = integer("d", d, 1)
        affordable("d", self.beta * self.side * d**2 * self.group_dimension(d))
        one, eps, conjugate = np.eye(d), np.eye(self.beta), np.diag([1.0, -1.0, -1.0, -1.0][: self.beta])

        def elements(k: Array, l: Array, units: Array) -> Array:  # eps E_kl, in components
            outer = np.einsum("pi,pj,ua->puija", one[k], one[l], units)
            return np.asarray(outer.reshape(-1, d, d, self.beta))

        (k, l), every = np.triu_indices(d, 1), np.arange(d)
        pairs = (elements(k, l, eps) - elements(l, k, conjugate)) / np.sqrt(2)
        return self.from_components(np.concatenate([pairs, elements(every, every, eps[1:])]))

    def exp(self, a: ArrayLike) -> Array:
        """The exponential map from the Lie algebra to the unitary group.

        Parameters
        ----------
        a : array_like, shape (..., size, size)
            Skew-Hermitian matrices.

        Returns
        -------
        array, shape of a

        Raises
        ------
        InputError
            If a is not skew-Hermitian; it says by how much.

        Examples
        --------
        >>> from mme.algebra import R
        >>> quarter_turn = np.pi / 2 * np.array([[0.0, -1.0], [1.0, 0.0]])
        >>> R.exp(quarter_turn).round(12) + 0.0
        array([[ 0., -1.],
               [ 1.,  0.]])
        """
        return self._of_angles(a, lambda angle: np.exp(1j * angle))

    def cayley(self, a: ArrayLike) -> Array:
        """Return the Cayley map (1 - a/2)^(-1) (1 + a/2) from the Lie algebra to the unitary group.

        It covers the matrices without the eigenvalue -1: almost all of U(d) and Sp(d), and of one component
        of O(d). The arguments are those of `exp`, and so is what is returned and raised.

        Examples
        --------
        >>> from mme.algebra import C
        >>> C.cayley([[2j]])
        array([[0.+1.j]])
        """
        return self._of_angles(a, lambda angle: (2 + 1j * angle) / (2 - 1j * angle))

    def inverse_cayley(self, q: ArrayLike) -> Array:
        """The skew-Hermitian a with cayley(a) = q, which is 2 (q - 1) (q + 1)^(-1).

        Parameters
        ----------
        q : array_like, shape (..., size, size)
            Unitary matrices without the eigenvalue -1.

        Returns
        -------
        array, shape of q

        Raises
        ------
        InputError
            If q is not unitary, or has the eigenvalue -1 up to rounding.

        Examples
        --------
        >>> from mme.algebra import C
        >>> C.inverse_cayley([[1j]])
        array([[0.+2.j]])
        """
        q = self.validate(q, name="q")
        if not np.all(self.is_unitary(q)):
            raise InputError(f"q must be unitary over {self.name}, q* q = 1, but it is not.")
        one = np.eye(q.shape[-1])
        nearest = np.linalg.svd(q + one, compute_uv=False)[..., -1]
        if np.any(nearest < 1e-12):
            raise InputError(
                "q must have no eigenvalue -1, where Cayley coordinates are infinite, but it has one."
            )
        # (q - 1) and (q + 1) commute, so the inverse may stand on either side.
        a = 2 * np.linalg.solve(q + one, q - one)
        return np.asarray((a - self.adjoint(a)) / 2)

    def cayley_log_density(self, a: ArrayLike) -> Array:
        """Return the logarithm of dQ / da, shape (...): the volume of the group per that of the Lie algebra.

        With Q = cayley(a), ``dQ = det(1 + a* a / 4)^(-D / d) da``, where the determinant is over the field
        (Dieudonné's over H): the weight that importance sampling of Haar measure needs. Over R it is the
        density on the rotations, one of the two components of O(d).

        The arguments are those of `exp`, and so is what is raised.

        Examples
        --------
        The density of the angle's half tangent, 1 / (1 + a^2 / 4):

        >>> from mme.algebra import C
        >>> round(float(np.exp(C.cayley_log_density([[2j]]))), 12)
        0.5
        """
        return cayley_log_density(self.hermitian_part(a, sign=-1), self)

    def _of_angles(self, a: ArrayLike, function: Callable[[Array], Array]) -> Array:
        """The matrix with the eigenvectors of skew-Hermitian a, and a function of the angles -i a."""
        angle, v = np.linalg.eigh(-1j * self.hermitian_part(a, sign=-1))
        q = (v * function(angle)[..., None, :]) @ v.conj().mT
        return quaternion.project(q) if self.beta == 4 else np.asarray(q.real if self.beta == 1 else q)


def cayley_log_density(a: Array, field: LieGroup) -> Array:
    """As the method, but without a look at the matrices, which must be skew-Hermitian."""
    d = a.shape[-1] // field.side
    # 1 + a* a / 4 = (1 - a/2)* (1 - a/2) for skew-Hermitian a.
    log_det = 2 * np.linalg.slogdet(np.eye(a.shape[-1]) - a / 2)[1] / field.side
    return np.asarray(-field.group_dimension(d) / d * log_det)
