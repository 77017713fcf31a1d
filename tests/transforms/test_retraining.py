"""Training on: what is held stays, the rest learns, and the given network is left alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mme.errors import InputError
from mme.networks import Recipe, accuracy
from mme.networks._torch import nn, torch
from mme.networks.architectures import VGG
from mme.networks.training import fit
from mme.transforms import prune, remove_units, retrain, truncate_rank
from mme.transforms.retraining import Product

ONCE = Recipe(epochs=1, learning_rate=0.05)


@pytest.fixture(scope="module")
def model() -> nn.Module:
    torch.manual_seed(0)
    network = VGG([(1, 6), (1, 12), (1, 24)], batch_norm=True)
    fit(network, Recipe(epochs=3), 0)
    return network


def ranks(network: nn.Module) -> list[int]:
    return [
        int(np.linalg.matrix_rank(each.detach().flatten(1).numpy()))
        for each in network.parameters()
        if each.ndim > 1
    ]


@pytest.mark.slow
def test_zeros_stay_and_the_rest_learns(model: nn.Module) -> None:
    pruned = prune(model, 0.6)
    pruned.classifier.weight.data[0, 0] = 1e-12  # is none of the zeros
    before = {name: value.clone() for name, value in pruned.state_dict().items()}
    again = retrain(pruned, hold="zeros", recipe=ONCE)
    for name, value in again.state_dict().items():
        if value.ndim > 1:
            assert torch.equal(value == 0, before[name] == 0)
            assert not torch.equal(value, before[name])
    assert list(again.state_dict()) == list(before)
    assert all(torch.equal(value, before[name]) for name, value in pruned.state_dict().items())
    assert accuracy(again) > accuracy(pruned)
    assert not again.training


@pytest.mark.slow
def test_rank_stays(model: nn.Module) -> None:
    small = truncate_rank(model, 0.6)
    again = retrain(small, hold="rank", recipe=ONCE)
    assert ranks(again) == ranks(small)
    assert ranks(small) != ranks(model)
    assert list(again.state_dict()) == list(small.state_dict())
    assert accuracy(again) > accuracy(small)


def test_factors_are_no_larger_than_the_rank() -> None:
    torch.manual_seed(1)
    weights = (torch.randn(8, 3) @ torch.randn(3, 18)).reshape(8, 2, 3, 3)
    product = Product(weights.shape)
    left, right = product.right_inverse(weights)
    assert (left.shape, right.shape) == ((8, 3), (3, 18))
    assert torch.allclose(left.norm(), right.norm(), rtol=1e-4)
    assert torch.allclose(product(left, right), weights, atol=1e-5)


@pytest.mark.slow
def test_without_holding_both_are_given_back(model: nn.Module) -> None:
    assert ranks(retrain(truncate_rank(model, 0.6), recipe=ONCE)) == ranks(model)
    again = retrain(prune(model, 0.6), recipe=ONCE)
    assert bool((again.features[0].weight != 0).all())


@pytest.mark.slow
def test_narrow_networks_learn_again(model: nn.Module) -> None:
    narrow = remove_units(model, 0.5)
    assert accuracy(retrain(narrow, recipe=ONCE)) > accuracy(narrow)


@pytest.mark.slow
def test_held_rank_starts_from_the_same_function(model: nn.Module) -> None:
    small = truncate_rank(model, 0.5)
    still = retrain(small, hold="rank", recipe=Recipe(epochs=1, learning_rate=1e-12, weight_decay=0.0))
    for name, value in still.named_parameters():
        assert torch.allclose(value, small.get_parameter(name), atol=1e-5)


@pytest.mark.slow
def test_same_seed_same_network(model: nn.Module) -> None:
    one, two, other = (retrain(model, recipe=ONCE, seed=seed).classifier.weight for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"hold": "size"}, "hold must be one of 'shapes', 'zeros', 'rank'"),
    ({"recipe": 3}, "recipe must be a Recipe"),
    ({"seed": 2.5}, "seed must be an integer"),
    ({"model": "net"}, r"model must be a torch\.nn\.Module"),
    ({"model": nn.Linear(3, 2)}, "model must take images"),
    ({"model": nn.utils.parametrizations.weight_norm(nn.Linear(64, 10))}, "must hold whole weights"),
]


@pytest.mark.parametrize(("arguments", "sentence"), WRONG)
def test_wrong_calls(model: nn.Module, arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        retrain(**{"model": model} | arguments)


def test_of_a_zero_matrix_a_factor_is_left_that_can_learn() -> None:
    left, right = Product(torch.Size((4, 5))).right_inverse(torch.zeros(4, 5))
    assert (left.shape, right.shape) == ((4, 1), (1, 5))
