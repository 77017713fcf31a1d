"""What readers run in the page has SymPy, mpmath, python-flint and the standard library, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import jupytext
import pytest
import yaml
from execute_once import ROOT
from nbformat import NotebookNode

from tests.chapters import chapters

ALLOWED = ("mme", "sympy", "mpmath", "flint")
BREAKS = yaml.safe_load((ROOT / "tests" / "live" / "breaks.yml").read_text("utf-8"))
EXACT = """
    mme.algebra mme.arguments mme.bridge mme.bridge.normalisation mme.dln mme.dln.balls mme.dln.chebyshev
    mme.dln.closed_kernels mme.dln.entropy mme.dln.extrapolation mme.dln.singular_values mme.dln.symbolic
    mme.errors mme.evidence mme.extras mme.late mme.result
""".split()
CHILD = """
import json, sys

class Blocked:
    def find_spec(name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top not in ALLOWED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

ALLOWED = sys.argv[1].split()
sys.meta_path.insert(0, Blocked)
namespace, said = {"__name__": "__main__"}, []

def run(code, scope):
    try:
        exec(code, scope)
    except BaseException as error:
        return f"{type(error).__name__}: {error}"

for cell, *broken in json.load(sys.stdin):
    said.append([run(code, dict(namespace)) for code in broken])
    said[-1].insert(0, run(cell, namespace))
print(json.dumps(said))
"""


def in_child(cells: list[list[str]]) -> list[list[str | None]]:
    """Run cells in one namespace without other packages, each after its variants; return what they raised."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, " ".join(ALLOWED)],
        input=json.dumps(cells),
        capture_output=True,
        check=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        encoding="utf-8",
    )
    said: list[list[str | None]] = json.loads(done.stdout.splitlines()[-1])
    return said


@cache
def live_cells(chapter: Path) -> list[NotebookNode]:
    notebook = jupytext.read(chapter, fmt="md:myst")
    return [cell for cell in notebook.cells if "live" in cell.metadata.get("tags", [])]


def turned_red(chapter: Path) -> list[NotebookNode]:
    return [cell for cell in live_cells(chapter) if "turn-red" in cell.metadata.tags]


LIVE = [chapter for chapter in chapters() if live_cells(chapter)]
every_live_chapter = pytest.mark.parametrize("chapter", LIVE, ids=lambda path: path.stem)


@pytest.mark.slow
def test_exact_modules_import() -> None:
    assert in_child([[f"import {module}"] for module in EXACT]) == [[None]] * len(EXACT)
    (said,) = in_child([["import numpy"]])
    assert said == ["ModuleNotFoundError: No module named 'numpy'"]  # as with SciPy and the others


@pytest.mark.slow
@every_live_chapter
def test_live_cells_run_and_turn_red(chapter: Path) -> None:
    breaks, cells = BREAKS[chapter.stem], []
    for cell in live_cells(chapter):
        is_red = "turn-red" in cell.metadata.tags
        cells.append([cell.source, *(broken(cell.source, **each) for each in breaks if is_red)])
    said = in_child(cells)
    assert [first for first, *_ in said] == [None] * len(said)
    wrong = [text for _, *others in said for text in others if not str(text).startswith("CheckFailed: ")]
    assert wrong == []
    assert sum(len(others) for _, *others in said) == len(breaks)


def broken(source: str, why: str, old: str, new: str) -> str:
    """Return a cell with a fault in it."""
    assert source.count(old) == 1, f"{why}: {old!r} must stand once in the cell"
    return source.replace(old, new)


@every_live_chapter
def test_every_live_page_has_one_cell_to_turn_red(chapter: Path) -> None:
    assert len(turned_red(chapter)) == 1
    assert len(live_cells(chapter)) >= 3


def test_breaks_belong_to_live_pages() -> None:
    assert set(BREAKS) == {chapter.stem for chapter in LIVE}
    assert all(BREAKS.values())


@every_live_chapter
def test_sliders_move_names_of_their_cell(chapter: Path) -> None:
    for cell in live_cells(chapter):
        for name, (low, high, step) in sliders(cell).items():
            (line,) = [line for line in cell.source.splitlines() if line.startswith(f"{name} = ")]
            value = float(line.removeprefix(f"{name} = ").partition("#")[0])
            assert low <= value <= high
            assert (value - low) % step == 0 or step < 1


def sliders(cell: NotebookNode) -> dict[str, Any]:
    found: dict[str, Any] = cell.metadata.get("sliders", {})
    return found
