"""`mme compare`: which networks are equivalent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from mme.arguments import choice, integer, number
from mme.cli import output
from mme.cli.accounts import about_controls, about_estimates, about_layers, about_window, announce_cost
from mme.cli.app import PARTLY, app, complain, one_sentence
from mme.cli.nets import Nets, Which, open_net, open_nets
from mme.cli.settings import Run, measuring
from mme.comparison.compare import Comparison, grouped
from mme.comparison.measurement import Measurement, measure
from mme.comparison.statistics import STATISTICS
from mme.ensembles.equivalence import LINKAGES
from mme.errors import InputError
from mme.networks.hubs import is_hub_name
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
            metavar=f"[auto|none|{'|'.join(RULES)}|FILE]",
            help="The network before training: the rule by which weights of the same shapes are drawn (auto "
            "tells it by the names of the layers, where it can), or the checkpoint of epoch 0.",
        ),
    ] = "auto",
    controls: Annotated[
        int, typer.Option(help="How many untrained controls are drawn for each network, for --more.")
    ] = 1,
    more: Annotated[
        bool,
        typer.Option(
            "--more",
            help="Show Var(CSD) with all eigenvalues counted and without structural zeros, norms, stable "
            "rank, spikes, distance of shapes, each beside its controls, with the classifier and without.",
        ),
    ] = False,
    which: Which = None,
    plot: Annotated[
        Path | None,
        typer.Option(help="Draw Var(CSD), a dendrogram and all pairs into this .png, .svg or .pdf file."),
    ] = None,
    *,
    run: Run,
) -> None:
    """Compare networks by the variance of their circular spectral differences, and sort them into classes.

    For each network: Var(CSD), with its standard error where the circular ensemble is drawn; the same for
    untrained weights of the same shapes, where it is known how they are drawn; the largest |cumulative CSD|,
    a distance between 0 and 1; the noise floor; how much of the spectrum the window shows. Below the table
    stands what was left out or guessed. Most of Var(CSD) is often in the untrained column already.

    Examples: mme compare checkpoints/ --plot networks.png; mme compare a.pt b.onnx --zeros drop
    """
    plot = output.checked_file("--plot", plot, output.FIGURE_FORMATS)
    rule = choice("linkage", linkage, LINKAGES)
    if delta is not None:
        delta = number("delta", delta, 0)
    elif run.options.conjugate == "sampled" and run.options.draws < 2:
        raise InputError("--draws 1 gives no standard error to take delta from; give --delta or more draws.")
    if more and run.options.estimate is not None:
        raise InputError("--more takes exact spectra; leave out --estimate, or --more.")
    taken: dict[str, Any] = {"control": _control(control, run.options.rng), "controls": controls}
    integer("--controls", controls, 1)
    opened, complete = open_nets(nets, seed=run.options.rng, which=which)
    before = 0 if control == "none" else controls
    # Spikes are eigenvalues of other matrices, with the classifier and without.
    times = 3 * (1 + before) - 1 if more else before
    announce_cost(opened, run.options, run.jobs, controls=times)
    measured: list[Measurement] = []
    for name, checkpoint in opened.items():
        try:
            measured.append(measure(checkpoint, run.options, name=name, **taken, **run.work))
        except InputError as error:
            if name in nets or len(opened) == len(nets):
                raise InputError(f"{name}: {error}") from None
            complain(f"{name}: {error}")
            complete = False
    if not measured:
        raise InputError(f"there is no network that can be measured in {', '.join(nets)}.")
    found = grouped(tuple(measured), delta=delta, linkage=rule)
    rows = found.rows()
    for row in rows:
        row["left_out"] = "; ".join(f"{name}: {why}" for name, why in row["left_out"].items())
    record = found.to_dict()
    if more:
        for network, row, each in zip(record["networks"], rows, measured, strict=True):
            network["more"] = each.more()
            row.update((_column(line), line["value"]) for line in network["more"])
    run.tell(record, rows, lambda: _show(found, run.options.window, more))
    if plot is not None:
        from mme import plots

        output.save_figure(plot, plots.comparison(found))
    if not complete:
        raise typer.Exit(PARTLY)


def _control(given: str, seed: int) -> Any:
    """The rule, or the network of before training."""
    if given in ("auto", *RULES):
        return given
    if given == "none":
        return None
    if not (is_hub_name(given) or Path(given).exists()):
        names = ", ".join(("auto", "none", *RULES))
        raise InputError(f"--control must be one of {names}, or name a checkpoint, but it is {given}.")
    return open_net(given, seed=seed)


COLUMNS: dict[str, Callable[[Measurement], object]] = {
    "network": lambda each: each.name,
    "Var(CSD)": lambda each: output.with_error(each.csd.variance, each.csd.standard_error),
    "untrained": lambda each: (
        output.with_error(each.control.variance, each.control.standard_error) if each.control else "–"
    ),
    "largest\n|cumul.|": lambda each: f"{each.csd.largest_cumulative:.3f}",
    "noise\nfloor": lambda each: f"{each.csd.noise_floor:.3f}",
    "in the\nwindow": lambda each: "–" if each.csd.inside is None else f"{each.csd.inside:.1%}",
    "layers": lambda each: len(each.ensemble),
    "eigen-\nvalues": lambda each: sum(each.ensemble.orders),
    "zeros": lambda each: f"{each.ensemble.structural_zeros / sum(each.ensemble.orders):.1%}",
}


def _column(line: dict[str, Any]) -> str:
    return str(line["statistic"]) + ("" if line["classifier"] else "_without_classifier")


def _show(found: Comparison, window: tuple[float, float], more: bool) -> None:
    output.print_columns(COLUMNS, found.measurements)
    output.say("")
    for words in about_controls(found.measurements):
        output.say(words)
    for each in found.measurements:
        nonzero = each.csd.inside_nonzero
        untrained = f", untrained {each.control.estimate_bound:.2g}" if each.control else ""
        bound = f"By this much Var(CSD) may miss that of the exact spectrum: {each.csd.estimate_bound:.2g}"
        said = (*about_estimates(each.ensemble, f"{bound}{untrained}."), *about_layers(each.ensemble))
        for words in (*said, *about_window(each.name, nonzero, window)):
            output.say(words)
    for place, members in enumerate(found.classes.classes, 1):
        output.say(f"class {place}: {', '.join(members)}")
    if 1 < len(found.measurements) <= PAIRS_SHOWN:
        typer.echo("\nDifferences of Var(CSD); = marks pairs within delta")
        _show_pairs(found)
    output.say("")
    output.say(_about_delta(found))
    for each in found.measurements if more else ():
        _show_more(each)


WORDS = STATISTICS | {"spike_share": "share of spikes", "shape_distance": "distance of shapes"}


def _show_more(one: Measurement) -> None:
    """One network's numbers, each beside its controls, with the classifier and without."""
    typer.echo(f"\n{one.name}")
    lines: dict[str, list[str]] = {}
    for each in one.more():
        before = "–" if each["control"] is None else f"{each['control']:.3f}"
        spread = "" if each["control_spread"] is None else f" ± {each['control_spread']:.3f}"
        value = "–" if each["value"] is None else f"{each['value']:.3f}"
        lines.setdefault(each["statistic"], [WORDS[each["statistic"]]]).extend([value, before + spread])
    columns, apart = ["", "all layers", "untrained"], one.ensemble.classifier
    columns += ["without", "untrained"] if apart else []
    output.print_table(columns, list(lines.values()), left=1)
    if apart:
        output.say(f"without: all but the last layer, {apart}, which is taken for the classifier.")
    drawn = len(one.controls)
    if drawn > 1:
        output.say(
            f"± is the spread over {drawn} untrained controls, not an error of the network's own number."
        )
    elif drawn:
        output.say("One control was drawn; --controls 5 shows how far they spread.")


def _show_pairs(found: Comparison) -> None:
    order = np.argsort([each.csd.variance for each in found.measurements], kind="stable")

    def cell(i: int, j: int) -> str:
        mark = "=" if found.equivalent[i, j] else " "
        return "" if i == j else f"{mark} {found.differences[i, j]:+.3f}"

    numbers = [str(number) for number in range(1, len(order) + 1)]
    rows = [
        [number, found.names[i], *(cell(i, j) for j in order)]
        for number, i in zip(numbers, order, strict=True)
    ]
    output.print_table(["", "", *numbers], rows, left=2)


def _about_delta(found: Comparison) -> str:
    if found.delta_given:
        return f"delta = {found.delta:.3g}, as given."
    floors = {each.name: each.csd.noise_floor for each in found.measurements}
    noisiest = max(floors, key=lambda name: floors[name])
    floor = floors.pop(noisiest)
    estimated = sum(sorted(each.csd.estimate_bound for each in found.measurements)[-2:])
    drawn = found.delta - floor - estimated
    words = (
        f"delta = {found.delta:.3f}: the largest noise floor, {floor:.3f} of {noisiest} (what sampling so "
        "few eigenvalues adds to a variance)"
        + (f", {estimated:.3f} for the two least certain estimates" if estimated else "")
        + (f", and {drawn:.3f} for three standard errors of the draws." if drawn > 1e-12 else ".")
    )
    if floors and floor > 2 * max(floors.values()):
        words += f" Without {noisiest} the largest noise floor would be {max(floors.values()):.3f}."
    return words
