"""A folder of shards is one network; nothing outside the folder is opened."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from mme.checkpoints import open_checkpoint
from mme.checkpoints.folders import OF_TRAINERS, network_of, read_folder
from mme.ensembles import layer_matrix_ensemble
from mme.errors import InputError

ARRAYS = {"a.weight": np.arange(12.0).reshape(3, 4), "b.weight": np.eye(3), "c.weight": np.eye(2)}
MAP = {name: f"model-0000{min(number, 2)}-of-00002.safetensors" for number, name in enumerate(ARRAYS, 1)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A network in two shards."""
    folder = tmp_path / "net"
    folder.mkdir()
    for shard in set(MAP.values()):
        save_file({name: ARRAYS[name] for name, file in MAP.items() if file == shard}, folder / shard)
    write_index(folder, MAP)
    return folder


def write_index(folder: Path, weight_map: Any, name: str = "model.safetensors.index.json") -> None:
    (folder / name).write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": weight_map}))


def test_shards_are_one_network(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert network_of(folder) == "model.safetensors.index.json"
    checkpoint = read_folder(folder)
    assert (checkpoint.name, checkpoint.format, list(checkpoint)) == ("net", "safetensors", list(ARRAYS))
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(checkpoint[name].read(), array)
    monkeypatch.chdir(folder)
    assert read_folder(Path()).name == "net"


def test_only_what_the_index_lists_is_of_the_network_and_the_rest_is_named(folder: Path) -> None:
    """A tensor that the index leaves out, and of two of a name that which it does not mean."""
    first, second = sorted(set(MAP.values()))
    save_file({"a.weight": ARRAYS["a.weight"], "c.weight": np.ones((2, 2))}, folder / first)
    write_index(folder, {"a.weight": first, "c.weight": second})
    found = open_checkpoint(folder)
    assert list(found) == ["a.weight", "c.weight", f"c.weight of {first}", f"b.weight of {second}"]
    reason = "the index of shards does not list it there"
    assert [each.skip for each in found.values()] == ["", "", reason, reason]
    np.testing.assert_array_equal(found["c.weight"].read(), ARRAYS["c.weight"])


def test_shards_of_torch_are_one_network(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    shards = {"a.weight": "pytorch_model-00001-of-00002.bin", "b.weight": "pytorch_model-00002-of-00002.bin"}
    for name, file in shards.items():
        torch.save({name: torch.from_numpy(ARRAYS[name])}, tmp_path / file)
    write_index(tmp_path, shards, "pytorch_model.bin.index.json")
    ensemble = layer_matrix_ensemble(read_folder(tmp_path))
    assert [layer.name for layer in ensemble.layers] == ["a.weight", "b.weight"]
    np.testing.assert_array_equal(ensemble.layers[0].tensor, ARRAYS["a.weight"])


def test_one_file_beside_its_configuration_is_a_network(tmp_path: Path) -> None:
    save_file(ARRAYS, tmp_path / "model.safetensors")
    assert not network_of(tmp_path)
    with pytest.raises(InputError, match="neither an index"):
        read_folder(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    assert network_of(tmp_path) == "model.safetensors"
    checkpoint = read_folder(tmp_path)
    assert checkpoint.name == tmp_path.name
    assert set(checkpoint) == set(ARRAYS)


@pytest.mark.parametrize(
    ("settings", "scale", "conv"),
    [
        ({"lora_alpha": 16, "r": 4, "rank_pattern": None, "alpha_pattern": None}, 4.0, 4.0),
        ({"lora_alpha": 16, "r": 4, "use_rslora": True}, 8.0, 8.0),
        ({"lora_alpha": 16, "r": 4, "rank_pattern": {"conv": 2}, "alpha_pattern": {"conv": 3}}, 4.0, 1.5),
    ],
)
def test_an_adapter_is_the_product_of_its_factors(
    tmp_path: Path, settings: dict[str, Any], scale: float, conv: float
) -> None:
    rng = np.random.default_rng(0)
    scales, factors, products = {"q_proj": scale, "conv": conv}, {}, {}
    for name, factor in scales.items():
        a, b = rng.normal(size=(2, 5)), rng.normal(size=(3, 2))
        key = f"base_model.model.{name}"
        factors |= {f"{key}.lora_A.weight": a, f"{key}.lora_B.weight": b}
        products[name] = factor * b @ a
    save_file(factors, tmp_path / "adapter_model.safetensors")
    (tmp_path / "adapter_config.json").write_text(json.dumps(settings))
    assert network_of(tmp_path) == "adapter_model.safetensors"
    layers = layer_matrix_ensemble(open_checkpoint(tmp_path)).layers
    assert len(layers) == 2
    for layer in layers:
        (expected,) = (product for name, product in products.items() if name in layer.name)
        np.testing.assert_allclose(layer.tensor, expected, rtol=1e-12)
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(InputError, match="no readable configuration of an adapter"):
        open_checkpoint(tmp_path)


def test_shards_may_be_links(folder: Path, tmp_path: Path) -> None:
    """The cache of the Hugging Face hub keeps the files elsewhere and links them."""
    (tmp_path / "blobs").mkdir()
    for file in set(MAP.values()):
        (folder / file).rename(tmp_path / "blobs" / file)
        (folder / file).symlink_to(f"../blobs/{file}")
    np.testing.assert_array_equal(read_folder(folder)["a.weight"].read(), ARRAYS["a.weight"])


def test_of_several_indices_the_first_counts(folder: Path) -> None:
    write_index(folder, {"z": "missing.bin"}, "pytorch_model.bin.index.json")
    assert set(read_folder(folder)) == set(ARRAYS)
    (folder / "pytorch_model.bin.index.json").unlink()
    for beside in ("config.json", "pytorch_model.bin"):
        (folder / beside).write_text("{}")
        assert set(read_folder(folder)) == set(ARRAYS)
    (folder / "model.safetensors.index.json").rename(folder / "one.safetensors.index.json")
    assert set(read_folder(folder)) == set(ARRAYS)


def test_shards_without_an_index_are_refused(folder: Path) -> None:
    (folder / "model.safetensors.index.json").unlink()
    words = r"no index; put model\.safetensors\.index\.json beside it"
    with pytest.raises(InputError, match=words):
        read_folder(folder)


@pytest.mark.parametrize(
    "file",
    ["../secret.safetensors", "/etc/passwd", "a/../../b.bin", "C:\\b.bin", "..\\b.bin", "a\0b", "C:b.bin"],
)
def test_an_index_does_not_lead_out_of_the_folder(folder: Path, file: str) -> None:
    save_file(ARRAYS, folder.parent / "secret.safetensors")
    write_index(folder, {**MAP, "a.weight": file})
    with pytest.raises(InputError, match="a file outside the folder; it was not opened"):
        read_folder(folder)


def test_missing_shards_and_tensors_are_named(folder: Path) -> None:
    write_index(folder, {**MAP, "d.weight": MAP["a.weight"]})
    with pytest.raises(InputError, match=r"00001-of-00002\.safetensors lacks the tensor 'd\.weight'"):
        read_folder(folder)
    write_index(folder, MAP)
    (folder / MAP["c.weight"]).unlink()
    with pytest.raises(InputError, match=r"lacks model-00002-of-00002\.safetensors, a part"):
        read_folder(folder)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"weight_map": []}',
        '{"weight_map": {}}',
        '{"weight_map": {"a": 3}}',
        "[" * 10**5,
        "\xff",
    ],
)
def test_a_broken_index_is_refused(folder: Path, text: str) -> None:
    (folder / "model.safetensors.index.json").write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match="no readable index of shards"):
        read_folder(folder)


def test_a_damaged_shard_is_named(folder: Path) -> None:
    (folder / MAP["a.weight"]).write_bytes(b"")
    with pytest.raises(InputError, match="00001-of-00002"):
        read_folder(folder)


def test_a_scale_that_is_told_in_halves_is_refused(tmp_path: Path) -> None:
    factors = {"q.lora_A.weight": np.ones((2, 5)), "q.lora_B.weight": np.ones((3, 2))}
    save_file(factors, tmp_path / "adapter_model.safetensors")
    for rank, alpha in (("q", "layers.0.q"), ("layers.0.q", "q")):
        said = {"lora_alpha": 16, "r": 4, "rank_pattern": {rank: 2}, "alpha_pattern": {alpha: 3}}
        (tmp_path / "adapter_config.json").write_text(json.dumps(said))
        with pytest.raises(InputError, match=f"'{alpha}' in alpha_pattern and '{rank}' in rank_pattern"):
            read_folder(tmp_path)


def test_other_adapters_and_one_beside_its_network_are_refused(tmp_path: Path) -> None:
    save_file(ARRAYS, tmp_path / "adapter_model.safetensors")
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "VERA", "r": 4}')
    with pytest.raises(InputError, match="of the kind VERA; of adapters, LoRA is read"):
        read_folder(tmp_path)
    save_file(ARRAYS, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="a network and an adapter; give each of them a folder"):
        read_folder(tmp_path)


def test_a_part_of_a_network_is_not_taken_for_it(folder: Path) -> None:
    with pytest.raises(InputError, match="is a part of a network; give the folder"):
        open_checkpoint(folder / MAP["a.weight"])
    (folder / MAP["a.weight"]).rename(folder / "model-00001-of-00001.safetensors")
    assert list(open_checkpoint(folder / "model-00001-of-00001.safetensors")) == ["a.weight"]


@pytest.mark.parametrize("file", ["config.json", "quantize_config.json"])
@pytest.mark.parametrize(("told", "zero"), [("gptq_v2", 5), ("gptq", 6), (None, 6)])
def test_a_configuration_tells_the_second_format_of_gptq(
    tmp_path: Path, file: str, told: str | None, zero: int
) -> None:
    """All codes are 9 and all stored zeros 5, which the first format means as 6."""
    words = {code: np.array(int(f"{code}" * 8, 16), np.uint32).view(np.int32) for code in (5, 9)}
    stored = {
        "fc.qweight": np.broadcast_to(words[9], (1, 8)).copy(),
        "fc.qzeros": np.broadcast_to(words[5], (1, 1)).copy(),
        "fc.scales": np.ones((1, 8), np.float32),
    }
    save_file(stored, tmp_path / "model.safetensors")
    said = {"checkpoint_format": told} if told else {}
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / file).write_text(json.dumps({"quantization_config": said} if file == "config.json" else said))
    for path in (tmp_path, tmp_path / "model.safetensors"):
        weight = open_checkpoint(path)["fc.weight"]
        np.testing.assert_array_equal(weight.read(), np.full((8, 8), 9.0 - zero))
        assert ("second format" in weight.note) == (zero == 5)


def test_of_two_files_of_one_network_the_safe_one_is_read(tmp_path: Path) -> None:
    for name in ("pytorch_model.bin", "model.safetensors", "config.json"):
        (tmp_path / name).touch()
    assert network_of(tmp_path) == "model.safetensors"
    for name in ("adapter_model.bin", "adapter_model.safetensors", "adapter_config.json"):
        (tmp_path / name).touch()
    (tmp_path / "config.json").unlink()
    assert network_of(tmp_path) == "adapter_model.safetensors"


def test_what_trainers_keep_beside_a_network() -> None:
    beside = ["optimizer", "scheduler", "scaler", "rng_state", "random_states", "training_args"]
    beside = [f"{each}.pt" for each in beside]
    for name in [*beside, "trainer_state.json", "rng_state_0.pth", "mp_rank_00_optim_states.pt"]:
        assert OF_TRAINERS.fullmatch(name), name
    for name in ("model.pt", "scaled.pt", "my_optimizer.pt"):
        assert not OF_TRAINERS.fullmatch(name), name
