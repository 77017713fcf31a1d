"""Magnitude pruning: which weights go, and that nothing else changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme.errors import InputError
from mme.networks import ARCHITECTURES
from mme.networks._torch import torch
from mme.transforms import prune


def network(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "conv": rng.normal(size=(6, 4, 3, 3)),
        "bias": rng.normal(size=6) / 100,
        "fc": 10 * rng.normal(size=(5, 6)),
        "steps": np.array(7),
    }


@given(share=st.floats(0, 1), scope=st.sampled_from(["layer", "network"]), seed=st.integers(0, 99))
def test_the_smallest_go_the_others_stay(share: float, scope: str, seed: int) -> None:
    before = network(seed)
    after = prune(before, share, scope=scope)
    names = [["conv"], ["fc"]] if scope == "layer" else [["conv", "fc"]]
    for group in names:
        old, new = (np.concatenate([each[name].ravel() for name in group]) for each in (before, after))
        gone = new == 0
        assert gone.sum() == round(share * old.size)
        assert np.array_equal(new[~gone], old[~gone])
        if 0 < gone.sum() < old.size:
            assert np.abs(old[gone]).max() <= np.abs(old[~gone]).min()
    for name in ("bias", "steps"):
        assert np.array_equal(after[name], before[name])
    assert np.array_equal(before["conv"], network(seed)["conv"])


def test_scopes_differ_where_layers_have_different_sizes() -> None:
    layer, together = (prune(network(), 0.5, scope=scope) for scope in ("layer", "network"))
    assert (layer["fc"] == 0).mean() == 0.5
    assert (together["fc"] == 0).mean() < 0.3
    assert (together["conv"] == 0).mean() > 0.5


def test_of_equal_magnitudes_the_first_go() -> None:
    assert prune({"w": np.array([[1.0, -1.0], [1.0, 1.0]])}, 0.5)["w"].tolist() == [[0, 0], [1, 1]]


def test_a_module_gives_a_module_and_a_state_dict_gives_tensors() -> None:
    model = ARCHITECTURES["resnet8"].build()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    pruned = prune(model, 0.3)
    assert type(pruned) is type(model)
    weights = prune(before, 0.3)
    for name, value in pruned.state_dict().items():
        assert torch.equal(weights[name], value)
        assert value.dtype == before[name].dtype
        assert torch.equal(model.state_dict()[name], before[name])
        expected = round(0.3 * value.numel()) if value.ndim >= 2 else int((before[name] == 0).sum())
        assert int((value == 0).sum()) == expected


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan"), "0.5", True, None])
def test_a_share_that_is_none(share: Any) -> None:
    with pytest.raises(InputError, match="share must be a number from 0 to 1"):
        prune(network(), share)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"b": np.ones(3)}, "two or more axes"),
        ({"w": np.array([[1.0, np.nan]])}, "NaN"),
        ({"w": "text"}, r"source\['w'\] must be an array"),
        (np.eye(3), "of type ndarray"),
        ({}, "two or more axes"),
    ],
)
def test_a_source_that_is_none(source: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        prune(source, 0.5)


def test_an_unknown_scope() -> None:
    with pytest.raises(InputError, match="scope must be one of 'layer', 'network'"):
        prune(network(), 0.5, scope="global")
