"""Names of a package that are imported when they are first used, so that torch is not loaded before."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["lazy_names"]


def lazy_names(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return a package's ``__getattr__`` and ``__dir__``.

    Parameters
    ----------
    package : str
        Its name, ``__name__``.
    homes : mapping of names to modules
        In which module of the package each name is defined.

    Returns
    -------
    (callable, callable)

    Examples
    --------
    >>> get, listed = lazy_names("mme.ensembles", {"bin_edges": "density"})
    >>> get("bin_edges")((0, 1), 2), "bin_edges" in listed()
    (array([0. , 0.5, 1. ]), True)
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{homes[name]}"), name)

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return get, listed
