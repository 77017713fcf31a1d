"""The machine: what it is, and how fast it multiplies, moves and draws on one thread."""

from __future__ import annotations

import ctypes
import os
import platform
import re
import time
from collections.abc import Callable
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import scipy
from threadpoolctl import threadpool_info

__all__ = ["Rates", "description", "empty_heap", "peak_bytes", "rates", "vector_rate"]

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
PACKAGES = ("mme", "numpy", "scipy", "torch", "bristol", "weightwatcher")
ORDER, CACHED, LONG, MILLION, REPEATS = 1500, 512, 2 * 10**7, 10**6, 5


class Rates(TypedDict):
    """Of one thread: multiplications and additions, bytes, logarithms and normal numbers in a second."""

    float32: float
    float64: float
    bytes: float
    logarithms: float
    normals: float


def rates() -> Rates:
    """Measure them: matrix products, y += a x (STREAM's triad, in place), NumPy's logarithms and normals."""
    rng = np.random.default_rng(0)
    square = rng.standard_normal((ORDER, ORDER))
    single = square.astype(np.float32)
    x, y = np.linspace(1, 2, LONG), np.ones(LONG)
    return {
        "float32": 2 * ORDER**3 / _best(lambda: single @ single),
        "float64": 2 * ORDER**3 / _best(lambda: square @ square),
        "bytes": 3 * 8 * LONG / _best(lambda: scipy.linalg.blas.daxpy(x, y, a=1e-9)),
        "logarithms": MILLION / _best(lambda: np.log(x[:MILLION])),
        "normals": MILLION / _best(lambda: rng.standard_normal(MILLION)),
    }


@cache
def vector_rate(dtype: str) -> float:
    """Measure operations in a second where a symmetric matrix, in a cache, multiplies a vector."""
    matrix = np.ones((CACHED, CACHED), dtype, order="F")
    multiply, times = scipy.linalg.get_blas_funcs("symv", [matrix]), range(100)
    return 2 * CACHED**2 * len(times) / _best(lambda: [multiply(1, matrix, matrix[:, 0]) for _ in times])


def _best(work: Callable[[], Any]) -> float:
    seconds = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


def description() -> dict[str, Any]:
    """Tell what a reader needs to compare with another machine."""
    libraries = [each for each in threadpool_info() if each["user_api"] == "blas"]
    blas = {f"{each['internal_api']} {each['version']} ({each.get('architecture')})" for each in libraries}
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "blas": sorted(blas),
        "blas_threads": max((each["num_threads"] for each in libraries), default=None),
        "python": platform.python_version(),
        "versions": {name: version for name in PACKAGES if (version := _version(name))},
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.+)", info.read_text()) if info.exists() else None
    return found[1] if found else platform.processor() or "unknown"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def empty_heap() -> int | None:
    """Give freed memory back and count the peak anew; return the bytes in use, or None off Linux."""
    if not RESET.exists():
        return None
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)
    RESET.write_text("5")
    return peak_bytes()


def peak_bytes() -> int:
    """The largest resident set since then, as Linux counts it (VmHWM)."""
    found = re.search(r"VmHWM:\s+(\d+)", STATUS.read_text())
    assert found
    return 1024 * int(found[1])
