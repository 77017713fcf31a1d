"""Put faults into the formulas one at a time, and count what notices them.

    python run.py mutants --sample 300 --seed 1      a random sample, for an estimate with its error
    python run.py mutants --module dln/entropy       the faults of one module
    python run.py mutants --statement lemma-5.1      those on lines that the checks of a statement run
    python run.py mutants --chapters                 by the chapters alone
    python run.py mutants --again                    those that lived once more, after a better test

What is known stands in _build/mutation/results.jsonl, one line a fault, and is not done again: interrupt it
and start it again as you like. The score goes to tests/mutation/score.json.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str] | None = None) -> int:
    """Carry out the command line and return the exit status: 1 where a fault lives that could be noticed."""
    parser = argparse.ArgumentParser(
        prog="run.py mutants", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sample", type=int, metavar="N", help="only N faults, drawn at random")
    parser.add_argument(
        "--seed", type=int, default=0, help="of the draw; more of the same seed contain fewer"
    )
    parser.add_argument("--module", default="", metavar="TEXT", help="only modules with this in their path")
    parser.add_argument("--statement", default="", metavar="ID", help="only lines that its checks run")
    parser.add_argument(
        "--alone", type=int, metavar="N", help="all chapters for the first N; then for what no test notices"
    )
    alone = parser.add_mutually_exclusive_group()
    alone.add_argument("--chapters", action="store_true", help="run the chapters and no tests")
    alone.add_argument("--tests", action="store_true", help="run the tests and no chapters")
    parser.add_argument("--again", action="store_true", help="run those again that nothing noticed")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)

    if not hasattr(os, "fork"):
        sys.exit(
            "The faults are run in forked processes, which this system does not have; use Linux or macOS."
        )
    if find_spec("coverage") is None:
        sys.exit(
            "The lines that tests reach are found by coverage: pip install -c constraints.txt -e '.[mutants]'"
        )
    sys.path[:0] = [str(options.root.resolve()), str(ROOT), str(ROOT / "book" / "_ext")]
    from execute_once import prepare_kernels

    os.environ |= {"MPLBACKEND": "Agg", "PYTHONUTF8": "1"}
    prepare_kernels()
    from tests.mutation.children import Session
    from tests.mutation.hunt import Hunt, say

    hunt, wanted = Hunt(options.root.resolve()), []

    def go(session: Session) -> None:
        for name in session.broken:
            say(f"fails without any fault, so it is left out: {name}")
        if options.statement:
            hunt.reach.load(hunt.reach.chapters(), session)
        wanted.extend(hunt.wanted(options.module, options.statement))
        if options.sample:
            random.Random(options.seed).shuffle(wanted)
            del wanted[options.sample :]
        if not options.chapters:
            hunt.run_tests(wanted, session, again=options.again)
        if not options.tests:
            alone = len(wanted) if options.alone is None else options.alone
            living = [f for f in wanted[alone:] if not hunt.found(f, "tests")["by"]]
            hunt.run_chapters(wanted[:alone] + living, session, again=options.again)

    Session(hunt.root, go).start(hunt.reach.files())
    drawn = {
        name: getattr(options, name)
        for name in ("sample", "seed", "module", "statement")
        if getattr(options, name)
    }
    write = not (options.module or options.statement or options.tests)  # what tests miss may be noticed yet
    return hunt.report(wanted, drawn, write=write, alone=options.alone)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("\nInterrupted; the same command goes on from here.")
