"""A monitor for training: how far adjacent layers are from balance, and what their spectra say of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from mme.algebra import FieldLike
from mme.algebra import field as field_of
from mme.arguments import listed, number
from mme.errors import InputError
from mme.extras import required
from mme.result import Table

__all__ = ["Imbalance", "ImbalanceMonitor"]

Layer = tuple[str, Callable[[], Any]]  # its name, and how to read its weight


@dataclass(frozen=True, eq=False, repr=False)
class Imbalance(Table):
    """The imbalance of P pairs of adjacent layers at T times.

    Attributes
    ----------
    times : ndarray, shape (T,)
    pairs : tuple of str
        The names of both layers of each pair.
    imbalance : ndarray, shape (T, P)
        |W_{p+1}* W_{p+1} − W_p W_p*|, in the trace norm.
    spectral : ndarray, shape (T, P)
        The distance of the sorted spectra of both, which is no more (Hoffman and Wielandt).
    neurons : ndarray, shape (T, P)
        The norm of the diagonal alone: under gradient flow all that ReLU between the layers leaves conserved.
    """

    times: np.ndarray
    pairs: tuple[str, ...]
    imbalance: np.ndarray
    spectral: np.ndarray
    neurons: np.ndarray

    def rows(self) -> list[dict[str, Any]]:
        """Return a line for each pair at each time."""
        names = ("imbalance", "spectral", "neurons")
        return [
            {"time": float(time), "pair": pair} | {name: float(getattr(self, name)[t, p]) for name in names}
            for t, time in enumerate(self.times)
            for p, pair in enumerate(self.pairs)
        ]


class ImbalanceMonitor:
    """Reads the imbalance of a network each time that it is called, between two steps of training.

    Parameters
    ----------
    network : torch.nn.Module, or sequence of tensors or arrays
        Of a module the linear layers and 1 × 1 convolutions in the order of its `modules`; a pair has as many
        neurons on both sides, and no other layer with matrices between. Normalisation, activations, shortcuts
        and biases are not looked at: the law e^{−2γt} of gradient flow is that of linear layers alone. Of a
        sequence all W_1, …, W_N, each of shape (outputs, inputs), changed in place by training.
    field : {"R", "C", "H"}, 1, 2, 4 or Field

    Examples
    --------
    >>> layers = [np.eye(3, 2), np.array([[1.0, 0.0, 2.0]])]
    >>> monitor = ImbalanceMonitor(layers)
    >>> monitor(), monitor.record().spectral.round(3)
    (array([5.]), array([[4.123]]))
    """

    def __init__(self, network: Any, field: FieldLike = "R") -> None:
        self._field, self._readings = field_of(field), list[tuple[float, np.ndarray]]()
        of_module = hasattr(network, "named_modules")
        self._pairs = list(_of_module(network) if of_module else pairwise(_of_list(network)))
        if not self._pairs:
            raise InputError("network must have two adjacent linear layers, but no two fit together.")
        for sides in ([np.shape(self._matrix(each)) for each in pair] for pair in self._pairs):
            if any(len(side) != 2 for side in sides) or sides[0][0] != sides[1][1]:
                raise InputError(f"network must be matrices that multiply, but two have shapes {sides}.")

    def __call__(self, time: float | None = None) -> np.ndarray:
        """Read the imbalance of each pair, at a time, or at the number of the reading."""
        at = len(self._readings) if time is None else number("time", time)
        self._readings.append((at, self._read()))
        return np.array(self._readings[-1][1][0])

    def record(self) -> Imbalance:
        """Return all that was read so far."""
        read = np.array([each for _, each in self._readings]).reshape(-1, 3, len(self._pairs))
        names = tuple(f"{one}, {two}" for (one, _), (two, _) in self._pairs)
        return Imbalance(np.array([at for at, _ in self._readings], float), names, *read.swapaxes(0, 1))

    def _matrix(self, layer: Layer) -> np.ndarray:
        return self._field.validate(layer[1](), square=False, name="network")

    def _read(self) -> np.ndarray:
        field, found = self._field, []
        for W, after in ((self._matrix(one), self._matrix(two)) for one, two in self._pairs):
            sides = W @ field.adjoint(W), field.adjoint(after) @ after
            gap, (one, two) = sides[1] - sides[0], map(field.eigvalsh, sides)
            neurons = np.linalg.norm(np.diagonal(gap).real) / np.sqrt(field.side)
            found.append([field.norm(gap), np.linalg.norm(one - two), neurons])
        return np.array(found).T


def _of_list(network: Any) -> list[Layer]:
    given = listed("network", network, "matrices, unless it is a module")
    return [(str(place), partial(given.__getitem__, place)) for place in range(len(given))]


def _of_module(network: Any) -> Iterator[tuple[Layer, Layer]]:
    nn, before = required("torch.nn", "torch", "a module"), None
    for name, module in network.named_modules():
        convolves = isinstance(module, nn.Conv1d | nn.Conv2d) and module.groups == 1
        if isinstance(module, nn.Linear) or (convolves and set(module.kernel_size) == {1}):
            this = (name, lambda module=module: module.weight.flatten(1))
            if before is not None and before[1]().shape[0] == this[1]().shape[1]:
                yield before, this
            before = this
        elif any(each.ndim > 1 for each in module.parameters(recurse=False)):
            before = None
