"""Networks that a library builds, as checkpoints: with weights in memory, or with initial ones by a rule."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from mme.checkpoints.control import untrained_checkpoint
from mme.errors import InputError
from mme.extras import required
from mme.weights.arrays import as_numpy
from mme.weights.stored import Checkpoint, StoredTensor

__all__ = ["drawn", "in_memory", "initialised", "known", "library", "state"]

SHOWN = 4  # names that are offered for a mistyped one


def known(hub: str, network: str, names: Iterable[str], what: str = "network") -> str:
    """Return the name if it is among the names; otherwise InputError offers the nearest ones."""
    listed = list(names)
    if network in listed:
        return network
    near = difflib.get_close_matches(network, listed, SHOWN, cutoff=0.4) or sorted(listed)[:SHOWN]
    raise InputError(f"{hub} has no {what} {network!r}; near names are {', '.join(near)}.")


def library(hub: str, module: str, extra: str) -> Any:
    """Import what a hub needs."""
    if module in ("torchvision", "timm"):  # timm builds on torchvision, which may need a repair
        required("torch", extra, f"the hub {hub}")
        from mme.networks import import_torchvision

        import_torchvision()
    return required(module, extra, f"the hub {hub}")


def drawn(name: str, build: Callable[[], Any], rule: str, seed: int) -> Checkpoint:
    """Return initial weights by a rule of `mme.networks.untrained_control`, drawn layer by layer.

    The network is built on a device without memory.
    """
    import torch

    with torch.device("meta"):
        model = build()
    groups = {
        f"{path}.weight": int(module.groups) for path, module in model.named_modules() if hasattr(module, "groups")
    }
    return untrained_checkpoint(in_memory(name, "untrained", model, rule), seed=seed, groups=groups)


def initialised(name: str, build: Callable[[], Any], seed: int) -> Checkpoint:
    """Return initial weights as the library itself draws them."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build()
    return in_memory(name, "untrained", model)


def in_memory(name: str, format: str, model: Any, rule: str | None = None) -> Checkpoint:
    """Return the weights of a torch module."""
    types = {
        f"{path}.{parameter}".removeprefix("."): frozenset(base.__name__ for base in type(module).__mro__)
        for path, module in model.named_modules()
        for parameter, _ in module.named_parameters(recurse=False)
    }
    return state(name, format, dict(model.named_parameters()), rule, types)


def state(
    name: str,
    format: str,
    tensors: Mapping[str, Any],
    rule: str | None,
    types: Mapping[str, frozenset[str]] | None = None,
) -> Checkpoint:
    """Return named tensors of torch as a checkpoint, with the types of their layers where these are known."""
    stored = [
        StoredTensor(
            key,
            tuple(tensor.shape),
            str(tensor.dtype).removeprefix("torch."),
            partial(as_numpy, key, tensor),
            (types or {}).get(key, frozenset()),
        )
        for key, tensor in tensors.items()
    ]
    return Checkpoint(name, format, stored, rule)
