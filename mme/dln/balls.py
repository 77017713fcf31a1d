"""Part II in ball arithmetic: the orbit map, its differential, the Gram matrix, all with error bounds.

A matrix over F is an `arb_mat` of order β d here: in the place of each entry stands the β × β matrix of the
multiplication by it from the left, so products are products, and the adjoint is the transpose. Derivatives
are those of dual numbers: a value and a slope. Nothing here uses the formulas that it is meant to certify,
but for `group_volume` and `orbit_volume`, which are the theorem. Balls have `flint.ctx.prec` bits.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from itertools import product as product_of
from typing import Any

from mme.errors import InputError
from mme.extras import required

__all__ = [
    "ball", "cases", "components", "determinant", "diagonal", "gram_matrix", "group_volume", "layer",
    "lie_basis", "lie_entries", "orbit_differential", "orbit_volume", "product", "real_matrix", "unitary",
]  # fmt: skip

# The product of the units p and q is this sign times the unit p ^ q; 1, i, j, k are 0, 1, 2, 3.
SIGNS = ((1, 1, 1, 1), (1, -1, 1, -1), (1, -1, -1, 1), (1, 1, -1, -1))
Dual = tuple[Any, Any]  # a value and a slope, each an arb_mat


def _flint() -> Any:
    return required("flint", "book", "ball arithmetic")


def ball(value: Any) -> Any:
    """Return a ball around a number that is known exactly, or a ball as it is."""
    flint = _flint()
    if isinstance(value, flint.arb):
        return value
    if isinstance(value, bool) or not isinstance(value, int | Fraction):
        kind = type(value).__name__
        raise InputError(f"value must be an integer, a fraction or a ball, but it is of type {kind}.")
    return flint.arb(flint.fmpq(value.numerator, value.denominator))


def cases(seed: int, *, deepest: int = 8) -> list[tuple[list[Fraction], int, int]]:
    """Draw singular values, depth and β for R, C, H and d = 1…4: rational, descending, N up to `deepest`.

    For each width above 1 there is a second spectrum, in which the largest value occurs twice or more.

    Examples
    --------
    >>> cases(1)[-1]
    ([Fraction(13, 1), Fraction(13, 1), Fraction(13, 1), Fraction(11, 13)], 8, 4)
    """
    draws, drawn = random.Random(seed), []
    rationals = sorted({Fraction(a, b) for a in range(1, 21) for b in range(1, 21)})
    for beta, d in product_of((1, 2, 4), (1, 2, 3, 4)):
        for equal in (1, draws.randint(2, d)) if d > 1 else (1,):
            sigma = sorted(draws.sample(rationals, d), reverse=True)
            depth = deepest if d == 4 else draws.randint(2, deepest)
            drawn.append((sigma[:1] * equal + sigma[equal:], depth, beta))
    return drawn


def _embedded(d: int, beta: int, entries: Iterable[tuple[int, int, int, Any]]) -> Any:
    """The matrix over F with value times a unit in row k and column l, for each (k, l, unit, value)."""
    if beta not in (1, 2, 4):
        raise InputError(f"beta must be 1, 2 or 4, but it is {beta!r}.")
    matrix = _flint().arb_mat(beta * d, beta * d)
    for k, l, unit, value in entries:
        for q in range(beta):
            matrix[beta * k + (unit ^ q), beta * l + q] += SIGNS[unit][q] * ball(value)
    return matrix


def diagonal(values: Sequence[Any], beta: int) -> Any:
    """Return the diagonal matrix over F with real entries, each of which stands there β times."""
    return _embedded(len(values), beta, [(k, k, 0, value) for k, value in enumerate(values)])


def components(matrix: Any, beta: int) -> list[Any]:
    """Return the β d² real components: the images of 1 are the first column of each entry's matrix.

    The pairing Re Tr(a* b) is the sum of their products (entropy formula, (2.1)).
    """
    d, rows = matrix.nrows() // beta, matrix.tolist()
    return [rows[beta * k + r][beta * l] for k in range(d) for l in range(d) for r in range(beta)]


def real_matrix(function: Callable[[Any], Any], d: int, beta: int) -> Any:
    """Return the matrix, of order β d², of a real linear map of matrices, on the basis ε E_kl."""
    units = [(k, l, unit, 1) for k in range(d) for l in range(d) for unit in range(beta)]
    images = [components(function(_embedded(d, beta, [unit])), beta) for unit in units]
    return _flint().arb_mat(images).transpose()


def lie_entries(d: int, beta: int) -> list[list[tuple[int, int, int, int]]]:
    """Return the A_kl^ε, then the D_k^ε, (4.2) and (4.3) of the paper, in the order of `Field.lie_basis`.

    Each has its entries (k, l, unit, sign). Those of an A_kl^ε, which has two, are over √2.
    """
    places = [(k, l, unit) for k in range(d) for l in range(k + 1, d) for unit in range(beta)]
    # −ε̄ is ε for i, j and k.
    off = [[(k, l, unit, 1), (l, k, unit, 1 if unit else -1)] for k, l, unit in places]
    return off + [[(k, k, unit, 1)] for k in range(d) for unit in range(1, beta)]


def lie_basis(d: int, beta: int) -> list[Any]:
    """Return the basis of `lie_entries` as matrices."""
    elements = lie_entries(d, beta)
    return [_embedded(d, beta, entries) / ball(len(entries)).sqrt() for entries in elements]


def unitary(d: int, beta: int, draws: random.Random) -> Any:
    """Draw a unitary matrix over F, (1 − a/2)^{−1} (1 + a/2) for a skew-Hermitian a; no law is promised."""
    one = diagonal([1] * d, beta)
    halves = [element * ball(Fraction(draws.randint(-9, 9), 10)) for element in lie_basis(d, beta)]
    half = sum(halves, 0 * one)
    return (one - half).solve(one + half)


def product(first: Dual, *others: Dual) -> Dual:
    """Return the product of matrices over the dual numbers, by Leibniz's rule."""
    value, slope = first
    for other, turn in others:
        value, slope = value * other, slope * other + value * turn
    return value, slope


def layer(later: Dual, root: Any, earlier: Dual) -> Dual:
    """Return Q_p Λ Q_{p−1}*, the layer p of the orbit map (2.5), where Q_N = U and Q_0 = V."""
    return product(later, (root, 0 * root), (earlier[0].transpose(), earlier[1].transpose()))


def orbit_differential(roots: Sequence[Any], frames: Sequence[Any], beta: int) -> Any:
    """Return the components of dΨ(A^{(p)}), row by row: the orbit map differentiated along Q_p (1 + s A).

    The roots are λ_1, …, λ_d and the frames V, Q_1, …, Q_{N−1}, U. Rows, (N − 1) D of them, run over the Lie
    algebra's basis first and over p second; columns, N β d², over the layers. Source: entropy formula, (4.4).
    """
    root, d, depth = diagonal(roots, beta), len(roots), len(frames) - 1
    still = [(frame, 0 * frame) for frame in frames]
    zeros, rows = [0] * (beta * d * d), []
    for element in lie_basis(d, beta):
        for p in range(1, depth):
            turned = (frames[p], frames[p] * element)
            first, second = layer(turned, root, still[p - 1])[1], layer(still[p + 1], root, turned)[1]
            moved = components(first, beta) + components(second, beta)
            rows.append(zeros * (p - 1) + moved + zeros * (depth - 1 - p))
    return _flint().arb_mat(len(rows), depth * len(zeros), [entry for row in rows for entry in row])


def gram_matrix(
    singular_values: Sequence[Any], *, depth: int, beta: int, frames: Sequence[Any] | None = None
) -> Any:
    """Return the Gram matrix of the rows of `orbit_differential`, at X = Σ and Q = 1 unless frames are given.

    Source: entropy formula, Proposition 4.3.

    Examples
    --------
    >>> (gram_matrix([8, 8], depth=3, beta=1) / 4).det().contains(3)  # det [[2, −1], [−1, 2]]
    True
    """
    one = diagonal([1] * len(singular_values), beta)
    roots = [ball(value).root(depth) for value in singular_values]
    vectors = orbit_differential(roots, frames or [one] * (depth + 1), beta)
    return vectors * vectors.transpose()


def determinant(matrix: Any) -> Any:
    """Return the determinant of a square matrix, which falls into pieces where entries are exactly zero."""
    flint, rows = _flint(), matrix.tolist()
    left, value = set(range(len(rows))), ball(1)
    while left:
        piece = [left.pop()]
        for i in piece:  # which grows
            near = [j for j in left if not (rows[i][j].is_zero() and rows[j][i].is_zero())]
            left.difference_update(near)
            piece += near
        value *= flint.arb_mat([[rows[i][j] for j in piece] for i in piece]).det()
    return value


def group_volume(d: int, beta: int) -> Any:
    """Return c_{d,β} = 2^{βd(d−1)/4} Π_k 2 π^{βk/2}/Γ(βk/2), the volume of O(d), U(d) or Sp(d), as a ball.

    Examples
    --------
    >>> float(group_volume(2, 1).mid())  # 4√2π
    17.77153175...
    """
    flint = _flint()
    value = ball(2) ** flint.fmpq(beta * d * (d - 1), 4)
    for half in (flint.fmpq(beta * k, 2) for k in range(1, d + 1)):
        value *= 2 * flint.arb.pi() ** half / flint.arb.gamma_fmpq(half)
    return value


def orbit_volume(singular_values: Sequence[Any], *, depth: int, beta: int) -> Any:
    """Return vol(O_X) as a ball, at equal singular values too; its logarithm is the entropy.

    Source: entropy formula, Theorem 1.1, (1.1) with (1.3).

    Examples
    --------
    >>> float(orbit_volume([3], depth=2, beta=2).mid())  # a circle of radius √6
    15.39059...
    """
    from mme.dln.chebyshev import block_determinant

    flint, d = _flint(), len(singular_values)
    roots = [ball(value).root(depth) for value in singular_values]
    value = group_volume(d, beta) ** (depth - 1) * ball(depth) ** flint.fmpq(d * (beta - 1), 2)
    for k, root in enumerate(roots):
        value *= root ** ((depth - 1) * (beta - 1))
        for other in roots[:k]:
            value *= block_determinant(root, other, depth) ** flint.fmpq(beta, 2)
    return value
