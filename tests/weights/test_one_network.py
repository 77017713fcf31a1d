"""One network in every form gives one number."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx import helper, numpy_helper
from safetensors.numpy import save_file
from torch import nn
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

from mme.checkpoints import open_checkpoint
from mme.ensembles import circular_spectral_difference, layer_matrix_ensemble
from mme.weights import Checkpoint, StoredTensor
from mme.weights.effective import effective_weights
from tests import keras_writing

State = dict[str, Any]
OUTPUTS, INPUTS, STEP = 32, 64, 1 / 16  # of the layer `fc`, whose weights are small multiples of the step
LAYERS = 9


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 12)
        self.conv = nn.Conv2d(4, 6, 3)
        self.up = nn.ConvTranspose2d(6, 10, 2)
        self.cell = nn.LSTM(12, 7)
        self.fc = nn.Linear(INPUTS, OUTPUTS)
        self.experts = nn.ModuleList(nn.Linear(9, 8, bias=False) for _ in range(2))
        self.head = nn.Linear(12, 20, bias=False)


def network() -> Network:
    torch.manual_seed(2)
    built = Network()
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.mul_(4)
        built.fc.weight.copy_(STEP * torch.randint(-7, 8, (OUTPUTS, INPUTS)))
    return built


def state() -> State:
    return {name: tensor.numpy().copy() for name, tensor in network().state_dict().items()}


def integers() -> np.ndarray:
    return np.asarray(np.round(state()["fc.weight"] / STEP), np.int64)


def changed(parts: State) -> State:
    """The state dict with other tensors in the place of ``fc.weight``."""
    others = {name: array for name, array in state().items() if name != "fc.weight"}
    return others | {f"fc.{name}": array for name, array in parts.items()}


def wrapped(*wraps: Callable[[Any], Any]) -> Network:
    """The network, its layers' magnitudes or masks such that its weights are those of the plain one."""
    built = network()
    for wrap in wraps:
        for module in (built.conv, built.up, built.fc):
            wrap(module)
    return built


def spectrally(wrap: Callable[[Any], Any]) -> Network:
    built = network()
    for module in (built.conv, built.up, built.fc):
        weight = module.weight.detach().clone()
        wrap(module).eval()
        with torch.no_grad():
            inputs = {"conv": (1, 4, 5, 5), "up": (1, 6, 5, 5), "fc": (1, INPUTS)}
            name = next(name for name, each in built.named_children() if each is module)
            module(torch.zeros(inputs[name]))
            module.to(torch.float64)  # a norm of one leaves the weights as they are
            vectors = dict(module.named_buffers())
            u = next(value for key, value in vectors.items() if key.endswith("_u"))
            v = next(value for key, value in vectors.items() if key.endswith("_v"))
            axis = 1 if isinstance(module, nn.ConvTranspose2d) else 0
            matrix = weight.double().movedim(axis, 0).flatten(1)
            left, values, right = torch.linalg.svd(matrix)
            u.copy_(left[:, 0])
            v.copy_(right[0] / values[0])
    return built


def masked() -> Network:
    built = network()
    for module in (built.conv, built.up, built.fc):
        prune.random_unstructured(module, "weight", 0.3)
        with torch.no_grad():  # what is masked may be anything, and here it is nothing
            weight, mask = module.weight_orig.clone(), module.weight_mask
            mask.copy_((weight != 0).float())
            module.weight_orig[weight == 0] = 5
    return built


def packed(codes: np.ndarray, order: tuple[int, ...] = tuple(range(8))) -> np.ndarray:
    """Four bits each along the last axis, eight to a word."""
    eights = codes.reshape(*codes.shape[:-1], -1, 8).astype(np.uint32)
    words = sum(eights[..., column] << np.uint32(4 * place) for place, column in enumerate(order))
    return np.asarray(words, np.uint32).view(np.int32)


def gptq() -> State:
    zeros, scales = np.full((4, OUTPUTS), 8), np.full((4, OUTPUTS), STEP, np.float16)
    codes = packed(integers() + 8).T
    groups = np.repeat(np.arange(4), INPUTS // 4).astype(np.int32)
    return changed({"qweight": codes, "qzeros": packed(zeros - 1), "scales": scales, "g_idx": groups})


def awq() -> State:
    order = (0, 2, 4, 6, 1, 3, 5, 7)
    zeros, scales = np.full((4, OUTPUTS), 8), np.full((4, OUTPUTS), STEP, np.float16)
    codes = packed(integers().T + 8, order)
    return changed({"qweight": codes, "qzeros": packed(zeros, order), "scales": scales})


def nf4() -> State:
    pairs = (integers() + 8).reshape(-1, 2)
    told = {"quant_type": "nf4", "blocksize": 64, "shape": [OUTPUTS, INPUTS]}
    return changed({
        "weight": (16 * pairs[:, :1] + pairs[:, 1:]).astype(np.uint8),
        "weight.absmax": np.full(OUTPUTS, 8 * STEP, np.float32),
        "weight.quant_map": (np.arange(-8, 8) / 8).astype(np.float32),
        "weight.quant_state.bitsandbytes__nf4": np.frombuffer(json.dumps(told).encode(), np.uint8),
    })  # fmt: skip


def int8() -> State:
    return changed({"weight": integers().astype(np.int8), "SCB": np.full(OUTPUTS, 127 * STEP, np.float32)})


def fp8() -> State:
    codes = torch.tensor(integers()).to(torch.float8_e4m3fn)
    return changed({"weight": codes, "weight_scale_inv": torch.full((1, 1), STEP)})


def adapted() -> Checkpoint:
    weight = state()["fc.weight"]
    a, b = integers()[:4].astype(np.float32), integers()[:, :4].astype(np.float32)
    parts = changed({"base_layer.weight": weight - 2 * b @ a, "lora_A.weight": a, "lora_B.weight": b})
    tensors = [StoredTensor(n, t.shape, str(t.dtype), lambda t=t: t) for n, t in parts.items()]  # type: ignore[misc]
    return Checkpoint("network", "safetensors", tensors, lora_scale=2.0)


def stacked() -> State:
    stored = state()
    stored["experts.weight"] = np.stack([stored.pop(f"experts.{number}.weight") for number in range(2)])
    return stored


def averaged() -> State:
    plain = {f"model.{name}": array for name, array in state().items()}
    return plain | {f"model_ema.{name}": array + 1 for name, array in state().items()}


def kernels() -> State:
    """The names and axes of Flax."""
    stored = state()
    turned = {
        "conv/kernel": stored.pop("conv.weight").transpose(2, 3, 1, 0),
        "up/kernel": stored.pop("up.weight").transpose(2, 3, 0, 1),
        "cell/kernel": stored.pop("cell.weight_ih_l0").T,
        "cell/recurrent_kernel": stored.pop("cell.weight_hh_l0").T,
        "fc/kernel": stored.pop("fc.weight").T,
    }
    return stored | turned


def conv1d() -> State:
    return changed({"weight": state()["fc.weight"].T.copy()})


def saved_by_torch(path: Path) -> Checkpoint:
    torch.save({"epoch": 3, "state_dict": network().state_dict()}, path / "net.pt")
    return open_checkpoint(path / "net.pt")


def saved_whole(path: Path) -> Checkpoint:
    torch.save(network(), path / "net.pt")
    return open_checkpoint(path / "net.pt")


def saved_as(stored: Callable[[], State], suffix: str) -> Callable[[Path], Checkpoint]:
    def save(path: Path) -> Checkpoint:
        arrays = {name: np.ascontiguousarray(array) for name, array in stored().items()}
        if suffix == "npz":
            np.savez(path / "net.npz", **arrays)
        else:
            save_file(arrays, path / "net.safetensors")
        return open_checkpoint(path / f"net.{suffix}")

    return save


def saved_as_onnx(path: Path) -> Checkpoint:
    stored = state()
    arrays = {name: array for name, array in stored.items() if array.ndim > 1}
    arrays |= {name: stored[name][None] for name in ("cell.weight_ih_l0", "cell.weight_hh_l0")}
    arrays["experts"] = np.stack([arrays.pop(f"experts.{number}.weight").T for number in range(2)])
    arrays["head.weight"] = arrays["head.weight"].T.copy()
    nodes = [
        helper.make_node("Gather", ["embedding.weight", "x"], ["a"]),
        helper.make_node("Conv", ["x", "conv.weight"], ["b"]),
        helper.make_node("ConvTranspose", ["x", "up.weight"], ["c"]),
        helper.make_node("LSTM", ["x", "cell.weight_ih_l0", "cell.weight_hh_l0"], ["d"], hidden_size=7),
        helper.make_node("Gemm", ["x", "fc.weight"], ["e"], transB=1),
        helper.make_node("MatMul", ["x", "experts"], ["f"]),
        helper.make_node("MatMul", ["x", "head.weight"], ["g"]),
    ]
    tensors = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    model = helper.make_model(helper.make_graph(nodes, "net", [], [], tensors))
    (path / "net.onnx").write_bytes(model.SerializeToString())
    return open_checkpoint(path / "net.onnx")


def keras_layers() -> list[tuple[str, str, list[np.ndarray]]]:
    """Class, name and variables of each layer, as Keras stores them."""
    stored = state()
    dense = {name: stored[f"{name}.weight"].T for name in ("fc", "experts.0", "experts.1", "head")}
    return [
        ("Embedding", "embedding", [stored["embedding.weight"]]),
        ("Conv2D", "conv", [stored["conv.weight"].transpose(2, 3, 1, 0)]),
        ("Conv2DTranspose", "up", [stored["up.weight"].transpose(2, 3, 1, 0)]),
        ("LSTM", "cell", [stored["cell.weight_ih_l0"].T, stored["cell.weight_hh_l0"].T]),
        *(("Dense", name, [kernel]) for name, kernel in dense.items()),
    ]


def saved_by_keras(path: Path) -> Checkpoint:
    layers = keras_layers()
    config = keras_writing.model(*(keras_writing.layer(kind, name) for kind, name, _ in layers))
    places = {f"layers/{name}": (name, variables) for _, name, variables in layers}
    return open_checkpoint(keras_writing.archived(path, places, config))


def saved_by_old_keras(path: Path) -> Checkpoint:
    layers = keras_layers()
    config = keras_writing.model(*(keras_writing.layer(kind, name) for kind, name, _ in layers))
    names = {"Embedding": ["embeddings:0"], "LSTM": ["kernel:0", "recurrent_kernel:0"]}
    weights = {
        name: dict(zip(names.get(kind, ["kernel:0"]), variables, strict=True))
        for kind, name, variables in layers
    }
    return open_checkpoint(keras_writing.listed(path / "net.h5", weights, config))


FORMS: dict[str, Callable[[Path], Any]] = {
    "module": lambda _: network(),
    "state dict": lambda _: network().state_dict(),
    "pairs": lambda _: iter(state().items()),
    "torch": saved_by_torch,
    "torch, the module": saved_whole,
    "npz": saved_as(state, "npz"),
    "safetensors": saved_as(state, "safetensors"),
    "old weight norm": lambda _: wrapped(weight_norm),
    "old weight norm, state dict": lambda _: wrapped(weight_norm).state_dict(),
    "weight norm": lambda _: wrapped(parametrizations.weight_norm),
    "weight norm, state dict": lambda _: wrapped(parametrizations.weight_norm).state_dict(),
    "old spectral norm": lambda _: spectrally(spectral_norm),
    "old spectral norm, state dict": lambda _: spectrally(spectral_norm).state_dict(),
    "spectral norm": lambda _: spectrally(parametrizations.spectral_norm),
    "spectral norm, state dict": lambda _: spectrally(parametrizations.spectral_norm).state_dict(),
    "pruned": lambda _: masked(),
    "pruned, state dict": lambda _: masked().state_dict(),
    "kernels": lambda _: kernels(),
    "kernels, npz": saved_as(kernels, "npz"),
    "Conv1D": lambda _: conv1d(),
    "ONNX": saved_as_onnx,
    "Keras": saved_by_keras,
    "Keras, .h5": saved_by_old_keras,
    "GPTQ": lambda _: gptq(),
    "GPTQ, safetensors": saved_as(gptq, "safetensors"),
    "AWQ": lambda _: awq(),
    "nf4": lambda _: nf4(),
    "nf4, safetensors": saved_as(nf4, "safetensors"),
    "int8": lambda _: int8(),
    "int8, npz": saved_as(int8, "npz"),
    "fp8": lambda _: fp8(),
    "experts in a stack": lambda _: stacked(),
    "with its average": lambda _: averaged(),
    "LoRA in parts": lambda _: adapted(),
    "effective weights": lambda _: effective_weights(gptq()),
}


def number(source: Any) -> float:
    ensemble = layer_matrix_ensemble(source)
    assert len(ensemble.layers) == LAYERS
    return circular_spectral_difference(ensemble, "deterministic").variance


@pytest.fixture(scope="module")
def right() -> float:
    """From the weights themselves, outputs first by hand."""
    weights = {name: array for name, array in state().items() if array.ndim > 1}
    weights["up.weight"] = weights["up.weight"].swapaxes(0, 1)
    spectra = [
        np.linalg.svd(array.reshape(len(array), -1), compute_uv=False) ** 2 for array in weights.values()
    ]
    ensemble = layer_matrix_ensemble(enumerate(array.astype(float) for array in weights.values()))
    for spectrum, expected in zip(ensemble.spectra(), spectra, strict=True):
        found = spectrum.eigenvalues[-len(expected) :]
        np.testing.assert_allclose(found, expected[::-1], atol=1e-5 * expected.max())
    return circular_spectral_difference(ensemble, "deterministic").variance


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm`:FutureWarning")
@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_one_number(form: str, tmp_path: Path, right: float) -> None:
    assert number(FORMS[form](tmp_path)) == pytest.approx(right, rel=1e-6)


def test_the_number_tells_networks_apart(right: float) -> None:
    other = averaged()
    ensemble = layer_matrix_ensemble(effective_weights(other, which="model_ema"))
    assert abs(circular_spectral_difference(ensemble, "deterministic").variance - right) > 1e-3 * right
