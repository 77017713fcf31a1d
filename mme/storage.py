"""Files that the package keeps: where they lie, and how they are written whole or not at all."""

from __future__ import annotations

import hashlib
import os
import uuid
from contextlib import suppress
from pathlib import Path

import platformdirs

__all__ = ["cache_folder", "read_sealed", "write_sealed", "write_whole"]

DIGEST = hashlib.sha256().digest_size


def cache_folder() -> Path:
    """The folder for what can be made again: the user's cache directory for `mme`.

    The environment variable ``MME_CACHE`` names another one.

    Returns
    -------
    Path
        It need not exist yet.

    Examples
    --------
    >>> isinstance(cache_folder(), Path)
    True
    """
    chosen = os.environ.get("MME_CACHE")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("mme", appauthor=False))


def write_whole(path: Path, data: bytes) -> None:
    """Write a file beside its place and rename it, so that nobody ever sees a part of it.

    Parameters
    ----------
    path : Path
        Its folder is made where it is missing.
    data : bytes

    Raises
    ------
    OSError
        If the file cannot be written; then nothing is left behind.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "tables" / "one.txt"
    ...     write_whole(path, b"whole")
    ...     path.read_bytes(), len(list(path.parent.iterdir()))
    (b'whole', 1)
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.parent / f"{path.stem[:60]}-{uuid.uuid4().hex}.partial"
    try:
        with beside.open("xb") as file:
            file.write(data)
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise


def write_sealed(path: Path, data: bytes) -> None:
    """Write a file whole, its digest first, so that damage to it shows.

    Parameters
    ----------
    path, data, and errors
        As in `write_whole`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "kept"
    ...     write_sealed(path, b"whole")
    ...     read_sealed(path)
    b'whole'
    """
    write_whole(path, hashlib.sha256(data).digest() + data)


def read_sealed(path: Path) -> bytes | None:
    """Return what `write_sealed` wrote; None where it is missing, unreadable or damaged.

    Parameters
    ----------
    path : Path

    Returns
    -------
    bytes or None

    Examples
    --------
    >>> read_sealed(Path("/nowhere/at/all")) is None
    True
    """
    try:
        data = path.read_bytes()
    except OSError:
        return None
    if hashlib.sha256(data[DIGEST:]).digest() != data[:DIGEST]:
        return None
    with suppress(OSError):
        os.utime(path)  # it is in use: whoever tidies up lets it be
    return data[DIGEST:]
