import numpy as np
import pytest
import torch

from mme import dln
from mme.algebra import C, H, R
from mme.dln import entropy
from mme.dln.singular_values import measured_singular_values, validate_depth, validate_singular_values
from mme.errors import InputError
from tests.each import each


@pytest.mark.parametrize("depth", [1, 7, 10**12, 2**53, np.int64(4), np.uint8(2)])
def test_depths(depth: object) -> None:
    found = validate_depth(depth)
    assert found == depth
    assert type(found) is int


@each(
    "depth",
    [0, -1, 2.5, 3.0, np.float64(4.0), np.nan, -np.inf, True, np.True_, "3", None, 1j, [2], np.array([2])],
)
def test_depths_that_are_none(depth: object) -> None:
    with pytest.raises(InputError, match=r"^depth must be an integer of at least 1, but it is .*\.$"):
        validate_depth(depth)


@each("depth", [2**53 + 1, 10**400])
def test_depths_beyond_counting(depth: object) -> None:
    with pytest.raises(InputError, match=r"^depth must be at most 2\^53"):
        validate_depth(depth)


def test_singular_values() -> None:
    np.testing.assert_array_equal(validate_singular_values([1, 3, 2]), [1.0, 3.0, 2.0])
    assert validate_singular_values(np.float32([1.0])).dtype == np.float32
    assert validate_singular_values(torch.tensor([1, 2])).dtype == torch.float64
    assert validate_singular_values([0.0, -0.0]).shape == (2,)


@each(
    "sigma, message",
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


@pytest.mark.parametrize(
    "matrix",
    [
        np.eye(3),
        [[1.0, 2.0], [3.0, 4.0]],
        [[2.0, -1.0], [1.0, 0.0]],
        1j * np.eye(2),
        torch.eye(2),
        torch.eye(2) * 1j,
        np.ones((2, 2, 2)) * np.eye(2),
        [[2.0, 1.0], [1.0, 2.0]],
    ],
)
def test_a_matrix_is_no_batch_of_spectra(matrix: object) -> None:
    for function in (validate_singular_values, measured_singular_values):
        with pytest.raises(InputError, match=r"matrix_entropy takes a matrix\.$"):
            function(matrix)
    with pytest.raises(InputError, match=r"matrix_entropy takes a matrix\.$"):
        measured_singular_values(np.ones((2, 2)), single=True)


def test_descending_spectra_are_a_batch() -> None:
    np.testing.assert_array_equal(validate_singular_values([[2, 1], [3, 3]]), [[2.0, 1.0], [3.0, 3.0]])


def of_the_image(d: int) -> np.ndarray:
    return np.linalg.svd(H.ginibre(d, rng=d), compute_uv=False)


@pytest.mark.parametrize("rows", [0, 1, 2, 3])
@pytest.mark.parametrize("d", [2, 3, 10])
def test_a_doubled_spectrum_over_the_quaternions_is_refused(d: int, rows: int) -> None:
    doubled = np.stack([of_the_image(d)] * rows) if rows else of_the_image(d)
    for given in (doubled, torch.tensor(doubled), doubled.astype(np.float32), np.sort(of_the_image(d))):
        with pytest.raises(InputError, match=r"equal pairs over H, .* H\.singular_values\(X\) has each once"):
            validate_singular_values(given, H)
    for scalars in (None, R, C):
        np.testing.assert_array_equal(validate_singular_values(doubled, scalars), doubled)


def test_a_spectrum_doubled_in_single_precision_is_refused() -> None:
    """As torch finds it: the pairs are apart by what that rounds."""
    doubled = torch.linalg.svdvals(torch.tensor(H.ginibre(40, rng=0), dtype=torch.complex64))
    assert doubled.dtype == torch.float32
    assert 1e-9 < float((doubled[::2] - doubled[1::2]).max() / doubled[0]) < 2e-6
    for given in (doubled, doubled.numpy()):
        with pytest.raises(InputError, match="come in equal pairs over H"):
            validate_singular_values(given, H)


@pytest.mark.parametrize("sigma", [of_the_image(1), [1.0, 1.0], [2.0] * 4, [0.0, 0.0]])
def test_one_value_over_the_quaternions_is_told(sigma: object) -> None:
    with pytest.warns(UserWarning, match="H.singular_values"):
        np.testing.assert_array_equal(validate_singular_values(sigma, H), sigma)


@pytest.mark.parametrize("sigma", [[2.0, 2.0, 1.0], [2.0, 2.0, 1.0, 0.5], [2.0, 1.0], [3.0, 1.0, 1.0, 0.5]])
def test_some_equal_ones_are_no_doubled_spectrum(sigma: list[float]) -> None:
    np.testing.assert_array_equal(validate_singular_values(sigma, H), sigma)


ASKED = {"depth": 2, "field": "H"}


@pytest.mark.parametrize(
    "call",
    [
        lambda s: dln.entropy(s, **ASKED),
        lambda s: dln.orbit_volume(s, **ASKED),
        lambda s: dln.renormalised_entropy(s, **ASKED),
        lambda s: dln.infinite_depth_entropy(s, field="H"),
        lambda s: dln.entropy_terms(s, **ASKED),
        lambda s: dln.entropy_gradient(s, **ASKED),
        lambda s: dln.entropy_hessian(s, **ASKED),
        lambda s: dln.entropy_from_metric(s, **ASKED),
        lambda s: dln.log_metric_determinant(s, **ASKED),
        lambda s: dln.gram_blocks(s, **ASKED),
        lambda s: dln.log_gram_determinant(s, **ASKED),
        lambda s: dln.gram_matrix(s, **ASKED),
        lambda s: dln.log_jacobian(s, **ASKED),
        lambda s: dln.pushed_forward_basis(s, **ASKED),
        lambda s: dln.kernel(s, 1.0, **ASKED),
        lambda s: dln.orbit_volume_from_kernel(s, **ASKED),
        lambda s: dln.orbit_volume_mc(s, **ASKED),
        lambda s: dln.ball_count_volume(s, radius=1.0, **ASKED),
    ],
)
def test_every_function_looks(call: object) -> None:
    assert callable(call)
    with pytest.raises(InputError, match="come in equal pairs over H"):
        call(of_the_image(2))
    with pytest.raises(InputError, match="matrix_entropy takes a matrix"):
        call(np.eye(2))


def test_a_gradient_is_kept_or_left_behind() -> None:
    sigma = torch.tensor([2.0, 1.0], requires_grad=True)
    assert validate_singular_values(sigma) is sigma
    assert isinstance(measured_singular_values(sigma), np.ndarray)


def test_positive() -> None:
    assert validate_singular_values([5e-324], positive=True) == [5e-324]
    with pytest.raises(InputError, match=r"must be positive here, but one is 0, so the matrix is singular\."):
        validate_singular_values([1.0, 0.0], positive=True)


@pytest.mark.parametrize("wrong", [[3.0, 1.0, 2.0], [1.0, 2.0, 0.5], [3.0, 2.0, 2.5], [1.0, 3.0, 2.0]])
def test_each_of_several_spectra_must_descend_step_by_step(wrong: list[float]) -> None:
    with pytest.raises(InputError, match=r"singular_values must .*descend"):
        entropy([[3.0, 2.0, 1.0], wrong], depth=2)
    assert np.isfinite(entropy(wrong, depth=2))  # of one matrix they may come in any order


def test_the_warning_points_to_who_called() -> None:
    with pytest.warns(UserWarning, match="come in equal pairs") as told:
        dln.entropy([1.0, 1.0], depth=2, field="H")
    assert [each.filename for each in told] == [__file__]


def test_how_near_pairs_are_pairs() -> None:
    """Up to ε^{3/4} = 1.82e-12 of the largest value."""
    for gap, refused in ((3.4e-12, True), (3.9e-12, False)):
        for sigma in ([2.0, 2.0 - gap, 1.0, 1.0], [1.0, 2.0, 1.0 + gap, 2.0]):
            if refused:
                with pytest.raises(InputError, match="come in equal pairs over H"):
                    validate_singular_values(np.array(sigma), H)
            else:
                validate_singular_values(np.array(sigma), H)
    with pytest.warns(UserWarning, match="come in equal pairs"):
        validate_singular_values(np.array([1.0, 1.0, 1.0, 1.0 + 1.7e-12]), H)


def test_the_border_of_what_is_a_pair() -> None:
    """ε^{3/4} = 2^{−39} itself is one, and the next float is none."""
    for gap, refused in ((2.0**-39, True), (2.0**-39 + 2.0**-53, False)):
        sigma = np.array([1.0, 1.0 - gap, 0.5, 0.5])
        if refused:
            with pytest.raises(InputError, match="come in equal pairs over H"):
                validate_singular_values(sigma, H)
        else:
            validate_singular_values(sigma, H)


def test_several_spectra_are_doubled_where_one_is() -> None:
    """Where all of them are, one with two values is enough to tell; and of none nothing is said."""
    for first in ([2.0, 2.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]):
        with pytest.raises(InputError, match="come in equal pairs over H"):
            validate_singular_values([first, [3.0, 3.0, 2.0, 2.0], [1.0, 1.0, 1.0, 1.0]], H)
    assert validate_singular_values(np.ones((0, 2)), H).shape == (0, 2)
