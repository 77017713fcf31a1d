"""Arguments refused at the door, each in one sentence: names, numbers, seeds, shapes and arrays."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import islice
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, TypeVar

from mme.errors import InputError
from mme.late import array_api_compat, np, of_numpy

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "affordable", "any_array", "arrays", "batch_shape", "choice", "common_batch", "finite_array", "flag",
    "generator", "integer", "listed", "number", "of_type", "options", "plain_array", "real_array",
    "sequence", "several", "share", "shown", "text",
]  # fmt: skip

LONGEST_SHOWN = 60  # characters of a wrong value that an error repeats
LARGEST = 2**27  # floats in one array: 1 GiB
MOST_AXES = 32
MOST_LISTED = 10**6
T = TypeVar("T")


def shown(value: Any) -> str:
    """Return a wrong value as a sentence can repeat it: its type where it is long or an object."""
    is_long = isinstance(value, str | bytes | tuple | list | dict) and len(value) > LONGEST_SHOWN
    plain = (type(None), str, bytes, Real, tuple, list, dict, *of_numpy("generic"))
    try:
        words = repr(value) if isinstance(value, plain) and not is_long else ""
    except ValueError:  # Python writes no integers of thousands of digits
        words = ""
    is_line = 0 < len(words) <= LONGEST_SHOWN and "\n" not in words
    return words if is_line else f"of type {type(value).__name__}"


def of_type(name: str, value: Any, kind: type[T] | tuple[type[T], ...], right: str) -> T:
    """Return a value of a type, which `right` names."""
    if not isinstance(value, kind):
        raise InputError(f"{name} must be {right}, but it is {shown(value)}.")
    return value


def text(name: str, value: Any) -> str:
    """Return words as they are."""
    return of_type(name, value, str, "a text")


def several(name: str, value: Any, kind: Any, right: str) -> list[Any]:
    """Return one value of a type, or what holds several of them, as a list; `right` names both."""
    try:
        found = [value] if isinstance(value, kind) else list(islice(value, MOST_LISTED + 1))
    except (TypeError, ValueError):
        found = [value]
    if len(found) > MOST_LISTED or not all(isinstance(each, kind) for each in found):
        raise InputError(f"{name} must be {right}, but it is {shown(value)}.")
    return found


def listed(name: str, value: Any, what: str) -> list[Any]:
    """Return what can be gone through, and is not empty or endless, as a list."""
    try:
        found = list(islice(value, MOST_LISTED + 1))
    except (TypeError, ValueError):
        found = []
    if not 0 < len(found) <= MOST_LISTED:
        raise InputError(f"{name} must be a list of 1 to {MOST_LISTED} {what}, but it is {shown(value)}.")
    return found


def flag(name: str, value: Any) -> bool:
    """Return a truth value, Python's or NumPy's."""
    return bool(of_type(name, value, (bool, *of_numpy("bool_")), "True or False"))


def choice(name: str, value: Any, allowed: Iterable[T]) -> T:
    """Return `value` if it is one of the allowed names."""
    names = tuple(allowed)
    if not isinstance(value, str) or value not in names:
        raise InputError(f"{name} must be one of {', '.join(map(repr, names))}, but it is {shown(value)}.")
    return next(each for each in names if each == value)


def options(call: str, given: Iterable[str], *allowed: str) -> None:
    """Refuse keywords that a function does not have, in its own name."""
    if odd := [name for name in given if name not in allowed]:
        raise InputError(f"{odd[0]} is no option of {call}, which takes {', '.join(allowed) or 'none'}.")


def integer(name: str, value: Any, least: int | None = None, most: int | None = None) -> int:
    """Return an integer in a range, Python's or NumPy's; truth values are none."""
    if not _is_whole(value) or not _within(value, least, most):
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
    is_real = isinstance(value, Real) and not isinstance(value, bool)
    try:
        converted = float(value) if is_real else math.nan
    except OverflowError:
        converted = math.inf
    is_within = _within(converted, least, most) and (above is None or converted > above)
    if not math.isfinite(converted) or not is_within:
        span = _range(least, most, above)
        raise InputError(f"{name} must be a finite number{span}, but it is {shown(value)}.")
    return converted


def share(name: str, value: Any) -> float:
    """Return a number between 0 and 1, both left out."""
    if number(name, value, above=0) >= 1:
        raise InputError(f"{name} must lie between 0 and 1, but it is {shown(value)}.")
    return float(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _within(value: Any, least: float | None, most: float | None) -> bool:
    return (least is None or value >= least) and (most is None or value <= most)


def _range(least: float | None, most: float | None, above: float | None = None) -> str:
    if above is not None:
        return f" above {above:g}" + ("" if most is None else f" and of at most {most}")
    if least is not None and most is not None:
        return f" from {least} to {most}"
    return f" of at least {least}" if least is not None else "" if most is None else f" of at most {most}"


def affordable(name: str, numbers: int) -> None:
    """Refuse what needs an array of more than 2^27 floats of eight bytes, which is 1 GiB."""
    if numbers > LARGEST:
        many = f"an array of {min(numbers, 10**300):.3g} numbers exceeds {LARGEST:.3g}, which take 1 GiB"
        raise InputError(f"{name} must be smaller: {many}.")


def generator(rng: Any) -> np.random.Generator:
    """Return a NumPy generator from a seed, a generator or None."""
    is_seed = rng is None or isinstance(rng, np.random.Generator)
    if not is_seed and (not _is_whole(rng) or rng < 0):
        right = "None, a non-negative integer or a NumPy generator"
        raise InputError(f"rng must be {right}, but it is {shown(rng)}.")
    return np.random.default_rng(rng if is_seed else int(rng))


def batch_shape(size: Any, name: str = "size") -> tuple[int, ...]:
    """Return the shape of leading axes: () for None, (n,) for an integer.

    Examples
    --------
    >>> batch_shape(None), batch_shape(3), batch_shape((2, 3))
    ((), (3,), (2, 3))
    """
    shape: Sequence[Any] = () if size is None else size if isinstance(size, tuple | list) else (size,)
    if len(shape) > MOST_AXES or any(not _is_whole(n) or n < 0 for n in shape):
        right = f"None, a non-negative integer or a tuple of at most {MOST_AXES} of them"
        raise InputError(f"{name} must be {right}, but it is {shown(size)}.")
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
    array = plain_array(name, value)
    if array.dtype == object and all(isinstance(entry, Real) for entry in array.flat):
        try:  # integers beyond 64 bits, and fractions
            array = array.astype(np.float64)
        except OverflowError:
            raise InputError(f"{name} must be an array of numbers below 1e308, but one is larger.") from None
    if array.dtype.kind not in "iufc":
        given = f"is {shown(value)}" if array.ndim == 0 else f"has dtype {array.dtype}"
        raise InputError(f"{name} must be an array of numbers, but it {given}.")
    finite = np.isfinite(array)
    if not finite.all():
        where = tuple(int(i) for i in np.argwhere(~finite)[0])
        index = f"[{', '.join(map(str, where))}]" if where else ""
        raise InputError(f"{name} must be finite, but {name}{index} is {array[where]}.")
    return array


def plain_array(name: str, value: Any) -> NDArray[Any]:
    """Return a NumPy array of whatever type, from arrays, lists and torch tensors, without a mask."""
    if _holds(value, np.ma.MaskedArray):
        raise InputError(f"{name} must be an array without a mask; fill it first, by its method filled.")
    try:
        if hasattr(value, "detach"):
            tensor = value.detach().cpu().resolve_conj().resolve_neg()
            is_half = tensor.is_floating_point() and tensor.element_size() < 4  # NumPy has no bfloat16
            return np.asarray(tensor.float() if is_half else tensor)
        array = np.asarray(value)
        if array.dtype.kind != "b" and _holds(value, bool | np.bool_):  # NumPy takes them for 0 and 1
            raise InputError(f"{name} must be an array of numbers, but one of them is True or False.")
        return array
    except InputError:  # and that of weights that are only read here
        raise
    except ValueError:
        raise InputError(f"{name} must be an array of numbers, but its rows differ in length.") from None
    except (TypeError, RuntimeError, AttributeError):
        if isinstance(value, list | tuple) and not all(isinstance(entry, np.ndarray) for entry in value):
            return plain_array(name, [plain_array(name, entry) for entry in value])  # tensors one by one
        raise InputError(f"{name} must be an array of numbers, but it is {shown(value)}.") from None


def _holds(value: Any, kind: Any, levels: int = 4) -> bool:
    """Whether a value or one in its lists is of a kind that NumPy would convert in silence."""
    entries = value if isinstance(value, list | tuple) and levels else ()
    return isinstance(value, kind) or any(_holds(entry, kind, levels - 1) for entry in entries)


def real_array(name: str, value: Any) -> NDArray[Any]:
    """Return a NumPy array of finite real numbers, as `finite_array` does."""
    array = finite_array(name, value)
    if array.dtype.kind == "c":
        raise InputError(f"{name} must be real, but its dtype is {array.dtype}.")
    return array


def sequence(name: str, value: Any, least: int = 1, *, negative: bool = True) -> NDArray[np.float64]:
    """Return at least so many finite real numbers in a row."""
    array = real_array(name, value)
    if array.ndim != 1 or len(array) < least:
        right = f"a sequence of at least {least} numbers"
        raise InputError(f"{name} must be {right}, but its shape is {array.shape}.")
    if not negative and array.min() < 0:
        raise InputError(f"{name} must not be negative, but one is {array.min():g}.")
    return array.astype(float)


def any_array(name: str, value: Any, *, finite: bool = True, real: bool = False) -> Any:
    """Return an array of the array API standard as it is, with its gradient, and anything else as NumPy.

    With `finite` the entries of an array that is not NumPy's are looked at too, which waits for its device.
    """
    if isinstance(value, np.ndarray | np.generic) or not array_api_compat.is_array_api_obj(value):
        return real_array(name, value) if real else finite_array(name, value)
    xp = array_api_compat.array_namespace(value)
    try:
        is_dense = str(getattr(value, "layout", "torch.strided")) == "torch.strided" and len(value.shape) >= 0
        is_finite = not finite or bool(xp.all(xp.isfinite(value)))
    except RuntimeError:  # tensors without entries, or of several shapes
        is_dense = False
    if not is_dense or not xp.isdtype(value.dtype, "numeric"):
        raise InputError(f"{name} must be a dense array of numbers, but its dtype is {value.dtype}.")
    if real and xp.isdtype(value.dtype, "complex floating"):
        raise InputError(f"{name} must be real, but its dtype is {value.dtype}.")
    if not is_finite:
        raise InputError(f"{name} must be finite, but an entry is NaN or infinite.")
    return value


def arrays(*, finite: bool = True, real: bool = False, **given: Any) -> tuple[Any, list[Any]]:
    """Return the array API namespace of several arrays, and each as `any_array` does."""
    ready = [any_array(name, value, finite=finite, real=real) for name, value in given.items()]
    if any(not isinstance(array, np.ndarray | np.generic) for array in ready):  # numbers go with any library
        pairs = zip(ready, given.values(), strict=True)
        ready = [value if isinstance(value, int | float) else array for array, value in pairs]
    try:
        return array_api_compat.array_namespace(*ready), ready
    except TypeError:
        raise InputError(f"{' and '.join(given)} must be arrays of one library, but they are not.") from None


def common_batch(names: str, *shapes: Sequence[int]) -> tuple[int, ...]:
    """Return the shape that leading axes have together."""
    try:
        return np.broadcast_shapes(*map(tuple, shapes))
    except ValueError:
        listed = ", ".join(str(tuple(shape)) for shape in shapes)
        raise InputError(f"{names} must have leading axes that broadcast, but they are {listed}.") from None
