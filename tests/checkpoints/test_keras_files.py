import json
import struct
import sys
import zipfile

import h5py
import numpy as np
import pytest

from mme.checkpoints.keras_files import _described, read_keras
from mme.ensembles import layer_matrix_ensemble
from mme.errors import InputError
from tests.each import each
from tests.keras_writing import archived, layer, listed, model, nested, normal

# class, its name in groups, the stored kernel's shape, ours, and which stored number lies at an index of ours
LAYOUTS = [
    ("Dense", "dense", (3, 4), (4, 3), lambda o, i: (i, o), "Linear"),
    ("Conv1D", "conv1d", (5, 3, 4), (4, 3, 5), lambda o, i, x: (x, i, o), "Conv1d"),
    ("Conv2D", "conv2d", (5, 6, 3, 4), (4, 3, 5, 6), lambda o, i, y, x: (y, x, i, o), "Conv2d"),
    ("Conv3D", "conv3d", (2, 5, 6, 3, 4), (4, 3, 2, 5, 6), lambda o, i, z, y, x: (z, y, x, i, o), "Conv3d"),
    ("Conv1DTranspose", "conv1d_transpose", (5, 3, 4), (3, 4, 5), lambda o, i, x: (x, o, i),
     "ConvTranspose1d"),
    ("Conv2DTranspose", "conv2d_transpose", (5, 6, 3, 4), (3, 4, 5, 6), lambda o, i, y, x: (y, x, o, i),
     "ConvTranspose2d"),
    ("DepthwiseConv1D", "depthwise_conv1d", (5, 3, 2), (6, 1, 5), lambda o, i, x: (x, o // 2, o % 2),
     "Conv1d"),
    ("DepthwiseConv2D", "depthwise_conv2d", (5, 6, 3, 2), (6, 1, 5, 6),
     lambda o, i, y, x: (y, x, o // 2, o % 2), "Conv2d"),
    ("LSTM", "lstm", (3, 8), (8, 3), lambda o, i: (i, o), "LSTM"),
    ("GRUCell", "gru_cell", (3, 6), (6, 3), lambda o, i: (i, o), "GRU"),
    ("SimpleRNN", "simple_rnn", (3, 4), (4, 3), lambda o, i: (i, o), "RNN"),
    ("ConvLSTM2D", "conv_lstm2d", (5, 6, 3, 8), (8, 3, 5, 6), lambda o, i, y, x: (y, x, i, o), "ConvLSTM2D"),
    ("Embedding", "embedding", (7, 4), (7, 4), lambda o, i: (o, i), "Embedding"),
]  # fmt: skip


@pytest.mark.parametrize("form", ["keras", "weights.h5", "h5"])
@each("kind, group, stored, shape, index, type_name", LAYOUTS)
def test_each_kind_of_layer_comes_outputs_first(tmp_path, form, kind, group, stored, shape, index, type_name):
    kernel, bias = normal(*stored), normal(2)
    variable = "embeddings" if kind == "Embedding" else "kernel"
    variables = [kernel] if kind == "Embedding" else [kernel, bias]
    if form == "weights.h5":  # the name says nothing: the group does
        path = nested(tmp_path / "net.weights.h5", {f"layers/{group}_3": ("own", variables)})
    elif form == "keras":  # the groups say nothing: the configuration does
        path = archived(tmp_path, {"layers/stem": ("own", variables)}, model(layer(kind, "own")))
    else:
        config = model(layer(kind, "own"))
        path = listed(tmp_path / "net.h5", {"own": {f"own/{variable}:0": kernel}}, config)
    tensor = read_keras(path)[f"own/{variable}"]
    array = tensor.read()
    assert tensor.skip == ""
    assert type_name in tensor.types
    assert tensor.shape == array.shape == shape
    for position in np.ndindex(shape):
        assert array[position] == kernel[index(*position)]


def test_separable_convolutions_and_recurrent_layers_have_two_kernels(tmp_path):
    depthwise, pointwise, kernel, recurrent = (
        normal(*shape, seed=seed) for seed, shape in enumerate([(3, 3, 4, 2), (1, 1, 8, 5), (6, 12), (4, 12)])
    )
    layers = {
        "layers/separable_conv2d": ("sep", [depthwise, pointwise, normal(5)]),
        "layers/gru": ("gru", []),
        "layers/gru/cell": ("gru_cell", [kernel, recurrent, normal(2, 12)]),
    }
    checkpoint = read_keras(nested(tmp_path / "net.weights.h5", layers))
    assert {name: tensor.shape for name, tensor in checkpoint.items() if not tensor.skip} == {
        "sep/depthwise_kernel": (8, 1, 3, 3),
        "sep/pointwise_kernel": (5, 8, 1, 1),
        "sep/bias": (5,),
        "gru/gru_cell/kernel": (12, 6),
        "gru/gru_cell/recurrent_kernel": (12, 4),
    }
    assert checkpoint["gru/gru_cell/bias"].skip == "the variable 'bias', which is no kernel"
    np.testing.assert_array_equal(checkpoint["sep/pointwise_kernel"].read()[..., 0, 0], pointwise[0, 0].T)
    np.testing.assert_array_equal(checkpoint["gru/gru_cell/recurrent_kernel"].read(), recurrent.T)


@pytest.mark.parametrize(
    ("kind", "prefix"),
    [("multi_head_attention", ""), ("grouped_query_attention", "_"), ("attention_of_ones_own", "_")],
)
def test_attention_maps_inputs_to_all_heads_and_back(tmp_path, kind, prefix):
    query, output = normal(6, 2, 3), normal(2, 3, 6, seed=1)
    layers = {
        f"layers/{kind}": ("mha", []),
        f"layers/{kind}/{prefix}query_dense": ("query", [query, normal(2, 3)]),
        f"layers/{kind}/{prefix}output_dense": ("attention_output", [output, normal(6)]),
    }
    checkpoint = read_keras(nested(tmp_path / "net.weights.h5", layers))
    inputs, heads = normal(6, seed=2), normal(2, 3, seed=3)
    projected = checkpoint["mha/query/kernel"].read() @ inputs
    np.testing.assert_allclose(projected, np.einsum("i,ihd->hd", inputs, query).ravel(), rtol=1e-5)
    back = checkpoint["mha/attention_output/kernel"].read() @ heads.ravel()
    np.testing.assert_allclose(back, np.einsum("hd,hdo->o", heads, output), rtol=1e-5)
    assert checkpoint["mha/query/bias"].skip == "the variable 'bias', which is no kernel"
    weights = {"mha/query/kernel:0": query, "mha/attention_output/kernel:0": output}
    config = model(layer("MultiHeadAttention", "mha"))
    for described in (config, None):  # in a .h5, whole or weights only
        other = read_keras(listed(tmp_path / "net.h5", {"mha": weights}, described))
        for name, tensor in other.items():
            np.testing.assert_array_equal(tensor.read(), checkpoint[name].read())


@pytest.mark.parametrize(
    ("equation", "shape", "expected"),
    [
        ("abc,cd->abd", (4, 5), (5, 4)),
        ("abc,cde->abde", (4, 5, 6), (30, 4)),
        ("...x,yx->...y", (4, 5), (4, 5)),
        ("abc,bcd->abd", (3, 4, 5), (15, 4)),
        ("abcd,cde->abe", (3, 4, 5), (5, 12)),
    ],
)
def test_the_equation_tells_the_outputs(tmp_path, equation, shape, expected):
    config = model(layer("EinsumDense", "ein", equation=equation))
    tensor = read_keras(archived(tmp_path, {"layers/einsum_dense": ("ein", [normal(*shape)])}, config))[
        "ein/kernel"
    ]
    assert tensor.shape == tensor.read().shape == expected
    assert tensor.note == ""
    weights_only = nested(tmp_path / "net.weights.h5", {"layers/einsum_dense": ("ein", [normal(*shape)])})
    note = read_keras(weights_only)["ein/kernel"].note
    assert note == "taken with its inputs first, for the file does not name the equation"


@pytest.mark.parametrize(
    ("shape", "bias", "expected"),
    [
        ((3, 4), 4, (4, 3)),
        ((5, 5, 3, 4), 4, (4, 3, 5, 5)),
        ((5, 5, 3, 4), None, (4, 3, 5, 5)),
        ((5, 5, 3, 4), 3, (3, 4, 5, 5)),
        ((5, 3, 4), 3, (3, 4, 5)),
        ((2, 5, 5, 3, 4), 3, (3, 4, 2, 5, 5)),
        ((2, 3, 5, 6, 6), 6, (6, 6, 2, 3, 5)),  # either way the bias fits, and Keras's own is the first
    ],
)
def test_a_kernel_of_an_unknown_layer_is_taken_as_kerass_own_and_says_so(tmp_path, shape, bias, expected):
    biases = {} if bias is None else {"stem/bias:0": normal(bias)}
    path = listed(tmp_path / "net.h5", {"stem": {"stem/kernel:0": normal(*shape)} | biases})
    tensor = read_keras(path)["stem/kernel"]
    assert tensor.shape == tensor.read().shape == expected
    assert tensor.note.endswith("for the file does not name the layer's class")
    assert ("transposed" in tensor.note) == (bias == 3)


def test_what_the_file_does_not_name_is_left_out_and_read_from_the_whole_model(tmp_path):
    """The export that the reason names brings the layer back."""
    layers = {"stem": ("stem", [normal(3, 3, 4, 5)])}
    unknown = read_keras(nested(tmp_path / "net.weights.h5", layers))["stem/0"]
    assert unknown.skip == (
        "the variable '0', of an unknown class: model.save('net.keras') tells it, or numpy.savez saves it "
        "outputs first"
    )
    whole = archived(tmp_path, layers, model(layer("Conv2DTranspose", "stem")))
    assert read_keras(whole)["stem/kernel"].shape == (4, 5, 3, 3)
    assert list(read_keras(archived(tmp_path, layers, model(layer("Own", "stem"))))) == ["stem/0"]


def test_attributes_of_a_model_are_told_by_the_layers_own_names(tmp_path):
    layers = {
        "dense": ("conv2d_transpose_4", [normal(3, 3, 4, 5)]),  # self.dense = Conv2DTranspose(…)
        "blocks/conv2d_1": ("second", [normal(3, 3, 4, 5)]),  # self.blocks = [Conv2D(…), Conv2D(…)]
        "_layer_checkpoint_dependencies\\dense": ("head", [normal(4, 5)]),
    }
    checkpoint = read_keras(nested(tmp_path / "net.weights.h5", layers))
    assert {name: tensor.shape for name, tensor in checkpoint.items()} == {
        "head/kernel": (5, 4),
        "second/kernel": (5, 4, 3, 3),
        "conv2d_transpose_4/kernel": (4, 5, 3, 3),
    }


def test_a_class_that_a_name_alone_tells_is_named(tmp_path):
    """A list of layers calls them by class; an attribute of a model and a layer are called anything."""
    layers = {"head": ("embedding", [normal(4, 5)]), "blocks/dense": ("embedding_1", [normal(4, 5)])}
    weights_only = read_keras(nested(tmp_path / "net.weights.h5", layers))
    assert weights_only["embedding/embeddings"].note == "taken as embedding by a name alone"
    assert (weights_only["embedding_1/kernel"].note, weights_only["embedding_1/kernel"].shape) == ("", (5, 4))
    whole = read_keras(archived(tmp_path, layers, model(layer("Dense", "embedding"))))
    assert (whole["embedding/kernel"].note, whole["embedding/kernel"].shape) == ("", (5, 4))


def test_what_is_no_kernel_is_left_out(tmp_path):
    layers = {
        "layers/p_re_lu": ("slope", [normal(4, 5, 6)]),
        "layers/einsum_dense": ("int8", [np.ones((3, 4), np.int8), normal(4), normal(4)]),
        "layers/einsum_dense_1": ("int16", [np.ones((3, 4), np.uint16), normal(4), normal(4)]),
        "layers/dense_1": ("fc", [normal(3, 4)]),
        "optimizer": ("adam", [np.int64(3), normal(3, 4)]),
    }
    checkpoint = read_keras(nested(tmp_path / "net.weights.h5", layers))
    assert {name: tensor.skip for name, tensor in checkpoint.items() if len(tensor.shape) > 1} == {
        "slope/0": "the variable '0', which is no kernel",
        "int8/kernel": "whole numbers (int8), whose scale is not known",
        "int16/kernel": "whole numbers (uint16), whose scale is not known",
        "fc/kernel": "",
    }
    assert not any("adam" in name for name in checkpoint)


def test_layers_come_in_the_order_of_the_model(tmp_path):
    places = {f"layers/dense_{number}": (f"fc{number}", [normal(2, 3)]) for number in range(12)}
    checkpoint = read_keras(nested(tmp_path / "net.weights.h5", places))
    names = list(checkpoint)
    assert checkpoint.name == "net"
    assert names == [f"fc{number}/kernel" for number in range(12)]
    config = model(*[layer("Dense", f"fc{number}") for number in range(12)][::-1])
    places |= {"layers/a": ("added", [normal(2, 3)])}  # which the model does not name
    assert list(read_keras(archived(tmp_path, places, config))) == [*names[::-1], "added/0"]


def test_a_name_of_two_kinds_tells_none():
    kinds = ("Dense", "Conv2DTranspose")
    one, other = (model(layer(kind, "x"), layer(kind, kind), name="") for kind in kinds)
    told = _described(json.dumps(model(one, other)))
    assert {name: kind for name, (kind, _) in told.items() if kind} == {
        "Dense": "dense", "Conv2DTranspose": "transposed",
    }  # fmt: skip


def test_layers_of_one_name_keep_their_places_as_names(tmp_path):
    layers = {"a/dense": ("fc", [normal(2, 3)]), "b/dense": ("fc", [normal(2, 3)])}
    checkpoint = read_keras(nested(tmp_path / "net.weights.h5", layers))
    assert list(checkpoint) == ["fc/kernel", "/b/dense/vars/0"]


def test_whole_models_of_keras_2_are_read_with_their_inner_models(tmp_path):
    inner = model(layer("Conv2DTranspose", "up"), name="decoder", kind="Sequential")
    both = layer("Bidirectional", "both", layer=layer("LSTM", "rec"))
    config = model(layer("TimeDistributed", "each", layer=layer("Dense", "fc")), inner, both)
    up, each, forward = normal(2, 2, 3, 4), normal(5, 6), normal(3, 8)
    layers = {
        "each": {"each/kernel:0": each, "each/bias:0": normal(6)},
        "decoder": {"up/kernel:0": up},
        "both": {"both/forward_rec/kernel:0": forward, "both/forward_rec/recurrent_kernel:0": normal(2, 8)},
    }
    checkpoint = read_keras(listed(tmp_path / "net.h5", layers, config))
    assert {name: tensor.shape for name, tensor in checkpoint.items()} == {
        "each/kernel": (6, 5),
        "each/bias": (6,),
        "decoder/up/kernel": (3, 4, 2, 2),
        "both/forward_rec/kernel": (8, 3),
        "both/forward_rec/recurrent_kernel": (8, 2),
    }
    assert checkpoint["both/forward_rec/kernel"].types == {"LSTM"}


def test_a_kernel_that_a_wrapper_stores_once_more_counts_once(tmp_path):
    config = model(layer("SpectralNormalization", "norm", layer=layer("Dense", "fc")))
    layers = {
        "layers/spectral_normalization": ("norm", [normal(3, 4), normal(1, 4)]),
        "layers/spectral_normalization/layer": ("fc", [normal(3, 4), normal(4)]),
    }
    checkpoint = read_keras(archived(tmp_path, layers, config))
    assert [name for name, tensor in checkpoint.items() if not tensor.skip] == [
        "norm/fc/kernel",
        "norm/fc/bias",
    ]


@pytest.mark.parametrize("chunked", [False, True])
def test_weights_only_of_keras_2_are_told_by_their_names(tmp_path, chunked):
    layers = {
        "conv2d_transpose_1": {"conv2d_transpose_1/kernel:0": normal(3, 3, 4, 5)},
        "block1_conv1": {"block1_conv1_W_1:0": normal(3, 3, 4, 5), "block1_conv1_b_1:0": normal(5)},
        "sep": {"sep/depthwise_kernel:0": normal(3, 3, 4, 2), "sep/pointwise_kernel:0": normal(1, 1, 8, 5)},
        "up": {"net/up/kernel:0": normal(3, 3, 4, 5), "net/up/bias:0": normal(4)},
        "input_1": {},
    }
    checkpoint = read_keras(listed(tmp_path / "net.h5", layers, chunked=chunked))
    assert {name: tensor.shape for name, tensor in checkpoint.items() if len(tensor.shape) > 1} == {
        "conv2d_transpose_1/kernel": (4, 5, 3, 3),
        "block1_conv1/kernel": (5, 4, 3, 3),
        "sep/depthwise_kernel": (8, 1, 3, 3),
        "sep/pointwise_kernel": (5, 8, 1, 1),
        "up/kernel": (4, 5, 3, 3),
    }
    assert checkpoint["conv2d_transpose_1/kernel"].note == ""
    assert checkpoint["up/kernel"].note == (
        "taken as transposed, for the file does not name the layer's class"
    )


def test_short_floats_and_other_orders_of_bytes_are_read(tmp_path):
    values = np.array([[1, 2, -3], [0.5, 4, 8]], np.float32)
    upper = (values.view(np.uint32) >> 16).astype("<u2").view("V2")
    path = nested(
        tmp_path / "net.weights.h5",
        {
            "layers/dense": ("short", [upper]),
            "layers/dense_1": ("half", [values.astype(np.float16)]),
            "layers/dense_2": ("big", [values.astype(">f8")]),
        },
    )
    checkpoint = read_keras(path)
    assert [tensor.dtype for tensor in checkpoint.values()] == ["bfloat16", "float16", "float64"]
    for tensor in checkpoint.values():
        assert tensor.read().dtype.isnative
        np.testing.assert_array_equal(tensor.read(), values.T)


@pytest.mark.parametrize("options", [{"chunks": (7, 9)}, {"compression": "gzip", "shuffle": True}])
def test_chunked_and_compressed_weights_are_read(tmp_path, options):
    kernel = normal(50, 40)
    path = nested(tmp_path / "net.weights.h5", {"layers/dense": ("fc", [])})
    with h5py.File(path, "a") as file:
        file["layers/dense/vars"].create_dataset("0", data=kernel, **options)
    np.testing.assert_array_equal(read_keras(path)["fc/kernel"].read(), kernel.T)


def test_a_weight_under_two_names_counts_once(tmp_path):
    layers = {"a": {"a/kernel:0": normal(3, 4)}, "b": {"b/kernel:0": normal(3, 4)}}
    path = listed(tmp_path / "net.h5", layers)
    with h5py.File(path, "a") as file:
        del file["b/b/kernel:0"]
        file["b/b/kernel:0"] = file["a/a/kernel:0"]
    assert layer_matrix_ensemble(read_keras(path)).skipped == (("b/kernel", "shared with a/kernel"),)


def test_compressed_archives_are_unpacked_without_a_trace(tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    layers = {"layers/dense": ("fc", [normal(30, 40)])}
    checkpoint = read_keras(archived(tmp_path, layers, model(), zipfile.ZIP_DEFLATED))
    np.testing.assert_array_equal(checkpoint["fc/kernel"].read(), normal(30, 40).T)
    assert list(folder.iterdir()) == []


def test_no_code_of_a_configuration_is_run(tmp_path, monkeypatch):
    marker = tmp_path / "ran"
    payload = f"__import__('pathlib').Path({str(marker)!r}).touch()"
    (tmp_path / "payload.py").write_text(payload)
    monkeypatch.syspath_prepend(tmp_path)
    bad = {
        "module": "payload", "class_name": "Lambda", "registered_name": "payload>Lambda",
        "config": {"name": "lambda", "function": {"class_name": "__lambda__", "config": {"code": payload}}},
    }  # fmt: skip
    config = model(bad, layer("Dense", "fc"))
    layers = {"layers/lambda": ("lambda", []), "layers/dense": ("fc", [normal(3, 4)])}
    assert list(read_keras(archived(tmp_path, layers, config))) == ["fc/kernel"]
    listed(tmp_path / "net.h5", {"lambda": {}, "fc": {"fc/kernel:0": normal(3, 4)}}, config)
    assert list(read_keras(tmp_path / "net.h5")) == ["fc/kernel"]
    assert not marker.exists()
    assert "payload" not in sys.modules


def test_other_hdf5_and_zip_files_are_refused(tmp_path):
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["images"] = normal(3, 4)
    with pytest.raises(InputError, match="holds no weights of Keras layers"):
        read_keras(tmp_path / "data.h5")
    with zipfile.ZipFile(tmp_path / "net.keras", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(InputError, match=r"no item named 'model\.weights\.h5'"):
        read_keras(tmp_path / "net.keras")


def test_an_archive_that_claims_too_much_is_refused(tmp_path):
    path = archived(tmp_path, {"layers/dense": ("fc", [normal(3, 4)])}, model(), zipfile.ZIP_DEFLATED)
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"model.weights.h5") - 46  # the central directory's, which zipfile trusts
    content[entry + 24 : entry + 28] = struct.pack("<I", 2**32 - 2)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"'model\.weights\.h5' claims 4\.3 GB"):
        read_keras(path)


def test_a_damaged_archive_shows_by_its_checksum(tmp_path):
    path = archived(tmp_path, {"layers/dense": ("fc", [normal(30, 40)])}, model())
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"Bad CRC-32 for file 'model\.weights\.h5'"):
        read_keras(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no readable HDF5 file"),
        (b"hello, this is a text", "is no readable HDF5 file"),
        (b"\x89HDF\r\n\x1a\n", "is no readable HDF5 file"),
        (b"\x89HDF\r\n\x1a\n" + bytes(200), "is no readable HDF5 file"),
        (b"PK\x03\x04" + bytes(200), "is no readable Keras file"),
    ],
)
def test_what_is_no_model_is_refused(tmp_path, content, message):
    path = tmp_path / "net.keras"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_keras(path)
