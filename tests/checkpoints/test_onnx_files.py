import random
import sys
from itertools import pairwise

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, inliner, numpy_helper
from torch import from_numpy, nn
from torch.nn.functional import conv_transpose2d

from mme.checkpoints.formats import read_file
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
        ("Conv", "xw", {}, (0, 1, 2), {"Conv1d"}),
        ("Conv", "xw", {}, (0, 1, 2, 3), {"Conv2d"}),
        ("Conv", "xw", {"group": 2}, (0, 1, 2, 3, 4), {"Conv3d"}),
        ("ConvTranspose", "xw", {}, (1, 0, 2, 3), {"ConvTranspose2d"}),
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


def test_constants_are_followed_through_what_nodes_make_of_them(reading):
    stored, factor = normal(4, 6), normal(6, seed=1)
    nodes = [
        node("Identity", "w", output="a"),
        node("Cast", "a", output="b", to=TensorProto.FLOAT16),
        node("Cast", "b", output="c", to=TensorProto.FLOAT),
        node("Mul", "c", "factor", output="d"),
        node("Transpose", "d", output="e", perm=[1, 0]),
        node("Gemm", "x", "e", alpha=2.0),
        node("Constant", output="k", value=numpy_helper.from_array(stored)),
        node("Constant", output="shape", value_ints=[8, 3, 1, 1]),
        node("Reshape", "k", "shape", output="kernel"),
        node("Conv", "x", "kernel", output="z"),
    ]
    checkpoint = reading(nodes, {"w": stored, "factor": factor})
    assert list(checkpoint) == ["w", "factor", "k", "shape"]
    expected = 2 * stored.astype(np.float16).astype(np.float32) * factor
    np.testing.assert_allclose(checkpoint["w"].read(), expected, rtol=1e-6)
    assert checkpoint["w"].note == "computed by Identity, Cast, Mul, Transpose"
    np.testing.assert_array_equal(checkpoint["k"].read(), stored.reshape(8, 3, 1, 1))


def test_parts_of_one_tensor_are_several_layers_and_parts_of_one_layer_are_named(reading):
    packed, low, high = normal(4, 6), normal(2, 5, seed=1), normal(3, 5, seed=2)
    nodes = [
        helper.make_node("Split", ["packed"], ["q", "k"], axis=1, num_outputs=2),
        node("MatMul", "x", "q"),
        node("MatMul", "x", "k", output="z"),
        node("Concat", "low", "high", output="both", axis=0),
        node("MatMul", "x", "both", output="v"),
    ]
    checkpoint = reading(nodes, {"packed": packed, "low": low, "high": high})
    np.testing.assert_array_equal(checkpoint["packed"].read(), packed[:, :3].T)
    np.testing.assert_array_equal(checkpoint["packed#2"].read(), packed[:, 3:].T)
    np.testing.assert_array_equal(checkpoint["high"].read(), np.concatenate([low, high]).T)
    assert checkpoint["low"].skip == "part of 'high'"


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [
        ("Mul", [normal(60_000, 1), normal(1, 60_000)]),
        ("MatMul", [normal(60_000, 2), normal(2, 60_000)]),
        ("Clip", [normal(60_000, 1), normal(1, 60_000)]),
        ("Gather", [normal(60_000, 1), np.zeros((1, 70_000), np.int64)]),
        ("Expand", [normal(60_000, 1), np.array([60_000, 60_000])]),
    ],
)
def test_a_weight_that_grows_without_bound_is_not_computed(reading, kind, inputs):
    nodes = [node(kind, "large", "other", output="w"), node("MatMul", "x", "w")]
    checkpoint = reading(nodes, dict(zip(["large", "other"], inputs, strict=True)))
    reasons = [tensor.skip for tensor in checkpoint.values()]
    assert f"{kind} cannot be computed: it would take more than the file lets expect" in reasons


def test_what_may_be_computed_grows_with_what_is_stored(reading, monkeypatch):
    """128 bytes for each number, of which each step takes 8; a sparse tensor gives no room."""
    monkeypatch.setattr("mme.checkpoints.onnx_files.ALWAYS_ALLOWED", 0)
    values, places = numpy_helper.from_array(normal(2), "s"), numpy_helper.from_array(np.array([0, 5]))
    for steps, is_computed in ((16, True), (17, False)):
        names = ["w", *map(str, range(1, steps)), "last"]
        nodes = [node("Neg", one, output=two) for one, two in pairwise(names)]
        sparse = helper.make_sparse_tensor(values, places, [1000, 1000])
        nodes += [node("MatMul", "x", "last"), node("MatMul", "x", "s", output="z")]
        checkpoint = reading(nodes, {"w": normal(3, 5)}, sparse_initializer=[sparse])
        assert ("more than the file lets expect" not in checkpoint["w"].skip) == is_computed
        if is_computed:  # and then as often as it is read
            np.testing.assert_array_equal(checkpoint["w"].read(), normal(3, 5).T)


def test_blocks_count_as_what_their_scales_are_repeated_to(reading, monkeypatch):
    monkeypatch.setattr("mme.checkpoints.onnx_files.ALWAYS_ALLOWED", 0)
    for length, is_computed in ((15, True), (20, False)):  # 8 bytes for each place of a block, of 128
        scaled = node("DequantizeLinear", "w", "s", output="v", axis=1, block_size=length)
        arrays = {"w": np.ones((2, length), np.int8), "s": normal(2, 1)}
        checkpoint = reading([scaled, node("MatMul", "x", "v")], arrays)
        assert (checkpoint["w"].skip == "") == is_computed


def test_a_table_of_which_a_constant_part_is_taken_is_a_layer(reading):
    nodes = [node("Gather", "table", "places", output="p"), node("Add", "x", "p")]
    checkpoint = reading(nodes, {"table": normal(6, 4), "places": np.arange(3)})
    np.testing.assert_array_equal(checkpoint["table"].read(), normal(6, 4))
    assert checkpoint["table"].skip == ""


def test_what_cannot_be_computed_is_named(reading):
    nodes = [node("Reshape", "w", "shape", output="v"), node("MatMul", "x", "v")]
    checkpoint = reading(nodes, {"w": normal(4, 6), "shape": np.array([5, 5])})
    assert checkpoint["w"].skip.startswith("Reshape cannot be computed: ")


@pytest.mark.parametrize("kind", ["tensor", "channel", "block"])
def test_weights_quantised_and_back_are_what_the_operator_sees(reading, kind):
    stored = normal(8, 6)
    scale = {"tensor": np.float32(0.1), "channel": normal(6) ** 2, "block": normal(2, 6) ** 2}[kind]
    options = {"axis": 0, "block_size": 4} if kind == "block" else {"axis": 1}
    nodes = [
        node("QuantizeLinear", "w", "s", output="q", output_dtype=TensorProto.INT8, **options),
        node("DequantizeLinear", "q", "s", output="v", **options),
        node("MatMul", "x", "v"),
    ]
    checkpoint = reading(nodes, {"w": stored, "s": scale})
    steps = np.repeat(scale, 4, axis=0) if kind == "block" else scale
    expected = np.clip(np.rint(stored / steps), -128, 127) * steps
    np.testing.assert_allclose(checkpoint["w"].read(), expected.T, rtol=1e-6)


def test_quantised_weights_come_back_by_scale_and_zero_point(reading):
    kernel = np.random.default_rng(0).integers(-100, 100, (4, 3, 2, 2)).astype(np.int8)
    scales, zeros = normal(4) ** 2, np.array([1, -2, 3, 0], np.int8)
    nodes = [
        node("DequantizeLinear", "w", "s", "z", output="real", axis=0, domain=domain)
        for domain in ("", "com.microsoft")
    ]
    for dequantised in nodes:
        checkpoint = reading([dequantised, node("Conv", "x", "real")], {"w": kernel, "s": scales, "z": zeros})
        expected = (kernel - zeros[:, None, None, None].astype(float)) * scales[:, None, None, None]
        np.testing.assert_allclose(checkpoint["w"].read(), expected, rtol=1e-6)


def test_whole_numbers_of_unknown_scale_are_left_out(reading):
    integers = np.ones((4, 4), np.int8)
    nodes = [
        node("MatMulInteger", "x", "a"),
        node("DequantizeLinear", "b", "computed", output="real"),
        node("MatMul", "x", "real", output="y2"),
        node("MatMul", "x", "c", output="y3"),
        node("MatMulNBits", "x", "d", "s", output="y4", K=4, N=4, bits=4, domain="com.microsoft"),
        node("QLinearConv", "x", "xs", "xz", "e", "s", "z", "ys", "yz", output="y5"),
    ]
    arrays = dict.fromkeys("abcde", integers) | {"s": np.ones((4, 1), np.float32)}
    checkpoint = reading(nodes, arrays)
    assert {name: tensor.skip for name, tensor in checkpoint.items()} == {
        "a": "an input of MatMulInteger, which is not read as a layer",
        "b": "an input of DequantizeLinear, which is not read as a layer",
        "c": "whole numbers (int8), whose scale is not known",
        "d": "an input of MatMulNBits, which is not read as a layer",
        "e": "an input of QLinearConv, which is not read as a layer",
        "s": "an input of MatMulNBits, which is not read as a layer",
    }


def test_products_of_constants_are_one_weight(reading):
    """As an adapter W + B A and a spectral norm W/(uᵀ W v) write it."""
    w, b, a, u, v = normal(4, 5), normal(4, 2, seed=1), normal(2, 5, seed=2), normal(4), normal(5)
    nodes = [
        node("MatMul", "b", "a", output="ba"),
        node("Add", "w", "ba", output="sum"),
        node("MatMul", "x", "sum"),
        node("MatMul", "v", "vector", output="wv"),
        node("MatMul", "u", "wv", output="sigma"),
        node("Div", "v", "sigma", output="normed"),
        node("MatMul", "normed", "x", output="z"),
    ]
    checkpoint = reading(nodes, {"w": w, "b": b, "a": a, "v": 2 * w, "u": u, "vector": v})
    np.testing.assert_allclose(checkpoint["w"].read(), (w + b @ a).T, rtol=1e-5)
    np.testing.assert_allclose(checkpoint["v"].read(), w / (u @ w @ v), rtol=1e-5)
    assert checkpoint["a"].skip == checkpoint["b"].skip == "part of 'w'"


def test_a_constant_counts_once_and_others_say_why_not(reading):
    arrays = {name: normal(4, 4, seed=seed) for seed, name in enumerate(["tied", "table", "added", "idle"])}
    arrays |= {"single": normal(1, 4, 5), "ein": normal(4, 5), "bias": normal(4)}
    arrays["indices"] = np.ones((4, 4), int)
    nodes = [
        node("Gather", "tied", "x", output="a"),
        node("Transpose", "tied", output="head", perm=[1, 0]),
        node("MatMul", "a", "head", output="b"),
        node("Gemm", "b", "tied", "bias", output="c", transB=1),
        node("Gather", "table", "x", output="d"),
        node("Add", "d", "added", output="e"),
        node("MatMul", "e", "single", output="g"),
        node("Einsum", "e", "ein", output="h", equation="ij,jk->ik"),
        node("Gather", "indices", "x", output="i"),
    ]
    checkpoint = reading(nodes, arrays)
    assert {name: tensor.skip for name, tensor in checkpoint.items()} == {
        "tied": "",
        "table": "",
        "added": "an input of Add, which is not read as a layer",
        "idle": "no node uses it",
        "single": "",
        "ein": "an input of Einsum, which is not read as a layer",
        "bias": "",
        "indices": "whole numbers (int64), whose scale is not known",
    }
    np.testing.assert_array_equal(checkpoint["tied"].read(), arrays["tied"])
    assert checkpoint["table"].types == {"Embedding"}
    np.testing.assert_array_equal(checkpoint["single"].read(), arrays["single"][0].T)
    assert [layer.name for layer in layer_matrix_ensemble(checkpoint).layers] == ["tied", "table", "single"]


def test_stacked_matrices_are_layers_of_their_own(reading):
    experts = normal(2, 4, 5)
    checkpoint = reading([node("MatMul", "x", "experts")], {"experts": experts})
    assert list(checkpoint) == ["experts[0]", "experts[1]"]
    for index in range(2):
        np.testing.assert_array_equal(checkpoint[f"experts[{index}]"].read(), experts[index].T)


def test_a_network_has_the_spectrum_that_it_has_in_torch(reading):
    torch.manual_seed(0)
    layers = {
        "table": nn.Embedding(11, 5),
        "fc": nn.Linear(5, 7),
        "conv": nn.Conv2d(2, 6, 3),
        "up": nn.ConvTranspose2d(4, 6, 3, groups=2),
        "rec": nn.LSTM(5, 3, bidirectional=True),
    }
    arrays = {
        f"{name}.{parameter}": value.detach().numpy()
        for name, layer in layers.items()
        for parameter, value in layer.named_parameters()
        if "bias" not in parameter
    }
    gates = [0, 3, 1, 2]  # torch has i f g o, ONNX i o f g

    def directions(kind):
        both = [arrays.pop(f"rec.weight_{kind}_l0{end}") for end in ("", "_reverse")]
        stored = np.stack([weight.reshape(4, 3, -1)[gates].reshape(12, -1) for weight in both])
        return stored, {f"{kind}[{index}]": weight for index, weight in enumerate(both)}

    (w, w_torch), (r, r_torch) = directions("ih"), directions("hh")
    nodes = [
        node("Gather", "table.weight", "x", output="a"),
        node("Gemm", "a", "fc.weight", output="b", transB=1),
        node("Conv", "b", "conv.weight", output="c"),
        node("ConvTranspose", "c", "up.weight", output="d", group=2),
        node("LSTM", "a", "ih", "hh", output="e", hidden_size=3, direction="bidirectional"),
    ]
    ensemble = layer_matrix_ensemble(reading(nodes, arrays | {"ih": w, "hh": r}))
    up = arrays["up.weight"].reshape(2, 2, 3, 3, 3).swapaxes(1, 2).reshape(6, 2, 3, 3)  # outputs first
    expected = layer_matrix_ensemble(arrays | {"up.weight": up} | w_torch | r_torch)
    for got, want in zip(ensemble.layers, expected.layers, strict=True):
        assert got.name == want.name
        np.testing.assert_allclose(got.eigenvalues, want.eigenvalues, rtol=1e-5, atol=1e-6)


def test_nodes_of_another_library_are_no_layers(reading):
    own = helper.make_node("MatMul", ["x", "w"], ["y"], domain="com.example")
    skip = "an input of MatMul, which is not read as a layer"
    assert reading([own], {"w": normal(3, 3)})["w"].skip == skip


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


def test_functions_are_refused_and_the_sentence_writes_them_out(tmp_path):
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
    turned = node("Gemm", "x", "w")
    turned.attribute.add(name="transB", ref_attr_name="turn", type=onnx.AttributeProto.INT)
    linear = helper.make_function("own", "Linear", ["x", "w"], ["y"], [turned], opsets, ["turn"])
    graph = helper.make_graph(
        [node("Linear", "x", "w", domain="own", turn=1)], "g", [], [], [numpy_helper.from_array(W, "w")]
    )
    model = helper.make_model(graph, functions=[linear], opset_imports=opsets)
    path = tmp_path / "net.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match=r"own; save onnx\.inliner\.inline_local_functions\(model\) instead"):
        read_onnx(path)
    path.write_bytes(inliner.inline_local_functions(model).SerializeToString())
    np.testing.assert_array_equal(read_onnx(path)["w"].read(), W)


@pytest.mark.parametrize("name", ["FLOAT", "DOUBLE", "FLOAT16", "BFLOAT16", "FLOAT8E4M3FN", "FLOAT4E2M1"])
def test_numbers_of_every_type_are_read(reading, name):
    data_type = getattr(TensorProto, name)
    values = np.tile([[0, 1, 1], [1, 0, 1]], (2, 2))
    tensor = numpy_helper.from_array(values.astype(helper.tensor_dtype_to_np_dtype(data_type)), "w")
    typed = helper.make_tensor("v", data_type, values.shape, values.ravel().tolist())
    nodes = [node("Gemm", "x", "w", transB=1), node("Gemm", "x", "v", output="z", transB=1)]
    checkpoint = reading(nodes, {"w": tensor, "v": typed})
    for tensor in checkpoint.values():
        np.testing.assert_array_equal(tensor.read(), values)
        assert tensor.read().dtype.isbuiltin


def test_older_models_are_quantised_too(tmp_path):
    nodes = [node("DequantizeLinear", "w", "s", output="v", axis=0), node("MatMul", "v", "x")]
    model = model_of(nodes, {"w": np.arange(6, dtype=np.int8).reshape(2, 3), "s": np.float32([1, 2])})
    model.opset_import[0].version = 13
    path = tmp_path / "net.onnx"
    path.write_bytes(model.SerializeToString())
    np.testing.assert_array_equal(read_onnx(path)["w"].read(), [[0, 1, 2], [6, 8, 10]])


@pytest.mark.parametrize("name", ["INT4", "UINT4", "INT8", "UINT16"])
def test_short_whole_numbers_are_read_by_their_scale(reading, name):
    dtype = helper.tensor_dtype_to_np_dtype(getattr(TensorProto, name))
    values = np.arange(6).reshape(2, 3)
    arrays = {"w": numpy_helper.from_array(values.astype(dtype), "w"), "s": np.float32(2)}
    nodes = [node("DequantizeLinear", "w", "s", output="v"), node("MatMul", "v", "x")]
    np.testing.assert_array_equal(reading(nodes, arrays)["w"].read(), 2 * values)


def test_text_and_sparse_tensors_are_no_weights(reading):
    text = helper.make_tensor("w", TensorProto.STRING, [1, 2], [b"a", b"b"])
    sparse = helper.make_sparse_tensor(
        numpy_helper.from_array(normal(2), "s"), numpy_helper.from_array(np.array([0, 5])), [2, 3]
    )
    nodes = [node("MatMul", "x", "w"), node("MatMul", "x", "s", output="z")]
    checkpoint = reading(nodes, {"w": text}, sparse_initializer=[sparse])
    for name in "ws":
        assert checkpoint[name].skip == "sparse, text or of an unknown type, which is not read"


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
    with pytest.raises(InputError, match=r"net\.onnx is no readable ONNX model"):
        checkpoint["w"].read()
    with pytest.raises(InputError, match=r"data in 'weights\.bin', which is no file in the model's folder"):
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


def test_equal_lengths_and_matrices_of_a_stack_are_other_tensors(tmp_path):
    nodes = [node("MatMul", "x", name, output=f"{name}y") for name in "wvs"]
    model = model_of(nodes, {"w": W, "v": -W, "s": normal(2, 30, 20)})
    path = tmp_path / "net.onnx"
    onnx.save_model(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    names = [layer.name for layer in layer_matrix_ensemble(read_onnx(path)).layers]
    assert names == ["w", "v", "s[0]", "s[1]"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"location": "../secret.bin"}, r"data in '\.\./secret\.bin', which is no file in the"),
        ({"location": "/etc/hostname"}, r"data in '/etc/hostname', which is no file in the model's folder"),
        ({"location": "link.bin"}, r"data in 'link\.bin', which is no file in the model's folder"),
        ({"location": "."}, "which is no file in the model's folder"),
        ({"location": "a\0b"}, r"no readable ONNX model"),
        ({"offset": -1}, "no readable ONNX model"),
        ({"offset": "two"}, r"no readable ONNX model \(invalid literal for int"),
        ({"offset": 10**6}, r"claims 2\.4 kB, but the file has 0 bytes"),
        ({"length": 2300}, r"claims 2\.4 kB, but the file has 2\.3 kB"),
        ({"length": 10**18}, "no readable ONNX model"),
    ],
)
def test_data_outside_the_folder_or_beyond_the_file_are_refused(external, tmp_path, changes, message):
    (tmp_path / "secret.bin").write_bytes(bytes(10_000))
    path = external(**changes)
    (path.parent / "link.bin").symlink_to(tmp_path / "secret.bin")
    with pytest.raises(InputError, match=message):
        read_onnx(path)["w"].read()


@pytest.mark.parametrize(
    ("dims", "raw", "message"),
    [
        ([1000, 1000], bytes(4 * 999_999), "no readable ONNX model"),
        ([10**6, 10**6], bytes(8192), r"'w' claims 4\.0 TB, but the file has 8\.2 kB"),
        ([2**40, 2**40], bytes(8192), "'w' claims 4.8 YB"),
        ([10, 10], bytes(8192), "no readable ONNX model"),
        ([-1, 2], bytes(8), "'w' claims -8 bytes"),
    ],
)
def test_tensors_that_claim_other_than_they_hold_are_refused(reading, dims, raw, message):
    tensor = TensorProto(name="w", dims=dims, data_type=TensorProto.FLOAT, raw_data=raw)
    with pytest.raises(InputError, match=message):
        reading([node("MatMul", "x", "w")], {"w": tensor})


def test_typed_fields_that_are_too_short_are_refused(reading):
    tensor = TensorProto(name="w", dims=[10**6, 10**6], data_type=TensorProto.FLOAT, float_data=[1.0])
    with pytest.raises(InputError, match=r"claims 4\.0 TB"):
        reading([node("MatMul", "x", "w")], {"w": tensor})


def test_nan_weights_are_named(reading):
    weights = normal(3, 3)
    weights[1, 2] = np.nan
    checkpoint = reading([node("MatMul", "x", "w")], {"w": weights})
    with pytest.raises(InputError, match="layer 'w' has NaN or infinite weights"):
        layer_matrix_ensemble(checkpoint).measured()


def test_a_graph_without_weights_has_nothing_to_square(reading):
    checkpoint = reading([node("Relu", "x")], {"shape": np.array([1, 2])})
    with pytest.raises(InputError, match=r"no weight tensor of two or more axes"):
        layer_matrix_ensemble(checkpoint)


def test_a_graph_in_a_circle_has_no_constants(reading):
    nodes = [node("Identity", "a", output="b"), node("Identity", "b", output="a"), node("MatMul", "x", "a")]
    assert list(reading(nodes, {})) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no graph of ONNX nodes"),
        (b"hello, this is a text", "is no readable ONNX model"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "is no readable ONNX model"),
        (b"PK\x03\x04" + bytes(100), "is no readable ONNX model"),
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
    path = tmp_path / "net.onnx"
    path.write_bytes(model_of([node("MatMul", "x", "w")], {"w": normal(3, 4)}).SerializeToString())
    with pytest.raises(InputError, match=r"needs onnx, which is not installed: pip install 'mme\[check"):
        read_file(path)


@pytest.mark.slow
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


def test_data_beside_the_model_begin_with_the_file_unless_told_otherwise(tmp_path):
    path = tmp_path / "net.onnx"
    model = model_of([node("MatMul", "x", "w")], {"w": W})
    onnx.save_model(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    model = onnx.load(path, load_external_data=False)
    (weight,) = model.graph.initializer
    kept = [entry for entry in weight.external_data if entry.key == "location"]
    del weight.external_data[:]
    weight.external_data.extend(kept)
    path.write_bytes(model.SerializeToString())
    (tmp_path / "weights.bin").write_bytes(np.ascontiguousarray(W, "<f4").tobytes())
    np.testing.assert_array_equal(read_onnx(path)["w"].read(), W.T)
