"""Packages that only some of `mme` needs, and the one sentence that is said when one is missing."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from mme.errors import InputError

__all__ = ["MissingExtra", "missing", "required"]


class MissingExtra(InputError, ImportError):
    """A package of an extra is not installed; the message says which command brings it."""


def required(module: str, extra: str, purpose: str) -> Any:
    """Import a module of an extra's package; what is there but broken raises its own error.

    The `purpose`, which needs it, is the subject of the sentence.

    Examples
    --------
    >>> required("a_package", "torch", "net.pt")
    Traceback (most recent call last):
    mme.extras.MissingExtra: net.pt needs a_package, which is not installed: pip install 'mme[torch]'
    brings it.
    """
    package = module.partition(".")[0]
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        raise missing(package, extra, purpose) from None


def missing(package: str, extra: str, purpose: str) -> MissingExtra:
    """Return the error that says which extra brings a package."""
    absent = f"{purpose} needs {package}, which is not installed"
    return MissingExtra(f"{absent}: pip install 'mme[{extra}]' brings it.")
