"""Quantisation: the grid, the error, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme.errors import InputError
from mme.networks import ARCHITECTURES
from mme.networks._torch import torch
from mme.transforms import quantise


def network(seed: int = 0, scale: float = 1.0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {"conv": scale * rng.normal(size=(6, 4, 3, 3)), "bias": rng.normal(size=6), "fc": np.zeros((3, 2))}


@given(bits=st.integers(2, 16), seed=st.integers(0, 99), scale=st.sampled_from([1e-300, 1e-3, 1.0, 1e300]))
def test_weights_lie_on_the_grid_and_next_to_where_they_were(bits: int, seed: int, scale: float) -> None:
    before = network(seed, scale)
    after = quantise(before, bits)
    largest = np.abs(before["conv"]).max()
    places = after["conv"] / largest * (2 ** (bits - 1) - 1)
    np.testing.assert_allclose(places, np.rint(places), atol=1e-9)
    assert np.abs(after["conv"]).max() == largest
    error = np.abs(after["conv"] / largest - before["conv"] / largest)
    assert error.max() <= 0.5 / (2 ** (bits - 1) - 1) * (1 + 1e-9)
    assert len(np.unique(after["conv"])) <= 2**bits - 1
    for name in ("bias", "fc"):
        assert np.array_equal(after[name], before[name])
    assert np.array_equal(before["conv"], network(seed, scale)["conv"])


def test_two_bits_are_three_values() -> None:
    assert quantise({"w": np.array([[2.0, -1.1], [0.9, -0.2]])}, 2)["w"].tolist() == [[2, -2], [0, 0]]


def test_many_bits_change_nothing_that_single_precision_sees() -> None:
    model = ARCHITECTURES["vgg5"].build()
    fine, coarse = quantise(model, 32), quantise(model, 4)
    for name, value in model.state_dict().items():
        torch.testing.assert_close(fine.state_dict()[name], value, rtol=0, atol=1e-7)
        assert coarse.state_dict()[name].dtype == value.dtype
        assert len(torch.unique(coarse.state_dict()[name])) <= (15 if value.ndim >= 2 else value.numel())


@pytest.mark.parametrize("bits", [1, 0, -3, 33, 4.0, True, "8", None])
def test_bits_that_are_none(bits: Any) -> None:
    with pytest.raises(InputError, match="bits must be an integer from 2 to 32"):
        quantise(network(), bits)
