"""The command says what it can do without importing what it needs to do it."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from mme.cli import app

HEAVY = {
    "scipy.stats", "scipy.special", "scipy.linalg", "scipy.cluster", "scipy.ndimage", "torch", "sympy",
    "torchvision", "mpmath", "matplotlib", "pandas", "sklearn", "onnx", "h5py",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "allowed"),
    [("from mme.start import main\nmain()", {"numpy", "scipy", "typer"}), ("import mme", set[str]())],
)
def test_what_help_imports(code: str, allowed: set[str]) -> None:
    told = "import atexit, sys\natexit.register(lambda: print(*sys.modules, sep='\\n', file=sys.stderr))\n"
    program = [sys.executable, "-c", told + code, "--help"]
    done = subprocess.run(program, capture_output=True, text=True, encoding="utf-8", check=True)
    modules = set(done.stderr.split())
    assert HEAVY & modules == set()
    assert {"numpy", "scipy", "typer"} & modules == allowed
    assert ("compare" in done.stdout) is bool(allowed)


def test_help_breaks_lines_at_the_width_of_the_terminal() -> None:
    told = CliRunner().invoke(app, ["compare", "--help"], env={"COLUMNS": "100"}).stdout
    (paragraph,) = (each for each in re.split(r"\n *\n", told) if "For each network:" in each)
    lines = [line.strip() for line in paragraph.splitlines()]
    words = [line.split()[0] for line in lines[1:]]
    # No line ends where the next word would have had its place.
    assert all(len(line) + 1 + len(word) > 98 for line, word in zip(lines, words, strict=False))


MEASURING = {
    "as_json": False, "as_csv": False, "dtype": "float64", "conjugate": "deterministic", "draws": 5, "rng": 0,
    "circular": "CUE", "construction": "haar", "part": "real", "pooling": "plain", "window": (0.0, 6.0),
    "bins": 1000, "zeros": "keep", "normalise": "window", "squarings": 1, "device": "cpu", "cache": True,
}  # fmt: skip
DEFAULTS = {
    "compare": {"linkage": "complete", "control": "auto", "controls": 1, "more": False} | MEASURING,
    "entropy": {"field": "R", "monte_carlo": False, "seed": 0, "samples": 8192, "as_json": False},
    "evidence": {"as_json": False},
    "spectrum": MEASURING,
    "table": {"untrained": False, "seeds": 1} | MEASURING | {"dtype": "float32"},
    "cache": {"as_json": False},
}


def test_defaults_of_the_commands_are_those_in_writing() -> None:
    """As `tests/defaults.yml` has them of what Python calls."""
    commands = get_command(app).commands  # type: ignore[attr-defined]
    found = {
        name: {each.name: each.default for each in command.params if each.default is not None}
        for name, command in commands.items()
    }
    assert found == DEFAULTS


def test_without_a_command_it_tells_which_there_are() -> None:
    told = CliRunner().invoke(app, []).output
    assert "Usage:" in told
    assert "Exit codes:" in told
