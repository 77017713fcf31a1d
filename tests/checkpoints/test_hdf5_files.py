import random
import struct
import sys

import h5py
import numpy as np
import pytest

from mme.checkpoints.formats import read_file
from mme.checkpoints.hdf5_files import refuse_endless_texts, text_attribute
from mme.checkpoints.keras_files import read_keras
from mme.ensembles import layer_matrix_ensemble
from mme.errors import InputError
from tests.keras_writing import archived, layer, listed, model, nested, normal


@pytest.fixture
def dense(tmp_path):
    """A ``.weights.h5`` whose layer has no kernel yet, and a file beside it that holds one."""
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["secret"] = normal(30, 20)
    (tmp_path / "raw.bin").write_bytes(bytes(4 * 600))
    return nested(tmp_path / "net.weights.h5", {"layers/dense": ("fc", [])})


def external_link(group, folder):
    group["0"] = h5py.ExternalLink(folder / "other.h5", "/secret")


def soft_link(group, folder):
    group["0"] = h5py.SoftLink("/layers/dense/vars/0")


def external_storage(group, folder):
    group.create_dataset("0", (30, 20), "f4", external=[(folder / "raw.bin", 0, 2400)])


def virtual(group, folder):
    layout = h5py.VirtualLayout((30, 20), "f4")
    layout[:] = h5py.VirtualSource(folder / "other.h5", "secret", (30, 20))
    group.create_virtual_dataset("0", layout)


def terabytes_compressed(group, folder):
    group.create_dataset("0", (10**6, 10**6), "f4", chunks=(1000, 1000), compression="gzip")


def terabytes_unwritten(group, folder):
    group.create_dataset("0", (10**6, 10**6), "f4", fillvalue=1)


def unwritten(group, folder):
    group.create_dataset("0", (30, 20), "f4", fillvalue=1)


def zip_bomb(group, folder):
    group.create_dataset("0", data=np.zeros((5000, 5000), "f4"), chunks=(5000, 5000), compression="gzip")


ELSEWHERE = "'0' in '/layers/dense/vars' is a link or lies in another file, which is not followed"


@pytest.mark.parametrize(
    ("trap", "message"),
    [
        (external_link, ELSEWHERE),
        (soft_link, ELSEWHERE),
        (external_storage, ELSEWHERE),
        (virtual, ELSEWHERE),
        (terabytes_compressed, "'/layers/dense/vars/0' claims 4.0 TB, but the file has 0 bytes"),
        (terabytes_unwritten, "'/layers/dense/vars/0' claims 4.0 TB, but the file has 0 bytes"),
        (unwritten, "'/layers/dense/vars/0' claims 2.4 kB, but the file has 0 bytes"),
        pytest.param(
            zip_bomb, "'/layers/dense/vars/0' claims 100.0 MB, but the file has", marks=pytest.mark.slow
        ),
    ],
)
def test_traps_of_hdf5_are_not_followed(dense, trap, message):
    with h5py.File(dense, "a") as file:
        trap(file["layers/dense/vars"], dense.parent)
    with pytest.raises(InputError, match=message):
        read_keras(dense)


def test_references_are_no_numbers_and_circles_end(dense):
    with h5py.File(dense, "a") as file:
        group = file["layers/dense/vars"]
        group.create_dataset("0", data=[[file.ref, file.ref]], dtype=h5py.ref_dtype)
        file["layers/dense/self"] = file["layers"]
        file["layers/root"] = file["/"]
    checkpoint = read_keras(dense)
    assert list(checkpoint) == ["fc/kernel"]
    assert checkpoint["fc/kernel"].skip == "holds no numbers but object"


@pytest.mark.slow
def test_groups_without_end_are_refused(dense):
    with h5py.File(dense, "a") as file:
        file["layers"].create_group("/".join(["dense"] * 1000))
    with pytest.raises(InputError, match="maximum recursion depth exceeded"):
        read_keras(dense)


def test_a_text_heap_that_leads_nowhere_is_refused(dense):
    content = bytearray(dense.read_bytes())
    heap = content.index(b"GCOL")
    content[heap + 32 : heap + 96] = bytes(64)  # the HDF5 library would read such a heap for ever
    dense.write_bytes(content)
    with pytest.raises(InputError, match=f"is damaged: a text heap at byte {heap}"):
        read_keras(dense)


def heap(*lengths, free=None):
    """Texts of some lengths, each filled up to eight bytes, and free space that says how long it is."""
    texts = b"".join(
        struct.pack("<H6xQ", number, length) + bytes(-(-length // 8) * 8)
        for number, length in enumerate(lengths, 1)
    )
    if free is not None:
        texts += struct.pack("<H6xQ", 0, free)
    return b"GCOL\x01\0\0\0" + (16 + len(texts)).to_bytes(8, "little") + texts


@pytest.mark.parametrize("lengths", [(), (8,), (3,), (16, 1, 13)])
def test_free_space_of_texts_must_have_a_length(tmp_path, lengths):
    refuse_endless_texts(tmp_path, b"before" + heap(*lengths, free=16) + heap(*lengths))
    with pytest.raises(InputError, match="a text heap at byte 6"):
        refuse_endless_texts(tmp_path, b"before" + heap(*lengths, free=15))


def test_what_is_no_text_is_no_name(tmp_path):
    with h5py.File(tmp_path / "net.h5", "w") as file:
        file.attrs.update({"text": "fc", "bytes": np.bytes_("fc"), "number": 3, "texts": ["a", "b"]})
        found = {name: text_attribute(file, name) for name in [*file.attrs, "missing"]}
    assert found == {"text": "fc", "bytes": "fc", "number": "", "texts": "", "missing": ""}


def test_a_weight_that_changes_while_it_is_in_use_is_refused(tmp_path):
    path = nested(tmp_path / "net.weights.h5", {"layers/dense": ("fc", [normal(3, 4)])})
    tensor = read_keras(path)["fc/kernel"]
    nested(path, {"layers/dense": ("fc", [normal(4, 4)])})
    with pytest.raises(InputError, match="was changed while it was in use"):
        tensor.read()


def test_nan_weights_are_named(tmp_path):
    kernel = normal(3, 4)
    kernel[2, 1] = np.nan
    path = nested(tmp_path / "net.weights.h5", {"layers/dense": ("fc", [kernel])})
    with pytest.raises(InputError, match="layer 'fc/kernel' has NaN or infinite weights"):
        layer_matrix_ensemble(read_keras(path)).measured()


def test_a_missing_file_and_a_missing_library_are_named(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"net\.h5 cannot be read: No such file"):
        read_keras(tmp_path / "net.h5")
    path = nested(tmp_path / "net.weights.h5", {"layers/dense": ("fc", [normal(3, 4)])})
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(InputError, match=r"needs h5py, which is not installed: pip install 'mme\[check"):
        read_file(path)


@pytest.mark.parametrize("form", ["keras", "weights.h5", "h5"])
@pytest.mark.slow
def test_damaged_files_are_refused_or_read(tmp_path, form):
    config = model(layer("Conv2D", "conv"), layer("Dense", "fc"))
    layers = {
        "layers/conv2d": ("conv", [normal(3, 3, 2, 4), normal(4)]),
        "layers/dense": ("fc", [normal(5, 6)]),
    }
    if form == "keras":
        path = archived(tmp_path, layers, config)
    elif form == "weights.h5":
        path = nested(tmp_path / "net.weights.h5", layers)
    else:
        weights = {"conv": {"conv/kernel:0": normal(3, 3, 2, 4)}, "fc": {"fc/kernel:0": normal(5, 6)}}
        path = listed(tmp_path / "net.h5", weights, config)
    content, generator, refused = path.read_bytes(), random.Random(0), 0
    for case in range(200):
        damaged = bytearray(content)
        if case % 2:
            del damaged[generator.randrange(len(content)) :]
        else:
            for _ in range(20):
                damaged[generator.randrange(len(content))] = generator.randrange(256)
        path.write_bytes(damaged)
        try:
            for tensor in read_keras(path).values():
                assert tensor.skip or tensor.read().shape == tensor.shape
        except InputError:
            refused += 1
    assert refused > 100


def test_a_chunk_may_not_claim_what_its_dataset_does_not(dense):
    with h5py.File(dense, "a") as file:
        group = file["layers/dense/vars"]
        growing = {"chunks": (5000, 5000), "maxshape": (None, None), "compression": "gzip"}
        group.create_dataset("0", (10, 10), "f4", **growing)
    with pytest.raises(InputError, match=r"'a chunk of /layers/dense/vars/0' claims 100\.0 MB"):
        read_keras(dense)
