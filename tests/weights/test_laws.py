"""Which rule a network's weights were drawn by is told by its names, and the reason says how surely."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mme.errors import InputError
from mme.weights.laws import RULES, recognised_rule
from mme.weights.stored import Checkpoint, StoredTensor
from tests.each import each


def checkpoint(shapes: dict[str, tuple[int, ...]], rule: str | None = None, form: str = "test") -> Checkpoint:
    tensors = [StoredTensor(name, shape, "float32", lambda: np.ones(1)) for name, shape in shapes.items()]
    return Checkpoint("net", form, tensors, rule)


STEM = {"conv1.weight": (64, 3, 7, 7)}


@pytest.mark.parametrize(
    ("shapes", "rule"),
    [
        ({"layer1.0.conv1.weight": (64, 64, 3, 3)}, "resnet"),
        ({"module.layer1.0.conv1.weight": (64, 64, 3, 3)}, "resnet"),
        ({"features.denseblock1.denselayer1.conv1.weight": (128, 64, 1, 1)}, "densenet"),
        ({"features.0.weight": (64, 3, 3, 3), "classifier.0.weight": (4096, 25088)}, "vgg"),
        ({"_conv_stem.weight": (32, 3, 3, 3)}, "efficientnet"),
        ({"features.0.weight": (64, 3, 11, 11), "classifier.1.weight": (4096, 9216)}, None),  # AlexNet
        ({"features.0.0.weight": (32, 3, 3, 3), "classifier.1.weight": (1000, 1280)}, None),  # MobileNet
        ({"features.0.weight": (64, 3, 3, 3), "classifier.0.weight": (9, 9), "x": (4, 4, 1, 1)}, None),
        ({"features.0.weight": (64, 3, 3, 3), "classifier.0.weight": (9, 9), "x": (4, 4, 3, 3)}, None),
        (
            {"features.0.weight": (64, 3, 11, 11), "features.3.weight": (9, 64, 3, 3)}
            | {"classifier.1.weight": (9, 9)},
            None,
        ),
        ({"fc.weight": (10, 10)}, None),
    ],
)
def test_families_are_recognised_by_names(shapes: dict[str, tuple[int, ...]], rule: str | None) -> None:
    found = recognised_rule(checkpoint(shapes))
    assert (None if found is None else found.rule) == rule


@pytest.mark.parametrize(
    "name",
    [
        "transformer.h.0.attn.c_attn.weight",
        "h.3.attn.c_attn.weight",
        "bert.encoder.layer.0.attention.self.query.weight",
        "vit.encoder.layer.0.attention.attention.query.weight",
        "distilbert.transformer.layer.0.attention.q_lin.weight",
        "model.layers.0.self_attn.q_proj.weight",
        "gpt_neox.layers.0.attention.query_key_value.weight",
    ],
)
def test_transformers(name: str) -> None:
    found = recognised_rule(checkpoint({name: (12, 12)}))
    assert found is not None
    assert found.rule == "transformer"
    assert found.reason == f"N(0, 0.02²) for every layer, as in GPT-2 and BERT, guessed from the name {name}"


@pytest.mark.parametrize(
    "name", ["layers.0.self_attn.in_proj_weight", "block.0.layer.0.SelfAttention.q.weight", "h.0.weight"]
)
def test_transformers_of_other_rules_are_not_taken_for_them(name: str) -> None:
    assert recognised_rule(checkpoint({name: (12, 12)})) is None


def test_reasons() -> None:
    block = {"layer1.0.conv1.weight": (64, 64, 3, 3)}
    rule, name = "torchvision's ResNet rule", "layer1.0.conv1.weight"
    for given, reason in (
        (checkpoint(STEM | block), f"{rule}, because of layer1.0.conv1.weight"),
        (checkpoint({"conv1.weight": (16, 3, 3, 3)} | block), f"{rule}, guessed from the name {name}"),
        (checkpoint({"w": (3, 3)}, "resnet"), f"{rule}, as the network's source says"),
        (
            checkpoint({"dense/kernel": (3, 3)}, form="keras"),
            "Glorot's uniform rule, Keras's default, for the file is Keras's",
        ),
    ):
        found = recognised_rule(given)
        assert found is not None
        assert found.reason == reason


def test_what_the_checkpoint_says_goes_first() -> None:
    found = recognised_rule(checkpoint(STEM | {"layer1.0.conv1.weight": (8, 8, 3, 3)}, "torch"))
    assert found is not None
    assert found.rule == "torch"


@each("wrong", [None, {"w": np.eye(2)}, "net.pt"])
def test_what_is_no_checkpoint(wrong: Any) -> None:
    with pytest.raises(InputError, match="checkpoint must be a Checkpoint"):
        recognised_rule(wrong)


def test_a_convolution_has_one_group_unless_more_are_told() -> None:
    law, shape = RULES["efficientnet"].convolution, (6, 4, 3, 3)
    one, told, two = (
        law.draw(np.random.default_rng(0), shape, **groups) for groups in ({}, {"groups": 1}, {"groups": 2})
    )
    np.testing.assert_array_equal(one, told)
    np.testing.assert_allclose(two, np.sqrt(2) * one)
