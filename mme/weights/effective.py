"""The weights that a network computes with, out of what is stored, and the reasons of what takes no part."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from itertools import accumulate
from typing import Any

from mme.arguments import choice, shown
from mme.errors import InputError
from mme.weights.codes import CODES
from mme.weights.layouts import LAYOUTS, experts
from mme.weights.parts import ADAPTERS, FACTOR, PARAMETRISATIONS, PARAMETRISED, is_part
from mme.weights.sources import listed
from mme.weights.stored import Checkpoint, StoredTensor

__all__ = ["effective_weights"]

# In this order: codes become numbers, parts weights, outputs come first, and adapters are added.
TABLE = (*CODES, *PARAMETRISATIONS, *LAYOUTS, *ADAPTERS)


def effective_weights(source: Any, *, which: str | None = None) -> Checkpoint:
    """Return the weights that a network computes with, outputs first; applied to them it changes nothing.

    What is stored in parts is put together (weight norm, spectral norm, pruning, LoRA), codes are multiplied
    with their scales, outputs come first, and a stack of experts becomes its layers. A weight that was made
    says how in its `note`; its parts are no tensors of their own. What takes no part has a reason in `skip`:
    codes and parts that no rule resolves, tables of indices, second sets of the weights. What no name, type
    or bias tells to be stored otherwise is taken outputs first: in a state dict, a transposed convolution
    with as many inputs as outputs, or without a bias.

    Parameters
    ----------
    source : torch.nn.Module, state dict, Checkpoint, mapping of names to arrays, or pairs (name, array)
        Nothing is read before it is needed, but for the few bytes that tell a shape. A live module stays as
        it is; for its parametrised weights it is asked itself.
    which : str, optional
        The second set of weights to take in place of the plain one, such as ``"model_ema"``.

    Raises
    ------
    InputError
        If the source is no network, or has no such second set.

    Examples
    --------
    >>> import numpy as np
    >>> stored = {"fc.weight_g": np.full((2, 1), 3.0), "fc.weight_v": np.array([[3.0, 4.0], [0.0, 1.0]])}
    >>> weight = effective_weights(stored)["fc.weight"]
    >>> weight.read(), weight.note
    (array([[1.8, 2.4],
           [0. , 3. ]]), 'weight norm: g v/‖v‖')
    """
    if which is None and isinstance(source, Checkpoint) and all(each.effective for each in source.values()):
        return source  # it comes from here
    given, facts = listed(source)
    places = {name: place for place, name in enumerate(given)}
    # What a reader left out is no part of a weight; a buffer, such as a mask, may be one.
    done = {name: each for name, each in given.items() if each.effective or each.skip not in ("", "a buffer")}
    tensors = {name: tensor for name, tensor in given.items() if name not in done}
    has_scales = any("scale" in name for name in tensors)
    for rule in TABLE:
        rule.apply(tensors, facts, places)
    made = _with_reasons(tensors, has_scales) | done
    ordered = sorted(made.values(), key=lambda tensor: places[tensor.name])
    layers = [replace(layer, effective=True) for tensor in ordered for layer in experts(tensor, made)]
    if tensors or which is not None:  # else the set was chosen before
        layers = _with_one_set(layers, which, f"{source.name}: " if isinstance(source, Checkpoint) else "")
    return Checkpoint(given.name, given.format, layers, given.rule)


SCALE = re.compile(r"(?:.*\.)?(?:\w*_)?(?:scales?|scale_\w+|zeros?|zero_point|qzeros|shift|s)")
ORIGINAL = re.compile(r"((?:.*\.)?)original_module\..+")  # PEFT keeps what it trained a copy of
BIAS = re.compile(r"(?:.*[./_])?bias(?:es)?(?::\d+)?")
CODED = re.compile("u?int(?:8|32)|float8")
PACKED = re.compile(r"(?:.*\.)?(?:qweight|\w+_packed)")


def _with_reasons(tensors: Mapping[str, StoredTensor], has_scales: bool) -> dict[str, StoredTensor]:
    """Return the tensors, those that no rule resolves with the reason; 8-bit floats may be a plain cast."""
    adapted = {match["p"] for match in map(FACTOR.fullmatch, tensors) if match}
    parametrised = {match[1] + match[2] for match in map(PARAMETRISED.fullmatch, tensors) if match}
    scaled = set(map(_path, filter(SCALE.fullmatch, tensors)))
    codes = [name for name, each in tensors.items() if CODED.match(each.dtype) or PACKED.fullmatch(name)]
    coded = set(map(_path, codes))

    def reason(name: str, dtype: str) -> str:
        if name in parametrised or is_part(name, tensors):
            return "part of a parametrisation that no rule resolves; give the live network"
        if FACTOR.fullmatch(name) or name.removesuffix("weight").removesuffix("base_layer.") in adapted:
            return "part of an adapter that no rule resolves; of LoRA, adapter_config.json tells the scale"
        replaced = ORIGINAL.fullmatch(name)
        if replaced and any(other.startswith(f"{replaced[1]}modules_to_save.") for other in tensors):
            return "replaced by modules_to_save"
        if SCALE.fullmatch(name) and _path(name) in coded:
            return "a scale of codes that no rule resolves"
        if "int" in dtype and (PACKED.fullmatch(name) or ("32" in dtype and _path(name) in scaled)):
            return f"packed codes ({dtype}) that no rule resolves"
        if BIAS.fullmatch(name):  # one for each expert, or each head of an attention
            return "a bias"
        if dtype in ("int8", "uint8") or (dtype.startswith("float8") and has_scales):
            return f"{dtype} codes without a known scale"
        return f"an index table ({dtype})" if re.fullmatch(r"u?int(16|32|64)", dtype) else ""

    reasons = {name: reason(name, each.dtype) for name, each in tensors.items() if len(each.shape) > 1}
    skipped = {name: replace(tensors[name], skip=why) for name, why in reasons.items() if why}
    return {**tensors, **skipped}


def _path(name: str) -> str:
    """The module that holds a tensor."""
    return name.rpartition(".")[0]


SECOND = re.compile(
    r"((?:.*?\.)??(?:[^.]*_)?(?:ema|swa|teacher|momentum|averag\w*)(?:_(?:0\.\d+|[^.]*))?)\..+|(ema)_[^.]+",
    re.IGNORECASE,
)
letters = partial(re.sub, "[._]", "")  # of a name, without what the copies of a network change in it
REPEATED, REPLACED = "a second set of the weights", "another set of the weights was chosen"


def _with_one_set(tensors: list[StoredTensor], which: Any, of: str) -> list[StoredTensor]:
    """Return the tensors, those of all sets of weights but one with the reason that they are left out.

    A second set is called as `SECOND` says, and all its weights, by names and sizes, lie below another
    prefix, or none, too; two equal branches such as `encoder_q` and `encoder_k` are one network.
    """
    whole = [
        replace(each, skip="") if each.skip.startswith((REPEATED, REPLACED)) else each for each in tensors
    ]
    originals = _sets({each.name: each.size for each in whole if len(each.shape) > 1 and not each.skip})
    if which is not None and not originals:
        alone = "there is no second set of weights"
        raise InputError(f"{of}which must be None, for {alone}, but it is {shown(which)}.")
    replaced = () if which is None else originals[choice(f"{of}which", which, originals)]

    def reason(name: str) -> str:
        prefix, _ = _within_set(name)
        if prefix in originals:
            return "" if prefix == which else f"{REPEATED}; which={prefix!r} takes it"
        return REPLACED if name in replaced else ""

    if not originals:
        return whole
    return [replace(tensor, skip=tensor.skip or reason(tensor.name)) for tensor in whole]


def _within_set(name: str) -> tuple[str, str]:
    """Split a name into the prefix of a second set, or nothing, and the rest."""
    match = SECOND.fullmatch(name)
    prefix = (match[1] or match[2]) if match else ""
    return prefix, name[len(prefix) + 1 :].removeprefix("module.") if prefix else name


def _sets(sizes: Mapping[str, int]) -> dict[str, set[str]]:
    """The prefix of each second set, and the names of the weights that it repeats."""
    sets: dict[str, set[tuple[str, int]]] = defaultdict(set)
    below: dict[str, dict[tuple[str, int], str]] = defaultdict(dict)
    found = {name: _within_set(name) for name in sizes}
    if not any(prefix for prefix, _ in found.values()):
        return {}
    for name, size in sizes.items():
        prefix, rest = found[name]
        if prefix:
            sets[prefix].add((letters(rest), size))
        else:
            for start in ("", *accumulate(f"{part}." for part in name.split(".")[:-1])):
                below[start][letters(name.removeprefix(start)), size] = name
    return {
        prefix: {plain[weight] for weight in own}
        for prefix, own in sets.items()
        for plain in below.values()
        if own <= plain.keys()
    }
