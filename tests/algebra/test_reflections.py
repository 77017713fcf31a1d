import numpy as np
import pytest

from mme.algebra import Field, quaternion, reflections
from tests.each import each

from .tools import largest

# Both sides of the switch to blocks, of the order of a block, and of the halving of its triangle.
BLOCKS = max(reflections.ONE_BY_ONE) + 1
ORDERS = [1, 2, BLOCKS - 1, BLOCKS, 15, 16, 31, 32, 65]


def of_normals(F: Field, rows: list[np.ndarray]) -> np.ndarray:
    """The product for the rows of one triangle, given by their real components."""
    normals = np.concatenate(rows)[None].copy()
    q = np.empty((1, F.size(len(rows)), F.size(len(rows))), F.dtype)
    reflections.multiply(normals, q)
    return q[0]


def reflection(y: np.ndarray, beta: int) -> np.ndarray:
    """1 - u* u / c for a row y of quaternions in 2 x 2 blocks, or of numbers, written with whole matrices."""
    side = 2 if beta == 4 else 1
    length = np.linalg.norm(y) / np.sqrt(side)
    first = y[:, :side]
    s = -length * (first / np.sqrt(np.linalg.det(first).real) if side == 2 else np.sign(first.real))
    u = y.copy()
    u[:, :side] -= s
    c = s @ (s - first).conj().T
    return np.eye(y.shape[1]) - u.conj().T @ np.linalg.inv(c) @ u


@pytest.mark.parametrize("d", [1, 2, BLOCKS - 1, BLOCKS, 16, 33])
def test_the_rows_of_a_ginibre_matrix_give_its_lq_decomposition(F: Field, d: int) -> None:
    """Each row, turned by the reflections before it, gives the next one: the theorem of Stewart.

    L = a p* is lower triangular with a positive diagonal, which leaves no choice of p.
    """
    a = F.ginibre(d, rng=d)
    turned, side = quaternion.interleave(a) if F.beta == 4 else a.copy(), F.size(1)
    rows = []
    for k in range(0, side * d, side):
        y = turned[k : k + side, k:]
        rows.append(F.components(quaternion.deinterleave(y) if F.beta == 4 else y)[0])
        turned[:, k:] = turned[:, k:] @ reflection(y, F.beta).conj().T
    p = of_normals(F, rows)
    lower = F.components(a @ F.adjoint(p))
    diagonal = lower[np.arange(d), np.arange(d)]
    assert F.is_unitary(p, tolerance=1e-13)
    assert largest(np.triu(np.moveaxis(lower, -1, 0), 1)) < 1e-12
    assert largest(diagonal[:, 1:]) < 1e-12
    assert (diagonal[:, 0] > 0).all()


@pytest.mark.parametrize("d", ORDERS)
@pytest.mark.parametrize("n", [1, 3, reflections.MANY])
def test_all_ways_to_multiply_agree(monkeypatch: pytest.MonkeyPatch, F: Field, d: int, n: int) -> None:
    made, always, never = [], (1000, 1000), (0, 0)
    kept = reflections.ONE_BY_ONE, reflections.MANY
    for order, many in ((always, 0), (never, 0), (never, 1000), kept):
        monkeypatch.setattr(reflections, "ONE_BY_ONE", order)
        monkeypatch.setattr(reflections, "MANY", many)
        made.append(F.haar(d, size=n, rng=1))
    assert max(largest(other - made[0]) for other in made[1:]) < 3e-15
    assert F.is_unitary(made[0], tolerance=1e-13).all()
    np.testing.assert_array_equal(F.validate(made[0]), made[0])


@pytest.mark.parametrize("d", [2, BLOCKS - 1, BLOCKS, 16, 70])
def test_the_first_row_is_the_first_that_was_drawn(F: Field, d: int) -> None:
    """Over its length; and the last row drawn, one number, gives no more than its phase."""
    drawn = np.random.default_rng(1).standard_normal((d * (d + 1) // 2, F.beta))
    p = F.components(F.haar(d, rng=1))
    assert largest(p[0] - drawn[:d] / np.linalg.norm(drawn[:d])) < 1e-15
    drawn[-1] *= -1
    rows = np.split(drawn, np.cumsum(range(d, 1, -1)))
    other = F.components(of_normals(F, rows))
    assert largest(other[:-1] - p[:-1]) < 1e-14
    assert largest(other[-1] + p[-1]) < 1e-14


@each("leaf", [(64, 1), (0, 1)])
@each("n", [1, 2, 4, 8, 16, 64])
def test_triangles_are_inverted(
    F: Field, monkeypatch: pytest.MonkeyPatch, n: int, leaf: tuple[int, int]
) -> None:
    """With another diagonal, whatever stood on it and above it."""
    monkeypatch.setattr(reflections, "LEAF", leaf)
    a = np.random.default_rng(n).normal(size=(3, n, n, 2)).view(complex)[..., 0]
    a = a if F.dtype == complex else a.real.copy()
    diagonal = 4 * n * np.exp(a[:, 0] / 9)
    triangle = np.tril(a, -1) + np.eye(n) * diagonal[:, None]
    reflections._invert(a, diagonal)
    assert largest(a @ triangle - np.eye(n)) < 1e-14
    assert largest(np.triu(a, 1)) == 0


@each("n", [1, 5])
def test_rows_come_to_the_same_places(F: Field, monkeypatch: pytest.MonkeyPatch, n: int) -> None:
    side, rows, width = F.side, 3, 5 * F.side
    x = np.arange(1.0, 1 + n * side * 12).reshape(n, -1)
    made = []
    for short in (0, 1000):
        monkeypatch.setattr(reflections, "SHORT", short)
        u = np.full((n, rows, side, width), np.nan)
        reflections._fill(u, x)
        made.append(u[:, :, 0])
    for u in made:
        for found, values in zip(u, x, strict=True):
            wanted = np.split(values, np.cumsum([5 * side, 4 * side]))
            for row, parts in enumerate(zip(found, wanted, strict=True)):
                np.testing.assert_array_equal(parts[0], np.r_[np.zeros(side * row), parts[1]])
