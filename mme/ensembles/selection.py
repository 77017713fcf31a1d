"""Which of a network's parameters are squared into layer matrices, and which are left out and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from math import prod
from typing import Any

import numpy as np

from mme.arguments import choice, shown, texts
from mme.errors import InputError
from mme.weights.arrays import as_numpy
from mme.weights.effective import effective_weights
from mme.weights.stored import StoredTensor

__all__ = ["no_layers", "real_weights", "selected_weights", "type_names"]

# What a bare tensor's number of axes says about the layer that it came from.
TYPES_BY_AXES = {2: "Linear", 3: "Conv1d", 4: "Conv2d", 5: "Conv3d"}


def selected_weights(
    source: Any,
    *,
    include: str | Iterable[str] | None = None,
    exclude: str | Iterable[str] | None = None,
    types: Any = None,
) -> Iterator[tuple[str, StoredTensor, str]]:
    """Yield every weight that a network computes with, and why it takes no part in the layer matrix ensemble.

    Nothing is read: a tensor on disk stays there.

    Parameters
    ----------
    source, include, exclude, types
        As in `layer_matrix_ensemble`.

    Yields
    ------
    (name, tensor, reason)
        The reason is empty for the weights that are squared.

    Raises
    ------
    InputError
        If the source or an option cannot be used.

    Examples
    --------
    >>> weights = {"fc.weight": np.eye(3), "fc.bias": np.zeros(3)}
    >>> [(name, reason) for name, _, reason in selected_weights(weights)]
    [('fc.weight', ''), ('fc.bias', 'one axis')]
    """
    include = None if include is None else texts("include", include)
    exclude = None if exclude is None else texts("exclude", exclude)
    network, wanted = effective_weights(source), type_names(types)
    if not any(each.types for each in network.values()):
        for name in sorted(wanted or ()):
            choice("types (where the network is no module)", name, tuple(TYPES_BY_AXES.values()))
    seen: dict[Any, str] = {}
    for name, tensor in network.items():
        first = name if tensor.location is None else seen.setdefault(tensor.location, name)
        shared = "" if first == name else f"shared with {first}"
        reason = _left_out(name, include, exclude) or shared or _no_matrix(tensor)
        if not reason and wanted is not None:
            kinds = tensor.types or {TYPES_BY_AXES.get(len(tensor.shape), "")}
            reason = "" if kinds & wanted else "type not chosen"
        yield name, tensor, reason


def no_layers(skipped: Sequence[tuple[str, str]]) -> InputError:
    """Return the error to raise when every parameter was skipped.

    Examples
    --------
    >>> raise no_layers([("bias", "one axis")])
    Traceback (most recent call last):
    mme.errors.InputError: network has no weight tensor of two or more axes with N ≥ 2 and M ≥ 2 to square
    (bias: one axis).
    """
    reasons = "; ".join(f"{name}: {reason}" for name, reason in skipped[:3]) or "it holds no parameters"
    more = f" and {len(skipped) - 3} more" if len(skipped) > 3 else ""
    return InputError(
        f"network has no weight tensor of two or more axes with N ≥ 2 and M ≥ 2 to square ({reasons}{more})."
    )


def type_names(types: Any) -> set[str] | None:
    """Return the names of layers' types, given by names or classes; None for all."""
    if types is None:
        return None
    try:
        listed = [types] if isinstance(types, str | type) else list(types)
    except TypeError:
        listed = [types]
    if not all(isinstance(item, str | type) for item in listed):
        raise InputError(f"types must be names or classes of layers, but it is {shown(types)}.")
    return {item if isinstance(item, str) else item.__name__ for item in listed}


def _left_out(name: str, include: list[str] | None, exclude: list[str] | None) -> str:
    def matches(patterns: list[str]) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in patterns)

    if include is not None and not matches(include):
        return "name not included"
    return "name excluded" if exclude is not None and matches(exclude) else ""


def _no_matrix(tensor: StoredTensor) -> str:
    """Return why a tensor gives no layer matrix of order 2 or more; empty if it gives one."""
    if tensor.skip:
        return tensor.skip
    if len(tensor.shape) < 2:
        return "one axis" if len(tensor.shape) == 1 else "a single number"
    if tensor.shape[0] < 2 or prod(tensor.shape[1:]) < 2:
        return f"shape {tensor.shape} has N or M below 2"
    return "boolean" if tensor.dtype == "bool" else ""


def real_weights(name: str, value: Any) -> np.ndarray:
    """Return the weights as a real and finite array.

    Raises
    ------
    InputError
        If they are complex, no numbers, NaN or infinite; the message names the layer.

    Examples
    --------
    >>> real_weights("fc", np.array([[1, 2], [3, np.nan]]))
    Traceback (most recent call last):
    mme.errors.InputError: layer 'fc' has NaN or infinite weights (1 of 4); they must be finite.
    """
    array = as_numpy(name, value)
    if array.dtype.kind == "c":
        raise InputError(
            f"layer {name!r} has complex weights ({array.dtype}); layer matrices need real ones."
        )
    if array.dtype.kind not in "fiu":
        raise InputError(f"layer {name!r} has weights of dtype {array.dtype}; they must be real numbers.")
    finite = np.isfinite(array)
    if not finite.all():
        bad = int(array.size - finite.sum())
        raise InputError(
            f"layer {name!r} has NaN or infinite weights ({bad} of {array.size}); they must be finite."
        )
    return array
