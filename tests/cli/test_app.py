"""The command says what it can do without importing what it needs to do it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
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


def all_options() -> list[Any]:
    """Every option of every command that can change what is told; those of WORK change how long it takes."""
    commands = get_command(app).commands  # type: ignore[attr-defined]
    return [
        pytest.param(name, option, id=name + option.opts[0])
        for name in ("entropy", "spectrum", "compare")
        for option in commands[name].params
        if option.param_type_name == "option" and option.rich_help_panel != "Work"
    ]


def another_value(option: Any, folder: Path) -> tuple[object, ...]:
    """A value that is allowed, and is not the default."""
    kind, choices = option.type_descriptor.annotation, (option.metavar or "").strip("[]").split("|")
    if option.is_flag:
        return ()
    if len(choices) > 1:
        return (next(each for each in reversed(choices) if each not in (option.default, "FILE")),)
    if kind is Path:
        return (folder / ("made" + re.findall(r"\.[a-z]+", option.help)[0]),)
    if kind in (int, float):
        return (32 if option.default is None else option.default + 1,)
    return (0, 3) if option.nargs == 2 else ("Linear" if option.metavar == "TYPE" else "fc*",)


@pytest.mark.slow
@pytest.mark.parametrize(("command", "option"), all_options())
def test_an_option_changes_what_is_told_or_is_refused(tmp_path: Path, command: str, option: Any) -> None:
    """Alone: an option that needs another one must not be dropped in silence."""
    edges = np.diag(np.sqrt(0.006 * np.arange(1, 100)))  # rounding decides the bin of each eigenvalue
    for name, rng in (("a", np.random.default_rng(0)), ("b", np.random.default_rng(1))):
        weights = {"fc.weight": rng.normal(size=(60, 40)) / 5, "conv.weight": rng.normal(size=(8, 4, 3, 3))}
        np.savez(tmp_path / name, **weights, head=edges)
    nets = (tmp_path / "a.npz", tmp_path / "b.npz", "--control", "torch")
    base = {"entropy": (2, 1, "--depth", 3), "spectrum": nets[:1], "compare": nets}[command]
    written = tmp_path / "written"
    written.mkdir()

    def told(*given: object) -> tuple[Result, object]:
        asked = [[command, *map(str, (*base, *given)), *form] for form in ([], ["--json"])]
        shown, record = (CliRunner().invoke(app, arguments) for arguments in asked)
        if given[:1] in [("--json",), ("--csv",)] or shown.exit_code:
            return shown, shown.stdout
        files = sorted(path.name for path in written.iterdir())
        return shown, (shown.stdout, {**json.loads(record.stdout), "options": None}, files)

    plain = told()[1]
    shown, after = told(option.opts[0], *another_value(option, written))
    if shown.exit_code:
        assert shown.exit_code == 2
        assert re.search(f"{option.name}|{option.opts[0]}|'sampled'", shown.stderr)
    else:
        assert after != plain
