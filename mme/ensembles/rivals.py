"""Other numbers that are read off the spectra of weights: norms, stable rank, distance of shapes, spikes.

All are taken from the eigenvalues of the layer matrices X = A Aᵀ, layer by layer, and averaged over the
layers; a layer's structural zeros play no part.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy

from mme.ensembles.layer_matrix import Layer
from mme.ensembles.layers import LayerMatrixEnsemble, layer_matrix_ensemble
from mme.errors import InputError

__all__ = ["log_frobenius_norm", "log_spectral_norm", "log_stable_rank", "shape_distance", "spike_share"]


def log_spectral_norm(source: Any) -> float:
    """Return log₁₀ of a layer's largest eigenvalue, the squared spectral norm of A, averaged over the layers.

    Source: Martin, Peng and Mahoney (2021), Predicting trends in the quality of state-of-the-art neural
    networks without access to training or testing data: the average of log ‖W‖∞².

    Parameters
    ----------
    source : LayerMatrixEnsemble, or a network
        A network is anything that `layer_matrix_ensemble` takes.

    Raises
    ------
    InputError
        If the source cannot be used, or all weights of a layer are zero.

    Examples
    --------
    >>> print(log_spectral_norm({"fc1": 10 * np.eye(3), "fc2": np.eye(4)}))
    1.0
    """
    return _mean_log(source, np.max)


def log_frobenius_norm(source: Any) -> float:
    """Return log₁₀ of ‖A‖²_F = tr X, averaged over the layers.

    The arguments are those of `log_spectral_norm`.
    Source: Martin, Peng and Mahoney (2021), the average of log ‖W‖_F².

    Examples
    --------
    >>> print(round(log_frobenius_norm({"fc": 10 * np.eye(3)}), 4))  # log₁₀ 300
    2.4771
    """
    return _mean_log(source, np.sum)


def log_stable_rank(source: Any) -> float:
    """Return log₁₀ of the stable rank ‖A‖²_F / λ_max(X), averaged over the layers.

    It lies between 0, for layers of rank one, and the mean log₁₀ of the ranks. A factor on a layer leaves it
    as it is. The arguments are those of `log_spectral_norm`.
    Source: Rudelson and Vershynin (2007), Sampling from large matrices: numerical rank.

    Examples
    --------
    >>> print(log_stable_rank({"fc": 3 * np.eye(10)}))
    1.0
    """
    return _mean_log(source, lambda values: values.sum() / values.max())


def shape_distance(source: Any, control: Any) -> float:
    """Return Kolmogorov's distance, 0 to 1, of a layer's spectrum to the control's, averaged over the layers.

    The eigenvalues of each layer are taken in units of their own mean, so a factor on a layer changes
    nothing. Layers of few eigenvalues are far apart by chance alone: judge the distance beside that of two
    controls.

    Parameters
    ----------
    source, control : LayerMatrixEnsemble, or a network
        Two networks with layers of the same names and shapes.

    Raises
    ------
    InputError
        If the layers differ, or as in `log_spectral_norm`.

    Examples
    --------
    >>> shape_distance({"fc": np.diag([1.0, 2.0])}, {"fc": np.diag([3.0, 6.0])})
    0.0
    """
    ours, theirs = _spectra(source), _spectra(control)
    if list(ours) != list(theirs) or any(ours[name].shape != theirs[name].shape for name in ours):
        raise InputError("control must have the layers of the source, with the same names and shapes.")
    pairs = [[each[name] / each[name].mean() for each in (ours, theirs)] for name in ours]
    return float(np.mean([scipy.stats.ks_2samp(*pair, method="asymp").statistic for pair in pairs]))


def spike_share(source: Any) -> float:
    """Return the share of eigenvalues that are spikes once each row of A is divided by its length.

    Rows of length 1 with independent entries, all drawn alike, have eigenvalues that end near the edge
    (1 + √(N/M))² of the Marchenko–Pastur law; a spike lies beyond it. No factor on a layer or on one of its
    rows changes the share, so neither rescaling nor folded normalisation does, and no control is needed. The
    share is that of all layers together, without structural zeros; rows of zeros stay zero.

    The arguments are those of `log_spectral_norm`; layers of zeros are taken, too.
    Source: Martin and Mahoney (2021), Implicit self-regularization in deep neural networks, on spikes beyond
    the edge; the division of the rows is ours.

    Examples
    --------
    >>> A = np.random.default_rng(0).normal(size=(50, 60))
    >>> spike_share({"fc": A}), spike_share({"fc": A + 3})  # one direction in common
    (0.0, 0.02)
    """
    beyond = total = 0
    for layer in _ensemble(source).layers:
        A = layer.weights
        peaks = np.abs(A).max(axis=1, keepdims=True)  # or squares of small entries would underflow
        rows = A / np.where(peaks > 0, peaks, 1)
        rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1)
        values = Layer(layer.name, rows, layer.dtype).eigenvalues[layer.structural_zeros :]
        beyond += int((values > (1 + np.sqrt(layer.order / layer.columns)) ** 2).sum())
        total += len(values)
    return beyond / total


def _ensemble(source: Any) -> LayerMatrixEnsemble:
    return source if isinstance(source, LayerMatrixEnsemble) else layer_matrix_ensemble(source)


def _mean_log(source: Any, read: Callable[[np.ndarray], Any]) -> float:
    return float(np.mean([np.log10(read(values)) for values in _spectra(source).values()]))


def _spectra(source: Any) -> dict[str, np.ndarray]:
    """Each layer's eigenvalues without its structural zeros, ascending."""
    layers = _ensemble(source).measured().layers
    spectra = {layer.name: layer.eigenvalues[layer.structural_zeros :] for layer in layers}
    for name, values in spectra.items():
        if not values[-1] > 0:
            raise InputError(f"layer {name!r} must have a weight other than zero, but has none.")
    return spectra
