"""Spectra on disk, found again by the content that they were computed from."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np

from mme import storage

__all__ = ["SpectrumStore", "key_of"]

VERSION = "spectra-1"  # another one leaves what was kept before unread
SUFFIX = ".spectrum"
DAY = 86400.0
ABANDONED = DAY  # after that long a half-written file belongs to no living process
KEPT_DAYS = 90  # unused


def key_of(*parts: str | bytes | memoryview) -> str:
    """Return a key for everything that decides a spectrum.

    Parameters
    ----------
    *parts : str or bytes
        Names of options, shapes, the bytes of weights.

    Returns
    -------
    str
        64 hexadecimal digits.

    Examples
    --------
    >>> key_of("ab", "c") == key_of("a", "bc")
    False
    """
    digest = hashlib.sha256(VERSION.encode())
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        length = data.nbytes if isinstance(data, memoryview) else len(data)
        digest.update(f"|{length}|".encode())
        digest.update(data)
    return digest.hexdigest()


class SpectrumStore:
    """A folder of spectra, each file whole or absent, and as good as absent when it was damaged.

    Any number of processes may read and write it at the same time.

    Parameters
    ----------
    folder : Path, optional
        By default ``spectra`` in the user's cache directory for `mme`.
    enabled : bool
        False reads and writes nothing.

    Attributes
    ----------
    trouble : str
        Why something could not be kept; empty where all went well.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = SpectrumStore(Path(folder))
    ...     store.put("ab12", np.arange(3.0))
    ...     store.get("ab12"), len(store)
    (array([0., 1., 2.]), 1)
    """

    def __init__(self, folder: Path | None = None, enabled: bool = True) -> None:
        self.folder = storage.cache_folder() / "spectra" if folder is None else folder
        self.enabled = enabled
        self.trouble = ""

    def path(self, key: str) -> Path:
        """Where the spectrum of this key is kept."""
        return self.folder / key[:2] / f"{key}{SUFFIX}"

    def get(self, key: str) -> np.ndarray | None:
        """Return the spectrum of this key; None where there is none, or a damaged one."""
        data = storage.read_sealed(self.path(key)) if self.enabled else None
        return None if data is None else np.asarray(np.load(io.BytesIO(data), allow_pickle=False))

    def put(self, key: str, spectrum: np.ndarray) -> None:
        """Keep a spectrum. What cannot be written is noted in `trouble`, for the result is not lost."""
        if not self.enabled:
            return
        buffer = io.BytesIO()
        np.save(buffer, spectrum, allow_pickle=False)
        try:
            storage.write_sealed(self.path(key), buffer.getvalue())
        except OSError as error:
            self.trouble = f"spectra cannot be kept in {self.folder} ({error.strerror or error})"

    def files(self) -> Iterable[Path]:
        """Yield the files of the folder, half-written ones too."""
        for pattern in (f"??/*{SUFFIX}", "??/*.partial"):
            yield from self.folder.glob(pattern)

    def size(self) -> int:
        """Return how many bytes the files take."""
        total = 0
        for path in self.files():
            with suppress(OSError):  # gone meanwhile
                total += path.stat().st_size
        return total

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
        """Delete what was not used for a time.

        Parameters
        ----------
        older_than : float
            In seconds.

        Returns
        -------
        int
            How many files were deleted.

        Raises
        ------
        OSError
            If a file cannot be deleted.
        """
        deleted, now = 0, time.time()
        for path in list(self.files()):
            with suppress(FileNotFoundError):
                # What another process is writing just now is its own.
                least = older_than if path.suffix == SUFFIX else ABANDONED
                if now - path.stat().st_mtime >= least:
                    path.unlink()
                    deleted += 1
        return deleted
