"""Run faults against what reaches them, keep each result, and count."""

from __future__ import annotations

import json
import os
import platform
from collections import Counter
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import scipy.stats
import yaml

from tests.mutation.children import Session, in_child, put, run_cells
from tests.mutation.faults import Fault, faults
from tests.mutation.reach import Reach, code_hash, hashed

PACKAGES = ("mme", "numpy", "scipy", "sympy", "hypothesis", "pytest", "coverage")
SAID = os.dup(2)  # children send what they print elsewhere
Entry = dict[str, Any]


class Hunt:
    """The faults of a package, and what is known about each."""

    def __init__(self, root: Path, *, longest: float = 60) -> None:
        self.root, self.build, self.here = root, root / "_build" / "mutation", root / "tests" / "mutation"
        self.reach = Reach(root, self.build / "reach", longest)
        self.faults = [fault for path in self.reach.modules() for fault in faults(path, root)]
        self.codes = {path.relative_to(root).as_posix(): code_hash(path) for path in self.reach.modules()}
        self.results, self.known = self.build / "results.jsonl", dict[str, Entry]()
        self.read()
        listed = self.here / "equivalent.yml"
        found = yaml.safe_load(listed.read_text("utf-8")) if listed.exists() else None
        self.equivalent = {(e["module"], e["line"], e["fault"]): e["why"] for e in found or ()}

    def read(self) -> None:
        """Read what is known, line by line; later lines win."""
        for line in self.results.read_text("utf-8").splitlines() if self.results.exists() else ():
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                continue  # the line that an interruption cut short
            if entry["code"] == self.codes.get(entry["module"]):  # else the module is another one by now
                self.known[entry["key"]] = self.known.get(entry["key"], {}) | entry

    def keep(self, fault: Fault, kind: str, by: str, tried: list[str]) -> None:
        """Write down what noticed a fault, of the tests or of the chapters, or what did not."""
        told = {
            name: getattr(fault, name) for name in ("key", "module", "line", "function", "kind", "old", "new")
        }
        told |= {"code": self.codes[fault.module], "statements": self.statements(fault), "date": today()}
        entry = told | {kind: {"by": by, "tried": tried if kind == "chapters" and not by else len(tried)}}
        self.known[fault.key] = self.known.get(fault.key, {}) | entry
        self.results.parent.mkdir(parents=True, exist_ok=True)
        with self.results.open("a", encoding="utf-8") as file:
            file.write("\n" + json.dumps(entry, ensure_ascii=False))
        say(f"{fault.module}:{fault.line} · {kind}: {by or 'ALIVE'} · {fault.new}")

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

    def ordered(self, fault: Fault, kind: str) -> list[str]:
        """Return the tests, or the chapters, that reach a fault, the quickest first."""
        names = self.reaching(fault)
        if kind == "chapters":
            names = {name.partition("#")[0] for name in names if ".md#" in name}
        return sorted(names & self.reach.seconds.keys(), key=self.reach.seconds.__getitem__)

    def run_tests(self, wanted: list[Fault], session: Session, *, again: bool) -> None:
        """Run the tests that reach each fault, and keep each result as soon as it is there."""
        left = [fault for fault in wanted if self._asks(fault, "tests", again)]
        self._say_cost(left, "tests")
        for fault in left:
            names = [name for name in self.ordered(fault, "tests") if name in session.items]

            def work(fault: Fault = fault, names: list[str] = names) -> Entry:
                if raised := put(fault, self.root):
                    return {"failed": raised}
                if fault.early != "import":
                    return session.run(names)
                found: Entry = {}
                anew = Session(self.root, lambda anew: found.update(anew.run(names)))
                anew.start(sorted({name.partition("::")[0] for name in names}))
                return {"failed": found.get("failed", "pytest")}

            found = in_child(work, self._limit(names)) if names else {"failed": ""}
            self.keep(fault, "tests", found["failed"], names)

    def run_chapters(self, wanted: list[Fault], *, again: bool) -> None:
        """Run each chapter once without a fault, and from the first cell that reaches one, with it."""
        left = [fault for fault in wanted if self._asks(fault, "chapters", again)]
        self._say_cost(left, "chapters")
        tried = {
            f.key: [] if again else self.known.get(f.key, {}).get("chapters", {}).get("tried", [])
            for f in left
        }
        for fault in left:
            if not self.ordered(fault, "chapters"):
                self.keep(fault, "chapters", "", [])
        every = sorted(
            {name for fault in left for name in self.ordered(fault, "chapters")}, key=self.reach.seconds.get
        )
        for name in every:
            here = [f for f in left if name in self.ordered(f, "chapters") and name not in tried[f.key]]
            here = [f for f in here if again or not self.known.get(f.key, {}).get("chapters", {}).get("by")]
            cells = {f.key: 0 if f.early == "import" else self._first(f, name) for f in here}

            def at(
                number: int, early: str, name: str = name, here: list[Fault] = here, cells: Any = cells
            ) -> None:
                for fault in (
                    f for f in here if cells[f.key] == number and (f.early == "import") == bool(early)
                ):
                    work = partial(self._cells, fault, name, number)
                    by = in_child(work, self._limit([name]))["failed"]
                    self.keep(fault, "chapters", by, [*tried[fault.key], name])

            at(0, "import")
            if any(fault.early != "import" for fault in here):
                in_child(partial(run_cells, self.root, self.root / name, before=partial(at, early="")), 1e6)
            self.read()
            for fault in here:
                tried[fault.key] = [*tried[fault.key], name]
                if self.known.get(fault.key, {}).get("chapters", {}).get("by"):
                    left.remove(fault)

    def _cells(self, fault: Fault, name: str, number: int) -> Entry:
        raised = put(fault, self.root)
        return {"failed": raised or run_cells(self.root, self.root / name, number)["failed"]}

    def _first(self, fault: Fault, chapter: str) -> int:
        names = self.reach.of(fault.module, fault.lines, everywhere=bool(fault.early))
        return min(int(name.partition("#")[2]) for name in names if name.startswith(chapter + "#"))

    def _limit(self, names: list[str]) -> float:
        return 30 + 10 * sum(self.reach.seconds[name] for name in names)

    def _asks(self, fault: Fault, kind: str, again: bool) -> bool:
        known = self.known.get(fault.key, {}).get(kind)
        if known is None or known["by"]:
            return known is None
        return again or (
            kind == "chapters" and not set(self.ordered(fault, kind)) <= set(known["tried"] or ())
        )

    def _say_cost(self, left: list[Fault], kind: str) -> None:
        most = sum(self.reach.seconds[name] for fault in left for name in self.ordered(fault, kind))
        cost = f"{most / 3600:.1f} hours if none is noticed, a small part of it if all are"
        say(f"{len(left)} faults to run against the {kind}: {cost}")

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
    run = [entry for entry in entries if decided(entry, kinds)]
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


def decided(entry: Entry, kinds: list[str]) -> bool:
    """Say whether one of the kinds noticed the fault, or all were run."""
    return any(kind in entry and entry[kind]["by"] for kind in kinds) or all(kind in entry for kind in kinds)


def alive(entry: Entry, kinds: list[str]) -> bool:
    """Say whether none of the kinds noticed the fault, and all were run."""
    return all(kind in entry and not entry[kind]["by"] for kind in kinds)


def short(entry: Entry) -> Entry:
    """Return what a page shows of a fault."""
    return {name: entry[name] for name in ("module", "line", "function", "kind", "old", "new", "statements")}


def today() -> str:
    """Return the date."""
    return datetime.now(UTC).date().isoformat()


def say(text: str) -> None:
    """Print a line at once."""
    os.write(SAID, f"{text}\n".encode())
