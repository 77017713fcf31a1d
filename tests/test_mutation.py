"""The hunt for faults finds what a test overlooks, notices what it does not, and goes on where it stopped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent

import evidence_page
import pytest
import yaml
from execute_once import ROOT
from formulas import hashed

from tests.mutation.faults import Fault, faults

MODULE = '''
from functools import cache

LARGEST = 10


def square(x):
    """Return x², which is not 2 x."""
    return x**2


def shift(x, by=10):
    if x < 0:
        raise ValueError(f"{x + 1} - 1")
    return by - -x


@cache
def first(x: "1 + 1") -> "2":
    return x.sum(axis=0)[1] * 0.5
'''
TESTS = """
from mme.algebra.area import first, shift, square
import pytest

def test_square(): assert square(3) == 9
def test_shift():
    assert shift(1) > 0
    with pytest.raises(ValueError): shift(-1)
def test_broken(): assert square(0) == 1
"""
CHAPTER = """\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  name: python3
---

```{code-cell} ipython3
from mme.algebra.area import square
four = square(2)
```

```{code-cell} ipython3
assert four == 4, "lemma-1"
```
"""

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="the hunt forks")


def found(path: Path, text: str = MODULE) -> list[Fault]:
    path.write_text(text, "utf-8")
    return faults(path, path.parent)


def test_faults_are_of_formulas_alone(tmp_path: Path) -> None:
    told = [(fault.function, fault.kind, fault.new) for fault in found(tmp_path / "area.py")]
    assert told == [
        ("square", "exponent", "return x*2"),
        ("square", "exponent", "return x**1"),
        ("square", "exponent", "return x**3"),
        ("shift", "constant", "def shift(x, by=11):"),
        ("shift", "constant", "def shift(x, by=9):"),
        ("shift", "comparison", "if x <= 0:"),
        ("shift", "comparison", "if x >= 0:"),
        ("shift", "constant", "if x < 1:"),
        ("shift", "operator", "return by + -x"),
        ("shift", "sign", "return by - x"),
        ("first", "function", "return x.mean(axis=0)[1] * 0.5"),
        ("first", "axis", "return x.sum(axis=1)[1] * 0.5"),
        ("first", "index", "return x.sum(axis=0)[0] * 0.5"),
        ("first", "index", "return x.sum(axis=0)[2] * 0.5"),
        ("first", "operator", "return x.sum(axis=0)[1] / 0.5"),
        ("first", "constant", "return x.sum(axis=0)[1] * 0.55"),
    ]


def test_faults_are_what_they_say(tmp_path: Path) -> None:
    for fault in found(tmp_path / "area.py"):
        text = fault.applied(MODULE.encode()).decode()
        changed = [
            (a.strip(), b.strip())
            for a, b in zip(MODULE.splitlines(), text.splitlines(), strict=True)
            if a != b
        ]
        assert changed == [(fault.old, fault.new)]
        assert MODULE.splitlines()[fault.line - 1].strip() == fault.old


def test_faults_behind_a_cache_or_at_import_are_marked(tmp_path: Path) -> None:
    early = {(fault.old, fault.early) for fault in found(tmp_path / "area.py") if fault.early}
    assert early == {("def shift(x, by=10):", "default"), ("return x.sum(axis=0)[1] * 0.5", "cache")}


def test_keys_stay_when_other_lines_change(tmp_path: Path) -> None:
    before = found(tmp_path / "area.py")
    after = found(tmp_path / "area.py", MODULE.replace("LARGEST = 10", "def new():\n    return 1 + 1"))
    keys = [fault.key for fault in before]
    assert len(set(keys)) == len(keys)
    assert [fault.key for fault in after if fault.function != "new"] == keys


def test_faults_judged_equivalent_are_there_and_say_why() -> None:
    listed = yaml.safe_load((ROOT / "tests" / "mutation" / "equivalent.yml").read_text("utf-8"))
    modules = {entry["module"] for entry in listed}
    there = {(fault.module, fault.old, fault.new) for name in modules for fault in faults(ROOT / name, ROOT)}
    for entry in listed:
        assert (entry["module"], entry["line"], entry["fault"]) in there
        assert entry["why"].endswith(".")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    files = {
        "mme/__init__.py": "", "mme/algebra/__init__.py": "", "mme/algebra/area.py": MODULE,
        "tests/algebra/test_area.py": TESTS, "book/dln/area.md": CHAPTER,
        "book/statements.yml": "statements: [{id: lemma-1}]", "tests/mutation/equivalent.yml": "",
        "pytest.ini": "[pytest]\naddopts = --import-mode=importlib\npythonpath = .\n",
    }  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def hunt(project: Path, *options: str) -> tuple[int, str]:
    """Hunt in a project, in a process that has not imported `mme`."""
    path = os.pathsep.join([str(ROOT), *sys.path])
    run = subprocess.run(
        [sys.executable, "-m", "tests.mutation", "--root", str(project), *options],
        cwd=ROOT, env={**os.environ, "MME_CACHE": str(project / "cache"), "PYTHONPATH": path},
        capture_output=True, encoding="utf-8", timeout=1800, check=False,
    )  # fmt: skip
    return run.returncode, run.stdout + run.stderr


@pytest.mark.slow
@forks
@pytest.mark.skipif(find_spec("coverage") is None, reason="the hunt asks coverage what runs a line")
def test_hunt_finds_survivors_and_resumes(project: Path) -> None:
    status, told = hunt(project)
    assert status == 1, told
    assert "left out: tests/algebra/test_area.py::test_broken" in told
    score = json.loads((project / "tests" / "mutation" / "score.json").read_text("utf-8"))
    living = [entry["new"] for entry in score["survivors"]]
    untested = [fault.new for fault in found(project / "first.py") if fault.function == "first"]
    inexact = ["def shift(x, by=11):", "def shift(x, by=9):", "if x <= 0:", "if x < 1:"]
    assert living == [*inexact, "return by + -x", "return by - x", *untested]
    assert score["everything"] | {"interval": 0} == {"run": 16, "alive": 12, "rate": 0.75, "interval": 0}
    unread = {entry["new"] for entry in score["unnoticed_by_chapters"]}
    assert "return x*2" in unread  # for 2² is 2 · 2
    assert "return x**3" not in unread
    counted = {"run": 3, "alive": 0, "run_in_chapters": 3, "alive_in_chapters": 1}
    assert score["statements"] == {"lemma-1": counted}

    results = project / "_build" / "mutation" / "results.jsonl"
    whole = results.read_text("utf-8").splitlines()
    results.write_text("\n".join([*whole[:-1], whole[-1][:40]]), "utf-8")  # interrupted while it wrote
    reasons = [
        {"module": e["module"], "line": e["old"], "fault": e["new"], "why": "It is."}
        for e in score["survivors"]
    ]
    (project / "tests" / "mutation" / "equivalent.yml").write_text(json.dumps(reasons[1:-1]), "utf-8")
    status, told = hunt(project)
    assert "1 faults to run" in told  # and all others are known
    score = json.loads((project / "tests" / "mutation" / "score.json").read_text("utf-8"))
    assert [entry["new"] for entry in score["survivors"]] == [living[0], living[-1]]
    assert (score["run"], score["equivalent"], score["everything"]["run"]) == (16, 10, 6)

    (project / "tests" / "algebra" / "test_area.py").write_text(
        TESTS + "\ndef test_all(): assert shift(0) == 10\n"
    )
    (project / "tests" / "mutation" / "equivalent.yml").write_text(json.dumps(reasons[1:]), "utf-8")
    status, told = hunt(project, "--again")
    assert status == 0, told


def test_page_tells_of_the_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence_page, "SCORE", tmp_path / "score.json")

    def told(**score: object) -> str:
        (tmp_path / "score.json").write_text(json.dumps(score), "utf-8")
        return evidence_page._mutation(None, "")[0].astext()  # type: ignore[arg-type]

    assert "python run.py mutants" in evidence_page._mutation(None, "")[0].astext()  # type: ignore[arg-type]
    score = {
        "date": "2000-01-02", "sources": hashed(ROOT), "faults": 900, "equivalent": 3,
        "left_out": ["the rest"],
        "everything": {"run": 40, "alive": 2, "rate": 0.05, "interval": [0.01, 0.17]},
        "chapters": {"run": 10, "alive": 3, "rate": 0.3, "interval": [0.07, 0.65]},
    }  # fmt: skip
    whole = told(**score)
    assert "Of 40 single faults, of 900 possible ones, 2 went unnoticed: 5.0 %, with" in whole
    assert "from 1.0 to 17.0 %" in whole
    assert "chapters alone noticed 70.0 % of the first 10 (interval from 35.0 to 93.0 %)" in whole
    assert "Left out of the run: the rest." in whole
    assert whole.endswith("The run is of 2000-01-02, and of these sources.")
    other = told(**score | {"chapters": {"run": 0, "alive": 0}, "sources": "others"})
    assert "The chapters were not run alone." in other
    assert other.endswith("sources that have changed since.")
    for alive, words in ((0, "none went unnoticed"), (1, "1 went unnoticed"), (2, "2 went unnoticed")):
        count = score["everything"] | {"alive": alive}
        assert f"possible ones, {words}: 5.0 %" in told(**score | {"everything": count})
        by_tests = told(**score | {"everything": {"run": 0, "alive": 0}, "tests": count})
        assert f"possible ones, {words} by the tests: 5.0 %" in by_tests
    for like, words in ((0, ""), (1, "Another 1 changes nothing"), (3, "Another 3 change nothing")):
        text = told(**score | {"equivalent": like})
        assert words in text if words else "Another" not in text


@pytest.mark.slow
@forks
def test_a_test_that_does_not_end_fails_alone(project: Path) -> None:
    (project / "tests" / "test_loops.py").write_text(
        "def test_end(): pass\ndef test_loop():\n    while True: pass\ndef test_after(): assert False\n"
    )
    program = """
        import sys
        from pathlib import Path
        from tests.mutation.children import Session, in_child
        def go(session):
            limits = {"tests/test_loops.py::test_loop": 0.2}
            print("found", in_child(lambda: session.run([*session.items], limits=limits), 20))
        Session(Path(sys.argv[1]), go).start(["tests/test_loops.py"])
    """
    command = [sys.executable, "-c", dedent(program), str(project)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "found {'failed': 'tests/test_loops.py::test_loop'" in run.stdout


@forks
def test_children_that_do_not_end_are_ended() -> None:
    program = """
        import time
        from tests.mutation.children import in_child
        print(in_child(lambda: time.sleep(60), 0.2), in_child(lambda: {"failed": ""}, 60))
    """
    run = subprocess.run(
        [sys.executable, "-c", dedent(program)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout == "{'failed': 'time limit'} {'failed': ''}\n"
