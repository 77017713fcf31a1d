"""The spectra of a network's layers, streamed: read, squared, diagonalised and forgotten group by group.

A group is one large layer, or as many small ones as make a few megabytes. It is the unit of work for the
cores and of what is kept on disk, so an interrupted run goes on after the last finished group, and memory
stays near the largest layer.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from mme.arguments import choice
from mme.comparison.devices import gram_eigenvalues_on
from mme.comparison.store import SpectrumStore, key_of
from mme.ensembles.layers import EXTREME, Layer, smaller_gram_eigenvalues
from mme.ensembles.mixed import MatrixSpectrum
from mme.ensembles.selection import no_layers, real_weights, selected_weights
from mme.errors import InputError
from mme.progress import tracked
from mme.result import Result

__all__ = ["LayerSpectrum", "NetworkSpectrum", "available_cores", "network_spectrum", "validate_jobs"]

BYTES = 4  # of a weight, as most are stored
GROUP_BYTES = 2**23
ALONE = 256  # layers whose smaller side has this order are groups of their own
BATCHED = 64  # smaller ones of one shape are diagonalised together
IN_FLIGHT_BYTES = 2**29  # weights in memory at a time, one layer at least


@dataclass(frozen=True, eq=False, repr=False)
class LayerSpectrum(Result):
    """The spectrum of one layer matrix X = A Aᵀ, without the weights.

    Attributes
    ----------
    name : str
    shape : tuple of int
        Of the weight tensor, outputs first.
    eigenvalues : ndarray, shape (N,)
        Ascending; structural zeros are exact zeros.

    Examples
    --------
    >>> layer = LayerSpectrum("fc", (3, 2), np.array([0.0, 1e-20, 4.0]))
    >>> layer.order, layer.columns, layer.structural_zeros, layer.rank
    (3, 2, 1, 1)
    """

    name: str
    shape: tuple[int, ...]
    eigenvalues: np.ndarray

    @property
    def order(self) -> int:
        """The order N = p_1 of the layer matrix."""
        return self.shape[0]

    @property
    def columns(self) -> int:
        """The number of columns M = p_2 ⋯ p_n of A."""
        return int(np.prod(self.shape[1:]))

    @property
    def structural_zeros(self) -> int:
        """How many eigenvalues vanish for any weights of this shape: N − M when N > M."""
        return max(self.order - self.columns, 0)

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
        """Return what one line of a table tells, without the eigenvalues."""
        return {
            "name": self.name,
            "shape": list(self.shape),
            "order": self.order,
            "columns": self.columns,
            "rank": self.rank,
            "structural_zeros": self.structural_zeros,
            "largest_eigenvalue": self.largest_eigenvalue,
        }


@dataclass(frozen=True, eq=False, repr=False)
class NetworkSpectrum(Result):
    """The spectra of all layer matrices of a network: an ensemble that can be pooled.

    Attributes
    ----------
    name : str
    names : tuple of str
        Of the layers.
    shapes : tuple of tuple of int
        Of their weight tensors.
    eigenvalues : ndarray, shape (Σ N_l,)
        Layer by layer, ascending in each.
    skipped : tuple of (name, reason)
        The parameters that take no part, and why.

    Examples
    --------
    >>> network_spectrum({"fc": np.diag([1.0, 2.0])})
    NetworkSpectrum(1 layers, 2 eigenvalues, 0 structural zeros)
    """

    name: str
    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    eigenvalues: np.ndarray
    skipped: tuple[tuple[str, str], ...] = ()

    @property
    def orders(self) -> tuple[int, ...]:
        """The orders N_l of the layer matrices."""
        return tuple(shape[0] for shape in self.shapes)

    @property
    def structural_zeros(self) -> int:
        """The sum of max(N_l − M_l, 0) over the layers."""
        return sum(max(shape[0] - int(np.prod(shape[1:])), 0) for shape in self.shapes)

    @property
    def layers(self) -> Iterator[LayerSpectrum]:
        """The layers, one after the other."""
        stops = np.cumsum(self.orders)
        for name, shape, stop in zip(self.names, self.shapes, stops, strict=True):
            yield LayerSpectrum(name, shape, self.eigenvalues[stop - shape[0] : stop])

    def spectra(self, part: str = "real") -> Iterator[MatrixSpectrum]:
        """Yield each layer's spectrum; `part` changes nothing for these symmetric matrices."""
        for layer in self.layers:
            yield MatrixSpectrum(layer.eigenvalues, layer.structural_zeros)

    def __len__(self) -> int:
        return len(self.names)

    def to_dict(self) -> dict[str, Any]:
        """Return the layers and the skipped parameters, without the eigenvalues."""
        layers = [layer.to_dict() for layer in self.layers]
        return {"name": self.name, "layers": layers, "skipped": dict(self.skipped)}

    def __repr__(self) -> str:
        return (
            f"NetworkSpectrum({len(self)} layers, {len(self.eigenvalues)} eigenvalues, "
            f"{self.structural_zeros} structural zeros)"
        )


def available_cores() -> int:
    """Return how many cores this process may use.

    Examples
    --------
    >>> available_cores() >= 1
    True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def validate_jobs(jobs: Any) -> int:
    """Return the number of layers to work on at a time; all cores by default.

    Raises
    ------
    InputError
        If it is no integer of at least 1.

    Examples
    --------
    >>> validate_jobs(2)
    2
    """
    if jobs is None:
        return available_cores()
    if isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 1:
        raise InputError(f"jobs must be an integer of at least 1, but it is {jobs!r}.")
    return jobs


def network_spectrum(
    source: Any,
    *,
    name: str | None = None,
    include: Any = None,
    exclude: Any = None,
    types: Any = None,
    dtype: str = "float64",
    device: str = "cpu",
    jobs: int | None = None,
    store: SpectrumStore | None = None,
    progress: bool = False,
) -> NetworkSpectrum:
    """Compute the spectrum of every layer matrix of a network, with memory for its largest layer.

    Parameters
    ----------
    source, include, exclude, types, dtype
        As in `layer_matrix_ensemble`, whose eigenvalues these are.
    name : str, optional
        What the network is called.
    device : str
        Where eigenvalues are computed: ``"cpu"`` by NumPy, others such as ``"cuda"`` by torch.
    jobs : int, optional
        Layers to work on at a time, each on one core; all cores by default.
    store : SpectrumStore, optional
        Where spectra are kept and looked up. Without one, nothing is kept.
    progress : bool
        Show a bar on a terminal.

    Returns
    -------
    NetworkSpectrum

    Raises
    ------
    InputError
        As `layer_matrix_ensemble` raises, or if the device or `jobs` cannot be used.

    Examples
    --------
    >>> network = {"a": np.diag([1.0, 2.0]), "a.bias": np.ones(2), "b": np.ones((3, 2))}
    >>> spectrum = network_spectrum(network)
    >>> spectrum.eigenvalues.round(6), spectrum.skipped
    (array([1., 4., 0., 0., 6.]), (('a.bias', 'one axis'),))
    """
    choice("dtype", dtype, ("float64", "float32"))
    jobs = validate_jobs(jobs)
    store = SpectrumStore(enabled=False) if store is None else store
    solve = smaller_gram_eigenvalues if device == "cpu" else gram_eigenvalues_on(device, dtype)
    called = name if name is not None else getattr(source, "name", "network")
    chosen, skipped = [], []
    for parameter, value, reason in selected_weights(source, include=include, exclude=exclude, types=types):
        if reason:
            skipped.append((parameter, reason))
        else:
            chosen.append((parameter, value))
    if not chosen:
        raise no_layers(skipped)
    groups = list(_groups(chosen))
    work = _Work(dtype, device, solve, store)
    found = _in_parallel(groups, work, jobs, str(called) if progress else "")
    shapes = tuple(tuple(int(length) for length in value.shape) for _, value in chosen)
    names = tuple(parameter for parameter, _ in chosen)
    return NetworkSpectrum(str(called), names, shapes, np.concatenate(found), tuple(skipped))


Group = list[tuple[str, Any]]


def _groups(chosen: Group) -> Iterator[Group]:
    """Split the layers: a large one alone, small ones in runs of a few megabytes."""
    run: Group = []
    size = 0
    for parameter, value in chosen:
        short, entries = _sides(value.shape)
        if short >= ALONE:
            if run:  # the order of the layers stays
                yield run
            yield [(parameter, value)]
            run, size = [], 0
            continue
        if size + BYTES * entries > GROUP_BYTES and run:
            yield run
            run, size = [], 0
        run.append((parameter, value))
        size += BYTES * entries
    if run:
        yield run


def _sides(shape: Any) -> tuple[int, int]:
    """The order of the smaller Gram matrix, and the number of entries."""
    order, columns = int(shape[0]), 1
    for length in shape[1:]:
        columns *= int(length)
    return min(order, columns), order * columns


@dataclass
class _Work:
    """What is done with a group, in any thread."""

    dtype: str
    device: str
    solve: Callable[[np.ndarray, str], np.ndarray]
    store: SpectrumStore

    def recipe_key(self, group: Group) -> str | None:
        """The key of a group whose weights follow from recipes, so that they need not be drawn."""
        prints = [getattr(value, "fingerprint", None) for _, value in group]
        return None if None in prints else key_of(self.dtype, self.device, "recipe", *map(str, prints))

    def content_key(self, layers: list[Layer]) -> str:
        """The key of the numbers themselves."""
        parts: list[str | memoryview] = [self.dtype, self.device]
        for layer in layers:
            contiguous = np.ascontiguousarray(layer.tensor)
            parts += [f"{layer.shape} {contiguous.dtype.str}", contiguous.data.cast("B")]
        return key_of(*parts)

    def spectra(self, layers: list[Layer], key: str | None) -> np.ndarray:
        """The eigenvalues of the group's layers, one after the other."""
        if key is None:
            key = self.content_key(layers)
            kept = self.store.get(key)
            if kept is not None:
                return kept
        found: list[np.ndarray | None] = [None] * len(layers)
        buckets = defaultdict(list)
        for number, layer in enumerate(layers):
            buckets[layer.order, layer.columns].append(number)
        for (order, columns), numbers in buckets.items():
            together = len(numbers) > 1 and min(order, columns) <= BATCHED
            if together:
                stack = np.stack([layers[number].weights for number in numbers])
                together = not _has_extremes(stack)
            if together:
                values = np.sort(np.abs(self.solve(stack, self.dtype)), axis=-1)
                zeros = np.zeros((len(numbers), max(order - columns, 0)), values.dtype)
                for number, spectrum in zip(numbers, np.concatenate([zeros, values], axis=-1), strict=True):
                    found[number] = spectrum
            else:
                for number in numbers:
                    found[number] = layers[number].spectrum(self.solve)
        spectrum = np.concatenate([each for each in found if each is not None])
        self.store.put(key, spectrum)
        return spectrum


def _has_extremes(stack: np.ndarray) -> bool:
    """Whether a layer has weights that `Layer.spectrum` has to rescale."""
    exponents = np.frexp(np.abs(stack).max(axis=(1, 2)))[1]
    return bool((np.abs(exponents) > EXTREME).any())


def _in_parallel(groups: list[Group], work: _Work, jobs: int, title: str) -> list[np.ndarray]:
    """Work on the groups, several at a time, with one core each and bounded memory."""
    found: list[np.ndarray | None] = [None] * len(groups)
    waiting: dict[Future[np.ndarray], tuple[int, int]] = {}
    in_flight = 0

    def collect(until: int) -> None:
        """Take in results until at most this many bytes are in flight."""
        nonlocal in_flight
        while waiting and (in_flight > until or len(waiting) >= 2 * jobs):
            done, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                number, size = waiting.pop(future)
                in_flight -= size
                found[number] = future.result()

    pool = ThreadPoolExecutor(jobs)
    try:
        with threadpool_limits(1):
            steps = tracked(enumerate(groups), title, total=len(groups), show=bool(title))
            for number, group in steps:
                key = work.recipe_key(group)
                kept = None if key is None else work.store.get(key)
                if kept is not None:
                    found[number] = kept
                    continue
                size = sum(BYTES * _sides(value.shape)[1] for _, value in group)
                collect(max(IN_FLIGHT_BYTES - size, 0))
                layers = [Layer(name, real_weights(name, value), work.dtype) for name, value in group]
                waiting[pool.submit(work.spectra, layers, key)] = (number, size)
                in_flight += size
                del layers
            collect(-1)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # a thread cannot be stopped: nobody waits for it
    return [each for each in found if each is not None]
