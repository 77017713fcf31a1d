"""What a field is here: its name, its dimensions and its arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mme.algebra import quaternion
from mme.arguments import affordable, any_array, finite_array, flag, integer, real_array, text
from mme.errors import InputError
from mme.late import Array, ArrayLike, np

__all__ = ["Structure", "by_largest_entry"]

KINDS = (("R", 1, "O"), ("C", 2, "U"), ("H", 4, "Sp"))


@dataclass(frozen=True, repr=False)
class Structure:
    """The field's name and beta, and the arrays that hold its matrices.

    A d x d matrix over R or C is an array of shape (..., d, d). Over H it is its complex image of shape
    (..., 2d, 2d) with the blocks ``[[A, B], [-conj(B), conj(A)]]``, which stands for ``A + B j``. Then
    ``a @ b`` is the product over every field, and all leading axes are a batch.

    Attributes
    ----------
    name : str
        "R", "C" or "H".
    beta : int
        The real dimension of the field: 1, 2 or 4.
    group_name : str
        The name of the unitary group: "O", "U" or "Sp".
    """

    name: str
    beta: int
    group_name: str

    def __post_init__(self) -> None:
        kind = (text("name", self.name), integer("beta", self.beta), text("group_name", self.group_name))
        if kind not in KINDS:
            raise InputError("name, beta and group_name must be those of R, C or H, which mme.algebra has.")

    def __repr__(self) -> str:
        return f"<Field {self.name}: beta = {self.beta}, unitary group {self.group_name}(d)>"

    def to_dict(self) -> dict[str, Any]:
        """Return the field as plain data.

        Examples
        --------
        >>> from mme.algebra import H
        >>> H.to_dict()
        {'name': 'H', 'beta': 4, 'group': 'Sp'}
        """
        return {"name": self.name, "beta": self.beta, "group": self.group_name}

    @property
    def side(self) -> int:
        """Rows that one entry takes in an array: 2 over H, otherwise 1."""
        return 2 if self.beta == 4 else 1

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of an array's entries: float64 over R, otherwise complex128."""
        return np.dtype(np.float64 if self.beta == 1 else np.complex128)

    def real_dimension(self, d: int) -> int:
        """Return the dimension of the real vector space of matrices of order `d`, beta d^2.

        Examples
        --------
        >>> from mme.algebra import C, H, R
        >>> [F.real_dimension(3) for F in (R, C, H)]
        [9, 18, 36]
        """
        return self.beta * integer("d", d, 1) ** 2

    def group_dimension(self, d: int) -> int:
        """Return the dimension D of the unitary group of order `d`, beta d (d-1) / 2 + (beta-1) d.

        Examples
        --------
        >>> from mme.algebra import C, H, R
        >>> [F.group_dimension(3) for F in (R, C, H)]
        [3, 9, 21]
        """
        d = integer("d", d, 1)
        return self.beta * d * (d - 1) // 2 + (self.beta - 1) * d

    def size(self, d: int) -> int:
        """Return the side of the array that holds a matrix of order `d`: 2d over H, otherwise d.

        Examples
        --------
        >>> from mme.algebra import C, H, R
        >>> [F.size(3) for F in (R, C, H)]
        [3, 3, 6]
        """
        return self.side * integer("d", d, 1)

    def order(self, a: Any) -> int:
        """Return the order of square matrices given as an array `a`.

        Examples
        --------
        >>> from mme.algebra import H
        >>> H.order(H.identity(3))
        3
        """
        a = any_array("a", a, finite=False)
        rows, columns = self._sides(a)
        if rows != columns:
            raise InputError(f"a must be square, but its shape is {tuple(np.shape(a))}.")
        return rows

    def _sides(self, *arrays: Any, names: Sequence[str] = "a") -> tuple[int, int]:
        """Rows and columns over the field, after a look at the shapes alone."""
        shapes = [tuple(np.shape(a)) for a in arrays]
        for name, shape in zip(names, shapes, strict=True):
            if len(shape) < 2:
                raise InputError(f"{name} must have shape (..., d, d), but its shape is {shape}.")
            if shape[-1] % self.side or shape[-2] % self.side:
                raise InputError(
                    f"{name} must have an even number of rows and of columns, as complex images of "
                    f"quaternionic matrices have, but its shape is {shape}."
                )
            if 0 in shape[-2:]:
                raise InputError(
                    f"{name} must have at least one row and one column, but its shape is {shape}."
                )
        if len({shape[-2:] for shape in shapes}) > 1:
            raise InputError(f"{' and '.join(names)} must be matrices of one shape, but they have {shapes}.")
        return shapes[0][-2] // self.side, shapes[0][-1] // self.side

    def identity(self, d: int) -> Array:
        """Return the identity matrix of order `d`.

        Examples
        --------
        >>> from mme.algebra import H
        >>> H.identity(2).shape
        (4, 4)
        """
        affordable("d", self.side * self.size(d) ** 2)
        return np.eye(self.size(d), dtype=self.dtype)

    def diagonal(self, x: ArrayLike) -> Array:
        """Return the diagonal matrices, shape (..., size, size), of real entries `x`, shape (..., d).

        Examples
        --------
        >>> from mme.algebra import C, R
        >>> R.diagonal([2.0, 1.0])
        array([[2., 0.],
               [0., 1.]])
        """
        x = real_array("x", x).astype(float)
        if x.ndim < 1 or x.shape[-1] < 1:
            raise InputError(f"x must have shape (..., d), but its shape is {x.shape}.")
        affordable("x", self.side**3 * x.size * x.shape[-1])
        x = np.concatenate([x] * self.side, axis=-1)
        return np.asarray(x[..., :, None] * np.eye(x.shape[-1]), dtype=self.dtype)

    def from_components(self, x: ArrayLike) -> Array:
        """Return the matrices with real components `x` in the basis (1), (1, i) or (1, i, j, k).

        x must have shape (..., n, m, beta); they have shape (..., n, m), or (..., 2n, 2m) over H.

        Examples
        --------
        The units multiply as they should, ij = k:

        >>> import numpy as np
        >>> from mme.algebra import H
        >>> one, i, j, k = (H.from_components(unit.reshape(1, 1, 4)) for unit in np.eye(4))
        >>> bool((i @ j == k).all())
        True
        """
        x = real_array("x", x).astype(float)
        if x.ndim < 3 or x.shape[-1] != self.beta or 0 in x.shape[-3:]:
            raise InputError(
                f"x must have shape (..., n, m, {self.beta}), components over {self.name}, "
                f"but its shape is {x.shape}."
            )
        x = np.ascontiguousarray(x)
        return quaternion.image(x) if self.beta == 4 else x.view(self.dtype)[..., 0].copy()

    def components(self, a: ArrayLike) -> Array:
        """Return the real components of `a`, shape (..., n, m, beta), as `from_components` takes them.

        Examples
        --------
        >>> from mme.algebra import C
        >>> C.components([[1 + 2j]])
        array([[[1., 2.]]])
        """
        a = self.validate(a, square=False)
        return quaternion.components(a) if self.beta == 4 else np.stack([a], axis=-1).view(float)

    def validate(self, a: ArrayLike, *, square: bool = True, name: str = "a") -> Array:
        """Matrices over the field in double precision, or an error that says what is wrong.

        Parameters
        ----------
        a : array_like, shape (..., d, d), or (..., 2d, 2d) over H
        square : bool
            Refuse matrices that are not square.
        name : str
            What the error calls the argument.

        Returns
        -------
        array of float64 or complex128
            Over H with its block symmetry exact: what rounding had done to it is averaged out.

        Raises
        ------
        InputError
            If a is not numeric, has the wrong shape, is NaN or infinite somewhere, is complex over R, or
            misses the block symmetry over H by more than rounding explains.

        Examples
        --------
        >>> import numpy as np
        >>> from mme.algebra import H
        >>> H.validate(np.diag([1.0, 2.0]))
        Traceback (most recent call last):
        mme.errors.InputError: a must be the complex image of a quaternionic matrix, \
[[A, B], [-conj(B), conj(A)]], but its blocks miss that by 0.5 times its largest entry.
        """
        given = finite_array(name, a)
        n, m = self._sides(given, names=(name,))
        if flag("square", square) and n != m:
            raise InputError(f"{name} must be square, but its shape is {given.shape}.")
        if self.beta == 1 and np.iscomplexobj(given):
            raise InputError(f"{name} must be real to be a matrix over R, but its type is {given.dtype}.")
        array = given.astype(self.dtype)
        if self.beta < 4:
            return array
        deviation = float(np.max(quaternion.deviation(by_largest_entry(array)), initial=0.0))
        # Rounding can explain half the digits of the type.
        if deviation > (np.sqrt(np.finfo(given.dtype).eps) if given.dtype.kind in "fc" else 1e-8):
            raise InputError(
                f"{name} must be the complex image of a quaternionic matrix, [[A, B], [-conj(B), conj(A)]], "
                f"but its blocks miss that by {deviation:.2g} times its largest entry."
            )
        return quaternion.project(array)


def by_largest_entry(a: Array) -> Array:
    """Each matrix over its largest absolute entry, so that tolerances are relative; zero stays zero."""
    largest = np.max(np.abs(a), axis=(-2, -1), keepdims=True)
    return np.asarray(a / (largest + np.finfo(largest.dtype).smallest_normal))
