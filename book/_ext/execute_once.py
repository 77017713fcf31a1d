"""Execute each chapter once: the tests and the book's build share the caches of executed notebooks.

jupyter-cache recognises a notebook by its code cells alone. What the cells import counts as much, so each
chapter has a cache in a folder named after what its cells depend on (`closure`): an edited module executes
the chapters again that reach it, and no others.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
from functools import cache
from pathlib import Path
from typing import Any

from closure import Closure

ROOT = Path(__file__).resolve().parents[2]
CACHES = ROOT / "_build" / ".jupyter_cache"
KEPT = 3  # the caches of this and the last states of what a chapter depends on
CELL = "```{code-cell}"
RUNNER = "import IPython, ipykernel, matplotlib_inline"

# One thread for each process: numerical libraries that share the cores slow each other down many times.
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "VECLIB", "NUMEXPR")}

PROFILE = ROOT / "_build" / "ipython"
KERNEL = 'c.InlineBackend.figure_formats = {"retina"}\n'  # twice the pixels that a figure takes on its page


def prepare_kernels() -> None:
    """Give kernels one thread, if nothing else is said, and settings of their own in place of the user's."""
    for variable, value in ONE_THREAD.items():
        os.environ.setdefault(variable, value)
    settings = PROFILE / "profile_default" / "ipython_kernel_config.py"
    if not settings.exists() or settings.read_text() != KERNEL:
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text(KERNEL)
    os.environ["IPYTHONDIR"] = str(PROFILE)


def code_of(chapter: Path) -> str:
    """Return the cells of a chapter as one Python program, and what the kernel imports for every chapter."""
    import jupytext  # late: the tests import this module first, and most never come here
    from IPython.core.inputtransformer2 import TransformerManager

    cells = [cell.source for cell in jupytext.read(chapter, fmt="md:myst").cells if cell.cell_type == "code"]
    python: Any = TransformerManager()  # type: ignore[no-untyped-call]
    return "\n".join([RUNNER, *map(python.transform_cell, cells)])  # what !mme and %help mean


def fingerprint(chapter: Path, package: Path = ROOT / "mme") -> str:
    """Hash what the chapter's results depend on besides its own cells."""
    contents = Closure(code_of(chapter), chapter.parent, package).contents()
    return hashlib.sha256("\n".join([platform.python_version(), KERNEL, *contents]).encode()).hexdigest()[:16]


@cache
def cache_path(chapter: Path) -> Path:
    """Return the folder of the chapter's cache, made if it is new; its oldest ones go."""
    present = CACHES / chapter.relative_to(ROOT / "book").with_suffix("") / fingerprint(chapter)
    present.mkdir(parents=True, exist_ok=True)
    os.utime(present)
    for old in sorted(present.parent.iterdir(), key=_age)[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
    return present


def _age(folder: Path) -> float:
    try:
        return -folder.stat().st_mtime
    except FileNotFoundError:  # another process was faster
        return 0.0


def _point_at_cache(app: Any, docname: str, source: list[str]) -> None:
    if CELL in source[0]:
        path = str(cache_path(Path(app.env.doc2path(docname))))
        app.env.mystnb_config = app.env.mystnb_config.copy(execution_cache_path=path)
        app.env.metadata[docname]["cache"] = path


def _outdated(app: Any, env: Any, *changes: set[str]) -> list[str]:
    """Let Sphinx read the chapters again whose results may have changed."""
    known = {name: told["cache"] for name, told in env.metadata.items() if "cache" in told}
    known = {name: path for name, path in known.items() if name in env.found_docs}
    return [name for name, path in known.items() if path != str(cache_path(Path(env.doc2path(name))))]


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    prepare_kernels()
    app.connect("source-read", _point_at_cache)
    app.connect("env-get-outdated", _outdated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
