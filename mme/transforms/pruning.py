"""Magnitude pruning: the smallest weights become zero."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np

from mme.errors import InputError
from mme.transforms.weights import weights_changed

__all__ = ["prune"]

SCOPES = ("layer", "network")


def prune(source: Any, share: float, *, scope: str = "layer") -> Any:
    """Return a copy of a network whose weights of smallest magnitude are zero.

    Parameters
    ----------
    source : torch.nn.Module, or mapping of str to array or tensor
        Tensors with two or more axes are pruned; biases and normalisation layers stay.
    share : float
        Share of the weights that become zero, from 0 to 1; the number is rounded to an integer.
    scope : {"layer", "network"}
        Whether each layer loses this share, or all layers together do, whichever weights are smallest.

    Returns
    -------
    torch.nn.Module or dict
        Of the kind given, which stays as it was.

    Raises
    ------
    InputError
        If the share is not from 0 to 1, the scope is unknown, or the source holds no weights.

    References
    ----------
    Han, Pool, Tran and Dally (2015), Learning both weights and connections for efficient neural networks.

    Examples
    --------
    >>> prune({"fc": np.array([[0.1, -3.0], [2.0, 0.2]])}, 0.5)["fc"]
    array([[ 0., -3.],
           [ 2.,  0.]])
    """
    share = _share(share)
    if scope not in SCOPES:
        raise InputError(f"scope must be one of {', '.join(map(repr, SCOPES))}, but it is {scope!r}.")

    def change(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        groups = [weights] if scope == "network" else [{name: each} for name, each in weights.items()]
        return {name: each for group in groups for name, each in _without_smallest(group, share).items()}

    return weights_changed(source, change)


def _share(share: Any) -> float:
    if isinstance(share, bool) or not isinstance(share, Real) or not 0 <= float(share) <= 1:
        raise InputError(f"share must be a number from 0 to 1, but it is {share!r}.")
    return float(share)


def _without_smallest(weights: dict[str, np.ndarray], share: float) -> dict[str, np.ndarray]:
    flat = np.concatenate([each.ravel() for each in weights.values()])
    # A stable order: of equal magnitudes the first ones go.
    smallest = np.argsort(np.abs(flat), kind="stable")[: round(share * flat.size)]
    flat[smallest] = 0
    ends = np.cumsum([each.size for each in weights.values()])
    parts = np.split(flat, ends[:-1])
    return {name: part.reshape(weights[name].shape) for name, part in zip(weights, parts, strict=True)}
