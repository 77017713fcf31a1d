"""Write the notebooks for a course, as the last build left them: the student's and the instructor's.

Each folder gets a file for every chapter, the package as a wheel and a README, and is packed in one file.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from execute_once import ROOT
from exercises import LEVELS, Exercise, read
from notebook_download import INSTRUCTOR, WHEEL

__all__ = ["main", "table", "write"]

BUILT = ROOT / "_build"
HALVES = ", ".join(f"{level} {points}" for level, points in LEVELS.items())
ROLE = re.compile(r"\{[\w:]+\}`([^`<]*?)(?: *<[^>]*>)?`")
BAR = re.compile(r"\|(\w?)")  # it would end the cell of a table
INSTALL = f"""\
Install Python 3.11 to 3.13 and Jupyter, and in this folder, once:

    pip install --extra-index-url https://download.pytorch.org/whl/cpu "./{WHEEL}[chapters]" jupyterlab

The chapters stand in the order of the book:

"""
STUDENT_README = f"""\
# The student's notebooks

{INSTALL}{{contents}}

A chapter ends with its exercises. Where code is asked for, write it where the cell says YOUR CODE HERE, and
run the cell with tests below: it says in a sentence what is wrong. Further tests run when you are marked.
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

The cells bear the metadata of nbgrader (schema 3), with the same names and points.

## The exercises

{{table}}
"""


def table(exercises: list[Exercise]) -> str:
    """Return the exercises with chapter, level, kind and question, as a table in Markdown."""
    rows = ["| chapter | exercise | level | kind | question |", "|---|---|---|---|---|"]
    for each in exercises:
        question = ROLE.sub(r"\1", " ".join(each.statement.replace("$$", "$").split()))
        question = BAR.sub(lambda bar: r"\vert" + (f" {bar[1]}" if bar[1] else ""), question)
        name = each.title or each.label
        rows.append(f"| {each.chapter} | {name} | {each.level} | {each.kind} | {question} |")
    return "\n".join(rows)


def write(built: Path, folder: Path) -> list[Path]:
    """Write both editions into a folder, from where the pages were built; return the packed files."""
    chapters = [path for path in _chapters() if (built / INSTRUCTOR / path).exists()]
    if not chapters:
        sys.exit(f"There are no notebooks in {built}: build the book first.")
    exercises = [each for path in chapters for each in read((ROOT / path).with_suffix(".md"))]
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
        text = readme.format(contents=contents, table=table(exercises))
        (edition / "README.md").write_text(text, encoding="utf-8")
        packed.append(Path(shutil.make_archive(str(edition), "zip", folder, name)))
    return packed


def _chapters() -> list[Path]:
    import yaml

    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    files = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    return [Path(f"{file}.ipynb") for file in files]


def main() -> int:
    """Write the folder ``course`` and say what is in it."""
    for packed in write(BUILT, ROOT / "course"):
        print(f"{packed} ({packed.stat().st_size / 1e6:.1f} MB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
