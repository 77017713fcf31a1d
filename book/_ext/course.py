"""Write the notebooks for a course, as the last build left them: the student's and the instructor's.

Each folder gets a file for every chapter, the package as a wheel and a README, and is packed in one file.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, groupby, pairwise
from pathlib import Path

import nbformat
from execute_once import ROOT
from exercises import LEVELS, Exercise, read, table, taught
from notebook_download import INSTRUCTOR, WHEEL

__all__ = ["main", "write"]

BUILT = ROOT / "_build"
HALVES = ", ".join(f"{level} {points}" for level, points in LEVELS.items())
INSTALL = f"""\
Install Python 3.11 to 3.13 and Jupyter, and in this folder, once:

    pip install --extra-index-url https://download.pytorch.org/whl/cpu "./{WHEEL}[chapters]" jupyterlab

The chapters stand in the order of the book:

"""
STUDENT_README = f"""\
# The student's notebooks

{INSTALL}{{contents}}

A chapter ends with its exercises. Where code is asked for, write it where the cell says YOUR CODE HERE, and
run the cell with tests below: it says in a sentence what is wrong. Further tests run when it is marked.
Where words are asked for, write in the cell below the question. Add cells as you like, keep those that are
there, and hand in the notebook under a name that ends in the chapter's, as in `yours-gram.ipynb`.
"""
INSTRUCTOR_README = f"""\
# The instructor's notebooks

{INSTALL}{{contents}}

They have the solutions and all tests. Give the folder `student` to your students, or its zip: nothing of a
solution and none of the tests that are kept back is in it.

Points are {HALVES}; with code, half for the tests that are shown and half for those kept back. To mark, put
what was handed in into one folder, with subfolders if you like, and run in the book's folder

    python run.py mark FOLDER --jobs 2

It writes `marks.csv` and, in `feedback`, a file for each notebook. A notebook takes some seconds, more if it
uses what the chapter's cells compute; a cell that runs for more than a minute is stopped (`--limit`). What
students wrote runs with your rights: mark on a machine, or under an account, that may be spoilt. Answers in
words are yours to read; their rows have no points yet.

The cells bear the metadata of nbgrader 0.9 (schema 3), which reads these notebooks as its `source`, with the
same names and points. Its own release copies the words of solutions: give your students the folder `student`.

## The exercises

{{table}}
"""


def write(built: Path, folder: Path) -> list[Path]:
    """Write both editions into a folder, from where the pages were built; return the packed files."""
    sources = [path.relative_to(ROOT).with_suffix(".ipynb") for path in taught()]
    chapters = [path for path in sources if (built / INSTRUCTOR / path).exists()]
    if not chapters:
        sys.exit(f"There are no notebooks in {built}: build the book first.")
    exercises = [each for path in chapters for each in read((ROOT / path).with_suffix(".md"))]
    asked = [*_as_notebooks_say(exercises, [built / "html" / "_sources" / path for path in chapters])]
    contents = "\n".join(f"- {path.name}" for path in chapters)
    packed = []
    for name, source, readme in (
        ("student", built / "html" / "_sources", STUDENT_README),
        ("instructor", built / INSTRUCTOR, INSTRUCTOR_README),
    ):
        edition = folder / name
        shutil.rmtree(edition, ignore_errors=True)
        edition.mkdir(parents=True)
        for path in chapters:
            shutil.copy(source / path, edition)
        shutil.copy(built / "html" / WHEEL, edition)
        tables = (f"### {name}\n\n{table([*some])}" for name, some in groupby(asked, _chapter))
        text = readme.format(contents=contents, table="\n\n".join(tables))
        (edition / "README.md").write_text(text, encoding="utf-8")
        packed.append(Path(shutil.make_archive(str(edition), "zip", folder, name)))
    return packed


def _as_notebooks_say(exercises: list[Exercise], notebooks: list[Path]) -> Iterator[Exercise]:
    """Yield the exercises with the questions that students' notebooks have: no roles, no macros."""
    cells = chain(*(nbformat.read(path, as_version=4).cells for path in notebooks))
    asked: dict[str, str] = {}
    for cell, after in pairwise(cells):
        if grade_id := after.metadata.get("nbgrader", {}).get("grade_id"):
            asked.setdefault(grade_id, cell.source.partition("\n\n")[2])
    yield from (replace(each, statement=asked.get(each.label, each.statement)) for each in exercises)


def _chapter(exercise: Exercise) -> str:
    return exercise.chapter


def main() -> int:
    """Write the folder ``course`` and say what is in it."""
    for packed in write(BUILT, ROOT / "course"):
        print(f"{packed} ({packed.stat().st_size / 1e6:.1f} MB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
