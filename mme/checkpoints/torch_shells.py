"""Inert stand-ins for whatever a torch checkpoint names besides tensors.

A pickle names classes and functions, and may ask to call them. Here every name is answered by a stand-in, so
that a whole module can be read where its classes are not, and nothing of what the file names is ever imported
or run:

* an object becomes a record, an empty OrderedDict that takes the object's attributes, and its items if it is
  a dictionary;
* a call is refused, but for some that settings need (dates, paths, members of enumerations) and for NumPy's
  arrays: these become a `Call` that was not made.
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

__all__ = ["array_of", "class_name", "fields", "stand_ins"]

CLASS = "<class>"
HARMLESS = re.compile(
    r"builtins\.(bytearray|bytes|complex|dict|float|frozenset|int|list|range|set|slice|str|tuple)"
    r"|(collections|datetime|decimal|fractions|pathlib|pathlib\._local|uuid)\.\w+"
    r"|functools\.partial|re\._compile|types\.SimpleNamespace|random\.Random|torch(\._C)?\.Generator"
    r"|numpy\.(dtype|_?core\.multiarray\.(_reconstruct|scalar)|random\._pickle\.\w+)"
)
NUMBERS = re.compile(r"[biufc]\d{1,2}")


class Call:
    """A call that was not made: what it would have been given, and the state of its result."""

    def __init__(self, name: str, arguments: tuple[Any, ...]) -> None:
        self.name, self.arguments = name, arguments
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _StandIn(type):
    """The class of a stand-in for a name: its objects are records."""

    full_name: str
    path: Path

    def __call__(cls, *arguments: Any) -> Any:
        if cls.full_name == "collections.defaultdict":
            return OrderedDict()
        if cls.full_name == "collections.deque":
            return []
        if HARMLESS.fullmatch(cls.full_name) or _is_member(cls.full_name, arguments):
            return Call(cls.full_name, arguments)
        raise InputError(
            f"{cls.path} asks to call {cls.full_name} while loading: refused, and nothing of it was run."
        )


def stand_ins(names: Iterable[str], path: Path) -> list[tuple[Any, str]]:
    """Return a stand-in for each full name, as `torch.serialization.safe_globals` takes them."""
    # The loader sets the state of an object only if its class was named, too.
    return [(Call, "<call>"), *((_stand_in(name, path), name) for name in names)]


def _stand_in(name: str, path: Path) -> Any:
    def new(cls: type, *arguments: Any) -> OrderedDict[Any, Any]:
        record: OrderedDict[Any, Any] = OrderedDict()
        vars(record)[CLASS] = name.rpartition(".")[2]
        return record

    return _StandIn("Shell", (), {"full_name": name, "path": path, "__new__": new})


def _is_member(name: str, arguments: tuple[Any, ...]) -> bool:
    """Whether a call looks like that of an enumeration's class on the value of a member."""
    is_class = name.rpartition(".")[2][:1].isupper()
    is_of_python = name.partition(".")[0] in sys.stdlib_module_names  # there, it could be a program's name
    return is_class and not is_of_python and len(arguments) == 1 and isinstance(arguments[0], int | str)


def array_of(value: Any) -> Any:
    """Return a NumPy array in place of a call for one, if it is of plain numbers; anything else as it is."""
    if not isinstance(value, Call) or not value.name.endswith("_reconstruct") or value.state is None:
        return value
    _, shape, dtype, is_fortran, data = value.state
    code, order = dtype.arguments[0], dtype.state[1]
    if not isinstance(data, bytes) or order not in ("<", ">", "=", "|") or not NUMBERS.fullmatch(code):
        return value  # texts, objects or records
    return np.frombuffer(data, order + code).reshape(shape, order="F" if is_fortran else "C")


def class_name(record: Any) -> str:
    """The name of the class whose object a record stands for; empty for anything else."""
    name = fields(record).get(CLASS, "")
    return name if isinstance(name, str) else ""


def fields(record: Any) -> dict[str, Any]:
    """The attributes that a record holds; none for anything else."""
    return vars(record) if type(record) is OrderedDict else {}
