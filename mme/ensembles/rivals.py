"""Two other numbers that are read off the spectra of weights: a power-law exponent and a spectral norm.

Both are taken from the eigenvalues of the layer matrices X = A Aᵀ, layer by layer, and averaged over the
layers, as Martin and Mahoney do; a layer's structural zeros play no part.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mme.arguments import sequence
from mme.ensembles.layers import LayerMatrixEnsemble, layer_matrix_ensemble
from mme.errors import InputError
from mme.result import Result, counted

__all__ = ["PowerLaw", "log_spectral_norm", "power_law", "power_law_exponent"]

LEAST = 3  # values below which there is no tail to choose


@dataclass(frozen=True, eq=False, repr=False)
class PowerLaw(Result):
    """A power law p(x) ∝ x^(−α) for x ≥ x_min, fitted to the tail of some values.

    Attributes
    ----------
    exponent : float
        α.
    x_min : float
        Where the tail begins: one of the values.
    distance : float
        Kolmogorov–Smirnov distance of tail and law.
    tail : int
        Number of values from x_min on.
    """

    exponent: float
    x_min: float
    distance: float
    tail: int

    @property
    def standard_error(self) -> float:
        """(α − 1)/√tail: the error of α when x_min is known and the values are independent."""
        return float((self.exponent - 1) / np.sqrt(self.tail))

    def __repr__(self) -> str:
        return f"PowerLaw(α = {self.exponent:.3g} from {self.x_min:.3g} on: {counted(self.tail, 'value')})"


def power_law(values: ArrayLike) -> PowerLaw:
    """Fit a power law to the tail of positive values by maximum likelihood.

    For each value as x_min, the n values from it on have α = 1 + n / Σ log(x / x_min). Of all these fits the
    one with the smallest Kolmogorov–Smirnov distance to its own tail is returned. Nothing here says that the
    values follow a power law.

    Parameters
    ----------
    values : array_like, shape (n,)
        Zeros are left out, and of the others at least three different ones are needed.

    Returns
    -------
    PowerLaw

    Raises
    ------
    InputError
        If the values are negative, not finite, or too few.

    Notes
    -----
    The distance is taken on both sides of each step of the empirical distribution, as a supremum must be.
    Programs that take it otherwise can choose another x_min, and then have another exponent.

    References
    ----------
    Clauset, Shalizi and Newman (2009), Power-law distributions in empirical data, sections 3.1 and 3.3.

    Examples
    --------
    >>> uniform = (np.arange(2000) + 0.5) / 2000
    >>> power_law(uniform ** (-1 / 1.5))  # quantiles of the law with α = 2.5
    PowerLaw(α = 2.5 from 1 on: 2000 values)
    """
    return _fitted("values", sequence("values", values, LEAST, negative=False))


def _fitted(name: str, values: np.ndarray) -> PowerLaw:
    """Try each value as x_min, and take the fit of the smallest distance."""
    logs = np.log(np.sort(values[values > 0]))
    starts = np.unique(logs, return_index=True)[1]
    if len(starts) < LEAST:
        held = len(starts)
        raise InputError(f"{name} must hold at least {LEAST} different numbers above 0, but hold {held}.")
    fits = []
    for start in starts[:-1]:
        above = logs[start:] - logs[start]
        count = len(above)
        slope = count / above.sum()  # α − 1
        law = -np.expm1(-slope * above)
        steps = np.arange(count + 1) / count
        distance = float(max((steps[1:] - law).max(), (law - steps[:-1]).max()))
        fits.append(PowerLaw(float(1 + slope), float(np.exp(logs[start])), distance, count))
    return min(fits, key=lambda fit: fit.distance)


def power_law_exponent(source: Any) -> float:
    """Return the exponent α of the power law of a layer's eigenvalues, averaged over the layers.

    Parameters
    ----------
    source : LayerMatrixEnsemble, or a network
        A network is anything that `layer_matrix_ensemble` takes.

    Returns
    -------
    float

    Raises
    ------
    InputError
        If the source cannot be used, or a layer has fewer than three different positive eigenvalues.

    References
    ----------
    Martin, Peng and Mahoney (2021), Predicting trends in the quality of state-of-the-art neural networks
    without access to training or testing data; their WeightWatcher leaves small layers out, which we don't.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> network = {"fc1": rng.normal(size=(40, 60)), "fc2": rng.normal(size=(10, 40))}
    >>> larger = {name: 3 * weights for name, weights in network.items()}
    >>> bool(np.isclose(power_law_exponent(network), power_law_exponent(larger)))
    True
    """
    spectra = _positive_spectra(source)
    fits = [_fitted(f"eigenvalues of layer {name!r}", values) for name, values in spectra]
    return float(np.mean([fit.exponent for fit in fits]))


def log_spectral_norm(source: Any) -> float:
    """Return log₁₀ of a layer's largest eigenvalue, the squared spectral norm of A, averaged over the layers.

    Parameters
    ----------
    source : LayerMatrixEnsemble, or a network
        A network is anything that `layer_matrix_ensemble` takes.

    Returns
    -------
    float

    Raises
    ------
    InputError
        If the source cannot be used, or all weights of a layer are zero.

    References
    ----------
    Martin, Peng and Mahoney (2021), the average of log ‖W‖∞².

    Examples
    --------
    >>> print(log_spectral_norm({"fc1": 10 * np.eye(3), "fc2": np.eye(4)}))
    1.0
    """
    return float(np.mean([np.log10(values[-1]) for _, values in _positive_spectra(source)]))


def _positive_spectra(source: Any) -> Iterator[tuple[str, np.ndarray]]:
    """Each layer's name and its eigenvalues without the zeros, in ascending order."""
    ensemble = source if isinstance(source, LayerMatrixEnsemble) else layer_matrix_ensemble(source)
    for layer in ensemble.layers:
        values = layer.eigenvalues
        # Rounding leaves some 1e-16 of the largest where there should be a zero.
        values = values[values > values[-1] * len(values) * np.finfo(values.dtype).eps]
        if not len(values):
            raise InputError(f"layer {layer.name!r} must have a weight other than zero, but has none.")
        yield layer.name, values
