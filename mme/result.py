"""What every result has in common: it shows itself, goes into JSON and comes back, and equals its copy."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from html import escape
from importlib import import_module
from inspect import signature
from math import isfinite
from types import UnionType
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, Union, get_args, get_origin, get_type_hints

from mme.arguments import options
from mme.errors import InputError
from mme.extras import required
from mme.late import np, of_numpy

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

__all__ = ["Plotted", "Result", "Table", "by_value", "counted", "plain"]

MOST_ROWS = 12  # of a table in a page
LONGEST_CELL = 60
Tuple = TypeVar("Tuple", bound=tuple[Any, ...])


def plain(value: Any) -> Any:
    """Turn values into what strict JSON knows: complex numbers by their parts, NaN and infinity as text.

    Examples
    --------
    >>> plain({"a": np.arange(2), "b": (np.float64(0.5), None, float("inf")), "c": 1j})
    {'a': [0, 1], 'b': [0.5, None, 'inf'], 'c': {'real': 0.0, 'imag': 1.0}}
    """
    if isinstance(value, of_numpy("ndarray", "generic")):
        value = {"real": value.real, "imag": value.imag} if value.dtype.kind == "c" else value.tolist()
    if hasattr(value, "bit_generator"):
        value = value.bit_generator.state
    if isinstance(value, complex):
        value = {"real": value.real, "imag": value.imag}
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(entry) for entry in value]
    if isinstance(value, Result):
        return value.to_dict()
    return str(value) if isinstance(value, float) and not isfinite(value) else value


def counted(number: float, one: str, several: str = "") -> str:
    """Return how many there are of what, as in 1 bin and 2 bins."""
    many = f"{number:.6g}" if isinstance(number, float) else str(number)
    return f"{many} {one if number == 1 else several or one + 's'}"


class Result:
    """Base of the frozen dataclasses that functions return; `also` names properties that are told too."""

    also: ClassVar[tuple[str, ...]] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, in their order, as numbers, strings, lists and dictionaries."""
        return {name: plain(getattr(self, name)) for name in [*_fields(self), *self.also]}

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> Self:
        """Return the result whose `to_dict` is `entry`; those that tell less than they hold do not come back.

        Raises
        ------
        InputError
            If the entry lacks a field, or the result holds more than its dictionary; pickle keeps it whole.
        """
        name = cls.__name__
        if cls.to_dict is not Result.to_dict:
            told = f"a {name}, whose to_dict is a line of a table"
            raise InputError(f"entry cannot become {told}; pickle keeps all of it.")
        kinds = get_type_hints(cls)
        if not isinstance(entry, Mapping) or not set(_fields(cls)) <= set(entry):
            raise InputError(f"entry must be a dictionary with {', '.join(_fields(cls))}, as of to_dict.")
        try:
            return cls(**{field: _restored(kinds[field], entry[field]) for field in _fields(cls)})
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"entry must be what {name}.to_dict returns, but {error}.") from None

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        compared = [field.name for field in dataclasses.fields(self) if field.compare]  # type: ignore[arg-type]
        return all(_equal(getattr(self, name), getattr(other, name)) for name in compared)

    def __hash__(self) -> int:  # equal results have equal texts
        texts = (getattr(self, name) for name in _fields(self))
        return hash((type(self), *(text for text in texts if isinstance(text, str))))

    def __repr__(self) -> str:
        told = ", ".join(f"{name}={_shown(getattr(self, name), repr)}" for name in _fields(self))
        return f"{type(self).__name__}({told})"

    def _repr_html_(self) -> str:
        told = {name: getattr(self, name) for name in [*_fields(self), *self.also]}
        return _html(type(self).__name__, [{"": name, "value": value} for name, value in told.items()])


class Table(Result):
    """A result that is a table, of which a page has the columns that `shown` names, by default all.

    The columns of `numbers` are floats in a frame also where they are empty.

    Examples
    --------
    >>> from mme.ensembles import equivalence_classes
    >>> found = equivalence_classes({"a": 0.1, "b": 0.3}, delta=0.1)
    >>> len(found.rows()), found.to_frame().shape, found.from_dict(found.to_dict()) == found
    (2, (2, 3), True)
    """

    shown: ClassVar[tuple[str, ...]] = ()
    numbers: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def rows(self) -> list[dict[str, Any]]:
        """Return the lines of the table, each a dictionary with the same names."""

    def to_frame(self) -> pandas.DataFrame:
        """Return the table as a pandas DataFrame."""
        frame = required("pandas", "chapters", "to_frame").DataFrame(self.rows())
        return frame.astype(dict.fromkeys(self.numbers, float))

    def _repr_html_(self) -> str:
        rows = self.rows()
        return _html(type(self).__name__, [{name: row[name] for name in self.shown or row} for row in rows])


class Plotted(Result):
    """A result that a function of `mme.plots` draws, the one that `figure` names."""

    figure: ClassVar[str]

    def plot(self, **chosen: Any) -> Figure:
        """Return its figure, drawn with the options of the function of `mme.plots` that `figure` names.

        They have `ax`, to draw in axes of your own, where the figure has one panel only.
        """
        draw, name = getattr(import_module(f"{__package__}.plots"), self.figure), type(self).__name__
        kinds = signature(draw).parameters.values()
        allowed = [each.name for each in kinds if each.kind is each.KEYWORD_ONLY]
        if "ax" in chosen and "ax" not in allowed:
            raise InputError(f"ax must be left out, for the figure of a {name} has several panels.")
        options(f"{name}.plot", chosen, *allowed)
        drawn: Figure = draw(self, **chosen)
        return drawn


def by_value(kind: type[Tuple]) -> type[Tuple]:
    """Let a tuple of arrays equal its copies, where Python would ask for the truth of an array."""
    changed: Any = kind
    changed.__eq__ = lambda one, other: isinstance(other, tuple) and _equal(one, other)
    changed.__ne__ = lambda one, other: not changed.__eq__(one, other)
    return kind


def _fields(result: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(result) if field.repr]


def _restored(kind: Any, value: Any) -> Any:
    """Read a plain value back, as the type by which its field is annotated."""
    origin, inside = get_origin(kind), get_args(kind)
    if value is None or kind is Any:
        return value
    if origin in (Union, UnionType):
        return _restored(next(each for each in inside if each is not type(None)), value)
    if kind is np.ndarray:
        parts = [value["real"], value["imag"]] if isinstance(value, Mapping) else [value]
        arrays = [np.asarray(part, float if np.asarray(part).dtype.kind == "U" else None) for part in parts]
        return arrays[0] + 1j * arrays[1] if len(arrays) > 1 else arrays[0]
    if isinstance(kind, type) and issubclass(kind, Result):
        return kind.from_dict(value)
    if origin is dict:
        return {key: _restored(inside[1], entry) for key, entry in value.items()}
    if origin is tuple and inside[-1] is not Ellipsis:
        return tuple(_restored(each, entry) for each, entry in zip(inside, value, strict=True))
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return tuple(_restored(inside[0], entry) for entry in value)
    return float(value) if kind is float else value


def _equal(one: Any, other: Any) -> bool:
    """Compare by value, NaN with NaN as equal; arrays, tensors and generators by their numbers."""
    if hasattr(one, "bit_generator") and hasattr(other, "bit_generator"):
        one, other = one.bit_generator.state, other.bit_generator.state
    if hasattr(one, "shape") and hasattr(other, "shape"):
        numbers = (each.detach() if hasattr(each, "detach") else each for each in (one, other))
        left, right = map(np.asarray, numbers)
        return np.array_equal(left, right, equal_nan=left.dtype.kind in "fc")
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(one == other or (one != one and other != other))


def _shown(value: Any, text: Callable[[str], str] = str) -> str:
    """A value in a few characters."""
    if isinstance(value, (float, *of_numpy("floating"))):
        return f"{value:.6g}"
    if isinstance(value, of_numpy("ndarray")):
        return f"array of shape {value.shape}"
    told = text(value) if isinstance(value, str) else repr(value)
    return told if len(told) <= LONGEST_CELL else f"{told[: LONGEST_CELL - 1]}…"


def _html(caption: str, rows: list[dict[str, Any]]) -> str:
    """Return a table as HTML without colours of its own, so that every theme fits."""
    cut = f", the first {MOST_ROWS} of {len(rows)}" if len(rows) > MOST_ROWS else ""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in rows[0]) if rows else ""
    lines = ("".join(f"<td>{escape(_shown(cell))}</td>" for cell in row.values()) for row in rows[:MOST_ROWS])
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return (
        f'<table class="mme-result"><caption>{escape(caption + cut)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )
