"""The ledger: what the papers and this book state, where each is treated, and what it rests on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

from mme.evidence.check import IDENTIFIER

ROOT = Path(__file__).resolve().parents[2]
LEDGER = ROOT / "book" / "statements.yml"
KINDS = (
    "definition", "theorem", "proposition", "lemma", "corollary", "remark", "observation", "figure", "table",
)  # fmt: skip
STATES = ("open", "finished")
REQUIRED = {"id", "paper", "kind", "title", "status"}


class LedgerError(ValueError):
    """The ledger contradicts itself; the message says where."""


@dataclass(frozen=True)
class Statement:
    """One line of the ledger.

    Attributes
    ----------
    id : str
        What a check names; the box in the chapter has it as its label, with hyphens for dots.
    paper : str
        A key of the ledger's ``papers``.
    kind : str
        One of `KINDS`.
    title : str
        In words.
    status : {"open", "finished"}
        Finished statements have a box in their chapter and at least one check.
    number : str
        The paper's number; empty for our own.
    chapter : str or None
        The chapter's name from the root of the book, such as ``book/ensembles/layers``.
    uses : tuple of str
        The statements on which this one rests: those that its wording or its proof appeals to.
    """

    id: str
    paper: str
    kind: str
    title: str
    status: str
    number: str = ""
    chapter: str | None = None
    uses: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The label of the box in the chapter."""
        return self.id.replace(".", "-")

    @property
    def name(self) -> str:
        """How a reader calls it: ``Lemma 5.1``; our own go by their kind."""
        return f"{self.kind.capitalize()} {self.number}".strip()


@dataclass(frozen=True)
class Ledger:
    """All statements, in the order of the papers."""

    papers: dict[str, str]
    statements: dict[str, Statement] = field(default_factory=dict)

    def of(self, paper: str) -> list[Statement]:
        """Return the statements of one paper."""
        return [statement for statement in self.statements.values() if statement.paper == paper]


def load(path: Path = LEDGER) -> Ledger:
    """Read the ledger and refuse one that contradicts itself.

    Raises
    ------
    LedgerError
        For a missing or unknown entry, an id that occurs twice, a statement that is used but not there,
        statements that rest on each other in a circle, and a finished statement without a chapter.
    """
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict) or set(content) != {"papers", "statements"}:
        raise LedgerError("the ledger must have exactly the entries 'papers' and 'statements'")
    statements: dict[str, Statement] = {}
    for entry in content["statements"]:
        statement = _statement(entry, content["papers"])
        if statement.id in statements:
            raise LedgerError(f"{statement.id} occurs twice")
        statements[statement.id] = statement
    _check_uses(statements.values(), statements)
    return Ledger(content["papers"], statements)


def _statement(entry: Mapping[str, Any], papers: Mapping[str, Any]) -> Statement:
    name = entry.get("id")
    if not isinstance(name, str) or not IDENTIFIER.fullmatch(name):
        raise LedgerError(f"{name!r}: an id is made of words and numbers in lower case, joined by hyphens")
    fields = set(Statement.__dataclass_fields__)
    if odd := set(entry) - fields or REQUIRED - set(entry):
        raise LedgerError(
            f"{name}: {', '.join(sorted(odd))} {'is unknown' if odd - fields else 'is missing'}"
        )
    statement = Statement(**{**entry, "uses": tuple(entry.get("uses", ()))})
    for what, known in (("paper", papers), ("kind", KINDS), ("status", STATES)):
        if getattr(statement, what) not in known:
            raise LedgerError(f"{name}: {what} must be one of {', '.join(known)}, not {entry[what]!r}")
    if not all(isinstance(text, str) for text in (statement.number, statement.title)) or not statement.title:
        raise LedgerError(f"{name}: number and title must be text, and the title must not be empty")
    if statement.number and statement.id != f"{statement.kind}-{statement.number}":
        raise LedgerError(f"{name}: the id must be {statement.kind}-{statement.number}")
    if statement.status == "finished" and not statement.chapter:
        raise LedgerError(f"{name}: it is finished, so it must name its chapter")
    return statement


def _check_uses(all_of_them: Iterable[Statement], known: Mapping[str, Statement]) -> None:
    graph = {statement.id: statement.uses for statement in all_of_them}
    for name, uses in graph.items():
        for used in uses:
            if used not in known:
                raise LedgerError(f"{name}: it uses {used}, which is not in the ledger")
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        raise LedgerError(f"these rest on each other in a circle: {' → '.join(circle.args[1])}") from None
