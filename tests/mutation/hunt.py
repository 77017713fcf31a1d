"""Run faults against what reaches them, keep each result, and count."""

from __future__ import annotations

import json
import os
import platform
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import scipy.stats
import yaml
from formulas import hashed, modules

from tests.mutation.children import Session, in_child, put, run_cells
from tests.mutation.faults import Fault, faults
from tests.mutation.reach import LONGEST, MEASURING, Reach, code_hash

PACKAGES = ("mme", "numpy", "scipy", "sympy", "hypothesis", "pytest", "coverage")
SAID = os.dup(2)  # children send what they print elsewhere
KINDS = {"everything": ["tests", "chapters"], "tests": ["tests"], "chapters": ["chapters"]}
Entry = dict[str, Any]


class Hunt:
    """The faults of a package, and what is known about each."""

    def __init__(self, root: Path) -> None:
        self.root, self.build, self.here = root, root / "_build" / "mutation", root / "tests" / "mutation"
        self.sound = set[tuple[str, ...]]()
        self.reach = Reach(root, self.build / "reach", say)
        self.faults = [fault for path in modules(root) for fault in faults(path, root)]
        self.codes = {path.relative_to(root).as_posix(): code_hash(path) for path in modules(root)}
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

    def keep(self, fault: Fault, kind: str, by: str | None, tried: list[str]) -> None:
        """Write down what noticed a fault, "" where nothing did, None as long as something is left to run."""
        told = {
            name: getattr(fault, name) for name in ("key", "module", "line", "function", "kind", "old", "new")
        }
        told |= {"code": self.codes[fault.module], "date": today()}
        entry = told | {kind: {"by": by, "tried": [] if by else tried}}
        self.known[fault.key] = self.known.get(fault.key, {}) | entry
        self.results.parent.mkdir(parents=True, exist_ok=True)
        with self.results.open("a", encoding="utf-8") as file:
            file.write("\n" + json.dumps(entry, ensure_ascii=False))
        say(
            f"{fault.module}:{fault.line} · {kind}: {by or ('ALIVE' if by == '' else 'so far')} · {fault.new}"
        )

    def found(self, fault: Fault, kind: str) -> Entry:
        """Return what is known of a fault and the tests, or the chapters."""
        known: Entry = self.known.get(fault.key, {}).get(kind, {"by": None, "tried": []})
        return known

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
        """Run the tests that reach each fault, quickest first, then the slow ones that mirror its module."""
        left = self._start(wanted, "tests", again)
        if left:
            self.reach.load(self.reach.files(), session)
        say(f"{len(left)} faults to run against the tests that reach them")
        for fault in left:
            quick = [name for name in self.ordered(fault, "tests") if name in session.items]
            own = session.of(self.reach.own(fault.module))
            unfit = {*quick, *self.reach.broken, *self.reach.too_long}
            slow = [name for name in own if session.is_slow(name) and name not in unfit]
            by = self._tests(fault, session, quick, self._limit(quick)) if quick else ""
            self.keep(fault, "tests", by or (self._tests(fault, session, slow, 600) if slow else ""), [])

    def _tests(self, fault: Fault, session: Session, names: list[str], limit: float) -> str:
        """Return what noticed a fault, but for tests that fail without it."""

        def work(names: list[str], fault: Fault) -> Entry:
            if raised := put(fault, self.root):
                return {"failed": raised}
            limits = {name: self._limit([name]) for name in names if name in self.reach.seconds}
            if fault.early != "import":
                return session.run(names, limits=limits)
            found: Entry = {}
            anew = Session(self.root, lambda anew: found.update(anew.run(names, limits=limits)))
            anew.start(sorted({name.partition("::")[0] for name in names}))
            return {"failed": found.get("failed", "pytest")}

        none = replace(fault, start=0, end=0, text="")  # tests can fail for what ran before them
        while (by := str(in_child(partial(work, names, fault), limit)["failed"])) in names:
            before = names[: names.index(by) + 1]
            key = (fault.early and fault.module, *before)
            if key not in self.sound and (unfit := in_child(partial(work, before, none), limit)["failed"]):
                say(f"fails without any fault, so it is left out: {unfit}")
                if unfit not in names:
                    return ""
                names.remove(unfit)
                self.reach.broken += [unfit] * (fault.early != "import")
                continue
            self.sound.add(key)
            break
        if by == "time limit" and in_child(partial(work, names, none), limit)["failed"] == by:
            say("takes too long without any fault, too, so it shows nothing")  # the machine is busy
            return ""
        return by

    def run_chapters(self, wanted: list[Fault], session: Session, *, again: bool) -> None:
        """Run the chapters that use the module of each fault, and for what lives all others that reach it."""
        left = self._start(wanted, "chapters", again)
        say(f"{len(left)} faults to run against the chapters")
        every = self.reach.chapters()
        for first in (True, False):
            uses = {f.key: self.reach.owning(f.module) if first else every for f in left}
            here = [name for name in every if any(name in uses[fault.key] for fault in left)]
            self.reach.load(here, session)
            for name in sorted(filter(self.reach.seconds.__contains__, here), key=self.reach.seconds.get):
                self._chapter(name, [f for f in left if name in uses[f.key]])
            left = [fault for fault in left if not self.found(fault, "chapters")["by"]]
        for fault in left:
            self.keep(fault, "chapters", "", self.found(fault, "chapters")["tried"])

    def _chapter(self, name: str, faults: list[Fault]) -> None:
        """Run a chapter once without a fault, and from the first cell that reaches one, with it."""
        known = {fault.key: self.found(fault, "chapters") for fault in faults}
        here = [f for f in faults if not known[f.key]["by"] and name not in known[f.key]["tried"]]
        here = [fault for fault in here if name in self.ordered(fault, "chapters")]
        cells = {f.key: 0 if f.early == "import" else self._first(f, name) for f in here}

        def at(number: int, early: str) -> None:
            for fault in here:
                if cells[fault.key] == number and (fault.early == "import") == bool(early):
                    work = partial(self._cells, fault, name, number)
                    by = in_child(work, self._limit([name]))["failed"]
                    self.keep(fault, "chapters", by or None, [*known[fault.key]["tried"], name])

        at(0, "import")
        if any(fault.early != "import" for fault in here):
            in_child(partial(run_cells, self.root, self.root / name, before=partial(at, early="")), 1e6)
        self.read()

    def _cells(self, fault: Fault, name: str, number: int) -> Entry:
        raised = put(fault, self.root, anew=True)
        return {"failed": raised or run_cells(self.root, self.root / name, number)["failed"]}

    def _first(self, fault: Fault, chapter: str) -> int:
        names = self.reach.of(fault.module, fault.lines, everywhere=bool(fault.early))
        return min(int(name.partition("#")[2]) for name in names if name.startswith(chapter + "#"))

    def _limit(self, names: list[str]) -> float:
        return 30 + 10 * sum(self.reach.seconds[name] for name in names)

    def _start(self, wanted: list[Fault], kind: str, again: bool) -> list[Fault]:
        """Return what is not judged and not decided yet; or has lived, and is to be run again."""
        left = [
            f
            for f in wanted
            if (f.module, f.old, f.new) not in self.equivalent
            and (self.found(f, kind)["by"] is None or (again and not self.found(f, kind)["by"]))
        ]
        for fault in left if again else ():
            self.keep(fault, kind, None, [])
        return left

    def left_out(self) -> list[str]:
        """Say what was not run."""
        return [
            "tests that run chapters, build pages or start programs",
            "slow tests, but for those that mirror the module of a fault",
            *(f"the chapter {name}" for name in sorted(MEASURING)),
            *(
                f"{name}, which fails without a fault"
                for name in sorted(set(filter(None, self.reach.broken)))
            ),
            *(f"{name}, which takes more than {LONGEST} s" for name in self.reach.too_long),
        ]

    def report(self, wanted: list[Fault], drawn: Entry, *, write: bool, alone: int | None = None) -> int:
        """Print the score, write it where it is asked for, and return 1 if anything lived."""
        self.reach.load(self.reach.chapters())
        told = {f.key: {"line": f.line, "statements": self.statements(f)} for f in wanted}
        entries = [  # but for those that nobody could notice, which are not run
            {} if (f.module, f.old, f.new) in self.equivalent else self.known.get(f.key, {}) | told[f.key]
            for f in wanted
        ]
        drawn_for = {name: entries[: alone if name == "chapters" else None] for name in KINDS}
        sound = {name: list(filter(None, found)) for name, found in drawn_for.items()}
        # What is left undecided lives more often than the rest, so a kind counts when none is left.
        for name, found in sound.items():
            if not all(decided(entry, KINDS[name]) for entry in found):
                sound[name], drawn_for[name] = [], []
        most = max(KINDS, key=lambda name: len(drawn_for[name]))
        score = {
            "version": 1, "date": today(), "python": platform.python_version(),
            "versions": {name: version(name) for name in PACKAGES},
            "sources": hashed(self.root),
            "faults": len(self.faults), "drawn": drawn,
            "run": len(drawn_for[most]), "equivalent": len(drawn_for[most]) - len(sound[most]),
            "left_out": self.left_out(),
        }  # fmt: skip
        score |= {name: count(sound[name], kinds) for name, kinds in KINDS.items()} | {
            "modules": tally(sound, lambda entry: [entry["module"]]),
            "statements": tally(sound, lambda entry: entry["statements"]),
            "survivors": [short(entry) for entry in sound["everything"] if alive(entry, KINDS["everything"])],
            "unnoticed_by_tests": [short(entry) for entry in sound["tests"] if alive(entry, ["tests"])],
            "unnoticed_by_chapters": [
                short(entry) for entry in sound["chapters"] if alive(entry, ["chapters"])
            ],
        }
        for kind in KINDS:
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


def count(run: list[Entry], kinds: list[str]) -> Entry:
    """Count what lived, with the Clopper-Pearson interval of its share."""
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


def tally(run: dict[str, list[Entry]], names: Callable[[Entry], list[str]]) -> Entry:
    """Count by name: the faults run and those alive, against everything and against the chapters alone."""
    found = {"run": Counter[str](), "alive": Counter[str]()}
    found |= {f"{each}_in_chapters": Counter[str]() for each in found}
    for kind, suffix in (("everything", ""), ("chapters", "_in_chapters")):
        for entry in run[kind]:
            for name in names(entry):
                found["run" + suffix][name] += 1
                found["alive" + suffix][name] += alive(entry, KINDS[kind])
    every = sorted(found["run"].keys() | found["run_in_chapters"].keys())
    return {name: {each: counted[name] for each, counted in found.items()} for name in every}


def decided(entry: Entry, kinds: list[str]) -> bool:
    """Say whether one of the kinds noticed the fault, or all were run."""
    return any(by(entry, kind) for kind in kinds) or alive(entry, kinds)


def alive(entry: Entry, kinds: list[str]) -> bool:
    """Say whether none of the kinds noticed the fault, and all were run."""
    return all(by(entry, kind) == "" for kind in kinds)


def by(entry: Entry, kind: str) -> str | None:
    """Return what noticed a fault, "" where nothing did, None where something is left to run."""
    found: str | None = entry.get(kind, {}).get("by")
    return found


def short(entry: Entry) -> Entry:
    """Return what a page shows of a fault."""
    return {name: entry[name] for name in ("module", "line", "function", "kind", "old", "new", "statements")}


def today() -> str:
    """Return the date."""
    return datetime.now(UTC).date().isoformat()


def say(text: str) -> None:
    """Print a line at once."""
    os.write(SAID, f"{text}\n".encode())
