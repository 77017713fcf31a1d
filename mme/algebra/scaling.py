"""Matrices over their largest entry, so that tolerances are relative."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["by_largest_entry"]


def by_largest_entry(a: NDArray[Any]) -> NDArray[Any]:
    """Each matrix over its largest absolute entry; zero stays zero.

    Examples
    --------
    >>> by_largest_entry(np.array([[0.0, -4.0], [2.0, 1.0]]))
    array([[ 0.  , -1.  ],
           [ 0.5 ,  0.25]])
    """
    largest = np.max(np.abs(a), axis=(-2, -1), keepdims=True)
    return np.asarray(a / (largest + np.finfo(largest.dtype).smallest_normal))
