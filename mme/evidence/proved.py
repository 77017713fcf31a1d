"""Proved checks: SymPy reduces the difference of both sides to zero."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

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


def reduce_to_zero(left: Any, right: Any, is_named: bool) -> Verdict:
    """Judge whether every entry of ``left - right`` reduces to 0, and name its symbols if asked."""
    if isinstance(left, sympy.Eq) and isinstance(right, int) and right == 0:
        left, right = left.args  # they may be matrices, which are compared entry by entry
    first, second = _expressions(left, "left"), _expressions(right, "right")
    if second.ndim and first.shape != second.shape:
        return Verdict(False, f"left has the shape {first.shape} and right has the shape {second.shape}")
    if not first.size:
        return Verdict(False, "there is nothing to prove, because the expressions are empty")

    sides = [*first.flat, *second.flat]
    symbols = sorted({str(symbol) for side in sides for symbol in side.free_symbols})
    second = np.broadcast_to(second, first.shape)
    reductions: set[str] = set()
    for index, entry in np.ndenumerate(first):
        name, rest = _reduce(_difference(entry, second[index]))
        if rest != 0:
            place = f" at entry {tuple(map(int, index))}" if index else ""
            return Verdict(False, f"the difference{place} {_why(rest)}", {"symbols": symbols})
        reductions.add(name)
    details = {"entries": first.size, "symbols": symbols, "reductions": sorted(reductions)}
    what = "the difference reduces to 0" if first.size == 1 else f"all {first.size} differences reduce to 0"
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


def _expressions(value: Any, name: str) -> NDArray[Any]:
    try:
        array = np.array(plain_array(name, value) if hasattr(value, "detach") else value, dtype=object)
        entries = np.empty(array.shape, dtype=object)
        for index, entry in np.ndenumerate(array):
            if isinstance(entry, bool | np.bool_):
                raise TypeError
            entries[index] = sympy.sympify(entry, strict=True)
            if not isinstance(entries[index], sympy.Expr | sympy.Eq | type(sympy.true) | type(sympy.false)):
                raise TypeError
    except (TypeError, ValueError, sympy.SympifyError):
        raise InputError(
            f"{name} must hold SymPy expressions, equalities or exact numbers in one rectangular shape, "
            f"but it is {shown(value)}."
        ) from None
    if any(entry.has(sympy.Float) for entry in entries.flat):
        raise InputError(f"{name} must be exact, but it holds a floating-point number; use .numeric.")
    return entries


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
