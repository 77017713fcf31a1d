"""Inert stand-ins for whatever a torch checkpoint names besides tensors.

A pickle names classes and functions, and may ask to call them. Here every name is answered by a stand-in, so
that a whole module can be read where its classes are not, and nothing of what the file names is ever imported
or run:

* an object becomes a record, an empty OrderedDict that takes the object's attributes, and its items if it is
  a dictionary;
* a call is refused, but for some that settings need (dates, paths, members of enumerations), which give an
  `Ignored`, and for arrays of numbers, which are copied;
* a name from a module that can run programs is refused at once.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from mme.errors import InputError

__all__ = ["Array", "Ignored", "class_name", "fields", "stand_ins"]

CLASS = "<class>"

# Modules that reach the interpreter, the system or other pickles: a network has no use for them. The list
# need not be complete, because nothing is run in any case.
FORBIDDEN = {
    *("builtins", "commands", "ctypes", "importlib", "nt", "os", "posix", "pty", "runpy", "shutil", "socket"),
    *("_operator", "code", "codeop", "marshal", "multiprocessing", "operator", "subprocess", "sys", "timeit"),
    *("_pickle", "cloudpickle", "dill", "joblib", "pickle", "pip", "urllib", "webbrowser"),
    *("torch.hub", "torch.jit", "torch.package", "torch.utils.cpp_extension"),
}

# Types among them that hold data.
HARMLESS = {
    "bool",
    "bytearray",
    "bytes",
    "complex",
    "dict",
    "float",
    "frozenset",
    "int",
    "list",
    "object",
} | {
    *("range", "set", "slice", "str", "tuple"),
}

# Calls whose result is of no interest, and which need not happen.
IGNORED_CALLS = frozenset(
    f"{module}.{name}"
    for module, names in {
        "builtins": "bytearray bytes complex dict float frozenset int list range set slice str tuple",
        "collections": "ChainMap Counter UserDict UserList",
        "datetime": "date datetime time timedelta timezone",
        "decimal": "Decimal",
        "fractions": "Fraction",
        "functools": "partial",
        "numpy._core.multiarray": "scalar",
        "numpy.core.multiarray": "scalar",
        "numpy.random._pickle": "__bit_generator_ctor __generator_ctor __randomstate_ctor",
        "pathlib": "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath",
        "pathlib._local": "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath",
        "random": "Random",
        "re": "_compile",
        "types": "SimpleNamespace",
        "torch": "Generator",
        "torch._C": "Generator",
        "uuid": "UUID",
    }.items()
    for name in names.split()
)

ENUMERATION = re.compile(r"(^|\.)[A-Z]\w*$")
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


class _Refusing(type):
    """The class of a stand-in for a name: calling it is refused."""

    full_name: str
    path: str

    def __call__(cls, *arguments: Any) -> Any:
        # A member of an enumeration is pickled as a call of its class on the member's value.
        is_member = len(arguments) == 1 and isinstance(arguments[0], int | str)
        if cls.full_name in IGNORED_CALLS or (is_member and ENUMERATION.search(cls.full_name)):
            return Ignored()
        raise InputError(
            f"{cls.path} asks to call {cls.full_name} while loading; it was refused, and nothing of it was "
            "run."
        )


def stand_ins(names: set[str], path: Any) -> list[tuple[Any, str]]:
    """Return a stand-in for each name, as `torch.serialization.safe_globals` takes them.

    Parameters
    ----------
    names : set of str
        What the file names, such as ``"torch.nn.modules.conv.Conv2d"``.
    path : Path or str
        Of the file, for messages.

    Returns
    -------
    list of (stand-in, name)

    Raises
    ------
    InputError
        If a name is of a module that can run programs.

    Examples
    --------
    >>> stand_ins({"posix.system"}, "net.pt")
    Traceback (most recent call last):
    mme.errors.InputError: net.pt asks for posix.system while loading, which can run code; it was refused, and
    nothing of it was run.
    >>> [(shell, name)] = [pair for pair in stand_ins({"shop.Net"}, "net.pt") if pair[1] == "shop.Net"]
    >>> class_name(shell.__new__(shell))
    'Net'
    """
    for name in sorted(names):
        if _is_forbidden(name):
            raise InputError(
                f"{path} asks for {name} while loading, which can run code; it was refused, and nothing of "
                "it was run."
            )
    # The loader sets the state of an object only if its class was named, too.
    internal: list[tuple[Any, str]] = [
        (kind, f"{kind.__module__}.{kind.__qualname__}") for kind in (Array, Dtype, Ignored)
    ]
    return internal + [(_stand_in(name, str(path)), name) for name in sorted(names)]


def class_name(record: Any) -> str:
    """The name of the class whose object a record stands for; empty for anything else."""
    name = fields(record).get(CLASS, "")
    return name if isinstance(name, str) else ""


def fields(record: Any) -> dict[str, Any]:
    """The attributes that a record holds; none for anything else."""
    return vars(record) if type(record) is OrderedDict else {}


def _is_forbidden(name: str) -> bool:
    module, _, last = name.rpartition(".")
    parts = module.split(".")
    if module == "builtins" and last in HARMLESS:
        return False
    return any(".".join(parts[:end]) in FORBIDDEN for end in range(1, len(parts) + 1))


def _stand_in(name: str, path: str) -> Any:
    if name in ANSWERS:
        return ANSWERS[name]
    last = name.rpartition(".")[2]

    def new(cls: type, *arguments: Any) -> OrderedDict[Any, Any]:
        record: OrderedDict[Any, Any] = OrderedDict()
        vars(record)[CLASS] = last
        return record

    return _Refusing("Shell", (), {"full_name": name, "path": path, "__new__": new})


def _empty_dictionary(*arguments: Any) -> OrderedDict[Any, Any]:
    return OrderedDict()


def _empty_list(*arguments: Any) -> list[Any]:
    return []


ANSWERS: dict[str, Callable[..., Any]] = {
    "collections.defaultdict": _empty_dictionary,
    "collections.deque": _empty_list,
    "numpy._core.multiarray._reconstruct": Array,
    "numpy.core.multiarray._reconstruct": Array,
    "numpy.dtype": Dtype,
}
