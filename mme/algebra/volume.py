"""Volumes of spheres and of the unitary groups."""

from __future__ import annotations

from typing import Any

from mme.algebra.structure import Structure
from mme.arguments import integer
from mme.errors import InputError
from mme.late import np, scipy

__all__ = ["Volume", "log_sphere_volume"]

LARGEST_ORDER = 10**6
LARGEST_EXPONENT = 700.0  # e^700 and e^-700 are floats


class Volume(Structure):
    """The volume of the unitary group in the bi-invariant metric of the trace pairing."""

    def log_group_volume(self, d: int) -> float:
        """Return the logarithm of `group_volume` for order `d`.

        The map of a matrix to its first column makes the group a bundle over the sphere S^(beta d - 1), with
        the group of order d - 1 as its fibre. A Lie algebra element of unit norm that mixes the first
        coordinate with another moves the first column by 1 / sqrt(2) only, and there are beta (d-1) of
        these: each step brings the factor 2^(beta (d-1) / 2).

        Examples
        --------
        >>> from mme.algebra import C, H, R
        >>> [round(F.log_group_volume(2), 6) for F in (R, C, H)]
        [2.877598, 5.513631, 7.849209]
        """
        d = integer("d", d, 1, LARGEST_ORDER)
        stretch = self.beta * d * (d - 1) / 4 * np.log(2)
        return float(stretch + log_sphere_volume(self.beta * np.arange(1, d + 1)).sum())

    def group_volume(self, d: int) -> float:
        """Return the volume c_{d,beta} of the unitary group of order `d` in the metric of the trace pairing.

        ``c_{d,beta} = 2^(beta d (d-1) / 4) prod_{k=1}^d 2 pi^(beta k / 2) / Gamma(beta k / 2)``

        Over R it counts both components of O(d). Hurwitz's measure lacks the power of 2.
        Source: entropy formula, Theorem 1.1.

        Raises
        ------
        InputError
            If d is so large that the volume is no floating-point number; `log_group_volume` is.

        Examples
        --------
        >>> from mme.algebra import C, H, R
        >>> [round(F.group_volume(2), 5) for F in (R, C, H)]
        [17.77153, 248.05021, 2563.70452]
        """
        log_volume = self.log_group_volume(d)
        if abs(log_volume) > LARGEST_EXPONENT:
            raise InputError(
                f"d must be smaller for a volume in floating point, but e^{log_volume:.4g} is none; "
                "use log_group_volume."
            )
        return float(np.exp(log_volume))


def log_sphere_volume(n: Any) -> Any:
    """The logarithm of 2 pi^(n/2) / Gamma(n/2), the volume of the unit sphere in n real dimensions."""
    return np.log(2) + n / 2 * np.log(np.pi) - scipy.special.gammaln(n / 2)
