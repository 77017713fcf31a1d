"""Every choice that a measurement of Var(CSD) depends on, in one place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mme.arguments import choice
from mme.ensembles.circular import CONSTRUCTIONS, ENSEMBLES
from mme.ensembles.conjugate import CONJUGATES
from mme.ensembles.density import BINS, NORMALISATIONS, WINDOW, ZERO_POLICIES, bin_edges
from mme.ensembles.mixed import PARTS
from mme.ensembles.spectrum import POOLINGS
from mme.errors import InputError
from mme.result import Result

__all__ = ["Options"]


@dataclass(frozen=True)
class Options(Result):
    """How networks are measured: the layers, their conjugate ensemble, the density.

    Attributes
    ----------
    include, exclude, types, dtype
        As in `layer_matrix_ensemble`.
    device : str
        As in `network_spectrum`.
    conjugate : {"sampled", "deterministic"}
        Draw the circular ensemble, or take its expected density.
    draws, seed : int
        How often it is drawn, and from which seed.
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
    conjugate: str = "sampled"
    draws: int = 5
    seed: int = 0
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
        allowed: dict[str, Iterable[str]] = {
            "dtype": ("float64", "float32"),
            "conjugate": CONJUGATES,
            "circular": ENSEMBLES,
            "construction": CONSTRUCTIONS,
            "part": PARTS,
            "pooling": POOLINGS,
            "zeros": ZERO_POLICIES,
            "normalise": NORMALISATIONS,
        }
        for name, names in allowed.items():
            choice(name, getattr(self, name), tuple(names))
        for name, least in (("draws", 1), ("seed", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise InputError(f"{name} must be an integer of at least {least}, but it is {value!r}.")
        bin_edges(self.window, self.bins)
        if self.conjugate == "deterministic" and (
            self.circular not in ("CUE", "U") or self.pooling != "plain"
        ):
            raise InputError(
                "conjugate='deterministic' is known for the CUE with plain pooling only; use 'sampled' here."
            )

    @property
    def selection(self) -> dict[str, Any]:
        """What decides the spectra of the layers."""
        names = ("include", "exclude", "types", "dtype", "device")
        return {name: getattr(self, name) for name in names}

    @property
    def density(self) -> dict[str, Any]:
        """What decides a density, given its spectrum."""
        names = ("window", "bins", "zeros", "normalise", "bandwidth")
        return {name: getattr(self, name) for name in names}
