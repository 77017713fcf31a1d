"""Records whole: every field of each against a value worked out here, by hand or by another formula."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from math import inf, log, nan, pi, sqrt
from typing import Any

import numpy as np
import pytest
import scipy

from mme.dln import ball_count_volume, entropy_terms, group_volume_mc, orbit_volume_mc
from mme.ensembles import (
    Layer,
    MixedMatrixEnsemble,
    PooledSpectrum,
    calibrate_delta,
    conjugacy,
    deterministic_spectrum,
    equivalence_classes,
    layer_matrix_ensemble,
    pooled_spectrum,
    sampling_cost,
    spectral_density,
    spectral_difference,
)
from mme.result import Result

TALL = np.array([[3.0, 0.0], [0.0, 4.0], [0.0, 0.0]])  # A Aᵀ is diag(9, 16, 0), and one zero is structural
THIN = np.array([[2.0, 0.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]])  # three zeros are
NETWORK = {"tall": TALL, "square": np.eye(2)}
EXACT = {"standard_error": 0, "statistical_error": 0, "extrapolation_error": 0, "samples": 0}
POINTS = EXACT | {"effective_share": 1, "method": "points"}
FIRST = np.array([-2.0, 0.5, 1.5, 2.5, 7.0, 8.0, 9.0])
SECOND = np.array([-1.0, -1.0, 0.2, 0.7, 4.5, 9.0])


def layers(**network: np.ndarray) -> Any:
    return layer_matrix_ensemble(network)


def verdict(**options: Any) -> Any:
    return conjugacy(PooledSpectrum(FIRST), PooledSpectrum(SECOND), bins=6, **options)


def verdict_with(tolerance: float, *, holds: bool) -> dict[str, Any]:
    # The distribution functions of what is positive differ most at 1: 1/6 of six and 2/4 of four.
    told = {"cumulative_end": 0, "holds_as_printed": True, "distance": 1 / 3, "tail": 3 / 6 - 1 / 4}
    return told | {"tolerance": tolerance, "holds": holds}


ROWS: dict[str, tuple[Callable[[], Result], dict[str, Any]]] = {
    "points of an orbit over R": (
        lambda: orbit_volume_mc([3.0], depth=4), {"log_volume": 3 * log(2)} | POINTS,
    ),
    "a single point": (lambda: orbit_volume_mc([3.0, 1.0], depth=1, field="C"), {"log_volume": 0} | POINTS),
    "O(1)": (lambda: group_volume_mc(1, rng=0), {"log_volume": log(2)} | POINTS),
    "a ball that holds all of a circle": (  # of length 2π√2, for chords of at most 2√2
        lambda: ball_count_volume([1.0], depth=2, radius=3, field="C", rng=0, samples=700),
        {"log_volume": log(6), "standard_error": 0, "statistical_error": 0, "extrapolation_error": nan,
         "samples": 700, "effective_share": 1, "method": "ball"},
    ),
    "entropy of a circle": (  # of radius √6, as each of its two coordinates has the modulus √3
        lambda: entropy_terms([3.0], depth=2, field="C"),
        {"entropy": log(2 * pi * sqrt(6)), "group_term": log(2 * pi), "depth_term": log(2) / 2,
         "determinant_term": log(3) / 2, "vandermonde_term": 0, "dimension": 1, "volume": 2 * pi * sqrt(6)},
    ),
    "a calibration": (  # the quantile lies between binomial ranks, here the first and the last
        lambda: calibrate_delta([4.0, 1.0, 9.0], 0.5, level=0.7),
        {"delta": 4, "rate": 0.5, "pairs": 3, "rank": 2, "level": 0.7, "delta_interval": (1, 9),
         "rate_interval": tuple(scipy.optimize.brentq(lambda p, q=q: 3 * p**2 - 2 * p**3 - q, 0, 1)
                                for q in (0.15, 0.85))},
    ),
    "conjugacy by default": (  # two of the second's eigenvalues are one: 4 over (4 + 1 + 1 + 1 + 1)/6
        verdict, verdict_with(scipy.stats.kstwobign.isf(0.01) * sqrt(1 / 6 + 1 / 3), holds=True),
    ),
    "conjugacy at a level": (
        lambda: verdict(level=0.8),
        verdict_with(scipy.stats.kstwobign.isf(0.8) * sqrt(1 / 6 + 1 / 3), holds=True),
    ),
    "conjugacy with a tolerance": (lambda: verdict(tolerance=0.3), verdict_with(0.3, holds=False)),
    "a cost": (
        lambda: sampling_cost([10, 20, 10], 3),
        {"seconds": 3 * 6.5e-10 * (1000 + 8000 + 1000), "bytes": 48 * 400 + 8 * 3 * 40},
    ),
    "a cost of eigenvectors over H": (  # whose unitary matrices have twice the order
        lambda: sampling_cost([10, 20], circular="CSE", construction="eigenvectors"),
        {"seconds": 5 * 1.7e-9 * (20**3 + 40**3), "bytes": 120 * 1600 + 8 * 5 * 30},
    ),
    "a layer": (
        lambda: Layer("fc", TALL),
        {"name": "fc", "given": TALL, "dtype": "float64", "estimate": None, "shape": (3, 2), "order": 3,
         "columns": 2,
         "structural_zeros": 1, "weights": TALL, "tensor": TALL, "matrix": np.diag([9.0, 16.0, 0.0]),
         "eigenvalues": [0, 9, 16], "largest_eigenvalue": 16, "rank": 2, "note": ""},
    ),
    "a convolution": (
        lambda: Layer("conv", np.arange(8.0).reshape(2, 1, 2, 2), "float32"),
        {"name": "conv", "given": np.arange(8.0).reshape(2, 1, 2, 2), "dtype": "float32", "estimate": None,
         "shape": (2, 1, 2, 2), "order": 2, "columns": 4, "structural_zeros": 0,
         "weights": [[0, 1, 2, 3], [4, 5, 6, 7]], "matrix": [[14, 38], [38, 126]], "rank": 2},
    ),
    "a layer's spectrum": (
        lambda: next(layers(tall=TALL).spectra()),
        {"eigenvalues": [0, 9, 16], "structural_zeros": 1, "estimates": None},
    ),
    "a matrix's spectrum": (
        lambda: next(MixedMatrixEnsemble([[[0.0, 2.0], [2.0, 0.0]]]).spectra("modulus")),
        {"eigenvalues": [2, 2], "structural_zeros": 0, "estimates": None},
    ),
    "a pooled spectrum": (  # the two ones share a position
        lambda: pooled_spectrum(layers(**NETWORK)),
        {"eigenvalues": [0, 1, 1, 9, 16], "structural_zeros": 1, "orders": (3, 2), "part": "real",
         "pooling": "plain", "draws": None, "repetition": (4 + 1 + 1) / 4, "estimates": None},
    ),
    "spectra repeated": (  # 0, 0, 0, 1, 4 and 0, 9, 16, 0, 9
        lambda: pooled_spectrum(layers(thin=THIN, tall=TALL), part="symmetric", pooling="periodic"),
        {"eigenvalues": [0, 0, 0, 0, 0, 1, 4, 9, 9, 16], "structural_zeros": 5, "orders": (5, 3),
         "part": "symmetric", "pooling": "periodic", "draws": None, "repetition": (1 + 1 + 4 + 1) / 5,
         "estimates": None},
    ),
    "a spectrum drawn twice": (
        lambda: PooledSpectrum([[3, 0], [0, 0]], 1),
        {"eigenvalues": [[0, 3], [0, 0]], "structural_zeros": 1, "orders": (), "part": "real",
         "pooling": "plain", "draws": 2, "repetition": 1, "estimates": None},
    ),
    "a law": (
        lambda: deterministic_spectrum([9, 4, 9], "symmetric", "limit", "periodic"),
        {"orders": (9, 4, 9), "part": "symmetric", "method": "limit", "pooling": "periodic"},
    ),
    "a law where nothing is said": (
        lambda: deterministic_spectrum([4]),
        {"orders": (4,), "part": "real", "method": "auto", "pooling": "plain"},
    ),
    "a density": (  # seven in all, one of them below the window and two beyond
        lambda: spectral_density(PooledSpectrum([-1.0, 0.5, 0.7, 0.9, 1.7, 4.0, 5.0]), window=(0, 3), bins=6),
        {"density": np.array([0, 3, 0, 1, 0, 0]) / 4 / 0.5, "edges": [0, 0.5, 1, 1.5, 2, 2.5, 3], "inside": 4,
         "total": 4, "zeros": "keep", "normalise": "window", "mass_outside": 0,
         "estimates": None, "estimated": None, "estimate_error": 0},
    ),
    "a density of draws with a structural zero": (  # which counts half; one is negative and has no part
        lambda: spectral_density(
            PooledSpectrum([[-1.0, 0.0, 0.5, 9.0], [0.0, 0.2, 0.3, 1.9]], 1),
            zeros="half", normalise="positive", window=(0, 2), bins=2),
        {"density": [[1.5 / 2.5, 0], [2.5 / 3.5, 1 / 3.5]], "edges": [0, 1, 2], "inside": [1.5, 3.5],
         "total": [2.5, 3.5], "zeros": "half", "normalise": "positive", "mass_outside": [1 / 2.5, 0],
         "estimates": None, "estimated": None},
    ),
    "classes": (
        lambda: equivalence_classes({"a": 0.1, "b": 0.3, "c": 0.15}, delta=0.1),
        {"classes": (("a", "c"), ("b",)), "variances": {"a": 0.1, "b": 0.3, "c": 0.15}, "delta": 0.1,
         "linkage": "complete"},
    ),
}  # fmt: skip


def test_records_hold_what_can_be_worked_out() -> None:
    wrong = []
    for name, (make, expected) in ROWS.items():
        record = make()
        wrong += [f"{name} says nothing of {f.name}" for f in fields(record) if f.name not in expected]
        for field, value in expected.items():
            found = getattr(record, field)
            if not same(found, value):
                wrong.append(f"{name}: {field} is {found!r}, but should be {value!r}")
    assert wrong == []


def same(found: Any, expected: Any) -> bool:
    if expected is None or isinstance(expected, str | bool | dict):
        return type(found) is type(expected) and bool(found == expected)
    if isinstance(expected, tuple) and not all(isinstance(each, float | int) for each in expected):
        return bool(found == expected)
    if np.shape(found) != np.shape(expected):
        return False
    return bool(np.allclose(np.asarray(found), expected, rtol=1e-12, atol=1e-13, equal_nan=True))


def test_counts_of_a_law_known_by_hand() -> None:
    """A disc of radius r filled evenly, and one eigenvalue of each matrix far outside."""
    r = sqrt(1 - pi / 4)
    found = deterministic_spectrum([4, 9], "modulus", "limit").expected_counts([0, r / 2, r, 1.1, inf])
    assert found == pytest.approx([(3 + 8) / 4, (3 + 8) * 3 / 4, 0, 2], abs=1e-4)


def test_a_difference_of_two_densities_by_hand() -> None:
    bins = {"window": (0, 2), "bins": 2, "normalise": "all"}
    first = spectral_density(PooledSpectrum([0.5, 0.5, 1.5, 7.0]), **bins)
    second = spectral_density(PooledSpectrum([[0.5, 1.5], [1.5, 1.7]]), **bins)
    found = spectral_difference(first, second)
    rows = np.array([[0.5 - 0.5, 0.25 - 0.5], [0.5 - 0, 0.25 - 1]])
    assert same(found.differences, rows)
    assert same(found.edges, [0, 1, 2])
    assert same(found.difference, rows.mean(axis=0))
    assert same(found.variances, [0.125**2, 0.625**2])
    assert same(found.variance, (0.125**2 + 0.625**2) / 2)
    assert same(found.standard_error, (0.625**2 - 0.125**2) / 2)
    assert same(found.variance_without_noise, 0.125 * 0.625)  # the covariance of the two rows
    assert same(found.largest_cumulative, abs(0.25 - 0.25 - 0.25))
