"""The three fields, one object each; every formula is written once, in beta."""

from __future__ import annotations

from numbers import Integral
from typing import Literal

from mme.algebra.haar import Sampling
from mme.algebra.lie import LieGroup
from mme.algebra.volume import Volume
from mme.arguments import shown
from mme.errors import InputError

__all__ = ["C", "Field", "FieldLike", "H", "R", "field"]


class Field(LieGroup, Sampling, Volume):
    """A field with its matrices and its unitary group; see `R`, `C` and `H`.

    Every method raises `InputError` for what is no matrix over the field (see `validate`), size or seed.

    Examples
    --------
    >>> R, C, H
    (<Field R: beta = 1, unitary group O(d)>, <Field C: beta = 2, unitary group U(d)>, \
<Field H: beta = 4, unitary group Sp(d)>)
    """


R = Field(name="R", beta=1, group_name="O")  #: The real numbers, with the orthogonal groups O(d).
C = Field(name="C", beta=2, group_name="U")  #: The complex numbers, with the unitary groups U(d).
H = Field(name="H", beta=4, group_name="Sp")  #: The quaternions, with the symplectic groups Sp(d).
FieldLike = Literal["R", "C", "H"] | int | Field  #: What names a field: its letter, its beta, or itself.


def field(field: FieldLike) -> Field:
    """Return the field with a name or a beta.

    The `field` is "R", "C" or "H"; or 1, 2 or 4; or a field, which comes back as it is.

    Examples
    --------
    >>> field("H") is field(4) is H
    True
    >>> field("Q")
    Traceback (most recent call last):
    mme.errors.InputError: field must be "R", "C" or "H", or its beta 1, 2 or 4, but it is 'Q'.
    """
    if isinstance(field, Field):
        return field
    if not isinstance(field, bool) and isinstance(field, str | Integral):
        for known in (R, C, H):
            if field in (known.name, known.beta):
                return known
    raise InputError(f'field must be "R", "C" or "H", or its beta 1, 2 or 4, but it is {shown(field)}.')
