"""No file may claim more than it can hold."""

import errno

import pytest

from mme.checkpoints.limits import ALWAYS_ALLOWED, RATIO, refuse_damage, require_stored
from mme.errors import InputError
from tests.each import each


def test_plain_numbers_take_what_is_there() -> None:
    require_stored("w", "net", 4096, 4096)
    require_stored("w", "net", 0, 0)
    with pytest.raises(InputError, match=r"'w' claims 4\.1 kB, but the file has 4\.1 kB for it"):
        require_stored("w", "net", 4097, 4096)


def test_compressed_numbers_may_take_more() -> None:
    require_stored("w", "net", ALWAYS_ALLOWED, 0, compressed=True)
    large = ALWAYS_ALLOWED
    require_stored("w", "net", RATIO * large, large, compressed=True)
    for claimed, stored in ((ALWAYS_ALLOWED + 1, 0), (RATIO * large + 1, large)):
        with pytest.raises(InputError, match="claims"):
            require_stored("w", "net", claimed, stored, compressed=True)


@each("claimed", [-1, 2**63, 10**400])
def test_impossible_sizes_are_refused(claimed: int) -> None:
    with pytest.raises(InputError, match="damaged or hostile"):
        require_stored("w", "net", claimed, 10**15)


@each(
    "claimed, words",
    [(999, "999 bytes"), (10**6, "1.0 MB"), (10**14, "100.0 TB"), (10**400, "1,000.0 YB"), (-4, "-4 bytes")],
)
def test_sizes_are_told_in_words(claimed: int, words: str) -> None:
    with pytest.raises(InputError, match=f"claims {words}"):
        require_stored("w", "net", claimed, 1)


@each(
    "error, words",
    [
        (
            ValueError("first line\nsecond line"),
            r"net is no readable file of a kind \(first line\): it is damaged",
        ),
        (RuntimeError("\x1b[31mred"), r"\(\[31mred\)"),
        (AssertionError(), r"\(AssertionError\)"),
        (ValueError("x" * 1000), r"\(x{120}\)"),
        (ImportError("no lib"), r"net needs a package that cannot be imported \(no lib\)"),
        (MemoryError(), "more memory than there is"),
        (PermissionError(errno.EACCES, "no"), r"net cannot be read: Permission denied\.$"),
        (OSError(errno.EINVAL, "Invalid argument"), "damaged"),
        (OSError("library's own"), r"\(library's own\)"),
        (RecursionError("too deep"), "too deep"),
    ],
)
def test_every_error_becomes_one_sentence(error: Exception, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught, refuse_damage("net", "file of a kind"):
        raise error
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is error


def test_an_interrupt_is_no_damage() -> None:
    with pytest.raises(KeyboardInterrupt), refuse_damage("net", "file"):
        raise KeyboardInterrupt
