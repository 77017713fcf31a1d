"""Definition 1: the layer matrix ensemble, a network's weights squared into matrices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mme.arguments import choice, shown, text
from mme.ensembles.layer_matrix import Layer
from mme.ensembles.mixed import (
    DTYPES,
    PARTS,
    MatricesOnDemand,
    MatrixSpectrum,
    MixedMatrixEnsemble,
    Part,
    Precision,
)
from mme.ensembles.parallel import validate_work
from mme.ensembles.quadrature import validate_estimate
from mme.ensembles.selection import no_layers, real_weights, selected_weights
from mme.ensembles.streaming import compute_eigenvalues
from mme.errors import InputError
from mme.result import Table
from mme.store import Store
from mme.weights.stored import Checkpoint

__all__ = ["LayerMatrixEnsemble", "layer_matrix_ensemble"]


@dataclass(frozen=True, eq=False, repr=False)
class LayerMatrixEnsemble(MixedMatrixEnsemble, Table):
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

    matrices: Sequence[np.ndarray] = field(default=(), compare=False)  # they follow from the layers
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

    @property
    def classifier(self) -> str | None:
        """The name of the last layer, if it is a plain matrix among others: as a rule, the classifier."""
        last = self.layers[-1]
        return last.name if len(self.layers) > 1 and len(last.shape) == 2 else None

    def without(self, *names: str) -> LayerMatrixEnsemble:
        """Return the ensemble of the other layers; eigenvalues that are known stay known.

        Parameters
        ----------
        *names : str
            Of layers to take out.

        Raises
        ------
        InputError
            If a name is of no layer, or no layer is left.

        Examples
        --------
        >>> ensemble = layer_matrix_ensemble({"conv": np.ones((2, 3, 3, 3)), "fc": np.eye(2)})
        >>> ensemble.classifier, ensemble.without("fc").skipped
        ('fc', (('fc', 'taken out'),))
        """
        known = [layer.name for layer in self.layers]
        if odd := [name for name in names if text("names", name) not in known]:
            raise InputError(f"names must be of layers of {self.name}, but {shown(odd[0])} is none.")
        left = tuple(layer for layer in self.layers if layer.name not in names)
        if not left:
            raise InputError(f"names must leave a layer of {self.name}, but they are all its layers.")
        return replace(self, layers=left, skipped=(*self.skipped, *((name, "taken out") for name in names)))

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
        jobs, store, progress = validate_work(jobs, store, progress)
        title = self.name if progress else ""
        for group, found in compute_eigenvalues(self.layers, jobs, device, store, title):
            for layer, values in zip(group, found, strict=True):
                vars(layer)["estimates" if layer.estimated else "eigenvalues"] = values
        return self

    @property
    def eigenvalues(self) -> np.ndarray:
        """The eigenvalues of all layers, shape (Σ N_l,): layer by layer, ascending in each."""
        return np.concatenate([layer.eigenvalues for layer in self.measured().layers])

    def spectra(self, part: Part = "real") -> Iterator[MatrixSpectrum]:
        """Yield each layer's spectrum; `part` changes nothing, for its eigenvalues are not negative."""
        choice("part", part, PARTS)
        for layer in self.measured().layers:
            estimates = layer.estimates if layer.estimated else None
            yield MatrixSpectrum(layer.eigenvalues, layer.structural_zeros, estimates)

    def to_dict(self) -> dict[str, Any]:
        """Return the name, the layers and the skipped parameters, without weights and eigenvalues."""
        layers = [layer.to_dict() for layer in self.measured().layers]
        return {"name": self.name, "layers": layers, "skipped": dict(self.skipped)}

    def rows(self) -> list[dict[str, Any]]:
        """Return a line for each layer: what is known without its spectrum."""
        names = ("name", "shape", "order", "columns", "structural_zeros", "note")
        return [{name: getattr(layer, name) for name in names} for layer in self.layers]


def layer_matrix_ensemble(
    source: Any,
    *,
    name: str | None = None,
    include: str | Iterable[str] | None = None,
    exclude: str | Iterable[str] | None = None,
    types: Any = None,
    dtype: Precision = "float64",
    estimate: int | None = None,
) -> LayerMatrixEnsemble:
    """Return the layers of a network, squared into a layer matrix ensemble.

    Every weight tensor of two or more axes with N ≥ 2 and M ≥ 2 takes part: convolutions (1×1 and
    downsampling ones too), linear layers, the classifier. Biases and the scales of normalisation layers have
    one axis and do not. Nothing is normalised. The weights are those that the network computes with
    (`mme.weights.effective_weights`): `Layer.note` says how one was worked out from what is stored, and
    `skipped` why something was left out. What lies on disk is read when a spectrum is asked for.

    Source: conjugate matrix ensembles, Definition 1.

    Parameters
    ----------
    source : torch.nn.Module, state dict, checkpoint, mapping of names to arrays, or pairs (name, array)
        A path is no network: `mme.checkpoints.open_checkpoint` makes one of it.
        A parameter that two layers of a network share counts once; in a mapping, torch tensors are shared
        when they lie in the same memory, and NumPy arrays always count by their names. A state dict also
        holds a module's buffers; leave out one of two axes by `exclude`.
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
        Precision of the spectra. Short floats are converted; integers are codes or indices, and left out,
        but for NumPy's own in arrays that are given here.
    estimate : int, optional
        Estimate the spectra of layers whose smaller side is above this order (`mme.ensembles.quadrature`), in
        place of computing them exactly: then `CircularSpectralDifference.estimate_bound` says by how much a
        variance may be wrong.

    Raises
    ------
    InputError
        If a weight is NaN, infinite or complex (the message names the layer), if nothing of two or more axes
        is there or left, or if an option is unknown.

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
    validate_estimate(estimate)
    own = getattr(source, "name", None)
    called = text("name", name) if name is not None else own if isinstance(own, str) else ""
    layers: list[Layer] = []
    skipped: list[tuple[str, str]] = []
    for parameter, value, reason in selected_weights(source, include=include, exclude=exclude, types=types):
        if reason:
            skipped.append((parameter, reason))
        else:
            layers.append(Layer(parameter, value, dtype, estimate))
    if not layers:
        raise no_layers(skipped)
    if not isinstance(source, Checkpoint):  # what lies on disk is looked at when it is read
        for layer in layers:
            real_weights(layer.name, layer.given)
    return LayerMatrixEnsemble(layers=tuple(layers), skipped=tuple(skipped), name=called or "network")
