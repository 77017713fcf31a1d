"""What all commands share: the program, its errors, its exit codes."""

from __future__ import annotations

import atexit
import errno
import os
import sys
import warnings
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from mme import __version__
from mme.cli.output import printable
from mme.errors import InputError

__all__ = ["BAD_INPUT", "INTERRUPTED", "PARTLY", "app", "complain", "main", "refuse_idle"]

PARTLY, BAD_INPUT, INTERRUPTED = 1, 2, 130

EPILOG = (
    "Exit codes: 0 all is well; 1 some files of a folder could not be read, or the program failed; 2 bad "
    "input; 130 interrupted. Results that were finished are kept, and the same command goes on from there."
)


class Commands(TyperGroup):
    """Turn whatever stops a command into one sentence on standard error and a stable exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            with warnings.catch_warnings():
                warnings.showwarning = lambda message, *_, **__: complain(f"warning: {message}")
                return super().invoke(ctx)
        except (typer.Exit, typer.Abort, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            complain("interrupted; what was finished is kept, and the same command goes on from there.")
            raise typer.Exit(INTERRUPTED) from None
        except Exception as error:
            if ctx.params["debug"] or hasattr(error, "format_message"):  # typer tells of wrong usage itself
                raise
            words, code = _explained(error)
            complain(words)
            raise typer.Exit(code) from None


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    epilog=EPILOG,
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"mme {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option(help="Show the traceback of an error.")] = False,
) -> None:
    """Conjugate matrix ensembles and the entropy of deep linear networks."""


def complain(words: object) -> None:
    """Say a sentence on standard error, in one line."""
    print("mme: " + printable(str(words)).replace("\n", " "), file=sys.stderr)


def refuse_idle(context: typer.Context, why: str, *names: str) -> None:
    """Refuse options that were given and would change nothing; `why` says beside what."""
    for each in context.command.params:
        source = context.get_parameter_source(each.name or "")
        if each.name in names and source is not None and source.name == "COMMANDLINE":
            raise InputError(f"{each.opts[0]} changes nothing {why}; leave it out.")


def _explained(error: Exception) -> tuple[object, int]:
    if isinstance(error, InputError):
        return error, BAD_INPUT
    if isinstance(error, MemoryError):
        less = "fewer bins or draws, --jobs 1 or --dtype float32 need less"
        return f"there is not enough memory for this; {less}.", BAD_INPUT
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EIO, errno.EDQUOT):
        return f"the output cannot be written ({error.strerror}).", BAD_INPUT
    first = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
    return f"this is a fault of the program, {first}; mme --debug shows where it happened.", PARTLY


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that knows no ± gets an escape for it
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except SystemExit as stop:
        if stop.code == INTERRUPTED:  # threads that are at work are not waited for
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(INTERRUPTED)
        raise
