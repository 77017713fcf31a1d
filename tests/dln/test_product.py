import numpy as np
import pytest
import torch

from mme.algebra import C, H, R
from mme.dln import end_to_end, stack_layers
from mme.errors import InputError
from tests.each import each


@pytest.mark.parametrize("F", [R, C, H], ids="RCH")
def test_first_layer_is_applied_first(F) -> None:
    W = F.ginibre(3, size=4, rng=1)
    np.testing.assert_allclose(end_to_end(W, F), W[3] @ W[2] @ W[1] @ W[0], rtol=1e-13, atol=1e-12)
    assert not np.allclose(end_to_end(W, F), W[0] @ W[1] @ W[2] @ W[3])


def test_one_layer_is_its_own_product() -> None:
    W = C.ginibre(2, rng=1)
    np.testing.assert_array_equal(end_to_end([W], C), W)


def test_batches_multiply_one_by_one() -> None:
    W = H.ginibre(2, size=(3, 5, 4), rng=2)
    assert end_to_end(W, H).shape == (3, 5, 4, 4)
    np.testing.assert_allclose(end_to_end(W, H)[1, 3], end_to_end(W[1, 3], H), rtol=1e-13)
    np.testing.assert_allclose(end_to_end(torch.tensor(W), H).numpy(), end_to_end(W, H), rtol=1e-12)


def test_single_layers_and_batches_of_layers_mix() -> None:
    first, second = R.ginibre(2, rng=1), R.ginibre(2, size=3, rng=2)
    assert stack_layers([first, second]).shape == (3, 2, 2, 2)
    np.testing.assert_allclose(end_to_end([first, second]), second @ first)


def test_quaternionic_units_do_not_commute() -> None:
    i, j, k = (H.from_components(np.eye(4)[n].reshape(1, 1, 4)) for n in (1, 2, 3))
    np.testing.assert_array_equal(end_to_end([j, i], H), k)
    np.testing.assert_array_equal(end_to_end([i, j], H), -k)


@each(
    "layers, field, message",
    [
        ([np.eye(2), np.eye(3)], "R", "2×2, 3×3 and do not multiply"),
        ([np.ones((2, 3)), np.ones((3, 2))], "R", "2×3, 3×2 and do not multiply"),
        ([np.ones((2, 3)), np.ones((2, 3))], "R", "layers must be square"),
        ([np.ones((2, 3)), np.ones((3, 3))], "R", "2×3, 3×3 and do not multiply"),
        ([np.ones(2), np.ones(2)], "R", r"layers must have shape \(\.\.\., N, d, d\)"),
        ([np.ones((3, 2, 2)), np.ones((4, 2, 2))], "R", r"that broadcast, but they are \(3,\), \(4,\)"),
        (np.eye(2), "R", "with N ≥ 1"),
        (np.zeros((0, 2, 2)), "R", "with N ≥ 1"),
        ([1j * np.eye(2)], "R", "layers must be real"),
        ([np.diag([1.0, 1.0, 1.0, 1.5])], "H", "miss that by 0.33 times"),
        ([np.eye(3)], "H", "layers must have an even number of rows"),
        ([np.full((2, 2), np.nan)], "C", "layers must be finite"),
        ([np.eye(2)], "Q", "field must be"),
    ],
)
def test_bad_layers(layers, field, message) -> None:
    with pytest.raises(InputError, match=message):
        end_to_end(layers, field)


def test_at_most_six_shapes_are_told() -> None:
    layers = [np.eye(n) for n in range(2, 10)]
    with pytest.raises(InputError, match="but they are 2×2, 3×3, 4×4, 5×5, 6×6, 7×7 and do not multiply"):
        end_to_end(layers)
