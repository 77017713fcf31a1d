"""Offer each executed chapter as a notebook for Jupyter, its solutions as another, and all in one file.

The theme has the button, but fills it only where a public repository is configured. The file of all notebooks
holds the package too, as a wheel, so that they run where nothing else of the book is.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import tomllib
import zipfile
from itertools import chain
from pathlib import Path
from typing import Any

import nbformat
from docutils import nodes
from execute_once import ROOT
from executed_notebooks import executed_notebook
from exercises import is_for_students
from jupyter_edition import Writer
from packaging.requirements import Requirement

from mme import __version__

__all__ = ["build_wheel", "first_cell", "launch_links", "needed", "setup"]

BRANCH = "notebooks"  # of the repository, if one is set; the workflow `pages` fills it
BEFORE_CHANGES, AFTER_THE_THEME = 400, 600  # Sphinx calls at 500 those who do not say
ALL = "notebooks.zip"
INSTRUCTOR = "instructor"
WHEEL = f"mme-{__version__}-py3-none-any.whl"
EXTRA = "chapters"
FIRST = """\
# Install once what this notebook needs: unpack ALL of the book, put this notebook
# into that folder, take the sign # from the line with pip, run this cell, and restart the kernel.
# Without the extra index pip takes torch with CUDA on Linux, 5.8 GB.
# %pip install --extra-index-url https://download.pytorch.org/whl/cpu "./WHEEL[EXTRA]"
from importlib.metadata import distributions

installed = {found.name.lower().replace("_", "-") for found in distributions() if found.name}
missing = sorted({
    NEEDED
} - installed)
if missing:
    raise ModuleNotFoundError(f"Not installed: {', '.join(missing)}. The lines above say what to do.")
print("All that this notebook needs is installed.")"""

FIRST_LINE = re.compile(r"^# %pip.*\n", re.M)


def needed(extra: str = EXTRA) -> list[str]:
    """Name the distributions that an extra of the package asks for, in the order of pyproject.toml."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    names = ([*map(needed, each.extras)] or [[each.name]] for each in map(Requirement, extras[extra]))
    return [*chain(*chain(*names))]


def first_cell(repository: str = "") -> str:
    """Return the source of the cell that says what to install, and checks it."""
    if repository:
        online = f"# %pip install mme[{EXTRA}]@https://github.com/{repository}/raw/{BRANCH}/{WHEEL}\n"
        told = "# In Colab and elsewhere online, take the sign # from this line in its place:\n"
        return FIRST_LINE.sub(lambda line: line[0] + told + online, first_cell())
    names = ", ".join(f'"{name}"' for name in ["mme", *needed()])
    words = {"NEEDED": textwrap.fill(names, 96, subsequent_indent=" " * 4), "WHEEL": WHEEL, "EXTRA": EXTRA}
    return re.sub("NEEDED|WHEEL|EXTRA|ALL", lambda found: words.get(found[0], ALL), FIRST)


def build_wheel(folder: Path) -> Path:
    """Build the package's wheel into a folder, from a copy of the sources and without a network."""
    with tempfile.TemporaryDirectory() as copy:
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, copy)
        shutil.copytree(ROOT / "mme", Path(copy, "mme"), ignore=shutil.ignore_patterns("__pycache__"))
        options = ("--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(folder))
        subprocess.run([sys.executable, "-m", "pip", "wheel", *options, copy], check=True)
    return folder / WHEEL


def _files(app: Any, docname: str) -> list[Path]:
    """Return where the notebook of a page and its solutions go; nothing for a page that is no notebook."""
    if app.builder.format != "html" or executed_notebook(app, docname) is None:
        return []
    return [Path(app.outdir, "_sources", f"{docname}{which}.ipynb") for which in ("", "-solutions")]


def _write(app: Any, page: nodes.document, docname: str) -> None:
    if not (files := _files(app, docname)):
        return
    source = nbformat.read(executed_notebook(app, docname), as_version=4)
    writer = Writer(app, docname, page, source, first_cell(app.config.notebooks_repository))
    written = [writer.student(), None if is_for_students() else writer.solutions()]
    for file, notebook in zip(files, written, strict=True):
        file.unlink(missing_ok=True)
        if notebook is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            text = nbformat.writes(notebook)
            file.write_text(text + "\n", encoding="utf-8")
            # A page opened from the disk may not read a file, but it may run a script beside it.
            script = f"saveNotebook({json.dumps(file.name)}, {json.dumps(text)})\n"
            file.with_suffix(".ipynb.js").write_text(script, encoding="utf-8")
    if not is_for_students():
        kept = Path(app.outdir).parent / INSTRUCTOR / f"{docname}.ipynb"  # beside the pages, not among them
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(nbformat.writes(writer.instructor()) + "\n", encoding="utf-8")


def _offer(app: Any, docname: str, template: str, context: dict[str, Any], page: Any) -> None:
    buttons = [
        {
            "type": "link",
            "url": context["pathto"](file.relative_to(app.outdir).as_posix(), 1),
            "text": "solutions" if "-solutions" in file.name else ".ipynb",
            "tooltip": "Download for Jupyter",
            "icon": "fas fa-code",
            "label": "download-notebook-button",
        }
        for file in (_files(app, docname) if page is not None else ())
        if file.is_file()
    ]
    for group in context.get("header_buttons", ()):
        if group["label"] == "download-buttons":
            group["buttons"][:0] = buttons
    if buttons and app.config.notebooks_repository:
        context["header_buttons"].append(_launches(app.config.notebooks_repository, docname))


def launch_links(repository: str, docname: str) -> dict[str, str]:
    """Return where a chapter's notebook opens online, from the branch that holds the notebooks.

    >>> launch_links("owner/name", "book/dln/gram")["Colab"]
    'https://colab.research.google.com/github/owner/name/blob/notebooks/book/dln/gram.ipynb'
    """
    return {
        "Colab": f"https://colab.research.google.com/github/{repository}/blob/{BRANCH}/{docname}.ipynb",
        "Binder": f"https://mybinder.org/v2/gh/{repository}/{BRANCH}?labpath={docname}.ipynb",
    }


def _launches(repository: str, docname: str) -> dict[str, Any]:
    buttons = [
        {"type": "link", "url": url, "text": place, "tooltip": f"Open in {place}", "icon": "fas fa-rocket",
         "label": f"launch-{place.lower()}-button"}
        for place, url in launch_links(repository, docname).items()
    ]  # fmt: skip
    return {
        "type": "group", "tooltip": "Open online", "icon": "fas fa-rocket", "buttons": buttons,
        "label": "launch-buttons",
    }  # fmt: skip


def _write_all(app: Any, exception: Exception | None) -> None:
    if exception or app.builder.format != "html":
        return
    files = [file for name in sorted(app.env.found_docs) for file in _files(app, name) if file.is_file()]
    with zipfile.ZipFile(Path(app.outdir, ALL), "w", zipfile.ZIP_DEFLATED) as together:
        for file in [*files, build_wheel(Path(app.outdir))]:
            together.write(file, file.name)


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    for needed_too in ("executed_notebooks", "exercises"):
        app.setup_extension(needed_too)
    app.add_config_value("notebooks_repository", "", "html", types=[str])
    app.add_js_file("notebooks.js")
    app.connect("doctree-resolved", _write, priority=BEFORE_CHANGES)
    app.connect("html-page-context", _offer, priority=AFTER_THE_THEME)
    app.connect("build-finished", _write_all)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
