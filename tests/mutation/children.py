"""Tests and chapters in child processes that have the libraries already, and `mme` anew, with a fault in it.

The parent imports numpy, torch and the rest once, but never `mme`; each child is forked from it.
"""

from __future__ import annotations

import importlib
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
from typing import Any

LIBRARIES = [
    *("pytest", "hypothesis.extra.numpy", "coverage", "jupytext", "IPython.core.interactiveshell"),
    *("scipy.linalg", "scipy.integrate", "scipy.stats", "scipy.optimize", "scipy.ndimage", "sympy", "mpmath"),
    *("matplotlib.pyplot", "pandas", "torch", "flint", "rich.progress", "typer.testing", "h5py", "onnx"),
]
Work = Callable[[], dict[str, Any]]
PRELOADED = "ignore:Module already imported:pytest.PytestAssertRewriteWarning"


def preload() -> None:
    """Import what every child needs, in one thread each."""
    os.environ |= {"MPLBACKEND": "Agg", "PYTHONUTF8": "1"}
    for name in LIBRARIES:
        try:
            importlib.import_module(name)
        except ImportError:  # an extra that is not installed: the tests that need it say so
            continue


def in_child(work: Work, limit: float, networks: Path) -> dict[str, Any]:
    """Return what `work` returns in a process of its own, or why it did not: ``{"failed": "time limit"}``."""
    with tempfile.TemporaryDirectory() as folder:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            _work(work, writing, Path(folder), networks)
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
                os.killpg(child, signal.SIGKILL)
            except ProcessLookupError:
                os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    found: dict[str, Any] = json.loads(b"".join(parts)) if parts else {"failed": "the process died"}
    if "error" in found:
        raise RuntimeError(found["error"])
    return found


def _work(work: Work, writing: int, folder: Path, networks: Path) -> None:
    try:
        os.setsid()
        with (folder / "log").open("w") as log:
            for stream in (1, 2):
                os.dup2(log.fileno(), stream)
            # What was kept by formulas without a fault would hide it; trained networks are none of theirs.
            os.environ |= {"MME_CACHE": str(folder / "cache"), "TMPDIR": str(folder)}
            tempfile.tempdir = str(folder)
            (folder / "cache").mkdir()
            (folder / "cache" / "networks").symlink_to(networks)
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


def import_with_fault(module: str, path: Path, source: bytes) -> str:
    """Import a module from another source than its file has; return what its import raised."""
    sys.meta_path.insert(0, Faulty(module, path, source))
    try:
        importlib.import_module(module)
    except BaseException as error:
        return f"import: {type(error).__name__}"
    return ""


class Measured:
    """The lines of `mme` that run, by what runs them."""

    def __init__(self, root: Path, *, on: bool) -> None:
        self.root, self.context = root, ""
        self.coverage: Any = None
        if on:
            import coverage

            self.coverage = coverage.Coverage(data_file=None, config_file=False, include=[f"{root}/mme/*"])
            self.coverage.set_option("run:core", "ctrace")
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


def run_tests(
    root: Path, files: Collection[str], chosen: Mapping[str, float] | None, *, measure: bool
) -> dict[str, Any]:
    """Run the chosen tests of some files, the quickest first, until one fails; measured ones all run."""
    import pytest

    measured = Measured(root, on=measure)
    seconds, failed = dict[str, float](), list[str]()

    class Plugin:
        def pytest_collection_modifyitems(self, items: list[Any]) -> None:
            if chosen is not None:
                items[:] = sorted((i for i in items if i.nodeid in chosen), key=lambda i: chosen[i.nodeid])

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_protocol(self, item: Any) -> Iterator[None]:
            measured.switch(item.nodeid)
            return (yield)

        @pytest.hookimpl(wrapper=True)
        def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> Iterator[None]:
            wide = fixturedef.scope != "function"  # made once, for all tests of its file
            before = measured.switch(f"{request.node.nodeid.partition('::')[0]}::*") if wide else ""
            try:
                return (yield)
            finally:
                measured.switch(before)

        def pytest_runtest_logreport(self, report: Any) -> None:
            seconds[report.nodeid] = seconds.get(report.nodeid, 0) + report.duration
            if report.failed:
                failed.append(report.nodeid)

        def pytest_collectreport(self, report: Any) -> None:
            if report.failed:
                failed.append(report.nodeid)

    options = [
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "--tb=no",
        "-W",
        PRELOADED,
        "--no-header",
        f"--rootdir={root}",
    ]
    os.chdir(root)
    status = pytest.main([*options, *([] if measure else ["-x"]), *files], plugins=[Plugin()])
    if status > 1 and not failed and (status != pytest.ExitCode.NO_TESTS_COLLECTED or chosen):
        if chosen is None:
            raise RuntimeError(f"pytest cannot run {files}: {status!r}")
        failed.append(f"pytest: {status!r}")
    lines = measured.lines()
    return {"failed": failed[0] if failed else "", "all_failed": failed, "seconds": seconds, "lines": lines}


def run_chapter(root: Path, chapter: Path, *, measure: bool) -> dict[str, Any]:
    """Run the cells of a chapter until one raises, or writes to stderr as none may in the book."""
    import jupytext
    import matplotlib.pyplot as plt
    from IPython.core.history import HistoryManager
    from IPython.core.interactiveshell import InteractiveShell

    HistoryManager.enabled = False
    cells = [cell for cell in jupytext.read(chapter, fmt="md:myst").cells if cell.cell_type == "code"]
    os.chdir(chapter.parent)
    measured = Measured(root, on=measure)
    shell, start, failed = InteractiveShell.instance(), time.perf_counter(), ""
    name, complaints = chapter.relative_to(root).as_posix(), io.StringIO()
    sys.stderr = complaints
    for number, cell in enumerate(cells):
        measured.switch(f"{name}#{number}")
        result = shell.run_cell(cell.source, store_history=True)
        plt.close("all")
        if not result.success or complaints.getvalue():
            error = result.error_in_exec or result.error_before_exec
            failed = f"{name}#{number}: {type(error).__name__ if error else complaints.getvalue()[:200]}"
            break
    seconds = {name: time.perf_counter() - start}
    return {
        "failed": failed,
        "all_failed": [failed] if failed else [],
        "seconds": seconds,
        "lines": measured.lines(),
    }
