"""What public callables take when they are told nothing: a promise, which `defaults.yml` holds in writing."""

import inspect
from pathlib import Path
from typing import Any

import yaml

from .test_refusals import PUBLIC, kinds

WRITTEN = Path(__file__).with_name("defaults.yml")


def defaults() -> dict[str, dict[str, str]]:
    """The default of every argument that has one, as Python writes it, by the path of the callable."""
    found = {path: _of(call) for path, call in PUBLIC.items()}
    return {path: each for path, each in sorted(found.items()) if each}


def _of(call: Any) -> dict[str, str]:
    given = {name: each.default for name, each in kinds(call).items()}
    return {name: repr(each) for name, each in given.items() if each is not inspect.Parameter.empty}


def test_defaults_are_those_in_writing() -> None:
    assert defaults() == yaml.safe_load(WRITTEN.read_text("utf-8"))
