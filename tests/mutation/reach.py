"""Which tests and which cells run each line of the formulas, kept until what they depend on changes."""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any

import yaml
from execute_once import CELL
from formulas import PARTS, hashed, modules

from tests.mutation.children import Session, cells_of, in_child, run_cells

OF_SEVERAL = ("bounds", "evidence", "records", "refusals", "result")  # tests of formulas in several modules
# Chapters that measure networks, or that take long beside what they say of a formula.
MEASURING = {"networks", "vision", "power", "compression"}
LONGEST = 200  # seconds of a test or a chapter; what takes longer is left out


class Reach:
    """What runs the lines of the modules under `root`, and how long each test and each chapter takes."""

    def __init__(self, root: Path, kept: Path, say: Callable[[str], None]) -> None:
        self.root, self.kept, self.say = root, kept, say
        self.too_long, self.loaded = list[str](), set[str]()
        self.seconds = dict[str, float]()
        self.lines: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        self.broken = list[str]()  # what fails without any fault, and so shows nothing

    @cache  # noqa: B019
    def files(self) -> list[str]:
        """Return the files of tests that may reach the formulas, modules with examples among them."""
        paths = [self.root / "tests" / f"test_{name}.py" for name in OF_SEVERAL]
        paths += [path for part in PARTS for path in sorted((self.root / "tests" / part).glob("test_*.py"))]
        tests = [path for path in paths if path.exists()]
        tests += [path for path in modules(self.root) if ">>>" in path.read_text("utf-8")]
        return [path.relative_to(self.root).as_posix() for path in tests]

    def own(self, module: str) -> list[str]:
        """Return the files of tests that mirror a module, and the module where it has examples."""
        part, name = Path(module).parts[1:]
        mirrored = "tests/test_evidence.py" if part == "evidence" else f"tests/{part}/test_{name}"
        return [file for file in (mirrored, module) if file in self.files()]

    @cache  # noqa: B019
    def chapters(self) -> list[str]:
        """Return the pages with cells, without those that measure networks."""
        paths = [p for p in sorted((self.root / "book").rglob("*.md")) if CELL in p.read_text("utf-8")]
        return [path.relative_to(self.root).as_posix() for path in paths if path.stem not in MEASURING]

    @cache  # noqa: B019
    def owning(self, module: str) -> list[str]:
        """Return the chapters whose cells name what a module defines for others."""
        tree = ast.parse((self.root / module).read_bytes())
        names = {each.name for each in tree.body if isinstance(each, ast.FunctionDef | ast.ClassDef)}
        public = {name for name in names if not name.startswith("_")}
        return [
            chapter
            for chapter in self.chapters()
            if any(public & set(re.findall(r"\w+", cell)) for cell in self.cells(chapter))
        ]

    def load(self, files: Iterable[str], session: Session | None = None) -> None:
        """Read what was measured of some files; with a session measure the rest, one file at a time."""
        for file in files:
            if file in self.loaded:
                continue
            path = self.root / file
            key = hashlib.sha256(hashed(self.root).encode() + path.read_bytes()).hexdigest()[:16]
            kept = self.kept / f"{path.stem}-{key}.json"
            if not kept.exists() and session:
                self.say(f"measuring {file}")
                work = partial(run_cells, self.root, path, measure=True)
                if path.suffix != ".md":
                    work = partial(session.run, session.of([file], slow=False), measure=True)
                found = in_child(work, 20 * LONGEST)
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_text(json.dumps(found), "utf-8")
            if kept.exists():
                self.loaded.add(file)
                self._take(json.loads(kept.read_text("utf-8")))

    def _take(self, found: dict[str, Any]) -> None:
        broken = found.get("all_failed", [found["failed"]])
        for name in filter(None, broken):
            self.say(f"fails without any fault, so it is left out: {name}")
        self.broken += broken
        for name, taken in found.get("seconds", {}).items():
            if taken > LONGEST:
                self.too_long.append(name)
            elif not any(each.startswith(name) for each in broken):
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
