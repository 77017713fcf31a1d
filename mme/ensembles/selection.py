"""Which of a network's parameters are squared into layer matrices, and which are left out and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from mme.arguments import choice
from mme.errors import InputError
from mme.weights.arrays import as_numpy

__all__ = ["no_layers", "real_weights", "selected_weights"]

# What a bare tensor's number of axes says about the layer that it came from.
TYPES_BY_AXES = {2: "Linear", 3: "Conv1d", 4: "Conv2d", 5: "Conv3d"}


def selected_weights(
    source: Any,
    *,
    include: str | Iterable[str] | None = None,
    exclude: str | Iterable[str] | None = None,
    types: Any = None,
) -> Iterator[tuple[str, Any, str]]:
    """Yield every parameter of a network, and why it takes no part in the layer matrix ensemble.

    Nothing is read: a tensor on disk stays there.

    Parameters
    ----------
    source, include, exclude, types
        As in `layer_matrix_ensemble`.

    Yields
    ------
    (name, value, reason)
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
    include, exclude = _patterns("include", include), _patterns("exclude", exclude)
    wanted = None if types is None else _type_names(types, source)
    for name, value, kinds in _parameters(source):
        reason = _left_out(name, include, exclude) or _no_matrix(name, value)
        if not reason and wanted is not None:
            names = kinds or {TYPES_BY_AXES.get(len(value.shape), "")}
            reason = "" if names & wanted else "type not chosen"
        yield name, value, reason


def no_layers(skipped: Sequence[tuple[str, str]]) -> InputError:
    """Return the error to raise when every parameter was skipped.

    Examples
    --------
    >>> raise no_layers([("bias", "one axis")])
    Traceback (most recent call last):
    mme.errors.InputError: source has no weight tensor of two or more axes with N ≥ 2 and M ≥ 2 to square
    (bias: one axis).
    """
    reasons = "; ".join(f"{name}: {reason}" for name, reason in skipped[:3]) or "it holds no parameters"
    more = f" and {len(skipped) - 3} more" if len(skipped) > 3 else ""
    return InputError(
        f"source has no weight tensor of two or more axes with N ≥ 2 and M ≥ 2 to square ({reasons}{more})."
    )


def _is_module(source: Any) -> bool:
    is_class = isinstance(source, type)
    return not is_class and hasattr(source, "named_parameters") and hasattr(source, "named_modules")


def _parameters(source: Any) -> Iterator[tuple[str, Any, set[str]]]:
    """Yield each parameter once, with its name and the names of its layer's types (empty where unknown)."""
    if _is_module(source):
        kinds = {
            (f"{path}." if path else "") + name: {base.__name__ for base in type(module).__mro__}
            for path, module in source.named_modules()
            for name, _ in module.named_parameters(recurse=False)
        }
        for name, value in source.named_parameters():
            yield name, value, kinds[name]
        return
    pairs = source.items() if isinstance(source, Mapping) else source
    seen: dict[Any, str] = {}
    try:
        named = [(str(name), value) for name, value in pairs]
    except (TypeError, ValueError):
        raise InputError(
            "source must be a torch module, a mapping of names to arrays or pairs (name, array), "
            f"but it is {_described(source)}."
        ) from None
    for name, value in named:
        storage = _storage(value)
        kinds_of_value = set(getattr(value, "types", ()))
        if storage is None:
            yield name, value, kinds_of_value
        elif storage in seen:  # a tensor listed under two names is one parameter
            yield name, f"shared with {seen[storage]}", set()
        else:
            seen[storage] = name
            yield name, value, kinds_of_value


def _storage(value: Any) -> tuple[Any, ...] | None:
    """Return where a tensor lies in memory or on disk; None where that is not known."""
    if getattr(value, "location", None) is not None:
        return (value.location,)
    try:
        return (value.data_ptr(), tuple(value.shape), tuple(value.stride())) if value.data_ptr() else None
    except (AttributeError, RuntimeError):  # no tensor, or a sparse one
        return None


def _described(source: Any) -> str:
    if isinstance(source, type):
        return f"the class {source.__name__} and no instance of it"
    return (
        f"an array of shape {tuple(source.shape)}"
        if hasattr(source, "shape")
        else f"of type {type(source).__name__}"
    )


def _type_names(types: Any, source: Any) -> set[str]:
    listed = [types] if isinstance(types, str | type) or not isinstance(types, Iterable) else list(types)
    if not all(isinstance(item, str | type) for item in listed):
        raise InputError(f"types must be names or classes of layers, but it is {types!r}.")
    names = {item if isinstance(item, str) else item.__name__ for item in listed}
    if not (_is_module(source) or (isinstance(source, Mapping) and _tells_types(source))):
        for name in sorted(names):
            choice("types (where source is not a module)", name, tuple(TYPES_BY_AXES.values()))
    return names


def _tells_types(source: Mapping[str, Any]) -> bool:
    return any(getattr(value, "types", ()) for value in source.values())


def _patterns(argument: str, patterns: Any) -> list[str] | None:
    """Return patterns as a list, which can be read once for each parameter."""
    if patterns is None:
        return None
    listed = [patterns] if isinstance(patterns, str) or not isinstance(patterns, Iterable) else list(patterns)
    if not all(isinstance(pattern, str) for pattern in listed):
        raise InputError(f"{argument} must be a pattern of names or a list of them, but it is {patterns!r}.")
    return listed


def _left_out(name: str, include: list[str] | None, exclude: list[str] | None) -> str:
    def matches(patterns: list[str]) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in patterns)

    if include is not None and not matches(include):
        return "name not included"
    return "name excluded" if exclude is not None and matches(exclude) else ""


def _no_matrix(name: str, value: Any) -> str:
    """Return why a parameter gives no layer matrix of order 2 or more; empty if it gives one."""
    if isinstance(value, str):  # the reason, from `_parameters`
        return value
    if getattr(value, "skip", ""):  # a file that tells that this is no layer's weight
        return str(value.skip)
    if type(value).__name__.startswith("Uninitialized"):  # of a lazy torch layer, whose shape is not known
        raise InputError(
            f"layer {name!r} is not initialised and holds no weights; run the network once first."
        )
    if isinstance(value, Mapping) or not (hasattr(value, "shape") and hasattr(value, "dtype")):
        return f"not an array but {type(value).__name__}"
    if len(value.shape) < 2:
        return "one axis" if len(value.shape) == 1 else "a single number"
    if value.shape[0] < 2 or int(np.prod(value.shape[1:])) < 2:
        return f"shape {tuple(value.shape)} has N or M below 2"
    return "boolean" if str(value.dtype).removeprefix("torch.") == "bool" else ""


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
