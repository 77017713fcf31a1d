"""The deterministic conjugate: the expected spectrum of |U| for Haar unitary U, instead of draws of it.

What is known of the law, and what is observed, is told in the chapter "The law behind the sampling". One
eigenvalue is the Perron one (`mme.ensembles.modulus_moments`); the N - 1 others, the bulk, follow one of
four methods:

"limit"
    The law as N → ∞: the circular law of radius √(1 - π/4), or Marchenko and Pastur's law for |U||U|ᵀ.
"ginibre"
    The real Ginibre ensemble of order N - 1 with entry deviation √((1 - π/4)/(N-1)), exact at finite order.
"corrected"
    The same with the exact entry deviation, and with the first-order effect of tr((YYᵀ)²).
"table"
    Quantiles that were sampled once for the order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike

from mme.arguments import choice, plain_array, shown
from mme.ensembles.circular import validate_order, validate_orders
from mme.ensembles.ginibre import expected_eigenvalues
from mme.ensembles.mixed import PARTS, Part
from mme.ensembles.modulus_moments import (
    bulk_deviation,
    bulk_radius,
    perron_deviation,
    perron_mean,
    trace_excess,
)
from mme.ensembles.modulus_table import PROBABILITIES, modulus_quantiles
from mme.ensembles.spectrum import POOLINGS, Pooling
from mme.ensembles.wishart import expected_squares
from mme.errors import InputError
from mme.result import Result

__all__ = [
    "METHODS", "TABLE_BELOW", "DeterministicSpectrum", "bulk_radius", "deterministic_spectrum",
    "modulus_density", "modulus_distribution", "perron_deviation", "perron_mean",
]  # fmt: skip

METHODS = ("auto", "limit", "ginibre", "corrected", "table")

# A table errs by 0.001 to 0.002 at every order. The corrected law errs more below this order and less from
# about there on, as the chapter measures.
TABLE_BELOW = 24

# The difference from the limit law is computed up to these orders N and taken to be the same beyond. For the
# symmetric part it converges: 0.05 eigenvalues in all are missed. For the others it grows with √N at the rim
# of the disc, and 3e-5 of all eigenvalues may be missed.
LARGEST_EXACT = {"real": 10**7, "modulus": 10**7, "symmetric": 5000}
MOST_KEPT = 2**16  # edges, of counts that are not computed again


@dataclass(frozen=True, eq=False, repr=False)
class DeterministicSpectrum(Result):
    """The expected pooled spectrum of the circular unitary mixed ensemble ([1] Definitions 2 and 4).

    Examples
    --------
    >>> spectrum = deterministic_spectrum([64, 64, 100])
    >>> spectrum.expected_counts([-np.inf, 0, 6, np.inf]).round(2)
    array([112.5, 112.5,   3. ])
    """

    orders: tuple[int, ...]
    part: Part = "real"
    method: str = "auto"
    pooling: Pooling = "plain"

    def expected_counts(self, edges: ArrayLike) -> np.ndarray:
        """The expected number of eigenvalues in each bin, shape (bins,); the outer edges may be infinite."""
        points = _edges(edges)
        counts = _expected_counts if points.size <= MOST_KEPT else _expected_counts.__wrapped__
        return counts(self.orders, self.part, self.method, self.pooling, points.tobytes())


@lru_cache(maxsize=16)  # networks of one architecture, and the densities of one network, ask for the same
def _expected_counts(
    orders: tuple[int, ...], part: Part, method: str, pooling: Pooling, edges: bytes
) -> np.ndarray:
    """The expected number of eigenvalues in each bin, read-only."""
    points, longest, total = np.frombuffer(edges), max(orders), np.zeros(len(edges) // 8 - 1)
    for order, n in sorted(Counter(orders).items()):
        copies, left = divmod(longest if pooling == "periodic" else order, order)
        share = modulus_distribution(order, points, part, method)
        # The smallest `left` eigenvalues stand once more. Their number up to x is taken to be its mean.
        total += n * copies * order * np.diff(share) + n * np.diff(np.minimum(order * share, left))
    total.setflags(write=False)
    return total


def deterministic_spectrum(
    orders: Iterable[int], part: Part = "real", method: str = "auto", pooling: Pooling = "plain"
) -> DeterministicSpectrum:
    """Return the circular unitary mixed ensemble of given orders, by its law instead of by draws.

    Parameters
    ----------
    orders : iterable of int
        N_l ≥ 2, repeated as often as they occur.
    part, method
        As in `modulus_density`.
    pooling : {"plain", "periodic"}
        As in `pooled_spectrum`. Where an order does not divide the largest, the smallest eigenvalues stand
        once more than the others, and where these end is taken to be sharp: it fluctuates by few eigenvalues.

    Raises
    ------
    InputError
        If an order is not an integer of at least 2, or an option is unknown.

    Examples
    --------
    >>> deterministic_spectrum([64, 10])
    DeterministicSpectrum(orders=(64, 10), part='real', method='auto', pooling='plain')
    >>> deterministic_spectrum([64, 10], pooling="periodic").expected_counts([-np.inf, np.inf])
    array([128.])
    """
    part, method = choice("part", part, PARTS), choice("method", method, METHODS)
    return DeterministicSpectrum(validate_orders(orders), part, method, choice("pooling", pooling, POOLINGS))


def modulus_density(order: int, edges: ArrayLike, part: Part = "real", method: str = "auto") -> np.ndarray:
    """The expected share of the N eigenvalues of |U| in each bin, for Haar unitary U of order N.

    Parameters
    ----------
    order : int
        N, at least 2.
    edges : array_like, shape (bins + 1,)
        Ascending; the outer ones may be infinite.
    part : {"real", "modulus", "symmetric"}
        Real parts or moduli of the eigenvalues of |U|, or the eigenvalues of |U||U|ᵀ.
    method : {"auto", "limit", "ginibre", "corrected", "table"}
        As described at the top of `mme.ensembles.limit_law`; "auto" takes the table below order 24 and the
        corrected law from there on.

    Returns
    -------
    ndarray, shape (bins,)
        The shares add up to the expected number inside, over N: to 1 over the whole line.

    Raises
    ------
    InputError
        If the order is not an integer of at least 2, the edges are not ascending numbers, an option is
        unknown, or a table is asked for above order 64.

    Examples
    --------
    >>> modulus_density(100, [-1, -0.5, 0, 0.5, 6, 12]).round(4)
    array([0.0007, 0.4943, 0.4943, 0.0007, 0.01  ])
    >>> modulus_density(100, [0, 0.25, 1], "modulus", method="limit").round(4)
    array([0.2883, 0.7017])
    """
    return np.diff(modulus_distribution(order, _edges(edges), part, method))


def modulus_distribution(order: int, x: ArrayLike, part: Part = "real", method: str = "auto") -> np.ndarray:
    """The expected share of the N eigenvalues of |U| that are at most x.

    Examples
    --------
    >>> modulus_distribution(64, [0, 1, 10]).round(4)
    array([0.4922, 0.9844, 1.    ])
    """
    order = validate_order("order", order)
    part, method = choice("part", part, PARTS), choice("method", method, METHODS)
    points = _points("x", x)
    if method == "auto":
        method = "table" if order < TABLE_BELOW else "corrected"
    if method == "table":
        return np.asarray(np.interp(points, modulus_quantiles(order, part), PROBABILITIES))
    if method == "limit":
        bulk = (order - 1) * _limit(points, part)
    else:
        bulk = _finite(order, points, part, corrected=method == "corrected")
    perron = scipy.special.ndtr((points - perron_mean(order, part)) / perron_deviation(order, part))
    return np.asarray((bulk + perron) / order)


def _limit(x: np.ndarray, part: Part) -> np.ndarray:
    """The share of the bulk up to x as N → ∞."""
    scaled = x / bulk_radius()
    if part == "modulus":
        return np.asarray(np.clip(scaled, 0, 1) ** 2)
    if part == "real":  # the disc seen from the side is a semicircle
        u = np.clip(scaled, -1, 1)
        return np.asarray(0.5 + (u * np.sqrt(1 - u**2) + np.arcsin(u)) / np.pi)
    u = np.sqrt(np.clip(x, 0, None)).clip(0, 2 * bulk_radius()) / (2 * bulk_radius())
    return np.asarray(2 / np.pi * (u * np.sqrt(1 - u**2) + np.arcsin(u)))


def _finite(order: int, x: np.ndarray, part: Part, corrected: bool) -> np.ndarray:
    """The expected number of the N - 1 bulk eigenvalues up to x, as those of a Ginibre matrix."""
    n = order - 1
    if n > LARGEST_EXACT[part]:
        n = LARGEST_EXACT[part]
        return np.asarray(_finite(n + 1, x, part, corrected) + (order - 1 - n) * _limit(x, part))
    deviation = bulk_deviation(order) if corrected else bulk_radius() / np.sqrt(n)
    excess = trace_excess() if corrected else 0.0
    if part == "symmetric":
        return expected_squares(n, x / deviation**2, excess)
    return expected_eigenvalues(n, x / deviation, part, excess)


def _edges(value: Any) -> np.ndarray:
    points = _points("edges", value)
    if points.ndim != 1 or len(points) < 2 or not (points[:-1] < points[1:]).all():
        raise InputError(f"edges must be two or more ascending numbers in a row, but it is {shown(value)}.")
    return points


def _points(name: str, value: Any) -> np.ndarray:
    """Numbers, infinite ones too."""
    array = plain_array(name, value)
    if array.dtype.kind not in "iuf" or np.isnan(array).any():
        raise InputError(f"{name} must be numbers, infinite ones too, but it is {shown(value)}.")
    return array.astype(float)
