"""Many networks: in processes, on a cluster whose parts are killed, and going on from what was kept."""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result

from mme.cli import many, nets as finding
from mme.store import Store

Call = Callable[..., Result]
NETWORKS = 24
HAS_DASK = importlib.util.find_spec("distributed") is not None
needs_dask = pytest.mark.skipif(not HAS_DASK, reason="distributed is not installed (mme[dask])")

# Every group of layers takes a while longer, so that something is at work whenever something is killed.
SLOW_WORKER = """
import time
from mme.ensembles import streaming
quick = streaming.spectrum_of_weights
def slow(*arguments):
    time.sleep(0.2)
    return quick(*arguments)
streaming.spectrum_of_weights = slow
from distributed.cli.dask_worker import main
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
    environment = os.environ | {"MME_CACHE": str(cache), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen(
        [sys.executable, *command], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until(true: Callable[[], Any], process: subprocess.Popen[bytes]) -> None:
    while not true():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def kept(cache: Path) -> dict[str, int]:
    """The measurements that a command has kept, each with the number of its file."""
    store = Store("measurements-1", folder=cache / "measurements-1")
    return {path.name: path.stat().st_ino for path in store.files() if path.suffix == ".kept"}


def scheduler(cache: Path, port: int) -> Any:
    where = ("--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
    return started(cache, "-m", "distributed.cli.dask_scheduler", *where)


def worker(tmp_path: Path, name: str, address: str) -> Any:
    own = tmp_path / name
    alone = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(own))
    return started(own, "-c", SLOW_WORKER, address, *alone)


@needs_dask
@pytest.mark.slow
def test_a_cluster_that_dies_costs_nothing(call: Call, folder: Path, tmp_path: Path) -> None:
    undisturbed = call("compare", folder, *OPTIONS, "--no-cache")
    assert undisturbed.exit_code == 1
    assert undisturbed.stdout.count("\n") == 1 + NETWORKS
    port, mine = free_port(), tmp_path / "mine"
    address = f"tcp://127.0.0.1:{port}"
    command = ("-m", "mme", "compare", str(folder), *OPTIONS, "--scheduler", address)
    with (
        scheduler(tmp_path, port) as first,
        worker(tmp_path, "one", address) as one,
        worker(tmp_path, "two", address),
        worker(tmp_path, "three", address),
        started(mine, *command) as run,
    ):
        until(lambda: len(kept(mine)) > 2, run)
        one.send_signal(signal.SIGKILL)
        until(lambda: len(kept(mine)) > 8, run)
        first.send_signal(signal.SIGKILL)
        out, errors = run.communicate(timeout=120)
        assert run.returncode == 2
        assert out == b""
        assert b"was lost; what was finished is kept" in errors
    before = kept(mine)
    assert 8 < len(before) < NETWORKS
    with (
        scheduler(tmp_path, port),
        worker(tmp_path, "four", address),
        started(mine, *command) as run,
    ):
        out, errors = run.communicate(timeout=120)
    assert out.decode() == undisturbed.stdout
    assert errors.count(b"\n") == undisturbed.stderr.count("\n") == 1
    assert b"net7.pt" in errors
    assert before.items() < kept(mine).items()  # nothing was measured twice
