"""Which of a network's parameters are squared into layer matrices, and which are left out and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from math import prod
from typing import Any

import numpy as np

from mme.arguments import choice, several
from mme.errors import InputError
from mme.weights.effective import effective_weights
from mme.weights.stored import StoredTensor, as_numpy

__all__ = ["no_layers", "real_weights", "selected_weights", "unscaled", "validate_selection"]

# What a bare tensor's number of axes says about the layer that it came from.
TYPES_BY_AXES = {2: "Linear", 3: "Conv1d", 4: "Conv2d", 5: "Conv3d"}


def selected_weights(
    source: Any,
    *,
    include: str | Iterable[str] | None = None,
    exclude: str | Iterable[str] | None = None,
    types: Any = None,
) -> Iterator[tuple[str, StoredTensor, str]]:
    """Yield every weight that a network computes with, unread: its name, itself, and why it is left out.

    Examples
    --------
    >>> weights = {"fc.weight": np.eye(3), "fc.bias": np.zeros(3)}
    >>> [(name, reason) for name, _, reason in selected_weights(weights)]
    [('fc.weight', ''), ('fc.bias', 'one axis')]
    """
    included, excluded, kinds = validate_selection(include, exclude, types)
    network = effective_weights(source)
    wanted = {kind if isinstance(kind, str) else kind.__name__ for kind in kinds or ()}
    if not any(tensor.types for tensor in network.values()):
        for kind in sorted(wanted):
            choice("types (where the network is no module)", kind, TYPES_BY_AXES.values())
    seen: dict[Any, str] = {}
    for name, tensor in network.items():
        is_of = tensor.types or {TYPES_BY_AXES.get(len(tensor.shape), "")}
        if included is not None and not any(fnmatchcase(name, each) for each in included):
            reason = "name not included"
        elif any(fnmatchcase(name, each) for each in excluded or ()):
            reason = "name excluded"
        elif not (reason := _no_matrix(tensor)) and kinds is not None and not wanted & is_of:
            reason = "type not chosen"
        elif not reason and tensor.location:  # only what is taken can be taken twice
            first = seen.setdefault(tensor.location, name)
            reason = f"shared with {first}" if first != name else ""
        yield name, tensor, reason


def validate_selection(include: Any, exclude: Any, types: Any) -> list[list[Any] | None]:
    """Return the options as lists, which can be read once for each parameter; None stands for all."""
    pattern = "a pattern of names or a list of them"
    options: tuple[tuple[str, Any, Any, str], ...] = (
        ("include", include, str, pattern),
        ("exclude", exclude, str, pattern),
        ("types", types, str | type, "names or classes of layers"),
    )
    return [None if option[1] is None else several(*option) for option in options]


def _no_matrix(tensor: StoredTensor) -> str:
    """Return why a tensor gives no layer matrix of order 2 or more; empty if it gives one."""
    if len(tensor.shape) < 2 and tensor.skip in ("", "a buffer"):
        return "one axis" if tensor.shape else "a single number"
    if tensor.skip:
        return tensor.skip
    if tensor.shape[0] < 2 or prod(tensor.shape[1:]) < 2:
        return f"shape {tensor.shape} has N or M below 2"
    return "boolean" if tensor.dtype == "bool" else ""


def no_layers(skipped: Sequence[tuple[str, str]]) -> InputError:
    """Return the error to raise when every parameter was skipped.

    Examples
    --------
    >>> raise no_layers([("bias", "one axis")])
    Traceback (most recent call last):
    mme.errors.InputError: network has no weight tensor of two or more axes with N ≥ 2 and M ≥ 2 to square
    (bias: one axis).
    """
    skipped = sorted(skipped, key=lambda each: "pass [" not in each[1])  # what to pass instead comes first
    reasons = "; ".join(f"{name}: {reason}" for name, reason in skipped[:3]) or "it holds no parameters"
    more = f" and {len(skipped) - 3} more" if len(skipped) > 3 else ""
    return InputError(
        f"network has no weight tensor of two or more axes with N ≥ 2 and M ≥ 2 to square ({reasons}{more})."
    )


def unscaled(name: str, values: np.ndarray, exponent: int) -> np.ndarray:
    """Return eigenvalues of weights that were divided by 2 to the exponent, times 4 to it, or refuse them."""
    with np.errstate(over="ignore", under="ignore"):
        values = np.ldexp(values, 2 * exponent)
    is_over = not np.isfinite(values).all()
    if is_over or (exponent < 0 and values.max() < np.finfo(values.dtype).tiny):  # of zeros, exponent is 0
        squares = f"whose squares {'over' if is_over else 'under'}flow {values.dtype}"
        right = "rescale the weights" + " or take float64" * (values.dtype == np.float32)
        raise InputError(f"layer {name!r} has weights up to 2^{exponent}, {squares}; {right}.")
    return values


def real_weights(name: str, value: Any, *, finite: bool = True) -> np.ndarray:
    """Return the weights as a real array, finite if so asked; otherwise InputError names the layer."""
    array = as_numpy(name, value)
    if array.dtype.kind not in "fiu":
        raise InputError(f"layer {name!r} has weights of dtype {array.dtype}; they must be real numbers.")
    if finite and not (known := np.isfinite(array)).all():
        bad = f"{int(array.size - known.sum())} of {array.size}"
        raise InputError(f"layer {name!r} has NaN or infinite weights ({bad}); they must be finite.")
    return array
