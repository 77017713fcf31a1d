"""One protocol for a network: Var(CSD) as printed and without its traps, and its rivals, side by side."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

from mme.arguments import flag
from mme.comparison.options import Options, validate_options
from mme.ensembles.conjugate import conjugate_spectrum
from mme.ensembles.density import SpectralDensity, shares_inside, spectral_density
from mme.ensembles.difference import spectral_difference
from mme.ensembles.layers import LayerMatrixEnsemble, layer_matrix_ensemble
from mme.ensembles.rivals import log_frobenius_norm, log_spectral_norm

__all__ = ["STATISTICS", "statistics"]

STATISTICS = {
    "variance": "Var(CSD)",
    "variance_all": "Var(CSD), all counted",
    "variance_dropped": "Var(CSD), no zeros",
    "variance_dropped_all": "Var(CSD), no zeros, all counted",
    "outside": "share outside the window",
    "log_spectral_norm": "log10 spectral norm squared",
    "log_frobenius_norm": "log10 Frobenius norm squared",
    "log_stable_rank": "log10 stable rank",
}
"""What `statistics` tells of a network, and how a table calls it.

"No zeros" leaves structural zeros out, and "all counted" normalises by all eigenvalues, those outside the
window too. The share outside is of the eigenvalues that are no structural zeros, NaN where there are none.
The last three are means over the layers: of log₁₀ λ_max, of log₁₀ ‖A‖²_F, and of their difference.
"""


def statistics(source: Any, options: Options | None = None, *, classifier: bool = True) -> dict[str, float]:
    """Return the numbers of `STATISTICS` of one network, by name.

    Parameters
    ----------
    source : LayerMatrixEnsemble, or a network
        A network is anything that `layer_matrix_ensemble` takes.
    options : Options, optional
        How Var(CSD) is measured.
    classifier : bool
        Count the classifier among the layers; without it, nothing is of that layer, its conjugate neither.
        A network whose last layer is no plain matrix has none (`LayerMatrixEnsemble.classifier`).

    Raises
    ------
    InputError
        If the network or an option cannot be used, or all weights of a layer are zero.

    Examples
    --------
    >>> import numpy as np
    >>> found = statistics({"a": 3 * np.eye(4), "b": np.eye(4)})
    >>> found["outside"], round(10 ** found["log_stable_rank"], 6)
    (0.5, 4.0)
    """
    options, classifier = validate_options(options), flag("classifier", classifier)
    is_ensemble = isinstance(source, LayerMatrixEnsemble)
    ensemble = source if is_ensemble else layer_matrix_ensemble(source, **options.selection)
    if not classifier and ensemble.classifier is not None:
        ensemble = ensemble.without(ensemble.classifier)
    ensemble.measured(device=options.device)
    pooled = options.pooled(ensemble)
    inside = shares_inside(pooled, options.window)[1]
    changes: dict[str, dict[str, Any]] = {
        "variance": {},
        "variance_all": {"normalise": "positive"},
        "variance_dropped": {"zeros": "drop"},
        "variance_dropped_all": {"zeros": "drop", "normalise": "positive"},
    }
    variances = {}
    for name, changed in changes.items():
        density = spectral_density(pooled, **options.density | changed)
        # The policy for zeros is the network's: no eigenvalue of the conjugate is structural.
        plain = replace(options, **changed | {"zeros": "keep", "squarings": 1})
        variances[name] = spectral_difference(density, _conjugate(ensemble.orders, plain)).variance
    spectral, frobenius = log_spectral_norm(ensemble), log_frobenius_norm(ensemble)
    return variances | {
        "outside": float("nan") if inside is None else 1 - inside,
        "log_spectral_norm": spectral,
        "log_frobenius_norm": frobenius,
        "log_stable_rank": frobenius - spectral,
    }


@lru_cache(maxsize=64)
def _conjugate(orders: tuple[int, ...], options: Options) -> SpectralDensity:
    return spectral_density(conjugate_spectrum(orders, **options.drawing), **options.density)
