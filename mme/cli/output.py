"""What commands print and write: tables, JSON, CSV, files that appear whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mme.errors import InputError
from mme.extras import required
from mme.result import plain
from mme.store import write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "FIGURE_FORMATS", "AsJson", "Columns", "checked_file", "density_picture", "print_columns", "print_csv",
    "print_json", "print_table", "printable", "save_arrays", "save_figure", "save_parquet", "say",
    "with_error",
]  # fmt: skip

Item = TypeVar("Item")
Columns = Mapping[str, Callable[[Item], object]]  # what gives the cell of an item under each heading
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
FIGURE_FORMATS = (".png", ".svg", ".pdf")
PIPE_WIDTH = 240  # columns where no terminal tells: nothing is cut off
SENTENCE_WIDTH = 79
EIGHTHS = np.array(list(" ▁▂▃▄▅▆▇█"))


def console() -> Console:
    """Return a console as wide as the terminal, and wide enough for everything in a pipe."""
    plain: dict[str, Any] = {"highlight": False, "markup": False, "emoji": False, "force_jupyter": False}
    return Console(**plain) if sys.stdout.isatty() else Console(width=PIPE_WIDTH, **plain)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], left: int = 1) -> None:
    """Print a plain table; the first `left` columns are words, the others numbers."""
    made = Table(box=None, pad_edge=False, header_style="bold", show_header=any(columns))
    for number, column in enumerate(columns):
        words = number < left
        heading = Text(printable(column), justify="left" if words else "right")
        made.add_column(heading, justify="left" if words else "right", overflow="fold", no_wrap=not words)
    for row in rows:
        made.add_row(*(Text(printable(str(cell))) for cell in row))
    console().print(made)


def print_columns(columns: Columns[Item], items: Iterable[Item], left: int = 1) -> None:
    """Print a table with a row for each item, from the functions that give the cells under each heading."""
    print_table(list(columns), ([cell(item) for cell in columns.values()] for item in items), left)


def printable(text: str) -> str:
    r"""Return text that a terminal shows and does not obey: control characters are spelt out.

    Examples
    --------
    >>> printable("red \x1b[31m net"), printable("größe")
    ('red \\x1b[31m net', 'größe')
    """
    return "".join(each if each.isprintable() or each == "\n" else ascii(each)[1:-1] for each in _utf8(text))


def _utf8(value: Any) -> Any:
    """Spell bytes of a file name out that are no UTF-8; leave everything else."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def say(text: str) -> None:
    """Print a sentence in lines that fit a terminal and a page."""
    words = printable(text).replace("\n", " ")
    console().print(textwrap.fill(words, SENTENCE_WIDTH, break_on_hyphens=False))


def with_error(value: float, error: float) -> str:
    """Return a number and its standard error, where there is one.

    Examples
    --------
    >>> with_error(0.25, 0.0125), with_error(0.25, 0.0)
    ('0.250 ± 0.013', '0.250')
    """
    return f"{value:.3f}" + (f" ± {error:.3f}" if error else "")


def density_picture(density: np.ndarray, edges: np.ndarray, *, width: int = 72, height: int = 10) -> str:
    """Return a density as lines of blocks over an axis; heights are square roots, so that tails show.

    Examples
    --------
    >>> print(density_picture(np.array([4.0, 1.0]), np.array([0.0, 1.0, 2.0]), width=4, height=2))
    ██
    ████
    ────
    0  2
    √density; the highest column is 4
    """
    columns = min(width, len(density))
    bounds = np.linspace(0, len(density), columns + 1).round().astype(int)
    means = np.array([density[low:high].mean() for low, high in pairwise(bounds)]).repeat(width // columns)
    levels = np.sqrt(means / means.max()) * 8 * height if means.max() > 0 else np.zeros(len(means))
    below = 8 * np.arange(height)[::-1, None]
    filled = np.clip(np.ceil(levels - below), 0, 8).astype(int)
    low, high = f"{edges[0]:g}", f"{edges[-1]:g}"
    axis = ["─" * len(means), low + high.rjust(len(means) - len(low))]
    lines = ["".join(row).rstrip() for row in EIGHTHS[filled]] + axis
    return "\n".join([*lines, f"√density; the highest column is {means.max():.3g}"])


def print_json(record: Any) -> None:
    """Print a record as strict JSON, in ASCII, which every terminal takes."""
    typer.echo(json.dumps(plain(record), allow_nan=False, indent=2))


def print_csv(records: Sequence[Mapping[str, Any]]) -> None:
    """Print records of the same keys as comma-separated values; None is empty, and names as they are."""
    lines = list[str]()
    writer = csv.DictWriter(SimpleNamespace(write=lines.append), columns_of(records))
    writer.writeheader()
    writer.writerows(records)
    text = "".join(line.removesuffix("\r\n") + "\n" for line in lines)  # else no "\r" is quoted
    # A terminal would obey control characters; from a pipe `echo` would take some away, but for `color`.
    typer.echo(printable(text) if sys.stdout.isatty() else text, nl=False, color=True)


def columns_of(records: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the names that any of the records has; a network of one layer lacks some of `--more`."""
    return list(dict.fromkeys(name for record in records for name in record))


def save_parquet(path: Path, records: Sequence[Mapping[str, Any]], words: Iterable[str]) -> None:
    """Write the columns that `print_csv` prints; where one is empty, it is text if it is among `words`."""
    arrow, parquet = (required(name, "parquet", "--parquet") for name in ("pyarrow", "pyarrow.parquet"))
    spelt = {name: [_utf8(record.get(name)) for record in records] for name in columns_of(records)}
    arrays = {name: arrow.array(values) for name, values in spelt.items()}
    for name, array in arrays.items():
        if array.null_count == len(array):
            arrays[name] = array.cast(arrow.string() if name in words else arrow.float64())
    _write(path, lambda file: parquet.write_table(arrow.table(arrays), file))


def checked_file(option: str, path: Path | None, suffixes: Sequence[str]) -> Path | None:
    """Return the path of a file to be written; asked before the work begins, so that none is lost.

    Examples
    --------
    >>> checked_file("--plot", Path("picture.bmp"), FIGURE_FORMATS)
    Traceback (most recent call last):
    mme.errors.InputError: --plot must name a file ending in .png, .svg, .pdf, but it is picture.bmp.
    """
    if path is None:
        return None
    if path.suffix.lower() not in suffixes:
        raise InputError(f"{option} must name a file ending in {', '.join(suffixes)}, but it is {path}.")
    if path.is_dir():
        raise InputError(f"{option} must name a file, but {path} is a folder.")
    if not path.parent.is_dir():
        raise InputError(f"{option} must name a file in a folder that exists, but {path.parent} does not.")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"{option} must name a file that can be written, but {path.parent} is read-only.")
    return path


def save_figure(path: Path, figure: Figure) -> None:
    """Write a figure whole, in the format that its name says."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)  # a letter of a name that the font lacks
        _write(path, lambda file: figure.savefig(file, format=path.suffix[1:].lower()))


def save_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays whole, as an .npz file."""
    _write(path, lambda file: np.savez_compressed(file, **arrays))


def _write(path: Path, fill: Callable[[io.BytesIO], object]) -> None:
    fill(buffer := io.BytesIO())
    try:
        write_whole(path, buffer.getvalue())
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror or error}).") from None
