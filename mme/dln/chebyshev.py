"""Lemma 5.1, Proposition 5.2 and Corollary 5.3: tridiagonal determinants as Chebyshev polynomials.

All functions work for numbers, arrays and, where said, SymPy symbols; those that add and multiply only work
for balls of python-flint as well.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from fractions import Fraction
from numbers import Integral
from typing import Any

from mme.arguments import arrays, common_batch, integer
from mme.dln.singular_values import DEEPEST, validate_depth
from mme.errors import InputError
from mme.late import np, of_numpy

__all__ = [
    "block_determinant", "chebyshev_recurrence", "log_block_determinant", "log_chebyshev",
    "tridiagonal_determinants",
]  # fmt: skip

MOST_TERMS = 10_000  # of a sum or a recurrence, term by term: exact numbers grow with every term
MOST_EXPRESSIONS = 300


def chebyshev_recurrence(n: int, x: Any) -> list[Any]:
    """Return U_0(x), …, U_n(x), Chebyshev's polynomials of the second kind, by their recurrence.

    U_0 = 1, U_1 = 2x and U_{m+1} = 2x U_m − U_{m−1}.

    Parameters
    ----------
    n : int
    x : number, array or SymPy expression

    Raises
    ------
    InputError
        If n is negative or above 10,000 (300 for expressions), or floating point overflows.

    Examples
    --------
    >>> chebyshev_recurrence(3, 1)
    [1, 2, 3, 4]
    """
    (x,) = _values(x=x)
    return _recurrence(integer("n", n, 0, _most_terms(x)), 2 * x, 1)


def tridiagonal_determinants(n: int, diagonal: Any, off_diagonal: Any) -> list[Any]:
    """Return det T_0, …, det T_n for tridiagonal matrices with constant diagonals.

    By expansion along the last row, D_0 = 1, D_1 = t and D_{m+1} = t D_m − s² D_{m−1} for diagonal t and
    off-diagonals s (Lemma 5.1's recurrence).

    Parameters
    ----------
    n, and what is raised
        As in `chebyshev_recurrence`.
    diagonal, off_diagonal : number, array or SymPy expression

    Examples
    --------
    >>> tridiagonal_determinants(3, 2, -1)
    [1, 2, 3, 4]
    """
    t, s = _values(diagonal=diagonal, off_diagonal=off_diagonal)
    return _recurrence(integer("n", n, 0, _most_terms(t, s)), t, s**2)


def block_determinant(a: Any, b: Any, depth: int) -> Any:
    """Return det M_{N−1}(a, b) = Σ_{p=0}^{N−1} a^{2(N−1−p)} b^{2p}, the polynomial of (5.1).

    N terms are added, so this is for moderate depth; `log_block_determinant` is for any.
    Source: entropy formula, Proposition 5.2, (5.1).

    Parameters
    ----------
    a, b : number, array or SymPy expression
    depth : int
        N ≥ 1.

    Examples
    --------
    >>> block_determinant(2, 1, 3)  # (2⁶ − 1)/(2² − 1)
    21
    """
    a, b = _values(a=a, b=b)
    depth = integer("depth", depth, 1, _most_terms(a, b))
    with _quiet():
        terms = [a ** (2 * (depth - 1 - p)) * b ** (2 * p) for p in range(depth)]
        return _in_range([sum(terms[1:], terms[0])])[0]


def log_block_determinant(log_a: Any, log_b: Any, depth: int) -> Any:
    """Return log det M_{N−1}(a, b) = log (a^{2N} − b^{2N})/(a² − b²) from log a and log b, for any depth.

    With u = log a − log b the quotient is (ab)^{N−1} sinh(N u)/sinh u, so its logarithm is
    (N − 1)(log a + log b) + log N + lsh(N u) − lsh(u), which is (5.3) at u = 0.

    Source: entropy formula, Proposition 5.2, (5.2) and (5.3).

    Parameters
    ----------
    log_a, log_b : array
        NumPy, torch or any array of the array API standard.
    depth : int
        N ≥ 1.

    Examples
    --------
    >>> zero = np.zeros(())
    >>> float(np.exp(log_block_determinant(zero, zero, 5)).round(9))  # N a^{2(N−1)} at a = b = 1
    5.0
    """
    from mme.dln.sinhc import log_sinhc  # and with it NumPy

    depth = validate_depth(depth)
    _, (log_a, log_b) = arrays(log_a=log_a, log_b=log_b, real=True, finite=False)
    common_batch("log_a and log_b", np.shape(log_a), np.shape(log_b))
    u = log_a - log_b
    return (depth - 1) * (log_a + log_b) + float(np.log(depth)) + log_sinhc(depth * u) - log_sinhc(u)


def log_chebyshev(n: int, x: Any) -> Any:
    """Return log U_n(x) for x ≥ 1 and any degree: U_n(cosh u) = sinh((n+1) u)/sinh u.

    Parameters
    ----------
    n : int
    x : array

    Examples
    --------
    >>> float(np.exp(log_chebyshev(3, np.asarray(1.5))).round(9))  # 8x³ − 4x
    21.0
    """
    from mme.dln.sinhc import log_sinhc  # and with it NumPy

    n = integer("n", n, 0, DEEPEST - 1)
    xp, (x,) = arrays(x=x, real=True)
    if not bool(xp.all(x >= 1)):
        raise InputError("x must be at least 1 in every entry, but one is less.")
    u = xp.acosh(x)
    return float(np.log(n + 1)) + log_sinhc((n + 1) * u) - log_sinhc(u)


def _recurrence(n: int, t: Any, square: Any) -> list[Any]:
    """D_0, …, D_n with D_0 = 1, D_1 = t and D_{m+1} = t D_m − s² D_{m−1}."""
    values = [t**0, t]
    with _quiet():
        while len(values) <= n:
            values.append(t * values[-1] - square * values[-2])
    return _in_range(values[: n + 1])


def _values(**given: Any) -> list[Any]:
    """Expressions, balls and exact numbers as they are, anything else as arrays of floating-point numbers."""
    found = {name: _exact(value) for name, value in given.items()}
    rest = {name: given[name] for name, value in found.items() if value is None}
    if rest:
        _, ready = arrays(**rest)
        common_batch(" and ".join(rest), *map(np.shape, ready))
        for name, array in zip(rest, ready, strict=True):
            is_whole = isinstance(array, np.ndarray) and array.dtype.kind in "iu"
            found[name] = array * 1.0 if is_whole else array  # NumPy's integers wrap round
    return list(found.values())


def _most_terms(*values: Any) -> int:
    return MOST_EXPRESSIONS if any(hasattr(value, "as_expr") for value in values) else MOST_TERMS


def _exact(value: Any) -> Any:
    if not isinstance(value, bool) and isinstance(value, Integral) and not hasattr(value, "as_expr"):
        return int(value)
    is_ball = type(value).__module__.startswith("flint")
    return value if is_ball or hasattr(value, "as_expr") or isinstance(value, Fraction) else None


def _quiet() -> AbstractContextManager[Any]:
    return np.errstate(over="ignore", invalid="ignore") if of_numpy("ndarray") else nullcontext()


def _in_range(values: list[Any]) -> list[Any]:
    numpy = of_numpy("ndarray", "generic")
    if not all(np.isfinite(value).all() for value in values if isinstance(value, numpy)):
        raise InputError("x, a and b must be smaller, or n and depth, for floating point, which overflows.")
    return values
