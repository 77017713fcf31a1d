"""Every chapter runs, and keeps the book's habits."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jupytext
import pytest
from execute_once import ROOT
from nbformat import NotebookNode

from mme.evidence import records
from mme.plots.style import STYLE
from tests.chapters import CELL, chapters, executed, pages
from tests.each import each

HEADER = re.compile(r"\A---\n(?:.*\n)*?    format_name: myst\n(?:.*\n)*?  name: python3\n(?:.*\n)*?---\n")
PARTS = ("ensembles", "dln", "bridge")
HIDDEN = {"hide-cell", "hide-input", "remove-cell", "remove-input"}
RICH = {"text/html", "text/markdown", "text/latex", "image/png", "image/svg+xml"}
RAW = re.compile(r"np\.(?:float|int|complex|bool|str)\w*\(|<Figure size|<Axes|<matplotlib|\barray\(\[")
EXERCISE = re.compile(r"^[`:]{3,}\{exercise(?:-start)?\}.*\n(?::.*\n)*?:label: (\S+)", re.M)
SOLUTION = re.compile(r"^[`:]{3,}\{solution(?:-start)?\} (\S+)", re.M)
CODE = re.compile(r"^```\{code-cell\}.*\n(?:.*\n)*?```$", re.M)
CAPTION = re.compile(r"^ +caption: .*(?:\n {6}.*)*", re.M)
FORMULA = re.compile(r"\$\$.*?\$\$|\$[^$]*\$|(?<!`)`[^`]+`(?!`)", re.S)  # or a role, or code in a line
BOXES = re.compile(r"^[`:]{3,}\{prf:(?P<kind>\w+)\} ?(?P<title>.*)$", re.M)
CLAIMS = {"theorem", "proposition", "lemma", "corollary"}
UNLINKED = re.compile(r"\(\d\.\d+\)(?! of the\s+paper)")
FONT = re.compile(r"""(?:font|label|title)_?size["']?\s*[=:]\s*["']?([\w-]+)""")
PHONE, READABLE = 353, 9  # pixels: what a window of 400 leaves to a figure, and the least size of its letters
PLAIN_FENCE = re.compile(r"^`{3,} *(?:python|ipython3)\b", re.M)

every_chapter = pytest.mark.parametrize(
    "chapter", chapters(), ids=lambda path: path.relative_to(ROOT / "book").with_suffix("").as_posix()
)


@pytest.mark.slow
@every_chapter
def test_chapter_runs(chapter: Path) -> None:
    notebook = executed(chapter)
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []
    assert [text for text in map(plain_text, outputs) if RAW.search(text)] == []


@pytest.mark.slow
@every_chapter
def test_figures_have_alternative_text(chapter: Path) -> None:
    silent = [
        cell.source
        for cell in code_cells(executed(chapter))
        if any({"image/png", "image/svg+xml"} & set(output.get("data", {})) for output in cell.outputs)
        and len(cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")) < 20
    ]
    assert silent == []


@pytest.mark.slow
@every_chapter
def test_figures_can_be_read_on_a_phone(chapter: Path) -> None:
    outputs = [output for cell in code_cells(executed(chapter)) for output in cell.outputs]
    widths = [
        output.metadata["image/png"]["width"] for output in outputs if "image/png" in output.get("data", {})
    ]
    smallest = STYLE["font.size"] * STYLE["figure.dpi"] / 72  # where a figure is as wide as its page, or less
    assert [width for width in widths if smallest * min(1, PHONE / width) < READABLE] == []


@each("path", [*chapters(), *sorted((ROOT / "mme" / "plots").glob("*.py"))], ids=lambda path: path.stem)
def test_no_text_in_a_figure_is_smaller_than_the_style_says(path: Path) -> None:
    sizes = FONT.findall(path.read_text(encoding="utf-8"))
    small = [size for size in sizes if (size.isdigit() and int(size) < STYLE["font.size"]) or "small" in size]
    assert small == []


@pytest.mark.slow
@every_chapter
def test_cells_are_short(chapter: Path) -> None:
    """Visible ones; the others may have half as many lines more."""
    long = [
        cell.source
        for cell in code_cells(executed(chapter))
        if cell.source.count("\n") >= (30 if HIDDEN & set(cell.metadata.get("tags", [])) else 20)
    ]
    assert long == []


@pytest.mark.slow
@every_chapter
def test_certified_checks_see_a_change_in_the_fortieth_digit(chapter: Path) -> None:
    checks = [record for record in records(executed(chapter)) if record.level == "certified"]
    wide = [each for each in checks if each.details["largest_difference"] > 1e-50]
    assert wide + [each for each in checks if each.details.get("digits", 50) < 50] == []


@each("chapter", chapters(), ids=lambda path: path.stem)
def test_chapters_are_notebooks_with_solutions(chapter: Path) -> None:
    assert_habits(chapter)


def assert_habits(chapter: Path) -> None:
    text = chapter.read_text(encoding="utf-8")
    assert HEADER.match(text)  # without it the build shows the cells and does not execute them
    exercises = EXERCISE.findall(text)
    assert sorted(exercises) == sorted(SOLUTION.findall(text))
    assert exercises or chapter.parent.name not in PARTS


def test_chapter_that_the_recipes_write_keeps_the_habits(tmp_path: Path) -> None:
    recipes = code_cells(jupytext.read(ROOT / "book" / "recipes.md"))
    folder = tmp_path / "dln"  # where the recipe puts it
    folder.mkdir()
    scope: dict[str, Any] = {"run": folder}
    exec("\n".join(cell.source for cell in recipes if "fence" in cell.source), scope)
    written = scope["path"]
    assert_habits(written)
    assert [cell.source.splitlines()[-1] for cell in code_cells(jupytext.read(written))] == [
        'orbit_volume([3.0], depth=2, field="C")'
    ]


@each("chapter", chapters(), ids=lambda path: path.stem)
def test_theorems_have_proofs_or_say_that_they_are_cited(chapter: Path) -> None:
    boxes = [*BOXES.finditer(chapter.read_text(encoding="utf-8"))]
    kinds = [*(box["kind"] for box in boxes), "end"]
    bare = [box["title"] for box, after in zip(boxes, kinds[1:], strict=True) if not is_settled(box, after)]
    assert bare == []


def is_settled(box: re.Match[str], after: str) -> bool:
    return box["kind"] not in CLAIMS or after == "proof" or box["title"].endswith("(cited)")


def test_theorems_without_proofs_are_found() -> None:
    titles = ("lemma} One", "proof}", "theorem} Two", "remark} Three")
    boxes = [*BOXES.finditer("".join(f"```{{prf:{title}\n```\n" for title in titles))]
    kinds = [box["kind"] for box in boxes]
    assert [is_settled(*each) for each in zip(boxes, [*kinds[1:], "end"], strict=True)] == [
        True, True, False, True,
    ]  # fmt: skip


@each("page", pages(), ids=lambda path: path.stem)
def test_numbers_of_equations_are_links(page: Path) -> None:
    assert UNLINKED.findall(prose(page.read_text(encoding="utf-8"))) == []


def test_unlinked_numbers_are_found() -> None:
    page = "By (1.2), {ref}`(1.3) <a>`, $f(2.0)$, (4.7) of the\npaper.\n```{code-cell} x\n%s\nf(2.5)\n```\n"
    caption = '---\nmystnb:\n  figure:\n    name: fig\n    caption: "One\n      (1.4)"\n    alt: (9.9)\n---'
    assert UNLINKED.findall(prose(page % caption)) == ["(1.2)", "(1.4)"]


def prose(text: str) -> str:
    """Return the words of a page and the captions of its figures, without code, formulas and roles."""
    return FORMULA.sub("", CODE.sub(lambda code: "\n".join(CAPTION.findall(code[0])), text))


def test_every_page_is_in_the_table_of_contents() -> None:
    written = {path for path in (ROOT / "book").rglob("*.md") if not path.parent.name.startswith("_")}
    assert written == set(pages())


@pytest.mark.slow
def test_no_cell_escapes_execution() -> None:
    texts = {page: page.read_text(encoding="utf-8") for page in pages()}
    assert [page for page, text in texts.items() if PLAIN_FENCE.search(text) and CELL not in text] == []
    assert chapters(), f"no page has a {CELL}"
    # A cell inside another block, such as a solution, is text to the notebook and never runs.
    written = {chapter: texts[chapter].count(CELL) for chapter in chapters()}
    read = {chapter: len(code_cells(jupytext.read(chapter))) for chapter in written}
    assert written == read


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def plain_text(output: NotebookNode) -> str:
    """What the page would show as text: a richer form of the same output goes first."""
    if output.output_type == "stream":
        return str(output.text)
    data = output.get("data", {})
    return "" if RICH & set(data) else str(data.get("text/plain", ""))
