"""Scikit-learn's handwritten digits, the recipe that networks are trained by, and their accuracy."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from math import inf

from mme.errors import InputError
from mme.networks._extra import missing
from mme.networks._torch import nn, torch

__all__ = ["NORMALISED", "PLAIN", "Digits", "Recipe", "accuracy", "digits_images", "fit"]

TRAIN_IMAGES, TEST_IMAGES = 1347, 450
SPLIT_SEED = 0


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

    def __repr__(self) -> str:
        return f"Digits({len(self.train_labels)} images to train on, {len(self.test_labels)} to test on)"


@lru_cache(maxsize=1)
def digits_images() -> Digits:
    """Scikit-learn's handwritten digits, always split in the same way.

    Returns
    -------
    Digits

    Examples
    --------
    >>> digits_images()
    Digits(1347 images to train on, 450 to test on)
    """
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError:
        raise missing("scikit-learn") from None
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
        Share of a step that is carried over to the next one.
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
        for name, fits, right in (
            ("epochs", isinstance(self.epochs, int) and self.epochs >= 1, "an integer above 0"),
            ("learning_rate", 0 < self.learning_rate < inf, "positive and finite"),
            (
                "batch_size",
                isinstance(self.batch_size, int) and 2 <= self.batch_size <= TRAIN_IMAGES,
                f"an integer from 2 to {TRAIN_IMAGES}",
            ),
            ("momentum", 0 < self.momentum < 1, "between 0 and 1"),
            ("weight_decay", 0 <= self.weight_decay < inf, "zero or positive, and finite"),
        ):
            if not fits:
                raise InputError(f"{name} must be {right}, but is {getattr(self, name)!r}.")


NORMALISED = Recipe()
# Without batch normalisation the larger rate makes the training diverge, and it takes more steps.
PLAIN = Recipe(epochs=12, learning_rate=0.03, batch_size=32)


def fit(model: nn.Module, recipe: Recipe, seed: int) -> None:
    """Train a network in place, on one thread, so that the number of cores does not change the result.

    It ends in evaluation mode.

    Parameters
    ----------
    model : torch.nn.Module
        Takes images, shape (n, 1, 8, 8), to scores, shape (n, 10).
    recipe : Recipe
    seed : int
        Seed of the order of the images.

    Examples
    --------
    >>> model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    >>> fit(model, Recipe(epochs=2), seed=0)
    >>> accuracy(model) > 0.8
    True
    """
    digits = digits_images()
    images, labels = digits.train_images.to(memory_format=torch.channels_last), digits.train_labels
    # Channels last is a fifth faster at this size; torch's annotations do not know the argument.
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    batches = len(labels) // recipe.batch_size
    with own_settings():
        generator = torch.Generator().manual_seed(seed)
        optimiser = torch.optim.SGD(
            model.parameters(),
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            nesterov=True,
            weight_decay=recipe.weight_decay,
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser,
            max_lr=recipe.learning_rate,
            total_steps=recipe.epochs * batches,
            cycle_momentum=False,
        )
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
    """Share of the digits that a network tells right.

    Parameters
    ----------
    model : torch.nn.Module
        Takes images, shape (n, 1, 8, 8), to scores, shape (n, 10). It stays in the mode that it is in.
    part : {"test", "train"}
        Which images.

    Returns
    -------
    float
        From 0 to 1. For p near 0.98 and 450 images its standard error √(p(1−p)/450) is 0.007.

    Raises
    ------
    InputError
        If the part is unknown.

    Examples
    --------
    >>> from mme.networks import ARCHITECTURES
    >>> 0 <= accuracy(ARCHITECTURES["vgg5"].build()) < 0.5
    True
    """
    if part not in ("test", "train"):
        raise InputError(f"part must be 'test' or 'train', but is {part!r}.")
    digits = digits_images()
    images, labels = (
        (digits.test_images, digits.test_labels)
        if part == "test"
        else (digits.train_images, digits.train_labels)
    )
    for parameter in model.parameters():
        images = images.to(parameter)  # the model's own precision and device
        break
    modes = {layer: layer.training for layer in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            right = int((model(images).argmax(dim=1).cpu() == labels).sum())
    finally:
        for layer, training in modes.items():
            layer.training = training
    return right / len(labels)


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
