"""Layers multiplied by numbers, and batch normalisation folded into them: the network's function stays."""

from __future__ import annotations

from mme.arguments import number
from mme.errors import InputError
from mme.networks._torch import nn, torch
from mme.transforms.links import copied, normalised_layers

__all__ = ["fold_batch_norm", "rescale_before_norm"]

SMALLEST, LARGEST = 1e-6, 1e6  # factors; beyond, single precision ends


def rescale_before_norm(model: nn.Module, factor: float) -> nn.Module:
    """Return a copy of a network with every layer that batch normalisation follows multiplied by a factor.

    Normalisation takes out the scale of what it is given. Its running statistics are multiplied along, and
    its γ makes up for ε, which is not, so that the function in evaluation mode is the same to rounding.

    Parameters
    ----------
    model : torch.nn.Module
        Layers in an `nn.Sequential` that a batch normalisation follows directly are rescaled.
    factor : float
        From 10⁻⁶ to 10⁶.

    Raises
    ------
    InputError
        If the factor is out of range, the model has no such layer, or a normalisation has no
        running statistics or no γ.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(3, 8, bias=False), nn.BatchNorm1d(8)).eval()
    >>> larger, x = rescale_before_norm(model, 4), torch.ones(1, 3)
    >>> torch.equal(4 * model[0].weight, larger[0].weight), torch.allclose(model(x), larger(x))
    (True, True)
    """
    factor, scaled = number("factor", factor, SMALLEST, LARGEST), copied(model)
    for layer, norm in normalised_layers(scaled):
        if norm.weight is None:
            raise InputError("model must have batch normalisations with weights (affine=True).")
        mean, variance = norm.get_buffer("running_mean"), norm.get_buffer("running_var")
        old = torch.sqrt(variance + norm.eps)
        mean *= factor
        variance *= factor**2
        norm.weight.data *= torch.sqrt(variance + norm.eps) / (factor * old)
        for values in layer.parameters():
            values.data *= factor
    return scaled


def fold_batch_norm(model: nn.Module) -> nn.Module:
    """Return a copy of a network with each batch normalisation folded into the layer before.

    In evaluation mode, that of the copy, batch normalisation is affine for each unit,
    y ↦ γ (y − μ)/√(v + ε) + β. So it can be taken into the weights, A ↦ diag(γ/√(v + ε)) A, and the bias.
    Identities stand where the normalisations were. Files for programs that run networks often hold such
    weights.
    Source: Jacob et al. (2018), Quantization and training of neural networks for efficient
    integer-arithmetic-only inference, section 3.2. The arithmetic is torch's own, `torch.nn.utils.fusion`.

    Parameters
    ----------
    model, and what is raised
        As in `rescale_before_norm`. A normalisation that follows no layer, as in DenseNets, stays.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8)).eval()
    >>> folded, x = fold_batch_norm(model), torch.ones(1, 3)
    >>> folded[1], torch.allclose(model(x), folded(x), atol=1e-6)
    (Identity(), True)
    """
    folded = copied(model).eval()
    others: dict[nn.Module, nn.Module] = {}
    for layer, norm in normalised_layers(folded):
        fuse = nn.utils.fuse_linear_bn_eval if isinstance(layer, nn.Linear) else nn.utils.fuse_conv_bn_eval
        with torch.no_grad():
            others |= {layer: fuse(layer, norm), norm: nn.Identity().eval()}  # type: ignore[type-var]
    for parent in list(folded.modules()):
        for name, child in parent.named_children():
            setattr(parent, name, others.get(child, child))
    return folded
