"""Narrower layers: hidden units are taken out, with everything that belongs to them."""

from __future__ import annotations

import copy
from typing import Any

from mme.networks._torch import nn, torch
from mme.shrinking.truncation import checked_share
from mme.transforms.links import Link, hidden_links

__all__ = ["remove_units"]


def remove_units(model: nn.Module, share: float) -> nn.Module:
    """Return a copy of a network without its weakest hidden units.

    The units of a layer that are kept are those whose incoming weights have the largest sum of magnitudes. A
    unit takes with it a row of its own layer, its bias, its place in the normalisation, and the columns by
    which the next layer reads it. So both layers get smaller shapes.

    Parameters
    ----------
    model : torch.nn.Module
        Units between two weight layers of an `nn.Sequential` can go: all hidden units of the VGG networks of
        `mme.networks`, and the inner units of the blocks of the others.
    share : float
        Share of the units of each such layer that go, from 0 to 1; the number is rounded, and one stays.

    Returns
    -------
    torch.nn.Module
        The given one stays as it was.

    Raises
    ------
    InputError
        If the share is not from 0 to 1, or the model is no module or has no such units.

    References
    ----------
    Li, Kadav, Durdanovic, Samet and Graf (2017), Pruning filters for efficient ConvNets.

    Examples
    --------
    >>> model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 3))
    >>> narrow = remove_units(model, 0.75)
    >>> [tuple(narrow[place].weight.shape) for place in (0, 1, 3)]
    [(2, 1, 3, 3), (2,), (4, 2, 3, 3)]
    """
    share = checked_share(share)
    hidden_links(model)  # refuses what has no such units
    narrow = copy.deepcopy(model)
    links = hidden_links(narrow)
    kept = [_strongest(link, share) for link in links]  # all are chosen before the first one goes
    for link, units in zip(links, kept, strict=True):
        _keep(link, units)
    return narrow


def _strongest(link: Link, share: float) -> torch.Tensor:
    strength = link.first.weight.detach().abs().flatten(1).sum(1)
    count = max(link.units - round(share * link.units), 1)
    return strength.argsort(descending=True, stable=True)[:count].sort().values


def _keep(link: Link, units: torch.Tensor) -> None:
    before = link.units
    weights = link.second.weight.data
    by_unit = weights.reshape(len(weights), before, -1)[:, units]
    link.second.weight.data = by_unit.reshape(len(weights), -1, *weights.shape[2:])
    _resize(link.second, "in", int(link.second.weight.shape[1]))
    for layer in (link.first, *link.norms):
        for values in (*layer.parameters(recurse=False), *layer.buffers(recurse=False)):
            if values.ndim:  # the counter of batches has no axis
                values.data = values.data[units.to(values.device)]
    _resize(link.first, "out", len(units))
    for norm in link.norms:
        norm.num_features = len(units)  # type: ignore[assignment]


def _resize(layer: Any, side: str, size: int) -> None:
    """Let the layer's own record of its size agree with its weights."""
    setattr(layer, f"{side}_{'features' if isinstance(layer, nn.Linear) else 'channels'}", size)
