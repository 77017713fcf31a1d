"""The benchmarks: contestants compute the same, what is kept is complete, and nothing is left out silently.

No test here looks at a clock.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from importlib import util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from execute_once import ROOT

from benchmarks import __main__ as bench
from benchmarks import entropy, machine, measuring, results
from benchmarks.rows import Peer, Row
from benchmarks.table import best_peer, lines, shown_seconds
from mme.dln import entropy as exact_entropy
from tests.chapters import executed

ROWS = {row.name: row for row in bench.all_rows()}
RATES: machine.Rates = {"float32": 1e9, "float64": 1e9, "bytes": 1e9, "logarithms": 1e9, "normals": 1e9}
PAGE = ROOT / "book" / "reference" / "benchmarks.md"
MISSING = Peer("absent", abs, needs="a_package_that_nobody_has")
BROKEN = Peer("broken", lambda _: 1 / 0)


def row(name: str = "one", ours: Callable[[Any], Any] = abs, *peers: Peer, **more: Any) -> Row:
    told: dict[str, Any] = {"sizes": (1, 2, 4), "tiny": 1, "data": lambda size: size, "tolerance": 0.0}
    told |= {"error": lambda data, mine, other: abs(mine - other), "budget": 0.001} | more
    return Row(name, "Good for a test.", ours=ours, peers=peers, **told)


def measure(one: Row, **more: Any) -> dict[str, Any]:
    return measuring.measured(one, one.sizes, RATES, **({"long": False, "budget": 0.001, "say": str} | more))


@pytest.mark.slow
@pytest.mark.parametrize("one", ROWS.values(), ids=lambda one: one.name)
def test_peers_compute_what_we_compute(one: Row) -> None:
    if lack := measuring.lacking(one.needs):
        pytest.skip(lack)
    data = one.data(one.tiny)
    ours = one.ours(data)
    for peer in one.peers:
        if measuring.lacking(peer.needs):
            continue
        theirs = peer.run(data)
        if peer.agrees:
            assert one.error(data, ours, theirs) <= one.tolerance, peer.name
        elif peer.rival:  # said to be wrong, and it is
            assert one.error(data, ours, theirs) > one.tolerance, peer.name
    if one.limit:
        assert one.limit(one.tiny, RATES) > 0
    assert one.number(one.tiny) >= 1


@pytest.mark.slow
@pytest.mark.parametrize("one", [one for one in ROWS.values() if one.nearer], ids=lambda one: one.name)
def test_a_nearer_limit_is_one_where_a_vector_is_slower(one: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    if lack := measuring.lacking(one.needs):
        pytest.skip(lack)
    assert one.limit is not None
    assert one.nearer is not None
    limit = one.limit(one.tiny, RATES)
    monkeypatch.setattr("benchmarks.spectra.vector_rate", RATES.__getitem__)
    assert one.nearer(one.tiny, RATES) == pytest.approx(limit)
    monkeypatch.setattr("benchmarks.spectra.vector_rate", lambda _: 5e8)
    assert limit < one.nearer(one.tiny, RATES) < 1.5 * limit


def test_the_rate_of_products_with_a_vector_is_a_number() -> None:
    assert 0 < machine.vector_rate("float64") < np.inf
    assert 0 < machine.vector_rate("float32") < np.inf


@pytest.mark.slow
@pytest.mark.parametrize("name", ["entropy", "entropy gradient", "layer spectra, float64", "two cores"])
def test_another_result_is_noticed(name: str) -> None:
    one = ROWS[name]
    data = one.data(one.tiny)
    ours = one.ours(data)
    other = ours * (1 + 1e-9) if name.startswith("entropy") else [each * (1 + 1e-9) for each in ours]
    assert one.error(data, ours, other) > one.tolerance


@pytest.mark.slow
def test_another_law_is_noticed() -> None:
    one = ROWS["deterministic conjugate"]
    data = one.data(one.tiny)
    assert one.error(data, one.ours(data), one.ours((8,) * len(data))) > one.tolerance


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Haar unitary", "Haar orthogonal", "Haar symplectic"])
def test_what_is_not_haar_is_noticed(name: str) -> None:
    one = ROWS[name]
    data = one.data(one.tiny)
    ours = one.ours(data)
    assert one.error(data, ours, ours) <= one.tolerance
    first = ours[..., :1, :]
    assert one.error(data, ours, ours * first.conj() / np.abs(first)) > one.tolerance  # each column turned
    assert one.error(data, ours, 1.001 * ours) == np.inf


def test_the_printed_formula_fails_where_singular_values_coincide() -> None:
    sigma = np.array([[2.0, 2.0, 1.0, 0.5]])
    with np.errstate(all="ignore"):
        assert np.isnan(entropy.plain_entropy(sigma)).all()
        assert np.isnan(entropy.plain_gradient(sigma)).any()
    assert np.isfinite(exact_entropy(sigma, depth=entropy.DEPTH, field="H")).all()


def test_what_is_measured_has_all_that_is_kept() -> None:
    told = measure(row("one", lambda x: x, Peer("same", lambda x: x, note="a note"), MISSING, BROKEN))
    assert json.loads(json.dumps(told)) == told
    assert list(told) == ["name", "tells", "clock", "limited_by", "growth", "seconds", "points"]
    assert [point["size"] for point in told["points"]] == [1, 2, 4]
    for point in told["points"]:
        same, missing, broken = point["peers"]
        for each in (point["ours"], same):
            assert each["runs"] >= 1
            assert each["low"] <= each["median"] <= each["high"]
            assert each["ratio"] > 0
        assert (same["note"], same["said"]) == ("a note", "")
        assert missing["said"] == "not installed: pip install -c constraints.txt -e '.[bench]'"
        assert broken["said"] == "failed: ZeroDivisionError: division by zero"
        assert missing["runs"] == broken["runs"] == 0
        assert best_peer(point) == same
    shown = "\n".join(lines(told))
    assert all(each in shown for each in ("one", "same", "not installed", "division by zero"))


def test_a_fault_of_ours_is_not_told_as_a_peers() -> None:
    with pytest.raises(ZeroDivisionError):
        measure(row("one", lambda _: 1 / 0))


@pytest.mark.slow
def test_what_takes_long_is_left_out_with_a_reason() -> None:
    one = row("one", abs, Peer("slow", abs, first=1))
    said = [point["peers"][0]["said"] for point in measure(one)["points"]]
    assert said == ["", *["left out, for it takes long at this size: --long measures it"] * 2]
    assert [point["peers"][0]["said"] for point in measure(one, long=True)["points"]] == ["", "", ""]


def test_other_work_and_wrong_results_are_no_best_peer() -> None:
    peers = (Peer("other", abs, rival=False), Peer("wrong", abs, agrees=False))
    assert [best_peer(point) for point in measure(row("one", abs, *peers))["points"]] == [None] * 3


def test_growth_is_the_exponent_of_the_last_sizes() -> None:
    assert measuring.growth([(1, 9.0), (2, 1.0), (4, 8.0), (8, 64.0)]) == pytest.approx(3)
    assert measuring.growth([("vgg", 1.0), ("resnet", 2.0)]) is None
    assert [shown_seconds(value) for value in (2.0, 1.5e-3, 2.5e-8)] == ["2 s", "1.5 ms", "25 ns"]


@pytest.mark.skipif(not machine.RESET.exists(), reason="only Linux tells the peak")
def test_memory_is_the_peak_of_a_call() -> None:
    told = measure(row("one", lambda _: np.ones(10**7).sum(), sizes=(1,)))["points"][0]["ours"]
    assert 75e6 < told["memory"] < 120e6


def test_the_machine_is_described() -> None:
    told = machine.description()
    assert json.loads(json.dumps(told)) == told
    assert told["versions"]["numpy"] == np.__version__
    assert told["cores"] >= 1
    assert told["processor"]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two rows that note when they run; rates are not measured."""
    ran: list[str] = []

    def noted(name: str) -> Callable[[Any], Any]:
        return lambda _: ran.append(name)

    rows = (row("first", noted("first")), row("second", noted("second")))
    monkeypatch.setattr(bench, "all_rows", lambda: rows)
    monkeypatch.setattr(bench, "rates", lambda: RATES)
    return ran


@pytest.mark.slow
def test_an_interrupted_run_goes_on(
    quick: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = bench.all_rows()

    def stopped(_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(bench, "all_rows", lambda: (first, replace(second, ours=stopped)))
        with pytest.raises(KeyboardInterrupt):
            bench.main([], tmp_path)
    assert set(quick) == {"first"}
    quick.clear()
    assert bench.main([], tmp_path) == 0
    assert set(quick) == {"second"}
    assert "Measured before: first" in capsys.readouterr().err
    whole = json.loads((tmp_path / "last" / "result.json").read_text("utf-8"))
    assert [each["name"] for each in whole["rows"]] == ["first", "second"]
    quick.clear()
    assert bench.main([], tmp_path) == 0  # a finished one begins anew
    assert set(quick) == {"first", "second"}


@pytest.mark.slow
def test_a_run_is_kept_when_asked(quick: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    latest = results.ROOT / "_build" / "bench-test" / f"{tmp_path.name}.json"
    monkeypatch.setattr(results, "LATEST", latest)
    assert bench.main(["--rows", "first"], tmp_path) == 0
    assert not latest.exists()
    assert bench.main(["--keep"], tmp_path) == 0
    told = results.kept(latest)
    latest.unlink()
    assert list(told) == ["schema", "date", "machine", "rates", "rows"]
    assert [each["name"] for each in told["rows"]] == ["first", "second"]
    assert results.kept(latest)["rows"] == []


@pytest.mark.slow
def test_the_cost_is_said_before(
    quick: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.main(["--quick", "--rows", "second"], tmp_path)
    assert "1 rows on one core take about 5 seconds; interrupt it" in capsys.readouterr().err
    assert set(quick) == {"second"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--rows", "nothing"], "no row has 'nothing' in its name; there are: entropy; entropy gradient; "),
        (["--keep", "--quick"], "--keep keeps a whole run: leave --rows and --quick out."),
        (["--keep", "--rows", "haar"], "--keep keeps a whole run: leave --rows and --quick out."),
        (["--fast"], "unrecognized arguments: --fast"),
    ],
)
def test_wrong_input_is_told(
    arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        bench.main(arguments, tmp_path)
    assert stop.value.code == 2
    assert sentence in capsys.readouterr().err


def test_long_rows_and_sizes_are_named_where_they_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench.main(["--rows", "untrained, sampled"], tmp_path) == 0
    assert "Left out without --long: Table I, untrained, sampled" in capsys.readouterr().err


@pytest.mark.slow
def test_more_sizes_come_with_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "all_rows", lambda: (row("one", abs, more=(8,)),))
    monkeypatch.setattr(bench, "rates", lambda: RATES)
    for arguments, sizes in ([], [1, 2, 4]), (["--long"], [1, 2, 4, 8]), (["--quick"], [1]):
        assert bench.main(arguments, tmp_path) == 0
        told = json.loads((tmp_path / "last" / "result.json").read_text("utf-8"))
        assert [point["size"] for point in told["rows"][0]["points"]] == sizes
        assert ("Left out without --long: one at 8" in capsys.readouterr().err) == (arguments != ["--long"])


def test_run_hands_the_command_on(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = util.spec_from_file_location("run", ROOT / "run.py")
    assert spec is not None
    assert spec.loader is not None
    run = util.module_from_spec(spec)
    spec.loader.exec_module(run)
    called: list[list[str]] = []
    monkeypatch.setattr(run, "installed", lambda: Path("python"))
    monkeypatch.setattr(run.subprocess, "call", lambda command, **_: called.append(command) or 5)
    assert run.main(["bench", "--rows", "haar"]) == 5
    assert called == [["python", "-m", "benchmarks", "--rows", "haar"]]


def test_the_kept_result_is_whole() -> None:
    told = results.kept()
    names = [each["name"] for each in told["rows"] if not ROWS[each["name"]].long]
    assert names == [one.name for one in ROWS.values() if not one.long]
    assert set(RATES) == set(told["rates"])
    assert all(rate > 0 for rate in told["rates"].values())
    for each in told["rows"]:
        one = ROWS[each["name"]]
        assert (each["tells"], each["clock"], each["limited_by"]) == (one.tells, one.clock, one.limited_by)
        sizes = [point["size"] for point in each["points"]]
        assert sizes in ([*one.sizes], [*one.sizes, *one.more])
        for point in each["points"]:
            assert point["ours"]["runs"]
            assert [peer["name"] for peer in point["peers"]] == [peer.name for peer in one.peers]
            assert all(peer["runs"] or peer["said"] for peer in point["peers"])
            assert (point["limit"] is None) == (one.limit is None)


@pytest.mark.slow
def test_the_page_shows_every_row() -> None:
    outputs = [output for cell in executed(PAGE).cells for output in cell.get("outputs", [])]
    tables = [output.data.get("text/html", "") for output in outputs if "data" in output]
    machine_shown, purposes, summary, *_, everything = [each for each in tables if "<table" in each]
    kept = results.kept()
    assert kept["date"] in machine_shown
    assert kept["machine"]["processor"] in machine_shown
    for each in kept["rows"]:
        assert f">{each['name']}<" in purposes
        assert f">{each['name']}<" in summary
        assert everything.count(f">{each['name']}<") == sum(1 + len(x["peers"]) for x in each["points"])


def test_many_networks_are_measured_on_two_cores(tmp_path: Path) -> None:
    from benchmarks import many_networks
    from mme.cli import many
    from mme.cli.nets import find_nets
    from mme.comparison.options import Options

    many_networks.write_networks(tmp_path, 2)
    job = many.Job(Options(), None, None, 1, False, None)
    lines = many_networks.spread(find_nets([str(tmp_path)]), job, "threading")
    assert [json.loads(line)[0]["layers"] for line in lines] == [5, 5]
