"""What is kept on disk goes when it was not used for long, and is found by all that decides it."""

import io
import os
import time
from pathlib import Path

import numpy as np
import pytest

from mme.cli import cache
from mme.store import Store, cache_folder, key_of, write_whole

HOURS = 3600


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store("spectra", folder=tmp_path / "spectra")


def aged(path: Path, hours: float) -> Path:
    """The file, as if it had been used last so many hours ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    then = time.time() - hours * HOURS
    os.utime(path, (then, then))
    return path


def test_months_without_use_and_half_written_files_of_a_day_are_tidied(store: Store) -> None:
    keys = {days: key_of(str(days)) for days in (0, 80, 89, 91, 200)}
    for days, key in keys.items():
        store.put(key, np.arange(3.0))
        aged(store.path(key), 24 * days)
    halves = {hours: aged(store.folder / "ab" / f"{hours}.partial", hours) for hours in (0, 23, 25)}
    store.tidy()
    assert [days for days, key in keys.items() if store.path(key).exists()] == [0, 80, 89]
    assert [hours for hours, path in halves.items() if path.exists()] == [0, 23]


def test_it_is_tidied_once_a_day(store: Store) -> None:
    store.tidy()
    assert not store.folder.exists()  # of nothing
    store.put("ab12", np.zeros(2))
    path = store.path("ab12")
    for hours, is_tidied in ((1, False), (23, False), (25, True)):
        aged(path, 24 * 100)
        aged(store.folder / "tidied", hours)
        store.tidy()
        assert path.exists() != is_tidied
    assert time.time() - (store.folder / "tidied").stat().st_mtime < HOURS


def test_what_is_read_is_in_use(store: Store) -> None:
    store.put("ab12", np.arange(3.0))
    aged(store.path("ab12"), 24 * 100)
    assert store.get("ab12").tolist() == [0, 1, 2]  # type: ignore[union-attr]
    store.tidy()
    assert len(store) == 1


def test_all_is_cleared_but_what_is_being_written(store: Store) -> None:
    for key in ("ab1", "cd2"):
        store.put(key, np.zeros(2))
    written, left = (aged(store.folder / "ab" / f"{hours}.partial", hours) for hours in (0, 25))
    assert (len(store), len(list(store.files()))) == (2, 4)
    assert store.size() == sum(path.stat().st_size for path in store.folder.glob("*/*.kept"))
    assert store.clear(older_than=HOURS) == 1
    assert store.clear() == 2
    assert (written.exists(), left.exists()) == (True, False)


def test_switched_off_it_neither_reads_nor_writes(store: Store, tmp_path: Path) -> None:
    off = Store("spectra", enabled=False, folder=store.folder)
    off.put("ab12", np.zeros(2))
    assert not store.folder.exists()
    store.put("ab12", np.zeros(2))
    assert off.get("ab12") is None


def test_parts_of_a_key_do_not_run_into_each_other() -> None:
    parts = [("ab", "c"), ("a", "bc"), ("abc",), ("c", "ab"), ("ab", "c", ""), (b"ab", "|1|c")]
    parts += [(f"ab{between}c",) for between in ("||", "|1|", "|2|")]
    assert len({key_of(*each) for each in parts}) == len(parts)
    assert key_of("é", b"x") == key_of("é".encode(), "x")
    assert all(len(key_of(*each)) == 64 for each in parts)


def test_a_folder_of_ones_own_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MME_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
    assert Store("kind").path("ab12") == tmp_path / "own" / "kind" / "ab" / "ab12.kept"


def test_the_command_counts_in_days_and_megabytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MME_CACHE", str(tmp_path))
    spectra, measurements = Store("spectra-3"), Store("measurements-1")
    for number in range(3):
        spectra.put(key_of(str(number)), np.zeros(500_000))
    measurements.put_bytes("ab12", b"a line")
    cache.show(type("Context", (), {"invoked_subcommand": None})())
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines if line.startswith(("spectra", "measurements"))] == [
        ["spectra", "3", "12.0", "MB"], ["measurements", "1", "0.0", "MB"]
    ]  # fmt: skip
    aged(spectra.path(key_of("0")), 47)
    aged(spectra.path(key_of("1")), 49)
    cache.clear(older_than=2)
    assert (len(spectra), len(measurements)) == (2, 1)
    assert capsys.readouterr().out.startswith(f"1 spectra deleted from {spectra.folder}.\n0 measurements del")


def test_nothing_kept_runs_code(store: Store) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.array([{}], dtype=object), allow_pickle=True)
    store.put_bytes("ab12", buffer.getvalue())
    with pytest.raises(ValueError, match="allow_pickle"):
        store.get("ab12")


def test_what_cannot_be_put_in_its_place_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        write_whole(tmp_path / "taken", b"data")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
