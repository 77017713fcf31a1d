"""What a network is given as: a live module, a checkpoint, or names with arrays."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from mme.errors import InputError
from mme.weights.parts import PARAMETRISED, scale_facts
from mme.weights.rules import Facts
from mme.weights.stored import Checkpoint, StoredTensor, as_numpy

__all__ = ["described", "listed"]

OUTPUTS_FIRST = ("keras", "onnx", "untrained")  # formats whose readers return layers, not what is stored


def listed(source: Any) -> tuple[Checkpoint, Facts]:
    """List what a network is given as, unread, and the facts beside its tensors."""
    if isinstance(source, Checkpoint):
        is_done = source.format in OUTPUTS_FIRST
        tensors = [replace(tensor, effective=tensor.effective or is_done) for tensor in source.values()]
        network = Checkpoint(source.name, source.format, tensors, source.rule)
        return network, scale_facts(source, source.lora_scale)
    if not isinstance(source, type) and hasattr(source, "state_dict") and hasattr(source, "named_modules"):
        return _of_module(source)
    try:
        pairs = source.items() if isinstance(source, Mapping) else source
        pairs = [(str(name), value) for name, value in pairs]
    except (TypeError, ValueError):
        kind = f"of type {type(source).__name__}"
        kind = f"an array of shape {tuple(source.shape)}" if hasattr(source, "shape") else kind
        kind = f"the class {source.__name__} and no instance of it" if isinstance(source, type) else kind
        right = "a torch module, a mapping of names to arrays, pairs (name, array) or a file that"
        opened = f"mme.checkpoints.open_checkpoint has opened, but it is {kind}"
        raise InputError(f"network must be {right} {opened}.") from None
    if len(dict(pairs)) < len(pairs):
        raise InputError("network must give every tensor its own name, but it gives two of them one name.")
    tensors = [described(name, value) for name, value in pairs]
    if all(tensor.skip.startswith("not an array") for tensor in tensors):
        tensors.sort(key=lambda tensor: "pass [" not in tensor.skip)
        held = ", ".join(f"{tensor.name}: {tensor.skip}" for tensor in tensors[:3]) or "it is empty"
        raise InputError(f"network must hold arrays by their names, but it holds none ({held}).")
    return Checkpoint("network", "arrays", tensors), {}


def described(name: str, value: Any) -> StoredTensor:
    """List an array or a tensor, unread; anything else with the reason why it is none."""
    if isinstance(value, StoredTensor):
        return replace(value, name=name)
    if type(value).__name__.startswith("Uninitialized"):  # of a lazy torch layer, whose shape is not known
        raise InputError(f"layer {name!r} is not initialised yet; run the network once first.")
    read: Callable[[], np.ndarray] = partial(as_numpy, name, value)
    if isinstance(value, Mapping) or not (hasattr(value, "shape") and hasattr(value, "dtype")):
        kind, within = type(value).__name__, value.values() if isinstance(value, Mapping) else ()
        is_net = hasattr(value, "state_dict") or any(hasattr(each, "shape") for each in within)
        told = f"{kind}, itself a network: pass [{name!r}]" if is_net else kind
        return StoredTensor(name, (), kind, read, skip=f"not an array but {told}")
    dtype = getattr(value.dtype, "name", str(value.dtype).removeprefix("torch."))
    if isinstance(value, np.ndarray) and value.dtype == np.int_:
        dtype, read = "float64", lambda: as_numpy(name, value).astype(np.float64)  # neither codes nor indices
    shape, is_dense = tuple(map(int, value.shape)), str(getattr(value, "layout", "")) == "torch.strided"
    place = value.data_ptr() if is_dense else 0  # in memory; two names of one tensor share it
    location = (place, shape, tuple(value.stride())) if place else None
    return StoredTensor(name, shape, dtype, read, location=location)


def _of_module(module: Any) -> tuple[Checkpoint, Facts]:
    modules = dict(module.named_modules(remove_duplicate=False))
    parameters = {name for name, _ in module.named_parameters(remove_duplicate=False)}
    tensors: dict[str, StoredTensor] = {}
    for name, value in module.state_dict(keep_vars=True).items():
        if (part := PARAMETRISED.fullmatch(name)) and part[1] + part[2] in tensors:
            continue
        holder = modules[part[1].removesuffix(".")] if part else None
        tensor = _parametrised(part[1] + part[2], holder, part[2]) if part else described(name, value)
        types = frozenset(base.__name__ for base in type(modules.get(tensor.name.rpartition(".")[0])).__mro__)
        skip = tensor.skip or ("" if name in parameters else "a buffer")
        tensors[tensor.name] = replace(tensor, types=types, skip=skip)
    return Checkpoint(type(module).__name__, "module", tensors.values()), _facts(modules)


def _parametrised(name: str, module: Any, own: str) -> StoredTensor:
    """A weight under `torch.nn.utils.parametrize`, for which the module is asked itself."""

    def weight() -> Any:  # in training mode spectral norm would iterate, and keep what it found
        return copy.deepcopy(module.parametrizations[own]).eval()()

    steps = ", ".join(type(step).__name__.lstrip("_") for step in module.parametrizations[own])
    tensor = replace(described(name, weight()), read=lambda: as_numpy(name, weight()))
    return replace(tensor, location=(id(module), own), note=f"parametrised by {steps}")


def _facts(modules: Mapping[str, Any]) -> Facts:
    """The groups of transposed convolutions, and the scales of the adapters of PEFT."""
    facts: dict[str, Any] = {}
    for path, module in modules.items():
        prefix = f"{path}." if path else ""
        if getattr(module, "transposed", False):
            facts[f"{prefix}<groups>"] = module.groups
        scaling = getattr(module, "scaling", None)
        for adapter, factor in scaling.items() if isinstance(scaling, dict) else ():
            is_merged = adapter in getattr(module, "merged_adapters", ())
            is_active = adapter in getattr(module, "active_adapters", (adapter,))
            is_on = is_active and not is_merged and getattr(module, "disable_adapters", False) is not True
            facts[f"{prefix}<scale>.{adapter}"] = float(factor) if is_on else 0.0
    return facts
