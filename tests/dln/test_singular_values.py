import numpy as np
import pytest
import torch

from mme.dln.singular_values import measured_singular_values, validate_depth, validate_singular_values
from mme.errors import InputError


@pytest.mark.parametrize("depth", [1, 7, 10**12, 2**53, np.int64(4), np.uint8(2)])
def test_depths(depth: object) -> None:
    found = validate_depth(depth)
    assert found == depth
    assert type(found) is int


@pytest.mark.parametrize(
    "depth",
    [0, -1, 2.5, 3.0, np.float64(4.0), np.nan, -np.inf, True, np.True_, "3", None, 1j, [2], np.array([2])],
)
def test_depths_that_are_none(depth: object) -> None:
    with pytest.raises(InputError, match=r"^depth must be an integer of at least 1, but it is .*\.$"):
        validate_depth(depth)


@pytest.mark.parametrize("depth", [2**53 + 1, 10**400])
def test_depths_beyond_counting(depth: object) -> None:
    with pytest.raises(InputError, match=r"^depth must be at most 2\^53"):
        validate_depth(depth)


def test_singular_values() -> None:
    np.testing.assert_array_equal(validate_singular_values([1, 3, 2]), [1.0, 3.0, 2.0])
    assert validate_singular_values(np.float32([1.0])).dtype == np.float32
    assert validate_singular_values(torch.tensor([1, 2])).dtype == torch.float64
    assert validate_singular_values([0.0, -0.0]).shape == (2,)


@pytest.mark.parametrize(
    ("sigma", "message"),
    [
        ([1.0, -0.5], r"must not be negative, but the smallest is -0\.5"),
        ([np.nan], "must be finite"),
        ([1.0, np.inf], "must be finite"),
        ([1.0 + 0j], "must be real, but its dtype is complex128"),
        (["a"], "must be an array of numbers"),
        ([None], "must be an array of numbers"),
        ([True], "must be an array of numbers"),
        (1.0, r"shape \(\.\.\., d\) with d ≥ 1, but their shape is \(\)"),
        (np.zeros((2, 0)), r"their shape is \(2, 0\)"),
        (torch.tensor([-1.0]), "must not be negative"),
        (torch.tensor([1j]), "must be real, but its dtype is torch.complex64"),
    ],
)
def test_bad_singular_values(sigma: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        validate_singular_values(sigma)


def test_ragged_singular_values() -> None:
    with pytest.raises(InputError, match=r"^singular_values must be an array .* rows differ in length\.$"):
        validate_singular_values([[1.0, 2.0], [1.0]])


def test_a_gradient_is_kept_or_left_behind() -> None:
    sigma = torch.tensor([2.0, 1.0], requires_grad=True)
    assert validate_singular_values(sigma) is sigma
    assert isinstance(measured_singular_values(sigma), np.ndarray)


def test_positive() -> None:
    assert validate_singular_values([5e-324], positive=True) == [5e-324]
    with pytest.raises(InputError, match=r"must be positive here, but one is 0, so the matrix is singular\."):
        validate_singular_values([1.0, 0.0], positive=True)
