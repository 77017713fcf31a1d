"""What readers run in the page has SymPy, mpmath, python-flint and the standard library, and nothing else."""

from __future__ import annotations

import json
import os
import re
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
EXACT = [
    "algebra", "arguments", "bridge", "bridge.normalisation", "dln", "dln.balls", "dln.chebyshev",
    "dln.closed_kernels", "dln.extrapolation", "dln.singular_values", "dln.symbolic", "errors",
    "evidence", "extras", "late", "result",
]  # fmt: skip
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

for cell, *variants in json.load(sys.stdin):
    scopes = [dict(namespace) for variant in variants]
    tried = [[run(code, scope) for code in variant] for variant, scope in zip(variants, scopes)]
    said.append([run(cell, namespace), *tried])
print(json.dumps(said))
"""


def in_child(cells: list[list[Any]]) -> list[list[Any]]:
    """Run cells in one namespace without other packages; return what they raised, None where nothing.

    After each cell stand variants, lists of code that is run before it in a namespace of their own.
    """
    done = subprocess.run(
        [sys.executable, "-c", CHILD, " ".join(ALLOWED)],
        input=json.dumps(cells),
        capture_output=True,
        check=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        encoding="utf-8",
    )
    said: list[list[Any]] = json.loads(done.stdout.splitlines()[-1])
    return said


@cache
def cells_of(chapter: Path) -> list[tuple[NotebookNode, set[str]]]:
    """Return the cells of a chapter with their tags."""
    notebook = jupytext.read(chapter, fmt="md:myst")
    return [(cell, set(cell.metadata.get("tags", []))) for cell in notebook.cells]


def live_cells(chapter: Path) -> list[NotebookNode]:
    return [cell for cell, tags in cells_of(chapter) if "live" in tags and "answer" not in tags]


def live_exercises(chapter: Path) -> list[list[str]]:
    """Return answers and their tests."""
    cells = cells_of(chapter)
    found = [place for place, (_, tags) in enumerate(cells) if {"live", "answer"} <= tags]
    tests = [next(cell for cell, tags in cells[place:] if "tests" in tags) for place in found]
    return [[cells[place][0].source, test.source] for place, test in zip(found, tests, strict=True)]


def turned_red(chapter: Path) -> list[int]:
    return [place for place, cell in enumerate(live_cells(chapter)) if "turn-red" in cell.metadata.tags]


def sliders(cell: NotebookNode) -> dict[str, list[int]]:
    found: dict[str, list[int]] = cell.metadata.get("sliders", {})
    return found


# By their text alone, as to read all cells takes two seconds.
LIVE = [path for path in chapters() if re.search(r"^:?tags: \[.*\blive\b", path.read_text("utf-8"), re.M)]
MOVED = [path for path in LIVE if re.search("^sliders:", path.read_text("utf-8"), re.M)]
every_live_chapter = pytest.mark.parametrize("chapter", LIVE, ids=lambda path: path.stem)


@pytest.mark.slow
def test_exact_modules_import() -> None:
    assert in_child([[f"import mme.{module}"] for module in EXACT]) == [[None]] * len(EXACT)
    (said,) = in_child([["import numpy"]])
    assert said == ["ModuleNotFoundError: No module named 'numpy'"]  # as with SciPy and the others


@pytest.mark.slow
def test_chapters_with_live_cells_are_found() -> None:
    assert [chapter for chapter in chapters() if live_cells(chapter)] == LIVE
    assert [chapter for chapter in LIVE if any(map(sliders, live_cells(chapter)))] == MOVED


@pytest.mark.slow
@every_live_chapter
def test_live_cells_run_and_turn_red(chapter: Path) -> None:
    breaks, cells, (red,) = BREAKS[chapter.stem], live_cells(chapter), turned_red(chapter)
    plan: list[list[Any]] = [[cell.source] for cell in cells]
    plan[red] += [[broken(cells[red].source, **each), cells[red + 1].source] for each in breaks]
    said = in_child(plan)
    assert [first for first, *_ in said] == [None] * len(cells)
    faults = dict(zip((each["why"] for each in breaks), said[red][1:], strict=True))
    # The cell fails, and the one after it, which has the same formula in balls.
    unseen = {why: both for why, both in faults.items() if not all(map(is_failed_check, both))}
    assert unseen == {}


def is_failed_check(error: str | None) -> bool:
    return str(error).startswith("CheckFailed: ")


def broken(source: str, why: str, old: str, new: str) -> str:
    """Return a cell with a fault in it."""
    assert source.count(old) == 1, f"{why}: {old!r} must stand once in the cell"
    return source.replace(old, new)


@every_live_chapter
def test_every_live_page_has_one_cell_to_turn_red(chapter: Path) -> None:
    assert len(turned_red(chapter)) == 1
    assert len(live_cells(chapter)) >= 4
    shown = [cell for cell in live_cells(chapter) if "hide-input" not in cell.metadata.tags]
    assert [cell.source for cell in shown if cell.source.count("\n") >= 20] == []


def test_breaks_belong_to_live_pages() -> None:
    assert set(BREAKS) == {chapter.stem for chapter in LIVE}
    assert all(BREAKS.values())


@pytest.mark.slow
@pytest.mark.parametrize("chapter", MOVED, ids=lambda path: path.stem)
def test_sliders_reach_their_ends(chapter: Path) -> None:
    plan: list[list[Any]] = []
    for cell in live_cells(chapter):
        plan.append([cell.source])
        for name, (low, high, step) in sliders(cell).items():
            (start,) = re.findall(rf"^{name} = (\d+)$", cell.source, re.M)
            assert int(start) in range(low, high + 1, step)
            plan[-1] += [[moved(cell.source, name, end)] for end in (low, high)]
    tried = [variant for _, *variants in in_child(plan) for variant in variants]
    assert tried == [[None]] * len(tried)
    assert tried


def moved(source: str, name: str, value: int) -> str:
    """Return a cell with another value of a slider."""
    return re.sub(rf"^{name} = \d+$", f"{name} = {value}", source, flags=re.M)


@pytest.mark.slow
def test_live_exercises_need_nothing_else() -> None:
    """Their answers pass the tests that are shown, each in a namespace of its own."""
    exercises = [both for chapter in LIVE for both in live_exercises(chapter)]
    ((first, *tried),) = in_child([["pass", *exercises]])
    assert [first, *tried] == [None, *[[None, None]] * len(exercises)]
    assert tried
