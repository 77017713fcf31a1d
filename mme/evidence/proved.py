"""Proved checks: SymPy reduces the difference of both sides to zero."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import sympy

from mme.arguments import plain_array, shown
from mme.errors import InputError
from mme.evidence.record import Verdict

__all__ = ["reduce_to_zero"]

# From cheap to dear. Each is an identity of SymPy's; none of them evaluates numerically.
STEPS: dict[str, Callable[[Any], Any]] = {
    "subtraction": lambda e: e,
    "expand": sympy.expand,
    "cancel": lambda e: sympy.cancel(sympy.together(e)),
    "doit, simplify": lambda e: sympy.simplify(e.doit()),
    "powers": lambda e: sympy.simplify(sympy.expand(sympy.powdenest(sympy.powsimp(sympy.expand(e))))),
    "exponentials": lambda e: sympy.simplify(sympy.expand(e.rewrite(sympy.exp))),
    "gamma functions": lambda e: sympy.gammasimp(e.rewrite(sympy.gamma)),
    "radicals": lambda e: sympy.simplify(sympy.sqrtdenest(sympy.radsimp(e))),
}
KINDS = (sympy.Expr, sympy.Eq, type(sympy.true), type(sympy.false))


def reduce_to_zero(left: Any, right: Any, is_named: bool) -> Verdict:
    """Judge whether every entry of ``left - right`` reduces to 0, and name its symbols if asked."""
    if isinstance(left, sympy.Eq) and isinstance(right, int) and right == 0:
        left, right = left.args  # they may be matrices, which are compared entry by entry
    (shape, first), (other, second) = _expressions(left, "left"), _expressions(right, "right")
    if other and shape != other:
        return Verdict(False, f"left has the shape {shape} and right has the shape {other}")
    if not first:
        return Verdict(False, "there is nothing to prove, because the expressions are empty")

    symbols = sorted({str(symbol) for side in first + second for symbol in side.free_symbols})
    reductions: set[str] = set()
    places = product(*map(range, shape))
    for index, entry, against in zip(places, first, second if other else second * len(first), strict=True):
        name, rest = _reduce(_difference(entry, against))
        if rest != 0:
            place = f" at entry {index}" if index else ""
            return Verdict(False, f"the difference{place} {_why(rest)}", {"symbols": symbols})
        reductions.add(name)
    details = {"entries": len(first), "symbols": symbols, "reductions": sorted(reductions)}
    what = "the difference reduces to 0" if len(first) == 1 else f"all {len(first)} differences reduce to 0"
    named = f"symbolic {', '.join(symbols)}" if len(symbols) <= 6 else f"{len(symbols)} symbols"
    if is_named:
        what += f" for {named}" if symbols else " in exact arithmetic"
    return Verdict(True, what, details)


def _difference(left: Any, right: Any) -> Any:
    """The expression that must be 0; an equality has both sides in it."""
    if not isinstance(left, sympy.Eq) and left not in (sympy.true, sympy.false):
        return left - right
    if right != 0:
        raise InputError("right must be left out when left holds equalities, which have two sides.")
    # SymPy itself turns an equality into true or false when its sides are plainly alike or not.
    return left.lhs - left.rhs if isinstance(left, sympy.Eq) else sympy.Integer(left == sympy.false)


def _expressions(value: Any, name: str) -> tuple[tuple[int, ...], list[Any]]:
    """Return the shape of nested lists, a matrix or an array, and the entries row by row."""
    shape: tuple[int, ...] = ()
    try:
        entries = [_listed(plain_array(name, value) if hasattr(value, "detach") else value)]
        while entries and isinstance(entries[0], list):
            (length,) = {len(row) for row in entries}  # or the rows differ
            shape, entries = (*shape, length), [_listed(entry) for row in entries for entry in row]
        if any(isinstance(entry, bool) for entry in entries):
            raise TypeError
        entries = [sympy.sympify(entry, strict=True) for entry in entries]
        if not all(isinstance(entry, KINDS) for entry in entries):
            raise TypeError
    except (TypeError, ValueError, sympy.SympifyError):
        raise InputError(
            f"{name} must hold SymPy expressions, equalities or exact numbers in one rectangular shape, "
            f"but it is {shown(value)}."
        ) from None
    if any(entry.has(sympy.Float) for entry in entries):
        raise InputError(f"{name} must be exact, but it holds a floating-point number; use .numeric.")
    return shape, entries


def _listed(value: Any) -> Any:
    """What has entries as a list of them, and anything else as it is."""
    value = value.as_explicit() if isinstance(value, sympy.MatrixExpr) else value
    value = value.tolist() if hasattr(value, "tolist") else value
    return list(value) if isinstance(value, list | tuple | range | sympy.Tuple) else value


def _reduce(entry: Any) -> tuple[str, Any]:
    shortest = entry
    for name, step in STEPS.items():
        try:
            reduced = step(entry)
        except (AttributeError, NotImplementedError, TypeError, ValueError, sympy.PolynomialError):
            continue  # not made for this kind of expression
        if reduced == 0:
            return name, reduced
        if reduced.count_ops() < shortest.count_ops():
            shortest = reduced
    return "", shortest


def _why(rest: Any) -> str:
    """Say what is left, and where it is plainly not zero, to tell a false claim from an unproved one."""
    shown = str(rest)
    shown = shown if len(shown) <= 120 else f"{shown[:117]}…"
    point: dict[Any, Any] = {}
    for place, symbol in enumerate(sorted(rest.free_symbols, key=str)):
        guess = sympy.Integer(place + 2) if symbol.is_integer else sympy.Rational(2 * place + 3, 7)
        point[symbol] = -guess if symbol.is_positive is False else guess
    try:
        value = complex(rest.subs(point).doit().evalf(30))
    except (AttributeError, NotImplementedError, TypeError, ValueError):
        value = complex("nan")
    if not abs(value) > 1e-15:
        return f"could not be reduced to 0, so it is not proved; SymPy is left with {shown}"
    number = value if value.imag else value.real
    at = ", ".join(f"{symbol} = {guess}" for symbol, guess in point.items())
    return f"is {shown}" + (f", which is {number:.4g} at {at}" if at else "")
