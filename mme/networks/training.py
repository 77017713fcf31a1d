"""Scikit-learn's handwritten digits, the recipe that networks are trained by, and their accuracy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from mme.arguments import choice, generator, integer, number, of_type
from mme.errors import InputError
from mme.extras import required
from mme.networks._torch import nn, torch

__all__ = [
    "NORMALISED", "PLAIN", "Digits", "Recipe", "accuracy", "checked", "checked_module", "correct_answers",
    "digits_images", "fit", "own_settings", "trained_from",
]  # fmt: skip

TRAIN_IMAGES, TEST_IMAGES, CLASSES = 1347, 450, 10
SPLIT_SEED = 0
MOST_EPOCHS = 10_000
LARGEST_SEED = 2**63 - 1  # that torch's generators take


@dataclass(frozen=True, eq=False)
class Digits:
    """Handwritten digits, split into images to train on and images to test on.

    Attributes
    ----------
    train_images, test_images : tensor, shape (n, 1, 8, 8)
        Shifted and scaled to mean 0 and variance 1 over the training images.
    train_labels, test_labels : tensor of int, shape (n,)
    """

    train_images: torch.Tensor
    train_labels: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor

    def with_label_noise(self, share: float, rng: int | np.random.Generator | None = None) -> Digits:
        """Return the same images and labels to test on, but with a share of those to train on drawn anew.

        Source: Zhang, Bengio, Hardt, Recht and Vinyals (2017), Understanding deep learning requires
        rethinking generalization.

        Parameters
        ----------
        share : float
            From 0 to 1, rounded to whole images. A new label is any of the ten classes, each as likely as the
            others, so one in ten stays what it was.
        rng : int or numpy.random.Generator, optional
            Which images, and their new labels.

        Raises
        ------
        InputError
            If the share is no number from 0 to 1, or `rng` no seed.

        Examples
        --------
        >>> digits = digits_images()
        >>> changed = digits.with_label_noise(1.0, rng=0).train_labels != digits.train_labels
        >>> round(float(changed.float().mean()), 1)
        0.9
        """
        share, rng = number("share", share, 0, 1), generator(rng)
        labels, count = self.train_labels.clone(), len(self.train_labels)
        chosen = torch.as_tensor(rng.permutation(count)[: round(share * count)])
        labels[chosen] = torch.as_tensor(rng.integers(CLASSES, size=len(chosen)))
        return replace(self, train_labels=labels)

    def __repr__(self) -> str:
        return f"Digits({len(self.train_labels)} images to train on, {len(self.test_labels)} to test on)"


@lru_cache(maxsize=1)
def digits_images() -> Digits:
    """Return scikit-learn's handwritten digits, always split in the same way.

    Examples
    --------
    >>> digits_images()
    Digits(1347 images to train on, 450 to test on)
    """
    load_digits = required("sklearn.datasets", "networks", "mme.networks").load_digits
    pixels, classes = load_digits(return_X_y=True)
    images = torch.tensor(pixels, dtype=torch.float32, device="cpu").reshape(-1, 1, 8, 8)
    labels = torch.tensor(classes, dtype=torch.int64, device="cpu")
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(SPLIT_SEED), device="cpu")
    train, test = order[:TRAIN_IMAGES], order[TRAIN_IMAGES:]
    images = (images - images[train].mean()) / images[train].std()
    return Digits(images[train], labels[train], images[test], labels[test])


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: stochastic gradient descent with Nesterov momentum and one cycle of the rate.

    Attributes
    ----------
    epochs : int
        How often each image is seen.
    learning_rate : float
        Its largest value; it rises from 1/25 of that over the first 30 % of the steps and falls to zero.
    batch_size : int
        Images in a step; those left over at the end of an epoch are not seen in that epoch.
    momentum : float
        Share of a step that is carried over to the next one, at most 0.999.
    weight_decay : float
        Decay of all parameters.

    Raises
    ------
    InputError
        If a number is out of range.

    Examples
    --------
    >>> Recipe(epochs=2)
    Recipe(epochs=2, learning_rate=0.1, batch_size=64, momentum=0.9, weight_decay=0.0005)
    """

    epochs: int = 10
    learning_rate: float = 0.1
    batch_size: int = 64
    momentum: float = 0.9
    weight_decay: float = 5e-4

    def __post_init__(self) -> None:
        for name, value in (
            ("epochs", integer("epochs", self.epochs, 1, MOST_EPOCHS)),
            ("learning_rate", number("learning_rate", self.learning_rate, above=0)),
            ("batch_size", integer("batch_size", self.batch_size, 2, TRAIN_IMAGES)),
            ("momentum", number("momentum", self.momentum, above=0, most=0.999)),
            ("weight_decay", number("weight_decay", self.weight_decay, 0)),
        ):
            object.__setattr__(self, name, value)  # as Python's own numbers


NORMALISED = Recipe()
# Without batch normalisation the larger rate makes the training diverge, and it takes more steps.
PLAIN = Recipe(epochs=12, learning_rate=0.03, batch_size=32)


def checked_module(model: nn.Module) -> nn.Module:
    """Return the model if it is one."""
    return of_type("model", model, nn.Module, "a torch.nn.Module")


def checked(recipe: Recipe, seed: int) -> tuple[Recipe, int]:
    """Return both if they can be used."""
    return of_type("recipe", recipe, Recipe, "a Recipe"), integer("seed", seed, 0, LARGEST_SEED)


def trained_from(
    build: Callable[[], nn.Module], recipe: Recipe, seed: int
) -> tuple[nn.Module, dict[str, torch.Tensor]]:
    """Train a network from the seed's initial weights; return it and the weights that it began with."""
    with own_settings():
        torch.manual_seed(seed)
        model = build()
    untrained = {name: values.clone() for name, values in model.state_dict().items()}  # later steps change it
    fit(model, recipe, seed)
    return model, untrained


def fit(model: nn.Module, recipe: Recipe, seed: int, digits: Digits | None = None) -> None:
    """Train a network in place, on one thread, so that the number of cores does not change the result.

    It ends in evaluation mode. The seed is that of the order of the images, which are `digits_images()` when
    left out.
    """
    recipe, seed = checked(recipe, seed)
    digits = digits_images() if digits is None else of_type("digits", digits, Digits, "a Digits")
    _answers(model, digits.test_images[:2], digits.test_labels[:2])  # refuses what takes no images
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise InputError("model must have parameters that require a gradient, but has none.")
    images, labels = digits.train_images.to(memory_format=torch.channels_last), digits.train_labels
    # Channels last is a fifth faster at this size; torch's annotations do not know the argument.
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    batches = len(labels) // recipe.batch_size
    with own_settings():
        generator = torch.Generator().manual_seed(seed)
        rate, steps = recipe.learning_rate, recipe.epochs * batches
        momentum, decay = recipe.momentum, recipe.weight_decay
        optimiser = torch.optim.SGD(model.parameters(), rate, momentum, nesterov=True, weight_decay=decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, steps, cycle_momentum=False)
        model.train()
        for _ in range(recipe.epochs):
            order = torch.randperm(len(labels), generator=generator)
            for batch in order[: batches * recipe.batch_size].reshape(batches, recipe.batch_size):
                optimiser.zero_grad()
                loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                schedule.step()
        model.eval()
    model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]


def accuracy(model: nn.Module, part: str = "test") -> float:
    """Return the share of the digits that a network tells right.

    For p near 0.98 and 450 images its standard error √(p(1−p)/450) is 0.007.

    Parameters
    ----------
    model : torch.nn.Module
        Takes images, shape (n, 1, 8, 8), to scores, shape (n, 10). It is used in evaluation mode, and stays
        in the mode that it is in.
    part : {"test", "train"}
        Which images.

    Raises
    ------
    InputError
        If the part is unknown, or the model does not take images to scores.

    Examples
    --------
    >>> from mme.networks import ARCHITECTURES
    >>> 0 <= accuracy(ARCHITECTURES["vgg5"].build()) < 0.5
    True
    """
    return float(correct_answers(model, part).mean())


def correct_answers(model: nn.Module, part: str = "test") -> np.ndarray:
    """Which of the digits a network tells right, as `accuracy` counts them: an array of bool."""
    part, digits = choice("part", part, ("test", "train")), digits_images()
    return _answers(model, getattr(digits, f"{part}_images"), getattr(digits, f"{part}_labels"))


def _answers(model: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> np.ndarray:
    """Which images a network, in evaluation mode for the moment, calls by their label."""
    modes = {layer: layer.training for layer in checked_module(model).modules()}
    model.eval()
    try:
        with own_settings(), torch.no_grad():
            own = next((each for each in model.parameters() if each.is_floating_point()), images)
            scores = model(images.to(own))  # its precision and device
            if scores.shape != (len(images), 10):
                raise TypeError(f"its scores have the shape {tuple(scores.shape)}")
            return np.asarray((scores.argmax(dim=1).cpu() == labels).numpy())
    except Exception as error:  # the model is anyone's code
        reason = (str(error).splitlines() or [""])[0].rstrip(".:")
        raise InputError(
            f"model must take images of shape (n, 1, 8, 8) to scores of shape (n, 10), but fails: {reason}."
        ) from error
    finally:
        for layer, training in modes.items():
            layer.training = training


@contextmanager
def own_settings() -> Iterator[None]:
    """One thread, the CPU, single precision and a random generator aside; the user's settings afterwards."""
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float32)
    try:
        with torch.random.fork_rng(devices=[]), torch.device("cpu"), torch.enable_grad():
            yield
    finally:
        torch.set_num_threads(threads)
        torch.set_default_dtype(dtype)
