"""The book in print: what goes to TeX, and what is said where TeX fails or is not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pandas as pd
import printed
import pytest
from docutils import nodes
from docutils.utils import new_document
from sphinx_proof.nodes import proof_node

from book import printing


def book(*children: nodes.Node) -> tuple[nodes.document, nodes.section]:
    root = nodes.section("", nodes.title("", "The book"), *children)
    tree = new_document("book")
    tree += root
    return tree, root


def chapters(*names: str) -> nodes.compound:
    return nodes.compound("", *(nodes.section("", nodes.title("", name)) for name in names),
                          classes=["toctree-wrapper"])  # fmt: skip


def test_parts_come_from_the_captions() -> None:
    lists = chapters("Notation"), chapters("One", "Two"), chapters("API")
    _, root = book(nodes.paragraph("", "Hello."), *lists)
    printed.into_parts(root, [(None, False), ("Part I. Ensembles", True), ("Reference", False)])
    children = cast(Any, root)
    told = [child.astext() if isinstance(child, nodes.raw) else child[0].astext() for child in children]
    assert told == [
        "The book",
        "\\setcounter{secnumdepth}{-1}\n",
        "About this book",
        "Notation",
        "\\setcounter{secnumdepth}{2}\\part{Ensembles}\n",
        "One",
        "\\setcounter{secnumdepth}{-1}\\part*{Reference}\\addcontentsline{toc}{part}{Reference}\n",
        "API",
    ]
    assert root[2][-1].astext() == "Hello."


def test_folded_code_goes_and_what_it_prints_stays() -> None:
    code, output = nodes.container(classes=["cell_input"]), nodes.container("", nodes.Text("3"))
    shown = nodes.container("", nodes.container(classes=["cell_input"]), classes=["cell"])
    tree, _ = book(nodes.container("", code, output, classes=["cell"], hide_mode="input"), shown)
    printed.fold(tree)
    assert code not in tree.findall(nodes.container)
    assert output in tree.findall(nodes.container)
    assert len(shown.children) == 1


def test_a_proof_is_text_with_a_square_and_definitions_of_a_machine_proof_go() -> None:
    text = nodes.section("", nodes.paragraph("", "Clear."))
    proof = proof_node("", nodes.admonition("", text, classes=["proof"]))
    machine = nodes.admonition("", nodes.paragraph("", "Theorem."), nodes.paragraph("", "Here"),
                               nodes.literal_block("", "Definition"), nodes.paragraph("", "Checked."),
                               classes=["mme-machine"])  # fmt: skip
    tree, root = book(proof, machine)
    printed.proofs_in_text(tree)
    assert [type(child) for child in root][1:3] == [nodes.paragraph, nodes.raw]
    assert r"\square" in root[2].astext()
    assert machine.astext() == "Theorem.\n\nChecked."


def test_a_table_in_html_is_a_table() -> None:
    styler = pd.DataFrame({"a": [1.5], "b": ["x y"]}, index=["first"]).style.format(precision=2)
    found = printed.table(styler.to_html())
    rows = [[cell.astext() for cell in cast(Any, row)] for row in found.findall(nodes.row)]
    assert rows == [["", "a", "b"], ["first", "1.50", "x y"]]
    assert len(next(found.findall(nodes.thead))) == 1
    wide = printed.table('<table><tr><th colspan="2">ab</th></tr><tr><td>1</td><td>2</td></tr></table>')
    assert next(wide.findall(nodes.entry))["morecols"] == 1
    assert next(wide.findall(nodes.tgroup))["cols"] == 2
    deep = '<table><tr><th rowspan="2">a</th><td>1</td></tr><tr><td>2</td></tr><tr><td>3</td></tr></table>'
    rows = [[cell.astext() for cell in cast(Any, row)] for row in printed.table(deep).findall(nodes.row)]
    assert rows == [["a", "1"], ["", "2"], ["3", ""]]


@pytest.mark.parametrize(("tex", "alone"), [(r"a = b \tag{1.1}", True), ("a = b", False)])
def test_a_tag_stands_outside_split(tex: str, alone: bool) -> None:
    formula = nodes.math_block(tex, tex, nowrap=False)
    printed.tags_outside(book(formula)[0])
    assert formula["nowrap"] is alone
    assert formula.astext() == (f"\\begin{{equation*}}\n{tex}\n\\end{{equation*}}" if alone else tex)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printing.shutil, "which", lambda name: None if name == "latexmk" else name)
    assert printing.tex_lacks().startswith("The PDF needs latexmk; on Debian and Ubuntu: apt install ")
    monkeypatch.setattr(printing.shutil, "which", lambda name: name)
    heros = "TeX Gyre Heros"
    monkeypatch.setattr(printing, "_told", lambda *command: "" if "mathpazo.sty" in command else heros)
    assert printing.tex_lacks().startswith(
        "The PDF needs mathpazo.sty, the font TeX Gyre Pagella, the font DejaVu Sans Mono; "
    )
    monkeypatch.setattr(printing, "_told", lambda *command: ", ".join(printing.FONTS))
    assert printing.tex_lacks() == ""


@pytest.mark.parametrize(
    ("log", "status", "said"),
    [
        ("fine\n", 0, "The book is printed"),
        ("Missing character: There is no ₁ in font\n", 0, "Missing character: There is no ₁"),
        ("! Undefined control sequence.\n", 1, "! Undefined control sequence."),
    ],
)
def test_what_tex_cannot_print_is_an_error(
    log: str, status: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def latexmk(command: list[str], **_: Any) -> Any:
        (tmp_path / f"{printing.NAME}.log").write_text(log, encoding="utf-8")
        return type("Done", (), {"returncode": status})

    monkeypatch.setattr(printing.subprocess, "run", latexmk)
    assert printing.print_book(tmp_path) == int(log != "fine\n")
    assert said in capsys.readouterr().out
