"""Steps of a ladder: accuracy and its errors, Var(CSD), and where a rule stops."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from mme.ensembles import circular_spectral_difference, default_delta
from mme.errors import InputError
from mme.networks import ARCHITECTURES, accuracy
from mme.networks._torch import nn, torch
from mme.networks.training import digits_images
from mme.transforms import Step, ladder, prune, remove_units, stopping

SPECTRUM = circular_spectral_difference(
    {"fc": np.random.default_rng(0).normal(size=(40, 60))}, "deterministic"
)


def step(correct: Any, csd: Any = SPECTRUM) -> Step:
    return Step(0.0, 1, np.asarray(correct, dtype=bool), csd, csd)


def spectra(scale: float) -> Any:
    weights = scale * np.random.default_rng(0).normal(size=(200, 400)) / 20
    return circular_spectral_difference({"fc": weights}, "deterministic")


def test_measured_by_other_means() -> None:
    torch.manual_seed(0)
    model = ARCHITECTURES["resnet29"].build()
    found = Step.of(model, 0.25)
    assert model.training  # its mode is as it was
    assert found.share == 0.25
    assert found.accuracy == accuracy(model.eval())
    for zeros in ("keep", "drop"):
        csd = circular_spectral_difference(model.state_dict(), "deterministic", zeros=zeros)
        assert getattr(found, zeros).variance == pytest.approx(csd.variance, rel=1e-12)
    assert found.keep.variance > 2 * found.drop.variance  # bottlenecks have structural zeros


def test_correct_answers_one_by_one() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 10))  # off in evaluation mode
    digits = digits_images()
    weight, bias = model[2].weight.detach(), model[2].bias.detach()
    scores = digits.test_images.reshape(450, 64) @ weight.T + bias
    expected = [
        int(row.argmax()) == int(label) for row, label in zip(scores, digits.test_labels, strict=True)
    ]
    assert Step.of(model).correct.tolist() == expected
    assert 0 < sum(expected) < 450


def test_error_of_the_accuracy() -> None:
    rng = np.random.default_rng(1)
    draws = rng.random((4000, 450)) < 0.9
    spread = draws.mean(axis=1).std()
    assert step(draws[0]).standard_error == pytest.approx(spread, rel=0.15)


def test_error_of_a_change_is_that_of_the_pairs() -> None:
    rng = np.random.default_rng(2)
    hard = rng.random(450)  # the same images are hard for both
    first, second = hard < 0.93 + 0.02 * rng.random(450), hard < 0.90 + 0.02 * rng.random(450)
    change, error = step(second).change_from(step(first)), step(second).change_error(step(first))
    assert change == pytest.approx(second.mean() - first.mean())
    chosen = rng.integers(450, size=(4000, 450))
    spread = (second[chosen].mean(axis=1) - first[chosen].mean(axis=1)).std()
    assert error == pytest.approx(spread, rel=0.06)
    assert error < 0.7 * np.hypot(step(first).standard_error, step(second).standard_error)


def test_ladder_measures_every_share_from_the_whole() -> None:
    model = ARCHITECTURES["vgg5"].build().eval()
    seen = []

    def shrink(given: nn.Module, share: float) -> nn.Module:
        assert given is model
        seen.append(share)
        return remove_units(given, share)

    steps = ladder(model, shrink, [0.25, 0.5])
    assert seen == [0.25, 0.5]
    assert [each.share for each in steps] == [0.0, 0.25, 0.5]
    assert steps[0].parameters > steps[1].parameters > steps[2].parameters
    assert steps[2].delta(steps[0]) == default_delta(steps[2].keep, steps[0].keep)
    assert steps[2].delta(steps[0]) > steps[1].delta(steps[0])
    again = ladder(model, prune, [0.5], retrain=lambda smaller: remove_units(smaller, 0.5))
    assert again[1].parameters < steps[2].parameters


def test_where_the_rules_stop() -> None:
    right = np.ones(450, dtype=bool)
    wrong = right.copy()
    wrong[:100] = False
    start, near, far = spectra(1.0), spectra(1.01), spectra(0.5)
    assert (
        abs(near.variance - start.variance) <= default_delta(near, start) < abs(far.variance - start.variance)
    )
    steps = [step(right, start), step(right, near), step(wrong, near), step(right, far), step(right, near)]
    found = stopping(steps)
    assert (found.equivalent, found.accurate) == (2, 1)  # and not 4, although the last one is fine again
    assert stopping(steps, delta=0.0).equivalent == 0
    assert stopping(steps, delta=100.0).equivalent == 4
    assert stopping(steps, errors=1000).accurate == 4
    assert stopping(steps[:1]).accurate == 0


def test_zeros_are_a_choice() -> None:
    right, start, far = np.ones(450, dtype=bool), spectra(1.0), spectra(0.5)
    steps = [Step(0.0, 1, right, start, start), Step(0.5, 1, right, far, start)]
    assert stopping(steps, zeros="keep").equivalent == 0
    assert stopping(steps, zeros="drop").equivalent == 1
    assert steps[1].moved_from(steps[0]) == far.variance - start.variance
    assert steps[1].moved_from(steps[0], "drop") == 0


ONE = step([True, False])
MODEL = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
WRONG: list[tuple[Callable[[], Any], str]] = [
    (partial(ladder, MODEL, prune, [0.5, 0.4]), "shares must rise"),
    (partial(ladder, MODEL, prune, [0.0]), "shares must rise"),
    (partial(ladder, MODEL, prune, [0.5, 1.5]), "shares must rise"),
    (partial(ladder, MODEL, prune, "0.5"), "shares must be an array of numbers"),
    (partial(ladder, MODEL, prune, 3), "shares must rise"),
    (partial(ladder, MODEL, "prune", [0.5]), "shrink and retrain must be functions"),
    (partial(ladder, MODEL, nn.Linear(3, 2), [0.5]), "shrink and retrain must be functions"),
    (partial(ladder, MODEL, prune, [0.5], retrain=MODEL), "shrink and retrain must be functions"),
    (partial(ladder, "vgg5", prune, [0.5]), "model must be a"),
    (partial(ladder, nn.Linear(3, 2), prune, [0.5]), "model must take images"),
    (partial(ladder, MODEL, lambda model, share: None, [0.5]), "model must be a"),
    (partial(Step.of, MODEL, 2), "share must be a finite number from 0 to 1"),
    (partial(ONE.change_from, 0.5), "start must be a Step"),
    (partial(ONE.moved_from, None), "start must be a Step"),
    (partial(ONE.delta, ONE, "half"), "zeros must be one of 'keep', 'drop'"),
    (partial(stopping, []), "steps must hold at least the network"),
    (partial(stopping, [ONE, 3]), r"steps\[1\] must be a Step, but it is 3"),
    (partial(stopping, [ONE], zeros="half"), "zeros must be one of 'keep', 'drop'"),
    (partial(stopping, [ONE], delta=-1), "delta must be a finite number"),
    (partial(stopping, [ONE], errors="two"), "errors must be a finite number"),
]


@pytest.mark.parametrize(("call", "sentence"), WRONG)
def test_wrong_calls(call: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        call()
