"""Whatever cannot be used is refused with InputError, in one sentence, soon, and without gigabytes.

The rows of `tests.refusals` say what every public callable takes. Here each of its arguments in turn is
replaced by what it must take, what it must refuse, and by anything else, which it may take or refuse.
"""

import importlib
import inspect
import pkgutil
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_origin

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

import mme
from mme.errors import InputError
from mme.evidence import CheckFailed
from mme.result import Result

from . import refusals, refusals_of_networks
from .each import each
from .refusals import ANYTHING, Argument, Row
from .refusals_of_networks import COSTLY

matplotlib.use("agg")

HOMES = ["dln.symbolic"] + [
    home.name for home in pkgutil.iter_modules(mme.__path__) if home.ispkg and home.name != "cli"
]
ROWS = refusals.ROWS | refusals_of_networks.ROWS
OBJECTS = refusals.OBJECTS | refusals_of_networks.OBJECTS
SECONDS = 5
GIBIBYTE = 2**30
LONGEST = 350  # characters of a sentence


def public() -> dict[str, Any]:
    """Every public function, class and method by its path, such as dln.entropy or algebra.Field.haar."""
    found: dict[str, Any] = {}
    for home in HOMES:
        module = importlib.import_module(f"mme.{home}")
        for name in module.__all__:
            entry = getattr(module, name)
            if callable(entry) and get_origin(entry) is None:  # no union of types
                found[f"{home}.{name}"] = entry
            if inspect.isclass(entry):
                found |= {f"{home}.{name}.{method}": member for method, member in methods(entry)}
    return found


def methods(cls: type) -> Iterator[tuple[str, Any]]:
    for name, member in inspect.getmembers(cls, callable):
        owner = next((base for base in cls.__mro__ if name in vars(base)), object)
        if not name.startswith("_") and owner.__module__.startswith("mme."):
            yield name, member


PUBLIC = public()


def kinds(call: Any) -> dict[str, inspect.Parameter]:
    return {name: kind for name, kind in inspect.signature(call).parameters.items() if name != "self"}


def parameters(call: Any) -> list[str]:
    """The names of its arguments, without further options, which a row may name."""
    return [name for name, kind in kinds(call).items() if kind.kind is not kind.VAR_KEYWORD]


def row(path: str) -> Row | None:
    """The row of a callable; records and methods without arguments need none."""
    entry, given = PUBLIC[path], ROWS.get(path)
    if given is None and path.endswith(".from_dict"):
        return {"entry": Argument(lambda one: one.to_dict(), (), (None, "words", 3, {}, []))}
    if given is not None or path not in OBJECTS:
        owner = path.rpartition(".")[0]
        return {} if given is None and owner in OBJECTS and not parameters(entry) else given
    first = OBJECTS[path]()[0]
    return {name: refusals.held(getattr(first, name)) for name in parameters(entry)}


def comes_back(path: str) -> bool:
    """Whether a result's dictionary holds all of it."""
    return getattr(PUBLIC[path].__self__, "to_dict", None) is Result.to_dict


def bound(path: str) -> list[tuple[Any, Callable[..., Any]]]:
    """What to call, for each object that it is a method of, or once for None."""
    owner, _, name = path.rpartition(".")
    if owner in OBJECTS:
        return [(each, getattr(each, name)) for each in OBJECTS[owner]()]
    return [(None, PUBLIC[path])]


def test_every_public_callable_has_a_row() -> None:
    assert [path for path in PUBLIC if row(path) is None] == []
    assert [path for path in ROWS | OBJECTS if path not in PUBLIC] == []
    for path, entry in PUBLIC.items():
        more = set(row(path) or {}) - set(parameters(entry))
        assert set(parameters(entry)) <= set(row(path) or {}), path
        assert not more or any(each.kind is each.VAR_KEYWORD for each in kinds(entry).values()), path


class OutOfTime(BaseException):
    """No `except Exception` swallows it."""


@contextmanager
def limits() -> Iterator[None]:
    """Some seconds of processor time, which a busy machine does not take, and a gibibyte more of memory."""

    def stop(*_: Any) -> None:
        raise OutOfTime

    resource = pytest.importorskip("resource", reason="the system sets no limits")
    pd.DataFrame({"text": ["a"]})  # the first text makes pyarrow reserve a gibibyte of addresses
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before, handler = resource.getrlimit(resource.RLIMIT_AS), signal.signal(signal.SIGPROF, stop)
    resource.setrlimit(resource.RLIMIT_AS, (used + GIBIBYTE, before[1]))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # for each thread of a pool reserves memory
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, handler)
        torch.set_num_threads(threads)
        resource.setrlimit(resource.RLIMIT_AS, before)


def outcome(call: Callable[..., Any], arguments: dict[str, Any]) -> tuple[Any, BaseException | None]:
    """The result and what was raised."""
    several = [arguments.pop(name) for name, kind in kinds(call).items() if kind.kind is kind.VAR_POSITIONAL]
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        result = call(*several, **arguments)
        return (list(result) if inspect.isgenerator(result) else result), None
    except (Exception, OutOfTime) as error:
        return None, error
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        plt.close("all")


def fault(error: BaseException | None, names: list[str]) -> str:
    """What is wrong with what was raised, if anything."""
    if error is None or isinstance(error, CheckFailed):
        return ""
    if not isinstance(error, InputError):
        return f"{type(error).__name__}: {str(error)[:200]}"
    message = str(error)
    is_sentence = message.endswith(".") and "\n" not in message and len(message) <= LONGEST
    is_about = any(re.search(rf"\b{name.removesuffix('s')}s?\b", message) for name in names)
    return "" if is_sentence and is_about else f"no sentence about {names}: {message[:400]!r}"


def tensor(value: Any) -> torch.Tensor:
    found = torch.tensor(np.asarray(value))
    return found.requires_grad_() if found.is_floating_point() or found.is_complex() else found


def faults(call: Callable[..., Any], arguments: Row, owner: Any, *, costly: bool = False) -> Iterator[str]:
    """Everything that is wrong with a callable; a costly one is asked only for what it must refuse."""
    names = list(arguments)
    words = names + [word for argument in arguments.values() for word in argument.words]

    def tried(**changed: Any) -> tuple[Any, BaseException | None]:
        return outcome(call, {name: arguments[name].valid(owner) for name in names} | changed)

    if not costly and (error := tried()[1]):
        yield f"refuses its own row: {error!r}"
    smooth = {
        name: tensor(argument.valid(owner)) for name, argument in arguments.items() if argument.gradient
    }
    if smooth and not getattr(tried(**smooth)[0], "requires_grad", False):
        yield f"loses the gradient of {list(smooth)}"
    for name, argument in arguments.items():
        taken = list(argument.taken)
        if argument.tensor or argument.gradient:
            taken.append(np.asarray(argument.valid(owner)).tolist())
        if argument.tensor:
            taken.append(tensor(argument.valid(owner)))
        for value in () if costly else taken:
            error = tried(**{name: value})[1]
            if error and not isinstance(error, CheckFailed):
                yield f"{name}={value!r:.60} must be taken, but: {error!r}"
        for value in argument.refused:
            result, error = tried(**{name: value})
            if not isinstance(error, InputError):
                yield f"{name}={value!r:.60} must be refused, but: {error or result!r:.300}"
            elif wrong := fault(error, words):
                yield f"{name}={value!r:.60}: {wrong}"
        for value in () if costly else ANYTHING:
            if wrong := fault(tried(**{name: value})[1], words):
                yield f"{name}={value!r:.60}: {wrong}"


@pytest.mark.slow
@pytest.mark.parametrize("path", PUBLIC)
def test_only_input_error_comes_out(path: str) -> None:
    arguments = row(path)
    assert arguments is not None
    with limits():
        is_costly = path in COSTLY or (path.endswith(".from_dict") and not comes_back(path))
        found = [
            text for owner, call in bound(path) for text in faults(call, arguments, owner, costly=is_costly)
        ]
    assert found == []


@each("path", PUBLIC)
def test_a_wrong_keyword_is_named_by_what_was_called(path: str) -> None:
    """Not by a function of ours that the caller never heard of, to which the keyword was passed on."""
    passes_on = any(kind.kind is kind.VAR_KEYWORD for kind in kinds(PUBLIC[path]).values())
    arguments = (row(path) or {}) if passes_on else {}
    for owner, call in bound(path):
        valid = {name: argument.valid(owner) for name, argument in arguments.items()}
        result, error = outcome(call, valid | {"no_such_option": 1}) if passes_on else misspelt(call)
        assert isinstance(error, TypeError | InputError), result
        assert "no_such_option" in str(error)
        bases = [base.__name__ for base in getattr(call, "__mro__", ())]
        names = [path.rpartition(".")[2], "subplots", *bases]
        assert re.match(rf"(\w+ is no option of )?(\w+\.)*({'|'.join(names)})\b", str(error)), error


def misspelt(call: Callable[..., Any]) -> tuple[Any, BaseException | None]:
    try:
        return call(no_such_option=1), None
    except TypeError as error:
        return None, error
