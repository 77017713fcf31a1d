"""Pages that compute: what the reader's browser runs after "Run this page", and the button's script.

A cell with the tag ``live`` is executed for the book as all cells are, and can be changed and run in the
page: in a web worker, by Pyodide, with SymPy, mpmath, python-flint, and the modules of `mme` that the live
cells reach, as they are on the disk. All of it lies beside the pages, and no other site is asked. Where it
cannot be fetched, the build says so in one sentence, and the pages are without the button.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterable, Iterator
from functools import partial
from io import BytesIO
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from closure import Closure
from docutils import nodes
from execute_once import CELL, ROOT
from exercises import ANSWER, LIVE, TESTS

from mme.store import cache_folder, write_whole

__all__ = ["Missing", "fetched", "modules", "packed", "runtime", "setup", "sources"]

FILES = tomllib.loads(Path(__file__).with_name("live_files.toml").read_text("utf-8"))["file"]
CORE = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json")
NPM = "pack --silent --fetch-retries=0"
PIP = (
    "-m pip download -q --disable-pip-version-check --retries=0 --timeout=20 --no-deps --only-binary=:all: "
    "--platform=pyemscripten_2026_0_wasm32 --implementation=cp --abi=cp314 --python-version=314"
)
LEFT_OUT = {"test", "tests", "benchmarks"}  # of the packages: folders
NO_PYTHON = (".pyi", ".pyx", ".pxd")
SESSION = Path(__file__).with_name("page_session.py")
SHOWS = "from mme.evidence.page import html"  # the session does
COMPILE = Path(__file__).with_name("live_compile.mjs")
OFF = "no"


class Missing(Exception):
    """What keeps the pages from computing: one sentence, with the way out."""

    def __init__(self, what: str) -> None:
        super().__init__(f'The pages come without "Run this page": {what}, or leave it out by --no-live.')


def sources(chapter: Path) -> Iterator[str]:
    """Yield the cells of a chapter that its page runs: live ones, and the tests of live answers."""
    import jupytext  # late, for most chapters do without

    text = chapter.read_text("utf-8")
    if CELL not in text or LIVE not in text:
        return
    answered = False
    for cell in jupytext.reads(text, fmt="md:myst").cells:
        tags = cell.metadata.get("tags", ())
        answered = LIVE in tags if ANSWER in tags else answered
        if LIVE in tags or (TESTS in tags and answered):
            yield cell.source


def modules(code: str, package: Path = ROOT / "mme") -> list[Path]:
    """Return the files of the package that code imports, with the packages around them."""
    found = Closure(code, ROOT, package)
    around = [found.paths[name] for name in found.modules if found.paths[name].name == "__init__.py"]
    first = [node for path in around for node in ast.parse(path.read_text("utf-8")).body]
    eager = [ast.unparse(node) for node in first if isinstance(node, ast.Import | ast.ImportFrom)]
    found = Closure("\n".join([*eager, code]), ROOT, package)
    return sorted(found.paths[name] for name in found.modules)


def packed(files: Iterable[tuple[str, bytes]]) -> bytes:
    """Pack files into a zip that is the same whenever they are."""
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files:
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def fetched(file: dict[str, str]) -> bytes:
    """Return a file of the list, from the cache or fetched now, if it has the hash that the list has."""
    kept = cache_folder() / "live" / file["file"]
    known = kept.is_file()
    content = kept.read_bytes() if known else _download(file)
    if (found := hashlib.sha256(content).hexdigest()) != file["sha256"]:
        again = f"delete {kept} and build again" if known else "build again with another network"
        raise Missing(f"{file['file']} has the sha256 {found[:12]}… and not {file['sha256'][:12]}…; {again}")
    if not known:
        write_whole(kept, content)
    return content


def _download(file: dict[str, str]) -> bytes:
    name, version, by, npm = file["name"], file["version"], file["from"], shutil.which("npm")
    if by == "npm" and npm is None:
        raise Missing(f"{name} comes by npm, which is not there; install Node.js and build again")
    command = [str(npm), *NPM.split(), f"{name}@{version}"]
    if by == "pip":
        command = [sys.executable, *PIP.split(), f"{name}=={version}"]
    with TemporaryDirectory() as folder:
        subprocess.run(command, cwd=folder, capture_output=True, check=False)
        if not (made := Path(folder, file["file"])).is_file():
            raise Missing(f"{by} could not fetch {name} {version}; build again with a network")
        return made.read_bytes()


def _packages(core: dict[str, bytes], wheels: list[bytes]) -> bytes:
    """Pack the wheels into one archive, with the bytecode of what is imported first; it is kept."""
    key = hashlib.sha256(b"".join([*core.values(), *wheels, COMPILE.read_bytes()])).hexdigest()[:12]
    kept = cache_folder() / "live" / f"packages-{key}.zip"
    if not kept.is_file():
        if (node := shutil.which("node")) is None:
            raise Missing("node compiles the packages, and is not there; install Node.js and build again")
        files = [*chain(*map(_unpacked, wheels))]
        with TemporaryDirectory() as name:
            for file, content in [*core.items(), ("packages.zip", packed(files))]:
                Path(name, file).write_bytes(content)
            command = [node, str(COMPILE), name]
            done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
            if done.returncode:
                said = ["", *done.stderr.strip().splitlines()][-1][:100]
                raise Missing(f"node could not compile the packages ({said}); take a newer Node.js")
            files += _unpacked(Path(name, "compiled.zip").read_bytes())
        write_whole(kept, packed(files))
    return kept.read_bytes()


def _unpacked(archive: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(BytesIO(archive)) as opened:
        for name in opened.namelist():
            if not LEFT_OUT & set(name.split("/")) and not name.endswith(NO_PYTHON):
                yield name, opened.read(name)


def runtime(code: str) -> dict[str, bytes]:
    """Return the files that a page loads to run the code: Pyodide's, the packages, and modules of `mme`."""
    core, *wheels = map(fetched, FILES)
    with tarfile.open(fileobj=BytesIO(core)) as archive:
        files = {name: archive.extractfile(f"package/{name}") for name in CORE}
        made = {name: file.read() for name, file in files.items() if file is not None}
    made["packages.zip"] = _packages(made, wheels)
    own = [(path.relative_to(ROOT).as_posix(), path.read_bytes()) for path in modules(f"{SHOWS}\n{code}")]
    made["mme.zip"] = packed([*own, (SESSION.name, SESSION.read_bytes())])
    return made


def _prepare(app: Any, env: Any, *changes: set[str]) -> list[str]:
    """Lay the runtime beside the pages; live ones are read again when it is another, or there no more."""
    if app.builder.format != "html":
        return []
    code = {name: "\n".join(sources(Path(env.doc2path(name)))) for name in sorted(env.found_docs)}
    code = {name: text for name, text in code.items() if text}
    folder, told = Path(app.outdir, "_static", "live", "runtime"), None
    shutil.rmtree(folder, ignore_errors=True)
    if code and os.environ.get("MME_LIVE") != OFF:
        try:
            files = runtime("\n".join(code.values()))
            version = hashlib.sha256(b"".join(files.values())).hexdigest()[:12]
            for name, content in files.items():
                write_whole(folder / version / name, content)
            told = {"base": f"runtime/{version}/", "bytes": sum(map(len, files.values()))}
            app.connect("html-page-context", partial(_offer, told))
        except Missing as missing:
            app.connect("build-finished", partial(_say, str(missing)))  # where it is seen
    before, env.live = getattr(env, "live", None), told
    return [] if before == told else [*code]


def _say(sentence: str, app: Any, exception: Exception | None) -> None:
    from sphinx.util import logging

    logging.getLogger(__name__).info(sentence)


def _offer(told: dict[str, Any], app: Any, page: str, template: str, context: Any, doctree: Any) -> None:
    found = [] if doctree is None else [*doctree.findall(nodes.container)]
    metadata = [node["cell_metadata"] for node in found if node.get("nb_element") == "cell_code"]
    cells = [each for each in metadata if LIVE in each.get("tags", ()) and ANSWER not in each["tags"]]
    if cells:
        data = json.dumps(told | {"sliders": [each.get("sliders", {}) for each in cells]})
        app.add_css_file("live/live.css")
        app.add_js_file("live/live.js", defer="defer", **{"data-page": data})


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("env-get-outdated", _prepare)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
