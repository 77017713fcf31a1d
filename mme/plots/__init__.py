"""Figures of data of your own, and the house style in which the chapters draw theirs."""

from mme.plots.comparison import comparison, equivalence_classes
from mme.plots.densities import densities, network_density
from mme.plots.differences import csd, cumulative_differences, fluctuations
from mme.plots.style import PALETTE, figure, styled

__all__ = [
    "PALETTE", "comparison", "csd", "cumulative_differences", "densities", "equivalence_classes", "figure",
    "fluctuations", "network_density", "styled",
]  # fmt: skip
