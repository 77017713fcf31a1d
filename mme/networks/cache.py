"""Trained networks on disk: made once, read afterwards, by any number of processes.

The folder is the user's cache directory for `mme`, or the one that the environment variable ``MME_CACHE``
names; it can be deleted at any time. A file appears whole or not at all, and begins with the digest of what
follows: one that was damaged is made again. Where nothing can be written, nothing is kept.
"""

import hashlib
import io
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from mme import storage
from mme.networks._extra import missing
from mme.networks._torch import torch

try:
    from filelock import FileLock, Timeout
except ModuleNotFoundError as error:
    raise missing(str(error.name)) from None

__all__ = ["cache_folder", "load_or_make", "source_digest"]

KEPT_DAYS = 30  # files of older sources, which nobody reads any more, go after this time


def cache_folder() -> Path:
    """The folder where trained networks are kept.

    Returns
    -------
    Path
        It need not exist yet.

    Examples
    --------
    >>> cache_folder().name
    'networks'
    """
    return storage.cache_folder() / "networks"


def source_digest(*more: str) -> str:
    """A digest of this subpackage's sources, the version of torch and whatever else decides the result.

    Parameters
    ----------
    *more : str
        Joins the digest.

    Returns
    -------
    str
        16 hexadecimal digits.

    Examples
    --------
    >>> source_digest("recipe 1") == source_digest("recipe 1") != source_digest("recipe 2")
    True
    """
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    for text in (str(torch.__version__), *more):
        digest.update(text.encode() + b"\0")
    return digest.hexdigest()[:16]


def load_or_make(
    name: str, key: str, make: Callable[[], dict[str, Any]], wait: bool = True
) -> dict[str, Any] | None:
    """Read what was kept under this name and key, or make and keep it.

    Parameters
    ----------
    name : str
        Beginning of the file's name.
    key : str
        Digest of everything that decides the result.
    make : callable
        Makes a dictionary of tensors, numbers, strings and dictionaries of them.
    wait : bool
        When another process is making the same: wait for it and read what it made, or return None at once.

    Returns
    -------
    dict or None

    Examples
    --------
    >>> import os, tempfile, unittest.mock
    >>> with tempfile.TemporaryDirectory() as folder, unittest.mock.patch.dict(os.environ, MME_CACHE=folder):
    ...     made = load_or_make("half", "key", lambda: {"value": 0.5})
    ...     kept = load_or_make("half", "key", lambda: {"value": 0.25})
    >>> made, kept
    ({'value': 0.5}, {'value': 0.5})
    """
    folder = cache_folder()
    path = folder / f"{name}-{key}.pt"
    kept = read(path)
    if kept is not None:
        return kept
    lock = FileLock(folder / f"{name}.lock", timeout=-1 if wait else 0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        return None
    except OSError:  # a folder that nobody can write to
        return make()
    try:
        kept = read(path)  # another process may have made it while this one waited
        if kept is None:
            kept = make()
            with suppress(OSError):
                write(path, kept)
                tidy(folder)
        return kept
    finally:
        lock.release()


def read(path: Path) -> dict[str, Any] | None:
    """The content of a file that `write` made; None when it is missing or damaged."""
    data = storage.read_sealed(path)
    if data is None:
        return None
    content: dict[str, Any] = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    return content


def write(path: Path, content: dict[str, Any]) -> None:
    """Write a file, its digest first, so that it appears whole or not at all."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    storage.write_sealed(path, buffer.getvalue())


def tidy(folder: Path) -> None:
    """Remove what nobody has read or written for a month."""
    for path in folder.iterdir():
        if path.suffix in (".pt", ".partial") and time.time() - path.stat().st_mtime > KEPT_DAYS * 86400:
            path.unlink(missing_ok=True)
