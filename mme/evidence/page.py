"""Show a record in a notebook: once, as one short line, with its JSON beside it."""

from __future__ import annotations

import dataclasses
import sys
from collections import Counter
from html import escape
from typing import Any

from mme.evidence.record import MIME_TYPE, Evidence, spoken

__all__ = ["ShownEvidence", "html", "show"]

_shown: Counter[str] = Counter()  # how often a statement was checked, so that each line has its own anchor


def html(record: Evidence) -> str:
    """Return the line as HTML, with classes to style it by."""
    claim = f' · <span class="mme-evidence__claim">{escape(record.claim)}</span>' if record.claim else ""
    anchor = f' id="{escape(record.anchor)}"' if record.anchor else ""
    looks, mark, says = (record.level, "✓", "holds") if record.passed else ("failed", "✗", "does not hold")
    return (
        f'<p class="mme-evidence mme-evidence--{looks}"{anchor}>'
        f'<span class="mme-evidence__mark" role="img" aria-label="{says}">{mark}</span> '
        f'<strong class="mme-evidence__statement">{escape(spoken(record.statement))}</strong> · '
        f'<span class="mme-evidence__level">{record.level}</span>{claim} — '
        f'<span class="mme-evidence__result">{escape(record.summary)}</span></p>'
    )


@dataclasses.dataclass(frozen=True, repr=False)
class ShownEvidence(Evidence):
    """A record that already stands in the page: it stays silent when its own cell would show it again."""

    cell: int = -1

    def _ipython_display_(self) -> None:
        shell = _shell()
        if shell is not None and shell.execution_count != self.cell:
            # Asked for again in a later cell: the line alone, for the record is already there.
            copy = dataclasses.replace(self, anchor="")
            shell.display_pub.publish({"text/plain": str(copy), "text/html": html(copy)})


def show(record: Evidence) -> Evidence:
    """Put a record into the page, and return it; outside a notebook only return it."""
    shell = _shell()
    if shell is None:
        return record
    _shown[record.statement] += 1
    anchor = f"check-{record.statement}-{_shown[record.statement]}".replace(".", "-")
    shown = ShownEvidence(**vars(record) | {"anchor": anchor}, cell=shell.execution_count)
    line = {"text/plain": str(shown), "text/html": html(shown)}
    shell.display_pub.publish(line | {MIME_TYPE: shown.to_dict()})
    return shown


def _shell() -> Any:
    # Looked up, never imported: outside a notebook IPython need not exist.
    module = sys.modules.get("IPython")
    return None if module is None else module.get_ipython()
