"""Many networks: in processes, on a cluster whose parts are killed, and going on from what was kept."""

import csv
import gc
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from typer import Context
from typer.main import get_command

from mme.cli import app, many
from mme.cli.many import Job
from mme.cli.nets import JUST_NOW, Network, check_net, find_nets
from mme.cli.settings import Run
from mme.comparison.options import Options
from mme.errors import InputError
from mme.store import Store

Call = Callable[..., Result]
NETWORKS = 24
CONTEXT = Context(get_command(app))
HAS_DASK = importlib.util.find_spec("distributed") is not None
needs_dask = pytest.mark.skipif(not HAS_DASK, reason="distributed is not installed (mme[dask])")

# A worker of which only so many groups of layers end, so that something is at work whenever something is
# killed, however long that takes.
SLOW_WORKER = """
import time
from itertools import count
from mme.ensembles import streaming
quick, begun = streaming.spectrum_of_weights, count()
def slow(*arguments):
    time.sleep(0.2 if next(begun) < {most} else 600)
    return quick(*arguments)
streaming.spectrum_of_weights = slow
from distributed.cli.dask_worker import main
main()
"""

# One network is never done, so that a process is at work when Ctrl-C comes.
ENDLESS = """
import sys, time
from mme.cli import main, many
many.MANY, quick = 2, many.line_there
def endless(network, *others):
    time.sleep(600 if network.name == "net5" else 0)
    return quick(network, *others)
many.line_there = endless
sys.argv[0] = "mme"
main()
"""
OPTIONS = ("--control", "none", "--csv", "--include", "conv*")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Small networks, and a file that is none."""
    made = tmp_path / "networks"
    made.mkdir()
    for number in range(NETWORKS):
        rng = np.random.default_rng(number)
        np.savez(made / f"net{number}.npz", conv=(1 + number / 8) * rng.normal(size=(30, 4, 3, 3)) / 6)
    (made / "net7.pt").write_bytes(b"PK\x03\x04 no")
    return made


@contextmanager
def started(cache: Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process with a cache of its own, gone afterwards."""
    modules = os.pathsep.join(filter(None, sys.path))
    environment = os.environ | {"MME_CACHE": str(cache), "PYTHONPATH": modules}
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "start_new_session": True}
    process = subprocess.Popen([sys.executable, *command], env=environment, **pipes)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until(true: Callable[[], Any], process: subprocess.Popen[bytes]) -> None:
    while not true():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def kept(cache: Path) -> dict[str, int]:
    """The measurements that a command has kept, each with the number of its file."""
    store = Store("measurements-1", folder=cache / "measurements-1")
    return {path.name: path.stat().st_ino for path in store.files() if path.suffix == ".kept"}


@contextmanager
def scheduler(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A scheduler that answers, and its address, with a port that it has found itself."""
    told = folder / "scheduler.json"
    told.unlink(missing_ok=True)
    where = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(told))
    with started(folder, "-m", "distributed.cli.dask_scheduler", *where) as process:
        until(lambda: told.exists() and told.read_text().rstrip().endswith("}"), process)
        yield process, json.loads(told.read_text())["address"]


def worker(tmp_path: Path, name: str, address: str, most: int = 600) -> Any:
    own = tmp_path / name
    alone = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(own))
    return started(own, "-c", SLOW_WORKER.format(most=most), address, *alone)


def told(errors: bytes) -> list[bytes]:
    """The lines on the error output but the one that workers are waited for, which come as they start."""
    return [line for line in errors.splitlines() if b"the scheduler has no workers yet" not in line]


def old(folder: Path) -> None:
    """Wait until no file of the folder may change again within a tick of its clock."""
    newest = max(path.stat().st_ctime for path in folder.iterdir())
    time.sleep(max(0.0, newest + 2.1 - time.time()))


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files count as old however new they are, as if a tick of their clock had passed."""
    monkeypatch.setattr("mme.cli.nets.JUST_NOW", -3600.0)


@pytest.mark.slow
def test_processes_tell_what_one_process_tells(
    call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = call("compare", folder, *OPTIONS, "--no-cache", "--jobs", 2)
    monkeypatch.setattr(many, "MANY", 4)
    several = call("compare", folder, *OPTIONS, "--no-cache", "--jobs", 2)
    assert several.stdout == alone.stdout
    assert several.exit_code == alone.exit_code == 1
    for each in (several, alone):
        [line] = each.stderr.splitlines()
        assert "net7.pt" in line
    named = [folder / "net7.pt", *folder.glob("*.npz")]
    broken = call("compare", *named, *OPTIONS, "--no-cache", "--jobs", 2)
    assert broken.exit_code == 2
    assert broken.stdout == ""


def killed(*task: object) -> None:
    """End the process as the system does when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [2, 5])
def test_a_network_that_kills_its_process_costs_one_line(
    call: Call, complaint: Callable[..., str], folder: Path, monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    (folder / "net7.pt").unlink()
    monkeypatch.setattr(many, "MANY", 4)
    line_there = many.line_there

    def deadly(network: Network, *others: Any) -> Any:
        return killed() if network.name in ("net3", "net4", "net20") else line_there(network, *others)

    with monkeypatch.context() as patch:
        patch.setattr(many, "line_there", deadly)
        found = call("compare", folder, *OPTIONS, "--no-cache", "--jobs", jobs)
        named = sorted(folder.iterdir())
        lost = "the process that measured it was lost"
        assert lost in complaint("compare", *named, *OPTIONS, "--no-cache", "--jobs", jobs)
    assert found.exit_code == 1
    [first, second, third] = found.stderr.splitlines()
    assert f"net3: {lost}" in first
    assert f"net4: {lost}" in second
    assert f"net20: {lost}" in third
    for number in (3, 4, 20):
        (folder / f"net{number}.npz").unlink()
    assert found.stdout == call("compare", folder, *OPTIONS, "--no-cache", "--jobs", 1).stdout


@pytest.mark.slow
@pytest.mark.usefixtures("later")
def test_a_measured_network_is_measured_again_only_when_its_file_changes(
    call: Call, nets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = call("compare", nets, "--json", "--more", "--control", "torch").stdout
    assert len(kept(tmp_path / "cache")) == 3
    measure = many.measure
    measured = []
    monkeypatch.setattr(many, "measure", lambda *a, **k: measured.append(k["name"]) or measure(*a, **k))
    assert call("compare", nets, "--json", "--more", "--control", "torch").stdout == first
    assert measured == []
    text = call("compare", nets, "--more", "--control", "torch").stdout
    assert "One control was drawn" in text
    assert measured == []
    stood = (nets / "a.npz").stat()
    (nets / "a.npz").write_bytes((nets / "c.npz").read_bytes())  # as long, and as old by its own account
    os.utime(nets / "a.npz", ns=(stood.st_atime_ns, stood.st_mtime_ns))
    assert (nets / "a.npz").stat().st_size == stood.st_size
    again = json.loads(call("compare", nets, "--json", "--more", "--control", "torch").stdout)
    assert measured == ["a"]
    assert again["networks"][0]["variance"] == again["networks"][2]["variance"]
    call("compare", nets, "--json", "--control", "torch")
    assert measured == ["a", *"abc"]  # another question
    assert call("compare", nets, "--json", "--more", "--control", "torch", "--no-cache").stdout != first
    assert measured == ["a", *"abc", *"abc"]


def test_what_is_just_written_has_no_state(
    nets: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mme.cli.nets.JUST_NOW", 600.0)  # the next lines may take longer than two seconds
    (nets / "a.npz").write_bytes((nets / "b.npz").read_bytes())
    assert Network("a", str(nets / "a.npz")).state() == ""
    request.getfixturevalue("later")
    assert Network("a", str(nets / "a.npz")).state() != Network("b", str(nets / "b.npz")).state() != ""
    assert Network("gone", str(nets / "gone.npz")).state() == ""
    assert Network("hub", "digits:vgg5").state() == ""
    old = (nets / "a.npz").stat().st_ctime
    for seconds, is_told in ((1.9, False), (2.1, True)):
        with monkeypatch.context() as patch:
            patch.setattr("mme.cli.nets.JUST_NOW", JUST_NOW)
            patch.setattr("mme.cli.nets.time.time", lambda seconds=seconds: old + seconds)
            assert bool(Network("a", str(nets / "a.npz")).state()) == is_told
    before = Network("a", str(nets / "a.npz")).state()
    (nets / "config.json").write_text("{}")  # by which its weights may be read
    assert Network("a", str(nets / "a.npz")).state() != before
    with monkeypatch.context() as patch:
        patch.setattr("mme.cli.nets.JUST_NOW", 600.0)
        for age in (1e9, -1e9):  # written now all the same, or later than all that lies beside it
            os.utime(nets / "a.npz", (time.time() - age,) * 2)
            assert Network("a", str(nets / "a.npz")).state() == ""
            patch.setattr("mme.cli.nets.time.time", lambda: old + 700)
    onnx = nets / "model.onnx"
    onnx.write_bytes(b"\x08\x07\x12\x00" + bytes(60))
    assert Network("model", str(onnx)).state() == ""  # its weights may lie beside it


@pytest.mark.parametrize("changed", ["st_ino", "st_size", "st_mtime", "st_ctime"])
def test_a_state_is_all_that_changes_with_a_file(
    nets: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    path, times = nets / "a.npz", ("st_mtime", "st_ctime")
    told = {"st_mode": path.stat().st_mode, "st_ino": 5, "st_size": 700}
    told |= dict.fromkeys(times, 1e6) | {f"{each}_ns": 10**15 for each in times}
    monkeypatch.setattr(Path, "stat", lambda self, **_: SimpleNamespace(**told))
    before = Network("a", str(path)).state()
    told |= {changed: told[changed] + 1} | ({f"{changed}_ns": 10**15 + 1} if changed in times else {})
    assert Network("a", str(path)).state() != before != ""
    if changed in times:  # within a tick of the clock by either time
        told[changed] = time.time()
        assert Network("a", str(path)).state() == ""


@pytest.mark.usefixtures("later")
def test_a_state_is_of_the_configuration_beside_a_file(nets: Path) -> None:
    network, states = Network("a", str(nets / "a.npz")), set()
    for text in ("", "{}", '{"quantization_config": {}}'):
        if text:
            (nets / "config.json").write_text(text)
        states.add(network.state())
    assert len(states) == 3


@pytest.mark.slow
def test_ctrl_c_is_one_sentence_from_all_processes(folder: Path, tmp_path: Path) -> None:
    old(folder)
    cache = tmp_path / "mine"
    with started(cache, "-c", ENDLESS, "compare", str(folder), *OPTIONS, "--jobs", "2") as run:
        until(lambda: kept(cache), run)
        os.killpg(run.pid, signal.SIGINT)
        out, errors = run.communicate(timeout=60)  # which ends when no process holds the pipes
    assert run.returncode == 130
    assert out == b""
    assert errors.decode().startswith("mme: interrupted; what was finished is kept")
    assert errors.count(b"\n") == 1


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("include", ("c*",)), ("exclude", ("x",)), ("types", ("Linear",)), ("dtype", "float32"),
        ("device", "cuda"), ("conjugate", "sampled"), ("draws", 7), ("rng", 3),
        ("construction", "eigenvectors"), ("part", "modulus"), ("pooling", "periodic"),
        ("window", (0.0, 3.0)), ("bins", 10),
        ("zeros", "half"), ("normalise", "positive"), ("bandwidth", 0.1), ("squarings", 2), ("estimate", 64),
        ("circular", "U"),
    ],
)  # fmt: skip
def test_every_option_decides_the_line(nets: Path, name: str, value: Any) -> None:
    network = Network("a", str(nets / "a.npz"))
    usual = Options(conjugate="sampled" if name == "circular" else "deterministic")
    job = Job(usual, "auto", None, 1, False, None)
    changed = job._replace(options=replace(usual, **{name: value}))
    assert job.key(network) != changed.key(network) != ""


@pytest.mark.usefixtures("later")
def test_everything_else_of_a_job_decides_the_line(nets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network, control = (Network(name, str(nets / f"{name}.npz")) for name in "ab")
    job = Job(Options(), "auto", None, 1, False, None)
    changes: list[dict[str, Any]] = [
        {"rule": "torch"}, {"control": control}, {"controls": 2}, {"more": True}, {"which": "ema"}
    ]  # fmt: skip
    keys = [job.key(network), job.key(control), *(job._replace(**each).key(network) for each in changes)]
    states = {network.source: "as it was", control.source: "trained on"}  # the control's file has changed
    with monkeypatch.context() as patch:
        patch.setattr(Network, "state", lambda self: states[self.source])
        keys += [job._replace(control=control).key(network)]
        states[control.source] = "and on"
        keys += [job._replace(control=control).key(network)]
    monkeypatch.setattr(many, "_program", lambda: "a later one")
    assert len({*keys, job.key(network)}) == 10


@pytest.mark.usefixtures("later")
def test_a_line_is_of_its_name_and_of_the_libraries(nets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job, network = Job(Options(), "auto", None, 1, False, None), Network("a", str(nets / "a.npz"))
    assert job.key(network) != job.key(network._replace(name="nets/a"))  # it is told in the line
    programs = [many._program.__wrapped__()]
    for library in ("numpy", "scipy"):
        monkeypatch.setattr(f"{library}.__version__", "0.1")
        programs.append(many._program.__wrapped__())
    assert len(set(programs)) == 3


def test_a_network_and_its_control_are_opened_in_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Initial weights of a hub are drawn by the seed."""
    opened = []
    monkeypatch.setattr(many, "open_net", lambda source, **how: opened.append((source, how)))
    monkeypatch.setattr(many, "measure", lambda *_, **__: refused())

    def refused() -> None:
        raise InputError("it is opened, and no more")

    net, control = (Network(name, f"digits:{name}@untrained") for name in ("vgg5", "vgg7"))
    found = many.line_of(net, Job(Options(rng=7), None, control, 1, False, "ema"))
    assert str(found) == "vgg5: it is opened, and no more"
    assert opened == [(each.source, {"seed": 7, "which": "ema"}) for each in (net, control)]


def test_what_many_cost_is_told_by_some_from_all_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    networks = [Network(f"{place}", str(tmp_path / f"{place}.npz"), False) for place in range(50)]
    for network in networks:
        Path(network.source).touch()
    told = []
    monkeypatch.setattr(many, "open_net", lambda source, **_: source)
    monkeypatch.setattr(many, "announce_cost", lambda opened, *_, **how: told.append((list(opened), how)))
    monkeypatch.setattr(many, "_elsewhere", lambda *_: iter(()))
    run = Run(Options(), Store("spectra-3", enabled=False), 2, False, False, CONTEXT)
    many.lines_of(networks, Job(Options(), None, None, 1, False, None), run, None, 1)
    looked_at = [network.source for network in networks[::3]]
    assert told == [(looked_at, {"controls": 1, "share": 17 / 50, "apart": True})]


def test_a_worker_with_another_program_measures_nothing(nets: Path) -> None:
    job = Job(Options(), None, None, 1, False, None)
    network = Network("a", str(nets / "a.npz"))
    assert isinstance(many.line_there(network, job, False, many._program()), bytes)
    with pytest.raises(InputError, match="workers with the same mme, NumPy and SciPy"):
        many.line_there(network, job, False, "another")


@needs_dask
@pytest.mark.slow
@pytest.mark.filterwarnings("error")
def test_a_scheduler_must_answer(complaint: Callable[..., str], nets: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(many, "CONNECTING", 0.5)
    mute, closed = socket.create_server(("127.0.0.1", 0)), socket.socket()
    closed.bind(("127.0.0.1", 0))  # so that nobody else answers there
    ports = [each.getsockname()[1] for each in (closed, mute)]
    for address in (*(f"tcp://127.0.0.1:{port}" for port in ports), "nonsense", "carrier://x:1", "tcp://"):
        assert f"none answers at {address} (" in complaint("compare", nets, "--scheduler", address)
        gc.collect()  # of a client that is left, the end would be a warning
    mute.close()
    closed.close()


# What speaks as a worker does, and is no scheduler either.
NO_SCHEDULER = """
import asyncio
from distributed.core import Server
async def serve():
    async with Server({}) as server:
        await server.listen("tcp://127.0.0.1:0")
        print(server.address, flush=True)
        await asyncio.sleep(600)
asyncio.run(serve())
"""


@needs_dask
@pytest.mark.slow
def test_what_speaks_as_a_worker_is_no_scheduler(nets: Path, tmp_path: Path) -> None:
    with started(tmp_path, "-c", NO_SCHEDULER) as other:
        assert other.stdout
        address = other.stdout.readline().decode().strip()
        with started(tmp_path, "-m", "mme", "compare", str(nets), "--scheduler", address) as run:
            out, errors = run.communicate(timeout=120)
    assert run.returncode == 2
    assert out == b""
    [line] = errors.splitlines()  # and nothing of a client that cannot be closed
    assert f"none answers at {address} (TypeError)" in line.decode()


def test_the_extras_are_named(complaint: Callable[..., str], nets: Path, monkeypatch: Any) -> None:
    for module in ("distributed", "pyarrow"):
        monkeypatch.setitem(sys.modules, module, None)
    assert "pip install 'mme[dask]'" in complaint("compare", nets, "--scheduler", "tcp://127.0.0.1:1")
    assert "pip install 'mme[parquet]'" in complaint("compare", nets, "--parquet", nets / "x.parquet")


@pytest.mark.slow
def test_parquet_has_the_columns_of_csv(call: Call, nets: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed (mme[parquet])")
    np.savez(nets / "d.npz", only=np.eye(6))  # no classifier, so fewer numbers
    for options in ((), ("--more", "--control", "torch")):
        told = call("compare", nets, "--csv", "--parquet", tmp_path / "table.parquet", *options)
        assert told.exit_code == 0, told.output
        rows = list(csv.DictReader(told.stdout.splitlines()))
        table = parquet.read_table(tmp_path / "table.parquet")
        assert table.column_names == list(rows[0])
        for row, other in zip(rows, table.to_pylist(), strict=True):
            assert row == {name: "" if cell is None else str(cell) for name, cell in other.items()}
        kinds = {name: str(table.schema.field(name).type) for name in table.column_names}
        assert kinds["control_variance"] == kinds["variance"] == "double"
        assert kinds["control_rule"] == "string"
        assert kinds["class"] == "int64"


@needs_dask
@pytest.mark.slow
def test_a_network_that_no_worker_survives_costs_one_line(
    call: Call, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "net7.pt").unlink()
    undisturbed = call("compare", folder, *OPTIONS, "--no-cache").stdout.splitlines()
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "1")
    line_there = many.line_there

    def deadly(network: Network, *others: Any) -> Any:
        return killed() if network.name == "net3" else line_there(network, *others)

    monkeypatch.setattr(many, "line_there", deadly)
    with (
        scheduler(tmp_path) as (_, address),
        worker(tmp_path, "one", address),
        worker(tmp_path, "two", address),
        worker(tmp_path, "three", address),
    ):
        found = call("compare", folder, *OPTIONS, "--scheduler", address)
    assert found.exit_code == 1, found.output
    assert "net3: all workers to which it was sent were lost" in found.stderr
    lost = {line.split()[1].rstrip(":") for line in found.stderr.splitlines()}
    told = [line.rpartition(",")[0] for line in found.stdout.splitlines()]  # without the class
    assert told == [line.rpartition(",")[0] for line in undisturbed if line.split(",")[0] not in lost]


@needs_dask
@pytest.mark.slow
def test_a_cluster_that_dies_costs_nothing(call: Call, folder: Path, tmp_path: Path) -> None:
    undisturbed = call("compare", folder, *OPTIONS, "--no-cache")
    assert undisturbed.exit_code == 1
    assert undisturbed.stdout.count("\n") == 1 + NETWORKS
    old(folder)  # of what is just written nothing is kept
    mine = tmp_path / "mine"
    command = ("-m", "mme", "compare", str(folder), *OPTIONS, "--scheduler")
    with (
        scheduler(tmp_path) as (first, address),
        worker(tmp_path, "one", address, most=6) as one,
        worker(tmp_path, "two", address, most=6),
        worker(tmp_path, "three", address, most=6),
        started(mine, *command, address) as run,
    ):
        until(lambda: len(kept(mine)) > 2, run)
        one.send_signal(signal.SIGKILL)
        until(lambda: len(kept(mine)) > 8, run)
        first.send_signal(signal.SIGKILL)
        out, errors = run.communicate(timeout=120)
        assert run.returncode == 2
        assert out == b""
        [line] = told(errors)
        assert b"the scheduler was lost, perhaps for want of memory; what was finished is kept" in line
    before = kept(mine)
    assert 8 < len(before) < NETWORKS
    with (
        scheduler(tmp_path) as (_, address),
        worker(tmp_path, "four", address),
        started(mine, *command, address) as run,
    ):
        out, errors = run.communicate(timeout=120)
    assert out.decode() == undisturbed.stdout
    assert errors.count(b"\n") == undisturbed.stderr.count("\n") == 1
    assert b"net7.pt" in errors
    assert before.items() < kept(mine).items()  # nothing was measured twice


def test_names_are_of_files_of_folders_or_of_hubs(nets: Path, tmp_path: Path) -> None:
    for name in ("digits:vgg5", str(nets), "no colon"):
        check_net(name)
    for name in ("torchvison:resnet18", ""):
        with pytest.raises(InputError):
            check_net(name)
    assert [(each.name, each.is_required) for each in find_nets([str(nets)])] == [
        ("a", False), ("b", False), ("c", False)
    ]  # fmt: skip
    files = [str(nets / name) for name in ("net.weights.h5", "my.v2.pt", "x.weights.pt")]
    assert [each.name for each in find_nets(files)] == ["net", "my.v2", "x.weights"]
    (nets / "b.npz").unlink()
    (nets / "c.npz").unlink()
    assert [each.is_required for each in find_nets([str(nets)])] == [True]  # a folder of one stands for it
    assert [each.is_required for each in find_nets([str(nets / "a.npz"), "digits:vgg5"])] == [True, True]


def test_what_was_at_work_is_tried_in_half_as_many_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def spread(networks: dict[int, Network], job: Job, is_kept: bool, client: Any, jobs: int) -> Any:
        calls.append((list(networks), jobs))
        for place in networks:
            if place == 4 or (place == 1 and jobs > 1):
                raise BrokenExecutor
            yield place, b"line"

    monkeypatch.setattr(many, "_spread", spread)
    job = Job(Options(), None, None, 1, False, None)
    networks = {place: Network(f"net{place}", "") for place in range(10)}
    found = dict(many._elsewhere(networks, job, False, None, 3))
    assert calls == [([*range(10)], 3), ([1, 2, 3, 4, 5], 1), ([5], 1), ([6, 7, 8, 9], 3)]
    assert str(found.pop(4)).startswith("net4: the process that measured it was lost")
    assert found == dict.fromkeys((0, 1, 2, 3, 5, 6, 7, 8, 9), b"line")


def test_some_of_many_networks_tell_what_all_cost(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def announced(opened: Any, options: Options, jobs: int, **told: Any) -> None:
        asked.append((len(opened), told["share"], told["apart"]))
        raise InterruptedError

    monkeypatch.setattr(many, "announce_cost", announced)
    monkeypatch.setattr(many, "LOOKED_AT", 6)
    networks = [Network(each.stem, str(each)) for each in folder.glob("*.npz")]
    for most, jobs, device in (
        (24, 2, "cpu"), (25, 2, "cpu"), (1, 1, "cpu"), (1, 12, "cpu"), (1, 13, "cpu"), (1, 2, "cuda")
    ):  # fmt: skip
        monkeypatch.setattr(many, "MANY", most)
        options = Options(device=device)
        run = Run(options, Store("spectra-3", enabled=False), jobs, False, False, CONTEXT)
        with pytest.raises(InterruptedError):
            many.lines_of(networks, Job(options, None, None, 1, False, None), run, None, 0)
    some, every = 5 / 24, (24, 1, False)
    assert asked == [(5, some, True), every, (5, some, False), (5, some, True), every, (5, some, False)]


@pytest.mark.usefixtures("later")
def test_the_kept_lines_are_tidied_or_their_trouble_is_told(nets: Path) -> None:
    networks, job = [Network("a", str(nets / "a.npz"))], Job(Options(bins=9), None, None, 1, False, None)
    run, lines = Run(job.options, Store("spectra-3"), 1, False, False, CONTEXT), Store("measurements-1")
    many.lines_of(networks, job, run, None, 0)
    assert (len(lines), run.store.trouble) == (1, "")
    assert (lines.folder / "tidied").exists()
    shutil.rmtree(lines.folder)
    lines.folder.touch()
    many.lines_of(networks, job, run, None, 0)
    assert run.store.trouble.startswith(f"{lines.folder} cannot be written to")


@pytest.mark.usefixtures("later")
def test_the_state_of_the_control_decides_the_line(nets: Path) -> None:
    network, control = (Network(name, str(nets / f"{name}.npz")) for name in "ab")
    job = Job(Options(), None, control, 1, False, None)
    before = job.key(network)
    np.savez(nets / "b.npz", w=np.eye(5))
    assert before != job.key(network) != ""
    assert job._replace(control=Network("digits:vgg5", "digits:vgg5")).key(network) == ""  # nothing tells
