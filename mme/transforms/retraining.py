"""Train on after shrinking, without giving back what was taken away."""

from __future__ import annotations

import copy

from mme.arguments import choice
from mme.networks._torch import nn, pruning, torch
from mme.networks.training import Recipe, checked, fit
from mme.transforms.links import copied

__all__ = ["retrain"]

RETRAINING = Recipe(epochs=2, learning_rate=0.02)  # short, and at a fifth of the first training's rate


def retrain(
    model: nn.Module, *, hold: str = "shapes", recipe: Recipe = RETRAINING, seed: int = 0
) -> nn.Module:
    """Return a copy of a network that was trained on, in evaluation mode.

    Parameters
    ----------
    model : torch.nn.Module
        Takes images of digits, shape (n, 1, 8, 8), to scores, shape (n, 10).
    hold : {"shapes", "zeros", "rank"}
        What stays as it is in every convolution and linear layer: nothing but its shape; the weights that are
        zero; or its rank, for which the two factors of the layer are trained.
    recipe, seed : Recipe, int
        How it is trained, and in which order of the images.

    Raises
    ------
    InputError
        If `hold` is unknown, or the model, the recipe or the seed cannot be used.

    Examples
    --------
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    >>> _ = model[1].weight.data[:, :40].zero_()
    >>> again = retrain(model, hold="zeros", recipe=Recipe(epochs=1))
    >>> changed = again[1].weight != model[1].weight
    >>> bool(changed[:, :40].any()), bool(changed[:, 40:].any())
    (False, True)
    """
    hold = choice("hold", hold, ("shapes", "zeros", "rank"))
    recipe, seed = checked(recipe, seed)
    trained = copied(model)
    layers = [layer for layer in trained.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    for layer in layers:
        if hold == "zeros":
            pruning.custom_from_mask(layer, "weight", layer.weight != 0)  # type: ignore[no-untyped-call]
        elif hold == "rank":
            nn.utils.parametrize.register_parametrization(layer, "weight", Product(layer.weight.shape))
    fit(trained, recipe, seed)
    for layer in layers:
        if hold == "zeros":
            pruning.remove(layer, "weight")  # type: ignore[no-untyped-call]
        elif hold == "rank":
            nn.utils.parametrize.remove_parametrizations(layer, "weight")
    again = copy.deepcopy(model)  # which has its entries in their old order
    again.load_state_dict(trained.state_dict())
    return again.eval()


class Product(nn.Module):
    """A weight tensor of this shape as the product of two factors of its rank, which are what is trained."""

    def __init__(self, shape: torch.Size) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        """The tensor."""
        return (left @ right).reshape(self.shape)

    def right_inverse(self, weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Factors of equal norms, from the singular value decomposition."""
        matrix = weights.detach().flatten(1)
        left, values, right = torch.linalg.svd(matrix, full_matrices=False)
        rank = max(int(torch.linalg.matrix_rank(matrix)), 1)
        root = values[:rank].sqrt()
        return left[:, :rank] * root, root[:, None] * right[:rank]
