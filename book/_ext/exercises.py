"""What an exercise is: its level, its stub, its tests, and how pages show them.

An exercise is a box `{exercise}` with a label and a level as its class. If it asks for code, its solution has
a cell with the answer (tag ``answer``), one with tests that are shown (``tests``) and one with tests that are
kept back (``hidden-tests``); CONTRIBUTING.md has an example. The chapter's execution runs all three. A page
shows stub and tests below the question, and never what is kept back; the student's pages have no solutions.
With the tag ``live`` too, the answer can be written and checked in the page (`live`).
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from execute_once import CELL, ROOT
from sphinx.util.docutils import SphinxDirective

__all__ = [
    "ANSWER", "LEVELS", "LIVE", "TESTS", "Exercise", "cells_of", "grader", "is_for_students", "level_of",
    "plain", "read", "setup", "sorted_out", "stub", "table", "taught",
]  # fmt: skip

LEVELS = {"warm-up": 2, "core": 4, "project": 8}  # points; half of them for each of the two sets of tests
ANSWER, TESTS, KEPT_BACK = TAGS = ("answer", "tests", "hidden-tests")
LIVE = "live"  # the answer can be written and checked in the page
SUFFIX = {ANSWER: "", TESTS: "-tests", KEPT_BACK: "-kept-back"}  # of the label, in the grader's names
BOX = re.compile(
    r"^(?P<fence>[`:]{3,})\{exercise\} *(?P<title>.*)\n(?P<options>(?::.*\n)*)"
    r"(?P<body>(?:.*\n)*?)(?P=fence)\n"
    r"|^[`:]{3,}\{solution-(?:start\} *(?P<start>\S+)|(?P<end>end)\})",
    re.M,
)
OPTION = re.compile(r"^:(label|class): (.*)$", re.M)
SOLUTION = re.compile(r"^([ \t]*)### BEGIN SOLUTION\n.*?^[ \t]*### END SOLUTION$", re.M | re.S)
MARKS = re.compile(r"^[ \t]*### (?:BEGIN|END) SOLUTION\n?", re.M)
BAR = re.compile(r"\|(\w?)")  # it would end the cell of a table
AFTER_TITLES, AFTER_NOTEBOOKS = 350, 450  # notebook_download comes at 400


@dataclass(frozen=True)
class Exercise:
    """An exercise as its chapter has it; one in words has no answer and no tests."""

    chapter: str
    label: str
    title: str
    level: str
    statement: str
    answer: str = ""
    tests: str = ""
    kept_back: str = ""

    @property
    def kind(self) -> str:
        """Whether it asks for code or for words."""
        return "code" if self.answer else "words"

    @property
    def points(self) -> int:
        """What all of it counts."""
        return LEVELS.get(self.level, 0)

    @property
    def name(self) -> str:
        """What the answer defines: the last name that its cell binds."""
        bound = [name for node in ast.parse(self.answer).body for name in _bound(node)]
        if not bound:
            raise ValueError(f"{self.label}: its answer defines nothing")
        return bound[-1]


def _bound(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        yield from (each.id for each in ast.walk(node) if isinstance(each, ast.Name) and _stored(each))


def _stored(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)


def read(chapter: Path) -> list[Exercise]:
    """Return the exercises of a chapter's source, in their order."""
    return sorted_out(chapter)[0]


def sorted_out(chapter: Path) -> tuple[list[Exercise], list[str]]:
    """Return the exercises of a chapter's source, and the sources of its cells outside their solutions."""
    import jupytext  # late, for Sphinx does without

    boxes: dict[str, dict[str, str]] = {}
    cells: dict[str, dict[str, str]] = {}
    outside, open_solution = [], ""
    for cell in jupytext.read(chapter, fmt="md:myst").cells:
        if cell.cell_type == "markdown":
            for found in BOX.finditer(cell.source + "\n"):
                if found["fence"]:
                    told = dict(OPTION.findall(found["options"]))
                    level = level_of(told.get("class", "").split())
                    title, body = found["title"].strip(), found["body"].strip()
                    boxes[told["label"]] = {"title": title, "level": level, "statement": body}
                else:
                    open_solution = found["start"] or ""
        elif cell.cell_type == "code" and not open_solution:
            outside.append(cell.source)
        elif cell.cell_type == "code":
            for tag in set(TAGS) & set(cell.metadata.get("tags", [])):
                part = {ANSWER: "answer", TESTS: "tests", KEPT_BACK: "kept_back"}[tag]
                if part in cells.setdefault(open_solution, {}):
                    raise ValueError(f"{chapter}: {open_solution} has two cells with the tag {tag}")
                cells[open_solution][part] = cell.source
    for label, parts in cells.items():
        if len(parts) < len(TAGS):
            raise ValueError(f"{chapter}: {label} has some of the tags {', '.join(TAGS)}, and not all")
        if not SOLUTION.search(parts["answer"]):
            raise ValueError(f"{chapter}: the answer of {label} has no ### BEGIN SOLUTION … ### END SOLUTION")
    exercises = [Exercise(chapter.stem, each, **told, **cells.get(each, {})) for each, told in boxes.items()]
    return exercises, outside


def taught() -> list[Path]:
    """Return the sources of the chapters, in the order of the table of contents."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    files = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    return [ROOT / f"{file}.md" for file in files if CELL in (ROOT / f"{file}.md").read_text("utf-8")]


def table(exercises: list[Exercise], *, linked: bool = False) -> str:
    """Return the exercises with level, kind and the question's first paragraph, in Markdown."""
    rows = ["| exercise | level, kind | question |", "|---|---|---|"]
    for each in exercises:
        question = " ".join(each.statement.split("\n\n")[0].replace("$$", "$").split())
        question = BAR.sub(lambda bar: r"\vert" + (f" {bar[1]}" if bar[1] else ""), question)
        name = f"{{ref}}`{each.title or each.label} <{each.label}>`" if linked else each.title or each.label
        rows.append(f"| {name} | {each.level}, {each.kind} | {question} |")
    return "\n".join(rows)


class ExerciseTable(SphinxDirective):
    """The directive `{exercise-table}`: every exercise of the book, linked."""

    def run(self) -> list[nodes.Node]:
        """Return the table's nodes."""
        for chapter in taught():
            self.env.note_dependency(str(chapter))
        made: list[nodes.Node] = []
        for chapter in taught():
            title = f"{{doc}}`/{chapter.relative_to(ROOT).with_suffix('')}`\n\n"
            if exercises := read(chapter):
                rows = self.parse_text_to_nodes(title + table(exercises, linked=True))
                made.append(nodes.container("", *rows, classes=["exercise-table"]))
        return made


def level_of(classes: list[str]) -> str:
    """Return the level among a box's classes, or nothing."""
    return next((level for level in LEVELS if level in classes), "")


def stub(answer: str) -> str:
    r"""Return what a student starts from.

    >>> print(stub("def f(x):\n    ### BEGIN SOLUTION\n    return x\n    ### END SOLUTION"))
    def f(x):
        # YOUR CODE HERE
        raise NotImplementedError()
    """
    return SOLUTION.sub(r"\1# YOUR CODE HERE\n\1raise NotImplementedError()", answer)


def plain(answer: str) -> str:
    """Return the answer without the marks around it."""
    return MARKS.sub("", answer).rstrip("\n")


def grader(grade_id: str, *, points: int | None = None, solution: bool = False) -> dict[str, Any]:
    """Return a cell's metadata in nbgrader's form: an answer may be changed, all else may not."""
    told = {"schema_version": 3, "grade_id": grade_id, "grade": points is not None, "solution": solution}
    told |= {"locked": not solution, "task": False} | ({} if points is None else {"points": points})
    return {"nbgrader": told}


def is_for_students() -> bool:
    """Say whether the pages that are being built go without solutions."""
    return os.environ.get("MME_EDITION") == "student"


def _say_levels(app: Any, page: nodes.document, docname: str) -> None:
    from sphinx_exercise.nodes import is_exercise_node

    for box in page.findall(is_exercise_node):
        if level := level_of(box["classes"]):
            box[0] += nodes.inline("", f" · {level}", classes=["level"])


def cells_of(solution: Any) -> dict[str, Any]:
    """Return the nodes of a solution's cells by their tags."""
    found: dict[str, Any] = {}
    for node in solution.findall(nodes.container):
        if node.get("nb_element") == "cell_code":
            tags = node.get("cell_metadata", {}).get("tags", [])
            found |= {tag: node for tag in TAGS if tag in tags}
    return found


def _show(app: Any, page: nodes.document, docname: str) -> None:
    from sphinx_exercise.nodes import is_exercise_node, is_solution_node

    boxes = {box["label"]: box for box in page.findall(is_exercise_node)}
    for solution in list(page.findall(is_solution_node)):
        cells = cells_of(solution)
        if ANSWER in cells:
            code = {tag: next(iter(cells[tag].findall(nodes.literal_block))) for tag in (ANSWER, TESTS)}
            box = boxes[solution["target_label"]]
            box += nodes.paragraph("", "Complete this:", classes=["exercise-code"])
            is_live = LIVE in cells[ANSWER]["cell_metadata"]["tags"]
            box += _block(stub(code[ANSWER].astext()), "live-stub" if is_live else "")
            box += nodes.paragraph("", "It has to pass these tests, and others that are kept back:")
            box += _block(code[TESTS].astext(), "live-tests" if is_live else "")
            text = plain(code[ANSWER].astext())
            code[ANSWER].parent.replace(code[ANSWER], _block(text))
            for tag in (TESTS, KEPT_BACK):
                cells[tag].parent.remove(cells[tag])
        if is_for_students():
            solution.parent.remove(solution)


def _block(code: str, kind: str = "") -> nodes.literal_block:
    return nodes.literal_block(code, code, language="ipython3", classes=[kind] * bool(kind))


def _without_sources(app: Any, config: Any) -> None:
    if is_for_students():
        config.html_copy_source = False


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("exercise-table", ExerciseTable)
    app.connect("config-inited", _without_sources)
    app.connect("doctree-resolved", _say_levels, priority=AFTER_TITLES)
    app.connect("doctree-resolved", _show, priority=AFTER_NOTEBOOKS)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
