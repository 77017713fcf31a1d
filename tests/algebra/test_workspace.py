from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from mme.algebra import C, Field, H, reflections
from mme.algebra import workspace as module
from mme.algebra.workspace import Workspace


@pytest.fixture(autouse=True)
def _all_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SMALL", 0)


def test_arrays_of_one_block_share_nothing() -> None:
    workspace = Workspace(1000)
    taken = [
        workspace.take(shape, dtype) for shape, dtype in (((3, 2), float), ((5,), np.int8), ((2,), complex))
    ]
    for value, array in enumerate(taken):
        array[...] = value
    assert [array.shape for array in taken] == [(3, 2), (5,), (2,)]
    assert [array.dtype for array in taken] == [float, np.int8, complex]
    assert [set(array.ravel()) for array in taken] == [{0}, {1}, {2}]
    assert all(np.shares_memory(array, workspace.memory) and array.flags.c_contiguous for array in taken)


def test_a_block_gives_back_what_was_taken_within() -> None:
    workspace = Workspace(1000)
    kept = workspace.take((2,))
    with workspace.block():
        first = workspace.take((3,))
        with workspace.block():
            workspace.take((4,))
    with pytest.raises(ZeroDivisionError), workspace.block():
        1 / workspace.take((3,)).size / 0
    with workspace.block():
        assert np.shares_memory(workspace.take((3,)), first)
    assert not np.shares_memory(first, kept)
    assert np.shares_memory(workspace.take((1,)), first)


def test_each_thread_has_its_own() -> None:
    workspace = Workspace(1000)
    here = workspace.take((3,))
    with ThreadPoolExecutor(1) as pool:
        assert not np.shares_memory(pool.submit(workspace.take, (3,)).result(), workspace.memory)
    assert np.shares_memory(here, workspace.memory)
    assert workspace.used == 64  # bytes: a line of the cache


def test_what_does_not_fit_is_fresh() -> None:
    workspace = Workspace(80)
    assert np.shares_memory(workspace.take((9,)), workspace.memory)  # 72 bytes, up to the last line of cache
    assert not np.shares_memory(workspace.take((1,)), workspace.memory)
    exact = Workspace(80)
    assert np.shares_memory(exact.take((10,)), exact.memory)
    large = Workspace(80).take((11,))
    large[...] = 1
    assert large.sum() == 11


def test_small_arrays_are_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SMALL", 80)
    workspace = Workspace(1000)
    assert not np.shares_memory(workspace.take((9,)), workspace.take((10,)))
    assert workspace.used == 128  # two lines of the cache: the second array alone


@pytest.mark.slow
@pytest.mark.parametrize("d", [3, 40, 300])
def test_threads_draw_at_the_same_time_what_each_would_alone(F: Field, d: int) -> None:
    """Over H the largest order does not fit into the workspace."""
    size = 20 if d < 100 else 1
    alone = [F.haar(d, size=size, rng=seed) for seed in range(8)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda seed: F.haar(d, size=size, rng=seed), range(8)))
    np.testing.assert_array_equal(together, alone)


def test_draws_outlive_the_next_ones() -> None:
    """None of what is handed out is memory that is taken again."""
    for field in (C, H):
        first = field.haar(20, size=10, rng=1)
        kept = first.copy()
        field.haar(20, size=10, rng=2)
        np.testing.assert_array_equal(first, kept)
        assert not np.shares_memory(first, reflections.WORKSPACE.memory)
    assert reflections.WORKSPACE.used == 0


@pytest.mark.parametrize("d", [1, 3, 13, 20, 35, 67])
@pytest.mark.parametrize("n", [1, reflections.MANY])
def test_nothing_depends_on_what_memory_held_before(
    monkeypatch: pytest.MonkeyPatch, F: Field, d: int, n: int
) -> None:
    """Numbers so large would overflow, which warns; and what is no number would spread."""
    expected, take = F.haar(d, size=n, rng=1), reflections.WORKSPACE.take
    for before in (1e300, np.nan):

        def filled(shape: tuple[int, ...], dtype: Any = float, before: float = before) -> np.ndarray:
            array = take(shape, dtype)
            array[...] = before
            return array

        monkeypatch.setattr(reflections.WORKSPACE, "take", filled)
        np.testing.assert_array_equal(F.haar(d, size=n, rng=1), expected)
