"""Execute each chapter once: the tests and the book's build share one cache of executed notebooks.

jupyter-cache recognises a notebook by its code cells alone. What the cells import counts as much, so the
cache lies in a folder named after the sources of `mme` and the versions of everything installed: an edited
package never shows the results of the old one.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CACHES = ROOT / "_build" / ".jupyter_cache"
KEPT = 3  # the caches of this and the last states of the sources

# One thread for each process: numerical libraries that share the cores slow each other down many times.
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "VECLIB", "NUMEXPR")}


def limit_threads() -> None:
    """Let the numerical libraries of this process and its kernels use one thread, if nothing else is said."""
    for variable, value in ONE_THREAD.items():
        os.environ.setdefault(variable, value)


def fingerprint(sources: Path = ROOT / "mme") -> str:
    """Hash what the chapters' results depend on besides their own cells."""
    versions = {f"{found.name}=={found.version}" for found in metadata.distributions()}
    digest = hashlib.sha256("\n".join([platform.python_version(), *sorted(versions)]).encode())
    for file in sorted(sources.rglob("*")):
        if file.is_file() and file.suffix != ".pyc":
            digest.update(f"\n{file.relative_to(sources).as_posix()}\n".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


@cache
def cache_path() -> Path:
    """Return the folder of the cache for the present sources, made if it is new; the oldest ones go."""
    present = CACHES / fingerprint()
    present.mkdir(parents=True, exist_ok=True)
    os.utime(present)
    folders = sorted((path for path in CACHES.iterdir() if path.is_dir()), key=_age)
    for old in folders[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
    return present


def _age(folder: Path) -> float:
    try:
        return -folder.stat().st_mtime
    except FileNotFoundError:  # another process was faster
        return 0.0


def _point_at_cache(app: Any, config: Any) -> None:
    # A value that Sphinx knows: when the sources change it reads every page again.
    config.nb_execution_cache_path = str(cache_path())


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    limit_threads()
    app.connect("config-inited", _point_at_cache)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
