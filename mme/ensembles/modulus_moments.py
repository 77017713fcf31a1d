"""Exact moments of |U|, the entrywise modulus of a Haar unitary matrix: its Perron eigenvalue and its bulk.

The squared moduli of a column of U are uniformly distributed on the simplex, so every moment below is a
ratio of Gamma functions. The derivations are in the chapter "The law behind the sampling".
"""

from __future__ import annotations

import numpy as np
import scipy

from mme.arguments import choice
from mme.ensembles.mixed import PARTS

__all__ = [
    "bulk_deviation", "bulk_radius", "entry_mean", "entry_pair_moment", "perron_deviation",
    "perron_mean", "trace_excess",
]  # fmt: skip

# Γ(N)/Γ(N + 1/2) = N^(-1/2) (1 + 1/8N + 1/128N² - ...); from this order on its terms beyond N^-6 are below
# 1e-14.
SERIES_FROM = 50
SERIES = (1, 1 / 8, 1 / 128, -5 / 1024, -21 / 32768, 399 / 262144, 869 / 4194304)


def entry_mean(order: int) -> float:
    """The mean of one entry of |U|, E|U_ij| = Γ(3/2) Γ(N) / Γ(N + 1/2), close to √(π/4N).

    |U_ij|² has the density (N-1)(1-t)^(N-2) on [0, 1], the Beta law with parameters 1 and N-1.

    Examples
    --------
    >>> round(entry_mean(2), 12) == round(2 / 3, 12)
    True
    """
    if order < SERIES_FROM:
        return float(scipy.special.beta(order, 0.5) / 2)
    return float(np.sqrt(np.pi / (4 * order)) * np.polynomial.polynomial.polyval(1 / order, SERIES))


def entry_pair_moment(order: int) -> float:
    """The mean product E|U_ij||U_kl| of two entries that share neither row nor column.

    Examples
    --------
    >>> round(entry_pair_moment(2), 12)  # here |U_11| = |U_22|, and |U_11|² is uniform
    0.5
    """
    return (1 - 1 / order) * entry_mean(order - 1) ** 2


def _mean_square_sum(order: int) -> float:
    """E b² for b = 1ᵀ|U|1/N: N² terms that are one entry squared, share a line, or share none."""
    aligned = np.pi / (4 * order)  # E|U_ij||U_ik| for j ≠ k
    return 1 / order + 2 * (order - 1) * aligned + (order - 1) ** 2 * entry_pair_moment(order)


def perron_mean(order: int, part: str = "real") -> float:
    """The mean of the Perron eigenvalue of |U|, N·Γ(3/2)Γ(N)/Γ(N + 1/2), close to √(πN)/2.

    It is the exact mean of b = 1ᵀ|U|1/N. The eigenvalue is b + (row part)·(column part)/b + …, and the
    second term has mean zero, for the law of |U| does not change when its rows alone are permuted. For
    |U||U|ᵀ the same expansion adds to b² what the row and the column sums deviate by, so that all
    eigenvalues together add up to N.

    Examples
    --------
    >>> round(perron_mean(100), 3), round(perron_mean(100, "symmetric"), 2)
    (8.873, 78.77)
    """
    if choice("part", part, PARTS) == "symmetric":
        line = 1 + (order - 1) * np.pi / 4  # E (sum of a row)²
        return 2 * line - _mean_square_sum(order)
    return order * entry_mean(order)


def perron_deviation(order: int, part: str = "real") -> float:
    """The standard deviation of the Perron eigenvalue of |U|, close to √(1 - 5π/16)/√N = 0.1351/√N.

    It is the exact deviation of b = 1ᵀ|U|1/N. Independent entries would give √(1 - π/4)/√N = 0.46/√N. Rows
    and columns of unit length leave of each entry only what |U_ij|² does not determine linearly, which has
    the variance (1 - 5π/16)/N.

    Examples
    --------
    >>> round(perron_deviation(2), 4), round(100 * perron_deviation(10_000), 4)
    (0.0873, 0.1351)
    """
    n, mean = order, perron_mean(order)
    # E b² - (E b)² with the terms of size N cancelled by hand.
    variance = (1 + (n - 1) * np.pi / 2 - (mean / n) ** 2 * (2 * n**2 - 1.25 * n + 0.25)) / n
    deviation = float(np.sqrt(variance))
    return 2 * mean * deviation if choice("part", part, PARTS) == "symmetric" else deviation


def bulk_radius() -> float:
    """The radius √(1 - π/4) of the disc that all eigenvalues of |U| but the Perron one fill as N grows.

    Examples
    --------
    >>> round(bulk_radius(), 4)
    0.4633
    """
    return float(np.sqrt(1 - np.pi / 4))


def bulk_deviation(order: int) -> float:
    """The entry deviation of the real Ginibre matrix of order N - 1 that is as large as |U| without its mean.

    Examples
    --------
    >>> round(bulk_deviation(2), 4), round(31 ** 0.5 * bulk_deviation(32), 4)
    (0.4633, 0.4627)
    """
    n = order
    square = n - 2 - (n - 1) * np.pi / 2 + _mean_square_sum(n)
    return float(np.sqrt(square)) / (n - 1)


def trace_excess() -> float:
    """How far |U| is from Gaussian, as far as its spectrum can tell: κ = -0.918 to leading order in 1/N.

    For the bulk Y of |U| four groups of entries contribute: the excess kurtosis of one entry (0.245), pairs
    in a row (-1, for rows have unit length), pairs in a column (-1), and the four corners of a rectangle
    ((π/(16 - 4π))² = 0.837, for rows are orthogonal).

    Examples
    --------
    >>> round(trace_excess(), 4)
    -0.9178
    """
    kurtosis = (16 * (np.pi - 1) + 8 * np.pi - 6 * np.pi**2) / (4 - np.pi) ** 2
    rows = columns = -1.0
    rectangles = (np.pi / (16 - 4 * np.pi)) ** 2
    return kurtosis + rows + columns + rectangles
