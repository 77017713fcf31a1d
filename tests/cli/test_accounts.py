"""What the command says beside its numbers: what was left out, guessed or not looked at, and the cost."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from safetensors.numpy import save_file

from mme.checkpoints import open_checkpoint
from mme.cli import accounts, many
from mme.comparison import Options
from mme.ensembles import layer_matrix_ensemble
from mme.ensembles.streaming import seconds_for

Call = Callable[..., Result]


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A network of which one layer is pruned, one is codes without a scale, and one has a second set."""
    rng = np.random.default_rng(0)
    weights = {name: rng.normal(size=(20, 30)) / 6 for name in ("fc.weight_orig", "head.weight")}
    mask = (rng.random((20, 30)) < 0.5).astype(float)
    second = {f"ema.{name}": 2 * array for name, array in weights.items()} | {"ema.fc.weight_mask": mask}
    codes = {"codes.weight": rng.integers(-128, 128, (20, 30), np.int8), "bias": np.zeros(20)}
    path = tmp_path / "odd.npz"
    np.savez(path, **weights, **{"fc.weight_mask": mask}, **second, **codes)
    return path


@pytest.mark.slow
def test_what_is_worked_out_and_left_out_is_named(call: Call, odd: Path) -> None:
    for command in ("compare", "spectrum"):
        told = words(call(command, odd).stdout)
        assert "odd: 1 worked out, pruned: W times its mask: fc.weight." in told
        assert "odd: 1 left out, int8 codes without a known scale: codes.weight." in told
        assert "odd: 2 left out, a second set of the weights; --which 'ema' takes it: ema." in told
        assert "bias" not in told  # no layer, and no surprise
    (record,) = json.loads(call("compare", odd, "--json").stdout)["networks"]
    assert set(record["left_out"]) == {"codes.weight", "ema.fc.weight", "ema.head.weight"}


@pytest.mark.slow
def test_which_takes_the_second_set(call: Call, odd: Path, complaint: Callable[..., str]) -> None:
    (plain,), (second,) = (
        json.loads(call("compare", odd, "--json", *which).stdout)["networks"]
        for which in ((), ("--which", "ema"))
    )
    assert second["variance"] != plain["variance"]
    assert set(second["left_out"]) == {"codes.weight", "fc.weight", "head.weight"}
    assert "odd: which must be one of 'ema'" in complaint("compare", odd, "--which", "swa")


@pytest.mark.slow
def test_the_control_is_named_given_or_missing(call: Call, nets: Path, complaint: Callable[..., str]) -> None:
    rng = np.random.default_rng(0)
    np.savez(nets / "d.npz", **{"layer1.0.conv1.weight": rng.normal(size=(8, 4, 3, 3)) / 6})
    told = words(call("compare", nets).stdout)
    reason = "torchvision's ResNet rule, guessed from the name layer1.0.conv1.weight"
    assert f"untrained: {reason} (d)." in told
    assert "untrained –: the rule of its initial weights is not known" in told
    given = call("compare", nets / "a.npz", "--control", nets / "b.npz", "--json")
    plain = call("compare", nets / "b.npz", "--json")
    one, other = (json.loads(each.stdout)["networks"][0] for each in (given, plain))
    assert one["control_variance"] == other["variance"]
    assert one["control_rule"] == "b"
    assert "glorot" in complaint("compare", nets, "--control", "xavier")
    assert "the layers of a" in complaint("compare", nets / "a.npz", "--control", nets / "d.npz")


@pytest.mark.slow
def test_a_window_that_shows_little_is_a_warning(call: Call, nets: Path) -> None:
    told = words(call("compare", nets / "a.npz", nets / "c.npz", "--window", 0, 6).stdout)
    (record,) = json.loads(call("compare", nets / "c.npz", "--json").stdout)["networks"]
    weights = np.load(nets / "c.npz")
    matrices = [weights[name].reshape(len(weights[name]), -1) for name in weights.files[:2]]
    inside = np.mean(np.concatenate([np.linalg.svd(matrix)[1] ** 2 for matrix in matrices]) <= 6)
    assert record["inside_window_nonzero"] == pytest.approx(inside, rel=1e-12)
    assert inside < 0.9
    assert f"warning: of c only {inside:.0%} of the eigenvalues that are no structural zeros lie in" in told
    assert "warning: of a" not in told


def test_nine_tenths_in_the_window_are_enough() -> None:
    assert list(accounts.about_window("net", 0.9, (0, 6))) == []
    assert list(accounts.about_window("net", None, (0, 6))) == []
    (said,) = accounts.about_window("net", 0.899, (0, 6))
    assert said.startswith("warning: of net only 90% of the eigenvalues")


@pytest.mark.slow
def test_long_work_is_announced(call: Call, nets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call("compare", nets).stderr == ""
    monkeypatch.setattr(accounts, "LONG", 1e-9)
    said = words(call("compare", nets, "--conjugate", "sampled", "--draws", 3).stderr)
    assert "about 0 seconds of processor time for the layers and 0 seconds for the draws" in said
    assert said.endswith("is kept.")
    assert "on 2 cores, and 0.3 GB of memory," in words(call("compare", nets, "--jobs", 2).stderr)
    monkeypatch.setattr(many, "MANY", 1)
    for place in range(4):  # more than twice as many as there are cores
        (nets / f"more{place}.npz").write_bytes((nets / "a.npz").read_bytes())
    said = words(call("compare", nets, "--jobs", 2, "--no-cache").stderr)
    assert "for the layers, and 0.3 GB of memory in each process, unless" in said
    ensemble = layer_matrix_ensemble({"fc": np.ones((1000, 2000))})
    assert seconds_for(ensemble.layers) == pytest.approx(1.6e-11 * 2e9 + 9.5e-11 * 1e9)


@pytest.mark.slow
def test_what_a_folder_holds_beside_networks_is_told(call: Call, nets: Path) -> None:
    (nets / "optimizer.pt").write_bytes(b"state")
    (nets / "notes.txt").write_text("not a network")
    result = call("compare", nets)
    assert result.exit_code == 0
    assert f"passed over {nets / 'optimizer.pt'}: what a trainer keeps beside the network" in result.stderr
    assert f"passed over {nets / 'notes.txt'}" in result.stderr


@pytest.mark.slow
def test_what_a_network_consists_of_is_not_passed_over(call: Call, nets: Path) -> None:
    adapter = {"q.lora_A.weight": np.ones((2, 6)), "q.lora_B.weight": np.ones((5, 2))}
    settings = {"lora": {"r": 2, "lora_alpha": 4}, "model": {"architectures": ["Net"]}}
    for name, weights in (("lora", adapter), ("model", {"fc": np.eye(4)})):
        folder = nets / name
        folder.mkdir()
        file = "adapter_model" if name == "lora" else name
        save_file(weights, folder / f"{file}.safetensors")
        config = "adapter_config.json" if name == "lora" else "config.json"
        (folder / config).write_text(json.dumps(settings[name]))
        (folder / "generation_config.json").write_text("{}")
    result = call("compare", nets)
    assert "lora: 1 worked out, LoRA" in result.stdout
    assert result.stderr == ""
    (nets / "config.json").write_text("{}")  # of no network
    assert f"passed over {nets / 'config.json'}: " in call("compare", nets).stderr


@pytest.mark.slow
def test_weights_that_count_once_are_named(call: Call, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    weight, bias = torch.randn(9, 5), torch.randn(9)
    tied = {"in.weight": weight, "out.weight": weight, "in.bias": bias, "out.bias": bias}
    torch.save(tied, tmp_path / "tied.pt")
    for command in ("compare", "spectrum"):
        told = words(call(command, tmp_path / "tied.pt").stdout)
        assert "tied: 1 left out, shared with in.weight: out.weight." in told
        assert "bias" not in told


@pytest.mark.slow
def test_a_seed_is_called_as_its_option(complaint: Callable[..., str], nets: Path) -> None:
    for command in ("compare", "spectrum"):
        said = complaint(command, nets / "a.npz", "--seed", -1)
        assert said == "mme: --seed must be an integer of at least 0, but it is -1."


def test_weights_of_controls_are_held_whole(nets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(accounts, "memory_for", lambda layers, jobs, held: asked.append((jobs, held)) or 0)
    opened = open_checkpoint(nets / "a.npz")
    accounts.announce_cost([opened], Options(), 4)
    for controls, apart in ((1, False), (3, True)):
        accounts.announce_cost([opened], Options(), 4, controls=controls, apart=apart)
    assert asked == [(4, False), (4, True), (1, True)]


def test_costs_are_told_in_units_that_suit_them(nets: Path, monkeypatch: Any, capsys: Any) -> None:
    opened = open_checkpoint(nets / "a.npz")
    monkeypatch.setattr(accounts, "memory_for", lambda *a: 3_000_000_000)
    for seconds, words in (
        (29.0, ""), (31.0, "31 seconds"), (89.0, "89 seconds"), (240.0, "4 minutes"), (5399.0, "90 minutes"),
        (9000.0, "2.5 hours"),
    ):  # fmt: skip
        monkeypatch.setattr(accounts, "seconds_for", lambda layers, seconds=seconds: seconds)
        accounts.announce_cost([opened], Options(), 2)
        said = capsys.readouterr().err
        assert (f"about {words} of processor time" in said and "3.0 GB" in said) if words else said == ""
    monkeypatch.setattr(accounts, "seconds_for", lambda layers: 10.0)
    accounts.announce_cost([opened], Options(), 2, controls=2, share=0.5)  # three times, of half of all
    assert "about 60 seconds" in capsys.readouterr().err
    monkeypatch.setattr(accounts, "sampling_cost", lambda *a, **k: SimpleNamespace(seconds=20.0))
    accounts.announce_cost([opened], Options(conjugate="sampled"), 2, share=0.25)
    said = capsys.readouterr().err
    assert "about 40 seconds of processor time for the layers and 80 seconds for the" in said
    monkeypatch.setattr(accounts, "seconds_for", lambda layers: 1.0)
    accounts.announce_cost([opened], Options(conjugate="sampled"), 2, share=0.5)
    assert "about 2 seconds of processor time for the layers and 40 seconds" in capsys.readouterr().err
    accounts.announce_cost([opened], Options(conjugate="sampled"), 2, draws=False, share=0.5)
    assert capsys.readouterr().err == ""


def test_structural_zeros_do_not_hide_what_lies_outside(call: Call, tmp_path: Path) -> None:
    np.savez(tmp_path / "tall.npz", w=np.eye(40, 4) * [9, 1, 9, 9])  # 36 zeros, and three values of 81
    for command in ("compare", "spectrum"):
        told = words(call(command, tmp_path / "tall.npz").stdout)
        assert "warning: of tall only 25% of the eigenvalues that are no structural zeros" in told


def test_of_no_network_that_can_be_opened_there_is_no_cost(capsys: pytest.CaptureFixture[str]) -> None:
    accounts.announce_cost([], Options(conjugate="sampled"), 2, share=0.0)
    assert capsys.readouterr().err == ""


def test_names_are_cut_short_where_there_are_more() -> None:
    assert accounts.named("abc") == "a, b, c"
    assert accounts.named("abcde") == "a, b, c and 2 more"
    assert accounts.named("ab", 1) == "a and 1 more"


def test_estimated_eigenvalues_are_those_of_the_smaller_side() -> None:
    ensemble = layer_matrix_ensemble({"a": np.ones((90, 70)), "b": np.ones((9, 9))}, estimate=64)
    [said] = accounts.about_estimates(ensemble, "So much.")
    assert said.startswith("network: 1 layer with 70 eigenvalues estimated, by ")
    assert said.endswith(": a. So much.")
    assert list(accounts.about_estimates(ensemble.without("a"), "")) == []


def test_controls_are_told_by_why_they_are_there_or_missing() -> None:
    rows = [
        {"name": name, "control_variance": variance, "control_reason": reason}
        for name, variance, reason in (
            ("a", None, "not asked for"), ("b", None, "no rule"), ("c", 0.5, "one rule"),
            ("d", None, "no rule"),
        )
    ]  # fmt: skip
    assert list(accounts.about_controls(rows)) == [
        "untrained –: not asked for (a).",
        "untrained –: no rule; --control gives a rule, or a file of before (b, d).",
        "untrained: one rule (c).",
    ]
