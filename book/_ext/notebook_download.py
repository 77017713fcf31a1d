"""Offer each executed chapter as a notebook for Jupyter, its solutions as another, and all of them as one file.

The theme has the button, but fills it only where a public repository is configured. The file of all notebooks
holds the package too, as a wheel, so that they run where nothing of the book is.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import nbformat
from docutils import nodes
from execute_once import ROOT
from executed_notebooks import executed_notebook
from jupyter_edition import Writer
from packaging.requirements import Requirement

from mme import __version__

__all__ = ["build_wheel", "first_cell", "needed", "setup"]

BEFORE_CHANGES, AFTER_THE_THEME = 400, 600  # Sphinx calls at 500 those who do not say
ALL = "notebooks.zip"
WHEEL = f"mme-{__version__}-py3-none-any.whl"
EXTRA = "chapters"
FIRST = """\
# Install once what this notebook needs: unpack ALL of the book, put this notebook into that folder,
# take the sign # from the next line, run this cell, and restart the kernel.
# %pip install "./WHEEL[EXTRA]"
from importlib.metadata import distributions

installed = {found.name.lower().replace("_", "-") for found in distributions() if found.name}
missing = sorted({NEEDED} - installed)
if missing:
    raise ModuleNotFoundError(f"This notebook needs {', '.join(missing)}: the lines above say how to install it.")
print("All that this notebook needs is installed.")"""


def needed(extra: str = EXTRA) -> list[str]:
    """Name the distributions that an extra of the package asks for, in the order of pyproject.toml."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    names: list[str] = []
    for asked in map(Requirement, extras[extra]):
        names += [name for inner in asked.extras for name in needed(inner)] if asked.extras else [asked.name]
    return names


def first_cell() -> str:
    """Return the source of the cell that says what to install, and checks it."""
    words = {"NEEDED": json.dumps(["mme", *needed()])[1:-1], "ALL": ALL, "WHEEL": WHEEL, "EXTRA": EXTRA}
    return re.sub("|".join(words), lambda found: words[found[0]], FIRST)


def build_wheel(folder: Path) -> Path:
    """Build the package's wheel into a folder, from a copy of the sources and without a network."""
    with tempfile.TemporaryDirectory() as copy:
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, copy)
        shutil.copytree(ROOT / "mme", Path(copy, "mme"), ignore=shutil.ignore_patterns("__pycache__"))
        pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
        subprocess.run([*pip, "--wheel-dir", str(folder), copy], check=True)
    return folder / WHEEL


def _write(app: Any, page: nodes.document, docname: str) -> None:
    source = executed_notebook(app, docname) if app.builder.format == "html" else None
    if source is None:
        return
    writer = Writer(app, docname, page, nbformat.read(source, as_version=4), first_cell())  # type: ignore[no-untyped-call]
    for target, notebook in zip(_files(app, docname), (writer.student(), writer.solutions()), strict=True):
        target.unlink(missing_ok=True)
        if notebook is not None:
            target.parent.mkdir(parents=True, exist_ok=True)
            text = nbformat.writes(notebook)  # type: ignore[no-untyped-call]
            target.write_text(text + "\n", encoding="utf-8")
            # A page opened from the disk may run a script beside it, and may not read a file.
            script = f"saveNotebook({json.dumps(target.name)}, {json.dumps(text)})\n"
            target.with_suffix(".ipynb.js").write_text(script, encoding="utf-8")


def _files(app: Any, docname: str) -> tuple[Path, Path]:
    page = Path(app.outdir, "_sources", docname)
    return page.with_suffix(".ipynb"), page.with_name(f"{page.name}-solutions.ipynb")


def _offer(app: Any, docname: str, template: str, context: dict[str, Any], page: Any) -> None:
    if page is None or app.builder.format != "html" or executed_notebook(app, docname) is None:
        return
    (group,) = (each for each in context["header_buttons"] if each["label"] == "download-buttons")
    offers = zip(_files(app, docname), (".ipynb", "solutions"), ("notebook", "solutions"), strict=True)
    group["buttons"][:0] = [
        {
            "type": "link",
            "url": f"{context['pathto']('_sources', 1)}/{file.relative_to(Path(app.outdir, '_sources')).as_posix()}",
            "text": text,
            "tooltip": f"Download the {what} for Jupyter",
            "icon": "fas fa-code",
            "label": "download-notebook-button",
        }
        for file, text, what in offers
        if file.is_file()
    ]


def _write_all(app: Any, exception: Exception | None) -> None:
    if exception or app.builder.format != "html":
        return
    chapters = [name for name in sorted(app.env.found_docs) if executed_notebook(app, name)]
    files = [file for name in chapters for file in _files(app, name) if file.is_file()]
    with zipfile.ZipFile(Path(app.outdir, ALL), "w", zipfile.ZIP_DEFLATED) as together:
        for file in [*files, build_wheel(Path(app.outdir))]:
            together.write(file, file.name)


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    app.setup_extension("executed_notebooks")
    app.add_js_file("notebooks.js")
    app.connect("doctree-resolved", _write, priority=BEFORE_CHANGES)
    app.connect("html-page-context", _offer, priority=AFTER_THE_THEME)
    app.connect("build-finished", _write_all)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
