"""Safetensors files are read as the library reads them, but one tensor at a time and without torch."""

import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from mme.checkpoints.safetensors_files import read_safetensors
from mme.ensembles import layer_matrix_ensemble
from mme.errors import InputError
from tests.each import each
from tests.memory import peak_of_reading

ARRAYS = {
    "conv.weight": np.arange(120.0).reshape(5, 4, 3, 2),
    "half": np.arange(12, dtype=np.float16).reshape(3, 4),
    "single": np.arange(12, dtype=np.float32).reshape(3, 4),
    "integers": np.arange(12).reshape(3, 4),
    "short": np.arange(12, dtype=np.int8).reshape(3, 4),
    "bias": np.arange(3.0),
    "scalar": np.array(3.0),
    "empty": np.empty((0, 3)),
    "boolean": np.eye(3) > 0,
}


def written(path: Path, header: Any, data: bytes = b"", length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def entry(shape: list[int], begin: int, end: int, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_a_file_is_what_was_saved(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    save_file(ARRAYS, path, metadata={"format": "np"})
    checkpoint = read_safetensors(path)
    assert (checkpoint.name, checkpoint.format, set(checkpoint)) == ("net", "safetensors", set(ARRAYS))
    for name, array in ARRAYS.items():
        assert checkpoint[name].shape == array.shape
        assert checkpoint[name].dtype == str(array.dtype)
        np.testing.assert_array_equal(checkpoint[name].read(), array)
    names = [layer.name for layer in layer_matrix_ensemble(checkpoint).layers]
    assert sorted(names) == ["conv.weight", "half", "single"]


def test_short_floats_have_the_values_that_torch_gives_them(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file as save_tensors

    bits = torch.arange(256, dtype=torch.uint8).reshape(16, 16)
    tensors = {
        "e4m3": bits.view(torch.float8_e4m3fn),
        "e5m2": bits.clone().view(torch.float8_e5m2),
        "e8m0": bits.clone().view(torch.float8_e8m0fnu),
        "bfloat16": torch.arange(-(2**15), 2**15).to(torch.int16).reshape(256, 256).view(torch.bfloat16),
    }
    save_tensors(tensors, tmp_path / "net.safetensors")
    checkpoint = read_safetensors(tmp_path / "net.safetensors")
    for name, tensor in tensors.items():
        assert checkpoint[name].dtype == str(tensor.dtype).removeprefix("torch.")
        np.testing.assert_array_equal(checkpoint[name].read(), tensor.float().numpy())


@pytest.mark.slow
def test_torch_is_not_imported(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    save_file(ARRAYS, path)
    code = (
        "import sys; from mme.checkpoints import open_checkpoint\n"
        f"for tensor in open_checkpoint({str(path)!r}).values(): tensor.read()\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_an_unknown_type_is_left_out_by_name(tmp_path: Path) -> None:
    header = {"a": entry([2, 2], 0, 4, "F8_E4M3FNUZ"), "b": entry([2, 2], 4, 20)}
    checkpoint = read_safetensors(written(tmp_path / "net.safetensors", header, bytes(20)))
    assert checkpoint["b"].read().shape == (2, 2)
    assert checkpoint["a"].skip == "stored as F8_E4M3FNUZ, which is not read"
    with pytest.raises(InputError, match="'a' is stored as F8_E4M3FNUZ, which is not read"):
        checkpoint["a"].read()


@each(
    "header, words",
    [
        ({"w": entry([10**6, 10**6], 0, 4 * 10**12)}, "damaged"),
        ({"w": entry([10**6, 10**6], 0, 16)}, "damaged"),
        ({"w": entry([2**62, 2**62], 0, 16)}, "damaged"),
        ({"w": entry([-2, -2], 0, 16)}, "damaged"),
        ({"w": entry([2, 2], 16, 0)}, "damaged"),
        ({"w": entry([2, 1], 0, 8), "v": entry([2, 1], 4, 12), "u": entry([1], 12, 16)}, "damaged"),
        ({"w": entry([2, 1], 0, 8)}, "not fully covered"),
        ({"w": entry([2, 1], 0, 8), "v": entry([1], 12, 16)}, "damaged"),
        ({"w": {"dtype": "F32", "shape": [4]}}, "data_offsets"),
        ({"w": entry([4], 0, 16, "F33")}, "damaged"),
        ([1, 2], "invalid JSON"),
        (b'{"w": ', "invalid JSON"),
        (b"{" + b'"a":{' * 5000, "damaged"),
        (b"not JSON at all!", "damaged"),
        (
            b'{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},'
            b'"w":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}',
            "damaged",
        ),
    ],
)
def test_a_damaged_header_is_refused(tmp_path: Path, header: Any, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        read_safetensors(written(tmp_path / "net.safetensors", header, bytes(16)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("length", [2**63, 2**40, 17])
def test_a_header_beyond_the_file_is_refused(tmp_path: Path, length: int) -> None:
    path = written(tmp_path / "net.safetensors", b"{}" + bytes(14), length=length)
    with pytest.raises(InputError, match=r"header too large|invalid header length"):
        read_safetensors(path)


def test_a_file_that_shrinks_is_refused_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    save_file({"w": np.ones((9, 9))}, path)
    checkpoint = read_safetensors(path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match="'w' ends early"):
        checkpoint["w"].read()


def test_nan_and_missing_layers_are_named(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    save_file({"w": np.full((2, 2), np.nan)}, path)
    with pytest.raises(InputError, match="layer 'w' has NaN"):
        layer_matrix_ensemble(read_safetensors(path)).measured()
    save_file({"b": np.ones(2)}, path)
    with pytest.raises(InputError, match="no weight tensor of two or more axes"):
        layer_matrix_ensemble(read_safetensors(path))


@pytest.mark.slow
def test_a_truncated_or_altered_file_is_refused_or_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "net.safetensors"
    save_file(ARRAYS, path)
    whole = path.read_bytes()
    for share in rng.random(10):
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(InputError):
            read_safetensors(path)
    refused = 0
    for _ in range(200):
        damaged = bytearray(whole)
        damaged[rng.integers(600)] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            for tensor in read_safetensors(path).values():
                assert tensor.read().shape == tensor.shape
        except InputError:
            refused += 1
    assert refused > 100


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems count memory otherwise")
def test_memory_stays_near_the_largest_layer(tmp_path: Path) -> None:
    small, large = tmp_path / "small.safetensors", tmp_path / "large.safetensors"
    save_file({"a": np.eye(3)}, small)
    save_file({f"{number}.weight": np.ones((2048, 1024), np.float32) for number in range(50)}, large)
    assert large.stat().st_size > 400 * 2**20
    assert peak_of_reading(small, large) < 40 * 2**20  # layers of 8 MB


SPARSE = r"""
import re, sys
from pathlib import Path
from mme.checkpoints import open_checkpoint
from mme.ensembles import layer_matrix_ensemble, quadrature

def peak():
    return 1024 * int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])

quadrature.STEPS = 2
for path in sys.argv[1:]:
    before = peak()
    layer_matrix_ensemble(open_checkpoint(path), estimate=500, dtype="float32").measured(jobs=1)
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from /proc")
def test_a_layer_larger_than_memory_is_estimated_by_rows(tmp_path: Path) -> None:
    paths = []
    for name, order in (("small", 600), ("large", 200_000)):
        size = order * 1000 * 2
        path = written(tmp_path / name, {"fc": entry([order, 1000], 0, size, "F16")})
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size + size)  # zeros that take no room
        paths.append(str(path))
    command = [sys.executable, "-c", SPARSE, *paths]
    grown = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert grown < size / 2  # a tensor of 400 MB, of which a block and 19 spectra with zeros are held


@each("code", ["F16", "BF16", "F64", "F8_E4M3"])
def test_rows_are_those_of_the_whole(tmp_path: Path, code: str) -> None:
    bytes_each = {"F16": 2, "BF16": 2, "F64": 8, "F8_E4M3": 1}[code]
    numbers = np.arange(3 + 5 * 4 * bytes_each, dtype=np.uint8).tobytes()
    header = {"x": entry([3], 0, 3, "U8"), "fc": entry([5, 2, 2], 3, len(numbers), code)}
    tensor = read_safetensors(written(tmp_path / "net", header, numbers))["fc"]
    whole, rows = tensor.read(), tensor.read.rows  # type: ignore[attr-defined]
    for start, stop in ((0, 5), (1, 3), (4, 5)):
        np.testing.assert_array_equal(rows(start, stop), whole[start:stop])
