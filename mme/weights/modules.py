"""What only a live torch module tells: its parametrised weights, groups, and the scales of its adapters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from mme.weights.arrays import as_numpy
from mme.weights.stored import StoredTensor

__all__ = ["is_module", "module_facts", "parametrised"]


def is_module(source: Any) -> bool:
    """Whether this is a torch module, and not the class of one."""
    is_class = isinstance(source, type)
    return not is_class and hasattr(source, "named_parameters") and hasattr(source, "named_modules")


def module_facts(modules: Mapping[str, Any]) -> tuple[list[StoredTensor], dict[str, float]]:
    """Return the groups of transposed convolutions, as tensors, and the scales of LoRA adapters by path."""
    facts, scales = [], {}
    for path, module in modules.items():
        if getattr(module, "transposed", False):
            name = f"{path}.<groups>".lstrip(".")
            facts.append(StoredTensor(name, (), "int64", partial(np.array, module.groups)))
        scaling = getattr(module, "scaling", None)
        if isinstance(scaling, dict):  # PEFT: by the names of adapters
            for adapter, factor in scaling.items():
                scales[re.escape(f"{path}.{adapter}".lstrip("."))] = _factor(module, adapter, float(factor))
        elif isinstance(scaling, float | int) and hasattr(module, "lora_A"):  # loralib
            scales[re.escape(path)] = 0.0 if getattr(module, "merged", False) else float(scaling)
    return facts, scales


def _factor(module: Any, adapter: str, factor: float) -> float:
    """Return what an adapter is multiplied with: nothing where it is merged already, or not active."""
    is_merged = adapter in getattr(module, "merged_adapters", ())
    is_active = adapter in getattr(module, "active_adapters", (adapter,))
    is_off = getattr(module, "disable_adapters", False) is True
    return factor if is_active and not is_merged and not is_off else 0.0


def parametrised(modules: Mapping[str, Any]) -> Iterator[StoredTensor]:
    """Yield the weights under `torch.nn.utils.parametrize`."""
    for path, module in modules.items():
        for own, steps in getattr(module, "_modules", {}).get("parametrizations", _NONE).items():
            value = _weight(module, own)
            name = f"{path}.{own}".lstrip(".")
            dtype = str(value.dtype).removeprefix("torch.")
            read = partial(_numbers, name, module, own)
            note = "parametrised by " + ", ".join(type(step).__name__.lstrip("_") for step in steps)
            yield StoredTensor(name, tuple(value.shape), dtype, read, note=note)


_NONE: Mapping[str, Any] = {}


def _weight(module: Any, own: str) -> Any:
    """Return a parametrised weight as the network has it in eval mode, and leave the module as it was."""
    import torch

    steps = list(module.parametrizations[own].modules())
    modes = [step.training for step in steps]
    try:
        for step in steps:
            step.training = False  # in training mode spectral norm would iterate, and keep what it found
        with torch.no_grad():
            return getattr(module, own).detach()
    finally:
        for step, mode in zip(steps, modes, strict=True):
            step.training = mode


def _numbers(name: str, module: Any, own: str) -> np.ndarray:
    return as_numpy(name, _weight(module, own))
