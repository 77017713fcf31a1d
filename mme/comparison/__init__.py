"""Networks side by side: streamed spectra, kept on disk, and what Part I says of them."""

from mme.comparison.circular import SharedCircularEnsemble
from mme.comparison.compare import Comparison, Measurement, compare, measure
from mme.comparison.options import Options
from mme.comparison.spectra import LayerSpectrum, NetworkSpectrum, network_spectrum
from mme.comparison.store import SpectrumStore
from mme.comparison.vision import FIGURES, PAPER, VisionRow, vision_rows

__all__ = [
    "FIGURES",
    "PAPER",
    "Comparison",
    "LayerSpectrum",
    "Measurement",
    "NetworkSpectrum",
    "Options",
    "SharedCircularEnsemble",
    "SpectrumStore",
    "VisionRow",
    "compare",
    "measure",
    "network_spectrum",
    "vision_rows",
]
