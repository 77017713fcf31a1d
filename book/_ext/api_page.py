"""Let the page of the package read docstrings as they are written: in plain words, with formulas.

A docstring says |U| for a modulus and A* for an adjoint, where the page's markup would see a substitution and
the start of an emphasis; and it describes a type as 'ndarray, shape (n, n)', no piece of which is a class.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from typing import Any, get_origin

from sphinx.errors import ExtensionError
from sphinx.pycode import ModuleAnalyzer

__all__ = ["plain_words", "setup"]

BEFORE_NAPOLEON, AFTER_NAPOLEON = 400, 600  # which turns the sections into markup at 500
COLON = "\N{RATIO}"  # stands for a colon before which napoleon would expect a type
LITERAL = re.compile(r"(``.+?``|`[^`]+?`)")
MARKUP = re.compile(r"[|*]|(?<=\w)_(?!\w)")  # substitutions, emphasis, and names that end in an underscore
TYPES = ("class", "obj")
FOREIGN = ("builtins", "collections", "typing", "enum", "abc", "dataclasses")


def plain_words(line: str) -> str:
    r"""Take away the meaning that markup gives to characters of formulas.

    >>> print(plain_words("eigenvalues of |U| = ``|V|``, and A* a_"))
    eigenvalues of \|U\| = ``|V|``, and A\* a\_
    """
    pieces = LITERAL.split(line)
    return "".join(
        piece if place % 2 else MARKUP.sub(r"\\\g<0>", piece) for place, piece in enumerate(pieces)
    )


def _process(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    if not name.startswith("mme"):
        return
    example = False
    for place, line in enumerate(lines):
        example = line.lstrip().startswith(">>>") or (example and bool(line.strip()))
        if not example:
            lines[place] = plain_words(line)
    if what == "property" and lines:
        lines[0] = lines[0].replace(":", COLON)
    if what == "module":
        lines.extend(_constants(obj))


def _constants(package: Any) -> Iterator[str]:
    """Yield an entry for each constant that a package exports, of which its own module says what it holds."""
    exported = {name: getattr(package, name) for name in getattr(package, "__all__", ())}
    inside = [name for name in sorted(sys.modules) if name.startswith(f"{package.__name__}.")]
    found = [ModuleAnalyzer.for_module(name).find_attr_docs() for name in inside]
    for name, value in exported.items():
        if callable(value) and get_origin(value) is None:  # a union of types is callable too
            continue
        text = " ".join(line for said in found for line in said.get(("", name), ())).strip()
        if not text:
            raise ExtensionError(f"{package.__name__}.{name} needs a comment #: that says what it holds")
        yield from ("", f".. py:data:: {name}", "", f"   {plain_words(text)}", "")


def _restore(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    if what == "property":
        lines[:] = [line.replace(COLON, ":") for line in lines]


def _type_in_words(app: Any, env: Any, node: Any, contnode: Any) -> Any:
    """Leave a type in a signature or a description as words, where it is nothing to link to."""
    in_words = node.get("refdomain") == "py" and node.get("reftype") in TYPES
    return contnode if in_words and node.get("refdoc", "").startswith("book/reference/") else None


def _only_ours(app: Any, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Leave out what a class inherits from elsewhere: tuples, exceptions, named tuples."""
    inner = getattr(obj, "fget", None) or getattr(obj, "func", None) or getattr(obj, "__func__", obj)
    module = getattr(inspect.unwrap(inner) if callable(inner) else inner, "__module__", None)
    if str(getattr(obj, "__doc__", "")).startswith("Alias for field"):  # the class says what it holds
        return True
    foreign = isinstance(module, str) and module.split(".")[0] in FOREIGN
    return True if foreign or (module is None and callable(obj)) else None


def _configure(app: Any, config: Any) -> None:
    config.autodoc_default_options = {"members": True, "inherited-members": True}
    config.default_role = (
        "py:obj"  # a name between single backticks is a link where there is something to link to
    )
    config.napoleon_custom_sections = [("Attributes", "params_style")]  # a list, as parameters are


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    for needed in ("sphinx.ext.autodoc", "sphinx.ext.napoleon"):
        app.setup_extension(needed)
    app.connect("config-inited", _configure)
    app.connect("autodoc-process-docstring", _process, priority=BEFORE_NAPOLEON)
    app.connect("autodoc-process-docstring", _restore, priority=AFTER_NAPOLEON)
    app.connect("autodoc-skip-member", _only_ours)
    app.connect("missing-reference", _type_in_words, priority=900)  # after the inventories of other projects
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
