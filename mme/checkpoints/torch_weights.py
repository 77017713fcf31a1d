"""Where the weights lie in what a torch checkpoint holds: a state dict, a module, or a training checkpoint.

Of all that is in the file only tensors count, and the dictionaries, lists and modules that hold some; what
belongs to an optimiser never does. The rules, in this order:

1. A key of `NETWORKS` says where the network is.
2. Otherwise a dictionary with tensors is a state dict. Dictionaries in it belong to it, their names joined by
   a dot.
3. Otherwise the one entry that is no second set (`ema`, `swa`, …) is the network; where there are several,
   nothing tells which is meant.

A second set stays beside the network if its weights have the same names; all names then begin with their key.
Whatever else lies beside the network is named as left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch

from mme.checkpoints.limits import NoNetwork
from mme.checkpoints.torch_shells import CLASS, array_of, fields
from mme.errors import InputError
from mme.weights.effective import SECOND

__all__ = ["FoundWeight", "found_weights"]

NETWORKS = (
    *("state_dict", "model_state_dict", "model_state", "model_dict", "model", "net_state_dict", "net"),
    *("network", "module", "params", "weights"),
)
NEVER = re.compile(
    r"[^.]*(optim|scheduler)[^.]*|([^.]*_)?(opt|scaler|amp|rng|loops)(_[^.]*)?", re.IGNORECASE
)


class FoundWeight(NamedTuple):
    """A tensor of a network, its layer's types, and why it is no weight, if it is none."""

    value: Any
    types: frozenset[str] = frozenset()
    skip: str = ""


Weights: TypeAlias = dict[str, FoundWeight]
Tree: TypeAlias = "dict[str, Tree | FoundWeight]"


def found_weights(content: Any, path: Path) -> Weights:
    """Return the tensors of the network in what torch's loader gave."""
    walked: set[int] = set()

    def tree(content: Any) -> Tree | FoundWeight:
        """What holds tensors, each container once; a module's are in one dictionary."""
        content = array_of(content)
        if isinstance(content, torch.Tensor | np.ndarray):
            return FoundWeight(content)
        if id(content) in walked:
            return {}
        walked.add(id(content))
        own = fields(content)
        if not {"_modules", "_parameters"} <= own.keys():
            return {key: part for key, value in _parts(content) if (part := tree(value))}
        types = frozenset({str(own.get(CLASS, ""))})
        weights: Weights = {}
        for kind, skip in (("_parameters", ""), ("_buffers", "a buffer")):
            for name, weight in _flat(tree(own.get(kind))).items():
                weights[name] = weight._replace(types=types, skip=skip)
        return {**weights, **_flat(tree(own["_modules"]))}

    found = tree(content)
    weights = {"tensor": found} if isinstance(found, FoundWeight) else _network(found, path)
    if all(weight.skip for weight in weights.values()):
        raise NoNetwork(
            f"{path} holds no weight tensors; save the network's state dict: torch.save(net.state_dict(), …)."
        )
    return weights


def _parts(content: Any) -> Iterator[tuple[str, Any]]:
    """The items of a dictionary, or the numbered ones of a list, without an optimiser's; else none."""
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(content, dict):
        items = dict.items(content)  # an unpickled dictionary may carry an attribute called items
    elif type(content) in (list, tuple):
        items = enumerate(content)
    for key, value in items:
        is_container = isinstance(value, dict | list | tuple)
        is_state = isinstance(value, dict) and {"state", "param_groups"} <= set(value)
        if not is_state and not (is_container and NEVER.fullmatch(str(key))):
            yield str(key), value


def _network(tree: Tree, path: Path) -> Weights:
    sets = {key: _unwrapped(part) for key, part in tree.items() if isinstance(part, dict)}
    named = [key for key in NETWORKS if key in sets][:1]
    if not sets or (not named and len(sets) < len(tree)):
        return _flat(tree)
    networks = named or [key for key in sets if not _is_second(key)] or list(sets)
    if len(networks) > 1:
        raise InputError(
            f"{path} holds several sets of weights ({', '.join(map(repr, networks[:6]))}); save the one that "
            "is meant by itself, or under the key 'state_dict'."
        )
    (network,) = networks
    if not named and len(sets) == 1:
        return _network(sets[network], path)
    names = _names(sets[network])
    taken = [key for key in sets if key == network or (_is_second(key) and _names(sets[key]) == names)]
    skip = f"beside the network, which is under {network!r}"
    beside = _flat({key: part for key, part in tree.items() if key not in taken})
    chosen = _flat({key: sets[key] for key in taken} if len(taken) > 1 else sets[network])
    return {name: weight._replace(skip=skip) for name, weight in beside.items()} | chosen


def _is_second(key: str) -> bool:
    return SECOND.fullmatch(f"{key}.weight") is not None


def _unwrapped(tree: Tree) -> Tree:
    """Look below keys that say again that this is the network, where they hold all there is."""
    while len(tree) == 1:
        [(key, inner)] = tree.items()
        if not isinstance(inner, dict) or not (key in NETWORKS or _is_second(key)):
            break
        tree = inner
    return tree


def _names(tree: Tree) -> set[str]:
    """Names of weights, but for what copies of a network change in them: dots, and a wrapper."""
    weights = {name: each for name, each in _flat(tree).items() if each.value.ndim > 1 and not each.skip}
    return {name.removeprefix("module.").replace(".", "") for name in weights}


def _flat(tree: Tree | FoundWeight, prefix: str = "") -> Weights:
    """The tensors by their names, joined by dots."""
    if isinstance(tree, FoundWeight):
        return {prefix.removesuffix("."): tree}
    parts = (_flat(part, f"{prefix}{key}.") for key, part in tree.items())
    return {name: weight for part in parts for name, weight in part.items()}
