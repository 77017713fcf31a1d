"""`mme cache` shows what is kept, and clears it."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Call = Callable[..., Result]


def kept(call: Call) -> dict[str, object]:
    record: dict[str, object] = json.loads(call("cache", "--json").stdout)
    return record


@pytest.mark.slow
def test_shows_and_clears(call: Call, nets: Path, tmp_path: Path) -> None:
    assert kept(call)["spectra"] == 0
    call("compare", nets)
    (tmp_path / "cache" / "networks").mkdir()
    (tmp_path / "cache" / "networks" / "other.pt").write_bytes(b"12345")
    before = kept(call)
    assert before["spectra"] == 3
    assert before["spectra_bytes"] > 1000
    assert (before["other_files"], before["other_bytes"]) == (1, 5)
    assert before["folder"] == str(tmp_path / "cache")
    assert "spectra" in call("cache").stdout
    assert call("cache", "clear", "--older-than", 1).stdout.startswith("0 spectra deleted")
    cleared = call("cache", "clear")
    assert cleared.exit_code == 0
    assert cleared.stdout.startswith(f"{before['spectra']} spectra deleted")
    after = kept(call)
    assert after["spectra"] == 0
    assert after["other_files"] == 1  # trained networks stay


def test_a_cache_that_is_off_is_let_be(call: Call, nets: Path, tmp_path: Path) -> None:
    unused = tmp_path / "cache" / "spectra-3" / "ab" / "ab12.kept"
    unused.parent.mkdir(parents=True)
    unused.touch()
    os.utime(unused, (0, 0))
    for option, is_there in (("--no-cache", True), ("--cache", False)):
        assert call("spectrum", nets / "a.npz", option).exit_code == 0
        assert unused.exists() == is_there


def test_json_before_clear_is_refused(complaint: Callable[..., str]) -> None:
    """Nothing is deleted by a command that was not understood."""
    assert complaint("cache", "--json", "clear") == "mme: --json changes nothing before clear; leave it out."

