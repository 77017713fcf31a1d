"""Every choice that a measurement of Var(CSD) depends on, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mme.arguments import choice, integer, number, of_type, text
from mme.ensembles.circular import Circular, Construction
from mme.ensembles.conjugate import DRAWS, Conjugate, validate_drawing
from mme.ensembles.density import BINS, NORMALISATIONS, WINDOW, ZERO_POLICIES, Normalisation, Zeros, bin_edges
from mme.ensembles.layers import LayerMatrixEnsemble
from mme.ensembles.mixed import Part, Precision
from mme.ensembles.quadrature import validate_estimate
from mme.ensembles.selection import validate_selection
from mme.ensembles.spectrum import PooledSpectrum, Pooling, pooled_spectrum
from mme.result import Result

__all__ = ["Options", "validate_options"]


@dataclass(frozen=True, eq=False, repr=False)
class Options(Result):
    """How networks are measured: the layers, their conjugate ensemble, the density.

    Attributes
    ----------
    include, exclude, types, dtype, estimate
        As in `layer_matrix_ensemble`; `dtype` is that of a sampled conjugate too.
    device : str
        As in `LayerMatrixEnsemble.measured`.
    conjugate : {"deterministic", "sampled"}
        Take the expected density of the circular ensemble, or draw it.
    draws : int
        How often it is drawn.
    rng : int
        Seed of the draws and of untrained weights.
    circular, construction : str
        As in `circular_spectral_difference`. The paper's eigenvectors and QR are equal in law; QR is faster.
    part, pooling, window, bins, zeros, normalise, bandwidth
        As in `circular_spectral_difference`.
    squarings : int
        1 for the layer matrices X = A Aᵀ of Definition 1, with eigenvalues σ²; 2 for X Xᵀ, with σ⁴, as in the
        author's later package. The conjugate stays as it is.

    Raises
    ------
    InputError
        If a name is unknown, or a number out of range.

    Examples
    --------
    >>> Options(zeros="half").density
    {'window': (0.0, 6.0), 'bins': 1000, 'zeros': 'half', 'normalise': 'window', 'bandwidth': None}
    """

    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] | None = None
    types: tuple[str, ...] | None = None
    dtype: Precision = "float64"
    device: str = "cpu"
    conjugate: Conjugate = "deterministic"
    draws: int = DRAWS
    rng: int = 0
    circular: Circular = "CUE"
    construction: Construction = "haar"
    part: Part = "real"
    pooling: Pooling = "plain"
    window: tuple[float, float] = WINDOW
    bins: int = BINS
    zeros: Zeros = "keep"
    normalise: Normalisation = "window"
    bandwidth: float | None = None
    squarings: int = 1
    estimate: int | None = None

    def __post_init__(self) -> None:
        validate_selection(self.include, self.exclude, self.types)
        validate_estimate(self.estimate)
        text("device", self.device)
        integer("rng", self.rng, 0)
        integer("squarings", self.squarings, 1, 2)
        validate_drawing(**self.drawing)
        choice("zeros", self.zeros, ZERO_POLICIES)
        choice("normalise", self.normalise, NORMALISATIONS)
        bin_edges(self.window, self.bins)
        if self.bandwidth is not None:
            number("bandwidth", self.bandwidth, above=0)

    def _chosen(self, *names: str) -> dict[str, Any]:
        return {name: getattr(self, name) for name in names}

    @property
    def selection(self) -> dict[str, Any]:
        """What decides which layers are measured."""
        return self._chosen("include", "exclude", "types", "dtype", "estimate")

    @property
    def drawing(self) -> dict[str, Any]:
        """What decides the conjugate ensemble, given the orders."""
        law = ("circular", "construction", "part")
        return self._chosen("conjugate", "draws", "rng", *law, "pooling", "dtype")

    @property
    def density(self) -> dict[str, Any]:
        """What decides a density, given its spectrum."""
        return self._chosen("window", "bins", "zeros", "normalise", "bandwidth")

    def pooled(self, ensemble: LayerMatrixEnsemble) -> PooledSpectrum:
        """Return the pooled spectrum of a network, its `ensemble`.

        Examples
        --------
        >>> import numpy as np
        >>> from mme.ensembles import layer_matrix_ensemble
        >>> Options(squarings=2).pooled(layer_matrix_ensemble({"fc": 3 * np.eye(2)})).eigenvalues
        array([81., 81.])
        """
        spectrum = pooled_spectrum(ensemble, pooling=self.pooling)
        return spectrum.squared() if self.squarings == 2 else spectrum


def validate_options(options: Any) -> Options:
    """Return the options; the default ones for None."""
    return Options() if options is None else of_type("options", options, Options, "an mme.comparison.Options")
