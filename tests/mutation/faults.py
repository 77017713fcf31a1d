"""All single faults of a module: an operator, exponent, constant, sign, index, axis or comparison changed."""

from __future__ import annotations

import ast
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

OPERATORS = {
    ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "/"), ast.Div: ("/", "*"), ast.Pow: ("**", "*"),
    ast.FloorDiv: ("//", "*"), ast.Mod: ("%", "*"), ast.MatMult: ("@", "*"),
    ast.BitAnd: ("&", "|"), ast.BitOr: ("|", "&"), ast.LShift: ("<<", ">>"), ast.RShift: (">>", "<<"),
}  # fmt: skip
COMPARISONS = {
    ast.Lt: ("<", ["<=", ">="]), ast.LtE: ("<=", ["<", ">"]), ast.Gt: (">", [">=", "<="]),
    ast.GtE: (">=", [">", "<"]), ast.Eq: ("==", ["!="]), ast.NotEq: ("!=", ["=="]),
    ast.In: ("in", ["not in"]), ast.NotIn: ("not in", ["in"]),
    ast.Is: ("is", ["is not"]), ast.IsNot: ("is not", ["is"]),
}  # fmt: skip
PAIRS = (
    "max min|maximum minimum|argmax argmin|any all|sin cos|sinh cosh|real imag|triu tril|floor ceil|eigh eig"
)
FUNCTIONS = {a: b for pair in PAIRS.split("|") for a, b in (pair.split(), pair.split()[::-1])} | {
    "eig": "eigh", "sum": "mean", "mean": "sum", "prod": "sum", "exp": "expm1", "expm1": "exp",
    "log": "log1p", "log1p": "log", "sqrt": "square", "conj": "copy", "std": "var", "var": "std",
    "cumsum": "cumprod", "mT": "real", "T": "real",
}  # fmt: skip
FUNCTIONS |= {"max": "mean", "median": "mean", "abs": "real"}
CACHES = {"cache", "lru_cache", "cached_property"}
BLOCKS = (ast.If, ast.For, ast.While, ast.With, ast.FunctionDef, ast.ClassDef, ast.Try, ast.Match)


@dataclass(frozen=True)
class Fault:
    """One change: ``source[start:end]`` becomes `text`; `lines` are those of its statement."""

    module: str
    function: str
    kind: str
    start: int
    end: int
    text: str
    line: int
    lines: tuple[int, int]
    old: str
    new: str
    early: str  # "import", "default" or "cache" where it acts on what does not run its line itself
    top: int  # the first line of the function outside all others that it stands in
    key: str = ""

    def applied(self, source: bytes) -> bytes:
        """Return the source with the fault in it."""
        return source[: self.start] + self.text.encode() + source[self.end :]


def faults(path: Path, root: Path) -> list[Fault]:
    """Find the faults of a module, in the order of its text; their keys survive changes elsewhere in it."""
    source, module = path.read_bytes(), path.relative_to(root).as_posix()
    found, counted = [], Counter[str]()
    for fault in Finder(source, module).visit(ast.parse(source), "constant"):
        what = "|".join((module, fault.function, fault.old, fault.new))
        counted[what] += 1
        key = hashlib.sha256(f"{what}|{counted[what]}".encode()).hexdigest()[:12]
        found.append(Fault(**{**vars(fault), "key": key}))
    return sorted(found, key=lambda fault: (fault.start, fault.text))


LIMIT = re.compile(r"[A-Z][A-Z_]*")  # a bound or a threshold, no formula
GUARDS = {"affordable"}  # how much memory may be asked for
ASSERTING = {"strict"}  # of zip: whether lengths that must be equal are compared


class Finder:
    """Walks through a module and yields its faults; messages, annotations and docstrings are no formulas."""

    def __init__(self, source: bytes, module: str) -> None:
        self.source, self.module = source, module
        self.starts = [0, *(match.end() for match in re.finditer(b"\n", source))]
        self.function, self.early, self.top, self.lines = "", "import", 0, (1, 1)

    def visit(self, node: ast.AST, kind: str) -> Iterator[Fault]:
        """Yield the faults of a node and of what is in it; `kind` is what a constant is called there."""
        if isinstance(node, ast.Raise | ast.JoinedStr | ast.Import | ast.ImportFrom | ast.Assert):
            return
        if isinstance(node, ast.Assign) and LIMIT.fullmatch(getattr(node.targets[0], "id", "")):
            return
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in GUARDS:
            return
        if isinstance(node, ast.keyword) and node.arg in ASSERTING:
            return
        before = self.function, self.early, self.top, self.lines
        if isinstance(node, ast.stmt):
            last = node.body[0].lineno - 1 if isinstance(node, BLOCKS) and hasattr(node, "body") else 0
            self.lines = node.lineno, max(node.lineno, last or node.end_lineno or 0)
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            self.function = f"{self.function}.{node.name}".lstrip(".")
            names = {n.id for d in node.decorator_list for n in ast.walk(d) if isinstance(n, ast.Name)}
            kept = "cache" if names & CACHES or self.early == "cache" else ""
            if isinstance(node, ast.FunctionDef):
                self.top = self.top or min(each.lineno for each in [node, *node.decorator_list])
        yield from self.here(node, kind)
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list"):
                continue
            inner = kind
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and name == "right":
                inner = "exponent"
            elif isinstance(node, ast.Subscript) and name == "slice":
                inner = "index"
            elif isinstance(node, ast.keyword) and node.arg in ("axis", "axes"):
                inner = "axis"
            if isinstance(node, ast.FunctionDef):
                outer = before[2]  # what a function within another takes is worked out when that runs
                self.early = "default" if name == "args" and not outer else kept
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from self.visit(child, inner)
        self.function, self.early, self.top, self.lines = before

    def here(self, node: ast.AST, kind: str) -> Iterator[Fault]:
        """Yield the faults of a node itself."""
        match node:
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                texts = (
                    isinstance(n, ast.JoinedStr) or isinstance(getattr(n, "value", 0), str)
                    for n in (left, right)
                )
                if not any(texts):
                    old, new = OPERATORS[type(op)]
                    yield from self.between(
                        left, right, old, [new], "exponent" if old == "**" else "operator"
                    )
            case ast.AugAssign(target=left, op=op, value=right) if type(op) in OPERATORS:
                old, new = OPERATORS[type(op)]
                yield from self.between(left, right, f"{old}=", [f"{new}="], "operator")
            case ast.Compare(left=left, ops=ops, comparators=others):
                for a, op, b in zip([left, *others], ops, others, strict=False):
                    yield from self.between(a, b, *COMPARISONS[type(op)], "comparison")
            case ast.BoolOp(op=op, values=values):
                old, new = ("and", "or") if isinstance(op, ast.And) else ("or", "and")
                for a, b in pairwise(values):
                    yield from self.between(a, b, old, [new], "comparison")
            case ast.UnaryOp(op=ast.USub()):
                yield self.fault(self.at(node), self.at(node) + len("-"), "", "sign")
            case ast.UnaryOp(op=ast.Not()):
                yield self.fault(self.at(node), self.at(node) + len("not "), "", "comparison")
            case ast.Constant(value=bool(value)):
                yield self.fault(self.at(node), self.at(node, end=True), str(not value), "constant")
            case ast.Constant(value=int(value)):
                for new in {value + 1, abs(value - 1)}:
                    yield self.fault(self.at(node), self.at(node, end=True), str(new), kind)
            case ast.Constant(value=float() | complex() as value):
                new = repr(value * 1.1 if value else 1.0)
                yield self.fault(self.at(node), self.at(node, end=True), new, kind)
            case ast.Attribute(attr=name) if name in FUNCTIONS:
                end = self.at(node, end=True)
                yield self.fault(end - len(name), end, FUNCTIONS[name], "function")
            case ast.Call(func=ast.Name(id=name) as func) if name in FUNCTIONS:
                swap = {"max": "min", "sum": "max", "abs": "float"}.get(name, FUNCTIONS[name])
                yield self.fault(self.at(func), self.at(func, end=True), swap, "function")

    def between(
        self, left: ast.expr, right: ast.expr, old: str, new: list[str], kind: str
    ) -> Iterator[Fault]:
        """Yield the faults of the operator that stands between two expressions."""
        start = self.at(left, end=True)
        place = self.source[start : self.at(right)].find(old.encode())
        if place >= 0:
            for each in new:
                yield self.fault(start + place, start + place + len(old), each, kind)

    def at(self, node: ast.AST, *, end: bool = False) -> int:
        """Return where in the bytes of the source a node starts or ends."""
        if end:
            return self.starts[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined]
        return self.starts[node.lineno - 1] + node.col_offset  # type: ignore[attr-defined]

    def fault(self, start: int, end: int, text: str, kind: str) -> Fault:
        """Describe a change, with the line before and after it."""
        number = self.source.count(b"\n", 0, start)
        first, last = self.starts[number], (self.source + b"\n").index(b"\n", end)
        old, new = self.source[first:last], self.source[first:start] + text.encode() + self.source[end:last]
        told = old.decode().strip(), new.decode().strip(), self.early, self.top
        return Fault(self.module, self.function, kind, start, end, text, number + 1, self.lines, *told)
