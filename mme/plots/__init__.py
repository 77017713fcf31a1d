"""Figures of data of your own, and the house style in which the chapters draw theirs."""

from mme.plots.balance import fibre_and_balance
from mme.plots.beyond import entropy_at_rank_loss
from mme.plots.chebyshev import errors_against_gap
from mme.plots.circular import eigenphases, gaps, traces, unitary_and_modulus
from mme.plots.comparison import comparison, equivalence_classes
from mme.plots.densities import densities, network_density
from mme.plots.differences import csd, cumulative_differences, fluctuations
from mme.plots.entropy import entropy_of_ratio
from mme.plots.fields import group_volumes
from mme.plots.gram import block_spectra, gram_matrix_image
from mme.plots.layers import gram_sides, unfolding
from mme.plots.limit_law import (
    eigenvalues_in_the_plane,
    errors_by_order,
    errors_of_laws,
    sampled_beside_laws,
)
from mme.plots.metric import approach_to_infinite_depth, metric_balls
from mme.plots.monte_carlo import kernel_curves
from mme.plots.orbit import orbit_in_two_planes
from mme.plots.repulsion import repulsion_and_its_absence
from mme.plots.style import PALETTE, figure, styled

__all__ = [
    "PALETTE",
    "approach_to_infinite_depth",
    "block_spectra",
    "comparison",
    "csd",
    "cumulative_differences",
    "densities",
    "eigenphases",
    "eigenvalues_in_the_plane",
    "entropy_at_rank_loss",
    "entropy_of_ratio",
    "equivalence_classes",
    "errors_against_gap",
    "errors_by_order",
    "errors_of_laws",
    "fibre_and_balance",
    "figure",
    "fluctuations",
    "gaps",
    "gram_matrix_image",
    "gram_sides",
    "group_volumes",
    "kernel_curves",
    "metric_balls",
    "network_density",
    "orbit_in_two_planes",
    "repulsion_and_its_absence",
    "sampled_beside_laws",
    "styled",
    "traces",
    "unfolding",
    "unitary_and_modulus",
]
