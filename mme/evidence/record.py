"""What a check leaves behind: one record, one line for the page, one JSON object for machines."""

from __future__ import annotations

import platform
import re
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mme import __version__
from mme.arguments import choice, of_type, shown, text
from mme.errors import InputError
from mme.result import plain

__all__ = [
    "LEVELS", "MIME_TYPE", "SCHEMA_VERSION", "CheckFailed", "Evidence", "Verdict", "made", "records",
    "spoken",
]  # fmt: skip

MIME_TYPE = "application/vnd.mme.evidence+json"  #: Under which a notebook holds the record of a check.
SCHEMA_VERSION = 2  #: The version of the layout of that record, which `Evidence.from_dict` asks for.
#: How a claim is checked, strongest first.
LEVELS = ("machine-checked", "proved", "certified", "numeric", "statistical")
LIBRARIES = ("numpy", "scipy", "sympy", "mpmath", "flint", "torch")  # named where they are loaded
_clock = [time.process_time()]


@dataclass(frozen=True)
class Verdict:
    """What a level found: whether the claim holds, its numbers, and a clause for page or error."""

    passed: bool
    summary: str
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Evidence:
    """The record of one check.

    Attributes
    ----------
    statement : str
        The statement's id in the ledger, such as ``"definition-5"`` or ``"lemma-5.1"``.
    claim : str
        What was checked, in words; may be empty.
    level : {"machine-checked", "proved", "certified", "numeric", "statistical"}
        How strong the check is. The first comes from a proof assistant, and no method of a `Check` gives it.
    passed : bool
        Always True in a notebook: a check that fails raises `CheckFailed`.
    summary : str
        The numbers in one clause, for people.
    details : dict
        The same numbers by name, for machines; which ones depends on the level.
    anchor : str
        Where the line stands in its page; empty when it was not shown in a page.
    seconds : float
        Processor time since the check before it in the same program, so that they add up to the whole.
    versions : dict
        Of Python, this package, and the numerical libraries that were loaded.

    Examples
    --------
    >>> record = Evidence("lemma-5.1", "the recurrence holds", "proved", True, "the difference is 0")
    >>> print(record)
    ✓ Lemma 5.1 · proved · the recurrence holds — the difference is 0
    >>> Evidence.from_dict(record.to_dict()) == record
    True
    """

    statement: str
    claim: str
    level: str
    passed: bool
    summary: str
    details: Mapping[str, Any] = field(default_factory=dict)
    anchor: str = ""
    seconds: float = 0.0
    versions: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        parts = [f"{'✓' if self.passed else '✗'} {spoken(self.statement)}", self.level, self.claim]
        return f"{' · '.join(part for part in parts if part)} — {self.summary}"

    def __repr__(self) -> str:
        return f"<{self}>"

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as JSON knows them, and the ``version`` of this layout."""
        entry = {"version": SCHEMA_VERSION} | {name: getattr(self, name) for name in FIELDS}
        return entry | {"details": plain(self.details), "versions": dict(self.versions)}

    @classmethod
    def from_dict(cls, entry: Mapping[str, Any]) -> Evidence:
        """Return the record of an `entry`, which must have this version, all fields and a known level."""
        version = entry.get("version") if isinstance(entry, Mapping) else None
        if version != SCHEMA_VERSION:
            raise InputError(f"entry must be a record of version {SCHEMA_VERSION}, not {shown(version)}.")
        try:
            record = cls(**{name: entry[name] for name in FIELDS})
        except KeyError as missing:
            raise InputError(f"entry must have the field {missing}, which this record lacks.") from None
        choice("level", record.level, LEVELS)
        return record


def made() -> dict[str, Any]:
    """Return the `seconds` and the `versions` of a check that is made now."""
    before, _clock[0] = _clock[0], time.process_time()
    loaded = {name: str(sys.modules[name].__version__) for name in LIBRARIES if name in sys.modules}
    versions = {"python": platform.python_version(), "mme": __version__} | loaded
    return {"seconds": round(_clock[0] - before, 3), "versions": versions}


FIELDS = tuple(Evidence.__dataclass_fields__)


class CheckFailed(AssertionError):
    """A claim does not hold; the message is one sentence that says by how much.

    Attributes
    ----------
    record : Evidence
        What was found, with ``passed`` False.
    """

    def __init__(self, record: Evidence) -> None:
        self.record = of_type("record", record, Evidence, "an Evidence")
        claim = f"the claim '{record.claim}'" if record.claim else "the claim"
        name = spoken(record.statement)
        super().__init__(f"{name}: {claim} does not hold ({record.level}): {record.summary}.")


def spoken(statement: str) -> str:
    """Return the id of a `statement` as a reader would say it.

    Examples
    --------
    >>> spoken("proposition-1.3"), spoken("haar-trace")
    ('Proposition 1.3', 'Haar trace')
    """
    numbered = re.fullmatch(r"([a-z]+)-(\d+(?:\.\d+)*)", text("statement", statement))
    if numbered:
        return f"{numbered[1].capitalize()} {numbered[2]}"
    words = statement.replace("-", " ")
    return words[:1].upper() + words[1:]


def records(notebook: Mapping[str, Any]) -> Iterator[Evidence]:
    """Yield the records that an executed notebook holds, in the order of its cells.

    Parameters
    ----------
    notebook : mapping
        A notebook as `nbformat` or `json` reads it.

    Examples
    --------
    >>> list(records({"cells": [{"cell_type": "markdown", "source": "no checks here"}]}))
    []
    """
    cells = notebook.get("cells") if isinstance(notebook, Mapping) else None
    if not isinstance(cells, list | tuple):
        raise InputError("notebook must be a mapping with a list of cells, as nbformat reads it.")
    for cell in cells:
        for output in cell.get("outputs", ()):
            entry = output.get("data", {}).get(MIME_TYPE)
            if entry is not None:
                yield Evidence.from_dict(entry)
