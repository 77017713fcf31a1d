"""Controls have the law of initial weights, judged by torch's and torchvision's own and by worked numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from mme.errors import InputError
from mme.networks import untrained_control
from mme.networks.control import RULES

STANDARD_ERRORS = 4.5


def same_spread(drawn: Any, reference: Any) -> bool:
    """Whether two samples agree in mean and mean square, in standard errors that they set themselves."""
    a, b = (np.asarray(values, dtype=float).ravel() for values in (drawn, reference))
    if a.std() == b.std() == 0:
        return bool(a[0] == b[0])
    return all(
        abs(u.mean() - v.mean()) <= STANDARD_ERRORS * math.hypot(u.std() / u.size**0.5, v.std() / v.size**0.5)
        for u, v in ((a, b), (a**2, b**2))
    )


def uniform(values: np.ndarray) -> bool:
    """Kurtosis 1.8 and not 3: told apart by a few thousand values."""
    return bool((values**4).mean() / (values**2).mean() ** 2 < 2.4)


@pytest.mark.parametrize(
    ("rule", "shape", "spread", "is_uniform"),
    [
        ("torch", (64, 16, 3, 3), 1 / 12 / math.sqrt(3), True),
        ("torch", (100, 64), 1 / 8 / math.sqrt(3), True),
        ("resnet", (64, 16, 3, 3), math.sqrt(1 / 288), False),
        ("resnet", (512, 8, 1, 1), 1 / 16, False),
        ("resnet", (100, 64), 1 / 8 / math.sqrt(3), True),
        ("vgg", (64, 16, 3, 3), math.sqrt(1 / 288), False),
        ("vgg", (100, 64), 0.01, False),
        ("densenet", (64, 18, 3, 3), 1 / 9, False),
        ("densenet", (100, 64), 1 / 8 / math.sqrt(3), True),
        ("efficientnet", (64, 16, 3, 3), math.sqrt(1 / 288), False),
        ("efficientnet", (512, 1, 5, 5), math.sqrt(2) / 5, False),
        ("efficientnet", (64, 100), 1 / 8 / math.sqrt(3), True),
    ],
)
def test_spread_and_shape_of_each_law(
    rule: str, shape: tuple[int, ...], spread: float, is_uniform: bool
) -> None:
    drawn = untrained_control({"a.weight": np.zeros(shape)}, rule, rng=1)["a.weight"]
    error = (drawn**2).std() / drawn.size**0.5
    assert drawn.shape == shape
    assert abs((drawn**2).mean() - spread**2) < 4 * error
    assert abs(drawn.mean()) < 4 * spread / drawn.size**0.5
    assert uniform(drawn) == is_uniform
    if is_uniform:
        assert 0.99 < abs(drawn).max() / (spread * math.sqrt(3)) <= 1


@pytest.mark.parametrize(
    "name", ["vgg5", "vgg8_bn", "resnet8", "resnet14", "resnet29", "densenet16", "densenet28"]
)
def test_agrees_with_the_initial_weights_of_the_family(name: str) -> None:
    torch = pytest.importorskip("torch")
    from mme.networks import ARCHITECTURES

    torch.manual_seed(2)
    initial = ARCHITECTURES[name].build().state_dict()
    control = untrained_control(initial, ARCHITECTURES[name].rule, rng=3)
    assert list(control) == list(initial)
    for layer, values in initial.items():
        assert control[layer].shape == tuple(values.shape), layer
        assert str(values.dtype) == f"torch.{control[layer].dtype}", layer
        assert same_spread(control[layer], values), layer


def test_agrees_with_torchvisions_initial_weights() -> None:
    torch = pytest.importorskip("torch")
    from mme.networks import import_torchvision

    models = import_torchvision().models
    torch.manual_seed(0)
    small_densenet = models.DenseNet(
        growth_rate=12, block_config=(3, 3), num_init_features=16, num_classes=50
    )
    for model, rule in ((models.resnet18(num_classes=100), "resnet"), (small_densenet, "densenet")):
        initial = model.state_dict()
        control = untrained_control(initial, rule, rng=0)
        assert all(same_spread(control[layer], values) for layer, values in initial.items())
        wrong = untrained_control(initial, "efficientnet", rng=0)
        assert not all(same_spread(wrong[layer], values) for layer, values in initial.items())


def test_agrees_with_torchs_own_layers() -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn
    torch.manual_seed(1)
    model = nn.Sequential(
        nn.Conv2d(8, 64, 3), nn.Conv1d(64, 32, 5, groups=4), nn.BatchNorm1d(32), nn.Linear(32, 500)
    )
    control = untrained_control(model.state_dict(), rng=2)
    assert all(same_spread(control[layer], values) for layer, values in model.state_dict().items())
    assert control["3.bias"].std() > 0.05


def test_norms_counters_and_tables() -> None:
    rng = np.random.default_rng(0)
    trained = {
        "norm.weight": rng.random(5, dtype=np.float32),
        "norm.bias": rng.random(5, dtype=np.float32),
        "norm.running_mean": rng.random(5),
        "norm.running_var": rng.random(5),
        "norm.num_batches_tracked": np.array(77),
        "attention.index": np.arange(6).reshape(2, 3),
        "half.weight": rng.random((4, 4)).astype(np.float16),
    }
    control = untrained_control(trained, rng=0)
    assert control["norm.weight"].tolist() == [1] * 5
    assert control["norm.bias"].tolist() == [0] * 5
    assert control["norm.running_mean"].tolist() == [0] * 5
    assert control["norm.running_var"].tolist() == [1] * 5
    assert control["norm.num_batches_tracked"] == 0
    assert control["attention.index"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert {name: v.dtype for name, v in control.items()} == {name: v.dtype for name, v in trained.items()}
    assert trained["norm.num_batches_tracked"] == 77


@pytest.mark.parametrize(("rule", "biased"), [("torch", True), ("resnet", True), ("densenet", False)])
def test_biases_of_linear_layers(rule: str, biased: bool) -> None:
    trained = {"fc.weight": np.ones((50, 4)), "fc.bias": np.ones(50)}
    bias = untrained_control(trained, rule, rng=0)["fc.bias"]
    assert bool(bias.any()) == biased
    assert 0.4 * biased <= abs(bias).max() <= 0.5


@pytest.mark.parametrize("rule", RULES)
def test_the_seed_decides(rule: str) -> None:
    trained = {"a.weight": np.ones((3, 4, 2)), "b.weight": np.ones((3, 4))}
    first, second, third = (untrained_control(trained, rule, rng=seed) for seed in (0, 0, 1))
    for name in trained:
        assert np.array_equal(first[name], second[name])
        assert not np.array_equal(first[name], third[name])
    from_generator = untrained_control(trained, rule, rng=np.random.default_rng(0))
    assert np.array_equal(from_generator["a.weight"], first["a.weight"])


def test_bfloat16_weights_have_a_control() -> None:
    torch = pytest.importorskip("torch")
    control = untrained_control({"a.weight": torch.ones(30, 20, dtype=torch.bfloat16)}, rng=0)
    assert control["a.weight"].dtype == np.float32
    assert control["a.weight"].std() > 0.1


class TestModules:
    def test_its_own_rule_by_default(self) -> None:
        torch = pytest.importorskip("torch")
        from mme.networks import ARCHITECTURES

        torch.manual_seed(0)
        trained = ARCHITECTURES["vgg8_bn"].build()
        with torch.no_grad():
            for values in trained.state_dict().values():
                values.copy_(torch.full_like(values, 3))
            trained.features[0].weight[0, 0, 0, 0] = 4
            trained.classifier.weight[0, 0] = 4
        expected = {name: values.clone() for name, values in trained.state_dict().items()}
        state = torch.random.get_rng_state()
        control = untrained_control(trained, rng=5)
        assert torch.equal(torch.random.get_rng_state(), state)
        assert all(torch.equal(values, expected[name]) for name, values in trained.state_dict().items())
        fresh = ARCHITECTURES["vgg8_bn"].build().state_dict()
        for name, values in control.state_dict().items():
            assert same_spread(values, fresh[name]), name
        again = untrained_control(trained, rng=5).state_dict()
        assert all(torch.equal(values, again[name]) for name, values in control.state_dict().items())

    def test_a_rule_of_the_table_knows_the_groups(self) -> None:
        torch = pytest.importorskip("torch")
        nn = torch.nn
        model = nn.Sequential(nn.Conv2d(1, 600, 3), nn.Conv2d(600, 300, 3, groups=100))
        control = untrained_control(model, "efficientnet", rng=0)
        for layer, square in ((control[0], 2 / 5400), (control[1], 2 / 27)):
            squares = layer.weight.detach().numpy() ** 2
            assert abs(squares.mean() - square) < 4 * squares.std() / squares.size**0.5
            assert layer.bias.abs().sum() == 0

    def test_refuses_what_it_cannot_reset(self) -> None:
        torch = pytest.importorskip("torch")

        class Own(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.inner = torch.nn.Linear(3, 3)
                self.matrix = torch.nn.Parameter(torch.randn(3, 3))

        with pytest.raises(
            InputError, match=r"weights that no reset_parameters method reaches, 'matrix' for"
        ):
            untrained_control(Own(), rng=0)
        control = untrained_control(Own(), "torch", rng=0)
        assert control.matrix.abs().max() <= 3**-0.5

    def test_attention_resets_in_its_own_way(self) -> None:
        torch = pytest.importorskip("torch")
        model = torch.nn.MultiheadAttention(8, 2)
        control = untrained_control(model, rng=0)
        assert not torch.equal(control.in_proj_weight, model.in_proj_weight)


@pytest.mark.parametrize(
    ("source", "rule", "sentence"),
    [
        (
            {},
            "alexnet",
            "rule must be one of 'torch', 'vgg', 'resnet', 'densenet', 'efficientnet', but is 'alexnet'.",
        ),
        ({"state_dict": {}}, None, "source['state_dict'] must be an array or a tensor, but is a dict."),
        (
            [np.ones((2, 2))],
            None,
            "source must be a mapping of names to arrays or a torch.nn.Module, but is a list.",
        ),
    ],
)
def test_bad_input_is_refused_in_one_sentence(source: Any, rule: str | None, sentence: str) -> None:
    with pytest.raises(InputError) as refusal:
        untrained_control(source, rule)
    assert str(refusal.value) == sentence
