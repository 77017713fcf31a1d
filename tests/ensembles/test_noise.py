"""How many independent positions a spectrum has, and what their noise adds to a variance."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest

from mme.ensembles import PooledSpectrum, deterministic_spectrum
from mme.ensembles.noise import independent_positions, noise_floor


def test_positions_are_shared_by_pairs_and_by_copies() -> None:
    pairs = PooledSpectrum([1.0, 1.0, 3.0, 3.0], 0, (2, 2))
    assert independent_positions(pairs, 4) == 2
    # Of three orders 5, 2 and 2 the shorter spectra are repeated three times at most.
    ties = [1.0] * 100
    assert independent_positions(PooledSpectrum(ties, 0, (5, 2, 2), pooling="periodic"), 600) == 600 / 6
    assert independent_positions(PooledSpectrum(ties, 0, (6, 2, 2), pooling="periodic"), 600) == 600 / 6
    assert independent_positions(PooledSpectrum(ties, 0, (4, 2, 2), pooling="periodic"), 600) == 600 / 4
    # Without copies more ties than pairs are a finding; and without orders nothing is known of copies.
    assert independent_positions(PooledSpectrum(ties, 0, (5, 2, 2)), 600) == 600 / 2
    assert independent_positions(PooledSpectrum(ties, 0, (), pooling="periodic"), 600) == 600 / 2
    mixed = PooledSpectrum([0.0, 0.0, 1.0, 2.0, 2.0], 1)  # zeros have no part: (1 + 4)/3 share a position
    assert independent_positions(mixed, 5) == pytest.approx(3)


def test_laws_have_infinitely_many_and_densities_their_count() -> None:
    assert independent_positions(deterministic_spectrum([4]), 4) == inf
    assert independent_positions(object(), 17) == 17


def test_noise_floor_is_that_of_uniform_numbers() -> None:
    """Two samples of one law: their histograms differ by chance alone."""
    rng, bins = np.random.default_rng(0), 50
    counts = [rng.multinomial(n, np.full(bins, 1 / bins), size=4000) / n for n in (300, 200)]
    variances = ((counts[0] - counts[1]) * bins / 2).var(axis=1)  # densities on a window of length 2
    error = variances.std(ddof=1) / len(variances) ** 0.5
    floor = noise_floor(300, 200, window=(1, 3), bins=bins)
    assert abs(variances.mean() - (1 - 1 / bins) * floor) < 4 * error
    assert 4 * error < 0.02 * floor
    assert noise_floor(300, inf, window=(1, 3), bins=bins) == pytest.approx(
        floor * (1 / 300) / (1 / 300 + 1 / 200)
    )
