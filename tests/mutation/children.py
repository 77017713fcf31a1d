"""Tests and chapters in processes forked from one that has collected everything: with a fault, or measured.

A fault within a function is put into that function's code, or its defaults, where it is, whoever holds it by
any name. One that acts at import needs `mme`, and what imports it, anew.
"""

from __future__ import annotations

import ast
import functools
import gc
import importlib
import inspect
import io
import json
import os
import select
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import platformdirs
import pytest

from tests.mutation.faults import Fault

Found = dict[str, Any]
Cached = type(functools.cache(len))
# Tests that use one of these run chapters, build pages or start programs: they test no formula themselves.
OUTSIDE = {"executed", "chapters", "subprocess", "NotebookClient"}
PRELOADED = "ignore:Module already imported:pytest.PytestAssertRewriteWarning"


def in_child(work: Callable[[], Found], limit: float) -> Found:
    """Return what `work` returns in a process of its own, or ``{"failed": "time limit"}``."""
    with tempfile.TemporaryDirectory() as folder:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            _work(work, writing, Path(folder))
        os.close(writing)
        parts, end = list[bytes](), time.monotonic() + limit
        try:
            while select.select([reading], [], [], max(0, end - time.monotonic()))[0]:
                if not (part := os.read(reading, 1 << 20)):
                    break
                parts.append(part)
            else:
                return {"failed": "time limit"}
        finally:
            os.close(reading)
            try:
                os.killpg(child, signal.SIGKILL)  # and with it what it has started
            except ProcessLookupError:
                os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    found: Found = json.loads(b"".join(parts)) if parts else {"failed": "the process died"}
    if "error" in found:
        raise RuntimeError(found["error"])
    return found


def _work(work: Callable[[], Found], writing: int, folder: Path) -> None:
    try:
        os.setsid()
        with (folder / "log").open("w") as log:
            for stream in (1, 2):
                os.dup2(log.fileno(), stream)
            # What formulas without a fault have kept would hide it; trained networks are none of theirs.
            trained = Path(os.environ.get("MME_CACHE") or platformdirs.user_cache_dir("mme", appauthor=False))
            os.environ |= {"MME_CACHE": str(folder / "cache"), "TMPDIR": str(folder)}
            tempfile.tempdir = str(folder)
            (folder / "cache").mkdir()
            (folder / "cache" / "networks").symlink_to((trained / "networks").resolve())
            try:
                found = work()
            except BaseException:
                found = {"error": traceback.format_exc()}
        with os.fdopen(writing, "w") as pipe:
            json.dump(found, pipe)
    finally:
        os._exit(0)


class Faulty(MetaPathFinder, SourceFileLoader):
    """Finds one module, and gives its source with a fault in it."""

    def __init__(self, module: str, path: Path, source: bytes) -> None:
        super().__init__(module, str(path))
        self.source = source

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        return spec_from_file_location(fullname, self.path, loader=self) if fullname == self.name else None

    def get_code(self, fullname: str) -> Any:
        return compile(self.source, self.path, "exec", dont_inherit=True)


def put(fault: Fault, root: Path, *, anew: bool = False) -> str:
    """Put a fault into this process; return what it raised at once, if it did.

    With `anew` the functions are looked for once more, as modules may have been imported since.
    """
    path = root / fault.module
    source = fault.applied(path.read_bytes())
    if fault.early == "import":
        for name in [name for name in sys.modules if name.split(".")[0] in ("mme", "tests")]:
            if not name.startswith("tests.mutation"):
                del sys.modules[name]
        module = fault.module.removesuffix(".py").replace("/", ".")
        sys.meta_path.insert(0, Faulty(module, path, source))
        try:
            importlib.import_module(module)
        except BaseException as error:
            return f"import: {type(error).__name__}"
        return ""
    codes = _functions(compile(source, str(path), "exec", dont_inherit=True))
    new = next(code for code in codes if code.co_firstlineno == fault.top)
    place = (new.co_filename, new.co_name, new.co_firstlineno)
    default = _default(path.read_bytes(), source, fault.top) if fault.early == "default" else None
    functions, caches = holders() if place in holders()[0] and not anew else holders.__wrapped__()
    for held in functions[place]:
        held.__code__ = new
        if default:
            _take(held, *default)
    for kept in caches:
        kept.cache_clear()  # of what was worked out without the fault, as tests were collected
    if place not in functions:
        raise RuntimeError(f"nobody holds the function of {fault}")
    return ""


@functools.cache
def holders() -> tuple[dict[tuple[str, str, int], list[FunctionType]], list[Any]]:
    """Return the functions of `mme` by where they stand, whoever holds them, and what keeps its results.

    To look for them takes longer than most tests, so it is done before processes are forked.
    """
    functions, caches = dict[tuple[str, str, int], list[FunctionType]](), list[Any]()
    gc.unfreeze()  # the tests set apart what they have imported
    for held in gc.get_objects():
        if type(held) not in (FunctionType, Cached):  # whose class others only pretend to have
            continue
        if (held.__module__ or "").partition(".")[0] == "mme":
            if type(held) is Cached:
                caches.append(held)
            else:
                code = held.__code__
                place = (code.co_filename, code.co_name, code.co_firstlineno)
                functions.setdefault(place, []).append(held)
    gc.freeze()
    return functions, caches


def _default(before: bytes, after: bytes, top: int) -> tuple[str | int, CodeType] | None:
    """Return which default of a function a fault is in, and what it has become; None without a fault."""
    for old, new in zip(_defaults(before, top), _defaults(after, top), strict=True):
        if ast.dump(old[1]) != ast.dump(new[1]):
            return new[0], compile(ast.Expression(new[1]), "default", "eval")
    return None


def _defaults(source: bytes, top: int) -> Iterator[tuple[str | int, ast.expr]]:
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef):
            continue
        if min(each.lineno for each in [node, *node.decorator_list]) == top:
            yield from enumerate(node.args.defaults)
            named = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
            yield from ((arg.arg, value) for arg, value in named if value)


def _take(function: FunctionType, place: str | int, code: CodeType) -> None:
    value = eval(code, function.__globals__)
    if isinstance(place, str):
        function.__kwdefaults__ = function.__kwdefaults__ | {place: value}
    else:
        kept = list(function.__defaults__ or ())
        function.__defaults__ = (*kept[:place], value, *kept[place + 1 :])


def _functions(code: CodeType) -> Iterator[CodeType]:
    """Yield the functions of a module and of its classes, but none within a function."""
    for inner in code.co_consts:
        if isinstance(inner, CodeType) and inner.co_flags & inspect.CO_OPTIMIZED:
            yield inner
        elif isinstance(inner, CodeType):
            yield from _functions(inner)


class Measured:
    """The lines of `mme` that run, by what runs them."""

    def __init__(self, root: Path, *, on: bool) -> None:
        self.root, self.context, self.coverage = root, "", None
        if on:
            import coverage

            self.coverage: Any = coverage.Coverage(
                data_file=None, config_file=False, include=[f"{root}/mme/*"]
            )
            self.coverage.set_option("run:core", "ctrace")
            self.coverage.set_option("run:disable_warnings", ["no-data-collected"])
            self.coverage.start()

    def switch(self, context: str) -> str:
        """Count what runs now as run by `context`; return what was counted before."""
        before, self.context = self.context, context
        if self.coverage and context:
            self.coverage.switch_context(context)
        return before

    def lines(self) -> dict[str, dict[str, list[str]]]:
        """Return who ran each line of each module."""
        if not self.coverage:
            return {}
        self.coverage.stop()
        data = self.coverage.get_data()
        return {
            Path(file).relative_to(self.root).as_posix(): {
                str(line): sorted(filter(None, names))
                for line, names in data.contexts_by_lineno(file).items()
            }
            for file in data.measured_files()
        }


class Session:
    """pytest, which has collected the tests of some files and runs the ones that it is told to."""

    def __init__(self, root: Path, then: Callable[[Session], None]) -> None:
        self.root, self.then = root, then
        self.items, self.broken = dict[str, Any](), list[str]()
        self.measured = Measured(root, on=False)
        self.seconds, self.failed = dict[str, float](), list[str]()

    def start(self, files: Collection[str]) -> None:
        """Collect the tests, and then do what was asked for."""
        os.chdir(self.root)
        options = ["-q", "-s", "-p", "no:cacheprovider", "-p", "no:xdist", "--tb=no", "--no-header"]
        options += ["--continue-on-collection-errors", f"--rootdir={self.root}", "-W", PRELOADED]
        status = pytest.main([*options, *files], plugins=[self])
        if status in (pytest.ExitCode.INTERNAL_ERROR, pytest.ExitCode.USAGE_ERROR):
            raise RuntimeError("pytest could not be used; it says why above")
        if status == pytest.ExitCode.INTERRUPTED and not self.broken:
            raise KeyboardInterrupt

    def pytest_collectreport(self, report: Any) -> None:
        """Note what cannot even be imported."""
        if report.failed:
            self.broken.append(report.nodeid)

    def pytest_runtestloop(self, session: Any) -> bool:
        """Take over from pytest."""
        self.items = {item.nodeid: item for item in session.items}
        holders()
        self.then(self)
        return True

    def of(self, files: Collection[str], *, slow: bool = True) -> list[str]:
        """Return the tests of formulas in some files, those that are slow last or not at all."""
        here = [name for name in self.items if name.partition("::")[0] in files]
        formulas = [name for name in here if not reaches_outside(self.items[name])]
        return sorted((name for name in formulas if slow or not self.is_slow(name)), key=self.is_slow)

    def is_slow(self, name: str) -> bool:
        """Say whether a test is marked so."""
        return self.items[name].get_closest_marker("slow") is not None

    def run(
        self, names: Collection[str], *, limits: Mapping[str, float] = {}, measure: bool = False
    ) -> Found:
        """Run the tests of these names in this order; without measuring only until one fails.

        A test fails that takes more seconds than its limit, so that not all have to be waited for.
        """
        if gone := [name for name in names if name not in self.items]:  # its file cannot be imported
            return {"failed": gone[0]}
        items = [self.items[name] for name in names]
        self.measured = Measured(self.root, on=measure)
        signal.signal(signal.SIGALRM, _too_long)
        for item, following in zip(items, [*items[1:], None], strict=True):
            self.measured.switch(item.nodeid)
            signal.setitimer(signal.ITIMER_REAL, limits.get(item.nodeid, 0))
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            signal.setitimer(signal.ITIMER_REAL, 0)
            if self.failed and not measure:
                break
        found = {"failed": self.failed[0] if self.failed else "", "all_failed": self.failed}
        return found | {"seconds": self.seconds, "lines": self.measured.lines()}

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Add up the time of a test, and note whether it failed."""
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0) + report.duration
        if report.failed:
            self.failed.append(report.nodeid)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> Iterator[None]:
        """Count what is made once, for all tests of a file, as run by all of them."""
        wide = fixturedef.scope != "function"
        before = self.measured.switch(f"{request.node.nodeid.partition('::')[0]}::*") if wide else ""
        try:
            return (yield)
        finally:
            self.measured.switch(before)


def _too_long(*_: Any) -> None:
    raise TimeoutError("The test takes far longer than without a fault.")


def reaches_outside(item: Any) -> bool:
    """Say whether a test, or what it uses of its file, runs chapters, pages or programs."""
    function = getattr(item, "function", None)
    if function is None:
        return False  # an example in a docstring
    there, seen, left = vars(item.module), set[str](), {function.__name__, *item.fixturenames}
    while left:
        name = left.pop()
        seen.add(name)
        held = there.get(name)
        held = getattr(held, "_fixture_function", held)
        code = getattr(inspect.unwrap(held) if callable(held) else held, "__code__", None)
        if code:
            left |= {each for each in names_in(code) if each in there} - seen
    return bool(seen & OUTSIDE)


def names_in(code: CodeType) -> set[str]:
    """Return the names that a function and those within it look up."""
    inner = (names_in(each) for each in code.co_consts if isinstance(each, CodeType))
    return set(code.co_names).union(*inner)


def cells_of(chapter: Path) -> list[str]:
    """Return the code of a chapter's cells."""
    import jupytext

    return [cell.source for cell in jupytext.read(chapter, fmt="md:myst").cells if cell.cell_type == "code"]


def run_cells(
    root: Path,
    chapter: Path,
    first: int = 0,
    *,
    before: Callable[[int], None] | None = None,
    measure: bool = False,
) -> Found:
    """Run the cells of a chapter until one raises, or writes to stderr as none may in the book."""
    import matplotlib.pyplot as plt
    from IPython.core.history import HistoryManager
    from IPython.core.interactiveshell import InteractiveShell

    HistoryManager.enabled = False
    os.chdir(chapter.parent)
    measured, name, start = (
        Measured(root, on=measure),
        chapter.relative_to(root).as_posix(),
        time.process_time(),
    )
    shell, complaints, failed = InteractiveShell.instance(), io.StringIO(), ""
    sys.stderr = complaints
    for number, cell in list(enumerate(cells_of(chapter)))[first:]:
        if before:
            before(number)
        measured.switch(f"{name}#{number}")
        result = shell.run_cell(cell, store_history=True)
        plt.close("all")
        if not result.success or complaints.getvalue():
            error = result.error_in_exec or result.error_before_exec
            failed = f"{name}#{number}: {type(error).__name__ if error else complaints.getvalue()[:200]}"
            break
    found = {"failed": failed, "all_failed": [failed] if failed else [], "lines": measured.lines()}
    return found | {"seconds": {name: time.process_time() - start}}
