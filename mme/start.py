"""The entry point of the command `mme`: it imports the rest where an interruption is expected."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; Ctrl-C ends it with exit code 130 from the first moment."""
    try:
        from mme.cli import main as run

        run()
    except KeyboardInterrupt:  # while it is imported, or a command made ready: a command has its own words
        print("mme: interrupted.", file=sys.stderr)
        sys.exit(130)
