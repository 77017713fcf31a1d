"""Definition 1: the layer matrix ensemble, a network's weights squared into matrices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from mme.ensembles.mixed import MatrixSpectrum, MixedMatrixEnsemble, choice
from mme.errors import InputError
from mme.result import Result

__all__ = [
    "Layer",
    "LayerMatrixEnsemble",
    "layer_matrix_ensemble",
    "layer_of",
    "no_layers",
    "selected_weights",
]

# What a bare tensor's number of axes says about the layer that it came from.
TYPES_BY_AXES = {2: "Linear", 3: "Conv1d", 4: "Conv2d", 5: "Conv3d"}
DTYPES = ("float64", "float32")
EXTREME = 50  # beyond 2^±50 squares and their sums come near the range of float32


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

        They come from A Aᵀ or Aᵀ A, whichever is smaller: both have the same non-zero eigenvalues.

        Raises
        ------
        InputError
            If the weights are so large that the eigenvalues overflow.
        """
        # A power of two scales without rounding; it keeps the products of extreme weights in range.
        exponent = int(np.frexp(np.abs(self.tensor).max())[1])
        is_extreme = abs(exponent) > EXTREME
        if is_extreme:
            scaled = np.ldexp(self.tensor.reshape(self.order, self.columns), -exponent).astype(self.dtype)
        else:
            scaled = self.weights
        gram = scaled @ scaled.T if self.order <= self.columns else scaled.T @ scaled
        # X is positive semidefinite, so a minus sign is rounding. A zero instead would pass for structural.
        values = np.sort(np.abs(np.linalg.eigvalsh(gram)))
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


def selected_weights(
    source: Any,
    *,
    include: str | Iterable[str] | None = None,
    exclude: str | Iterable[str] | None = None,
    types: Any = None,
) -> Iterator[tuple[str, Any, str]]:
    """Yield every parameter of a network, and why it takes no part in the layer matrix ensemble.

    Nothing is read: a tensor on disk stays there.

    Parameters
    ----------
    source, include, exclude, types
        As in `layer_matrix_ensemble`.

    Yields
    ------
    (name, value, reason)
        The reason is empty for the weights that are squared.

    Raises
    ------
    InputError
        If the source or an option cannot be used.

    Examples
    --------
    >>> weights = {"fc.weight": np.eye(3), "fc.bias": np.zeros(3)}
    >>> [(name, reason) for name, _, reason in selected_weights(weights)]
    [('fc.weight', ''), ('fc.bias', 'one axis')]
    """
    include, exclude = _patterns("include", include), _patterns("exclude", exclude)
    wanted = None if types is None else _type_names(types, source)
    for name, value, kinds in _parameters(source):
        reason = _left_out(name, include, exclude) or _no_matrix(name, value)
        if not reason and wanted is not None:
            names = kinds or {TYPES_BY_AXES.get(len(value.shape), "")}
            reason = "" if names & wanted else "type not chosen"
        yield name, value, reason


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
    return Layer(name, _weights(name, value), dtype)


def no_layers(skipped: Sequence[tuple[str, str]]) -> InputError:
    """Return the error to raise when every parameter was skipped.

    Examples
    --------
    >>> raise no_layers([("bias", "one axis")])
    Traceback (most recent call last):
    mme.errors.InputError: source has no weight tensor of two or more axes with N ≥ 2 and M ≥ 2 to square
    (bias: one axis).
    """
    reasons = "; ".join(f"{name}: {reason}" for name, reason in skipped[:3]) or "it holds no parameters"
    more = f" and {len(skipped) - 3} more" if len(skipped) > 3 else ""
    return InputError(
        f"source has no weight tensor of two or more axes with N ≥ 2 and M ≥ 2 to square ({reasons}{more})."
    )


def _is_module(source: Any) -> bool:
    is_class = isinstance(source, type)
    return not is_class and hasattr(source, "named_parameters") and hasattr(source, "named_modules")


def _parameters(source: Any) -> Iterator[tuple[str, Any, set[str]]]:
    """Yield each parameter once, with its name and the names of its layer's types (empty where unknown)."""
    if _is_module(source):
        kinds = {
            (f"{path}." if path else "") + name: {base.__name__ for base in type(module).__mro__}
            for path, module in source.named_modules()
            for name, _ in module.named_parameters(recurse=False)
        }
        for name, value in source.named_parameters():
            yield name, value, kinds[name]
        return
    pairs = source.items() if isinstance(source, Mapping) else source
    seen: dict[Any, str] = {}
    try:
        named = [(str(name), value) for name, value in pairs]
    except (TypeError, ValueError):
        raise InputError(
            "source must be a torch module, a mapping of names to arrays or pairs (name, array), "
            f"but it is {_described(source)}."
        ) from None
    for name, value in named:
        storage = _storage(value)
        kinds_of_value = set(getattr(value, "types", ()))
        if storage is None:
            yield name, value, kinds_of_value
        elif storage in seen:  # a tensor listed under two names is one parameter
            yield name, f"shared with {seen[storage]}", set()
        else:
            seen[storage] = name
            yield name, value, kinds_of_value


def _storage(value: Any) -> tuple[Any, ...] | None:
    """Return where a tensor lies in memory or on disk; None where that is not known."""
    if getattr(value, "location", None) is not None:
        return (value.location,)
    try:
        return (value.data_ptr(), tuple(value.shape), tuple(value.stride())) if value.data_ptr() else None
    except (AttributeError, RuntimeError):  # no tensor, or a sparse one
        return None


def _described(source: Any) -> str:
    if isinstance(source, type):
        return f"the class {source.__name__} and no instance of it"
    return (
        f"an array of shape {tuple(source.shape)}"
        if hasattr(source, "shape")
        else f"of type {type(source).__name__}"
    )


def _type_names(types: Any, source: Any) -> set[str]:
    listed = [types] if isinstance(types, str | type) or not isinstance(types, Iterable) else list(types)
    if not all(isinstance(item, str | type) for item in listed):
        raise InputError(f"types must be names or classes of layers, but it is {types!r}.")
    names = {item if isinstance(item, str) else item.__name__ for item in listed}
    if not (_is_module(source) or (isinstance(source, Mapping) and _tells_types(source))):
        for name in sorted(names):
            choice("types (where source is not a module)", name, tuple(TYPES_BY_AXES.values()))
    return names


def _tells_types(source: Mapping[str, Any]) -> bool:
    return any(getattr(value, "types", ()) for value in source.values())


def _patterns(argument: str, patterns: Any) -> list[str] | None:
    """Return patterns as a list, which can be read once for each parameter."""
    if patterns is None:
        return None
    listed = [patterns] if isinstance(patterns, str) or not isinstance(patterns, Iterable) else list(patterns)
    if not all(isinstance(pattern, str) for pattern in listed):
        raise InputError(f"{argument} must be a pattern of names or a list of them, but it is {patterns!r}.")
    return listed


def _left_out(name: str, include: list[str] | None, exclude: list[str] | None) -> str:
    def matches(patterns: list[str]) -> bool:
        return any(fnmatchcase(name, pattern) for pattern in patterns)

    if include is not None and not matches(include):
        return "name not included"
    return "name excluded" if exclude is not None and matches(exclude) else ""


def _no_matrix(name: str, value: Any) -> str:
    """Return why a parameter gives no layer matrix of order 2 or more; empty if it gives one."""
    if isinstance(value, str):  # the reason, from `_parameters`
        return value
    if getattr(value, "skip", ""):  # a file that tells that this is no layer's weight
        return str(value.skip)
    if type(value).__name__.startswith("Uninitialized"):  # of a lazy torch layer, whose shape is not known
        raise InputError(
            f"layer {name!r} is not initialised and holds no weights; run the network once first."
        )
    if isinstance(value, Mapping) or not (hasattr(value, "shape") and hasattr(value, "dtype")):
        return f"not an array but {type(value).__name__}"
    if len(value.shape) < 2:
        return "one axis" if len(value.shape) == 1 else "a single number"
    if value.shape[0] < 2 or int(np.prod(value.shape[1:])) < 2:
        return f"shape {tuple(value.shape)} has N or M below 2"
    return "boolean" if str(value.dtype).removeprefix("torch.") == "bool" else ""


def _weights(name: str, value: Any) -> np.ndarray:
    """Return the weights as a real and finite array."""
    array = _as_numpy(name, value)
    if array.dtype.kind == "c":
        raise InputError(
            f"layer {name!r} has complex weights ({array.dtype}); layer matrices need real ones."
        )
    if array.dtype.kind not in "fiu":
        raise InputError(f"layer {name!r} has weights of dtype {array.dtype}; they must be real numbers.")
    finite = np.isfinite(array)
    if not finite.all():
        bad = int(array.size - finite.sum())
        raise InputError(
            f"layer {name!r} has NaN or infinite weights ({bad} of {array.size}); they must be finite."
        )
    return array


def _as_numpy(name: str, value: Any) -> np.ndarray:
    """Return a NumPy array, from torch tensors of any device, layout and precision too."""
    if not hasattr(value, "detach"):
        return np.asarray(value)
    tensor = value.detach()
    if tensor.is_meta:
        raise InputError(f"layer {name!r} is on the meta device and holds no weights; load them first.")
    if tensor.is_sparse:
        tensor = tensor.to_dense()
    if getattr(tensor, "is_quantized", False):
        tensor = tensor.dequantize()
    if tensor.is_floating_point() and tensor.element_size() < 4:  # NumPy has no bfloat16
        tensor = tensor.float()
    return np.asarray(tensor.cpu().resolve_conj().resolve_neg().numpy())
