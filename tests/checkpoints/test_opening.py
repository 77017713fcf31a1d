"""A network is opened by its path, whatever its format; what cannot be is refused in one sentence."""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from mme.checkpoints import checkpoints_in, open_checkpoint
from mme.checkpoints.formats import ENDINGS, content_of
from mme.checkpoints.limits import NoNetwork
from mme.checkpoints.opening import search
from mme.ensembles import layer_matrix_ensemble
from mme.errors import InputError

ARRAYS = {
    "conv": np.arange(120.0).reshape(5, 4, 3, 2),
    "fc": np.arange(12.0).reshape(3, 4),
    "bias": np.ones(3),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The same network in several formats."""
    np.savez(tmp_path / "net.npz", **ARRAYS)
    np.save(tmp_path / "fc.npy", ARRAYS["fc"])
    save_file(ARRAYS, tmp_path / "net.safetensors")
    return tmp_path


@pytest.fixture
def torch_file(tmp_path: Path) -> Path:
    torch = pytest.importorskip("torch")
    torch.save({name: torch.from_numpy(array) for name, array in ARRAYS.items()}, tmp_path / "net.pt")
    return tmp_path / "net.pt"


def test_all_formats_give_the_same_layers(folder: Path, torch_file: Path) -> None:
    expected = {layer.name: layer for layer in layer_matrix_ensemble(ARRAYS).layers}
    for name in ("net.npz", "net.safetensors", "net.pt"):
        layers = layer_matrix_ensemble(open_checkpoint(folder / name)).layers
        assert {layer.name for layer in layers} == set(expected)
        for layer in layers:
            np.testing.assert_array_equal(layer.tensor, expected[layer.name].tensor)
    assert list(open_checkpoint(folder / "fc.npy")) == ["fc"]


@pytest.mark.parametrize("called", ["model.th", "best.pth.tar", "NET.BIN", "net", "net.npz", "a.safetensors"])
def test_the_content_tells_what_a_file_is(folder: Path, torch_file: Path, called: str) -> None:
    torch = pytest.importorskip("torch")
    state = {name: torch.from_numpy(array) for name, array in ARRAYS.items()}
    torch.save(state, folder / "old.pt", _use_new_zipfile_serialization=False)
    (folder / "inner").mkdir()
    path = folder / "inner" / called
    for name in ("net.npz", "net.safetensors", "net.pt", "old.pt"):
        shutil.copy(folder / name, path)
        np.testing.assert_array_equal(open_checkpoint(str(path))["fc"].read(), ARRAYS["fc"])


def test_onnx_and_keras_are_read(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    onnx = pytest.importorskip("onnx")
    weight = onnx.numpy_helper.from_array(np.arange(12, dtype=np.float32).reshape(3, 4), "w")
    make = onnx.helper
    graph = make.make_graph(
        [make.make_node("Gemm", ["x", "w"], ["y"])],
        "g",
        [make.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 3])],
        [make.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1, 4])],
        [weight],
    )
    onnx.save(make.make_model(graph), tmp_path / "net.onnx")
    (tmp_path / "net.onnx").rename(tmp_path / "net")
    layers = layer_matrix_ensemble(open_checkpoint(tmp_path / "net")).layers
    assert [layer.shape for layer in layers] == [(4, 3)]
    with h5py.File(tmp_path / "net.weights.h5", "w") as file:
        file["layers/dense/vars/0"] = np.arange(12, dtype=np.float32).reshape(3, 4)
    layers = layer_matrix_ensemble(open_checkpoint(tmp_path / "net.weights.h5")).layers
    assert [layer.shape for layer in layers] == [(4, 3)]


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no file or folder .*net\.pt\.$"):
        open_checkpoint(tmp_path / "net.pt")
    with pytest.raises(InputError, match="there is no folder"):
        checkpoints_in(tmp_path / "nets")


@pytest.mark.parametrize("ending", [*ENDINGS, ""])
def test_what_is_no_network_says_what_it_is(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"net{ending}"
    contents = {
        b"": "is empty",
        b"<!DOCTYPE html><html>": "holds text and no weights",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:1": "pointer of Git LFS",
        b"\x1f\x8b\x08\x00": "compressed by gzip",
        b"GGUF\x03": "a GGUF file",
        b"\x80\x04\x95\x06": r"a pickle that torch\.save did not write",
        bytes(257) + b"ustar": "a tar archive",
    }
    for content, words in contents.items():
        path.write_bytes(content)
        with pytest.raises(InputError, match=words):
            open_checkpoint(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "")
    with pytest.raises(InputError, match="a zip archive without a network"):
        open_checkpoint(path)
    with path.open("wb") as file:
        np.savez(file)
    with pytest.raises(InputError, match="an archive without anything in it"):
        open_checkpoint(path)
    for length in (1, 7, 8, 9, 100, 10_000):
        path.write_bytes(np.random.default_rng(length).bytes(length))
        with pytest.raises(InputError):
            open_checkpoint(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(InputError, match="a folder, but not of one network"):
        open_checkpoint(path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="this user may read everything")
def test_a_file_without_permission_says_so(folder: Path) -> None:
    (folder / "net.npz").chmod(0)
    with pytest.raises(InputError, match="Permission denied"):
        open_checkpoint(folder / "net.npz")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="only where there are pipes with names")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "net.pt")
    with pytest.raises(InputError, match="there is no file or folder"):
        open_checkpoint(tmp_path / "net.pt")


def test_a_folder_is_searched_at_any_depth(folder: Path) -> None:
    inner = folder / "lightning_logs" / "version_0" / "checkpoints"
    inner.mkdir(parents=True)
    for name in ("epoch=10", "epoch=9"):
        shutil.copy(folder / "net.npz", inner / f"{name}.ckpt")
    for name in ("readme.md", ".hidden.npz", "failed.pt", "data.bin", "optimizer.pt"):
        (folder / name).touch()
    shutil.copy(folder / "net.safetensors", folder / "unnamed")
    (folder / "again").symlink_to(folder)
    (folder / "lost.pt").symlink_to(folder / "nowhere")
    networks, passed_over = search(folder)
    assert [str(path.relative_to(folder)) for path in networks] == [
        *("failed.pt", "fc.npy"),
        *(f"lightning_logs/version_0/checkpoints/epoch={epoch}.ckpt" for epoch in (9, 10)),
        *("net.npz", "net.safetensors", "unnamed"),
    ]
    reasons = {path.name: reason for path, reason in passed_over.items()}
    assert reasons.keys() == {"readme.md", "data.bin", "optimizer.pt", "lost.pt"}
    assert reasons["optimizer.pt"] == "what a trainer keeps beside the network"
    assert reasons["readme.md"].startswith("is empty")
    assert checkpoints_in(folder) == networks


def test_a_folder_that_cannot_be_read_is_passed_over(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "locked").mkdir()
    listed = Path.iterdir

    def refusing(path: Path) -> Iterator[Path]:  # a superuser may read all
        if path.name == "locked":
            raise PermissionError(13, "Permission denied")
        return listed(path)

    before = search(folder)
    monkeypatch.setattr(Path, "iterdir", refusing)
    networks, passed_over = search(folder)
    assert networks == before[0]
    assert passed_over == before[1] | {folder / "locked": "a folder that cannot be read"}
    with pytest.raises(InputError, match="locked cannot be read: Permission denied"):
        search(folder / "locked")


def test_a_trainers_run_is_its_checkpoints_in_order(tmp_path: Path) -> None:
    for step in (1000, 500):
        run = tmp_path / f"checkpoint-{step}"
        run.mkdir()
        save_file(ARRAYS, run / "model.safetensors")
        beside = ("optimizer.pt", "scheduler.pt", "rng_state.pth", "training_args.bin", "trainer_state.json")
        for name in beside:
            np.savez(run / "state.npz", exp_avg=np.eye(3))
            (run / "state.npz").rename(run / name)
    networks, passed_over = search(tmp_path)
    assert [path.name for path in networks] == ["checkpoint-500", "checkpoint-1000"]
    assert len(passed_over) == 10
    assert open_checkpoint(networks[0]).name == "checkpoint-500"


def test_vectors_are_no_network(tmp_path: Path) -> None:
    np.savez(tmp_path / "losses.npz", train=np.ones(9))
    with pytest.raises(NoNetwork, match="no weight tensor of two or more axes"):
        open_checkpoint(*checkpoints_in(tmp_path))


def test_a_folder_that_is_one_network_counts_once(folder: Path) -> None:
    (folder / "config.json").touch()
    (folder / "net.safetensors").rename(folder / "model.safetensors")
    networks, passed_over = search(folder)
    assert networks == [folder]
    assert passed_over[folder / "net.npz"] == "beside the network that is its folder"
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    with pytest.raises(InputError, match=r"put model\.safetensors\.index\.json beside it"):
        open_checkpoint(*checkpoints_in(folder))


def test_endings_in_capitals_promise_a_network(tmp_path: Path) -> None:
    for name in ("NET.PT", "NET.BIN"):
        (tmp_path / name).touch()
    assert checkpoints_in(tmp_path) == [tmp_path / "NET.PT"]


def test_a_folder_without_a_network_says_so(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match=r"holds no checkpoint, and 1 other files; .* torch, safe"):
        checkpoints_in(tmp_path)


@pytest.mark.slow
def test_importing_needs_no_torch() -> None:
    code = "import sys, mme.checkpoints; print(sorted({'torch', 'h5py', 'onnx'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_header_of_many_megabytes_is_of_safetensors(tmp_path: Path) -> None:
    (tmp_path / "net").write_bytes((10**8).to_bytes(8, "little") + b'{"a": ')
    assert content_of(tmp_path / "net") == "safetensors"


@pytest.mark.parametrize(
    ("begin", "is_model"),
    [(b"\x08\x02\x12", False), (b"\x08\x03\x12", True), (b"\x08\x07\x00", False), (b"\x08\x07\x3a", True)],
)
def test_models_of_onnx_begin_with_their_version_and_a_field(
    tmp_path: Path, begin: bytes, is_model: bool
) -> None:
    (tmp_path / "net").write_bytes(begin)
    assert (content_of(tmp_path / "net") == "ONNX") == is_model


@pytest.mark.parametrize("length", [1, 2])
def test_the_beginning_of_an_onnx_model_alone_is_none(tmp_path: Path, length: int) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"\x08\x07\x12"[:length])
    with pytest.raises(InputError, match="is of no format that is read"):
        open_checkpoint(path)
