"""Parameters W = (W_N, …, W_1) of a deep linear network as one array, W_1 first, and their product."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from functools import reduce
from typing import Any

import numpy as np
from array_api_compat import array_namespace, is_torch_array

from mme.algebra import Field, FieldLike
from mme.algebra import field as field_of
from mme.arguments import common_batch, finite_array, listed
from mme.errors import InputError

__all__ = ["end_to_end", "factors", "in_range", "of_size", "stack_layers"]

NO_LISTS = (str, bytes, Mapping, Set)


def stack_layers(layers: Any, field: FieldLike = "R") -> np.ndarray:
    """Return the layers as one array, the layer that is applied first at index 0.

    Parameters
    ----------
    layers : array_like, shape (..., N, d, d), or sequence of N arrays of shape (..., d, d)
        W_1, …, W_N; over H complex images of size 2d. Gradients are left behind.
    field : {"R", "C", "H"}, 1, 2, 4 or Field

    Returns
    -------
    ndarray, shape (..., N, d, d)

    Raises
    ------
    InputError
        If the layers are not square matrices of one size over the field.

    Examples
    --------
    >>> stack_layers([np.eye(2), 2 * np.eye(2)]).shape
    (2, 2, 2)
    """
    scalars = field_of(field)
    if not hasattr(layers, "shape") and isinstance(layers, Iterable) and not isinstance(layers, NO_LISTS):
        layers = _one_array([finite_array("layers", layer) for layer in listed("layers", layers, "matrices")])
    stacked = scalars.validate(layers, name="layers")
    if stacked.ndim < 3 or stacked.shape[-3] < 1:
        raise InputError(
            f"layers must have shape (..., N, d, d) with N ≥ 1, but their shape is {stacked.shape}."
        )
    return stacked


def of_size(side: int, matrices: Any, name: str, scalars: Field) -> np.ndarray:
    """Return square matrices over the field whose arrays have this side."""
    array = scalars.validate(matrices, name=name)
    if array.shape[-1] != side:
        raise InputError(f"{name} must have the others' size, {side}, but the shape is {array.shape}.")
    return array


def _one_array(matrices: list[np.ndarray]) -> np.ndarray:
    shapes = [matrix.shape for matrix in matrices]
    if len({shape[-2:] for shape in shapes}) > 1:
        listed = ", ".join("×".join(map(str, shape)) for shape in shapes[:6])
        raise InputError(
            f"layers must be square matrices of one size, but they are {listed} and do not multiply."
        )
    if len(shapes[0]) < 2:
        return np.asarray(matrices)
    common_batch("layers", *(shape[:-2] for shape in shapes))
    return np.stack(np.broadcast_arrays(*matrices), axis=-3)


def end_to_end(layers: Any, field: FieldLike = "R") -> Any:
    """Return the end-to-end matrix X = φ(W) = W_N ⋯ W_1, shape (..., d, d).

    The arguments are those of `stack_layers`; tensors, such as a network's parameters, keep their gradients.
    Source: entropy formula, Section 1.

    Examples
    --------
    >>> end_to_end([np.array([[1.0, 1.0], [0.0, 1.0]]), np.diag([2.0, 3.0])])
    array([[2., 2.],
           [0., 3.]])
    """
    first, *others = factors(layers, field)
    with np.errstate(over="ignore", invalid="ignore"):
        return in_range(reduce(lambda product, layer: layer @ product, others, first))


def factors(layers: Any, field: FieldLike = "R") -> list[Any]:
    """Return W_1, …, W_N one by one: tensors as they are, in one precision, and anything else as NumPy."""
    if not hasattr(layers, "shape") and isinstance(layers, Iterator):
        layers = listed("layers", layers, "matrices")
    stacked = stack_layers(layers, field)
    if is_torch_array(layers):
        return [layers[..., p, :, :] for p in range(layers.shape[-3])]
    kept = [] if hasattr(layers, "shape") else list(layers)
    are_tensors = [is_torch_array(layer) for layer in kept]
    if not any(are_tensors) or kept[0].ndim < 2:
        return list(np.moveaxis(stacked, -3, 0))
    if not all(are_tensors):
        raise InputError("layers must be tensors all or none, to keep gradients, but they are mixed.")
    xp = array_namespace(*kept)
    return [xp.astype(layer, xp.result_type(*kept)) for layer in kept]


def in_range(product: Any) -> Any:
    """Return what was computed from layers, unless it has overflown."""
    xp = array_namespace(product)
    if not bool(xp.all(xp.isfinite(product))):
        raise InputError("layers must be smaller for floating point, which their products overflow.")
    return product
