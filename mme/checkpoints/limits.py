"""How much a file may claim to hold: one policy for all formats, asked before anything is allocated.

A damaged or hostile header can claim terabytes. Three rules stop it:

* numbers that lie in the file as they are cannot take more bytes than the file has there;
* numbers that are compressed, or repeated by strides of zero, may take `RATIO` times the bytes that the file
  has for them, or `ALWAYS_ALLOWED` bytes, whichever is more: weights hardly compress (float32 weights by a
  tenth, zeros a thousandfold), and a pruned network of a few megabytes is still let through;
* no tensor has more than `LARGEST` bytes, so that a size never overflows.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mme.errors import InputError

__all__ = ["ALWAYS_ALLOWED", "LARGEST", "RATIO", "refuse_damage", "require_stored"]

RATIO = 200
ALWAYS_ALLOWED = 64 * 2**20
LARGEST = 2**48


def require_stored(
    name: str, path: Path | str, claimed_bytes: int, stored_bytes: int, *, compressed: bool = False
) -> None:
    """Refuse a tensor that claims more bytes than the file can hold for it.

    Parameters
    ----------
    name : str
        Of the tensor.
    path : Path or str
        Of the file, for the message.
    claimed_bytes : int
        What the tensor would take in memory, by its shape and type.
    stored_bytes : int
        What the file has for it.
    compressed : bool
        Whether the stored bytes are compressed, or stand for repeated numbers.

    Raises
    ------
    InputError
        If it claims too much, or less than nothing.

    Examples
    --------
    >>> require_stored("fc.weight", "net.npz", 4000, 4096)
    >>> require_stored("fc.weight", "net.npz", 4 * 10**12, 4096, compressed=True)
    Traceback (most recent call last):
    mme.errors.InputError: net.npz is damaged or hostile: 'fc.weight' claims 4.0 TB, but the file has
    4.1 kB for it.
    """
    allowed = max(RATIO * stored_bytes, ALWAYS_ALLOWED) if compressed else stored_bytes
    if not 0 <= claimed_bytes <= min(allowed, LARGEST) or stored_bytes < 0:
        raise InputError(
            f"{path} is damaged or hostile: {name!r} claims {_in_words(claimed_bytes)}, but the file has "
            f"{_in_words(stored_bytes)} for it."
        )


@contextmanager
def refuse_damage(path: Path | str, kind: str) -> Iterator[None]:
    """Turn what goes wrong in a format's own library into one sentence about the file.

    The original error stays attached as its cause.

    Parameters
    ----------
    path : Path or str
    kind : str
        What the file should be, such as ``"safetensors file"``.

    Raises
    ------
    InputError
        In place of any exception; an InputError passes unchanged.

    Examples
    --------
    >>> with refuse_damage("net.npz", "npz file"):
    ...     raise EOFError("No data left in file")
    Traceback (most recent call last):
    mme.errors.InputError: net.npz is no readable npz file (No data left in file): it is damaged or
    incomplete.
    """
    try:
        yield
    except InputError:
        raise
    except ImportError as error:
        raise InputError(f"{path} needs a package that cannot be imported ({error}).") from error
    except MemoryError as error:
        raise InputError(f"{path} asks for more memory than there is; it is damaged or too large.") from error
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # a position before the file's begin is damage
            raise InputError(f"{path} cannot be read: {os.strerror(error.errno)}.") from error
        raise _damaged(path, kind, error) from error
    except Exception as error:  # libraries raise anything on damaged bytes: AssertionError, KeyError, …
        raise _damaged(path, kind, error) from error


def _damaged(path: Path | str, kind: str, error: Exception) -> InputError:
    lines = str(error).strip().splitlines() or [""]
    # A message may quote bytes of the file; a terminal must not obey them.
    said = "".join(letter for letter in lines[0] if letter.isprintable())[:120].strip(" .:")
    return InputError(
        f"{path} is no readable {kind} ({said or type(error).__name__}): it is damaged or incomplete."
    )


def _in_words(size: int) -> str:
    if size < 0:
        return "a negative number of bytes"
    if size < 1000:
        return f"{size} bytes"
    for unit, thousand in (("kB", 10**3), ("MB", 10**6), ("GB", 10**9), ("TB", 10**12)):
        if size < 1000 * thousand:
            return f"{size / thousand:.1f} {unit}"
    return "more than 1000 TB"
