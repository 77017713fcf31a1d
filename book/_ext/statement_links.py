"""Say in each statement's box what it uses, what uses it and what checks it, in a quiet line of links.

The line is put in when a page is written, since checks and uses may come from other chapters; the notebooks
to download, which are made before, go without it.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from evidence_records import Page
from ledger import Statement, load

__all__ = ["setup"]

AFTER_THE_NOTEBOOKS = 450
EVIDENCE, GRAPH = "evidence-table", "statement-graph-chapters"


def line(page: Page, statement: Statement) -> nodes.Element:
    """Return the line beneath a statement: its uses, its users, its checks, and its place in the graph."""
    made = nodes.paragraph("", "", classes=["mme-links"])
    for word, names in (("Uses", statement.uses), ("Used by", page.users[statement.id])):
        made += [nodes.Text(f"{word} "), *page.listed(names), nodes.Text(". ")] if names else []
    levels = page.levels(statement.id)
    told = ", ".join(f"{count} {level}" for level, count in levels.items())
    made += nodes.Text("Checks: ")
    made += page.link_to(EVIDENCE, f"checks-{statement.label}", told or "none yet")
    made += nodes.Text(". ")
    made += page.link_to(GRAPH, f"graph-{str(statement.chapter).rpartition('/')[2]}", "Graph")
    made += nodes.Text(".")
    return made


def _resolved(app: Any, doctree: nodes.document, docname: str) -> None:
    labels = {statement.label: statement for statement in load().statements.values()}
    page: Page | None = None
    for box in list(doctree.findall(nodes.Element)):
        statement = labels.get(box.get("label") or (box.get("ids") or [""])[-1])
        if statement is None or statement.chapter != docname:
            continue
        page = page or Page(app, docname)
        if "proof" in box["classes"]:
            box += line(page, statement)
        elif isinstance(box, nodes.figure):
            box.parent.insert(box.parent.index(box) + 1, line(page, statement))


def _with_boxes(app: Any, env: Any) -> list[str]:
    """Name the chapters that have statements, in every build: others' uses and checks may have changed."""
    return sorted({str(entry.chapter) for entry in load().statements.values()} & env.found_docs)


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    app.setup_extension("evidence_records")
    app.connect("env-get-updated", _with_boxes)
    app.connect("doctree-resolved", _resolved, priority=AFTER_THE_NOTEBOOKS)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
