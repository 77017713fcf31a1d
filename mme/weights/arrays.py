"""Tensors of any kind as NumPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from mme.arguments import plain_array
from mme.errors import InputError

__all__ = ["as_numpy"]


def as_numpy(name: str, value: Any) -> np.ndarray:
    """Return a NumPy array, from torch tensors of any device, layout and precision too.

    Examples
    --------
    >>> as_numpy("fc", [[1, 2]])
    array([[1, 2]])
    """
    if not hasattr(value, "detach"):
        return plain_array(f"layer {name!r}", value)
    tensor = value.detach()
    if tensor.is_meta:
        raise InputError(f"layer {name!r} is on the meta device and holds no weights; load them first.")
    if str(tensor.layout) != "torch.strided":  # sparse in one of several ways
        tensor = tensor.to_dense()
    if getattr(tensor, "is_quantized", False):
        tensor = tensor.dequantize()
    if tensor.is_floating_point() and tensor.element_size() < 4:  # NumPy has no bfloat16
        tensor = tensor.float()
    return np.asarray(tensor.cpu().resolve_conj().resolve_neg().numpy())
