"""`mme compare`: which networks are equivalent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table

from mme.arguments import choice, number
from mme.cli.app import PARTLY, app, complain, one_sentence
from mme.cli.nets import Nets, open_nets
from mme.cli.output import (
    FIGURE_FORMATS,
    checked_file,
    console,
    one_form,
    print_csv,
    print_json,
    save_figure,
    sentence,
    table,
    with_error,
)  # fmt: skip
from mme.cli.settings import measuring
from mme.comparison.compare import Comparison, grouped
from mme.comparison.measurement import Measurement, measure
from mme.comparison.options import Options
from mme.ensembles.equivalence import LINKAGES
from mme.errors import InputError
from mme.store import Store
from mme.weights.untrained import RULES

__all__ = ["compare"]

PAIRS_SHOWN = 16  # networks, in the table of pairs


@app.command()
@one_sentence
@measuring()
def compare(
    nets: Nets,
    delta: Annotated[
        float | None,
        typer.Option(
            metavar="DELTA",
            help="Two networks are equivalent when their Var(CSD) differ by at most this. By default the "
            "largest noise floor plus three standard errors: what sampling alone explains.",
        ),
    ] = None,
    linkage: Annotated[
        str,
        typer.Option(
            metavar=f"[{'|'.join(LINKAGES)}]",
            help="Classes in which all members are within delta, or in which steps of delta link them.",
        ),
    ] = "complete",
    control: Annotated[
        str,
        typer.Option(
            metavar=f"[auto|none|{'|'.join(RULES)}]",
            help="The rule by which untrained weights of the same shapes are drawn; auto recognises the "
            "architectures of torchvision.",
        ),
    ] = "auto",
    plot: Annotated[
        Path | None,
        typer.Option(help="Draw Var(CSD), a dendrogram and all pairs into this .png, .svg or .pdf file."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print comma-separated values.")] = False,
    *,
    options: Options,
    store: Store,
    jobs: int,
) -> None:
    """Compare networks by the variance of their circular spectral differences, and sort them into classes.

    For each network: Var(CSD) with its standard error over the draws of the circular ensemble; the same for
    untrained weights of the same shapes, where the architecture is known; the largest |cumulative CSD|, a
    distance between 0 and 1; the noise floor. Most of Var(CSD) is often in the untrained column already.

    Examples: mme compare checkpoints/ --plot networks.png; mme compare a.pt b.onnx --zeros drop
    """
    one_form(as_json, as_csv)
    plot = checked_file("--plot", plot, FIGURE_FORMATS)
    choice("linkage", linkage, LINKAGES)
    choice("control", control, ("auto", "none", *RULES))
    if delta is not None:
        delta = number("delta", delta, 0)
    elif options.conjugate == "sampled" and options.draws < 2:
        raise InputError("--draws 1 gives no standard error to take delta from; give --delta or more draws.")
    opened, complete = open_nets(nets, seed=options.rng)
    rule = None if control == "none" else control
    work: dict[str, Any] = {
        "control": rule,
        "store": store,
        "jobs": jobs,
        "progress": True,
    }
    measured: list[Measurement] = []
    for name, checkpoint in opened.items():
        try:
            measured.append(measure(checkpoint, options, name=name, **work))
        except InputError as error:
            if name in nets or len(opened) == len(nets):
                raise InputError(f"{name}: {error}") from None
            complain(f"{name}: {error}")
            complete = False
    if not measured:
        raise InputError(f"there is no network that can be measured in {', '.join(nets)}.")
    found = grouped(tuple(measured), delta=delta, linkage=linkage)
    if as_json:
        print_json(found.to_dict())
    elif as_csv:
        classes = {name: number for number, each in enumerate(found.classes.classes, 1) for name in each}
        lines = [each.to_dict() | {"class": classes[each.name]} for each in measured]
        print_csv([{key: value for key, value in line.items() if key != "left_out"} for line in lines])
    else:
        _show(found)
    if plot is not None:
        from mme import plots

        save_figure(plot, plots.comparison(found))
    if not complete:
        raise typer.Exit(PARTLY)


def _show(found: Comparison) -> None:
    screen = console()
    rows = []
    for each in found.measurements:
        csd, control, orders = each.csd, each.control, each.ensemble.orders
        rows.append((
            each.name,
            with_error(csd.variance, csd.standard_error),
            with_error(control.variance, control.standard_error) if control else "–",
            f"{csd.largest_cumulative:.3f}",
            f"{csd.noise_floor:.3f}",
            str(len(orders)),
            str(sum(orders)),
            f"{each.ensemble.structural_zeros / sum(orders):.1%}",
        ))  # fmt: skip
    columns = (
        "network",
        "Var(CSD)",
        "untrained",
        "largest\n|cumulative|",
        "noise\nfloor",
        "layers",
        "eigen-\nvalues",
        "zeros",
    )
    screen.print(table(columns, rows))
    screen.print()
    if any(each.control is None for each in found.measurements):
        about = (
            "untrained –: no control was drawn, for the rule of the initial weights is not known; --control "
            "names it."
        )
        screen.print(sentence(about))
    for place, members in enumerate(found.classes.classes, 1):
        screen.print(sentence(f"class {place}: {', '.join(members)}"))
    if 1 < len(found.measurements) <= PAIRS_SHOWN:
        screen.print("\nDifferences of Var(CSD); = marks pairs within delta")
        screen.print(_pairs(found))
    screen.print(f"\n{sentence(_about_delta(found))}")


def _pairs(found: Comparison) -> Table:
    order = np.argsort([each.csd.variance for each in found.measurements], kind="stable")

    def cell(i: int, j: int) -> str:
        mark = "=" if found.equivalent[i, j] else " "
        return "" if i == j else f"{mark} {found.differences[i, j]:+.3f}"

    numbers = [str(number) for number in range(1, len(order) + 1)]
    rows = [
        [number, found.names[i], *(cell(i, j) for j in order)]
        for number, i in zip(numbers, order, strict=True)
    ]
    return table(["", "", *numbers], rows, left=2)


def _about_delta(found: Comparison) -> str:
    if found.delta_given:
        return f"delta = {found.delta:.3g}, as given."
    floors = {each.name: each.csd.noise_floor for each in found.measurements}
    noisiest = max(floors, key=lambda name: floors[name])
    floor = floors.pop(noisiest)
    words = (
        f"delta = {found.delta:.3f}: the largest noise floor, {floor:.3f} of {noisiest} (what sampling so "
        f"few eigenvalues adds to a variance), and {found.delta - floor:.3f} for three standard errors."
    )
    if floors and floor > 2 * max(floors.values()):
        words += f" Without {noisiest} the largest noise floor would be {max(floors.values()):.3f}."
    return words
