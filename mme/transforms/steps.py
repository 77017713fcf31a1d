"""A network at rising shares taken away: its accuracy, its Var(CSD), and where a rule would stop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mme.arguments import choice, number, of_type, real_array, shown
from mme.ensembles.difference import CircularSpectralDifference, circular_spectral_difference
from mme.ensembles.equivalence import default_delta
from mme.ensembles.layers import layer_matrix_ensemble
from mme.ensembles.spectrum import pooled_spectrum
from mme.errors import InputError
from mme.networks._torch import nn
from mme.networks.training import checked_module, correct_answers
from mme.result import Result
from mme.transforms.tensors import stored_numbers

__all__ = ["Step", "Stopping", "ladder", "stopping"]

ZEROS = ("keep", "drop")


@dataclass(frozen=True, eq=False)
class Step(Result):
    """A network on its way down; `Step.of` measures one.

    Attributes
    ----------
    share : float
        What was taken away, from 0 to 1.
    parameters : int
        Numbers to store, by `stored_numbers`.
    correct : ndarray of bool, shape (n,)
        Which test images it tells right.
    keep, drop : CircularSpectralDifference
        Against the law of its conjugate, with structural zeros kept and dropped.
    """

    share: float
    parameters: int
    correct: np.ndarray
    keep: CircularSpectralDifference
    drop: CircularSpectralDifference

    @classmethod
    def of(cls, model: nn.Module, share: float = 0.0) -> Step:
        """Measure a network that takes images of digits, shape (n, 1, 8, 8), to scores, shape (n, 10).

        Examples
        --------
        >>> Step.of(nn.Sequential(nn.Flatten(), nn.Linear(64, 10))).parameters
        650
        """
        share, correct = number("share", share, 0, 1), correct_answers(model)
        spectrum = pooled_spectrum(layer_matrix_ensemble(model))
        keep, drop = (circular_spectral_difference(spectrum, "deterministic", zeros=zeros) for zeros in ZEROS)
        return cls(share, stored_numbers(dict(model.named_parameters())), correct, keep, drop)

    @property
    def accuracy(self) -> float:
        """Share of the test images that it tells right."""
        return float(self.correct.mean())

    @property
    def standard_error(self) -> float:
        """The binomial standard error of `accuracy`, √(p(1 − p)/n)."""
        return float(np.sqrt(self.accuracy * (1 - self.accuracy) / self.correct.size))

    def change_from(self, start: Step) -> float:
        """Return the accuracy less that of another step."""
        return float(self._paired(start).mean())

    def change_error(self, start: Step) -> float:
        """Return the standard error of `change_from`.

        Both steps are judged on the same images, and most of these both get right. So it comes from the
        images on which they disagree.
        """
        paired = self._paired(start)
        return float(paired.std(ddof=1) / np.sqrt(paired.size))

    def _paired(self, start: Step) -> np.ndarray:
        """Image by image 1 where this step alone is right, −1 where the other one alone is."""
        return np.asarray(self.correct.astype(float) - of_type("start", start, Step, "a Step").correct)

    def moved_from(self, start: Step, zeros: str = "keep") -> float:
        """Return Var(CSD) less that of another step."""
        return float(self.csd(zeros).variance - of_type("start", start, Step, "a Step").csd(zeros).variance)

    def delta(self, start: Step, zeros: str = "keep") -> float:
        """Return the default δ of the equivalence test of the two steps."""
        return default_delta(self.csd(zeros), of_type("start", start, Step, "a Step").csd(zeros))

    def csd(self, zeros: str) -> CircularSpectralDifference:
        """Return `keep` or `drop`."""
        return self.keep if choice("zeros", zeros, ZEROS) == "keep" else self.drop


def ladder(
    model: nn.Module,
    shrink: Callable[[nn.Module, float], nn.Module],
    shares: Iterable[float],
    *,
    retrain: Callable[[nn.Module], nn.Module] | None = None,
) -> tuple[Step, ...]:
    """Shrink a network by rising shares, each time from the whole one, and measure every result.

    Parameters
    ----------
    model : torch.nn.Module
        Takes images of digits, shape (n, 1, 8, 8), to scores, shape (n, 10).
    shrink : callable
        Takes the model and a share to a smaller model: `prune`, `truncate_rank`, `remove_units`, or yours.
    shares : iterable of float
        Rising, from above 0 up to at most 1.
    retrain : callable, optional
        Takes the smaller model to one that was trained on; see `retrain`.

    Returns
    -------
    tuple of Step
        The first one is the network itself.

    Raises
    ------
    InputError
        If the shares do not rise, or the model does not take images to scores.

    Examples
    --------
    >>> from mme.transforms import prune
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    >>> [step.parameters for step in ladder(model, prune, [0.5, 0.75])]
    [650, 330, 170]
    """
    checked_module(model)
    functions = (shrink,) if retrain is None else (shrink, retrain)
    if not all(callable(each) and not isinstance(each, nn.Module | type) for each in functions):
        raise InputError("shrink and retrain must be functions that take a network to another one.")
    rising = real_array("shares", [0.0, *shares] if isinstance(shares, Iterable) else shares)
    if rising.ndim != 1 or not all(low < high <= 1 for low, high in pairwise(rising)):
        raise InputError(f"shares must rise, from above 0 up to at most 1, but they are {shown(shares)}.")
    steps = [Step.of(model)]
    for share in rising[1:].tolist():
        smaller = shrink(model, share)
        steps.append(Step.of(smaller if retrain is None else retrain(smaller), share))
    return tuple(steps)


@dataclass(frozen=True, eq=False)
class Stopping(Result):
    """Where the rule "shrink while equivalent" stops, and where accuracy falls.

    `equivalent` is the last step up to which all are equivalent to the first, and `accurate` the last step up
    to which none is less accurate than the first by more than the errors allowed.
    """

    equivalent: int
    accurate: int


def stopping(
    steps: Sequence[Step], *, zeros: str = "keep", delta: float | None = None, errors: float = 2.0
) -> Stopping:
    """Say where the equivalence test stops a ladder, and where accuracy would.

    Equivalent are two steps whose Var(CSD) differ by at most δ: the second condition of Definition 6. The
    first condition, as printed, holds for any two networks.

    Parameters
    ----------
    steps : sequence of Step
        From `ladder`.
    zeros : {"keep", "drop"}
    delta : float, optional
        By default that of each pair, `mme.ensembles.default_delta`, which grows as a network gets smaller.
    errors : float
        How many standard errors accuracy may fall.

    Returns
    -------
    Stopping
        Places in `steps`.

    Raises
    ------
    InputError
        If there is no step, `zeros` is unknown, or δ is negative or not finite.

    Examples
    --------
    >>> from mme.transforms import prune
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    >>> stopping(ladder(model, prune, [0.5, 0.75]), delta=1000).equivalent
    2
    """
    choice("zeros", zeros, ZEROS)
    if not isinstance(steps, Sequence) or not steps:
        raise InputError(f"steps must hold at least the network itself, but it is {shown(steps)}.")
    given = [of_type(f"steps[{place}]", step, Step, "a Step") for place, step in enumerate(steps)]
    start, errors = given[0], number("errors", errors, 0)
    deltas = [step.delta(start, zeros) if delta is None else number("delta", delta, 0) for step in given]
    moved = [abs(step.moved_from(start, zeros)) <= most for step, most in zip(given, deltas, strict=True)]
    accurate = [step.change_from(start) >= -errors * step.change_error(start) for step in given]
    # The last place up to which each holds everywhere.
    return Stopping([*moved, False].index(False) - 1, [*accurate, False].index(False) - 1)
