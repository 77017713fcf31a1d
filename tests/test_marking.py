"""Marking: right answers, wrong ones, and notebooks that somebody spoilt."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import marking
import nbformat
import pytest
from exercises import Exercise, grader, stub
from marking import Chapter, Row, mark
from nbformat import NotebookNode

LIMIT = 60  # seconds of a cell, of which a right one takes few
HALF = Exercise(
    "page", "ex-half", "Half", "core", "Halve.",
    "def half(x):\n    ### BEGIN SOLUTION\n    return x / 2\n    ### END SOLUTION",
    "assert half(4) == 2, 'Half of 4 is 2.'",
    "helper = 0\nassert half(3) == 1.5, f'Half of 3 is 1.5, not {half(3)}.'",
)  # fmt: skip
NAMED = Exercise(
    "page", "ex-name", "Name", "warm-up", "Name it.",
    "### BEGIN SOLUTION\nname = 'a'\n### END SOLUTION",
    "assert name, 'It has a name.'", "assert name == 'a', 'It is a.'",
)  # fmt: skip
WORDS = Exercise("page", "ex-words", "Why", "core", "Why?")
CELLS = ("import time\nfactor = 0.5", "helper = factor + 0", "raise RuntimeError('this cell is for nobody')")
PAGE = {"page": Chapter({each.label: each for each in (HALF, NAMED, WORDS)}, CELLS)}


def handed_in(half: str = stub(HALF.answer), name: str = stub(NAMED.answer), words: str = "") -> NotebookNode:
    """A student's notebook with these answers."""
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    for exercise, answer in ((HALF, half), (NAMED, name)):
        metadata = grader(exercise.label, solution=True)
        cells.append(nbformat.v4.new_code_cell(answer, metadata=metadata))
        metadata = grader(f"{exercise.label}-tests", points=2)
        cells.append(nbformat.v4.new_code_cell("assert True  # the student's", metadata=metadata))
    metadata = grader(WORDS.label, points=4, solution=True)
    cells.append(nbformat.v4.new_markdown_cell(words, metadata=metadata))
    return NotebookNode(nbformat.v4.new_notebook(cells=cells))


@pytest.fixture
def marked(tmp_path: Path) -> Callable[..., dict[str, Row]]:
    def run(notebook: NotebookNode, limit: int = LIMIT) -> dict[str, Row]:
        path = tmp_path / "somebody-page.ipynb"
        nbformat.write(notebook, path)
        rows, told = mark(path, "somebody", PAGE, limit)
        assert all(row.remark in told.replace("\n- ", " ") for row in rows)
        return {row.exercise: row for row in rows}

    return run


Marked = Callable[..., dict[str, Row]]


@pytest.mark.slow
def test_right_answers_get_all_points_and_stubs_none(marked: Marked) -> None:
    full = marked(handed_in(HALF.answer, NAMED.answer, "Because."))
    assert [full[label].points for label in ("ex-half", "ex-name", "ex-words")] == [4, 2, ""]
    none = marked(handed_in())
    assert [(row.points, row.remark) for row in none.values()] == [
        (0, "Not answered: the stub is as it was."),
        (0, "Not answered: the stub is as it was."),
        (0, "Not answered."),
    ]


@pytest.mark.slow
def test_the_book_s_tests_count_and_not_the_student_s(marked: Marked) -> None:
    rows = marked(handed_in("def half(x):\n    return x // 2", "name = 1 / 0"))
    assert rows["ex-half"].points == 2
    said = "The shown tests pass. The kept-back tests fail: Half of 3 is 1.5, not 1."
    assert rows["ex-half"].remark == said
    assert rows["ex-name"].remark == "The answer's cell stops: ZeroDivisionError: division by zero"


@pytest.mark.slow
def test_endless_loops_and_dead_kernels_cost_their_exercise_alone(marked: Marked) -> None:
    stubborn = "while True:\n    try:\n        time.sleep(1)\n    except KeyboardInterrupt:\n        pass"
    rows = marked(handed_in(stubborn, NAMED.answer), limit=8)
    assert rows["ex-half"].remark == "The answer's cell stops: It ran longer than 8 seconds and was stopped."
    assert rows["ex-name"].points == 2
    rows = marked(handed_in(HALF.answer, "import os\nos._exit(1)"))
    assert "ended the Python that ran it" in rows["ex-name"].remark
    assert rows["ex-half"].points == 4


@pytest.mark.slow
def test_the_chapter_s_cells_run_where_their_names_are_missing(marked: Marked) -> None:
    rows = marked(handed_in("def half(x):\n    return x * helper", NAMED.answer))
    assert rows["ex-half"].points == 4  # the third cell would have stopped, and a test's own names are gone


@pytest.mark.slow
def test_deleted_renamed_and_broken_cells(marked: Marked) -> None:
    notebook = handed_in(HALF.answer, "name = (")
    del notebook.cells[len(CELLS)].metadata["nbgrader"]
    rows = marked(notebook)
    assert rows["ex-half"].points == 4
    assert "Its answer cell is missing; what defines half elsewhere was marked." in rows["ex-half"].remark
    assert rows["ex-name"].remark.startswith("The answer's cell cannot be read as Python: ")
    notebook.cells = notebook.cells[: len(CELLS)]
    rows = marked(notebook)
    assert rows["ex-half"].remark == "Its answer cell is missing, and no other cell defines half."
    assert rows["ex-words"].remark == "Its cell is missing."


@pytest.mark.slow
def test_a_folder_is_marked_and_a_broken_file_costs_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / ".ipynb_checkpoints").mkdir()
    for name in ("broken", "a/list", ".ipynb_checkpoints/copy"):
        (tmp_path / f"{name}.ipynb").write_text("[1]" if name == "a/list" else "{", "utf-8")
    nbformat.write(nbformat.v4.new_notebook(), tmp_path / "other.ipynb")
    assert marking.main([str(tmp_path)]) == 0
    with open(tmp_path / marking.TABLE, newline="", encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    assert {row["submission"]: row["remark"] for row in rows} == {
        "a/list": "This file is not a notebook that Jupyter can read.",
        "broken": "This file is not a notebook that Jupyter can read.",
        "other": "No exercise of the book was found in this notebook.",
    }
    assert (tmp_path / "feedback" / "a" / "list.md").exists()
    assert "Notebooks: 3, 1 at a time" in capsys.readouterr().out


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="There is no notebook in"):
        marking.main([str(tmp_path)])


@pytest.mark.slow
def test_marking_knows_no_solution() -> None:
    gram = marking.catalogue()["gram"]
    assert len(gram.exercises) >= 5
    assert not [cell for cell in gram.cells if "BEGIN SOLUTION" in cell or "count_vectors" in cell]
