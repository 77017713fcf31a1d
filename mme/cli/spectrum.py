"""`mme spectrum`: the layers of one network and their pooled spectrum."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mme.cli import output
from mme.cli.accounts import about_estimates, about_layers, about_window, announce_cost
from mme.cli.app import app, refuse_idle
from mme.cli.nets import Net, Which, open_net
from mme.cli.settings import Run, measuring
from mme.ensembles.conjugate import conjugate_spectrum
from mme.ensembles.density import SpectralDensity, shares_inside, spectral_density
from mme.ensembles.layer_matrix import Layer
from mme.ensembles.layers import LayerMatrixEnsemble, layer_matrix_ensemble
from mme.errors import InputError
from mme.networks.hubs import is_hub_name
from mme.result import counted

__all__ = ["spectrum"]

LAYERS_SHOWN = 400
PLOT = "Draw the pooled density into this .png, .svg or .pdf file."
OUT = "Write eigenvalues, layers and densities into this .npz file."


@app.command()
@measuring()
def spectrum(
    net: Net,
    which: Which = None,
    plot: Annotated[Path | None, typer.Option(help=PLOT)] = None,
    out: Annotated[Path | None, typer.Option(help=OUT)] = None,
    *,
    run: Run,
) -> None:
    """Show the layers of a network, and the density of all their eigenvalues together.

    Each weight tensor of two axes and more is read as an N × M matrix A (N outputs) and squared into
    X = A Aᵀ. The table has X's order N, rank, structural zeros (N − M where N > M) and largest eigenvalue.

    Examples: mme spectrum net.safetensors --plot net.png; mme spectrum torchvision:resnet18@untrained
    """
    options = run.options
    plot = output.checked_file("--plot", plot, output.FIGURE_FORMATS)
    out = output.checked_file("--out", out, (".npz",))
    is_shown = plot is not None or out is not None
    if not is_shown:  # the conjugate ensemble
        refuse_idle(run.context, "without --plot or --out", "conjugate", "draws", "construction", "part")
    if not is_hub_name(net) and not (is_shown and options.conjugate == "sampled"):
        refuse_idle(run.context, "for a file, where nothing is drawn", "rng")
    opened = open_net(net, seed=options.rng, which=which)
    announce_cost([opened], options, run.jobs, draws=is_shown)
    try:
        found = layer_matrix_ensemble(opened, **options.selection)
        found.measured(device=options.device, **run.work)
    except InputError as error:
        raise InputError(f"{net}: {error}") from None
    pooled = options.pooled(found)
    density = spectral_density(pooled, **options.density)
    shares = shares_inside(pooled, options.window)
    record = found.to_dict() | {"format": opened.format, "eigenvalues": len(found.eigenvalues)}
    record |= {"inside_window": shares[0], "inside_window_nonzero": shares[1]}
    estimated = sum(layer.estimated for layer in found.layers)
    record |= {"estimated_layers": estimated, "estimate_error": density.estimate_error}
    rows = [layer.to_dict() | {"shape": _shape(layer, "x")} for layer in found.layers]
    run.tell(record, rows, lambda: _show(found, density, record, run))
    if not is_shown:
        return
    drawn = conjugate_spectrum(found.orders, **options.drawing, **run.work)
    conjugate = spectral_density(drawn, **options.density)
    if out is not None:
        output.save_arrays(out, _arrays(found, density, conjugate))
    if plot is not None:
        from mme import plots

        output.save_figure(plot, plots.network_density(density, conjugate, name=opened.name))


COLUMNS: output.Columns[Layer] = {
    "layer": lambda layer: layer.name,
    "shape": lambda layer: _shape(layer, "×"),
    "N": lambda layer: layer.order,
    "M": lambda layer: layer.columns,
    "rank": lambda layer: "–" if layer.rank is None else layer.rank,
    "structural\nzeros": lambda layer: layer.structural_zeros,
    "largest\neigenvalue": lambda layer: f"{'≥ ' * layer.estimated}{layer.largest_eigenvalue:.4g}",
}


def _show(found: LayerMatrixEnsemble, density: SpectralDensity, record: dict[str, Any], run: Run) -> None:
    output.print_columns(COLUMNS, found.layers[:LAYERS_SHOWN], left=2)
    if len(found) > LAYERS_SHOWN:
        output.say(f"… and {counted(len(found) - LAYERS_SHOWN, 'layer')} more; --csv and --json print all.")
    total, zeros = len(found.eigenvalues), found.structural_zeros
    output.say("")
    head = f"{found.name} ({record['format']}): {counted(len(found), 'layer')}, {total} eigenvalues"
    left_out = f"{counted(len(found.skipped), 'parameter')} left out (--json says why)."
    output.say(f"{head}, {counted(zeros, 'structural zero')} ({zeros / total:.1%}), {left_out}")
    low, high = density.edges[0], density.edges[-1]
    error = f"Shares of the spectrum below any point have a standard error of {density.estimate_error:.2g}."
    said = (*about_estimates(found, error), *about_layers(found, run.options))
    for words in (*said, *about_window(found.name, record["inside_window_nonzero"], (low, high))):
        output.say(words)
    share = f"{record['inside_window']:.1%} of all"
    output.say(f"{density.inside:.6g} eigenvalues count in the window [{low:g}, {high:g}], {share}:\n")
    typer.echo(output.density_picture(density.density, density.edges))


def _shape(layer: Layer, times: str) -> str:
    return times.join(map(str, layer.shape))


def _arrays(
    found: LayerMatrixEnsemble, density: SpectralDensity, conjugate: SpectralDensity
) -> dict[str, object]:
    layers = found.layers
    return {
        "eigenvalues": found.eigenvalues,
        "layer_names": [layer.name for layer in layers],
        "layer_shapes": [_shape(layer, "x") for layer in layers],
        "orders": found.orders,
        "columns": [layer.columns for layer in layers],
        "ranks": [-1 if layer.rank is None else layer.rank for layer in layers],  # −1 is not known
        "estimated": [layer.estimated for layer in layers],
        "structural_zeros": [layer.structural_zeros for layer in layers],
        "edges": density.edges,
        "density": density.density,
        "conjugate_density": conjugate.density,
    }
