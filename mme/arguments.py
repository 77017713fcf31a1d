"""Arguments refused at the door, each in one sentence: names, numbers, seeds, shapes and arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mme.errors import InputError

__all__ = ["batch_shape", "choice", "finite_array", "generator", "integer", "number", "real_array", "shown"]

LONGEST_SHOWN = 60  # characters of a wrong value that an error repeats


def shown(value: Any) -> str:
    """Return a wrong value as a sentence can repeat it: its type where it is long or an object."""
    is_plain = value is None or isinstance(value, str | bytes | Real | np.generic | tuple | list | dict)
    words = "" if not is_plain or len(str(value)) > 10 * LONGEST_SHOWN else repr(value)
    is_short = words and len(words) <= LONGEST_SHOWN and "\n" not in words
    return words if is_short else f"of type {type(value).__name__}"


def choice(name: str, value: Any, allowed: Iterable[str]) -> str:
    """Return `value` if it is one of the allowed names.

    Examples
    --------
    >>> choice("zeros", "none", ("keep", "drop", "half"))
    Traceback (most recent call last):
    mme.errors.InputError: zeros must be one of 'keep', 'drop', 'half', but it is 'none'.
    """
    names = tuple(allowed)
    if not isinstance(value, str) or value not in names:
        raise InputError(f"{name} must be one of {', '.join(map(repr, names))}, but it is {shown(value)}.")
    return str(value)


def integer(name: str, value: Any, least: int | None = None, most: int | None = None) -> int:
    """Return an integer in a range, Python's or NumPy's; truth values are none.

    Examples
    --------
    >>> integer("depth", np.int64(3), 1)
    3
    >>> integer("depth", 2.5, 1)
    Traceback (most recent call last):
    mme.errors.InputError: depth must be an integer of at least 1, but it is 2.5.
    """
    is_integer = isinstance(value, Integral) and not isinstance(value, bool)
    if not is_integer or not _within(value, least, most):
        raise InputError(f"{name} must be an integer{_range(least, most)}, but it is {shown(value)}.")
    return int(value)


def number(
    name: str, value: Any, least: float | None = None, most: float | None = None, above: float | None = None
) -> float:
    """Return a finite real number in a range, as a float.

    Examples
    --------
    >>> number("level", 0, above=0)
    Traceback (most recent call last):
    mme.errors.InputError: level must be a finite number above 0, but it is 0.
    """
    is_real = isinstance(value, Real) and not isinstance(value, bool | np.bool_)
    try:
        converted = float(value) if is_real else np.nan
    except OverflowError:
        converted = np.inf
    is_above = above is None or converted > above
    if not np.isfinite(converted) or not _within(converted, least, most) or not is_above:
        span = _range(least, most) if above is None else f" above {above:g}" + _range(None, most, "and ")
        raise InputError(f"{name} must be a finite number{span}, but it is {shown(value)}.")
    return converted


def _within(value: Any, least: float | None, most: float | None) -> bool:
    return (least is None or value >= least) and (most is None or value <= most)


def _range(least: float | None, most: float | None, joint: str = "") -> str:
    if least is None and most is None:
        return ""
    if most is None:
        return f" of at least {least}"
    return f" {joint}of at most {most}" if least is None else f" from {least} to {most}"


def generator(rng: Any, name: str = "rng") -> np.random.Generator:
    """Return a NumPy generator from a seed, a generator or None.

    Examples
    --------
    >>> generator("today")
    Traceback (most recent call last):
    mme.errors.InputError: rng must be None, a non-negative integer or a NumPy generator, but it is 'today'.
    """
    is_seed = rng is None or isinstance(rng, np.random.Generator)
    if not is_seed and (isinstance(rng, bool) or not isinstance(rng, Integral) or rng < 0):
        raise InputError(
            f"{name} must be None, a non-negative integer or a NumPy generator, but it is {shown(rng)}."
        )
    return np.random.default_rng(rng if is_seed else int(rng))


def batch_shape(size: Any, name: str = "size") -> tuple[int, ...]:
    """Return the shape of leading axes: () for None, (n,) for an integer.

    Examples
    --------
    >>> batch_shape(None), batch_shape(3), batch_shape((2, 3))
    ((), (3,), (2, 3))
    """
    shape: Sequence[Any] = () if size is None else size if isinstance(size, tuple | list) else (size,)
    if any(isinstance(n, bool) or not isinstance(n, Integral) or n < 0 for n in shape):
        raise InputError(
            f"{name} must be None, a non-negative integer or a tuple of them, but it is {shown(size)}."
        )
    return tuple(int(n) for n in shape)


def finite_array(name: str, value: Any) -> NDArray[Any]:
    """Return a NumPy array of finite numbers, real or complex, from arrays, lists and torch tensors.

    A tensor that requires a gradient is detached, and a masked array refused.

    Examples
    --------
    >>> finite_array("a", [[1.0, float("nan")]])
    Traceback (most recent call last):
    mme.errors.InputError: a must be finite, but a[0, 1] is nan.
    """
    if isinstance(value, np.ma.MaskedArray):
        raise InputError(f"{name} must be an array without a mask; fill it first, by its method filled.")
    try:
        array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    except ValueError:
        raise InputError(f"{name} must be an array of numbers, but its rows differ in length.") from None
    except (TypeError, RuntimeError, OverflowError):
        raise InputError(f"{name} must be an array of numbers, but it is {shown(value)}.") from None
    if array.dtype.kind not in "iufc":
        given = f"is {shown(value)}" if array.ndim == 0 else f"has dtype {array.dtype}"
        raise InputError(f"{name} must be an array of numbers, but it {given}.")
    finite = np.isfinite(array)
    if not finite.all():
        where = tuple(int(i) for i in np.argwhere(~finite)[0])
        index = f"[{', '.join(map(str, where))}]" if where else ""
        raise InputError(f"{name} must be finite, but {name}{index} is {array[where]}.")
    return array


def real_array(name: str, value: Any) -> NDArray[Any]:
    """Return a NumPy array of finite real numbers, as `finite_array` does.

    Examples
    --------
    >>> real_array("x", [1j])
    Traceback (most recent call last):
    mme.errors.InputError: x must be real, but its dtype is complex128.
    """
    array = finite_array(name, value)
    if array.dtype.kind == "c":
        raise InputError(f"{name} must be real, but its dtype is {array.dtype}.")
    return array
