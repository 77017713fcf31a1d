"""The book's notebooks, made from the executed chapters, and an environment with only what they ask for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import nbformat
from execute_once import ROOT
from nbclient import NotebookClient
from nbformat import NotebookNode
from packaging.requirements import Requirement

from tests.chapters import chapters, executed


def build(folder: Path, edition: str = "") -> Path:
    """Build the pages from the cache, and return the file that holds all notebooks and the wheel."""
    for chapter in reversed(chapters()):  # another process may be at it from the front
        executed(chapter)
    book = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", str(ROOT)]
    done = subprocess.run(
        [*book, "--path-output", str(folder), "-W", "-n", "--keep-going"],
        cwd=ROOT,
        env=os.environ
        | {"PYTHONUTF8": "1", "PYTHONPATH": str(ROOT), "MME_EDITION": edition, "MME_LIVE": "no"},
        capture_output=True,
        encoding="utf-8",
    )
    assert not done.returncode, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Executing notebook" not in done.stdout + done.stderr
    return folder / "_build" / "html" / "notebooks.zip"


def bare_environment(wheel: Path, folder: Path, extra: str = "chapters") -> Path:
    """Lay out the wheel and links to the distributions that it asks for with the extra, and to no others."""
    with zipfile.ZipFile(wheel) as package:
        package.extractall(folder)
    (told,) = metadata.distributions(name="mme", path=[str(folder)])
    waiting = [(told, frozenset({extra}))]
    seen = set(waiting)
    while waiting:
        distribution, extras = waiting.pop()
        if distribution.name != "mme":
            _link(distribution, folder)
        for asked in map(Requirement, distribution.requires or ()):
            if asked.marker is None or any(asked.marker.evaluate({"extra": one}) for one in extras | {""}):
                found = told if asked.name == "mme" else metadata.distribution(asked.name)
                entry = (found, frozenset(asked.extras))
                if (found.name, entry[1]) not in {(each.name, had) for each, had in seen}:
                    seen.add(entry)
                    waiting.append(entry)
    return folder


def _link(distribution: metadata.Distribution, folder: Path) -> None:
    tops = {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}
    for top in tops:
        link = folder / top
        if not link.is_symlink():
            link.symlink_to(Path(str(distribution.locate_file(top))))


def kernel(environment: Path, folder: Path) -> str:
    """Write the specification of a kernel that sees this environment alone, and return its name."""
    place = folder / "kernels" / "bare"
    place.mkdir(parents=True)
    # -S leaves the running environment's packages out
    command = [sys.executable, "-S", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    told = {"argv": command, "display_name": "bare", "env": {"PYTHONPATH": str(environment)}}
    (place / "kernel.json").write_text(json.dumps(told), encoding="utf-8")
    return place.name


def run(notebook: NotebookNode, folder: Path, kernel_name: str) -> NotebookNode:
    """Execute a notebook in an empty folder; a cell that fails raises CellExecutionError."""
    told = NotebookClient(
        notebook, timeout=600, kernel_name=kernel_name, resources={"metadata": {"path": str(folder)}}
    )
    return told.execute()


def read(archive: Path) -> dict[str, NotebookNode]:
    """Return the notebooks of the archive by their names."""
    with zipfile.ZipFile(archive) as together:
        names = [name for name in together.namelist() if name.endswith(".ipynb")]
        return {name: nbformat.reads(together.read(name).decode(), as_version=4) for name in names}
