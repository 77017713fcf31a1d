"""A δ with a stated error rate, from pairs that are known to be alike, whatever the statistic."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf

import numpy as np
import scipy
from numpy.typing import ArrayLike

from mme.arguments import sequence, share
from mme.errors import InputError
from mme.result import Result, counted

__all__ = ["Calibration", "calibrate_delta", "disjoint_differences"]

ROUNDING = 1e-9  # (n + 1)(1 − α) is often meant to be an integer


def disjoint_differences(values: ArrayLike) -> np.ndarray:
    """Return |v₁ − v₂|, |v₃ − v₄|, …: independent where the values are, as all n(n − 1)/2 pairs are not.

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
    pairs, rank : int
        Number n of pairs, and k = ⌈(n + 1)(1 − α)⌉.
    level : float
        Confidence of both intervals.
    delta_interval : (float, float)
        For the (1 − α)-quantile of the differences; an end that n pairs cannot give is 0 or infinite.
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
    """Return the δ that one more pair like the given ones exceeds with probability at most `rate`.

    Source: Wilks (1941), Determination of sample sizes for setting tolerance limits, for both intervals.
    Vovk, Gammerman and Shafer (2005), Algorithmic learning in a random world: all ranks are equally likely.

    Parameters
    ----------
    differences : array_like, shape (n,)
        |v − v′| for pairs that should not be told apart, independent of one another.
    rate : float
        Stated error rate α; n must be at least 1/α − 1.
    level : float
        Confidence of the intervals.

    Raises
    ------
    InputError
        If a difference is negative or not finite, the rate or the level is not between 0 and 1, or there are
        too few pairs for the rate.

    Examples
    --------
    >>> calibrate_delta(range(1, 20), rate=0.1)
    Calibration(δ = 18 from 19 pairs: error rate 10.0%, of this δ 1.3% to 26.0% with 95% confidence)
    """
    values = np.sort(sequence("differences", differences, negative=False))
    rate, level = share("rate", rate), share("level", level)
    count, ends = len(values), ((1 - level) / 2, (1 + level) / 2)
    rank = ceil((count + 1) * (1 - rate) - ROUNDING)
    if rank > count:
        least = ceil(1 / rate - 1 - ROUNDING)
        raise InputError(
            f"differences must be at least {least} for an error rate of {rate:g}, but they are {count}."
        )
    # How many differences lie below the quantile is binomial; what share lies above δ is a beta variable.
    low, high = (int(below) for below in scipy.stats.binom.ppf(ends, count, 1 - rate))
    padded = [0.0, *values.tolist(), inf]
    sizes = scipy.stats.beta.ppf(ends, count + 1 - rank, rank).tolist()
    return Calibration(
        padded[rank], rate, count, rank, level, (padded[low], padded[high + 1]), (sizes[0], sizes[1])
    )
