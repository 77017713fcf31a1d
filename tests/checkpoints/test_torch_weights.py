"""The weights are found among whatever else a torch checkpoint holds."""

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.each import each

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from mme.checkpoints.opening import open_checkpoint  # noqa: E402
from mme.checkpoints.torch_files import read_torch  # noqa: E402
from mme.ensembles import layer_matrix_ensemble  # noqa: E402
from mme.errors import InputError  # noqa: E402


def saved(tmp_path: Path, content: Any, **options: Any) -> Path:
    path = tmp_path / "net.pt"
    torch.save(content, path, **options)
    return path


EYE = torch.eye(2)


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (
            {"state_dict": {"a": EYE}, "optimizer": {"state": {0: {"exp_avg": EYE}}, "param_groups": []}},
            ["a"],
        ),
        ({"state": {0: {"exp_avg": EYE}}, "param_groups": [], "net": {"a": EYE}}, ["a"]),
        ({"model": {"a": EYE}, "ema": {"module": {"a": EYE}, "decay": 0.9}}, ["model.a", "ema.a"]),
        ({"model": {"a": EYE}, "ema": {"shadow": [EYE]}}, ["a"]),
        ({"model": {"a": EYE, "b": EYE[0]}, "ema": {"a": EYE}}, ["model.a", "model.b", "ema.a"]),
        ({"model": {"a": EYE}, "net": {"b": EYE}, "state_dict": {"c": EYE}}, ["c"]),
        ({"model": {"module.a": EYE}, "ema": {"a": EYE}}, ["model.module.a", "ema.a"]),
        ({"model": {"a.w": EYE}, "ema": {"aw": EYE}}, ["model.a.w", "ema.aw"]),
        ({"student": {"a": EYE}, "teacher": {"a": EYE}}, ["student.a", "teacher.a"]),
        ({"state_dict": {"a": EYE}, "class_means": EYE}, ["a"]),
        ({"model": None, "ema": {"b": EYE}}, ["b"]),
        ({"params": {"dense": {"kernel": EYE}, "out": {"kernel": EYE}}}, ["dense.kernel", "out.kernel"]),
        ({"adam": {"state": {0: {"exp_avg": EYE}}, "param_groups": []}, "encoder": {"a": EYE}}, ["a"]),
        (
            {"net": {"momentum_encoder": {"a": EYE}, "gradient_net": {"b": EYE}, "amp": {"c": EYE}}},
            ["momentum_encoder.a", "gradient_net.b"],
        ),
        ({"checkpoint": {"state_dict": {"a": EYE}}, "epoch": 3}, ["a"]),
        ({"weights": EYE, "bias": EYE}, ["weights", "bias"]),
        ({"a": EYE, "inner": {"b": EYE}, "version": 2}, ["a", "inner.b"]),
        ({"generator": {"a": EYE}, "optimizer_g": {"x": EYE}, "epoch": 3}, ["a"]),
        ({"generator": {"a": EYE}, "optimizer_states": [{"x": EYE}]}, ["a"]),
        ([{"a": EYE}, 7], ["a"]),
        (EYE, ["tensor"]),
    ],
)
def test_the_weights_are_found(tmp_path: Path, content: Any, names: list[str]) -> None:
    found = read_torch(saved(tmp_path, content))
    assert [name for name, tensor in found.items() if not tensor.skip] == names


def test_what_lies_beside_the_network_is_named(tmp_path: Path) -> None:
    average = {"EMACallback": {"ema_state_dict": {"a": EYE}}}
    found = read_torch(saved(tmp_path, {"net": {"a": EYE}, "critic": {"b": EYE}, "callbacks": average}))
    words = "beside the network, which is under 'net'"
    assert {name: tensor.skip for name, tensor in found.items()} == {
        "a": "", "critic.b": words, "callbacks.EMACallback.ema_state_dict.a": words,
    }  # fmt: skip


def test_one_of_two_sets_counts(tmp_path: Path) -> None:
    path = saved(tmp_path, {"state_dict": {"a": EYE}, "state_dict_ema": {"a": 3 * EYE}})
    for which, value in ((None, 1), ("state_dict_ema", 3)):
        (layer,) = layer_matrix_ensemble(open_checkpoint(path, which)).layers
        assert layer.tensor[0, 0] == value


def test_two_networks_in_a_file_are_named(tmp_path: Path) -> None:
    for one, other in (("generator", "discriminator"), ("ema", "swa")):
        path = saved(tmp_path, {one: {"a": EYE}, other: {"a": EYE}, "epoch": 3})
        with pytest.raises(InputError, match=rf"several sets of weights \('{one}', '{other}'\)"):
            read_torch(path)


@each("content", [{}, {"epoch": 3}, {"optimizer": {"state": {0: EYE}}}, [1, 2], "text", None])
def test_a_file_without_weights_says_so(tmp_path: Path, content: Any) -> None:
    with pytest.raises(InputError, match="holds no weight tensors; save the network's state dict"):
        read_torch(saved(tmp_path, content))


def test_a_module_of_buffers_alone_has_no_weights(tmp_path: Path) -> None:
    module = nn.Module()
    module.register_buffer("table", EYE)
    with pytest.raises(InputError, match="holds no weight tensors"):
        read_torch(saved(tmp_path, module))


def test_only_vectors_leave_nothing_to_square(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no weight tensor of two or more axes"):
        layer_matrix_ensemble(read_torch(saved(tmp_path, {"bias": torch.ones(3)})))


def test_what_holds_itself_is_read_once(tmp_path: Path) -> None:
    content: dict[str, Any] = {"a": EYE}
    content["again"] = {"deeper": content}
    assert list(read_torch(saved(tmp_path, content))) == ["a"]
    module = nn.Linear(2, 2)
    module._modules["again"] = module
    assert list(read_torch(saved(tmp_path, module))) == ["weight", "bias"]


def test_what_is_repeated_is_read_once(tmp_path: Path) -> None:
    """A list of a list twice, of a list twice, … has more paths than can be walked."""
    content: Any = {"w": EYE}
    for _ in range(60):
        content = [content, content]
    names = list(read_torch(saved(tmp_path, {"model": content})))
    assert names == ["0." * 60 + "w"]


def test_what_is_nested_too_deep_is_refused(tmp_path: Path) -> None:
    content: Any = {"w": EYE}
    for _ in range(100):
        content = {"inner": content}
    assert list(read_torch(saved(tmp_path, content))) == ["w"]
    for _ in range(2000):
        content = [content]
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(10 * usual)
    try:
        path = saved(tmp_path, content)
    finally:
        sys.setrecursionlimit(usual)
    with pytest.raises(InputError, match="maximum recursion depth"):
        read_torch(path)
