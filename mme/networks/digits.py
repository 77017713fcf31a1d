"""The depth family: small networks trained on handwritten digits, each beside its own initial weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from mme.arguments import choice, flag, of_type
from mme.networks._torch import nn, torch
from mme.networks.architectures import ARCHITECTURES, Architecture
from mme.networks.cache import load_or_make, source_key
from mme.networks.training import NORMALISED, PLAIN, Recipe, accuracy, checked, own_settings, trained_from
from mme.progress import tracked
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
    """

    architecture: Architecture = field(compare=False)  # the weights tell
    seed: int
    trained: dict[str, torch.Tensor]
    untrained: dict[str, torch.Tensor]
    train_accuracy: float
    test_accuracy: float

    @property
    def name(self) -> str:
        """The architecture's name."""
        return self.architecture.name

    @property
    def parameters(self) -> int:
        """Number of trained numbers, without the statistics that batch normalisation keeps."""
        return sum(parameter.numel() for parameter in self.model().parameters())

    def model(self, trained: bool = True) -> nn.Module:
        """Return a new module to evaluate, with the weights after training, or before it if not `trained`."""
        trained = flag("trained", trained)
        with own_settings():
            model = self.architecture.build()
        model.load_state_dict(self.trained if trained else self.untrained)
        return model.eval()

    def to_dict(self) -> dict[str, Any]:
        """Return what can be told in a line of a table: everything but the weights."""
        known = {name: getattr(self.architecture, name) for name in ("name", "family", "variant", "depth")}
        found = ("parameters", "seed", "train_accuracy", "test_accuracy")
        return known | {name: getattr(self, name) for name in found}

    def __repr__(self) -> str:
        found = f"{self.parameters} parameters, {self.test_accuracy:.1%} of the test images"
        return f"TrainedNetwork({self.name}, seed {self.seed}: {found})"


def digits_family(
    names: Iterable[str] | None = None, *, seed: int = 0, recipe: Recipe | None = None, cache: bool = True
) -> dict[str, TrainedNetwork]:
    """Return small VGG-, ResNet- and DenseNet-style networks, trained on handwritten digits, by name.

    The first call trains them, about a minute on one core; later calls read them from the cache, until the
    code that trains them or the version of torch changes. Processes that call it at the same time share the
    work: each network is trained by one of them.

    Parameters
    ----------
    names : iterable of str, optional
        Some of `ARCHITECTURES`, in this order; all when left out.
    seed : int
        Seed of the initial weights and of the order of the images.
    recipe : Recipe, optional
        How they are trained; the recipe of each architecture when left out.
    cache : bool
        Whether to read and keep files; see `mme.store.cache_folder`.

    Raises
    ------
    InputError
        If a name is unknown, the seed is no integer from 0 to 2**63 - 1, or the recipe is none.

    Examples
    --------
    >>> family = digits_family(["vgg5"], recipe=Recipe(epochs=1), cache=False)
    >>> family["vgg5"].architecture.depth
    5
    """
    listed = ARCHITECTURES if names is None else [names] if isinstance(names, str) else names
    listed = of_type("names", listed, Iterable, "names of architectures")
    chosen = list(dict.fromkeys(choice("name", name, ARCHITECTURES) for name in listed))
    networks = _networks(chosen, seed, recipe, cache)
    found = {each.name: each for each in tracked(networks, "training on digits", total=len(chosen))}
    return {name: found[name] for name in chosen}


def train(name: str, *, seed: int = 0, recipe: Recipe | None = None, cache: bool = True) -> TrainedNetwork:
    """Return one architecture of the family, trained from a seed or read from the cache.

    Parameters
    ----------
    name : str
        One of `ARCHITECTURES`.
    seed, recipe, cache, and errors
        As in `digits_family`. The same seed on the same machine gives the same weights, to the last bit.

    Examples
    --------
    >>> network = train("vgg5", seed=3, recipe=Recipe(epochs=2), cache=False)
    >>> network.name, network.seed, network.parameters
    ('vgg5', 3, 103210)
    """
    (network,) = _networks([choice("name", name, ARCHITECTURES)], seed, recipe, cache)
    return network


def _networks(names: list[str], seed: int, recipe: Recipe | None, cache: bool) -> Iterator[TrainedNetwork]:
    """Each network as soon as it is there: first those that no other process is training just now."""
    cache = flag("cache", cache)
    _, seed = checked(NORMALISED if recipe is None else recipe, seed)
    left = [ARCHITECTURES[name] for name in names]
    for wait in (False, True):
        for chosen in list(left):
            own = recipe or (NORMALISED if chosen.batch_norm else PLAIN)
            key, make = source_key(chosen.name, str(seed), repr(own)), partial(_trained, chosen, own, seed)
            content = load_or_make(f"{chosen.name}-seed{seed}", key, make, wait) if cache else make()
            if content is not None:
                left.remove(chosen)
                yield TrainedNetwork(chosen, seed, **content)


def _trained(chosen: Architecture, recipe: Recipe, seed: int) -> dict[str, Any]:
    """What training finds, by the names of the fields."""
    model, untrained = trained_from(chosen.build, recipe, seed)
    accuracies = {f"{part}_accuracy": accuracy(model, part) for part in ("train", "test")}
    return {"trained": dict(model.state_dict()), "untrained": untrained, **accuracies}
