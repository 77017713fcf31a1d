"""Which tests and which cells run each line of the formulas, kept until what they depend on changes."""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Callable
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

import yaml
from execute_once import CELL

from tests.mutation.children import Session, cells_of, in_child, run_cells

FORMULAS = ("algebra", "dln", "evidence", "ensembles")
NO_FORMULAS = {"__init__", "page", "layers", "layer_matrix", "selection", "parallel", "streaming"}
OF_SEVERAL = ("evidence", "refusals", "result")  # tests of formulas in several modules


class Reach:
    """What runs the lines of the modules under `root`, and how long each test and each chapter takes."""

    def __init__(self, root: Path, kept: Path, longest: float) -> None:
        self.root, self.kept, self.longest = root, kept, longest
        self.seconds = dict[str, float]()
        self.lines: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        self.broken = list[str]()  # what fails without any fault, and so shows nothing

    def modules(self) -> list[Path]:
        """Return the modules that hold formulas."""
        paths = (path for part in FORMULAS for path in sorted((self.root / "mme" / part).glob("*.py")))
        return [path for path in paths if path.stem not in NO_FORMULAS]

    def files(self) -> list[str]:
        """Return the files of tests that may reach the formulas, modules with examples among them."""
        paths = [self.root / "tests" / f"test_{name}.py" for name in OF_SEVERAL]
        paths += [
            path for part in FORMULAS for path in sorted((self.root / "tests" / part).glob("test_*.py"))
        ]
        tests = [path for path in paths if path.exists()]
        tests += [path for path in self.modules() if ">>>" in path.read_text("utf-8")]
        return [path.relative_to(self.root).as_posix() for path in tests]

    def chapters(self) -> list[Path]:
        """Return the pages with cells."""
        return [
            path for path in sorted((self.root / "book").rglob("*.md")) if CELL in path.read_text("utf-8")
        ]

    def load(self, session: Session | None, suffixes: list[str], say: Callable[[str], None]) -> None:
        """Read what was measured, and measure the rest of the files with these suffixes, one at a time."""
        formulas = hashed(self.modules(), self.root)
        for path in [*map(self.root.joinpath, self.files()), *self.chapters()]:
            key = hashlib.sha256(formulas.encode() + path.read_bytes()).hexdigest()[:16]
            kept = self.kept / f"{path.stem}-{key}.json"
            if not kept.exists() and session and path.suffix in suffixes:
                say(f"measuring {path.relative_to(self.root)}")
                if path.suffix == ".md":
                    work = partial(run_cells, self.root, path, measure=True)
                else:
                    file = path.relative_to(self.root).as_posix()
                    names = [name for name in session.items if name.partition("::")[0] == file]
                    work = partial(session.run, names, measure=True)
                found = in_child(work, 20 * self.longest)
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_text(json.dumps(found), "utf-8")
            if kept.exists():
                self._take(json.loads(kept.read_text("utf-8")))

    def _take(self, found: dict[str, Any]) -> None:
        broken = found.get("all_failed", [found["failed"]])
        self.broken += broken
        for name, taken in found.get("seconds", {}).items():
            if taken <= self.longest and not any(each.startswith(name) for each in broken):
                self.seconds[name] = taken
        for module, lines in found.get("lines", {}).items():
            for line, names in lines.items():
                self.lines[module][int(line)].update(names)

    def of(self, module: str, lines: tuple[int, int], *, everywhere: bool) -> set[str]:
        """Return what runs some lines of a module, or any of them: tests, and cells as ``chapter#number``."""
        known = self.lines[module]
        wanted = known if everywhere else range(lines[0], lines[1] + 1)
        found = set[str]().union(*(known[line] for line in wanted if line in known))
        for name in [name for name in found if name.endswith("::*")]:
            found |= {test for test in self.seconds if test.startswith(name[:-1])}
        return found

    def statements(self, reached: set[str]) -> list[str]:
        """Return the statements that the cells check, or the next cell after them that checks any."""
        found = set[str]()
        for name in reached:
            chapter, _, number = name.partition("#")
            for cell in self.cells(chapter)[int(number or 0) :]:
                if named := self.ledger & set(re.findall(r"[\"']([a-z0-9.-]+)[\"']", cell)):
                    found |= named
                    break
        return sorted(found)

    @cache  # noqa: B019
    def cells(self, chapter: str) -> list[str]:
        """Return the cells of a chapter; none for a test."""
        return cells_of(self.root / chapter) if chapter.endswith(".md") else []

    @cached_property
    def ledger(self) -> set[str]:
        """The ids of all statements."""
        path = self.root / "book" / "statements.yml"
        entries = yaml.safe_load(path.read_text("utf-8"))["statements"] if path.exists() else []
        return {entry["id"] for entry in entries}


@cache
def code_hash(path: Path) -> str:
    """Hash the code of a module, without comments and docstrings."""
    tree = ast.parse(path.read_bytes())
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and ast.get_docstring(node) is not None
        ):
            del node.body[0]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:16]


def hashed(paths: list[Path], root: Path) -> str:
    """Hash files with their names."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.relative_to(root).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()
