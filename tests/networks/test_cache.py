"""Kept files are read, remade when damaged, whole or absent, and made by one process at a time."""

import io
import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from mme.networks import cache  # noqa: E402
from mme.store import Store  # noqa: E402


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MME_CACHE", str(tmp_path))
    return tmp_path / "networks"


def kept_files(folder: Path) -> list[Path]:
    return list(folder.glob("*/*.kept"))


def unwanted() -> dict[str, float]:
    raise AssertionError("the file should have been read")


def test_reads_what_it_kept(folder: Path) -> None:
    made = cache.load_or_make("a", "1", lambda: {"weights": {"w": torch.arange(3.0)}, "accuracy": 0.5})
    kept = cache.load_or_make("a", "1", unwanted)
    assert made is not None
    assert kept is not None
    assert torch.equal(kept["weights"]["w"], torch.arange(3.0))
    assert kept["accuracy"] == 0.5
    assert len(kept_files(folder)) == 1


def test_another_key_is_made_anew(folder: Path) -> None:
    cache.load_or_make("a", "1", lambda: {"x": 1})
    assert cache.load_or_make("a", "2", lambda: {"x": 2}) == {"x": 2}


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "foreign"])
def test_a_damaged_file_is_made_again(folder: Path, damage: str) -> None:
    cache.load_or_make("a", "1", lambda: {"x": torch.zeros(100)})
    (path,) = kept_files(folder)
    data = bytearray(path.read_bytes())
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    path.write_bytes({"empty": b"", "cut": data[:-7], "flipped": flipped, "foreign": b"\x80\x04."}[damage])
    made = cache.load_or_make("a", "1", lambda: {"x": torch.ones(100)})
    assert made is not None
    assert torch.equal(made["x"], torch.ones(100))
    kept = cache.load_or_make("a", "1", unwanted)
    assert kept is not None
    assert torch.equal(kept["x"], torch.ones(100))


def test_files_are_read_without_running_code_from_them(folder: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, ("exit 0",)

    buffer = io.BytesIO()
    torch.save({"x": Evil()}, buffer)
    Store("networks").put_bytes("1", buffer.getvalue())
    with pytest.raises(Exception, match=r"[Ww]eights.only"):
        cache.load_or_make("a", "1", unwanted)


def test_a_file_appears_whole_or_not_at_all(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", full)
    assert cache.load_or_make("a", "1", lambda: {"x": 1}) == {"x": 1}
    assert not list(Store("networks").files())


def test_where_nothing_can_be_written_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("MME_CACHE", str(tmp_path / "file"))
    assert cache.load_or_make("a", "1", lambda: {"x": 1}) == {"x": 1}


@pytest.mark.parametrize(("wait", "limit"), [(True, -1), (False, 0)])
def test_what_another_process_has_made_meanwhile_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch, wait: bool, limit: float
) -> None:
    cache.load_or_make("a", "1", lambda: {"x": 1})
    (path,) = kept_files(folder)
    made = path.read_bytes()
    path.unlink()

    class Waited(nullcontext[None]):
        def __init__(self, place: Path, timeout: float) -> None:
            super().__init__()
            self.told = place.name, timeout

        def acquire(self) -> "Waited":
            assert self.told == ("a.lock", limit)
            path.write_bytes(made)
            return self

    monkeypatch.setattr(cache, "FileLock", Waited)
    assert cache.load_or_make("a", "1", unwanted, wait) == {"x": 1}


def test_what_nobody_has_used_for_long_goes(folder: Path) -> None:
    cache.load_or_make("a", "first", lambda: {"x": 1})
    (old,) = kept_files(folder)
    os.utime(old, (0, 0))
    (folder / "tidied").unlink()
    cache.load_or_make("a", "other", lambda: {"x": 2})
    assert [path.stem for path in kept_files(folder)] == ["other"]


def test_an_error_while_making_leaves_nothing_and_frees_the_lock(folder: Path) -> None:
    def fails() -> dict[str, int]:
        raise OSError("from the work itself")

    with pytest.raises(OSError, match="from the work itself") as held:
        cache.load_or_make("a", "1", fails)
    assert not kept_files(folder)
    assert held.traceback  # and with it the lock, which only `release` frees
    assert cache.load_or_make("a", "1", lambda: {"x": 1}, wait=False) == {"x": 1}


def test_the_key_follows_what_decides_the_weights_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in cache.DECISIVE:
        (tmp_path / name).write_text("a = 1\n")
    monkeypatch.setattr(cache, "__file__", str(tmp_path / "cache.py"))
    before = cache.source_key("recipe")
    (tmp_path / "digits.py").write_text("another = module\n")
    (tmp_path / cache.DECISIVE[0]).write_text('"""What it is for."""\n\na = 1  # one\n')
    assert cache.source_key("recipe") == before != cache.source_key("other recipe")
    keys = {before}
    for name in cache.DECISIVE:
        (tmp_path / name).write_text("a = 2\n")
        keys.add(cache.source_key("recipe"))
    monkeypatch.setattr(torch, "__version__", "0.0")
    assert len(keys | {cache.source_key("recipe")}) == len(cache.DECISIVE) + 2


@pytest.mark.slow
def test_of_two_processes_one_makes_and_the_other_reads(folder: Path) -> None:
    script = (
        "import os, time\n"
        "from mme.networks.cache import load_or_make\n"
        "from mme.store import Store\n"
        "def make():\n"
        "    (Store('networks').folder / f'made-by-{os.getpid()}').touch()\n"
        "    time.sleep(1)\n"
        "    return {'pid': os.getpid()}\n"
        "ready = Store('networks').folder / f'ready-{os.getpid()}'\n"
        "ready.parent.mkdir(parents=True, exist_ok=True)\n"
        "ready.touch()\n"
        "while len(list(ready.parent.glob('ready-*'))) < 2:\n"
        "    time.sleep(0.01)\n"
        "print(load_or_make('a', '1', make)['pid'])\n"
    )
    both = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) for _ in range(2)]
    answers = [process.communicate(timeout=600)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert answers[0] == answers[1] != b""
    assert [path.name for path in folder.glob("made-by-*")] == [f"made-by-{int(answers[0])}"]
