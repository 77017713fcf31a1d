"""Where the weights lie in what a torch checkpoint holds: a state dict, a module, or a training checkpoint.

The rules, in this order:

1. The object of a module gives its parameters and, named as such, its buffers.
2. A dictionary that holds weights under a key of `NETWORKS`, or under that of a second set (`ema`, `swa`, …),
   gives those. Where there are several such sets, their names begin with the key. Other tensors beside them
   are named as left out.
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
from mme.checkpoints.torch_shells import array_of, class_name, fields
from mme.errors import InputError

__all__ = ["FoundWeight", "found_weights"]

NETWORKS = (
    *("state_dict", "model_state_dict", "model_state", "model_dict", "model", "net_state_dict", "net"),
    *("network", "module", "params", "weights"),
)
SECOND = re.compile(r"(^|_)(ema|swa|teacher|momentum|averag\w*)(_|$)", re.I)  # as `mme.weights.effective`
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
    found = _Finder(tensor, path).network(array_of(content))
    if all(weight.skip for weight in found):
        raise NoNetwork(
            f"{path} holds no weight tensors; save the network's state dict: torch.save(net.state_dict(), …)."
        )
    return found


class _Finder:
    def __init__(self, tensor: type, path: Path) -> None:
        self.tensor = tensor
        self.path = path

    def network(self, content: Any) -> list[FoundWeight]:
        """Find the network in a file, or in the one part of it that holds weights."""
        if self.is_tensor(content):
            return self.below(content, "tensor.")
        held = {key: value for key, value in _entries(content) if self.below(value)}
        sets = [key for key, value in held.items() if not self.is_tensor(value)]
        second = list(filter(SECOND.search, sets))
        first = [key for key in NETWORKS if key in sets][:1]
        if second and not first and len(sets) == len(held):
            first = [key for key in sets if key not in second]
        if len(first) == 1:
            second = [key for key in second if self.is_as(held[key], held[first[0]])]
        if len(first) == 1 or (second and not first):
            return self.chosen(held, [*first, *second])
        if not sets or len(sets) < len(held):
            return self.below(content)
        if len(sets) == 1:
            return self.network(held[sets[0]])
        named = ", ".join(map(repr, sets[:6])) + (", …" if len(sets) > 6 else "")
        raise InputError(
            f"{self.path} holds several sets of weights ({named}); save the one that is meant by itself, or "
            "under the key 'state_dict'."
        )

    def chosen(self, held: Mapping[str, Any], keys: list[str]) -> list[FoundWeight]:
        found = []
        for key, value in held.items():
            if key in keys:
                found += self.below(self.unwrapped(value), f"{key}." if len(keys) > 1 else "")
            else:
                beside = f"beside the network, which is under {keys[0]!r}"
                found += [weight._replace(skip=beside) for weight in self.below(value, f"{key}.")]
        return found

    def is_as(self, content: Any, other: Any) -> bool:
        """Whether two sets have weights of the same names, but for dots and a wrapper."""
        one, two = (
            {
                weight.name.removeprefix("module.").replace(".", "")
                for weight in self.below(self.unwrapped(each))
                if weight.value.ndim > 1 and not weight.skip
            }
            for each in (content, other)
        )
        return one == two

    def unwrapped(self, content: Any) -> Any:
        """Look below keys that say again that this is the network, where they hold all there is."""
        while len(held := [(key, value) for key, value in _entries(content) if self.below(value)]) == 1:
            [(key, value)] = held
            if self.is_tensor(value) or not (key in NETWORKS or SECOND.search(key)):
                break
            content = value
        return content

    def is_tensor(self, value: Any) -> bool:
        return isinstance(value, self.tensor | np.ndarray)

    def below(self, content: Any, prefix: str = "") -> list[FoundWeight]:
        """Every tensor in a container, and in those that it holds, each of which counts once."""
        return list(self.walk(content, prefix, 0, set()))

    def walk(self, content: Any, prefix: str, depth: int, walked: set[int]) -> Iterator[FoundWeight]:
        if depth > DEEPEST:
            raise InputError(f"{self.path} nests its weights more than {DEEPEST} deep.")
        if self.is_tensor(content):
            yield FoundWeight(prefix.removesuffix("."), content)
        elif id(content) not in walked:
            walked.add(id(content))
            for key, value in _entries(content):
                yield from self.walk(value, f"{prefix}{key}.", depth + 1, walked)
            if _is_module(content):
                types = frozenset({class_name(content)} - {""})
                for kind, skip in (("_parameters", ""), ("_buffers", "a buffer")):
                    for weight in self.walk(fields(content).get(kind), prefix, depth, walked):
                        if id(weight.value) not in walked:  # a module counts a shared one once
                            walked.add(id(weight.value))
                            yield weight._replace(types=types, skip=skip)
                yield from self.walk(fields(content)["_modules"], prefix, depth, walked)


def _entries(content: Any) -> list[tuple[str, Any]]:
    """The items of a dictionary, or the numbered ones of a list, without an optimiser's; else none."""
    entries: list[tuple[Any, Any]] = []
    if isinstance(content, dict):
        entries = list(dict.items(content))  # an unpickled dictionary may carry an attribute called items
    elif type(content) in (list, tuple):
        entries = list(enumerate(content))
    return [(str(key), array_of(value)) for key, value in entries if not _is_of_optimiser(str(key), value)]


def _is_module(content: Any) -> bool:
    own = fields(content)
    return isinstance(own.get("_modules"), Mapping) and isinstance(own.get("_parameters"), Mapping)


def _is_of_optimiser(key: str, value: Any) -> bool:
    if NEVER.search(key) and "." not in key and isinstance(value, Mapping | list | tuple):
        return True
    return isinstance(value, dict) and {"state", "param_groups"} <= set(dict.keys(value))
