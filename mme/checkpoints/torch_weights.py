"""Where the weights lie in what a torch checkpoint holds: a state dict, a module, or a training checkpoint.

The rules, in this order:

1. The object of a module gives its parameters and, named as such, its buffers.
2. A dictionary that holds weights under a key of `NETWORKS` or of `AVERAGE` gives those. Where there are
   several such sets, their names begin with the key. Other tensors beside them are named as left out.
3. A dictionary of tensors is a state dict. Dictionaries in it belong to it, their names joined by a dot.
4. A dictionary with one entry that holds weights gives that entry; with several, nothing tells which network
   is meant.

What belongs to an optimiser is never taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mme.checkpoints.limits import NoNetwork
from mme.checkpoints.torch_shells import Array, class_name, fields
from mme.errors import InputError

__all__ = ["FoundWeight", "found_weights"]

NETWORKS = (
    *("state_dict", "model_state_dict", "model_state", "model_dict", "model", "net_state_dict", "net"),
    *("network", "module", "params", "weights"),
)
AVERAGE = re.compile(r"(^|_)ema(_|$)", re.IGNORECASE)  # a moving average of the weights
NEVER = re.compile(r"optim|scheduler|(^|_)(opt|scaler|amp|rng|callbacks|loops)(_|$)", re.IGNORECASE)
DEEPEST = 100


class FoundWeight(NamedTuple):
    """A tensor of a network: its name, itself, its layer's types, and why it is no weight, if it is none."""

    name: str
    value: Any
    types: frozenset[str] = frozenset()
    skip: str = ""


def found_weights(content: Any, tensor: type, path: Path) -> list[FoundWeight]:
    """Return the tensors of the network in what torch's loader gave, whose tensors are of this class."""
    found = _Finder(tensor, path).network(content, 0)
    if all(weight.skip for weight in found):
        raise NoNetwork(
            f"{path} holds no weight tensors; save the network's state dict: torch.save(net.state_dict(), …)."
        )
    return found


class _Finder:
    def __init__(self, tensor: type, path: Path) -> None:
        self.tensor = tensor
        self.path = path

    def is_weight(self, value: Any) -> bool:
        return isinstance(value, self.tensor | np.ndarray) or (
            isinstance(value, Array) and value.numbers is not None
        )

    def network(self, content: Any, depth: int) -> list[FoundWeight]:
        self.require_shallow(depth)
        if self.is_weight(content):
            return self.below(content, "tensor")
        if _is_module(content):
            return self.below(content)
        held = self.held(content)
        sets = [key for key, value in held.items() if not self.is_weight(value)]
        chosen = [key for key in NETWORKS if key in sets][:1] + list(filter(AVERAGE.search, sets))
        if chosen:
            found = []
            for key, value in held.items():
                if key in chosen:
                    found += self.below(self.unwrapped(value), f"{key}." if len(chosen) > 1 else "")
                else:
                    skip = f"beside the network, which is under {chosen[0]!r}"
                    found += [weight._replace(skip=skip) for weight in self.below(value, f"{key}.")]
            return found
        if len(sets) < len(held):
            return self.below(content)
        if len(sets) > 1:
            named = ", ".join(map(repr, sets[:6])) + (", …" if len(sets) > 6 else "")
            raise InputError(
                f"{self.path} holds several sets of weights ({named}); save the one that is meant by itself, "
                "or under the key 'state_dict'."
            )
        return self.network(held[sets[0]], depth + 1) if sets else []

    def held(self, content: Any) -> dict[str, Any]:
        """The entries of a container that hold weights, without an optimiser's."""
        return {key: value for key, value in _entries(content) if self.below(value)}

    def unwrapped(self, content: Any) -> Any:
        """The network itself, where a dictionary holds nothing else under a key that says so."""
        while not _is_module(content) and len(held := self.held(content)) == 1:
            [(key, value)] = held.items()
            if self.is_weight(value) or not (key in NETWORKS or AVERAGE.search(key)):
                break
            content = value
        return content

    def below(self, content: Any, prefix: str = "") -> list[FoundWeight]:
        return list(self.walk(content, prefix, 0, set()))

    def walk(self, content: Any, prefix: str, depth: int, walked: set[int]) -> Iterator[FoundWeight]:
        """Every tensor in a container, and in those that it holds, each of which counts once."""
        self.require_shallow(depth)
        if self.is_weight(content):
            numbers = content.numbers if isinstance(content, Array) else content
            yield FoundWeight(prefix.removesuffix("."), numbers)
        elif id(content) not in walked:
            walked.add(id(content))
            if _is_module(content):
                yield from self.module(content, prefix, depth, walked)
            else:
                for key, value in _entries(content):
                    yield from self.walk(value, f"{prefix}{key}.", depth + 1, walked)

    def module(self, content: Any, prefix: str, depth: int, walked: set[int]) -> Iterator[FoundWeight]:
        own = fields(content)
        types = frozenset({class_name(content)} - {""})
        for kind, skip in (("_parameters", ""), ("_buffers", "a buffer")):
            for name, value in _entries(own.get(kind)):
                if self.is_weight(value) and id(value) not in walked:
                    walked.add(id(value))
                    yield FoundWeight(f"{prefix}{name}", value, types, skip)
        for name, child in _entries(own["_modules"]):
            yield from self.walk(child, f"{prefix}{name}.", depth + 1, walked)

    def require_shallow(self, depth: int) -> None:
        if depth > DEEPEST:
            raise InputError(f"{self.path} nests its weights more than {DEEPEST} deep.")


def _entries(content: Any) -> list[tuple[str, Any]]:
    """The items of a dictionary, or the numbered ones of a list, without an optimiser's; else none."""
    if isinstance(content, dict):
        # an unpickled dictionary may carry an attribute called items
        entries = [(str(key), value) for key, value in dict.items(content)]
    elif type(content) in (list, tuple):
        entries = [(str(number), value) for number, value in enumerate(content)]
    else:
        return []
    return [(key, value) for key, value in entries if not _is_of_optimiser(key, value)]


def _is_module(content: Any) -> bool:
    own = fields(content)
    return isinstance(own.get("_modules"), Mapping) and isinstance(own.get("_parameters"), Mapping)


def _is_of_optimiser(key: str, value: Any) -> bool:
    if NEVER.search(key) and "." not in key and isinstance(value, Mapping | list | tuple):
        return True
    return isinstance(value, dict) and {"state", "param_groups"} <= set(dict.keys(value))
