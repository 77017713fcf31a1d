"""The weights that a network computes with, out of what is stored."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mme.weights.adapters import ADAPTERS, scale_parts
from mme.weights.axes import ORIENTATIONS
from mme.weights.codes import CODES
from mme.weights.experts import experts
from mme.weights.parametrisations import PARAMETRISATIONS
from mme.weights.remainders import with_reasons
from mme.weights.second_sets import with_one_set
from mme.weights.sources import listed
from mme.weights.stored import Checkpoint

__all__ = ["RULES", "effective_weights"]

RULES = (*CODES, *PARAMETRISATIONS, *ORIENTATIONS, *ADAPTERS)
"""In this order: codes become numbers, parts weights, outputs come first, and adapters are added."""


def effective_weights(source: Any, *, which: str | None = None) -> Checkpoint:
    """Return the weights that a network computes with, outputs first.

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

    Returns
    -------
    Checkpoint
        Applying the function to it changes nothing.

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
    given, parts = listed(source)
    places = {name: place for place, name in enumerate(given)}
    stored = {name: tensor for name, tensor in given.items() if not tensor.effective}
    scales = {part.name: part for part in scale_parts(stored, given.lora_scale)}
    tensors = stored | scales
    for rule in RULES:
        rule.apply(tensors, places)
    hidden = parts | scales.keys()
    kept = {name: tensor for name, tensor in tensors.items() if name not in hidden or tensor.note}
    made = with_reasons(kept, has_scales=any("scale" in name for name in stored))
    done = {name: tensor for name, tensor in given.items() if tensor.effective}
    ordered = sorted((made | done).values(), key=lambda tensor: places[tensor.name])
    layers = {
        layer.name: replace(layer, effective=True)
        for tensor in ordered
        for layer in ((tensor,) if tensor.effective else experts(tensor, made))
    }
    chosen = with_one_set(layers, which) if stored or which is not None else layers.values()
    return Checkpoint(given.name, given.format, chosen, given.rule)
