"""Where the weights lie in what a torch checkpoint holds: a state dict, a module, or a training checkpoint.

The rules, in this order:

1. The object of a module gives its parameters, as `named_parameters` would; its buffers are no parameters.
2. A dictionary that holds weights under a key of `PREFERRED` gives those, the first such key first.
3. A dictionary of tensors is a state dict. Dictionaries in it belong to it, their names joined by a dot.
4. A dictionary with one entry that holds weights gives that entry; with several, nothing tells which network
   is meant.

What belongs to an optimiser is never taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mme.checkpoints.torch_shells import Array, class_name, fields
from mme.errors import InputError

__all__ = ["PREFERRED", "FoundWeight", "found_weights"]

PREFERRED = (
    *("state_dict", "model_state_dict", "model_state", "model_dict", "model", "net_state_dict", "net"),
    *("network", "module", "params", "weights", "ema_state_dict", "state_dict_ema", "model_ema", "ema"),
)
NEVER = re.compile(r"optim|scheduler|(^|_)(opt|scaler|amp|rng|callbacks|loops)(_|$)", re.IGNORECASE)
DEEPEST = 100


@dataclass(frozen=True, eq=False)
class FoundWeight:
    """A tensor of a network: its name, itself (or what stands in its place), and its layer's types."""

    name: str
    value: Any
    types: frozenset[str] = frozenset()


def found_weights(content: Any, is_tensor: type, path: Any) -> list[FoundWeight]:
    """Return the weights of the network that a checkpoint holds.

    Parameters
    ----------
    content : object
        What torch's loader gave.
    is_tensor : type
        `torch.Tensor`.
    path : Path or str
        Of the file, for messages.

    Returns
    -------
    list of FoundWeight
        Values that are no tensors are listed too, as a state dict lists them.

    Raises
    ------
    InputError
        If there are no weights, or it is not clear which are meant.

    Examples
    --------
    >>> content = {"epoch": 3, "model": {"fc.weight": np.eye(2)}, "optimizer": {"state": {0: np.eye(2)}}}
    >>> [weight.name for weight in found_weights(content, np.ndarray, "net.pt")]
    ['fc.weight']
    """
    finder = _Finder(is_tensor, path)
    found = finder.network(content, 0)
    if not any(finder.is_weight(weight.value) for weight in found):
        raise InputError(
            f"{path} holds no weight tensors; save the network's state dict: torch.save(net.state_dict(), …)."
        )
    return found


class _Finder:
    def __init__(self, is_tensor: type, path: Any) -> None:
        self.is_tensor = is_tensor
        self.path = path
        self.known: dict[int, bool] = {}
        self.walked: set[int] = set()

    def is_weight(self, value: Any) -> bool:
        if isinstance(value, Array):
            return value.numbers is not None
        return isinstance(value, self.is_tensor | np.ndarray)

    def network(self, content: Any, depth: int) -> list[FoundWeight]:
        self.require_shallow(depth)
        if self.is_weight(content):
            return [FoundWeight("tensor", content)]
        if _is_module(content):
            return list(self.parameters(content, "", depth))
        entries = {
            str(key): value for key, value in _entries(content) if not _is_of_optimiser(str(key), value)
        }
        for key in PREFERRED:
            if (
                key in entries
                and not self.is_weight(entries[key])
                and self.holds_weights(entries[key], depth)
            ):
                return self.chosen(entries[key], depth + 1)
        if any(self.is_weight(value) for value in entries.values()):
            return list(self.flattened(content, "", depth))
        candidates = [key for key, value in entries.items() if self.holds_weights(value, depth)]
        if len(candidates) > 1:
            named = ", ".join(map(repr, candidates[:6])) + (", …" if len(candidates) > 6 else "")
            raise InputError(
                f"{self.path} holds several sets of weights ({named}); save the one that is meant by itself, "
                "or under the key 'state_dict'."
            )
        return self.network(entries[candidates[0]], depth + 1) if candidates else []

    def chosen(self, content: Any, depth: int) -> list[FoundWeight]:
        """Below a key that says that this is the network, dictionaries side by side are its parts."""
        entries = dict(_entries(content))
        if _is_module(content) or any(key in entries for key in PREFERRED):
            return self.network(content, depth)
        return list(self.flattened(content, "", depth))

    def flattened(self, content: Any, prefix: str, depth: int) -> Iterator[FoundWeight]:
        self.require_shallow(depth)
        if self.was_walked(content):
            return
        for key, value in _entries(content):
            name = f"{prefix}{key}"
            if _is_of_optimiser(str(key), value):
                continue
            if _is_module(value):
                yield from self.parameters(value, f"{name}.", depth + 1)
            elif not self.is_weight(value) and self.holds_weights(value, depth):
                yield from self.flattened(value, f"{name}.", depth + 1)
            else:
                yield FoundWeight(name, value)

    def parameters(self, module: Any, prefix: str, depth: int) -> Iterator[FoundWeight]:
        self.require_shallow(depth)
        if self.was_walked(module):
            return
        held = fields(module)
        types = frozenset({class_name(module)} - {""})
        for name, value in _entries(held["_parameters"]):
            if value is not None and not self.was_walked(value):
                yield FoundWeight(f"{prefix}{name}", value, types)
        for name, child in _entries(held["_modules"]):
            if _is_module(child):
                yield from self.parameters(child, f"{prefix}{name}.", depth + 1)

    def holds_weights(self, value: Any, depth: int) -> bool:
        self.require_shallow(depth)
        if self.is_weight(value):
            return True
        key = id(value)
        if key not in self.known:
            self.known[key] = False  # also ends the walk where a container holds itself
            if _is_module(value):
                self.known[key] = True
            else:
                self.known[key] = any(
                    not _is_of_optimiser(str(name), inner) and self.holds_weights(inner, depth + 1)
                    for name, inner in _entries(value)
                )
        return self.known[key]

    def was_walked(self, content: Any) -> bool:
        """Whether something was met before: under a second name it counts once, and within itself it ends."""
        if id(content) in self.walked:
            return True
        self.walked.add(id(content))
        return False

    def require_shallow(self, depth: int) -> None:
        if depth > DEEPEST:
            raise InputError(f"{self.path} nests its weights more than {DEEPEST} deep.")


def _entries(content: Any) -> list[tuple[Any, Any]]:
    """The items of a dictionary, or the numbered ones of a list; none of anything else."""
    if isinstance(content, dict):
        return list(dict.items(content))  # an unpickled dictionary may carry an attribute called items
    if type(content) in (list, tuple):
        return [(str(number), value) for number, value in enumerate(content)]
    return []


def _is_module(content: Any) -> bool:
    held = fields(content)
    return isinstance(held.get("_modules"), Mapping) and isinstance(held.get("_parameters"), Mapping)


def _is_of_optimiser(key: str, value: Any) -> bool:
    if NEVER.search(key) and "." not in key and isinstance(value, Mapping | list | tuple):
        return True
    return isinstance(value, dict) and {"state", "param_groups"} <= set(dict.keys(value))
