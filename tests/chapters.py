"""The chapters of the book, executed once and kept for the tests and for the build."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import jupytext
import yaml
from execute_once import CELL, ROOT, cache_path, prepare_kernels
from filelock import FileLock
from nbformat import NotebookNode


@cache
def pages() -> tuple[Path, ...]:
    """Return every page of the book, in the order of its table of contents."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    return tuple(ROOT / f"{name}.md" for name in _names(toc))


def _names(entry: Any) -> Iterator[str]:
    if isinstance(entry, list):
        for item in entry:
            yield from _names(item)
    elif isinstance(entry, dict):
        yield from (entry[key] for key in ("root", "file") if key in entry)
        yield from _names([entry[key] for key in ("parts", "chapters", "sections") if key in entry])


@cache
def chapters() -> tuple[Path, ...]:
    """Return the pages that have cells to execute."""
    return tuple(page for page in pages() if CELL in page.read_text(encoding="utf-8"))


def executed(chapter: Path) -> NotebookNode:
    """Return the chapter with its outputs, from the cache or executed now.

    Processes that want the same chapter wait for the first one. A cell that fails raises
    `nbclient.exceptions.CellExecutionError`, and nothing is kept.
    """
    from jupyter_cache.base import CacheBundleIn  # late: most tests that come here ask for the names alone
    from nbclient import NotebookClient

    notebook = jupytext.read(chapter, fmt="md:myst")
    with FileLock(cache_path(chapter) / "executing.lock"):
        with opened_cache(chapter) as cache, suppress(KeyError):  # which says that it is not there yet
            return NotebookNode(cache.merge_match_into_notebook(notebook)[1])
        prepare_kernels()
        start = time.perf_counter()
        NotebookClient(
            notebook,
            timeout=_timeout(),
            record_timing=False,  # the times would become part of the notebook's identity
            resources={"metadata": {"path": str(chapter.parent)}},
        ).execute()
        seconds = time.perf_counter() - start
        with opened_cache(chapter) as cache:
            bundle = CacheBundleIn(notebook, str(chapter), data={"execution_seconds": seconds})
            cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    return notebook


@contextmanager
def opened_cache(chapter: Path) -> Iterator[Any]:
    """Open the chapter's cache for this process alone, and close its database at the end."""
    from jupyter_cache import get_cache

    folder = cache_path(chapter)
    with FileLock(folder / "database.lock"):
        cache = get_cache(folder)
        try:
            yield cache
        finally:
            cache.db.dispose()


def _timeout() -> int:
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    return int(config["execute"]["timeout"])
