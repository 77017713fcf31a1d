"""Inert stand-ins for whatever a torch checkpoint names besides tensors.

A pickle names classes and functions, and may ask to call them. Here every name is answered by a stand-in, so
that a whole module can be read where its classes are not, and nothing of what the file names is ever imported
or run:

* an object becomes a record, an empty OrderedDict that takes the object's attributes, and its items if it is
  a dictionary: torch's loader gives items to no other class;
* a call of what only holds values, such as a date, a path or a member of an enumeration, and of NumPy's
  arrays becomes a `Call` that was not made; any other call is refused.
"""

from __future__ import annotations

import re
import sys
from collections import OrderedDict
from pickle import UnpicklingError
from typing import Any

import numpy as np

__all__ = ["CLASS", "Call", "StandIn", "array_of", "fields"]

CLASS = "<class>"  # the field of a record that names its class
HARMLESS = re.compile(
    rf"(?!({'|'.join(sys.stdlib_module_names)})\.)[\w.]+\.[A-Z]\w*"  # a class, but none of Python's own
    r"|builtins\.(bytearray|bytes|complex|dict|float|frozenset|int|list|range|set|slice|str|tuple)"
    r"|(collections|datetime|decimal|fractions|pathlib|pathlib\._local|uuid)\.\w+"
    r"|functools\.partial|re\._compile|types\.SimpleNamespace|random\.Random"
    r"|numpy\.(dtype|_?core\.multiarray\.(_reconstruct|scalar)|random\._pickle\.\w+)"
)
FILLED = {"collections.defaultdict": OrderedDict, "collections.deque": list}  # with items, after the call
NUMBERS = re.compile(r"[biufc]\d{1,2}")


class Call:
    """A call that was not made: what it would have been given, and the state of its result."""

    def __init__(self, name: str, arguments: tuple[Any, ...]) -> None:
        self.name, self.arguments = name, arguments
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class StandIn:
    """What torch's loader gets for a name in a pickle: it makes records, and no calls."""

    def __init__(self, name: str) -> None:
        self.name = name
        vars(self)["__new__"] = self._record  # the loader makes objects by cls.__new__(cls, …)

    def _record(self, *_: Any) -> OrderedDict[Any, Any]:
        record: OrderedDict[Any, Any] = OrderedDict()
        vars(record)[CLASS] = self.name.rpartition(".")[2]
        return record

    def __call__(self, *arguments: Any) -> Any:
        """Note a call that does no harm, and refuse any other."""
        if self.name in FILLED:
            return FILLED[self.name]()
        if not HARMLESS.fullmatch(self.name):
            raise UnpicklingError(f"it asks to call {self.name}")
        return Call(self.name, arguments)


def array_of(value: Any) -> Any:
    """Return a NumPy array in place of a call for one, if it is of plain numbers; anything else as it is."""
    if not isinstance(value, Call) or not value.name.endswith("_reconstruct") or value.state is None:
        return value
    _, shape, dtype, is_fortran, data = value.state
    code, order = dtype.arguments[0], dtype.state[1]
    if not isinstance(data, bytes) or not NUMBERS.fullmatch(code):
        return value  # texts, objects or records
    return np.frombuffer(data, order + code).reshape(shape, order="F" if is_fortran else "C")


def fields(record: Any) -> dict[str, Any]:
    """The attributes that a record holds; none for anything else."""
    return vars(record) if type(record) is OrderedDict else {}
