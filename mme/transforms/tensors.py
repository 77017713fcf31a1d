"""Weight tensors with less in them: pruned, rounded, or of lower rank, one by one."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mme.arguments import finite_array, integer, number, of_type, shown
from mme.errors import InputError
from mme.weights.parts import refuse_parts
from mme.weights.stored import as_numpy

__all__ = ["prune", "quantise", "stored_numbers", "truncate_rank"]


def prune(source: Any, share: float) -> Any:
    """Return a copy of a network whose weights of smallest magnitude are zero, layer by layer.

    Parameters
    ----------
    source : torch.nn.Module, or mapping of str to array or tensor
        Tensors with two or more axes are pruned; biases and normalisation layers stay.
    share : float
        Share of the weights that become zero, from 0 to 1; the number is rounded to an integer.

    Returns
    -------
    torch.nn.Module or dict
        Of the kind given, which stays as it was.

    Raises
    ------
    InputError
        If the share is not from 0 to 1, or the source holds no weights.

    References
    ----------
    Han, Pool, Tran and Dally (2015), Learning both weights and connections for efficient neural networks.

    Examples
    --------
    >>> prune({"fc": np.array([[0.1, -3.0], [2.0, 0.2]])}, 0.5)["fc"]
    array([[ 0., -3.],
           [ 2.,  0.]])
    """
    share = number("share", share, 0, 1)

    def pruned(weights: np.ndarray) -> np.ndarray:
        flat = weights.ravel()
        # A stable order: of equal magnitudes the first ones go.
        flat[np.argsort(np.abs(flat), kind="stable")[: round(share * flat.size)]] = 0
        return flat.reshape(weights.shape)

    return _changed(source, pruned)


def quantise(source: Any, bits: int) -> Any:
    """Return a copy of a network whose weights are rounded to b bits, each layer on its own grid.

    The grid is symmetric and even: the 2ᵇ − 1 multiples k s with |k| ≤ 2ᵇ⁻¹ − 1, where s is chosen so that
    the largest |weight| of the layer lies on it. No weight moves by more than s/2. Their dtype stays.

    Parameters
    ----------
    source, and what is returned and raised
        As in `prune`.
    bits : int
        From 2 (−1, 0 and 1 times the largest) to 32.

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
    levels = 2 ** (integer("bits", bits, 2, 32) - 1) - 1

    def rounded(weights: np.ndarray) -> np.ndarray:
        largest = float(np.abs(weights).max())
        if largest == 0:
            return weights
        # In units of the largest weight: a step of its own could underflow.
        return np.asarray(np.rint(weights / largest * levels) / levels * largest + 0.0)

    return _changed(source, rounded)


def truncate_rank(source: Any, share: float) -> Any:
    """Return a copy of a network whose layers have lost their smallest singular values.

    A layer of N outputs is read as the matrix A of N rows and M columns. Of its min(N, M) singular values the
    largest stay, at least one, and the others become zero: the nearest matrix of that rank, written out.

    Parameters
    ----------
    source, and what is returned and raised
        As in `prune`.
    share : float
        Share of the singular values that become zero in each layer, from 0 to 1; the number is rounded.

    References
    ----------
    Eckart and Young (1936), The approximation of one matrix by another of lower rank.

    Examples
    --------
    >>> smaller = truncate_rank({"fc": np.diag([3.0, 2.0, 1.0])}, 1 / 3)
    >>> np.linalg.svd(smaller["fc"], compute_uv=False).round(9) + 0
    array([3., 2., 0.])
    """
    share = number("share", share, 0, 1)

    def truncated(weights: np.ndarray) -> np.ndarray:
        left, values, right = np.linalg.svd(weights.reshape(len(weights), -1), full_matrices=False)
        kept = max(values.size - round(share * values.size), 1)
        return np.asarray(((left[:, :kept] * values[:kept]) @ right[:kept]).reshape(weights.shape))

    return _changed(source, truncated)


def stored_numbers(parameters: Mapping[str, Any]) -> int:
    """Count the numbers that a file of these arrays must hold, if zeros and low ranks are made use of.

    A layer of N rows, M columns and rank r needs as many numbers as it has entries that are not zero, or
    r (N + M) as a product of two factors, whichever is less. Where the zeros are would have to be stored too;
    that is not counted.
    """
    total = 0
    for name, given in parameters.items():
        values = as_numpy(name, given)
        needed = values.size
        if values.ndim > 1 and values.size:
            # The rank in the precision of the file: rounding to it fills up the smallest singular values.
            matrix = values.reshape(len(values), -1)
            needed = min(np.count_nonzero(matrix), np.linalg.matrix_rank(matrix) * sum(matrix.shape))
        total += int(needed)
    return total


def _changed(source: Any, change: Callable[[np.ndarray], np.ndarray]) -> Any:
    """A new network whose floating-point tensors with two or more axes are those that `change` makes."""
    new: dict[str, Any] = {
        name: value.detach().clone() if hasattr(value, "detach") else np.array(value)
        for name, value in _entries(source).items()
    }
    weights = [name for name, value in new.items() if value.ndim >= 2 and "float" in str(value.dtype)]
    if not weights:
        raise InputError("source must hold a floating-point tensor with two or more axes, but has none.")
    for name in weights:
        old = new[name]
        values = finite_array(f"source[{name!r}]", as_numpy(name, old))
        if values.size:  # the new numbers in the kind, precision and place of the old ones
            made = change(np.array(values, np.float64))
            new[name] = old.new_tensor(made) if hasattr(old, "new_tensor") else made.astype(old.dtype)
    if isinstance(source, Mapping):
        return new
    model = copy.deepcopy(source)
    # A state dict also holds buffers; the running statistics of a layer have one axis and so stay.
    model.load_state_dict(new)
    return model


def _entries(source: Any) -> dict[str, Any]:
    """The arrays or tensors of a network, by name."""
    if hasattr(source, "state_dict") and not isinstance(source, type):
        source = source.state_dict()
    entries = dict(of_type("source", source, Mapping, "a torch.nn.Module or a mapping of names to arrays"))
    for name, value in entries.items():
        if not (isinstance(name, str) and hasattr(value, "shape") and hasattr(value, "dtype")):
            raise InputError(f"source[{name!r}] must be an array or a tensor, but it is {shown(value)}.")
    refuse_parts("source", entries)
    return entries
