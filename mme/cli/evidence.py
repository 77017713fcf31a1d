"""`mme evidence`: what the built book has checked of each statement."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from mme.cli.app import app
from mme.cli.output import AsJson, Columns, print_columns, print_json, say
from mme.errors import InputError

__all__ = ["evidence"]

SCHEMA = 2
BUILT = Path("_build/html/book/reference/evidence.json")  # from the root of the book
WITHOUT = (
    "there is no built book here or beside the package; python run.py book builds it, and --file takes the "
    "evidence.json that lies in every built book beside its page of evidence."
)
ONE, RECORD = "One of them, such as lemma-5.1: its checks.", "The evidence.json of a built book."


@app.command()
def evidence(
    statement: Annotated[str | None, typer.Argument(metavar="[STATEMENT]", help=ONE)] = None,
    file: Annotated[Path | None, typer.Option("--file", metavar="FILE", help=RECORD)] = None,
    as_json: AsJson = False,
) -> None:
    """Print what the book has checked of each of its statements, and how well it held."""
    record = _read(file)
    if statement is not None:
        record["statements"] = [each for each in record["statements"] if each["id"] == statement]
        if not record["statements"]:
            raise InputError(f"{statement} is no statement of the book; mme evidence lists them.")
    if as_json:
        print_json(record)
        return
    print_columns(_columns(), record["statements"], left=2)
    for check in record["statements"][0]["checks"] if statement is not None else ():
        say(f"{check['level']}: {check['claim'] or 'as it stands'} — {check['summary']}")


def _columns() -> Columns[Any]:
    def told(name: str, form: str) -> Callable[[Mapping[str, Any]], str]:
        return lambda each: "–" if each["summary"][name] is None else format(each["summary"][name], form)

    return {
        "statement": lambda each: each["id"],
        "strongest": lambda each: each["strongest"] or each["status"],
        "checks": told("checks", "d"),
        "error / tolerance": told("error_to_tolerance", ".2g"),
        "digits": told("certified_digits", "d"),
        "largest |z|": told("largest_z", ".1f"),
        "seconds": told("seconds", ".1f"),
    }


def _read(file: Path | None) -> dict[str, Any]:
    """Return the record from a file, or from the book that was built here or where the package lies."""
    near = (Path.cwd() / BUILT, Path(__file__).resolve().parents[2] / BUILT)
    path = file or next(filter(Path.is_file, near), None)
    if path is None:
        raise InputError(WITHOUT)
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a record of evidence ({type(error).__name__}).") from None
    schema = record.get("schema") if isinstance(record, dict) else None
    if schema != SCHEMA:
        raise InputError(f"{path} must be an evidence.json of schema {SCHEMA}, but its schema is {schema}.")
    return dict(record)
