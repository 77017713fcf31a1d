#!/usr/bin/env python3
"""Build the book, test it, or check its proofs, from a fresh clone, with Python and pip alone.

    python run.py book [--no-serve] [--port N]    install, execute the chapters, build the pages, serve them
    python run.py book --student                  the same without solutions, in _build/student
    python run.py book --no-live                  the same without what lets pages compute (31 MB)
    python run.py course                          the same, and notebooks for a course, in the folder course
    python run.py mark FOLDER [--jobs N]          mark the notebooks that students handed in
    python run.py test [pytest arguments]         install, run the tests
    python run.py mutants [--help]                install, count the faults in formulas that nothing notices
    python run.py bench [--help]                  install, measure the package beside others
    python run.py proofs [--release]              check the proofs with Coq, which must be there
    python run.py slides                          install, build the pages, and slides from them
    python run.py pdf                             install, print the book with TeX, which must be there

All but the proofs install into the folder .venv beside this file, and again only when pyproject.toml or
constraints.txt change.
"""

import argparse
import functools
import hashlib
import http.server
import os
import platform
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from book.printing import print_book, tex_lacks
from proofs.check import run as check_proofs

OLDEST, NEWEST = (3, 11), (3, 13)
if not OLDEST <= sys.version_info[:2] <= NEWEST:
    span = " to ".join(".".join(map(str, version)) for version in (OLDEST, NEWEST))
    sys.exit(f"The book needs Python {span}; this is {platform.python_version()}: start run.py with another.")

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PAGES = Path("_build", "html")
TOOLS = ROOT / "book" / "_ext"
STUDENT = ROOT / "_build" / "student"
EXTRAS = ("book", "test", "networks", "checkpoints", "hubs", "mutants")
TORCH_CPU = "https://download.pytorch.org/whl/cpu"  # elsewhere the Linux wheels bring several GB of CUDA


def main(arguments: list[str]) -> int:
    """Carry out the command line and return the exit status."""
    parser = argparse.ArgumentParser(prog="run.py", description="Build the book, test or prove it.")
    commands = parser.add_subparsers(dest="command", required=True)
    book = commands.add_parser("book", help="install, execute every chapter, build the pages and serve them")
    book.add_argument("--no-serve", action="store_true", help="build only")
    book.add_argument("--port", type=int, default=8000, help="port on the loopback address (default: 8000)")
    book.add_argument("--student", action="store_true", help="leave the solutions out")
    book.add_argument("--no-live", action="store_true", help='leave out "Run this page", and what it needs')
    course = commands.add_parser("course", help="build the book; write notebooks for student and instructor")
    commands.add_parser("mark", help="mark the notebooks in a folder; --help tells more", add_help=False)
    commands.add_parser("test", help="install and run pytest; what follows goes to pytest", add_help=False)
    commands.add_parser("mutants", help="install and put faults into the formulas", add_help=False)
    commands.add_parser("bench", help="install and measure the package beside others", add_help=False)
    proofs = commands.add_parser("proofs", help="check the proofs with Coq; installs nothing")
    proofs.add_argument("--release", action="store_true", help="keep the result as proofs/checked.json")
    slides = commands.add_parser("slides", help="install, build the pages, and slides of each part from them")
    pdf = commands.add_parser("pdf", help="install, execute every chapter and print the book with TeX")
    options, rest = parser.parse_known_args(arguments)
    strict = {"book": book, "course": course, "proofs": proofs, "slides": slides, "pdf": pdf}
    if options.command in strict and rest:
        strict[options.command].error("unknown argument " + rest[0])
    if options.command == "proofs":
        return check_proofs(release=options.release)
    if options.command == "pdf" and (lacking := tex_lacks()):
        sys.exit(lacking)

    python = installed()
    if options.command == "test":
        return test(python, rest)
    if options.command == "mutants":
        return subprocess.call([str(python), "-m", "tests.mutation", *rest], cwd=ROOT, env=environment())
    if options.command == "bench":
        return subprocess.call([str(python), "-m", "benchmarks", *rest], cwd=ROOT, env=environment())
    if options.command == "mark":
        return subprocess.call([str(python), str(TOOLS / "marking.py"), *rest], env=environment())
    if options.command == "pdf":
        return build(python, ROOT, "latex") or print_book(ROOT / PAGES.parent / "latex")
    maker = {"course": TOOLS / "course.py", "slides": ROOT / "book" / "slides.py"}.get(options.command)
    if maker:
        return build(python, ROOT) or subprocess.call([str(python), str(maker)], env=environment())
    folder = STUDENT if options.student else ROOT
    status = build(python, folder, live=not options.no_live)
    return status if status or options.no_serve else serve(folder / PAGES, options.port)


def installed() -> Path:
    """Return the environment's Python, with everything installed that the project asks for."""
    python = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if Path(sys.prefix).resolve() != VENV.resolve() and not works(python):
        print("Making the environment .venv", flush=True)
        if subprocess.call([sys.executable, "-m", "venv", "--clear", str(VENV)]):
            sys.exit("Python could not make .venv (on Debian and Ubuntu, install the package python3-venv).")

    stamp = VENV / "installed.sha256"
    wanted = hashlib.sha256(ROOT.as_posix().encode())  # an environment does not survive being moved
    for name in ("pyproject.toml", "constraints.txt"):
        wanted.update((ROOT / name).read_bytes())
    if stamp.exists() and stamp.read_text() == wanted.hexdigest():
        return python

    print("Installing into .venv; the first time takes some minutes", flush=True)
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check"]
    pip += ["-c", "constraints.txt", "-e", ".[" + ",".join(EXTRAS) + "]"]
    if not sys.stdout.isatty():
        pip.append("--quiet")
    if platform.system() in ("Linux", "Windows") and reachable(TORCH_CPU + "/torch/"):
        pip += ["--extra-index-url", TORCH_CPU]
    if subprocess.call(pip, cwd=ROOT):
        sys.exit("The installation failed: pip says above why. Run the same command again to try again.")
    stamp.write_text(wanted.hexdigest())
    return python


def works(python: Path) -> bool:
    """Say whether this is a Python that runs, of a version that the project supports."""
    test = f"import sys; sys.exit(not {OLDEST} <= sys.version_info[:2] <= {NEWEST})"
    return python.exists() and subprocess.call([str(python), "-c", test]) == 0


def reachable(url: str) -> bool:
    """Say whether the address answers: pip would try in vain for minutes."""
    try:
        with urllib.request.urlopen(url, timeout=4):
            return True
    except (urllib.error.URLError, OSError):
        return False


def test(python: Path, arguments: list[str]) -> int:
    """Run pytest, one process a core; the arguments come later and win."""
    workers = ["-n", str(min(os.cpu_count() or 1, 8)), "--dist", "worksteal"]
    return subprocess.call([str(python), "-m", "pytest", *workers, *arguments], cwd=ROOT, env=environment())


def build(python: Path, folder: Path, builder: str = "html", *, live: bool = True) -> int:
    """Execute the chapters that are not in the cache and build the pages, with warnings as errors."""
    book = [str(python), "-c", "from jupyter_book.cli.main import main; main()", "build", "."]
    options = ["--path-output", str(folder), "--builder", builder, "-W", "--keep-going"]
    options += ["-n"] if builder == "html" else []  # in print the names of types lead nowhere
    edition = {"MME_EDITION": "student" if folder == STUDENT else "", "MME_LIVE": "" if live else "no"}
    status = subprocess.call([*book, *options], cwd=ROOT, env=environment() | edition)
    if status:  # or the next build would not read the faulty page again, and pass
        shutil.rmtree((folder / PAGES).parent / ".doctrees", ignore_errors=True)
    return status


def environment() -> dict[str, str]:
    """Return the variables for the programs that are started: UTF-8 everywhere, also on Windows.

    Compiled modules are kept even where the settings say otherwise: else each process compiles all anew.
    """
    return {**os.environ, "PYTHONUTF8": "1", "JUPYTER_PLATFORM_DIRS": "1", "PYTHONDONTWRITEBYTECODE": ""}


class Pages(http.server.SimpleHTTPRequestHandler):
    """Serve files with the types that browsers ask of programs, whatever the system says."""

    extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | {
        ".js": "text/javascript",
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }


def serve(pages: Path, port: int) -> int:
    """Serve the pages on the loopback address until interrupted; without a terminal, stop at once."""
    if sys.stdin is None or not sys.stdin.isatty():
        print("No terminal to stop a server from, so none is started; open " + str(pages / "index.html"))
        return 0
    handler = functools.partial(Pages, directory=str(pages))
    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    except (OSError, OverflowError) as error:
        sys.exit(f"Port {port} cannot be used ({error}): choose another with --port.")
    with server:
        print(f"The book is at http://127.0.0.1:{port}/ (stop with Ctrl-C)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
