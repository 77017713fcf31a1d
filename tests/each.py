"""Many small cases in one test: pytest takes longer to set up a test than most of them take to run."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

import pytest


def each(
    names: str, cases: Iterable[Any], ids: Callable[[Any], str] | None = None
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run a test for each case, as `pytest.mark.parametrize` would, and report all that fail, by name.

    Fixtures are made once for all cases. `names` may be several, with a comma between two of them.
    """
    known = [name.strip() for name in names.split(",")]

    def decorated(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def tried(*owner: Any, **given: Any) -> None:
            failed, tries = [], 0
            for case in cases:
                values = case if len(known) > 1 else [case]
                tries += 1
                try:
                    test(*owner, **given, **dict(zip(known, values, strict=True)))
                except (Exception, pytest.fail.Exception) as error:
                    label = ids(case) if ids else f"{names}={case!r:.80}"
                    failed.append(f"{label}: {type(error).__name__}: {error}")
            assert tries, f"there is no case of {names}"
            if failed:
                pytest.fail(f"{len(failed)} of {tries} cases fail.\n" + "\n".join(failed), pytrace=False)

        signature = inspect.signature(test)
        left = [value for name, value in signature.parameters.items() if name not in known]
        tried.__signature__ = signature.replace(parameters=left)  # type: ignore[attr-defined]
        return tried

    return decorated
