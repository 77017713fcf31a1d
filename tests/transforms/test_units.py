"""Hidden units: another order keeps the function and the spectrum, and of fewer the strongest stay."""

from __future__ import annotations

import numpy as np
import pytest

from mme.ensembles import layer_matrix_ensemble
from mme.errors import InputError
from mme.networks import ARCHITECTURES
from mme.networks._torch import nn, torch
from mme.transforms import permute_hidden_units, remove_units
from mme.transforms.links import BY_UNIT, hidden_links, normalised_layers
from tests.transforms.trained import SMALL, lived, network, same_function, singular_values, weights


def lively(name: str) -> nn.Module:
    """A network whose normalisations are not the identity."""
    torch.manual_seed(3)
    model = ARCHITECTURES[name].build()
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            for values in (layer.weight.data, layer.bias.data, layer.running_mean, layer.running_var):
                assert values is not None
                values.uniform_(0.5, 1.5)
    return model.eval()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vgg8_bn", "vgg5", "resnet8", "resnet29"])
def test_units_that_nothing_reads_can_go(name: str) -> None:
    model = lively(name)
    for link in hidden_links(model):
        strength = link.first.weight.detach().abs().flatten(1).sum(1)
        weak = strength.argsort()[: link.units // 2]
        columns = link.second.weight.data.reshape(len(link.second.weight), link.units, -1)
        columns[:, weak] = 0
        # a smaller unit stays smaller where its own inputs were silenced: the first layer is left alone
        link.first.weight.data[weak] *= 1e-3
    images = torch.randn(5, 1, 8, 8)
    narrow = remove_units(model, 0.5)
    assert torch.allclose(narrow(images), model(images), atol=1e-4)
    assert sum(each.numel() for each in narrow.parameters()) < sum(
        each.numel() for each in model.parameters()
    )


def test_shapes_and_records_of_them() -> None:
    narrow = remove_units(ARCHITECTURES["vgg8_bn"].build(), 0.75)
    layers = [layer for layer in narrow.features if isinstance(layer, nn.Conv2d)]
    assert [layer.out_channels for layer in layers] == [8, 8, 16, 16, 32, 32, 32]
    assert [layer.in_channels for layer in layers] == [1, 8, 8, 16, 16, 32, 32]
    for layer in layers:
        assert layer.weight.shape[:2] == (layer.out_channels, layer.in_channels)
    norms = [layer for layer in narrow.features if isinstance(layer, nn.BatchNorm2d)]
    assert [norm.num_features for norm in norms] == [layer.out_channels for layer in layers]
    assert all(norm.weight.shape == norm.running_var.shape == (norm.num_features,) for norm in norms)
    assert narrow.classifier.in_features == narrow.classifier.weight.shape[1] == 32
    loss = narrow.train()(torch.zeros(4, 1, 8, 8)).sum()
    loss.backward()
    assert layers[0].weight.grad is not None
    assert layers[0].weight.grad.shape == layers[0].weight.shape


def test_the_strongest_stay_in_their_order() -> None:
    model = nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 1))
    model[0].weight.data = torch.tensor([[1.0, 0.0], [0.0, 3.0], [-4.0, 0.0], [0.1, 0.1]])
    model[2].weight.data = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    narrow = remove_units(model, 0.5)
    assert narrow[0].weight.tolist() == [[0.0, 3.0], [-4.0, 0.0]]
    assert narrow[2].weight.tolist() == [[2.0, 3.0]]
    assert model[0].weight.shape == (4, 2)


def test_strength_is_that_of_the_given_network() -> None:
    """The first unit of the second layer reads most from the one that goes, and stays all the same."""
    first, second, last = (nn.Linear(2, 2, bias=False) for _ in range(3))
    for layer, rows in ((first, [[10.0, 0.0], [0.0, 1.0]]), (second, [[1.0, 100.0], [2.0, 0.0]])):
        layer.weight.data = torch.tensor(rows)
    narrow = remove_units(nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), last), 0.5)
    assert [narrow[place].weight.tolist() for place in (0, 2)] == [[[10.0, 0.0]], [[1.0]]]
    assert torch.equal(narrow[4].weight, last.weight[:, :1])


def test_flattened_images_keep_their_places() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 2))
    model[0].weight.data[:2] = 0  # two units that are their bias, everywhere
    model[3].weight.data[:, : 2 * 36] = 0
    images = torch.randn(3, 1, 8, 8)
    narrow = remove_units(model, 0.5)
    assert narrow[3].in_features == 72
    assert torch.allclose(narrow(images), model(images), atol=1e-5)


def test_one_unit_stays() -> None:
    narrow = remove_units(ARCHITECTURES["vgg5"].build(), 1)
    assert narrow.features[0].out_channels == 1
    assert narrow(torch.zeros(1, 1, 8, 8)).shape == (1, 10)


def test_rows_removed_interlace() -> None:
    model = nn.Sequential(nn.Linear(30, 12), nn.ReLU(), nn.Linear(12, 3))
    narrow = remove_units(model, 0.25)
    (old, _), (new, _) = (layer_matrix_ensemble(each).layers for each in (model, narrow))
    assert new.order == 9
    assert (old.eigenvalues[:9] <= new.eigenvalues + 1e-9).all()
    assert (new.eigenvalues <= old.eigenvalues[3:] + 1e-9).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vgg5", *SMALL])
def test_permuting_keeps_every_singular_value_of_every_layer(name: str) -> None:
    model = network(name)
    after = weights(permute_hidden_units(model, rng=0))
    for key, value in weights(model).items():
        np.testing.assert_allclose(
            singular_values(after[key]), singular_values(value), rtol=1e-10, atol=1e-10
        )
        assert np.array_equal(np.sort(after[key], axis=None), np.sort(value, axis=None))


@pytest.mark.parametrize(("name", "untouched"), [("vgg5", 0), ("vgg8_bn", 0)])
def test_all_layers_of_a_vgg_network_are_shuffled(name: str, untouched: int) -> None:
    model = network(name)
    after = weights(permute_hidden_units(model, rng=0))
    assert sum(np.array_equal(after[key], value) for key, value in weights(model).items()) == untouched
    same_function(model, permute_hidden_units(model, rng=0))


def test_permutations_are_those_of_the_seed() -> None:
    model = network("vgg5")
    first, again, other = (weights(permute_hidden_units(model, rng=seed)) for seed in (0, 0, 1))
    assert all(np.array_equal(first[key], again[key]) for key in first)
    assert not any(np.array_equal(first[key], other[key]) for key in first)


def test_units_are_followed_through_flattening_and_curved_activations() -> None:
    model = lived(
        nn.Sequential(
            nn.Sequential(nn.Conv2d(1, 6, 3), nn.Tanh(), nn.AvgPool2d(2)),
            nn.Flatten(),
            nn.Linear(6 * 9, 11),
            nn.BatchNorm1d(11),
            nn.GELU(),
            nn.Linear(11, 4),
        )
    )
    shuffled = permute_hidden_units(model, rng=0)
    same_function(model, shuffled)
    assert not any(np.array_equal(weights(shuffled)[key], value) for key, value in weights(model).items())


def test_a_layer_that_is_used_twice_is_left_alone() -> None:
    shared = nn.Linear(8, 8)
    model = lived(nn.Sequential(nn.Flatten(), nn.Linear(64, 8), shared, nn.ReLU(), shared, nn.Linear(8, 8)))
    with pytest.raises(InputError, match="follows another"):
        permute_hidden_units(model, rng=0)


class Halved(nn.Sequential):
    """A chain that does something else than apply its layers."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward(images)[:, ::2]


# Layers between which there is no link, and the shape of what they take.
NO_LINKS: dict[str, tuple[list[nn.Module], tuple[int, ...]]] = {
    "the last axis is no unit": ([nn.Conv2d(1, 8, 3, padding=1), nn.Linear(8, 3)], (1, 8, 8)),
    "nor as many places": ([nn.Conv2d(1, 4, 3, padding=1), nn.Linear(8, 3)], (1, 8, 8)),
    "channels are kept apart": ([nn.Conv2d(1, 4, 3, padding=1), nn.Flatten(2), nn.Linear(64, 3)], (1, 8, 8)),
    "units come last": ([nn.Linear(5, 8), nn.Flatten(), nn.Linear(24, 2)], (3, 5)),
    "rows are channels": ([nn.Linear(8, 8), nn.Conv2d(8, 4, 3)], (8, 5, 8)),
    "places": ([nn.Conv2d(1, 4, 3), nn.Flatten(), nn.BatchNorm1d(16), nn.Linear(16, 2)], (1, 4, 4)),
    "groups": ([nn.Conv2d(4, 8, 3, groups=4), nn.Conv2d(8, 2, 3)], (4, 8, 8)),
    "something unknown": ([nn.Linear(8, 8), nn.Softmax(dim=1), nn.Linear(8, 2)], (8,)),
    "a chain of its own": ([Halved(nn.Linear(8, 8), nn.Linear(8, 4)), nn.Linear(2, 2)], (8,)),
}


@pytest.mark.parametrize("why", NO_LINKS)
def test_layers_that_read_no_units_of_the_one_before(why: str) -> None:
    """A chain before them keeps its link, and with it the function."""
    layers, shape = NO_LINKS[why]
    pixels = int(np.prod(shape))
    before = [nn.Flatten(), nn.Linear(pixels, 6), nn.ReLU(), nn.Linear(6, pixels), nn.Unflatten(1, shape)]
    model = nn.Sequential(*before, *layers).eval()
    images = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
    assert [(link.first, link.second) for link in hidden_links(model)] == [(before[1], before[3])]
    shuffled = permute_hidden_units(model, rng=0)
    assert not torch.equal(shuffled[1].weight, before[1].weight)
    assert torch.allclose(shuffled(images), model(images), atol=1e-5)


def test_weights_that_are_made_from_parts_are_refused() -> None:
    for part in (nn.utils.parametrizations.weight_norm, nn.utils.spectral_norm):
        with pytest.raises(InputError, match="must hold whole weights"):
            permute_hidden_units(nn.Sequential(nn.Linear(8, 4), nn.ReLU(), part(nn.Linear(4, 8))), rng=0)


def test_layers_that_share_a_weight_are_left_alone() -> None:
    one, other, last, norm = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 3), nn.BatchNorm1d(8)
    other.weight = one.weight
    model = lived(nn.Sequential(nn.Flatten(), nn.Linear(64, 8), one, nn.ReLU(), other, norm, last))
    with pytest.raises(InputError, match="follows another"):
        permute_hidden_units(model, rng=0)
    with pytest.raises(InputError, match="follows a convolution"):
        normalised_layers(model)


def test_a_normalisation_that_is_used_twice_is_left_alone() -> None:
    shared, alone = nn.BatchNorm1d(8), nn.BatchNorm1d(8)
    layers = [nn.Linear(8, 8) for _ in range(3)]
    model = nn.Sequential(layers[0], shared, layers[1], alone, layers[2], shared)
    assert normalised_layers(model) == [(layers[1], alone)]
    model = lived(nn.Sequential(nn.Flatten(), nn.Linear(64, 8), shared, *layers[:2], nn.ReLU(), shared))
    (link,) = hidden_links(model)
    assert (link.first, link.second) == tuple(layers[:2])
    same_function(model, permute_hidden_units(model, rng=0))


def test_bad_input() -> None:
    with pytest.raises(InputError, match="share must be a finite number from 0 to 1"):
        remove_units(ARCHITECTURES["vgg5"].build(), 2)
    with pytest.raises(InputError, match=r"must have an nn\.Sequential"):
        remove_units(nn.Linear(3, 2), 0.5)
    with pytest.raises(InputError, match=r"model must be a torch\.nn\.Module"):
        remove_units(np.eye(3), 0.5)  # type: ignore[arg-type]


def test_what_may_stand_between_acts_on_each_unit_by_itself() -> None:
    torch.manual_seed(0)
    images = torch.randn(3, 4, 6, 6)
    changed = images.clone()
    changed[:, 2] += 1
    for kind in BY_UNIT:
        sizes = {"BatchNorm": 4, "MaxPool": 2, "AvgPool": 2}  # of adaptive pools, too
        given = [size for name, size in sizes.items() if name in kind.__name__]
        layer = kind(*given).eval()
        flat = kind is nn.BatchNorm1d
        before, after = (layer(each.mean((2, 3)) if flat else each) for each in (images, changed))
        moved = (before - after).reshape(3, 4, -1).abs().amax((0, 2)) > 0
        assert moved.tolist() == [False, False, True, False], kind
