"""`mme compare`: which networks are equivalent."""

from __future__ import annotations

from contextlib import nullcontext
from heapq import nlargest
from itertools import chain
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from mme.arguments import choice, integer, number
from mme.checkpoints.limits import NoNetwork
from mme.cli import output
from mme.cli.accounts import about_controls, named
from mme.cli.app import PARTLY, app, complain, refuse_idle
from mme.cli.many import Job, cluster, lines_of
from mme.cli.nets import Nets, Network, Which, find_nets, from_anywhere, open_net
from mme.cli.settings import Run, measuring
from mme.comparison.compare import Comparison, Line, grouped
from mme.comparison.statistics import STATISTICS
from mme.ensembles.clusters import LINKAGES
from mme.ensembles.solvers import gram_solver
from mme.errors import InputError
from mme.extras import required
from mme.networks.hubs import is_hub_name
from mme.result import counted
from mme.weights.untrained import RULES

__all__ = ["compare"]

PAIRS_SHOWN = 16  # networks, in the table of pairs
LINES_SHOWN, MEMBERS_SHOWN = 400, 16  # networks in the table, and names in a class
RULES_OF_LINKAGE, WHICH_CONTROL = f"[{'|'.join(LINKAGES)}]", f"[{'|'.join(('auto', 'none', *RULES, 'FILE'))}]"
HELP = {
    "delta": "Two networks are equivalent when their Var(CSD) differ by at most this. By default the largest "
    "noise floor plus three standard errors: what sampling alone explains.",
    "linkage": "Classes in which all members are within delta, or in which steps of delta link them.",
    "control": "The network before training: the rule by which weights of the same shapes are drawn (auto "
    "tells it by the names of the layers, where it can), or the checkpoint of epoch 0.",
    "controls": "How many untrained controls are drawn for each network, for --more.",
    "more": "Show Var(CSD) with all eigenvalues counted and without structural zeros, norms, stable rank, "
    "spikes, distance of shapes, each beside its controls, with the classifier and without.",
    "plot": "Draw Var(CSD), a dendrogram and all pairs into this .png, .svg or .pdf file; of many networks "
    "the ranks, the classes and the distribution.",
    "parquet": "Write the columns of --csv into this .parquet file, too.",
    "scheduler": "Measure on the Dask cluster of this scheduler, whose workers must see the same files under "
    "the same names.",
}


@app.command()
@measuring()
def compare(
    nets: Nets,
    delta: Annotated[float | None, typer.Option(metavar="DELTA", help=HELP["delta"])] = None,
    linkage: Annotated[str, typer.Option(metavar=RULES_OF_LINKAGE, help=HELP["linkage"])] = "complete",
    control: Annotated[str, typer.Option(metavar=WHICH_CONTROL, help=HELP["control"])] = "auto",
    controls: Annotated[int, typer.Option(help=HELP["controls"])] = 1,
    more: Annotated[bool, typer.Option("--more", help=HELP["more"])] = False,
    which: Which = None,
    plot: Annotated[Path | None, typer.Option(help=HELP["plot"])] = None,
    parquet: Annotated[Path | None, typer.Option(help=HELP["parquet"])] = None,
    scheduler: Annotated[str | None, typer.Option(metavar="tcp://HOST:PORT", help=HELP["scheduler"])] = None,
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
    parquet = output.checked_file("--parquet", parquet, (".parquet",))
    if parquet is not None:
        required("pyarrow", "parquet", "--parquet")
    rule = choice("linkage", linkage, LINKAGES)
    if delta is not None:
        delta = number("delta", delta, 0)
    elif run.options.conjugate == "sampled" and run.options.draws < 2:
        raise InputError("--draws 1 gives no standard error to take delta from; give --delta or more draws.")
    if more and run.options.estimate is not None:
        raise InputError("--more takes exact spectra; leave out --estimate, or --more.")
    integer("--controls", controls, 1)
    if not more or control not in ("auto", *RULES):
        refuse_idle(run.context, "without --more and a rule to draw them", "controls")
    job = Job(run.options, *_control(control, run.options.rng, which), controls, more, which)
    if scheduler is not None:
        refuse_idle(run.context, "with --scheduler, whose workers take a network each", "jobs")
    else:
        gram_solver(run.options.device, run.options.dtype)  # refused once, not for each network
    before = 0 if control == "none" else controls
    # Spikes are eigenvalues of other matrices, with the classifier and without.
    times = 3 * (1 + before) - 1 if more else before
    with nullcontext() if scheduler is None else cluster(scheduler) as client:
        told = lines_of(find_nets(nets), job, run, client, times)
    measured = [each for each in told if isinstance(each, Line)]
    failures = [each for each in told if isinstance(each, InputError)]
    for failure in failures:
        complain(failure)
    if not measured:
        raise InputError(f"there is no network that can be measured in {', '.join(nets)}.")
    found = grouped(measured, delta=delta, linkage=rule)
    rows = found.rows()
    for row in rows:
        row["left_out"] = "; ".join(f"{name}: {why}" for name, why in row["left_out"].items())
    record = found.to_dict()
    if more:
        for network, row, line in zip(record["networks"], rows, measured, strict=True):
            network["more"] = line.more
            for each in line.more:
                row[each["statistic"] + "_without_classifier" * (not each["classifier"])] = each["value"]
    run.tell(record, rows, lambda: _show(found, measured))
    if parquet is not None:
        output.save_parquet(parquet, rows, words=("control_rule",))
    if plot is not None:
        from mme import plots

        output.save_figure(plot, plots.comparison(found))
    if not all(isinstance(each, NoNetwork) for each in failures):
        raise typer.Exit(PARTLY)


def _control(given: str, seed: int, which: str | None) -> tuple[str | None, Network | None]:
    """The rule, or the network of before training, which is tried now."""
    if given in ("auto", "none", *RULES):
        return None if given == "none" else given, None
    if not (is_hub_name(given) or Path(given).exists()):
        names = ", ".join(("auto", "none", *RULES))
        raise InputError(f"--control must be one of {names}, or name a checkpoint, but it is {given}.")
    open_net(given, seed=seed, which=which)
    return None, Network(given, from_anywhere(given))


COLUMNS: output.Columns[Line] = {
    "network": lambda each: each.name,
    "Var(CSD)": lambda each: _number(each, ""),
    "untrained": lambda each: _number(each, "control_"),
    "largest\n|cumul.|": lambda each: f"{each.row['largest_cumulative']:.3f}",
    "noise\nfloor": lambda each: f"{each.row['noise_floor']:.3f}",
    "in the\nwindow": lambda each: f"{each.row['inside_window']:.1%}",
    "layers": lambda each: each.row["layers"],
    "eigen-\nvalues": lambda each: each.row["eigenvalues"],
    "zeros": lambda each: f"{each.row['structural_zeros'] / each.row['eigenvalues']:.1%}",
}


def _number(line: Line, which: str) -> str:
    variance, error = line.row[f"{which}variance"], line.row[f"{which}standard_error"]
    return "–" if variance is None else output.with_error(variance, error or 0.0)


def _show(found: Comparison, lines: list[Line]) -> None:
    shown = lines[:LINES_SHOWN]
    output.print_columns(COLUMNS, shown)
    output.say("")
    if len(lines) > len(shown):
        output.say(f"… and {counted(len(lines) - len(shown), 'network')} more; --csv and --json print all.")
    for words in chain(about_controls(each.row for each in lines), *(each.words for each in shown)):
        output.say(words)
    if len(lines) > len(shown):
        told = sum(bool(each.words) for each in lines[LINES_SHOWN:])
        output.say(f"Of the networks not shown, {told} have such lines; give one alone to read them.")
    for place, members in enumerate(found.classes.classes[:LINES_SHOWN], 1):
        output.say(f"class {place}: {named(members, MEMBERS_SHOWN)}")
    if len(found.classes.classes) > LINES_SHOWN:
        output.say(f"… and {counted(len(found.classes.classes) - LINES_SHOWN, 'class', 'classes')} more.")
    if 1 < len(lines) <= PAIRS_SHOWN:
        typer.echo("\nDifferences of Var(CSD); = marks pairs within delta")
        _show_pairs(found)
    output.say("")
    output.say(_about_delta(found))
    for each in (line for line in shown if line.more):
        _show_more(each)


WORDS = STATISTICS | {"spike_share": "share of spikes", "shape_distance": "distance of shapes"}


def _show_more(line: Line) -> None:
    """One network's numbers, each beside its controls, with the classifier and without."""
    typer.echo(f"\n{output.printable(line.name)}")
    lines: dict[str, list[str]] = {}
    for each in line.more:
        before = "–" if each["control"] is None else f"{each['control']:.3f}"
        spread = "" if each["control_spread"] is None else f" ± {each['control_spread']:.3f}"
        value = "–" if each["value"] is None else f"{each['value']:.3f}"
        lines.setdefault(each["statistic"], [WORDS[each["statistic"]]]).extend([value, before + spread])
    columns, apart = ["", "all layers", "untrained"], line.classifier
    columns += ["without", "untrained"] if apart else []
    output.print_table(columns, list(lines.values()), left=1)
    if apart:
        output.say(f"without: all but the last layer, {apart}, which is taken for the classifier.")
    if line.drawn > 1:
        spread = f"± is the spread over {line.drawn} untrained controls"
        output.say(f"{spread}, not an error of the network's own number.")
    elif line.drawn:
        output.say("One control was drawn; --controls 5 shows how far they spread.")


def _show_pairs(found: Comparison) -> None:
    order = np.argsort(found.variances, kind="stable")

    def cell(i: int, j: int) -> str:
        return "" if i == j else f"{' ='[int(found.equivalent[i, j])]} {found.differences[i, j]:+.3f}"

    rows = [[place, found.names[i], *(cell(i, j) for j in order)] for place, i in enumerate(order, 1)]
    output.print_table(["", "", *(str(row[0]) for row in rows)], rows, left=2)


def _about_delta(found: Comparison) -> str:
    if found.delta_given:
        return f"delta = {found.delta:.3g}, as given."
    rows = [each.to_dict() for each in found.measurements]
    floors = {row["name"]: row["noise_floor"] for row in rows}
    noisiest = max(floors, key=lambda name: floors[name])
    floor = floors.pop(noisiest)
    estimated = sum(nlargest(2, (row["estimate_bound"] for row in rows)))
    drawn = found.delta - floor - estimated
    one = f"noise floor of {noisiest}, {floor:.3f}", "its estimate"
    several = f"largest noise floor, {floor:.3f} of {noisiest}", "the two least certain estimates"
    noise, estimates = several if floors else one
    words = (
        f"delta = {found.delta:.3f}: the {noise} (what sampling so few eigenvalues adds to a variance)"
        + (f", {estimated:.3f} for {estimates}" if estimated else "")
        + (f", and {drawn:.3f} for three standard errors of the draws." if drawn > 1e-12 else ".")
    )
    if floors and floor > 2 * max(floors.values()):
        words += f" Without {noisiest} the largest noise floor would be {max(floors.values()):.3f}."
    return words
