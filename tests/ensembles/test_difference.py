"""Definition 5: Δ(ε), its variance and noise against plain NumPy and simulation, and both criteria."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st

from mme.ensembles import (
    CircularSpectralDifference,
    MixedMatrixEnsemble,
    PooledSpectrum,
    SampledCircularEnsemble,
    circular_mixed_ensemble,
    circular_spectral_difference,
    conjugacy,
    conjugate_spectrum,
    deterministic_spectrum,
    layer_matrix_ensemble,
    noise_floor,
    pooled_spectrum,
    spectral_density,
    spectral_difference,
)
from mme.ensembles.conjugate import spectrum_of
from mme.errors import InputError
from tests.each import each

RNG = np.random.default_rng(0)
# Shapes with and without structural zeros; entries of the size that a trained layer has.
NETWORK = {
    "first": RNG.normal(size=(12, 3, 3, 3)) / 4,
    "second": RNG.normal(size=(20, 12)) / 3,
    "third": RNG.normal(size=(16, 8)) / 2,
}
ORDERS = (12, 20, 16)


def histogram(values: np.ndarray, edges: np.ndarray, total: float | None = None) -> np.ndarray:
    """A density over bins, without mme."""
    counts, _ = np.histogram(values, edges)
    return counts / ((counts.sum() if total is None else total) * np.diff(edges))


def network_eigenvalues() -> np.ndarray:
    matrices = [weights.reshape(len(weights), -1) for weights in NETWORK.values()]
    values = [np.linalg.svd(matrix, compute_uv=False) ** 2 for matrix in matrices]
    missing = [len(matrix) - len(value) for matrix, value in zip(matrices, values, strict=True)]
    return np.concatenate([*values, np.zeros(sum(missing))])


def circular_eigenvalues(draws: int, seed: int) -> np.ndarray:
    """Real parts of the eigenvalues of every |U|, shape (draws, n)."""
    moduli = circular_mixed_ensemble(ORDERS, rng=seed, draws=draws).matrices
    return np.concatenate([np.linalg.eigvals(modulus).real for modulus in moduli], axis=-1)


def spectrum(values: Any) -> PooledSpectrum:
    return PooledSpectrum(np.asarray(values, dtype=float), 0, (len(np.atleast_2d(values)[0]),))


# --- Δ and what is computed from it ---------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("normalise", ["window", "positive", "all"])
@pytest.mark.parametrize(("window", "bins"), [((0.0, 6.0), 1000), ((0.0, 2.0), 40), ((0.3, 1.7), 11)])
def test_against_plain_numpy(window: tuple[float, float], bins: int, normalise: str) -> None:
    draws, seed = 4, 5
    csd = circular_spectral_difference(
        NETWORK, "sampled", draws=draws, rng=seed, construction="eigenvectors", window=window, bins=bins,
        normalise=normalise,
    )  # fmt: skip
    edges = np.linspace(*window, bins + 1)

    def total(values: np.ndarray) -> float | None:
        return {"window": None, "positive": float((values >= 0).sum()), "all": float(len(values))}[normalise]

    network, circular = network_eigenvalues(), circular_eigenvalues(draws, seed)
    rho = histogram(network, edges, total(network))
    differences = np.stack([rho - histogram(draw, edges, total(draw)) for draw in circular])
    assert csd.differences == pytest.approx(differences, abs=1e-9)
    assert csd.difference == pytest.approx(differences.mean(axis=0), abs=1e-9)
    assert csd.cumulative == pytest.approx(np.add.accumulate(differences.mean(axis=0)), abs=1e-7)
    variances = [((draw - draw.mean()) ** 2).sum() / bins for draw in differences]
    assert csd.variances == pytest.approx(variances)
    assert csd.variance == pytest.approx(sum(variances) / draws)
    assert csd.standard_error == pytest.approx(scipy.stats.sem(variances))


def test_shapes() -> None:
    csd = circular_spectral_difference(NETWORK, "sampled", rng=0, draws=3, bins=50)
    assert csd.differences.shape == (3, 50)
    assert csd.difference.shape == csd.cumulative.shape == csd.centres.shape == (50,)
    assert csd.edges.shape == (51,)
    assert csd.variances.shape == (3,)
    assert csd.centres == pytest.approx(np.arange(0.06, 6, 0.12))
    assert csd.width == pytest.approx(0.12)
    assert circular_spectral_difference(NETWORK, "sampled", rng=0).differences.shape == (5, 1000)


@pytest.mark.slow
@given(
    first=st.lists(st.floats(0, 5), min_size=2, max_size=40),
    second=st.lists(st.floats(0, 5), min_size=2, max_size=40),
    bins=st.integers(1, 60),
    normalise=st.sampled_from(["window", "positive", "all"]),
)
def test_antisymmetry(first: list[float], second: list[float], bins: int, normalise: str) -> None:
    a, b = spectrum(first), spectrum(second)
    forth = circular_spectral_difference(a, b, bins=bins, normalise=normalise)
    back = circular_spectral_difference(b, a, bins=bins, normalise=normalise)
    assert np.array_equal(forth.differences, -back.differences)
    assert np.array_equal(forth.cumulative, -back.cumulative)
    assert forth.variance == back.variance
    assert forth.noise_floor == pytest.approx(back.noise_floor)
    assert not circular_spectral_difference(a, a, bins=bins).differences.any()


def test_a_difference_by_hand() -> None:
    """Heights 3/6, 0, 0 against 3/10, 2/10, 0; two of the first are structural zeros, and one is beyond."""
    first = PooledSpectrum([0.0, 0.0, 1.0, 7.0], structural_zeros=2)
    found = circular_spectral_difference(first, PooledSpectrum([0.5, 1.0, 1.0, 3.0, 3.0, 9.0]), bins=3)
    np.testing.assert_allclose(found.differences, [[0.2, -0.2, 0]], rtol=1e-14, atol=1e-16)
    np.testing.assert_array_equal(found.edges, [0, 2, 4, 6])
    assert (found.counts, found.sampled) == ((3, 3), False)  # two of the five come in pairs
    assert (found.inside, found.inside_nonzero) == (0.75, 0.5)
    assert found.variance == found.variance_without_noise == pytest.approx(0.08 / 3)
    assert (found.standard_error, found.standard_error_without_noise, found.sampling_noise) == (0, 0, 0)
    assert found.noise_floor == pytest.approx((1 / 3 + 1 / 3) / (2 * 6))
    assert found.largest_cumulative == pytest.approx(0.2 * 2)


def test_shares_are_of_the_window_that_is_given() -> None:
    """From 0 on, two zeros and 1 are below 2, and 1 alone is above ½."""
    first = PooledSpectrum([0.0, 0.0, 1.0, 3.0, 7.0], structural_zeros=2)
    for window, shares in (((0, 2), (3 / 5, 1 / 3)), ((0.5, 2), (1 / 5, 1 / 3)), ((0, 8), (1, 1))):
        found = circular_spectral_difference(first, PooledSpectrum([1.0, 1.5]), window=window, bins=2)
        assert (found.inside, found.inside_nonzero) == pytest.approx(shares)


def test_antisymmetry_with_draws() -> None:
    circular = SampledCircularEnsemble(ORDERS, 4, rng=3)
    layers = layer_matrix_ensemble(NETWORK)
    forth, back = (circular_spectral_difference(*pair) for pair in ((layers, circular), (circular, layers)))
    assert np.array_equal(forth.differences, -back.differences)
    assert (forth.variance, forth.standard_error) == (back.variance, back.standard_error)
    assert forth.counts == back.counts[::-1]


@pytest.mark.slow
@given(
    first=st.lists(st.floats(-1, 9), min_size=2, max_size=40),
    second=st.lists(st.floats(-1, 9), min_size=2, max_size=40),
    bins=st.integers(1, 200),
)
def test_cumulative_sum_ends_at_zero_for_any_two_spectra(
    first: list[float], second: list[float], bins: int
) -> None:
    a, b = spectrum([*first, 3.0]), spectrum([*second, 2.0])
    csd = circular_spectral_difference(a, b, bins=bins)
    assert csd.cumulative[-1] * csd.width == pytest.approx(0, abs=1e-12)
    assert conjugacy(a, b, bins=bins).holds_as_printed


def test_cumulative_sum_is_the_distance_of_distribution_functions() -> None:
    first, second = RNG.exponential(size=300), RNG.uniform(0, 4, size=200)
    csd = circular_spectral_difference(spectrum(first), spectrum(second), normalise="all")
    steps = [
        np.searchsorted(np.sort(values), csd.edges[1:], side="left") / len(values)
        for values in (first, second)
    ]
    assert csd.cumulative * csd.width == pytest.approx(steps[0] - steps[1], abs=1e-12)
    # the exact distance lies between the one at the edges and that plus a bin's worth
    exact = scipy.stats.ks_2samp(first, second).statistic
    assert csd.largest_cumulative <= exact + 1e-12
    assert csd.largest_cumulative == pytest.approx(exact, abs=0.02)


def test_pooling_and_part_apply_to_both_spectra() -> None:
    circular = circular_mixed_ensemble(ORDERS, rng=1)
    for part, pooling in (("modulus", "plain"), ("symmetric", "periodic")):
        csd = circular_spectral_difference(circular, circular, part=part, pooling=pooling)
        assert not csd.difference.any()
    again = SampledCircularEnsemble(ORDERS, 2, 1, construction="haar")
    csd = circular_spectral_difference(again, "sampled", rng=1, draws=2, part="symmetric", bins=30)
    assert not csd.differences.any()


def test_pooling_of_the_conjugate() -> None:
    drawn = conjugate_spectrum((20, 12), conjugate="sampled", rng=0, draws=2, pooling="periodic")
    kept = circular_mixed_ensemble((20, 12), rng=0, draws=2, construction="haar")
    assert drawn.eigenvalues.shape == (2, 40)
    assert len(spectrum_of(NETWORK, pooling="periodic")) == len(ORDERS) * max(ORDERS)
    known = conjugate_spectrum((20, 12), pooling="periodic")
    assert known.expected_counts([-np.inf, np.inf]) == pytest.approx(40)
    assert np.array_equal(drawn.eigenvalues, pooled_spectrum(kept, pooling="periodic").eigenvalues)
    by_name = circular_spectral_difference(NETWORK, "sampled", rng=0, draws=2, pooling="periodic", bins=20)
    periodic = conjugate_spectrum(ORDERS, conjugate="sampled", rng=0, draws=2, pooling="periodic")
    by_hand = circular_spectral_difference(NETWORK, periodic, pooling="periodic", bins=20)
    assert np.array_equal(by_name.differences, by_hand.differences)


def test_drawing_is_silent_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[bool] = []

    def tracked(steps: Any, *_: Any, show: bool, **__: Any) -> Any:
        shown.append(show)
        return steps

    monkeypatch.setattr("mme.ensembles.sampling.tracked", tracked)
    for chosen in ({}, {"progress": True}):
        conjugate_spectrum([4, 9], conjugate="sampled", rng=0, draws=2, **chosen)
    assert shown == [False, True]
    conjugate_spectrum([4, 9], conjugate="sampled", rng=0, draws=2, shared=True, progress=True)
    assert shown[2:] == [True, False, False]  # one bar for all orders, and none for each


@pytest.mark.slow
@pytest.mark.parametrize("circular", ["CUE", "COE", "CSE", "O", "U", "Sp"])
@pytest.mark.parametrize("construction", ["eigenvectors", "haar"])
def test_conjugate_follows_its_options(circular: str, construction: str) -> None:
    chosen: dict[str, Any] = {"rng": 4, "draws": 2, "circular": circular, "construction": construction}
    drawn = conjugate_spectrum(ORDERS, conjugate="sampled", **chosen)
    kept = circular_mixed_ensemble(ORDERS, **chosen)
    assert drawn.eigenvalues == pytest.approx(pooled_spectrum(kept).eigenvalues, abs=1e-13)
    csd = circular_spectral_difference(NETWORK, "sampled", bins=30, **chosen)
    by_hand = circular_spectral_difference(NETWORK, drawn, bins=30)
    assert np.array_equal(csd.differences, by_hand.differences)


def test_densities_may_be_given() -> None:
    layers = pooled_spectrum(layer_matrix_ensemble(NETWORK))
    rho = spectral_density(layers, bins=20)
    conjugate = spectral_density(conjugate_spectrum(ORDERS, conjugate="sampled", rng=2), bins=20)
    by_densities = circular_spectral_difference(rho, conjugate)
    assert np.array_equal(by_densities.differences, spectral_difference(rho, conjugate).differences)
    csd = circular_spectral_difference(NETWORK, "sampled", rng=2, bins=20)
    assert np.array_equal(by_densities.differences, csd.differences)


# --- draws, errors and noise ----------------------------------------------------------------------------


def test_same_seed_same_difference() -> None:
    seeds = (7, np.random.default_rng(7))
    first, second = (circular_spectral_difference(NETWORK, "sampled", rng=rng) for rng in seeds)
    assert np.array_equal(first.differences, second.differences)
    assert circular_spectral_difference(NETWORK, "sampled", rng=8).variance != first.variance


def test_noise_free_variance_is_the_covariance_of_different_draws() -> None:
    csd = circular_spectral_difference(
        NETWORK, "sampled", rng=1, draws=6, window=(0, 1), bins=80, normalise="all"
    )
    covariances = np.cov(csd.differences, bias=True)
    pairs = [covariances[a, b] for a in range(6) for b in range(6) if a != b]
    assert csd.variance_without_noise == pytest.approx(np.mean(pairs))
    assert csd.standard_error == pytest.approx(scipy.stats.sem(csd.differences.var(axis=1)))
    assert csd.sampling_noise == pytest.approx(np.mean(np.diag(covariances)) - np.mean(pairs))
    left_out = [
        np.mean([covariances[a, b] for a in kept for b in kept if a != b])
        for kept in (set(range(6)) - {draw} for draw in range(6))
    ]
    jackknife = np.sqrt(5 / 6 * ((left_out - np.mean(left_out)) ** 2).sum())
    assert csd.standard_error_without_noise == pytest.approx(jackknife)


@pytest.mark.slow
def test_noise_free_variance_is_unbiased() -> None:
    # many repetitions of eight draws from a law that is known exactly
    edges, n, repetitions = np.linspace(0, 6, 61), 150, 300
    rng = np.random.default_rng(3)
    network = spectrum(rng.uniform(0, 6, size=500))
    law = scipy.stats.beta(2, 3, scale=6)
    share = np.diff(law.cdf(edges)) / np.diff(edges)
    truth = np.var(spectral_density(network, bins=60).density - share)
    estimates = [
        circular_spectral_difference(network, spectrum(law.rvs((8, n), random_state=rng)), bins=60)
        for _ in range(repetitions)
    ]
    free = np.array([csd.variance_without_noise for csd in estimates])
    assert abs(free.mean() - truth) < 4 * scipy.stats.sem(free)
    # the plain variance is not: it is larger by the noise of n independent eigenvalues
    noise = noise_floor(n, np.inf, bins=60) * (1 - ((share * 0.1) ** 2).sum())
    plain = np.array([csd.variance for csd in estimates])
    assert abs(plain.mean() - truth - noise) < 4 * scipy.stats.sem(plain)
    assert plain.mean() - truth > 20 * scipy.stats.sem(plain)
    # and the jackknife tells how far the estimates scatter
    errors = np.array([csd.standard_error_without_noise for csd in estimates])
    assert np.sqrt((errors**2).mean()) == pytest.approx(free.std(), rel=0.2)


@pytest.mark.slow
def test_standard_error_is_that_of_repetitions() -> None:
    drawn: dict[str, Any] = {"conjugate": "sampled", "draws": 8, "bins": 60}
    repeated = [circular_spectral_difference(NETWORK, rng=seed, **drawn) for seed in range(60)]
    spread = np.std([csd.variance for csd in repeated], ddof=1)
    quoted = np.sqrt(np.mean([csd.standard_error**2 for csd in repeated]))
    assert quoted == pytest.approx(spread, rel=0.3)


def test_few_draws_have_no_error() -> None:
    one = circular_spectral_difference(NETWORK, "sampled", rng=0, draws=1)
    assert np.isnan([one.standard_error, one.variance_without_noise, one.sampling_noise]).all()
    two = circular_spectral_difference(NETWORK, "sampled", rng=0, draws=2)
    assert np.isfinite([two.standard_error, two.variance_without_noise]).all()
    assert np.isnan(two.standard_error_without_noise)
    three = circular_spectral_difference(NETWORK, "sampled", rng=0, draws=3)
    assert three.standard_error_without_noise > 0
    exact = circular_spectral_difference(NETWORK, "deterministic")
    assert (exact.standard_error, exact.standard_error_without_noise, exact.sampling_noise) == (0, 0, 0)
    assert exact.variance_without_noise == exact.variance


@pytest.mark.parametrize("part", ["real", "modulus", "symmetric"])
def test_sampled_agrees_with_deterministic(part: str) -> None:
    exact = circular_spectral_difference(NETWORK, "deterministic", part=part, bins=60)
    drawn = circular_spectral_difference(NETWORK, "sampled", rng=6, draws=60, part=part, bins=60)
    assert drawn.variance_without_noise == pytest.approx(
        exact.variance, abs=4 * drawn.standard_error_without_noise
    )
    # draw by draw the variance is larger, by what the draws show as noise
    assert drawn.variance - exact.variance > 4 * drawn.standard_error
    assert exact.noise_floor < drawn.noise_floor


@pytest.mark.parametrize("bins", [10, 100, 1000])
@pytest.mark.parametrize(("n1", "n2"), [(400, 900), (2000, 100)])
@pytest.mark.slow
def test_noise_floor_of_independent_points(n1: int, n2: int, bins: int) -> None:
    rng = np.random.default_rng(1)
    edges = np.linspace(0, 6, bins + 1)
    for law in (scipy.stats.uniform(0, 6), scipy.stats.beta(2, 5, scale=6)):
        variances = np.array(
            [
                np.var(
                    histogram(law.rvs(n1, random_state=rng), edges)
                    - histogram(law.rvs(n2, random_state=rng), edges)
                )
                for _ in range(200)
            ]
        )
        spread = 1 - (np.diff(law.cdf(edges)) ** 2).sum()
        assert abs(variances.mean() / spread - noise_floor(n1, n2, bins=bins)) < 4 * scipy.stats.sem(
            variances
        )
        assert variances.mean() < noise_floor(n1, n2, bins=bins) + 4 * scipy.stats.sem(variances)


def test_noise_floor_in_numbers() -> None:
    assert noise_floor(1000, 500) == pytest.approx((1 / 6) * (1 / 0.006) * (1 / 1000 + 1 / 500))
    assert noise_floor(100, np.inf, window=(1, 3), bins=10) == pytest.approx(1 / (2 * 0.2 * 100))
    assert noise_floor(np.inf, np.inf) == 0
    there = circular_spectral_difference(NETWORK, window=(1, 3), bins=10)
    assert there.noise_floor == pytest.approx(1 / (2 * 0.2 * there.counts[0]))


@pytest.mark.slow
def test_noise_floor_counts_pairs_once() -> None:
    # the same law on both sides; eigenvalues repel, so they show a little less than independent ones would
    circular = SampledCircularEnsemble((60,) * 6, 100, rng=0)
    spectra = pooled_spectrum(circular)
    inside = ((spectra.eigenvalues >= 0) & (spectra.eigenvalues <= 6)).sum(axis=-1).mean()
    csd = circular_spectral_difference(spectra, "sampled", rng=1, draws=100)
    for count in csd.counts:  # most real parts are shared by two eigenvalues
        assert 0.5 * inside < count < 0.6 * inside
    assert csd.noise_floor == pytest.approx(noise_floor(*csd.counts))
    assert 0.9 * csd.noise_floor < csd.variance < csd.noise_floor


def test_a_law_has_no_noise() -> None:
    csd = circular_spectral_difference(NETWORK, "deterministic")
    assert csd.counts == ((network_eigenvalues() <= 6).sum(), np.inf)
    assert csd.inside == (network_eigenvalues() <= 6).mean()
    assert csd.noise_floor == pytest.approx(noise_floor(csd.counts[0], np.inf))


def test_ties_of_a_network_are_no_pairs() -> None:
    csd = circular_spectral_difference(spectrum(np.full(40, 3.0)), spectrum(np.linspace(0, 5, 40)))
    assert csd.counts == (20, 40)
    # pooling makes copies of what may be pairs already
    periodic = conjugate_spectrum((20, 12), conjugate="sampled", rng=0, pooling="periodic")
    inside = (periodic.eigenvalues >= 0).sum(axis=-1).mean()  # none is beyond 6
    csd = circular_spectral_difference(periodic, spectrum(np.linspace(0, 5, 40)))
    assert 2 < periodic.repetition < 4
    assert csd.counts[0] == pytest.approx(inside / periodic.repetition)
    layers = {"a": NETWORK["second"], "b": NETWORK["third"]}
    periodic = circular_spectral_difference(layers, "sampled", rng=0, pooling="periodic", window=(0, 50))
    assert 32 <= periodic.counts[0] <= 40  # 40 values, of which 4 of the second layer stand twice


# --- conjugacy ------------------------------------------------------------------------------------------


STRANGERS = {
    "uniform": np.linspace(0, 6, 400),
    "exponential": -np.log1p(-(np.arange(400) + 0.5) / 400),
    "all at 5": np.full(400, 5.0),
    "far away": np.concatenate([[1.0], np.linspace(10, 90, 399)]),
}


@pytest.mark.parametrize("name", STRANGERS)
@pytest.mark.parametrize("conjugate", ["sampled", "deterministic"])
def test_printed_criterion_passes_for_anything_and_the_other_fails(name: str, conjugate: str) -> None:
    orders = (40,) * 10
    verdict = conjugacy(PooledSpectrum(STRANGERS[name], 0, orders), conjugate, rng=0)
    assert verdict.holds_as_printed
    assert abs(verdict.cumulative_end) < 1e-12
    assert not verdict.holds
    assert verdict.distance > 2 * verdict.tolerance


@pytest.mark.slow
@pytest.mark.parametrize("conjugate", ["sampled", "deterministic"])
@pytest.mark.parametrize("part", ["real", "modulus", "symmetric"])
def test_circular_ensemble_is_conjugate_to_itself(conjugate: str, part: str) -> None:
    for seed in range(5):
        circular = circular_mixed_ensemble((40,) * 6, rng=100 + seed)
        verdict = conjugacy(circular, conjugate, rng=seed, part=part)
        assert verdict.holds_as_printed
        assert verdict.holds
        assert verdict.distance < verdict.tolerance < 0.25


def test_distance_and_tail_are_those_of_the_positive_spectra() -> None:
    first = np.array([-2.0, 0.5, 1.5, 2.5, 7.0, 8.0, 9.0])  # half of the positive ones beyond the window
    second = np.array([-1.0, -1.0, 0.2, 0.7, 4.5, 9.0])
    verdict = conjugacy(spectrum(first), spectrum(second), bins=6)
    assert verdict.tail == pytest.approx(3 / 6 - 1 / 4)
    # F1 − F2 at 1, …, 6
    steps = np.array(
        [1 / 6 - 2 / 4, 2 / 6 - 2 / 4, 3 / 6 - 2 / 4, 3 / 6 - 2 / 4, 3 / 6 - 3 / 4, 3 / 6 - 3 / 4]
    )
    assert verdict.distance == pytest.approx(np.abs(steps).max())
    assert conjugacy(spectrum(first), spectrum(second), bins=6, tolerance=0.34).holds
    assert not conjugacy(spectrum(first), spectrum(second), bins=6, tolerance=0.33).holds


def test_distance_and_tail_reach_to_the_end_of_the_window() -> None:
    """Half of the first one and nothing of the second lie in the last of the bins, which are not 1 wide."""
    first, second = spectrum([0.1, 2.9, 2.95, 4.0]), spectrum([1.0, 2.0, 4.0, 5.0, 6.0])
    verdict = conjugacy(first, second, window=(0.7, 3), bins=5)
    assert verdict.tail == pytest.approx(1 / 4 - 3 / 5, rel=1e-14)
    assert verdict.distance == pytest.approx(3 / 4 - 2 / 5, rel=1e-14)


def test_distance_is_taken_from_zero_on() -> None:
    # half of the first lies below the window; a sum that starts there would find 1
    first, second = spectrum([*np.linspace(0, 1, 25), *np.full(25, 5.5)]), spectrum(np.linspace(2, 5, 50))
    assert conjugacy(first, second).distance == pytest.approx(0.5)
    assert conjugacy(first, second, window=(1.5, 6)).distance == pytest.approx(0.5)


@pytest.mark.slow
def test_default_tolerance_is_kolmogorovs() -> None:
    # of two samples of one law a share `level` is further apart
    rng = np.random.default_rng(5)
    n1, n2, level = 300, 200, 0.1
    verdicts = [
        conjugacy(spectrum(rng.uniform(0, 6, n1)), spectrum(rng.uniform(0, 6, n2)), level=level)
        for _ in range(300)
    ]
    refused = np.mean([not verdict.holds for verdict in verdicts])
    assert refused == pytest.approx(level, abs=4 * np.sqrt(level * (1 - level) / 300))
    asymptotic = scipy.stats.kstwobign.isf(level) * np.sqrt((n1 + n2) / (n1 * n2))
    assert verdicts[0].tolerance == pytest.approx(asymptotic)


def test_tolerance_counts_every_draw_and_the_whole_positive_spectrum() -> None:
    network = spectrum(np.concatenate([np.linspace(0.1, 5, 50), np.linspace(7, 9, 50)]))
    draws = spectrum(np.random.default_rng(0).exponential(size=(8, 30)))
    assert conjugacy(network, draws).tolerance == pytest.approx(1.6276 * np.sqrt(1 / 100 + 1 / 240), rel=1e-4)
    with_law = conjugacy(network, deterministic_spectrum([50, 50]), level=0.01)
    assert with_law.tolerance == pytest.approx(1.6276 / np.sqrt(100), rel=1e-4)
    laws = conjugacy(deterministic_spectrum([50]), deterministic_spectrum([50]))
    assert (laws.tolerance, laws.distance, laws.holds) == (0, 0, True)


# --- records and bad input ------------------------------------------------------------------------------


def test_records_are_plain_data() -> None:
    csd = circular_spectral_difference(NETWORK, "sampled", rng=0, draws=3, bins=10)
    entry = csd.to_dict()
    assert entry["variance"] == csd.variance
    assert entry["variance_without_noise"] == csd.variance_without_noise
    assert np.shape(entry["differences"]) == (3, 10)
    assert repr(csd).startswith(f"CircularSpectralDifference(Var = {csd.variance:.4g} ± ")
    assert "10 bins on [0, 6], 3 draws" in repr(csd)
    verdict = conjugacy(NETWORK, "sampled", rng=0)
    assert set(verdict.to_dict()) == {
        "cumulative_end", "holds_as_printed", "distance", "tail", "tolerance", "holds"
    }  # fmt: skip
    assert "as printed: True" in repr(verdict)


def test_what_a_difference_says_of_itself_by_default() -> None:
    csd = CircularSpectralDifference(np.ones((2, 4)), np.arange(5.0), (10.0, 10.0))
    assert csd.variance == 0
    assert (csd.sampled, csd.inside, csd.inside_nonzero) == (True, None, None)
    assert (csd.estimated, csd.estimate_error, csd.estimate_bound) == (0, 0, 0)


@each(
    "options, message",
    [
        ({"conjugate": "guess"}, "conjugate must be one of 'deterministic', 'sampled', but it is 'guess'"),
        ({"circular": "GOE"}, "circular must be one of 'CUE', 'COE', 'CSE', 'O', 'U', 'Sp', but it is 'GOE'"),
        ({"construction": "svd"}, "construction must be one of 'eigenvectors', 'haar', but it is 'svd'"),
        ({"part": "imaginary"}, "part must be one of 'real', 'modulus', 'symmetric', but it is 'imaginary'"),
        ({"pooling": "mean"}, "pooling must be one of 'plain', 'periodic', but it is 'mean'"),
        ({"zeros": "hide"}, "zeros must be one of 'keep', 'drop', 'half', but it is 'hide'"),
        ({"normalise": "sum"}, "normalise must be one of 'window', 'positive', 'all', but it is 'sum'"),
        ({"draws": 0}, "draws must be an integer from 1 to 1000000, but it is 0"),
        ({"bins": 0}, "bins must be an integer from 1 to 10000000, but it is 0"),
        ({"window": (3, 3)}, r"window must be two finite numbers with low < high, but it is \(3, 3\)"),
        ({"window": (1e6, 2e6)}, "holds no eigenvalue"),
        ({"rng": "today"}, "rng must be"),
        (
            {"conjugate": "deterministic", "circular": "COE"},
            "conjugate='deterministic' is known for the CUE only",
        ),
    ],
)
def test_bad_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        circular_spectral_difference(NETWORK, **options)


@each(
    "options, message",
    [
        ({"tolerance": -0.1}, "tolerance must be a finite number of at least 0, but it is -0.1"),
        ({"tolerance": np.inf}, "tolerance must be a finite number of at least 0, but it is inf"),
        ({"tolerance": np.nan}, "tolerance must be a finite number of at least 0, but it is nan"),
        ({"tolerance": "small"}, "tolerance must be a finite number of at least 0, but it is 'small'"),
        ({"level": 0}, "level must be a finite number above 0, but it is 0"),
        ({"level": 1.0}, "level must lie between 0 and 1, but it is 1.0"),
        ({"level": "low"}, "level must be a finite number above 0, but it is 'low'"),
        ({"normalise": "window"}, "conjugacy sets the normalisation itself"),
        ({"window": (-5, -1)}, "holds no eigenvalue"),
        ({"window": (0, 0)}, "low < high"),
        ({"bins": -1}, "bins must be an integer from 1 to 10000000, but it is -1"),
        ({"zeros": "hide"}, "zeros must be one of"),
        ({"bandwidth": 0.0}, "bandwidth must be a finite number above 0"),
    ],
)
def test_bad_conjugacy(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        conjugacy(spectrum([1.0, 2.0]), spectrum([0.5, 3.0]), **options)


def test_densities_have_their_normalisation() -> None:
    rho = spectral_density(spectrum([1.0, 2.0]))
    with pytest.raises(InputError, match="conjugacy sets the normalisation itself"):
        conjugacy(rho, spectrum([1.0]))


def test_spectra_without_orders_have_no_conjugate() -> None:
    for source in (PooledSpectrum([1.0, 2.0]), spectral_density(spectrum([1.0, 2.0]))):
        with pytest.raises(InputError, match="ensemble must have orders, for they make its conjugate"):
            circular_spectral_difference(source)


def test_different_bins_or_draws_do_not_subtract() -> None:
    two, three = (spectrum(np.linspace(0, 5, 6 * draws).reshape(draws, 6)) for draws in (2, 3))
    with pytest.raises(InputError, match=r"must be drawn equally often, but their draws are \[2, 3\]"):
        circular_spectral_difference(two, three)
    with pytest.raises(InputError, match="must have the same bins"):
        spectral_difference(spectral_density(two, bins=10), spectral_density(two, bins=20))


@each("numbers", [(0, 5), (5, -1), (np.nan, 5), ("many", 5), (True, 5)])
def test_noise_floor_needs_positive_numbers(numbers: tuple[Any, Any]) -> None:
    with pytest.raises(InputError, match=r"(first|second) must be a finite number above 0"):
        noise_floor(*numbers)


@pytest.mark.parametrize("orders", [[4, 1], [2.5], []])
def test_orders_of_a_conjugate(orders: Any) -> None:
    for conjugate in ("sampled", "deterministic"):
        with pytest.raises(InputError, match=r"orders.* must"):
            conjugate_spectrum(orders, conjugate=conjugate)


def test_mixed_ensembles_are_compared_as_they_are() -> None:
    first = MixedMatrixEnsemble([np.diag([1.0, 2.0]), np.diag([1.0, 1.0, 5.0])])
    second = MixedMatrixEnsemble([np.diag([1.0, 2.0])])
    csd = circular_spectral_difference(first, second, window=(0, 6), bins=6)
    assert isinstance(csd, CircularSpectralDifference)
    assert csd.differences[0] == pytest.approx([0, 3 / 5 - 1 / 2, 1 / 5 - 1 / 2, 0, 0, 1 / 5])
    assert not csd.sampled


def test_a_difference_needs_two_densities() -> None:
    density = spectral_density(PooledSpectrum([1.0, 2.0]))
    with pytest.raises(InputError, match=r"second must be a SpectralDensity .*, but it is of type "):
        spectral_difference(density, np.ones(1000))
    with pytest.raises(InputError, match=r"first must be a SpectralDensity .*, but it is None\.$"):
        spectral_difference(None, density)
