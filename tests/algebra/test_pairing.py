from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import strategies as st

from mme.algebra import C, Field, H, R
from mme.errors import InputError

from .tools import matrices, orders, sometimes


@pytest.mark.slow
@sometimes(data=st.data(), n=orders, m=orders, l=orders)
def test_adjoint_reverses_products(F: Field, data: st.DataObject, n: int, m: int, l: int) -> None:
    a, b = data.draw(matrices(F, (n, m), (m, l)))
    np.testing.assert_array_equal(F.adjoint(a @ b), F.adjoint(b) @ F.adjoint(a))
    np.testing.assert_array_equal(F.adjoint(F.adjoint(a)), a)


def test_real_matrices_alone_are_taken_over_r() -> None:
    z = np.array([[1.0, 2j]])
    for function in (R.adjoint, R.norm, lambda a: R.pairing(a, a)):
        with pytest.raises(InputError, match="must be real"):
            function(z)
    np.testing.assert_array_equal(C.adjoint(z), [[1], [-2j]])
    assert [C.pairing(z, z), C.norm(z) ** 2] == pytest.approx([5, 5])


@pytest.mark.slow
@sometimes(data=st.data(), n=orders, m=orders)
def test_adjoint_conjugates_every_component(F: Field, data: st.DataObject, n: int, m: int) -> None:
    a = data.draw(matrices(F, (n, m)))
    conjugate = np.array([1.0, -1.0, -1.0, -1.0])[: F.beta]
    np.testing.assert_array_equal(F.components(F.adjoint(a)), np.swapaxes(F.components(a), 0, 1) * conjugate)


@sometimes(data=st.data(), n=orders, m=orders)
def test_pairing_is_the_sum_over_components(F: Field, data: st.DataObject, n: int, m: int) -> None:
    a, b = data.draw(matrices(F, (n, m), (n, m)))
    assert F.pairing(a, b) == np.sum(F.components(a) * F.components(b))
    assert F.pairing(a, b) == F.pairing(b, a)
    np.testing.assert_allclose(F.norm(a), np.sqrt(np.sum(F.components(a) ** 2)), rtol=1e-15)
    assert not np.iscomplexobj(F.pairing(a, b))


@sometimes(data=st.data(), n=orders, m=orders, l=orders)
def test_pairing_is_cyclic(F: Field, data: st.DataObject, n: int, m: int, l: int) -> None:
    a, b, c = data.draw(matrices(F, (n, m), (m, l), (n, l)))
    assert F.pairing(a @ b, c) == F.pairing(b, F.adjoint(a) @ c) == F.pairing(a, c @ F.adjoint(b))


def test_pairing_is_invariant_under_the_group(F: Field) -> None:
    a, b = F.ginibre(3, size=(2, 5), rng=1)
    u, v = F.haar(3, size=(2, 5), rng=2)
    np.testing.assert_allclose(F.pairing(u @ a @ v, u @ b @ v), F.pairing(a, b), rtol=1e-12)


def test_pairing_and_norm_broadcast_over_leading_axes(F: Field) -> None:
    a, b = F.ginibre(2, size=(4, 1), rng=1, columns=3), F.ginibre(2, size=5, rng=2, columns=3)
    together = F.pairing(a, b)
    assert together.shape == (4, 5)
    assert together[2, 3] == F.pairing(a[2, 0], b[3])
    assert F.norm(a).shape == (4, 1)
    assert F.norm(a)[2, 0] == F.norm(a[2, 0])


@pytest.mark.parametrize("scale", [0.0, 1e-310, 1e-300, 1.0, 1e300])
def test_norm_at_every_scale(F: Field, scale: float) -> None:
    a = F.from_components(scale * np.ones((2, 2, F.beta)))
    np.testing.assert_allclose(F.norm(a), scale * 2 * np.sqrt(F.beta), rtol=1e-13)


@sometimes(data=st.data(), n=orders, m=orders)
def test_modulus_is_the_length_of_the_components(F: Field, data: st.DataObject, n: int, m: int) -> None:
    a = data.draw(matrices(F, (n, m)))
    expected = np.sqrt(np.sum(F.components(a) ** 2, axis=-1))
    assert F.modulus(a).shape == (n, m)
    np.testing.assert_allclose(F.modulus(a), expected, rtol=1e-14)


def test_modulus_of_complex_quaternions() -> None:
    """Blocks without the symmetry, as in the circular symplectic ensemble: Frobenius over the root of 2."""
    a = C.ginibre(6, size=4, rng=1)
    for k in range(3):
        for l in range(3):
            block = a[:, [k, k, k + 3, k + 3], [l, l + 3, l, l + 3]]
            np.testing.assert_allclose(
                H.modulus(a)[:, k, l] ** 2, np.sum(abs(block) ** 2, axis=1) / 2, rtol=1e-13
            )


def test_modulus_does_not_overflow(F: Field) -> None:
    a = 1e300 * np.ones((F.side, F.side))
    np.testing.assert_allclose(F.modulus(a) / 1e300, np.sqrt(F.side), rtol=1e-14)


def test_mismatched_shapes_are_refused(F: Field) -> None:
    with pytest.raises(InputError, match=r"^a and b must be matrices of one shape, but they have "):
        F.pairing(np.ones((2, 4)), np.ones((2, 2)))


def test_matrices_of_other_shapes_have_no_pairing(F: Field) -> None:
    n = F.side
    for one, other in (((4, 2), (2, 2)), ((2, 4), (2, 2)), ((4, 2), (2, 4)), ((3, 4, 2), (3, 2, 2))):
        a, b = (np.ones((*shape[:-2], n * shape[-2], n * shape[-1])) for shape in (one, other))
        with pytest.raises(InputError, match="a and b must be matrices of one shape"):
            F.pairing(a, b)


@pytest.mark.parametrize("F", [R, H])
def test_is_unitary_looks_at_every_entry_of_what_is_no_matrix_over_the_field(F: Field) -> None:
    a = np.diag(np.exp(1j * np.array([1e-7, 0, 0, 0])))  # unitary over C
    assert C.is_unitary(a)
    assert not F.is_unitary(a, tolerance=0.9e-7)
    assert F.is_unitary(a, tolerance=1.1e-7)


def test_is_unitary_looks_at_every_matrix(F: Field) -> None:
    a = F.haar(3, size=(2, 2), rng=1)
    assert F.is_unitary(a).all()
    a[0, 1] *= 1 + 1e-6
    np.testing.assert_array_equal(F.is_unitary(a), [[True, False], [True, True]])
    assert F.is_unitary(a, tolerance=1e-5).all()
    assert F.is_unitary(a[0, 1]) is False


def test_is_unitary_allows_a_ten_billionth_where_nothing_is_said(F: Field) -> None:
    for deviation, expected in ((0.96e-10, True), (1.04e-10, False)):
        assert F.is_unitary(F.identity(3) * np.sqrt(1 + deviation)) is expected


def test_is_unitary_looks_at_the_worst_entry(F: Field) -> None:
    one_entry = np.zeros((5, 5, F.beta))
    one_entry[0, 3, -1] = 1e-6  # a* a - 1 has it twice, among 25 entries
    a = F.identity(5) + F.from_components(one_entry)
    assert not F.is_unitary(a, tolerance=9e-7)
    assert F.is_unitary(a, tolerance=1.1e-6)


def test_is_unitary_asks_for_more_than_complex_unitarity() -> None:
    assert C.is_unitary(C.haar(4, rng=1)) is True
    assert H.is_unitary(C.haar(4, rng=1)) is False
    assert R.is_unitary(C.haar(4, rng=1)) is False
    boost = np.array([[np.sqrt(2), 1j], [-1j, np.sqrt(2)]])
    np.testing.assert_allclose(boost.T @ boost, np.eye(2), rtol=0, atol=1e-15)
    assert R.is_unitary(boost) is False


def test_torch_tensors_stay_torch_tensors(F: Field) -> None:
    torch = pytest.importorskip("torch")
    a, b = F.ginibre(3, size=(2, 4), rng=1)
    s, t = torch.asarray(a), torch.asarray(b)
    assert isinstance(F.adjoint(s), torch.Tensor)
    np.testing.assert_array_equal(F.adjoint(s).resolve_conj().numpy(), F.adjoint(a))
    np.testing.assert_allclose(F.pairing(s, t).numpy(), F.pairing(a, b), rtol=1e-13)
    np.testing.assert_allclose(F.norm(s).numpy(), F.norm(a), rtol=1e-13)


def test_the_gradient_of_the_squared_norm_is_twice_the_matrix() -> None:
    torch = pytest.importorskip("torch")
    a = torch.asarray(R.ginibre(3, rng=1)).requires_grad_()
    (R.norm(a) ** 2).backward()
    np.testing.assert_allclose(a.grad.numpy(), 2 * a.detach().numpy(), rtol=1e-12)


def test_entries_of_tensors_are_not_looked_at() -> None:
    """To look would wait for the device that they are on; NumPy's are looked at."""
    infinite = torch.full((2, 2), torch.inf, dtype=torch.float64)
    assert R.pairing(infinite, torch.ones(2, 2, dtype=torch.float64)) == torch.inf
    assert R.norm(infinite).isnan()
    for F in (R, C, H):
        assert F.adjoint(infinite).isinf().all()
    with pytest.raises(InputError, match="a must be finite"):
        R.pairing(infinite.numpy(), np.eye(2))


def test_unitary_up_to_the_tolerance_and_no_further() -> None:
    """1.5² − 1 = 1.25; and over R an imaginary part of either sign is a deviation."""
    assert R.is_unitary([[1.5]], tolerance=1.25)
    assert not R.is_unitary([[1.5]], tolerance=np.nextafter(1.25, 0))
    for part in (1e-3j, -1e-3j):
        assert C.is_unitary([[1 + part]], tolerance=1e-5)
        assert not R.is_unitary(np.array([[1 + part]]), tolerance=1e-5)


def test_a_real_matrix_has_a_real_norm() -> None:
    assert R.norm(np.array([[3, 4]])) == 5
    with pytest.raises(InputError, match="a must be real, but its dtype is complex128"):
        R.norm(np.array([[3j, 4]]))
    assert C.norm(np.array([[3j, 4]])) == 5


@pytest.mark.parametrize(("F", "dtype"), [(R, np.float32), (C, np.complex64), (H, np.complex64)])
def test_single_precision_has_the_same_norm(F: Any, dtype: Any) -> None:
    found = F.norm(3 * F.identity(4).astype(dtype))
    assert (float(found), found.dtype) == (6.0, np.float32)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, torch.int8], ids=str)
def test_products_of_whole_numbers_do_not_wrap_round(dtype: Any) -> None:
    as_given = torch.tensor if dtype is torch.int8 else np.array
    a = as_given([[100, 3], [4, 100]], dtype=dtype)
    assert float(R.pairing(a, a)) == float(C.pairing(a, a)) == 20025
    assert float(H.pairing(a, a)) == 20025 / 2
    assert float(R.norm(a)) == pytest.approx(20025**0.5, rel=1e-15)
    assert not R.is_unitary(127 * np.eye(2, dtype=np.int8))  # whose square is 1 modulo 256
    assert R.is_unitary(np.eye(2, dtype=np.int8))
    assert R.modulus(np.array([[-128]], np.int8)) == 128
    assert R.pairing([[2**40]], [[2**40]]) == 2.0**80
