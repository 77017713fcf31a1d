"""Torch checkpoints are read as torch holds them, and as far as they are whole."""

import argparse
import collections
import datetime
import enum
import functools
import os
import pathlib
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.each import each

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from mme.checkpoints.torch_files import LOADING, read_torch  # noqa: E402
from mme.ensembles import LayerMatrixEnsemble, layer_matrix_ensemble  # noqa: E402
from mme.errors import InputError  # noqa: E402
from tests.memory import peak_of_reading  # noqa: E402


class Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3)
        self.norm = nn.BatchNorm2d(channels)
        self.register_buffer("table", torch.ones(5, 5))


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer1 = nn.Sequential(Block(4), Block(4))
        self.attention = nn.TransformerEncoderLayer(8, 2)
        self.embedding = nn.Embedding(6, 8)
        self.head = nn.Linear(8, 6, bias=False)
        self.head.weight = self.embedding.weight
        self.free = nn.Parameter(torch.randn(3, 2))
        self.activation = nn.functional.relu


class Mode(enum.Enum):
    TRAIN = "train"


class Settings(dict[str, Any]):
    """A dictionary of an own class, as training frameworks store their settings."""


@pytest.fixture
def net() -> Net:
    torch.manual_seed(0)
    return Net()


def saved(tmp_path: Path, content: Any, **options: Any) -> Path:
    path = tmp_path / "net.pt"
    torch.save(content, path, **options)
    return path


def outcome(source: Any) -> LayerMatrixEnsemble | str:
    try:
        return layer_matrix_ensemble(source).measured()
    except InputError as error:
        return str(error)


def assert_same(tmp_path: Path, state: dict[str, Any], **options: Any) -> None:
    """The checkpoint gives what the state dict itself gives, or the same error."""
    checkpoint = read_torch(saved(tmp_path, state, **options))
    expected = outcome(state)
    ensemble = outcome(checkpoint)
    if isinstance(expected, str) or isinstance(ensemble, str):
        assert ensemble == expected
        return
    assert ensemble.skipped == expected.skipped
    assert [layer.name for layer in ensemble.layers] == [layer.name for layer in expected.layers]
    for layer, other in zip(ensemble.layers, expected.layers, strict=True):
        np.testing.assert_array_equal(layer.tensor, other.tensor)


@pytest.mark.parametrize("is_zip", [True, False])
def test_a_state_dict_gives_what_it_gives_in_memory(tmp_path: Path, net: Net, is_zip: bool) -> None:
    assert_same(tmp_path, net.state_dict(), _use_new_zipfile_serialization=is_zip)


def kinds_of_tensors() -> dict[str, Any]:
    values = torch.arange(-6, 6).reshape(3, 4) / 8
    kinds = {
        "double": values.double(),
        "half": values.half(),
        "bfloat": values.bfloat16(),
        "float8": values.to(torch.float8_e4m3fn),
        "bytes": torch.arange(12, dtype=torch.uint8).reshape(3, 4),
        "transposed": values.T,
        "slice": torch.arange(60.0).reshape(6, 10)[1:4, 2:9:2],
        "channels last": torch.arange(120.0).reshape(2, 3, 4, 5).to(memory_format=torch.channels_last),
        "repeated": torch.arange(3.0)[:, None].expand(3, 4),
        "sparse": values.to_sparse(),
        "parameter": nn.Parameter(values),
        "boolean": values > 0,
        "scalar": torch.tensor(3.0),
        "empty": torch.empty(0, 4),
        "numpy, big-endian": np.arange(12, dtype=">f4").reshape(3, 4),
        "numpy, half": np.arange(12, dtype=np.float16).reshape(3, 4),
        "numpy": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        "NaN": torch.tensor([[1.0, float("nan")], [0.0, 1.0]]),
        "complex": torch.randn(3, 3, dtype=torch.complex64).conj(),
        "meta": torch.empty(3, 3, device="meta"),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that this kind is on its way out
        kinds["quantised"] = torch.quantize_per_tensor(values, 0.05, 3, torch.qint8)
    return kinds


@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.slow
def test_every_kind_of_tensor_gives_what_it_gives_in_memory(tmp_path: Path, is_zip: bool) -> None:
    for kind, value in kinds_of_tensors().items():
        if kind == "float8" and not is_zip:
            continue  # newer than the format; torch itself cannot load it from there
        assert_same(tmp_path, {"first": torch.eye(3), kind: value}, _use_new_zipfile_serialization=is_zip)


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.float16, np.float64])
def test_arrays_in_a_pickle_are_read_as_they_are(tmp_path: Path, kind: type[np.number[Any]]) -> None:
    found = read_torch(saved(tmp_path, {"a": torch.eye(3), "array": np.eye(3, 4, dtype=kind)}))["array"]
    assert found.dtype == found.read().dtype == kind


def test_tables_of_integers_are_no_weights(tmp_path: Path) -> None:
    positions = torch.arange(49).reshape(7, 7)
    found = read_torch(saved(tmp_path, {"a": torch.eye(3), "positions": positions, "steps": torch.arange(3)}))
    skipped = dict(layer_matrix_ensemble(found).skipped)
    assert skipped == {"positions": "an index table (int64)", "steps": "one axis"}


def test_compressed_rows_are_filled_up(tmp_path: Path) -> None:
    values = torch.arange(-6.0, 6.0).reshape(3, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that they are in a beta state
        path = saved(tmp_path, {"a": values.to_sparse_csr()})
    np.testing.assert_array_equal(read_torch(path)["a"].read(), values.numpy())


def test_a_tensor_under_two_names_counts_once(tmp_path: Path) -> None:
    weight = torch.randn(4, 4)
    state = {"one": weight, "two": weight, "its transpose": weight.T, "equal": weight.clone()}
    checkpoint = read_torch(saved(tmp_path, state))
    assert layer_matrix_ensemble(checkpoint).skipped == (("two", "shared with one"),)


def test_a_tensor_can_be_read_again(tmp_path: Path) -> None:
    """After its pages were given back, they come from the file."""
    state = {"large": torch.randn(300, 300), "small": torch.randn(2, 2)}
    checkpoint = read_torch(saved(tmp_path, state))
    for _ in range(3):
        for name in ("small", "large", "small"):
            np.testing.assert_array_equal(checkpoint[name].read(), state[name].numpy())
    assert not np.shares_memory(checkpoint["large"].read(), checkpoint["large"].read())


def test_one_thread_at_a_time_says_what_the_loader_may_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, load = saved(tmp_path, {"a": torch.eye(3)}), torch.load

    def watched(*arguments: Any, **options: Any) -> Any:
        assert LOADING.locked()
        return load(*arguments, **options)

    monkeypatch.setattr(torch, "load", watched)
    assert list(read_torch(path)) == ["a"]
    assert not LOADING.locked()


def test_memory_that_is_not_of_the_file_is_kept(tmp_path: Path) -> None:
    """A checkpoint may build tensors outside of the mapped file; to give back their pages would lose them."""

    class Built:
        def __reduce__(self) -> tuple[Any, ...]:
            return torch.FloatTensor, ([float(number) for number in range(10000)],)

    checkpoint = read_torch(
        saved(tmp_path, {"one": torch.randn(9, 9), "built": Built(), "two": torch.eye(9)})
    )
    for _ in range(2):
        np.testing.assert_array_equal(checkpoint["built"].read(), np.arange(10000.0))
        np.testing.assert_array_equal(checkpoint["two"].read(), np.eye(9))


def test_a_whole_module_is_read_without_its_classes(tmp_path: Path, net: Net, monkeypatch: Any) -> None:
    path = saved(tmp_path, net)
    for name in ("Net", "Block"):
        monkeypatch.delattr(sys.modules[__name__], name)
    checkpoint = read_torch(path)
    expected = layer_matrix_ensemble(net)
    ensemble = layer_matrix_ensemble(checkpoint)
    weights = [name for name, tensor in checkpoint.items() if not tensor.skip]
    assert weights == [name for name, _ in net.named_parameters(remove_duplicate=False)]
    assert ("head.weight", "shared with embedding.weight") in ensemble.skipped
    assert checkpoint["layer1.0.table"].skip == "a buffer"
    for layer, other in zip(ensemble.layers, expected.layers, strict=True):
        np.testing.assert_array_equal(layer.tensor, other.tensor)
    assert checkpoint["layer1.0.conv.weight"].types == {"Conv2d"}
    only = layer_matrix_ensemble(checkpoint, types="Conv2d")
    assert [layer.name for layer in only.layers] == ["layer1.0.conv.weight", "layer1.1.conv.weight"]


def test_settings_beside_the_weights_do_no_harm(tmp_path: Path, net: Net) -> None:
    content = {
        "model": net,
        "epoch": 3,
        "args": argparse.Namespace(rate=0.1, mode=Mode.TRAIN),
        "settings": Settings(depth=3),
        "path": pathlib.PurePosixPath("/data"),
        "when": datetime.datetime(2020, 1, 1),
        "score": np.float64(0.9),
        "scores": np.arange(6).reshape(2, 3),
        "names": np.array(["cat", "dog"]),
        "objects": np.array([["cat", 1], [None, 2]], dtype=object),
        "records": np.zeros((2, 2), [("x", "f4")]),
        "dates": np.zeros((2, 2), "M8[s]"),
        "counts": collections.Counter("aab"),
        "default": collections.defaultdict(list, a=[1]),
        "queue": collections.deque([1, 2]),
        "activation": functools.partial(nn.functional.elu, alpha=0.5),
        "seen": frozenset([1]),
        "range": range(3),
    }
    checkpoint = read_torch(saved(tmp_path, content))
    found = {name for name, tensor in checkpoint.items() if not tensor.skip}
    assert found == {name for name, _ in net.named_parameters(remove_duplicate=False)}
    assert checkpoint["scores"].skip == "beside the network, which is under 'model'"


EYE = torch.eye(2)


def rewritten(path: Path, changed: Callable[[str, bytes], bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in records.items():
            archive.writestr(name, changed(name, data))
    return path


def test_a_compressed_archive_is_refused(tmp_path: Path) -> None:
    path = rewritten(
        saved(tmp_path, {"a": torch.zeros(1000, 1000)}), lambda name, data: data, zipfile.ZIP_DEFLATED
    )
    assert path.stat().st_size < 10**5
    with pytest.raises(InputError, match="is damaged or hostile"):
        read_torch(path)


def test_a_file_of_the_other_order_of_bytes_is_read(tmp_path: Path) -> None:
    numbers = np.arange(12, dtype=np.float32).reshape(3, 4)

    def turned(name: str, data: bytes) -> bytes:
        if name.endswith("/byteorder"):
            return {b"little": b"big", b"big": b"little"}[data]
        return np.frombuffer(data, np.float32).byteswap().tobytes() if "/data/" in name else data

    path = rewritten(saved(tmp_path, {"a": torch.from_numpy(numbers)}), turned)
    tensor = read_torch(path)["a"]
    for _ in range(2):  # pages that were turned must not be read from the file again
        np.testing.assert_array_equal(tensor.read(), numbers)


def test_a_record_that_claims_more_than_it_holds_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, {"a": torch.zeros(7, 5)})
    with zipfile.ZipFile(path, "a") as archive:
        archive.infolist()[-1].file_size = 10**6
        archive.writestr("net/more", b"")  # so that the directory is written anew
    with pytest.raises(InputError, match="its records are compressed, or overlap"):
        read_torch(path)


def test_one_compressed_record_is_refused_even_if_it_is_no_shorter(tmp_path: Path) -> None:
    path = saved(tmp_path, {"a": torch.from_numpy(np.random.default_rng(0).normal(size=(30, 30)))})
    with zipfile.ZipFile(path) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in records.items():
            method = zipfile.ZIP_DEFLATED if name.endswith("/data/0") else zipfile.ZIP_STORED
            archive.writestr(name, data, method, compresslevel=0)
    with pytest.raises(InputError, match="its records are compressed"):
        read_torch(path)


@pytest.mark.parametrize("length", [2**20, 2**31 - 1])
def test_a_shape_beyond_its_storage_is_refused(tmp_path: Path, length: int) -> None:
    def claim(name: str, data: bytes) -> bytes:
        claimed = b"J" + length.to_bytes(4, "little")
        return data.replace(b"K\x07", claimed) if name.endswith("data.pkl") else data

    path = rewritten(saved(tmp_path, {"a": torch.zeros(7, 5)}), claim)
    with pytest.raises(InputError, match="damaged"):
        read_torch(path)


def test_a_repeated_tensor_cannot_claim_terabytes(tmp_path: Path) -> None:
    path = saved(tmp_path, {"a": torch.zeros(1).expand(10**6, 10**6)})
    with pytest.raises(InputError, match=r"'a' claims 4\.0 TB, but the file has 4 bytes for it"):
        read_torch(path)
    where = torch.zeros(2, 1, dtype=torch.long)
    one = torch.sparse_coo_tensor(where, [1.0], (10**6, 10**6), check_invariants=True)
    path = saved(tmp_path, {"a": one})
    with pytest.raises(InputError, match=r"'a' claims 4\.0 TB, but the file has 4 bytes for it"):
        read_torch(path)


def test_other_archives_are_named(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    for members in (["constants.pkl", "data.pkl"], ["archive_format"]):
        with zipfile.ZipFile(path, "w") as archive:
            for member in members:
                archive.writestr(f"net/{member}", b"")
        with pytest.raises(InputError, match=r"TorchScript or torch\.export.*; save the network's state"):
            read_torch(path)


@each(
    "content, options, words",
    [
        (nn.Linear(2, 2), {"_use_new_zipfile_serialization": False}, "Only persistent_load"),
        ({"a": EYE, "path": pathlib.PurePosixPath("x")}, {"pickle_protocol": 4}, "Unsupported operand"),
        ({"a": EYE, "call": os.system}, {}, "Trying to load unsupported GLOBAL posix.system"),
    ],
)
def test_what_torchs_loader_refuses_is_said(
    tmp_path: Path, content: Any, options: dict[str, Any], words: str
) -> None:
    """Among it: whole modules from before torch 1.6, and newer pickles."""
    with pytest.raises(InputError, match=rf"\({words}.*\): save the network's state dict") as caught:
        read_torch(saved(tmp_path, content, **options))
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore")  # of torch, whose quantisation moves to another package
def test_a_quantised_module_is_named_and_its_state_dict_read_as_told(tmp_path: Path) -> None:
    torch.backends.quantized.engine = torch.backends.quantized.supported_engines[-1]
    module = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(6, 4)), dtype=torch.qint8)
    words = r"quantised modules are read from a state dict alone.*: save the network's state dict"
    with pytest.raises(InputError, match=words) as caught:
        read_torch(saved(tmp_path, module))
    assert "damaged" not in str(caught.value)
    (layer,) = layer_matrix_ensemble(read_torch(saved(tmp_path, module.state_dict()))).layers
    np.testing.assert_array_equal(layer.tensor, module[0].weight().dequantize())


@pytest.mark.slow
@pytest.mark.parametrize("is_zip", [True, False])
def test_a_truncated_or_altered_file_is_refused_or_read(tmp_path: Path, net: Net, is_zip: bool) -> None:
    rng = np.random.default_rng(0)
    whole = saved(tmp_path, net.head.state_dict(), _use_new_zipfile_serialization=is_zip).read_bytes()
    path = tmp_path / "damaged.pt"
    for share in rng.random(8):
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(InputError):
            read_torch(path)
    refused = 0
    for _ in range(60):
        damaged = bytearray(whole)
        for position in rng.integers(len(whole), size=3):
            damaged[position] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            for tensor in read_torch(path).values():
                assert tensor.skip or tensor.read().shape == tensor.shape
        except InputError:
            refused += 1
    assert refused > 20


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems count mapped pages otherwise")
def test_memory_stays_near_the_largest_layer(tmp_path: Path) -> None:
    small, large = tmp_path / "small.pt", tmp_path / "large.pt"
    torch.save({"a": torch.eye(3)}, small)
    torch.save({f"{number}.weight": torch.ones(2048, 1024) for number in range(75)}, large)
    assert large.stat().st_size > 600 * 2**20
    assert peak_of_reading(small, large) < 40 * 2**20  # layers of 8 MB
