"""Proved checks: SymPy reduces the difference of both sides to zero."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mme.arguments import plain_array, shown
from mme.errors import InputError
from mme.evidence.record import Verdict

__all__ = ["reduce_to_zero"]


def reduce_to_zero(left: Any, right: Any, over: str) -> Verdict:
    """Judge whether every entry of ``left - right`` reduces to the expression 0."""
    import sympy

    if isinstance(left, sympy.Eq) and isinstance(right, int) and right == 0:
        left, right = left.args  # they may be matrices, which are compared entry by entry
    first, second = _expressions(left, "left"), _expressions(right, "right")
    if second.ndim and first.shape != second.shape:
        return Verdict(False, f"left has the shape {first.shape} and right has the shape {second.shape}")
    if not first.size:
        return Verdict(False, "there is nothing to prove, because the expressions are empty")

    sides = [*first.flat, *second.flat]
    symbols = sorted({str(symbol) for side in sides for symbol in side.free_symbols})
    differences = _differences(first, np.broadcast_to(second, first.shape))
    reductions: set[str] = set()
    for index, entry in np.ndenumerate(differences):
        name, rest = _reduce(entry)
        if rest != 0:
            place = f" at entry {tuple(map(int, index))}" if index else ""
            return Verdict(False, f"the difference{place} {_why(rest)}", {"symbols": symbols})
        reductions.add(name)
    details = {"entries": differences.size, "symbols": symbols, "reductions": sorted(reductions)}
    details |= {"over": over} if over else {}
    return Verdict(True, _summary(details), details)


def _differences(left: NDArray[Any], right: NDArray[Any]) -> NDArray[Any]:
    import sympy

    result = np.empty(left.shape, dtype=object)
    for index, entry in np.ndenumerate(left):
        other = right[index]
        if isinstance(entry, sympy.Eq) or entry in (sympy.true, sympy.false):
            if other != 0:
                raise InputError("right must be left out when left holds equalities, which have two sides.")
            # SymPy itself turns an equality into true or false when its sides are plainly alike or not.
            decided = sympy.Integer(entry == sympy.false)
            result[index] = entry.lhs - entry.rhs if isinstance(entry, sympy.Eq) else decided
        else:
            result[index] = entry - other
    return result


def _expressions(value: Any, name: str) -> NDArray[Any]:
    import sympy

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


def _steps() -> Iterator[tuple[str, Callable[[Any], Any]]]:
    # From cheap to dear. Each is an identity of SymPy's; none of them evaluates numerically.
    import sympy

    yield "subtraction", lambda e: e
    yield "expand", sympy.expand
    yield "cancel", lambda e: sympy.cancel(sympy.together(e))
    yield "doit, simplify", lambda e: sympy.simplify(e.doit())
    yield "powers", lambda e: sympy.simplify(sympy.expand(sympy.powdenest(sympy.powsimp(sympy.expand(e)))))
    yield "exponentials", lambda e: sympy.simplify(sympy.expand(e.rewrite(sympy.exp)))
    yield "gamma functions", lambda e: sympy.gammasimp(e.rewrite(sympy.gamma))
    yield "radicals", lambda e: sympy.simplify(sympy.sqrtdenest(sympy.radsimp(e)))


def _reduce(entry: Any) -> tuple[str, Any]:
    import sympy

    shortest = entry
    for name, step in _steps():
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
    point, value = _counterexample(rest)
    shown = str(rest)
    shown = shown if len(shown) <= 120 else f"{shown[:117]}…"
    if value is None:
        return f"could not be reduced to 0, so it is not proved; SymPy is left with {shown}"
    at = f", which is {value:.4g} at {point}" if point else ""
    return f"is {shown}{at}"


def _counterexample(rest: Any) -> tuple[str, complex | None]:
    """Look for a point where the rest is plainly not zero, to tell a false claim from an unproved one."""
    import sympy

    values: dict[Any, Any] = {}
    for place, symbol in enumerate(sorted(rest.free_symbols, key=str)):
        guess = sympy.Integer(place + 2) if symbol.is_integer else sympy.Rational(2 * place + 3, 7)
        values[symbol] = -guess if symbol.is_positive is False else guess
    try:
        value = complex(rest.subs(values).doit().evalf(30))
    except (AttributeError, NotImplementedError, TypeError, ValueError):
        return "", None
    if not abs(value) > 1e-15:
        return "", None
    point = ", ".join(f"{symbol} = {guess}" for symbol, guess in values.items())
    return point, value if value.imag else value.real


def _summary(details: dict[str, Any]) -> str:
    symbols, entries = details["symbols"], details["entries"]
    what = "the difference reduces to 0" if entries == 1 else f"all {entries} differences reduce to 0"
    if details.get("over"):
        return f"{what}, over {details['over']}"
    if not symbols:
        return f"{what} in exact arithmetic"
    named = f"symbolic {', '.join(symbols)}" if len(symbols) <= 6 else f"{len(symbols)} symbols"
    return f"{what} for {named}"
