"""The deterministic conjugate against draws from an independent sampler, order by order."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st

from mme.ensembles import limit_law
from mme.ensembles.ginibre import expected_eigenvalues
from mme.ensembles.limit_law import (
    TABLE_BELOW,
    bulk_radius,
    deterministic_spectrum,
    modulus_density,
    modulus_distribution,
    perron_mean,
)
from mme.ensembles.mixed import Part
from mme.errors import InputError
from tests.each import each

PARTS = ("real", "modulus", "symmetric")
ANALYTIC = ("limit", "ginibre", "corrected")
DRAWS = {2: 40_000, 6: 20_000, 16: 6000, 24: 3000, 48: 1000}


@cache
def sampled(order: int) -> dict[str, np.ndarray]:
    moduli = np.abs(scipy.stats.unitary_group.rvs(order, size=DRAWS[order], random_state=order))
    eigenvalues = np.linalg.eigvals(moduli)
    squares = np.linalg.svd(moduli, compute_uv=False) ** 2
    return {"real": eigenvalues.real, "modulus": np.abs(eigenvalues), "symmetric": squares}


def distance(order: int, part: str, method: str) -> tuple[float, float]:
    """The Kolmogorov distance between draws and law, and four standard errors of it."""
    values = sampled(order)[part]
    points = np.quantile(values, np.linspace(0, 1, 401)[1:-1])
    batches = np.array_split(values, 20)
    shares = np.array([np.searchsorted(np.sort(batch, axis=None), points) / batch.size for batch in batches])
    error = shares.std(axis=0, ddof=1).max() / np.sqrt(len(shares))
    return float(
        np.abs(shares.mean(axis=0) - modulus_distribution(order, points, part, method)).max()
    ), 4 * error


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("order", DRAWS)
@pytest.mark.slow
def test_auto_agrees_with_draws(order: int, part: str) -> None:
    found, noise = distance(order, part, "auto")
    assert found <= 0.004 + noise


@pytest.mark.slow
@pytest.mark.parametrize(("part", "gain"), [("real", 1.15), ("modulus", 1.6), ("symmetric", 4)])
def test_each_method_is_better_than_the_one_before(part: str, gain: float) -> None:
    (limit, _), (ginibre, _), (corrected, _) = (distance(16, part, method) for method in ANALYTIC)
    assert limit > 1.15 * ginibre
    assert ginibre > gain * corrected


@pytest.mark.parametrize(
    ("part", "power", "low", "high"),
    [("real", 1, 0.35, 0.7), ("modulus", 0.5, 0.37, 0.4), ("symmetric", 1, 0.17, 0.24)],
)
def test_limit_errs_by_a_power_of_the_order(part: str, power: float, low: float, high: float) -> None:
    # the rim of the disc is soft over a width of 1/√N, so a share of 1/√(2πN) of the moduli lies beyond it
    points = np.linspace(-0.6, 1, 3000)
    for order in (24, 64, 256, 512):
        limit = modulus_distribution(order, points, part, "limit")
        exact = modulus_distribution(order, points, part, "corrected")
        assert low < order**power * np.abs(limit - exact).max() < high


@pytest.mark.slow
@pytest.mark.parametrize("method", [*ANALYTIC, "auto"])
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("order", [2, 3, 24, 47])
def test_shares_add_up_to_one_and_none_is_negative(order: int, part: str, method: str) -> None:
    shares = modulus_density(order, [-np.inf, *np.linspace(-2, 2 * order, 4001), np.inf], part, method)
    assert shares.sum() == pytest.approx(1, abs=1e-12)
    assert shares.min() > -1e-12


@pytest.mark.parametrize("method", ANALYTIC)
@pytest.mark.parametrize("order", [10, 1000, 4096])
def test_one_eigenvalue_is_the_perron_one(order: int, method: str) -> None:
    around = perron_mean(order) + np.array([-0.5, 0.5])
    assert order * modulus_density(order, around, "real", method).sum() == pytest.approx(1, abs=1e-6)


def test_radius_of_the_bulk() -> None:
    edges = bulk_radius() * np.array([0, 0.5, 0.9, 1, 1.1])
    shares = 4095 * modulus_density(4096, edges, "modulus") * 4096 / 4095**2
    np.testing.assert_allclose(shares, [0.25, 0.56, 0.19, 0], atol=0.01)


def test_ginibre_method_is_the_ginibre_ensemble_beside_one_eigenvalue() -> None:
    x = np.linspace(-0.6, 0.6, 13)  # far below the Perron eigenvalue
    scaled = x * np.sqrt(49 / (1 - np.pi / 4))
    found = 50 * modulus_distribution(50, x, method="ginibre")
    np.testing.assert_allclose(found, expected_eigenvalues(49, scaled), rtol=0, atol=1e-10)


@pytest.mark.parametrize("part", PARTS)
def test_periodic_pooling_repeats_orders_that_divide_the_largest(part: Part) -> None:
    edges = np.linspace(-1, 9, 200)
    periodic = deterministic_spectrum([8, 24, 24], part, pooling="periodic").expected_counts(edges)
    small, large = (deterministic_spectrum([order], part).expected_counts(edges) for order in (8, 24))
    np.testing.assert_allclose(periodic, 3 * small + 2 * large, rtol=0, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_periodic_pooling_agrees_with_draws(part: Part) -> None:
    orders, points = [6, 16, 24], np.linspace(-0.6, 8, 400)
    law = deterministic_spectrum(orders, part, pooling="periodic")
    spectra = [np.sort(sampled(order)[part][:3000], axis=1) for order in orders]
    drawn = np.concatenate([each[:, np.arange(24) % each.shape[1]] for each in spectra], axis=1)
    counted = np.searchsorted(np.sort(drawn, axis=None), points) / drawn.size
    expected = law.expected_counts([-np.inf, *points]).cumsum() / 72
    # Half of order 16 stands once more; that its edge is taken to be sharp errs by up to 0.007.
    assert np.abs(counted - expected).max() < 0.01
    plain = deterministic_spectrum(orders, part).expected_counts([-np.inf, *points]).cumsum() / sum(orders)
    assert np.abs(counted - plain).max() > 0.03


def test_two_by_two_real_parts_of_the_bulk() -> None:
    # exact: c - s ≤ x with probability (1 + x√(2 - x²))/2
    x = np.linspace(-1, 1, 9)
    np.testing.assert_allclose(modulus_distribution(2, x), (1 + x * np.sqrt(2 - x**2)) / 4, atol=0.003)


@pytest.mark.slow
def test_auto_takes_the_table_below_and_the_corrected_law_above() -> None:
    """The order that `modulus_density` names."""
    assert TABLE_BELOW == 24
    x = np.linspace(-0.5, 0.5, 11)
    for order, method in ((TABLE_BELOW - 1, "table"), (TABLE_BELOW, "corrected")):
        np.testing.assert_array_equal(
            modulus_distribution(order, x), modulus_distribution(order, x, method=method)
        )


@given(
    st.lists(st.floats(-3, 12), min_size=2, max_size=20, unique=True).map(sorted),
    st.sampled_from(PARTS),
    st.sampled_from([30, 31]),
)
@pytest.mark.slow
def test_bins_are_additive(edges: list[float], part: str, order: int) -> None:
    whole = modulus_density(order, [edges[0], edges[-1]], part)
    parts = modulus_density(order, edges, part)
    assert parts.sum() == pytest.approx(float(whole[0]), abs=1e-12)


@given(
    st.lists(st.sampled_from([24, 30, 64, 200]), min_size=1, max_size=8), st.randoms(use_true_random=False)
)
@pytest.mark.slow
def test_pooled_counts_do_not_depend_on_the_order_of_matrices(orders: list[int], random: object) -> None:
    edges = np.linspace(0, 6, 31)
    counts = deterministic_spectrum(orders).expected_counts(edges)
    np.testing.assert_allclose(
        counts, sum(n * modulus_density(n, edges) for n in orders), rtol=1e-12, atol=1e-14
    )
    shuffled = list(orders)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(deterministic_spectrum(shuffled).expected_counts(edges), counts)


def test_spectrum_describes_itself() -> None:
    spectrum = deterministic_spectrum(np.array([64, 10]), "modulus", "limit")
    described = {"orders": [64, 10], "part": "modulus", "method": "limit", "pooling": "plain"}
    assert spectrum.to_dict() == described
    assert repr(spectrum).startswith("DeterministicSpectrum(orders=(64, 10), part='modulus', method='limit'")


@each("edges", [[1.0], [], [0, 1, 1], [1, 0], [0, np.nan], [[0, 1], [2, 3]], "ab"])
def test_edges_that_do_not_ascend_are_refused(edges: object) -> None:
    with pytest.raises(InputError, match=r"edges must be .*numbers"):
        modulus_density(8, edges, method="limit")


@each("order", [1, 0, -3, 2.5, True, "4"])
def test_order_below_two_is_refused(order: object) -> None:
    with pytest.raises(InputError, match="order must be an integer of at least 2, but it is"):
        modulus_density(order, [0, 1])
    with pytest.raises(InputError, match="orders"):
        deterministic_spectrum([64, order])


def test_unknown_names_are_refused() -> None:
    with pytest.raises(InputError, match="method must be one of 'auto', 'limit', 'ginibre'"):
        deterministic_spectrum([4], method="semicircle")
    with pytest.raises(InputError, match="part must be one of 'real', 'modulus', 'symmetric'"):
        modulus_density(4, [0, 1], part="imaginary")
    with pytest.raises(InputError, match="method 'table' needs orders up to 64"):
        modulus_density(100, [0, 1], method="table")
    assert set(limit_law.METHODS) == {"auto", "limit", "ginibre", "corrected", "table"}


@pytest.mark.parametrize("part", ["real", "modulus", "symmetric"])
@pytest.mark.slow
def test_beyond_what_is_computed_the_difference_from_the_limit_stays(
    part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.linspace(-0.6, 1.2, 401)
    exact = 3000 * modulus_distribution(3000, x, part)
    monkeypatch.setitem(limit_law.LARGEST_EXACT, part, 1000)
    extrapolated = 3000 * modulus_distribution(3000, x, part)
    assert not np.array_equal(exact, extrapolated)
    missed = 0.1 if part == "symmetric" else 0.4 * (np.sqrt(3000) - np.sqrt(1000))
    np.testing.assert_allclose(extrapolated, exact, atol=missed)  # eigenvalues, of 3000
    assert (np.diff(extrapolated) >= -1e-9).all()


@each("part", PARTS)
def test_beyond_what_is_computed_no_eigenvalue_is_lost(part: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(limit_law.LARGEST_EXACT, part, 25)
        for order in (26, 27, 40):
            found = modulus_distribution(order, [-np.inf, np.inf], part, "corrected")
            np.testing.assert_allclose(found, [0, 1], rtol=0, atol=5e-14)


@pytest.mark.parametrize("order", [50_257, 262_144, 10**12])
@pytest.mark.parametrize("part", ["real", "symmetric"])
@pytest.mark.slow
def test_no_order_is_too_large(order: int, part: str) -> None:
    counts = deterministic_spectrum([order], part).expected_counts([-np.inf, 0, 1, np.inf])
    assert counts.sum() == pytest.approx(order)
    assert counts[2] == pytest.approx(1, abs=1e-6 + 1e-15 * order)  # the Perron eigenvalue alone


@each("x", [np.nan, [0.0, np.nan], [np.nan, 1.0], "words", None, [1j]])
def test_what_is_no_number_is_refused(x: object) -> None:
    with pytest.raises(InputError, match="x must be numbers, infinite ones too, but it is"):
        modulus_distribution(30, x)


def test_counts_are_kept_unless_they_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    law, edges = deterministic_spectrum([4, 9]), np.linspace(0, 2, 5)
    for most, is_kept in ((5, True), (4, False)):
        monkeypatch.setattr(limit_law, "MOST_KEPT", most)
        found = law.expected_counts(edges)
        assert (law.expected_counts(edges) is found) == is_kept
        assert not found.flags.writeable
