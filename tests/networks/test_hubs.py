"""Networks by name: initial weights by the libraries' rules, trained ones from where they are kept."""

import hashlib
import importlib
import json
import re
import socket
import sys
import threading
from email.message import Message
from fnmatch import fnmatch
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest

from tests.each import each

torch = pytest.importorskip("torch")

from safetensors.numpy import save_file  # noqa: E402
from safetensors.torch import save_file as save_torch  # noqa: E402

from mme.checkpoints import Checkpoint  # noqa: E402
from mme.ensembles import layer_matrix_ensemble  # noqa: E402
from mme.errors import InputError  # noqa: E402
from mme.networks import (  # noqa: E402
    ARCHITECTURES,
    TrainedNetwork,
    digits_family,
    efficientnet_lite,
    hubs,
    import_torchvision,
    libraries,
)
from mme.networks.hubs import called, is_hub_name, open_hub  # noqa: E402


@pytest.mark.parametrize("name", ["resnet18", "densenet121", "vgg11_bn", "resnext50_32x4d"])
@pytest.mark.slow
def test_untrained_networks_have_torchvisions_shapes_and_laws(name: str) -> None:
    models = import_torchvision().models
    torch.manual_seed(0)
    theirs = {key: value for key, value in models.get_model(name).named_parameters() if value.ndim > 1}
    ours = open_hub(f"torchvision:{name}@untrained", seed=4)
    assert {key: tuple(value.shape) for key, value in theirs.items()} == {k: t.shape for k, t in ours.items()}
    for key, value in theirs.items():
        if value.numel() > 3e7:  # as the others, and slow
            continue
        one, other = ours[key].read().astype(float).ravel() ** 2, value.detach().double().numpy().ravel() ** 2
        error = np.hypot(one.std() / one.size**0.5, other.std() / other.size**0.5)
        assert abs(one.mean() - other.mean()) < 4.5 * error, key


@pytest.mark.slow
def test_seeds_and_types() -> None:
    first, again, other = (open_hub("torchvision:resnet18@untrained", seed=seed) for seed in (0, 0, 1))
    weights = [each["layer1.0.conv1.weight"].read() for each in (first, again, other)]
    assert np.array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])
    kept = layer_matrix_ensemble(first, types="Linear")
    assert [layer.name for layer in kept.layers] == ["fc.weight"]


@pytest.mark.slow
def test_families_without_a_rule_are_initialised_by_their_library() -> None:
    torch.manual_seed(3)
    theirs = import_torchvision().models.squeezenet1_1()
    state = torch.random.get_rng_state()
    ours = open_hub("torchvision:squeezenet1_1@untrained", seed=3)
    assert torch.equal(torch.random.get_rng_state(), state)
    key = "features.3.squeeze.weight"
    assert np.array_equal(ours[key].read(), dict(theirs.named_parameters())[key].detach().numpy())


@pytest.fixture
def hub_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.slow
def test_trained_weights_are_read_from_torchs_folder(
    hub_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = import_torchvision().models
    state = models.resnet18().state_dict()
    torch.save(state, hub_folder / "made.pth")
    digest = hashlib.sha256((hub_folder / "made.pth").read_bytes()).hexdigest()[:8]
    (hub_folder / "made.pth").rename(hub_folder / f"resnet18-{digest}.pth")
    entry = models.get_model_weights("resnet18").IMAGENET1K_V1
    monkeypatch.setattr(entry.value, "url", f"https://nowhere/resnet18-{digest}.pth")
    found = open_hub("torchvision:resnet18")
    assert isinstance(found, Checkpoint)
    assert (found.name, found.rule) == ("resnet18", "resnet")
    assert np.array_equal(found["conv1.weight"].read(), state["conv1.weight"].numpy())


@pytest.mark.slow
def test_damaged_downloads_are_told(hub_folder: Path) -> None:
    (hub_folder / "resnet18-f37072fd.pth").write_bytes(b"half of it")
    with pytest.raises(InputError, match=r"resnet18-f37072fd.pth is damaged.*delete it"):
        open_hub("torchvision:resnet18")


@pytest.mark.slow
def test_what_is_missing_offline_is_said(hub_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mme.networks.libraries.is_reachable", lambda url: False)
    with pytest.raises(InputError) as caught:
        open_hub("torchvision:vgg11")
    said = str(caught.value)
    assert "no connection" in said
    assert f"put https://download.pytorch.org/models/vgg11-8a719046.pth at {hub_folder}" in said
    assert "torchvision:vgg11@untrained" in said
    assert list(hub_folder.iterdir()) == []


@pytest.mark.slow
def test_interrupted_downloads_leave_nothing(hub_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Breaking:
        def __enter__(self) -> "Breaking":
            return self

        def __exit__(self, *error: object) -> None:
            pass

        def info(self) -> Message:
            return Message()

        def read(self, size: int) -> bytes:
            raise ConnectionResetError("connection lost")

    monkeypatch.setattr("mme.networks.libraries.is_reachable", lambda url: True)
    monkeypatch.setattr("torch.hub.urlopen", lambda *arguments, **options: Breaking())
    with pytest.raises(InputError, match="connection lost"):
        open_hub("torchvision:vgg11")
    assert list(hub_folder.iterdir()) == []


@each(
    "name, said",
    [
        ("torchvision:", "names no network"),
        ("digits:vgg6", "must be one of .*'vgg5'"),
        ("digits:vgg5@old", "digits:vgg5 has no weights 'old'; near names are untrained"),
        ("efficientnet-lite:7", "near names are 0, 1, 2"),
        ("modelzoo:resnet18", "is no hub; there are torchvision, timm, hf"),
    ],
)
def test_unknown_names(name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        open_hub(name)


@pytest.mark.slow
@each(
    "name, said",
    [
        ("torchvision:resnet19", "torchvision has no network 'resnet19'; near names are resnet18"),
        (
            "torchvision:resnet18@IMAGENET2K",
            "torchvision:resnet18 has no weights 'IMAGENET2K'; near names are IMAGENET1K_V1",
        ),
    ],
)
def test_unknown_names_of_torchvision(name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        open_hub(name)


@pytest.mark.slow
def test_networks_of_this_package() -> None:
    trained = digits_family(["vgg5"])["vgg5"]
    found, before = open_hub("digits:vgg5"), open_hub("digits:vgg5@untrained")
    assert np.array_equal(found["classifier.weight"].read(), trained.trained["classifier.weight"].numpy())
    assert np.array_equal(before["classifier.weight"].read(), trained.untrained["classifier.weight"].numpy())
    assert (found.name, before.name, found.rule) == ("vgg5", "vgg5@untrained", "vgg")
    lite = open_hub("efficientnet-lite:0")
    assert np.array_equal(lite["_fc.weight"].read(), efficientnet_lite(0)["_fc.weight"].numpy())
    assert lite.rule == "efficientnet"


@pytest.mark.slow
def test_timm_initialises_its_networks() -> None:
    timm = pytest.importorskip("timm")
    torch.manual_seed(2)
    theirs = timm.create_model("test_resnet.r160_in1k", pretrained=False)
    ours = open_hub("timm:test_resnet.r160_in1k@untrained", seed=2)
    for key, value in theirs.named_parameters():
        assert np.array_equal(ours[key].read(), value.detach().numpy())
    with pytest.raises(InputError, match="timm has no network 'resnet_18'; near names are resnet18"):
        open_hub("timm:resnet_18")
    with pytest.raises(InputError, match=r"timm:resnet10t\.never has no trained weights"):
        open_hub("timm:resnet10t.never")
    with pytest.raises(InputError, match=r"weights as in timm:resnet18\.a1_in1k"):
        open_hub("timm:resnet18@a1_in1k")


@pytest.fixture
def hugging_face(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A local copy of the hub, as its own library keeps it, and no way out."""
    hub = pytest.importorskip("huggingface_hub")
    pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("mme.networks.libraries.is_reachable", lambda url: False)
    return tmp_path


@pytest.fixture
def snapshot(hugging_face: Path) -> Path:
    """Where that copy has the files of someone/net."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    folder = hugging_face / "models--someone--net"
    (folder / "snapshots" / commit).mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(commit)
    (folder / "snapshots" / commit / "config.json").write_text(json.dumps({"architectures": ["Net"]}))
    return folder / "snapshots" / commit


@pytest.mark.slow
@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin"])
def test_hugging_face_networks_that_are_here(snapshot: Path, file: str) -> None:
    weights = {"fc.weight": torch.randn(3, 4)}
    if file.endswith(".bin"):
        torch.save(weights, snapshot / file)
    else:
        save_file({"fc.weight": weights["fc.weight"].numpy()}, snapshot / file)
    found = open_hub("hf:someone/net")
    assert found.name == "someone/net"
    assert np.array_equal(found["fc.weight"].read(), weights["fc.weight"].numpy())


def test_one_of_two_sets_of_a_hub_is_chosen(snapshot: Path) -> None:
    save_file(
        {f"{part}fc.weight": value * np.eye(3) for part, value in (("", 1), ("ema.", 2))},
        snapshot / "model.safetensors",
    )
    for which, value in ((None, 1), ("ema", 2)):
        (layer,) = layer_matrix_ensemble(open_hub("hf:someone/net", which=which)).layers
        assert layer.tensor[0, 0] == value
    with pytest.raises(InputError, match="which must be one of 'ema'"):
        open_hub("hf:someone/net", which="swa")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hf:someone/net", "hf:someone/absent", "timm:resnet18.a1_in1k"])
def test_being_offline_is_said_at_once(
    name: str, hugging_face: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The libraries themselves would try for minutes."""
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr("mme.networks.libraries.is_reachable", lambda url: False)
    tried: list[object] = []

    def refuse(*address: object, **options: object) -> None:
        tried.append(address)
        raise OSError("no network in this test")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with pytest.raises(InputError, match=r"is not here and cannot be fetched \(no connection\)"):
        open_hub(name)
    assert tried == []
    assert not hub.constants.HF_HUB_OFFLINE


def test_whether_there_is_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "getproxies", dict)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert libraries.is_reachable(f"https://127.0.0.1:{port}/net")
    with socket.socket() as silent:  # bound, so that nobody else answers there
        silent.bind(("127.0.0.1", 0))
        assert not libraries.is_reachable(f"https://127.0.0.1:{silent.getsockname()[1]}/net")
    answer = threading.Event()

    def never(*arguments: object) -> None:
        answer.wait(60)
        raise OSError

    monkeypatch.setattr(libraries, "PATIENCE", 0.05)
    monkeypatch.setattr("socket.create_connection", never)
    assert not libraries.is_reachable("https://127.0.0.1/net")
    answer.set()


def test_hugging_face_networks_that_are_not(hugging_face: Path) -> None:
    with pytest.raises(InputError, match="hf:someone/absent is not here and cannot be fetched"):
        open_hub("hf:someone/absent")
    with pytest.raises(InputError, match="hf:not a name is not here"):
        open_hub("hf:not a name")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "module", "extra"),
    [("timm:resnet18", "timm", "hubs"), ("hf:a/b", "huggingface_hub", "hubs")],
)
def test_a_missing_library_is_named(
    name: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=rf"needs {module}, which is not installed.*mme\[{extra}\]"):
        open_hub(name)


def test_what_lies_behind_a_proxy_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(address: tuple[str, int], timeout: float) -> None:
        asked.append(address)
        raise OSError

    asked: list[tuple[str, int]] = []
    monkeypatch.setattr("socket.create_connection", refuse)
    monkeypatch.setattr(libraries, "getproxies", lambda: {"https": "http://proxy:3128"})
    assert libraries.is_reachable("https://example.org/net")
    assert not libraries.is_reachable("http://example.org:81/net")
    assert asked == [("example.org", 443), ("example.org", 81)]


@each(
    "error, reached, reason",
    [
        (URLError("name unknown"), True, "name unknown"),
        (ConnectionResetError("lost:\nand more"), True, "lost"),
        (KeyError(), True, "KeyError"),
        (URLError("name unknown"), False, "no connection"),
    ],
)
def test_why_nothing_was_fetched(
    monkeypatch: pytest.MonkeyPatch, error: Exception, reached: bool, reason: str
) -> None:
    monkeypatch.setattr(libraries, "is_reachable", lambda url: reached)
    said = f"a:b is not here and cannot be fetched ({reason}): check its name and the connection, or wait."
    seen = []

    def fetch() -> None:
        with libraries.fetching("a:b", "url", "wait") as is_reached:
            seen.append(is_reached)
            raise error

    with pytest.raises(InputError, match=f"^{re.escape(said)}$"):
        fetch()
    assert seen == [reached]


def test_the_nearest_names_or_else_the_first_ones_are_offered() -> None:
    names = ["zz5", "zz1", "zz4", "zz3", "zz2"]
    assert libraries.known("here", "zz4", names) == "zz4"
    for name, offered in (("zz11", "zz1, .*"), ("abc", "zz1, zz2, zz3, zz4")):
        with pytest.raises(InputError, match=f"here has no network '{name}'; near names are {offered}\\.$"):
            libraries.known("here", name, names)


@pytest.mark.parametrize("file", ["model.safetensors", "pytorch_model.bin"])
def test_of_a_repository_a_revision_is_fetched_and_torchs_files_only_without_others(
    tmp_path: Path, hugging_face: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    asked: list[tuple[str, str | None, bool]] = []

    def fetch(network: str, revision: str | None, allow_patterns: list[str]) -> str:
        folder = tmp_path / str(len(asked))
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        asked.append((network, revision, any(fnmatch(file, each) for each in allow_patterns)))
        if asked[-1][2]:
            values = {"fc.weight": torch.eye(3)}
            torch.save(values, folder / file) if file.endswith("bin") else save_torch(values, folder / file)
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)
    assert open_hub("hf:someone/net@v2")["fc.weight"].shape == (3, 3)
    assert asked == [("someone/net", "v2", False)] * file.endswith("bin") + [("someone/net", "v2", True)]
    open_hub("hf:someone/net")
    assert asked[-1] == ("someone/net", None, True)


@pytest.mark.parametrize("was_offline", [False, True])
@pytest.mark.parametrize("is_reached", [False, True])
def test_huggingface_is_offline_where_it_is_not_reached_or_was_so_before(
    hugging_face: Path, monkeypatch: pytest.MonkeyPatch, was_offline: bool, is_reached: bool
) -> None:
    constants = importlib.import_module("huggingface_hub.constants")
    monkeypatch.setattr("mme.networks.libraries.is_reachable", lambda url: is_reached)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", was_offline)
    with hubs._fetching("hf:someone/net", "else"):
        assert constants.HF_HUB_OFFLINE is (was_offline or not is_reached)
    assert constants.HF_HUB_OFFLINE is was_offline


def test_seeds_are_those_of_what_is_trained_or_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    vgg5, seeds = ARCHITECTURES["vgg5"], []

    def trained(name: str, seed: int) -> TrainedNetwork:
        seeds.append((name, seed))
        return TrainedNetwork(vgg5, seed, vgg5.build().state_dict(), vgg5.build().state_dict(), 0.5, 0.5)

    monkeypatch.setattr("mme.networks.train", trained)
    assert open_hub("digits:vgg5@untrained", seed=5).rule == "vgg"
    assert seeds == [("vgg5", 5)]
    monkeypatch.setattr("mme.networks.efficientnet_lite", lambda version: {"_fc.weight": torch.ones(4, 3)})
    one, again, other = (
        open_hub("efficientnet-lite:0@untrained", seed=seed)["_fc.weight"].read() for seed in (1, 1, 2)
    )
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert np.array_equal(open_hub("efficientnet-lite:0", seed=1)["_fc.weight"].read(), np.ones((4, 3)))


def test_a_number_alone_is_no_name() -> None:
    names = ("efficientnet-lite:0", "digits:vgg5@untrained", "hf:a/b@v2")
    assert [called(name) for name in names] == ["efficientnet-lite0", "vgg5@untrained", "a/b@v2"]


def test_names_of_hubs_and_of_files() -> None:
    assert is_hub_name("hf:someone/net")
    assert not is_hub_name("net.pt")
    assert not is_hub_name("other:thing")
