"""What a network is given as: a live module, a checkpoint, or names with arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from mme.errors import InputError
from mme.weights.arrays import as_numpy
from mme.weights.modules import is_module, module_facts, parametrised
from mme.weights.stored import Checkpoint, StoredTensor

__all__ = ["Source", "listed"]

OUTPUTS_FIRST = ("keras", "onnx", "untrained")  # formats whose readers return layers, not what is stored


@dataclass(frozen=True)
class Source:
    """The tensors of a network as they are stored.

    Attributes
    ----------
    name, format, rule, lora_scale
        As in `Checkpoint`.
    tensors : list of StoredTensor
    parts : set of str
        Names of tensors that are no weights, but that weights may be made of: the buffers of a live module.
    """

    name: str
    format: str
    tensors: list[StoredTensor]
    rule: str | None = None
    lora_scale: float | Mapping[str, float] | None = None
    parts: set[str] = field(default_factory=set)


def listed(source: Any) -> Source:
    """List the tensors of a network, whatever it is given as; nothing is read."""
    if isinstance(source, Checkpoint):
        done = source.format in OUTPUTS_FIRST
        tensors = [replace(tensor, effective=True) if done else tensor for tensor in source.values()]
        return Source(source.name, source.format, tensors, source.rule, source.lora_scale)
    if is_module(source):
        return _of_module(source)
    tensors = [_stored(name, value) for name, value in _pairs(source)]
    names = {tensor.name for tensor in tensors}
    if len(names) < len(tensors):
        raise InputError("source must give every tensor its own name, but it gives two of them one name.")
    return Source("network", "arrays", tensors)


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
            "source must be a torch module, a mapping of names to arrays or pairs (name, array), "
            f"but it is {described}."
        ) from None


def _of_module(module: Any) -> Source:
    modules = dict(module.named_modules())
    types = {path: frozenset(base.__name__ for base in type(part).__mro__) for path, part in modules.items()}
    facts, lora_scale = module_facts(modules)
    own = {tensor.name: replace(tensor, types=types[path]) for path, tensor in parametrised(modules)}
    made_of = tuple(f"{path}.parametrizations." if path else "parametrizations." for path in modules)

    def tensors(named: Iterator[tuple[str, Any]]) -> dict[str, StoredTensor]:
        return {
            name: replace(_stored(name, value), types=types.get(name.rpartition(".")[0], frozenset()))
            for name, value in named
        }

    parameters = tensors(module.named_parameters())
    parts = tensors(module.named_buffers()) | {fact.name: fact for fact in facts}
    if any(parameter.dtype in ("int8", "uint8") for parameter in parameters.values()):
        parts = tensors(module.state_dict().items()) | parts  # where bitsandbytes puts its scales
    parts = {name: part for name, part in parts.items() if name not in parameters}
    found = [*parameters.values(), *parts.values()]
    found = [tensor for tensor in found if not tensor.name.startswith(made_of)]
    return Source(
        type(module).__name__, "module", [*found, *own.values()], None, lora_scale, parts.keys() - own.keys()
    )


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
