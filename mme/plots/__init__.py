"""Every figure of the book, callable on your own data."""

from mme.plots.ensembles import (
    equivalence_classes,
    spectra_beside_controls,
    spectral_differences,
    variance_beside_controls,
    variance_curves,
)
from mme.plots.style import PALETTE, figure, styled

__all__ = [
    "PALETTE",
    "equivalence_classes",
    "figure",
    "spectra_beside_controls",
    "spectral_differences",
    "styled",
    "variance_beside_controls",
    "variance_curves",
]
