"""Run faults against what reaches them, keep each result, and count."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import scipy.stats
import yaml

from tests.mutation.children import Work, import_with_fault, in_child, preload, run_chapter, run_tests
from tests.mutation.faults import Fault, faults
from tests.mutation.reach import Reach, hashed

PACKAGES = ("mme", "numpy", "scipy", "sympy", "hypothesis", "pytest", "coverage")
FIRST = 60  # tests that are tried before the others are collected
Entry = dict[str, Any]
Child = Callable[[float, Work], Entry]


class Hunt:
    """The faults of a package, and what is known about each."""

    def __init__(self, root: Path, *, longest: float = 60) -> None:
        self.root, self.build, self.here = root, root / "_build" / "mutation", root / "tests" / "mutation"
        self.reach = Reach(root, self.build / "reach", longest)
        self.faults = [fault for path in self.reach.modules() for fault in faults(path, root)]
        self.codes = {path.relative_to(root).as_posix(): code(path) for path in self.reach.modules()}
        self.results = self.build / "results.jsonl"
        self.known = dict[str, Entry]()
        for line in self.results.read_text("utf-8").splitlines() if self.results.exists() else ():
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                continue  # the line that an interruption cut short
            if entry["code"] == self.codes.get(entry["module"]):  # else the module is another one by now
                self.known[entry["key"]] = self.known.get(entry["key"], {}) | entry
        listed = self.here / "equivalent.yml"
        found = yaml.safe_load(listed.read_text("utf-8")) if listed.exists() else None
        self.equivalent = {(e["module"], e["line"], e["fault"]): e["why"] for e in found or ()}

    def prepare(self) -> None:
        """Import the libraries, and find out what reaches which line."""
        preload()
        import platformdirs

        self.networks = (
            Path(os.environ.get("MME_CACHE") or platformdirs.user_cache_dir("mme", appauthor=False))
            / "networks"
        )
        self.networks.mkdir(parents=True, exist_ok=True)
        self.reach.load(self.networks, say)
        for name in self.reach.broken:
            if name:
                say(f"fails without any fault, so it is left out: {name}")

    def wanted(self, module: str = "", statement: str = "") -> list[Fault]:
        """Return the faults of some modules, on lines that the checks of a statement run."""
        found = [fault for fault in self.faults if module in fault.module]
        return [f for f in found if not statement or statement in self.statements(f)]

    def reaching(self, fault: Fault) -> set[str]:
        """Return the tests and cells that a fault can act on."""
        return self.reach.of(fault.module, fault.lines, everywhere=bool(fault.early))

    def statements(self, fault: Fault) -> list[str]:
        """Return the statements that a fault is of; none where it acts at import, which leads everywhere."""
        if fault.early == "import":
            return []
        return self.reach.statements(self.reach.of(fault.module, fault.lines, everywhere=False))

    def run(
        self, wanted: Iterable[Fault], *, tests: bool = True, chapters: bool = True, again: bool = False
    ) -> None:
        """Run the faults whose results are not known, and keep the result of each as soon as it is there."""
        kinds = [kind for kind, asked in (("tests", tests), ("chapters", chapters)) if asked]
        left = [(f, [k for k in kinds if self._asks(f, k, again)]) for f in wanted]
        left = [(fault, asked) for fault, asked in left if asked]
        most = sum(
            self.reach.seconds[name]
            for fault, asked in left
            for kind in asked
            for name in self.ordered(fault, kind)
        )
        cost = f"{most / 3600:.1f} hours if none is noticed, a small part of it if all are"
        say(f"{len(left)} faults to run: {cost}")
        start = time.monotonic()
        with self.results.open("a", encoding="utf-8") as file:
            file.write("\n")
            for number, (fault, asked) in enumerate(left, 1):
                entry = self.describe(fault) | {kind: self.outcome(fault, kind) for kind in asked}
                file.write(json.dumps(entry, ensure_ascii=False) + "\n")
                file.flush()
                self.known[fault.key] = self.known.get(fault.key, {}) | entry
                rest = (time.monotonic() - start) / number * (len(left) - number)
                told = ", ".join(f"{kind}: {entry[kind]['by'] or 'ALIVE'}" for kind in asked)
                say(f"{number}/{len(left)}, {rest / 60:.0f} min left · {fault.module}:{fault.line} · {told}")

    def _asks(self, fault: Fault, kind: str, again: bool) -> bool:
        known = self.known.get(fault.key, {}).get(kind)
        return known is None or (again and not known["by"])

    def ordered(self, fault: Fault, kind: str) -> list[str]:
        """Return the tests, or the chapters, that reach a fault, the quickest first."""
        names = self.reaching(fault)
        if kind == "chapters":
            names = {name.partition("#")[0] for name in names if ".md#" in name}
        return sorted(names & self.reach.seconds.keys(), key=self.reach.seconds.__getitem__)

    def describe(self, fault: Fault) -> Entry:
        """Return what identifies a fault, with the statements that it is of."""
        told = {
            name: getattr(fault, name) for name in ("key", "module", "line", "function", "kind", "old", "new")
        }
        return told | {
            "code": self.codes[fault.module],
            "statements": self.statements(fault),
            "date": today(),
        }

    def outcome(self, fault: Fault, kind: str) -> Entry:
        """Return what noticed the fault, of the tests or of the chapters, and how many reach it."""
        path = self.root / fault.module
        module = fault.module.removesuffix(".py").replace("/", ".")

        def child(limit: float, work: Work) -> Entry:
            def faulty() -> Entry:
                raised = import_with_fault(module, path, fault.applied(path.read_bytes()))
                return {"failed": raised} if raised else work()

            return in_child(faulty, 30 + 10 * limit, self.networks)

        names, start = self.ordered(fault, kind), time.monotonic()
        by = (self._tests if kind == "tests" else self._chapters)(names, child)
        return {"by": by, "reached_by": len(names), "seconds": round(time.monotonic() - start, 1)}

    def _tests(self, names: list[str], child: Child) -> str:
        for part in filter(None, (names[:FIRST], names[FIRST:])):
            chosen = {name: self.reach.seconds[name] for name in part}
            files = sorted({name.partition("::")[0] for name in part})
            work = partial(run_tests, self.root, files, chosen, measure=False)
            if by := child(sum(chosen.values()) + len(files), work)["failed"]:
                return str(by)
        return ""

    def _chapters(self, names: list[str], child: Child) -> str:
        for name in names:
            work = partial(run_chapter, self.root, self.root / name, measure=False)
            if by := child(self.reach.seconds[name], work)["failed"]:
                return str(by) if name in by else f"{name}: {by}"
        return ""

    def report(self, wanted: list[Fault], drawn: Entry, *, write: bool) -> int:
        """Print the score, write it where it is asked for, and return 1 if anything lived."""
        done = [self.known[fault.key] | {"line": fault.line} for fault in wanted if fault.key in self.known]
        entries = [
            entry for entry in done if (entry["module"], entry["old"], entry["new"]) not in self.equivalent
        ]
        score = {
            "version": 1, "date": today(), "python": platform.python_version(),
            "versions": {name: version(name) for name in PACKAGES},
            "sources": hashed(self.reach.modules(), self.root),
            "faults": len(self.faults), "drawn": drawn,
            "run": len(done), "equivalent": len(done) - len(entries),
        }  # fmt: skip
        score |= {
            "everything": count(entries, ["tests", "chapters"]),
            "tests": count(entries, ["tests"]),
            "chapters": count(entries, ["chapters"]),
            "modules": tally(entries, lambda entry: [entry["module"]]),
            "statements": tally(entries, lambda entry: entry["statements"]),
            "survivors": [short(entry) for entry in entries if alive(entry, ["tests", "chapters"])],
            "unnoticed_by_chapters": [short(entry) for entry in entries if alive(entry, ["chapters"])],
        }
        for kind in ("everything", "tests", "chapters"):
            s = score[kind]
            if s["run"]:
                low, high = (100 * bound for bound in s["interval"])
                share = f"{100 * s['rate']:.1f} %, 95 % interval {low:.1f} to {high:.1f} %"
                print(f"{kind}: {s['alive']} of {s['run']} live ({share})")
        for entry in score["survivors"]:
            print(f"{entry['module']}:{entry['line']}\n  - {entry['old']}\n  + {entry['new']}")
        if write:
            text = json.dumps(score, indent=1, ensure_ascii=False) + "\n"
            (self.here / "score.json").write_text(text, "utf-8")
        return int(bool(score["survivors"]))


def count(entries: list[Entry], kinds: list[str]) -> Entry:
    """Count what lived, with the Clopper-Pearson interval of its share."""
    run = [entry for entry in entries if all(kind in entry for kind in kinds)]
    living = sum(alive(entry, kinds) for entry in run)
    if not run:
        return {"run": 0, "alive": 0}
    interval = scipy.stats.binomtest(living, len(run)).proportion_ci(0.95, "exact")
    return {
        "run": len(run),
        "alive": living,
        "rate": living / len(run),
        "interval": [float(interval.low), float(interval.high)],
    }


def tally(entries: list[Entry], names: Any) -> Entry:
    """Count by name: the faults run, those that nothing noticed, and those that no chapter did."""
    run, dead, unread = Counter[str](), Counter[str](), Counter[str]()
    for entry in entries:
        for name in names(entry):
            run[name] += 1
            dead[name] += alive(entry, ["tests", "chapters"])
            unread[name] += alive(entry, ["chapters"])
    return {
        name: {"run": run[name], "alive": dead[name], "alive_in_chapters": unread[name]}
        for name in sorted(run)
    }


def alive(entry: Entry, kinds: list[str]) -> bool:
    """Say whether none of the kinds noticed the fault, and all were run."""
    return all(kind in entry and not entry[kind]["by"] for kind in kinds)


def short(entry: Entry) -> Entry:
    """Return what a page shows of a fault."""
    return {name: entry[name] for name in ("module", "line", "function", "kind", "old", "new", "statements")}


def code(path: Path) -> str:
    """Hash the code of a module, without comments and docstrings."""
    tree = ast.parse(path.read_bytes())
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and ast.get_docstring(node) is not None
        ):
            del node.body[0]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()[:16]


def today() -> str:
    """Return the date."""
    return datetime.now(UTC).date().isoformat()


def say(text: str) -> None:
    """Print a line at once."""
    print(text, file=sys.stderr, flush=True)
