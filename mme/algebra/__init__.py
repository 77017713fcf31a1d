"""The fields R, C and H: matrices, real trace pairing, decompositions, and the groups O(d), U(d) and Sp(d).

`R`, `C` and `H` are the three `Field` objects, `field` finds one by name or beta. A matrix over H is held
as its complex image; `Field.components` and `Field.from_components` convert.
"""

from mme.algebra.decompositions import SVD, Eigendecomposition
from mme.algebra.fields import C, Field, FieldLike, H, R, field

__all__ = ["SVD", "C", "Eigendecomposition", "Field", "FieldLike", "H", "R", "field"]
