"""Quantisation: weights rounded to a few bits, layer by layer."""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np

from mme.errors import InputError
from mme.transforms.weights import weights_changed

__all__ = ["quantise"]

MOST_BITS = 32


def quantise(source: Any, bits: int) -> Any:
    """Return a copy of a network whose weights are rounded to b bits, each layer on its own grid.

    The grid is symmetric and even: the 2ᵇ − 1 multiples k s with |k| ≤ 2ᵇ⁻¹ − 1, where s is chosen so that
    the largest |weight| of the layer lies on it. No weight moves by more than s/2.

    Parameters
    ----------
    source : torch.nn.Module, or mapping of str to array or tensor
        Tensors with two or more axes are rounded; biases and normalisation layers stay.
    bits : int
        From 2 (−1, 0 and 1 times the largest) to 32.

    Returns
    -------
    torch.nn.Module or dict
        Of the kind given, which stays as it was. The weights are rounded, but stored in their old dtype.

    Raises
    ------
    InputError
        If bits is no integer from 2 to 32, or the source holds no weights.

    References
    ----------
    Jacob et al. (2018), Quantization and training of neural networks for efficient integer-arithmetic-only
    inference, with the zero point at zero.

    Examples
    --------
    >>> quantise({"fc": np.array([[3.0, -1.2], [0.4, 1.6]])}, 3)["fc"]
    array([[ 3., -1.],
           [ 0.,  2.]])
    """
    try:
        number = 0 if isinstance(bits, bool) else index(bits)
    except TypeError:
        number = 0
    if not 2 <= number <= MOST_BITS:
        raise InputError(f"bits must be an integer from 2 to {MOST_BITS}, but it is {bits!r}.")
    levels = 2 ** (number - 1) - 1

    def change(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: _rounded(each, levels) for name, each in weights.items()}

    return weights_changed(source, change)


def _rounded(weights: np.ndarray, levels: int) -> np.ndarray:
    largest = float(np.abs(weights).max())
    if largest == 0:
        return weights
    # In units of the largest weight: a step of its own could underflow.
    return np.asarray(np.rint(weights / largest * levels) / levels * largest + 0.0)
