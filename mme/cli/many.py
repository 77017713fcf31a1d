"""Networks measured in this process, in several, or on a Dask cluster; what is finished is kept.

Files are read where the work runs: names travel there, and lines of the table back. A line is kept under the
state of its files, so that the same command goes on from there, whatever was killed meanwhile.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, wait
from functools import cache, lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

import mme
from mme.checkpoints.limits import NoNetwork
from mme.cli.accounts import about_layers, about_window, announce_cost
from mme.cli.app import complain
from mme.cli.nets import Network, open_net
from mme.cli.settings import Run
from mme.comparison.line import Line, line_of
from mme.comparison.measurement import measure
from mme.comparison.options import Options
from mme.errors import InputError
from mme.extras import required
from mme.progress import tracked
from mme.result import plain
from mme.store import Store, key_of
from mme.weights.stored import Checkpoint
from mme.weights.untrained import RULES

__all__ = ["Failure", "Job", "cluster", "lines_of"]

MANY = 32  # networks from which on processes are started: each takes a second for it
LOOKED_AT = 20  # of many networks, to estimate what all cost
CONNECTING = 10.0  # seconds
AHEAD = 4  # networks that wait for each core


class Job(NamedTuple):
    """How every network is measured, as far as it decides the result."""

    options: Options
    control: str | None
    controls: int
    more: bool
    which: str | None

    def before(self) -> Any:
        """The rule of the control, or the network of before training."""
        file = self._file()
        return _opened(file, self.options.rng, Network("", file).state()) if file else self.control

    def _file(self) -> str:
        return "" if self.control in (None, "auto", *RULES) else str(self.control)

    def from_anywhere(self) -> Job:
        """Return it with a path that means the same in every folder."""
        return self._replace(control=_from_anywhere(self._file())) if self._file() else self

    def key(self, network: Network) -> str:
        """Return the key of its line; empty where nothing tells whether the network is the same again."""
        states = network.state(), Network("", self._file()).state() if self._file() else "rule"
        told = json.dumps([vars(self.options), self[1:]])
        return key_of(_program(), network.name, told, *states) if all(states) else ""


class Failure(NamedTuple):
    """Why a network has no line."""

    words: str
    no_network: bool = False


@lru_cache(maxsize=1)
def _opened(control: str, seed: int, state: str) -> Checkpoint:
    return open_net(control, seed=seed)


@cache
def _program() -> str:
    """A digest of this package, whose change makes kept lines as good as absent."""
    files = sorted(Path(mme.__file__).parent.rglob("*.py"))
    return key_of(np.__version__, *(path.read_bytes() for path in files))


def _line(network: Network, job: Job, opened: Checkpoint | None = None, **work: Any) -> bytes | Failure:
    """Open and measure a network; its line is JSON, which gives every float back to the last bit."""
    try:
        opened = opened or open_net(network.source, seed=job.options.rng, which=job.which)
    except InputError as error:
        return Failure(str(error), isinstance(error, NoNetwork))
    taken: dict[str, Any] = {"control": job.before(), "controls": job.controls}
    try:
        found = measure(opened, job.options, name=network.name, **taken, **work)
        seen = about_window(found.name, found.csd.inside_nonzero, job.options.window)
        line = line_of(found, [*about_layers(found.ensemble), *seen], job.more)
    except InputError as error:
        return Failure(f"{network.name}: {error}")
    return json.dumps(plain(line), allow_nan=False).encode()


@cache
def _one_thread() -> None:
    """Leave BLAS one thread for good: limits that several threads set and lift would undo each other."""
    threadpool_limits(1)


def line_there(network: Network, job: Job, is_kept: bool) -> bytes | Failure:
    """Measure a network in another process, on one core."""
    _one_thread()
    try:
        return _line(network, job, jobs=1, store=Store("spectra-2", enabled=is_kept))
    except MemoryError:
        return Failure(f"{network.name}: there is not enough memory to measure it.")


def lines_of(
    networks: Sequence[Network], job: Job, run: Run, client: Any, times: int
) -> list[Line | Failure]:
    """Return a line for each network, or why there is none, in their order.

    One that is required raises an InputError. The client, if any, is that of a `cluster`. Measuring a network
    costs its spectra 1 + `times` times.
    """
    kept = Store("measurements-1", enabled=run.store.enabled)
    keys = [job.key(each) if kept.enabled else "" for each in networks]
    found: list[bytes | Failure | None] = [kept.get_bytes(key) if key else None for key in keys]
    missing = [place for place, line in enumerate(found) if line is None]
    is_few = client is None and len(missing) < max(MANY, 2 * run.jobs)
    looked_at = missing if is_few else [place for place in missing if Path(networks[place].source).exists()]
    opened: dict[int, Checkpoint] = {}
    for place in looked_at if is_few else looked_at[:: len(looked_at) // LOOKED_AT + 1]:
        try:
            opened[place] = open_net(networks[place].source, seed=job.options.rng, which=job.which)
        except InputError:
            if networks[place].is_required:
                raise
    share = len(opened) / max(len(missing), 1)
    announce_cost(opened.values(), job.options, run.jobs, controls=times, share=share)
    finished: Iterator[tuple[int, bytes | Failure]]
    alone = run.jobs == 1 or run.options.device != "cpu"  # one process for one accelerator
    if is_few or (client is None and alone):
        work = run.work | {"progress": is_few}
        finished = ((n, _line(networks[n], job, opened.pop(n, None), **work)) for n in missing)
    else:
        finished = _elsewhere({n: networks[n] for n in missing}, job, kept.enabled, client, run.jobs)
    for place, line in tracked(finished, "networks", total=len(missing), show=not is_few):
        if isinstance(line, bytes) and keys[place]:
            kept.put_bytes(keys[place], line)
        elif isinstance(line, Failure) and networks[place].is_required:
            raise InputError(line.words)
        found[place] = line
    run.store.trouble = run.store.trouble or kept.trouble
    kept.tidy()
    return [Line(*json.loads(line)) if isinstance(line, bytes) else line for line in found if line]


def _elsewhere(
    networks: dict[int, Network], job: Job, is_kept: bool, client: Any, jobs: int
) -> Iterator[tuple[int, bytes | Failure]]:
    """Measure in processes of this machine or of a cluster, a network on a core, as they are finished."""
    pool: Executor
    if client is None:
        from joblib.externals.loky import ProcessPoolExecutor

        threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
        pool, where = ProcessPoolExecutor(jobs, env=threads), "a process of this machine"
    else:
        # joblib's own way to a cluster tells nothing before all is finished, and a lost task fails all.
        pool, where = client.get_executor(pure=False), "the scheduler"
        jobs = sum(client.nthreads().values())
        if not jobs:
            complain("the scheduler has no workers yet; this waits for some.")
    tasks, waiting = iter(networks.items()), dict[Any, int]()
    there = job.from_anywhere()
    try:
        while True:
            for place, network in islice(tasks, max(64, AHEAD * jobs) - len(waiting)):
                sent = network._replace(source=_from_anywhere(network.source))
                waiting[pool.submit(line_there, sent, there, is_kept)] = place
            if not waiting:
                return
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                place = waiting.pop(future)
                try:
                    yield place, future.result()
                except (BrokenExecutor, CancelledError, OSError):
                    kept = "what was finished is kept, and the same command goes on from there"
                    raise InputError(f"{where} was lost, perhaps for want of memory; {kept}.") from None
                except Exception as error:
                    if type(error).__name__ != "KilledWorker":
                        raise
                    lost = "all workers to which it was sent were lost; perhaps it needs more memory"
                    yield place, Failure(f"{networks[place].name}: {lost}.")
    finally:
        for future in waiting:
            future.cancel()
        pool.shutdown(**{"wait": False} if client else {"kill_workers": True})


def _from_anywhere(source: str) -> str:
    return os.path.abspath(source) if Path(source).exists() else source


def cluster(address: str) -> Any:
    """Return a client of the Dask scheduler at an address."""
    distributed = required("distributed", "dask", "--scheduler")
    try:
        return distributed.Client(address, timeout=CONNECTING, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        right = "the address of a running Dask scheduler, such as tcp://host:8786"
        said = f"none answers at {address} ({type(error).__name__})"
        raise InputError(f"--scheduler must be {right}, but {said}.") from None
