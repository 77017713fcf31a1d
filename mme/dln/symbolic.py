"""Exact versions for SymPy: the Gram matrix from scratch, its blocks, the metric's operator as a matrix.

Nothing here uses the formulas that it is meant to prove: matrices are built entry by entry over F and paired.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from mme.algebra import FieldLike
from mme.algebra import field as field_of
from mme.arguments import affordable, integer, shown
from mme.dln import balls
from mme.dln.singular_values import validate_depth
from mme.errors import InputError

__all__ = ["root_symbols", "symbolic_block", "symbolic_gram_matrix", "symbolic_metric_matrix"]

INFINITE = (sp.nan, sp.oo, -sp.oo, sp.zoo)
EXPRESSION = 1000  # floats that one expression stands for, by its memory and by the time that it takes


def root_symbols(d: int) -> tuple[sp.Symbol, ...]:
    """Return `d` positive symbols λ_1, …, λ_d.

    Examples
    --------
    >>> root_symbols(2)
    (lambda_1, lambda_2)
    """
    affordable("d", EXPRESSION * integer("d", d, 1))
    return tuple(sp.symbols(f"lambda_1:{d + 1}", positive=True))


def symbolic_block(a: Any, b: Any, n: int) -> sp.Matrix:
    """Return M_n(a, b) = (a² + b²) I − ab J_n as a SymPy matrix.

    The arguments are those of `mme.dln.tridiagonal_block`, as expressions.
    Source: entropy formula, (4.8).

    Examples
    --------
    >>> a, b = sp.symbols("a b")
    >>> symbolic_block(a, b, 2)
    Matrix([
    [a**2 + b**2,        -a*b],
    [       -a*b, a**2 + b**2]])
    """
    n, (a, b) = integer("n", n, 0), _expressions("a and b", (a, b))
    affordable("n", EXPRESSION * n**2)
    return sp.Matrix(n, n, lambda p, q: a**2 + b**2 if p == q else -a * b if abs(p - q) == 1 else 0)


def symbolic_gram_matrix(roots: Sequence[Any], *, depth: int, field: FieldLike = "R") -> sp.Matrix:
    """Return the Gram matrix of the pushed-forward basis for symbolic λ_1, …, λ_d, by pairing all with all.

    Λ is real, so Λ and the Lie algebra's basis multiply component by component over F.

    Source: entropy formula, (4.4), Lemma 4.2 and Proposition 4.3.

    Parameters
    ----------
    roots : sequence of d SymPy expressions
        λ_1, …, λ_d.
    depth : int
        N ≥ 2.
    field : {"R", "C", "H"}, 1, 2, 4 or Field

    Returns
    -------
    sympy.Matrix, shape ((N − 1) D, (N − 1) D)
        In the order of `mme.dln.gram_matrix`.

    Examples
    --------
    >>> symbolic_gram_matrix(root_symbols(2), depth=2)
    Matrix([[lambda_1**2 + lambda_2**2]])
    """
    depth, scalars, roots = validate_depth(depth), field_of(field), _expressions("roots", roots)
    d = len(roots)
    affordable("depth", EXPRESSION * ((depth - 1) * scalars.group_dimension(d)) ** 2)
    elements, places = balls.lie_entries(d, scalars.beta), scalars.real_dimension(d)
    tangents = {}  # by layer, entry and component
    for element, entries in enumerate(elements):
        for k, l, unit, sign in entries:
            value, place = sign / sp.sqrt(len(entries)), (k * d + l) * scalars.beta + unit
            for p in range(depth - 1):
                row = element * (depth - 1) + p
                tangents[row, p * places + place] = value * roots[l]  # a Λ
                tangents[row, (p + 1) * places + place] = -value * roots[k]  # −Λ a
    vectors = sp.SparseMatrix(len(elements) * (depth - 1), depth * places, tangents)
    return sp.Matrix((vectors * vectors.T).expand())  # the pairing (2.1): sum over layers and components


def symbolic_metric_matrix(roots: Sequence[Any], *, depth: int, field: FieldLike = "R") -> sp.Matrix:
    """Return the matrix of Z ↦ A_{N,Σ}(Z) = Σ_p Λ^{2(N−p)} Z Λ^{2(p−1)} on the real basis ε E_kl of M_d(F).

    The arguments are those of `symbolic_gram_matrix`; the order is β d².
    Source: entropy formula, Section 1.2 and Lemma 5.5.

    Examples
    --------
    >>> symbolic_metric_matrix(root_symbols(1), depth=3)
    Matrix([[3*lambda_1**4]])
    """
    depth, scalars, roots = validate_depth(depth), field_of(field), _expressions("roots", roots)
    d = len(roots)
    affordable("depth", EXPRESSION * (depth * d**2 + scalars.real_dimension(d) ** 2))
    square = sp.diag(*[root**2 for root in roots])
    # Row by row Z ↦ A Z B is the Kronecker product of A and the transpose of B.
    terms = [sp.kronecker_product(square ** (depth - 1 - p), square**p) for p in range(depth)]
    real = sum(terms, sp.zeros(d**2, d**2))
    return sp.Matrix(sp.kronecker_product(real, sp.eye(scalars.beta)))


def _expressions(name: str, values: Any) -> tuple[sp.Expr, ...]:
    """Expressions or exact numbers, all of them finite."""
    try:
        found = tuple(sp.sympify(value, strict=True) for value in values)
        finite = [isinstance(entry, sp.Expr) and not entry.has(*INFINITE) for entry in found]
        is_usable = bool(found) and not isinstance(values, str | bytes) and all(finite)
    except (TypeError, ValueError, AttributeError, sp.SympifyError):
        is_usable = False
    if not is_usable:
        raise InputError(f"{name} must be finite SymPy expressions or numbers, but it is {shown(values)}.")
    return found
