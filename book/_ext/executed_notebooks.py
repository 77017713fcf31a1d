"""Keep the executed notebook of each chapter complete.

myst-nb leaves a notebook beside the pages for every chapter. When the outputs came from the cache,
myst-nb 1.4 shows them in the page but writes the notebook without them; this puts them back.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nbformat
from jupyter_cache import get_cache

__all__ = ["executed_notebook", "setup"]

BEFORE_OTHERS = 400  # Sphinx calls at 500 those who do not say


def executed_notebook(app: Any, docname: str) -> Path | None:
    """Return where the notebook of a chapter lies, or None for a page that is none."""
    if "kernelspec" not in app.env.metadata[docname]:
        return None  # a file of that name would be from an earlier build
    path = Path(app.env.mystnb_config.output_folder, f"{docname}.ipynb")
    return path if path.is_file() else None


def _complete(app: Any, doctree: Any) -> None:
    path = executed_notebook(app, app.env.docname)
    if path is None:
        return
    notebook = nbformat.read(path, as_version=4)
    if any(cell.get("execution_count") for cell in notebook.cells):
        return
    try:
        notebook = get_cache(app.env.mystnb_config.execution_cache_path).merge_match_into_notebook(notebook)[
            1
        ]
    except KeyError:
        return  # nothing was executed
    beside = path.with_suffix(".part")
    nbformat.write(notebook, beside)
    os.replace(beside, path)


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("doctree-read", _complete, priority=BEFORE_OTHERS)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
