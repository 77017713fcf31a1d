"""Definition 1: the layer matrix ensemble, a network's weights squared into matrices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from mme.arguments import choice, real_array
from mme.ensembles.mixed import MatricesOnDemand, MatrixSpectrum, MixedMatrixEnsemble
from mme.ensembles.selection import no_layers, real_weights, selected_weights
from mme.ensembles.streaming import compute_eigenvalues
from mme.errors import InputError
from mme.result import Result
from mme.store import Store
from mme.weights.stored import Checkpoint, StoredTensor

__all__ = ["DTYPES", "Layer", "LayerMatrixEnsemble", "layer_matrix_ensemble"]

DTYPES = ("float64", "float32")


@dataclass(frozen=True, eq=False, repr=False)
class Layer(Result):
    """One weight tensor W of shape (p_1, …, p_n), read as the N × M matrix A (Definition 1).

    Attributes
    ----------
    name : str
        The parameter's name in the network.
    given : array, tensor or StoredTensor of shape (p_1, …, p_n), n ≥ 2
        The weights as they were given; N = p_1 and M = p_2 ⋯ p_n. Those of a StoredTensor are read, and found
        to be finite and real or refused, when they are needed; they are not kept.
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
    given: Any
    dtype: str = "float64"

    def __post_init__(self) -> None:
        choice("dtype", self.dtype, DTYPES)
        if not isinstance(self.given, StoredTensor):
            if not hasattr(self.given, "shape"):  # a list
                object.__setattr__(self, "given", real_array(f"layer {self.name!r}", self.given))
            real_weights(self.name, self.given)
        if len(self.shape) < 2 or 0 in self.shape:
            raise InputError(
                f"layer {self.name!r} must have weights of two or more axes, but their shape is {self.shape}."
            )

    @property
    def tensor(self) -> np.ndarray:
        """The weights W as numbers, shape (p_1, …, p_n)."""
        return real_weights(self.name, self.given)

    @property
    def note(self) -> str:
        """How the weights came to be, where they are not stored as they are used; otherwise empty."""
        return str(getattr(self.given, "note", ""))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape (p_1, …, p_n) of the weight tensor."""
        return tuple(int(length) for length in self.given.shape)

    @property
    def order(self) -> int:
        """The order N = p_1 of the layer matrix."""
        return self.shape[0]

    @property
    def columns(self) -> int:
        """The number of columns M = p_2 ⋯ p_n of A."""
        return prod(self.shape[1:])

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

    @cached_property
    def eigenvalues(self) -> np.ndarray:
        """All N eigenvalues of X in ascending order, shape (N,); the structural zeros are exact zeros.

        They are computed once and then kept. Weights whose squares overflow are refused with an InputError.
        """
        ((_, (values,)),) = compute_eigenvalues([self], jobs=1)
        return values

    @property
    def largest_eigenvalue(self) -> float:
        """The largest eigenvalue of X, the square of A's largest singular value."""
        return float(self.eigenvalues[-1])

    @property
    def rank(self) -> int:
        """The numerical rank: eigenvalues above max(N, M) · ε · the largest one, ε of their precision."""
        epsilon = np.finfo(self.eigenvalues.dtype).eps
        threshold = max(self.order, self.columns) * epsilon * self.eigenvalues[-1]
        return int((self.eigenvalues > threshold).sum())

    def to_dict(self) -> dict[str, Any]:
        """Return what one line of a table tells, without the weights and the eigenvalues."""
        names = ("order", "columns", "rank", "structural_zeros", "largest_eigenvalue", "note")
        return {"name": self.name, "shape": list(self.shape)} | {name: getattr(self, name) for name in names}

    def __repr__(self) -> str:
        shape = "×".join(map(str, self.shape))
        zeros = f"{self.structural_zeros} structural zeros"
        return f"Layer({self.name!r}, {shape}: A is {self.order}×{self.columns}, {zeros})"


@dataclass(frozen=True, eq=False, repr=False)
class LayerMatrixEnsemble(MixedMatrixEnsemble):
    """The layer matrices X_l = A_l A_lᵀ of one network (conjugate matrix ensembles, Definition 1).

    Made by `layer_matrix_ensemble`. A layer matrix is formed only when asked for; eigenvalues are kept.

    Attributes
    ----------
    layers : tuple of Layer
    skipped : tuple of (name, reason)
        The parameters that take no part, and why.
    name : str
        What the network is called.
    """

    matrices: Sequence[np.ndarray] = ()
    layers: tuple[Layer, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    name: str = "network"

    def __post_init__(self) -> None:
        object.__setattr__(self, "matrices", MatricesOnDemand(self.layers))

    @property
    def orders(self) -> tuple[int, ...]:
        """The orders N_l of the layer matrices."""
        return tuple(layer.order for layer in self.layers)

    @property
    def draws(self) -> None:
        """None: a network is not drawn."""

    @property
    def structural_zeros(self) -> int:
        """The sum of max(N_l − M_l, 0) over the layers."""
        return sum(layer.structural_zeros for layer in self.layers)

    def measured(
        self,
        *,
        jobs: int | None = None,
        device: str = "cpu",
        store: Store | None = None,
        progress: bool = False,
    ) -> LayerMatrixEnsemble:
        """Compute the eigenvalues of all layers that lack them, with memory for the largest layer.

        Parameters
        ----------
        jobs : int, optional
            Layers to work on at a time, each on one core; all cores by default.
        device : str
            Where eigenvalues are computed: ``"cpu"`` by NumPy, others such as ``"cuda"`` by torch.
        store : mme.store.Store, optional
            Where spectra are kept on disk and looked up. Without one, none is.
        progress : bool
            Show a bar on a terminal.

        Returns
        -------
        LayerMatrixEnsemble
            This one, whose digits do not depend on `jobs`.

        Examples
        --------
        >>> layer_matrix_ensemble({"fc": np.diag([1.0, 2.0])}).measured(jobs=1).eigenvalues
        array([1., 4.])
        """
        missing = [layer for layer in self.layers if "eigenvalues" not in vars(layer)]
        title = self.name if progress is True else ""
        for group, found in compute_eigenvalues(missing, jobs=jobs, device=device, store=store, title=title):
            for layer, values in zip(group, found, strict=True):
                vars(layer)["eigenvalues"] = values
        return self

    @property
    def eigenvalues(self) -> np.ndarray:
        """The eigenvalues of all layers, shape (Σ N_l,): layer by layer, ascending in each."""
        return np.concatenate([layer.eigenvalues for layer in self.measured().layers])

    def spectra(self, part: str = "real") -> Iterator[MatrixSpectrum]:
        """Yield each layer's spectrum; `part` changes nothing, for its eigenvalues are not negative."""
        for layer in self.measured().layers:
            yield MatrixSpectrum(layer.eigenvalues, layer.structural_zeros)

    def to_dict(self) -> dict[str, Any]:
        """Return the name, the layers and the skipped parameters, without weights and eigenvalues."""
        layers = [layer.to_dict() for layer in self.measured().layers]
        return {"name": self.name, "layers": layers, "skipped": dict(self.skipped)}


def layer_matrix_ensemble(
    source: Any,
    *,
    name: str | None = None,
    include: str | Iterable[str] | None = None,
    exclude: str | Iterable[str] | None = None,
    types: Any = None,
    dtype: str = "float64",
) -> LayerMatrixEnsemble:
    """Square the layers of a network into a layer matrix ensemble.

    Every weight tensor of two or more axes with N ≥ 2 and M ≥ 2 takes part: convolutions (1×1 and
    downsampling ones too), linear layers, the classifier. Biases and the scales of normalisation layers have
    one axis and do not. Nothing is normalised. What lies on disk is read when a spectrum is asked for.

    Parameters
    ----------
    source : torch.nn.Module, state dict, checkpoint, mapping of names to arrays, or pairs (name, array)
        A parameter that two layers of a network share counts once; in a mapping, torch tensors are shared
        when they lie in the same memory, and NumPy arrays always count by their names. A state dict also
        holds a module's buffers; leave out one of two axes, such as an index table, by `exclude`.
    name : str, optional
        What the network is called.
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
    called = getattr(source, "name", None) if name is None else name
    layers: list[Layer] = []
    skipped: list[tuple[str, str]] = []
    for parameter, value, reason in selected_weights(source, include=include, exclude=exclude, types=types):
        if reason:
            skipped.append((parameter, reason))
        else:
            layers.append(Layer(parameter, value, dtype))
    if not layers:
        raise no_layers(skipped)
    if not isinstance(source, Checkpoint):  # what lies on disk is looked at when it is read
        for layer in layers:
            real_weights(layer.name, layer.given)
    return LayerMatrixEnsemble(layers=tuple(layers), skipped=tuple(skipped), name=str(called or "network"))
