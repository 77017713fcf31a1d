"""Definition 5, the second ensemble: the spectrum that a network's spectrum is compared with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, get_args

import numpy as np

from mme.arguments import choice, flag, generator, integer, listed
from mme.ensembles.circular import CONSTRUCTIONS, ENSEMBLES, MOST_DRAWS, Circular, Construction
from mme.ensembles.density import ExpectedSpectrum, SpectralDensity
from mme.ensembles.layers import layer_matrix_ensemble
from mme.ensembles.limit_law import deterministic_spectrum
from mme.ensembles.mixed import DTYPES, PARTS, Part, Precision
from mme.ensembles.parallel import validate_work
from mme.ensembles.sampling import SampledCircularEnsemble
from mme.ensembles.spectrum import POOLINGS, Ensemble, PooledSpectrum, Pooling, pooled_spectrum
from mme.errors import InputError
from mme.store import Store

__all__ = ["CONJUGATES", "DRAWING", "conjugate_spectrum", "spectrum_of", "two_spectra", "validate_drawing"]

Conjugate = Literal["deterministic", "sampled"]
CONJUGATES = get_args(Conjugate)
DRAWS = 5
DRAWING = ("draws", "circular", "construction", "part", "pooling")  # what decides it, beside orders and seed


def conjugate_spectrum(
    orders: Iterable[int],
    *,
    conjugate: Conjugate = "deterministic",
    draws: int = DRAWS,
    rng: int | np.random.Generator | None = None,
    circular: Circular = "CUE",
    construction: Construction = "haar",
    part: Part = "real",
    pooling: Pooling = "plain",
    dtype: Precision = "float64",
    shared: bool = False,
    jobs: int | None = None,
    store: Store | None = None,
    progress: bool = False,
) -> PooledSpectrum | ExpectedSpectrum:
    """Return the pooled spectrum of the circular mixed ensemble of given orders, by its law or drawn.

    Parameters
    ----------
    orders : iterable of int
        The orders N_l ≥ 2.
    conjugate : {"deterministic", "sampled"}
        Take the expected density of |U| (`mme.ensembles.limit_law`; for the CUE), or draw the ensemble as the
        paper does.
    draws, rng, circular, construction, dtype, shared, jobs, store, progress
        As in `SampledCircularEnsemble`, for the sampled conjugate.
    part, pooling
        As in `pooled_spectrum`.

    Raises
    ------
    InputError
        If an option is unknown, the law is not known for it, or the draws do not fit in memory.

    Examples
    --------
    >>> conjugate_spectrum([4, 9])
    DeterministicSpectrum(orders=(4, 9), part='real', method='auto', pooling='plain')
    >>> conjugate_spectrum([4, 9], conjugate="sampled", rng=0, draws=2).eigenvalues.shape
    (2, 13)
    """
    validate_drawing(
        conjugate, draws=draws, rng=rng, circular=circular, construction=construction,
        part=part, pooling=pooling, dtype=dtype,
    )  # fmt: skip
    jobs, store, progress = validate_work(jobs, store, progress)
    flag("shared", shared)
    if conjugate == "deterministic":
        return deterministic_spectrum(orders, part=part, pooling=pooling)
    orders = listed("orders", orders, "integers of at least 2")
    sampled = SampledCircularEnsemble(
        orders, draws, rng, circular, construction, dtype, shared, jobs=jobs, store=store, progress=progress
    )
    return pooled_spectrum(sampled, part=part, pooling=pooling)


def validate_drawing(
    conjugate: Any = "deterministic", *, draws: Any = DRAWS, rng: Any = None, circular: Any = "CUE",
    construction: Any = "haar", part: Any = "real", pooling: Any = "plain", dtype: Any = "float64",
) -> None:  # fmt: skip
    """Refuse options that are unknown, those too that the law has no use for, and a law that is not."""
    choice("conjugate", conjugate, CONJUGATES)
    choice("circular", circular, ENSEMBLES)
    choice("construction", construction, CONSTRUCTIONS)
    choice("part", part, PARTS)
    choice("pooling", pooling, POOLINGS)
    choice("dtype", dtype, DTYPES)
    integer("draws", draws, 1, MOST_DRAWS)
    generator(rng)
    if conjugate == "deterministic" and circular not in ("CUE", "U"):
        raise InputError("conjugate='deterministic' is known for the CUE only; use 'sampled' here.")


def spectrum_of(source: Any, part: Part = "real", pooling: Pooling = "plain") -> Any:
    """Pool an ensemble or a network; leave spectra and densities as they are."""
    if isinstance(source, PooledSpectrum | SpectralDensity | ExpectedSpectrum):
        return source
    ensemble = source if isinstance(source, Ensemble) else layer_matrix_ensemble(source)
    return pooled_spectrum(ensemble, part=part, pooling=pooling)


def two_spectra(
    ensemble: Any, conjugate: Any, *, part: Part = "real", pooling: Pooling = "plain", **drawn: Any
) -> tuple[Any, Any]:
    """Return the spectra of an ensemble and of what it is compared with.

    Examples
    --------
    >>> two_spectra({"fc": np.eye(4)}, "sampled", rng=0, draws=3)[1]
    PooledSpectrum(4 eigenvalues from ... to ..., 0 structural zeros, 3 draws)
    """
    is_named = isinstance(conjugate, str)
    validate_drawing(conjugate if is_named else "sampled", part=part, pooling=pooling, **drawn)
    first = spectrum_of(ensemble, part, pooling)
    if not is_named:
        return first, spectrum_of(conjugate, part, pooling)
    orders = getattr(first, "orders", ())
    if not orders:
        raise InputError(
            "ensemble must have orders, for they make its conjugate ensemble; "
            "pass a network, an ensemble or a PooledSpectrum with orders."
        )
    return first, conjugate_spectrum(orders, conjugate=conjugate, part=part, pooling=pooling, **drawn)
