"""Each rule against the library that stores the weights, or a packing written the other way round."""

from __future__ import annotations

import json
import pickle
import sys
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune, spectral_norm, weight_norm

from mme.checkpoints.safetensors_files import read_safetensors
from mme.ensembles import layer_matrix_ensemble
from mme.errors import InputError
from mme.weights import Checkpoint, StoredTensor
from mme.weights.effective import effective_weights
from mme.weights.rules import _found


def seeded(build: Any, *arguments: Any, **options: Any) -> Any:
    torch.manual_seed(5)
    return build(*arguments, **options)


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def integers(low: int, high: int, *shape: int) -> np.ndarray:
    return np.random.default_rng([low + 1000, high, *shape]).integers(low, high, shape)


def layers(source: Any, **options: Any) -> dict[str, np.ndarray]:
    return {
        name: tensor.read()
        for name, tensor in effective_weights(source, **options).items()
        if not tensor.skip and len(tensor.shape) > 1
    }


def reasons(source: Any, **options: Any) -> dict[str, str]:
    return {name: each.skip for name, each in effective_weights(source, **options).items() if each.skip}


def assert_layers(source: Any, expected: dict[str, Any], atol: float = 1e-6) -> None:
    """All layers, and no others; the same when the rules are applied again."""
    found = layers(source)
    assert found.keys() == expected.keys()
    for name, weight in expected.items():
        assert effective_weights(source)[name].shape == found[name].shape
        np.testing.assert_allclose(found[name], np.asarray(weight), atol=atol, rtol=1e-6)
    again = effective_weights(effective_weights(source).items())
    for name, weight in layers(again).items():
        np.testing.assert_array_equal(weight, found[name])


MODULES = {
    "linear": lambda: seeded(nn.Linear, 6, 9),
    "convolution": lambda: seeded(nn.Conv2d, 4, 6, 3),
}
WRAPPERS = {
    "old weight norm": weight_norm,
    "old weight norm of columns": lambda module: weight_norm(module, dim=1),
    "old weight norm of the whole": lambda module: weight_norm(module, dim=None),
    "weight norm": parametrizations.weight_norm,
    "weight norm of the whole": lambda module: parametrizations.weight_norm(module, dim=None),
    "old spectral norm": spectral_norm,
    "old spectral norm of columns": lambda module: spectral_norm(module, dim=1),
    "spectral norm": parametrizations.spectral_norm,
    "pruned": lambda module: prune.l1_unstructured(module, "weight", 0.4),
    "pruned, then weight norm of it": lambda module: prune.l1_unstructured(
        weight_norm(module), "weight_v", 0.4
    ),
}


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm`:FutureWarning")
@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("kind", MODULES)
def test_torch_parametrisations_are_the_weight_of_the_module(kind: str, wrapper: str) -> None:
    module = WRAPPERS[wrapper](MODULES[kind]())
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(1.7)  # magnitudes are no norms any longer, and singular vectors lag behind
    inputs = torch.randn(2, 6) if kind == "linear" else torch.randn(1, 4, 5, 5)
    if "norm" in wrapper:
        module.train()(inputs)
    module.eval()(inputs)
    weight = module.weight.detach().numpy().copy()
    assert_layers(module.state_dict(), {"weight": weight})
    module.train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    assert_layers(module, {"weight": weight})
    assert module.training
    assert all(each.training for each in module.modules())
    for name, value in module.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
    assert effective_weights(module.state_dict())["weight"].note
    assert set(effective_weights(module.state_dict())) == {"weight", "bias"}


@pytest.mark.parametrize("wrapper", [spectral_norm, parametrizations.spectral_norm])
@pytest.mark.parametrize("kind", ["linear", "transposed", "columns", "places"])
def test_spectral_norm_of_equal_axes(wrapper: Any, kind: str) -> None:
    builds = {"transposed": (nn.ConvTranspose2d, 6, 6, 3), "places": (nn.Conv1d, 6, 5, 4)}
    module = seeded(*builds.get(kind, (nn.Linear, 6, 6)))
    module = wrapper(module, n_power_iterations=9, dim={"columns": 1, "places": 2}.get(kind))
    inputs = torch.randn(1, 6, *{"transposed": (4, 4), "places": (4,)}.get(kind, ()))
    module.train()(inputs)
    module.eval()(inputs)
    weight = module.weight.detach().numpy()
    np.testing.assert_allclose(layers(module.state_dict())["weight"], weight, rtol=1e-5)


def test_half_precision_is_widened_before_squares_and_products() -> None:
    """400² and 300 · 300 are beyond its largest number, 65504."""
    parts = {"g": [[5.0]], "v": [[300.0, 400.0]]}
    stored = {f"fc.weight_{part}": np.array(rows, np.float16) for part, rows in parts.items()}
    assert_layers(stored, {"fc.weight": [[3.0, 4.0]]})
    factors = {"a": np.full((1, 3), 300, np.float16), "b": np.full((2, 1), 300, np.float16)}
    stored = {f"fc.lora_{factor.upper()}.weight": each for factor, each in factors.items()}
    assert_layers(opened(stored, 0.5), {"fc.weight": np.full((2, 3), 45_000.0)})


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float8_e5m2", "float32", "float64"])
def test_numbers_are_read_in_the_precision_that_is_told(kind: str) -> None:
    """But for floats that NumPy has not. What is only turned keeps its precision, and products are wide."""
    precision = getattr(torch, kind)
    tensor, factor = torch.arange(12.0).reshape(3, 4).to(precision), torch.ones(3, 1).to(precision)
    wide = "float64" if kind == "float64" else "float32"
    own = kind if hasattr(np, kind) else wide
    parts = {"normed.weight_g": factor, "normed.weight_v": tensor}
    made = effective_weights({"fc.weight": tensor, "turned.kernel": tensor} | parts)
    assert [each.dtype for each in made.values()] == [kind, kind, wide]
    assert [each.read().dtype.name for each in made.values()] == [own, own, wide]
    assert made["turned.kernel"].note


def test_integers_typed_by_hand_are_read_as_floats() -> None:
    weight = effective_weights({"fc": np.eye(3, dtype=int)})["fc"]
    assert weight.dtype == weight.read().dtype == "float64"


def test_spectral_norm_with_vectors_of_opposite_signs() -> None:
    """W/(uᵀ W v) is −W/σ where one of the two is turned round, and both axes are as long."""
    W = normal(6, 6)
    left, values, right = np.linalg.svd(W)
    stored = {"fc.weight_orig": W, "fc.weight_u": -left[:, 0], "fc.weight_v": right[0]}
    assert_layers(stored, {"fc.weight": -W / values[0]})
    one = {"fc.weight_orig": np.array([[-3.0]]), "fc.weight_u": np.ones(1), "fc.weight_v": np.ones(1)}
    assert_layers(one, {"fc.weight": [[1.0]]})
    assert reasons(stored | {"fc.weight_v": right[0, :5]}).keys() == {"fc.weight_orig"}


@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm`:FutureWarning")
def test_a_live_module_is_not_asked_for_what_its_next_forward_replaces() -> None:
    module = weight_norm(seeded(nn.Linear, 6, 9))
    stale = module.weight.detach().numpy().copy()
    with torch.no_grad():
        module.weight_g.mul_(3)
    assert_layers(module, {"weight": 3 * stale})


@pytest.mark.parametrize("name", ["in_proj_weight", "weight_ih_l0"])
def test_pruning_of_any_parameter(name: str) -> None:
    module = nn.LSTM(6, 5) if "ih" in name else nn.MultiheadAttention(8, 2)
    prune.random_unstructured(module, name, 0.5)
    weight = getattr(module, name).detach().numpy()
    assert 0 < (weight == 0).mean() < 1
    for source in (module, module.state_dict()):
        np.testing.assert_array_equal(layers(source)[name], weight)
        assert name + "_orig" not in effective_weights(source)


class Symmetric(nn.Module):
    def forward(self, weight: Any) -> Any:
        return weight.triu() + weight.triu(1).mT


@pytest.mark.parametrize("kind", ["orthogonal", "own", "chain", "wide"])
def test_other_parametrisations_are_asked_of_the_module_and_refused_in_a_file(kind: str) -> None:
    module = seeded(nn.Linear, 7, 7)
    network = nn.Sequential(module, seeded(nn.Linear, 7, 4))
    if kind == "orthogonal":
        parametrizations.orthogonal(module)
    elif kind == "own":
        parametrize.register_parametrization(module, "weight", Symmetric())
    elif kind == "chain":
        parametrize.register_parametrization(module, "weight", Symmetric())
        parametrizations.spectral_norm(module)
    else:
        parametrize.register_parametrization(
            module, "weight", nn.Sequential(nn.Linear(7, 9), nn.Tanh()), unsafe=True
        )
    weight, head = module.eval().weight.detach().numpy(), network[1].weight.detach().numpy()
    assert_layers(network, {"0.weight": weight, "1.weight": head})
    assert layers(network.state_dict()).keys() == {"1.weight"}
    words = "part of a parametrisation that no rule resolves; give the live network"
    assert reasons(network.state_dict())["0.parametrizations.weight.original"] == words


def test_a_part_beside_a_whole_weight_leaves_it_out() -> None:
    normed = parametrizations.weight_norm(seeded(nn.Linear, 5, 4)).state_dict()
    further = normed | {"parametrizations.weight.1._u": torch.ones(4)}
    assert layers(normed).keys() == {"weight"}
    assert layers(further) == {}
    assert reasons(further)["weight"].startswith("part of a parametrisation that no rule resolves")


@pytest.mark.parametrize(
    "parts",
    [["weight_orig"], ["weight_bar"], ["weight_mask"], ["weight_g", "weight_v"], ["weight_v", "weight_u"]],
)
def test_parts_that_nothing_puts_together_are_left_out(parts: list[str]) -> None:
    stored = {f"fc.{name}": normal(4, 5 + number) for number, name in enumerate(parts)}
    found = reasons(stored | {"attention.weight_v": normal(4, 5)})
    assert found.keys() == stored.keys() - {"fc.weight_u"}


def test_what_a_reader_left_out_is_no_part() -> None:
    parts = {"fc.weight_g": normal(4, 1), "fc.weight_v": normal(4, 5), "up.weight": normal(4, 6, 2)}
    stored = [
        StoredTensor(name, array.shape, "float64", lambda: normal(1), skip="beside the network")
        for name, array in (parts | {"up.bias": normal(6)}).items()
    ]
    assert set(reasons(Checkpoint("net", "torch", stored)).values()) == {"beside the network"}
    assert layers(Checkpoint("net", "torch", stored)) == {}


@pytest.mark.parametrize("name", ["SCB", "weight.SCB"])
def test_int8_of_bitsandbytes(name: str) -> None:
    weight = normal(6, 8)
    weight /= np.abs(weight).max(axis=1, keepdims=True)
    scale = np.arange(1.0, 7.0)
    codes = np.round(127 * weight).astype(np.int8)  # as it is quantised: 127 stands for the row's maximum
    stored = {"fc.weight": codes, f"fc.{name}": scale.astype(np.float32), "fc.weight_format": np.array(0)}
    assert_layers(stored, {"fc.weight": weight * scale[:, None]}, atol=6 / 250)
    found = layers(stored)["fc.weight"]
    np.testing.assert_allclose(np.abs(found).max(axis=1), scale, rtol=1e-6)
    assert set(effective_weights(stored)) == {"fc.weight"}
    with pytest.raises(InputError, match="stored in tiles"):
        layers(stored | {"fc.weight_format": np.array(2)})


@pytest.mark.parametrize(
    ("shape", "blocks"),
    [
        ((300, 260), (128, 128)), ((300, 200), (64, 64)), ((12, 10), (4, 5)), ((12, 10), (1, 10)),
        ((6, 4), (6, 4)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["float8_e4m3fn", "int8"])
@pytest.mark.parametrize("name", ["weight_scale_inv", "weight_scale"])
@pytest.mark.slow
def test_scales_of_blocks(shape: Any, blocks: Any, kind: str, name: str) -> None:
    values = torch.tensor(integers(-15, 16, *shape)).to(getattr(torch, kind))
    counts = [-(-length // block) for length, block in zip(shape, blocks, strict=True)]
    scale = np.abs(normal(*counts)) + 0.1
    expected = np.empty(shape)
    for row in range(shape[0]):
        for column in range(shape[1]):
            factor = scale[row // blocks[0], column // blocks[1]]
            expected[row, column] = float(values[row, column].float()) * factor
    stored = {"fc.weight": values, f"fc.{name}": torch.tensor(scale).float(), "fc.input_scale": torch.ones(1)}
    assert_layers(stored, {"fc.weight": expected})
    assert effective_weights(stored)["fc.weight"].note.endswith(f"of each {blocks[0]}×{blocks[1]}")


def test_scales_that_fit_no_blocks_are_not_applied() -> None:
    zeros = {"w": np.ones((6, 8), np.int8), "w_scale": np.ones(6), "w_zero_point": np.zeros(8, np.int8)}
    assert layers(zeros) == {}
    assert layers({"w": np.ones((7, 8), np.int8), "w_scale": normal(3, 1)}) == {}


def test_exponents_are_no_scales() -> None:
    stored = {"w": torch.ones(4, 64).to(torch.float8_e4m3fn), "w_scale": np.full((4, 2), 120, np.uint8)}
    assert layers(stored) == {}


@pytest.mark.parametrize("shape", [(), (1,), (6,), (6, 1)])
def test_scales_of_tensors_and_rows(shape: tuple[int, ...]) -> None:
    codes, scale = integers(-127, 128, 6, 8).astype(np.int8), np.abs(normal(*shape))
    expected = codes * (scale[:, None] if shape == (6,) else scale)
    assert_layers({"weight": codes, "weight_scale": scale}, {"weight": expected})
    zero = integers(-9, 9, *shape).astype(np.int8)
    shifted = (codes - zero.astype(int).reshape((*shape, 1) if shape == (6,) else shape)) * expected / codes
    stored = {"weight": codes, "weight_scale": scale, "weight_zero_point": zero}
    np.testing.assert_allclose(layers(stored)["weight"], np.where(codes, shifted, layers(stored)["weight"]))


def packed_by_bits(codes: np.ndarray, bits: int) -> np.ndarray:
    """Write the codes of each column one after the other as binary digits, and cut them into words."""
    columns = []
    for column in codes.T:
        number = sum(int(code) << (bits * place) for place, code in enumerate(column))
        words = [(number >> (32 * word)) & 0xFFFFFFFF for word in range(len(column) * bits // 32)]
        columns.append(words)
    return np.array(columns, np.uint32).T.view(np.int32)


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("order", ["groups", "activation", "missing"])
def test_gptq(bits: int, order: str) -> None:
    inputs, outputs, size = 64, 32, 16
    codes, zeros = integers(0, 2**bits, inputs, outputs), integers(0, 2**bits, inputs // size, outputs)
    scales = np.abs(normal(inputs // size, outputs)).astype(np.float16)
    g_idx = np.arange(inputs) // size
    if order == "activation":
        g_idx = np.random.default_rng(1).permutation(g_idx)
    expected = scales[g_idx].astype(float) * (codes - zeros[g_idx])
    stored = {
        "fc.qweight": packed_by_bits(codes, bits),
        "fc.qzeros": packed_by_bits((zeros - 1).T % 2**bits, bits).T,  # less one, round about
        "fc.scales": scales,
        "fc.bias": np.zeros(outputs),
    }
    if order != "missing":
        stored["fc.g_idx"] = g_idx.astype(np.int32)
    assert_layers(stored, {"fc.weight": expected.T})
    assert set(effective_weights(stored)) == {"fc.weight", "fc.bias"}
    note = effective_weights(stored)["fc.weight"].note
    assert f"zeros as the first format stores them, less one, unless all are {2 ** (bits - 1)}" in note
    symmetric = np.full_like(zeros, 2 ** (bits - 1))
    for less in (1, 0):  # the two formats of a symmetric one
        stored["fc.qzeros"] = packed_by_bits((symmetric - less).T, bits).T
        expected = scales[g_idx].astype(float) * (codes - symmetric[0, 0])
        assert_layers(stored, {"fc.weight": expected.T})


def test_groups_of_gptq_that_no_table_tells_are_equal_or_the_last_is_cut_off() -> None:
    codes, zeros = integers(0, 16, 160, 8), np.full((3, 8), 8)
    scales = np.array([[1.0], [2.0], [4.0]]) * np.ones(8)
    stored = {
        "fc.qweight": packed_by_bits(codes, 4), "fc.qzeros": packed_by_bits(zeros.T, 4).T, "fc.scales": scales
    }  # fmt: skip
    assert_layers(stored, {"fc.weight": ((codes - 8) * scales[np.arange(160) // 64]).T})
    stored |= {"fc.qzeros": np.zeros((7, 1), np.int32), "fc.scales": np.ones((7, 8))}  # 7 · 16 < 160 < 7 · 32
    assert "fc.weight" not in layers(stored)
    assert "fc.weight" in layers(stored | {"fc.g_idx": np.zeros(160, np.int32)})


def test_codes_of_awq_are_left_out_by_name() -> None:
    inputs, outputs, size = 24, 16, 8
    codes, zeros = integers(0, 16, inputs, outputs), integers(0, 16, inputs // size, outputs)
    scales = np.abs(normal(inputs // size, outputs)).astype(np.float16)

    def packed(table: np.ndarray) -> np.ndarray:
        words = np.zeros((len(table), outputs // 8), np.uint32)
        for word in range(outputs // 8):
            for place, column in enumerate((0, 2, 4, 6, 1, 3, 5, 7)):
                words[:, word] |= table[:, 8 * word + column].astype(np.uint32) << np.uint32(4 * place)
        return words.view(np.int32)

    stored = {"fc.qweight": packed(codes), "fc.qzeros": packed(zeros), "fc.scales": scales}
    assert layers(stored) == {}
    assert effective_weights(stored)["fc.qweight"].skip == "packed codes (int32) that no rule resolves"


@pytest.mark.parametrize("is_nested", [False, True])
@pytest.mark.parametrize("kind", ["nf4", "fp4"])
@pytest.mark.parametrize("shape", [(9, 48), (13, 25)])
def test_four_bits_of_bitsandbytes(is_nested: bool, kind: str, shape: tuple[int, int]) -> None:
    blocksize = 64
    levels = np.sort(np.append(normal(15), 0.0)).astype(np.float32)
    codes = integers(0, 16, *shape).ravel()
    blocks = -(-codes.size // blocksize)
    absmax = (np.abs(normal(blocks)) + 0.5).astype(np.float32)
    told = {"quant_type": kind, "blocksize": blocksize, "dtype": "bfloat16", "shape": list(shape)}
    stored: dict[str, Any] = {
        "fc.weight": (16 * codes[::2] + np.resize(codes[1::2], len(codes[::2]))).astype(np.uint8)[:, None],
        "fc.weight.quant_map": levels,
        "fc.weight.absmax": absmax,
    }
    if is_nested:
        table, offset = np.linspace(-1, 1, 256).astype(np.float32), 0.25
        inner, places = np.array([0.5, 0.75], np.float32), integers(0, 256, blocks)
        told |= {"nested_blocksize": 4, "nested_offset": offset, "nested_dtype": "float32"}
        absmax = np.array([table[place] * inner[block // 4] + offset for block, place in enumerate(places)])
        stored |= {
            "fc.weight.absmax": places.astype(np.uint8),
            "fc.weight.nested_absmax": inner,
            "fc.weight.nested_quant_map": table,
        }
    name = f"fc.weight.quant_state.bitsandbytes__{kind}"
    stored[name] = np.frombuffer(json.dumps(told).encode(), np.uint8)
    expected = [levels[code] * absmax[place // blocksize] for place, code in enumerate(codes)]
    assert_layers(stored, {"fc.weight": np.reshape(expected, shape)})
    assert set(effective_weights(stored)) == {"fc.weight"}
    broken = stored | {name: np.frombuffer(b'{"shape": 3}', np.uint8)}
    assert layers(broken) == {}
    assert reasons(broken)["fc.weight"] == "uint8 codes without a known scale"
    for part in ("weight", "weight.absmax", "weight.quant_map"):
        assert layers(stored | {f"fc.{part}": stored[f"fc.{part}"][:-1]}) == {}
    if is_nested:
        del stored["fc.weight.nested_absmax"]
        assert layers(stored) == {}


def adapter(rank: int = 3, prefix: str = "net.fc.", middle: str = "") -> dict[str, np.ndarray]:
    return {
        f"{prefix}lora_A{middle}.weight": normal(rank, 8),
        f"{prefix}lora_B{middle}.weight": normal(6, rank),
    }


def opened(tensors: dict[str, np.ndarray], scale: Any) -> Checkpoint:
    stored = [StoredTensor(n, a.shape, str(a.dtype), lambda a=a: a) for n, a in tensors.items()]  # type: ignore[misc]
    return Checkpoint("adapter", "safetensors", stored, lora_scale=scale)


@pytest.mark.parametrize(
    "scale",
    [2.0, {"fc": 2.0, "": 7.0}, {"other": 7.0, "net.fc": 2.0}, {"f.": 2.0, "fc": 7.0}, {"c": 7.0, "fc": 2.0}],
)
@pytest.mark.parametrize("middle", ["", ".default"])
def test_an_adapter_by_itself(scale: Any, middle: str) -> None:
    stored = adapter(middle=middle)
    a, b = stored.values()
    network = opened(stored, scale)
    assert_layers(network, {"net.fc.weight": 2 * b @ a})
    note = effective_weights(network)["net.fc.weight"].note
    assert note == "LoRA: ΔW = 2·B A of rank 3, without the base weights"
    words = "part of an adapter that no rule resolves; of LoRA, adapter_config.json tells the scale"
    assert reasons(opened(stored, None)) == dict.fromkeys(stored, words)
    assert reasons(opened(stored, {"another": 2.0})) == dict.fromkeys(stored, words)


def test_adapters_of_one_storage_with_other_scales_are_other_layers() -> None:
    stored = [
        StoredTensor(f"{layer}.lora_{part}.weight", array.shape, "float64", lambda a=array: a, location=part)  # type: ignore[misc]
        for part, array in (("A", normal(2, 5)), ("B", normal(4, 2)))
        for layer in ("x", "y", "z")
    ]
    adapters = Checkpoint("net", "safetensors", stored, lora_scale={"x": 1.0, "y": 2.0, "z": 1.0})
    assert layer_matrix_ensemble(adapters).skipped == (("z.weight", "shared with x.weight"),)


def test_adapters_of_other_layers() -> None:
    a, b = normal(2, 4, 3, 3), normal(5, 2, 1, 1)
    conv = opened({"c.lora_A.weight": a, "c.lora_B.weight": b}, 0.5)
    assert_layers(conv, {"c.weight": 0.5 * np.einsum("or,rixy->oixy", b[:, :, 0, 0], a)})
    table = opened({"e.lora_embedding_A": normal(2, 11), "e.lora_embedding_B": normal(4, 2)}, 0.5)
    assert_layers(table, {"e.weight": 0.5 * (normal(4, 2) @ normal(2, 11)).T})
    # of kohya and diffusers, and LoHa
    for names in (("lora_down", "lora_up"), ("lora.down", "lora.up"), ("hada_w1_a", "hada_w1_b")):
        others = {f"u.{name}.weight": normal(6, 8) for name in names}
        assert reasons(others).keys() == others.keys()


def test_an_adapter_beside_its_base() -> None:
    base = {"net.fc.base_layer.weight": normal(6, 8), "net.fc.base_layer.bias": normal(6)}
    stored = base | adapter()
    a, b = adapter().values()
    merged = normal(6, 8) + 2 * b @ a
    assert_layers(opened(stored, 2.0), {"net.fc.weight": merged})
    assert effective_weights(opened(stored, 2.0))["net.fc.weight"].note == "LoRA: W + 2·B A of rank 3"
    assert layers(stored) == {}  # the scale is not known, and so the weights are not
    assert "part of an adapter that no rule resolves" in reasons(stored)["net.fc.base_layer.weight"]
    turned = {"c.base_layer.weight": normal(8, 6), "c.base_layer.bias": normal(6)} | adapter(prefix="c.")
    assert_layers(opened(turned, 2.0), {"c.weight": normal(8, 6).T + 2 * b @ a})
    assert layers(turned) == {}
    other = stored | {"net.fc.lora_B.weight": b[:1]}
    assert layers(opened(other, 2.0)) == {}
    dora = stored | {"net.fc.lora_magnitude_vector": normal(6)}
    assert layers(opened(dora, 2.0)) == {}


def test_a_weight_of_parts_has_the_types_and_notes_of_all() -> None:
    stored = {"fc.base_layer.kernel": np.ones((8, 6), np.int8), "fc.base_layer.kernel_scale": np.ones(1)}
    made = effective_weights(stored)["fc.base_layer.kernel"]
    assert made.note == "codes times the scale of each 8×6; stored outputs last"
    base = {"fc.base_layer.weight": normal(6, 8)} | adapter(prefix="fc.")
    parts = [replace(each, types=frozenset({name})) for name, each in opened(base, 2.0).items()]
    made = effective_weights(Checkpoint("net", "torch", parts, lora_scale=2.0))["fc.weight"]
    assert made.types == base.keys()


class Adapted(nn.Module):
    """As PEFT builds it."""

    def __init__(self) -> None:
        super().__init__()
        self.base_layer = seeded(nn.Linear, 8, 6)
        self.lora_A = nn.ModuleDict({name: nn.Linear(8, 3, bias=False) for name in ("one", "two")})
        self.lora_B = nn.ModuleDict({name: nn.Linear(3, 6, bias=False) for name in ("one", "two")})
        self.scaling = {"one": 2.0, "two": 0.5}
        self.active_adapters = ["one", "two"]
        self.merged_adapters: list[str] = []
        self.disable_adapters = False


@pytest.mark.parametrize("change", ["both", "one", "merged", "off", "untold"])
def test_live_adapters(change: str) -> None:
    network = nn.Sequential(Adapted(), nn.Linear(6, 5))
    module = network[0]
    factors = dict(module.scaling)
    if change == "one":
        module.active_adapters, factors["two"] = ["one"], 0.0
    elif change == "merged":
        module.merged_adapters, factors["one"] = ["one"], 0.0
    elif change == "off":
        module.disable_adapters, factors = True, {"one": 0.0, "two": 0.0}
    elif change == "untold":
        del module.active_adapters, module.merged_adapters, module.disable_adapters
    weight = module.base_layer.weight.detach().numpy().astype(float)
    for name, factor in factors.items():
        a, b = (part[name].weight.detach().numpy().astype(float) for part in (module.lora_A, module.lora_B))
        weight = weight + factor * b @ a
    assert_layers(network, {"0.weight": weight, "1.weight": network[1].weight.detach().numpy()})


def test_stacks_of_experts() -> None:
    stack = normal(8, 48, 32)
    for name in ("mlp.experts.w1", "moe.experts.up.weight", "experts", "block_sparse_moe.input.weight"):
        assert_layers({name: stack}, {f"{name}[{number}]": stack[number] for number in range(8)})
    turned = {"x.experts.up_proj": stack, "x.experts.up_proj_bias": normal(8, 32)}
    assert layers(turned)["x.experts.up_proj[2]"].shape == (32, 48)
    assert_layers(turned, {f"x.experts.up_proj[{number}]": stack[number].T for number in range(8)})
    assert reasons(turned) == {"x.experts.up_proj_bias": "a bias"}
    note = effective_weights(turned)["x.experts.up_proj[2]"].note
    assert note == "one of 8 experts, stored as (inputs, outputs)"
    guessed = effective_weights({"experts": stack})["experts[2]"].note
    assert guessed == "one of 8 experts, taken as (outputs, inputs)"
    tied = layer_matrix_ensemble({"one.experts": torch.ones(2, 3, 4), "two.experts": torch.ones(2, 3, 4)})
    assert len(tied.layers) == 4
    single = {"experts.3.conv.weight": normal(8, 4, 3), "conv.weight": normal(8, 4, 3)}
    assert_layers(single, single)
    codes = integers(-9, 9, 3, 4, 5).astype(np.int8)
    scaled = {"experts.up": codes, "experts.up_scale": np.array([1.0, 2.0, 3.0])}
    assert_layers(scaled, {f"experts.up[{number}]": (number + 1) * codes[number] for number in range(3)})
    note = effective_weights(scaled)["experts.up[0]"].note
    assert note == "codes times the scale of each 1×4×5; one of 3 experts, taken as (outputs, inputs)"
    assert list(reasons({"w": np.eye(2), "experts.up": codes})) == ["experts.up"]
    ready = StoredTensor("experts.up", stack.shape, "float64", lambda: stack, effective=True)
    assert_layers({"experts.up": ready, "w": np.eye(2)}, {"experts.up": stack, "w": np.eye(2)})


def test_kernels_come_outputs_first() -> None:
    convolution, dense, depthwise = normal(3, 2, 7, 5), normal(7, 5), normal(3, 2, 7, 4)
    stored = {
        "params/Conv_0/kernel": convolution, "dense.kernel:0": dense, "lstm/recurrent_kernel": dense,
        "d/depthwise_kernel": depthwise, "kernel_size": dense, "norm.kernel": normal(7),
        "conv_pointwise_kernel:0": convolution, "moe.experts.kernel": normal(3, 4, 5),
        "up.kernel": convolution, "up.bias": normal(7), "attention/query/kernel": normal(6, 2, 4),
    }  # fmt: skip
    assert_layers(stored, {
        "params/Conv_0/kernel": np.einsum("hwio->oihw", convolution),
        "dense.kernel:0": dense.T, "lstm/recurrent_kernel": dense.T,
        "d/depthwise_kernel": np.array(
            [[depthwise[:, :, channel, copy]] for channel in range(7) for copy in range(4)]
        ),
        "kernel_size": dense,
        "conv_pointwise_kernel:0": np.einsum("hwio->oihw", convolution),
        "up.kernel": np.einsum("hwoi->oihw", convolution),
        "attention/query/kernel": normal(6, 2, 4).reshape(6, 8).T,
    } | {f"moe.experts.kernel[{number}]": normal(3, 4, 5)[number].T for number in range(3)})  # fmt: skip
    codes = {"dense/kernel": np.ones((7, 5), np.int8), "conv/kernel": normal(3, 3, 4, 6)}
    assert reasons(codes) == {"dense/kernel": "int8 codes without a known scale"}
    ready = [StoredTensor("dense/kernel", (5, 7), "float32", lambda: dense.T)]
    assert layers(Checkpoint("net", "keras", ready))["dense/kernel"].shape == (5, 7)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_kernel_is_moved_and_nothing_else(dtype: str) -> None:
    dense = normal(7, 5).astype(dtype)
    weight = effective_weights({"dense/kernel": dense})["dense/kernel"]
    found = weight.read()
    assert (weight.dtype, found.dtype) == (dtype, dtype)
    np.testing.assert_array_equal(found, dense.T)


class Conv1D(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs))
        self.bias = nn.Parameter(torch.randn(outputs))


def test_linear_layers_that_are_stored_inputs_first() -> None:
    network = nn.ModuleDict({"wide": Conv1D(4, 9), "square": Conv1D(6, 6), "plain": nn.Linear(4, 9)})
    wide, square, plain = (network[name].weight.detach().numpy() for name in ("wide", "square", "plain"))
    assert_layers(network, {"wide.weight": wide.T, "square.weight": square.T, "plain.weight": plain})
    assert_layers(
        network.state_dict(), {"wide.weight": wide.T, "square.weight": square, "plain.weight": plain}
    )


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("axes", [1, 2])
@pytest.mark.parametrize("bias", [True, False])
def test_transposed_convolutions(groups: int, axes: int, bias: bool) -> None:
    build = nn.ConvTranspose1d if axes == 1 else nn.ConvTranspose2d
    module = seeded(build, 8, 6, 3, groups=groups, bias=bias).double()
    # the response to each input by itself
    weight = np.zeros((6, 8 // groups, *(3,) * axes))
    for channel in range(8):
        pulse = torch.zeros(1, 8, *(1,) * axes, dtype=torch.double)
        pulse[0, channel] = 1
        answer = module(pulse).detach()[0]
        if bias:
            answer = answer - module.bias.detach().reshape(-1, *(1,) * axes)
        group = channel // (8 // groups)
        rows = slice(group * (6 // groups), (group + 1) * (6 // groups))
        weight[rows, channel % (8 // groups)] = answer.numpy()[rows]
    assert_layers(module, {"weight": weight})
    if bias:
        assert_layers(module.state_dict(), {"weight": weight})


def test_a_transposed_convolution_that_only_a_type_tells() -> None:
    array = normal(5, 6, 3)
    told = StoredTensor("up.weight", array.shape, "float64", lambda: array, frozenset({"ConvTranspose1d"}))
    assert_layers(Checkpoint("net", "torch", [told]), {"up.weight": array.swapaxes(0, 1)})
    odd = {"w.weight": normal(5, 3, 2), "w.bias": normal(6)}  # of two groups, which five inputs are not
    assert_layers(odd, {"w.weight": odd["w.weight"]})


def second(prefix: str, seed: int = 1, plain: str = "model.") -> dict[str, np.ndarray]:
    shapes = {"a.weight": (5, 4), "b.weight": (3, 5), "b.bias": (3,)}
    sets = ((plain, 0), (prefix, seed))
    return {f"{p}{name}": normal(*shape, seed=s) for p, s in sets for name, shape in shapes.items()}


@pytest.mark.parametrize(
    "prefix",
    [
        "model_ema.", "ema_model.module.", "module_ema.", "swa_model.", "averaged.", "net_momentum.",
        "ema_0.9999.",
    ],
)  # fmt: skip
@pytest.mark.parametrize("plain", ["model.", "", "module.", "net.inner."])
def test_one_of_two_sets_counts(prefix: str, plain: str) -> None:
    stored = second(prefix, plain=plain) | {f"{prefix.partition('.')[0]}.n_averaged": np.array(3)}
    which = prefix.removesuffix(".").removesuffix(".module")
    assert layers(stored).keys() == {f"{plain}a.weight", f"{plain}b.weight"}
    words = f"a second set of the weights; which={which!r} takes it"
    assert reasons(stored)[f"{prefix}a.weight"] == words
    chosen = layers(stored, which=which)
    assert chosen.keys() == {f"{prefix}a.weight", f"{prefix}b.weight"}
    np.testing.assert_array_equal(chosen[f"{prefix}a.weight"], normal(5, 4, seed=1))
    assert layers(effective_weights(stored), which=which).keys() == chosen.keys()
    assert layers(effective_weights(stored, which=which)).keys() == chosen.keys()
    assert layers(dict(effective_weights(stored, which=which))).keys() == chosen.keys()
    with pytest.raises(InputError, match=f"which must be one of '{which}', but it is 'ema'"):
        effective_weights(stored, which="ema")


def test_of_three_sets_another_can_be_chosen_afterwards() -> None:
    stored = second("ema.") | {name: array for name, array in second("swa.").items() if name[:3] == "swa"}
    chosen = effective_weights(stored, which="ema")
    for which in ("swa", "ema"):
        assert layers(chosen, which=which).keys() == {f"{which}.a.weight", f"{which}.b.weight"}
    kernels = {"fc.kernel": normal(7, 5), "ema.fc.kernel": normal(7, 5), "out.kernel": normal(7, 3)}
    shapes = {name: array.shape for name, array in layers(effective_weights(kernels), which="ema").items()}
    assert shapes == {"ema.fc.kernel": (5, 7), "out.kernel": (3, 7)}  # and not turned again


def test_what_an_adapter_trained_a_copy_of_does_not_count() -> None:
    stored = {
        "head.original_module.weight": normal(4, 5),
        "head.modules_to_save.default.weight": normal(4, 5),
    }
    assert layers(stored).keys() == {"head.modules_to_save.default.weight"}
    assert reasons(stored) == {"head.original_module.weight": "replaced by modules_to_save"}


def test_a_pattern_of_adapters_that_is_none() -> None:
    with pytest.raises(InputError, match=r"lora_scale has the pattern '\[', which is no regular expression"):
        layers(opened(adapter(), {"[": 2.0}))


def test_parametrised_layers_of_a_live_module_are_not_one() -> None:
    network = nn.Sequential(*(parametrizations.weight_norm(nn.Linear(3, 4)) for _ in range(2)))
    assert len(layer_matrix_ensemble(network).layers) == 2


def test_layers_of_a_live_module_stand_in_its_order() -> None:
    module = nn.Sequential(parametrizations.weight_norm(nn.Linear(3, 4)), nn.Linear(4, 5), nn.Linear(5, 6))
    assert list(layers(module)) == list(layers(module.state_dict())) == ["0.weight", "1.weight", "2.weight"]


def test_a_second_name_of_a_parameter_is_no_buffer() -> None:
    module = nn.ModuleDict({"table": nn.Embedding(5, 4), "head": nn.Linear(4, 5, bias=False)})
    module["head"].weight = module["table"].weight
    assert set(layers(module)) == {"table.weight", "head.weight"}


def test_two_branches_are_one_network() -> None:
    for stored in (
        second("encoder_k."),
        second("semantic_head."),
        {**second("model_ema."), "model_ema.c.weight": normal(4, 4)},
    ):
        assert len(layers(stored)) == sum(array.ndim == 2 for array in stored.values())
    with pytest.raises(InputError, match="there is no second set of weights"):
        effective_weights(second("encoder_k."), which="encoder_k")


def test_a_second_set_of_some_of_the_weights() -> None:
    stored = {**second("model_ema."), "model.c.weight": normal(4, 4)}
    plain = {"model.a.weight", "model.b.weight", "model.c.weight"}
    assert layers(stored).keys() == plain
    taken = {"model_ema.a.weight", "model_ema.b.weight", "model.c.weight"}
    assert layers(stored, which="model_ema").keys() == taken


@pytest.mark.parametrize("names", ["ema.aweight ema.bweight", "ema_a_weight ema_b_weight"])
def test_a_second_set_that_lost_its_dots(names: str) -> None:
    stored = {name: array for name, array in second("ema.").items() if name.startswith("model.")}
    stored |= dict(zip(names.split(), (normal(5, 4), normal(3, 5)), strict=True))
    assert layers(stored).keys() == {"model.a.weight", "model.b.weight"}


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("w", torch.ones(3, 4, dtype=torch.int8), "int8 codes without a known scale"),
        ("w", np.ones((3, 4), np.uint8), "uint8 codes without a known scale"),
        ("w", torch.ones(3, 4, dtype=torch.int64), "an index table (int64)"),
        ("w", np.ones((3, 4), np.int32), "an index table (int32)"),
        ("w", np.ones((3, 4), np.uint16), "an index table (uint16)"),
        ("fc.qweight", np.ones((3, 4), np.int32), "packed codes (int32) that no rule resolves"),
    ],
)
def test_codes_are_never_measured(name: str, value: Any, reason: str) -> None:
    stored = {"fc2.weight": np.ones((3, 3)), name: value}
    assert reasons(stored) == {name: reason}
    assert dict(layer_matrix_ensemble(stored).skipped) == {name: reason}


def test_scales_of_unknown_codes_are_no_layers() -> None:
    stored = {
        "fc.weight": np.ones((8, 4), np.uint8), "fc.weight_scale": normal(8, 2),
        "out.qweight": np.ones((8, 4), np.int32), "out.scales": normal(3, 4),
        "mlx.weight": np.ones((8, 4), np.uint32), "mlx.scales": normal(8, 2), "mlx.biases": normal(8, 2),
        "marlin.B": np.ones((8, 4), np.int32), "marlin.s": normal(2, 4), "last.weight": normal(4, 4),
        "swin.index": torch.ones(8, 4, dtype=torch.int64), "swin.logit_scale": normal(4, 2),
    }  # fmt: skip
    assert layers(stored).keys() == {"last.weight", "swin.logit_scale"}
    for scale in ("fc.weight_scale", "out.scales", "mlx.scales", "marlin.s"):
        assert reasons(stored)[scale] == "a scale of codes that no rule resolves"
    assert reasons(stored)["mlx.weight"] == "packed codes (uint32) that no rule resolves"


def test_floats_of_eight_bits_are_numbers_unless_a_scale_is_stored() -> None:
    cast = torch.tensor(normal(4, 5)).to(torch.float8_e5m2)
    assert_layers({"w": cast}, {"w": cast.float().numpy()})
    stored = {"w": cast, "other.weight": cast, "other.weight_scale": torch.tensor(2.0)}
    assert_layers(stored, {"other.weight": 2 * cast.float().numpy()})
    assert reasons(stored)["w"] == "float8_e5m2 codes without a known scale"


def test_integers_typed_by_hand_are_numbers() -> None:
    assert_layers({"w": np.array([[1, 2], [3, 4]])}, {"w": [[1, 2], [3, 4]]})


def test_nothing_is_read_before_it_is_needed() -> None:
    def unread() -> np.ndarray:
        raise AssertionError("read")

    shapes = {
        "a.weight_g": (5, 1), "a.weight_v": (5, 4),
        "b.qweight": (4, 8), "b.qzeros": (1, 1), "b.scales": (1, 8),
        "experts.w": (3, 4, 5), "model_ema.c.weight": (4, 5), "model.c.weight": (4, 5),
    }  # fmt: skip
    stored = [
        StoredTensor(name, shape, "int32" if name.startswith("b.q") else "float32", unread)
        for name, shape in shapes.items()
    ]
    found = effective_weights(stored := {tensor.name: tensor for tensor in stored})  # type: ignore[assignment]
    assert [name for name, tensor in found.items() if not tensor.skip] == [
        "a.weight", "b.weight", "experts.w[0]", "experts.w[1]", "experts.w[2]", "model.c.weight",
    ]  # fmt: skip
    with pytest.raises(AssertionError, match="read"):
        found["a.weight"].read()


def test_tied_weights_in_parts_are_one_layer() -> None:
    g, v = torch.rand(7, 1), torch.rand(7, 5)
    stored = {"a.weight_g": g, "a.weight_v": v, "b.weight_g": g, "b.weight_v": v}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ensemble = layer_matrix_ensemble(stored)
    assert ensemble.orders == (7,)
    assert ensemble.skipped == (("b.weight", "shared with a.weight"),)


@pytest.mark.parametrize("damage", ["group", "state", "empty", "axes"])
def test_damaged_parts_are_refused_in_a_sentence(damage: str) -> None:
    stored: dict[str, Any] = {
        "fc.qweight": np.zeros((4, 8), np.int32), "fc.qzeros": np.zeros((1, 1), np.int32),
        "fc.scales": np.ones((1, 8), np.float16), "fc.g_idx": np.full(32, 7, np.int32),
    }  # fmt: skip
    if damage == "group":
        with pytest.raises(InputError, match=r"fc\.weight cannot be made of fc\.qweight.* do not fit"):
            layers(stored)
        return
    if damage == "state":
        state = np.frombuffer(b"[" * 9999, np.uint8)
        stored = {"w": np.zeros((8, 1), np.uint8), "w.absmax": np.ones(1), "w.quant_map": np.ones(16)}
        stored["w.quant_state.bitsandbytes__nf4"] = state
    elif damage == "empty":
        stored = {name: np.zeros((0, 0), array.dtype) for name, array in stored.items()}
        stored |= {"c.weight": np.zeros((0, 3), np.int8), "c.weight_scale": np.ones((2, 3))}
        stored |= {"t.weight": np.zeros((3, 0, 2)), "t.bias": np.ones(4), "experts.w": np.zeros((0, 3, 3))}
    else:
        stored = {name: array.ravel() for name, array in stored.items()}
    assert all(weight.size == 0 for weight in layers(stored).values())


def test_what_is_no_array_is_left_out() -> None:
    half, inner = SimpleNamespace(shape=(2, 2)), {"a": np.eye(2)}
    stored = {"w": np.eye(2), "told": "text", "half": half, "inner": inner}
    assert {name: each.skip for name, each in effective_weights(stored).items()} == {
        "w": "",
        "told": "not an array but str",
        "half": "not an array but SimpleNamespace",
        "inner": "not an array but dict, itself a network: pass ['inner']",
    }


def test_what_a_file_tells_of_a_network_is_kept() -> None:
    stored = StoredTensor("w", (2, 2), "float64", lambda: np.eye(2))
    found = effective_weights(Checkpoint("mine", "npz", [stored], "vgg"))
    assert (found.name, found.format, found.rule) == ("mine", "npz", "vgg")


def test_half_precision_seen_with_the_opposite_sign_is_read() -> None:
    negative = torch._neg_view(torch.ones(2, 3, dtype=torch.float16))
    assert_layers({"w": negative}, {"w": -np.ones((2, 3))})


def test_two_tensors_of_one_name_are_refused() -> None:
    with pytest.raises(InputError, match="gives two of them one name"):
        effective_weights([("a", np.eye(2)), ("a", np.eye(3))])


@pytest.mark.slow
def test_many_layers_take_work_in_proportion(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[Mapping[str, Any]] = []

    def found(names: Any, match: Any, stored: Mapping[str, Any]) -> Any:
        searched.append(stored)
        return _found(names, match, stored)

    def calls(n: int) -> int:
        stored = {f"{number}.weight": StoredTensor("", (4, 3), "float32", np.zeros) for number in range(n)}
        counts: Counter[str] = Counter()
        sys.setprofile(lambda frame, event, argument: counts.update([event]))
        try:
            effective_weights(stored)
        finally:
            sys.setprofile(None)
        return counts.total()

    assert calls(800) < 4.5 * calls(200)
    monkeypatch.setattr("mme.weights.rules._found", found)
    parts = ("weight_g", "weight_v")
    effective_weights({f"{number}.{part}": np.ones((4, 3)) for number in range(9) for part in parts})
    assert len(searched) > 20
    assert len({id(stored) for stored in searched}) <= 4  # no copy of all tensors for each layer


def test_a_pickled_tensor_has_its_numbers_with_it(tmp_path: Path) -> None:
    save_file({"fc.weight": normal(3, 4)}, tmp_path / "net.safetensors")
    pickled = pickle.dumps(read_safetensors(tmp_path / "net.safetensors"))
    (tmp_path / "net.safetensors").unlink()
    assert_layers(pickle.loads(pickled), {"fc.weight": normal(3, 4)})


def test_a_stored_tensor_is_shown_without_its_numbers() -> None:
    stored = StoredTensor("fc", (2, 3), "float64", lambda: np.ones((2, 3)))
    assert repr(stored).startswith("StoredTensor(name='fc', shape=(2, 3), dtype='float64', types=")


def test_kernels_of_one_place_and_of_one_axis() -> None:
    point, line = normal(1, 1, 3, 5), normal(3, 4, 2)
    assert_layers(
        {"a/kernel": point, "d/depthwise_kernel": line, "fc/kernel": normal(4, 6), "fc/bias": np.zeros(4)},
        {
            "fc/kernel": normal(4, 6).T,
            "a/kernel": point.transpose(3, 2, 0, 1),
            "d/depthwise_kernel": [[line[:, channel, copy]] for channel in range(4) for copy in range(2)],
        },
    )


@pytest.mark.parametrize("places", [(3,), (2, 3, 4)])
def test_transposed_kernels_of_any_number_of_axes(places: tuple[int, ...]) -> None:
    kernel = normal(*places, 7, 5)
    stored = {"up/kernel": kernel, "up/bias": np.zeros(7)}
    assert_layers(stored, {"up/kernel": np.moveaxis(kernel, (-2, -1), (0, 1))})


def test_scales_of_the_largest_blocks() -> None:
    codes = np.ones((1, 2**15 + 1), np.int8)
    found = layers({"w": codes, "w_scale": np.array([[2.0, 3.0]])})["w"]
    assert (found[0, -2:].tolist(), found.sum()) == ([2, 3], 2**16 + 3)


def test_scales_of_blocks_of_sixteen_with_the_last_cut_off() -> None:
    codes, scale = integers(-127, 128, 40, 20).astype(np.int8), np.abs(normal(3, 2)) + 0.1
    expected = codes * np.repeat(np.repeat(scale, 16, axis=0)[:40], 16, axis=1)[:, :20]
    assert_layers({"w": codes, "w_scale": scale}, {"w": expected}, atol=1e-5)


@pytest.mark.parametrize(
    "changed", [{"qweight": (16,)}, {"scales": (8,)}, {"scales": (0, 8)}, {"qzeros": (2, 3)}]
)
def test_codes_of_other_shapes_are_not_taken_for_those_of_gptq(changed: dict[str, Any]) -> None:
    shapes = {"qweight": (2, 8), "qzeros": (2, 1), "scales": (2, 8)}
    stored = {
        f"w.{name}": np.ones(shape, np.float32 if name == "scales" else np.int32)
        for name, shape in shapes.items()
    }
    assert layers(stored).keys() == {"w.weight"}
    ((name, shape),) = changed.items()
    assert "w.weight" not in layers(stored | {f"w.{name}": np.ones(shape, stored[f"w.{name}"].dtype)})


@pytest.mark.parametrize("name", ["query", "key", "value"])
def test_heads_of_an_attention_are_outputs(name: str) -> None:
    kernel = normal(8, 2, 3)
    heads, convolution = kernel.reshape(8, 6).T, kernel.transpose(2, 1, 0)
    for bias, expected in (({}, heads), (normal(2, 3), heads), (normal(3), convolution)):
        stored = {f"a/{name}/kernel": kernel} | ({f"a/{name}/bias": bias} if len(bias) else {})
        found = layers(stored)[f"a/{name}/kernel"]
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", ["ema", "swa", "teacher", "momentum", "averaged", "model_ema", "Teacher"])
def test_names_of_second_sets(name: str) -> None:
    stored = {"fc.weight": normal(3, 4), f"{name}.fc.weight": normal(3, 4, seed=1)}
    assert layers(stored).keys() == {"fc.weight"}
    np.testing.assert_array_equal(layers(stored, which=name)[f"{name}.fc.weight"], normal(3, 4, seed=1))
