"""What code depends on, read from the sources: the modules of a package that it reaches, and other packages.

Imports inside functions count. A name counts as the module that its package has it from: `figure` of
`mme.plots` leads to `mme.plots.style`, not to all that `mme.plots` has. A string counts that names a module
or an installed package. Comments do not count. Docstrings do in modules that import typer, which prints them,
and everywhere if docstrings or sources are asked for. Of other packages the version counts.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions, version
from pathlib import Path

ASKING = re.compile(r"\bhelp\(|__doc__|getdoc|getsource|pinfo")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
installed = cache(packages_distributions)


class Closure:
    """What code depends on that runs in a folder: modules of the package, files, packages outside."""

    def __init__(self, code: str, folder: Path, package: Path) -> None:
        self.code, self.package = code, package.name
        self.modules, self.outside, self._taken = set[str](), set[str](), set[str]()
        self.paths = {
            ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__"): path
            for path in package.rglob("*.py")
        }
        for use in _uses(tree := ast.parse(code)):
            self._take(use)
        calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and not node.args)
        if any(isinstance(call.func, ast.Attribute) and call.func.attr == "plot" for call in calls):
            self._take(f"{package.name}.plots.*")  # a result that draws itself
        texts = set(_strings(tree))
        command = re.compile(rf"(?:^|[;&|\n]|-m)\s*{package.name}(?![\w./-])")
        if any(map(command.search, texts)):
            self._take(f"{package.name}.__main__.*")
        beside = (file for module in self.modules for file in self.paths[module].parent.iterdir())
        self.files = {folder / text for text in texts if os.path.isfile(folder / text)}
        self.files |= {file for file in beside if file.is_file() and file.suffix not in (".py", ".pyc")}

    def contents(self) -> Iterator[str]:
        """Yield whatever decides what the code computes."""
        texts = {module: self.paths[module].read_text("utf-8") for module in sorted(self.modules)}
        asking = any(map(ASKING.search, [self.code, *texts.values()]))
        for module, text in texts.items():
            yield f"{module} {text if asking else ast.dump(_tree(self.paths[module]))}"
        for file in sorted(self.files):
            yield f"{file.name} {file.read_bytes().hex()}"
        for name in sorted(self.outside):
            yield from sorted(f"{each}=={version(each)}" for each in installed()[name])

    def _take(self, use: str) -> None:
        """Count what a dotted name leads to; a package that is only imported counts without what it has."""
        if use in self._taken:
            return
        self._taken.add(use)
        module, names = "", use.split(".")
        if names[0] != self.package:
            self.outside |= {names[0]} & installed().keys()
            return
        exports: dict[str, str] = {}
        while names and (deeper := f"{module}.{names[0]}".lstrip(".")) in self.paths:
            module, path, names = deeper, self.paths[deeper], names[1:]
            self.modules.add(module)
            exports = _imported(_tree(path)) if path.name == "__init__.py" else {}
            for origin in exports.values():
                if origin in self.paths:  # a module that is imported for its effect
                    self._take(f"{origin}.*")
        if names and names[0] in exports:
            self._take(exports[names[0]])
        elif names or not exports:
            for each in _uses(_tree(path)):
                self._take(each)


@cache
def _tree(path: Path) -> ast.Module:
    """Parse a module, without its docstrings where nothing prints them."""
    text = path.read_text("utf-8")
    tree = ast.parse(text)
    for node in ast.walk(tree) if "import typer" not in text else ():
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node) is not None:
            del node.body[0]
    return tree


@cache
def _imported(tree: ast.Module) -> dict[str, str]:
    """Map the names that code takes from modules to where they come from."""
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {name.asname or name.name: f"{node.module}.{name.name}" for node in nodes for name in node.names}


@cache
def _uses(tree: ast.Module) -> set[str]:
    """Find the dotted names that code takes from elsewhere; a star stands for all that there is."""
    names, bases = _imported(tree), set[ast.AST]()
    found = {*names.values(), *(f"{text}.*" for text in _strings(tree))}
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                found |= {f"{alias.name}.*" for alias in node.names}
            case ast.Attribute(value=ast.Name(id=name) as base) if name in names:
                bases.add(base)
                found.add(f"{names[name]}.{node.attr}")
            case ast.Name(id=name) if name in names and node not in bases:
                found.add(f"{names[name]}.*")
    return found


def _strings(tree: ast.Module) -> Iterator[str]:
    constants = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return (value for value in constants if isinstance(value, str))
