"""`mme compare` measures files, folders and hubs, and says which of them are equivalent."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result

from mme.checkpoints.limits import NoNetwork
from mme.cli.compare import COLUMNS, _about_delta, _show, _show_pairs
from mme.cli.output import print_csv
from mme.comparison import STATISTICS, Options, compare, measure
from mme.comparison.compare import Line, grouped
from mme.ensembles import circular_spectral_difference, layer_matrix_ensemble, streaming
from mme.errors import InputError
from mme.store import Store

Call = Callable[..., Result]


def arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as kept:
        return dict(kept)


@pytest.mark.slow
def test_a_folder_gives_an_answer_and_a_picture(call: Call, nets: Path, tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    result = call("compare", nets, "--plot", picture)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    assert picture.read_bytes().startswith(b"\x89PNG")
    expected = compare({name: arrays(nets / f"{name}.npz") for name in "abc"})
    for each in expected.measurements:
        line = next(x for x in result.stdout.splitlines() if x.startswith(f"{each.name} "))
        assert line.split()[1] == f"{each.csd.variance:.3f}"
    words = " ".join(result.stdout.split())
    assert "the largest noise floor" in words
    assert "three standard errors" not in words  # nothing was drawn
    drawn = call("compare", nets, "--conjugate", "sampled").stdout
    assert "for three standard errors of the draws" in " ".join(drawn.split())
    assert "±" in drawn
    assert all(len(line) < 100 for line in result.stdout.splitlines())


@pytest.mark.slow
def test_delta_names_the_network_that_sets_it(call: Call, nets: Path) -> None:
    np.savez(nets / "tiny.npz", w=np.random.default_rng(5).normal(size=(6, 9)) / 3)
    words = " ".join(call("compare", nets).stdout.split())
    assert "of tiny (what sampling so few" in words
    assert "Without tiny the largest noise floor would be" in words


@pytest.mark.slow
def test_json_has_an_object_for_each_network(call: Call, nets: Path) -> None:
    result = call("compare", nets / "a.npz", nets / "c.npz", "--json", "--delta", 0.1, "--seed", 3)
    record = json.loads(result.stdout)
    assert [each["name"] for each in record["networks"]] == ["a", "c"]
    assert record["delta"] == 0.1
    assert record["delta_from"] == "given"
    expected = compare({name: arrays(nets / f"{name}.npz") for name in "ac"}, Options(rng=3), delta=0.1)
    for each, other in zip(record["networks"], expected.measurements, strict=True):
        assert each["variance"] == other.csd.variance
        assert each["standard_error"] == other.csd.standard_error
    assert record["pairs"][0]["equivalent"] == bool(expected.equivalent[0, 1])


def test_csv_has_a_line_for_each_network(call: Call, nets: Path) -> None:
    result = call("compare", nets, "--csv", "--conjugate", "sampled", "--delta", "1e-6")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["name"] for row in rows] == ["a", "b", "c"]
    assert sorted(row["class"] for row in rows) == ["1", "2", "3"]
    assert all(float(row["standard_error"]) > 0 for row in rows)


@pytest.mark.slow
def test_the_sampled_value_is_near_an_independent_one(call: Call, nets: Path) -> None:
    drawn = ("--conjugate", "sampled", "--draws", 60, "--zeros", "half")
    record = json.loads(call("compare", nets / "a.npz", "--json", *drawn).stdout)
    one = record["networks"][0]
    apart = circular_spectral_difference(
        arrays(nets / "a.npz"), "sampled", draws=60, rng=99, zeros="half", construction="eigenvectors"
    )
    error = np.hypot(one["standard_error"], apart.standard_error)
    assert abs(one["variance"] - apart.variance) < 4 * error


@pytest.mark.parametrize(
    "options",
    [
        ("--zeros", "drop"),
        ("--window", 0, 3, "--bins", 300, "--normalise", "all"),
        ("--conjugate", "sampled", "--part", "symmetric", "--pooling", "periodic", "--draws", 2),
        ("--conjugate", "sampled", "--circular", "COE", "--construction", "eigenvectors", "--seed", 8),
        ("--dtype", "float32", "--bandwidth", 0.1, "--jobs", 1, "--include", "conv*"),
    ],
)
@pytest.mark.slow
def test_options_reach_the_measurement(call: Call, nets: Path, options: tuple[object, ...]) -> None:
    result = call("compare", nets / "a.npz", "--json", *options)
    assert result.exit_code == 0, result.output
    one = json.loads(result.stdout)["networks"][0]
    names = dict(pairwise(options))
    given = {
        "conjugate": str, "zeros": str, "bins": int, "normalise": str, "part": str, "pooling": str,
        "draws": int, "circular": str, "construction": str, "dtype": str, "bandwidth": float,
    }  # fmt: skip
    chosen: dict[str, Any] = {
        name: kind(names[f"--{name}"]) for name, kind in given.items() if f"--{name}" in names
    }
    if "--seed" in names:
        chosen["rng"] = int(names["--seed"])
    if "--window" in options:
        chosen["window"] = (0.0, 3.0)
    if "--include" in options:
        chosen["include"] = ("conv*",)
    expected = compare({"a": arrays(nets / "a.npz")}, Options(**chosen)).measurements[0]
    assert one["variance"] == expected.csd.variance
    usual = compare({"a": arrays(nets / "a.npz")}).measurements[0]
    assert one["variance"] != pytest.approx(usual.csd.variance, rel=1e-6)


@pytest.mark.slow
def test_a_second_run_computes_nothing(call: Call, nets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = call("compare", nets, "--json").stdout
    monkeypatch.setattr(streaming, "spectrum_of_weights", None)
    assert call("compare", nets, "--json").stdout == first
    assert call("compare", nets, "--json", "--no-cache").exit_code == 1  # it would have to compute


@pytest.mark.slow
def test_damaged_files_of_a_folder_do_not_hide_the_others(call: Call, nets: Path) -> None:
    (nets / "broken.pt").write_bytes(b"PK\x03\x04 no")
    np.savez(nets / "nan.npz", w=np.full((3, 3), np.nan))
    result = call("compare", nets, "--json")
    assert result.exit_code == 1
    assert [each["name"] for each in json.loads(result.stdout)["networks"]] == ["a", "b", "c"]
    said = result.stderr.splitlines()
    assert len(said) == 2
    assert "broken.pt" in said[0]
    assert "nan: layer 'w' has NaN" in said[1]


def test_a_network_that_was_named_must_be_readable(complaint: Callable[..., str], nets: Path) -> None:
    (nets / "broken.pt").write_bytes(b"PK\x03\x04 no")
    assert "broken.pt" in complaint("compare", nets / "a.npz", nets / "broken.pt")
    np.savez(nets / "nan.npz", w=np.full((3, 3), np.nan))
    assert "nan: layer 'w' has NaN" in complaint("compare", nets / "a.npz", nets / "nan.npz")


def test_networks_of_one_name_are_told_apart(call: Call, nets: Path) -> None:
    other = nets / "more"
    other.mkdir()
    (other / "a.npz").write_bytes((nets / "b.npz").read_bytes())
    record = json.loads(call("compare", nets / "a.npz", other / "a.npz", "--json").stdout)
    assert [each["name"] for each in record["networks"]] == [str(nets / "a.npz"), str(other / "a.npz")]


@pytest.mark.slow
def test_bad_input(
    complaint: Callable[..., str], nets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "is given twice" in complaint("compare", nets / "a.npz", nets / "a.npz")
    monkeypatch.chdir(nets.parent)
    assert "is given twice" in complaint("compare", nets / "a.npz", f"{nets.name}/a.npz")
    assert "delta must be a finite number" in complaint("compare", nets, "--delta", "nan")
    once = complaint("compare", nets, "--conjugate", "sampled", "--draws", 1)
    assert "--draws 1 gives no standard error" in once
    assert "linkage must be one of" in complaint("compare", nets, "--linkage", "ward")
    assert "control must be one of" in complaint("compare", nets, "--control", "he")
    assert "draws must be an integer from 1 to 1000000" in complaint("compare", nets, "--draws", 0)
    assert "is known for the CUE" in complaint(
        "compare", nets, "--conjugate", "deterministic", "--circular", "COE"
    )
    assert "is no file, and no network of a hub" in complaint("compare", "torchvison:resnet18")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert str(empty) in complaint("compare", empty)


@pytest.mark.slow
def test_controls_follow_the_rule_that_is_given(call: Call, nets: Path) -> None:
    def controls(*options: object) -> list[object]:
        record = json.loads(call("compare", nets / "a.npz", "--json", *options).stdout)
        return [(each["control_rule"], each["control_variance"]) for each in record["networks"]]

    assert controls() == [(None, None)]
    ((rule, variance),) = controls("--control", "torch")
    assert rule == "torch"
    assert variance > 0
    law = ("--control", "torch", "--conjugate", "deterministic")  # which no seed changes
    assert controls(*law, "--seed", 4) != controls(*law, "--seed", 5)


@pytest.mark.slow
def test_pictures_hold_many_networks_with_long_names(call: Call, nets: Path, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(12):
        name = f"a_rather_long_name_of_a_run_with_all_its_settings_lr_0.1_wd_5e-4_$seed$_{number}.npz"
        (folder / name).write_bytes((nets / "a.npz").read_bytes())
    result = call("compare", folder, "--plot", tmp_path / "many.svg", "--delta", 0.1)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    text = (tmp_path / "many.svg").read_text()
    width, height = (float(each) for each in re.search(r'width="(.*?)pt" height="(.*?)pt"', text).groups())
    assert width < 800
    assert height < 600


@pytest.mark.slow
@pytest.mark.parametrize("device", ["cpu:0", "cuda"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_device_of_torch_gives_the_stated_error(call: Call, nets: Path, device: str, dtype: str) -> None:
    torch = pytest.importorskip("torch")
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("torch has no CUDA device here")
    options = Options(dtype=dtype)  # type: ignore[arg-type]
    for name in "abc":
        weights = arrays(nets / f"{name}.npz")
        here, there = (
            layer_matrix_ensemble(weights, dtype=options.dtype).measured(device=where)
            for where in ("cpu", device)
        )
        for one, other in zip(here.layers, there.layers, strict=True):
            error = np.abs(one.eigenvalues - other.eigenvalues).max() / one.eigenvalues[-1]
            assert error < 100 * np.finfo(dtype).eps
    found, usual = (
        json.loads(call("compare", nets, "--json", "--no-cache", "--dtype", dtype, "--device", where).stdout)
        for where in (device, "cpu")
    )
    for one, other in zip(found["networks"], usual["networks"], strict=True):
        # What an eigenvalue moves by is far less than a bin, of which it may leave one.
        assert one["variance"] == pytest.approx(other["variance"], rel=0.02)


def test_a_device_that_is_not_there_is_a_sentence(complaint: Callable[..., str], nets: Path) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("torch has a CUDA device here")
    said = complaint("compare", nets, "--device", "cuda")
    assert "device 'cuda' cannot compute eigenvalues in float64 here (" in said
    assert said.endswith("; use 'cpu'.")


SLOW = """
import os, sys, time
from mme.ensembles import streaming
quick = streaming.spectrum_of_weights
def live():
    with open(os.environ["SIGNS_OF_LIFE"], "ab") as signs:
        signs.write(b".")
def slow(*arguments):
    live()
    time.sleep(0.15)
    return quick(*arguments)
streaming.spectrum_of_weights = slow
streaming.GROUP_BYTES = 1
sys.argv = ["mme", *sys.argv[1:]]
from mme.cli import main
live()
main()
"""


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_to_the_same_result(call: Call, nets: Path, tmp_path: Path) -> None:
    undisturbed = json.loads(call("compare", nets, "--json", "--no-cache").stdout)
    command = [sys.executable, "-c", SLOW, "compare", str(nets), "--json", "--jobs", "1"]
    signs, killed = tmp_path / "signs", 0
    environment = {**os.environ, "MME_CACHE": str(tmp_path / "killed"), "SIGNS_OF_LIFE": str(signs)}
    # Counted in spectra that are begun: how long a command takes to start depends on the machine.
    moments = np.random.default_rng(0).uniform(0, 3, size=6)
    for moment, blow in zip(moments, [signal.SIGKILL, signal.SIGTERM, signal.SIGINT] * 2, strict=True):
        signs.write_bytes(b"")
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
        while signs.stat().st_size <= int(moment) and process.poll() is None:
            time.sleep(0.005)
        time.sleep(0.3 * (moment % 1))  # as long as two spectra, what is done with them included
        process.send_signal(blow)
        out, errors = process.communicate(timeout=600)
        killed += process.returncode in (-blow, 130)
        begun = signs.stat().st_size > 1  # before, Typer itself may end it without a word
        if blow == signal.SIGINT and process.returncode == 130 and begun:
            assert b"interrupted" in errors
            assert b"Traceback" not in errors
        store = Store("spectra-3", folder=tmp_path / "killed" / "spectra-3")
        assert all(store.get(path.stem) is not None for path in store.files() if path.suffix == ".kept")
    out, errors = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ).communicate(timeout=600)
    assert errors == b""
    assert json.loads(out) == undisturbed
    assert killed > 1


@pytest.mark.slow
def test_delta_of_one_network_is_in_the_singular(call: Call, tmp_path: Path) -> None:
    rng = np.random.default_rng(9)
    for name in ("alone", "other"):
        np.savez(tmp_path / f"{name}.npz", fc=rng.normal(size=(40, 50)) / 7, out=rng.normal(size=(8, 9)) / 3)
    given = ("--estimate", 32, "--conjugate", "sampled")
    [network] = json.loads(call("compare", tmp_path / "alone.npz", "--json", *given).stdout)["networks"]
    floor, bound, error = (network[name] for name in ("noise_floor", "estimate_bound", "standard_error"))
    words = " ".join(call("compare", tmp_path / "alone.npz", *given).stdout.split())
    assert f"delta = {floor + bound + 3 * error:.3f}: the noise floor of alone, {floor:.3f} (what" in words
    assert f"to a variance), {bound:.3f} for its estimate, and {3 * error:.3f} for three standard" in words
    assert "the largest noise floor" not in words
    several = " ".join(call("compare", tmp_path, *given).stdout.split())
    assert "the largest noise floor, " in several
    assert "for the two least certain estimates, and" in several


@pytest.mark.slow
def test_programs_get_names_as_they_are(call: Call, tmp_path: Path) -> None:
    """Without a terminal nothing obeys a name, and one that lost characters would be that of another file."""
    rng, layer = np.random.default_rng(8), 'a\r\x1b[2Jb\r\nc,"d'
    for name in ("\x1b[31mred", "red"):
        np.savez(tmp_path / f"{name}.npz", w=rng.normal(size=(8, 9)) / 3, **{layer: np.ones((2, 2, 2, 0))})
    names = ["\x1b[31mred", "red"]
    networks = json.loads(call("compare", tmp_path, "--json").stdout)["networks"]
    assert sorted(each["name"] for each in networks) == names
    rows = list(csv.DictReader(io.StringIO(call("compare", tmp_path, "--csv").stdout)))
    assert sorted(row["name"] for row in rows) == names
    kept = io.BytesIO(call("compare", tmp_path, "--csv").stdout_bytes)
    rows = list(csv.DictReader(io.TextIOWrapper(kept, "utf-8", newline="")))
    [reason] = networks[0]["left_out"].values()
    assert [row["left_out"] for row in rows] == [f"{layer}: {reason}"] * 2
    told = call("compare", tmp_path, "--more", "--control", "torch").stdout
    assert "\x1b" not in told
    assert "\n\\x1b[31mred\n" in told


@pytest.mark.slow
def test_names_of_files_may_be_no_unicode(call: Call, tmp_path: Path) -> None:
    parquet, named = tmp_path / "table.parquet", tmp_path / os.fsdecode(b"bad\xff.npz")
    try:
        with named.open("wb") as file:
            np.savez(file, w=np.random.default_rng(8).normal(size=(8, 9)) / 3)
    except OSError:
        pytest.skip("the file system takes Unicode alone")
    [network] = json.loads(call("compare", tmp_path, "--json").stdout)["networks"]
    assert os.fsencode(network["name"]) == b"bad\xff"
    arrow = pytest.importorskip("pyarrow.parquet")
    result = call("compare", tmp_path, "--parquet", parquet)
    assert result.exit_code == 0, result.output
    assert "bad\\udcff" in result.stdout
    assert arrow.read_table(parquet)["name"].to_pylist() == ["bad\\udcff"]


def test_a_terminal_obeys_no_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    print_csv([{"name": "\x1b[31mred\r", "share": 0.5}])
    assert capsys.readouterr().out == 'name,share\n"\\x1b[31mred\\r",0.5\n'


@pytest.mark.slow
def test_a_pipe_gets_the_table_and_nothing_else(nets: Path) -> None:
    command = [sys.executable, "-c", "from mme.cli import main; main()", "compare", str(nets)]
    done = subprocess.run(command, capture_output=True, timeout=600, check=True)
    assert done.stderr == b""
    text = done.stdout.decode()
    assert "\x1b" not in text
    assert "…" not in text
    assert text.splitlines()[1].startswith("network")


@pytest.mark.slow
def test_more_numbers_beside_several_controls(call: Call, nets: Path) -> None:
    options = ("compare", nets / "a.npz", "--control", "torch", "--controls", 3, "--more")
    found = json.loads(call(*options, "--json").stdout)["networks"][0]["more"]
    one = measure(arrays(nets / "a.npz"), control="torch", controls=3)
    assert found == [pytest.approx(line) for line in one.more()]
    lines = call(*options).stdout.splitlines()
    told = {line["statistic"]: line for line in found if line["classifier"]}
    for name, title in STATISTICS.items():
        line = next(x for x in lines if x.startswith(f"{title}  "))
        assert f"{told[name]['value']:.3f}" in line
        assert f"{told[name]['control']:.3f} ± {told[name]['control_spread']:.3f}" in line
    assert "± is the spread over 3 untrained controls" in " ".join(lines)
    assert all(len(line) < 100 for line in lines)
    [row] = csv.DictReader(io.StringIO(call(*options, "--csv").stdout))
    assert float(row["log_stable_rank"]) == pytest.approx(told["log_stable_rank"]["value"])


@pytest.mark.slow
def test_more_with_one_control_and_with_none(call: Call, nets: Path) -> None:
    words = call("compare", nets / "a.npz", "--control", "torch", "--more").stdout
    assert "--controls 5 shows how far they spread" in words
    words = call("compare", nets / "a.npz", "--control", "none", "--more").stdout
    assert "distance of shapes" not in words
    assert "spread" not in words


@pytest.mark.slow
def test_an_estimate_has_a_bound(call: Call, complaint: Callable[..., str], tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    for name in "ab":
        np.savez(tmp_path / f"{name}.npz", fc=rng.normal(size=(400, 420)) / 20, other=np.eye(30))
    given = ("compare", tmp_path, "--estimate", 300, "--control", "torch")
    record = json.loads(call(*given, "--json").stdout)
    bounds = [network["estimate_bound"] for network in record["networks"]]
    assert all(network["estimated"] == 400 for network in record["networks"])
    assert all(network["control_estimate_bound"] > 0 for network in record["networks"])
    floor = max(network["noise_floor"] for network in record["networks"])
    assert record["delta"] == pytest.approx(floor + sum(bounds))
    words = " ".join(call(*given).stdout.split())
    assert "a: 1 layer with 400 eigenvalues estimated" in words
    assert f"Var(CSD) may miss that of the exact spectrum: {bounds[0]:.2g}, untrained" in words
    assert f"{sum(bounds):.3f} for the two least certain estimates" in words
    assert "--more" in complaint(*given, "--more")


def test_the_control_is_the_same_set(call: Call, complaint: Callable[..., str], tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    for name in ("trained", "before"):
        np.savez(tmp_path / name, **{f"{part}.a": rng.normal(size=(9, 7)) for part in ("net", "net_ema")})
    np.savez(tmp_path / "plain", **{"net.a": np.ones((9, 7))})
    given = ("compare", tmp_path / "trained.npz", "--which", "net_ema", "--control")
    [found] = json.loads(call(*given, tmp_path / "before.npz", "--json").stdout)["networks"]
    alone = call("compare", tmp_path / "before.npz", "--which", "net_ema", "--control", "none", "--json")
    [before] = json.loads(alone.stdout)["networks"]
    assert found["control_variance"] == before["variance"]
    assert "there is no second set of weights" in complaint(*given, tmp_path / "plain.npz")


def test_each_column_of_the_table_has_its_own_number() -> None:
    row = {
        "name": "net", "variance": 0.5, "standard_error": None, "control_variance": 0.25,
        "control_standard_error": 0.011, "largest_cumulative": 0.4, "noise_floor": 0.3,
        "inside_window": 0.75, "inside_window_nonzero": 0.875, "layers": 7, "eigenvalues": 40,
        "structural_zeros": 8,
    }  # fmt: skip
    line = Line(row, [], [], None, 1)
    found = [str(cell(line)) for cell in COLUMNS.values()]
    assert found == ["net", "0.500", "0.250 ± 0.011", "0.400", "0.300", "75.0%", "7", "40", "20.0%"]


def some(*variances: float, **others: Any) -> Any:
    """A comparison of networks with these variances, called a, b, …, with δ as by default or as given."""
    rest = {"control_variance": None, "control_standard_error": None} | others
    rows = [
        {"name": name, "variance": each, "noise_floor": each / 50, "estimate_bound": each / 100,
         "standard_error": each / 200} | rest
        for name, each in zip("abc", variances, strict=True)
    ]  # fmt: skip
    return grouped([Line(row, [], [], None, 0) for row in rows], delta=others.get("delta"))


def test_pairs_have_the_sign_and_the_mark_of_their_difference(capsys: pytest.CaptureFixture[str]) -> None:
    _show_pairs(some(0.5, 0.1, 0.125, delta=0.05))
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[-4:] == [
        ["1", "2", "3"],
        ["1", "b", "=", "-0.025", "-0.400"],
        ["2", "c", "=", "+0.025", "-0.375"],
        ["3", "a", "+0.400", "+0.375"],
    ]


def test_the_parts_of_delta_add_up_to_it() -> None:
    found = some(0.5, 1.0, 2.0)
    words = _about_delta(found)
    parts = [float(number) for number in re.findall(r"\d\.\d{3}", words)]
    assert parts[:3] == [round(found.delta, 3), 0.04, 0.03]  # the floor of c, and the bounds of b and c
    assert parts[3] == pytest.approx(found.delta - 0.07, abs=6e-4)
    assert parts[3] > 0.03  # three standard errors of c alone
    assert "largest noise floor, 0.040 of c" in words
    assert "Without c" not in words
    assert words.endswith("of the draws.")
    assert _about_delta(some(0.5, 1.0, 2.0, delta=0.25)) == "delta = 0.25, as given."
    assert _about_delta(some(0.1, 1.0, 2.1)).endswith("Without c the largest noise floor would be 0.020.")
    assert _about_delta(some(0.1, 0.2, 2.0)).endswith("Without c the largest noise floor would be 0.004.")
    words = _about_delta(some(2.1, 1.0, 0.5))
    assert "largest noise floor, 0.042 of a" in words
    assert words.endswith("Without a the largest noise floor would be 0.020.")


def test_many_networks_are_cut_short(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = some(0.5, 0.1, 0.125, delta=0.01)
    told: dict[str, Any] = dict.fromkeys(("largest_cumulative", "inside_window", "structural_zeros"), 0.0)
    told |= {"layers": 1, "eigenvalues": 2, "control_variance": None, "control_standard_error": None}
    told |= {"control_reason": "not asked for"}
    lines = [
        Line(each.to_dict() | told, words, [], None, 0)
        for each, words in zip(found.measurements, (["of a"], ["of b", "more"], ["of c"]), strict=True)
    ]
    _show(found, lines)
    words = capsys.readouterr().out
    assert re.findall(r"class (\d+): (\w+)\n", words) == [("1", "b"), ("2", "c"), ("3", "a")]
    assert "networks not shown" not in words
    for most in (3, 2):
        monkeypatch.setattr("mme.cli.compare.PAIRS_SHOWN", most)
        _show(found, lines)
        assert ("= marks pairs within" in capsys.readouterr().out) == (most == 3)
    monkeypatch.setattr("mme.cli.compare.LINES_SHOWN", 1)
    _show(found, lines)
    words = capsys.readouterr().out
    assert "… and 2 networks more" in words
    assert "Of the networks not shown, 2 have such lines" in words
    assert "class 1: b\n… and 2 classes more." in words


def test_the_cost_counts_controls_and_the_matrices_of_spikes(
    call: Call, nets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr("mme.cli.compare.lines_of", lambda *given: asked.append(given[-1]) or [])
    none = ("--control", "none")
    for options in ((), none, ("--more", "--controls", 3), ("--more",), ("--more", *none), ("--delta", 0)):
        assert "no network that can be measured" in call("compare", nets, *options).stderr
    assert asked == [1, 0, 11, 5, 2, 1]


def test_what_is_no_network_is_no_failure(call: Call, nets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = some(0.5, 0.5, 0.5).measurements[0].to_dict() | {"left_out": {}}
    other, broken = NoNetwork("notes.txt is none."), InputError("b.npz is damaged.")
    for failures, code in (([], 0), ([other], 0), ([broken], 1), ([other, broken], 1)):
        told = [Line(row, [], [], None, 0), *failures]
        monkeypatch.setattr("mme.cli.compare.lines_of", lambda *given, told=told: told)
        result = call("compare", nets, "--json")
        assert result.exit_code == code
        assert result.stderr == "".join(f"mme: {each}\n" for each in failures)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("--scheduler", "tcp://none:1", "--jobs", 2), "--jobs changes nothing with --scheduler, "),
        (("--more", "--controls", 2, "--control", "none"), "changes nothing without --more and a rule "),
    ],
)
def test_options_that_exclude_each_other(
    complaint: Callable[..., str], nets: Path, given: tuple[object, ...], words: str
) -> None:
    assert words in complaint("compare", nets, *given)
