"""Folding, permuting and rescaling keep the function, and change the weights as they say."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest

from mme.errors import InputError
from mme.networks import ARCHITECTURES
from mme.networks._torch import nn, torch
from mme.networks.architectures import VGG
from mme.transforms import fold_batch_norm, permute_hidden_units, rescale_before_norm
from tests.transforms.trained import SMALL, lived, network, same_function, scores, weights

NORMALISED = [name for name, each in ARCHITECTURES.items() if each.batch_norm]


CHANGES: dict[str, Callable[[nn.Module], nn.Module]] = {
    "fold": fold_batch_norm,
    "permute": lambda model: permute_hidden_units(model, rng=3),
    "rescale": lambda model: rescale_before_norm(model, 0.01),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", SMALL)
@pytest.mark.slow
def test_the_function_stays_the_weights_do_not_and_neither_is_the_given_network_touched(
    name: str, change: str
) -> None:
    model = network(name)
    before = copy.deepcopy(model.state_dict())
    changed = CHANGES[change](model)
    same_function(model, changed)
    assert type(changed) is type(model)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    moved = [not np.allclose(value, weights(changed)[key]) for key, value in weights(model).items()]
    assert sum(moved) >= 3


@pytest.mark.slow
@pytest.mark.parametrize("name", NORMALISED)
def test_folding_leaves_only_normalisations_that_no_convolution_precedes(name: str) -> None:
    folded = fold_batch_norm(network(name))
    left = [layer for layer in folded.modules() if isinstance(layer, nn.BatchNorm2d)]
    dense = ARCHITECTURES[name].family == "DenseNet"
    # In a DenseNet: one before each dense layer, one at the end of each of three blocks.
    assert len(left) == ((ARCHITECTURES[name].depth - 4) // 2 + 3 if dense else 0)


def test_folded_weights_are_those_of_the_formula() -> None:
    model = nn.Sequential(nn.Conv2d(1, 5, 3), nn.BatchNorm2d(5))
    lived(model)
    conv, norm = model
    with torch.no_grad():
        factor = (norm.weight / (norm.running_var + norm.eps) ** 0.5).numpy()
        expected = factor[:, None, None, None] * conv.weight.numpy()
        bias = (conv.bias.numpy() - norm.running_mean.numpy()) * factor + norm.bias.numpy()
        folded = fold_batch_norm(model)[0]  # type: ignore[index]
        np.testing.assert_allclose(folded.weight.numpy(), expected, rtol=1e-12)
        np.testing.assert_allclose(folded.bias.numpy(), bias, rtol=1e-12)


def test_a_network_in_training_mode_is_folded_as_it_is_in_evaluation_mode() -> None:
    model = network("resnet8")
    expected = scores(model)
    folded = fold_batch_norm(model.train())
    assert model.training
    assert not folded.training
    np.testing.assert_allclose(scores(folded), expected, rtol=1e-9, atol=1e-9)


def test_a_linear_layer_is_folded_too() -> None:
    model = lived(
        nn.Sequential(nn.Flatten(), nn.Linear(64, 7), nn.BatchNorm1d(7), nn.ReLU(), nn.Linear(7, 3))
    )
    folded = fold_batch_norm(model)
    same_function(model, folded)
    assert not any(isinstance(layer, nn.BatchNorm1d) for layer in folded.modules())


def both(first: nn.Module, second: nn.Module) -> list[tuple[np.ndarray, np.ndarray]]:
    return list(zip(weights(first).values(), weights(second).values(), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("factor", [0.001, 0.5, 1000.0])
@pytest.mark.parametrize("name", SMALL)
def test_rescaling_before_normalisation_keeps_the_function(name: str, factor: float) -> None:
    model = network(name)
    other = rescale_before_norm(model, factor)
    same_function(model, other)
    ratios = {float(np.round(np.median(after / before), 9)) for before, after in both(model, other)}
    assert ratios == {1.0, factor}  # the classifier stays


def test_what_normalisation_remembers_is_rescaled_along() -> None:
    model = lived(nn.Sequential(nn.Conv2d(1, 5, 3), nn.BatchNorm2d(5)))
    conv, norm = rescale_before_norm(model, 4)  # type: ignore[misc]
    assert torch.equal(conv.weight, 4 * model[0].weight)
    assert torch.equal(conv.bias, 4 * model[0].bias)
    assert torch.equal(norm.running_mean, 4 * model[1].running_mean)
    assert torch.equal(norm.running_var, 16 * model[1].running_var)
    assert torch.equal(norm.bias, model[1].bias)
    old, new = (torch.sqrt(each.running_var + each.eps) for each in (model[1], norm))
    assert torch.allclose(norm.weight / new, model[1].weight / old / 4, rtol=1e-12, atol=0)


@pytest.mark.parametrize("factor", [0, -1.0, float("nan"), float("inf"), 1e200, 1e-200, "2", True, None])
def test_a_factor_that_is_none(factor: object) -> None:
    with pytest.raises(InputError, match="factor must be a finite number from 1e-06"):
        rescale_before_norm(network("vgg5"), factor)  # type: ignore[arg-type]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_is_no_network(change: Callable[..., nn.Module]) -> None:
    for wrong in ({"w": np.eye(2)}, None, 3):
        with pytest.raises(InputError, match=r"model must be a torch\.nn\.Module"):
            change(wrong)
    with pytest.raises(InputError, match="but has none"):
        change(nn.Sequential(nn.Linear(2, 2)))


def test_normalisation_without_running_statistics_or_weights() -> None:
    without = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2, track_running_stats=False))
    for change in (fold_batch_norm, CHANGES["rescale"]):
        with pytest.raises(InputError, match="running statistics"):
            change(without)
        with pytest.raises(InputError, match="running statistics"):
            change(nn.Sequential(nn.Conv2d(2, 2, 3), nn.BatchNorm2d(2), *without))
    plain = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2, affine=False))
    with pytest.raises(InputError, match="affine"):
        rescale_before_norm(plain, 2)
    fold_batch_norm(plain)  # this needs no weights


def test_a_vgg_network_without_normalisation_has_nothing_to_fold() -> None:
    with pytest.raises(InputError, match="but has none"):
        fold_batch_norm(VGG([(1, 4)], batch_norm=False))
