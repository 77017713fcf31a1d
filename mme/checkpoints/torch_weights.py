"""What a torch checkpoint holds: stand-ins for what it names, and where the weights lie among them.

Every name in a pickle is answered by a stand-in, so nothing of what the file names is imported or run. A key
of `NETWORKS` says where the network is; otherwise a dictionary with tensors is a state dict; otherwise the
one entry that is no second set (`ema`, `swa`, …) is the network, and several are refused. A second set stays
if its weights have the same names; whatever else lies beside the network is named as left out.
"""

from __future__ import annotations

import re
import sys
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch

from mme.checkpoints.limits import NoNetwork
from mme.errors import InputError
from mme.weights.effective import SECOND

__all__ = ["INSTEAD", "Call", "FoundWeight", "StandIn", "found_weights"]

INSTEAD = "save the network's state dict: torch.save(net.state_dict(), …)"
NETWORKS = (
    *("state_dict", "model_state_dict", "model_state", "model_dict", "model", "net_state_dict", "net"),
    *("network", "module", "params", "weights"),
)
NEVER = re.compile(
    r"[^.]*(optim|scheduler)[^.]*|([^.]*_)?(opt|scaler|amp|rng|loops)(_[^.]*)?", re.IGNORECASE
)
CLASS = "<class>"  # the field of a record that names its class
HARMLESS = re.compile(
    rf"(?!({'|'.join(sys.stdlib_module_names)})\.)[\w.]+\.[A-Z]\w*"  # a class, but none of Python's own
    r"|builtins\.(bytearray|bytes|complex|dict|float|frozenset|int|list|range|set|slice|str|tuple)"
    r"|(collections|datetime|decimal|fractions|pathlib|pathlib\._local|uuid)\.\w+"
    r"|functools\.partial|re\._compile|types\.SimpleNamespace|random\.Random"
    r"|numpy\.(dtype|_?core\.multiarray\.(_reconstruct|scalar)|random\._pickle\.\w+)"
)
FILLED = {"collections.defaultdict": OrderedDict, "collections.deque": list}  # with items, after the call
NUMBERS = re.compile(r"[biufc]\d{1,2}")


@dataclass(eq=False)
class Call:
    """A call that was not made: what it would have been given, and the state of its result."""

    name: str
    arguments: tuple[Any, ...]
    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class StandIn:
    """What torch's loader gets for a name in a pickle: it makes records, and no calls."""

    def __init__(self, name: str) -> None:
        self.name = name
        vars(self)["__new__"] = self._record  # the loader makes objects by cls.__new__(cls, …)

    def _record(self, *_: Any) -> OrderedDict[Any, Any]:
        """An object, as a dictionary that takes its attributes: torch's loader gives items to no other."""
        if ".quantized." in self.name:  # their state is no dictionary
            raise UnpicklingError("its quantised modules are read from a state dict alone")
        record: OrderedDict[Any, Any] = OrderedDict()
        vars(record)[CLASS] = self.name.rpartition(".")[2]
        return record

    def __call__(self, *arguments: Any) -> Any:
        """Note a call that does no harm, and refuse any other."""
        if self.name in FILLED:
            return FILLED[self.name]()
        if not HARMLESS.fullmatch(self.name):
            raise UnpicklingError(f"it asks to call {self.name}")
        return Call(self.name, arguments)


def array_of(value: Any) -> Any:
    """Return a NumPy array in place of a call for one, if it is of plain numbers; anything else as it is."""
    if not isinstance(value, Call) or not value.name.endswith("_reconstruct") or value.state is None:
        return value
    _, shape, dtype, is_fortran, data = value.state
    code, order = dtype.arguments[0], dtype.state[1]
    if not isinstance(data, bytes) or not NUMBERS.fullmatch(code):
        return value  # texts, objects or records
    return np.frombuffer(data, order + code).reshape(shape, order="F" if is_fortran else "C")


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
        own = vars(content) if type(content) is OrderedDict else {}
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
        raise NoNetwork(f"{path} holds no weight tensors; {INSTEAD}.")
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
        found = f"several sets of weights ({', '.join(map(repr, networks[:6]))})"
        right = "save the one that is meant by itself, or under the key 'state_dict'"
        raise InputError(f"{path} holds {found}; {right}.")
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
