"""What a teacher needs of the ledger and the chapters: which chapter rests on which, and how long each is."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from evidence_records import Page, add_maker, reading_order
from execute_once import ROOT
from exercises import read, taught

__all__ = ["setup"]

RATE = 60  # words a minute: mathematics with pencil in hand
CODE = re.compile(r"^(`{3,})\{code-cell\}.*?^\1$", re.M | re.S)
AFTER = re.compile(r"^## Exercises$.*", re.M | re.S)
OUTSIDE = re.compile(
    r"^:::+\{dropdown\}.*?^:::+$|^---$.*?^---$|^(`{3,})\{(?:prf:)?proof\}.*?^\1$", re.M | re.S
)


def words(source: str) -> int:
    """Count the words of a chapter that all read: no code, no proofs, nothing from the exercises on.

    >>> words("## A title")
    3
    """
    return len(OUTSIDE.sub("", CODE.sub("", AFTER.sub("", source))).split())


def _needs(page: Page, part: str) -> list[nodes.Node]:
    """Return the table of one part: a row a chapter."""
    every = page.ledger.statements
    chapters = [str(path.relative_to(ROOT).with_suffix("")) for path in taught()]
    rows = []
    for docname in reading_order(page.env):
        if f"/{part}/" not in docname or docname not in chapters:
            continue
        own = [entry for entry in every.values() if entry.chapter == docname]
        needs = {every[used].chapter for entry in own for used in entry.uses} - {docname}
        source = (ROOT / f"{docname}.md").read_text(encoding="utf-8")
        exercises = read(ROOT / f"{docname}.md")
        code = sum(each.kind == "code" for each in exercises)
        rows.append(
            [
                _link(page, docname),
                _listed(page, [each for each in reading_order(page.env) if each in needs]),
                nodes.Text(f"{len(own)}"),
                nodes.Text(f"{words(source) / RATE:.0f}"),
                nodes.Text(f"{len(exercises)}, {code} with code"),
            ]
        )
    return [table(["chapter", "uses statements of", "statements", "minutes", "exercises"], rows)]


def _link(page: Page, docname: str) -> nodes.Node:
    uri = page.builder.get_relative_uri(page.docname, docname)
    return nodes.reference("", page.env.titles[docname].astext(), refuri=uri, internal=True)


def _listed(page: Page, docnames: list[str]) -> nodes.Node:
    """Return links to chapters, with commas."""
    line = nodes.inline()
    for number, docname in enumerate(docnames):
        line += [nodes.Text(", " * bool(number)), _link(page, docname)]
    return line if docnames else nodes.Text("no other")


def table(heads: list[str], rows: list[list[nodes.Node]]) -> nodes.table:
    """Return a table of these heads and rows."""
    group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in heads), cols=len(heads))
    head = nodes.row("", *(nodes.entry("", nodes.paragraph("", head)) for head in heads))
    group += nodes.thead("", head)
    made = [nodes.row("", *(nodes.entry("", nodes.paragraph("", "", each)) for each in row)) for row in rows]
    group += nodes.tbody("", *made)
    return nodes.table("", group)


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    for needed in ("evidence_records", "exercises"):
        app.setup_extension(needed)
    add_maker(app, "chapter-needs", _needs)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
