"""Change the weight tensors of a network, given as a module or as a mapping, and return a new one."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mme.errors import InputError

__all__ = ["weights_changed"]


def weights_changed(
    source: Any, change: Callable[[dict[str, np.ndarray]], Mapping[str, np.ndarray]], argument: str = "source"
) -> Any:
    """Return a new network whose weight tensors are those that `change` makes of the given ones.

    Parameters
    ----------
    source : torch.nn.Module, or mapping of str to array or tensor
    change : callable
        Takes all weight tensors with two or more axes, as a dictionary of new arrays, to those that replace
        them. Biases, normalisation layers and whatever holds no floating-point numbers stay.
    argument : str
        What an error message calls the source.

    Returns
    -------
    torch.nn.Module or dict
        Of the same kind, names, shapes and dtypes; the given one stays as it was.

    Raises
    ------
    InputError
        If the source is neither, holds no such tensor, or holds one with NaN or infinity.

    Examples
    --------
    >>> network = {"fc": np.eye(2), "bias": np.ones(2)}
    >>> weights_changed(network, lambda weights: {name: 3 * each for name, each in weights.items()})["fc"]
    array([[3., 0.],
           [0., 3.]])
    """
    if isinstance(source, Mapping):
        return _changed(source, change, argument)
    if callable(getattr(source, "state_dict", None)) and callable(getattr(source, "load_state_dict", None)):
        model = copy.deepcopy(source)
        # A state dict also holds buffers; the running statistics of a layer have one axis and so stay.
        model.load_state_dict(_changed(source.state_dict(), change, argument))
        return model
    raise InputError(
        f"{argument} must be a torch.nn.Module or a mapping of names to arrays, "
        f"but it is of type {type(source).__name__}."
    )


def _changed(
    entries: Mapping[str, Any],
    change: Callable[[dict[str, np.ndarray]], Mapping[str, np.ndarray]],
    argument: str,
) -> dict[str, Any]:
    for name, value in entries.items():
        if not (hasattr(value, "shape") and hasattr(value, "dtype")):
            raise InputError(
                f"{argument}[{name!r}] must be an array or a tensor, but it is a {type(value).__name__}."
            )
    old = {
        name: _as_double(value)
        for name, value in entries.items()
        if len(value.shape) >= 2 and "float" in str(value.dtype) and np.prod(value.shape) > 0
    }
    if not old:
        raise InputError(f"{argument} must hold a floating-point tensor with two or more axes, but has none.")
    for name, value in old.items():
        if not np.isfinite(value).all():
            raise InputError(f"{argument}[{name!r}] must be finite, but it holds NaN or infinity.")
    new = change(old)
    return {name: _like(value, new[name]) if name in new else _copy(value) for name, value in entries.items()}


def _as_double(value: Any) -> np.ndarray:
    """A new array in double precision, of an array or a tensor."""
    if hasattr(value, "detach"):
        return np.array(value.detach().cpu().double().numpy())
    return np.array(value, dtype=np.float64)


def _like(old: Any, new: np.ndarray) -> Any:
    """The new numbers in the kind, precision and place of the old ones."""
    if hasattr(old, "new_tensor"):
        return old.detach().new_tensor(new)
    return new.astype(old.dtype)


def _copy(value: Any) -> Any:
    return value.detach().clone() if hasattr(value, "detach") else np.array(value)
