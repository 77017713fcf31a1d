"""The ledger is complete and sound, and the chapters keep what it says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from execute_once import ROOT
from ledger import LEDGER, LedgerError, Statement, load

from mme.evidence import records
from tests.chapters import chapters, executed
from tests.each import each

STATEMENTS = load().statements
FINISHED = [entry for entry in STATEMENTS.values() if entry.status == "finished"]
NUMBERED = {
    "conjugate": "definition 1 2 3 4 5 6, figure 1 2 3 4, table 1",
    "entropy": (
        "theorem 1.1, remark 1.2, proposition 1.3, remark 1.4, proposition 2.1 2.2, lemma 3.1 3.2, "
        "corollary 3.3, lemma 4.1 4.2, proposition 4.3, lemma 5.1, proposition 5.2, corollary 5.3, "
        "proposition 5.4, lemma 5.5"
    ),
}
BOX = r"^(?P<fence>[`:]{{3,}})\{{prf:{kind}\}}.*\n(?::(?!label).*\n)*:label: {label}$"
ELSEWHERE = r"^(?:\({label}\)=|:(?:label|name): {label}|\s+name: {label})$"  # figures and tables

ANY_BOX = re.compile(r"^(?P<fence>[`:]{3,})\{prf:(?P<kind>\w+)\}.*?^(?P=fence)$", re.M | re.S)
NAMED = re.compile(r"^:label: (\S+)$", re.M)
EQUATION = re.compile(r"^\((eq-\S+)\)=$|\$\$ \((eq-\S+)\)$", re.M)  # where one is labelled
REFERENCE = re.compile(r"\{(?:prf:ref|ref|eq)\}`(?:[^`<]*<)?([^`>]+)>?`")  # to a box or an equation

every_finished = pytest.mark.parametrize("statement", FINISHED, ids=lambda statement: statement.id)
every_chapter = pytest.mark.parametrize(
    "chapter", chapters(), ids=lambda path: path.relative_to(ROOT / "book").with_suffix("").as_posix()
)


def text_of(chapter: str | None) -> str:
    path = ROOT / f"{chapter}.md"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def has_box(statement: Statement, text: str) -> bool:
    if statement.label not in text:  # which is told sooner than by a pattern
        return False
    pattern = ELSEWHERE if statement.kind in ("figure", "table") else BOX
    return bool(re.search(pattern.format(kind=statement.kind, label=re.escape(statement.label)), text, re.M))


@pytest.mark.parametrize("paper", NUMBERED)
def test_every_numbered_statement_is_there(paper: str) -> None:
    expected = []
    for group in NUMBERED[paper].split(", "):
        kind, *numbers = group.split()
        expected += [f"{kind}-{number}" for number in numbers]
    assert [entry.id for entry in STATEMENTS.values() if entry.paper == paper] == expected


def test_main_theorem_rests_on_the_whole_proof() -> None:
    def rests_on(name: str) -> set[str]:
        return {name}.union(*(rests_on(used) for used in STATEMENTS[name].uses))

    proof = {name for name, entry in STATEMENTS.items() if entry.paper == "entropy"}
    aside = {"remark-1.2", "proposition-1.3", "remark-1.4", "lemma-5.5"}
    assert rests_on("theorem-1.1") & proof == proof - aside
    assert "lemma-5.5" in rests_on("proposition-1.3")
    assert "definition-4" in rests_on("definition-6")


@each("statement", FINISHED, ids=lambda statement: statement.id)
def test_finished_statements_have_their_box(statement: Statement) -> None:
    assert has_box(statement, text_of(statement.chapter)), f"no box with the label {statement.label}"


@pytest.mark.slow
@every_finished
def test_finished_statements_are_checked(statement: Statement) -> None:
    naming = [chapter for chapter in chapters() if statement.id in chapter.read_text(encoding="utf-8")]
    found = [record for chapter in naming for record in records(executed(chapter))]
    assert [record.claim for record in found if record.statement == statement.id and record.passed]


@pytest.mark.slow
@every_chapter
def test_checks_name_statements_of_the_ledger(chapter: Path) -> None:
    found = list(records(executed(chapter)))
    assert {record.statement for record in found} <= set(STATEMENTS)
    assert all(record.passed and record.anchor for record in found)
    assert len({record.anchor for record in found}) == len(found)


@each("chapter", chapters(), ids=lambda path: path.stem)
def test_labels_of_papers_stand_in_the_right_chapter(chapter: Path) -> None:
    text, here = chapter.read_text(encoding="utf-8"), chapter.relative_to(ROOT).with_suffix("").as_posix()
    assert [
        entry.id
        for entry in STATEMENTS.values()
        if has_box(entry, text) and entry.chapter not in (here, None)
    ] == []


def references(texts: dict[str, str]) -> dict[str, set[str]]:
    """Which statements each one appeals to by a link, in its box or in the proofs that follow it."""
    owners: dict[str, str] = {entry.label: entry.id for entry in STATEMENTS.values()}
    written: dict[str, str] = {}
    for text in texts.values():
        name = None
        for box in ANY_BOX.finditer(text):
            if box["kind"] != "proof":
                label = NAMED.search(box[0])
                name = owners.get(label[1]) if label else None
                labels = EQUATION.findall(box[0]) if name else []
                owners.update({one or other: str(name) for one, other in labels})
            if name:
                written[name] = written.get(name, "") + box[0]
    found = {name: set(map(owners.get, REFERENCE.findall(text))) for name, text in written.items()}
    return {name: {used for used in uses if used} - {name} for name, uses in found.items()}


def test_proofs_appeal_to_what_the_ledger_says() -> None:
    found = references({str(page): page.read_text(encoding="utf-8") for page in chapters()})
    assert {name: missing for name in found if (missing := found[name] - set(STATEMENTS[name].uses))} == {}
    assert "lemma-5.1" in found["proposition-5.2"]  # a link to a box
    assert "theorem-1.1" in found["proposition-1.3"]  # a link to an equation in a box


def test_boxes_are_found_as_chapters_write_them() -> None:
    lemma, figure = STATEMENTS["lemma-5.1"], STATEMENTS["figure-1"]
    assert has_box(lemma, "Text\n\n```{prf:lemma} Chebyshev\n:label: lemma-5-1\n\nText.\n```\n")
    assert has_box(lemma, "::::{prf:lemma}\n:class: wide\n:label: lemma-5-1\n")
    assert not has_box(lemma, "```{prf:lemma}\n:label: lemma-5-10\n")
    assert not has_box(lemma, "```{prf:theorem}\n:label: lemma-5-1\n")
    assert not has_box(lemma, "see {prf:ref}`lemma-5-1`")
    assert has_box(figure, "mystnb:\n  figure:\n    name: figure-1\n")


# --- what the ledger refuses ----------------------------------------------------------------------------


def edited(tmp_path: Path, edit: Callable[[dict[str, Any]], object]) -> Path:
    content = yaml.safe_load(LEDGER.read_text(encoding="utf-8"))
    edit(content)
    path = tmp_path / "statements.yml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def entry(content: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(item for item in content["statements"] if item["id"] == name)
    return found


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (lambda c: c.pop("papers"), "exactly the entries"),
        (lambda c: entry(c, "lemma-5.1").update(id="lemma-5.2"), "the id must be lemma-5.1"),
        (lambda c: entry(c, "lemma-5.1").update(id="Lemma 5.1"), "an id is made of"),
        (lambda c: entry(c, "lemma-5.1").update(number=5.1), "number and title must be text"),
        (lambda c: entry(c, "lemma-5.1").update(title=""), "the title must not be empty"),
        (lambda c: entry(c, "lemma-5.1").update(kind="guess"), "kind must be one of"),
        (lambda c: entry(c, "lemma-5.1").update(status="nearly"), "status must be one of"),
        (lambda c: entry(c, "lemma-5.1").update(paper="third"), "paper must be one of"),
        (lambda c: entry(c, "lemma-5.1").update(colour="blue"), "colour is unknown"),
        (lambda c: entry(c, "lemma-5.1").pop("title"), "title is missing"),
        (lambda c: entry(c, "figure-1").pop("chapter"), "must name its chapter"),
        (
            lambda c: entry(c, "lemma-5.1").update(uses=["lemma-9.9"]),
            "uses lemma-9.9, which is not in the ledger",
        ),
        (lambda c: entry(c, "lemma-5.1").update(uses=["lemma-5.1"]), "in a circle"),
        (lambda c: entry(c, "lemma-5.1").update(uses=["theorem-1.1"]), "in a circle"),
        (lambda c: c["statements"].append(entry(c, "lemma-5.1")), "occurs twice"),
    ],
)
@pytest.mark.slow
def test_unsound_ledgers_are_refused(
    tmp_path: Path, edit: Callable[[dict[str, Any]], object], why: str
) -> None:
    with pytest.raises(LedgerError, match=why):
        load(edited(tmp_path, edit))


@pytest.mark.slow
def test_sound_ledgers_are_read(tmp_path: Path) -> None:
    def ours(content: dict[str, Any]) -> None:
        new = {"id": "new-one", "paper": "ours", "kind": "remark", "title": "New", "status": "open"}
        content["statements"].append(new)

    assert load(edited(tmp_path, ours)).statements["new-one"].name == "Remark"
    assert STATEMENTS["lemma-5.1"].name == "Lemma 5.1"
    assert STATEMENTS["lemma-5.1"].label == "lemma-5-1"


def test_bibliography_shows_what_it_says() -> None:
    # the pages show titles as text, so a formula between dollars would stand there with its dollars
    entries = (ROOT / "book" / "references.bib").read_text(encoding="utf-8")
    assert re.findall(r"^.*\$.*$", entries, re.M) == []
    keys = re.findall(r"^@\w+\{(\S+),$", entries, re.M)
    assert len(keys) == len(set(keys)) > 40
