"""What was checked of each statement, read from the chapters as they were executed.

While Sphinx reads a chapter, the records in its executed notebook go into the environment, which Sphinx
keeps from build to build just as it keeps the chapters. Pages that show evidence are written anew in every
build, from placeholders; nothing in them is written by hand.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

from docutils import nodes
from executed_notebooks import executed_notebook
from ledger import LEDGER, Ledger, Statement, load
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode

from mme.evidence import LEVELS, Evidence, records

__all__ = ["MAKERS", "Page", "Placeholder", "Records", "evidence_node", "reading_order", "setup", "summary"]

logger = logging.getLogger(__name__)


class evidence_node(nodes.General, nodes.Element):
    """Stands in a page until all chapters have been read; its ``part`` is a key of `MAKERS`."""


class Placeholder(SphinxDirective):
    """A directive that becomes what its maker in `MAKERS` makes, after all chapters have been read."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Put the placeholder into the page."""
        self.env.note_dependency(str(LEDGER))
        _pages(self.env).setdefault(self.env.docname, set()).add(self.name)
        return [evidence_node(part=self.name, of="".join(self.arguments))]


# --- reading ------------------------------------------------------------------------------------------


def _checks(env: Any) -> dict[str, list[dict[str, Any]]]:
    """Records of each chapter, by its name."""
    if not hasattr(env, "mme_checks"):
        env.mme_checks = {}
    return env.mme_checks  # type: ignore[no-any-return]


def _pages(env: Any) -> dict[str, set[str]]:
    """Pages that show evidence, with the directives by which they do."""
    if not hasattr(env, "mme_evidence_pages"):
        env.mme_evidence_pages = {}
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
    _pages(env).pop(docname, None)


def _merge(app: Any, env: Any, docnames: list[str], other: Any) -> None:
    _checks(env).update({name: found for name, found in _checks(other).items() if name in docnames})
    _pages(env).update({name: parts for name, parts in _pages(other).items() if name in docnames})


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
    return sorted(_pages(env).keys() & env.found_docs)


def reading_order(env: Any, docname: str | None = None) -> Iterator[str]:
    """Names of all pages as the sidebar has them."""
    docname = docname or env.config.root_doc
    yield docname
    for below in env.toctree_includes.get(docname, ()):
        yield from reading_order(env, below)


# --- all of it ----------------------------------------------------------------------------------------


class Records:
    """The ledger, and what was checked of each of its statements."""

    def __init__(self, env: Any) -> None:
        self.env = env
        self.ledger: Ledger = load()
        self.boxes: dict[str, Any] = getattr(env, "proof_list", {})
        self.checks: dict[str, list[tuple[str, Evidence]]] = {}
        for chapter, found in sorted(_checks(env).items()):
            for entry in found:
                self.checks.setdefault(entry["statement"], []).append((chapter, Evidence.from_dict(entry)))
        self.users: dict[str, list[str]] = {name: [] for name in self.ledger.statements}
        for statement in self.ledger.statements.values():
            for used in statement.uses:
                self.users[used].append(statement.id)

    def page_with(self, directive: str) -> str | None:
        """Return the page that has a directive, if one has."""
        return next((page for page, parts in _pages(self.env).items() if directive in parts), None)

    def levels(self, name: str) -> dict[str, int]:
        """How many checks a statement has of each level, the strongest first."""
        count = Counter(record.level for _, record in self.checks.get(name, ()))
        return {level: count[level] for level in LEVELS if count[level]}

    def strongest(self, name: str) -> str:
        """The strongest level of a statement's checks; nothing where there are none."""
        return next(iter(self.levels(name)), "")

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
        labels = self.env.get_domain("std").anonlabels
        if statement.label in labels:
            return labels[statement.label]  # type: ignore[no-any-return]
        chapter = statement.chapter
        return (chapter, "") if chapter in self.env.found_docs and chapter else None


def _rank(library: str) -> tuple[bool, bool, str]:
    return library != "python", library != "mme", library


def summary(found: list[Evidence]) -> dict[str, Any]:
    """Return the numbers of all checks of one statement together; None where no check has such a number."""

    def told(name: str, level: str) -> list[Any]:
        return [record.details[name] for record in found if record.level == level and name in record.details]

    numeric = [record.details for record in found if record.level == "numeric"]
    shares = [each["largest_error"] / each["tolerance"] if each["tolerance"] else 0.0 for each in numeric]
    differences = [value for value in told("largest_difference", "certified") if value]
    versions: dict[str, set[str]] = {}
    for library, version in chain.from_iterable(record.versions.items() for record in found):
        versions.setdefault(library, set()).add(version)
    return {
        "checks": len(found),
        "levels": {level: count for level in LEVELS if (count := sum(r.level == level for r in found))},
        "error_to_tolerance": max(shares, default=None),
        "certified_digits": math.floor(-math.log10(max(differences))) if differences else None,
        "largest_z": max(map(abs, told("z", "statistical")), default=None),
        "seconds": round(sum(record.seconds for record in found), 3),
        "seeds": sorted({seed for seed in told("seed", "statistical") if seed is not None}),
        "versions": {name: sorted(versions[name]) for name in sorted(versions, key=_rank)},
    }


# --- writing ------------------------------------------------------------------------------------------


class Page(Records):
    """Makes links in one page for one builder."""

    def __init__(self, app: Any, docname: str) -> None:
        super().__init__(app.env)
        self.builder, self.docname = app.builder, docname
        self.in_html = app.builder.format == "html"

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
        text = nodes.inline("", words)
        page = self.page_with(directive)
        return make_refnode(self.builder, self.docname, page, anchor, text) if page else text

    def address(self, statement: Statement) -> str:
        """Return the address of the statement's box as seen from this page; empty while there is none."""
        if (place := self.place(statement)) is None:
            return ""
        page = self.builder.get_relative_uri(self.docname, place[0])
        return f"{page}#{place[1]}" if place[1] else str(page)


MAKERS: dict[str, Callable[[Page, str], list[nodes.Node]]] = {}


def _resolve(app: Any, doctree: nodes.document, docname: str) -> None:
    placeholders = list(doctree.findall(evidence_node))
    if not placeholders:
        return
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
