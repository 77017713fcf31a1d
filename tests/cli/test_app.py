"""The command says what it can do without importing what it needs to do it."""

from __future__ import annotations

import subprocess
import sys

import pytest

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
