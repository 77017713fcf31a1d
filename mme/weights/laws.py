"""The rules by which networks draw their weights before training, and how a network's rule is told."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mme.arguments import choice
from mme.errors import InputError
from mme.weights.stored import Checkpoint

__all__ = ["RULES", "TORCH", "Law", "RecognisedRule", "Rule", "recognised_rule"]

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Law:
    """How the entries of a weight tensor are drawn: independent, centred, "normal" or "uniform".

    `spread` takes the tensor's shape (N, p_2, …, p_n) and its number of groups to the standard deviation of
    the normal, or the half-width of the uniform distribution.
    """

    distribution: str
    spread: Callable[[Shape, int], float]

    def draw(
        self, rng: np.random.Generator, shape: Shape, groups: int = 1, dtype: Any = np.float64
    ) -> np.ndarray:
        """Weights of this shape, in double or single precision."""
        if 0 in shape:
            return np.zeros(shape, dtype)
        if self.distribution == "normal":
            weights = rng.standard_normal(shape, dtype)
        else:
            weights = rng.random(shape, dtype)
            weights *= 2
            weights -= 1
        weights *= np.asarray(self.spread(shape, groups), dtype)
        return weights


@dataclass(frozen=True)
class Rule:
    """Initial weights of a network: whose rule it is, the laws of its layers, and where its biases start.

    `convolution` is for tensors with three axes and more, `linear` for those with two. Biases are drawn as
    torch draws them, or zero.
    """

    title: str
    convolution: Law
    linear: Law
    convolution_bias: bool = False
    linear_bias: bool = False


def fan_in(shape: Shape) -> int:
    """Number of inputs of one output: M = p_2 ⋯ p_n, which counts only the inputs of its own group."""
    return math.prod(shape[1:])


def fan_out(shape: Shape) -> int:
    """N p_3 ⋯ p_n, as torch counts it: groups are left out of account."""
    return shape[0] * math.prod(shape[2:])


TORCH = Law("uniform", lambda shape, groups: 1 / math.sqrt(fan_in(shape)))
HE_FAN_IN = Law("normal", lambda shape, groups: math.sqrt(2 / fan_in(shape)))
HE_FAN_OUT = Law("normal", lambda shape, groups: math.sqrt(2 / fan_out(shape)))
EFFICIENTNET_CONVOLUTION = Law("normal", lambda shape, groups: math.sqrt(2 * groups / fan_out(shape)))
EFFICIENTNET_LINEAR = Law("uniform", lambda shape, groups: 1 / math.sqrt(shape[0]))
GLOROT = Law("uniform", lambda shape, groups: math.sqrt(6 / (fan_in(shape) + fan_out(shape))))
CLASSIFIER = Law("normal", lambda shape, groups: 0.01)
TRANSFORMER = Law("normal", lambda shape, groups: 0.02)

# A checkpoint's draws depend on a rule's place in this table: new rules go to its end.
RULES: dict[str, Rule] = {
    "torch": Rule("torch's own rule", TORCH, TORCH, convolution_bias=True, linear_bias=True),
    "vgg": Rule("torchvision's VGG rule", HE_FAN_OUT, CLASSIFIER),
    "resnet": Rule(
        "torchvision's ResNet rule", HE_FAN_OUT, TORCH, convolution_bias=True, linear_bias=True
    ),
    "densenet": Rule("torchvision's DenseNet rule", HE_FAN_IN, TORCH, convolution_bias=True),
    "efficientnet": Rule("EfficientNet's rule", EFFICIENTNET_CONVOLUTION, EFFICIENTNET_LINEAR),
    "glorot": Rule("Glorot's uniform rule, Keras's default", GLOROT, GLOROT),
    "kaiming": Rule("He's normal rule for every layer", HE_FAN_IN, HE_FAN_IN),
    "transformer": Rule("N(0, 0.02²) for every layer, as in GPT-2 and BERT", TRANSFORMER, TRANSFORMER),
}
"""The rules by name; `untrained_control` says what each stands for."""


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
VGG_CLASSIFIER = r"classifier\.\d+\.weight"
RESNET_STEM = r"conv1\.weight"


def recognised_rule(checkpoint: Checkpoint) -> RecognisedRule | None:
    """Tell by the names of its parameters how a network's weights were drawn before training.

    Examples
    --------
    >>> from mme.weights import StoredTensor
    >>> conv = StoredTensor("layer1.0.conv1.weight", (64, 64, 3, 3), "float32", lambda: np.ones(1))
    >>> recognised_rule(Checkpoint("mine", "torch", [conv])).reason
    "torchvision's ResNet rule, guessed from the name layer1.0.conv1.weight"
    """
    if not isinstance(checkpoint, Checkpoint):
        raise InputError(f"checkpoint must be a Checkpoint, but it is of type {type(checkpoint).__name__}.")
    if checkpoint.rule is not None:
        return _recognised(checkpoint.rule, "as the network's source says")
    if "keras" in checkpoint.format:
        return _recognised("glorot", "for the file is Keras's")
    for rule, sign in SIGNS.items():
        found = _named(checkpoint, sign)
        if not found or (rule == "vgg" and not _is_vgg(checkpoint, found)):
            continue
        # Networks for small images share torchvision's names, and often not its rule; a wide stem tells.
        stems = [checkpoint[name].shape[2:] for name in _named(checkpoint, RESNET_STEM)]
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
    return bool(_named(checkpoint, VGG_CLASSIFIER)) and kernels == chain and set(kernels) == {(3, 3)}
