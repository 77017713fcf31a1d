"""The entry point of the command `mme`: it imports the rest where an interruption is expected."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; Ctrl-C ends it with exit code 130 from the first moment."""
    try:
        from mme.cli import main as run
    except KeyboardInterrupt:
        print("mme: interrupted before it began.", file=sys.stderr)
        sys.exit(130)
    run()
