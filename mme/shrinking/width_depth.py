"""Architecture search in miniature: one network at each width and depth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from mme.networks._torch import torch
from mme.networks.architectures import VGG
from mme.networks.digits import weights
from mme.networks.training import Recipe, fit, own_settings
from mme.result import Result
from mme.shrinking.steps import correct_answers

__all__ = ["GRID", "GridNetwork", "width_depth_grid"]

GRID = Recipe(epochs=4)
"""Four passes over the images: enough for all but the narrowest networks."""


@dataclass(frozen=True, eq=False, repr=False)
class GridNetwork(Result):
    """One network of a grid.

    Attributes
    ----------
    width : int
        Channels of the first stage; the second and third have twice and four times as many.
    depth : int
        Convolutions in each of the three stages.
    seed : int
    parameters : int
    correct : ndarray of bool, shape (450,)
        Which test images it tells right.
    trained, untrained : dict of tensors
        State dicts after and before training.
    """

    width: int
    depth: int
    seed: int
    parameters: int
    correct: np.ndarray
    trained: dict[str, torch.Tensor] = field(repr=False)
    untrained: dict[str, torch.Tensor] = field(repr=False)

    @property
    def accuracy(self) -> float:
        """Share of the test images that it tells right."""
        return float(self.correct.mean())

    def __repr__(self) -> str:
        return (
            f"GridNetwork(width {self.width}, depth {self.depth}, seed {self.seed}: "
            f"{self.parameters} parameters, {self.accuracy:.1%} of the test images)"
        )


def width_depth_grid(
    widths: Iterable[int], depths: Iterable[int], seeds: Iterable[int] = (0,), *, recipe: Recipe = GRID
) -> list[GridNetwork]:
    """Train a VGG network with batch normalisation at every width, depth and seed.

    Parameters
    ----------
    widths : iterable of int
        Channels of the first stage.
    depths : iterable of int
        Convolutions in each of the three stages.
    seeds : iterable of int
        Of the initial weights and the order of the images.
    recipe : Recipe

    Returns
    -------
    list of GridNetwork
        In the order of widths, then depths, then seeds.

    Examples
    --------
    >>> width_depth_grid([2], [1], recipe=Recipe(epochs=1))[0].parameters
    496
    """
    depths, seeds = list(depths), list(seeds)
    return [_trained(width, depth, seed, recipe) for width in widths for depth in depths for seed in seeds]


def _trained(width: int, depth: int, seed: int, recipe: Recipe) -> GridNetwork:
    with own_settings():
        torch.manual_seed(seed)
        model = VGG([(depth, width), (depth, 2 * width), (depth, 4 * width)], batch_norm=True)
    untrained = weights(model)
    fit(model, recipe, seed)
    parameters = sum(each.numel() for each in model.parameters())
    return GridNetwork(width, depth, seed, parameters, correct_answers(model), weights(model), untrained)
