"""Untrained controls: weights of the same names and shapes as a network's, as they are before training.

What of a spectrum comes from training, and what from the shapes alone? The control answers.
"""

from __future__ import annotations

import copy
import sys
from collections import Counter
from collections.abc import Mapping
from functools import partial
from numbers import Integral
from typing import TYPE_CHECKING, Any, TypeVar, overload

import numpy as np

from mme.arguments import choice, generator, integer, shown
from mme.errors import InputError
from mme.weights.laws import RULES, TORCH, Law, Rule, recognised_rule
from mme.weights.parts import refuse_parts
from mme.weights.stored import Checkpoint, StoredTensor, as_numpy

if TYPE_CHECKING:
    from torch import nn

    Module = TypeVar("Module", bound=nn.Module)

__all__ = ["RULES", "recognised_rule", "untrained_control"]

Shape = tuple[int, ...]


@overload
def untrained_control(
    source: Checkpoint, rule: str | None = None, *, rng: Any = None, groups: Mapping[str, int] | None = None
) -> Checkpoint: ...
@overload
def untrained_control(
    source: Module, rule: str | None = None, *, rng: Any = None, groups: Mapping[str, int] | None = None
) -> Module: ...
@overload
def untrained_control(
    source: Mapping[str, Any], rule: str | None = None, *, rng: Any = None,
    groups: Mapping[str, int] | None = None,
) -> dict[str, np.ndarray]: ...  # fmt: skip
def untrained_control(
    source: Any, rule: str | None = None, *, rng: Any = None, groups: Mapping[str, int] | None = None
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

    Here the tensor has shape (N, p_2, …, p_n), M = p_2 ⋯ p_n is the fan-in, k = p_3 ⋯ p_n is the size of the
    kernel, and N k is the fan-out. Biases are U(−1/√M, 1/√M) of their layer (torch, resnet; densenet for
    convolutions) or zero, and normalisation layers start as the identity.

    Parameters
    ----------
    source : Checkpoint, mapping of str to array, or torch.nn.Module
        A network in torch's layout, outputs first. Only names, shapes and dtypes count, for the values are
        what is to be forgotten.
    rule : str, optional
        Of the table. When left out: "torch" for a mapping; for a module, its own `reset_parameters` methods;
        for a checkpoint, the rule that `recognised_rule` finds.
    rng : None, int or numpy.random.Generator
        Seed or generator.
    groups : mapping of str to int, optional
        The number of groups of convolutions, by the name of the weight. Otherwise a module tells, and a
        kernel of shape (N, 1, k, k) counts as depthwise (g = N) in a mapping or a checkpoint. It matters for
        "efficientnet" only.

    Returns
    -------
    Checkpoint, dict of str to ndarray, or torch.nn.Module
        For a mapping the same names, shapes and (floating-point) dtypes. For a module a new one; the given
        one stays as it was. For a checkpoint its weight tensors alone, each drawn when it is read: the k-th
        tensor of a shape comes from one sequence of draws for this seed, rule and shape, so that networks
        that share shapes share weights, and each of them alone has the right law.

    Raises
    ------
    InputError
        If the rule is unknown, or left out for a checkpoint of unknown architecture; if an entry is no real
        array; or if a module has weights that no `reset_parameters` reaches.

    Notes
    -----
    Exact: the law of each weight tensor with two or more axes, for networks that are built from plain
    convolutions and linear layers and initialised by the rule. A stand-in: which rule a checkpoint started
    from is not written in it; recurrent and embedding layers often have rules of their own, as have the
    projections that GPT-2 divides by √(2 · depth), but get that of a linear layer, so pass the module where
    you have it. Integers (counters, index tables) are kept, except that counters of batches start at zero.

    References
    ----------
    torchvision 0.28, `torchvision.models`; torch, `torch.nn.Linear.reset_parameters`; tensorflow/tpu,
    `conv_kernel_initializer` and `dense_kernel_initializer` in models/official/efficientnet (commit 02f1303);
    Keras 3, `keras.initializers.GlorotUniform`, after Glorot and Bengio (2010); He et al. (2015), Delving
    deep into rectifiers; openai/gpt-2, src/model.py, and google-research/bert, `initializer_range`.

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
    draws, groups = generator(rng), _checked_groups(groups)
    if isinstance(source, Checkpoint):
        seed = int(rng) if isinstance(rng, Integral) else int(draws.integers(2**63 - 1))
        return _checkpoint_control(source, rule, seed, groups)
    if isinstance(source, Mapping):
        refuse_parts("source", filter(lambda name: isinstance(name, str), source))
        return _mapping_control(source, RULES[rule or "torch"], draws, groups)
    torch = sys.modules.get("torch")  # whoever has a module has imported it
    if torch is None or not isinstance(source, torch.nn.Module):
        raise InputError(
            "source must be a Checkpoint, a mapping of names to arrays or a torch.nn.Module, "
            f"but it is of type {type(source).__name__}."
        )
    refuse_parts("source", source.state_dict())
    if any(each.is_meta or torch.nn.parameter.is_lazy(each) for each in source.parameters()):
        raise InputError("source must hold weights, but some are on the meta device or have no shape yet.")
    return _reset(source, draws) if rule is None else _module_control(source, RULES[rule], draws, groups)


def _checked_groups(groups: Any) -> dict[str, int]:
    if groups is not None and not isinstance(groups, Mapping):
        raise InputError(f"groups must be a mapping of names to integers, but it is {shown(groups)}.")
    return {name: integer(f"groups[{name!r}]", count, 1) for name, count in (groups or {}).items()}


def _checkpoint_control(
    source: Checkpoint, rule: str | None, seed: int, groups: Mapping[str, int]
) -> Checkpoint:
    if rule is None:
        recognised = recognised_rule(source)
        if recognised is None:
            raise InputError(
                f"the architecture of {source.name} is not known, so its untrained control needs a rule: "
                f"one of {', '.join(RULES)}."
            )
        rule = recognised.rule
    drawn, taken = [], Counter[tuple[Shape, int]]()
    for name, tensor in source.items():
        shape = tensor.shape
        if tensor.skip or len(shape) < 2 or tensor.dtype == "bool":
            continue
        count = groups.get(name, _groups_of(shape))
        recipe = (rule, shape, count, seed, taken[shape, count])
        taken[shape, count] += 1
        read, key = partial(_drawn, *recipe), f"untrained {recipe}"
        drawn.append(
            StoredTensor(
                name, shape, "float32", read, tensor.types, location=tensor.location, fingerprint=key
            )
        )
    return Checkpoint(source.name, "untrained", drawn, rule)


def _drawn(rule: str, shape: Shape, groups: int, seed: int, number: int) -> np.ndarray:
    rng = np.random.default_rng([seed, number, groups, list(RULES).index(rule), *shape])
    return _law(RULES[rule], shape).draw(rng, shape, groups, np.float32)


def _law(rule: Rule, shape: Shape) -> Law:
    return rule.linear if len(shape) == 2 else rule.convolution


def _groups_of(shape: Shape) -> int:
    """A kernel with one input is taken for a depthwise one."""
    return shape[0] if len(shape) > 2 and shape[1] == 1 else 1


def _mapping_control(
    source: Mapping[str, Any], rule: Rule, rng: np.random.Generator, groups: Mapping[str, int]
) -> dict[str, np.ndarray]:
    for name, values in source.items():
        is_array = hasattr(values, "shape") and hasattr(values, "dtype")
        if not isinstance(name, str) or not is_array or "complex" in str(values.dtype):
            raise InputError(
                f"source[{name!r}] must be a real array or tensor under a name, "
                f"but it is of type {type(values).__name__}."
            )
    shapes = {name: tuple(values.shape) for name, values in source.items()}
    control = {}
    for name, values in source.items():
        dtype, shape = _dtype(values), shapes[name]
        if dtype is None:
            kept = np.array(as_numpy(name, values))
            control[name] = np.zeros_like(kept) if name.endswith("num_batches_tracked") else kept
        elif len(shape) >= 2:
            count = groups.get(name, _groups_of(shape))
            control[name] = _law(rule, shape).draw(rng, shape, count).astype(dtype)
        else:
            layer, _, kind = name.rpartition(".")
            weights = shapes.get(f"{layer}.weight", ())
            control[name] = _vector(shape, kind, weights, rule, rng).astype(dtype)
    return control


def _vector(shape: Shape, kind: str, weights: Shape, rule: Rule, rng: np.random.Generator) -> np.ndarray:
    """A bias, or one of the vectors of a normalisation layer."""
    drawn = rule.linear_bias if len(weights) == 2 else rule.convolution_bias
    if kind == "bias" and len(weights) >= 2 and drawn and 0 not in weights:
        bound = TORCH.spread(weights, 1)
        return rng.uniform(-bound, bound, shape)
    return np.full(shape, 1.0 if kind in ("weight", "gamma", "scale", "running_var") else 0.0)


def _dtype(values: Any) -> np.dtype | None:
    """The NumPy dtype to draw in, for arrays and tensors alike; None for what is not floating point."""
    name = str(values.dtype).removeprefix("torch.")
    if "float" not in name:
        return None
    return np.dtype(name if name in ("float16", "float32", "float64") else "float32")


def _module_control(
    source: Module, rule: Rule, rng: np.random.Generator, groups: Mapping[str, int]
) -> Module:
    """A copy of the module with weights drawn by a rule of the table, the number of groups as it says."""
    import torch

    state = source.state_dict()
    told = {
        f"{name}.weight": layer.groups
        for name, layer in source.named_modules()
        if isinstance(getattr(layer, "groups", None), int)
    }
    drawn = _mapping_control(state, rule, rng, dict.fromkeys(state, 1) | told | dict(groups))
    model = copy.deepcopy(source)
    model.load_state_dict({name: torch.as_tensor(values) for name, values in drawn.items()})
    return model


def _reset(source: Module, rng: np.random.Generator) -> Module:
    """A copy of the module after its `reset_parameters`, inner modules first, outer ones last."""
    import torch

    model = copy.deepcopy(source)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**63 - 1)))
        for layer in reversed(list(model.modules())):
            reset = getattr(layer, "reset_parameters", None) or getattr(layer, "_reset_parameters", None)
            if callable(reset):
                reset()
    before = dict(source.named_parameters())
    for name, fresh in model.named_parameters():
        old = before[name]
        if old.ndim >= 2 and torch.equal(old, fresh) and bool((old != old.flatten()[0]).any()):
            raise InputError(
                f"source has weights that no reset_parameters method reaches, {name!r} for one: "
                "choose a rule, or pass its state dict."
            )
    return model
