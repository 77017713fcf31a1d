"""Measure the package beside its peers and the machine's limit, on one thread.

    python run.py bench                      all rows, some minutes on one core
    python run.py bench --rows haar          the rows with this in their name
    python run.py bench --quick              the smallest size of each: a look, not a measurement
    python run.py bench --long               also what takes many minutes
    python run.py bench --keep               keep the result, which the book shows

Finished rows stand in _build/bench: interrupt it and start it again as you like.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from benchmarks import results
from benchmarks.machine import description, rates
from benchmarks.measuring import lacking, measured
from benchmarks.rows import Row
from benchmarks.table import lines

FOLDER = results.ROOT / "_build" / "bench"
QUICK = 0.5  # seconds for a size


def main(arguments: list[str] | None = None, folder: Path = FOLDER) -> int:
    """Carry out the command line and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="run.py bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", default="", metavar="TEXT", help="only rows with this in their name")
    parser.add_argument("--keep", action="store_true", help="keep the result, which the book shows")
    parser.add_argument("--quick", action="store_true", help="the smallest size of each row, few repetitions")
    parser.add_argument("--long", action="store_true", help="also rows and sizes that take many minutes")
    options = parser.parse_args(arguments)
    if options.keep and (options.rows or options.quick):
        parser.error("--keep keeps a whole run: leave --rows and --quick out.")
    chosen = [row for row in all_rows() if options.rows.lower() in row.name.lower()]
    if not chosen:
        names = "; ".join(row.name for row in all_rows())
        parser.error(f"no row has {options.rows!r} in its name; there are: {names}.")
    left_out = [row.name for row in chosen if row.long]
    left_out += [f"{row.name} at {size}" for row in chosen for size in row.more]
    if left_out and not options.long:
        chosen = [row for row in chosen if not row.long]
        say(f"Left out without --long: {', '.join(left_out)}")
    with threadpool_limits(1):
        return run(chosen, options, folder) if chosen else 0


def all_rows() -> tuple[Row, ...]:
    """Return the rows of all subjects, in the order of the page."""
    from benchmarks import conjugate, entropy, haar, spectra, table_one

    return (*entropy.ROWS, *haar.ROWS, *spectra.ROWS, *conjugate.ROWS, *table_one.ROWS)


def run(rows: list[Row], options: argparse.Namespace, folder: Path) -> int:
    """Measure what an interrupted run has not measured yet, show it, and keep it if asked."""
    if not lacking("torch"):
        import torch

        torch.set_num_threads(1)
    machine = description()
    state = results.sources(f"{options.quick} {options.long} {machine}")
    found = {row.name: done for row in rows if (done := results.recall(folder, row.name, state))}
    waiting = [row for row in rows if row.name not in found]
    if found:
        say(f"Measured before: {', '.join(found)}")
    say(announced(waiting, options.quick))
    rate = rates()
    for row in waiting:
        sizes = row.sizes[:1] if options.quick else row.sizes + (row.more if options.long else ())
        budget = QUICK if options.quick else row.budget
        found[row.name] = measured(row, sizes, rate, long=options.long, budget=budget, say=say)
        results.remember(folder, found[row.name], state)
        print("\n".join(lines(found[row.name])), flush=True)
    whole = {
        "schema": results.SCHEMA, "date": datetime.now(UTC).date().isoformat(), "machine": machine,
        "rates": rate, "rows": [found[row.name] for row in rows],
    }  # fmt: skip
    results.write(folder / "last" / "result.json", whole)
    for path in folder.glob("*.json"):  # the next run measures anew
        path.unlink()
    if options.keep:
        results.write(results.LATEST, whole)
        say(f"Kept in {results.LATEST.relative_to(results.ROOT)}")
    return 0


def announced(rows: list[Row], quick: bool) -> str:
    """Say what a run will cost: as the kept one did, and by the budget of rows that are not in it."""
    before = {row["name"]: row["seconds"] for row in results.kept()["rows"]}
    seconds = 0.0
    for row in rows:
        budget = 2 * len(row.sizes) * row.budget
        seconds += 5 if quick else before.get(row.name, budget)
    told = f"{seconds / 60:.0f} minutes" if seconds > 90 else f"{seconds:.0f} seconds"
    return f"{len(rows)} rows on one core take about {told}; interrupt it and start it again as you like."


def say(text: Any) -> None:
    """Tell how far it is, beside the results."""
    print(time.strftime("%H:%M:%S"), text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("\nInterrupted; the same command goes on from here.")
