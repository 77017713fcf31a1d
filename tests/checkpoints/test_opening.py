"""A network is opened by its path, whatever its format; what cannot be is refused in one sentence."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from mme.checkpoints import checkpoints_in, open_checkpoint
from mme.checkpoints.opening import SUFFIXES
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


def test_a_path_may_be_a_string_and_its_suffix_in_capitals(folder: Path, torch_file: Path) -> None:
    for suffix in (".PTH", ".bin", ".ckpt"):
        shutil.copy(torch_file, folder / f"copy{suffix}")
        assert open_checkpoint(str(folder / f"copy{suffix}")).format == "torch"


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
    layers = layer_matrix_ensemble(open_checkpoint(tmp_path / "net.onnx")).layers
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


def test_an_unknown_suffix_lists_what_is_read(tmp_path: Path) -> None:
    for name, words in (("net.gguf", "ends in .gguf"), ("net", "ends in no suffix")):
        (tmp_path / name).write_bytes(b"\0")
        with pytest.raises(InputError, match=f"{words}, which is not read; the formats that are: .pt, .pth"):
            open_checkpoint(tmp_path / name)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_empty_files_texts_and_folders_are_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"net{suffix}"
    contents = {
        b"": "is empty",
        b"<!DOCTYPE html><html>": "holds text and no weights",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:1": "pointer of Git LFS",
        b"\x1f\x8b\x08\x00": "compressed by gzip",
    }
    for content, words in contents.items():
        path.write_bytes(content)
        with pytest.raises(InputError, match=words):
            open_checkpoint(path)
    for length in (1, 7, 8, 9, 100, 10_000):
        path.write_bytes(np.random.default_rng(length).bytes(length))
        with pytest.raises(InputError):
            open_checkpoint(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(InputError, match="a folder, but not of one network"):
        open_checkpoint(path)


def test_a_wrong_suffix_is_told(folder: Path, torch_file: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "net.h5", "w") as file:
        file["x"] = 1
    names = {
        "net.pt": r"a torch checkpoint, whatever its name; rename it so that it ends in \.pt",
        "net.npz": r"an npz archive, .*\.npz",
        "fc.npy": r"an npy array, .*\.npy",
        "net.safetensors": r"a safetensors file, .*\.safetensors",
        "net.h5": r"an HDF5 file, .*\.h5",
    }
    for name, words in names.items():
        own = Path(name).suffix
        for suffix in {".pt", ".npz", ".npy", ".safetensors", ".h5", ".onnx"} - {own}:
            shutil.copy(folder / name, folder / f"wrong{suffix}")
            with pytest.raises(InputError, match=words):
                open_checkpoint(folder / f"wrong{suffix}")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="this user may read everything")
def test_a_file_without_permission_says_so(folder: Path) -> None:
    (folder / "net.npz").chmod(0)
    with pytest.raises(InputError, match="Permission denied"):
        open_checkpoint(folder / "net.npz")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="only where there are pipes with names")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "net.pt")
    with pytest.raises(InputError, match="neither a file nor a folder"):
        open_checkpoint(tmp_path / "net.pt")


def test_the_networks_of_a_folder(folder: Path) -> None:
    for name in ("readme.md", ".hidden.npz", "b.onnx", "a.weights.h5", "C.PT"):
        (folder / name).touch()
    (folder / "notes").mkdir()
    (folder / "large").mkdir()
    (folder / "large" / "model.safetensors.index.json").touch()
    (folder / "small").mkdir()
    (folder / "small" / "config.json").touch()
    (folder / "small" / "pytorch_model.bin").touch()
    names = [path.name for path in checkpoints_in(folder)]
    assert names == [
        *("C.PT", "a.weights.h5", "b.onnx", "fc.npy", "large", "net.npz", "net.safetensors", "small")
    ]
    assert checkpoints_in(folder / "small") == [folder / "small"]
    with pytest.raises(InputError, match="holds no checkpoint"):
        checkpoints_in(folder / "notes")
    (folder / "model-00001-of-00002.safetensors").touch()
    with pytest.raises(InputError, match=r"put model\.safetensors\.index\.json beside it"):
        checkpoints_in(folder)


def test_importing_needs_no_torch() -> None:
    code = "import sys, mme.checkpoints; print(sorted({'torch', 'h5py', 'onnx'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
