"""Pages that compute: what is packed for the browser, what a cell shows, and the pages in a browser.

The browser reaches this machine alone. What the book's live cells took is kept in `_build/live/times.json`.
"""

from __future__ import annotations

import ast
import functools
import http.server
import io
import json
import os
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from importlib import util
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import jupytext
import live
import pytest
import yaml
from execute_once import ROOT
from exercises import plain, read
from page_session import MOST, PageSession

from tests.browser import Browser
from tests.chapters import chapters
from tests.test_environment import CONSTRAINTS
from tests.test_reading import CONTRAST, HTML, PLAIN, SIDEWAYS, needs_book, needs_browser

BREAKS = ROOT / "tests" / "live" / "breaks.yml"
CODE = "from mme.evidence import check\nfrom mme.dln.symbolic import symbolic_block\n"
LIVE = [chapter for chapter in chapters() if any(live.sources(chapter))]
PATIENCE = 200  # seconds
BLOCKED = "import sys; sys.modules.update(dict.fromkeys(['numpy', 'scipy', 'matplotlib']))\n"

PAGE = r"""---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  name: python3
  display_name: Python 3
---

# A page that computes

With a formula, $x$.

```{code-cell} ipython3
:tags: [live]
from flint import arb, ctx
from mme.evidence import check
ctx.dps = 60
print("It runs.")
```

```{code-cell} ipython3
---
tags: [live, turn-red]
sliders: {n: [2, 9, 1]}
---
n = 4      # turn this
check("haar-trace", "a root").certified(arb(n * n).sqrt(), n)
check("haar-trace", "its half").certified(arb(n) / 2, arb(n) * arb(1) / 2)
```

```{code-cell} ipython3
:tags: [live]
import sympy as sp
sp.Rational(n, 7)
```

```{code-cell} ipython3
not_live = 1
```

```{exercise} A square
:label: ex-square
:class: core

Square it.
```

```{solution-start} ex-square
:class: dropdown
```

```{code-cell} ipython3
:tags: [answer, live]
def square(x):
    ### BEGIN SOLUTION
    return x * x
    ### END SOLUTION
```

```{code-cell} ipython3
:tags: [tests]
assert square(3) == 9, f"The square of 3 is 9, not {square(3)}."
```

```{code-cell} ipython3
:tags: [hidden-tests]
assert square(4) == 16, "The hidden quagmire: it is 16."
```

```{solution-end}
```
"""
CONF = f"""
extensions = ["myst_nb", "sphinx_proof", "sphinx_exercise", "sphinx-mathjax-offline", "exercises", "live",
              "clean_pages"]
html_theme = "sphinx_book_theme"
html_static_path = [{str(ROOT / "book" / "_static")!r}]
html_favicon = {str(ROOT / "book" / "_static" / "favicon.svg")!r}
nb_execution_mode = "off"
myst_enable_extensions = ["dollarmath"]
suppress_warnings = ["myst-nb.lexer"]
numfig = True
exercise_style = "solution_follow_exercise"
"""


# --- what is packed -------------------------------------------------------------------------------------


def packed(code: str) -> zipfile.ZipFile:
    files = [(path.relative_to(ROOT).as_posix(), path.read_bytes()) for path in live.modules(code)]
    return zipfile.ZipFile(io.BytesIO(live.packed(files)))


def test_modules_come_as_they_are_on_the_disk_and_others_do_not() -> None:
    archive = packed(CODE)
    names = archive.namelist()
    assert {"mme/__init__.py", "mme/evidence/check.py", "mme/dln/__init__.py", "mme/dln/symbolic.py"} <= {
        *names
    }
    assert all(archive.read(name) == (ROOT / name).read_bytes() for name in names)
    left_out = ("mme/networks/", "mme/plots/", "mme/cli/", "mme/ensembles/", "mme/dln/orbit.py")
    assert [name for name in names if name.startswith(left_out)] == []
    assert live.packed([("a", b"b")]) == live.packed([("a", b"b")])


@pytest.mark.slow
def test_what_live_cells_import_is_in_the_archive(tmp_path: Path) -> None:
    code = "\n".join([live.SHOWS, CODE, *(source for chapter in LIVE for source in live.sources(chapter))])
    imports = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Import | ast.ImportFrom)]
    packed(code).extractall(tmp_path)
    lines = [BLOCKED, *map(ast.unparse, imports), "import mme; print(mme.__file__)"]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        encoding="utf-8",
    )
    assert not done.returncode, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(tmp_path)


def test_packages_are_those_that_the_book_is_built_with() -> None:
    for file in live.FILES:
        if file["name"] != "pyodide":
            assert CONSTRAINTS[file["name"]].specifier.contains(file["version"]), file["name"]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MME_CACHE", str(tmp_path))
    return tmp_path / "live"


FILE = {
    "name": "pyodide", "version": "1", "from": "npm", "file": "a.tgz",
    "sha256": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",  # of foo
}  # fmt: skip


def test_a_file_is_fetched_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_download", lambda file: b"foo")
    assert live.fetched(FILE) == b"foo"
    monkeypatch.setattr(live, "_download", lambda file: b"bar")
    assert live.fetched(FILE) == b"foo"


def test_a_file_with_another_hash_is_refused(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_download", lambda file: b"bar")
    with pytest.raises(live.Missing, match=r"a\.tgz has the sha256 fcde2b2edba5… and not 2c26b46b68ff…"):
        live.fetched(FILE)
    assert not (cache / "a.tgz").exists()
    cache.mkdir()
    (cache / "a.tgz").write_bytes(b"bar")
    with pytest.raises(
        live.Missing, match=r"delete .*a\.tgz and build again, or leave it out by --no-live\."
    ):
        live.fetched(FILE)


def test_without_npm_or_network_a_sentence_says_so(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live.shutil, "which", lambda name: None)
    with pytest.raises(live.Missing, match=r"pyodide comes by npm, which is not there; install Node\.js"):
        live.fetched(FILE)
    monkeypatch.setattr(live.subprocess, "run", lambda *_, **__: None)
    with pytest.raises(live.Missing, match="pip could not fetch sympy 1; build again with a network"):
        live.fetched(FILE | {"name": "sympy", "from": "pip"})


def test_packages_are_compiled_or_a_sentence_says_why_not(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = live.packed([("a/__init__.py", b""), ("a/tests/b.py", b""), ("a/c.pyi", b"")])

    def run(command: list[str], **_: object) -> SimpleNamespace:
        with zipfile.ZipFile(Path(command[-1], "packages.zip")) as found:
            assert found.namelist() == ["a/__init__.py"]
        Path(command[-1], "compiled.zip").write_bytes(live.packed([("a/__pycache__/a.pyc", b"")]))
        return SimpleNamespace(returncode=returncode, stderr="Some lines\nToo old.\n")

    monkeypatch.setattr(live.shutil, "which", lambda name: name)
    monkeypatch.setattr(live.subprocess, "run", run)
    returncode = 1
    with pytest.raises(
        live.Missing, match=r"node could not compile the packages \(Too old\.\); take a newer"
    ):
        live._packages({}, [wheel])
    returncode = 0
    with zipfile.ZipFile(io.BytesIO(live._packages({}, [wheel]))) as made:
        assert made.namelist() == ["a/__init__.py", "a/__pycache__/a.pyc"]
    monkeypatch.setattr(live.shutil, "which", lambda name: None)
    assert live._packages({}, [wheel])  # from the cache
    with pytest.raises(live.Missing, match="node compiles the packages, and is not there"):
        live._packages({}, [])


# --- what a cell shows ----------------------------------------------------------------------------------


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[PageSession]:
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))  # to be put back
    yield PageSession(lambda kind, text: shown.append((kind, text)))
    shown.clear()


shown: list[tuple[str, str]] = []
CELLS = {
    "x = 2\nx": ("done", [("text", "2\n")]),
    "2;": ("done", []),
    "print('a', end='')": ("done", [("text", "a")]),
    "import sympy as sp; sp.Symbol('x')": ("done", [("latex", r"\displaystyle x")]),
    "import sympy as sp; sp.Symbol": ("done", [("text", "<class 'sympy.core.symbol.Symbol'>\n")]),
    "exit()": ("error", [("error", "SystemExit")]),
    "1 +": ("error", [("error", "SyntaxError: invalid syntax")]),
    "def f():\n    g()\nf()": ("error", [("error", "line 2, in f")]),
    "raise NotImplementedError('no')": ("error", [("error", "NotImplementedError: no")]),
    "assert 1 == 2, 'no'": ("error", [("error", "AssertionError: no")]),
}


@pytest.mark.parametrize("source", CELLS)
def test_cells_show_what_a_notebook_would(source: str, session: PageSession) -> None:
    outcome, wanted = CELLS[source]
    assert session.run(source) == outcome
    assert [kind for kind, _ in shown] == [kind for kind, _ in wanted]
    assert all(text in found for (_, found), (_, text) in zip(shown, wanted, strict=True))
    assert all(found.count("\n") <= 8 and "page_session" not in found for _, found in shown)


def test_cells_share_their_names(session: PageSession) -> None:
    assert [session.run("x = 3"), session.run("x")] == ["done", "done"]
    assert shown == [("text", "3\n")]


def test_a_check_that_fails_is_shown_and_those_below_are_tried(session: PageSession) -> None:
    cell = "from mme.evidence import check\n"
    cell += "check('a', 'no').proved(1, 2)\nx = 1\nresult = check('b', 'yes').proved(x, 1)\nresult"
    assert session.run(cell) == "failed"
    kinds, texts = zip(*shown, strict=True)
    assert kinds == ("html", "html")  # and what the last line gives stands there already
    assert "mme-evidence--failed" in texts[0]
    assert "mme-evidence--proved" in texts[1]


def test_a_cell_that_prints_without_an_end_is_cut_off(session: PageSession) -> None:
    assert session.run("for i in range(30_000):\n    print(i)") == "done"
    text = "".join(text for _, text in shown)
    assert MOST < len(text) < MOST + 100
    assert text.endswith("left out.\n")


def test_answers_get_hints(session: PageSession) -> None:
    tests = "assert square(3) == 9, 'The square of 3 is 9.'"
    told = [session.check(f"def square(x):\n    {body}", tests) for body in (
        "return x * x", "return 2 * x", "raise NotImplementedError()", "return y")]  # fmt: skip
    assert told == ["done", "failed", "failed", "error"]
    assert [kind for kind, _ in shown] == ["hint", "hint", "error"]
    assert shown[0] == ("hint", "The square of 3 is 9.")
    assert "square" not in session.scope


# --- in a browser ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def handler() -> type[http.server.SimpleHTTPRequestHandler]:
    """What `run.py` serves pages with, silent."""
    spec = util.spec_from_file_location("run", ROOT / "run.py")
    assert spec is not None
    assert spec.loader is not None
    run = util.module_from_spec(spec)
    spec.loader.exec_module(run)
    return type("Silent", (run.Pages,), {"log_message": lambda *_: None})


def until(holds: Callable[[], object]) -> None:
    ends = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < ends, "it does not end"
        time.sleep(0.1)


class Served:
    """Pages of a folder on the loopback address, one of them open in a browser."""

    def __init__(self, folder: Path, handler: type[http.server.SimpleHTTPRequestHandler]) -> None:
        self.server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(handler, directory=str(folder))
        )
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.browser = Browser()
        self.browser.size(1300)

    def close(self) -> None:
        self.browser.__exit__()
        self.server.shutdown()
        self.server.server_close()

    def open(self, page: str) -> None:
        self.browser.open(f"http://127.0.0.1:{self.server.server_address[1]}/{page}")

    def press(self, cell: int | None = None, button: int = 0) -> None:
        """Press a button of the panel, or of a live cell."""
        box = "'.live-panel'" if cell is None else "'.live-cell'"
        self.browser.run(
            f"document.querySelectorAll({box})[{cell or 0}].querySelectorAll('button')[{button}].click()"
        )

    def write(self, cell: int, text: str) -> None:
        self.browser.run(
            f"document.querySelectorAll('.live-cell textarea')[{cell}].value = {json.dumps(text)}"
        )

    def strike(self, key: str, *, shift: bool = False) -> None:
        """Strike a key, as a reader without a mouse does."""
        code = {"Tab": 9, "Escape": 27, "Enter": 13}[key]
        for kind in ("rawKeyDown", "keyUp"):
            told = {"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code}
            self.browser.call("Input.dispatchKeyEvent", modifiers=8 * shift, **told)

    def ended(self) -> str:
        """Wait until nothing runs, and return the page's state."""
        busy = ("loading", "running")
        until(lambda: self.panel()["state"] not in busy and "waiting" not in self.states())
        state: str = self.panel()["state"]
        return state

    def panel(self) -> dict[str, str]:
        told: dict[str, str] = json.loads(
            self.browser.run("JSON.stringify(document.querySelector('.live-panel').dataset)")
        )
        return told

    def cells(self) -> list[dict[str, Any]]:
        """What stands in the live cells: state, seconds, the status, and the output."""
        told: list[dict[str, Any]] = self.browser.run(
            """[...document.querySelectorAll('.live-cell')].map(cell => ({...cell.dataset,
                says: cell.querySelector('.live-status').textContent,
                failed: cell.querySelectorAll('.mme-evidence--failed').length,
                shown: cell.querySelector('.live-output').innerText}))"""
        )
        return told

    def states(self) -> list[str]:
        return [cell["state"] for cell in self.cells()]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages of a small book with one chapter."""
    folder = tmp_path_factory.mktemp("live")
    (folder / "source").mkdir()
    (folder / "source" / "conf.py").write_text(CONF, "utf-8")
    (folder / "source" / "index.md").write_text(PAGE, "utf-8")
    command = [sys.executable, "-m", "sphinx", "-W", str(folder / "source"), str(folder / "html")]
    told = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "book" / "_ext")])}
    done = subprocess.run(command, env=told, capture_output=True, encoding="utf-8")
    assert not done.returncode, done.stderr
    for line in done.stdout.splitlines():
        if 'without "Run this page"' in line:
            pytest.skip(line)
    return folder / "html"


@needs_browser
@pytest.mark.slow
@pytest.mark.xdist_group("browser")
def test_a_page_computes(small: Path, handler: type[http.server.SimpleHTTPRequestHandler]) -> None:
    """All that a reader may do with a page, in one go, for each start of Python takes seconds."""
    page = Served(small, handler)
    try:
        page.open("index.html")
        assert page.cells() == []
        loaded = sum(file.stat().st_size for file in small.glob("_static/live/runtime/*/*"))
        told = page.browser.run("document.querySelector('.live-panel').innerText")
        assert f"loads {loaded / 1e6:.0f} MB from this site" in told
        page.press()
        assert page.ended() == "ready"
        assert page.states() == ["done", "done", "done", "still"]
        first, red, *_ = page.cells()
        assert first["shown"].strip() == "It runs."
        assert red["says"].startswith("✓ 2 checks passed; ")
        until(lambda: page.browser.run("document.querySelectorAll('.live-latex mjx-mfrac').length"))
        assert not page.browser.run("[...document.querySelectorAll('.live-output [id]')].length")

        source = page.browser.run("document.querySelectorAll('.live-cell textarea')[1].value")
        page.write(1, source.replace("sqrt(), n", "sqrt(), n + 1"))
        page.press(1)
        page.ended()
        red = page.cells()[1]
        assert (red["state"], red["failed"]) == ("failed", 1)
        assert red["says"].startswith("✗ 1 check failed, ✓ 1 check passed; ")
        assert (
            page.browser.run("document.querySelector('.live-panel').innerText").count("✗ 1 check failed") == 1
        )
        assert looks_wrong(page.browser) == {}
        page.press(1, 1)
        assert page.browser.run("document.querySelectorAll('.live-cell textarea')[1].value") == source
        assert page.cells()[1]["shown"] == ""

        page.browser.run("document.querySelectorAll('.live-cell textarea')[2].focus()")
        for key in ("Tab", "Escape", "Tab"):  # one indents, the other leaves
            page.strike(key)
        assert (
            page.browser.run("document.querySelectorAll('.live-cell textarea')[2].value").count("    ") == 1
        )
        assert page.browser.run("document.activeElement.textContent") == "Run"
        page.strike("Tab", shift=True)
        page.press(2, 1)
        page.strike("Enter", shift=True)
        assert page.ended() == "ready"
        assert page.states()[2] == "done"

        slide = "(range => { range.value = 7; for (const what of ['input', 'change']) "
        slide += "range.dispatchEvent(new Event(what)); })(document.querySelector('.live-slider input'))"
        page.browser.run(slide)
        page.ended()
        assert page.browser.run(
            "document.querySelectorAll('.live-cell textarea')[1].value"
        ) == source.replace("4 ", "7 ")
        assert page.states()[1] == "done"
        page.press(2)
        page.ended()
        assert page.cells()[2]["shown"].strip() == "1"

        for answer, state, says in (
            (None, "failed", "There is no answer yet"),
            ("def square(x):\n    return 2 * x", "failed", "The square of 3 is 9, not 6."),
            ("def square(x):\n    return x * x", "done", ""),
        ):
            if answer is not None:
                page.write(3, answer)
            page.press(3)
            page.ended()
            assert (page.states()[3], says in page.cells()[3]["shown"]) == (state, True)
        assert "quagmire" not in page.browser.run("document.body.innerText")

        page.write(0, "while True:\n    print('again')")
        page.press(0)
        until(lambda: "again" in page.cells()[0]["shown"])
        assert page.panel()["state"] == "running"
        page.press(0)  # which says Stop now
        assert page.panel()["state"] == "stopped"
        page.press(0, 1)
        page.press(2)  # starts Python again, and runs what stands above it first
        assert page.ended() == "ready"
        assert page.states()[:3] == ["done", "done", "done"]
        page.browser.run("dispatchEvent(new Event('pagehide'))")
        assert page.panel()["state"] == "stopped"
        assert page.browser.errors == []
    finally:
        page.close()


def looks_wrong(browser: Browser) -> dict[str, Any]:
    """What a reader with a phone, a dark page or a screen reader would stumble over."""
    found = {"plain": browser.run(PLAIN)}
    browser.size(400)
    found["sideways"] = max(browser.run(SIDEWAYS), 0)
    for theme in ("dark", "light"):
        browser.run(f"document.documentElement.dataset.theme = '{theme}'")
        found[theme] = browser.run(CONTRAST)
    browser.size(1300)
    return {what: said for what, said in found.items() if said}


@needs_browser
@pytest.mark.slow
@pytest.mark.xdist_group("browser")
def test_a_page_from_the_disk_says_why_it_does_not(small: Path) -> None:
    with Browser() as browser:
        browser.open(small / "index.html")
        assert "run.py book" in browser.run("document.querySelector('.live-panel').innerText")
        assert browser.run("document.querySelectorAll('.live-panel button:not([hidden])').length") == 0
        assert browser.errors == []


@pytest.mark.slow
def test_pages_without_javascript_are_as_they_were(small: Path) -> None:
    text = (small / "index.html").read_text("utf-8")
    body = text[text.index("<article") : text.index("</article")]
    assert "live-panel" not in body
    assert "<textarea" not in body
    assert body.count("live-stub") == 1


@pytest.fixture(scope="module")
def book(handler: type[http.server.SimpleHTTPRequestHandler]) -> Iterator[Served]:
    if not (HTML / "_static" / "live" / "runtime").is_dir():
        pytest.skip("the pages were built without what lets them compute")
    served = Served(HTML, handler)
    yield served
    served.close()


@needs_book
@needs_browser
@pytest.mark.slow
@pytest.mark.xdist_group("browser")
@pytest.mark.parametrize("chapter", LIVE, ids=lambda path: path.stem)
def test_live_cells_run_in_the_page_and_turn_red(chapter: Path, book: Served) -> None:
    notebook = jupytext.read(chapter, fmt="md:myst")
    tags = [cell.metadata.get("tags", []) for cell in notebook.cells]
    cells = [each for each in tags if "live" in each and "answer" not in each]
    book.open(chapter.relative_to(ROOT).with_suffix(".html").as_posix())
    book.press()
    assert book.ended() == "ready"
    found = book.cells()[: len(cells)]
    keep(chapter, found, book.panel())
    assert [cell for cell in found if cell["state"] != "done"] == []

    (red,) = [at for at, each in enumerate(cells) if "turn-red" in each]
    source = book.browser.run(f"document.querySelectorAll('.live-cell textarea')[{red}].value")
    for fault in yaml.safe_load(BREAKS.read_text("utf-8"))[chapter.stem]:
        assert source.count(fault["old"]) == 1, fault["why"]
        book.write(red, source.replace(fault["old"], fault["new"]))
        for cell in (red, red + 1):  # the formula for symbols, and in balls
            book.press(cell)
            book.ended()
        told = [(each["state"], each["failed"] > 0) for each in book.cells()[red : red + 2]]
        assert told == [("failed", True)] * 2, fault["why"]

    answered = [each for each in read(chapter) if each.answer and each.label in live_answers(chapter)]
    for at, exercise in enumerate(answered, len(cells)):
        for answer, state in ((None, "failed"), (plain(exercise.answer), "done")):
            if answer is not None:
                book.write(at, answer)
            book.press(at)
            book.ended()
            assert book.states()[at] == state, f"{exercise.label}: {book.cells()[at]['shown']}"
    assert book.browser.errors == []


def live_answers(chapter: Path) -> set[str]:
    """Labels of the exercises that can be answered in the page."""
    found, label = set(), ""
    for cell in jupytext.read(chapter, fmt="md:myst").cells:
        if cell.cell_type == "markdown":
            for line in cell.source.splitlines():
                label = line.partition("{solution-start} ")[2].strip() or label
        elif {"answer", "live"} <= {*cell.metadata.get("tags", [])}:
            found.add(label)
    return found


def keep(chapter: Path, cells: list[dict[str, Any]], panel: dict[str, str]) -> None:
    path = ROOT / "_build" / "live" / "times.json"
    path.parent.mkdir(exist_ok=True)
    known = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    seconds = [round(float(cell["seconds"]), 2) for cell in cells]
    told = {"start": round(float(panel["seconds"]), 2), "cells": seconds, "memory": int(panel["memory"])}
    path.write_text(json.dumps(known | {chapter.stem: told}, indent=1), "utf-8")


@pytest.mark.slow
def test_programs_are_served_under_their_types(
    tmp_path: Path, handler: type[http.server.SimpleHTTPRequestHandler]
) -> None:
    assert {handler.guess_type(handler.__new__(handler), name) for name in ("a.mjs", "a.js")} == {
        "text/javascript"
    }
    assert handler.guess_type(handler.__new__(handler), "a.wasm") == "application/wasm"
