"""Trained weights of torchvision that are on this machine are found and measured without a network."""

from __future__ import annotations

import hashlib
import re
import urllib.error
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mme.comparison.options import Options  # noqa: E402
from mme.comparison.vision import PAPER, vision_rows  # noqa: E402
from mme.ensembles import deterministic_spectrum, spectral_density  # noqa: E402
from mme.errors import InputError  # noqa: E402
from mme.networks import import_torchvision, torchvision_hub  # noqa: E402
from mme.networks.torchvision_hub import FIRST_WEIGHTS, RULES, has_weights, open_torchvision  # noqa: E402


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of downloads, and no way to fill it."""
    monkeypatch.setattr(torch.hub, "_hub_dir", None)  # a folder set earlier in this process
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def no_network(*args: Any, **options: Any) -> None:
        raise urllib.error.URLError("no network in this test")

    monkeypatch.setattr(torch.hub, "download_url_to_file", no_network)
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


Fill = Callable[[str], dict[str, Any]]


@pytest.fixture
def fill(hub: Path, monkeypatch: pytest.MonkeyPatch) -> Fill:
    """Put random weights into the folder, under a name that fits their hash."""

    def put(network: str) -> dict[str, Any]:
        torch.manual_seed(7)
        models = import_torchvision().models
        state = models.get_model(network, weights=None).state_dict()
        state = {name: 0.5 * w if w.ndim > 1 else w for name, w in state.items()}
        made = hub / "made.pth"
        torch.save(state, made)
        digest = hashlib.sha256(made.read_bytes()).hexdigest()[:8]
        entry = models.get_model_weights(network).IMAGENET1K_V1
        monkeypatch.setattr(entry.value, "url", f"https://example.org/{network}-{digest}.pth")
        made.rename(hub / f"{network}-{digest}.pth")
        return state

    return put


@pytest.mark.slow  # torchvision takes seconds to import
def test_an_empty_folder_has_no_weights(hub: Path) -> None:
    assert not any(has_weights(name) for name in PAPER)
    with pytest.raises(InputError, match="torchvision:resnet18 is not here and cannot be fetched"):
        next(vision_rows(["resnet18"]))


@pytest.mark.slow  # torchvision takes seconds to import
def test_a_file_is_found_by_the_name_of_its_url(hub: Path) -> None:
    url = import_torchvision().models.ResNet18_Weights.IMAGENET1K_V1.url
    (hub / url.rpartition("/")[2]).touch()
    assert [name for name in PAPER if has_weights(name)] == ["resnet18"]
    newer = import_torchvision().models.ResNet50_Weights.IMAGENET1K_V2.url
    (hub / newer.rpartition("/")[2]).touch()
    assert has_weights("resnet50", "IMAGENET1K_V2")
    assert not has_weights("resnet50")


@pytest.mark.slow  # torchvision takes seconds to import
def test_unknown_names_are_refused() -> None:
    with pytest.raises(InputError, match=r"near names are .*resnet18"):
        has_weights("resnet19")
    with pytest.raises(InputError, match="IMAGENET1K_V1"):
        has_weights("resnet18", "IMAGENET1K_V7")


@pytest.mark.slow
def test_the_trained_column_is_measured_where_the_file_is(fill: Fill) -> None:
    state = fill("resnet18")
    assert has_weights("resnet18")
    options = Options(conjugate="deterministic", dtype="float32", zeros="drop")
    row = next(vision_rows(["resnet18"], options))
    assert row.trained is not None

    tensors = [w.numpy() for w in state.values() if w.ndim > 1]
    values = np.concatenate([np.linalg.svd(w.reshape(len(w), -1), compute_uv=False) ** 2 for w in tensors])
    heights = np.histogram(values, 1000, (0, 6))[0]
    law = spectral_density(deterministic_spectrum([len(w) for w in tensors])).density
    expected = heights / heights.sum() / 0.006 - law
    assert row.trained.variance == pytest.approx(expected.var(), rel=1e-3)
    # half as large as initial ones, these weights are no copy of the control
    assert abs(row.trained.variance - row.untrained_variance) > 0.1


def test_each_family_of_table_one_has_its_own_rule() -> None:
    for name in PAPER:
        (rule,) = {rule for pattern, rule in RULES.items() if re.fullmatch(pattern, name)}
        assert name.startswith(rule)
    assert FIRST_WEIGHTS == "IMAGENET1K_V1"  # as the docstring of `VisionRow` says
    for name, rule in (("wide_resnet50_2", "resnet"), ("resnext50_32x4d", "resnet"), ("vgg11_x", None)):
        assert next((rule for pattern, rule in RULES.items() if re.fullmatch(pattern, name)), None) == rule


def test_a_download_is_checked_on_its_way(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url, path = "https://example.org/net-0123abcd.pth", hub / "not" / "yet" / "net-0123abcd.pth"
    monkeypatch.setattr(torchvision_hub, "_place", lambda *_: (url, path))
    monkeypatch.setattr("mme.networks.libraries.is_reachable", lambda _: True)
    asked = []

    def download(*given: Any) -> None:
        asked.append(given[:3])
        path.write_bytes(b"half of it")

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    with pytest.raises(InputError, match="its hash is not 0123abcd…"):
        open_torchvision("net")
    assert asked == [(url, str(path), "0123abcd")]
    path.unlink()
    monkeypatch.setattr("mme.networks.libraries.is_reachable", lambda _: False)
    with pytest.raises(InputError, match="no connection"):
        open_torchvision("net")
    assert len(asked) == 1
