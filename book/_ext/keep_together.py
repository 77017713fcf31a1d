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
    """Wrap each formula, with the punctuation that touches it, into an element that does not break."""
    for formula in list(tree.findall(nodes.math)):
        parent, place = formula.parent, formula.parent.index(formula)
        together = nodes.inline(classes=["keep-together"])
        before = parent[place - 1] if place else None
        after = parent[place + 1] if place + 1 < len(parent) else None
        parent.replace(formula, together)
        if isinstance(before, nodes.Text) and (found := OPENING.search(before)):
            parent.replace(before, nodes.Text(before[: found.start()]))
            together += nodes.Text(found.group())
        together += formula
        if isinstance(after, nodes.Text) and (found := CLOSING.match(after)):
            parent.replace(after, nodes.Text(after[found.end() :]))
            together += nodes.Text(found.group())


def _resolved(app: Any, doctree: nodes.document, docname: str) -> None:
    if app.builder.format == "html":
        keep_together(doctree)


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("doctree-resolved", _resolved)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
