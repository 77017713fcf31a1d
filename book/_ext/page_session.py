"""What runs the live cells of a page in the reader's browser, as IPython does for the book.

It goes to the browser as it is here, and imports nothing that is not in Pyodide.
"""

from __future__ import annotations

import ast
import linecache
import sys
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from types import ModuleType, SimpleNamespace
from typing import Any

__all__ = ["PageSession"]

MOST = 20_000  # letters that a cell may show: a loop without an end must not fill the page
LAST = 8  # lines of a traceback


class PageSession:
    """The names that the cells of a page share, and what they show.

    ``publish`` takes what a cell shows: a kind (text, html, latex, error or hint) and its content.
    """

    def __init__(self, publish: Callable[[str, str], object]) -> None:
        self.publish, self.scope, self.execution_count = publish, _new_scope(), 0
        self.left = MOST
        self.display_pub = SimpleNamespace(publish=self._show)
        ipython: Any = ModuleType("IPython")  # where `mme.evidence` looks for the page
        ipython.get_ipython = lambda: self
        sys.modules["IPython"] = ipython

    def run(self, source: str) -> str:
        """Run a cell; return "done", "failed" where a check does not hold, or "error"."""
        self.execution_count += 1
        return self._run(source, f"<cell {self.execution_count}>", self.scope)

    def check(self, answer: str, tests: str) -> str:
        """Run an answer and its tests, apart from the cells; "failed" comes with a hint."""
        scope = _new_scope()
        outcome = self._run(answer, "<answer>", scope)
        return self._run(tests, "<tests>", scope) if outcome == "done" else outcome

    def _run(self, source: str, name: str, scope: dict[str, Any]) -> str:
        linecache.cache[name] = (len(source), None, source.splitlines(True), name)
        printed: Any = SimpleNamespace(write=self._text, flush=lambda: None)
        outcome, self.left = "done", MOST
        with redirect_stdout(printed), redirect_stderr(printed):
            try:
                cell = ast.parse(source, name).body
                for statement in cell:
                    is_shown = statement is cell[-1] and not source.rstrip().endswith(";")
                    try:
                        _execute(statement, name, scope, self._display if is_shown else _forget)
                    except Exception as error:
                        if type(error).__name__ != "CheckFailed":
                            raise
                        from mme.evidence.page import html

                        self._show({"text/html": html(error.record)})  # type: ignore[attr-defined]
                        outcome = "failed"  # and the checks below are tried too
            except AssertionError as wrong:
                if name != "<tests>":
                    return self._error(wrong)
                self.publish("hint", str(wrong))
                return "failed"
            except NotImplementedError as wrong:
                if name.startswith("<cell"):
                    return self._error(wrong)
                self.publish("hint", "There is no answer yet: it raises NotImplementedError.")
                return "failed"
            except BaseException as error:  # also exit() and an interrupt
                return self._error(error)
        return outcome

    def _display(self, value: Any) -> None:
        """Show what the last line of a cell gives, as IPython would."""
        if hasattr(value, "_ipython_display_"):
            value._ipython_display_()
        elif value is not None:
            data = {"text/plain": repr(value)}
            for kind in ("latex", "html") if not isinstance(value, type) else ():
                if (method := getattr(value, f"_repr_{kind}_", None)) and (content := method()):
                    data[f"text/{kind}"] = content
            self._show(data)

    def _show(self, data: dict[str, Any]) -> None:
        kinds = {"text/latex": "latex", "text/html": "html", "text/plain": "text"}
        mime = next(mime for mime in kinds if mime in data)
        content = data[mime].strip("$") if mime == "text/latex" else data[mime]
        if mime == "text/plain":
            self._text(content + "\n")
        elif self._has_room(content):
            self.publish(kinds[mime], content)

    def _text(self, text: str) -> None:
        if text and self._has_room(text):
            self.publish("text", text)

    def _has_room(self, content: str) -> bool:
        before, self.left = self.left, self.left - len(content)
        if before >= 0 > self.left:
            self.publish("text", "\n… What else this cell shows is left out.\n")
        return self.left >= 0

    def _error(self, error: BaseException) -> str:
        told = traceback.TracebackException.from_exception(error)
        cells = [frame for frame in told.stack if frame.filename != __file__]
        told.stack = traceback.StackSummary.from_list(cells)
        lines = "".join(told.format()).rstrip().splitlines()
        self.publish("error", "\n".join(lines if len(lines) <= LAST else ["…", *lines[-LAST:]]))
        return "error"


def _new_scope() -> dict[str, Any]:
    return {"__name__": "__main__"}


def _forget(value: Any) -> None: ...


def _execute(statement: ast.stmt, name: str, scope: dict[str, Any], use: Callable[[Any], None]) -> None:
    if isinstance(statement, ast.Expr):
        use(eval(compile(ast.Expression(statement.value), name, "eval"), scope))
    else:
        exec(compile(ast.Module([statement], []), name, "exec"), scope)
