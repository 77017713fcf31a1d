"""What arguments may be, where no callable that takes them shows it."""

import pytest

from mme.arguments import any_array, arrays, integer, plain_array
from mme.errors import InputError


def test_tensors_are_dense_and_finite_unless_told_otherwise() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(InputError, match="a must be finite, but an entry is NaN or infinite"):
        any_array("a", torch.tensor([1.0, float("nan")]))
    assert any_array("a", torch.tensor([float("nan")]), finite=False).isnan().all()
    with pytest.raises(InputError, match="dense array of numbers, but its dtype is torch"):
        any_array("a", torch.ones(2, dtype=torch.bool))
    for finite in (True, False):
        with pytest.raises(InputError, match="a must be a dense array of numbers"):
            any_array("a", torch.eye(3).to_sparse(), finite=finite)


def test_tensors_keep_their_digits_and_short_ones_become_single_precision() -> None:
    torch = pytest.importorskip("torch")
    for dtype, expected in (
        (torch.float64, "float64"), (torch.float32, "float32"), (torch.float16, "float32"),
        (torch.bfloat16, "float32"), (torch.int8, "int8"), (torch.complex64, "complex64"),
    ):  # fmt: skip
        assert plain_array("a", torch.ones(2, dtype=dtype)).dtype == expected
    assert plain_array("a", torch.tensor([1 / 3], dtype=torch.float64))[0] == 1 / 3
    conjugate = torch.tensor([1 + 2j]).conj()  # which NumPy does not read as it is, nor its imaginary part
    assert plain_array("a", conjugate).tolist() == [1 - 2j]
    assert plain_array("a", conjugate.imag).tolist() == [-2]


def test_several_tensors_are_finite_unless_told_otherwise() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(InputError, match="b must be finite"):
        arrays(a=torch.ones(2), b=torch.tensor([float("inf")]))


def test_ranges_are_told_by_the_ends_that_they_have() -> None:
    for value, ends, words in (
        (0, {"least": 1}, "an integer of at least 1, but it is 0"),
        (5, {"most": 3}, "an integer of at most 3, but it is 5"),
        (5, {"least": 1, "most": 3}, "an integer from 1 to 3, but it is 5"),
        (0.5, {}, "an integer, but it is 0.5"),
    ):
        with pytest.raises(InputError, match=f"n must be {words}"):
            integer("n", value, **ends)
