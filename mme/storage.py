"""Files that the package keeps: where they lie, and how they are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

import platformdirs

__all__ = ["cache_folder", "write_whole"]


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
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".partial")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise
