"""The spectral density: bins, window, the policy for structural zeros, normalisation and kernel."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st

from mme.ensembles import PooledSpectrum, spectral_density
from mme.ensembles.density import NORMALISATIONS, ZERO_POLICIES, bin_edges
from mme.errors import InputError
from tests.each import each

seeds = st.integers(0, 2**32 - 1)
windows = st.sampled_from([(0.0, 6.0), (-2.0, 3.0), (0.5, 0.9), (-1.0, 0.0)])
WEIGHTS = {"keep": 1, "drop": 0, "half": 0.5}


def spectrum(seed: int, count: int = 200, zeros: int = 30, draws: int | None = None) -> PooledSpectrum:
    """Eigenvalues on both sides of zero, in the window and beyond, with exact zeros among them."""
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 3, size=(count,) if draws is None else (draws, count))
    values[..., :zeros] = 0
    return PooledSpectrum(values, zeros)


class Uniform:
    """A spectrum known by its law: `count` eigenvalues, uniform on [0, end]."""

    def __init__(self, count: float, end: float) -> None:
        self.count, self.end = count, end

    def expected_counts(self, edges: np.ndarray) -> np.ndarray:
        return self.count * np.diff(np.clip(edges, 0, self.end)) / self.end


class TestHistogram:
    @given(seeds, windows, st.integers(1, 50))
    def test_is_numpys_histogram_where_nothing_is_spared(
        self, seed: int, window: tuple[float, float], bins: int
    ) -> None:
        pooled = spectrum(seed)
        rho = spectral_density(pooled, window=window, bins=bins)
        expected, edges = np.histogram(pooled.eigenvalues, bins=bins, range=window, density=True)
        np.testing.assert_allclose(rho.edges, edges)
        np.testing.assert_allclose(rho.density, expected, rtol=1e-12)

    @given(seeds, windows, st.integers(1, 50), st.sampled_from(list(WEIGHTS)))
    def test_integrates_to_one_over_the_window(
        self, seed: int, window: tuple[float, float], bins: int, zeros: str
    ) -> None:
        rho = spectral_density(spectrum(seed), window=window, bins=bins, zeros=zeros)
        assert rho.density.sum() * rho.width == pytest.approx(1, rel=1e-12)
        assert rho.mass_outside == 0

    def test_bins_are_closed_below_and_the_last_one_above(self) -> None:
        pooled = PooledSpectrum([0.0, 1.0, 2.0, 2.0, 3.0, 3.0, 3.0])
        rho = spectral_density(pooled, window=(0, 3), bins=3)
        assert (rho.density * rho.total * rho.width).tolist() == [1, 1, 5]
        assert spectral_density(pooled, window=(1, 2), bins=1).inside == 3

    def test_defaults_are_the_papers(self) -> None:
        rho = spectral_density(spectrum(0))
        assert (rho.edges[0], rho.edges[-1], len(rho.density)) == (0, 6, 1000)
        assert (rho.zeros, rho.normalise) == ("keep", "window")
        assert rho.width == pytest.approx(0.006)
        np.testing.assert_allclose(rho.centres[[0, -1]], [0.003, 5.997])


class TestZeroPolicies:
    @given(seeds, windows, st.sampled_from(list(WEIGHTS)), st.sampled_from(NORMALISATIONS))
    def test_a_policy_is_a_weight_of_the_zeros(
        self, seed: int, window: tuple[float, float], zeros: str, normalise: str
    ) -> None:
        pooled = spectrum(seed)
        rho = spectral_density(pooled, window=window, bins=20, zeros=zeros, normalise=normalise)
        weights = np.ones(200)
        weights[np.flatnonzero(pooled.eigenvalues == 0)] = WEIGHTS[zeros]
        counts, _ = np.histogram(pooled.eigenvalues, rho.edges, weights=weights)
        total = {
            "window": counts.sum(), "positive": weights[pooled.eigenvalues >= 0].sum(), "all": weights.sum()
        }[normalise]  # fmt: skip
        np.testing.assert_allclose(rho.density, counts / total / rho.width, rtol=1e-12)
        assert rho.inside == pytest.approx(counts.sum())
        assert rho.total == pytest.approx(total)
        assert rho.mass_outside == pytest.approx(1 - counts.sum() / total, abs=1e-12)

    def test_only_structural_zeros_are_spared(self) -> None:
        pooled = PooledSpectrum([0.0, 0.0, 0.0, 1e-30, 2.0], 2)
        inside = [spectral_density(pooled, zeros=zeros).inside for zeros in ("keep", "half", "drop")]
        assert inside == [5, 4, 3]

    @pytest.mark.parametrize("window", [(0, 1), (-1, 0), (-0.5, 0.5), (-1 / 3, 2 / 3)])
    def test_zeros_leave_the_bin_in_which_they_lie(self, window: tuple[float, float]) -> None:
        pooled = PooledSpectrum([-0.3, 0.0, 0.0, 0.3], 2)
        counts = {
            zeros: (rho := spectral_density(pooled, window=window, bins=6, zeros=zeros)).density * rho.total
            for zeros in WEIGHTS
        }
        assert all((count > -1e-12).all() for count in counts.values())
        spared = (counts["keep"] - counts["drop"]) * (window[1] - window[0]) / 6
        assert sorted(np.round(spared, 12)) == [0, 0, 0, 0, 0, 2]

    def test_zeros_outside_the_window_are_no_matter_inside(self) -> None:
        pooled = PooledSpectrum([0.0, 0.0, 1.0, 2.0], 2)
        for zeros in WEIGHTS:
            assert spectral_density(pooled, window=(0.5, 3), zeros=zeros).inside == 2
        below = PooledSpectrum([-2.0, 0.0, 0.0], 2)
        assert spectral_density(below, window=(-3, -1), zeros="drop").inside == 1
        whole = spectral_density(pooled, window=(0.5, 3), zeros="half", normalise="all")
        assert (whole.total, float(whole.mass_outside)) == (3, pytest.approx(1 / 3))


class TestNormalisation:
    def test_three_totals(self) -> None:
        pooled = PooledSpectrum([-1.0, 0.0, 1.0, 7.0, 8.0], 1)
        totals = [spectral_density(pooled, normalise=how).total for how in NORMALISATIONS]
        assert totals == [2, 4, 5]
        outside = [float(spectral_density(pooled, normalise=how).mass_outside) for how in NORMALISATIONS]
        np.testing.assert_allclose(outside, [0, 1 / 2, 3 / 5])

    @each("values", [[-2.0, -1.0], [[-2.0, -1.0], [-1.0, 1.0]]])  # in one of two draws, too
    def test_nothing_to_divide_by(self, values: list[Any]) -> None:
        with pytest.raises(InputError, match=r"normalise='positive' divides by .* there is none"):
            spectral_density(PooledSpectrum(values), window=(-3, 0), normalise="positive")


class TestDraws:
    @given(seeds, st.sampled_from(list(WEIGHTS)), st.sampled_from(NORMALISATIONS), st.booleans())
    def test_batched_draws_equal_single_ones(
        self, seed: int, zeros: str, normalise: str, is_smooth: bool
    ) -> None:
        drawn = spectrum(seed, draws=3)
        options = {
            "bins": 40,
            "zeros": zeros,
            "normalise": normalise,
            "bandwidth": 0.2 if is_smooth else None,
        }
        together = spectral_density(drawn, **options)  # type: ignore[arg-type]
        assert together.density.shape == (3, 40)
        for index, values in enumerate(drawn.eigenvalues):
            alone = spectral_density(PooledSpectrum(values, 30), **options)  # type: ignore[arg-type]
            np.testing.assert_allclose(together.density[index], alone.density, rtol=1e-12, atol=1e-15)
            assert together.inside[index] == pytest.approx(alone.inside)
            assert together.mass_outside[index] == pytest.approx(alone.mass_outside, abs=1e-12)


class TestKernel:
    @given(seeds, st.floats(0.05, 3.0), st.sampled_from(list(WEIGHTS)))
    @pytest.mark.slow
    def test_is_a_gaussian_on_every_eigenvalue(self, seed: int, bandwidth: float, zeros: str) -> None:
        pooled = spectrum(seed)
        rho = spectral_density(pooled, bins=600, bandwidth=bandwidth, zeros=zeros, normalise="all")
        weights = np.where(pooled.eigenvalues == 0, WEIGHTS[zeros], 1.0)
        distance = (rho.centres[:, None] - pooled.eigenvalues) / bandwidth
        kernels = np.exp(-(distance**2) / 2) / np.sqrt(2 * np.pi) / bandwidth
        expected = kernels @ weights / weights.sum()
        # Rounding each eigenvalue to the middle of its bin moves it by half a bin at most.
        slope = np.exp(-1 / 2) / np.sqrt(2 * np.pi) / bandwidth**2
        np.testing.assert_allclose(rho.density, expected, atol=slope * rho.width / 2)
        assert np.abs(rho.density - expected).mean() < slope * rho.width / 8

    def test_eigenvalues_outside_reach_in_and_inside_reach_out(self) -> None:
        edge = PooledSpectrum([0.0, 3.0])
        rho = spectral_density(edge, window=(0, 6), bins=6000, bandwidth=0.1, normalise="all")
        assert rho.inside == pytest.approx(1.5, abs=0.01)  # half of the one at the edge leaves
        assert rho.mass_outside == pytest.approx(0.25, abs=0.005)
        outside = spectral_density(PooledSpectrum([-0.1, 3.0]), bandwidth=0.1, normalise="all")
        assert outside.inside == pytest.approx(1 + 0.1587, abs=0.01)  # one standard deviation away
        assert outside.density.argmax() == 500

    @pytest.mark.parametrize("bandwidth", [0.5, 3.0])
    def test_reaches_in_from_several_bandwidths_away(self, bandwidth: float) -> None:
        """As much as lies in the window of a normal variable; the bins move it by half a bin at most."""
        beyond = scipy.stats.norm(-2 * bandwidth, bandwidth)
        pooled = PooledSpectrum([beyond.mean(), 3.0])
        near = np.diff(scipy.stats.norm(3.0, bandwidth).cdf([0, 6]))
        found = spectral_density(pooled, window=(0, 6), bins=6000, bandwidth=bandwidth).inside - near
        assert found == pytest.approx(beyond.sf(0) - beyond.sf(6), abs=0.0005 / bandwidth)

    def test_keeps_the_mass_far_from_the_edges(self) -> None:
        rho = spectral_density(PooledSpectrum([3.0]), bandwidth=0.2, normalise="all")
        assert rho.density.sum() * rho.width == pytest.approx(1, abs=1e-8)
        assert rho.density.max() == pytest.approx(1 / np.sqrt(2 * np.pi) / 0.2, rel=1e-3)

    def test_may_be_as_wide_as_the_window_and_no_wider(self) -> None:
        rho = spectral_density(spectrum(4), window=(-2, 1), bins=10, bandwidth=3)
        assert np.ptp(rho.density) < 0.2 * rho.density.mean()
        with pytest.raises(InputError, match="above 0 and of at most 3"):
            spectral_density(spectrum(4), window=(-2, 1), bandwidth=3.01)

    def test_narrower_than_a_bin_changes_nothing(self) -> None:
        pooled = spectrum(4)
        sharp, smooth = (spectral_density(pooled, bins=10, bandwidth=width) for width in (None, 1e-3))
        np.testing.assert_allclose(smooth.density, sharp.density)


class TestExpectedSpectrum:
    def test_takes_expected_counts(self) -> None:
        rho = spectral_density(Uniform(50.0, 4.0), window=(0, 8), bins=8)
        np.testing.assert_allclose(rho.density, [0.25] * 4 + [0] * 4)
        assert rho.inside == pytest.approx(50)

    def test_normalises_by_the_whole_law(self) -> None:
        rho = spectral_density(Uniform(50.0, 8.0), window=(0, 6), bins=6, normalise="all")
        np.testing.assert_allclose(rho.density, 1 / 8)
        assert rho.total == pytest.approx(50)
        assert rho.mass_outside == pytest.approx(1 / 4)

    def test_nothing_in_the_window(self) -> None:
        with pytest.raises(InputError, match=r"window \(5, 6\) holds no eigenvalue"):
            spectral_density(Uniform(50.0, 4.0), window=(5, 6))


class TestResult:
    def test_speaks(self) -> None:
        rho = spectral_density(PooledSpectrum([1.0, 2.0, 9.0]), bins=3)
        assert repr(rho) == "SpectralDensity(3 bins on [0, 6], 2 eigenvalues inside)"
        several = repr(spectral_density(PooledSpectrum(np.ones((4, 2)))))
        assert several == "SpectralDensity(1000 bins on [0, 6], 2 eigenvalues inside, 4 draws)"
        report = json.loads(json.dumps(rho.to_dict()))
        assert report["edges"] == [0, 2, 4, 6]
        with pytest.raises(FrozenInstanceError):
            rho.zeros = "drop"  # type: ignore[misc]
        assert report["density"] == [0.25, 0.25, 0]

    def test_edges(self) -> None:
        np.testing.assert_allclose(bin_edges((-1, 1), 4), [-1, -0.5, 0, 0.5, 1])
        assert len(bin_edges()) == 1001
        assert len(bin_edges((0, 1), np.int64(7))) == 8  # type: ignore[arg-type]


class TestBadInput:
    @each("window", [(1, 1), (3, 2), (0, np.inf), (np.nan, 1), (-np.inf, 0)])
    def test_empty_or_endless_windows(self, window: tuple[float, float]) -> None:
        with pytest.raises(InputError, match="window must be "):
            spectral_density(spectrum(0), window=window)

    @each("window", [6, (0,), (0, 1, 2), "ab", None, (0, None)])
    def test_windows_that_are_no_pair(self, window: Any) -> None:
        with pytest.raises(InputError, match="window must be "):
            spectral_density(spectrum(0), window=window)

    @each("bins", [0, -3, 2.5, "10", True, None, np.array([1, 2])])
    def test_bins_that_are_no_positive_integer(self, bins: Any) -> None:
        with pytest.raises(InputError, match="bins must be an integer from 1 to 10000000"):
            spectral_density(spectrum(0), bins=bins)
        with pytest.raises(InputError, match="bins must be an integer from 1 to 10000000"):
            bin_edges((0, 6), 10**9)

    def test_bins_too_narrow_to_tell_apart(self) -> None:
        with pytest.raises(InputError, match="too narrow for 1000 bins"):
            spectral_density(spectrum(0), window=(1.0, 1.0 + 1e-14))
        smallest = float(np.finfo(float).tiny)
        with pytest.raises(InputError, match="too narrow for 1 bins"):
            bin_edges((0.0, smallest), 1)
        np.testing.assert_array_equal(bin_edges((0.0, 2 * smallest), 1), [0.0, 2 * smallest])

    @each("bandwidth", [0, -0.1, np.nan, np.inf, 6.1, "wide", True])
    def test_bandwidths_out_of_range(self, bandwidth: Any) -> None:
        with pytest.raises(InputError, match="bandwidth must be a finite number above 0 and of at most"):
            spectral_density(spectrum(0), bandwidth=bandwidth)

    def test_window_that_no_eigenvalue_reaches(self) -> None:
        pooled = PooledSpectrum([0.0, 1.0, 2.0], 1)
        message = r"window \(5, 6\) holds no eigenvalue; the spectrum reaches from 0 to 2, so choose"
        with pytest.raises(InputError, match=message):
            spectral_density(pooled, window=(5, 6))
        with pytest.raises(InputError, match="holds no eigenvalue"):
            spectral_density(pooled, window=(-0.5, 0.5), zeros="drop")

    def test_window_that_one_draw_does_not_reach(self) -> None:
        with pytest.raises(InputError, match="holds no eigenvalue"):
            spectral_density(PooledSpectrum([[1.0], [9.0]]))

    @each("source", [np.ones(3), {"fc": np.eye(3)}, [1.0, 2.0]])
    def test_what_is_no_spectrum(self, source: Any) -> None:
        with pytest.raises(InputError, match=r"spectrum must be a PooledSpectrum .* but it is "):
            spectral_density(source)

    def test_unknown_names_say_which_exist(self) -> None:
        with pytest.raises(
            InputError, match="zeros must be one of 'keep', 'drop', 'half', but it is 'ignore'"
        ):
            spectral_density(spectrum(0), zeros="ignore")
        with pytest.raises(
            InputError, match="normalise must be one of 'window', 'positive', 'all', but it is"
        ):
            spectral_density(spectrum(0), normalise="max")

    def test_policies_are_the_documented_ones(self) -> None:
        assert ZERO_POLICIES == WEIGHTS


def test_bins_whose_height_would_overflow_are_refused() -> None:
    with pytest.raises(InputError, match="too narrow for 10 bins in floating point"):
        bin_edges((0, 1e-308), 10)


def test_the_most_numbers_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """In all draws together; without draws there is one."""
    monkeypatch.setattr("mme.ensembles.density.MOST_NUMBERS", 12)
    for draws, bins in ((4, 3), (3, 4), (None, 12)):
        values = np.ones(2) if draws is None else np.ones((draws, 2))
        assert spectral_density(PooledSpectrum(values), bins=bins).density.size == 12
        with pytest.raises(InputError, match=f"^bins must be at most {bins} for {draws or 1} draws"):
            spectral_density(PooledSpectrum(values), bins=bins + 1)
