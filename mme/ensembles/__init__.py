"""Part I: layer matrix ensembles, circular ensembles, pooled spectra, their difference, equivalence."""

from mme.ensembles.circular import CircularMixedEnsemble, SampledCircularEnsemble, circular_mixed_ensemble
from mme.ensembles.density import SpectralDensity, spectral_density
from mme.ensembles.difference import (
    CSD,
    CircularSpectralDifference,
    Conjugacy,
    circular_spectral_difference,
    conjugacy,
    conjugate_spectrum,
    noise_floor,
    spectral_difference,
)
from mme.ensembles.equivalence import (
    Equivalence,
    EquivalenceClasses,
    default_delta,
    equivalence,
    equivalence_classes,
)
from mme.ensembles.layers import Layer, LayerMatrixEnsemble, layer_matrix_ensemble
from mme.ensembles.limit_law import deterministic_spectrum, modulus_density
from mme.ensembles.mixed import MixedMatrixEnsemble
from mme.ensembles.spectrum import PooledSpectrum, pooled_spectrum

__all__ = [
    "CSD",
    "CircularMixedEnsemble",
    "CircularSpectralDifference",
    "Conjugacy",
    "Equivalence",
    "EquivalenceClasses",
    "Layer",
    "LayerMatrixEnsemble",
    "MixedMatrixEnsemble",
    "PooledSpectrum",
    "SampledCircularEnsemble",
    "SpectralDensity",
    "circular_mixed_ensemble",
    "circular_spectral_difference",
    "conjugacy",
    "conjugate_spectrum",
    "default_delta",
    "deterministic_spectrum",
    "equivalence",
    "equivalence_classes",
    "layer_matrix_ensemble",
    "modulus_density",
    "noise_floor",
    "pooled_spectrum",
    "spectral_density",
    "spectral_difference",
]
