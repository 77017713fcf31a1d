"""A kernel that runs one cell after another, and outlives endless loops and its own death."""

from __future__ import annotations

import ast
import re
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError

__all__ = ["Failure", "Session"]

MISSING = re.compile(r"^name '(\w+)' is not defined")


class Failure(NamedTuple):
    """How a cell ended that did not end well: the exception's name, and a sentence."""

    name: str
    sentence: str


class Session:
    """A kernel in a folder, and another one in the state of the first when that had to be stopped.

    ``cells`` are those of the chapters; ``limit`` is in seconds, for each cell.
    """

    def __init__(self, cells: list[str], folder: Path, limit: int) -> None:
        self.cells, self.folder, self.limit, self.open = cells, folder, limit, ExitStack()
        self.client: NotebookClient | None = None
        self.done: list[str] = []  # what a new kernel repeats
        self.asked: set[str] = set()

    def run(self, source: str, *, keep: bool = True) -> Failure | None:
        """Run a cell, and before it the chapter's cells whose names it lacks."""
        while failure := self._run(source, keep):
            name = MISSING.match(failure.sentence.partition(": ")[2])
            if failure.name != "NameError" or name is None or name[1] in self.asked:
                return failure
            self.asked.add(name[1])
            binding = [cell for cell in self.cells if name[1] in _bound(cell)]
            if not binding:
                return failure
            for cell in binding:
                self.run(cell)
        return None

    def test(self, source: str) -> Failure | None:
        """Run tests, with the names that are there; theirs are gone afterwards."""
        return self.run(f"exec(compile({source!r}, '<tests>', 'exec'), {{**globals()}})", keep=False)

    def knows(self, name: str) -> bool:
        """Say whether a name is defined by what has run."""
        return self._run(name, keep=False) is None

    def _run(self, source: str, keep: bool) -> Failure | None:
        if self.client is None:
            self._start()
        assert self.client is not None
        cell = nbformat.v4.new_code_cell(source)
        try:
            self.client.execute_cell(cell, 0)
        except CellTimeoutError:
            self.stop()
            return Failure("Timeout", f"It ran longer than {self.limit} seconds and was stopped.")
        except DeadKernelError:
            self.stop()
            return Failure("DeadKernel", "It ended the Python that ran it, by exit or for want of memory.")
        for output in cell.outputs:
            if output.output_type == "error":
                said = " ".join(output.evalue.split())
                return Failure(output.ename, f"{output.ename}: {said}".removesuffix(": "))
        if keep:
            self.done.append(source)
        return None

    def _start(self) -> None:
        self.client = NotebookClient(
            nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell()]),
            timeout=self.limit,
            allow_errors=True,
            kernel_name="python3",
            shutdown_kernel="immediate",
            extra_arguments=["--log-level=ERROR"],
            resources={"metadata": {"path": str(self.folder)}},
        )
        self.client.log.disabled = True  # it would print what becomes a sentence here
        self.open.enter_context(self.client.setup_kernel())
        done, self.done = self.done, []
        for source in done:
            self._run(source, keep=True)

    def stop(self) -> None:
        """Stop the kernel; the next cell starts another."""
        self.open.close()
        self.client = None


def _bound(source: str) -> set[str]:
    """Return the names that a cell of a chapter binds."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a line for IPython alone
        return set()
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.alias):
            names.add(node.asname or node.name.partition(".")[0])
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names
