"""Low rank: each layer keeps its largest singular values."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np

from mme.errors import InputError
from mme.transforms.weights import weights_changed

__all__ = ["checked_share", "stored_numbers", "truncate_rank"]


def checked_share(share: Any) -> float:
    """Return the share that is taken away as a float.

    Raises
    ------
    InputError
        If it is not a number from 0 to 1.

    Examples
    --------
    >>> checked_share(0.25)
    0.25
    """
    if isinstance(share, bool) or not isinstance(share, Real) or not 0 <= float(share) <= 1:
        raise InputError(f"share must be a number from 0 to 1, but it is {share!r}.")
    return float(share)


def truncate_rank(source: Any, share: float) -> Any:
    """Return a copy of a network whose layers have lost their smallest singular values.

    A layer of N outputs is read as the matrix A of N rows and M columns. Of its min(N, M) singular values the
    largest stay, at least one, and the others become zero: the nearest matrix of that rank.

    Parameters
    ----------
    source : torch.nn.Module, or mapping of str to array or tensor
        Tensors with two or more axes are truncated; biases and normalisation layers stay.
    share : float
        Share of the singular values that become zero in each layer, from 0 to 1; the number is rounded.

    Returns
    -------
    torch.nn.Module or dict
        Of the kind given, which stays as it was. Shapes stay too: the tensors are products written out.

    Raises
    ------
    InputError
        If the share is not from 0 to 1, or the source holds no weights.

    References
    ----------
    Eckart and Young (1936), The approximation of one matrix by another of lower rank.

    Examples
    --------
    >>> smaller = truncate_rank({"fc": np.diag([3.0, 2.0, 1.0])}, 1 / 3)
    >>> np.linalg.svd(smaller["fc"], compute_uv=False).round(9) + 0
    array([3., 2., 0.])
    """
    share = checked_share(share)

    def change(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: _truncated(each, share) for name, each in weights.items()}

    return weights_changed(source, change)


def _truncated(weights: np.ndarray, share: float) -> np.ndarray:
    left, values, right = np.linalg.svd(weights.reshape(len(weights), -1), full_matrices=False)
    kept = max(values.size - round(share * values.size), 1)
    return np.asarray(((left[:, :kept] * values[:kept]) @ right[:kept]).reshape(weights.shape))


def stored_numbers(source: Any) -> int:
    """Count the numbers that a file of a network must hold, if zeros and low ranks are made use of.

    A layer of N rows, M columns and rank r needs as many numbers as it has entries that are not zero, or
    r (N + M) as a product of two factors, whichever is less. Where the zeros are would have to be stored too;
    that is not counted.

    Parameters
    ----------
    source : torch.nn.Module, or mapping of str to array or tensor
        Of a module the parameters count, and of a mapping all entries of floating point.

    Returns
    -------
    int

    Raises
    ------
    InputError
        If the source is neither.

    Examples
    --------
    >>> stored_numbers({"fc": np.ones((20, 30)), "bias": np.ones(20)})  # rank 1
    70
    """
    if callable(getattr(source, "named_parameters", None)):
        entries = dict(source.named_parameters())
    elif isinstance(source, Mapping):
        entries = {name: value for name, value in source.items() if "float" in str(value.dtype)}
    else:
        raise InputError(
            "source must be a torch.nn.Module or a mapping of names to arrays, "
            f"but it is a {type(source).__name__}."
        )
    arrays = (
        value.detach().cpu().numpy() if hasattr(value, "detach") else value for value in entries.values()
    )
    return sum(_stored(np.asarray(each)) for each in arrays)


def _stored(values: np.ndarray) -> int:
    if values.ndim < 2:
        return int(values.size)
    # The rank in the precision of the file: rounding to it fills up the smallest singular values.
    matrix = values.reshape(len(values), -1)
    return min(int(np.count_nonzero(matrix)), int(np.linalg.matrix_rank(matrix)) * sum(matrix.shape))
