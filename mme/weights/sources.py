"""What a network is given as: a live module, a checkpoint, or names with arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from mme.errors import InputError
from mme.weights.arrays import as_numpy
from mme.weights.modules import is_module, module_facts, parametrised
from mme.weights.stored import Checkpoint, StoredTensor

__all__ = ["listed"]

OUTPUTS_FIRST = ("keras", "onnx", "untrained")  # formats whose readers return layers, not what is stored


def listed(source: Any) -> tuple[Checkpoint, set[str]]:
    """List what a network is given as, unread, and which of it is no weight but may be a part of one."""
    if isinstance(source, Checkpoint):
        done = source.format in OUTPUTS_FIRST
        tensors = [replace(tensor, effective=True) if done else tensor for tensor in source.values()]
        return Checkpoint(source.name, source.format, tensors, source.rule, source.lora_scale), set()
    if is_module(source):
        return _of_module(source)
    tensors = [_stored(name, value) for name, value in _pairs(source)]
    network = Checkpoint("network", "arrays", tensors)
    if len(network) < len(tensors):
        raise InputError("network must give every tensor its own name, but it gives two of them one name.")
    return network, set()


def _pairs(source: Any) -> list[tuple[str, Any]]:
    try:
        pairs = source.items() if isinstance(source, Mapping) else source
        return [(str(name), value) for name, value in pairs]
    except (TypeError, ValueError):
        described = f"of type {type(source).__name__}"
        if isinstance(source, type):
            described = f"the class {source.__name__} and no instance of it"
        elif hasattr(source, "shape"):
            described = f"an array of shape {tuple(source.shape)}"
        raise InputError(
            "network must be a torch module, a mapping of names to arrays or pairs (name, array), "
            f"but it is {described}."
        ) from None


def _of_module(module: Any) -> tuple[Checkpoint, set[str]]:
    modules = dict(module.named_modules())
    types = {path: frozenset(base.__name__ for base in type(each).__mro__) for path, each in modules.items()}
    facts, lora_scale = module_facts(modules)

    def typed(tensors: Iterable[StoredTensor]) -> dict[str, StoredTensor]:
        none: frozenset[str] = frozenset()
        return {t.name: replace(t, types=types.get(t.name.rpartition(".")[0], none)) for t in tensors}

    parameters = typed(_stored(*named) for named in module.named_parameters())
    parts = typed(_stored(*named) for named in module.named_buffers())
    if any(parameter.dtype in ("int8", "uint8") for parameter in parameters.values()):
        parts |= typed(_stored(*named) for named in module.state_dict().items())  # the scales of bitsandbytes
    own = typed(parametrised(modules))
    made_of = tuple(f"{path}.parametrizations.".lstrip(".") for path in modules)
    found = {name: each for name, each in (parts | parameters).items() if not name.startswith(made_of)}
    tensors = found | own | {fact.name: fact for fact in facts}
    order = {path: place for place, path in enumerate(modules)}
    ordered = sorted(tensors.values(), key=lambda tensor: order.get(tensor.name.rpartition(".")[0], 0))
    network = Checkpoint(type(module).__name__, "module", ordered, None, lora_scale)
    return network, tensors.keys() - parameters.keys() - own.keys()


def _stored(name: str, value: Any) -> StoredTensor:
    if isinstance(value, StoredTensor):
        return value if value.name == name else replace(value, name=name)
    if type(value).__name__.startswith("Uninitialized"):  # of a lazy torch layer, whose shape is not known
        raise InputError(
            f"layer {name!r} is not initialised and holds no weights; run the network once first."
        )
    read = partial(as_numpy, name, value)
    if isinstance(value, Mapping) or not (hasattr(value, "shape") and hasattr(value, "dtype")):
        kind = type(value).__name__
        return StoredTensor(name, (), kind, read, skip=f"not an array but {kind}")
    dtype = getattr(value.dtype, "name", str(value.dtype).removeprefix("torch."))
    if isinstance(value, np.ndarray) and value.dtype == np.int_:
        dtype = "float64"  # typed by hand: numbers, neither codes nor indices
    return StoredTensor(name, tuple(map(int, value.shape)), dtype, read, location=_location(value))


def _location(value: Any) -> tuple[Any, ...] | None:
    """Return where a torch tensor lies in memory; None where that is not known."""
    try:
        return (value.data_ptr(), tuple(value.shape), tuple(value.stride())) if value.data_ptr() else None
    except (AttributeError, RuntimeError):  # no tensor, or a sparse one
        return None
