"""Work on several cores: tasks that are prepared one after the other, and computed a few at a time."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import lru_cache
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

from mme.arguments import flag, integer, of_type
from mme.store import Store

__all__ = ["in_threads", "one_thread", "validate_jobs", "validate_work"]

Found = TypeVar("Found")
SMALL_BYTES = 2**20  # what takes less than a thread to start, or to be stopped
Task = tuple[int, Callable[[], Callable[[], Found]]]


def validate_jobs(jobs: Any) -> int:
    """Return how many tasks to work on at a time; one for each core of this process by default."""
    if jobs is not None:
        return integer("jobs", jobs, 1)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def validate_work(jobs: Any, store: Any, progress: Any) -> tuple[int, Store, bool]:
    """Return how many tasks to work on at a time, the store (for None one that is off), and the flag."""
    if store is None:
        store = Store("spectra-3", enabled=False)
    of_type("store", store, Store, "None or an mme.store.Store")
    return validate_jobs(jobs), store, flag("progress", progress)


def one_thread() -> Any:
    """Limit BLAS to one thread within a `with` block, so that no digit depends on the machine's cores."""
    import scipy.linalg  # noqa: F401  # late, as it takes long; after the limit its BLAS would not know of it

    return _libraries(len(sys.modules)).limit(limits=1)


@lru_cache(maxsize=1)
def _libraries(modules: int) -> ThreadpoolController:
    """The libraries that have threads, looked for anew only when something was imported since."""
    return ThreadpoolController()


def in_threads(tasks: Iterable[Task[Found]], jobs: int, memory: int) -> Iterator[tuple[int, Found]]:
    """Yield the number and the result of each task, in the order in which they are finished.

    A task is its size in bytes and a function that prepares it, in the calling thread, and returns what is to
    be computed in another. At most `memory` bytes, or one task, are in flight. Every thread computes with one
    BLAS thread, so the digits depend neither on the machine's cores nor on `jobs`.
    """
    waiting: dict[Future[Found], tuple[int, int]] = {}

    def finished() -> Iterator[tuple[int, Found]]:
        for future in wait(waiting, return_when=FIRST_COMPLETED).done:
            number, _ = waiting.pop(future)
            yield number, future.result()

    pool = ThreadPoolExecutor(jobs)
    try:
        with one_thread():
            for number, (size, prepare) in enumerate(tasks):
                if jobs == 1 and size <= SMALL_BYTES:
                    yield number, prepare()()
                    continue
                while waiting and (
                    len(waiting) >= 2 * jobs or sum(taken for _, taken in waiting.values()) + size > memory
                ):
                    yield from finished()
                waiting[pool.submit(prepare())] = (number, size)
            while waiting:
                yield from finished()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # a thread cannot be stopped: nobody waits for it
