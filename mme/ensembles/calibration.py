"""A δ with a stated error rate, from pairs that are known to be alike, and how often pairs are told apart.

A statistic gives each network one number, and a pair is told apart when the two numbers differ by more than
δ. Nothing here knows which statistic it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf

import numpy as np
import scipy
from numpy.typing import ArrayLike

from mme.arguments import number, sequence, share
from mme.errors import InputError
from mme.result import Result, counted

__all__ = ["Calibration", "RejectionRate", "calibrate_delta", "disjoint_differences", "rejection_rate"]

ROUNDING = 1e-9  # (n + 1)(1 − α) is often meant to be an integer


def disjoint_differences(values: ArrayLike) -> np.ndarray:
    """Return the differences |v₁ − v₂|, |v₃ − v₄|, … of values that are taken in pairs.

    Each value serves once. So independent networks give independent pairs, which all n(n − 1)/2 pairs of n
    networks are not.

    Parameters
    ----------
    values : array_like, shape (n,)
        One statistic of n networks. Of an odd number the last one is left over.

    Returns
    -------
    ndarray, shape (n // 2,)

    Raises
    ------
    InputError
        If the values are not a finite sequence of at least two.

    Examples
    --------
    >>> disjoint_differences([1.0, 4.0, 2.0, 0.0, 9.0])
    array([3., 2.])
    """
    values = sequence("values", values, least=2)
    pairs = values[: len(values) // 2 * 2].reshape(-1, 2)
    return np.asarray(np.abs(pairs[:, 0] - pairs[:, 1]))


@dataclass(frozen=True, eq=False, repr=False)
class Calibration(Result):
    """A tolerance δ that pairs of one kind exceed with a stated probability, and how well it is known.

    Attributes
    ----------
    delta : float
        The `rank`-th smallest of the differences.
    rate : float
        The error rate α that was asked for.
    pairs : int
        Number n of pairs.
    rank : int
        k = ⌈(n + 1)(1 − α)⌉.
    level : float
        Confidence of both intervals.
    delta_interval : (float, float)
        For the (1 − α)-quantile of the differences: two of their order statistics. An end that n pairs
        cannot give is 0 or infinite.
    rate_interval : (float, float)
        For the error rate of this very δ, which is a random number.
    """

    also = ("expected_rate",)
    delta: float
    rate: float
    pairs: int
    rank: int
    level: float
    delta_interval: tuple[float, float]
    rate_interval: tuple[float, float]

    @property
    def expected_rate(self) -> float:
        """The probability (n + 1 − k)/(n + 1) that one more pair exceeds δ; at most α."""
        return (self.pairs + 1 - self.rank) / (self.pairs + 1)

    def __repr__(self) -> str:
        (low, high), pairs = self.rate_interval, counted(self.pairs, "pair")
        return (
            f"Calibration(δ = {self.delta:.3g} from {pairs}: error rate {self.expected_rate:.1%}, "
            f"of this δ {low:.1%} to {high:.1%} with {self.level:.0%} confidence)"
        )


def calibrate_delta(differences: ArrayLike, rate: float = 0.1, *, level: float = 0.95) -> Calibration:
    """Return the δ that pairs like the given ones exceed with probability at most `rate`.

    Of n + 1 exchangeable differences each is equally likely to be the largest, the second largest, and so on.
    So the k-th smallest of n is exceeded by the next one with probability (n + 1 − k)/(n + 1) when no two are
    equal, and with at most that when some are, whatever their law.

    Parameters
    ----------
    differences : array_like, shape (n,)
        |v − v′| for pairs that should not be told apart, independent of one another:
        `disjoint_differences`.
    rate : float
        Stated error rate α; n must be at least 1/α − 1.
    level : float
        Confidence of the intervals.

    Returns
    -------
    Calibration

    Raises
    ------
    InputError
        If a difference is negative or not finite, the rate or the level is not between 0 and 1, or there are
        too few pairs for the rate.

    References
    ----------
    Wilks (1941), Determination of sample sizes for setting tolerance limits: the error rate of δ has the beta
    distribution with parameters n + 1 − k and k. Vovk, Gammerman and Shafer (2005), Algorithmic learning in a
    random world, for the same rank argument as conformal prediction.

    Examples
    --------
    >>> calibrate_delta(range(1, 20), rate=0.1)
    Calibration(δ = 18 from 19 pairs: error rate 10.0%, of this δ 1.3% to 26.0% with 95% confidence)
    """
    values = np.sort(sequence("differences", differences, negative=False))
    rate, level = share("rate", rate), share("level", level)
    count = len(values)
    rank = ceil((count + 1) * (1 - rate) - ROUNDING)
    if rank > count:
        least = ceil(1 / rate - 1 - ROUNDING)
        raise InputError(
            f"differences must be at least {least} for an error rate of {rate:g}, but they are {count}."
        )
    outside = (1 - level) / 2
    # The number of differences below the quantile is binomial; so the quantile lies between these ranks.
    low = int(scipy.stats.binom.ppf(outside, count, 1 - rate))
    high = int(scipy.stats.binom.ppf(1 - outside, count, 1 - rate)) + 1
    ends = (float(values[low - 1]) if low > 0 else 0.0, float(values[high - 1]) if high <= count else inf)
    law = scipy.stats.beta(count + 1 - rank, rank)
    sizes = (float(law.ppf(outside)), float(law.ppf(1 - outside)))
    return Calibration(float(values[rank - 1]), rate, count, rank, level, ends, sizes)


@dataclass(frozen=True, eq=False, repr=False)
class RejectionRate(Result):
    """How often pairs were told apart.

    Attributes
    ----------
    rejected, pairs : int
        Number of pairs that were told apart, and of all pairs.
    low, high : float
        The interval of Clopper and Pearson for the probability.
    level : float
        Its confidence.
    """

    also = ("rate",)
    rejected: int
    pairs: int
    low: float
    high: float
    level: float

    @property
    def rate(self) -> float:
        """The share of pairs that were told apart."""
        return self.rejected / self.pairs

    def __repr__(self) -> str:
        return (
            f"RejectionRate({self.rejected} of {self.pairs}: {self.rate:.1%}, "
            f"{self.low:.1%} to {self.high:.1%} with {self.level:.0%} confidence)"
        )


def rejection_rate(differences: ArrayLike, delta: float, *, level: float = 0.95) -> RejectionRate:
    """Return how often differences exceed δ, with an interval for the probability that one does.

    Parameters
    ----------
    differences : array_like, shape (n,)
        |v − v′| for independent pairs that had no part in choosing δ.
    delta : float
    level : float
        Confidence of the interval.

    Returns
    -------
    RejectionRate

    Raises
    ------
    InputError
        If a difference is negative or not finite, δ is negative or not finite, or the level is not between 0
        and 1.

    References
    ----------
    Clopper and Pearson (1934), The use of confidence or fiducial limits illustrated in the case of the
    binomial: the interval covers with at least the stated probability, for every n.

    Examples
    --------
    >>> rejection_rate([0.1, 0.5, 0.7, 0.2], delta=0.4)
    RejectionRate(2 of 4: 50.0%, 6.8% to 93.2% with 95% confidence)
    """
    values = sequence("differences", differences, negative=False)
    delta, level = number("delta", delta, 0), share("level", level)
    rejected = int((values > delta).sum())
    interval = scipy.stats.binomtest(rejected, len(values)).proportion_ci(level, method="exact")
    return RejectionRate(rejected, len(values), float(interval.low), float(interval.high), level)
