"""Shared draws: the law of Definition 2, independent within a network, the same for the next one."""

from pathlib import Path

import numpy as np
import pytest

from mme.comparison import circular
from mme.comparison.circular import SharedCircularEnsemble
from mme.comparison.store import SpectrumStore
from mme.ensembles import SampledCircularEnsemble, pooled_spectrum
from mme.errors import InputError

ORDERS = (6, 40, 6, 9)


def test_shapes_and_sums() -> None:
    found = list(SharedCircularEnsemble(ORDERS, draws=3).spectra())
    assert [spectrum.eigenvalues.shape for spectrum in found] == [(3, order) for order in ORDERS]
    # The trace of |U| is the sum of the real parts: about N · √(π/4N).
    assert all((spectrum.eigenvalues.sum(axis=1) > 0).all() for spectrum in found)


@pytest.mark.parametrize("part", ["real", "modulus", "symmetric"])
def test_the_law_is_that_of_separate_draws(part: str) -> None:
    draws = 1000
    shared = next(SharedCircularEnsemble([5], draws=draws, seed=2).spectra(part)).eigenvalues
    apart = next(SampledCircularEnsemble((5,), draws=draws, rng=3).spectra(part)).eigenvalues
    for moment in (1, 2):
        ours, theirs = (shared**moment).mean(axis=1), (apart**moment).mean(axis=1)
        error = np.hypot(ours.std(), theirs.std()) / np.sqrt(draws)
        assert abs(ours.mean() - theirs.mean()) < 4 * error


def test_matrices_of_one_network_differ() -> None:
    first, _, third, _ = SharedCircularEnsemble(ORDERS, draws=2).spectra()
    assert not np.isclose(first.eigenvalues, third.eigenvalues).any()
    assert not np.isclose(first.eigenvalues[0], first.eigenvalues[1]).any()
    assert not np.isclose(np.sort(first.eigenvalues[0]), np.sort(third.eigenvalues[1])).any()


def test_networks_share_draws_whatever_else_they_hold() -> None:
    one = list(SharedCircularEnsemble([9, 6, 6], draws=2).spectra())
    other = list(SharedCircularEnsemble(ORDERS, draws=2).spectra())
    assert np.array_equal(one[1].eigenvalues, other[0].eigenvalues)
    assert np.array_equal(one[2].eigenvalues, other[2].eigenvalues)
    assert np.array_equal(one[0].eigenvalues, other[3].eigenvalues)
    more = next(SharedCircularEnsemble([9], draws=3).spectra())
    assert np.array_equal(more.eigenvalues[:2], one[0].eigenvalues)


def test_jobs_do_not_change_anything() -> None:
    one, many = (pooled_spectrum(SharedCircularEnsemble(ORDERS, jobs=jobs)) for jobs in (1, 3))
    assert np.array_equal(one.eigenvalues, many.eigenvalues)


def test_a_sequence_goes_on_beyond_its_first_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circular, "BLOCK", 12)  # two matrices of order 6
    found = np.stack([each.eigenvalues for each in SharedCircularEnsemble([6] * 7, draws=1).spectra()])
    assert len(np.unique(found.round(9), axis=0)) == 7


def test_settings_and_seeds_do_not_mix(tmp_path: Path) -> None:
    store = SpectrumStore(tmp_path)
    settings = [
        {}, {"seed": 1}, {"circular": "COE"}, {"construction": "eigenvectors"}, {"dtype": "float32"},
    ]  # fmt: skip
    found = [
        next(SharedCircularEnsemble([8], 1, store=store, **each).spectra()).eigenvalues  # type: ignore[arg-type]
        for each in settings
    ]
    moduli = next(SharedCircularEnsemble([8], 1, store=store).spectra("modulus")).eigenvalues
    assert all(not np.array_equal(found[0], other) for other in [*found[1:], moduli])
    np.testing.assert_allclose(found[4], found[0], atol=1e-5)  # the same draw in single precision
    assert found[4].dtype == np.float32
    again = [
        next(SharedCircularEnsemble([8], 1, **each).spectra()).eigenvalues  # type: ignore[arg-type]
        for each in settings
    ]
    assert all(np.array_equal(a, b) for a, b in zip(found, again, strict=True))


def test_kept_draws_are_not_drawn_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SpectrumStore(tmp_path)
    first = pooled_spectrum(SharedCircularEnsemble(ORDERS, store=store))
    monkeypatch.setattr(circular, "SampledCircularEnsemble", lambda orders, draws, *rest: Draws(draws))
    second = pooled_spectrum(SharedCircularEnsemble(ORDERS, store=store))
    assert np.array_equal(first.eigenvalues, second.eigenvalues)


class Draws:
    def __init__(self, draws: int) -> None:
        self.draws = draws

    def spectra(self, part: str) -> None:
        raise AssertionError("drawn again")


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"seed": -1}, "seed must be an integer of at least 0"),
        ({"seed": 1.5}, "seed must be an integer"),
        ({"draws": 0}, "draws must be an integer of at least 1"),
        ({"circular": "GUE"}, "ensemble must be one of"),
        ({"orders": [1]}, "orders must be integers of at least 2"),
        ({"jobs": 0}, "jobs must be"),
    ],
)
def test_refuses(settings: dict[str, object], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        SharedCircularEnsemble(**({"orders": [3]} | settings))  # type: ignore[arg-type]
