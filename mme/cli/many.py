"""Networks measured in this process, in several, or on a Dask cluster; what is finished is kept.

Files are read where the work runs: names travel there, and lines of the table back. A line is kept under the
state of its files, so that the same command goes on from there, whatever was killed meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, wait
from contextlib import contextmanager
from functools import cache, lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy

import mme
from mme.cli.accounts import about_estimates, about_layers, about_window, announce_cost
from mme.cli.app import complain
from mme.cli.nets import Network, open_net
from mme.cli.settings import Run
from mme.comparison.compare import Line
from mme.comparison.measurement import measure
from mme.comparison.options import Options
from mme.ensembles.parallel import one_thread
from mme.errors import InputError
from mme.extras import required
from mme.progress import tracked
from mme.result import plain
from mme.store import Store, key_of
from mme.weights.stored import Checkpoint

__all__ = ["Job", "cluster", "lines_of"]

MANY = 32  # networks from which on processes are started: each takes a second for it
LOOKED_AT = 20  # of many networks, to estimate what all cost
CONNECTING = 10.0  # seconds
AT_ONCE = 256  # networks that a cluster is handed at a time, at least
Told = bytes | InputError  # a line, or why there is none


class Job(NamedTuple):
    """How every network is measured: all that decides the result."""

    options: Options
    rule: str | None
    control: Network | None
    controls: int
    more: bool
    which: str | None

    def key(self, network: Network) -> str:
        """Return the key of its line; empty where nothing tells whether the network is the same again."""
        states = [each.state() for each in (network, self.control) if each]
        told = json.dumps([vars(self.options), self[1:]])
        return key_of(_program(), network.name, told, *states) if all(states) else ""


@cache
def _program() -> str:
    """A digest of this package and of what it computes with: other ones make other digits."""
    files = sorted(Path(mme.__file__).parent.rglob("*.py"))
    return key_of(np.__version__, scipy.__version__, *(path.read_bytes() for path in files))


@lru_cache(maxsize=1)
def _control(control: Network, seed: int, state: str, which: str | None) -> Checkpoint:
    return open_net(control.source, seed=seed, which=which)


def line_of(network: Network, job: Job, opened: Checkpoint | None = None, **work: Any) -> Told:
    """Open and measure a network; its line is JSON, which gives every float back to the last bit."""
    seed, before = job.options.rng, job.control
    try:
        opened = opened or open_net(network.source, seed=seed, which=job.which)
    except InputError as error:
        return error
    control = _control(before, seed, before.state(), job.which) if before else job.rule
    try:
        taken: dict[str, Any] = {"control": control, "controls": job.controls}
        found = measure(opened, job.options, name=network.name, **taken, **work)
        seen = about_window(found.name, found.csd.inside_nonzero, job.options.window)
        untrained = f", untrained {found.control.estimate_bound:.2g}" if found.control else ""
        bound = f"By this much Var(CSD) may miss that of the exact spectrum: {found.csd.estimate_bound:.2g}"
        estimated = about_estimates(found.ensemble, f"{bound}{untrained}.")
        words = [*estimated, *about_layers(found.ensemble, job.options), *seen]
        more = found.more() if job.more else []
    except InputError as error:
        return InputError(f"{network.name}: {error}")
    line = Line(found.to_dict(), words, more, found.ensemble.classifier, len(found.controls))
    return json.dumps(plain(line), allow_nan=False).encode()


@cache
def _one_thread() -> None:
    """Leave BLAS one thread for good: limits that several threads set and lift would undo each other."""
    one_thread()


def line_there(network: Network, job: Job, is_kept: bool, program: str) -> Told:
    """Measure a network in another process, on one core; its program must be that of the command."""
    _one_thread()
    if program != _program():
        right = "workers with the same mme, NumPy and SciPy"
        raise InputError(f"--scheduler must be that of {right}, but theirs are others.")
    try:
        return line_of(network, job, jobs=1, store=Store("spectra-3", enabled=is_kept))
    except MemoryError:
        return InputError(f"{network.name}: there is not enough memory to measure it.")


def lines_of(
    networks: Sequence[Network], job: Job, run: Run, client: Any, times: int
) -> list[Line | InputError]:
    """Return a line for each network, or why there is none, in their order; raise it for one that must be.

    The client, if any, is that of a `cluster`. A network's spectra are computed 1 + `times` times.
    """
    kept = Store("measurements-1", enabled=run.store.enabled)
    keys = [job.key(each) if kept.enabled else "" for each in networks]
    found: list[Told | None] = [kept.get_bytes(key) if key else None for key in keys]
    missing = [place for place, line in enumerate(found) if line is None]
    is_few = client is None and len(missing) < max(MANY, 2 * run.jobs)
    files = missing if is_few else [place for place in missing if Path(networks[place].source).exists()]
    opened: dict[int, Checkpoint] = {}
    for place in files if is_few else files[:: len(files) // LOOKED_AT + 1]:
        try:
            opened[place] = open_net(networks[place].source, seed=job.options.rng, which=job.which)
        except InputError:
            if networks[place].is_required:
                raise
    share = len(opened) / max(len(missing), 1)
    apart = not is_few and bool(client or (run.jobs > 1 and run.options.device == "cpu"))  # one for a GPU
    announce_cost(opened.values(), job.options, run.jobs, controls=times, share=share, apart=apart)
    work = run.work | {"progress": is_few}
    here = ((n, line_of(networks[n], job, opened.pop(n, None), **work)) for n in missing)
    there = _elsewhere({n: networks[n] for n in missing}, job, kept.enabled, client, run.jobs)
    for place, line in tracked(there if apart else here, "networks", total=len(missing), show=not is_few):
        if isinstance(line, bytes) and keys[place]:
            kept.put_bytes(keys[place], line)
        elif isinstance(line, InputError) and networks[place].is_required:
            raise line
        found[place] = line
    run.store.trouble = run.store.trouble or kept.trouble
    kept.tidy()
    return [Line(*json.loads(line)) if isinstance(line, bytes) else line for line in found if line]


def _elsewhere(
    networks: dict[int, Network], job: Job, is_kept: bool, client: Any, jobs: int
) -> Iterator[tuple[int, Told]]:
    """Measure in other processes; where one here dies, what was at work is tried in half as many."""
    left = dict(networks)
    while left:
        try:
            for place, line in _spread(dict(left), job, is_kept, client, jobs):
                del left[place]
                yield place, line
        except BrokenExecutor:  # the first that are left were at work, in one process one alone
            tried = {place: left.pop(place) for place in list(left)[: 2 * jobs - 1]}
            lost = "the process that measured it was lost; perhaps it needs more memory"
            alone = ((n, InputError(f"{each.name}: {lost}.")) for n, each in tried.items())
            yield from _elsewhere(tried, job, is_kept, client, jobs // 2) if jobs > 1 else alone


def _spread(
    networks: dict[int, Network], job: Job, is_kept: bool, client: Any, jobs: int
) -> Iterator[tuple[int, Told]]:
    """Measure in processes of this machine or of a cluster, a network on a core, as they are finished."""
    pool: Executor
    if client is None:
        from joblib.externals.loky import ProcessPoolExecutor

        threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
        # Processes whose command was killed end when they have had nothing to do for so many seconds.
        pool = ProcessPoolExecutor(jobs, timeout=10, env=threads)
        most = 2 * jobs - 1  # loky stumbles over more when it is stopped
    else:
        # joblib's own way to a cluster tells nothing before all is finished, and a lost task fails all.
        pool = client.get_executor(pure=False)
        jobs = sum(client.nthreads().values())
        most = max(AT_ONCE, 4 * jobs)
        if not jobs:
            complain("the scheduler has no workers yet; this waits for some.")
    tasks, waiting = iter(networks.items()), dict[Any, int]()
    try:
        while True:
            with _undisturbed():
                for place, network in islice(tasks, most - len(waiting)):
                    waiting[pool.submit(line_there, network, job, is_kept, _program())] = place
            if not waiting:
                return
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                place = waiting.pop(future)
                try:
                    yield place, future.result()
                except Exception as error:
                    if type(error).__name__ == "KilledWorker":
                        lost = "all workers to which it was sent were lost; perhaps it needs more memory"
                        yield place, InputError(f"{networks[place].name}: {lost}.")
                    elif client and isinstance(error, CancelledError | OSError):
                        lost = "the scheduler was lost, perhaps for want of memory; what was finished is kept"
                        raise InputError(f"{lost}, and the same command goes on from there.") from None
                    else:
                        raise
    finally:
        pool.shutdown(**{"wait": False} if client else {"kill_workers": True})


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Hold Ctrl-C back, and for good from processes that are started meanwhile: this one ends them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # which lets Ctrl-C through again when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def cluster(address: str) -> Any:
    """Return a client of the Dask scheduler at an address."""
    distributed = required("distributed", "dask", "--scheduler")
    for name in list(logging.root.manager.loggerDict):
        if name.startswith(("distributed", "tornado")):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # the command has its own sentences

    async def greet() -> None:  # a client waits for ever for what is no scheduler, and cannot be given up
        known = distributed.Security().get_connection_args("client")
        async with distributed.rpc(address, timeout=CONNECTING, connection_args=known) as there:
            found = await asyncio.wait_for(there.identity(), 2 * CONNECTING)
        if found["type"] != "Scheduler":
            raise TypeError(found)

    try:
        asyncio.run(greet())
        return distributed.Client(address, timeout=CONNECTING, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        right = "the address of a running Dask scheduler, such as tcp://host:8786"
        said = f"none answers at {address} ({type(error).__name__})"
        raise InputError(f"--scheduler must be {right}, but {said}.") from None
