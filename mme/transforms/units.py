"""Hidden units in another order, which is the same function from other weights; and fewer hidden units."""

from __future__ import annotations

import numpy as np

from mme.arguments import generator, number
from mme.networks._torch import nn, torch
from mme.transforms.links import copied, hidden_links

__all__ = ["permute_hidden_units", "remove_units"]


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
    draws, shuffled = generator(rng), copied(model)
    for link in hidden_links(shuffled):
        link.take(torch.as_tensor(draws.permutation(link.units)))
    return shuffled


def remove_units(model: nn.Module, share: float) -> nn.Module:
    """Return a copy of a network without its weakest hidden units.

    The units of a layer that are kept are those whose incoming weights have the largest sum of magnitudes. A
    unit takes with it a row of its own layer, its bias, its place in the normalisation, and the columns by
    which the next layer reads it. So both layers get smaller shapes.
    Source: Li, Kadav, Durdanovic, Samet and Graf (2017), Pruning filters for efficient ConvNets.

    Parameters
    ----------
    model, and what is raised
        As in `permute_hidden_units`.
    share : float
        Share of the units of each such layer that go, from 0 to 1; the number is rounded, and one stays.

    Examples
    --------
    >>> model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 3))
    >>> narrow = remove_units(model, 0.75)
    >>> [tuple(narrow[place].weight.shape) for place in (0, 1, 3)]
    [(2, 1, 3, 3), (2,), (4, 2, 3, 3)]
    """
    share, narrow = number("share", share, 0, 1), copied(model)
    links = hidden_links(narrow)
    # All are measured before the first one goes.
    strengths = [link.first.weight.detach().abs().flatten(1).sum(1) for link in links]
    for link, strength in zip(links, strengths, strict=True):
        kept = max(link.units - round(share * link.units), 1)
        link.take(strength.argsort(descending=True, stable=True)[:kept].sort().values)
    return narrow
