"""Part I: layer matrix ensembles, circular ensembles, pooled spectra, their difference, equivalence."""

from mme.ensembles.calibration import Calibration, calibrate_delta, disjoint_differences
from mme.ensembles.circular import CircularMixedEnsemble, circular_mixed_ensemble
from mme.ensembles.conjugacy import Conjugacy, conjugacy
from mme.ensembles.conjugate import conjugate_spectrum
from mme.ensembles.density import SpectralDensity, spectral_density
from mme.ensembles.difference import (
    CSD,
    CircularSpectralDifference,
    circular_spectral_difference,
    spectral_difference,
)
from mme.ensembles.equivalence import (
    Equivalence,
    EquivalenceClasses,
    default_delta,
    equivalence,
    equivalence_classes,
)
from mme.ensembles.layer_matrix import Layer
from mme.ensembles.layers import LayerMatrixEnsemble, layer_matrix_ensemble
from mme.ensembles.limit_law import deterministic_spectrum, modulus_density
from mme.ensembles.mixed import MixedMatrixEnsemble
from mme.ensembles.noise import noise_floor
from mme.ensembles.rivals import (
    log_frobenius_norm,
    log_spectral_norm,
    log_stable_rank,
    shape_distance,
    spike_share,
)
from mme.ensembles.sampling import SampledCircularEnsemble, sampling_cost
from mme.ensembles.spectrum import PooledSpectrum, pooled_spectrum

__all__ = [
    "CSD", "Calibration", "CircularMixedEnsemble", "CircularSpectralDifference", "Conjugacy",
    "Equivalence", "EquivalenceClasses", "Layer", "LayerMatrixEnsemble", "MixedMatrixEnsemble",
    "PooledSpectrum", "SampledCircularEnsemble", "SpectralDensity", "calibrate_delta",
    "circular_mixed_ensemble", "circular_spectral_difference", "conjugacy", "conjugate_spectrum",
    "default_delta", "deterministic_spectrum", "disjoint_differences", "equivalence",
    "equivalence_classes", "layer_matrix_ensemble", "log_frobenius_norm", "log_spectral_norm",
    "log_stable_rank", "modulus_density", "noise_floor", "pooled_spectrum",
    "sampling_cost", "shape_distance", "spectral_density", "spectral_difference", "spike_share",
]  # fmt: skip
