"""Kept spectra are whole, or as good as absent."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mme import storage
from mme.comparison.store import SpectrumStore, key_of

KEY = key_of("one")


@pytest.fixture
def store(tmp_path: Path) -> SpectrumStore:
    return SpectrumStore(tmp_path / "spectra")


def test_finds_what_it_kept(store: SpectrumStore) -> None:
    assert store.get(KEY) is None
    store.put(KEY, np.arange(4, dtype=np.float32).reshape(2, 2))
    kept = store.get(KEY)
    assert kept is not None
    assert kept.dtype == np.float32
    assert kept.tolist() == [[0, 1], [2, 3]]
    assert store.get(key_of("two")) is None


def test_keys_tell_apart_what_only_looks_alike() -> None:
    keys = {key_of("ab", "c"), key_of("a", "bc"), key_of("abc"), key_of(b"abc", ""), key_of("abc", "", "")}
    assert len(keys) == 5
    assert key_of("ab") == key_of(b"ab") == key_of(memoryview(b"ab"))


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "foreign"])
def test_damage_is_as_good_as_absence(store: SpectrumStore, damage: str) -> None:
    store.put(KEY, np.arange(100.0))
    path = store.path(KEY)
    data = bytearray(path.read_bytes())
    flipped = bytearray(data)
    flipped[-1] ^= 1
    path.write_bytes({"empty": b"", "cut": data[:-9], "flipped": flipped, "foreign": b"\x80\x04."}[damage])
    assert store.get(KEY) is None
    store.put(KEY, np.arange(2.0))
    kept = store.get(KEY)
    assert kept is not None
    assert kept.tolist() == [0, 1]


def test_a_disabled_store_touches_nothing(tmp_path: Path) -> None:
    store = SpectrumStore(tmp_path / "spectra", enabled=False)
    store.put(KEY, np.ones(1))
    assert store.get(KEY) is None
    assert not (tmp_path / "spectra").exists()


def test_an_empty_store_is_a_store(store: SpectrumStore) -> None:
    assert len(store) == 0
    assert store.enabled


def test_what_cannot_be_written_is_noted(store: SpectrumStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storage, "write_sealed", full)
    store.put(KEY, np.ones(1))
    assert "No space left on device" in store.trouble
    assert store.get(KEY) is None


def test_clear_spares_what_is_in_use(store: SpectrumStore) -> None:
    store.put(KEY, np.ones(1))
    store.put(key_of("old"), np.ones(1))
    old, day = store.path(key_of("old")), 86400
    os.utime(old, (time.time() - 10 * day,) * 2)
    half_written = old.with_name("half.partial")
    half_written.touch()
    assert store.clear(older_than=5 * day) == 1
    assert store.get(KEY) is not None
    assert store.clear() == 1
    assert half_written.exists()  # another process may be writing it
    os.utime(half_written, (time.time() - 2 * day,) * 2)
    assert store.clear(older_than=5 * day) == 1
    assert list(store.files()) == []


def test_tidying_is_rare_and_spares_what_is_used(store: SpectrumStore) -> None:
    store.tidy()
    assert not store.folder.exists()
    for name in ("used", "unused"):
        store.put(key_of(name), np.ones(1))
    os.utime(store.path(key_of("unused")), (0, 0))
    store.tidy()
    assert len(store) == 1
    assert store.get(key_of("used")) is not None
    os.utime(store.path(key_of("used")), (0, 0))
    store.tidy()
    assert len(store) == 1  # once a day is enough


def test_use_makes_young(store: SpectrumStore) -> None:
    store.put(KEY, np.ones(1))
    os.utime(store.path(KEY), (0, 0))
    store.get(KEY)
    assert store.clear(older_than=3600) == 0


WRITER = """
import sys, numpy as np
from pathlib import Path
from mme.comparison.store import SpectrumStore, key_of
store = SpectrumStore(Path(sys.argv[1]))
for round in range(40):
    for number in range(4):
        kept = store.get(key_of(str(number)))
        assert kept is None or (kept == number).all() and len(kept) == 2000, kept
        store.put(key_of(str(number)), np.full(2000, float(number)))
"""


def test_two_processes_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]
    for process in both:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors.decode()
    assert not list(tmp_path.rglob("*.partial"))
