"""What can be made again, kept on disk: files that appear whole, are found by their key, and go when unused.

The folder is the user's cache directory for `mme`, or the one that the environment variable ``MME_CACHE``
names; it can be deleted at any time. Any number of processes may read and write it at the same time.
"""

from __future__ import annotations

import hashlib
import io
import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path

import numpy as np
import platformdirs

__all__ = ["Store", "cache_folder", "key_of", "size_of", "write_whole"]

DIGEST = hashlib.sha256().digest_size
SUFFIX = ".kept"
DAY = 86400.0
ABANDONED = DAY  # after that long a half-written file belongs to no living process
KEPT_DAYS = 90  # unused


def cache_folder() -> Path:
    """Return the folder of everything that is kept; it need not exist yet."""
    chosen = os.environ.get("MME_CACHE")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("mme", appauthor=False))


def size_of(path: Path) -> int:
    """Return how many bytes a file takes, 0 when it is gone meanwhile."""
    with suppress(OSError):
        return path.stat().st_size
    return 0


def write_whole(path: Path, data: bytes) -> None:
    """Write a file beside its place and rename it, so that nobody ever sees a part of it.

    An OSError leaves nothing behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.parent / f"{path.stem[:60]}-{uuid.uuid4().hex}.partial"
    try:
        with beside.open("xb") as file:
            file.write(data)
        os.replace(beside, path)
    finally:
        with suppress(OSError):  # once renamed, it is gone
            os.unlink(beside)


def key_of(*parts: str | bytes | memoryview) -> str:
    """Return 64 hexadecimal digits for everything that decides a result; ("ab", "c") is not ("a", "bc")."""
    digest = hashlib.sha256()
    for part in parts:
        data = memoryview(part.encode(errors="surrogatepass") if isinstance(part, str) else part)
        digest.update(f"|{data.nbytes}|".encode())
        digest.update(data)
    return digest.hexdigest()


class Store:
    """A folder of results of one kind, each file whole or absent, and as good as absent when damaged.

    Its `kind` names it in `cache_folder`; another one leaves old files unread. Not `enabled` it reads and
    writes nothing. In `trouble` stands why something could not be kept.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = Store("spectra", folder=Path(folder))
    ...     store.put("ab12", np.arange(3.0))
    ...     store.get("ab12"), len(store)
    (array([0., 1., 2.]), 1)
    """

    def __init__(self, kind: str, *, enabled: bool = True, folder: Path | None = None) -> None:
        self.folder = cache_folder() / kind if folder is None else folder
        self.enabled = enabled
        self.trouble = ""

    def path(self, key: str) -> Path:
        """Return where the result of this key is kept."""
        return self.folder / key[:2] / f"{key}{SUFFIX}"

    def get(self, key: str) -> np.ndarray | None:
        """Return the array of this key; None where there is none, or a damaged one."""
        data = self.get_bytes(key)
        return None if data is None else np.asarray(np.load(io.BytesIO(data), allow_pickle=False))

    def put(self, key: str, array: np.ndarray) -> None:
        """Keep an array. What cannot be written is noted in `trouble`, for the result is not lost."""
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        self.put_bytes(key, buffer.getvalue())

    def kept(self, key: str, make: Callable[[], np.ndarray]) -> np.ndarray:
        """Return the array of this key, made now and kept where there is none."""
        found = self.get(key)
        if found is None:
            found = make()
            self.put(key, found)
        return found

    def get_bytes(self, key: str) -> bytes | None:
        """Return the bytes of this key; None where there are none, or damaged ones."""
        path = self.path(key)
        try:
            data = path.read_bytes() if self.enabled else b""
        except OSError:
            return None
        if hashlib.sha256(data[DIGEST:]).digest() != data[:DIGEST]:
            return None
        with suppress(OSError):
            os.utime(path)  # it is in use: whoever tidies up lets it be
        return data[DIGEST:]

    def put_bytes(self, key: str, data: bytes) -> None:
        """Keep bytes, their digest first, so that damage shows."""
        if not self.enabled:
            return
        try:
            write_whole(self.path(key), hashlib.sha256(data).digest() + data)
        except OSError as error:
            self.trouble = f"{self.folder} cannot be written to ({error.strerror or error})"

    def files(self) -> Iterator[Path]:
        """Go through the files of the folder, half-written ones too."""
        return chain(self.folder.glob(f"??/*{SUFFIX}"), self.folder.glob("??/*.partial"))

    def size(self) -> int:
        """Return how many bytes the files take."""
        return sum(map(size_of, self.files()))

    def __len__(self) -> int:
        return sum(path.suffix == SUFFIX for path in self.files())

    def tidy(self) -> None:
        """Delete what nobody has used for months, and what killed processes left; at most once a day."""
        mark = self.folder / "tidied"
        with suppress(OSError):  # nothing here is worth an error
            if self.folder.is_dir() and not (mark.exists() and time.time() - mark.stat().st_mtime < DAY):
                mark.touch()
                self.clear(older_than=KEPT_DAYS * DAY)

    def clear(self, older_than: float = 0.0) -> int:
        """Delete what was not used for so many seconds, and return how many files that were."""
        deleted, now = 0, time.time()
        for path in list(self.files()):
            with suppress(FileNotFoundError):
                # What another process is writing just now is its own.
                least = older_than if path.suffix == SUFFIX else ABANDONED
                if now - path.stat().st_mtime >= least:
                    path.unlink()
                    deleted += 1
        return deleted
