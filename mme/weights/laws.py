"""The rules by which networks draw their weights before training, and how a network's rule is told."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import prod, sqrt
from typing import Any

import numpy as np

from mme.arguments import choice, of_type
from mme.weights.stored import Checkpoint, Shape

__all__ = ["RULES", "TORCH", "Initialisation", "Law", "RecognisedRule", "recognised_rule"]


@dataclass(frozen=True)
class Law:
    """How the entries of a weight tensor are drawn: independent and centred."""

    distribution: str  # "normal" or "uniform"
    spread: Callable[[Shape, int], float]  # standard deviation or half-width, from shape and number of groups

    def draw(
        self, rng: np.random.Generator, shape: Shape, groups: int = 1, dtype: Any = np.float64
    ) -> np.ndarray:
        """Weights of this shape, in double or single precision."""
        if self.distribution == "normal":
            weights = rng.standard_normal(shape, dtype)
        else:
            weights = 2 * rng.random(shape, dtype) - 1
        if weights.size:
            weights *= np.asarray(self.spread(shape, groups), dtype)
        return weights


@dataclass(frozen=True)
class Initialisation:
    """Initial weights of a network: whose rule it is, the laws of its layers, and which biases are not zero.

    `convolution` is for tensors with three axes and more, `linear` for those with two.
    """

    title: str
    convolution: Law
    linear: Law
    drawn_biases: tuple[str, ...] = ()

    def law(self, shape: Shape) -> Law:
        """Of a weight tensor of this shape."""
        return self.linear if len(shape) == 2 else self.convolution

    def draws_biases_beside(self, shape: Shape) -> bool:
        """Whether the bias beside weights of this shape is drawn, as torch draws it."""
        kind = "linear" if len(shape) == 2 else "convolution"
        return kind in self.drawn_biases and len(shape) >= 2 and 0 not in shape


def fan_in(shape: Shape) -> int:
    """Number of inputs of one output: M = p_2 ⋯ p_n, which counts only the inputs of its own group."""
    return prod(shape[1:])


def fan_out(shape: Shape) -> int:
    """N p_3 ⋯ p_n, as torch counts it: groups are left out of account."""
    return shape[0] * prod(shape[2:])


TORCH = Law("uniform", lambda shape, groups: 1 / sqrt(fan_in(shape)))
HE_FAN_IN = Law("normal", lambda shape, groups: sqrt(2 / fan_in(shape)))
HE_FAN_OUT = Law("normal", lambda shape, groups: sqrt(2 / fan_out(shape)))
EFFICIENTNET_CONVOLUTION = Law("normal", lambda shape, groups: sqrt(2 * groups / fan_out(shape)))
EFFICIENTNET_LINEAR = Law("uniform", lambda shape, groups: 1 / sqrt(shape[0]))
GLOROT = Law("uniform", lambda shape, groups: sqrt(6 / (fan_in(shape) + fan_out(shape))))
CLASSIFIER = Law("normal", lambda shape, groups: 0.01)
GPT = Law("normal", lambda shape, groups: 0.02)

# What each rule stands for, `untrained_control` says. New ones go to the end: a checkpoint's draws depend on
# a rule's place.
RULES: dict[str, Initialisation] = {
    "torch": Initialisation("torch's own rule", TORCH, TORCH, ("convolution", "linear")),
    "vgg": Initialisation("torchvision's VGG rule", HE_FAN_OUT, CLASSIFIER),
    "resnet": Initialisation("torchvision's ResNet rule", HE_FAN_OUT, TORCH, ("convolution", "linear")),
    "densenet": Initialisation("torchvision's DenseNet rule", HE_FAN_IN, TORCH, ("convolution",)),
    "efficientnet": Initialisation("EfficientNet's rule", EFFICIENTNET_CONVOLUTION, EFFICIENTNET_LINEAR),
    "glorot": Initialisation("Glorot's uniform rule, Keras's default", GLOROT, GLOROT),
    "kaiming": Initialisation("He's normal rule for every layer", HE_FAN_IN, HE_FAN_IN),
    "transformer": Initialisation("N(0, 0.02²) for every layer, as in GPT-2 and BERT", GPT, GPT),
}


@dataclass(frozen=True)
class RecognisedRule:
    """A rule of `RULES`, and in words whose rule it is and why it was taken."""

    rule: str
    reason: str


PREFIX = r"(.*\.)?"  # such as "module." or "backbone."
# Parameters that only these networks have, under the names of those who wrote them.
SIGNS = {
    "vgg": r"(features|trunk)\.\d+\.weight",
    "resnet": r"layer1\.0\.conv1\.weight",
    "densenet": r"features\.denseblock1\.denselayer1\.conv1\.weight",
    "efficientnet": r"_conv_stem\.weight",
    "transformer": r"(h|layers?)\.\d+\.(attn|self_attn|(self_)?attention)\."
    r"((self|attention)\.)?(c_attn|query|query_key_value|q_proj|q_lin)\..*",  # of GPT-2, BERT, Llama, …
}


def recognised_rule(checkpoint: Checkpoint) -> RecognisedRule | None:
    """Tell by the names of its parameters how a network's weights were drawn before training.

    Examples
    --------
    >>> from mme.weights import StoredTensor
    >>> conv = StoredTensor("layer1.0.conv1.weight", (64, 64, 3, 3), "float32", lambda: np.ones(1))
    >>> recognised_rule(Checkpoint("mine", "torch", [conv])).reason
    "torchvision's ResNet rule, guessed from the name layer1.0.conv1.weight"
    """
    of_type("checkpoint", checkpoint, Checkpoint, "a Checkpoint")
    if checkpoint.rule is not None:
        return _recognised(checkpoint.rule, "as the network's source says")
    if "keras" in checkpoint.format:
        return _recognised("glorot", "for the file is Keras's")
    for rule, sign in SIGNS.items():
        found = _named(checkpoint, sign)
        if not found or (rule == "vgg" and not _is_vgg(checkpoint, found)):
            continue
        # Networks for small images share torchvision's names, and often not its rule; a wide stem tells.
        stems = [checkpoint[name].shape[2:] for name in _named(checkpoint, r"conv1\.weight")]
        is_sure = rule != "transformer" and (rule != "resnet" or (7, 7) in stems)
        return _recognised(rule, f"{'because of' if is_sure else 'guessed from the name'} {found[0]}")
    return None


def _recognised(rule: str, why: str) -> RecognisedRule:
    return RecognisedRule(rule, f"{RULES[choice('rule', rule, RULES)].title}, {why}")


def _named(checkpoint: Checkpoint, sign: str) -> list[str]:
    return [name for name in checkpoint if re.fullmatch(PREFIX + sign, name)]


def _is_vgg(checkpoint: Checkpoint, found: list[str]) -> bool:
    """Whether it is a plain chain of 3 × 3 convolutions before a classifier of linear layers."""
    kernels = [tensor.shape[2:] for tensor in checkpoint.values() if len(tensor.shape) == 4]
    chain = [checkpoint[name].shape[2:] for name in found if len(checkpoint[name].shape) == 4]
    has_classifier = bool(_named(checkpoint, r"classifier\.\d+\.weight"))
    return has_classifier and kernels == chain and set(kernels) == {(3, 3)}
