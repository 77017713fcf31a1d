"""Draws of the layer spectrum, the squared singular values that all layers of a balanced network share."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from mme.algebra import FieldLike
from mme.arguments import affordable, batch_shape, generator, integer
from mme.bridge.log_gas import LogGas, gas_of, law
from mme.bridge.markov_chain import CHAINS, effective_share, sample_chains
from mme.errors import InputError
from mme.result import Result

__all__ = ["LayerSpectra", "layer_spectra", "sample_layer_spectra"]

LARGEST_ORDER = 1000  # of a matrix
LARGEST_CHAIN = 32  # particles of a Markov chain
LEAST_SHARE = 0.25  # of its draws that must be effective


@dataclass(frozen=True, eq=False, repr=False)
class LayerSpectra(Result):
    """Layer spectra, and how they were drawn.

    Attributes
    ----------
    values : ndarray, shape (..., d)
        Descending.
    exact : bool
        Whether they are of a matrix model, and so independent.
    effective_size : float
        How many independent draws they are worth: all, or for a Markov chain what the scatter of 128 chains
        says of Σ x, log x_1 and log x_d, whichever is worst.
    """

    values: np.ndarray
    exact: bool
    effective_size: float


def layer_spectra(
    order: int, *, depth: int, field: FieldLike = "C", volume: str = "manifold", decay: float = 1.0,
    size: int | tuple[int, ...] | None = None, rng: int | np.random.Generator | None = None,
) -> np.ndarray:  # fmt: skip
    """Draw the eigenvalues of X_p = W_p W_p*, the same for every layer of a balanced network, at random.

    The law of the network is e^{−γ|W|²/2} dvol. For the volume of the metric, d = 1 and N = 1 the draws are
    exact by a bidiagonal matrix, and on the manifold over C by a triangular one, with independent entries. On
    the manifold over R and H no such model is known, and they come from a Markov chain.

    Source: Dumitriu and Edelman, Matrix models for beta ensembles (2002); Cheliotis, Triangular random
    matrices and biorthogonal ensembles (2018); Forrester and Wang, Muttalib–Borodin ensembles (2017).

    Parameters
    ----------
    order : int
        d, from 1 to 1000, and to 32 for a chain.
    depth : int
        N ≥ 1.
    field : {"R", "C", "H"}, 1, 2, 4 or Field
    volume : {"manifold", "metric"}
        That of the balanced manifold in the space of all layers, or that of the metric g^N on end-to-end
        matrices, which is the former without the factor e^S.
    decay : float
        γ > 0.
    size : int or tuple of int, optional
        Leading axes; None for one spectrum.
    rng : int or numpy.random.Generator, optional

    Returns
    -------
    ndarray, shape (*size, d)
        Descending. Those of a chain are correlated; `sample_layer_spectra` says how much.

    Raises
    ------
    InputError
        If an argument cannot be used, or the draws of a chain are worth less than a quarter of their number.

    Examples
    --------
    >>> layer_spectra(3, depth=4, size=(2, 5), rng=0).shape
    (2, 5, 3)
    """
    drawn = sample_layer_spectra(
        order, depth=depth, field=field, volume=volume, decay=decay, size=size, rng=rng
    )
    if drawn.effective_size < LEAST_SHARE * prod(drawn.values.shape[:-1]):
        raise InputError(
            "order and depth must be less extreme for a chain: its draws are worth "
            f"{drawn.effective_size:.3g} independent ones; sample_layer_spectra returns them all the same."
        )
    return drawn.values


def sample_layer_spectra(
    order: int, *, depth: int, field: FieldLike = "C", volume: str = "manifold", decay: float = 1.0,
    size: int | tuple[int, ...] | None = None, rng: int | np.random.Generator | None = None,
) -> LayerSpectra:  # fmt: skip
    """Return layer spectra, and how they were drawn. The arguments are those of `layer_spectra`.

    Examples
    --------
    >>> drawn = sample_layer_spectra(2, depth=3, field="R", size=1000, rng=0)
    >>> drawn.exact, drawn.effective_size > 400
    (False, True)
    """
    depth, scalars, volume, decay = law(depth, field, volume, decay)
    shape, rng, d = batch_shape(size), generator(rng), integer("order", order, 1, LARGEST_ORDER)
    exact = volume == "metric" or scalars.beta == 2 or depth == 1 or d == 1
    d, count = integer("order", d, 1, LARGEST_ORDER if exact else LARGEST_CHAIN), prod(shape)
    affordable("order and size", max(2 * count, 0 if exact else 4 * CHAINS) * d**2)
    gas, effective = gas_of(scalars, depth, volume, decay), float(count)
    if not exact:
        chains = sample_chains(gas, d, count, rng)
        x = chains.reshape(-1, d)[len(chains) * CHAINS - count :]
        norm, extremes = gas.rate * chains.sum(-1, keepdims=True), np.log(chains[..., [0, -1]])
        effective *= effective_share(np.concatenate([norm, extremes], axis=-1))  # of squares in range
    else:
        model = _triangular if volume == "manifold" and scalars.beta == 2 else _bidiagonal
        x = np.linalg.svd(model(gas, d, count, rng), compute_uv=False) ** 2 / gas.rate
    return LayerSpectra(np.asarray(x.reshape(*shape, d)), exact, effective)


def _triangular(gas: LogGas, d: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Complex Gaussians below a diagonal with |T_kk|² ~ Gamma((N+1)/2 + N(k−1)): the gas at rate 1."""
    matrices = rng.standard_normal((count, d, d)) + 1j * rng.standard_normal((count, d, d))
    matrices, index = np.tril(matrices / np.sqrt(2)), np.arange(d)
    matrices[:, index, index] = np.sqrt(rng.standard_gamma(gas.shape + gas.depth * index, (count, d)))
    return matrices


def _bidiagonal(gas: LogGas, d: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Squares Gamma(shape + (β/2)(d−k)) on the diagonal, Gamma((β/2)(d−k)) beside it: the gas if x^N = x."""
    matrices, index = np.zeros((count, d, d)), np.arange(d)
    steps = (gas.near + gas.far) / 2 * index[::-1]
    matrices[:, index, index] = np.sqrt(rng.standard_gamma(gas.shape + steps, (count, d)))
    matrices[:, index[1:], index[:-1]] = np.sqrt(rng.standard_gamma(steps[:-1], (count, d - 1)))
    return matrices
