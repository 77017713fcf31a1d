"""Every figure of the book, callable on your own data."""

from mme.plots.ensembles import (
    equivalence_classes,
    spectra_beside_controls,
    spectral_differences,
    variance_beside_controls,
    variance_curves,
)
from mme.plots.layers import gram_sides, unfolding
from mme.plots.limit_law import (
    eigenvalues_in_the_plane,
    errors_by_order,
    errors_of_laws,
    sampled_beside_laws,
)
from mme.plots.spectrum import densities, pooling
from mme.plots.style import PALETTE, figure, styled

__all__ = [
    "PALETTE",
    "densities",
    "eigenvalues_in_the_plane",
    "equivalence_classes",
    "errors_by_order",
    "errors_of_laws",
    "figure",
    "gram_sides",
    "pooling",
    "sampled_beside_laws",
    "spectra_beside_controls",
    "spectral_differences",
    "styled",
    "unfolding",
    "variance_beside_controls",
    "variance_curves",
]
