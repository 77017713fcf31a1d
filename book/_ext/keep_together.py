"""Keep a formula on one line with the comma that follows it and the bracket before it, a number with its %.

MathJax sets a formula as a block of its own, and browsers may break the line on both sides of it.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes

OPENING = re.compile(r"[(\[“‘]+$")
PER_CENT = re.compile(r"(?<=\d)\s(?=%)")
AS_IT_STANDS = (nodes.literal, nodes.math, nodes.FixedTextElement, nodes.raw)
AFTER_THE_RECORDS = 990  # which write of shares, too
CLOSING = re.compile(r"^[,.;:!?)\]”’]+")


def keep_together(tree: nodes.document) -> None:
    """Wrap each formula that touches punctuation, and the punctuation, so that no line breaks there."""
    for formula in list(tree.findall(nodes.math)):
        # By place, not by value: a text is equal to every other text of the same letters.
        parent = formula.parent
        place = next(number for number, child in enumerate(parent) if child is formula)
        before = parent[place - 1] if place else None
        after = parent[place + 1] if place + 1 < len(parent) else None
        pieces: list[nodes.Node] = [formula]
        if isinstance(after, nodes.Text) and (found := CLOSING.match(after)):
            parent[place + 1] = nodes.Text(after[found.end() :])
            pieces.append(nodes.Text(found.group()))
        if isinstance(before, nodes.Text) and (found := OPENING.search(before)):
            parent[place - 1] = nodes.Text(before[: found.start()])
            pieces.insert(0, nodes.Text(found.group()))
        if len(pieces) > 1:
            parent[place] = nodes.inline("", "", *pieces, classes=["keep-together"])


def keep_per_cent(tree: nodes.document) -> None:
    """Put a no-break space between each number and its per cent sign, but in code."""
    for text in list(tree.findall(nodes.Text)):
        if PER_CENT.search(text) and not isinstance(text.parent, AS_IT_STANDS):
            place = next(number for number, child in enumerate(text.parent) if child is text)
            text.parent[place] = nodes.Text(PER_CENT.sub("\xa0", text))


def _resolved(app: Any, doctree: nodes.document, docname: str) -> None:
    if app.builder.format == "html":
        keep_together(doctree)


def _per_cent(app: Any, doctree: nodes.document, docname: str) -> None:
    if app.builder.format == "html":
        keep_per_cent(doctree)


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("doctree-resolved", _resolved)
    app.connect("doctree-resolved", _per_cent, priority=AFTER_THE_RECORDS)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
