"""The family's networks have the depth, the layers and the structural zeros that their names promise."""

import re

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from mme.networks import ARCHITECTURES  # noqa: E402
from mme.networks.architectures import DenseLayer, ResidualBlock  # noqa: E402


def weight_layers(model: nn.Module) -> dict[str, nn.Module]:
    return {name: m for name, m in model.named_modules() if isinstance(m, nn.Conv2d | nn.Linear)}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_depth_counts_the_layers_on_the_longest_path(name: str) -> None:
    architecture = ARCHITECTURES[name]
    layers = [layer for layer in weight_layers(architecture.build()) if "shortcut" not in layer]
    in_name = re.search(r"\d+", name)
    assert in_name
    assert len(layers) == architecture.depth == int(in_name.group())


@pytest.mark.slow
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_takes_images_to_ten_scores_that_depend_on_every_weight(name: str) -> None:
    model = ARCHITECTURES[name].build()
    torch.manual_seed(0)
    scores = model(torch.randn(3, 1, 8, 8))
    assert scores.shape == (3, 10)
    (scores * torch.randn(3, 10)).sum().backward()
    for parameter in model.parameters():
        assert parameter.grad is not None
        assert parameter.grad.abs().sum() > 0


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_normalises_batches_where_it_says_so(name: str) -> None:
    architecture = ARCHITECTURES[name]
    norms = [m for m in architecture.build().modules() if isinstance(m, nn.BatchNorm2d)]
    assert bool(norms) == architecture.batch_norm


def test_family_spans_depths_and_both_kinds_of_block() -> None:
    depths: dict[str, set[int]] = {}
    for architecture in ARCHITECTURES.values():
        depths.setdefault(architecture.family, set()).add(architecture.depth)
    assert {family: len(found) for family, found in depths.items()} == {"VGG": 3, "ResNet": 4, "DenseNet": 3}
    assert {a.variant for a in ARCHITECTURES.values() if a.family == "ResNet"} == {
        "basic blocks",
        "bottleneck blocks",
    }


def test_structural_zeros_of_bottlenecks_are_half_of_the_spectrum() -> None:
    def share(name: str) -> float:
        shapes = [m.weight.shape for m in weight_layers(ARCHITECTURES[name].build()).values()]
        zeros = sum(max(shape[0] - shape[1:].numel(), 0) for shape in shapes)
        return zeros / sum(shape[0] for shape in shapes)

    assert share("resnet38") == pytest.approx(1591 / 3162)
    assert share("resnet14") == pytest.approx(119 / 1130)
    assert share("vgg8") == pytest.approx(23 / 586)
    assert share("densenet28") == pytest.approx(95 / 1106)


def test_a_block_whose_body_is_silent_leaves_its_shortcut() -> None:
    block = ResidualBlock(6, 6, 1, bottleneck=False).eval()
    last = block.body[-1]
    assert isinstance(last, nn.BatchNorm2d)
    nn.init.zeros_(last.weight)
    images = torch.randn(2, 6, 4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(block(images), images.clamp(min=0))


@pytest.mark.parametrize("name", ["resnet8", "resnet29"])
def test_residual_networks_halve_their_pictures_twice(name: str) -> None:
    model = ARCHITECTURES[name].build().eval()
    sizes = []
    for block in model.modules():
        if isinstance(block, ResidualBlock):
            block.register_forward_hook(lambda layer, given, found: sizes.append(found.shape[-1]))
    model(torch.zeros(1, 1, 8, 8))
    assert sorted(set(sizes), reverse=True) == [8, 4, 2]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize(("name", "sizes"), [("vgg5", [8, 4, 2, 1]), ("densenet16", [8, 4, 2])])
def test_chains_and_dense_blocks_halve_their_pictures(name: str, sizes: list[int]) -> None:
    model, found = ARCHITECTURES[name].build().eval(), [torch.zeros(1, 1, 8, 8)]
    for layer in model.features:
        found.append(layer(found[-1]))
    assert sorted({picture.shape[-1] for picture in found}, reverse=True) == sizes
    assert found[-1].shape == (1, model.classifier.in_features, sizes[-1], sizes[-1])


@pytest.mark.parametrize("name", ["vgg5", "resnet8", "densenet16"])
def test_biases_begin_at_zero_but_for_those_of_a_resnets_classifier(name: str) -> None:
    layers = weight_layers(ARCHITECTURES[name].build()).items()
    biased = [key for key, layer in layers if isinstance(layer.bias, torch.Tensor) and layer.bias.any()]
    assert biased == ["classifier"] * (name == "resnet8")


def test_a_bottleneck_strides_in_its_middle() -> None:
    block = ResidualBlock(8, 4, 2, bottleneck=True)
    sizes = [(m.kernel_size, m.stride) for m in block.body if isinstance(m, nn.Conv2d)]
    assert sizes == [((1, 1), (1, 1)), ((3, 3), (2, 2)), ((1, 1), (1, 1))]


def test_a_dense_layer_normalises_first_and_puts_what_is_new_last() -> None:
    layer = DenseLayer(6, 4).eval()
    images = torch.randn(2, 6, 5, 5, generator=torch.Generator().manual_seed(0))
    found = layer(images)
    assert found.shape == (2, 10, 5, 5)
    assert torch.equal(found[:, :6], images)
    assert [type(each) for each in layer.body] == 2 * [nn.BatchNorm2d, nn.ReLU, nn.Conv2d]
