"""What the tests of the command share: a cache of their own, and a way to call it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from mme.cli import app

Call = Callable[..., Result]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MME_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def call() -> Call:
    """Call the command and return what it printed and how it ended."""

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return run


@pytest.fixture
def complaint(call: Call) -> Callable[..., str]:
    """Call the command, which must refuse in one sentence on standard error, with exit code 2."""

    def run(*arguments: object) -> str:
        result = call(*arguments)
        assert result.exit_code == 2, result.output
        assert isinstance(result.exception, SystemExit)
        assert result.stdout == ""
        (line,) = result.stderr.splitlines()
        assert line.startswith("mme: ")
        assert line.endswith(".")
        return str(line)

    return run


@pytest.fixture
def nets(tmp_path: Path) -> Path:
    """A folder of three small checkpoints: b is a with other weights, c is larger in scale."""
    folder = tmp_path / "nets"
    folder.mkdir()
    for number, (name, scale) in enumerate((("a", 1.0), ("b", 1.0), ("c", 4.0))):
        rng = np.random.default_rng(number)
        np.savez(
            folder / f"{name}.npz",
            **{
                "conv.weight": scale * rng.normal(size=(24, 6, 3, 3)).astype(np.float32) / 7,
                "fc.weight": scale * rng.normal(size=(40, 24)) / 5,
                "fc.bias": np.zeros(40),
            },
        )
    return folder
