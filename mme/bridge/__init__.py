"""Part III, where both papers meet: random balanced networks, and the spectrum that their layers share.

The weight is e^{−γ|W|²/2} dvol throughout, and x = λ² an eigenvalue of X_p = W_p W_p*, the same for each p.
"""

from typing import TYPE_CHECKING

from mme.late import lazily

if TYPE_CHECKING:
    from mme.bridge.biorthogonal import correlation_kernel, mean_density
    from mme.bridge.equilibrium import EquilibriumMeasure, equilibrium_measure
    from mme.bridge.fuss_catalan import fuss_catalan_density, fuss_catalan_distribution, fuss_catalan_moments
    from mme.bridge.layer_spectra import LayerSpectra, layer_spectra, sample_layer_spectra
    from mme.bridge.normalisation import joint_log_density, log_normalisation

__all__ = [
    "EquilibriumMeasure", "LayerSpectra", "correlation_kernel", "equilibrium_measure",
    "fuss_catalan_density", "fuss_catalan_distribution", "fuss_catalan_moments", "joint_log_density",
    "layer_spectra", "log_normalisation", "mean_density", "sample_layer_spectra",
]  # fmt: skip

lazily(__name__)
