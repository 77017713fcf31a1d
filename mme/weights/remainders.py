"""What no rule resolves: never measured as if it were a weight, and named with the reason."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from mme.weights.adapters import FACTOR
from mme.weights.stored import StoredTensor

__all__ = ["with_reasons"]

PARAMETRISED = re.compile(r"(?:.*\.)?parametrizations\.[^.]+\..+")
SCALE = re.compile(r"(.*?)(?:_scales?|_scale_inv|_scale_\d|_zero_point|_zeros|\._scale|\.scales|\.qzeros)")
CODED = ("", "_packed", "_blocks", "._data", ".qweight")  # what follows the stem of a scale's name
ORIGINAL = re.compile(r"((?:.*\.)?)original_module\..+")  # PEFT keeps what it trained a copy of
PACKED = re.compile(r"(?:.*\.)?(?:qweight|qzeros|\w+_packed)")
UNRESOLVED = "part of a parametrisation that no rule resolves; give the live network"
INTEGERS = ("int16", "int32", "int64", "uint16", "uint32", "uint64")


def with_reasons(tensors: Mapping[str, StoredTensor], has_scales: bool) -> dict[str, StoredTensor]:
    """Return the tensors, those that take no part in the network with the reason.

    Integers of 8 bits are codes. Floats of 8 bits are weights where the network stores no scale at all, for
    then they are what a plain cast leaves.
    """
    adapted = {match["p"] for match in map(FACTOR.fullmatch, tensors) if match}

    def reason(tensor: StoredTensor) -> str:
        name, dtype = tensor.name, tensor.dtype
        if len(tensor.shape) < 2 or tensor.note:
            return tensor.skip
        if PARAMETRISED.fullmatch(name):
            return UNRESOLVED
        if FACTOR.fullmatch(name):
            return "a LoRA factor without a known scale (adapter_config.json tells it), or one of DoRA"
        if name.removesuffix("weight").removesuffix("base_layer.") in adapted:
            return "adapted by LoRA factors without a known scale (adapter_config.json tells it), or by DoRA"
        replaced = ORIGINAL.fullmatch(name)
        if replaced and any(other.startswith(f"{replaced[1]}modules_to_save.") for other in tensors):
            return "replaced by modules_to_save"
        scale = SCALE.fullmatch(name)
        if scale and any(_is_code(tensors.get(scale[1] + ending)) for ending in CODED):
            return "a scale of codes that no rule resolves"
        if PACKED.fullmatch(name) and "int" in dtype:
            return f"packed codes ({dtype}) that no rule resolves"
        if dtype in ("int8", "uint8") or (dtype.startswith("float8") and has_scales):
            return f"{dtype} codes without a known scale"
        return f"an index table ({dtype})" if dtype in INTEGERS else tensor.skip

    return {name: replace(tensor, skip=reason(tensor)) for name, tensor in tensors.items()}


def _is_code(tensor: StoredTensor | None) -> bool:
    return tensor is not None and (
        tensor.dtype in ("int8", "uint8", "int32") or tensor.dtype.startswith("float8")
    )
