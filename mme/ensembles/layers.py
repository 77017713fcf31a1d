"""Definition 1: the layer matrix ensemble, a network's weights squared into matrices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mme.arguments import choice
from mme.ensembles.mixed import MatrixSpectrum, MixedMatrixEnsemble
from mme.ensembles.selection import no_layers, real_weights, selected_weights
from mme.errors import InputError
from mme.result import Result

__all__ = [
    "Layer",
    "LayerMatrixEnsemble",
    "layer_matrix_ensemble",
    "layer_of",
]

DTYPES = ("float64", "float32")
EXTREME = 50  # beyond 2^±50 squares and their sums come near the range of float32
BLOCK_ENTRIES = 2**24  # of A in the working precision at a time: 128 MB


@dataclass(frozen=True, eq=False, repr=False)
class Layer(Result):
    """One weight tensor W of shape (p_1, …, p_n), read as the N × M matrix A (Definition 1).

    Attributes
    ----------
    name : str
        The parameter's name in the network.
    tensor : ndarray, shape (p_1, …, p_n), n ≥ 2
        The weights as they were given; N = p_1 and M = p_2 ⋯ p_n.
    dtype : {"float64", "float32"}
        Precision in which the spectrum is computed.

    Examples
    --------
    >>> layer = Layer("conv", 2 * np.eye(4, 3).reshape(4, 1, 1, 3))
    >>> layer.order, layer.columns, layer.structural_zeros
    (4, 3, 1)
    >>> layer.eigenvalues
    array([0., 4., 4., 4.])
    """

    name: str
    tensor: np.ndarray
    dtype: str = "float64"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape (p_1, …, p_n) of the weight tensor."""
        return tuple(self.tensor.shape)

    @property
    def order(self) -> int:
        """The order N = p_1 of the layer matrix."""
        return int(self.tensor.shape[0])

    @property
    def columns(self) -> int:
        """The number of columns M = p_2 ⋯ p_n of A."""
        return int(np.prod(self.tensor.shape[1:]))

    @property
    def structural_zeros(self) -> int:
        """How many eigenvalues of X vanish for any weights: X has rank at most M, so N − M when N > M."""
        return max(self.order - self.columns, 0)

    @property
    def weights(self) -> np.ndarray:
        """The stacked-up weights A, shape (N, M), in the layer's precision."""
        return np.asarray(self.tensor.reshape(self.order, self.columns), dtype=self.dtype)

    @property
    def matrix(self) -> np.ndarray:
        """The layer matrix X = A Aᵀ, shape (N, N)."""
        return np.asarray(self.weights @ self.weights.T)

    @property
    def eigenvalues(self) -> np.ndarray:
        """All N eigenvalues of X in ascending order, shape (N,); the structural zeros are exact zeros.

        Raises
        ------
        InputError
            If the weights are so large that the eigenvalues overflow.
        """
        return self.spectrum(smaller_gram_eigenvalues)

    def spectrum(self, solve: Callable[[np.ndarray, str], np.ndarray]) -> np.ndarray:
        """Return the eigenvalues of X as `solve` finds them.

        Parameters
        ----------
        solve : callable
            Takes A, shape (N, M), and a precision to the min(N, M) eigenvalues of the smaller Gram matrix.

        Returns
        -------
        ndarray, shape (N,)
            Ascending; the structural zeros are exact zeros.

        Raises
        ------
        InputError
            If the weights are so large that the eigenvalues overflow.
        """
        # A power of two scales without rounding; it keeps the products of extreme weights in range.
        exponent = int(np.frexp(max(float(self.tensor.max()), -float(self.tensor.min())))[1])
        is_extreme = abs(exponent) > EXTREME
        matrix = self.tensor.reshape(self.order, self.columns)
        values = solve(np.ldexp(matrix, -exponent) if is_extreme else matrix, self.dtype)
        # X is positive semidefinite, so a minus sign is rounding. A zero instead would pass for structural.
        values = np.sort(np.abs(values))
        if is_extreme:
            with np.errstate(over="ignore", under="ignore"):
                values = np.ldexp(values, 2 * exponent)
            if not np.isfinite(values).all():
                raise InputError(
                    f"layer {self.name!r} has weights up to 2^{exponent}, whose squares overflow "
                    f"{self.dtype}; rescale the weights."
                )
        return np.concatenate([np.zeros(self.structural_zeros, values.dtype), values])

    def to_dict(self) -> dict[str, Any]:
        """Return the layer's name, shape, order, columns and structural zeros, without its weights."""
        return {
            "name": self.name,
            "shape": list(self.shape),
            "order": self.order,
            "columns": self.columns,
            "structural_zeros": self.structural_zeros,
        }

    def __repr__(self) -> str:
        shape = "×".join(map(str, self.shape))
        zeros = f"{self.structural_zeros} structural zeros"
        return f"Layer({self.name!r}, {shape}: A is {self.order}×{self.columns}, {zeros})"


def smaller_gram_eigenvalues(weights: np.ndarray, dtype: str = "float64") -> np.ndarray:
    """Return the eigenvalues of A Aᵀ or Aᵀ A, whichever is smaller: both have the same non-zero ones.

    Parameters
    ----------
    weights : ndarray, shape (..., N, M)
    dtype : {"float64", "float32"}
        Precision to compute in. A large A is converted block by block.

    Returns
    -------
    ndarray, shape (..., min(N, M))

    Examples
    --------
    >>> smaller_gram_eigenvalues(np.array([[3.0], [4.0]]))
    array([25.])
    """
    wide = weights if weights.shape[-2] <= weights.shape[-1] else np.swapaxes(weights, -1, -2)
    short, long = wide.shape[-2:]
    gram = np.zeros((*wide.shape[:-1], short), dtype)
    step = max(BLOCK_ENTRIES // short, 1)
    for start in range(0, long, step):
        block = wide[..., start : start + step].astype(dtype, copy=False)
        gram += block @ np.swapaxes(block, -1, -2)
    return np.asarray(np.linalg.eigvalsh(gram))


@dataclass(frozen=True, eq=False, repr=False)
class LayerMatrixEnsemble(MixedMatrixEnsemble):
    """The layer matrices X_l = A_l A_lᵀ of one network (conjugate matrix ensembles, Definition 1).

    Made by `layer_matrix_ensemble`. It keeps the weights, and forms a layer matrix only when asked.

    Attributes
    ----------
    layers : tuple of Layer
    skipped : tuple of (name, reason)
        The parameters that take no part, and why.
    """

    matrices: Sequence[np.ndarray] = ()
    layers: tuple[Layer, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "matrices", _LayerMatrices(self.layers))

    @property
    def orders(self) -> tuple[int, ...]:
        """The orders N_l of the layer matrices."""
        return tuple(layer.order for layer in self.layers)

    @property
    def draws(self) -> None:
        """None: a network is not drawn."""
        return None

    @property
    def structural_zeros(self) -> int:
        """The sum of max(N_l − M_l, 0) over the layers."""
        return sum(layer.structural_zeros for layer in self.layers)

    def spectra(self, part: str = "real") -> Iterator[MatrixSpectrum]:
        """Yield each layer's spectrum, from the smaller Gram side.

        `part` changes nothing here: the eigenvalues of X_l = A_l A_lᵀ are real and non-negative.
        """
        for layer in self.layers:
            yield MatrixSpectrum(layer.eigenvalues, layer.structural_zeros)

    def to_dict(self) -> dict[str, Any]:
        """Return the layers and the skipped parameters, without weights."""
        return {"layers": [layer.to_dict() for layer in self.layers], "skipped": dict(self.skipped)}


class _LayerMatrices(Sequence[np.ndarray]):
    """The layer matrices, each formed when it is asked for."""

    def __init__(self, layers: tuple[Layer, ...]) -> None:
        self.layers = layers

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return _LayerMatrices(self.layers[index])
        return self.layers[index].matrix


def layer_matrix_ensemble(
    source: Any,
    *,
    include: str | Iterable[str] | None = None,
    exclude: str | Iterable[str] | None = None,
    types: Any = None,
    dtype: str = "float64",
) -> LayerMatrixEnsemble:
    """Square the layers of a network into a layer matrix ensemble.

    Every weight tensor of two or more axes with N ≥ 2 and M ≥ 2 takes part: convolutions (1×1 and
    downsampling ones too), linear layers, the classifier. Biases and the scales of normalisation layers have
    one axis and do not. Nothing is normalised.

    Parameters
    ----------
    source : torch.nn.Module, state dict, checkpoint, mapping of names to arrays, or pairs (name, array)
        A parameter that two layers of a network share counts once; in a mapping, torch tensors are shared
        when they lie in the same memory, and NumPy arrays always count by their names. A state dict also
        holds a module's buffers; leave out one of two axes, such as an index table, by `exclude`.
    include, exclude : str or iterable of str, optional
        Patterns of parameter names (``*``, ``?``, ``[…]``); keep only matches of `include`, drop those of
        `exclude`.
    types : str, class or iterable of them, optional
        Keep only the parameters of layers of these types: names such as ``"Conv2d"``, or classes where
        `source` is a module. Without a module, the number of axes tells: 2 Linear, 3 Conv1d, 4 Conv2d,
        5 Conv3d.
    dtype : {"float64", "float32"}
        Precision of the spectra. Integers and short floats are converted.

    Returns
    -------
    LayerMatrixEnsemble

    Raises
    ------
    InputError
        If a weight is NaN, infinite or complex (the message names the layer), if nothing of two or more axes
        is there or left, or if an option is unknown.

    References
    ----------
    Conjugate matrix ensembles, Definition 1.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> conv, fc = rng.normal(size=(8, 3, 3, 3)), rng.normal(size=(10, 8))
    >>> ensemble = layer_matrix_ensemble({"conv.weight": conv, "conv.bias": np.zeros(8), "fc.weight": fc})
    >>> ensemble
    LayerMatrixEnsemble(2 matrices of orders 8, 10)
    >>> ensemble.structural_zeros, ensemble.skipped
    (2, (('conv.bias', 'one axis'),))
    """
    choice("dtype", dtype, DTYPES)
    layers: list[Layer] = []
    skipped: list[tuple[str, str]] = []
    for name, value, reason in selected_weights(source, include=include, exclude=exclude, types=types):
        if reason:
            skipped.append((name, reason))
        else:
            layers.append(layer_of(name, value, dtype))
    if not layers:
        raise no_layers(skipped)
    return LayerMatrixEnsemble(layers=tuple(layers), skipped=tuple(skipped))


def layer_of(name: str, value: Any, dtype: str = "float64") -> Layer:
    """Read one weight tensor as a layer.

    Parameters
    ----------
    name : str
    value : array or tensor
        As `selected_weights` yields it.
    dtype : {"float64", "float32"}

    Returns
    -------
    Layer

    Raises
    ------
    InputError
        If a weight is NaN, infinite or complex, or `dtype` is unknown.

    Examples
    --------
    >>> layer_of("fc.weight", np.eye(2, 3))
    Layer('fc.weight', 2×3: A is 2×3, 0 structural zeros)
    """
    choice("dtype", dtype, DTYPES)
    return Layer(name, real_weights(name, value), dtype)
