"""Where one weight layer feeds the next: the hidden units of a network's chains."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeGuard

from mme.errors import InputError
from mme.networks._torch import nn, torch
from mme.networks.architectures import VGG
from mme.networks.training import checked_module
from mme.weights.parts import refuse_parts

__all__ = ["Link", "copied", "hidden_links", "normalised_layers"]

WeightLayer = nn.Conv2d | nn.Linear
Norm = nn.BatchNorm1d | nn.BatchNorm2d
BY_UNIT = (  # what acts on each unit separately
    nn.Identity, nn.ReLU, nn.LeakyReLU, nn.Dropout, nn.Dropout2d, nn.MaxPool2d, nn.AvgPool2d,
    nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.Flatten, nn.Tanh, nn.Sigmoid, nn.GELU, nn.SiLU, nn.ELU,
    nn.Softplus, nn.ReLU6, nn.Hardswish, nn.BatchNorm1d, nn.BatchNorm2d,
)  # fmt: skip
NO_PAIR = "model must have an nn.Sequential in which {}, but has none."


@dataclass(frozen=True)
class Link:
    """Two weight layers, of which the second reads nothing but the units of the first.

    All that stands between them acts unit by unit.
    """

    first: WeightLayer
    between: tuple[nn.Module, ...]
    second: WeightLayer

    @property
    def units(self) -> int:
        """Number of hidden units: the order N of the first layer."""
        return int(self.first.weight.shape[0])

    def take(self, units: torch.Tensor) -> None:
        """Keep these hidden units, in this order, with everything that belongs to them."""
        weights = self.second.weight.data
        by_unit = weights.reshape(len(weights), self.units, -1)[:, units]
        self.second.weight.data = by_unit.reshape(len(weights), -1, *weights.shape[2:])
        for layer in (self.first, *self.between):
            for values in (*layer.parameters(recurse=False), *layer.buffers(recurse=False)):
                if values.ndim:  # the counter of batches has no axis
                    values.data = values.data[units]
        for layer in (self.first, self.second, *self.between):  # their own records of their sizes
            if isinstance(layer, nn.Linear):
                layer.out_features, layer.in_features = layer.weight.shape
            elif isinstance(layer, nn.Conv2d):
                layer.out_channels, layer.in_channels = layer.weight.shape[:2]
            elif isinstance(layer, Norm):
                layer.num_features = len(units)


def copied(model: nn.Module) -> nn.Module:
    """Return a copy of a network, if it is one whose weights are no results of other tensors."""
    refuse_parts("model", checked_module(model).state_dict())
    return copy.deepcopy(model)


def hidden_links(model: nn.Module) -> list[Link]:
    """Find the pairs of weight layers that follow each other in a chain, in order.

    Units that something else reads too (residual streams, concatenations) are in none.
    """
    links: list[Link] = []
    chains, uses = _chains(model)
    for layers in chains:
        first: WeightLayer | None = None
        between: list[nn.Module] = []
        for layer in layers:
            if isinstance(layer, WeightLayer) and getattr(layer, "groups", 1) == 1 and uses[layer] == 1:
                if first is not None and _fits(first, between, layer):
                    links.append(Link(first, tuple(between), layer))
                first, between = layer, []
            elif isinstance(layer, BY_UNIT) and (uses[layer] == 1 or not isinstance(layer, Norm)):
                between.append(layer)
            else:
                first = None  # something that we do not know: the chain ends here
    if not links:
        raise InputError(NO_PAIR.format("one convolution or linear layer follows another"))
    return links


def normalised_layers(model: nn.Module) -> list[tuple[WeightLayer, Norm]]:
    """Find the weight layers that a batch normalisation follows directly, each with it."""
    chains, uses = _chains(model)
    pairs = [
        (layer, norm)
        for layers in chains
        for layer, norm in pairwise(layers)
        if isinstance(layer, WeightLayer) and isinstance(norm, Norm) and uses[layer] == uses[norm] == 1
    ]
    if not pairs:
        raise InputError(NO_PAIR.format("batch normalisation follows a convolution or linear layer"))
    if any(norm.running_mean is None or norm.running_var is None for _, norm in pairs):
        raise InputError("model must keep running statistics in its batch normalisations.")
    return pairs


def _chains(model: nn.Module) -> tuple[list[list[nn.Module]], Counter[nn.Module]]:
    """The layers of each chain in the order of their use, and how often each, or its weight, is used.

    A chain is an `nn.Sequential`, with those inside it unrolled. The VGG networks of `mme.networks` take the
    mean of an image of one pixel at the end of their chain, and their classifier follows it.
    """
    chains = [layer for layer in model.modules() if _is_chain(layer)]
    inner = {child for chain in chains for child in chain.children()}
    ends = {net.features: (nn.Flatten(), net.classifier) for net in model.modules() if isinstance(net, VGG)}
    found = [[*_unrolled(chain), *ends.get(chain, ())] for chain in chains if chain not in inner]
    held = Counter(each for layer in model.modules() for each in layer.parameters(recurse=False))
    uses = Counter(layer for layers in found for layer in layers)
    tied = [layer for layer in uses if any(held[each] > 1 for each in layer.parameters(recurse=False))]
    return found, uses + Counter(tied)


def _is_chain(layer: nn.Module) -> TypeGuard[nn.Sequential]:
    return isinstance(layer, nn.Sequential) and type(layer).forward is nn.Sequential.forward


def _unrolled(chain: nn.Sequential) -> Iterator[nn.Module]:
    for layer in chain:  # not `children`, which leaves out a layer that comes a second time
        yield from _unrolled(layer) if _is_chain(layer) else (layer,)


def _fits(first: WeightLayer, between: list[nn.Module], second: WeightLayer) -> bool:
    """Whether the second layer reads the first one's units, place by place where images were flattened."""
    units, inputs = int(first.weight.shape[0]), int(second.weight.shape[1])
    if any(isinstance(layer, Norm) and layer.num_features != units for layer in between):
        return False
    if isinstance(first, nn.Conv2d) and isinstance(second, nn.Linear):  # which reads the last axis alone
        flattened = {(layer.start_dim, layer.end_dim) for layer in between if isinstance(layer, nn.Flatten)}
        return flattened == {(1, -1)} and inputs % units == 0
    return isinstance(first, nn.Conv2d) == isinstance(second, nn.Conv2d) and inputs == units
