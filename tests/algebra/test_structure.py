import numpy as np
import pytest
from hypothesis import strategies as st

from mme.algebra import C, Field, H, R
from mme.algebra.structure import by_largest_entry
from mme.errors import InputError

from .tools import largest, matrices, orders, sometimes

# The products of 1, i, j, k as sign and unit: row times column.
HAMILTON = [
    [(1, 0), (1, 1), (1, 2), (1, 3)],
    [(1, 1), (-1, 0), (1, 3), (-1, 2)],
    [(1, 2), (-1, 3), (-1, 0), (1, 1)],
    [(1, 3), (1, 2), (-1, 1), (-1, 0)],
]


def multiply_components(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The product of matrices of numbers of the field, by the table alone."""
    product = np.zeros((x.shape[0], y.shape[1], x.shape[2]))
    for p in range(x.shape[2]):
        for q in range(x.shape[2]):
            sign, unit = HAMILTON[p][q]
            product[..., unit] += sign * x[..., p] @ y[..., q]
    return product


@sometimes(data=st.data(), n=orders, m=orders, l=orders)
def test_components_multiply_by_hamiltons_table(
    F: Field, data: st.DataObject, n: int, m: int, l: int
) -> None:
    a, b = data.draw(matrices(F, (n, m), (m, l)))
    np.testing.assert_array_equal(F.components(a @ b), multiply_components(F.components(a), F.components(b)))


@sometimes(data=st.data(), n=orders, m=orders)
def test_components_and_arrays_convert_both_ways(F: Field, data: st.DataObject, n: int, m: int) -> None:
    a = data.draw(matrices(F, (n, m)))
    assert a.shape == (F.side * n, F.side * m)
    assert a.dtype == F.dtype
    assert F.components(a).shape == (n, m, F.beta)
    np.testing.assert_array_equal(F.from_components(F.components(a)), a)


def test_blocks_of_the_complex_image() -> None:
    a = H.from_components(np.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 1, 4))
    np.testing.assert_array_equal(a, [[1 + 2j, 3 + 4j], [-3 + 4j, 1 - 2j]])


def test_components_do_not_share_memory(F: Field) -> None:
    x = np.ones((2, 2, F.beta))
    F.from_components(x)[...] = 0
    assert (x == 1).all()


def test_what_is_validated_is_a_copy(F: Field) -> None:
    """Of a type that needs no conversion, too: who works on it in place leaves what was given as it was."""
    given = F.ginibre(2, rng=0)
    before = given.copy()
    F.validate(given)[...] = 0
    np.testing.assert_array_equal(given, before)


def test_there_are_three_fields() -> None:
    assert [Field(F.name, F.beta, F.group_name) for F in (R, C, H)] == [R, C, H]
    for wrong in (("R", 1, "U"), ("C", 1, "U"), ("Q", 2, "U")):
        with pytest.raises(InputError, match="name, beta and group_name must be those of R, C or H"):
            Field(*wrong)


def test_odd_sides_are_refused_and_odd_batches_are_not() -> None:
    for shape in ((4, 3), (3, 4), (2, 4, 3), (2, 3, 4), (2, 2, 3, 4), (2, 2, 4, 3)):
        with pytest.raises(InputError, match="a must have an even number of rows and of columns"):
            H.order(np.zeros(shape))
    for shape in ((0, 4), (4, 0), (3, 0, 4), (3, 4, 0)):
        with pytest.raises(InputError, match="a must have at least one row and one column"):
            H.order(np.zeros(shape))
    for shape in ((3, 4, 4), (3, 5, 4, 4), (0, 4, 4)):
        assert H.order(np.zeros(shape)) == 2
        assert R.order(np.zeros(shape)) == 4


@pytest.mark.parametrize("d", [1, 2, 5])
def test_dimensions(F: Field, d: int) -> None:
    generic = F.components(F.ginibre(d, size=2 * F.real_dimension(d), rng=0)).reshape(-1, d * d * F.beta)
    assert F.real_dimension(d) == np.linalg.matrix_rank(generic)
    skew = F.components(F.gaussian_skew_hermitian(d, size=2 * F.real_dimension(d), rng=0))
    assert F.group_dimension(d) == np.linalg.matrix_rank(skew.reshape(-1, d * d * F.beta))
    assert F.order(F.identity(d)) == d
    assert F.identity(d).shape == (F.size(d), F.size(d))


@sometimes(data=st.data(), d=orders)
def test_identity_and_diagonal(F: Field, data: st.DataObject, d: int) -> None:
    a = data.draw(matrices(F, (d, d)))
    np.testing.assert_array_equal(F.identity(d) @ a, a)
    x = np.arange(1.0, 2 * d + 1).reshape(2, d)
    diagonal = F.diagonal(x)
    assert diagonal.shape == (2, F.size(d), F.size(d))
    np.testing.assert_array_equal(F.components(diagonal[1])[..., 0], np.diag(x[1]))
    np.testing.assert_array_equal(F.components(diagonal)[..., 1:], 0)


def test_validate_takes_numbers_of_every_kind(F: Field) -> None:
    for kind in (int, np.float32, np.float16, np.uint8):
        a = F.validate(np.eye(F.size(2), dtype=kind))
        assert a.dtype == F.dtype
    assert F.validate([[1, 0], [0, 1]]).dtype == F.dtype


def test_validate_removes_rounding_from_a_quaternionic_image() -> None:
    a = H.ginibre(3, rng=0)
    noise = 1e-12 * C.ginibre(6, rng=1)
    mended = H.validate(a + noise)
    assert 0 < largest(mended - a) < 1e-11
    # What remains of the noise is quaternionic; what went is orthogonal to it, so this is the nearest image.
    np.testing.assert_allclose(C.pairing(a + noise - mended, mended - a), 0, atol=1e-26)
    np.testing.assert_array_equal(mended[:3, :3], mended[3:, 3:].conj())
    np.testing.assert_array_equal(mended[:3, 3:], -mended[3:, :3].conj())


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_missing_block_symmetry_says_how_far_off(scale: float) -> None:
    a = np.zeros((2, 4, 4), dtype=complex)
    a[:, 0, 0] = a[:, 2, 2] = 4 * scale
    a[1, 0, 3], a[1, 1, 2] = scale, 0.0  # B is off by 1, a quarter of the largest entry
    with pytest.raises(InputError, match=r"blocks miss that by 0\.25 times its largest entry\.$"):
        H.validate(a)
    a[1, 0, 3] = 4e-6 * scale
    with pytest.raises(InputError, match=r"blocks miss that by 1e-06 times its largest entry\.$"):
        H.validate(a)
    a[1, 0, 3] = 0
    a[1, 2, 2] = -4 * scale
    with pytest.raises(InputError, match=r"blocks miss that by 2 times its largest entry\.$"):
        H.validate(a)


@pytest.mark.parametrize(
    "method", ["validate", "svd", "singular_values", "polar", "eigh", "eigvalsh", "exp", "cayley"]
)
def test_bad_matrices_are_refused_at_every_door(F: Field, method: str) -> None:
    call = getattr(F, method)
    good = np.zeros((3, 4, 4))
    bad = good.copy()
    bad[1, 2, 3] = np.nan
    with pytest.raises(InputError, match=r"^a must be finite, but a\[1, 2, 3\] is nan\.$"):
        call(bad)
    bad[1, 2, 3] = np.inf
    with pytest.raises(InputError, match=r"^a must be finite, but a\[1, 2, 3\] is inf\.$"):
        call(bad)
    with pytest.raises(InputError, match=r"^a must have shape \(\.\.\., d, d\), but its shape is \(4,\)\.$"):
        call(good[0, 0])
    with pytest.raises(InputError, match=r"^a must be an array of numbers, but it has dtype "):
        call([["1", "2"], ["3", "4"]])
    with pytest.raises(InputError, match=r"^a must be an array of numbers, but its rows differ in length\.$"):
        call([[1, 2], [3]])
    with pytest.raises(InputError, match=r"^a must have at least one row and one column, but its shape is "):
        call(np.zeros((0, 0)))
    if method not in ("svd", "singular_values"):
        with pytest.raises(InputError, match=r"^a must be square, but its shape is \(2, 4\)\.$"):
            call(good[0, :2])


def test_complex_is_refused_over_the_reals() -> None:
    with pytest.raises(
        InputError, match=r"^a must be real to be a matrix over R, but its type is complex128\.$"
    ):
        R.svd(1j * np.eye(2))


def test_odd_sides_are_refused_over_the_quaternions() -> None:
    for call in (H.validate, H.order, H.adjoint, H.norm, H.modulus, H.is_unitary):
        with pytest.raises(InputError, match=r"even number of rows and of columns, .* shape is \(3, 3\)\.$"):
            call(np.eye(3))


@pytest.mark.parametrize("d", [0, -1, 2.0, True, "2", None])
def test_bad_orders_are_refused(F: Field, d: object) -> None:
    calls = [F.real_dimension, F.group_dimension, F.size, F.identity, F.ginibre, F.haar, F.gaussian_hermitian]
    for call in [*calls, F.gaussian_skew_hermitian, F.lie_basis, F.log_group_volume, F.group_volume]:
        with pytest.raises(InputError, match=r"^d must be an integer .* 1.*, but it is "):
            call(d)  # type: ignore[arg-type]


def test_bad_components_and_diagonals_are_refused(F: Field) -> None:
    with pytest.raises(
        InputError, match=rf"^x must have shape \(\.\.\., n, m, {F.beta}\), components over {F.name}"
    ):
        F.from_components(np.zeros((2, 2, 3)))
    with pytest.raises(InputError, match=r"^x must have shape \(\.\.\., n, m"):
        F.from_components(np.zeros((2, F.beta)))
    for x, shape in ((1.0, r"\(\)"), (np.zeros((3, 0)), r"\(3, 0\)")):
        with pytest.raises(InputError, match=rf"^x must have shape \(\.\.\., d\), .* is {shape}\.$"):
            F.diagonal(x)
    with pytest.raises(InputError, match=r"^a must be square, but its shape is \(2, 4\)\.$"):
        F.order(np.zeros((2, 4)))


@pytest.mark.parametrize("batch", [(), (3,), (2, 3)])
def test_each_matrix_over_the_absolute_value_of_its_largest_entry(batch: tuple[int, ...]) -> None:
    a = np.random.default_rng(1).uniform(-1, 1, (*batch, 4, 2))
    a[..., 3, 0] = -9.0 * np.arange(1, 1 + np.prod(batch, dtype=int)).reshape(batch)
    for phase in (1, -1, 1j, -1j):
        found = by_largest_entry(phase * a)
        np.testing.assert_allclose(found, phase * a / -a[..., 3, 0][..., None, None], rtol=1e-15)
    assert largest(by_largest_entry(np.zeros((2, 2)))) == 0


def test_no_matrices_are_taken_and_matrices_of_no_size_are_not(F: Field) -> None:
    assert F.from_components(np.zeros((0, 3, 2, F.beta))).shape == (0, 3 * F.side, 2 * F.side)
    assert F.norm(np.zeros((0, F.side, 2 * F.side), F.dtype)).shape == (0,)
    assert F.diagonal(np.zeros((0, 3))).shape == (0, 3 * F.side, 3 * F.side)
    for shape in ((0, 2), (2, 0), (3, 0, 2), (3, 2, 0)):
        with pytest.raises(InputError):
            F.from_components(np.zeros((*shape, F.beta)))
        with pytest.raises(InputError, match="at least one row and one column"):
            F.norm(np.zeros(shape, F.dtype))


def test_the_order_of_a_tensor_is_read_off_its_shape(F: Field) -> None:
    torch = pytest.importorskip("torch")
    assert F.order(torch.full((2 * F.side, 2 * F.side), torch.nan)) == 2


def test_half_the_digits_of_a_type_are_rounding() -> None:
    """So far may the blocks be from the image of quaternions: √eps, and 1e-8 for whole numbers."""
    for dtype in (np.float32, np.float64):
        root = np.sqrt(np.finfo(dtype).eps)
        H.validate(np.array([[1, root], [0, 1]], dtype))
        with pytest.raises(InputError, match="must be the complex image"):
            H.validate(np.array([[1, np.nextafter(root, dtype(1))], [0, 1]], dtype))
    H.validate([[10**8, 1], [0, 10**8]])
    with pytest.raises(InputError, match="must be the complex image"):
        H.validate([[95 * 10**6, 1], [0, 95 * 10**6]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_largest_entry_is_taken_out_at_every_scale(dtype: type) -> None:
    """Down to the smallest normal number, where half of it is left; zero is no negative zero."""
    unit = np.array([[1.0, -0.5], [0.25, 0.0]], dtype)
    tiny = np.finfo(dtype).smallest_normal
    for scale, left in ((1.0, 1.0), (np.finfo(dtype).max, 1.0), (tiny, 0.5), (0.0, 0.0)):
        found = by_largest_entry(unit * dtype(scale))
        np.testing.assert_allclose(found, unit * left, rtol=1e-6)
        assert not np.signbit(found[1, 1])
