"""Untrained controls drawn from a seed have the laws of the rules, and share draws by shape."""

import numpy as np
import pytest

from mme.checkpoints import Checkpoint, StoredTensor
from mme.checkpoints.control import recognised_rule, untrained_checkpoint
from mme.errors import InputError


def unread() -> np.ndarray:
    raise AssertionError("the control must not read the weights")


def checkpoint(shapes: dict[str, tuple[int, ...]], rule: str | None = None) -> Checkpoint:
    return Checkpoint("net", "test", [StoredTensor(n, s, "float32", unread) for n, s in shapes.items()], rule)


@pytest.mark.parametrize(
    ("rule", "shape", "variance", "uniform"),
    [
        ("resnet", (128, 64, 3, 3), 2 / (128 * 9), False),
        ("vgg", (128, 64, 3, 3), 2 / (128 * 9), False),
        ("densenet", (128, 64, 3, 3), 2 / (64 * 9), False),
        ("torch", (128, 64, 3, 3), 1 / (3 * 64 * 9), True),
        ("efficientnet", (512, 1, 5, 5), 2 * 512 / (512 * 25), False),  # depthwise
        ("resnet", (300, 200), 1 / (3 * 200), True),
        ("vgg", (300, 200), 1e-4, False),
        ("efficientnet", (300, 200), 1 / (3 * 300), True),
    ],
)
def test_laws(rule: str, shape: tuple[int, ...], variance: float, uniform: bool) -> None:
    drawn = untrained_checkpoint(checkpoint({"w": shape}), rule, seed=1)["w"].read()
    assert drawn.shape == shape
    assert drawn.dtype == np.float32
    squares = drawn.astype(float).ravel() ** 2
    assert abs(squares.mean() - variance) < 4 * squares.std() / np.sqrt(squares.size)
    assert (np.abs(drawn).max() <= 1.0001 * np.sqrt(3 * variance)) == uniform


def test_the_same_shape_draws_anew_and_the_next_network_draws_the_same() -> None:
    one = untrained_checkpoint(checkpoint({"a": (8, 9), "b": (8, 9), "c": (9, 8)}), "torch")
    two = untrained_checkpoint(checkpoint({"x": (9, 8), "y": (8, 9)}), "torch")
    assert not np.allclose(one["a"].read(), one["b"].read())
    assert np.array_equal(two["y"].read(), one["a"].read())
    assert np.array_equal(two["x"].read(), one["c"].read())
    assert two["y"].fingerprint == one["a"].fingerprint != one["b"].fingerprint
    seeds = [untrained_checkpoint(checkpoint({"a": (8, 9)}), "torch", seed=seed) for seed in (0, 1)]
    assert not np.allclose(seeds[0]["a"].read(), seeds[1]["a"].read())
    assert seeds[0]["a"].fingerprint != seeds[1]["a"].fingerprint


def test_groups_that_are_known_count() -> None:
    shape = (64, 4, 3, 3)
    loose, grouped = (
        untrained_checkpoint(checkpoint({"w": shape}), "efficientnet", groups=groups)["w"].read()
        for groups in (None, {"w": 16})
    )
    assert grouped.std() / loose.std() == pytest.approx(4, rel=0.05)


def test_only_weight_tensors_are_drawn() -> None:
    skipped = StoredTensor("s", (4, 4), "float32", unread, skip="an index table")
    source = Checkpoint("net", "test", [*checkpoint({"w": (4, 4), "b": (4,)}).values(), skipped])
    assert list(untrained_checkpoint(source, "torch")) == ["w"]


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
        ({"fc.weight": (10, 10)}, None),
    ],
)
def test_families_are_recognised_by_names(shapes: dict[str, tuple[int, ...]], rule: str | None) -> None:
    assert recognised_rule(checkpoint(shapes)) == rule


def test_what_the_checkpoint_says_goes_first() -> None:
    assert recognised_rule(checkpoint({"layer1.0.conv1.weight": (8, 8, 3, 3)}, "torch")) == "torch"


def test_refuses_to_guess() -> None:
    with pytest.raises(InputError, match="architecture of net is not known"):
        untrained_checkpoint(checkpoint({"w": (4, 4)}))
    with pytest.raises(InputError, match="rule must be one of"):
        untrained_checkpoint(checkpoint({"w": (4, 4)}), "he")
