"""Small VGG-, ResNet- and DenseNet-style networks for images of 8 x 8 pixels.

They keep what makes the large networks differ as matrix ensembles (plain chains of 3 x 3 convolutions,
residual blocks without and with a bottleneck, dense blocks) at a size that trains in seconds. Every class
sets its initial weights as torchvision does for the large network of that name.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from mme.networks._torch import nn, torch

__all__ = ["ARCHITECTURES", "VGG", "Architecture", "BasicBlock", "BottleneckBlock", "DenseNet", "ResNet"]

CLASSES = 10


def convolution(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, bias: bool = False) -> nn.Conv2d:
    """A convolution that keeps the size of the image when its stride is 1."""
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=bias)


def normalised(layer: nn.Conv2d) -> list[nn.Module]:
    """A convolution and the batch normalisation of its outputs."""
    return [layer, nn.BatchNorm2d(layer.out_channels)]


class VGG(nn.Module):
    """Chains of 3 x 3 convolutions, each stage ended by max pooling (Simonyan and Zisserman, 2015).

    `stages` are the number of convolutions and their width, stage by stage; an 8 x 8 image allows three.

    Examples
    --------
    >>> VGG([(1, 4), (1, 8), (1, 16)], batch_norm=True)(torch.zeros(2, 1, 8, 8)).shape
    torch.Size([2, 10])
    """

    def __init__(self, stages: Sequence[tuple[int, int]], batch_norm: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        for count, width in stages:
            for _ in range(count):
                layer = convolution(channels, width, bias=not batch_norm)
                layers += [*(normalised(layer) if batch_norm else [layer]), nn.ReLU()]
                channels = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(channels, CLASSES)
        self.reset_parameters()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Class scores, shape (n, 10), of images, shape (n, 1, 8, 8)."""
        scores: torch.Tensor = self.classifier(self.features(images).flatten(1))
        return scores

    def reset_parameters(self) -> None:
        """Draw convolutions by He's rule (fan-out) and the classifier from N(0, 0.01²), as torchvision."""
        reset_convolutions(self, mode="fan_out")
        nn.init.normal_(self.classifier.weight, 0.0, 0.01)
        nn.init.zeros_(self.classifier.bias)


class ResidualBlock(nn.Module):
    """A body of convolutions beside a shortcut (He et al., 2016)."""

    expansion = 1  # outputs for each unit of its width
    body: nn.Module
    shortcut: nn.Module

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Body plus shortcut, rectified."""
        return torch.relu(self.body(x) + self.shortcut(x))


class BasicBlock(ResidualBlock):
    """Two 3 x 3 convolutions beside a shortcut."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *normalised(convolution(inputs, width, stride=stride)),
            nn.ReLU(),
            *normalised(convolution(width, width)),
        )
        self.shortcut = shortcut(inputs, width, stride)


class BottleneckBlock(ResidualBlock):
    """1 x 1, 3 x 3 and 1 x 1 convolutions beside a shortcut; the last one widens fourfold.

    The widening layer has N = 4 M: three quarters of its spectrum are structural zeros.
    """

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = self.expansion * width
        self.body = nn.Sequential(
            *normalised(convolution(inputs, width, kernel=1)),
            nn.ReLU(),
            *normalised(convolution(width, width, stride=stride)),
            nn.ReLU(),
            *normalised(convolution(width, outputs, kernel=1)),
        )
        self.shortcut = shortcut(inputs, outputs, stride)


def shortcut(inputs: int, outputs: int, stride: int) -> nn.Module:
    """The identity where shapes allow it, otherwise a 1 x 1 convolution."""
    if inputs == outputs and stride == 1:
        return nn.Identity()
    return nn.Sequential(*normalised(convolution(inputs, outputs, kernel=1, stride=stride)))


class ResNet(nn.Module):
    """A stem, stages of `count` residual blocks, global average pooling and a classifier (He et al., 2016).

    `widths` are the inner widths of the blocks, stage by stage; each stage after the first halves the image.
    `stem` is the width of the first convolution.
    """

    def __init__(
        self, block: Callable[..., ResidualBlock], count: int, widths: Sequence[int], stem: int
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(*normalised(convolution(1, stem)), nn.ReLU())
        blocks: list[nn.Module] = []
        channels = stem
        for stage, width in enumerate(widths):
            for position in range(count):
                made = block(channels, width, stride=2 if stage > 0 and position == 0 else 1)
                blocks.append(made)
                channels = made.expansion * width
        self.blocks = nn.Sequential(*blocks)
        self.classifier = nn.Linear(channels, CLASSES)
        self.reset_parameters()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Class scores, shape (n, 10), of images, shape (n, 1, 8, 8)."""
        scores: torch.Tensor = self.classifier(self.blocks(self.stem(images)).mean((2, 3)))
        return scores

    def reset_parameters(self) -> None:
        """Draw the convolutions by He's rule (fan-out) and the classifier by torch's, as torchvision."""
        reset_convolutions(self, mode="fan_out")
        self.classifier.reset_parameters()


class DenseLayer(nn.Module):
    """1 x 1 and 3 x 3 convolutions whose outputs join their inputs (Huang et al., 2017)."""

    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.BatchNorm2d(inputs),
            nn.ReLU(),
            *normalised(convolution(inputs, 4 * growth, kernel=1)),
            nn.ReLU(),
            convolution(4 * growth, growth),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The inputs, and the new channels behind them."""
        return torch.cat((x, self.body(x)), dim=1)


class DenseNet(nn.Module):
    """Three dense blocks with halving transitions between them: DenseNet-BC (Huang et al., 2017).

    Every block has `count` layers, each of which adds `growth` channels.
    """

    def __init__(self, count: int, growth: int) -> None:
        super().__init__()
        channels = 2 * growth
        layers: list[nn.Module] = [convolution(1, channels)]
        for block in range(3):
            for _ in range(count):
                layers.append(DenseLayer(channels, growth))
                channels += growth
            layers += [nn.BatchNorm2d(channels), nn.ReLU()]
            if block < 2:
                layers += [convolution(channels, channels // 2, kernel=1), nn.AvgPool2d(2)]
                channels //= 2
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(channels, CLASSES)
        self.reset_parameters()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Class scores, shape (n, 10), of images, shape (n, 1, 8, 8)."""
        scores: torch.Tensor = self.classifier(self.features(images).mean((2, 3)))
        return scores

    def reset_parameters(self) -> None:
        """Draw the convolutions by He's rule (fan-in) and the classifier by torch's, as torchvision."""
        reset_convolutions(self, mode="fan_in")
        self.classifier.reset_parameters()
        nn.init.zeros_(self.classifier.bias)


def reset_convolutions(model: nn.Module, mode: Literal["fan_in", "fan_out"]) -> None:
    """Convolutions by He's normal rule with zero bias; normalisation layers to the identity."""
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode=mode, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm2d):
            layer.reset_parameters()


@dataclass(frozen=True)
class Architecture:
    """One member of the family.

    Attributes
    ----------
    name : str
        Its name, which carries the depth.
    family : {"VGG", "ResNet", "DenseNet"}
        The large networks that it is modelled on.
    variant : str
        What sets it apart inside its family.
    depth : int
        Number of convolutions and linear layers on the longest path; shortcuts are not counted.
    batch_norm : bool
        Whether it normalises batches.
    build : callable
        Makes the network at new initial weights, drawn from torch's global generator.
    """

    name: str
    family: str
    variant: str
    depth: int
    batch_norm: bool
    build: Callable[[], nn.Module]

    @property
    def rule(self) -> str:
        """The rule of `mme.networks.untrained_control` that draws weights like the initial ones."""
        return self.family.lower()


def vgg(counts: tuple[int, int, int], batch_norm: bool) -> Architecture:
    """The VGG network with these numbers of convolutions on 8 x 8, 4 x 4 and 2 x 2 pixels."""
    depth = sum(counts) + 1
    name, variant = (f"vgg{depth}_bn", "with batch normalisation") if batch_norm else (f"vgg{depth}", "plain")
    stages = list(zip(counts, (32, 64, 128), strict=True))
    return Architecture(name, "VGG", variant, depth, batch_norm, lambda: VGG(stages, batch_norm))


def basic_resnet(count: int) -> Architecture:
    """The ResNet with `count` basic blocks on each of three scales: two convolutions a block."""
    depth = 6 * count + 2
    build = partial(ResNet, BasicBlock, count, (32, 64, 128), stem=32)
    return Architecture(f"resnet{depth}", "ResNet", "basic blocks", depth, True, build)


def bottleneck_resnet(count: int) -> Architecture:
    """The ResNet with `count` bottleneck blocks on each of three scales: three convolutions a block."""
    depth = 9 * count + 2
    build = partial(ResNet, BottleneckBlock, count, (16, 32, 64), stem=16)
    return Architecture(f"resnet{depth}", "ResNet", "bottleneck blocks", depth, True, build)


def densenet(count: int) -> Architecture:
    """The DenseNet with `count` dense layers on each of three scales, and two transitions."""
    depth = 6 * count + 4
    build = partial(DenseNet, count, growth=16)
    return Architecture(f"densenet{depth}", "DenseNet", "growth rate 16", depth, True, build)


ARCHITECTURES: dict[str, Architecture] = {
    architecture.name: architecture
    for architecture in (
        vgg((2, 1, 1), batch_norm=False),
        vgg((2, 2, 3), batch_norm=False),
        vgg((2, 2, 3), batch_norm=True),
        vgg((2, 4, 4), batch_norm=True),
        basic_resnet(1),
        basic_resnet(2),
        bottleneck_resnet(3),
        bottleneck_resnet(4),
        densenet(2),
        densenet(3),
        densenet(4),
    )
}
"""The depth family, by name, in the order of the book's tables."""
