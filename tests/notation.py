"""Where the book's symbols are introduced, and where they are used too early.

The tables of `book/notation.md` name each symbol of a part, with the place where it is defined. A chapter may
use a symbol after that place, or where it says which place that is: by a link to the definition, or, once the
definition has gone by, to the page of notation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from tests.chapters import CELL, ROOT, pages

BOOK, PAGES = ROOT / "book", pages()
NOTATION = BOOK / "notation.md"
PARTS = {"Part I": "ensembles", "Part II": "dln", "Part III": "bridge"}
ROW = re.compile(r"^\| (?P<symbols>[^|]+) \|.+\| \{[\w:]+\}`(?:[^`]*<)?(?P<where>[^`>]+)>?` \|$", re.M)
GOALS = re.compile(r"^`{3}\{admonition\} What you will learn\n.*?^`{3}$", re.M | re.S)
MATH = re.compile(r"\$\$.*?\$\$|\$[^$]+\$|^```\{math\}.*?^```$", re.M | re.S)
CODE = re.compile(r"^(?P<fence>`{3,})\{code-cell\}.*?^(?P=fence)$|^---\n.*?^---$", re.M | re.S)
# Letters that a formula uses as it likes: an index, a number of things, a matrix of the moment.
LOCAL = set("BFHMNRTUXbdlmnpuvwzY") | {r"\epsilon", r"\delta", r"\tau", "n_1", "n_2", "0"}


@dataclass(frozen=True)
class Symbol:
    """One symbol of a part: how it is written, and the label or page of its definition."""

    part: str
    written: str
    where: str

    @property
    def pattern(self) -> re.Pattern[str]:
        """What to look for in a formula; upper indices may stand before lower ones."""
        base, lower, index = self.written.partition("_")
        upper = r"(?:\^(?:\{[^{}]*\}|\\\w+|.))?"
        found = re.escape(base.strip()) + (f"{upper}_{re.escape(index)}" if lower else "")
        ends = "" if self.written.endswith("(") else "(?![A-Za-z])" if lower else "(?![A-Za-z_])"
        if len(self.written) == 1:  # with an index, or before brackets, it is another one
            ends = "(?![A-Za-z_^(])"
        starts = r"(?<![A-Za-z\\])(?<!\\mathsf )(?<!\\mathrm )(?<!\\operatorname\{)"
        return re.compile((starts if base[0].isalpha() else "") + found + ends)


def symbols() -> list[Symbol]:
    """Return the symbols of the tables of all parts."""
    found = []
    sections = re.split(r"^## ", NOTATION.read_text("utf-8"), flags=re.M)
    for name, folder in PARTS.items():
        table = next(section for section in sections if section.startswith(f"{name}:"))
        for row in ROW.finditer(table):
            for formula in re.findall(r"\$([^$]+)\$", row["symbols"]):
                for each in re.split(r",\s*(?![^({]*[)}]|[^\\]*\\mathbf b)", formula):
                    written = re.match(r"[A-Za-z]\((?=.*\))|[^=(\[]*", each.lstrip("["))[0].strip(" ]")
                    if written and written not in LOCAL and not written.startswith("W_{p+1}"):
                        found.append(Symbol(folder, written, row["where"]))
    return found


def prose(text: str) -> str:
    """Return a page with code and goals blanked out, every place where it was."""
    for hidden in (CODE, GOALS):
        text = hidden.sub(lambda code: re.sub(r"[^\n]", " ", code[0]), text)
    return text


@cache
def defined(symbol: Symbol) -> tuple[int, int]:
    """Return the number of the page and the place on it where a symbol is defined."""
    for number, page in enumerate(PAGES):
        if page.relative_to(BOOK).with_suffix("").as_posix() == symbol.where:
            return number, 0
        text = page.read_text("utf-8")
        for label in (":label: {}", "({})=", " name: {}", "$$ ({})"):
            if (place := text.find(label.format(symbol.where) + "\n")) >= 0:
                return number, place
    raise LookupError(f"{symbol.written} is defined at {symbol.where}, which is nowhere")


def first_use(text: str, symbol: Symbol) -> int | None:
    """Return where a text uses a symbol in a formula for the first time."""
    pattern = symbol.pattern
    found = ((start, pattern.search(formula)) for start, formula in formulas(text))
    return next((start + use.start() for start, use in found if use), None)


@cache
def formulas(text: str) -> list[tuple[int, str]]:
    """Return the formulas of a text with their places."""
    return [(found.start(), found[0]) for found in MATH.finditer(text)]


def unexplained(edited: dict[Path, str] | None = None) -> Iterator[str]:
    """Yield every first use in a chapter that comes too early and does not say where the symbol is defined.

    `edited` pages are read instead of those on the disk.
    """
    places = {symbol: defined(symbol) for symbol in symbols()}
    for number, page in enumerate(PAGES):
        whole = (edited or {}).get(page) or page.read_text("utf-8")
        text = prose(whole)
        if CELL not in whole or page.parent.name not in PARTS.values():
            continue
        ends = [0, *(found.end() for found in re.finditer(r"^## .*\n|\Z", text, re.M))]
        for symbol, (home, place) in places.items():
            use = first_use(text, symbol) if symbol.part == page.parent.name else None
            if use is None or (number == home and place <= section_end(ends, use)):
                continue
            before = whole[: text.find("\n\n", use) % (len(text) + 1)]
            label = re.escape(symbol.where)
            links = rf"`(?:[^`]*<)?(?:\.\./)?(?:\w+/)?{label}>?`"
            if number > home:
                links += r"|\{doc\}`\.\./notation`"
            if not re.search(links, before):
                line = text.count("\n", 0, use) + 1
                late = "before" if number <= home else "without a word of"
                yield f"{page.relative_to(ROOT)}:{line}: {symbol.written} {late} {symbol.where}"


def section_end(ends: list[int], use: int) -> int:
    """Return where the section of a place ends: a definition may follow within it."""
    return next((end for start, end in pairwise(ends) if start <= use < end), ends[-1])
