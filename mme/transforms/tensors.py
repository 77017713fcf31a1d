"""Weight tensors with less in them: pruned, rounded, or of lower rank, one by one."""

from __future__ import annotations

from collections.abc import Callable

from mme.arguments import integer, number
from mme.errors import InputError
from mme.networks._torch import nn, pruning, torch
from mme.transforms.links import copied

__all__ = ["prune", "quantise", "truncate_rank"]


def prune(model: nn.Module, share: float) -> nn.Module:
    """Return a copy of a network whose weights of smallest magnitude are zero, layer by layer.

    Source: Han, Pool, Tran and Dally (2015), Learning both weights and connections for efficient neural
    networks. The arithmetic is torch's own, `torch.nn.utils.prune.L1Unstructured`.

    Parameters
    ----------
    model : torch.nn.Module
        Parameters with two or more axes are pruned; biases and normalisation layers stay.
    share : float
        Share of the weights that become zero, from 0 to 1; the number is rounded to an integer.

    Raises
    ------
    InputError
        If the share is not from 0 to 1, or the model is none or holds no finite weights.

    Examples
    --------
    >>> layer = nn.Linear(2, 2)
    >>> layer.weight.data = torch.tensor([[0.1, -3.0], [2.0, 0.2]])
    >>> prune(layer, 0.5).weight.tolist()
    [[0.0, -3.0], [2.0, 0.0]]
    """
    method = pruning.L1Unstructured(number("share", share, 0, 1))
    return _changed(model, method.prune)


def quantise(model: nn.Module, bits: int) -> nn.Module:
    """Return a copy of a network whose weights are rounded to b bits, each layer on its own grid.

    The grid is symmetric and even: the 2ᵇ − 1 multiples k s with |k| ≤ 2ᵇ⁻¹ − 1, where s is chosen so that
    the largest |weight| of the layer lies on it. No weight moves by more than s/2. Their dtype stays.
    Source: Jacob et al. (2018), Quantization and training of neural networks for efficient
    integer-arithmetic-only inference, with the zero point at zero.

    Parameters
    ----------
    model, and what is raised
        As in `prune`.
    bits : int
        From 2 (−1, 0 and 1 times the largest) to 32.

    Examples
    --------
    >>> layer = nn.Linear(2, 2)
    >>> layer.weight.data = torch.tensor([[3.0, -1.2], [0.4, 1.6]])
    >>> quantise(layer, 3).weight.tolist()
    [[3.0, -1.0], [0.0, 2.0]]
    """
    levels = 2 ** (integer("bits", bits, 2, 32) - 1) - 1

    def rounded(weights: torch.Tensor) -> torch.Tensor:
        largest = weights.abs().max()
        # In units of the largest weight: a step of its own could underflow.
        return (weights / largest * levels).round() / levels * largest if largest else weights

    return _changed(model, rounded)


def truncate_rank(model: nn.Module, share: float) -> nn.Module:
    """Return a copy of a network whose layers have lost their smallest singular values.

    A layer of N outputs is read as the matrix A of N rows and M columns. Of its min(N, M) singular values the
    largest stay, at least one, and the others become zero: the nearest matrix of that rank, written out.
    Source: Eckart and Young (1936), The approximation of one matrix by another of lower rank.

    Parameters
    ----------
    model, and what is raised
        As in `prune`.
    share : float
        Share of the singular values that become zero in each layer, from 0 to 1; the number is rounded.

    Examples
    --------
    >>> layer = nn.Linear(3, 3)
    >>> layer.weight.data = torch.diag(torch.tensor([3.0, 2.0, 1.0]))
    >>> torch.linalg.svdvals(truncate_rank(layer, 1 / 3).weight).tolist()
    [3.0, 2.0, 0.0]
    """
    share = number("share", share, 0, 1)

    def truncated(weights: torch.Tensor) -> torch.Tensor:
        left, values, right = torch.linalg.svd(weights.flatten(1), full_matrices=False)
        kept = max(len(values) - round(share * len(values)), 1)
        nearest: torch.Tensor = (left[:, :kept] * values[:kept]) @ right[:kept]
        return nearest.reshape(weights.shape)

    return _changed(model, truncated)


def _changed(model: nn.Module, change: Callable[[torch.Tensor], torch.Tensor]) -> nn.Module:
    """A copy of a network with other weights, which are worked out in double precision."""
    changed = copied(model)
    weights = [each for each in changed.parameters() if each.ndim >= 2 and each.numel()]
    if not weights or not all(bool(each.isfinite().all()) for each in weights):
        raise InputError("model must hold weights with two or more axes, all finite, but does not.")
    for each in weights:
        each.data = change(each.data.double()).to(each.dtype)
    return changed
