"""Keep a formula on one line with the comma that follows it, and with the bracket before it.

MathJax sets a formula as a block of its own, and browsers may break the line on both sides of it.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes

OPENING = re.compile(r"[(\[“‘]+$")
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


def _resolved(app: Any, doctree: nodes.document, docname: str) -> None:
    if app.builder.format == "html":
        keep_together(doctree)


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("doctree-resolved", _resolved)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
