"""Arrays that NumPy saved are read as NumPy reads them, but no pickles, and nothing beyond the file."""

import io
import os
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mme.checkpoints.numpy_files import read_npy, read_npz
from mme.ensembles import layer_matrix_ensemble
from mme.errors import InputError

ARRAYS: dict[str, np.ndarray] = {
    "conv": np.arange(120.0).reshape(5, 4, 3, 2),
    "float32": np.arange(12, dtype=np.float32).reshape(3, 4),
    "half": np.arange(12, dtype=np.float16).reshape(3, 4),
    "big-endian": np.arange(12, dtype=">f4").reshape(3, 4),
    "integers": np.arange(12).reshape(3, 4),
    "fortran": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "bias": np.arange(3.0),
    "scalar": np.array(3.0),
    "empty": np.empty((0, 3)),
}


class Payload:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_archive_is_what_was_saved(tmp_path: Path, save: Any) -> None:
    path = tmp_path / "net.npz"
    save(path, **ARRAYS)
    checkpoint = read_npz(path)
    assert (checkpoint.name, checkpoint.format, list(checkpoint)) == ("net", "npz", list(ARRAYS))
    for _ in range(2):
        for name, array in ARRAYS.items():
            assert checkpoint[name].shape == array.shape
            assert checkpoint[name].dtype == str(array.dtype)
            np.testing.assert_array_equal(checkpoint[name].read(), array)
    expected = layer_matrix_ensemble({name: array for name, array in ARRAYS.items() if name != "integers"})
    found = layer_matrix_ensemble(checkpoint)
    assert found.to_dict()["layers"] == expected.to_dict()["layers"]
    assert dict(found.skipped)["integers"] == "an index table (int64)"


def test_a_single_array_is_named_after_its_file(tmp_path: Path) -> None:
    for array in (ARRAYS["conv"], ARRAYS["fortran"]):
        np.save(tmp_path / "fc.npy", array)
        checkpoint = read_npy(tmp_path / "fc.npy")
        assert list(checkpoint) == ["fc"]
        np.testing.assert_array_equal(checkpoint["fc"].read(), array)


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_objects_are_refused_and_not_loaded(tmp_path: Path, suffix: str) -> None:
    path, marker = tmp_path / f"net.{suffix}", tmp_path / "marker"
    array = np.array([[Payload(marker)] * 2] * 2)
    if suffix == "npy":
        np.save(path, array, allow_pickle=True)
    else:
        np.savez(path, net=array)
    checkpoint = read_npy(path) if suffix == "npy" else read_npz(path)
    assert "Python objects" in checkpoint["net"].skip
    with pytest.raises(InputError, match="as Python objects, which may run code"):
        checkpoint["net"].read()
    assert not marker.exists()


def test_objects_that_take_the_place_of_numbers_are_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "net.npy"
    np.save(path, np.eye(2))
    tensor = read_npy(path)["net"]
    np.save(path, np.array([Payload(tmp_path / "marker")], object))
    with pytest.raises(InputError, match="no readable file of NumPy"):
        tensor.read()
    assert not (tmp_path / "marker").exists()


def test_settings_of_objects_do_not_stand_in_the_way(tmp_path: Path) -> None:
    np.savez(tmp_path / "net.npz", fc=np.eye(3), settings=np.array([None] * 99, dtype=object))
    ensemble = layer_matrix_ensemble(read_npz(tmp_path / "net.npz"))
    assert [layer.name for layer in ensemble.layers] == ["fc"]


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.full((2, 2), np.nan), "NaN or infinite"),
        (np.eye(2, dtype=complex), "complex"),
        (np.array([["a", "b"], ["c", "d"]]), "real numbers"),
        (np.zeros((2, 2), [("x", "f4")]), "real numbers"),
        (np.ones(3), "no weight tensor of two or more axes"),
    ],
)
def test_what_is_no_real_matrix_is_named(tmp_path: Path, array: np.ndarray, words: str) -> None:
    np.savez(tmp_path / "net.npz", fc=array)
    with pytest.raises(InputError, match=words):
        layer_matrix_ensemble(read_npz(tmp_path / "net.npz")).measured()


def header(shape: tuple[int, ...], descr: str = "<f4") -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": descr, "fortran_order": False, "shape": shape})
    return buffer.getvalue()


@pytest.mark.parametrize("more", [1, 100])
def test_what_follows_an_array_is_damage(tmp_path: Path, more: int) -> None:
    (tmp_path / "net.npy").write_bytes(header((3, 4)) + bytes(48 + more))
    with pytest.raises(InputError, match=f"{more} bytes follow 'net'"):
        read_npy(tmp_path / "net.npy")


@pytest.mark.parametrize("shape", [(10**6, 10**6), (2**40, 2**40), (10**100, 3), (-1, -4), (3, 5)])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_header_cannot_claim_more_than_the_file(
    tmp_path: Path, shape: tuple[int, ...], method: int
) -> None:
    data = header(shape) + bytes(48)  # for 12 numbers
    with zipfile.ZipFile(tmp_path / "net.npz", "w", method) as archive:
        archive.writestr("fc.npy", data)
    with pytest.raises(InputError, match="is damaged or hostile: 'fc' claims"):
        read_npz(tmp_path / "net.npz")
    (tmp_path / "net.npy").write_bytes(data)
    with pytest.raises(InputError, match="is damaged or hostile: 'net' claims"):
        read_npy(tmp_path / "net.npy")


@pytest.mark.slow
def test_a_zip_bomb_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    size = 2**27
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("fc.npy", "w") as member:
        member.write(header((size // 4096, 1024)))
        for _ in range(size // 2**20):
            member.write(bytes(2**20))
    assert path.stat().st_size < size / 900
    with pytest.raises(InputError, match=r"'fc' claims 134\.2 MB, but the file has 1\d\d\.\d kB for it"):
        read_npz(path)


def test_an_entry_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    """The zip's own directory says that an entry is larger than it is."""
    path = tmp_path / "net.npz"
    np.savez_compressed(path, fc=np.zeros((100, 100), np.float32))
    whole = path.read_bytes()
    real, claimed = 40000 + 128, 2**40 + 128
    assert whole.count(struct.pack("<I", real)) >= 1
    path.write_bytes(whole.replace(struct.pack("<I", real), struct.pack("<I", 30000 + 128)))
    with pytest.raises(InputError, match=r"claims 40\.0 kB, but the file has 30\.0 kB"):
        read_npz(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("fc.npy", header((2**20, 2**18)) + bytes(100))
    whole = path.read_bytes()
    assert claimed > 2**32
    path.write_bytes(whole.replace(struct.pack("<I", 228), struct.pack("<I", 2**32 - 2)))
    with pytest.raises(InputError, match=r"claims 1\.1 TB"):
        read_npz(path)


def test_a_stored_entry_that_lies_about_both_of_its_sizes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("fc.npy", header((2**10, 2**10)) + bytes(100))
        entry = archive.infolist()[0]
        entry.compress_size = entry.file_size = 2**22 + 128
    with pytest.raises(InputError, match=r"'fc' claims 4\.2 MB, but the file has"):
        read_npz(path)


def test_overlapping_entries_are_refused(tmp_path: Path) -> None:
    """A bomb may list the same compressed bytes many times."""
    path = tmp_path / "net.npz"
    np.savez(path, **{f"layer{number}": np.zeros((50, 50)) for number in range(2)})
    whole = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        member = archive.infolist()[1]
        start = archive.start_dir
    entry = whole.index(b"layer1.npy", start) - 46
    longer = struct.pack("<II", member.compress_size + 20000, member.file_size + 20000)
    whole[entry + 20 : entry + 28] = longer
    path.write_bytes(whole)
    with pytest.raises(InputError, match="damaged"):
        read_npz(path)


def test_two_arrays_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("fc.npy", header((3, 4)) + bytes(48))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("fc.npy", header((3, 4)) + bytes(48))
    with pytest.raises(InputError, match="two arrays of one name"):
        read_npz(path)


def test_other_compressions_and_contents_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("fc.npy", header((3, 4)) + bytes(48))
    with pytest.raises(InputError, match="compressed as numpy never does"):
        read_npz(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "")
    with pytest.raises(InputError, match="holds no arrays"):
        read_npz(path)


@pytest.mark.parametrize("suffix", ["npy", "npz"])
@pytest.mark.slow
def test_a_truncated_or_altered_file_is_refused_or_read(tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / f"net.{suffix}"
    read = read_npy if suffix == "npy" else read_npz
    if suffix == "npy":
        np.save(path, ARRAYS["float32"])
    else:
        np.savez_compressed(path, **ARRAYS)
    whole = path.read_bytes()
    for share in rng.random(10):
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(InputError):
            read(path)
    refused = 0
    for _ in range(200):
        damaged = bytearray(whole)
        for position in rng.integers(len(whole), size=3):
            damaged[position] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            for tensor in read(path).values():
                assert tensor.read().shape == tensor.shape
        except InputError:
            refused += 1
    assert refused > 100


@pytest.mark.slow
def test_many_small_arrays_open_in_time_that_grows_with_their_number(tmp_path: Path) -> None:
    """Nothing but the entry itself is looked at for each array."""
    path = tmp_path / "net.npz"
    np.savez(path, **{f"layer{number}": np.eye(2) for number in range(2000)})
    checkpoint = read_npz(path)
    assert len(checkpoint) == 2000
    opened: list[Any] = []
    original = zipfile.ZipFile.__init__

    def count(self: zipfile.ZipFile, *arguments: Any, **options: Any) -> None:
        opened.append(arguments)
        original(self, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zipfile.ZipFile, "__init__", count)
        assert all(tensor.read().sum() == 2 for tensor in checkpoint.values())
    assert opened == []


def test_a_forked_process_opens_the_file_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A position in the file that two processes share would be moved by both."""
    path = tmp_path / "net.npz"
    np.savez(path, fc=np.eye(3))
    tensor = read_npz(path)["fc"]
    moved = tmp_path / "moved.npz"
    path.rename(moved)
    np.testing.assert_array_equal(tensor.read(), np.eye(3))
    monkeypatch.setattr(os, "getpid", lambda: -2)
    with pytest.raises(InputError, match="No such file"):
        tensor.read()
    moved.rename(path)
    np.testing.assert_array_equal(tensor.read(), np.eye(3))


def test_an_encrypted_array_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    np.savez(path, w=np.eye(3))
    data = bytearray(path.read_bytes())
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # flags, in both headers
        data[data.index(signature) + place] |= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="holds 'w' encrypted or compressed as numpy never does"):
        read_npz(path)
