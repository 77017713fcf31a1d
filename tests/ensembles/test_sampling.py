"""Drawn spectra: the same with any number of threads and from the store, and what they take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mme.ensembles import (
    SampledCircularEnsemble,
    circular,
    circular_mixed_ensemble,
    pooled_spectrum,
    sampling,
)
from mme.ensembles.sampling import sampling_cost
from mme.errors import InputError
from mme.store import Store
from tests.each import each

ORDERS = (6, 40, 6, 9)


def eigenvalues(part: str = "real", **settings: Any) -> np.ndarray:
    sampled = SampledCircularEnsemble(**({"orders": ORDERS, "draws": 3, "rng": 1} | settings))
    return pooled_spectrum(sampled, part=part).eigenvalues


def test_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    one = eigenvalues(jobs=1)
    assert np.array_equal(one, eigenvalues(jobs=3))
    monkeypatch.setattr(sampling, "IN_FLIGHT_BYTES", 1)
    assert np.array_equal(one, eigenvalues(jobs=3))


def test_as_many_are_drawn_at_a_time_as_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn, draw = [], sampling.draw_unitaries
    monkeypatch.setattr(circular, "BATCH_ENTRIES", 2 * 6**2)
    monkeypatch.setattr(sampling, "draw_unitaries", lambda *given: drawn.append(given[2:4]) or draw(*given))
    eigenvalues(orders=(6, 9), draws=5)
    assert drawn == [(6, 2), (6, 2), (6, 1), *[(9, 1)] * 5]


def test_what_is_in_flight_is_counted_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    told, work = [], sampling.in_threads
    monkeypatch.setattr(circular, "BATCH_ENTRIES", 2 * 6**2)
    monkeypatch.setattr(
        sampling, "in_threads", lambda tasks, *limits: work([told.append(t[0]) or t for t in tasks], *limits)
    )
    eigenvalues(orders=(6, 9), draws=3)
    assert told == [np.empty(shape).nbytes for shape in ((2, 6, 6), (1, 6, 6), *[(9, 9)] * 3)]


def test_progress_counts_what_eigenvalues_cost_and_that_of_shared_draws_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[tuple[Any, ...]] = []

    def tracked(steps: Any, title: str, *, total: float, cost: Any = lambda _: 1, show: bool) -> Any:
        steps = list(steps)
        told.append((sorted(map(cost, steps)), total, show))
        return steps

    monkeypatch.setattr(circular, "BATCH_ENTRIES", 2 * 6**2)
    monkeypatch.setattr(sampling, "tracked", tracked)
    for show in (True, False):
        eigenvalues(orders=(6, 9), draws=3, progress=show)
        assert told.pop() == ([6**3, 2 * 6**3, *[9**3] * 3], 3 * (6**3 + 9**3), show)
    eigenvalues(orders=(6, 9), shared=True, progress=True)
    assert [show for _, _, show in told] == [True, False, False]


@pytest.mark.slow
def test_settings_and_seeds_do_not_mix(tmp_path: Path) -> None:
    store = Store("spectra", folder=tmp_path)
    settings: list[dict[str, Any]] = [
        {}, {"rng": 2}, {"circular": "COE"}, {"construction": "haar"}, {"dtype": "float32"},
        {"part": "modulus"}, {"orders": (40, 6, 6, 9)},
    ]  # fmt: skip
    kept = [eigenvalues(**each, store=store) for each in settings]
    assert len(store) == len(settings)
    for other in kept[1:]:
        assert not np.array_equal(kept[0], other)
    np.testing.assert_allclose(kept[4], kept[0], atol=1e-5)  # the same draw in single precision
    assert kept[4].dtype == np.float32
    for given, spectrum in zip(settings, kept, strict=True):
        assert np.array_equal(eigenvalues(**given), spectrum)


def test_what_was_drawn_from_a_seed_is_not_drawn_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store("spectra", folder=tmp_path)
    first = eigenvalues(store=store)
    monkeypatch.setattr(sampling, "draw_unitaries", None)  # calling it would fail
    assert np.array_equal(eigenvalues(store=store, jobs=2), first)
    with pytest.raises(TypeError):
        eigenvalues(store=store, rng=np.random.default_rng(1))  # a generator goes on, so nothing is kept


def test_a_generator_goes_on() -> None:
    sampled = SampledCircularEnsemble([5], 2, np.random.default_rng(0))
    first, second = (next(sampled.spectra()).eigenvalues for _ in range(2))
    assert not np.isclose(first, second).any()


def test_without_a_seed_nothing_is_kept(tmp_path: Path) -> None:
    ensemble = SampledCircularEnsemble([4], store=Store("test", folder=tmp_path))
    first, again = (next(ensemble.spectra()).eigenvalues for _ in range(2))
    assert (first != again).all()
    assert list(tmp_path.rglob("*.*")) == []


def test_equal_settings_are_equal_however_they_are_worked_on() -> None:
    one, other = SampledCircularEnsemble([5, 4], 2, rng=3), SampledCircularEnsemble((5, 4), 2, rng=3, jobs=2)
    assert one == other
    assert one != SampledCircularEnsemble([5, 4], 2, rng=4)
    drawn = [SampledCircularEnsemble([5], 2, np.random.default_rng(seed)) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert repr(SampledCircularEnsemble([5])) == "SampledCircularEnsemble(CUE, 1 matrix of order 5, 1 draw)"


def test_how_it_is_worked_on_is_no_part_of_it(tmp_path: Path) -> None:
    told = {
        "orders": [5, 4],
        "draws": 2,
        "rng": 3,
        "circular": "COE",
        "construction": "haar",
        "dtype": "float32",
        "shared": False,
    }
    plain = SampledCircularEnsemble(**told)
    assert (plain.jobs, plain.store, plain.progress) == (None, None, False)
    assert plain.to_dict() == told
    for settings in ({"jobs": 2}, {"store": Store("test", folder=tmp_path)}, {"progress": True}):
        other = SampledCircularEnsemble(**told, **settings)
        assert other == plain
        assert hash(other) == hash(plain)
        assert other.to_dict() == told
    with pytest.raises(TypeError, match="positional argument"):
        SampledCircularEnsemble(*told.values(), 2)  # type: ignore[misc]


def test_the_estimate_grows_as_the_work_does() -> None:
    one = sampling_cost([512], 1)
    assert sampling_cost([1024], 1).seconds == pytest.approx(8 * one.seconds)
    assert sampling_cost([512] * 3, 2).seconds == pytest.approx(6 * one.seconds)
    assert sampling_cost([512], 1, circular="CSE").seconds == pytest.approx(8 * one.seconds)
    assert sampling_cost([512], construction="eigenvectors").bytes > 2 * one.bytes
    assert 1 < sampling_cost([2048], 1).seconds < 60
    many = sampling_cost([2] * 1000, 500).bytes  # nearly all of them for the eigenvalues
    assert many == pytest.approx(8 * 2 * 1000 * 500, rel=1e-3)


@each("draw", [SampledCircularEnsemble, circular_mixed_ensemble])
def test_what_does_not_fit_in_memory_is_not_begun(draw: Any) -> None:
    with pytest.raises(InputError, match=r"orders and draws must fit in memory, .* GB here; use"):
        draw([10**6], rng=0)
    with pytest.raises(InputError, match="draws must be an integer from 1 to 1000000"):
        draw([2], rng=0, draws=10**9)


@each(
    "settings, complaint",
    [
        ({"jobs": 0}, "jobs must be an integer of at least 1"),
        ({"store": "here"}, "store must be None or an"),
        ({"rng": -1}, "rng must be None, a non-negative integer"),
        ({"dtype": "float16"}, "dtype must be one of"),
        ({"orders": range(2, 10**9)}, "orders must be a list of 1 to 1000000 integers"),
    ],
)
def test_refuses(settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        eigenvalues(**settings)


def test_ensembles_that_share_orders_share_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, settings = Store("spectra", folder=tmp_path), {"draws": 3, "shared": True}
    monkeypatch.setattr(circular, "BATCH_ENTRIES", 2 * 6**2)  # two batches of order 6
    one = SampledCircularEnsemble((6, 9, 6), rng=1, **settings)
    first = [each.eigenvalues for each in one.spectra()]
    other = SampledCircularEnsemble((9, 4, 6), rng=1, **settings, store=store, jobs=2)
    second = [each.eigenvalues for each in other.spectra()]
    assert np.array_equal(second[0], first[1])
    assert np.array_equal(second[2], first[0])
    assert not np.isclose(first[0], first[2]).any()  # two matrices of one network are independent
    assert not np.isclose(first[0][0], first[0][2]).any()
    third = next(SampledCircularEnsemble((6,), rng=2, **settings).spectra())
    assert not np.isclose(third.eigenvalues, first[0]).any()
    monkeypatch.setattr(sampling, "draw_unitaries", None)  # calling it would fail
    again = SampledCircularEnsemble((6, 9), rng=1, **settings, store=store)
    assert np.array_equal(pooled_spectrum(again).eigenvalues, np.sort(np.hstack([first[0], first[1]])))


def test_shared_draws_have_the_law_of_others() -> None:
    shared, free = (
        SampledCircularEnsemble((12,) * 40, 25, rng=5, construction="haar", shared=shared)
        for shared in (True, False)
    )
    means = [
        np.array([(each.eigenvalues[:, :-1] ** 2).mean() for each in one.spectra()]) for one in (shared, free)
    ]
    error = np.hypot(*(each.std(ddof=1) / np.sqrt(len(each)) for each in means))
    assert abs(means[0].mean() - means[1].mean()) < 4 * error


def test_only_what_a_seed_makes_is_shared() -> None:
    with pytest.raises(InputError, match="rng must be a seed where draws are shared, but it is None"):
        SampledCircularEnsemble((6,), shared=True)


def test_shared_draws_follow_from_the_seed_the_order_and_how_often_it_came_before() -> None:
    shared = SampledCircularEnsemble((6, 9, 6, 6), 2, rng=5, shared=True)
    for (order, before), found in zip(((6, 0), (9, 0), (6, 1), (6, 2)), shared.spectra(), strict=True):
        seed = int(np.random.default_rng([5, order, before]).integers(2**63))
        alone = next(SampledCircularEnsemble((order,), 2, rng=seed).spectra())
        np.testing.assert_array_equal(found.eigenvalues, alone.eigenvalues)
