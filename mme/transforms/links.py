"""Where one weight layer feeds the next: the hidden units of a network's chains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from mme.errors import InputError
from mme.networks._torch import nn, torch
from mme.networks.architectures import VGG

__all__ = ["Link", "WeightLayer", "hidden_links", "normalised_layers", "sequences"]

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
# f(c x) = c f(x) for c > 0, unit by unit
HOMOGENEOUS = (
    nn.Identity, nn.ReLU, nn.LeakyReLU, nn.Dropout, nn.Dropout2d, nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d,
    nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d,
)  # fmt: skip
# unit by unit only
CURVED = (nn.Tanh, nn.Sigmoid, nn.GELU, nn.SiLU, nn.ELU, nn.Softplus, nn.ReLU6, nn.Hardswish)

WeightLayer = nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear
Norm = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d


@dataclass(frozen=True)
class Link:
    """Two weight layers, of which the second reads nothing but the units of the first.

    Attributes
    ----------
    first, second : convolution or linear layer
    between : tuple of modules
        What stands between them; all of it acts unit by unit.
    """

    first: WeightLayer
    between: tuple[nn.Module, ...]
    second: WeightLayer

    @property
    def units(self) -> int:
        """Number of hidden units: the order N of the first layer."""
        return int(self.first.weight.shape[0])

    @property
    def norms(self) -> tuple[nn.Module, ...]:
        """The batch normalisations among what stands between."""
        return tuple(layer for layer in self.between if isinstance(layer, NORMS))

    @property
    def is_homogeneous(self) -> bool:
        """Whether the units may be multiplied by a positive number before what stands between, or after."""
        return all(isinstance(layer, (*HOMOGENEOUS, nn.Flatten)) for layer in self.between)

    def read_units(self, order: torch.Tensor | None = None, factor: float = 1.0) -> None:
        """Let the second layer expect the units in another order, or multiplied by 1/factor."""
        weights = self.second.weight.data
        by_unit = weights.reshape(len(weights), self.units, -1)
        by_unit = by_unit if order is None else by_unit[:, order]
        self.second.weight.data = (by_unit * factor).reshape(weights.shape)


def sequences(model: nn.Module) -> Iterator[list[nn.Module]]:
    """Yield the layers of each chain in a network, in the order in which they are applied.

    A chain is an `nn.Sequential`, with those inside it unrolled. The VGG networks of `mme.networks` flatten
    an image of one pixel at the end of their chain, and their classifier follows it.

    Examples
    --------
    >>> [len(layers) for layers in sequences(nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU())))]
    [2]
    """
    inner = {
        id(child)
        for layer in model.modules()
        if _is_chain(layer)
        for child in layer.children()
        if _is_chain(child)
    }
    ends = {id(layer.features): layer.classifier for layer in model.modules() if isinstance(layer, VGG)}
    for layer in model.modules():
        if _is_chain(layer) and id(layer) not in inner:
            layers = list(_unrolled(layer))
            yield [*layers, nn.Flatten(), ends[id(layer)]] if id(layer) in ends else layers


def hidden_links(model: nn.Module) -> list[Link]:
    """Find the pairs of weight layers that follow each other in a chain.

    Parameters
    ----------
    model : torch.nn.Module

    Returns
    -------
    list of Link
        In order. Units that something else reads too (residual streams, concatenations) are in none.

    Raises
    ------
    InputError
        If the model is no module, or has no such pair.

    Examples
    --------
    >>> [link.units for link in hidden_links(nn.Sequential(nn.Linear(2, 5), nn.ReLU(), nn.Linear(5, 3)))]
    [5]
    """
    if not isinstance(model, nn.Module):
        raise InputError(f"model must be a torch.nn.Module, but it is a {type(model).__name__}.")
    links: list[Link] = []
    chains = list(sequences(model))
    uses = Counter(id(layer) for layers in chains for layer in layers)
    for layers in chains:
        first: WeightLayer | None = None
        between: list[nn.Module] = []
        for layer in layers:
            if (
                isinstance(layer, (*CONVOLUTIONS, nn.Linear))
                and getattr(layer, "groups", 1) == 1
                and uses[id(layer)] == 1
            ):
                if first is not None and _fits(first, between, layer):
                    links.append(Link(first, tuple(between), layer))
                first, between = layer, []
            elif isinstance(layer, (*HOMOGENEOUS, *CURVED, *NORMS, nn.Flatten)):
                between.append(layer)
            else:
                first = None  # something that we do not know: the chain ends here
    if not links:
        raise InputError(
            "model must have an nn.Sequential in which one convolution or linear layer follows another, "
            "but has none."
        )
    return links


def normalised_layers(model: nn.Module) -> list[tuple[WeightLayer, Norm]]:
    """Find the weight layers that a batch normalisation follows directly, each with it.

    Parameters
    ----------
    model : torch.nn.Module

    Returns
    -------
    list of (layer, normalisation)

    Raises
    ------
    InputError
        If the model is no module, has no such pair, or one keeps no running statistics.

    Examples
    --------
    >>> len(normalised_layers(nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU())))
    1
    """
    if not isinstance(model, nn.Module):
        raise InputError(f"model must be a torch.nn.Module, but it is a {type(model).__name__}.")
    chains = list(sequences(model))
    uses = Counter(id(layer) for layers in chains for layer in layers)
    pairs = [
        (layer, norm)
        for layers in chains
        for layer, norm in pairwise(layers)
        if isinstance(layer, (*CONVOLUTIONS, nn.Linear)) and isinstance(norm, NORMS)
        if uses[id(layer)] == uses[id(norm)] == 1
    ]
    if not pairs:
        raise InputError(
            "model must have an nn.Sequential in which batch normalisation follows a convolution or linear "
            "layer, but has none."
        )
    for _, norm in pairs:
        if norm.running_mean is None or norm.running_var is None:
            raise InputError(
                "model must keep running statistics in its batch normalisations (track_running_stats)."
            )
    return pairs


def _is_chain(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Sequential) and type(layer).forward is nn.Sequential.forward


def _unrolled(chain: nn.Module) -> Iterator[nn.Module]:
    assert isinstance(chain, nn.Sequential)
    for layer in chain:  # not `children`, which leaves out a layer that comes a second time
        if _is_chain(layer):
            yield from _unrolled(layer)
        else:
            yield layer


def _fits(first: WeightLayer, between: list[nn.Module], second: WeightLayer) -> bool:
    """Whether the second layer's inputs are the first one's units, place by place where it was flattened."""
    units, inputs = int(first.weight.shape[0]), int(second.weight.shape[1])
    flattened = any(isinstance(layer, nn.Flatten) for layer in between)
    return inputs % units == 0 if flattened else inputs == units
