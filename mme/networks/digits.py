"""The depth family: small networks trained on handwritten digits, each beside its own initial weights."""

import operator
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from mme.errors import InputError
from mme.networks._progress import progress
from mme.networks._torch import nn, torch
from mme.networks.architectures import ARCHITECTURES, Architecture
from mme.networks.cache import load_or_make, source_digest
from mme.networks.training import NORMALISED, PLAIN, Recipe, accuracy, fit, own_settings
from mme.result import Result

__all__ = ["TrainedNetwork", "digits_family", "train"]


@dataclass(frozen=True, eq=False, repr=False)
class TrainedNetwork(Result):
    """A trained network and the weights that it started from.

    Attributes
    ----------
    architecture : Architecture
        Name, family, depth, and the function that builds the network.
    seed : int
        Seed of the initial weights and of the order of the images.
    trained : dict of tensors
        The state dict after training.
    untrained : dict of tensors
        The state dict before the first step: the network's own untrained control.
    train_accuracy, test_accuracy : float
        Share of the digits that it tells right, from 0 to 1.
    seconds : float
        How long the training took when it was done. It differs from run to run, so `to_dict` leaves it out.
    """

    architecture: Architecture
    seed: int
    trained: dict[str, torch.Tensor] = field(repr=False)
    untrained: dict[str, torch.Tensor] = field(repr=False)
    train_accuracy: float
    test_accuracy: float
    seconds: float

    @property
    def name(self) -> str:
        """The architecture's name."""
        return self.architecture.name

    @property
    def family(self) -> str:
        """VGG, ResNet or DenseNet."""
        return self.architecture.family

    @property
    def depth(self) -> int:
        """Number of convolutions and linear layers on the longest path."""
        return self.architecture.depth

    @property
    def parameters(self) -> int:
        """Number of trained numbers, without the statistics that batch normalisation keeps."""
        return sum(parameter.numel() for parameter in self.model().parameters())

    def model(self, trained: bool = True) -> nn.Module:
        """A new module with these weights, ready to use.

        Parameters
        ----------
        trained : bool
            With the weights after training, or before.

        Returns
        -------
        torch.nn.Module
            In evaluation mode. Changing it does not change this record.
        """
        with own_settings():
            model = self.architecture.build()
        model.load_state_dict(self.trained if trained else self.untrained)
        return model.eval()

    def to_dict(self) -> dict[str, Any]:
        """Return what can be told in a line of a table: everything but the weights and the seconds.

        Returns
        -------
        dict
        """
        return {
            "name": self.name,
            "family": self.family,
            "variant": self.architecture.variant,
            "depth": self.depth,
            "parameters": self.parameters,
            "seed": self.seed,
            "train_accuracy": self.train_accuracy,
            "test_accuracy": self.test_accuracy,
        }

    def __repr__(self) -> str:
        return (
            f"TrainedNetwork({self.name}, seed {self.seed}: {self.parameters} parameters, "
            f"{self.test_accuracy:.1%} of the test images)"
        )


def digits_family(
    names: Iterable[str] | None = None, *, seed: int = 0, recipe: Recipe | None = None, cache: bool = True
) -> dict[str, TrainedNetwork]:
    """Small VGG-, ResNet- and DenseNet-style networks of several depths, trained on handwritten digits.

    The first call trains them, about a minute on one core; later calls read them from the cache, until the
    sources of `mme.networks` or the version of torch change. Processes that call it at the same time share
    the work: each network is trained by one of them.

    Parameters
    ----------
    names : iterable of str, optional
        Some of `ARCHITECTURES`; all when left out.
    seed : int
        Seed of the initial weights and of the order of the images.
    recipe : Recipe, optional
        How they are trained; the recipe of each architecture when left out.
    cache : bool
        Whether to read and keep files; see `mme.networks.cache_folder`.

    Returns
    -------
    dict of str to TrainedNetwork
        In the order of the names.

    Raises
    ------
    InputError
        If a name is unknown or the seed is no integer from 0 to 2**63 - 1.

    Examples
    --------
    >>> family = digits_family(["vgg5"], recipe=Recipe(epochs=1), cache=False)
    >>> family["vgg5"].depth
    5
    """
    if isinstance(names, str):
        names = [names]
    chosen = [architecture(name) for name in (ARCHITECTURES if names is None else names)]
    seed = valid_seed(seed)
    found: dict[str, TrainedNetwork] = {}
    with progress(len(chosen)) as step:
        for wait in (False, True):  # first what no other process is training, then what others have finished
            for one in chosen:
                if one.name not in found:
                    step(one.name, len(found))
                    network = load_or_train(one, seed, recipe, cache, wait)
                    if network is not None:
                        found[one.name] = network
    return {one.name: found[one.name] for one in chosen}


def train(name: str, *, seed: int = 0, recipe: Recipe | None = None, cache: bool = True) -> TrainedNetwork:
    """Train one architecture of the family from a seed, or read it from the cache.

    Parameters
    ----------
    name : str
        One of `ARCHITECTURES`.
    seed : int
        Seed of the initial weights and of the order of the images. The same seed on the same machine gives
        the same weights, to the last bit.
    recipe : Recipe, optional
        How it is trained; the architecture's own recipe when left out.
    cache : bool
        Whether to read and keep a file.

    Returns
    -------
    TrainedNetwork

    Raises
    ------
    InputError
        If the name is unknown or the seed is no integer from 0 to 2**63 - 1.

    Examples
    --------
    >>> network = train("vgg5", seed=3, recipe=Recipe(epochs=2), cache=False)
    >>> network.name, network.seed, network.parameters
    ('vgg5', 3, 103210)
    """
    network = load_or_train(architecture(name), valid_seed(seed), recipe, cache, wait=True)
    assert network is not None
    return network


def architecture(name: str) -> Architecture:
    """Look an architecture up by its name."""
    if name not in ARCHITECTURES:
        raise InputError(f"the architecture must be one of {', '.join(ARCHITECTURES)}, but is {name!r}.")
    return ARCHITECTURES[name]


def valid_seed(seed: int) -> int:
    """Check that torch's generators take this seed."""
    try:
        number = operator.index(seed)
    except TypeError:
        number = -1
    if isinstance(seed, bool) or not 0 <= number < 2**63:
        raise InputError(f"seed must be an integer from 0 to 2**63 - 1, but is {seed!r}.")
    return number


def load_or_train(
    chosen: Architecture, seed: int, recipe: Recipe | None, cache: bool, wait: bool
) -> TrainedNetwork | None:
    """The network, or None when another process trains it just now and we don't wait."""
    recipe = recipe or (NORMALISED if chosen.batch_norm else PLAIN)

    def make() -> dict[str, Any]:
        return train_from(chosen, seed, recipe)

    if cache:
        key = source_digest(chosen.name, str(seed), repr(recipe))
        content = load_or_make(f"{chosen.name}-seed{seed}", key, make, wait)
    else:
        content = make()
    return None if content is None else TrainedNetwork(chosen, seed, **content)


def train_from(chosen: Architecture, seed: int, recipe: Recipe) -> dict[str, Any]:
    """Build at the seed's initial weights, train, and return what `TrainedNetwork` keeps."""
    start = time.perf_counter()
    with own_settings():
        torch.manual_seed(seed)
        model = chosen.build()
    untrained = weights(model)
    fit(model, recipe, seed)
    return {
        "trained": weights(model),
        "untrained": untrained,
        "train_accuracy": accuracy(model, "train"),
        "test_accuracy": accuracy(model, "test"),
        "seconds": time.perf_counter() - start,
    }


def weights(model: nn.Module) -> dict[str, torch.Tensor]:
    """A copy of the state dict, which later steps do not change."""
    return {name: values.clone() for name, values in model.state_dict().items()}
