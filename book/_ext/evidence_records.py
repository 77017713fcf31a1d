"""What was checked of each statement, read from the chapters as they were executed.

While Sphinx reads a chapter, the records in its executed notebook go into the environment, which Sphinx
keeps from build to build just as it keeps the chapters. Pages that show evidence are written anew in every
build, from placeholders; nothing in them is written by hand.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from docutils import nodes
from executed_notebooks import executed_notebook
from ledger import LEDGER, Ledger, Statement, load
from machine_proofs import machine_proofs
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode

from mme.evidence import LEVELS, Evidence, records

__all__ = ["MAKERS", "Page", "add_maker", "evidence_node", "reading_order", "setup", "summary"]

logger = logging.getLogger(__name__)
MAKERS: dict[str, Callable[[Page, str], list[nodes.Node]]] = {}


class evidence_node(nodes.General, nodes.Element):
    """Stands in a page until all chapters have been read; its ``part`` is a key of `MAKERS`."""


class Placeholder(SphinxDirective):
    """A directive that becomes what its maker in `MAKERS` makes, after all chapters have been read."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Put the placeholder into the page."""
        self.env.note_dependency(str(LEDGER))
        _kept(self.env, "pages").setdefault(self.env.docname, []).append(self.name)
        return [evidence_node(part=self.name, of="".join(self.arguments))]


def add_maker(app: Any, directive: str, maker: Callable[[Page, str], list[nodes.Node]]) -> None:
    """Let a directive stand for what a function makes of the page and the directive's argument."""
    MAKERS[directive] = maker
    app.add_directive(directive, Placeholder)


def _kept(env: Any, what: str) -> dict[str, list[Any]]:
    """Records of each chapter ("checks"), or the directives of each page that shows some ("pages")."""
    if not hasattr(env, "mme_evidence"):
        env.mme_evidence = {"checks": {}, "pages": {}}
    return env.mme_evidence[what]  # type: ignore[no-any-return]


def _collect(app: Any, doctree: nodes.document) -> None:
    notebook = executed_notebook(app, app.env.docname)
    text = "{}" if notebook is None else notebook.read_text(encoding="utf-8")
    if found := [record.to_dict() for record in records({"cells": [], **json.loads(text)})]:
        _kept(app.env, "checks")[app.env.docname] = found


def _purge(app: Any, env: Any, docname: str) -> None:
    for what in ("checks", "pages"):
        _kept(env, what).pop(docname, None)


def _merge(app: Any, env: Any, docnames: list[str], other: Any) -> None:
    for what in ("checks", "pages"):
        found = _kept(other, what).items()
        _kept(env, what).update({name: kept for name, kept in found if name in docnames})


def _always(app: Any, env: Any) -> list[str]:
    """Name the pages to write in every build, and warn of what the ledger and the chapters disagree on."""
    ledger, checks = load(), _kept(env, "checks")
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
    return sorted(_kept(env, "pages").keys() & env.found_docs)


def reading_order(env: Any, docname: str | None = None) -> Iterator[str]:
    """Names of all pages as the sidebar has them."""
    docname = docname or env.config.root_doc
    yield docname
    for below in env.toctree_includes.get(docname, ()):
        yield from reading_order(env, below)


class Page:
    """The ledger and what was checked of each of its statements, with links as one page needs them.

    A machine proof counts as a check if it is of a whole statement and was checked on this machine; others
    are in `unseen`.
    """

    def __init__(self, app: Any, docname: str = "") -> None:
        self.env, self.builder, self.docname = app.env, app.builder, docname
        self.ledger: Ledger = load()
        self.boxes: dict[str, Any] = getattr(app.env, "proof_list", {})
        self.checks, self.unseen = _Found(list), _Found(list)
        self.users: dict[str, list[str]] = {name: [] for name in self.ledger.statements}
        for statement in self.ledger.statements.values():
            for used in statement.uses:
                self.users[used].append(statement.id)
        self.where, theorems = machine_proofs()
        for theorem in theorems:
            counts = not theorem["part"] and self.where.startswith("checked on this machine")
            (self.checks if counts else self.unseen)[theorem["statement"]].append(self._proof(theorem))
        for chapter, entries in sorted(_kept(app.env, "checks").items()):
            for entry in entries:
                self.checks[entry["statement"]].append((chapter, Evidence.from_dict(entry)))

    def _proof(self, theorem: dict[str, Any]) -> tuple[str, Evidence]:
        statement = self.ledger.statements[theorem["statement"]]
        claim = (
            f"{theorem['theorem']} in proofs/{theorem['file']}, {theorem['part'] or 'the whole statement'}"
        )
        details = {name: theorem[name] for name in ("theorem", "file", "part", "assumptions")}
        said = f"{theorem['assumptions']}; {self.where}"
        at = f"machine-{statement.label}"
        return str(statement.chapter), Evidence(statement.id, claim, LEVELS[0], True, said, details, at)

    def page_with(self, directive: str) -> str | None:
        """Return the page that has a directive, if one has."""
        pages = _kept(self.env, "pages").items()
        return next((page for page, directives in pages if directive in directives), None)

    def levels(self, name: str) -> dict[str, int]:
        """How many checks a statement has of each level, the strongest first."""
        count = Counter(record.level for _, record in self.checks[name])
        return {level: count[level] for level in LEVELS if count[level]}

    def strongest(self, name: str) -> str:
        """The strongest level of a statement's checks; nothing where there are none."""
        return next(iter(self.levels(name)), "")

    def elsewhere(self, name: str) -> bool:
        """Whether the whole statement is machine-checked, but not on this machine."""
        return any(not record.details["part"] for _, record in self.unseen[name])

    def name(self, statement: Statement) -> str:
        """Call a statement as its box does: ours have the number of the box."""
        box = self.boxes.get(statement.label)
        if statement.number or not box:
            return statement.name
        numbers = self.env.toc_fignumbers.get(box["docname"], {}).get(box["countertype"], {})
        return f"{statement.name} {'.'.join(map(str, numbers.get(statement.label, ())))}".strip()

    def place(self, statement: Statement) -> tuple[str, str] | None:
        """Return page and anchor of a statement's box, or its chapter alone, or None while there is none."""
        if box := self.boxes.get(statement.label):
            return box["docname"], statement.label
        here = (str(statement.chapter), "") if statement.chapter in self.env.found_docs else None
        return self.env.get_domain("std").anonlabels.get(statement.label, here)  # type: ignore[no-any-return]

    def link(self, statement: Statement, text: nodes.Element | None = None) -> nodes.Node:
        """Link to the statement's box, or to its chapter, or to nothing while there is none."""
        text = nodes.inline("", self.name(statement)) if text is None else text
        place = self.place(statement)
        return make_refnode(self.builder, self.docname, *place, text) if place else text

    def listed(self, names: Iterable[str]) -> list[nodes.Node]:
        """Link to several statements, with commas between them."""
        links = [self.link(self.ledger.statements[name]) for name in names]
        return [node for link in links for node in (nodes.Text(", "), link)][1:]

    def link_to(self, directive: str, anchor: str, words: str) -> nodes.Node:
        """Link to an anchor of the page that has a directive; plain words where no page has it."""
        text, page = nodes.inline("", words), self.page_with(directive)
        return make_refnode(self.builder, self.docname, page, anchor, text) if page else text


_Found = defaultdict[str, list[tuple[str, Evidence]]]


def summary(found: Iterable[tuple[str, Evidence]]) -> dict[str, Any]:
    """Return the numbers of all checks of one statement together; None where no check has such a number."""
    every = [record for _, record in found]

    def told(name: str, level: str) -> list[Any]:
        return [record.details[name] for record in every if record.level == level and name in record.details]

    pairs = zip(told("largest_error", "numeric"), told("tolerance", "numeric"), strict=True)
    versions = sorted({pair for record in every for pair in record.versions.items()})
    return {
        "checks": len(every),
        "levels": {level: count for level in LEVELS if (count := sum(r.level == level for r in every))},
        "error_to_tolerance": max(
            (error / allowed if allowed else 0.0 for error, allowed in pairs), default=None
        ),
        "certified_digits": min(told("digits", "certified"), default=None),
        "largest_z": max(map(abs, told("z", "statistical")), default=None),
        "seconds": round(sum(record.seconds for record in every), 3),
        "seeds": sorted({seed for seed in told("seed", "statistical") if seed is not None}),
        "versions": [f"{library} {version}" for library, version in versions],
    }


def _resolve(app: Any, doctree: nodes.document, docname: str) -> None:
    placeholders = list(doctree.findall(evidence_node))
    if placeholders:
        page = Page(app, docname)
    for placeholder in placeholders:
        placeholder.replace_self(MAKERS[placeholder["part"]](page, placeholder["of"]))


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    for needed in ("executed_notebooks", "statement_numbers"):
        app.setup_extension(needed)
    app.add_node(evidence_node)
    app.connect("doctree-read", _collect)
    app.connect("env-purge-doc", _purge)
    app.connect("env-merge-info", _merge)
    app.connect("env-get-updated", _always)
    app.connect("doctree-resolved", _resolve)
    return {"version": "1", "env_version": 2, "parallel_read_safe": True, "parallel_write_safe": True}
