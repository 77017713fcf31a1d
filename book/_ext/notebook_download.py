"""Offer each executed chapter as a notebook.

The theme has the button, but fills it only where a public repository is configured.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from executed_notebooks import executed_notebook

BEFORE_THE_THEME = 400  # Sphinx calls the theme's own handlers at 500


def _publish(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    notebook = executed_notebook(app, page) if doctree is not None and app.builder.format == "html" else None
    if notebook is None:
        return
    target = Path(app.outdir, "_sources", f"{page}.ipynb")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(notebook, target)
    context["ipynb_source"] = f"{page}.ipynb"


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    app.setup_extension("executed_notebooks")
    app.connect("html-page-context", _publish, priority=BEFORE_THE_THEME)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
