"""Streamed spectra are those of single layers, digit by digit, whatever the order of the work."""

import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from execute_once import ROOT

from mme.ensembles import Layer, LayerMatrixEnsemble, layer_matrix_ensemble, parallel, streaming
from mme.ensembles.parallel import Task, in_threads, validate_jobs, validate_work
from mme.ensembles.quadrature import working_bytes
from mme.errors import InputError
from mme.store import Store
from mme.weights import Checkpoint, StoredTensor
from tests.each import each

SHAPES = {
    "a": (20, 30), "big": (300, 2, 150), "b": (20, 30), "b.bias": (20,), "tall": (40, 7),
    "wide": (3, 5, 2, 2), "tall2": (40, 7), "last": (300, 310), "tiny": (2, 2),
}  # fmt: skip


@pytest.fixture
def network() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}


def measured(network: Any, dtype: str = "float64", **work: Any) -> LayerMatrixEnsemble:
    return layer_matrix_ensemble(network, dtype=dtype).measured(**work)


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 3])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_layers_have_the_same_digits_by_every_road(
    network: dict[str, np.ndarray], jobs: int, dtype: str
) -> None:
    turned = {name: np.asfortranarray(weights) for name, weights in network.items()}
    found = measured(turned, dtype, jobs=jobs)
    assert found.orders == tuple(shape[0] for name, shape in SHAPES.items() if name != "b.bias")
    assert found.structural_zeros == 66
    assert found.skipped == (("b.bias", "one axis"),)
    assert found.eigenvalues.dtype == dtype
    for layer in found.layers:
        alone = Layer(layer.name, network[layer.name], dtype)
        assert np.array_equal(layer.eigenvalues, alone.eigenvalues)
        assert (layer.eigenvalues == 0).sum() == layer.structural_zeros
        singular = np.linalg.svd(network[layer.name].reshape(layer.order, -1).astype(float), compute_uv=False)
        tolerance = (1e-12 if dtype == "float64" else 3e-6) * singular[0] ** 2
        expected = np.sort(singular**2)
        np.testing.assert_allclose(layer.eigenvalues[-len(expected) :], expected, rtol=0, atol=tolerance)


def test_blocks_of_the_gram_matrix_add_up(
    network: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = measured(network)
    monkeypatch.setattr("mme.ensembles.solvers.BLOCK_ENTRIES", 1000)
    np.testing.assert_allclose(measured(network).eigenvalues, whole.eigenvalues, rtol=0, atol=1e-10)


def test_small_layers_of_extreme_weights_are_rescaled() -> None:
    scale = 2.0**-300
    small = np.random.default_rng(0).normal(size=(3, 4, 5)) * scale
    found = measured({"a": small[0], "b": small[1], "c": small[2]})
    expected = np.concatenate([np.linalg.svd(each / scale)[1][::-1] ** 2 for each in small])
    np.testing.assert_allclose(found.eigenvalues / scale**2, expected, rtol=1e-9)


def test_rank_counts_what_is_above_rounding() -> None:
    rng = np.random.default_rng(0)
    low = rng.normal(size=(50, 3)) @ rng.normal(size=(3, 60))
    found = measured({"low": low, "full": rng.normal(size=(20, 30)), "zero": np.zeros((4, 5))})
    assert [layer.rank for layer in found.layers] == [3, 20, 0]


@each("dtype", ["float64", "float32"])
def test_rounding_is_that_of_the_longer_side_and_of_the_precision(dtype: Any) -> None:
    for times, rank in ((0.5, 1), (2.0, 2)):
        wide = np.zeros((2, 1000))
        wide[[0, 1], [0, 1]] = 3, 3 * np.sqrt(times * 1000 * np.finfo(dtype).eps)
        assert [Layer("w", each, dtype).rank for each in (wide, wide.T)] == [rank, rank]


def test_order_of_grouping_does_not_matter(
    network: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = measured(network)
    monkeypatch.setattr(streaming, "GROUP_BYTES", 1)
    monkeypatch.setattr(streaming, "IN_FLIGHT_BYTES", 1)
    np.testing.assert_allclose(measured(network).eigenvalues, one.eigenvalues, rtol=0, atol=1e-10)


def counting(network: dict[str, np.ndarray], reads: list[str]) -> Checkpoint:
    def reader(name: str) -> Callable[[], np.ndarray]:
        def read() -> np.ndarray:
            reads.append(name)
            return network[name]

        return read

    return Checkpoint(
        "counted", "test", [StoredTensor(n, a.shape, "float32", reader(n)) for n, a in network.items()]
    )


def test_what_was_computed_is_not_computed_again(
    network: dict[str, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store("spectra", folder=tmp_path)
    first = measured(network, store=store)
    monkeypatch.setattr(streaming, "spectrum_of_weights", None)  # calling it would fail
    second = measured(network, store=store)
    assert np.array_equal(first.eigenvalues, second.eigenvalues)


@pytest.mark.slow
@pytest.mark.parametrize("change", ["value", "shape", "dtype", "precision"])
def test_the_key_is_the_content(network: dict[str, np.ndarray], tmp_path: Path, change: str) -> None:
    store = Store("spectra", folder=tmp_path)
    measured(network, store=store)
    changed, dtype = dict(network), "float64"
    if change == "value":
        changed["a"] = network["a"].copy()
        changed["a"][0, 0] += 1
    elif change == "shape":
        changed["a"] = network["a"].T.copy()
    elif change == "dtype":
        changed["a"] = network["a"].astype(np.float16)
    else:
        dtype = "float32"
    kept = measured(changed, store=store, dtype=dtype)
    fresh = measured(changed, dtype=dtype)
    assert np.array_equal(kept.eigenvalues, fresh.eigenvalues)


def test_progress_counts_the_seconds_of_each_group(
    network: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[Any, ...]] = []

    def tracked(steps: Any, title: str, *, total: float, cost: Any, show: bool) -> Any:
        steps = list(steps)
        told.append(([cost(step) for step in sorted(steps, key=lambda step: step[0])], total, show))
        return steps

    monkeypatch.setattr(streaming, "tracked", tracked)
    layers = layer_matrix_ensemble(network).layers
    off = Store("spectra", enabled=False)
    groups = [group for group, _ in streaming.compute_eigenvalues(layers, 1, "cpu", off, "title")]
    [(costs, total, show)] = told
    assert costs == sorted(map(streaming.seconds_for, groups), reverse=True)
    assert len(set(costs)) == 5
    assert total == pytest.approx(streaming.seconds_for(layers))
    assert show


def test_damaged_files_are_computed_again(network: dict[str, np.ndarray], tmp_path: Path) -> None:
    store = Store("spectra", folder=tmp_path)
    first = measured(network, store=store)
    for path in store.files():
        path.write_bytes(path.read_bytes()[:-3])
    assert np.array_equal(measured(network, store=store).eigenvalues, first.eigenvalues)


def test_an_interrupted_run_goes_on(network: dict[str, np.ndarray], tmp_path: Path) -> None:
    def interrupt() -> np.ndarray:
        raise KeyboardInterrupt

    store = Store("spectra", folder=tmp_path)
    reads: list[str] = []
    broken = dict(counting(network, reads))
    broken["a"] = StoredTensor("a", SHAPES["a"], "float32", interrupt)  # large ones come first
    with pytest.raises(KeyboardInterrupt):
        measured(Checkpoint("broken", "test", broken.values()), store=store, jobs=1)
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and "ThreadPool" in thread.name:
            thread.join(10)
    assert len(store) >= 1
    kept = measured(network, store=store)
    assert np.array_equal(kept.eigenvalues, measured(network).eigenvalues)


def test_recipes_need_no_reading(tmp_path: Path) -> None:
    def forbidden() -> np.ndarray:
        raise AssertionError("was drawn again")

    def checkpoint(read: Callable[[], np.ndarray]) -> Checkpoint:
        return Checkpoint("one", "test", [StoredTensor("w", (4, 5), "float32", read, fingerprint="seed 1")])

    store = Store("spectra", folder=tmp_path)
    first = measured(checkpoint(lambda: np.eye(4, 5)), store=store)
    assert np.array_equal(measured(checkpoint(forbidden), store=store).eigenvalues, first.eigenvalues)


def test_every_recipe_of_a_group_counts(tmp_path: Path) -> None:
    def checkpoint(seed: int) -> Checkpoint:
        def read() -> np.ndarray:
            return np.random.default_rng(seed).normal(size=(4, 5))

        first = StoredTensor("a", (4, 5), "float32", lambda: np.eye(4, 5), fingerprint="one")
        return Checkpoint("two", "test", [first, StoredTensor("b", (4, 5), "f", read, fingerprint=f"{seed}")])

    store = Store("spectra", folder=tmp_path)
    first, second = (measured(checkpoint(seed), store=store).eigenvalues for seed in (1, 2))
    assert not np.allclose(first[4:], second[4:])
    assert np.array_equal(second, measured(checkpoint(2)).eigenvalues)


def test_what_has_no_recipe_is_told_by_its_numbers(tmp_path: Path) -> None:
    store = Store("spectra", folder=tmp_path)
    known = StoredTensor("a", (4, 5), "float32", lambda: np.eye(4, 5), fingerprint="one")
    for scale in (1.0, 2.0):
        other = StoredTensor("b", (4, 5), "float64", lambda scale=scale: scale * np.eye(4, 5))
        found = measured(Checkpoint("two", "test", [known, other]), store=store)
        assert found.eigenvalues.tolist() == [1.0] * 4 + [scale**2] * 4


def test_devices_do_not_share_what_they_computed(network: dict[str, np.ndarray], tmp_path: Path) -> None:
    pytest.importorskip("torch")
    store = Store("spectra", folder=tmp_path)
    measured(network, store=store)
    kept = len(store)
    measured(network, store=store, device="cpu:0")
    assert len(store) == 2 * kept


def test_numbers_and_recipes_are_kept_for_what_was_asked_of_them(tmp_path: Path) -> None:
    """The same octets stand for other numbers in another shape or order, a recipe in another precision."""
    pytest.importorskip("torch")
    store = Store("spectra", folder=tmp_path)
    floats = np.random.default_rng(0).integers(0x30, 0x3C, (4, 12), np.uint8).view("<f2")  # or, turned round:
    for weights in (floats, floats.reshape(6, 4), floats.view(">f2")):
        kept = measured({"w": weights}, store=store).layers[0].eigenvalues
        np.testing.assert_allclose(kept, measured({"w": weights}).layers[0].eigenvalues, rtol=1e-12)
    before = len(store)
    drawn = StoredTensor("w", (4, 6), "float32", lambda: floats, fingerprint="seed 1")
    ways: tuple[dict[str, str], ...] = ({}, {"dtype": "float32"}, {"device": "cpu:0"})
    for work in ways:
        found = measured(Checkpoint("one", "test", [drawn]), store=store, **work)
        assert found.eigenvalues.dtype == work.get("dtype", "float64")
    assert len(store) == before + 3


def test_estimates_are_kept_by_layer_precision_and_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name of a layer draws its probes."""
    store = Store("spectra", folder=tmp_path)
    weights = np.random.default_rng(0).normal(size=(70, 90)) / 9

    def estimated(name: str, dtype: str, store: Store) -> list[float]:
        given = StoredTensor(name, (70, 90), "float64", lambda: weights, fingerprint="seed 1")
        one = layer_matrix_ensemble(Checkpoint("one", "test", [given]), dtype=dtype, estimate=64)  # type: ignore[arg-type]
        values: list[float] = one.measured(store=store).layers[0].estimates.ravel().tolist()
        return values

    off = Store("spectra", enabled=False)
    for kept, (name, dtype) in enumerate([("a", "float64"), ("b", "float64"), ("a", "float32")], 1):
        assert estimated(name, dtype, store) == estimated(name, dtype, off)
        assert len(store) == kept
    monkeypatch.setattr(streaming, "RECIPE", "another")
    estimated("a", "float64", store)
    assert len(store) == 4


def test_few_weights_are_in_memory_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    alive: set[int] = set()
    most = 0

    class Counted(np.ndarray):
        pass

    def read() -> np.ndarray:
        nonlocal most
        array = np.ones((300, 301)).view(Counted)
        number = id(array)
        alive.add(number)
        weakref.finalize(array, alive.discard, number)
        most = max(most, len(alive))
        return array

    monkeypatch.setattr(streaming, "IN_FLIGHT_BYTES", 4 * 300 * 301)
    tensors = [StoredTensor(f"l{number}", (300, 301), "float64", read) for number in range(12)]
    measured(Checkpoint("many", "test", tensors), jobs=4)
    assert most <= 3


def test_bad_weights_are_named(network: dict[str, np.ndarray]) -> None:
    network["tall"][1, 1] = np.nan
    with pytest.raises(InputError, match=r"layer 'tall' has NaN or infinite weights \(1 of 280\)"):
        measured(network)
    with pytest.raises(InputError, match="overflow"):
        measured({"huge": np.full((300, 300), 1e300)})


@each("jobs", [0, -1, 1.5, True, "two"])
def test_jobs_must_be_positive(jobs: object) -> None:
    with pytest.raises(InputError, match="jobs must be an integer of at least 1"):
        validate_jobs(jobs)


def test_a_device_of_torch_gives_the_same(network: dict[str, np.ndarray]) -> None:
    pytest.importorskip("torch")
    here, there = measured(network), measured(network, device="cpu:0")
    np.testing.assert_allclose(there.eigenvalues, here.eigenvalues, rtol=0, atol=1e-10)
    with pytest.raises(InputError, match="device 'nowhere' cannot compute"):
        measured(network, device="nowhere")


@pytest.mark.slow
def test_thousands_of_tiny_layers_in_moderate_time() -> None:
    tiny = np.random.default_rng(0).normal(size=(5000, 3, 2))
    found = measured({f"l{number}": each for number, each in enumerate(tiny)})
    singular = np.linalg.svd(tiny, compute_uv=False)
    assert found.structural_zeros == 5000
    np.testing.assert_allclose(
        found.eigenvalues.reshape(5000, 3)[:, 1:], singular[:, ::-1] ** 2, rtol=1e-6, atol=1e-12
    )


def test_nothing_is_read_before_a_spectrum_is_asked_for_and_then_once(network: dict[str, np.ndarray]) -> None:
    reads: list[str] = []
    ensemble = layer_matrix_ensemble(counting(network, reads))
    assert ensemble.name == "counted"
    assert len(ensemble.orders) == 8
    assert reads == []
    first = ensemble.layers[0].eigenvalues
    assert reads == ["a"]
    assert ensemble.eigenvalues[:20].tolist() == first.tolist()
    assert sorted(reads) == sorted(name for name in SHAPES if name != "b.bias")
    for kept in (first, ensemble.layers[1].eigenvalues):  # of one layer, and of a group of them
        with pytest.raises(ValueError, match="read-only"):
            kept[0] = 1


def test_a_layer_tells_its_line() -> None:
    tensor = StoredTensor("fc", (3, 1, 2), "float32", lambda: np.array([[[2, 0]], [[0, 0]], [[0, 0.5]]]))
    line = layer_matrix_ensemble({"fc": tensor}).to_dict()["layers"][0]
    assert line == {
        "name": "fc", "shape": [3, 1, 2], "order": 3, "columns": 2, "rank": 2, "structural_zeros": 1,
        "largest_eigenvalue": 4.0, "note": getattr(tensor, "note", ""), "estimated": False,
    }  # fmt: skip


def test_a_layer_of_a_list_is_that_of_its_array() -> None:
    assert Layer("w", [[3, 0], [0, 2]]).eigenvalues.tolist() == [4, 9]
    assert Layer("w", np.diag([3, 2])).eigenvalues.tolist() == [4, 9]


def test_memory_is_that_of_what_is_held() -> None:
    """Beside Python: the weights, half of them again while they are read, and what the solver takes."""
    exact = layer_matrix_ensemble({"a": np.ones((1000, 2000)), "b": np.ones((1000, 2000))})
    solver = 8 * (2 * 1000**2 + 2**20)
    for jobs in (1, 2):
        found = streaming.memory_for(exact.layers, jobs) - streaming.PYTHON_BYTES
        assert found == jobs * (6 * 2_000_000 + solver) + 2 * 8 * 2000
    sides = layer_matrix_ensemble({"a": np.ones((9, 9)), "b": np.ones((1000, 2000)), "c": np.ones((9, 9))})
    found = streaming.memory_for(sides.layers, 1) - streaming.PYTHON_BYTES
    assert found == 6 * 2_000_000 + solver + 2 * 8 * 1018  # the largest alone

    def read() -> np.ndarray:
        raise AssertionError("nothing is read to tell what it takes")

    read.rows = read  # type: ignore[attr-defined]
    (layer,) = layer_matrix_ensemble(
        Checkpoint("net", "made here", [StoredTensor("a", (9000, 8000), "float32", read)]), estimate=4096
    ).layers
    sides = {"a": np.ones((64, 90)), "b": np.ones((90, 65)), "c": np.ones((63, 99))}
    estimated = [each.estimated for each in layer_matrix_ensemble(sides, estimate=64).layers]
    assert estimated == [False, True, False]
    # 64 steps for 9000 · 8000 numbers of 64 bits, each 7·10⁻¹¹ s.
    assert streaming.seconds_for([layer]) == pytest.approx(7e-11 * 64 * 64 * 9000 * 8000)
    assert streaming.seconds_for(exact.layers) == pytest.approx(2 * (1.6e-11 * 2e9 + 9.5e-11 * 1e9))
    assert 2**27 < streaming.PYTHON_BYTES < 2**29  # a quarter of a gigabyte, as a fresh interpreter takes
    least, most = (streaming.memory_for([layer], 1, is_held) for is_held in (False, True))
    assert most - least == 6 * 9000 * 8000
    kept = 2 * 8 * streaming.ESTIMATES * 9000
    size, _ = streaming._task([layer], "cpu", np.linalg.eigvalsh, Store("spectra", enabled=False))
    assert size == least - streaming.PYTHON_BYTES - kept
    assert least > streaming.PYTHON_BYTES + 8 * 8000 * 64 * 16  # the Krylov space
    assert least == streaming.PYTHON_BYTES + working_bytes(8000, 9000, 8) + kept


@each("module, name", [("mme.ensembles.parallel", "one_thread"), ("mme.cli.many", "_one_thread")])
def test_blas_has_one_thread_also_where_it_is_loaded_later(module: str, name: str) -> None:
    """SciPy has its own, which comes with what a first task is to compute."""
    program = f"""
from {module} import {name}
kept = {name}()
import scipy.linalg
from threadpoolctl import threadpool_info
print({{each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}})
"""
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=os.environ | dict.fromkeys(names, "2"),
        capture_output=True, text=True,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("{1}\n", "")


def test_so_many_bytes_and_so_many_tasks_are_in_flight() -> None:
    """A task is prepared when there is room for it, and not before."""
    size, most, held = 2**21, 0, 0

    def prepare() -> Callable[[], int]:
        nonlocal most, held
        held += 1
        most = max(most, held)
        return lambda: 0

    for jobs, memory, expected in ((4, 2 * size, 2), (4, 2 * size - 1, 1), (2, 20 * size, 4)):
        most = held = 0
        for _ in in_threads([(size, prepare)] * 12, jobs, memory):
            held -= 1
        assert (most, held) == (expected, 0)


def test_what_waits_is_given_up_with_the_rest() -> None:
    go, begun, before = threading.Event(), list[int](), set(threading.enumerate())

    def tasks() -> Iterator[Task[object]]:
        yield 2**21, lambda: lambda: go.wait(60)
        yield 2**21, lambda: lambda: begun.append(2)
        raise InterruptedError

    with pytest.raises(InterruptedError):
        list(in_threads(tasks(), 1, 2**30))
    assert not go.is_set()
    go.set()
    for thread in set(threading.enumerate()) - before:
        thread.join(60)
    assert begun == []


def test_without_a_store_nothing_is_kept() -> None:
    assert not validate_work(None, None, False)[1].enabled


def test_one_job_takes_small_tasks_itself() -> None:
    def prepare() -> Callable[[], bool]:
        return lambda: threading.current_thread() is threading.main_thread()

    tasks = [(size, prepare) for size in (0, 2**20, 2**20 + 1)]
    assert dict(in_threads(tasks, 1, 2**30)) == {0: True, 1: True, 2: False}


def test_the_first_estimate_stands_for_the_eigenvalues() -> None:
    weights = np.random.default_rng(0).normal(size=(70, 90))
    for dtype in ("float64", "float32"):
        (layer,) = layer_matrix_ensemble({"a": weights}, estimate=64, dtype=dtype).measured().layers
        assert layer.eigenvalues.tolist() == layer.estimates[0].tolist() != layer.estimates[1].tolist()
        alone = Layer("a", weights, dtype, 64).estimates
        assert (alone.dtype, alone.tolist()) == (dtype, layer.estimates.tolist())


def test_what_is_measured_is_read_only(network: dict[str, np.ndarray]) -> None:
    for layer in measured(network).layers:
        with pytest.raises(ValueError, match="read-only"):
            layer.eigenvalues[0] = 1


def test_libraries_are_looked_for_anew_when_something_was_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    class Controller:
        def __init__(self) -> None:
            made.append(self)

        def limit(self, limits: int) -> int:
            return limits

    parallel.one_thread()  # imports what it needs
    monkeypatch.setattr(parallel, "ThreadpoolController", Controller)
    parallel._libraries.cache_clear()
    try:
        assert [parallel.one_thread() for _ in range(3)] == [1, 1, 1]
        assert len(made) == 1
        monkeypatch.setitem(sys.modules, "made_up", sys)
        parallel.one_thread()
        assert len(made) == 2
    finally:
        parallel._libraries.cache_clear()
