"""Eigenvalues on another device than the processor, by torch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mme.errors import InputError

__all__ = ["gram_eigenvalues_on"]


def gram_eigenvalues_on(device: str, dtype: str = "float64") -> Callable[[np.ndarray, str], np.ndarray]:
    """Return the counterpart of `smaller_gram_eigenvalues` that computes on a torch device.

    Parameters
    ----------
    device : str
        As torch names it: ``"cuda"``, ``"cuda:1"``, ``"mps"``.
    dtype : {"float64", "float32"}
        Tried at once, for not every device has double precision.

    Returns
    -------
    callable

    Raises
    ------
    InputError
        If torch is missing or cannot compute there.

    Examples
    --------
    >>> gram_eigenvalues_on("cpu:0")(np.array([[3.0], [4.0]]), "float64")
    array([25.])
    """
    try:
        import torch
    except ModuleNotFoundError:
        raise InputError(
            f"device {device!r} needs torch, which is not installed: pip install 'mme[torch]' brings it."
        ) from None

    def solve(weights: np.ndarray, dtype: str) -> np.ndarray:
        there = torch.as_tensor(np.ascontiguousarray(weights.astype(dtype, copy=False))).to(device)
        short_first = there.shape[-2] <= there.shape[-1]
        gram = there @ there.mT if short_first else there.mT @ there
        return np.asarray(torch.linalg.eigvalsh(gram).cpu().numpy())

    try:
        solve(np.eye(2), dtype)
    except (RuntimeError, TypeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise InputError(
            f"device {device!r} cannot compute eigenvalues in {dtype} here ({reason}); use 'cpu'."
        ) from None
    return solve
