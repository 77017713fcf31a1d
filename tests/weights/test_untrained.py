"""Controls have the law of initial weights, judged by torch's and torchvision's own and by worked numbers."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mme.errors import InputError
from mme.weights.laws import RULES
from mme.weights.stored import Checkpoint, StoredTensor
from mme.weights.untrained import untrained_control
from tests.each import each

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


def unread() -> np.ndarray:
    raise AssertionError("the control must not read the weights")


def checkpoint(shapes: dict[str, tuple[int, ...]], rule: str | None = None) -> Checkpoint:
    return Checkpoint("net", "test", [StoredTensor(n, s, "float32", unread) for n, s in shapes.items()], rule)


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
        ("efficientnet", (512, 1, 5), math.sqrt(2 / 5), False),
        ("efficientnet", (64, 100), 1 / 8 / math.sqrt(3), True),
        ("glorot", (64, 16, 3, 3), math.sqrt(2 / (144 + 576)), True),
        ("glorot", (50, 200), math.sqrt(2 / 250), True),
        ("kaiming", (64, 16, 3, 3), math.sqrt(1 / 72), False),
        ("kaiming", (50, 200), 0.1, False),
        ("transformer", (64, 16, 3, 3), 0.02, False),
        ("transformer", (50, 200), 0.02, False),
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
    lazily = untrained_control(checkpoint({"a.weight": shape}), rule, rng=1)["a.weight"].read()
    assert lazily.dtype == np.float32
    assert abs((lazily.astype(float) ** 2).mean() - spread**2) < 4 * error
    assert uniform(lazily.astype(float)) == is_uniform


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


@pytest.mark.slow
def test_agrees_with_torchvisions_initial_weights() -> None:
    torch = pytest.importorskip("torch")
    from mme.networks import import_torchvision

    models = import_torchvision().models
    torch.manual_seed(0)
    small_densenet = models.DenseNet(
        growth_rate=12, block_config=(3, 3), num_init_features=16, num_classes=50
    )
    for model, rule in (
        (models.resnet18(num_classes=100), "resnet"),
        (small_densenet, "densenet"),
        (models.vgg11(), "vgg"),
        (models.vgg11_bn(), "vgg"),
    ):
        initial = {layer: values for layer, values in model.state_dict().items() if values.numel() < 10**7}
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
        "norm.scale": rng.random(5, dtype=np.float32),
        "norm.gamma": rng.random(5, dtype=np.float32),
        "norm.running_mean": rng.random(5),
        "norm.running_var": rng.random(5),
        "norm.num_batches_tracked": np.array(77),
        "attention.index": np.arange(6).reshape(2, 3),
        "half.weight": rng.random((4, 4)).astype(np.float16),
    }
    control = untrained_control(trained, rng=0)
    for name in ("weight", "scale", "gamma"):
        assert control[f"norm.{name}"].tolist() == [1] * 5
    assert control["norm.bias"].tolist() == [0] * 5
    assert control["norm.running_mean"].tolist() == [0] * 5
    assert control["norm.running_var"].tolist() == [1] * 5
    assert control["norm.num_batches_tracked"] == 0
    assert control["attention.index"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert {name: v.dtype for name, v in control.items()} == {name: v.dtype for name, v in trained.items()}
    assert trained["norm.num_batches_tracked"] == 77
    assert not np.shares_memory(control["attention.index"], trained["attention.index"])


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
        told = untrained_control(model, "efficientnet", rng=0, groups={"1.weight": 400})[1].weight
        assert (told / control[1].weight).detach().numpy() == pytest.approx(2, rel=1e-5)

    def test_weights_that_are_not_there_are_refused(self) -> None:
        torch = pytest.importorskip("torch")
        half = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 4, device="meta"))
        with pytest.raises(InputError, match="some are on the meta device"):
            untrained_control(half, rng=0)

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
        begun = Own()
        torch.nn.init.ones_(begun.matrix)  # as before training, too
        assert untrained_control(begun, rng=0).matrix.min() == 1
        parts = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(3, 3))
        with pytest.raises(InputError, match="source must hold whole weights"):
            untrained_control(parts, rng=0)

    def test_attention_resets_in_its_own_way(self) -> None:
        torch = pytest.importorskip("torch")
        model = torch.nn.MultiheadAttention(8, 2)
        control = untrained_control(model, rng=0)
        assert not torch.equal(control.in_proj_weight, model.in_proj_weight)


class TestCheckpoints:
    def test_the_same_shape_draws_anew_and_the_next_network_draws_the_same(self) -> None:
        one = untrained_control(checkpoint({"a": (8, 9), "b": (8, 9), "c": (9, 8)}), "torch", rng=0)
        two = untrained_control(checkpoint({"x": (9, 8), "y": (8, 9)}), "torch", rng=np.int64(0))
        assert not np.allclose(one["a"].read(), one["b"].read())
        assert np.array_equal(two["y"].read(), one["a"].read())
        assert np.array_equal(two["x"].read(), one["c"].read())
        assert two["y"].fingerprint == one["a"].fingerprint != one["b"].fingerprint
        seeds = [untrained_control(checkpoint({"a": (8, 9)}), "torch", rng=seed) for seed in (0, 1)]
        assert not np.allclose(seeds[0]["a"].read(), seeds[1]["a"].read())
        assert seeds[0]["a"].fingerprint != seeds[1]["a"].fingerprint

    def test_digits_are_those_of_the_first_release(self) -> None:
        drawn = untrained_control(checkpoint({"a": (2, 2), "b": (2, 2)}), "resnet", rng=3)
        digits = {
            "a": [-0.41261333, 0.68643814, 0.1553677, -0.40092778],
            "b": [0.26044932, 0.09014865, -0.00779599, -0.57123089],
        }
        for name, expected in digits.items():
            assert drawn[name].read().ravel().tolist() == pytest.approx(expected, abs=1e-7)
        drawn = untrained_control(checkpoint({"a": (2, 2)}), "kaiming", rng=3)
        expected = [2.22206402, 0.77902544, -1.1001215, 0.54754722]
        assert drawn["a"].read().ravel().tolist() == pytest.approx(expected, rel=1e-6)

    def test_groups_that_are_known_count(self) -> None:
        loose, grouped = (
            untrained_control(checkpoint({"w": (64, 4, 3, 3)}), "efficientnet", rng=0, groups=groups)["w"]
            for groups in (None, {"w": 16})
        )
        assert grouped.read().std() / loose.read().std() == pytest.approx(4, rel=0.05)
        assert grouped.fingerprint != loose.fingerprint

    def test_other_numbers_have_other_fingerprints(self) -> None:
        """By rule, shape, groups, seed, and place among those of one shape: spectra are found by them."""
        drawn = [
            tensor
            for rule in ("torch", "kaiming", "efficientnet")
            for shape in ((8, 4, 3, 3), (4, 8, 3, 3))
            for groups in ({}, {"a": 2})
            for seed in (0, 1)
            for tensor in untrained_control(
                checkpoint({"a": shape, "b": shape}), rule, rng=seed, groups=groups
            ).values()
        ]
        numbers = {tensor.read().tobytes() for tensor in drawn}
        # With groups "b" is the first of its kind, as "a" is without.
        assert len({tensor.fingerprint for tensor in drawn}) == len(numbers) == 3 * 2 * 2 * 3

    def test_depthwise_kernels_of_one_shape_differ(self) -> None:
        two = untrained_control(checkpoint({"a": (8, 1, 3), "b": (8, 1, 3)}), "efficientnet", rng=0)
        assert not np.allclose(two["a"].read(), two["b"].read())

    def test_only_weight_tensors_are_drawn(self) -> None:
        skipped = StoredTensor("s", (4, 4), "float32", unread, skip="an index table")
        made = StoredTensor("made", (4, 4), "float32", unread, note="weight norm: g v/‖v‖")
        source = Checkpoint("net", "test", [*checkpoint({"w": (4, 4), "b": (4,)}).values(), skipped, made])
        control = untrained_control(source, "torch", rng=0)
        assert {name: drawn.note for name, drawn in control.items()} == {"w": "", "made": ""}

    def test_the_rule_is_that_of_the_architecture(self) -> None:
        control = untrained_control(checkpoint({"w": (4, 4)}, "vgg"), rng=0)
        assert control.rule == "vgg"
        with pytest.raises(InputError, match="architecture of net is not known"):
            untrained_control(checkpoint({"w": (4, 4)}), rng=0)


class Frozen:
    """An array of another library that is none of torch's."""

    shape, dtype = (2, 2), "complex64"


WRONG: list[tuple[Any, dict[str, Any], str]] = [
    ({"w": SimpleNamespace(shape=(2, 2))}, {}, r"source\['w'\] must be a real array or tensor under a name"),
    ({}, {"rule": "alexnet"}, "rule must be one of 'torch', 'vgg', .*'transformer', but it is 'alexnet'"),
    ({}, {"rule": 3}, "rule must be one of"),
    ({}, {"rng": "0"}, "rng must be None"),
    ({}, {"rng": np.random.RandomState(0)}, "rng must be None"),
    ({}, {"rng": -1}, "rng must be None"),
    (checkpoint({"w": (4, 4)}), {"rule": "he", "rng": 0}, "rule must be one of"),
    (checkpoint({"w": (4, 4)}), {"rule": "torch", "rng": 2.5}, "rng must be None"),
    (checkpoint({"w": (4, 4)}, "he"), {"rng": 0}, "rule must be one of"),
    ({}, {"groups": 3}, "groups must be a mapping"),
    ({}, {"groups": {"w": 0}}, r"groups\['w'\] must be an integer of at least 1"),
    ({"state_dict": {}}, {}, r"source\['state_dict'\] must be a real array or tensor under a name"),
    ({3: np.ones((2, 2))}, {}, r"source\[3\] must be a real array"),
    ({"w": Frozen()}, {}, r"source\['w'\] must be a real array"),
    ({"w_mask": np.ones((2, 2)), "a.weight_orig": np.ones((2, 2))}, {}, "must hold whole weights"),
    ([np.ones((2, 2))], {}, "source must be a Checkpoint, a mapping .*, but it is of type list"),
    (None, {}, "source must be a Checkpoint"),
]


@each("source, arguments, sentence", WRONG)
def test_wrong_calls(source: Any, arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        untrained_control(source, **arguments)


def test_modules_that_cannot_be_drawn() -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn
    normed = nn.utils.parametrizations.weight_norm(nn.Linear(3, 4))
    for wrong, sentence in (
        (nn.Linear, "source must be a Checkpoint"),
        (nn.Linear(3, 4, device="meta"), "on the meta device"),
        (nn.LazyLinear(4), "have no shape yet"),
        (normed, "must hold whole weights"),
        (normed.state_dict(), "must hold whole weights"),
    ):
        with pytest.raises(InputError, match=sentence):
            untrained_control(wrong, "torch", rng=0)


def test_empty_tensors_have_an_empty_control() -> None:
    trained = {"fc.weight": np.ones((3, 0)), "fc.bias": np.ones(3), "gone.weight": np.ones((0, 4))}
    control = untrained_control(trained, rng=0)
    assert [values.shape for values in control.values()] == [values.shape for values in trained.values()]


def test_a_weight_of_the_modules_own_has_one_group() -> None:
    torch = pytest.importorskip("torch")

    class Own(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(600, 1, 3, 3))  # no depthwise one: no layer says so

    for source in (Own(), torch.nn.Sequential(Own())):
        (drawn,) = untrained_control(source, "efficientnet", rng=0).parameters()
        spread = drawn.detach().numpy().std()
        assert spread == pytest.approx(np.sqrt(2 / (600 * 9)), rel=0.05)  # ± 0.01 of 5,400 values


def test_a_generator_gives_another_control_each_time() -> None:
    rng, source = np.random.default_rng(0), checkpoint({"fc.weight": (2, 3)})
    drawn = [untrained_control(source, "torch", rng=rng)["fc.weight"].read() for _ in range(60)]
    assert len({each.tobytes() for each in drawn}) == 60
