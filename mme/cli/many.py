"""Networks measured in this process, in several, or on a Dask cluster; what is finished is kept.

Files are read where the work runs, so names travel there, and `Line` back. A line is kept under the state of
its files, so that the same command goes on from there, whatever was killed meanwhile.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
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
from mme.cli.nets import Network, open_net, state_of
from mme.cli.settings import Run
from mme.comparison.line import Line
from mme.comparison.measurement import measure
from mme.comparison.options import Options
from mme.errors import InputError
from mme.extras import required
from mme.progress import tracked
from mme.store import Store, key_of
from mme.weights.stored import Checkpoint
from mme.weights.untrained import RULES

__all__ = ["Failure", "Job", "cluster", "lines_of"]

MANY = 32  # networks from which on processes are started: each takes a second for it
LOOKED_AT = 20  # of many networks, to estimate what all cost
CONNECTING = 10.0  # seconds
AHEAD = 4  # networks that wait for each thread of a cluster
LOST = "what was finished is kept, and the same command goes on from there"


@dataclass(frozen=True)
class Job:
    """How every network is measured, as far as it decides the result."""

    options: Options
    control: str
    controls: int
    more: bool
    which: str | None

    def before(self) -> Any:
        """The rule of the control, or the network of before training."""
        if self.control in ("auto", *RULES):
            return self.control
        if self.control == "none":
            return None
        return _opened(self.control, self.options.rng, state_of(self._control().files()))

    def _control(self) -> Network:
        return Network("", "" if self.control in ("auto", "none", *RULES) else self.control, True)

    def key(self, network: Network) -> str:
        """Return the key of its line; empty where nothing tells whether the network is the same again."""
        states = [state_of(network.files())]
        if control := self._control().source:
            states.append(state_of(self._control().files()))
        told = json.dumps(asdict(self))
        return key_of(_program(), network.name, told, control, *states) if all(states) else ""


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
    folder = Path(mme.__file__).parent
    return key_of(np.__version__, *(path.read_bytes() for path in sorted(folder.rglob("*.py"))))


def line_of(
    network: Network, job: Job, opened: Checkpoint | None = None, **work: Any
) -> bytes | Failure:
    """Open and measure a network, and write its line."""
    try:
        if opened is None:
            opened = open_net(network.source, seed=job.options.rng, which=job.which)
    except InputError as error:
        return Failure(str(error), isinstance(error, NoNetwork))
    taken: dict[str, Any] = {"control": job.before(), "controls": job.controls}
    try:
        found = measure(opened, job.options, name=network.name, **taken, **work)
        inside = found.csd.inside_nonzero
        words = (*about_layers(found.ensemble), *about_window(found.name, inside, job.options.window))
        return Line.written(found, words, job.more)
    except InputError as error:
        return Failure(f"{network.name}: {error}")


@cache
def _one_thread() -> None:
    """Leave BLAS one thread for good: limits that several threads set and lift would undo each other."""
    threadpool_limits(1)


def line_there(place: int, network: Network, job: Job, is_kept: bool) -> tuple[int, bytes | Failure]:
    """Measure a network in another process, on one core."""
    _one_thread()
    try:
        return place, line_of(network, job, jobs=1, store=Store("spectra-2", enabled=is_kept))
    except MemoryError:
        return place, Failure(f"{network.name}: there is not enough memory to measure it.")


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
    local = [place for place in missing if client is None or networks[place].files()]
    looked_at = local if is_few else local[:: -(-len(local) // LOOKED_AT) or 1]
    opened: dict[int, Checkpoint] = {}
    for place in looked_at:
        try:
            opened[place] = open_net(networks[place].source, seed=job.options.rng, which=job.which)
        except InputError:
            if networks[place].required:
                raise
    count = len(missing) / max(len(looked_at), 1)
    announce_cost(opened.values(), job.options, run.jobs, controls=times, count=count)
    tasks = ((place, networks[place], job, kept.enabled) for place in missing)
    finished: Iterator[tuple[int, bytes | Failure]]
    if is_few or (client is None and run.jobs == 1):
        work = run.work | {"progress": is_few}
        finished = (
            (place, line_of(networks[place], job, opened.pop(place, None), **work)) for place in missing
        )
    elif client is None:
        finished = _in_processes(tasks, run.jobs)
    else:
        finished = _on_cluster(tasks, client)
    for place, line in tracked(finished, "networks", total=len(missing), show=not is_few):
        if isinstance(line, Failure) and networks[place].required:
            raise InputError(line.words)
        if isinstance(line, bytes) and keys[place]:
            kept.put_bytes(keys[place], line)
        found[place] = line
    run.store.trouble = run.store.trouble or kept.trouble
    kept.tidy()
    return [Line.read(line) if isinstance(line, bytes) else line for line in found if line is not None]


Task = tuple[int, Network, Job, bool]


def _in_processes(tasks: Iterator[Task], jobs: int) -> Iterator[tuple[int, bytes | Failure]]:
    """Measure on the cores of this machine, a network on each, in the order in which they are finished."""
    from joblib import Parallel, delayed, parallel_config
    from joblib.externals.loky import get_reusable_executor
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    try:
        with parallel_config("loky", n_jobs=jobs, inner_max_num_threads=1):
            work = Parallel(return_as="generator_unordered", max_nbytes=None)
            yield from work(delayed(line_there)(*task) for task in tasks)
    except TerminatedWorkerError:
        less = "fewer --jobs need less memory"
        raise InputError(f"a process that measures networks was killed; {LOST}, and {less}.") from None
    finally:
        get_reusable_executor().shutdown(kill_workers=True)


def cluster(address: str) -> Any:
    """Return a client of the Dask scheduler at an address."""
    distributed = required("distributed", "dask", "--scheduler")
    try:
        return distributed.Client(address, timeout=CONNECTING, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"--scheduler must be the address of a running Dask scheduler, such as tcp://host:8786, but none "
            f"answers at {address} ({type(error).__name__})."
        ) from None


def _on_cluster(tasks: Iterator[Task], client: Any) -> Iterator[tuple[int, bytes | Failure]]:
    """Measure on a Dask cluster, whose workers see the same files under the same names.

    joblib's own way there tells nothing before all is finished, and one lost task fails all.
    """
    distributed = required("distributed", "dask", "--scheduler")
    threads = sum(client.nthreads().values())
    if not threads:
        complain(f"the scheduler at {client.scheduler.address} has no workers yet; waiting for some.")
    waiting: dict[Any, tuple[int, Network]] = {}
    done = distributed.as_completed([], loop=client.loop)

    def send(count: int) -> None:
        for place, network, job, is_kept in islice(tasks, count):
            there = network._replace(source=_from_anywhere(network.source))
            asked = replace(job, control=_from_anywhere(job.control))
            future = client.submit(line_there, place, there, asked, is_kept, pure=False)
            waiting[future] = place, network
            done.add(future)

    send(max(64, AHEAD * threads))
    for future in done:
        place, network = waiting.pop(future)
        try:
            yield future.result()
        except distributed.scheduler.KilledWorker:
            words = "every worker that measured it was lost; perhaps it needs more memory than one has"
            yield place, Failure(f"{network.name}: {words}.")
        except (distributed.CancelledError, OSError):
            raise InputError(f"the scheduler at {client.scheduler.address} was lost; {LOST}.") from None
        send(1)


def _from_anywhere(source: str) -> str:
    return os.path.abspath(source) if Path(source).exists() else source
