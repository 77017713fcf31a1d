"""Hidden units in another order: the same function from other weights."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from mme.arguments import generator
from mme.networks._torch import nn, torch
from mme.transforms.links import hidden_links

__all__ = ["permute_hidden_units"]


def permute_hidden_units(model: nn.Module, *, rng: int | np.random.Generator | None = None) -> nn.Module:
    """Return a copy of a network whose hidden units stand in another order.

    The units of a layer A₁ are shuffled, A₁ ↦ P A₁, together with its bias and what acts on them unit by
    unit; the next layer reads them in the new order, A₂ ↦ A₂ (Pᵀ ⊗ 1). The function stays, and so does every
    singular value of every layer.

    Parameters
    ----------
    model : torch.nn.Module
        Units between two weight layers of an `nn.Sequential` are shuffled: all hidden units of the VGG
        networks of `mme.networks`, and the inner units of the blocks of the others.
    rng : None, int or numpy.random.Generator
        Seed or generator of the permutations, one for each layer.

    Returns
    -------
    torch.nn.Module
        The given one stays as it was.

    Raises
    ------
    InputError
        If the model is no module or has no such units, or rng is no seed.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> shuffled, x = permute_hidden_units(model, rng=0), torch.ones(1, 3)
    >>> torch.equal(model[0].weight, shuffled[0].weight), torch.allclose(model(x), shuffled(x))
    (False, True)
    """
    hidden_links(model)  # refuses what has no such units
    shuffled = copy.deepcopy(model)
    draws = generator(rng)
    for link in hidden_links(shuffled):
        order = torch.as_tensor(draws.permutation(link.units))
        for layer in (link.first, *link.norms):
            _shuffle(layer, order)
        link.read_units(order)
    return shuffled


def _shuffle(layer: Any, order: torch.Tensor) -> None:
    """Put all that a layer keeps for each of its outputs into this order."""
    for values in (*layer.parameters(recurse=False), *layer.buffers(recurse=False)):
        if values.ndim:  # the counter of batches has no axis
            values.data = values.data[order.to(values.device)]
