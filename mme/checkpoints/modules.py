"""Networks that a library builds, as checkpoints: with weights in memory, or with initial ones by a rule."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from mme.errors import InputError
from mme.weights.arrays import as_numpy
from mme.weights.stored import Checkpoint, StoredTensor
from mme.weights.untrained import untrained_control

__all__ = ["drawn", "in_memory", "initialised", "known", "library"]

SHOWN = 4  # names that are offered for a mistyped one


def known(hub: str, network: str, names: Iterable[str], what: str = "network") -> str:
    """Return the name, or offer the nearest ones.

    Raises
    ------
    InputError
        If it is none of the names.

    Examples
    --------
    >>> known("digits", "vgg6", ["vgg5", "resnet8"])
    Traceback (most recent call last):
    mme.errors.InputError: digits has no network 'vgg6'; near names are vgg5.
    """
    listed = list(names)
    if network in listed:
        return network
    near = difflib.get_close_matches(network, listed, SHOWN, cutoff=0.4) or sorted(listed)[:SHOWN]
    raise InputError(f"{hub} has no {what} {network!r}; near names are {', '.join(near)}.")


def library(hub: str, module: str, extra: str) -> Any:
    """Import what a hub needs.

    Raises
    ------
    InputError
        If it is not installed; the message says which extra brings it.

    Examples
    --------
    >>> library("sums", "math", "torch").factorial(3)
    6
    """
    try:
        if module in ("torchvision", "timm"):  # timm builds on torchvision, which may need a repair
            from mme.networks import import_torchvision

            import_torchvision()
        return importlib.import_module(module)
    except ImportError as error:
        if error.name not in (module, "torch", "torchvision"):
            raise
        raise InputError(
            f"{hub}: needs {error.name}, which is not installed: pip install 'mme[{extra}]' brings it."
        ) from None


def _shapes(build: Callable[[], Any]) -> Iterator[tuple[str, Any, frozenset[str], int]]:
    """The parameters of a network that is built without weights: name, tensor, types, groups."""
    import torch

    with torch.device("meta"):
        model = build()
    for path, module in model.named_modules():
        for name, tensor in module.named_parameters(recurse=False):
            full = f"{path}.{name}" if path else name
            types = frozenset(base.__name__ for base in type(module).__mro__)
            yield full, tensor, types, int(getattr(module, "groups", 1))


def drawn(name: str, build: Callable[[], Any], rule: str, seed: int) -> Checkpoint:
    """Return initial weights by the rule of the family, drawn layer by layer.

    Parameters
    ----------
    name : str
    build : callable
        Builds the network; it is called for a device without memory.
    rule : str
        A rule of `mme.networks.untrained_control`.
    seed : int

    Returns
    -------
    Checkpoint

    Examples
    --------
    >>> import torch
    >>> drawn("one", lambda: torch.nn.Linear(3, 2), "torch", seed=0)["weight"].read().shape
    (2, 3)
    """

    def unread() -> Any:
        raise AssertionError("a network without weights")

    tensors, groups = [], {}
    for parameter, tensor, types, count in _shapes(build):
        tensors.append(StoredTensor(parameter, tuple(tensor.shape), "float32", unread, types))
        groups[parameter] = count
    return untrained_control(Checkpoint(name, "untrained", tensors, rule), rng=seed, groups=groups)


def initialised(name: str, build: Callable[[], Any], seed: int) -> Checkpoint:
    """Return initial weights as the library itself draws them.

    Parameters
    ----------
    name, build, seed
        As in `drawn`.

    Returns
    -------
    Checkpoint

    Examples
    --------
    >>> import torch
    >>> initialised("one", lambda: torch.nn.Linear(3, 2), seed=0)
    Checkpoint('one', untrained: 2 tensors)
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build()
    return in_memory(name, "untrained", model)


def in_memory(name: str, format: str, model: Any, rule: str | None = None) -> Checkpoint:
    """Return the weights of a torch module.

    Parameters
    ----------
    name, format, rule
        As in `Checkpoint`.
    model : torch.nn.Module

    Returns
    -------
    Checkpoint

    Examples
    --------
    >>> import torch
    >>> sorted(in_memory("one", "module", torch.nn.Linear(3, 2)))
    ['bias', 'weight']
    """
    types = {
        (f"{path}." if path else "") + parameter: frozenset(base.__name__ for base in type(module).__mro__)
        for path, module in model.named_modules()
        for parameter, _ in module.named_parameters(recurse=False)
    }
    tensors = [
        StoredTensor(
            parameter,
            tuple(tensor.shape),
            str(tensor.dtype).removeprefix("torch."),
            partial(as_numpy, parameter, tensor),
            types[parameter],
        )
        for parameter, tensor in model.named_parameters()
    ]
    return Checkpoint(name, format, tensors, rule)
