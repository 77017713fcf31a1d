"""Every choice that a measurement of Var(CSD) depends on, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mme.arguments import choice, integer, number, text
from mme.ensembles.conjugate import DRAWS, validate_drawing
from mme.ensembles.density import BINS, NORMALISATIONS, WINDOW, ZERO_POLICIES, bin_edges
from mme.ensembles.selection import validate_selection
from mme.result import Result

__all__ = ["Options"]


@dataclass(frozen=True, eq=False, repr=False)
class Options(Result):
    """How networks are measured: the layers, their conjugate ensemble, the density.

    Attributes
    ----------
    include, exclude, types, dtype
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
    dtype: str = "float64"
    device: str = "cpu"
    conjugate: str = "deterministic"
    draws: int = DRAWS
    rng: int = 0
    circular: str = "CUE"
    construction: str = "haar"
    part: str = "real"
    pooling: str = "plain"
    window: tuple[float, float] = WINDOW
    bins: int = BINS
    zeros: str = "keep"
    normalise: str = "window"
    bandwidth: float | None = None

    def __post_init__(self) -> None:
        validate_selection(self.include, self.exclude, self.types)
        text("device", self.device)
        integer("rng", self.rng, 0)
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
        return self._chosen("include", "exclude", "types", "dtype")

    @property
    def drawing(self) -> dict[str, Any]:
        """What decides the conjugate ensemble, given the orders."""
        law = ("circular", "construction", "part")
        return self._chosen("conjugate", "draws", "rng", *law, "pooling", "dtype")

    @property
    def density(self) -> dict[str, Any]:
        """What decides a density, given its spectrum."""
        return self._chosen("window", "bins", "zeros", "normalise", "bandwidth")
