"""`mme table`: the paper's Table I and its figures."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from mme.cli import output
from mme.cli.app import app
from mme.cli.settings import Run, measuring
from mme.comparison.vision import FIGURES, PAPER, VisionRow, vision_rows
from mme.errors import InputError

__all__ = ["table_one"]

HELP = {
    "only": "Take only this architecture; may be repeated.",
    "untrained": "Initial weights only: needs no download.",
    "figures": "Draw Figures 1 to 4 into this folder, as PNG and SVG.",
}


@app.command("table")
@measuring(dtype="float32")
def table_one(
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help=HELP["only"], autocompletion=lambda: list(PAPER))
    ] = None,
    untrained: Annotated[bool, typer.Option("--untrained", help=HELP["untrained"])] = False,
    seeds: Annotated[int, typer.Option(help="How many untrained controls are drawn for each network.")] = 1,
    figures: Annotated[Path | None, typer.Option(help=HELP["figures"])] = None,
    *,
    run: Run,
) -> None:
    """Make the paper's Table I: VGG 11-19, ResNet 18-152 and DenseNet 121-201, trained and untrained.

    Beside each other: Var(CSD) as the paper prints it, ours with its standard error, that of untrained
    weights, and the errors on ImageNet. The trained weights are downloaded by torchvision, 5.3 GB in all,
    once. An interrupted run goes on where it stopped. Networks that share shapes share the draws of untrained
    weights, so VGG with and without batch normalisation have the same control.

    Examples: mme table --untrained; mme table --only resnet18 --only resnet50
    """  # fmt: skip
    if run.options.estimate is not None:
        raise InputError("--estimate is for mme spectrum and mme compare; the table is of exact spectra.")
    if figures is not None:
        _require_folder(figures)
    rows = list(vision_rows(only or None, run.options, trained=not untrained, seeds=seeds, **run.work))
    records = [row.to_dict() for row in rows]
    is_sampled = run.options.conjugate == "sampled"
    told = {"rows": records, "options": run.options.to_dict(), "shared_draws": is_sampled}
    run.tell(told, records, lambda: _show(rows, is_sampled))
    if figures is not None:
        _draw(rows, figures)


def _require_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--figures {folder} cannot be made ({error.strerror or error}).") from None
    if not os.access(folder, os.W_OK):
        raise InputError(f"--figures must name a folder that can be written, but {folder} is read-only.")


COLUMNS: output.Columns[VisionRow] = {
    "network": lambda row: row.name,
    "paper": lambda row: f"{row.printed.variance:.2f}",
    "trained": lambda row: (
        output.with_error(row.trained.variance, row.trained.standard_error) if row.trained else "–"
    ),
    "untrained": lambda row: output.with_error(row.untrained_variance, row.untrained_standard_error),
    "noise\nfloor": lambda row: f"{row.untrained[0].noise_floor:.3f}",
    "outside": lambda row: f"{row.outside:.1%}",
    "zeros": lambda row: f"{row.ensemble.structural_zeros / sum(row.ensemble.orders):.1%}",
    "top-1\nerror": lambda row: f"{row.printed.top1_error:.2f}",
    "top-5\nerror": lambda row: f"{row.printed.top5_error:.2f}",
}


def _show(rows: list[VisionRow], is_sampled: bool) -> None:
    output.print_columns(COLUMNS, rows)
    output.say("")
    columns = "Var(CSD): paper, Table I as printed; trained and untrained, measured here."
    outside = "outside: the share of eigenvalues beyond the window, zeros left out."
    output.say(f"{columns} {outside} Errors in per cent, as printed in the paper.")
    if is_sampled:
        shared = "Networks share the draws of circular matrices, order by order: each row and its error"
        output.say(f"{shared} are right, but the rows are correlated.")


def _draw(rows: list[VisionRow], folder: Path) -> None:
    from mme import plots

    for number, names in FIGURES.items():
        shown = [row for row in rows if row.name in names]
        draw = plots.fluctuations if number == 4 else plots.cumulative_differences
        for suffix in (".png", ".svg") if shown else ():
            output.save_figure(folder / f"figure-{number}{suffix}", draw(shown))
