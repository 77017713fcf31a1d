import random
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from torch import from_numpy, nn
from torch.nn.functional import conv_transpose2d

from mme.checkpoints.onnx_files import read_onnx
from mme.ensembles import layer_matrix_ensemble
from mme.errors import InputError


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def model_of(nodes, arrays, **options):
    tensors = [
        array if isinstance(array, TensorProto) else numpy_helper.from_array(array, name)
        for name, array in arrays.items()
    ]
    return helper.make_model(helper.make_graph(nodes, "graph", [], [], tensors, **options))


@pytest.fixture
def reading(tmp_path):
    """Write a model of nodes and constants, and read it."""

    def read(nodes, arrays, **options):
        path = tmp_path / "net.onnx"
        path.write_bytes(model_of(nodes, arrays, **options).SerializeToString())
        return read_onnx(path)

    return read


def node(kind, *inputs, output="y", **attributes):
    return helper.make_node(kind, inputs, [output], **attributes)


@pytest.mark.parametrize(
    ("kind", "inputs", "attributes", "axes", "types"),
    [
        ("MatMul", "xw", {}, (1, 0), {"Linear"}),
        ("MatMul", "wx", {}, (0, 1), {"Linear"}),
        ("Gemm", "xw", {}, (1, 0), {"Linear"}),
        ("Gemm", "xw", {"transB": 1}, (0, 1), {"Linear"}),
        ("Gemm", "wx", {}, (0, 1), {"Linear"}),
        ("Gemm", "wx", {"transA": 1}, (1, 0), {"Linear"}),
        ("Conv", "xw", {}, (0, 1, 2), {"Conv", "Conv1d"}),
        ("Conv", "xw", {}, (0, 1, 2, 3), {"Conv", "Conv2d"}),
        ("Conv", "xw", {"group": 2}, (0, 1, 2, 3, 4), {"Conv", "Conv3d"}),
        ("ConvTranspose", "xw", {}, (1, 0, 2, 3), {"ConvTranspose", "ConvTranspose2d"}),
    ],
)
def test_each_kind_of_node_comes_outputs_first(reading, kind, inputs, attributes, axes, types):
    stored = normal(*range(3, 3 + len(axes)))
    checkpoint = reading([node(kind, *inputs, **attributes)], {"w": stored})
    assert list(checkpoint) == ["w"]
    assert checkpoint["w"].types == types
    assert checkpoint["w"].shape == tuple(stored.shape[axis] for axis in axes)
    np.testing.assert_array_equal(checkpoint["w"].read(), stored.transpose(axes))


def test_a_grouped_transposed_convolution_maps_pixels_as_torch_does(reading):
    groups, inputs, outputs = 3, 6, 9
    stored = normal(inputs, outputs // groups, 2, 2)
    kernel = reading([node("ConvTranspose", "x", "w", group=groups)], {"w": stored})["w"].read()
    assert kernel.shape == (outputs, inputs // groups, 2, 2)
    pixel = normal(1, inputs, 1, 1, seed=1)
    by_group = pixel.reshape(groups, inputs // groups).repeat(outputs // groups, axis=0)
    expected = conv_transpose2d(from_numpy(pixel), from_numpy(stored), groups=groups).numpy()[0]
    np.testing.assert_allclose(np.einsum("oi...,oi->o...", kernel, by_group), expected, rtol=1e-5, atol=1e-6)


def test_the_spectra_are_those_of_the_torch_layers(reading):
    layers = {"conv": nn.Conv2d(3, 8, 3), "grouped": nn.Conv1d(8, 6, 3, groups=2), "fc": nn.Linear(20, 7)}
    arrays = {name: layer.weight.detach().numpy() for name, layer in layers.items()}
    stored = arrays | {"fc": arrays["fc"].T.copy()}
    nodes = [
        node("Conv", "x", "conv"),
        node("Conv", "x", "grouped", group=2, output="z"),
        node("MatMul", "x", "fc"),
    ]
    ensemble = layer_matrix_ensemble(reading(nodes, stored))
    expected = layer_matrix_ensemble(arrays)
    for got, want in zip(ensemble.layers, expected.layers, strict=True):
        assert got.name == want.name
        np.testing.assert_allclose(got.eigenvalues, want.eigenvalues, rtol=1e-6, atol=1e-9)


def test_constants_are_followed_through_nodes_that_pass_them_on(reading):
    stored = normal(4, 5)
    nodes = [
        node("Identity", "w", output="a"),
        node("Cast", "a", output="b", to=TensorProto.FLOAT16),
        node("Cast", "b", output="c", to=TensorProto.FLOAT),
        node("Transpose", "c", output="d", perm=[1, 0]),
        node("Gemm", "x", "d"),
        node("Constant", output="k", value=numpy_helper.from_array(stored)),
        node("Constant", output="three", value=numpy_helper.from_array(np.array(3))),
        node("MatMul", "x", "k", output="z"),
    ]
    checkpoint = reading(nodes, {"w": stored})
    assert list(checkpoint) == ["w", "k"]  # a single number in the graph is no parameter
    np.testing.assert_array_equal(checkpoint["w"].read(), stored.astype(np.float16).astype(np.float32))
    np.testing.assert_array_equal(checkpoint["k"].read(), stored.T)


def test_quantised_weights_come_back_by_scale_and_zero_point(reading):
    rng = np.random.default_rng(0)
    integers = rng.integers(-100, 100, (4, 3, 2, 2)).astype(np.int8)
    scales, zeros = normal(4) ** 2, np.array([1, -2, 3, 0], np.int8)
    matrix, step = rng.integers(0, 255, (5, 6)).astype(np.uint8), normal(6) ** 2
    arrays = {
        "w": integers, "q": integers, "s": scales, "z": zeros, "m": matrix, "i": matrix, "t": step,
        "one": np.float32(0.5), "zero": np.uint8(7),
    }  # fmt: skip
    nodes = [
        node("DequantizeLinear", "w", "s", "z", output="real", axis=0),
        node("Conv", "x", "real"),
        node("QLinearConv", "x", "one", "zero", "q", "s", "z", "one", "zero", output="y1"),
        node("QLinearMatMul", "x", "one", "zero", "m", "t", "zero", "one", "zero", output="y2"),
        node("MatMulInteger", "x", "i", "", "zero", output="n"),
        node("Cast", "n", output="f", to=TensorProto.FLOAT),
        node("Mul", "computed", "t", output="both"),
        node("Mul", "f", "both", output="y3"),
    ]
    checkpoint = reading(nodes, arrays)
    kernel = (integers - zeros[:, None, None, None].astype(float)) * scales[:, None, None, None]
    linear = ((matrix - 7.0) * step).T
    for name, expected in {"w": kernel, "q": kernel, "m": linear, "i": linear}.items():
        assert checkpoint[name].skip == ""
        assert checkpoint[name].dtype == arrays[name].dtype.name
        np.testing.assert_allclose(checkpoint[name].read(), expected, rtol=1e-6)


def test_quantised_weights_of_unknown_scale_are_left_out(reading):
    integers = np.ones((4, 4), np.int8)
    nodes = [
        node("MatMulInteger", "x", "a"),
        node("DequantizeLinear", "b", "computed", output="real"),
        node("MatMul", "x", "real", output="y2"),
        node("DequantizeLinear", "c", "blocks", output="real3", block_size=2),
        node("MatMul", "x", "real3", output="y3"),
    ]
    blocks = np.ones((2, 4), np.float32)
    checkpoint = reading(nodes, {"a": integers, "b": integers, "c": integers, "blocks": blocks})
    assert [checkpoint[name].skip for name in "abc"] == [
        "quantised, by a scale that is no constant",
        "quantised, by a scale that is no constant",
        "quantised in blocks, scale of shape (2, 4)",
    ]


def test_a_constant_counts_once_and_others_say_why_not(reading):
    arrays = {name: normal(4, 4, seed=seed) for seed, name in enumerate(["tied", "table", "added", "idle"])}
    arrays |= {"stack": normal(2, 4, 5), "single": normal(1, 4, 5), "bias": normal(4)}
    nodes = [
        node("Gather", "tied", "x", output="a"),
        node("MatMul", "a", "tied", output="b"),
        node("Gemm", "b", "tied", "bias", output="c", transB=1),
        node("Gather", "table", "x", output="d"),
        node("Add", "d", "added", output="e"),
        node("MatMul", "e", "stack", output="f"),
        node("MatMul", "e", "single", output="g"),
    ]
    checkpoint = reading(nodes, arrays)
    assert {name: tensor.skip for name, tensor in checkpoint.items()} == {
        "tied": "",
        "table": "an input of Gather, no layer's weight",
        "added": "an input of Add, no layer's weight",
        "idle": "no node uses it",
        "stack": "a stack of matrices, shape (2, 4, 5), for MatMul",
        "single": "",
        "bias": "",
    }
    np.testing.assert_array_equal(checkpoint["tied"].read(), arrays["tied"].T)
    np.testing.assert_array_equal(checkpoint["single"].read(), arrays["single"][0].T)
    assert [layer.name for layer in layer_matrix_ensemble(checkpoint).layers] == ["tied", "single"]


def test_nodes_of_another_library_are_no_layers(reading):
    own = helper.make_node("MatMul", ["x", "w"], ["y"], domain="com.example")
    assert reading([own], {"w": normal(3, 3)})["w"].skip == "an input of MatMul, no layer's weight"


def test_graphs_within_nodes_take_part(reading):
    def branch(seed):
        own = numpy_helper.from_array(normal(3, 5, seed=seed), "own")
        nodes = [node("MatMul", "x", "outer", output="a"), node("MatMul", "x", "own", output="b")]
        return helper.make_graph(nodes, "branch", [], [], [own])

    choice = node("If", "condition", then_branch=branch(1), else_branch=branch(2))
    checkpoint = reading([choice], {"outer": normal(3, 4)})
    assert {name: tensor.shape for name, tensor in checkpoint.items()} == {
        "outer": (4, 3),
        "own": (5, 3),
        "own#2": (5, 3),
    }
    # the attributes of a node are sorted: else comes before then
    np.testing.assert_array_equal(checkpoint["own"].read(), normal(3, 5, seed=2).T)
    np.testing.assert_array_equal(checkpoint["own#2"].read(), normal(3, 5, seed=1).T)


def function(name, *nodes):
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
    return helper.make_function("own", name, ["x", "w"], ["y"], nodes, opsets)


def call(name):
    return node(name, "x", "w", domain="own")


@pytest.fixture
def calling(tmp_path):
    """Read a model whose graph calls the first of some functions."""

    def read(functions):
        graph = helper.make_graph([call(functions[0].name)], "g", [], [], [numpy_helper.from_array(W, "w")])
        opsets = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
        path = tmp_path / "net.onnx"
        model = helper.make_model(graph, functions=functions, opset_imports=opsets)
        path.write_bytes(model.SerializeToString())
        return read_onnx(path)

    return read


def test_functions_of_the_model_are_written_out(calling):
    linear = function("Linear", node("Transpose", "w", output="t"), node("MatMul", "x", "t"))
    checkpoint = calling([function("Block", call("Linear")), linear])
    np.testing.assert_array_equal(checkpoint["w"].read(), W)
    assert checkpoint["w"].types == {"Linear"}


def test_functions_that_never_end_are_refused(calling):
    with pytest.raises(InputError, match="function 'A' calls itself"):
        calling([function("A", call("B")), function("B", call("A"))])
    levels = [function(f"F{level}", *[call(f"F{level + 1}")] * 10) for level in range(9)]
    with pytest.raises(InputError, match="more than 100000 nodes in all"):
        calling([*levels, function("F9", node("MatMul", "x", "w"))])


@pytest.mark.parametrize("length", [2, 40])  # within the graph, and left in the file
@pytest.mark.parametrize(
    "name",
    ["FLOAT", "DOUBLE", "FLOAT16", "BFLOAT16", "INT8", "UINT16", "FLOAT8E4M3FN", "INT4", "UINT4"],
)
def test_numbers_of_every_type_are_read(reading, name, length):
    data_type = getattr(TensorProto, name)
    dtype = helper.tensor_dtype_to_np_dtype(data_type)
    values = np.tile([[0, 1, 1], [1, 0, 1]], (length, length))
    tensor = numpy_helper.from_array(values.astype(dtype), "w")
    checkpoint = reading([node("Gemm", "x", "w", transB=1)], {"w": tensor})
    np.testing.assert_array_equal(checkpoint["w"].read(), values)
    typed = helper.make_tensor("w", data_type, values.shape, values.ravel().tolist())
    np.testing.assert_array_equal(
        reading([node("Gemm", "x", "w", transB=1)], {"w": typed})["w"].read(), values
    )


def test_text_is_no_weight(reading):
    text = helper.make_tensor("w", TensorProto.STRING, [1, 2], [b"a", b"b"])
    assert reading([node("MatMul", "x", "w")], {"w": text})["w"].skip == "holds text"


def test_large_tensors_are_not_parsed(tmp_path):
    path = tmp_path / "net.onnx"
    arrays = {f"w{i}": normal(100, 100, seed=i) for i in range(3)}
    nodes = [node("MatMul", "x", name) for name in arrays]
    nodes.append(node("Constant", output="k", value=numpy_helper.from_array(normal(100, 100, seed=3))))
    path.write_bytes(model_of(nodes, arrays).SerializeToString())
    assert path.stat().st_size > 160_000
    assert read_model(path).ByteSize() < 1_000


@pytest.fixture
def external(tmp_path):
    """Write a model whose weight lies in ``weights.bin`` of its folder, and change where it says so."""

    def write(**changes):
        folder = tmp_path / "model"
        folder.mkdir(exist_ok=True)
        model = model_of([node("MatMul", "x", "w"), node("MatMul", "x", "v")], {"w": W, "v": V})
        path = folder / "net.onnx"
        onnx.save_model(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
        if changes:
            model = onnx.load(path, load_external_data=False)
            for entry in model.graph.initializer[0].external_data:
                entry.value = str(changes.get(entry.key, entry.value))
            path.write_bytes(model.SerializeToString())
        return path

    return write


W, V = normal(30, 20), normal(20, 10, seed=1)


def test_data_beside_the_model_is_read_from_there(external):
    path = external()
    checkpoint = read_onnx(path)
    np.testing.assert_array_equal(checkpoint["w"].read(), W.T)
    np.testing.assert_array_equal(checkpoint["v"].read(), V.T)
    (path.parent / "weights.bin").unlink()
    with pytest.raises(InputError, match=r"'w' of .*net\.onnx cannot be read: No such file"):
        checkpoint["w"].read()
    with pytest.raises(InputError, match=r"lies in 'weights\.bin', which is missing beside the model"):
        read_onnx(path)


def test_two_names_of_one_place_are_one_tensor(external):
    path = external()
    model = onnx.load(path, load_external_data=False)
    model.graph.initializer.add().CopyFrom(model.graph.initializer[0])
    model.graph.initializer[2].name = "again"
    model.graph.node.append(node("MatMul", "x", "again"))
    path.write_bytes(model.SerializeToString())
    ensemble = layer_matrix_ensemble(read_onnx(path))
    assert [layer.name for layer in ensemble.layers] == ["w", "v"]
    assert ensemble.skipped == (("again", "shared with w"),)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"location": "../secret.bin"}, r"lies in '\.\./secret\.bin', outside the model's folder"),
        ({"location": "/etc/hostname"}, r"lies in '/etc/hostname', outside the model's folder"),
        ({"location": "link.bin"}, r"lies in 'link\.bin', outside the model's folder"),
        ({"location": "."}, "outside the model's folder"),
        ({"location": "a\0b"}, "a file that cannot be|cannot be parsed"),
        ({"offset": -1}, "offset or length is negative"),
        ({"offset": "two"}, "offset or length is not a number"),
        ({"offset": 10**6}, r"needs 2400 bytes .* holds 0\."),
        ({"length": 2399}, "claims 2.4 kB, but the file has 2.4 kB|needs 2400 bytes"),
        ({"length": 10**18}, "needs 2400 bytes"),
    ],
)
def test_data_outside_the_folder_or_beyond_the_file_are_refused(external, tmp_path, changes, message):
    (tmp_path / "secret.bin").write_bytes(bytes(10_000))
    path = external(**changes)
    (path.parent / "link.bin").symlink_to(tmp_path / "secret.bin")
    with pytest.raises(InputError, match=message):
        read_onnx(path)


@pytest.mark.parametrize(
    ("dims", "raw", "message"),
    [
        ([1000, 1000], bytes(4 * 999_999), "claims 4.0 MB, but the file has 4.0 MB for it"),
        ([10**6, 10**6], bytes(8192), "claims 4.0 TB, but the file has 8.2 kB for it"),
        ([2**40, 2**40], bytes(8192), r"claims more than .* TB"),
        ([10**6, 10**6], bytes(8), r"needs 4000000000000 bytes .* holds 8\."),
        ([10, 10], bytes(8192), r"needs 400 bytes .* holds 8192"),
        ([-1, 2], bytes(8), r"shape \(-1, 2\); lengths must not be negative"),
    ],
)
def test_tensors_that_claim_other_than_they_hold_are_refused(reading, dims, raw, message):
    tensor = TensorProto(name="w", dims=dims, data_type=TensorProto.FLOAT, raw_data=raw)
    with pytest.raises(InputError, match=message):
        reading([node("MatMul", "x", "w")], {"w": tensor})


def test_typed_fields_that_are_too_short_are_refused(reading):
    tensor = TensorProto(name="w", dims=[10**6, 10**6], data_type=TensorProto.FLOAT, float_data=[1.0])
    with pytest.raises(InputError, match=r"needs 1000000000000 numbers .* holds 1"):
        reading([node("MatMul", "x", "w")], {"w": tensor})


def test_nan_weights_are_named(reading):
    weights = normal(3, 3)
    weights[1, 2] = np.nan
    checkpoint = reading([node("MatMul", "x", "w")], {"w": weights})
    with pytest.raises(InputError, match="layer 'w' has NaN or infinite weights"):
        layer_matrix_ensemble(checkpoint)


def test_a_graph_without_weights_has_nothing_to_square(reading):
    checkpoint = reading([node("Relu", "x")], {"shape": np.array([1, 2])})
    with pytest.raises(InputError, match=r"no weight tensor of two or more axes"):
        layer_matrix_ensemble(checkpoint)


def test_a_graph_in_a_circle_is_refused(reading):
    nodes = [
        node("Identity", "a", output="b"),
        node("Identity", "b", output="a"),
        node("MatMul", "x", "a"),
    ]
    with pytest.raises(InputError, match="the graph goes in a circle"):
        reading(nodes, {})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"net\.onnx is empty"),
        (b"hello, this is a text", "is damaged or no ONNX model"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "is damaged or no ONNX model"),
        (b"PK\x03\x04" + bytes(100), "is damaged or no ONNX model"),
        (b"\x08\x07", "holds no graph of ONNX nodes"),
    ],
)
def test_what_is_no_model_is_refused(tmp_path, content, message):
    path = tmp_path / "net.onnx"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_onnx(path)


def test_a_missing_file_and_a_missing_library_are_named(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"net\.onnx cannot be read: No such file"):
        read_onnx(tmp_path / "net.onnx")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(InputError, match=r"needs onnx, which is not installed: pip install 'mme\[check"):
        read_onnx(tmp_path / "net.onnx")


def test_damaged_files_are_refused_or_read(tmp_path):
    path = tmp_path / "net.onnx"
    nodes = [
        node("Conv", "x", "w"),
        node("Transpose", "v", output="t", perm=[1, 0]),
        node("Gemm", "y", "t", "b"),
    ]
    good = model_of(nodes, {"w": normal(8, 4, 3, 3), "v": normal(30, 20), "b": normal(20)})
    content = good.SerializeToString()
    generator, refused = random.Random(0), 0
    for case in range(200):
        damaged = bytearray(content)
        if case % 2:
            del damaged[generator.randrange(len(content)) :]
        else:
            for _ in range(20):
                damaged[generator.randrange(len(content))] = generator.randrange(256)
        path.write_bytes(damaged)
        try:
            for tensor in read_onnx(path).values():
                assert tensor.skip or tensor.read().shape == tensor.shape
        except InputError:
            refused += 1
    assert refused > 100
