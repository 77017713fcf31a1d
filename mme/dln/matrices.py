"""The entropy of a matrix, and of the layers of a deep linear network, by their singular values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from mme.algebra import FieldLike
from mme.algebra import field as field_of
from mme.arguments import flag
from mme.dln.entropy import entropy_of, scalar
from mme.dln.product import end_to_end, factors
from mme.dln.singular_values import of_square, validate_depth

if TYPE_CHECKING:
    from collections.abc import Iterable

    import torch
    from numpy.typing import ArrayLike

__all__ = ["matrix_entropy", "network_entropy"]


@overload
def matrix_entropy(
    matrix: torch.Tensor, *, depth: int, field: FieldLike = "R", group_volume: bool = True
) -> torch.Tensor: ...
@overload
def matrix_entropy(
    matrix: ArrayLike, *, depth: int, field: FieldLike = "R", group_volume: bool = True
) -> Any: ...
def matrix_entropy(matrix: Any, *, depth: int, field: FieldLike = "R", group_volume: bool = True) -> Any:
    """Return S(X), the entropy of the balanced factorisations of X in N layers, from X itself.

    Source: entropy formula, Theorem 1.1, (1.2).

    Parameters
    ----------
    matrix : array_like or torch tensor, shape (..., d, d), or (..., 2d, 2d) over H
        X; over H its complex image. Tensors keep their gradients.
    depth, field, group_volume
        As in `entropy`.

    Returns
    -------
    float or array or tensor, shape (...,)
        A singular X whose smallest singular value is 1e-17 by rounding gets a finite value.

    Raises
    ------
    InputError
        If X is no square matrix over the field, or an argument cannot be used.

    Examples
    --------
    >>> from mme.dln import entropy
    >>> matrix_entropy([[0.0, 2.0], [1.0, 0.0]], depth=2) == entropy([2.0, 1.0], depth=2)
    True
    """
    depth, scalars, group_volume = validate_depth(depth), field_of(field), flag("group_volume", group_volume)
    return scalar(entropy_of(of_square(matrix, scalars), depth, scalars, group_volume=group_volume))


@overload
def network_entropy(
    layers: torch.Tensor | Iterable[torch.Tensor], field: FieldLike = "R", *, group_volume: bool = True
) -> torch.Tensor: ...
@overload
def network_entropy(layers: ArrayLike, field: FieldLike = "R", *, group_volume: bool = True) -> Any: ...
def network_entropy(layers: Any, field: FieldLike = "R", *, group_volume: bool = True) -> Any:
    """Return S(X) of the end-to-end matrix X = W_N ⋯ W_1 of a deep linear network in its N layers.

    The layers need not be balanced: S counts the balanced factorisations of their product.

    Parameters
    ----------
    layers, field
        As in `end_to_end`: W_1 first. Tensors keep their gradients. A torch model of linear layers without
        biases has ``[layer.weight for layer in model]``.
    group_volume, and what is returned
        As in `matrix_entropy`.

    Raises
    ------
    InputError
        If the layers are not square matrices of one size over the field.

    Examples
    --------
    >>> from mme.dln import entropy
    >>> network_entropy([[[2.0, 0.0], [0.0, 1.0]]] * 2) == entropy([4.0, 1.0], depth=2)
    True
    """
    given = factors(layers, field)
    product = end_to_end(given, field)
    return matrix_entropy(product, depth=len(given), field=field, group_volume=group_volume)
