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
from evidence_records import Page, add_maker, summary
from formulas import hashed
from ledger import ROOT, Statement

from mme.cli.evidence import SCHEMA
from mme.evidence import LEVELS, Evidence

__all__ = ["as_json", "setup"]

DOWNLOAD = "evidence.json"
SCORE = ROOT / "tests" / "mutation" / "score.json"
COLUMNS = (
    "statement", "strongest", "checks", "error ÷ tolerance", "certified digits", "largest |z|", "seconds",
    "seeds", "made with",
)  # fmt: skip
NONE = "–"


def _summary(page: Page, _: str) -> list[nodes.Node]:
    """Count statements and checks in one sentence."""
    known = page.ledger.statements
    levels = Counter(record.level for name in known for _, record in page.checks[name])
    text = (
        f"Of {len(known)} statements {sum(bool(page.checks[name]) for name in known)} are checked so far, by "
        f"{levels.total()} checks: {', '.join(f'{levels[level]} {level}' for level in LEVELS)}. "
        f"Still open: {sum(statement.status == 'open' for statement in known.values())}. "
        f"Machine proofs: {page.where or 'none that belong to these sources'}."
    )
    paragraph = nodes.paragraph("", text, classes=["mme-evidence-summary"])
    if page.builder.format == "html":
        link = nodes.reference("", "All of it as JSON", refuri=DOWNLOAD, classes=["mme-download"])
        paragraph += [nodes.Text(" "), link, nodes.Text(".")]
    return [paragraph]


def _letters(page: Page) -> dict[str, str]:
    """Give a letter to each set of versions that the checks of a statement were made with."""
    made = (", ".join(summary(page.checks[name])["versions"]) for name in page.ledger.statements)
    return dict(zip(dict.fromkeys(filter(None, made)), ascii_lowercase, strict=False))


def _versions(page: Page, _: str) -> list[nodes.Node]:
    """List the sets of versions by the letters that the tables have."""
    lines = (nodes.paragraph("", f"{letter}: {made}.") for made, letter in _letters(page).items())
    return [nodes.bullet_list("", *(nodes.list_item("", line) for line in lines), classes=["mme-index"])]


def _mutation(page: Page, _: str) -> list[nodes.Node]:
    """Say how many faults put into the formulas were noticed."""
    if (score := _score()) is None:
        return [nodes.paragraph("", "No score is there yet: python run.py mutants makes one.")]
    both, alone, by = score["everything"], score["chapters"], ""
    if not both["run"]:
        both, by = score["tests"], " by the tests"
    if not both["run"]:
        return [nodes.paragraph("", "The last run was not finished.")]
    low, high = (f"{100 * end:.1f}" for end in both["interval"])
    text = (
        f"Of {both['run']} single faults, of {score['faults']} possible ones, {both['alive'] or 'none'} went "
        f"unnoticed{by}: {100 * both['rate']:.1f} %, with the 95 % interval from {low} to {high} %. "
    )
    if alone["run"]:
        low, high = (f"{100 - 100 * end:.1f}" for end in reversed(alone["interval"]))
        text += (
            f"The chapters alone noticed {100 - 100 * alone['rate']:.1f} % of the first {alone['run']} "
            f"(interval from {low} to {high} %). "
        )
    else:
        text += "The chapters were not run alone. "
    if like := score["equivalent"]:
        text += f"Another {like} {'change' if like > 1 else 'changes'} nothing that could be noticed. "
    if score.get("left_out"):
        text += f"Left out of the run: {'; '.join(score['left_out'])}. "
    of = "these sources" if score["sources"] == hashed(ROOT) else "sources that have changed since"
    text += f"The run is of {score['date']}, and of {of}."
    return [nodes.paragraph("", text)]


def _score() -> dict[str, Any] | None:
    return json.loads(SCORE.read_text(encoding="utf-8")) if SCORE.is_file() else None


def _table(page: Page, paper: str) -> list[nodes.Node]:
    """One row for each statement of a paper, and below it each with its checks."""
    letters = _letters(page)
    head, body = nodes.thead("", _row(COLUMNS)), nodes.tbody()
    for statement in page.ledger.of(paper):
        told = summary(page.checks[statement.id])
        name = nodes.paragraph("", "", page.link(statement, nodes.strong("", page.name(statement))))
        name += nodes.inline("", f" {statement.title}", classes=["mme-state"])
        count = page.link_to("evidence-table", f"checks-{statement.label}", str(told["checks"]))
        numbers = (("error_to_tolerance", ".2g"), ("certified_digits", "d"), ("largest_z", ".1f"))
        body += _row(
            (
                name,
                page.strongest(statement.id) or NONE,
                nodes.paragraph("", "", count),
                *(NONE if told[each] is None else format(told[each], form) for each, form in numbers),
                f"{told['seconds']:.1f}",
                ", ".join(map(str, told["seeds"])) or NONE,
                letters.get(", ".join(told["versions"]), NONE),
            )
        )
    group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in COLUMNS), head, body, cols=len(COLUMNS))
    items = nodes.definition_list(classes=["mme-statements"])
    items += [_statement(page, statement) for statement in page.ledger.of(paper)]
    return [nodes.table("", group, classes=["mme-numbers"]), nodes.rubric("", "Check by check"), items]


def _row(cells: Iterable[str | nodes.Element]) -> nodes.row:
    made = (nodes.paragraph("", cell) if isinstance(cell, str) else cell for cell in cells)
    return nodes.row("", *(nodes.entry("", cell) for cell in made))


def _statement(page: Page, statement: Statement) -> nodes.Node:
    """One statement: its number, its title, and what was checked."""
    checks = page.checks[statement.id]
    term, body = nodes.term(ids=[f"checks-{statement.label}"]), nodes.definition()
    term += page.link(statement, nodes.strong("", page.name(statement)))
    term += nodes.Text(f" {statement.title}")
    waiting = "still open" if statement.status == "open" else "" if checks else "no check was found"
    if waiting:
        term["classes"].append("mme-waiting")
        term += nodes.inline("", f" · {waiting}", classes=["mme-state"])
    items = [_check(page, statement, *found, pale=True) for found in page.unseen[statement.id]]
    items += [_check(page, statement, *found) for found in checks]
    body += [nodes.bullet_list("", *items, classes=["mme-checks"])] if items else []
    return nodes.definition_list_item("", term, body)


def _check(
    page: Page, statement: Statement, chapter: str, record: Evidence, pale: bool = False
) -> nodes.Node:
    """One check: how strong it is, what it claims, and its numbers; pale where it counts for nothing."""
    link = nodes.reference("", record.claim or "the statement as it stands", internal=True)
    link["refuri"] = page.builder.get_relative_uri(page.docname, chapter)
    if page.builder.format == "html" and record.anchor:
        link["refuri"] += f"#{record.anchor}"
    looks = ["mme-level", *([] if pale else [f"mme-evidence--{record.level}"])]
    elsewhere = (
        "" if chapter == statement.chapter else f", in the chapter “{page.env.titles[chapter].astext()}”"
    )
    level = nodes.inline("", record.level, classes=looks)
    result = nodes.inline("", record.summary + elsewhere, classes=["mme-result"])
    paragraph = nodes.paragraph("", "", level, nodes.Text(" "), link, nodes.Text(" — "), result)
    return nodes.list_item("", paragraph)


def as_json(page: Page) -> dict[str, Any]:
    """Everything in the page, for machines; the page of evidence says what the entries mean."""
    statements = [
        {
            **{name: getattr(statement, name) for name in Statement.__dataclass_fields__},
            "name": page.name(statement),
            "used_by": page.users[statement.id],
            "strongest": page.strongest(statement.id),
            "summary": summary(page.checks[statement.id]),
            **{
                kind: [{"chapter": chapter, **record.to_dict()} for chapter, record in found[statement.id]]
                for kind, found in (("checks", page.checks), ("proofs_that_do_not_count", page.unseen))
            },
        }
        for statement in page.ledger.statements.values()
    ]
    book = {"schema": SCHEMA, "levels": LEVELS, "papers": page.ledger.papers, "proofs": page.where}
    return book | {"mutation": _score(), "statements": statements}


def _write_download(app: Any, exception: Exception | None) -> None:
    if exception or app.builder.format != "html":
        return
    page = Page(app)
    if (docname := page.page_with("evidence-summary")) is None:
        return
    text = json.dumps(as_json(page), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    target = Path(app.builder.get_outfilename(docname)).with_name(DOWNLOAD)
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
    makers = {"summary": _summary, "table": _table, "versions": _versions, "mutation": _mutation}
    for name, maker in makers.items():
        add_maker(app, f"evidence-{name}", maker)
    app.add_css_file("reference.css")
    app.connect("config-inited", _known_output)
    app.connect("build-finished", _write_download)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
