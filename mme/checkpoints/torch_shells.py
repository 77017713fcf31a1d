"""Inert stand-ins for whatever a torch checkpoint names besides tensors.

A pickle names classes and functions, and may ask to call them. Here every name is answered by a stand-in, so
that a whole module can be read where its classes are not, and nothing of what the file names is ever imported
or run:

* an object becomes a record, an empty OrderedDict that takes the object's attributes, and its items if it is
  a dictionary;
* a call is refused, but for some that settings need (dates, paths, members of enumerations), which give an
  `Ignored`, and for arrays of numbers, which are copied.
"""

from __future__ import annotations

import re
import sys
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from mme.errors import InputError

__all__ = ["Array", "class_name", "fields", "stand_ins"]

CLASS = "<class>"
# Calls whose result is of no interest, and which need not happen.
IGNORED_CALLS = re.compile(
    r"builtins\.(bytearray|bytes|complex|dict|float|frozenset|int|list|range|set|slice|str|tuple)"
    r"|(collections|datetime|decimal|fractions|pathlib|pathlib\._local|uuid)\.\w+"
    r"|functools\.partial|re\._compile|types\.SimpleNamespace|random\.Random|torch(\._C)?\.Generator"
    r"|numpy\._?core\.multiarray\.scalar|numpy\.random\._pickle\.\w+"
)
NUMBERS = re.compile(r"[biufc]\d{1,2}")


class Ignored:
    """What a harmless call would have made; it takes any state and keeps none."""

    def __setstate__(self, state: Any) -> None:
        pass


class Dtype:
    """Stands for `numpy.dtype`."""

    def __init__(self, code: Any, *flags: Any) -> None:
        self.code, self.order = code, "="

    def __setstate__(self, state: Any) -> None:
        self.order = state[1]

    def resolved(self) -> np.dtype | None:
        """Return the type of numbers that it stands for; None if it is of texts, objects or records."""
        is_plain = isinstance(self.code, str) and NUMBERS.fullmatch(self.code)
        return np.dtype(self.order + self.code) if is_plain and self.order in ("<", ">", "=", "|") else None


class Array:
    """Stands for `numpy.ndarray`: its numbers are in the pickle; None if it has none."""

    def __init__(self, *arguments: Any) -> None:
        self.numbers: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, is_fortran, data = state
        kind = dtype.resolved() if isinstance(dtype, Dtype) else None
        if kind is not None and isinstance(data, bytes):
            self.numbers = np.frombuffer(data, kind).reshape(shape, order="F" if is_fortran else "C")


class _StandIn(type):
    """The class of a stand-in for a name: its objects are records, and calling it is refused."""

    full_name: str
    path: Path

    def __call__(cls, *arguments: Any) -> Any:
        if cls.full_name == "collections.defaultdict":
            return OrderedDict()
        if cls.full_name == "collections.deque":
            return []
        if IGNORED_CALLS.fullmatch(cls.full_name) or _is_member(cls.full_name, arguments):
            return Ignored()
        raise InputError(
            f"{cls.path} asks to call {cls.full_name} while loading; it was refused, and nothing of it was "
            "run."
        )


def stand_ins(names: Iterable[str], path: Path) -> list[tuple[Any, str]]:
    """Return a stand-in for each full name, as `torch.serialization.safe_globals` takes them."""
    pairs: list[tuple[Any, str]] = [(_stand_in(name, path), name) for name in names]
    # The loader sets the state of an object only if its class was named, too.
    return pairs + [(kind, f"{kind.__module__}.{kind.__qualname__}") for kind in (Array, Dtype, Ignored)]


def class_name(record: Any) -> str:
    """The name of the class whose object a record stands for; empty for anything else."""
    name = fields(record).get(CLASS, "")
    return name if isinstance(name, str) else ""


def fields(record: Any) -> dict[str, Any]:
    """The attributes that a record holds; none for anything else."""
    return vars(record) if type(record) is OrderedDict else {}


def _is_member(name: str, arguments: tuple[Any, ...]) -> bool:
    """Whether a call looks like that of a member of an enumeration: its class called on the member's value."""
    is_class = name.rpartition(".")[2][:1].isupper()
    is_of_python = name.partition(".")[0] in sys.stdlib_module_names  # there, it could be a program's name
    return is_class and not is_of_python and len(arguments) == 1 and isinstance(arguments[0], int | str)


def _stand_in(name: str, path: Path) -> Any:
    if name in ("numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct"):
        return Array
    if name == "numpy.dtype":
        return Dtype

    def new(cls: type, *arguments: Any) -> OrderedDict[Any, Any]:
        record: OrderedDict[Any, Any] = OrderedDict()
        vars(record)[CLASS] = name.rpartition(".")[2]
        return record

    return _StandIn("Shell", (), {"full_name": name, "path": path, "__new__": new})
