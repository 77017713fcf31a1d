"""The untrained control of a checkpoint, drawn layer by layer from a seed and never stored."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

import numpy as np

from mme.errors import InputError
from mme.networks.control import RULES
from mme.weights.stored import Checkpoint, StoredTensor

__all__ = ["recognised_rule", "untrained_checkpoint"]

# Parameters that only this family has, under the names of torchvision and of those who follow it.
SIGNS = {
    "vgg": r"(features|trunk)\.\d+\.weight",
    "resnet": r"layer1\.0\.conv1\.weight",
    "densenet": r"features\.denseblock1\.denselayer1\.conv1\.weight",
    "efficientnet": r"_conv_stem\.weight",
}
VGG_CLASSIFIER = r"classifier\.\d+\.weight"
PREFIX = r"(.*\.)?"  # such as "module." or "backbone."


def recognised_rule(checkpoint: Checkpoint) -> str | None:
    """Tell by the names of its parameters how a network's weights are drawn before training.

    Parameters
    ----------
    checkpoint : Checkpoint

    Returns
    -------
    str or None
        A rule of `mme.networks.untrained_control`; None where the architecture is not known.

    Examples
    --------
    >>> conv = StoredTensor("layer1.0.conv1.weight", (64, 64, 3, 3), "float32", lambda: np.ones(1))
    >>> recognised_rule(Checkpoint("mine", "torch", [conv]))
    'resnet'
    """
    if checkpoint.rule is not None:
        return checkpoint.rule
    for rule, sign in SIGNS.items():
        found = [name for name in checkpoint if re.fullmatch(PREFIX + sign, name)]
        if rule == "vgg":  # plain chains of 3 × 3 convolutions before a classifier of linear layers
            kernels = [checkpoint[name].shape for name in found if len(checkpoint[name].shape) == 4]
            classifier = any(re.fullmatch(PREFIX + VGG_CLASSIFIER, name) for name in checkpoint)
            plain = bool(kernels) and all(shape[2:] == (3, 3) for shape in kernels)
            found = found if plain and classifier and len(kernels) == _convolutions(checkpoint) else []
        if found:
            return rule
    return None


def _convolutions(checkpoint: Checkpoint) -> int:
    return sum(len(tensor.shape) == 4 for tensor in checkpoint.values())


def untrained_checkpoint(
    checkpoint: Checkpoint, rule: str | None = None, *, seed: int = 0, groups: dict[str, int] | None = None
) -> Checkpoint:
    """Return weights of the same names and shapes as they are before training.

    The k-th tensor of a shape in a network comes from one sequence of draws for this seed, rule and shape.
    Controls of networks that share shapes therefore share weights: they are drawn once, and each of them
    alone has the right law.

    Parameters
    ----------
    checkpoint : Checkpoint
        Only names and shapes count; nothing is read.
    rule : str, optional
        A rule of `mme.networks.untrained_control`; that of the architecture by default.
    seed : int
    groups : dict of str to int, optional
        The number of groups of convolutions; a kernel of shape (N, 1, k, k) is taken for a depthwise one
        otherwise.

    Returns
    -------
    Checkpoint
        The weight tensors alone, without biases.

    Raises
    ------
    InputError
        If the rule is unknown, or not given where the architecture is not known.

    Examples
    --------
    >>> fc = StoredTensor("fc.weight", (20, 30), "float32", lambda: np.ones(1))
    >>> control = untrained_checkpoint(Checkpoint("mine", "torch", [fc]), "torch", seed=3)
    >>> bool(abs(control["fc.weight"].read()).max() <= 30**-0.5)
    True
    """
    rule = recognised_rule(checkpoint) if rule is None else rule
    if rule is None:
        raise InputError(
            f"the architecture of {checkpoint.name} is not known, so its untrained control needs a rule: "
            f"one of {', '.join(RULES)}."
        )
    if rule not in RULES:
        raise InputError(f"rule must be one of {', '.join(map(repr, RULES))}, but it is {rule!r}.")
    drawn, taken = [], Counter[tuple[tuple[int, ...], int]]()
    for name, tensor in checkpoint.items():
        if tensor.skip or len(tensor.shape) < 2 or tensor.dtype == "bool":
            continue
        depthwise = len(tensor.shape) > 2 and tensor.shape[1] == 1
        count = (groups or {}).get(name, tensor.shape[0] if depthwise else 1)
        number = taken[tensor.shape, count]
        taken[tensor.shape, count] += 1
        recipe = (rule, tensor.shape, count, seed, number)
        drawn.append(
            StoredTensor(
                name,
                tensor.shape,
                "float32",
                _drawing(*recipe),
                tensor.types,
                location=tensor.location,
                fingerprint=f"untrained {recipe}",
            )
        )
    return Checkpoint(checkpoint.name, "untrained", drawn, rule)


def _drawing(
    rule: str, shape: tuple[int, ...], groups: int, seed: int, number: int
) -> Callable[[], np.ndarray]:
    def draw() -> np.ndarray:
        law = RULES[rule].linear if len(shape) == 2 else RULES[rule].convolution
        rng = np.random.default_rng([seed, number, groups, list(RULES).index(rule), *shape])
        return law.draw(rng, shape, groups, np.float32)

    return draw
