"""What is imported only when it is first used: NumPy, SciPy, and the names that a package has.

Exact mathematics then runs where there is no NumPy, as in a browser, and nothing waits for what it does not
use. A module that exact mathematics reaches has its `np` from here.
"""

from __future__ import annotations

import ast
import inspect
import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import array_api_compat
    import numpy as np
    import scipy
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[Any]

__all__ = ["Array", "ArrayLike", "array_api_compat", "lazily", "np", "of_numpy", "scipy"]


class Late(ModuleType):
    """A module that is imported when something of it is first asked for."""

    def __getattr__(self, name: str) -> Any:
        setattr(self, name, value := getattr(import_module(self.__name__), name))
        return value


if not TYPE_CHECKING:
    np, scipy, array_api_compat = map(Late, ("numpy", "scipy", "array_api_compat"))
    Array = ArrayLike = Any  # for annotations, which nobody evaluates


def of_numpy(*kinds: str) -> tuple[Any, ...]:
    """Return types of NumPy's, none where it is not loaded: then no value is of them."""
    numpy = sys.modules.get("numpy")
    return tuple(getattr(numpy, kind) for kind in kinds) if numpy else ()


class Package(ModuleType):
    """A package whose names are imported when they are first asked for."""

    homes: dict[str, str]

    def __getattr__(self, name: str) -> Any:
        if name not in self.homes:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        setattr(self, name, value := getattr(import_module(self.homes[name]), name))
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        # A module becomes an attribute of its package, also where it has the name of its function.
        is_home = isinstance(value, ModuleType) and self.homes.get(name) == value.__name__
        super().__setattr__(name, getattr(value, name) if is_home else value)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.homes]


def lazily(package: str) -> None:
    """Let a package import what stands under TYPE_CHECKING in it, each name when it is first asked for."""
    module = sys.modules[package]
    tree = ast.walk(ast.parse(inspect.getsource(module)))
    found = [node for node in tree if isinstance(node, ast.ImportFrom)]
    vars(module)["homes"] = {each.name: str(node.module) for node in found for each in node.names}
    module.__class__ = Package
