"""A network at rising shares taken away: its accuracy, its Var(CSD), and where a rule would stop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mme.arguments import choice, number
from mme.ensembles.difference import CircularSpectralDifference, circular_spectral_difference
from mme.ensembles.equivalence import default_delta
from mme.ensembles.layers import layer_matrix_ensemble
from mme.ensembles.spectrum import pooled_spectrum
from mme.errors import InputError
from mme.networks._torch import nn, torch
from mme.networks.training import digits_images, own_settings
from mme.result import Result
from mme.shrinking.truncation import stored_numbers

__all__ = ["AccuracyChange", "Step", "Stopping", "correct_answers", "ladder", "measured", "stopping"]

ZEROS = ("keep", "drop")


def correct_answers(model: nn.Module) -> np.ndarray:
    """Which of the digits' test images a network tells right.

    Parameters
    ----------
    model : torch.nn.Module
        Takes images, shape (n, 1, 8, 8), to scores, shape (n, 10); it is used in evaluation mode, and stays
        in the mode that it is in.

    Returns
    -------
    ndarray of bool, shape (450,)

    Examples
    --------
    >>> correct_answers(nn.Sequential(nn.Flatten(), nn.Linear(64, 10))).shape
    (450,)
    """
    digits, mode = digits_images(), model.training
    with own_settings(), torch.no_grad():
        scores = model.eval()(digits.test_images)
    model.train(mode)
    return np.asarray((scores.argmax(1) == digits.test_labels).numpy())


@dataclass(frozen=True, eq=False)
class AccuracyChange(Result):
    """How much more or less accurate one network is than another on the same images.

    Attributes
    ----------
    change : float
        Accuracy of the second, less that of the first.
    standard_error : float
        Of the mean over images of the paired differences, each −1, 0 or 1.
    """

    change: float
    standard_error: float

    def falls(self, errors: float = 2.0) -> bool:
        """Whether accuracy falls by more than so many standard errors.

        Examples
        --------
        >>> AccuracyChange(-0.02, 0.005).falls()
        True
        """
        return self.change < -errors * self.standard_error


@dataclass(frozen=True, eq=False)
class Step(Result):
    """A network on its way down.

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

    @property
    def accuracy(self) -> float:
        """Share of the test images that it tells right."""
        return float(self.correct.mean())

    @property
    def standard_error(self) -> float:
        """The binomial standard error of `accuracy`, √(p(1 − p)/n)."""
        return float(np.sqrt(self.accuracy * (1 - self.accuracy) / self.correct.size))

    def change_from(self, start: Step) -> AccuracyChange:
        """Return the change of accuracy since another step, image by image.

        Both steps are judged on the same images, and most of these both get right. So the error of the
        difference comes from the images on which they disagree.
        """
        paired = self.correct.astype(float) - start.correct
        error = paired.std(ddof=1) / np.sqrt(paired.size)
        return AccuracyChange(float(paired.mean()), float(error))

    def moved_from(self, start: Step, zeros: str = "keep") -> float:
        """Return Var(CSD) less that of another step."""
        choice("zeros", zeros, ZEROS)
        return float(getattr(self, zeros).variance - getattr(start, zeros).variance)

    def delta(self, start: Step, zeros: str = "keep") -> float:
        """Return the default δ of the equivalence test of the two steps."""
        choice("zeros", zeros, ZEROS)
        return default_delta(getattr(self, zeros), getattr(start, zeros))


def measured(model: nn.Module, share: float = 0.0) -> Step:
    """Measure one network.

    Parameters
    ----------
    model : torch.nn.Module
        Takes images of digits, shape (n, 1, 8, 8), to scores, shape (n, 10).
    share : float
        What was taken away from it, for the record.

    Returns
    -------
    Step

    Examples
    --------
    >>> measured(nn.Sequential(nn.Flatten(), nn.Linear(64, 10))).parameters
    650
    """
    spectrum = pooled_spectrum(layer_matrix_ensemble(model))
    keep, drop = (circular_spectral_difference(spectrum, "deterministic", zeros=zeros) for zeros in ZEROS)
    return Step(float(share), stored_numbers(model), correct_answers(model), keep, drop)


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
    shrink : callable
        Takes the model and a share to a smaller model: `mme.transforms.prune`, `truncate_rank`,
        `remove_units`, or yours.
    shares : iterable of float
        Rising.
    retrain : callable, optional
        Takes the smaller model to one that was trained on; see `mme.shrinking.retrain`.

    Returns
    -------
    tuple of Step
        The first one is the network itself.

    Raises
    ------
    InputError
        If the shares do not rise, or the last one is above 1 or the first one not above 0.

    Examples
    --------
    >>> from mme.transforms import prune
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    >>> [step.parameters for step in ladder(model, prune, [0.5, 0.75])]
    [650, 330, 170]
    """
    rising = [0.0, *(float(share) for share in shares)]
    if not all(low < high <= 1 for low, high in pairwise(rising)):
        raise InputError(f"shares must rise, from above 0 up to at most 1, but they are {rising[1:]}.")
    steps = [measured(model)]
    for share in rising[1:]:
        smaller = shrink(model, share)
        steps.append(measured(smaller if retrain is None else retrain(smaller), share))
    return tuple(steps)


@dataclass(frozen=True, eq=False)
class Stopping(Result):
    """Where the rule "shrink while equivalent" stops, and where accuracy falls.

    Attributes
    ----------
    equivalent : int
        The last step up to which all are equivalent to the first.
    accurate : int
        The last step up to which none is less accurate than the first by more than the errors allowed.
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
    if not steps:
        raise InputError("steps must hold at least the network itself, but there is none.")
    if delta is not None:
        delta = number("delta", delta, 0)
    start = steps[0]
    equivalent = [
        abs(step.moved_from(start, zeros)) <= (step.delta(start, zeros) if delta is None else delta)
        for step in steps
    ]
    accurate = [not step.change_from(start).falls(errors) for step in steps]
    return Stopping(_last(equivalent), _last(accurate))


def _last(holds: Sequence[bool]) -> int:
    """The last place up to which it holds everywhere; it holds at the first."""
    return next((place for place, each in enumerate(holds) if not each), len(holds)) - 1
