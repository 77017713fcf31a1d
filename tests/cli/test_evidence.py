"""`mme evidence` prints the record of a built book, and says how to get one where there is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from mme.cli import evidence as command
from mme.evidence import check

Call = Callable[..., Result]
Complaint = Callable[..., str]


def statement(name: str, **summary: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"checks": 0, "levels": {}, "error_to_tolerance": None, "certified_digits": None}
    told |= {"largest_z": None, "seconds": 0.0, "seeds": [], "versions": {}} | summary
    checks = [check(name, "one").numeric(1, 1).to_dict() for _ in range(told["checks"])]
    strongest = next(iter(told["levels"]), "")
    return {"id": name, "status": "open", "strongest": strongest, "summary": told, "checks": checks}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "evidence.json"
    lemma = statement(
        "lemma-5.1", checks=2, levels={"proved": 1, "numeric": 1}, error_to_tolerance=0.125,
        certified_digits=61, largest_z=2.34, seconds=7.25,
    )  # fmt: skip
    record = {"schema": 2, "statements": [lemma, statement("figure-1")]}
    path.write_text(json.dumps(record), encoding="utf-8")
    return path


def test_prints_a_row_for_each_statement(call: Call, file: Path) -> None:
    head, lemma, figure = call("evidence", "--file", file).stdout.splitlines()
    assert head.split() == [
        "statement", "strongest", "checks", "error", "/", "tolerance", "digits", "largest", "|z|", "seconds",
    ]  # fmt: skip
    assert lemma.split() == ["lemma-5.1", "proved", "2", "0.12", "61", "2.3", "7.2"]
    assert figure.split() == ["figure-1", "open", "0", "–", "–", "–", "0.0"]


def test_prints_the_checks_of_one_statement(call: Call, file: Path) -> None:
    shown = call("evidence", "lemma-5.1", "--file", file).stdout
    assert shown.count("numeric: one — relative error 0 (tolerance 1e-09)") == 2
    assert "figure-1" not in shown


def test_prints_json(call: Call, file: Path) -> None:
    everything = json.loads(call("evidence", "--json", "--file", file).stdout)
    assert everything == json.loads(file.read_text("utf-8"))
    one = json.loads(call("evidence", "figure-1", "--json", "--file", file).stdout)
    assert [each["id"] for each in one["statements"]] == ["figure-1"]


def test_finds_the_book_that_was_built_here(
    call: Call, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    built = tmp_path / command.BUILT
    built.parent.mkdir(parents=True)
    file.rename(built)
    assert "lemma-5.1" in call("evidence").stdout


def test_says_how_to_get_a_record(
    complaint: Complaint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "__file__", str(tmp_path / "a" / "b" / "c.py"))
    said = complaint("evidence")
    assert "python run.py book builds it" in said
    assert "--file" in said


def test_refuses_what_is_no_record(complaint: Complaint, file: Path, tmp_path: Path) -> None:
    assert "lemma-9.9 is no statement of the book" in complaint("evidence", "lemma-9.9", "--file", file)
    assert "FileNotFoundError" in complaint("evidence", "--file", tmp_path / "nothing.json")
    for text, why in (("{", "JSONDecodeError"), ("[]", "schema is None"), ('{"schema": 1}', "schema is 1")):
        file.write_text(text, encoding="utf-8")
        assert why in complaint("evidence", "--file", file)
    file.write_bytes(b"\xff\xfe")
    assert "UnicodeDecodeError" in complaint("evidence", "--file", file)


def test_finds_the_book_beside_the_package(
    call: Call, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    (root / command.BUILT).parent.mkdir(parents=True)
    file.rename(root / command.BUILT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "__file__", str(root / "mme" / "cli" / "evidence.py"))
    assert "lemma-5.1" in call("evidence").stdout
