"""Show beneath a statement's box what Coq has checked of it: the formal statement, read from the proofs.

The toggle is put in when a page is written, so that a page that Sphinx kept shows where its proofs were
checked last. The notebooks to download go without it.
"""

from __future__ import annotations

import sys
from itertools import chain
from typing import Any

from docutils import nodes
from ledger import ROOT, load

if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))

from proofs.check import state

__all__ = ["machine_proofs", "setup"]

AFTER_THE_NOTEBOOKS = 450
OVER_K = (
    "K stands for the real numbers, of which only this is used: that they are a field (fieldType), or an "
    "ordered one (realFieldType). That R, C and H are each a field_over K is proved in proofs/instances.v."
)


def machine_proofs() -> tuple[str, list[dict[str, Any]]]:
    """Say where the proofs were checked, and list their theorems; `proofs.check.state` has the details."""
    return state()


def toggle(label: str, where: str, theorems: list[dict[str, Any]]) -> nodes.Element:
    """Return the collapsed box with the theorems of one statement, and the definitions that they use."""
    whole = any(not theorem["part"] for theorem in theorems)
    title = "Machine-checked in Coq" if whole else "Machine-checked in Coq, in part"
    box = nodes.admonition("", nodes.title("", title), classes=["dropdown", "mme-machine"])
    box["ids"] = [f"machine-{label}"]
    for theorem in sorted(theorems, key=lambda theorem: bool(theorem["part"])):
        told = f"{theorem['part'] or 'The whole statement'}. {theorem['claim']}"
        place = [
            nodes.literal("", theorem["theorem"]),
            nodes.Text(" in "),
            nodes.literal("", f"proofs/{theorem['file']}"),
            nodes.Text(f": {theorem['assumptions'][0].lower()}{theorem['assumptions'][1:]}."),
        ]
        box += [nodes.paragraph("", told), code(theorem["formal"]), nodes.paragraph("", "", *place)]
    if used := dict.fromkeys(chain.from_iterable(theorem["definitions"] for theorem in theorems)):
        box += [nodes.paragraph("", "Here"), code("\n\n".join(used))]
    if any("field_over" in definition for definition in used):
        box += nodes.paragraph("", OVER_K)
    box += nodes.paragraph("", f"{where[0].upper()}{where[1:]}.")
    return box


def code(text: str) -> nodes.literal_block:
    """Return Coq's text as a block."""
    return nodes.literal_block(text, text, language="coq")


def _resolved(app: Any, doctree: nodes.document, docname: str) -> None:
    where, theorems = machine_proofs()
    proved: dict[str, list[dict[str, Any]]] = {}
    for theorem in theorems:
        proved.setdefault(theorem["statement"].replace(".", "-"), []).append(theorem)
    for box in list(doctree.findall(nodes.Element)):
        if "proof" in box["classes"] and box.get("label") in proved:
            label = box["label"]
            box.parent.insert(box.parent.index(box) + 1, toggle(label, where, proved[label]))


def _outdated(app: Any, env: Any) -> list[str]:
    """Name the chapters that have statements in every build: where proofs were checked may have changed."""
    chapters = {statement.chapter for statement in load().statements.values() if statement.chapter}
    return sorted(chapters & env.found_docs)


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("env-get-updated", _outdated)
    app.connect("doctree-resolved", _resolved, priority=AFTER_THE_NOTEBOOKS)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
