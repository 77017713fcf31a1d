"""The page of evidence: every statement with its checks, made from the chapters as they were executed.

While Sphinx reads a chapter, the records in its executed notebook go into the environment, which Sphinx
keeps from build to build just as it keeps the chapters. The page itself is resolved and written anew in
every build. Nothing in it is written by hand.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from executed_notebooks import executed_notebook
from ledger import LEDGER, Ledger, Statement, load
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode

from mme.evidence import LEVELS, Evidence, records

logger = logging.getLogger(__name__)

DOWNLOAD = "evidence.json"


class evidence_node(nodes.General, nodes.Element):
    """Stands in the page until all chapters have been read."""


class EvidenceTable(SphinxDirective):
    """``{evidence-table} <paper>``: the statements of one paper of the ledger, with their checks."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Put the placeholder into the page."""
        papers = load().papers
        if self.arguments[0] not in papers:
            raise self.error(f"the papers of the ledger are {', '.join(papers)}, not {self.arguments[0]}")
        return _placeholder(self, part="table", paper=self.arguments[0])


class EvidenceSummary(SphinxDirective):
    """``{evidence-summary}``: how many statements and checks there are, and the same as a file."""

    def run(self) -> list[nodes.Node]:
        """Put the placeholder into the page."""
        return _placeholder(self, part="summary")


class StatementIndex(SphinxDirective):
    """``{statement-index}``: the boxes of all chapters, each with its number, its title and its evidence."""

    def run(self) -> list[nodes.Node]:
        """Put the placeholder into the page."""
        return _placeholder(self, part="index")


def _placeholder(directive: SphinxDirective, **attributes: str) -> list[nodes.Node]:
    directive.env.note_dependency(str(LEDGER))
    _pages(directive.env).add(directive.env.docname)
    return [evidence_node(**attributes)]


# --- reading ------------------------------------------------------------------------------------------


def _checks(env: Any) -> dict[str, list[dict[str, Any]]]:
    """Records of each chapter, by its name."""
    if not hasattr(env, "mme_checks"):
        env.mme_checks = {}
    return env.mme_checks  # type: ignore[no-any-return]


def _pages(env: Any) -> set[str]:
    """Pages that show evidence."""
    if not hasattr(env, "mme_evidence_pages"):
        env.mme_evidence_pages = set()
    return env.mme_evidence_pages  # type: ignore[no-any-return]


def _collect(app: Any, doctree: nodes.document) -> None:
    env = app.env
    notebook = executed_notebook(app, env.docname)
    if notebook is None:
        return
    found = [record.to_dict() for record in records(json.loads(notebook.read_text(encoding="utf-8")))]
    if found:
        _checks(env)[env.docname] = found


def _purge(app: Any, env: Any, docname: str) -> None:
    _checks(env).pop(docname, None)
    _pages(env).discard(docname)


def _merge(app: Any, env: Any, docnames: list[str], other: Any) -> None:
    _checks(env).update({name: found for name, found in _checks(other).items() if name in docnames})
    _pages(env).update(_pages(other) & set(docnames))


def _always(app: Any, env: Any) -> list[str]:
    """Name the pages to write in every build, and warn of what the ledger and the chapters disagree on."""
    ledger, checks = load(), _checks(env)
    for docname, found in checks.items():
        for record in found:
            if record["statement"] not in ledger.statements:
                text = f"a check names {record['statement']}, which is not in the ledger"
                logger.warning(text, location=docname, type="evidence", subtype="unknown")
    checked = {record["statement"] for found in checks.values() for record in found}
    for statement in ledger.statements.values():
        finished = statement.status == "finished" and statement.chapter in env.found_docs
        if finished and statement.id not in checked:
            text = f"{statement.id} is finished, but no chapter checks it"
            logger.warning(text, location=statement.chapter, type="evidence", subtype="missing")
    return sorted(_pages(env) & env.found_docs)


def _reading_order(env: Any, docname: str | None = None) -> Iterator[str]:
    """Names of all pages as the sidebar has them."""
    docname = docname or env.config.root_doc
    yield docname
    for below in env.toctree_includes.get(docname, ()):
        yield from _reading_order(env, below)


# --- writing ------------------------------------------------------------------------------------------


class Page:
    """Makes the nodes of one page for one builder."""

    def __init__(self, app: Any, docname: str) -> None:
        self.env, self.builder, self.docname = app.env, app.builder, docname
        self.ledger: Ledger = load()
        self.checks: dict[str, list[tuple[str, Evidence]]] = {}
        for chapter, found in sorted(_checks(app.env).items()):
            for entry in found:
                self.checks.setdefault(entry["statement"], []).append((chapter, Evidence.from_dict(entry)))

    def summary(self) -> list[nodes.Node]:
        """Count statements and checks in one sentence."""
        known = self.ledger.statements
        checked = sum(name in self.checks for name in known)
        levels = Counter(record.level for name in known for _, record in self.checks.get(name, ()))
        split = ", ".join(f"{levels[level]} {level}" for level in LEVELS)
        text = (
            f"Of {len(known)} statements {checked} are checked so far, by {levels.total()} checks: {split}. "
            f"Still open: {sum(statement.status == 'open' for statement in known.values())}."
        )
        paragraph = nodes.paragraph("", text, classes=["mme-evidence-summary"])
        if self.builder.format == "html":
            paragraph += [
                nodes.Text(" "),
                nodes.reference("", "All of it as JSON", refuri=DOWNLOAD),
                nodes.Text("."),
            ]
        return [paragraph]

    def table(self, paper: str) -> list[nodes.Node]:
        """List the statements of one paper, each with its checks."""
        items = nodes.definition_list(classes=["mme-statements"])
        for statement in self.ledger.of(paper):
            items += self.statement(statement)
        return [items]

    def statement(self, statement: Statement) -> nodes.Node:
        """One statement: its number, its title, and what was checked."""
        checks = self.checks.get(statement.id, [])
        term, body = nodes.term(), nodes.definition()
        term += self.link_to_box(statement, nodes.strong("", self.name(statement)))
        term += nodes.Text(f" {statement.title}")
        waiting = "still open" if statement.status == "open" else "" if checks else "no check was found"
        if waiting:
            term["classes"].append("mme-waiting")
            term += nodes.inline("", f" · {waiting}", classes=["mme-state"])
        if checks:
            items = [self.check(statement, *found) for found in checks]
            body += nodes.bullet_list("", *items, classes=["mme-checks"])
        return nodes.definition_list_item("", term, body)

    def check(self, statement: Statement, chapter: str, record: Evidence) -> nodes.Node:
        """One check: how strong it is, what it claims, and its numbers."""
        link = nodes.reference("", record.claim or "the statement as it stands", internal=True)
        link["refuri"] = self.builder.get_relative_uri(self.docname, chapter)
        if self.builder.format == "html" and record.anchor:
            link["refuri"] += f"#{record.anchor}"
        level = nodes.inline("", record.level, classes=["mme-level", f"mme-evidence--{record.level}"])
        elsewhere = (
            "" if chapter == statement.chapter else f", in the chapter “{self.env.titles[chapter].astext()}”"
        )
        result = nodes.inline("", record.summary + elsewhere, classes=["mme-result"])
        paragraph = nodes.paragraph("", "", level, nodes.Text(" "), link, nodes.Text(" — "), result)
        return nodes.list_item("", paragraph)

    def index(self) -> list[nodes.Node]:
        """List the ledger's statements that have a box, chapter by chapter, in the order of the book."""
        chapters: dict[str, list[Statement]] = {}
        for statement in self.ledger.statements.values():
            if box := getattr(self.env, "proof_list", {}).get(statement.label):
                chapters.setdefault(box["docname"], []).append(statement)
        shown: list[nodes.Node] = []
        for docname in sorted(chapters, key=list(_reading_order(self.env)).index):
            title = self.env.titles[docname].astext()
            shown.append(nodes.rubric("", title))
            items = nodes.bullet_list("", classes=["mme-index"])
            for statement in chapters[docname]:
                text = self.link_to_box(statement, nodes.strong("", self.name(statement)))
                line = nodes.paragraph("", "", text, nodes.Text(f" {statement.title}"))
                levels = Counter(record.level for _, record in self.checks.get(statement.id, ()))
                for level in filter(levels.get, LEVELS):
                    line += nodes.Text(" · ")
                    line += nodes.inline("", f"{levels[level]} {level}", classes=["mme-state"])
                items += nodes.list_item("", line)
            shown.append(items)
        return shown

    def name(self, statement: Statement) -> str:
        """Call a statement as its box does: ours have the number of the box."""
        box = getattr(self.env, "proof_list", {}).get(statement.label)
        if statement.number or not box:
            return statement.name
        boxes = self.env.toc_fignumbers.get(box["docname"], {}).get(box["countertype"], {})
        return f"{statement.name} {'.'.join(map(str, boxes.get(statement.label, ())))}".strip()

    def link_to_box(self, statement: Statement, text: nodes.Element) -> nodes.Node:
        """Link to the statement's box, or to its chapter, or to nothing while there is none."""
        box = getattr(self.env, "proof_list", {}).get(statement.label)
        labels = self.env.get_domain("std").anonlabels
        if box:
            return make_refnode(self.builder, self.docname, box["docname"], statement.label, text)
        if statement.label in labels:
            docname, target = labels[statement.label]
            return make_refnode(self.builder, self.docname, docname, target, text)
        if statement.chapter and statement.chapter in self.env.found_docs:
            return make_refnode(self.builder, self.docname, statement.chapter, "", text)
        return text

    def as_json(self) -> dict[str, Any]:
        """Everything in the page, for machines."""
        return {
            "papers": self.ledger.papers,
            "statements": [
                {
                    **{name: getattr(statement, name) for name in Statement.__dataclass_fields__},
                    "checks": [
                        {"chapter": chapter, **record.to_dict()}
                        for chapter, record in self.checks.get(statement.id, [])
                    ],
                }
                for statement in self.ledger.statements.values()
            ],
        }


def _resolve(app: Any, doctree: nodes.document, docname: str) -> None:
    placeholders = list(doctree.findall(evidence_node))
    if not placeholders:
        return
    page = Page(app, docname)
    for placeholder in placeholders:
        made = {"summary": page.summary, "index": page.index}.get(placeholder["part"])
        placeholder.replace_self(made() if made else page.table(placeholder["paper"]))


def _write_download(app: Any, exception: Exception | None) -> None:
    if exception or app.builder.format != "html":
        return
    for docname in _pages(app.env):
        target = Path(app.builder.get_outfilename(docname)).with_name(DOWNLOAD)
        beside = target.with_suffix(".part")
        text = json.dumps(Page(app, docname).as_json(), indent=1, ensure_ascii=False, allow_nan=False)
        beside.write_text(text + "\n", encoding="utf-8")
        os.replace(beside, target)


def _known_output(app: Any, config: Any) -> None:
    # myst-nb warns of outputs that it cannot show; a record comes with a line that it can.
    config.suppress_warnings = [*config.suppress_warnings, "mystnb.unknown_mime_type"]


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    for needed in ("executed_notebooks", "statement_numbers"):
        app.setup_extension(needed)
    app.add_node(evidence_node)
    app.add_directive("evidence-table", EvidenceTable)
    app.add_directive("evidence-summary", EvidenceSummary)
    app.add_directive("statement-index", StatementIndex)
    app.add_css_file("reference.css")
    app.connect("config-inited", _known_output)
    app.connect("doctree-read", _collect)
    app.connect("env-purge-doc", _purge)
    app.connect("env-merge-info", _merge)
    app.connect("env-get-updated", _always)
    app.connect("doctree-resolved", _resolve)
    app.connect("build-finished", _write_download)
    return {"version": "1", "env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
