"""Small VGG-, ResNet- and DenseNet-style networks for images of 8 x 8 pixels.

They keep what makes the large networks differ as matrix ensembles (plain chains of 3 x 3 convolutions,
residual blocks without and with a bottleneck, dense blocks) at a size that trains in seconds. Every class
sets its initial weights as torchvision does for the large network of that name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from mme.networks._torch import nn, torch

__all__ = ["ARCHITECTURES", "VGG", "Architecture"]

CLASSES = 10


def convolution(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, bias: bool = False) -> nn.Conv2d:
    """A convolution that keeps the size of the image when its stride is 1."""
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=bias)


def normalised(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> list[nn.Module]:
    """A convolution and the batch normalisation of its outputs."""
    return [convolution(inputs, outputs, kernel, stride), nn.BatchNorm2d(outputs)]


class Classifier(nn.Module):
    """Scores of ten classes, linear in the means of features over the pixels."""

    he_mode: Literal["fan_in", "fan_out"] = "fan_out"
    features: Callable[[torch.Tensor], torch.Tensor]
    classifier: nn.Linear

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Class scores, shape (n, 10), of images, shape (n, 1, 8, 8)."""
        scores: torch.Tensor = self.classifier(self.features(images).mean((2, 3)))
        return scores

    def reset_parameters(self) -> None:
        """Draw convolutions by He's normal rule, as torchvision, and the classifier by the family's."""
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode=self.he_mode, nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
            elif isinstance(layer, nn.BatchNorm2d):
                layer.reset_parameters()
        self.reset_classifier()

    def reset_classifier(self) -> None:
        """Draw the classifier by torch's rule."""
        self.classifier.reset_parameters()


class VGG(Classifier):
    """Chains of 3 x 3 convolutions, each stage ended by max pooling (Simonyan and Zisserman, 2015).

    `stages` are the number of convolutions and their width, stage by stage; an 8 x 8 image allows three.
    """

    def __init__(self, stages: Sequence[tuple[int, int]], batch_norm: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        for count, width in stages:
            for _ in range(count):
                if batch_norm:
                    layers += normalised(channels, width)
                else:
                    layers.append(convolution(channels, width, bias=True))
                layers.append(nn.ReLU())
                channels = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(channels, CLASSES)
        self.reset_parameters()

    def reset_classifier(self) -> None:
        """Draw the classifier from N(0, 0.01²)."""
        nn.init.normal_(self.classifier.weight, 0.0, 0.01)
        nn.init.zeros_(self.classifier.bias)


class ResidualBlock(nn.Module):
    """A body of convolutions beside a shortcut, their sum rectified (He et al., 2016).

    The body has two 3 x 3 convolutions. With a bottleneck it has 1 x 1, 3 x 3 and 1 x 1 ones, of which the
    last widens fourfold: it has N = 4 M, and three quarters of its spectrum are structural zeros.
    """

    def __init__(self, inputs: int, width: int, stride: int, bottleneck: bool) -> None:
        super().__init__()
        if bottleneck:
            outputs, reduced = 4 * width, normalised(inputs, width, kernel=1)
            body = [*reduced, nn.ReLU(), *normalised(width, width, stride=stride)]
            body += [nn.ReLU(), *normalised(width, outputs, kernel=1)]
        else:
            outputs, body = width, normalised(inputs, width, stride=stride)
            body += [nn.ReLU(), *normalised(width, width)]
        self.body, self.shortcut = nn.Sequential(*body), nn.Sequential()
        if inputs != outputs or stride != 1:  # otherwise it is the identity
            self.shortcut.extend(normalised(inputs, outputs, kernel=1, stride=stride))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Body plus shortcut, rectified."""
        return torch.relu(self.body(x) + self.shortcut(x))


class ResNet(Classifier):
    """A stem, stages of `count` residual blocks, and a classifier (He et al., 2016).

    `widths` are the inner widths of the blocks, stage by stage; each stage after the first halves the image.
    """

    def __init__(self, count: int, widths: Sequence[int], bottleneck: bool) -> None:
        super().__init__()
        self.stem = nn.Sequential(*normalised(1, widths[0]), nn.ReLU())
        blocks: list[nn.Module] = []
        channels = widths[0]
        for stage, width in enumerate(widths):
            for position in range(count):
                stride = 2 if stage > 0 and position == 0 else 1
                blocks.append(ResidualBlock(channels, width, stride, bottleneck))
                channels = 4 * width if bottleneck else width
        self.blocks = nn.Sequential(*blocks)
        self.classifier = nn.Linear(channels, CLASSES)
        self.reset_parameters()

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """The channels after the last block."""
        channels: torch.Tensor = self.blocks(self.stem(images))
        return channels


class DenseLayer(nn.Module):
    """1 x 1 and 3 x 3 convolutions whose outputs join their inputs (Huang et al., 2017)."""

    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        reduced = normalised(inputs, 4 * growth, kernel=1)
        last = convolution(4 * growth, growth)
        self.body = nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU(), *reduced, nn.ReLU(), last)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The inputs, and the new channels behind them."""
        return torch.cat((x, self.body(x)), dim=1)


class DenseNet(Classifier):
    """Three dense blocks with halving transitions between them: DenseNet-BC (Huang et al., 2017).

    Every block has `count` layers, each of which adds `growth` channels.
    """

    he_mode = "fan_in"

    def __init__(self, count: int, growth: int = 16) -> None:
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

    def reset_classifier(self) -> None:
        """Draw the classifier by torch's rule, and its bias as zero."""
        super().reset_classifier()
        nn.init.zeros_(self.classifier.bias)


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
    build : callable
        Makes the network at new initial weights, drawn from torch's global generator.
    batch_norm : bool
        Whether it normalises batches.
    """

    name: str
    family: str
    variant: str
    depth: int
    build: Callable[[], nn.Module]
    batch_norm: bool = True

    @property
    def rule(self) -> str:
        """The rule of `mme.networks.untrained_control` that draws weights like the initial ones."""
        return self.family.lower()


def vgg(*counts: int, batch_norm: bool = True) -> Callable[[], nn.Module]:
    """The VGG network with these numbers of convolutions on 8 x 8, 4 x 4 and 2 x 2 pixels."""
    return partial(VGG, list(zip(counts, (32, 64, 128), strict=True)), batch_norm)


BASIC = partial(ResNet, widths=(32, 64, 128), bottleneck=False)
BOTTLENECK = partial(ResNet, widths=(16, 32, 64), bottleneck=True)
FAMILY = (
    Architecture("vgg5", "VGG", "plain", 5, vgg(2, 1, 1, batch_norm=False), batch_norm=False),
    Architecture("vgg8", "VGG", "plain", 8, vgg(2, 2, 3, batch_norm=False), batch_norm=False),
    Architecture("vgg8_bn", "VGG", "with batch normalisation", 8, vgg(2, 2, 3)),
    Architecture("vgg11_bn", "VGG", "with batch normalisation", 11, vgg(2, 4, 4)),
    Architecture("resnet8", "ResNet", "basic blocks", 8, partial(BASIC, 1)),
    Architecture("resnet14", "ResNet", "basic blocks", 14, partial(BASIC, 2)),
    Architecture("resnet29", "ResNet", "bottleneck blocks", 29, partial(BOTTLENECK, 3)),
    Architecture("resnet38", "ResNet", "bottleneck blocks", 38, partial(BOTTLENECK, 4)),
    Architecture("densenet16", "DenseNet", "growth rate 16", 16, partial(DenseNet, 2)),
    Architecture("densenet22", "DenseNet", "growth rate 16", 22, partial(DenseNet, 3)),
    Architecture("densenet28", "DenseNet", "growth rate 16", 28, partial(DenseNet, 4)),
)
ARCHITECTURES: dict[str, Architecture] = {each.name: each for each in FAMILY}
"""The depth family, by name, in the order of the book's tables."""
