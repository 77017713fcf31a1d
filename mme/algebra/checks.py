"""Arguments refused at the door: orders, sizes, seeds and arrays."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mme.errors import InputError

__all__ = ["batch_shape", "by_largest_entry", "finite_array", "generator", "positive_order"]


def positive_order(d: Any, name: str = "d") -> int:
    """An integer of at least 1, or an error.

    Examples
    --------
    >>> positive_order(0)
    Traceback (most recent call last):
    mme.errors.InputError: d must be an integer of at least 1, but it is 0.
    """
    if isinstance(d, bool | np.bool_) or not isinstance(d, Integral) or d < 1:
        raise InputError(f"{name} must be an integer of at least 1, but it is {d!r}.")
    return int(d)


def batch_shape(size: Any) -> tuple[int, ...]:
    """The shape of the leading axes: () for None, (size,) for an integer.

    Examples
    --------
    >>> batch_shape(None), batch_shape(3), batch_shape((2, 3))
    ((), (3,), (2, 3))
    """
    if size is None:
        return ()
    shape = tuple(size) if isinstance(size, Sequence) and not isinstance(size, str) else (size,)
    if any(isinstance(n, bool | np.bool_) or not isinstance(n, Integral) or n < 0 for n in shape):
        raise InputError(f"size must be None, a non-negative integer or a tuple of them, but it is {size!r}.")
    return tuple(int(n) for n in shape)


def generator(rng: Any) -> np.random.Generator:
    """A NumPy generator from a seed, a generator or None.

    Examples
    --------
    >>> generator("today")
    Traceback (most recent call last):
    mme.errors.InputError: rng must be None, a non-negative integer or a NumPy generator, but it is 'today'.
    """
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as problem:
        raise InputError(
            f"rng must be None, a non-negative integer or a NumPy generator, but it is {rng!r}."
        ) from problem


def finite_array(a: ArrayLike, name: str = "a") -> NDArray[Any]:
    """A NumPy array of finite numbers, or an error that names the first entry which is not.

    Examples
    --------
    >>> finite_array([[1.0, float("nan")]])
    Traceback (most recent call last):
    mme.errors.InputError: a must be finite, but a[0, 1] is nan.
    """
    try:
        array = np.asarray(a)
    except ValueError as problem:
        raise InputError(f"{name} must be an array of numbers, but its rows differ in length.") from problem
    if array.dtype.kind not in "iufc":
        raise InputError(f"{name} must be an array of numbers, but its type is {array.dtype}.")
    finite = np.isfinite(array)
    if not finite.all():
        where = tuple(int(i) for i in np.argwhere(~finite)[0])
        index = ", ".join(map(str, where))
        raise InputError(f"{name} must be finite, but {name}[{index}] is {array[where]}.")
    return array


def by_largest_entry(a: NDArray[Any]) -> NDArray[Any]:
    """Each matrix over its largest absolute entry; zero stays zero.

    Examples
    --------
    >>> by_largest_entry(np.array([[0.0, -4.0], [2.0, 1.0]]))
    array([[ 0.  , -1.  ],
           [ 0.5 ,  0.25]])
    """
    largest = np.max(np.abs(a), axis=(-2, -1), keepdims=True)
    return np.asarray(a / (largest + np.finfo(largest.dtype).smallest_normal))
