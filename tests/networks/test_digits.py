"""A trained network, its initial weights beside it, and the family as a whole."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.each import each

torch = pytest.importorskip("torch")
from filelock import FileLock  # noqa: E402

from mme.errors import InputError  # noqa: E402
from mme.networks import (  # noqa: E402
    ARCHITECTURES,
    Architecture,
    Recipe,
    TrainedNetwork,
    accuracy,
    digits,
    digits_family,
    train,
)
from mme.networks.training import NORMALISED, PLAIN  # noqa: E402

SHORT = Recipe(epochs=2, batch_size=32, learning_rate=0.05)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MME_CACHE", str(tmp_path))
    return tmp_path / "networks"


@pytest.fixture(scope="module")
def network() -> TrainedNetwork:
    return train("vgg8_bn", seed=4, recipe=SHORT, cache=False)


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return list(a) == list(b) and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.slow
def test_untrained_weights_are_the_very_first_ones(network: TrainedNetwork) -> None:
    torch.manual_seed(4)
    assert same(network.untrained, ARCHITECTURES["vgg8_bn"].build().state_dict())


@pytest.mark.slow
def test_trained_weights_have_moved_and_know_the_digits(network: TrainedNetwork) -> None:
    for name, start in network.untrained.items():
        if start.ndim > 2:
            assert network.trained[name].is_contiguous()
            moved = (network.trained[name] - start).norm() / start.norm()
            assert 0.05 < moved < 2
    assert network.test_accuracy > 0.9
    assert accuracy(network.model(trained=False)) < 0.5


@pytest.mark.slow
def test_accuracies_are_those_of_the_model(network: TrainedNetwork) -> None:
    assert accuracy(network.model()) == network.test_accuracy
    assert accuracy(network.model(), "train") == network.train_accuracy


@pytest.mark.slow
def test_a_model_is_the_users_own(network: TrainedNetwork) -> None:
    state = torch.random.get_rng_state()
    model = network.model()
    assert torch.equal(torch.random.get_rng_state(), state)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert same(network.model().state_dict(), network.trained)
    assert network.trained["classifier.weight"].abs().sum() > 0


@pytest.mark.slow
def test_record_tells_what_a_table_needs(network: TrainedNetwork) -> None:
    record = json.loads(json.dumps(network.to_dict()))
    assert record["name"] == "vgg8_bn"
    assert record["depth"] == 8
    assert record["seed"] == 4
    assert record["parameters"] == 435882
    assert record["test_accuracy"] == network.test_accuracy
    assert "vgg8_bn, seed 4: 435882 parameters" in repr(network)


@pytest.mark.slow
def test_the_seed_decides_and_a_kept_network_is_the_same(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = Recipe(epochs=1)
    first = train("vgg5", seed=1, recipe=once)
    with monkeypatch.context() as patch:
        patch.delattr(digits, "trained_from")
        kept = train("vgg5", seed=1, recipe=once)
    again = train("vgg5", seed=1, recipe=once, cache=False)
    other = train("vgg5", seed=2, recipe=once)
    assert same(first.trained, kept.trained)
    assert same(first.trained, again.trained)
    assert same(first.untrained, kept.untrained)
    assert not torch.equal(first.untrained["features.0.weight"], other.untrained["features.0.weight"])
    assert len(list(cache.glob("*/*.kept"))) == 2


@pytest.mark.slow
def test_another_recipe_is_another_network(cache: Path) -> None:
    train("vgg5", recipe=Recipe(epochs=1))
    train("vgg5", recipe=Recipe(epochs=1, learning_rate=0.05))
    assert len(list(cache.glob("*/*.kept"))) == 2


@pytest.mark.slow
def test_family_keeps_the_order_of_its_names_and_is_quiet(
    cache: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    family = digits_family(["vgg8", "vgg5"], recipe=Recipe(epochs=1))
    assert list(family) == ["vgg8", "vgg5"]
    assert list(digits_family("vgg5", recipe=Recipe(epochs=1))) == ["vgg5"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_family_trains_what_is_free_while_another_process_is_busy(cache: Path) -> None:
    cache.mkdir(parents=True)
    locked, seen = threading.Event(), []

    def other_process() -> None:
        with FileLock(cache / "vgg5-seed0.lock"):
            locked.set()
            end = time.monotonic() + 600
            while not (found := list(cache.glob("*/*.kept"))) and time.monotonic() < end:
                time.sleep(0.01)
            seen.append(bool(found))

    other = threading.Thread(target=other_process)
    other.start()
    locked.wait()
    family = digits_family(["vgg5", "vgg8"], recipe=Recipe(epochs=1))
    other.join()
    assert seen == [True]
    assert list(family) == ["vgg5", "vgg8"]


WRONG: list[tuple[Callable[[], Any], str]] = [
    *(
        (partial(train, "vgg5", seed=seed), f"seed must be an integer from 0 to {2**63 - 1}, but it is")
        for seed in (-1, 0.5, 2.5, True, "1", None, 2**63)
    ),
    (partial(train, "vgg16"), "name must be one of 'vgg5', .*'densenet28', but it is 'vgg16'"),
    (partial(train, None), "name must be one of"),
    (partial(train, 5), "name must be one of"),
    (partial(train, "vgg5", recipe=3), "recipe must be a Recipe"),
    (partial(digits_family, 5), "names must be names of architectures, but it is 5"),
    (partial(digits_family, ["vgg5", "vgg6"]), "name must be one of"),
    (partial(digits_family, [5]), "name must be one of"),
    (partial(digits_family, seed="x"), "seed must be an integer"),
    (partial(digits_family, recipe={}), "recipe must be a Recipe"),
]


@each("call, sentence", WRONG)
def test_wrong_calls(call: Callable[[], Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        call()


@pytest.mark.slow
def test_the_whole_family_learns_the_digits() -> None:
    family = digits_family()
    assert list(family) == list(ARCHITECTURES)
    for network in family.values():
        assert network.test_accuracy >= 0.97, network


@pytest.mark.slow
def test_without_torch_one_sentence_names_the_extra() -> None:
    script = (
        "import sys; sys.modules['torch'] = None\n"
        "import mme, mme.networks\n"
        "from mme.networks import untrained_control\n"
        "untrained_control({'a.weight': __import__('numpy').ones((2, 3))})\n"
        "from mme.networks import digits_family\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=600)
    assert ended.stderr.splitlines()[-1] == (
        "mme.extras.MissingExtra: mme.networks needs torch, which is not installed: "
        "pip install 'mme[networks]' brings it."
    )
    assert "During handling" not in ended.stderr


@pytest.mark.slow
def test_the_package_is_imported_without_torch_and_names_its_parts() -> None:
    script = "import sys, mme.networks as n; print('torch' in sys.modules, [x in dir(n) for x in n.__all__])"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=600)
    assert ended.stdout.startswith("False [True")
    assert "False" not in ended.stdout[6:]


def test_networks_are_equal_by_their_weights_not_by_what_builds_them() -> None:
    architecture, weights = ARCHITECTURES["vgg5"], {"w": torch.ones(2)}
    built_otherwise = replace(architecture, build=lambda: architecture.build())
    one, same = (TrainedNetwork(each, 0, weights, {}, 0.5, 0.5) for each in (architecture, built_otherwise))
    assert one == same
    assert one != TrainedNetwork(architecture, 0, {"w": torch.zeros(2)}, {}, 0.5, 0.5)


def test_each_network_has_a_key_of_its_own_and_those_that_are_free_come_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys: list[str] = []
    content = {"trained": {}, "untrained": {}, "train_accuracy": 0.5, "test_accuracy": 0.25}
    trained: list[tuple[str, Recipe, int]] = []

    def make(chosen: Architecture, recipe: Recipe, seed: int) -> dict[str, Any]:
        trained.append((chosen.name, recipe, seed))
        return content

    def busy(name: str, key: str, make: Callable[[], dict[str, Any]], wait: bool) -> dict[str, Any] | None:
        if not wait and name.startswith("vgg8-"):
            return None
        keys.append(key)
        return make()

    monkeypatch.setattr(digits, "_trained", make)
    monkeypatch.setattr(digits, "load_or_make", busy)
    family = digits_family(["vgg8", "vgg5", "vgg8_bn", "vgg5"], seed=3)
    assert list(family) == ["vgg8", "vgg5", "vgg8_bn"]
    assert [(name, seed) for name, _, seed in trained] == [("vgg5", 3), ("vgg8_bn", 3), ("vgg8", 3)]
    assert [recipe for _, recipe, _ in trained] == [PLAIN, NORMALISED, PLAIN]
    assert [(each.seed, each.train_accuracy, each.test_accuracy) for each in family.values()] == [
        (3, 0.5, 0.25)
    ] * 3
    train("vgg5", seed=4)
    train("vgg5", seed=3, recipe=SHORT)
    assert len(set(keys)) == len(keys) == 5
    train("vgg5", seed=3)
    train("vgg5", seed=3, recipe=PLAIN)
    assert keys[5:] == keys[:1] * 2


def test_a_model_is_ready_to_evaluate() -> None:
    architecture = ARCHITECTURES["resnet8"]
    first, last = (architecture.build().state_dict() for _ in range(2))
    network = TrainedNetwork(architecture, 0, last, first, 0.5, 0.5)
    for given, weights in (({}, last), ({"trained": False}, first)):
        model = network.model(**given)
        assert not any(layer.training for layer in model.modules())
        assert same(dict(model.state_dict()), dict(weights))
