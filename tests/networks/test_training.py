"""The digits, the recipe, and the settings of torch that training leaves as they were."""

import copy
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from tests.each import each

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from mme.errors import InputError  # noqa: E402
from mme.networks import Recipe, accuracy, digits_images  # noqa: E402
from mme.networks.training import correct_answers, fit, trained_from  # noqa: E402


def small() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))


class Constant(nn.Module):
    """Calls every image a seven."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return nn.functional.one_hot(torch.full((len(images),), 7), 10).float()


@pytest.mark.slow
def test_the_split_is_a_partition_of_the_1797_digits() -> None:
    load_digits = pytest.importorskip("sklearn.datasets").load_digits
    digits = digits_images()
    assert digits.train_images.shape == (1347, 1, 8, 8)
    assert digits.test_images.shape == (450, 1, 8, 8)
    images = torch.cat((digits.train_images, digits.test_images)).flatten(1)
    labels = torch.cat((digits.train_labels, digits.test_labels))
    pixels, classes = (torch.tensor(a) for a in load_digits(return_X_y=True))
    scale = 16 / (images.max() - images.min())
    restored = ((images - images.min()) * scale).round().long()
    key = 17 ** torch.arange(8)

    def rows(pictures: torch.Tensor, names: torch.Tensor) -> list[tuple[int, ...]]:
        return sorted(
            (*map(int, p.reshape(8, 8) @ key), int(n)) for p, n in zip(pictures, names, strict=True)
        )

    assert rows(restored, labels) == rows(pixels.long(), classes)


@pytest.mark.slow
def test_images_are_standardised_over_the_training_part() -> None:
    images = digits_images().train_images.double()
    assert abs(images.mean()) < 1e-6
    assert abs(images.std() - 1) < 1e-6


def test_accuracy_is_the_share_of_right_answers() -> None:
    digits = digits_images()
    assert accuracy(Constant()) == int((digits.test_labels == 7).sum()) / 450
    assert accuracy(Constant(), "train") == int((digits.train_labels == 7).sum()) / 1347


def test_correct_answers_one_by_one() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 10))  # off in evaluation mode
    digits = digits_images()
    weight, bias = model[2].weight.detach(), model[2].bias.detach()
    scores = digits.test_images.reshape(450, 64) @ weight.T + bias
    expected = [
        int(row.argmax()) == int(label) for row, label in zip(scores, digits.test_labels, strict=True)
    ]
    assert correct_answers(model).tolist() == expected
    assert 0 < sum(expected) < 450


def test_accuracy_leaves_the_model_as_it_was() -> None:
    model = small().train()
    model[1].eval()
    before = copy.deepcopy(model.state_dict())
    accuracy(model)
    assert [m.training for m in model] == [True, False, True, True, True]
    assert all(torch.equal(values, before[name]) for name, values in model.state_dict().items())


def test_accuracy_takes_the_precision_of_the_model() -> None:
    model = small()
    assert accuracy(copy.deepcopy(model).double()) == pytest.approx(accuracy(model), abs=0.01)


@pytest.mark.slow
def test_training_is_repeatable_learns_and_touches_no_setting_of_torch() -> None:
    first, second, other = small(), small(), small()
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        torch.set_default_dtype(torch.float64)
        torch.manual_seed(5)
        expected = torch.rand(3)
        torch.manual_seed(5)
        fit(first, Recipe(epochs=2), seed=1)
        assert torch.get_num_threads() == 2
        assert torch.get_default_dtype() == torch.float64
        assert torch.equal(torch.rand(3), expected)
    finally:
        torch.set_num_threads(threads)
        torch.set_default_dtype(torch.float32)
    fit(second, Recipe(epochs=2), seed=1)
    fit(other, Recipe(epochs=2), seed=2)
    weights = [m.state_dict() for m in (first, second, other)]
    assert all(torch.equal(values, weights[1][name]) for name, values in weights[0].items())
    assert not torch.equal(weights[0]["0.weight"], weights[2]["0.weight"])
    assert accuracy(first) > 0.8
    assert not first.training


def test_label_noise_draws_its_share_of_the_labels_anew() -> None:
    digits = digits_images()
    unchanged = digits.with_label_noise(0, rng=0)
    assert torch.equal(unchanged.train_labels, digits.train_labels)
    before = digits.train_labels.clone()
    noisy = digits.with_label_noise(0.5, rng=1)
    assert torch.equal(digits.train_labels, before)  # the digits themselves stay as they are
    assert torch.equal(noisy.train_images, digits.train_images)
    assert torch.equal(noisy.test_labels, digits.test_labels)
    # Of the 674 labels that were drawn, nine in ten became another one: 606 ± 8.
    assert 575 < int((noisy.train_labels != before).sum()) < 638
    every = digits.with_label_noise(1.0, rng=1).train_labels
    assert 1168 < int((every != before).sum()) < 1256  # 1212 ± 11
    assert every.bincount(minlength=10).min() > 90  # each class 135 ± 11 times
    again, other = (digits.with_label_noise(0.5, rng=seed).train_labels for seed in (1, 2))
    assert torch.equal(again, noisy.train_labels)
    assert not torch.equal(other, noisy.train_labels)


@pytest.mark.slow
def test_a_network_learns_the_labels_that_it_is_given() -> None:
    digits = digits_images()
    turned = replace(digits, train_labels=(digits.train_labels + 1) % 10)
    model, random = small(), small()
    fit(model, Recipe(epochs=2), 0, turned)
    fit(random, Recipe(epochs=2), 0, digits.with_label_noise(1.0, rng=0))
    with torch.no_grad():
        called = model(digits.test_images).argmax(dim=1)
    assert (called == (digits.test_labels + 1) % 10).float().mean() > 0.8
    assert accuracy(model) < 0.1
    assert accuracy(random) < 0.25


def test_every_step_by_hand() -> None:
    """Nesterov's momentum, decay and one cycle of the rate, for scores that are linear in the pixels."""
    digits, recipe = digits_images(), Recipe(epochs=5, learning_rate=0.2, batch_size=600, weight_decay=0.01)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10, bias=False))
    weight = model[1].weight.detach().double().numpy().copy()
    fit(model, recipe, seed=3)
    images = digits.train_images.double().numpy().reshape(-1, 64)
    targets = np.eye(10)[digits.train_labels.numpy()]
    generator, velocity = torch.Generator().manual_seed(3), 0.0
    steps = 10  # two a batch: up within the first three, of ten, and down to nothing
    rates = [0.2 / 25 + (0.2 - 0.2 / 25) * (1 - np.cos(np.pi * step / 2)) / 2 for step in range(2)]
    rates += [0.2 * (1 + np.cos(np.pi * step / (steps - 3))) / 2 for step in range(steps - 2)]
    for step, rate in enumerate(rates):
        if step % 2 == 0:
            order = torch.randperm(1347, generator=generator).numpy()
        batch = order[600 * (step % 2) :][:600]
        scores = np.exp(images[batch] @ weight.T)
        errors = scores / scores.sum(axis=1, keepdims=True) - targets[batch]
        slope = errors.T @ images[batch] / 600 + 0.01 * weight
        velocity = 0.9 * velocity + slope
        weight -= rate * (slope + 0.9 * velocity)
    np.testing.assert_allclose(model[1].weight.detach().numpy(), weight, atol=1e-5)


def test_what_the_user_has_set_reaches_no_training() -> None:
    recipe = Recipe(epochs=1, batch_size=600)
    expected, _ = trained_from(small, recipe, 3)
    with torch.no_grad(), torch.device("meta"):
        found, start = trained_from(small, recipe, 3)
    before, after = small().state_dict(), expected.state_dict()
    for name, values in found.state_dict().items():
        assert torch.equal(values, after[name])
        assert torch.equal(start[name], before[name])
    assert not torch.equal(before["0.weight"], after["0.weight"])


@pytest.mark.slow
def test_the_rate_ends_at_zero_and_decay_shrinks() -> None:
    plain, decayed = small(), small()
    fit(plain, Recipe(epochs=2, weight_decay=0), seed=0)
    fit(decayed, Recipe(epochs=2, weight_decay=0.05), seed=0)
    assert decayed[4].weight.norm() < 0.9 * plain[4].weight.norm()


def test_numpys_numbers_count() -> None:
    assert Recipe(epochs=np.int64(2), learning_rate=np.float32(0.5)) == Recipe(epochs=2, learning_rate=0.5)
    assert repr(Recipe(epochs=np.int64(2))) == repr(Recipe(epochs=2))


THREE = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
LINEAR = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
WRONG: list[tuple[Callable[[], Any], str]] = [
    (partial(Recipe, epochs=-1), "epochs must be an integer from 1 to 10000, but it is -1"),
    (partial(Recipe, epochs=1.5), "epochs must be an integer"),
    (partial(Recipe, epochs=10**12), "epochs must be an integer"),
    (partial(Recipe, learning_rate=float("nan")), "learning_rate must be a finite number above 0"),
    (partial(Recipe, learning_rate="fast"), "learning_rate must be a finite number above 0"),
    (partial(Recipe, batch_size=1), "batch_size must be an integer from 2 to 1347"),
    (partial(Recipe, momentum=1.0), "momentum must be a finite number above 0 and of at most 0.999"),
    (partial(Recipe, weight_decay=-1e-4), "weight_decay must be a finite number of at least 0"),
    (partial(accuracy, LINEAR, "all"), "part must be one of 'test', 'train', but it is 'all'"),
    (partial(accuracy, "x"), "model must be a torch.nn.Module, but it is 'x'"),
    (partial(accuracy, nn.Linear), "model must be a torch.nn.Module, but it is of type type"),
    (partial(accuracy, nn.Linear(3, 2)), "model must take images .* but fails: mat1 and mat2 shapes"),
    (partial(accuracy, THREE), r"its scores have the shape \(450, 3\)"),
    (partial(accuracy, nn.Module()), "model must take images"),
    (partial(fit, LINEAR, 3, 0), "recipe must be a Recipe"),
    (partial(fit, LINEAR, Recipe(), 2.5), "seed must be an integer"),
    (partial(fit, LINEAR, Recipe(), 0, 3), "digits must be a Digits, but it is 3"),
    (partial(digits_images().with_label_noise, 1.5), "share must be .* from 0 to 1, but it is 1.5"),
    (partial(digits_images().with_label_noise, -0.1), "share must be a finite number from 0 to 1"),
    (partial(digits_images().with_label_noise, 0.5, rng=0.5), "rng must be None, a non-negative integer"),
    (partial(fit, nn.Linear(3, 2), Recipe(), 0), "model must take images"),
    (partial(fit, Constant(), Recipe(), 0), "parameters that require a gradient"),
]


@each("call, sentence", WRONG)
def test_wrong_calls(call: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        call()
