"""How much a file may claim to hold, and the one sentence for whatever is wrong with it.

Numbers cannot take more bytes than the file has for them. Where they are compressed, or repeated by strides
of 0, they may take `RATIO` times as many, or `ALWAYS_ALLOWED`: weights hardly compress, zeros a thousandfold.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.filesize import decimal

from mme.errors import InputError

__all__ = ["ALWAYS_ALLOWED", "RATIO", "NoNetwork", "refuse_damage", "require_stored"]

RATIO = 200
ALWAYS_ALLOWED = 64 * 2**20
MOST_TOLD = 10**27


class NoNetwork(InputError):
    """A file is whole, but holds no network: a search passes over it."""


def require_stored(
    name: str, path: Path | str, claimed_bytes: int, stored_bytes: int, *, compressed: bool = False
) -> None:
    """Refuse a tensor that claims more bytes than the file can hold for it, or less than none."""
    allowed = max(RATIO * stored_bytes, ALWAYS_ALLOWED) if compressed else stored_bytes
    if not 0 <= claimed_bytes <= allowed:
        claimed, stored = decimal(min(claimed_bytes, MOST_TOLD)), decimal(stored_bytes)
        told = f"{name!r} claims {claimed}, but the file has {stored} for it"
        raise InputError(f"{path} is damaged or hostile: {told}.")


@contextmanager
def refuse_damage(path: Path | str, kind: str) -> Iterator[None]:
    """Turn what goes wrong in a format's own library into one InputError about the file."""
    try:
        yield
    except InputError:
        raise
    except ImportError as error:
        raise InputError(f"{path} needs a package that cannot be imported ({error}).") from error
    except MemoryError as error:
        raise InputError(f"{path} asks for more memory than there is; it is damaged or too large.") from error
    except Exception as error:  # libraries raise anything on damaged bytes: AssertionError, KeyError, …
        number = error.errno if isinstance(error, OSError) else None
        if number not in (None, errno.EINVAL):  # a position before the file's begin is damage
            raise InputError(f"{path} cannot be read: {os.strerror(number)}.") from error
        said = (str(error).strip().splitlines() or [""])[0]
        # A message may quote bytes of the file; a terminal must not obey them.
        said = "".join(filter(str.isprintable, said))[:120].strip(" .:") or type(error).__name__
        raise InputError(f"{path} is no readable {kind} ({said}): it is damaged or incomplete.") from error
