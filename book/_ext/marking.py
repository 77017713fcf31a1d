"""Mark notebooks that students handed in: run each in a fresh kernel with the book's own tests.

Every code cell of the student runs, in its place; the chapter's own cells run only when a name of theirs is
missing. The tests come from the chapters' sources, whatever the notebook has in their place. What students
wrote is run as it stands, with the rights of whoever marks.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
from execute_once import CELL, ROOT, prepare_kernels
from exercises import KEPT_BACK, SUFFIX, TESTS, Exercise, sorted_out
from jupyter_edition import YOURS
from session import Failure, Session

__all__ = ["Row", "catalogue", "main", "mark"]

LIMIT, TABLE, FEEDBACK = 60, "marks.csv", "feedback"
UNREADABLE = (ValueError, KeyError, AttributeError, TypeError, OSError, nbformat.ValidationError)


class Chapter(NamedTuple):
    """What marking needs of a chapter: its exercises, and its cells outside their solutions."""

    exercises: dict[str, Exercise]
    cells: tuple[str, ...]


class Row(NamedTuple):
    """A line of the table; what is answered in words has no points yet."""

    submission: str
    chapter: str = ""
    exercise: str = ""
    level: str = ""
    kind: str = ""
    points: int | str = ""
    of: int | str = ""
    remark: str = ""


def catalogue(folder: Path = ROOT / "book") -> dict[str, Chapter]:
    """Return the chapters that have exercises, by their names."""
    found = {}
    for path in sorted(folder.glob("*/*.md")):
        exercises, outside = sorted_out(path) if CELL in path.read_text("utf-8") else ([], [])
        if graded := {each.label: each for each in exercises if each.level}:
            found[path.stem] = Chapter(graded, tuple(outside))
    return found


def mark(path: Path, name: str, chapters: dict[str, Chapter], limit: int = LIMIT) -> tuple[list[Row], str]:
    """Return the rows of one notebook, and what its author should be told, in Markdown."""
    try:
        notebook = nbformat.read(path, as_version=4)
        cells = [(_grade_id(cell), cell.cell_type, str(cell.source)) for cell in notebook.cells]
    except UNREADABLE:
        return _alone(name, "This file is not a notebook that Jupyter can read.")
    present = {_label(grade_id) for grade_id, _, _ in cells}
    stem = path.stem.rpartition("-")[2]
    taken = {
        title: chapter for title, chapter in chapters.items() if present & set(chapter.exercises)
    } or {title: chapter for title, chapter in chapters.items() if title == stem}
    if not taken:
        return _alone(name, "No exercise of the book was found in this notebook.")
    exercises = {label: each for chapter in taken.values() for label, each in chapter.exercises.items()}
    with tempfile.TemporaryDirectory() as folder:
        cells_of_chapters = [source for chapter in taken.values() for source in chapter.cells]
        session = Session(cells_of_chapters, Path(folder), limit)
        try:
            own = {source.strip() for source in cells_of_chapters}
            results = _results(cells, exercises, session, own)
        finally:
            session.stop()
    rows, told = [], [f"# {name}", ""]
    for label, each in exercises.items():
        points, remarks, quoted = results[label]
        known = (name, each.chapter, label, each.level, each.kind)
        rows.append(Row(*known, points, each.points, " ".join(remarks)))
        title = f"{each.title or label} ({each.level}, {label})"
        got = "to be read" if points == "" else f"{points} of {each.points}"
        told += [f"## {title}: {got}", "", *(f"- {remark}" for remark in remarks), ""]
        told += ["> " + line for line in quoted.splitlines()] + [""] * bool(quoted)
    total, most = _total(rows)
    told[1:1] = ["", f"{total} of {most} points, without what is answered in words."]
    return rows, "\n".join(told).rstrip() + "\n"


def _results(
    cells: list[tuple[str, str, str]], exercises: dict[str, Exercise], session: Session, chapter: set[str]
) -> dict[str, tuple[int | str, list[str], str]]:
    answered: dict[str, Failure | None] = {}
    words: dict[str, str] = {}
    results: dict[str, tuple[int | str, list[str], str]] = {}
    last = {_label(grade_id): place for place, (grade_id, _, _) in enumerate(cells)}
    for place, (grade_id, kind, source) in enumerate(cells):
        label = _label(grade_id)
        if label in exercises and grade_id != label:
            pass  # tests, of which the book has its own
        elif label in exercises and kind == "markdown":
            words[label] = source
        elif kind == "code" and source.strip() and source.strip() not in chapter:
            failure = session.run(source)
            if label in exercises:
                answered[label] = failure
        if label in exercises and last[label] == place and exercises[label].kind == "code":
            results[label] = _tested(exercises[label], answered, session)
    for label, each in exercises.items():
        if each.kind == "words":
            written = words.get(label, "").strip()
            empty = not written or written == YOURS
            missing = "Its cell is missing." if label not in words else "Not answered."
            results[label] = (0, [missing], "") if empty else ("", ["Answered in words."], written)
        elif label not in results:
            results[label] = _tested(each, answered, session)
    return results


def _tested(
    exercise: Exercise, answered: dict[str, Failure | None], session: Session
) -> tuple[int | str, list[str], str]:
    remarks = []
    if exercise.label not in answered:
        if not session.knows(exercise.name):
            return 0, [f"Its answer cell is missing, and no other cell defines {exercise.name}."], ""
        remarks.append(f"Its answer cell is missing; what defines {exercise.name} elsewhere was marked.")
    elif failure := answered[exercise.label]:
        return 0, [_sentence(failure, "The answer's cell")], ""
    points = 0
    for words, tests in (("The shown tests", exercise.tests), ("The kept-back tests", exercise.kept_back)):
        if failure := session.test(tests):
            remarks.append(_sentence(failure, words))
            if failure.name in ("NotImplementedError", "Timeout", "DeadKernel"):
                break
        else:
            points += exercise.points // 2
            remarks.append(f"{words} pass.")
    return points, remarks, ""


def _sentence(failure: Failure, where: str) -> str:
    if failure.name == "NotImplementedError":
        return "Not answered: the stub is as it was."
    if failure.name in ("SyntaxError", "IndentationError", "TabError"):
        return f"{where} cannot be read as Python: {failure.sentence}."
    what = failure.sentence.removeprefix("AssertionError: ")
    return f"{where} fail: {what}" if "tests" in where else f"{where} stops: {what}"


def _grade_id(cell: Any) -> str:
    return str(cell.metadata.get("nbgrader", {}).get("grade_id", ""))


def _label(grade_id: str) -> str:
    for suffix in (SUFFIX[TESTS], SUFFIX[KEPT_BACK]):
        grade_id = grade_id.removesuffix(suffix)
    return grade_id


def _alone(name: str, remark: str) -> tuple[list[Row], str]:
    return [Row(name, remark=remark)], f"# {name}\n\n{remark}\n"


def _total(rows: list[Row]) -> tuple[int, int]:
    code = [row for row in rows if row.kind == "code"]
    return sum(int(row.points) for row in code), sum(int(row.of) for row in code)


def submissions(folder: Path) -> Iterator[Path]:
    """Yield the notebooks in a folder and below it, but for Jupyter's own copies."""
    for path in sorted(folder.rglob("*.ipynb")):
        if ".ipynb_checkpoints" not in path.parts:
            yield path


def main(arguments: list[str] | None = None) -> int:
    """Carry out the command line and return the exit status."""
    parser = argparse.ArgumentParser(prog="run.py mark", description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="with the notebooks, in folders of any names")
    parser.add_argument("--jobs", type=int, default=1, help="notebooks at a time (default: 1)")
    parser.add_argument("--limit", type=int, default=LIMIT, help=f"seconds for a cell (default: {LIMIT})")
    options = parser.parse_args(arguments)
    if options.jobs < 1 or options.limit < 1:
        parser.error("--jobs and --limit are at least 1")
    folder = options.folder.resolve()
    found = list(submissions(folder))
    if not found:
        sys.exit(f"There is no notebook in {options.folder}.")
    print(f"Notebooks: {len(found)}, {options.jobs} at a time; some seconds each, and at most", end=" ")
    print(f"{options.limit} seconds for a cell. Their code runs with your rights.", flush=True)
    prepare_kernels()
    names = [path.relative_to(folder).with_suffix("").as_posix() for path in found]
    marked = partial(mark, chapters=catalogue(), limit=options.limit)
    rows: list[Row] = []
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        for name, (some, told) in zip(names, pool.map(marked, found, names), strict=True):
            rows += some
            feedback = folder / FEEDBACK / f"{name}.md"
            feedback.parent.mkdir(parents=True, exist_ok=True)
            feedback.write_text(told, encoding="utf-8")
            total, most = _total(some)
            unread = sum(row.kind == "words" and row.points == "" for row in some)
            said = f"{total:4} of {most}" + (f", {unread} to be read" if unread else "")
            print(f"{name:40} {said if most else some[0].remark}", flush=True)
    with open(folder / TABLE, "w", newline="", encoding="utf-8") as table:
        csv.writer(table).writerows([Row._fields, *rows])
    print(f"The table is {folder / TABLE}, what students should be told is in {folder / FEEDBACK}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
