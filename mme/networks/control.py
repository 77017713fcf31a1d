"""Untrained controls: weights of the same names and shapes, as they are before training.

What of a spectrum comes from training, and what from the shapes alone? The control answers. Four of the rules
are those of torchvision 0.28 and of torch itself, and one is that of the original EfficientNet code
(`conv_kernel_initializer` and `dense_kernel_initializer` in tensorflow/tpu,
models/official/efficientnet/efficientnet_model.py, commit 02f1303).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, overload

import numpy as np

from mme.errors import InputError

if TYPE_CHECKING:
    from torch import nn

    Module = TypeVar("Module", bound=nn.Module)

__all__ = ["RULES", "Law", "Rule", "untrained_control"]


@dataclass(frozen=True)
class Law:
    """How the entries of a weight tensor are drawn: independent, centred, with a spread set by the shape.

    Attributes
    ----------
    distribution : {"normal", "uniform"}
    spread : callable
        Takes the tensor's shape (N, p_2, …, p_n) and its number of groups to the standard deviation of the
        normal, or the half-width of the uniform distribution.
    """

    distribution: str
    spread: Callable[[tuple[int, ...], int], float]

    def draw(
        self, rng: np.random.Generator, shape: tuple[int, ...], groups: int = 1, dtype: Any = np.float64
    ) -> np.ndarray:
        """Weights of this shape, in double or single precision."""
        spread = np.asarray(self.spread(shape, groups), dtype)
        if self.distribution == "normal":
            weights = rng.standard_normal(shape, dtype)
        else:
            weights = rng.random(shape, dtype)
            weights *= 2
            weights -= 1
        weights *= spread
        return weights


@dataclass(frozen=True)
class Rule:
    """Initial weights of a network: the laws of its layers, and what its biases start from.

    Attributes
    ----------
    convolution, linear : Law
        For tensors with three axes and more, and with two.
    convolution_bias, linear_bias : bool
        Whether biases are drawn as torch draws them; otherwise they are zero.
    """

    convolution: Law
    linear: Law
    convolution_bias: bool
    linear_bias: bool


def fan_in(shape: tuple[int, ...]) -> int:
    """Number of inputs of one output: M = p_2 ⋯ p_n, which counts only the inputs of its own group."""
    return math.prod(shape[1:])


def fan_out(shape: tuple[int, ...]) -> int:
    """N p_3 ⋯ p_n, as torch counts it: groups are left out of account."""
    return shape[0] * math.prod(shape[2:])


TORCH = Law("uniform", lambda shape, groups: 1 / math.sqrt(fan_in(shape)))
HE_FAN_IN = Law("normal", lambda shape, groups: math.sqrt(2 / fan_in(shape)))
HE_FAN_OUT = Law("normal", lambda shape, groups: math.sqrt(2 / fan_out(shape)))
EFFICIENTNET_CONVOLUTION = Law("normal", lambda shape, groups: math.sqrt(2 * groups / fan_out(shape)))
EFFICIENTNET_LINEAR = Law("uniform", lambda shape, groups: 1 / math.sqrt(shape[0]))
SMALL = Law("normal", lambda shape, groups: 0.01)

RULES: dict[str, Rule] = {
    "torch": Rule(TORCH, TORCH, convolution_bias=True, linear_bias=True),
    "vgg": Rule(HE_FAN_OUT, SMALL, convolution_bias=False, linear_bias=False),
    "resnet": Rule(HE_FAN_OUT, TORCH, convolution_bias=True, linear_bias=True),
    "densenet": Rule(HE_FAN_IN, TORCH, convolution_bias=True, linear_bias=False),
    "efficientnet": Rule(
        EFFICIENTNET_CONVOLUTION, EFFICIENTNET_LINEAR, convolution_bias=False, linear_bias=False
    ),
}
"""The rules by name; `untrained_control` says what each stands for."""


@overload
def untrained_control(source: Module, rule: str | None = None, *, rng: Any = None) -> Module: ...
@overload
def untrained_control(
    source: Mapping[str, Any], rule: str | None = None, *, rng: Any = None
) -> dict[str, np.ndarray]: ...
def untrained_control(source: Any, rule: str | None = None, *, rng: Any = None) -> Any:
    """Weights of the same names and shapes as those of a network, drawn as they are before training.

    ============== ================================== ================================= =================
    rule           convolutions                       linear layers                     of
    ============== ================================== ================================= =================
    torch          U(−1/√M, 1/√M)                     U(−1/√M, 1/√M)                    torch itself
    vgg            N(0, 2/(N k))                      N(0, 0.01²)                       torchvision
    resnet         N(0, 2/(N k))                      as torch                          torchvision
    densenet       N(0, 2/M)                          as torch, bias zero               torchvision
    efficientnet   N(0, 2 g/(N k)), g groups          U(−1/√N, 1/√N)                    its authors
    ============== ================================== ================================= =================

    Here the tensor has shape (N, p_2, …, p_n), M = p_2 ⋯ p_n is the fan-in, k = p_3 ⋯ p_n is the size of the
    kernel, and N k is the fan-out. Biases are zero (vgg, efficientnet) or U(−1/√M, 1/√M) of their layer, and
    normalisation layers start as the identity.

    Parameters
    ----------
    source : mapping of str to array, or torch.nn.Module
        A state dict in torch's layout, outputs first; arrays and tensors alike. Only names, shapes and dtypes
        count, for the values are what is to be forgotten. Or a module.
    rule : {"torch", "vgg", "resnet", "densenet", "efficientnet"}, optional
        When left out: "torch" for a mapping; for a module, its own `reset_parameters` methods.
    rng : None, int or numpy.random.Generator
        Seed or generator.

    Returns
    -------
    dict of str to ndarray, or torch.nn.Module
        For a mapping the same names, shapes and (floating-point) dtypes. For a module a new one; the given
        one stays as it was.

    Raises
    ------
    InputError
        If the rule is unknown, an entry is no array, or a module has weights that no `reset_parameters`
        reaches.

    Notes
    -----
    Exact: the law of each weight tensor with two or more axes, for networks that are built from plain
    convolutions and linear layers and initialised by the rule. A stand-in: which rule a checkpoint started
    from is not written in it; in a mapping a kernel of shape (N, 1, k, k) is taken for a depthwise one
    (g = N), which matters for "efficientnet" only; recurrent, attention and embedding layers and learned
    positions have rules of their own, but get that of a linear layer or a convolution, so pass the module
    where you have it. Integers (counters, index tables) are kept, except that counters of batches start at
    zero.

    Examples
    --------
    >>> weights = {"conv.weight": np.ones((64, 16, 3, 3)), "norm.weight": np.full(64, 0.3)}
    >>> control = untrained_control(weights, rule="resnet", rng=0)
    >>> control["conv.weight"].shape, control["norm.weight"][:2]
    ((64, 16, 3, 3), array([1., 1.]))
    >>> print(f"{control['conv.weight'].var() * 64 * 9:.2f}")
    2.00
    """
    if rule is not None and rule not in RULES:
        raise InputError(f"rule must be one of {', '.join(map(repr, RULES))}, but is {rule!r}.")
    rng = np.random.default_rng(rng)
    if isinstance(source, Mapping):
        return _mapping_control(source, RULES[rule or "torch"], rng)
    if callable(getattr(source, "state_dict", None)) and callable(getattr(source, "named_parameters", None)):
        return _reset(source, rng) if rule is None else _module_control(source, RULES[rule], rng)
    raise InputError(
        f"source must be a mapping of names to arrays or a torch.nn.Module, but is a {type(source).__name__}."
    )


def _mapping_control(
    source: Mapping[str, Any], rule: Rule, rng: np.random.Generator, groups: Mapping[str, int] | None = None
) -> dict[str, np.ndarray]:
    for name, values in source.items():
        if not (hasattr(values, "shape") and hasattr(values, "dtype")):
            raise InputError(
                f"source[{name!r}] must be an array or a tensor, but is a {type(values).__name__}."
            )
    shapes = {name: tuple(values.shape) for name, values in source.items()}
    control = {}
    for name, values in source.items():
        dtype, shape = _dtype(values), shapes[name]
        if dtype is None:
            kept = np.asarray(values.cpu() if hasattr(values, "cpu") else values).copy()
            control[name] = np.zeros_like(kept) if name.endswith("num_batches_tracked") else kept
        elif len(shape) >= 2:
            law = rule.linear if len(shape) == 2 else rule.convolution
            depthwise = len(shape) > 2 and shape[1] == 1
            count = shape[0] if depthwise and groups is None else (groups or {}).get(name, 1)
            control[name] = law.draw(rng, shape, count).astype(dtype)
        else:
            layer, _, kind = name.rpartition(".")
            weights = shapes.get(f"{layer}.weight", ())
            control[name] = _vector(shape, kind, weights, rule, rng).astype(dtype)
    return control


def _vector(
    shape: tuple[int, ...], kind: str, weights: tuple[int, ...], rule: Rule, rng: np.random.Generator
) -> np.ndarray:
    """A bias, or one of the vectors of a normalisation layer."""
    drawn = rule.linear_bias if len(weights) == 2 else rule.convolution_bias
    if kind == "bias" and len(weights) >= 2 and drawn:
        bound = TORCH.spread(weights, 1)
        return rng.uniform(-bound, bound, shape)
    return np.full(shape, 1.0 if kind in ("weight", "gamma", "scale", "running_var") else 0.0)


def _dtype(values: Any) -> np.dtype | None:
    """The NumPy dtype to draw in, for arrays and tensors alike; None for what is not floating point."""
    name = str(values.dtype).removeprefix("torch.")
    if "float" not in name:
        return None
    return np.dtype(name if name in ("float16", "float32", "float64") else "float32")


def _module_control(source: nn.Module, rule: Rule, rng: np.random.Generator) -> nn.Module:
    """A copy of the module with weights drawn by a rule of the table, the number of groups as it says."""
    from mme.networks._torch import torch

    groups = {
        f"{name}.weight": int(layer.groups)
        for name, layer in source.named_modules()
        if hasattr(layer, "groups")
    }
    drawn = _mapping_control(source.state_dict(), rule, rng, groups)
    model = copy.deepcopy(source)
    model.load_state_dict({name: torch.as_tensor(values) for name, values in drawn.items()})
    return model


def _reset(source: nn.Module, rng: np.random.Generator) -> nn.Module:
    """A copy of the module after its `reset_parameters`, inner modules first, outer ones last."""
    from mme.networks._torch import torch

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
