"""Take from every page the scripts that it has no use for, so that nothing fails and nothing asks a network.

The book has no button that runs cells in a page, but the tool registers the button's scripts all the same,
their settings twice. It gives one id to many boxes, and no name to what unfolds a part of the sidebar.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes

__all__ = ["setup"]

# sphinx-proof and sphinx-exercise give these to every box; nothing links to them
REPEATED = {
    nodes.admonition: ("proof",),
    nodes.section: ("proof-content", "exercise-content", "solution-content"),
}


def _cleaned(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    context["default_mode"] = context.get("default_mode") or "auto"  # the theme logs an error for none
    context["script_files"] = [
        script
        for script in context["script_files"]
        if "thebe" not in f"{getattr(script, 'filename', script)} {getattr(script, 'attributes', '')}"
    ]
    if sidebar := context.get("generate_toctree_html"):
        context["generate_toctree_html"] = lambda *given, **named: str(sidebar(*given, **named)).replace(
            "<summary>", '<summary aria-label="Pages below">'
        )


def _without_repeated_ids(app: Any, doctree: nodes.document, docname: str) -> None:
    for kind, repeated in REPEATED.items():
        for node in doctree.findall(kind):
            node["ids"] = [each for each in node["ids"] if each not in repeated]


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("html-page-context", _cleaned, priority=900)  # when everything has been added
    app.connect("doctree-resolved", _without_repeated_ids)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
