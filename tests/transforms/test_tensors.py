"""Pruned, rounded and truncated tensors: what goes, how near the rest is, and what a file would hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme.ensembles import layer_matrix_ensemble
from mme.errors import InputError
from mme.networks import ARCHITECTURES
from mme.networks._torch import nn, torch
from mme.transforms import prune, quantise, truncate_rank
from mme.transforms.tensors import stored_numbers


def network(seed: int = 0, scale: float = 1.0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "wide": scale * rng.normal(size=(6, 3, 3, 3)),
        "tall": 10 * rng.normal(size=(9, 5)),
        "bias": rng.normal(size=6) / 100,
        "zero": np.zeros((1, 2)),
        "steps": np.array(7),
    }


def same(before: dict[str, np.ndarray], after: dict[str, np.ndarray], *names: str) -> bool:
    return all(np.array_equal(before[name], after[name]) for name in names)


@pytest.mark.slow
@given(share=st.floats(0, 1), seed=st.integers(0, 99))
def test_the_smallest_weights_go_the_others_stay(share: float, seed: int) -> None:
    before = network(seed)
    after = prune(before, share)
    for name in ("wide", "tall"):
        old, new = before[name].ravel(), after[name].ravel()
        gone = new == 0
        assert gone.sum() == round(share * old.size)
        assert np.array_equal(new[~gone], old[~gone])
        if 0 < gone.sum() < old.size:
            assert np.abs(old[gone]).max() <= np.abs(old[~gone]).min()
    assert same(before, after, "bias", "zero", "steps")
    assert same(before, network(seed), "wide", "tall")


def test_of_equal_magnitudes_the_first_go() -> None:
    assert prune({"w": np.array([[1.0, -1.0], [1.0, 1.0]])}, 0.5)["w"].tolist() == [[0, 0], [1, 1]]


@pytest.mark.slow
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


@pytest.mark.slow
@given(bits=st.integers(2, 16), seed=st.integers(0, 99), scale=st.sampled_from([1e-300, 1e-3, 1.0, 1e300]))
def test_weights_lie_on_the_grid_and_next_to_where_they_were(bits: int, seed: int, scale: float) -> None:
    before = network(seed, scale)
    after = quantise(before, bits)
    largest = np.abs(before["wide"]).max()
    places = after["wide"] / largest * (2 ** (bits - 1) - 1)
    np.testing.assert_allclose(places, np.rint(places), atol=1e-9)
    assert np.abs(after["wide"]).max() == largest
    error = np.abs(after["wide"] / largest - before["wide"] / largest)
    assert error.max() <= 0.5 / (2 ** (bits - 1) - 1) * (1 + 1e-9)
    assert len(np.unique(after["wide"])) <= 2**bits - 1
    assert same(before, after, "bias", "zero", "steps")
    assert same(before, network(seed, scale), "wide", "tall")


def test_two_bits_are_three_values() -> None:
    assert quantise({"w": np.array([[2.0, -1.1], [0.9, -0.2]])}, 2)["w"].tolist() == [[2, -2], [0, 0]]


def test_many_bits_change_nothing_that_single_precision_sees() -> None:
    model = ARCHITECTURES["vgg5"].build()
    fine, coarse = quantise(model, 32), quantise(model, 4)
    for name, value in model.state_dict().items():
        torch.testing.assert_close(fine.state_dict()[name], value, rtol=0, atol=1e-7)
        assert coarse.state_dict()[name].dtype == value.dtype
        assert len(torch.unique(coarse.state_dict()[name])) <= (15 if value.ndim >= 2 else value.numel())


@pytest.mark.slow
@given(share=st.floats(0, 1), seed=st.integers(0, 50))
def test_largest_singular_values_stay(share: float, seed: int) -> None:
    before = network(seed)
    after = truncate_rank(before, share)
    for name, smaller in (("wide", 6), ("tall", 5)):
        old, new = (each[name].reshape(len(each[name]), -1) for each in (before, after))
        kept = max(smaller - round(share * smaller), 1)
        values, left = np.linalg.svd(old, compute_uv=False), np.linalg.svd(new, compute_uv=False)
        np.testing.assert_allclose(left[:kept], values[:kept], rtol=1e-12)
        assert (left[kept:] < 1e-12).all()
        # the nearest matrix of its rank
        np.testing.assert_allclose(((old - new) ** 2).sum(), (values[kept:] ** 2).sum(), atol=1e-12)
    assert same(before, after, "bias", "zero", "steps")
    assert same(before, network(seed), "wide", "tall")


def test_new_zeros_are_not_structural() -> None:
    before = layer_matrix_ensemble(network())
    after = layer_matrix_ensemble(truncate_rank(network(), 0.5))
    assert after.structural_zeros == before.structural_zeros == 4
    tiny = sum((layer.eigenvalues < 1e-12).sum() for layer in after.layers)
    assert tiny == 4 + (6 - 3) + (5 - 3)


def test_a_module_gives_a_module() -> None:
    model = ARCHITECTURES["vgg5"].build()
    smaller = truncate_rank(model, 0.9)
    assert type(smaller) is type(model)
    weight = smaller.features[2].weight.detach().flatten(1)
    assert int(np.linalg.matrix_rank(weight.numpy())) == 32 - 29


def test_stored_numbers_by_hand() -> None:
    rng = np.random.default_rng(1)
    product = rng.normal(size=(20, 3)) @ rng.normal(size=(3, 27))
    sparse = np.zeros((8, 8))
    np.fill_diagonal(sparse, 1.0)
    weights = {"low": product.reshape(20, 3, 3, 3), "sparse": sparse, "full": rng.normal(size=(4, 5))}
    assert stored_numbers(weights | {"bias": np.zeros(7)}) == 3 * 47 + 8 + 20 + 7
    single = {name: each.astype(np.float32) for name, each in weights.items()}
    assert stored_numbers(single) == 3 * 47 + 8 + 20


def test_stored_numbers_of_a_module_are_its_parameters() -> None:
    model = ARCHITECTURES["resnet8"].build()
    # normalisations start with biases of zero, which count; a generic matrix is cheapest written out
    assert stored_numbers(dict(model.named_parameters())) == sum(each.numel() for each in model.parameters())


CHANGES = {"prune": prune, "quantise": quantise, "truncate": truncate_rank}
SOURCES: list[tuple[Any, str]] = [
    ({"b": np.ones(3)}, "two or more axes"),
    ({"w": np.array([[1.0, np.nan]])}, r"source\['w'\] must be finite, but source\['w'\]\[0, 1\] is nan"),
    ({"w": "text"}, r"source\['w'\] must be an array"),
    ({7: np.eye(2)}, r"source\[7\] must be an array"),
    ({"a.weight_g": np.ones((2, 1)), "a.weight_v": np.eye(2)}, "must hold whole weights"),
    (nn.utils.parametrizations.weight_norm(nn.Linear(2, 3)), "must hold whole weights"),
    (np.eye(3), "of type ndarray"),
    (nn.Linear, "of type type"),
    ({}, "two or more axes"),
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(("source", "message"), SOURCES)
def test_sources_that_are_none(source: Any, message: str, change: str) -> None:
    with pytest.raises(InputError, match=message):
        CHANGES[change](source, 1 if change != "quantise" else np.int64(4))


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan"), "x", True, None, [0.5]])
@pytest.mark.parametrize("change", [prune, truncate_rank])
def test_a_share_that_is_none(change: Any, share: Any) -> None:
    with pytest.raises(InputError, match="share must be a finite number from 0 to 1"):
        change(network(), share)


@pytest.mark.parametrize("bits", [1, 0, -3, 33, 10**9, 4.0, True, "8", None])
def test_bits_that_are_none(bits: Any) -> None:
    with pytest.raises(InputError, match="bits must be an integer from 2 to 32"):
        quantise(network(), bits)
