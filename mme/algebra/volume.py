"""Volumes of spheres and of the unitary groups."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from mme.arguments import integer

__all__ = ["log_group_volume", "log_sphere_volume"]

LARGEST_ORDER = 10**6


def log_sphere_volume(dimension: int) -> float:
    """The logarithm of 2 pi^(n/2) / Gamma(n/2), the volume of the unit sphere in n real dimensions.

    Examples
    --------
    >>> import numpy as np
    >>> bool(np.isclose(np.exp(log_sphere_volume(3)), 4 * np.pi))
    True
    """
    return float(_log_sphere_volumes(np.asarray(integer("dimension", dimension, 1, LARGEST_ORDER), float)))


def log_group_volume(beta: int, d: int) -> float:
    """The logarithm of c_{d,beta}, the volume of O(d), U(d) or Sp(d) in the metric of the trace pairing.

    ``c_{d,beta} = 2^(beta d (d-1) / 4) prod_{k=1}^d vol(S^(beta k - 1))``

    Notes
    -----
    The map of a matrix to its first column makes the group a bundle over the sphere S^(beta d - 1), with
    the group of order d - 1 as its fibre. A Lie algebra element of unit norm that mixes the first
    coordinate with another moves the first column by 1 / sqrt(2) only, and there are beta (d-1) of these:
    each step brings the factor 2^(beta (d-1) / 2).

    Examples
    --------
    >>> import numpy as np
    >>> bool(np.isclose(np.exp(log_group_volume(beta=2, d=1)), 2 * np.pi))
    True
    """
    d = integer("d", d, 1, LARGEST_ORDER)
    stretch = beta * d * (d - 1) / 4 * np.log(2)
    return float(stretch + _log_sphere_volumes(beta * np.arange(1.0, d + 1)).sum())


def _log_sphere_volumes(n: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.log(2) + n / 2 * np.log(np.pi) - gammaln(n / 2))
