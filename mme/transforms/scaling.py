"""Layers multiplied by numbers in such a way that the network's function stays."""

from __future__ import annotations

import copy
from numbers import Real
from typing import Any

import numpy as np

from mme.errors import InputError
from mme.networks._torch import nn, torch
from mme.transforms.links import hidden_links, normalised_layers

__all__ = ["rescale_before_norm", "rescale_pairs"]


def rescale_before_norm(model: nn.Module, factor: float) -> nn.Module:
    """Return a copy of a network with every layer that batch normalisation follows multiplied by a factor.

    Normalisation takes out the scale of what it is given. Its running statistics are multiplied along, and
    its γ makes up for ε, which is not, so that the function in evaluation mode is the same to rounding.

    Parameters
    ----------
    model : torch.nn.Module
        Layers in an `nn.Sequential` that a batch normalisation follows directly are rescaled.
    factor : float
        Positive and finite.

    Returns
    -------
    torch.nn.Module
        The given one stays as it was.

    Raises
    ------
    InputError
        If the factor is not positive and finite, the model has no such layer, or a normalisation has no
        running statistics or no γ.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(3, 8, bias=False), nn.BatchNorm1d(8)).eval()
    >>> larger, x = rescale_before_norm(model, 4), torch.ones(1, 3)
    >>> torch.equal(4 * model[0].weight, larger[0].weight), torch.allclose(model(x), larger(x))
    (True, True)
    """
    factor = _positive(factor)
    for _, norm in normalised_layers(model):
        if norm.weight is None:
            raise InputError("model must have batch normalisations with weights (affine=True).")
    scaled = copy.deepcopy(model)
    for layer, norm in normalised_layers(scaled):
        _multiply(layer, factor)
        kept: Any = norm
        old = torch.sqrt(kept.running_var + kept.eps)
        kept.running_mean *= factor
        kept.running_var *= factor**2
        kept.weight.data *= torch.sqrt(kept.running_var + kept.eps) / (factor * old)
    return scaled


def rescale_pairs(model: nn.Module, factor: float) -> nn.Module:
    """Return a copy of a network with layers multiplied by a factor and its inverse, in turn.

    ReLU and pooling are positively homogeneous, f(c x) = c f(x) for c > 0. So the units of one layer may be
    multiplied by c if the next layer is divided by c.

    Parameters
    ----------
    model : torch.nn.Module
        Layers of an `nn.Sequential` with nothing between them but ReLU, pooling, dropout and the like are
        taken in pairs, each layer in at most one.
    factor : float
        Positive and finite.

    Returns
    -------
    torch.nn.Module
        The given one stays as it was.

    Raises
    ------
    InputError
        If the factor is not positive and finite, or the model has no such pair.

    References
    ----------
    Dinh, Pascanu, Bengio and Bengio (2017), Sharp minima can generalize for deep nets.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> other, x = rescale_pairs(model, 4), torch.ones(1, 3)
    >>> torch.equal(model[2].weight / 4, other[2].weight), torch.allclose(model(x), other(x))
    (True, True)
    """
    factor = _positive(factor)
    scaled = copy.deepcopy(model)
    taken: set[int] = set()
    for link in hidden_links(scaled):
        if link.is_homogeneous and id(link.first) not in taken:
            _multiply(link.first, factor)
            link.read_units(factor=1 / factor)
            taken |= {id(link.first), id(link.second)}
    if not taken:
        raise InputError(
            "model must have two layers with only ReLU, pooling or dropout between them, but has none: "
            "where batch normalisation stands between, use rescale_before_norm."
        )
    return scaled


def _positive(factor: Any) -> float:
    if isinstance(factor, bool) or not isinstance(factor, Real) or not 0 < float(factor) < np.inf:
        raise InputError(f"factor must be positive and finite, but it is {factor!r}.")
    return float(factor)


def _multiply(layer: Any, factor: float) -> None:
    """Multiply a layer's output: its weights and its bias."""
    layer.weight.data *= factor
    if layer.bias is not None:
        layer.bias.data *= factor
