"""What one number of a network tells about another: rank correlations, and predictions of left-out ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from mme.arguments import finite_array
from mme.errors import InputError
from mme.result import Result

__all__ = ["RankCorrelation", "leave_one_out", "rank_correlation"]

FEWEST = 5


@dataclass(frozen=True, eq=False)
class RankCorrelation(Result):
    """Spearman's rank correlation, plain or partial.

    Attributes
    ----------
    value : float
        From −1 to 1.
    low, high : float
        Ends of an approximate 95 % interval.
    p_value : float
        Two-sided, for the hypothesis that there is no correlation.
    count : int
        Number of pairs.
    """

    value: float
    low: float
    high: float
    p_value: float
    count: int

    def __repr__(self) -> str:
        return (
            f"RankCorrelation({self.value:+.2f}, from {self.low:+.2f} to {self.high:+.2f}, "
            f"p = {self.p_value:.2g}, {self.count} pairs)"
        )


def rank_correlation(
    x: ArrayLike, y: ArrayLike, given: ArrayLike | None = None, *, within: Sequence[Any] | None = None
) -> RankCorrelation:
    """Spearman's rank correlation of two quantities, if wanted with a third one held fixed, or inside groups.

    Parameters
    ----------
    x, y : array_like, shape (n,)
    given : array_like, shape (n,), optional
        What is held fixed: from the ranks of x and y the best straight line in the ranks of this is taken
        off, and what is left is correlated.
    within : sequence of n labels, optional
        Groups, whose means are taken off before ranking: what sets the groups apart then says nothing.

    Returns
    -------
    RankCorrelation
        The p-value is that of Student's t with n − 2 degrees of freedom; the interval is Fisher's, with
        Fieller's variance 1.06/(n − 3). What is held fixed takes one off n, and g groups g − 1. Both suppose
        independent pairs.

    Raises
    ------
    InputError
        If there are fewer than five pairs, shapes differ, an array is constant or not finite, or too little
        is left inside the groups.

    References
    ----------
    Fieller, Hartley and Pearson (1957), Tests for rank correlation coefficients, I.

    Examples
    --------
    >>> rank_correlation([1, 2, 3, 4, 5, 6], [1, 3, 2, 4, 6, 5])
    RankCorrelation(+0.89, from +0.23 to +0.99, p = 0.019, 6 pairs)
    """
    names = {"x": x, "y": y} if given is None else {"x": x, "y": y, "given": given}
    arrays = [finite_array(name, values) for name, values in names.items()]
    for name, values in zip(names, arrays, strict=True):
        if values.ndim != 1 or values.shape != arrays[0].shape or values.size < FEWEST:
            raise InputError(
                f"{name} must have one axis of at least {FEWEST} entries, as many as x, "
                f"but has the shape {values.shape}."
            )
    fixed = 0
    if within is not None:
        arrays, fixed = _inside_groups(arrays, within)
    for name, values in zip(names, arrays, strict=True):
        if np.ptp(values) == 0:
            raise InputError(f"{name} must not be constant, for then it has no ranks.")
    ranks = [stats.rankdata(values) for values in arrays]
    if given is not None:
        line = np.stack([np.ones_like(ranks[2]), ranks[2]], axis=1)
        ranks = [each - line @ np.linalg.lstsq(line, each)[0] for each in ranks[:2]]
        fixed += 1
    return _judged(float(np.corrcoef(ranks[0], ranks[1])[0, 1]), arrays[0].size, fixed)


def _inside_groups(arrays: list[np.ndarray], within: Sequence[Any]) -> tuple[list[np.ndarray], int]:
    """The deviations from the means of the groups, and how many means were fitted beyond one."""
    labels = list(dict.fromkeys(within))
    size = arrays[0].size
    if len(within) != size or size - len(labels) + 1 < FEWEST:
        raise InputError(
            f"within must have {size} labels of at most {size + 1 - FEWEST} groups, "
            f"but has {len(within)} of {len(labels)}."
        )
    member = np.array([[each == label for each in within] for label in labels], dtype=float)
    means = (member.T / member.sum(axis=1)) @ member
    return [values - means @ values for values in arrays], len(labels) - 1


def _judged(value: float, count: int, fixed: int) -> RankCorrelation:
    free = count - 2 - fixed
    inside = float(np.clip(value, -1 + 1e-15, 1 - 1e-15))  # arctanh of a perfect correlation is infinite
    p_value = 2 * stats.t.sf(abs(inside) * np.sqrt(free / (1 - inside**2)), free)
    half = stats.norm.ppf(0.975) * np.sqrt(1.06 / (count - 3 - fixed))
    low, high = np.tanh(np.arctanh(inside) + np.array([-half, half]))
    return RankCorrelation(value, float(low), float(high), float(p_value), count)


def leave_one_out(y: ArrayLike, *predictors: ArrayLike) -> np.ndarray:
    """Predict each entry from all others by a straight line, and return the errors.

    Parameters
    ----------
    y : array_like, shape (n,)
    *predictors : array_like, shape (n,)
        None of them: the mean of the others is the prediction.

    Returns
    -------
    ndarray, shape (n,)
        What was observed, less what was predicted. A fit to all entries is enough: its residuals, each
        divided by one minus its leverage.

    Raises
    ------
    InputError
        If shapes differ, something is not finite, or there are too few entries for so many predictors.

    References
    ----------
    Allen (1974), The relationship between variable selection and data augmentation and a method for
    prediction.

    Examples
    --------
    >>> leave_one_out([1.0, 2.0, 6.0])
    array([-3. , -1.5,  4.5])
    """
    target = finite_array("y", y)
    columns: list[Any] = [finite_array("predictors", each) for each in predictors]
    if target.ndim != 1 or any(each.shape != target.shape for each in columns):
        shapes = ", ".join(str(each.shape) for each in (target, *columns))
        raise InputError(f"y and predictors must have one axis and equally many entries, but have {shapes}.")
    if target.size < len(columns) + 2:
        raise InputError(
            f"y must have at least {len(columns) + 2} entries for {len(columns)} predictors, "
            f"but has {target.size}."
        )
    design = np.stack([np.ones(target.size), *columns], axis=1).astype(float)
    basis, triangle = np.linalg.qr(design)
    size = np.abs(np.diagonal(triangle))
    leverage = (basis**2).sum(axis=1)
    if size.min() <= 1e-12 * size.max() or leverage.max() >= 1 - 1e-12:
        raise InputError("predictors must vary, and independently of each other, without any one entry.")
    return np.asarray((target - basis @ (basis.T @ target)) / (1 - leverage))
