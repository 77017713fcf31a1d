"""Untrained controls: weights of the same names and shapes as a network's, as they are before training.

What of a spectrum comes from training, and what from the shapes alone? The control answers.
"""

from __future__ import annotations

import copy
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from numbers import Integral
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from mme.arguments import choice, generator, integer, of_type
from mme.errors import InputError
from mme.weights.laws import RULES, TORCH, Initialisation, recognised_rule
from mme.weights.parts import refuse_parts
from mme.weights.stored import Checkpoint, Shape, as_numpy

if TYPE_CHECKING:
    from torch.nn import Module

__all__ = ["RULES", "recognised_rule", "untrained_control"]

Groups = Mapping[str, int]
NATIVE = ("float16", "float32", "float64")  # to NumPy


@overload
def untrained_control(
    source: Checkpoint, rule: str | None = None, *, rng: Any = None, groups: Groups | None = None
) -> Checkpoint: ...
@overload
def untrained_control(
    source: Any, rule: str | None = None, *, rng: Any = None, groups: Groups | None = None
) -> Any: ...
def untrained_control(
    source: Any, rule: str | None = None, *, rng: Any = None, groups: Groups | None = None
) -> Any:
    """Weights of the same names and shapes as those of a network, drawn as they are before training.

    ============== ================================== ================================= =================
    rule           convolutions                       linear layers                     of
    ============== ================================== ================================= =================
    torch          U(−1/√M, 1/√M)                     as convolutions                   torch itself
    vgg            N(0, 2/(N k))                      N(0, 0.01²)                       torchvision
    resnet         N(0, 2/(N k))                      as torch                          torchvision
    densenet       N(0, 2/M)                          as torch, bias zero               torchvision
    efficientnet   N(0, 2 g/(N k)), g groups          U(−1/√N, 1/√N)                    its authors
    glorot         U(−a, a), a² = 6/(M + N k)         as convolutions                   Keras's default
    kaiming        N(0, 2/M)                          as convolutions                   He et al. (2015)
    transformer    N(0, 0.02²)                        as convolutions                   GPT-2, BERT
    ============== ================================== ================================= =================

    The tensor has shape (N, p_2, …, p_n), M = p_2 ⋯ p_n is its fan-in, k = p_3 ⋯ p_n the size of the kernel,
    and N k the fan-out. Biases are U(−1/√M, 1/√M) of their layer (torch, resnet; densenet for convolutions)
    or zero, and normalisation layers start as the identity.

    This is exact for plain convolutions and linear layers that were initialised by the rule. Recurrent and
    embedding layers, and the projections that GPT-2 divides by √(2 · depth), get the law of a linear layer,
    so pass the module where you have it.

    Source: torchvision 0.28; torch, `Linear.reset_parameters`; tensorflow/tpu, models/official/efficientnet
    (commit 02f1303); Keras 3; He et al. (2015), Delving deep into rectifiers; openai/gpt-2;
    google-research/bert.

    Parameters
    ----------
    source : Checkpoint, mapping of str to array, or torch.nn.Module
        A network with outputs first. Only names, shapes and dtypes count.
    rule : str, optional
        Of the table. When left out: "torch" for a mapping; for a module, its own `reset_parameters` methods;
        for a checkpoint, the rule that `recognised_rule` finds.
    rng : None, int or numpy.random.Generator
        Seed or generator.
    groups : mapping of str to int, optional
        Groups of convolutions by the name of the weight, for "efficientnet". Otherwise a module tells, and a
        kernel of shape (N, 1, k, k) counts as depthwise (g = N) in a mapping or a checkpoint.

    Returns
    -------
    Checkpoint, dict of str to ndarray, or torch.nn.Module
        For a mapping the same names, shapes and (floating-point) dtypes; integers are kept, but for counters
        of batches. For a module a new one. For a checkpoint its weight tensors alone, drawn when they are
        read: the k-th tensor of a shape comes from one sequence of draws for this seed, rule and shape, so
        that networks that share shapes share weights, and each of them alone has the right law.

    Raises
    ------
    InputError
        If the rule is unknown, or left out for a checkpoint of unknown architecture; if an entry is no real
        array; or if a module has weights that no `reset_parameters` reaches.

    Examples
    --------
    >>> weights = {"conv.weight": np.ones((64, 16, 3, 3)), "norm.weight": np.full(64, 0.3)}
    >>> control = untrained_control(weights, rule="resnet", rng=0)
    >>> control["conv.weight"].shape, control["norm.weight"][:2]
    ((64, 16, 3, 3), array([1., 1.]))
    >>> print(f"{control['conv.weight'].var() * 64 * 9:.2f}")
    2.00
    """
    if rule is not None:
        choice("rule", rule, RULES)
    told = of_type("groups", {} if groups is None else groups, Mapping, "a mapping of names to integers")
    groups = {name: integer(f"groups[{name!r}]", count, 1) for name, count in told.items()}
    draws = generator(rng)
    if isinstance(source, Checkpoint):
        seed = int(rng) if isinstance(rng, Integral) else int(draws.integers(2**63 - 1))
        return _checkpoint_control(source, rule, seed, groups)
    if isinstance(source, Mapping):
        return _mapping_control(source, RULES[rule or "torch"], draws, groups)
    torch: Any = sys.modules.get("torch")  # whoever has a module has imported it
    kinds = (torch.nn.Module,) if torch else ()
    of_type("source", source, kinds, "a Checkpoint, a mapping of names to arrays or a torch.nn.Module")
    refuse_parts("source", source.state_dict())
    if any(each.is_meta or torch.nn.parameter.is_lazy(each) for each in source.parameters()):
        raise InputError("source must hold weights, but some are on the meta device or have no shape yet.")
    return _reset(source, draws) if rule is None else _module_control(source, RULES[rule], draws, groups)


def _checkpoint_control(source: Checkpoint, rule: str | None, seed: int, groups: Groups) -> Checkpoint:
    recognised = recognised_rule(source) if rule is None else None
    rule = recognised.rule if recognised else rule
    if rule is None:
        right = f"its untrained control needs a rule: one of {', '.join(RULES)}"
        raise InputError(f"the architecture of {source.name} is not known, so {right}.")
    drawn, taken = [], Counter[tuple[Shape, int]]()
    for name, tensor in source.items():
        shape = tensor.shape
        if not tensor.skip and len(shape) > 1 and tensor.dtype != "bool":
            count = groups.get(name, _groups_of(shape))
            recipe = (rule, shape, count, seed, taken[shape, count])
            taken[shape, count] += 1
            read, key = partial(_drawn, *recipe), f"untrained {recipe}"
            drawn.append(replace(tensor, dtype="float32", read=read, fingerprint=key, note=""))
    return Checkpoint(source.name, "untrained", drawn, rule)


def _drawn(rule: str, shape: Shape, groups: int, seed: int, number: int) -> np.ndarray:
    rng = np.random.default_rng([seed, number, groups, list(RULES).index(rule), *shape])
    return RULES[rule].law(shape).draw(rng, shape, groups, np.float32)


def _groups_of(shape: Shape) -> int:
    """A kernel with one input is taken for a depthwise one."""
    return shape[0] if len(shape) > 2 and shape[1] == 1 else 1


def _mapping_control(
    source: Mapping[str, Any], rule: Initialisation, rng: np.random.Generator, groups: Groups
) -> dict[str, np.ndarray]:
    if not source:
        raise InputError("source must hold the arrays of a network, but it is empty.")
    for name, values in source.items():
        is_array = hasattr(values, "shape") and hasattr(values, "dtype")
        if not isinstance(name, str) or not is_array or "complex" in str(values.dtype):
            right = "a real array or tensor under a name"
            raise InputError(f"source[{name!r}] must be {right}, but it is of type {type(values).__name__}.")
    refuse_parts("source", source)
    shapes = {name: tuple(values.shape) for name, values in source.items()}
    control = {}
    for name, values in source.items():
        dtype, shape = str(values.dtype).removeprefix("torch."), shapes[name]
        layer, _, kind = name.rpartition(".")
        weights = shapes.get(f"{layer}.weight", ())
        if "float" not in dtype:
            kept = np.array(as_numpy(name, values))
            control[name] = np.zeros_like(kept) if kind == "num_batches_tracked" else kept
            continue
        if len(shape) >= 2:
            drawn = rule.law(shape).draw(rng, shape, groups.get(name, _groups_of(shape)))
        elif kind == "bias" and rule.draws_biases_beside(weights):
            bound = TORCH.spread(weights, 1)
            drawn = rng.uniform(-bound, bound, shape)
        else:  # of a normalisation layer, or a bias
            drawn = np.full(shape, 1.0 if kind in ("weight", "gamma", "scale", "running_var") else 0.0)
        control[name] = drawn.astype(dtype if dtype in NATIVE else "float32")
    return control


def _module_control(source: Module, rule: Initialisation, rng: np.random.Generator, groups: Groups) -> Module:
    """A copy of the module with weights drawn by a rule of the table, the number of groups as it says."""
    import torch

    state = source.state_dict()
    told = {f"{path}.weight": getattr(layer, "groups", 1) for path, layer in source.named_modules()}
    drawn = _mapping_control(state, rule, rng, dict.fromkeys(state, 1) | told | dict(groups))
    model = copy.deepcopy(source)
    model.load_state_dict({name: torch.as_tensor(values) for name, values in drawn.items()})
    return model


def _reset(source: Module, rng: np.random.Generator) -> Module:
    """A copy of the module after its `reset_parameters`, inner modules first, outer ones last."""
    import torch

    model, before = copy.deepcopy(source), dict(source.named_parameters())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**63 - 1)))
        for layer in reversed(list(model.modules())):
            reset = getattr(layer, "reset_parameters", None) or getattr(layer, "_reset_parameters", None)
            if callable(reset):
                reset()
    for name, fresh in model.named_parameters():
        old = before[name]
        if old.ndim >= 2 and torch.equal(old, fresh) and bool((old != old.flatten()[0]).any()):
            found = f"weights that no reset_parameters method reaches, {name!r} for one"
            raise InputError(f"source has {found}: choose a rule, or pass its state dict.")
    return model
