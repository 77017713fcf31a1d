"""Eigenvalues of a network's layers, streamed: read, squared, diagonalised and forgotten group by group.

A group is one large layer, or as many small ones as make a few megabytes. It is the unit of work for the
cores and of what is kept on disk, so an interrupted run goes on after the last finished group, and memory
stays near the largest layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise

import numpy as np

from mme.ensembles.layer_matrix import Layer
from mme.ensembles.parallel import Task, in_threads
from mme.ensembles.quadrature import ESTIMATES, RECIPE, STEPS, estimates_of, working_bytes
from mme.ensembles.selection import real_weights
from mme.ensembles.solvers import BLOCK_ENTRIES, Solver, gram_solver, spectrum_of_weights
from mme.progress import tracked
from mme.store import Store, key_of

__all__ = ["compute_eigenvalues", "memory_for", "seconds_for"]

BYTES = 4  # of a weight, as most are stored
GROUP_BYTES = 2**23
ALONE = 256  # layers whose smaller side has this order are groups of their own
IN_FLIGHT_BYTES = 2**29  # weights in memory at a time, one layer at least
# Seconds of one server core with OpenBLAS in double precision, over n²m for the Gram matrix and n³ for its
# eigenvalues, n being the smaller side.
GRAM_COST, EIGENVALUE_COST = 1.6e-11, 9.5e-11
PYTHON_BYTES = 2**28  # and libraries
STEP_COST = 7e-11  # over n m and the bits of a number, for each step of an estimate

Group = list[Layer]


def compute_eigenvalues(
    layers: Sequence[Layer], jobs: int, device: str, store: Store, title: str = ""
) -> Iterator[tuple[Group, list[np.ndarray]]]:
    """Yield groups of the layers that lack eigenvalues, and these, read-only, as they are finished."""
    solvers = {dtype: gram_solver(device, dtype) for dtype in {layer.dtype for layer in layers}}
    known = {"eigenvalues", "estimates"}
    groups = list(_groups([layer for layer in layers if known.isdisjoint(vars(layer))]))
    groups.sort(key=seconds_for, reverse=True)  # so that at the end no core waits for another's large layer
    if not groups:
        return
    tasks = (_task(group, device, solvers[group[0].dtype], store) for group in groups)
    steps = in_threads(tasks, jobs, IN_FLIGHT_BYTES)
    costs = [seconds_for(group) for group in groups]
    shown = tracked(steps, title, total=sum(costs), cost=lambda step: costs[step[0]], show=bool(title))
    for number, found in shown:
        found.setflags(write=False)
        stops = accumulate((layer.order for layer in groups[number]), initial=0)
        yield groups[number], [found[start:stop] for start, stop in pairwise(stops)]


def seconds_for(layers: Sequence[Layer]) -> float:
    """Estimate how long one core takes for the eigenvalues of these layers."""
    exact = [sorted((layer.order, layer.columns)) for layer in layers if not layer.estimated]
    read = sum(layer.order * layer.columns * int(layer.dtype[-2:]) for layer in layers if layer.estimated)
    return sum(GRAM_COST * n**2 * m + EIGENVALUE_COST * n**3 for n, m in exact) + STEP_COST * STEPS * read


def memory_for(layers: Sequence[Layer], jobs: int, is_held: bool = False) -> int:
    """Estimate the bytes for spectra, so many at a time, and Python; `is_held`: of weights held whole too."""
    largest = sum(sorted(_bytes(layer, is_held) for layer in layers)[-jobs:])
    kept = sum((ESTIMATES if layer.estimated else 1) * layer.order for layer in layers)
    return PYTHON_BYTES + largest + 2 * 8 * kept  # as layers, and pooled


def _bytes(layer: Layer, is_held: bool = False) -> int:
    """The memory for the spectrum of one layer, its weights included where they are held."""
    size, itemsize = min(layer.order, layer.columns), np.dtype(layer.dtype).itemsize
    held = 3 * _size([layer]) // 2  # and once more while it is read, in half of the bytes
    if layer.estimated:
        read = 0 if layer.is_read_by_rows and not is_held else held
        return read + working_bytes(size, max(layer.order, layer.columns), itemsize)
    return held + itemsize * (2 * size**2 + min(BLOCK_ENTRIES, layer.order * layer.columns))


def _groups(layers: Sequence[Layer]) -> Iterator[Group]:
    """Split the layers: a large one alone, small ones in runs of a few megabytes."""
    run: Group = []
    size = 0
    for layer in layers:
        added = _size([layer])
        is_large = layer.estimated or min(layer.order, layer.columns) >= ALONE
        if run and (is_large or size + added > GROUP_BYTES):
            yield run
            run, size = [], 0
        run.append(layer)
        size += GROUP_BYTES if is_large else added
    if run:
        yield run


def _size(group: Group) -> int:
    return sum(BYTES * layer.order * layer.columns for layer in group)


def _task(group: Group, device: str, solve: Solver, store: Store) -> Task[np.ndarray]:
    if group[0].estimated:
        return _estimate(group[0], store)
    dtype = group[0].dtype
    recipes = [getattr(layer.given, "fingerprint", None) for layer in group]

    def prepare() -> Callable[[], np.ndarray]:
        # What follows from recipes, such as a seed, is found without drawing it.
        recipe = None if None in recipes else key_of(dtype, device, "recipe", *map(str, recipes))
        found = None if recipe is None else store.get(recipe)
        if found is not None:
            return lambda: found
        tensors = [real_weights(layer.name, layer.given, finite=False) for layer in group]
        return lambda: spectra_of(tensors, recipe)

    def spectra_of(tensors: list[np.ndarray], recipe: str | None) -> np.ndarray:
        def solved() -> np.ndarray:
            pairs = zip(group, tensors, strict=True)
            return np.concatenate([spectrum_of_weights(one.name, each, dtype, solve) for one, each in pairs])

        if not store.enabled:
            return solved()
        return store.kept(recipe or _content_key(tensors, dtype, device), solved)

    return _size(group), prepare


def _estimate(layer: Layer, store: Store) -> Task[np.ndarray]:
    fingerprint = getattr(layer.given, "fingerprint", None)
    shape = (layer.order, layer.columns)

    def prepare() -> Callable[[], np.ndarray]:
        if fingerprint is None:
            rows = layer.rows
            return lambda: estimates_of(layer.name, rows, shape, layer.dtype, store)
        key = key_of(layer.dtype, RECIPE, layer.name, str(fingerprint))
        return lambda: store.kept(key, lambda: estimates_of(layer.name, layer.rows, shape, layer.dtype))

    return _bytes(layer), prepare


def _content_key(tensors: list[np.ndarray], dtype: str, device: str) -> str:
    """The key of the numbers themselves."""
    parts: list[str | memoryview] = [dtype, device]
    for tensor in tensors:
        contiguous = np.ascontiguousarray(tensor)
        parts += [f"{tensor.shape} {contiguous.dtype.str}", contiguous.data.cast("B")]
    return key_of(*parts)
