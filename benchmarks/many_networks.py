"""What `mme compare` costs for each of many small networks, beside the bare LAPACK calls for their spectra.

``python -m benchmarks.many_networks`` writes 1,000 checkpoints with a seed, measures, keeps the record in
``results/many_networks.json``, and writes its numbers into the page "Many networks". ``--page`` does the last
only. Seconds are of processor time, all processes together, unless they are said to be of the clock.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import numpy as np
from safetensors.numpy import load_file, save_file

ROOT = Path(__file__).parent.parent
RECORD = ROOT / "benchmarks" / "results" / "many_networks.json"
PAGE = ROOT / "book" / "reference" / "many_networks.md"
SHAPES = {
    "features.0.weight": (32, 1, 3, 3), "features.2.weight": (32, 32, 3, 3),
    "features.5.weight": (64, 32, 3, 3), "features.7.weight": (64, 64, 3, 3), "classifier.weight": (10, 64),
}  # fmt: skip
OPTIONS = ("--control", "none", "--csv")


def write_networks(folder: Path, count: int) -> list[Path]:
    """Write small convolutional networks, each with a seed and a scale of its own."""
    paths = []
    for number in range(count):
        rng = np.random.default_rng(number)
        scale = np.exp(0.3 * rng.standard_normal())
        deviations = {name: scale / np.prod(shape[1:]) ** 0.5 for name, shape in SHAPES.items()}
        weights = {
            name: (deviations[name] * rng.standard_normal(shape)).astype(np.float32)
            for name, shape in SHAPES.items()
        }
        paths.append(folder / f"net{number:06d}.safetensors")
        save_file(weights, paths[-1])
    return paths


def processor_time(work: Callable[[], Any]) -> tuple[float, float]:
    """Seconds of this process and of those that it has waited for, and seconds of the clock."""

    def spent() -> float:
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(each.ru_utime + each.ru_stime for each in used)

    before, clock = spent(), time.perf_counter()
    work()
    return spent() - before, time.perf_counter() - clock


def bare(networks: list[dict[str, np.ndarray]]) -> None:
    """The smaller Gram matrix of every layer and its eigenvalues, and nothing else."""
    for weights in networks:
        for tensor in weights.values():
            matrix = tensor.reshape(len(tensor), -1).astype(float)
            wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
            np.linalg.eigvalsh(wide @ wide.T)


def command(folder: Path, cache: Path, *options: str) -> tuple[float, float]:
    """Run `mme compare` on a folder, with the sampled table of small orders, which is made once, at hand."""
    shutil.copytree(Path(os.environ["MME_CACHE"], "modulus"), cache / "modulus", dirs_exist_ok=True)
    line = [sys.executable, "-m", "mme", "compare", str(folder), *OPTIONS, *options]
    told = os.environ | {"MME_CACHE": str(cache), "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    return processor_time(lambda: subprocess.run(line, env=told, check=True, stdout=subprocess.DEVNULL))


@contextmanager
def cluster(cache: Path, workers: int) -> Iterator[str]:
    """A scheduler and workers of one thread on this machine."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    told = os.environ | {"MME_CACHE": str(cache), "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}

    def start(module: str, *options: str) -> subprocess.Popen[bytes]:
        program = [sys.executable, "-m", f"distributed.cli.{module}", *options, "--no-dashboard"]
        return subprocess.Popen(program, env=told, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    there = [start("dask_scheduler", "--host", "127.0.0.1", "--port", str(port))]
    alone = ("--nthreads", "1", "--no-nanny", "--local-directory", str(cache))
    with socket.socket() as tried:
        while tried.connect_ex(("127.0.0.1", port)):
            time.sleep(0.1)
    there += [start("dask_worker", address, *alone) for _ in range(workers)]
    try:
        yield address
    finally:
        for process in reversed(there):
            process.terminate()
            process.wait()


def measured(count: int, repeats: int) -> dict[str, Any]:
    """Measure everything, on so many networks."""
    from mme.cli import many
    from mme.cli.nets import find_nets
    from mme.comparison.options import Options
    from mme.store import Store

    def say(words: str) -> None:
        print(words, file=sys.stderr, flush=True)

    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as made:
        folder, cache = Path(made) / "networks", Path(made) / "cache"
        folder.mkdir()
        os.environ["MME_CACHE"] = str(cache)
        paths = write_networks(folder, count)
        networks = [load_file(path) for path in paths]
        found = find_nets([str(folder)])
        job = many.Job(Options(), None, None, 1, False, None)
        stores = {"off": Store("spectra-3", enabled=False), "on": Store("spectra-3")}

        def lines(store: str) -> None:
            for each in found:
                assert isinstance(many.line_of(each, job, jobs=1, store=stores[store]), bytes)

        many.line_of(found[0], job, jobs=1, store=stores["off"])  # imports, tables
        bare(networks[:1])
        shutil.copytree(cache / "modulus", Path(made) / "there" / "modulus")
        say("a network at a time")
        pairs = [[processor_time(lambda: bare(networks))[0], processor_time(lambda: lines("off"))[0]]
                 for _ in range(repeats)]
        seconds["bare LAPACK"], seconds["measured"] = (median(column) for column in zip(*pairs, strict=True))
        seconds["measured, spectra written"] = processor_time(lambda: lines("on"))[0]
        seconds["measured, spectra read"] = processor_time(lambda: lines("on"))[0]
        say("the command")
        runs: dict[str, list[tuple[float, float]]] = {}
        for number in range(repeats):
            for jobs in (1, 2):
                own = Path(made) / f"cache{jobs}{number}"
                runs.setdefault(f"--jobs {jobs}", []).append(command(folder, own, "--jobs", str(jobs)))
            runs.setdefault("again", []).append(command(folder, own))
        say("loky and threads")
        for backend in ("loky", "threading"):
            runs[backend] = [processor_time(partial(spread, found, job, backend)) for _ in range(repeats)]
        try:
            import distributed  # noqa: F401
        except ImportError:
            say("distributed is not installed: no cluster")
        else:
            say("a cluster of two workers")
            with cluster(Path(made) / "there", 2) as address:
                warm = Path(made) / "few"
                warm.mkdir()
                write_networks(warm, 40)
                command(warm, Path(made) / "c0", "--scheduler", address)
                runs["client of a cluster"] = [command(folder, Path(made) / "c1", "--scheduler", address)]
            # what scheduler and workers took is known once they are waited for
            for path in Path(made, "there", "spectra-3").rglob("*.kept"):
                path.unlink()
            runs["cluster, all"] = [(clustered(folder, Path(made)), runs["client of a cluster"][0][1])]
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "networks": count,
        "weights": int(sum(np.prod(shape) for shape in SHAPES.values())),
        "eigenvalues": sum(shape[0] for shape in SHAPES.values()),
        "machine": {
            "processor": processor(), "cores": len(os.sched_getaffinity(0)), "system": platform.system(),
            "python": platform.python_version(), "numpy": np.__version__, "load": os.getloadavg()[1],
        },
        "milliseconds": {name: 1e3 * value / count for name, value in seconds.items()},
        "runs": {
            name: {"processor": median(x for x, _ in each), "clock": median(x for _, x in each)}
            for name, each in runs.items()
        },
        "tables": {str(size): table(size) for size in (1_000, 10_000, 100_000)},
    }  # fmt: skip


def clustered(folder: Path, made: Path) -> float:
    """Processor time of client, scheduler and two workers together."""

    def whole() -> None:
        with cluster(made / "there", 2) as address:
            command(folder, made / "c2", "--scheduler", address)

    return processor_time(whole)[0]


def spread(found: list[Any], job: Any, backend: str) -> list[Any]:
    """Measure the networks by joblib on two cores; return their lines."""
    from joblib import Parallel, delayed
    from joblib.externals.loky import get_reusable_executor

    from mme.cli import many

    program = many._program()
    tasks = (delayed(many.line_there)(each, job, False, program) for each in found)
    lines = list(Parallel(2, backend=backend)(tasks))
    if backend == "loky":
        get_reusable_executor().shutdown()
    return lines


def table(size: int) -> dict[str, float]:
    """Sort so many measured networks into classes, and make the columns of the table: seconds, bytes."""
    from mme.comparison.compare import Line, grouped

    rng = np.random.default_rng(0)
    numbers = dict.fromkeys(("variance_without_noise", "largest_cumulative", "distance", "tolerance"), 0.5)
    lines = [
        Line({
            "name": f"net{number}", "variance": float(value), "standard_error": 0.0, "noise_floor": 0.01,
            "estimate_bound": 0.0, "control_variance": None, "control_standard_error": None,
            "control_reason": "", **numbers,
        }, [], [], None, 0)
        for number, value in enumerate(rng.lognormal(size=size))
    ]  # fmt: skip

    def work() -> None:
        found = grouped(lines)
        found.rows()
        found.to_dict()

    seconds = processor_time(work)[0]
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {"seconds": seconds, "bytes": peak}


def processor() -> str:
    """The name of the processor, where the system tells it."""
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.+)", info.read_text()) if info.exists() else None
    return found[1] if found else platform.processor() or "unknown"


def paragraphs(record: dict[str, Any]) -> str:
    """The measured part of the page, in words and tables."""
    count, each, runs = record["networks"], record["milliseconds"], record["runs"]
    machine = record["machine"]
    over = each["measured"] - each["bare LAPACK"]
    per = {name: 1e3 * run["processor"] / count for name, run in runs.items()}
    clock = {name: count / run["clock"] for name, run in runs.items()}
    lines = [
        f"Measured on {record['date']} for {count:,} networks of {len(SHAPES)} layers, {record['weights']:,} "
        f"weights and {record['eigenvalues']} eigenvalues each, by `python -m benchmarks.many_networks`, on "
        f"{machine['cores']} cores ({machine['processor']}, Python {machine['python']}, NumPy "
        f"{machine['numpy']}). Processor time is of all processes together. The clock is that of a machine "
        f"on which {machine['load']:.1f} processes wanted to run on the average, so it tells little.",
        "",
        "| for each network | milliseconds of processor time |",
        "|---|---|",
        *(f"| {name} | {value:.2f} |" for name, value in each.items()),
        "",
        f"So {over / each['measured']:.0%} of the time for a network this small is not LAPACK: opening its "
        "file, checking, densities, the line itself.",
        "",
        "| the whole command | milliseconds of processor time for each network | networks in a second |",
        "|---|---|---|",
        *(f"| {name} | {per[name]:.2f} | {clock[name]:.0f} |" for name in runs),
        "",
        "`--jobs 1` works in one process, `--jobs 2` in two; *again* is the same command once more, which "
        "finds every line kept. *loky* and *threading* are joblib's two ways to work on two cores of one "
        "machine, without the rest of the command. *client of a cluster* is the command alone, and "
        "*cluster, all* has a scheduler and two workers with it, from their start to their end.",
        "",
        "| networks in the table | seconds for classes and rows | memory at most |",
        "|---|---|---|",
        *(f"| {int(size):,} | {one['seconds']:.2f} | {one['bytes'] / 1e6:.0f} MB |"
          for size, one in record["tables"].items()),
        "",
        "### The way to a million, on paper",
        "",
        *(f"- {line}" for line in million(record)),
    ]  # fmt: skip
    return "\n".join(lines)


def million(record: dict[str, Any]) -> Iterator[str]:
    """What a million such networks would take, from what was measured."""
    each, runs, count = record["milliseconds"], record["runs"], record["networks"]
    cores, hours = 100, 1e6 / 3.6e6
    yield (
        f"**Measuring**: {each['measured'] * hours:.1f} core hours at {each['measured']:.1f} ms, of which "
        f"{each['bare LAPACK'] * hours:.1f} are LAPACK's; on {cores} cores "
        f"{60 * each['measured'] * hours / cores:.1f} minutes. Larger networks take the time of their own "
        "spectra, which `mme compare` announces before it begins."
    )
    if "client of a cluster" in runs:
        client = 1e3 * runs["client of a cluster"]["processor"] / count
        whole = 1e3 * runs["cluster, all"]["processor"] / count
        yield (
            f"**Handing out**: the client spends {client:.1f} ms on a network, {client * hours:.1f} hours on "
            f"a million; client, scheduler and workers together spend {whole:.1f} ms. So one client feeds "
            f"about {1e3 / client:.0f} cores with networks that take a second each, and few with networks "
            "this small. For these, run the command on parts of the folder, each on a node, with one "
            "`MME_CACHE`, and once on all of it: the last run finds every line kept."
        )
    again = 1e3 * runs["again"]["processor"] / count
    yield f"**Going on**: finding a kept line takes {again:.2f} ms, a million {again * hours:.1f} hours."
    largest = max(record["tables"], key=int)
    one = record["tables"][largest]
    yield (
        f"**The table**: {one['bytes'] / int(largest) / 1e3:.1f} kB beside the lines, and "
        f"{1e6 * one['seconds'] / int(largest):.0f} µs for each network at {int(largest):,}; a million take "
        f"{one['bytes'] / int(largest) / 1e3:.1f} GB. No step grows with the square."
    )


def with_numbers(page: str, record: dict[str, Any]) -> str:
    """The page with these numbers between its marks."""
    begin, end = "% measured: begin", "% measured: end"
    before, _, rest = page.partition(begin)
    return f"{before}{begin}\n\n{paragraphs(record)}\n\n{end}{rest.partition(end)[2]}"


def main() -> None:
    """Measure, keep and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", action="store_true", help="only write the kept numbers into the page")
    parser.add_argument("--networks", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    if not options.page:
        record = measured(options.networks, options.repeats)
        RECORD.parent.mkdir(exist_ok=True)
        RECORD.write_text(json.dumps(record, indent=2) + "\n", "utf-8")
    record = json.loads(RECORD.read_text("utf-8"))
    PAGE.write_text(with_numbers(PAGE.read_text("utf-8"), record), "utf-8")


if __name__ == "__main__":
    main()
