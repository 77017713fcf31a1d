"""Batch normalisation folded into the layer before it."""

from __future__ import annotations

import copy

from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from mme.networks._torch import nn, torch
from mme.transforms.links import normalised_layers

__all__ = ["fold_batch_norm"]


def fold_batch_norm(model: nn.Module) -> nn.Module:
    """Return a copy of a network with each batch normalisation folded into the layer that it follows.

    In evaluation mode batch normalisation is affine, unit by unit: y ↦ γ (y − μ)/√(v + ε) + β. So it can be
    taken into the weights, A ↦ diag(γ/√(v + ε)) A, and the bias. Programs that run networks do this to save
    time, and files that were written for them often hold weights that are folded already.

    Parameters
    ----------
    model : torch.nn.Module
        Normalisations that follow a convolution or linear layer in an `nn.Sequential` are folded; others
        (those before a convolution, as in DenseNets) stay.

    Returns
    -------
    torch.nn.Module
        In evaluation mode; identities stand where the normalisations were. Its function is that of the given
        model in evaluation mode. The given one stays as it was.

    Raises
    ------
    InputError
        If the model is no module, has nothing to fold, or a normalisation keeps no running statistics.

    References
    ----------
    Jacob et al. (2018), Quantization and training of neural networks for efficient integer-arithmetic-only
    inference, section 3.2. The arithmetic is torch's own, `torch.nn.utils.fusion`.

    Examples
    --------
    >>> from mme.networks import ARCHITECTURES
    >>> model = ARCHITECTURES["resnet8"].build().eval()
    >>> folded, image = fold_batch_norm(model), torch.ones(1, 1, 8, 8)
    >>> sum(isinstance(layer, nn.BatchNorm2d) for layer in folded.modules())
    0
    >>> torch.allclose(folded(image), model(image), atol=1e-5)
    True
    """
    normalised_layers(model)  # refuses what cannot be folded
    folded = copy.deepcopy(model).eval()
    for layer, norm in normalised_layers(folded):
        fuse = fuse_linear_bn_eval if isinstance(layer, nn.Linear) else fuse_conv_bn_eval
        with torch.no_grad():
            fused = fuse(layer, norm)  # type: ignore[type-var]
        _replace(folded, {layer: fused, norm: nn.Identity().eval()})
    return folded


def _replace(model: nn.Module, others: dict[nn.Module, nn.Module]) -> None:
    """Put other layers in the place of some, wherever they stand."""
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if child in others:
                setattr(parent, name, others[child])
