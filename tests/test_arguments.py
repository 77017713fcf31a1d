"""What arguments may be, where no callable that takes them shows it."""

import itertools
from fractions import Fraction

import numpy as np
import pytest

from mme.arguments import (
    affordable,
    any_array,
    arrays,
    batch_shape,
    choice,
    finite_array,
    integer,
    listed,
    number,
    plain_array,
    sequence,
    several,
    share,
)
from mme.errors import InputError, refusal


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
    [found] = arrays(finite=False, a=torch.tensor([float("inf")]))[1]
    assert found.isinf()


def test_numbers_stay_as_they_are_beside_tensors() -> None:
    torch = pytest.importorskip("torch")
    found = arrays(a=torch.ones(2), b=2, c=0.5)[1]
    assert [type(each) for each in found] == [torch.Tensor, int, float]


def test_a_choice_is_the_allowed_name_itself() -> None:
    assert type(choice("c", np.str_("a"), ("b", "a"))) is str


def test_ranges_are_told_by_the_ends_that_they_have() -> None:
    for value, ends, words in (
        (0, {"least": 1}, "an integer of at least 1, but it is 0"),
        (5, {"most": 3}, "an integer of at most 3, but it is 5"),
        (5, {"least": 1, "most": 3}, "an integer from 1 to 3, but it is 5"),
        (0.5, {}, "an integer, but it is 0.5"),
    ):
        with pytest.raises(InputError, match=f"n must be {words}"):
            integer("n", value, **ends)


def test_a_sequence_is_long_enough_and_has_one_axis() -> None:
    assert sequence("s", [2]).tolist() == [2.0]
    for value, least, shape in (([], 1, r"\(0,\)"), ([[1.0, 2.0]], 1, r"\(1, 2\)"), ([1.0], 2, r"\(1,\)")):
        with pytest.raises(InputError, match=f"at least {least} numbers, but its shape is {shape}"):
            sequence("s", value, least)


def test_a_sequence_is_the_callers_no_more() -> None:
    given = np.ones(2)
    assert not np.shares_memory(sequence("s", given), given)


def test_no_truth_value_of_a_nested_list_is_a_number() -> None:
    value: list[object] = [1.0, True]
    for _ in range(4):
        with pytest.raises(InputError, match="one of them is True or False"):
            plain_array("a", value)
        value = [value]


def test_objects_become_numbers_where_all_are() -> None:
    assert finite_array("a", [Fraction(1, 2), 2**70]).tolist() == [0.5, 2.0**70]
    with pytest.raises(InputError, match="a must be an array of numbers, but it has dtype object"):
        finite_array("a", [Fraction(1, 2), None])


def test_a_tensor_may_be_one_number_and_a_conjugate_or_negative_view() -> None:
    torch = pytest.importorskip("torch")
    assert any_array("a", torch.tensor(2.0)) == 2
    turned = torch.tensor([1 + 2j]).conj()
    assert plain_array("a", turned).tolist() == [1 - 2j]
    assert plain_array("a", turned.imag).tolist() == [-2]


def test_arrays_may_be_complex_unless_told_otherwise() -> None:
    [found] = arrays(a=[1j])[1]
    assert found.tolist() == [1j]
    with pytest.raises(InputError, match="a must be real"):
        arrays(a=[1j], real=True)


def test_ends_of_ranges_are_in_them_or_are_not() -> None:
    affordable("n", 2**27)
    assert batch_shape((1,) * 32) == (1,) * 32
    assert batch_shape((0,)) == (0,)
    assert sequence("s", [0.0], negative=False).tolist() == [0.0]
    assert (number("x", 1, 1, 1), integer("n", 1, 1, 1)) == (1.0, 1)
    for call, *arguments in (
        (affordable, "n", 2**27 + 1), (batch_shape, (1,) * 33), (share, "p", 0), (share, "p", 1),
        (number, "x", 0, None, None, 0),
    ):  # fmt: skip
        assert refusal(call, *arguments)


def test_the_first_number_that_is_not_finite_is_named() -> None:
    assert "but a[0, 1] is nan." in refusal(finite_array, "a", [[1, np.nan], [np.inf, 1]])


def test_lists_are_neither_empty_nor_endless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mme.arguments.MOST_LISTED", 3)
    assert listed("n", range(3), "numbers") == several("n", range(3), int, "integers") == [0, 1, 2]
    assert several("n", (), int, "integers") == []
    for endless in (range(4), itertools.count()):
        assert refusal(listed, "n", endless, "numbers").startswith("n must be a list of 1 to 3 numbers")
        assert refusal(several, "n", endless, int, "integers").startswith("n must be integers")
    assert refusal(listed, "n", (), "numbers").endswith("but it is ().")
