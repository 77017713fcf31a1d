"""Every figure of the book, callable on your own data."""

from mme.plots.comparison import comparison, network_density
from mme.plots.compression import pruned_mass, quantities_and_errors, shrinking_ladders
from mme.plots.difference import csd, cumulative_sums, variance_by_draw
from mme.plots.equivalence import equivalence_classes, variance_by_choice
from mme.plots.networks import (
    differences_beside_controls,
    spectra_beside_controls,
    variance_beside_controls,
)
from mme.plots.power import power_curves, power_grid
from mme.plots.spectrum import densities, pooling
from mme.plots.style import PALETTE, figure, styled
from mme.plots.vision import (
    cumulative_differences,
    fluctuations,
    steps_of_variance,
    table_beside_measurements,
)

__all__ = [
    "PALETTE",
    "comparison",
    "csd",
    "cumulative_differences",
    "cumulative_sums",
    "densities",
    "differences_beside_controls",
    "equivalence_classes",
    "figure",
    "fluctuations",
    "network_density",
    "pooling",
    "power_curves",
    "power_grid",
    "pruned_mass",
    "quantities_and_errors",
    "shrinking_ladders",
    "spectra_beside_controls",
    "steps_of_variance",
    "styled",
    "table_beside_measurements",
    "variance_beside_controls",
    "variance_by_choice",
    "variance_by_draw",
]
