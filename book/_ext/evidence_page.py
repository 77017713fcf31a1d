"""The page of evidence: every statement with its checks, and the same as a file for machines."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from string import ascii_lowercase
from typing import Any

from docutils import nodes
from evidence_records import MAKERS, Page, Placeholder, Records, reading_order, summary
from ledger import Statement

from mme.cli.evidence import SCHEMA
from mme.evidence import LEVELS, Evidence

__all__ = ["as_json", "setup"]

DOWNLOAD = "evidence.json"
COLUMNS = (
    "statement", "strongest", "checks", "error ÷ tolerance", "certified digits", "largest |z|", "seconds",
    "seeds", "made with",
)  # fmt: skip
NONE = "–"


def _summary(page: Page, _: str) -> list[nodes.Node]:
    """Count statements and checks in one sentence."""
    known = page.ledger.statements
    checked = sum(name in page.checks for name in known)
    levels = Counter(record.level for name in known for _, record in page.checks.get(name, ()))
    split = ", ".join(f"{levels[level]} {level}" for level in LEVELS if level != "machine-checked")
    text = (
        f"Of {len(known)} statements {checked} are checked so far, by {levels.total()} checks: {split}. "
        f"Still open: {sum(statement.status == 'open' for statement in known.values())}."
    )
    paragraph = nodes.paragraph("", text, classes=["mme-evidence-summary"])
    if page.in_html:
        link = nodes.reference("", "All of it as JSON", refuri=DOWNLOAD, classes=["mme-download"])
        paragraph += [nodes.Text(" "), link, nodes.Text(".")]
    return [paragraph]


def _versions(page: Page) -> dict[str, str]:
    """Give a letter to each set of versions that the checks of a statement were made with."""
    made = (_made_with(page, name) for name in page.ledger.statements if name in page.checks)
    return dict(zip(dict.fromkeys(made), ascii_lowercase, strict=False))


def _made_with(page: Page, name: str) -> str:
    versions = summary([record for _, record in page.checks[name]])["versions"]
    return ", ".join(f"{library} {' and '.join(known)}" for library, known in versions.items())


def _made(page: Page, _: str) -> list[nodes.Node]:
    """List the sets of versions by the letters that the tables have."""
    return [nodes.paragraph("", f"{letter}: {made}.") for made, letter in _versions(page).items()]


def _table(page: Page, paper: str) -> list[nodes.Node]:
    """One row for each statement of a paper, and below it each with its checks."""
    letters = _versions(page)
    head, body = nodes.thead("", _row(COLUMNS)), nodes.tbody()
    for statement in page.ledger.of(paper):
        told = summary([record for _, record in page.checks.get(statement.id, [])])
        share, z = told["error_to_tolerance"], told["largest_z"]
        name = nodes.paragraph("", "", page.link(statement, nodes.strong("", page.name(statement))))
        name += nodes.inline("", f" {statement.title}", classes=["mme-state"])
        body += _row(
            (
                name,
                _strongest(page, statement),
                f"{told['checks']}",
                NONE if share is None else f"{share:.2g}",
                NONE if told["certified_digits"] is None else f"{told['certified_digits']}",
                NONE if z is None else f"{z:.1f}",
                f"{told['seconds']:.1f}",
                ", ".join(map(str, told["seeds"])) or NONE,
                letters[_made_with(page, statement.id)] if told["checks"] else NONE,
            )
        )
    group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in COLUMNS), head, body, cols=len(COLUMNS))
    items = nodes.definition_list(classes=["mme-statements"])
    items += [_statement(page, statement) for statement in page.ledger.of(paper)]
    return [nodes.table("", group, classes=["mme-numbers"]), nodes.rubric("", "Check by check"), items]


def _row(cells: Iterable[str | nodes.Element]) -> nodes.row:
    made = (nodes.paragraph("", cell) if isinstance(cell, str) else cell for cell in cells)
    return nodes.row("", *(nodes.entry("", cell) for cell in made))


def _strongest(page: Page, statement: Statement) -> str:
    return page.strongest(statement.id) or ("open" if statement.status == "open" else NONE)


def _statement(page: Page, statement: Statement) -> nodes.Node:
    """One statement: its number, its title, and what was checked."""
    checks = page.checks.get(statement.id, [])
    term, body = nodes.term(ids=[f"checks-{statement.label}"]), nodes.definition()
    term += page.link(statement, nodes.strong("", page.name(statement)))
    term += nodes.Text(f" {statement.title}")
    waiting = "still open" if statement.status == "open" else "" if checks else "no check was found"
    if waiting:
        term["classes"].append("mme-waiting")
        term += nodes.inline("", f" · {waiting}", classes=["mme-state"])
    if checks:
        items = [_check(page, statement, *found) for found in checks]
        body += nodes.bullet_list("", *items, classes=["mme-checks"])
    return nodes.definition_list_item("", term, body)


def _check(page: Page, statement: Statement, chapter: str, record: Evidence) -> nodes.Node:
    """One check: how strong it is, what it claims, and its numbers."""
    link = nodes.reference("", record.claim or "the statement as it stands", internal=True)
    link["refuri"] = page.builder.get_relative_uri(page.docname, chapter)
    if page.in_html and record.anchor:
        link["refuri"] += f"#{record.anchor}"
    level = nodes.inline("", record.level, classes=["mme-level", f"mme-evidence--{record.level}"])
    elsewhere = (
        "" if chapter == statement.chapter else f", in the chapter “{page.env.titles[chapter].astext()}”"
    )
    result = nodes.inline("", record.summary + elsewhere, classes=["mme-result"])
    paragraph = nodes.paragraph("", "", level, nodes.Text(" "), link, nodes.Text(" — "), result)
    return nodes.list_item("", paragraph)


def _index(page: Page, _: str) -> list[nodes.Node]:
    """List the ledger's statements that have a box, chapter by chapter, in the order of the book."""
    chapters: dict[str, list[Statement]] = {}
    for statement in page.ledger.statements.values():
        if box := page.boxes.get(statement.label):
            chapters.setdefault(box["docname"], []).append(statement)
    shown: list[nodes.Node] = []
    for docname in sorted(chapters, key=list(reading_order(page.env)).index):
        shown.append(nodes.rubric("", page.env.titles[docname].astext()))
        items = nodes.bullet_list("", classes=["mme-index"])
        for statement in chapters[docname]:
            text = page.link(statement, nodes.strong("", page.name(statement)))
            line = nodes.paragraph("", "", text, nodes.Text(f" {statement.title}"))
            for level, count in page.levels(statement.id).items():
                line += nodes.Text(" · ")
                line += nodes.inline("", f"{count} {level}", classes=["mme-state"])
            items += nodes.list_item("", line)
        shown.append(items)
    return shown


def as_json(found: Records) -> dict[str, Any]:
    """Everything in the page, for machines; the page of evidence says what the entries mean."""
    statements = []
    for statement in found.ledger.statements.values():
        checks = found.checks.get(statement.id, [])
        statements.append(
            {
                **{name: getattr(statement, name) for name in Statement.__dataclass_fields__},
                "name": found.name(statement),
                "used_by": found.users[statement.id],
                "strongest": found.strongest(statement.id),
                "summary": summary([record for _, record in checks]),
                "checks": [{"chapter": chapter, **record.to_dict()} for chapter, record in checks],
            }
        )
    return {"schema": SCHEMA, "levels": LEVELS, "papers": found.ledger.papers, "statements": statements}


def _write_download(app: Any, exception: Exception | None) -> None:
    if exception or app.builder.format != "html":
        return
    found = Records(app.env)
    if (page := found.page_with("evidence-summary")) is None:
        return
    text = json.dumps(as_json(found), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    target = Path(app.builder.get_outfilename(page)).with_name(DOWNLOAD)
    # A page opened from the disk may not read a file, but it may run a script beside it.
    script = f"saveNotebook({json.dumps(DOWNLOAD)}, {json.dumps(text)})\n"
    for path, content in ((target, text), (target.with_name(f"{DOWNLOAD}.js"), script)):
        beside = path.with_suffix(".part")
        beside.write_text(content, encoding="utf-8")
        os.replace(beside, path)


def _known_output(app: Any, config: Any) -> None:
    # myst-nb warns of outputs that it cannot show; a record comes with a line that it can.
    config.suppress_warnings = [*config.suppress_warnings, "mystnb.unknown_mime_type"]


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    app.setup_extension("evidence_records")
    made = {"summary": _summary, "table": _table, "versions": _made}
    MAKERS.update({f"evidence-{name}": maker for name, maker in made.items()} | {"statement-index": _index})
    for name in ("evidence-summary", "evidence-table", "evidence-versions", "statement-index"):
        app.add_directive(name, Placeholder)
    app.add_css_file("reference.css")
    app.connect("config-inited", _known_output)
    app.connect("build-finished", _write_download)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
