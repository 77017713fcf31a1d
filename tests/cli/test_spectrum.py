"""`mme spectrum` prints, draws and writes the spectrum that the package computes."""

import csv
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import Result
from safetensors.numpy import save_file

from mme import start
from mme.cli.output import FIGURE_FORMATS, checked_file, density_picture, print_table, save_parquet
from mme.ensembles import layer_matrix_ensemble, pooled_spectrum, spectral_density

Call = Callable[..., Result]


def ensemble(path: Path) -> object:
    with np.load(path) as arrays:
        return layer_matrix_ensemble(dict(arrays))


def test_the_table_has_a_line_for_each_layer(call: Call, nets: Path) -> None:
    result = call("spectrum", nets / "a.npz")
    assert result.exit_code == 0
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    (fc,) = (line.split() for line in lines if line.startswith("fc.weight"))
    largest = ensemble(nets / "a.npz").layers[1].eigenvalues[-1]
    assert fc == ["fc.weight", "40×24", "40", "24", "24", "16", f"{largest:.4g}"]
    summary = "2 layers, 64 eigenvalues, 16 structural zeros (25.0%), 1 parameter left out"
    assert summary in " ".join(result.stdout.split())
    assert all(len(line) < 100 for line in lines)
    assert any("█" in line for line in lines)


def test_json_and_csv_say_the_same(call: Call, nets: Path) -> None:
    record = json.loads(call("spectrum", nets / "a.npz", "--json").stdout)
    assert [layer["name"] for layer in record["layers"]] == ["conv.weight", "fc.weight"]
    assert record["layers"][0]["shape"] == [24, 6, 3, 3]
    assert record["layers"][1]["structural_zeros"] == 16
    assert record["skipped"] == {"fc.bias": "one axis"}
    rows = list(csv.DictReader(io.StringIO(call("spectrum", nets / "a.npz", "--csv").stdout)))
    assert [row["name"] for row in rows] == ["conv.weight", "fc.weight"]
    assert rows[0]["shape"] == "24x6x3x3"
    assert float(rows[1]["largest_eigenvalue"]) == record["layers"][1]["largest_eigenvalue"]
    record = json.loads(call("spectrum", nets / "c.npz", "--json").stdout)
    values = np.concatenate([layer.eigenvalues for layer in ensemble(nets / "c.npz").layers])
    assert record["inside_window"] == pytest.approx((values <= 6).mean()) != 1
    assert record["inside_window_nonzero"] == pytest.approx((np.sort(values)[16:] <= 6).mean())


def test_out_holds_what_can_be_used_on(call: Call, nets: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.npz"
    result = call("spectrum", nets / "a.npz", "--out", out, "--zeros", "drop", "--bins", 50,
                  "--conjugate", "sampled")  # fmt: skip
    assert result.exit_code == 0, result.output
    expected = ensemble(nets / "a.npz")
    with np.load(out, allow_pickle=False) as kept:
        assert list(kept["layer_names"]) == ["conv.weight", "fc.weight"]
        assert list(kept["orders"]) == [24, 40]
        assert list(kept["columns"]) == [54, 24]
        assert list(kept["layer_shapes"]) == ["24x6x3x3", "40x24"]
        assert list(kept["structural_zeros"]) == [0, 16]
        np.testing.assert_allclose(
            kept["eigenvalues"][24:], expected.layers[1].eigenvalues, rtol=0, atol=1e-12
        )
        density = spectral_density(pooled_spectrum(expected), zeros="drop", bins=50)
        np.testing.assert_allclose(kept["density"], density.density)
        assert kept["conjugate_density"].shape == (5, 50)


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
@pytest.mark.slow
def test_plot_is_a_picture(call: Call, nets: Path, tmp_path: Path, suffix: str, start: bytes) -> None:
    picture = tmp_path / f"picture.{suffix}"
    assert call("spectrum", nets / "a.npz", "--plot", picture).exit_code == 0
    assert picture.read_bytes().startswith(start)


def test_layers_can_be_chosen(call: Call, nets: Path) -> None:
    record = json.loads(call("spectrum", nets / "a.npz", "--json", "--exclude", "conv*").stdout)
    assert [layer["name"] for layer in record["layers"]] == ["fc.weight"]
    record = json.loads(call("spectrum", nets / "a.npz", "--json", "--types", "Conv2d").stdout)
    assert [layer["name"] for layer in record["layers"]] == ["conv.weight"]


@pytest.mark.slow
def test_long_networks_are_cut_short(call: Call, tmp_path: Path) -> None:
    np.savez(tmp_path / "long.npz", **{f"w{number}": np.ones((2, 2)) for number in range(500)})
    assert "… and 100 layers more" in call("spectrum", tmp_path / "long.npz").stdout
    assert call("spectrum", tmp_path / "long.npz", "--csv").stdout.count("\n") == 501


@pytest.mark.slow
def test_bad_input_is_refused_before_the_work(
    complaint: Callable[..., str], call: Call, nets: Path, tmp_path: Path
) -> None:
    assert "there is no file or folder" in complaint("spectrum", tmp_path / "absent.pt")
    assert "--plot must name a file ending in .png" in complaint(
        "spectrum", nets / "a.npz", "--plot", "x.bmp"
    )
    assert "--out must name a file in a folder that exists" in complaint(
        "spectrum", nets / "a.npz", "--out", tmp_path / "no" / "x.npz"
    )
    assert "is a folder" in complaint("spectrum", nets / "a.npz", "--plot", make(tmp_path / "f.png"))
    assert "bins must be" in complaint("spectrum", nets / "a.npz", "--bins", 0)
    assert "zeros must be one of" in complaint("spectrum", nets / "a.npz", "--zeros", "some")
    assert "jobs must be" in complaint("spectrum", nets / "a.npz", "--jobs", 0)
    assert "holds no eigenvalue" in complaint("spectrum", nets / "a.npz", "--window", 900, 901)
    assert "a.npz: network has no weight tensor" in complaint("spectrum", nets / "a.npz", "--include", "none")


def make(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_the_layer_with_a_nan_is_named(complaint: Callable[..., str], tmp_path: Path) -> None:
    np.savez(tmp_path / "nan.npz", good=np.ones((3, 3)), bad=np.array([[1.0, np.nan], [0.0, 1.0]]))
    said = complaint("spectrum", tmp_path / "nan.npz")
    assert "nan.npz: layer 'bad' has NaN or infinite weights (1 of 4)" in said


def test_a_full_disk_does_not_cost_the_result(
    call: Call, nets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mme.store.write_whole", full)
    monkeypatch.setattr("mme.cli.output.write_whole", full)
    result = call("spectrum", nets / "a.npz")
    assert result.exit_code == 0
    assert "fc.weight" in result.stdout
    assert "cannot be written to" in result.stderr
    assert "No space left on device" in result.stderr
    result = call("spectrum", nets / "a.npz", "--out", tmp_path / "o.npz", "--no-cache")
    assert result.exit_code == 2
    assert "fc.weight" in result.stdout
    assert "o.npz cannot be written (No space left on device)" in result.stderr
    assert not (tmp_path / "o.npz").exists()


@pytest.mark.slow
def test_names_are_shown_and_not_obeyed(call: Call, tmp_path: Path) -> None:
    np.savez(tmp_path / "odd[lr=0.1].npz", **{"\x1b[31m red[b]": np.eye(3), "two\nlines $x$": np.eye(2)})
    result = call("spectrum", tmp_path / "odd[lr=0.1].npz", "--plot", tmp_path / "odd.svg")
    assert result.exit_code == 0
    assert result.stderr == ""
    assert "\x1b" not in result.stdout
    assert "\\x1b[31m red[b]" in result.stdout
    assert "odd[lr=0.1] (npz)" in result.stdout
    ElementTree.parse(tmp_path / "odd.svg")


def test_files_can_be_read_by_others(call: Call, nets: Path, tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        call("spectrum", nets / "a.npz", "--out", tmp_path / "o.npz")
    finally:
        os.umask(before)
    assert (tmp_path / "o.npz").stat().st_mode & 0o777 == 0o644


def test_a_folder_without_permission_is_told_before(
    complaint: Callable[..., str], nets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mme.cli.output.os.access", lambda folder, mode: False)
    assert "is read-only" in complaint("spectrum", nets / "a.npz", "--out", nets / "o.npz")


def test_two_forms_at_once(complaint: Callable[..., str], nets: Path) -> None:
    assert "exclude each other" in complaint("spectrum", nets / "a.npz", "--json", "--csv")
    assert "NET is empty" in complaint("spectrum", "")


@pytest.mark.slow
def test_a_full_device_is_a_sentence(nets: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no such device")
    command = [sys.executable, "-c", "from mme.start import main; main()", "spectrum", str(nets / "a.npz")]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=600, check=False)
    assert done.returncode == 2
    assert done.stderr.decode().splitlines()[0].startswith("mme: the output cannot be written")


@pytest.mark.slow
def test_a_closed_pipe_and_a_plain_terminal(nets: Path) -> None:
    command = f"{sys.executable} -c 'from mme.start import main; main()' spectrum {nets / 'a.npz'}"
    done = subprocess.run(f"{command} | head -1", shell=True, capture_output=True, timeout=600, check=False)
    assert done.stderr == b""
    plain = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(command, shell=True, env=plain, capture_output=True, timeout=600, check=True)
    assert done.stderr == b""
    assert b"fc.weight" in done.stdout


def test_debug_shows_where(call: Call, tmp_path: Path) -> None:
    result = call("--debug", "spectrum", tmp_path / "absent.pt")
    assert result.exit_code == 1
    assert "there is no file" in str(result.exception)
    call("spectrum", tmp_path / "absent.pt")  # and the flag does not stay


def test_faults_of_the_program_are_one_sentence_too(
    call: Call, nets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError("by nothing\nat all")

    monkeypatch.setattr("mme.cli.spectrum.layer_matrix_ensemble", broken)
    result = call("spectrum", nets / "a.npz")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert "fault of the program, ZeroDivisionError: by nothing" in result.stderr


@pytest.mark.slow
def test_interruption_has_its_own_exit_code(call: Call, nets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mme.cli.spectrum.layer_matrix_ensemble", interrupted)
    result = call("spectrum", nets / "a.npz")
    assert result.exit_code == 130
    assert "interrupted" in result.stderr


def test_an_interruption_outside_a_command_is_one_line_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted() -> None:  # as while the options of commands are made ready
        raise KeyboardInterrupt

    monkeypatch.setattr("mme.cli.main", interrupted)
    with pytest.raises(SystemExit, match="130"):
        start.main()
    assert capsys.readouterr() == ("", "mme: interrupted.\n")


def test_the_picture_has_the_heights_of_the_density() -> None:
    density = np.repeat([9.0, 4.0, 1.0, 0.0], 18)
    lines = density_picture(density, np.linspace(0, 6, 73), width=72, height=6).splitlines()
    heights = [
        sum(column < len(line) and line[column] == "█" for line in lines[:6]) for column in (0, 20, 40, 60)
    ]
    assert heights == [6, 4, 2, 0]
    assert lines[6] == "─" * 72
    assert lines[7].split() == ["0", "6"]
    assert len(lines[7]) == 72
    uneven = np.tile([1.0, 3.0], 72)  # two bins in each column
    assert density_picture(uneven, np.linspace(0, 6, 145)).endswith("the highest column is 2")


def test_tables_wrap_names_and_lose_nothing_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    name = "".join(map(str, range(200)))
    print_table(["network", "layers"], [[name, 1]])
    first, *more = capsys.readouterr().out.splitlines()[1:]
    assert "".join([first.split()[0], *(line.strip() for line in more)]) == name


def large(path: Path, layers: int = 1) -> Path:
    rng = np.random.default_rng(5)
    tensors = {f"layer{i}": rng.normal(size=(520, 540)).astype(np.float32) / 23 for i in range(layers)}
    save_file(tensors | {"small": np.eye(4, dtype=np.float32)}, path)
    return path


@pytest.mark.slow
def test_what_is_estimated_is_said(call: Call, tmp_path: Path) -> None:
    path, out = large(tmp_path / "net.safetensors"), tmp_path / "out.npz"
    exact = call("spectrum", path).stdout
    assert "≥" not in exact
    assert "estimated" not in exact
    shown = call("spectrum", path, "--estimate", 500, "--out", out).stdout
    line = next(line for line in shown.splitlines() if line.startswith("layer0"))
    assert line.split()[4:7] == ["–", "0", "≥"]
    words = " ".join(shown.split())
    way = "by 16 probes and up to 64 steps of Lanczos on the processor"
    assert f"net: 1 layer with 520 eigenvalues estimated, {way}: lay" in words
    assert "below any point have a standard error of" in words
    with np.load(out) as kept:
        assert kept["estimated"].tolist() == [True, False]
        assert kept["ranks"].tolist() == [-1, 4]
    record = json.loads(call("spectrum", path, "--estimate", 500, "--json").stdout)
    assert record["estimated_layers"] == 1
    assert record["estimate_error"] >= 0
    assert [(layer["estimated"], layer["rank"]) for layer in record["layers"]] == [(True, None), (False, 4)]


# The third estimate never ends, so that the blow comes before it, however long it takes to come.
SLOW = """
import sys, time
from itertools import count
from mme.ensembles import streaming
quick, begun = streaming.estimates_of, count(1)
def slow(*arguments):
    if next(begun) == 3:
        time.sleep(600)
    return quick(*arguments)
streaming.estimates_of = slow
sys.argv[0] = "mme"
from mme.cli import main
main()
"""


@pytest.mark.slow
def test_a_killed_estimate_goes_on(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, cache = large(tmp_path / "net.safetensors", layers=6), tmp_path / "killed"
    command = ["spectrum", str(path), "--estimate", "500", "--jobs", "1", "--json"]
    whole = call(*command, "--no-cache").stdout

    def kept() -> dict[Path, int]:
        return {each: each.stat().st_ino for each in cache.rglob("*.kept")}

    monkeypatch.setenv("MME_CACHE", str(cache))
    with subprocess.Popen([sys.executable, "-c", SLOW, *command], stdout=subprocess.DEVNULL) as running:
        while not kept() and running.poll() is None:
            time.sleep(0.005)
        running.kill()
    before = kept()
    assert 0 < len(before) < 7
    assert call(*command).stdout == whole
    assert len(kept()) == 7
    assert kept().items() >= before.items()  # none was computed again


def test_a_table_is_cut_where_there_is_more(call: Call, nets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for limit, more in ((2, 0), (1, 1)):
        monkeypatch.setattr("mme.cli.spectrum.LAYERS_SHOWN", limit)
        assert ("… and 1 layer more" in call("spectrum", nets / "a.npz").stdout) == bool(more)
        assert ("more; --csv and --json" in call("spectrum", nets / "a.npz").stdout) == bool(more)


def test_columns_end_in_eighths() -> None:
    density = np.repeat(np.arange(9) / 8, 8) ** 2  # the square roots are drawn
    top, *_ = density_picture(density, np.linspace(0, 6, 73), width=72, height=1).splitlines()
    blocks = " ▁▂▃▄▅▆▇█"
    heights = [blocks.index(column) for column in top.ljust(72)]
    assert heights == sorted(heights)
    assert set(heights) == set(range(9))


def test_the_estimated_layers_are_counted(call: Call, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    np.savez(tmp_path / "net.npz", a=rng.normal(size=(40, 45)), b=rng.normal(size=(41, 45)), c=np.eye(3))
    record = json.loads(call("spectrum", tmp_path / "net.npz", "--estimate", 32, "--json").stdout)
    assert record["estimated_layers"] == 2


def test_a_density_of_nothing_is_an_empty_picture() -> None:
    lines = density_picture(np.zeros(4), np.linspace(0, 1, 5), width=4, height=2).splitlines()
    assert lines == ["", "", "────", "0  1", "√density; the highest column is 0"]


def test_columns_that_do_not_divide_the_bins_are_rounded() -> None:
    top, *_ = density_picture(np.array([4.0, 4, 0, 0, 0]), np.arange(6.0), width=3, height=1).splitlines()
    assert top == "█"  # of two bins, as the last; the middle one has one


def test_endings_of_files_may_be_capitals(tmp_path: Path) -> None:
    assert checked_file("--plot", tmp_path / "a.PNG", FIGURE_FORMATS) == tmp_path / "a.PNG"


def test_columns_of_parquet_are_of_what_they_hold(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow.parquet")
    some: list[dict[str, object]] = [{"rule": None, "words": None, "why": "a"}, {"rule": None, "why": None}]
    save_parquet(tmp_path / "a.parquet", [*some, {"number": 2, "share": 0.5}], words=("rule",))
    kept = arrow.read_table(tmp_path / "a.parquet")
    types = {name: str(kept.schema.field(name).type) for name in kept.column_names}
    known = {"rule": "string", "words": "double", "why": "string"}
    assert types == known | {"number": "int64", "share": "double"}
    assert kept["why"].to_pylist() == ["a", None, None]


def test_the_window_is_told_from_end_to_end(call: Call, nets: Path) -> None:
    told = call("spectrum", nets / "a.npz", "--window", 0.5, 2.5, "--bins", 4).stdout
    assert "eigenvalues count in the window [0.5, 2.5]" in " ".join(told.split())


def test_squared_layers_are_looked_at(call: Call, nets: Path) -> None:
    found = json.loads(call("spectrum", nets / "c.npz", "--json").stdout)
    squared = json.loads(call("spectrum", nets / "c.npz", "--json", "--squarings", 2).stdout)
    wide = json.loads(call("spectrum", nets / "c.npz", "--json", "--window", 0, 6**0.5).stdout)
    assert squared["inside_window"] == wide["inside_window"] < found["inside_window"]


@pytest.mark.parametrize("command", ["spectrum", "compare"])
def test_a_pattern_that_matches_nothing_is_told(call: Call, nets: Path, command: str) -> None:
    given = (command, nets / "a.npz", "--include", "*", "--exclude", "fc.[b]*", "--exclude", "head*")
    told = " ".join(call(*given).stdout.split())
    assert "warning: a has no weights whose names match head*." in told
    assert told.count("no weights whose names match") == 1
