"""Definition 5, the second ensemble: the spectrum that a network's spectrum is compared with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from mme.arguments import choice
from mme.ensembles.circular import SampledCircularEnsemble
from mme.ensembles.density import ExpectedSpectrum, SpectralDensity
from mme.ensembles.layers import layer_matrix_ensemble
from mme.ensembles.limit_law import deterministic_spectrum
from mme.ensembles.spectrum import PooledSpectrum, pooled_spectrum
from mme.errors import InputError

__all__ = ["CONJUGATES", "conjugate_spectrum", "spectrum_of", "two_spectra"]

CONJUGATES = ("sampled", "deterministic")


def conjugate_spectrum(
    orders: Iterable[int],
    *,
    conjugate: str = "sampled",
    draws: int = 5,
    rng: int | np.random.Generator | None = None,
    circular: str = "CUE",
    construction: str = "eigenvectors",
    part: str = "real",
    pooling: str = "plain",
) -> PooledSpectrum | ExpectedSpectrum:
    """Return the pooled spectrum of the circular mixed ensemble of given orders, drawn or by its law.

    Parameters
    ----------
    orders : iterable of int
        The orders N_l ≥ 2.
    conjugate : {"sampled", "deterministic"}
        Draw the ensemble, or take the expected density of |U| (`mme.ensembles.limit_law`; for the CUE with
        plain pooling).
    draws, rng, circular, construction
        As `draws`, `rng`, `ensemble` and `construction` of `circular_mixed_ensemble`.
    part, pooling
        As in `pooled_spectrum`.

    Returns
    -------
    PooledSpectrum, or DeterministicSpectrum with ``expected_counts(edges)``

    Raises
    ------
    InputError
        If an option is unknown, or the law is not known for it.

    Examples
    --------
    >>> conjugate_spectrum([4, 9], rng=0, draws=2).eigenvalues.shape
    (2, 13)
    """
    choice("conjugate", conjugate, CONJUGATES)
    sampled = SampledCircularEnsemble(orders, draws, rng, circular, construction)
    if conjugate == "sampled":
        return pooled_spectrum(sampled, part=part, pooling=pooling)
    if circular not in ("CUE", "U") or pooling != "plain":
        raise InputError(
            "conjugate='deterministic' is known for the CUE with plain pooling only; use 'sampled' here."
        )
    return deterministic_spectrum(sampled.orders, part=part)


def spectrum_of(source: Any, part: str = "real", pooling: str = "plain") -> Any:
    """Pool an ensemble or a network; leave spectra and densities as they are.

    Parameters
    ----------
    source : ensemble, PooledSpectrum, spectrum known by its law, SpectralDensity, or a network
        A network is anything that `layer_matrix_ensemble` takes.
    part, pooling
        As in `pooled_spectrum`.

    Returns
    -------
    PooledSpectrum, ExpectedSpectrum or SpectralDensity

    Examples
    --------
    >>> spectrum_of({"fc": np.diag([1.0, 2.0])}).eigenvalues
    array([1., 4.])
    """
    if isinstance(source, PooledSpectrum | SpectralDensity | ExpectedSpectrum):
        return source
    is_ensemble = hasattr(source, "spectra") and hasattr(source, "orders")
    ensemble = source if is_ensemble else layer_matrix_ensemble(source)
    return pooled_spectrum(ensemble, part=part, pooling=pooling)


def two_spectra(
    ensemble: Any, conjugate: Any, *, part: str = "real", pooling: str = "plain", **drawn: Any
) -> tuple[Any, Any]:
    """Return the spectra of an ensemble and of what it is compared with.

    Parameters
    ----------
    ensemble, conjugate, part, pooling
        As in `circular_spectral_difference`.
    **drawn
        `draws`, `rng`, `circular` and `construction` of `conjugate_spectrum`.

    Returns
    -------
    (PooledSpectrum, ExpectedSpectrum or SpectralDensity), twice

    Raises
    ------
    InputError
        If an input or option cannot be used, or a conjugate is asked for by name and there are no orders.

    Examples
    --------
    >>> two_spectra({"fc": np.eye(4)}, "sampled", rng=0, draws=3)[1]
    PooledSpectrum(4 eigenvalues from ... to ..., 0 structural zeros, 3 draws)
    """
    first = spectrum_of(ensemble, part, pooling)
    if not isinstance(conjugate, str):
        return first, spectrum_of(conjugate, part, pooling)
    orders = getattr(first, "orders", ())
    if not orders:
        raise InputError(
            "ensemble must have orders to draw a conjugate ensemble of; "
            "pass a network, an ensemble or a PooledSpectrum with orders."
        )
    return first, conjugate_spectrum(orders, conjugate=conjugate, part=part, pooling=pooling, **drawn)
