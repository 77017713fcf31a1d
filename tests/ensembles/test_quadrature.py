"""Estimated spectra: the stated bound holds, what is certain is exact, and A may be read as one likes."""

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy

from mme.comparison import Options, measure
from mme.ensembles import (
    CircularSpectralDifference,
    Layer,
    PooledSpectrum,
    circular_spectral_difference,
    default_delta,
    layer_matrix_ensemble,
    pooled_spectrum,
    quadrature,
    spectral_density,
    spectral_difference,
)
from mme.ensembles.quadrature import (
    ESTIMATES,
    PROBES,
    _placed,
    estimates_of,
    jackknife_error,
    variance_error,
)
from mme.errors import InputError
from mme.store import Store
from tests.each import each

ORDER = 640


def gaussian(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.normal(size=shape) / shape[-1] ** 0.5


def orthogonal(rng: np.random.Generator, columns: int = ORDER) -> np.ndarray:
    return np.linalg.qr(rng.normal(size=(ORDER, columns)))[0]


KINDS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "square": lambda rng: gaussian(rng, ORDER, ORDER),
    "wide": lambda rng: gaussian(rng, ORDER, 3, ORDER // 2),
    "tall, with structural zeros": lambda rng: gaussian(rng, 2 * ORDER, ORDER),
    "heavy-tailed": lambda rng: rng.standard_t(2, size=(ORDER, ORDER)) / 2 / ORDER**0.5,
    "spikes": lambda rng: gaussian(rng, ORDER, ORDER) + orthogonal(rng, 9) @ orthogonal(rng, 9).T * 4,
    "low rank": lambda rng: gaussian(rng, ORDER, 400) @ gaussian(rng, 400, ORDER),
    "power law": lambda rng: orthogonal(rng) * (8 / np.arange(1, ORDER + 1) ** 0.7),
    "independent eigenvalues": lambda rng: orthogonal(rng) * np.sqrt(rng.uniform(0, 5, ORDER)),
    "blocks": lambda rng: scipy.linalg.block_diag(*(c * gaussian(rng, 160, 160) for c in (0.5, 1, 1, 2))),
    "repeated rows": lambda rng: np.repeat(gaussian(rng, ORDER // 2, ORDER), 2, axis=0),
    "sparse rows": lambda rng: rng.normal(size=(ORDER, ORDER)) * (rng.random((ORDER, ORDER)) < 3 / ORDER),
    "small": lambda rng: 0.05 * gaussian(rng, ORDER, ORDER),
}


@pytest.fixture
def _few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quadrature, "STEPS", 20)  # or so small a matrix would be exhausted


@pytest.mark.slow
@pytest.mark.usefixtures("_few_steps")
@pytest.mark.parametrize("window", [(0, 6), (0, 1)])
@pytest.mark.parametrize("kind", KINDS)
def test_the_variance_lies_within_the_bound(kind: str, window: tuple[float, float]) -> None:
    weights = {kind: KINDS[kind](np.random.default_rng(1))}
    exact, found = (
        circular_spectral_difference(layer_matrix_ensemble(weights, estimate=order), window=window)
        for order in (None, ORDER - 1)
    )
    assert exact.estimated == exact.estimate_bound == exact.estimate_error == 0
    assert found.estimated == ORDER
    assert 0 < abs(found.variance - exact.variance) <= found.estimate_bound
    assert found.estimate_error < found.estimate_bound


@pytest.mark.slow
def test_the_bound_holds_with_all_steps_and_narrows_with_the_order() -> None:
    bounds = []
    for order in (1100, 1800):
        weights = {"fc": gaussian(np.random.default_rng(2), order, order)}
        ensemble = layer_matrix_ensemble(weights, estimate=1000, dtype="float32")
        found, exact = (circular_spectral_difference(each) for each in (ensemble, weights))
        assert 0 < abs(found.variance - exact.variance) <= found.estimate_bound
        bounds.append(found.estimate_bound)
        assert found.estimate_bound < 0.9 * exact.variance
    assert bounds[1] < 0.8 * bounds[0]


@pytest.mark.usefixtures("_few_steps")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_the_space_holds_counts_once(dtype: str) -> None:
    rng = np.random.default_rng(3)
    values = np.concatenate([np.zeros(155), np.sort(rng.uniform(1, 4, 80)), [7, 9, 9, 30]])
    A = np.linalg.qr(rng.normal(size=(239, 239)))[0] * np.sqrt(values)
    found = estimates_of("fc", lambda start, stop: A[start:stop], A.shape, dtype)
    assert found.shape == (ESTIMATES, 239)
    for number, row in enumerate(found):
        if number != 1:  # by half the steps nothing but the largest is found
            np.testing.assert_allclose(row, values, atol=1e-4)
    np.testing.assert_allclose(found[1, -4:], values[-4:], atol=1e-4)


@pytest.mark.usefixtures("_few_steps")
@pytest.mark.parametrize("shape", [(640, 700), (700, 640)])
def test_the_digits_do_not_depend_on_how_the_weights_are_read(
    shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    A = gaussian(np.random.default_rng(4), *shape)
    whole = estimates_of("fc", lambda start, stop: A[start:stop], shape, "float64")
    monkeypatch.setattr(quadrature, "BLOCK_ENTRIES", 50_000)
    rows: list[int] = []

    def read(start: int, stop: int) -> np.ndarray:
        rows.append(stop - start)
        return A[start:stop].reshape(stop - start, -1, 5)

    np.testing.assert_allclose(estimates_of("fc", read, shape, "float64"), whole, rtol=0, atol=1e-9)
    assert len(np.unique(whole[2])) < 60 < len(np.unique(whole[0]))  # a place for each of the 20 steps
    assert max(rows) == 50_000 // shape[1]
    assert (whole == 0).sum() == ESTIMATES * max(shape[0] - shape[1], 0)
    exact = np.linalg.svd(A, compute_uv=False)[0] ** 2
    assert 0.999 * exact < whole[0, -1] <= exact * (1 + 1e-12)


@each("limit, rows", [(1, 1), (79, 1), (80, 2), (4000, 60)])
def test_a_block_has_as_many_rows_as_fit_and_one_at_least(limit: int, rows: int) -> None:
    A, read = gaussian(np.random.default_rng(4), 60, 40), list[int]()
    whole = estimates_of("fc", lambda start, stop: A[start:stop], A.shape, "float64")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quadrature, "BLOCK_ENTRIES", limit)
        found = estimates_of(
            "fc", lambda start, stop: read.append(stop - start) or A[start:stop], A.shape, "float64"
        )
    assert max(read) == rows
    np.testing.assert_allclose(found, whole, rtol=0, atol=3e-13)


@pytest.mark.usefixtures("_few_steps")
def test_an_estimate_in_single_precision_reads_weights_in_it() -> None:
    """The same numbers come out whether they are rounded before or as they are read."""
    A = gaussian(np.random.default_rng(4), 350, 400)
    wide, narrow = (
        estimates_of("fc", lambda start, stop, B=B: B[start:stop], A.shape, "float32")
        for B in (A, A.astype(np.float32))
    )
    np.testing.assert_array_equal(wide, narrow)


@pytest.mark.usefixtures("_few_steps")
def test_extreme_weights_stay_in_range() -> None:
    A = gaussian(np.random.default_rng(5), 400, 400)
    plain = Layer("fc", A, estimate=100).eigenvalues
    np.testing.assert_allclose(Layer("fc", A * 2.0**-300, estimate=100).eigenvalues * 2.0**600, plain)
    with pytest.raises(InputError, match=r"layer 'fc' has weights up to 2\^\d+, whose squares overflow"):
        _ = Layer("fc", A * 2.0**600, estimate=100).eigenvalues
    with pytest.raises(InputError, match="whose squares overflow float32"):
        _ = Layer("fc", A * 2.0**200, "float32", estimate=100).eigenvalues
    for sign in (1, -1):
        A[3, 4] = sign * 1.5 * 2.0**599  # the others are hardly as large as 1
        with pytest.raises(InputError, match=r"layer 'fc' has weights up to 2\^600, whose squares overflow"):
            _ = Layer("fc", A, estimate=100).eigenvalues
    A[3, 4] = 0
    for shape in ((400, 400), (400, 300), (300, 400)):
        for power in (-500, -80):
            small = Layer("fc", A[: shape[0], : shape[1]] * 2.0**power, "float32", estimate=100)
            with pytest.raises(InputError, match="whose squares underflow float32"):
                _ = small.eigenvalues
        found = Layer("fc", np.zeros(shape), estimate=100).eigenvalues
        assert found.shape == (shape[0],)
        assert not found.any()


@pytest.mark.usefixtures("_few_steps")
def test_an_estimated_layer_says_so() -> None:
    A = gaussian(np.random.default_rng(6), 300, 300)
    ensemble = layer_matrix_ensemble({"large": A, "small": A[:100]}, estimate=299)
    large, small = ensemble.layers
    assert (large.estimated, small.estimated) == (True, False)
    assert (large.rank, small.rank) == (None, 100)
    assert large.to_dict()["estimated"]
    pooled = pooled_spectrum(ensemble)
    assert pooled.estimates is not None
    assert pooled.estimates.shape == (ESTIMATES, 300)
    assert np.array_equal(pooled.squared().estimates, pooled.estimates**2)
    assert pooled_spectrum(ensemble, pooling="periodic").estimates is not None
    assert repr(large).endswith(", 0 structural zeros, estimated)")
    assert "estimated" not in repr(small)
    found = measure({"large": A}, Options(estimate=299))
    assert f" estimated to {found.csd.estimate_bound:.2g}, 1 layer" in repr(found)
    assert "estimated" not in repr(measure({"large": A}))
    line = found.to_dict()
    assert (line["estimated_layers"], line["estimated"]) == (1, 300)
    assert line["estimate_bound"] > line["estimate_error"] > 0


def test_estimates_of_several_layers_stand_beside_each_other() -> None:
    rng = np.random.default_rng(10)
    ensemble = layer_matrix_ensemble({"a": gaussian(rng, 40, 50), "b": gaussian(rng, 40, 60)}, estimate=32)
    found = pooled_spectrum(ensemble).estimates
    rows = [layer.estimates for layer in ensemble.layers]
    np.testing.assert_array_equal(found, [[*a, *b] for a, b in zip(*rows, strict=True)])


@each("lower", [48.0, 47.82, 48.5])
def test_eigenvalues_are_placed_by_the_weights_of_ritz_values(lower: float) -> None:
    """Of k eigenvalues of total weight w the one number j + 1 lies where (j + 1/2) w/k weighs below it."""
    free = np.arange(2, 66.0)
    values, whole = np.concatenate([np.repeat([0.0, 1.0], PROBES), free]), 64.4  # of the multiple ones
    heavy = np.repeat([lower, whole - lower], PROBES) / PROBES
    weights = np.concatenate([heavy, np.full(64, (192 - whole) / 64)])
    found = _placed(values, np.tile(weights, (PROBES, 1)), np.ones_like(values), 192, 1e-9)
    zeros = sum((j + 0.5) * whole / 64 < lower for j in range(64))
    np.testing.assert_array_equal(found[:64], np.repeat([0.0, 1.0], [zeros, 64 - zeros]))
    # Of the others two come for each value, one below it and one above; near the ends means count.
    inner = slice(2 * PROBES, -2 * PROBES)
    between = np.add.outer(free, [-0.25, 0.25]).ravel()
    np.testing.assert_allclose(found[64:][inner], between[inner], rtol=1e-14)


def test_single_eigenvalues_are_those_that_miss_by_a_rounding_of_the_largest() -> None:
    values = np.append(np.sqrt(np.arange(2, 50.0)), 1000.0)
    misses = np.ones_like(values)
    values[0], misses[0] = -1e-9, 0.0  # a rounding below 0
    misses[[5, 6]] = 0.9e-3, 1.1e-3
    found = _placed(values, np.ones((PROBES, len(values))), misses, 70, 1e-6)
    assert found[0] == 1e-9
    assert (values[5] in found, values[6] in found) == (True, False)


def test_in_atoms_each_step_has_one_place() -> None:
    """The weighted mean of as many values as there are probes; the multiple eigenvalue stays."""
    free, heavy = np.arange(1.0, 33), np.linspace(0.5, 1.5, 32)
    values, weights = np.concatenate([np.zeros(PROBES), free]), np.concatenate([np.ones(PROBES), heavy])
    found = _placed(values, np.tile(weights, (PROBES, 1)), np.ones_like(values), 48, 1e-9, in_atoms=True)
    below, above = (np.average(free[part], weights=heavy[part]) for part in (slice(16), slice(16, 32)))
    many = sum(j + 0.5 < heavy[:16].sum() for j in range(32))
    expected = [0.0] * 16 + [below] * many + [above] * (32 - many)
    np.testing.assert_allclose(found[:-1], expected[:-1], rtol=1e-14)
    assert found[-1] == 32


def test_the_densities_of_an_estimate_are_those_of_its_rows() -> None:
    rows = np.random.default_rng(7).uniform(0, 7, (ESTIMATES, 60))
    others = np.array([0.0, 0.5, 2.5])
    pooled = PooledSpectrum(np.concatenate([others, rows[0]]), 1, (63,), estimates=rows)
    for normalise in ("window", "positive"):
        chosen: Any = {"bins": 12, "bandwidth": 0.4, "zeros": "half", "normalise": normalise}
        density = spectral_density(pooled, **chosen)
        assert density.estimates is not None
        for row, found in zip(rows, density.estimates, strict=True):
            alone = spectral_density(PooledSpectrum(np.concatenate([others, row]), 1, (63,)), **chosen)
            np.testing.assert_allclose(found, alone.density, rtol=1e-12)
        alone = spectral_density(PooledSpectrum(rows[0]), **(chosen | {"normalise": "all"})).density
        assert density.estimated is not None
        np.testing.assert_allclose(density.estimated * density.total, alone * 60, rtol=1e-12)
        cumulative = density.estimates[-PROBES:].cumsum(axis=1) * density.width
        assert density.estimate_error == jackknife_error(cumulative).max() > 0


def test_the_jackknife_of_a_mean_is_its_standard_error() -> None:
    parts = np.random.default_rng(8).normal(size=(PROBES, 3))
    left = (parts.sum(axis=0) - parts) / (PROBES - 1)
    np.testing.assert_allclose(jackknife_error(left), parts.std(axis=0, ddof=1) / PROBES**0.5)


def test_the_tolerance_of_equivalence_holds_the_bounds() -> None:
    def csd(bound: float) -> CircularSpectralDifference:
        return CircularSpectralDifference(
            np.ones((1, 4)), np.arange(5.0), (10.0, 10.0), sampled=False, estimate_bound=bound
        )

    assert default_delta(csd(0.1), csd(0.3), csd(0.2)) == pytest.approx(csd(0).noise_floor + 0.5)


@pytest.mark.usefixtures("_few_steps")
def test_an_estimate_is_kept_and_found_by_the_weights_and_the_name(tmp_path: Path) -> None:
    store = Store("spectra", folder=tmp_path)
    A = gaussian(np.random.default_rng(9), 330, 350)

    def found(name: str, weights: np.ndarray, dtype: str = "float64") -> np.ndarray:
        ensemble = layer_matrix_ensemble({name: weights}, estimate=200, dtype=dtype)
        return ensemble.measured(jobs=2, store=store).layers[0].estimates

    first = found("a", A)
    assert np.array_equal(first, found("a", A))
    alone = Layer("a", A, estimate=200).estimates
    assert np.array_equal(first, alone)
    assert not first.flags.writeable
    assert not alone.flags.writeable
    assert len(store) == 1
    assert not np.array_equal(first, found("b", A))
    assert not np.array_equal(first, found("a", A + 1e-3))
    assert (first.dtype, found("a", A, "float32").dtype) == (np.float64, np.float32)
    assert len(store) == 4


@each("estimate", [15, 40.0, "many"])
def test_an_order_must_leave_the_probes_room(estimate: Any) -> None:
    with pytest.raises(InputError, match="estimate must be an integer of at least 32"):
        layer_matrix_ensemble({"fc": np.eye(3)}, estimate=estimate)
    with pytest.raises(InputError, match="estimate must be an integer of at least 32"):
        Options(estimate=estimate)


def test_weights_that_are_no_numbers_are_refused_while_they_are_read() -> None:
    A = np.ones((80, 80))
    A[79, 3] = np.nan
    with pytest.raises(InputError, match="layer 'fc' has NaN or infinite weights"):
        estimates_of("fc", lambda start, stop: A[start:stop], A.shape, "float64")


def test_a_row_without_eigenvalues_in_the_window_has_density_zero() -> None:
    """And the bound of the difference of this row from the others is a number, and holds."""
    A = np.random.default_rng(0).normal(size=(100, 120))
    estimated = layer_matrix_ensemble({"fc.weight": A}, estimate=32)
    pooled = pooled_spectrum(estimated)
    assert pooled.estimates is not None
    assert (pooled.estimates < 6).any(axis=1).sum() < ESTIMATES
    density = spectral_density(pooled, window=(0, 6), bins=100)
    assert density.estimates is not None
    assert np.allclose(density.estimates.sum(axis=1) * density.width, (pooled.estimates < 6).any(axis=1))
    assert density.estimate_error <= 1
    exact = circular_spectral_difference({"fc.weight": A}, window=(0, 6), bins=100)
    found = circular_spectral_difference(estimated, window=(0, 6), bins=100)
    assert abs(found.variance - exact.variance) <= found.estimate_bound < np.inf


@each("options, least", [({"zeros": "half"}, 0.5), ({"bandwidth": 0.5}, 0.2)])
def test_a_row_with_less_than_one_eigenvalue_in_the_window(options: Any, least: float) -> None:
    """Its density integrates to 1, as any."""
    rows = np.full((ESTIMATES, 2), [0.0, 1.0])
    rows[3] = [0.0, 7.0] if "zeros" in options else [6.4, 7.0]
    pooled = PooledSpectrum(rows[0], 1 if "zeros" in options else 0, (2,), estimates=rows)
    found = spectral_density(pooled, window=(0, 6), bins=60, **options)
    assert found.estimates is not None
    np.testing.assert_allclose(found.estimates.sum(axis=1) * found.width, 1, rtol=1e-14)


def test_the_error_of_an_estimate_is_at_most_the_whole() -> None:
    """Of rows of which half have everything below and half above, the jackknife would say more than 1."""
    rows = np.repeat([[0.5], [1.5]], (ESTIMATES + 1) // 2, axis=0)[:ESTIMATES]
    found = spectral_density(PooledSpectrum(rows[0], estimates=rows), window=(0, 2), bins=2)
    assert found.estimates is not None
    assert jackknife_error(found.estimates[-PROBES:, 0]) > 1.1
    assert found.estimate_error == 1


def test_what_a_difference_says_of_an_estimate() -> None:
    rng = np.random.default_rng(11)
    rows = rng.uniform(0, 7, (ESTIMATES, 60))
    rows[0, :3], rows[1, :5] = 0, 0
    certain = np.array([0.5, 2.5])
    first = PooledSpectrum(np.concatenate([certain, rows[0]]), 3, (62,), estimates=rows)
    second = PooledSpectrum(rng.uniform(0, 6, 50))
    found = circular_spectral_difference(first, second, bins=12)
    counts = np.histogram(rows[0, 3:], 12, (0, 6))[0]
    unit = 0.5 * (counts.sum() + 3 + len(certain))  # a bin's width times all in the window
    densities = [spectral_density(each, bins=12) for each in (first, second)]
    estimates = densities[0].estimates
    assert estimates is not None
    expected = variance_error(estimates, counts.astype(float), densities[1].density, unit)
    assert (found.estimate_error, found.estimate_bound) == pytest.approx(expected, rel=1e-14)
    assert found.estimated == 57
    back = circular_spectral_difference(second, first, bins=12)
    assert (back.estimated, back.estimate_error, back.estimate_bound) == (0, 0, 0)
    exact = spectral_difference(replace(densities[0], estimated=None), densities[1])
    assert (exact.estimate_error, exact.estimate_bound) == (0, 0)


def test_structural_zeros_among_what_is_estimated_are_certain() -> None:
    """They count in the density by each row, but not among the numbers that stand for estimates."""
    rows = np.tile([0.0, 0.0, 0.5, 1.5], (ESTIMATES, 1))
    rows[1:, 2] = 0.0  # the other rows may have more of them
    pooled = PooledSpectrum(np.array([0.0, 0.0, 0.5, 1.5]), 2, (4,), estimates=rows)
    density = spectral_density(pooled, window=(0, 2), bins=2)
    np.testing.assert_array_equal(density.density, [0.75, 0.25])
    np.testing.assert_array_equal(density.estimated, [0.25, 0.25])


def test_each_part_of_the_bound() -> None:
    """One after the other, with what the others are made from left out."""
    none, unit = np.zeros((ESTIMATES, 4)), 5.0
    for counts, noise in (([1, 0, 0, 0], 0.0), ([1, 1, 0, 0], 1.0), ([3, 1, 0, 0], 1.5), ([0] * 4, 0.0)):
        error, bound = variance_error(none, np.array(counts, dtype=float), none[0], unit)
        assert error == 0
        assert bound == pytest.approx(noise / 4 / unit**2, rel=1e-14)
    # Two eigenvalues across the steepest edge, here the last: each moves one bin by 1/unit, twice.
    edge = none + np.array([0.0, 0.0, 0.1, 0.4])
    bound = variance_error(edge, np.zeros(4), none[0], unit)[1]
    assert bound == pytest.approx(2 * 2 * 0.4 / (4 * unit), rel=1e-14)
    assert variance_error(edge, np.zeros(4), edge[0], unit) == (0, 0)
    draws = np.stack([edge[0], none[0], -edge[0]])  # of what it is compared with
    bound = variance_error(edge, np.zeros(4), draws, unit)[1]
    assert bound == pytest.approx(2 * 2 * 0.8 / (4 * unit), rel=1e-14)
    # Twice what half the steps change, and what one place for each step adds to a bin.
    half, atoms = none.copy(), none.copy()
    half[1], atoms[2] = [0.3, -0.3, 0.3, -0.3], [0.0, 0.2, 0.0, 0.0]
    assert variance_error(half, np.zeros(4), none[0], unit)[1] == pytest.approx(2 * 0.09, rel=1e-14)
    assert variance_error(atoms, np.zeros(4), none[0], unit)[1] == pytest.approx(0.04 / 4, rel=1e-14)
    atoms[2] = [0.1, 0.2, 0.0, 0.0]  # the bin where it is most, and of draws the mean
    for other in (none[0], none[:2]):
        assert variance_error(atoms, np.zeros(4), other, unit)[1] == pytest.approx(0.04 / 4, rel=1e-14)
    flat = none + 0.3  # what a place adds to a square that is not 0; the last bin is an edge
    flat[2, 1] += 0.2
    bound = variance_error(flat, np.zeros(4), none[0], unit)[1]
    assert bound == pytest.approx((0.25 - 0.09) / 4 + 2 * 2 * 0.3 / (4 * unit), rel=1e-14)
    flat[1] = 0.6  # beside a flat one, too, and whatever half the steps make of it
    bound = variance_error(flat, np.zeros(4), np.full(4, 0.1), unit)[1]
    assert bound == pytest.approx((0.16 - 0.04) / 4 + 2 * 2 * 0.2 / (4 * unit), rel=1e-13)
    # The jackknife over the probes: of variances v and 0 otherwise, √(15/16 · v² · 15/16).
    probe = none.copy()
    probe[-1] = [0.2, -0.2, 0.2, -0.2]
    error, bound = variance_error(probe, np.zeros(4), none[0], unit)
    assert error == pytest.approx(0.04 * 15 / 16, rel=1e-13)
    assert bound == pytest.approx(2.13 * error, rel=1e-13)
    # Two equal draws leave 3/4 of it: v = (3/4)² · 0.04 for this probe, and (1/4)² · 0.04 for the others.
    error = variance_error(probe, np.zeros(4), np.tile(probe[-1] / 4, (2, 1)), unit)[0]
    assert error == pytest.approx(0.04 * (9 - 1) / 16 * 15 / 16, rel=1e-13)


@each("dtype", ["float64", "float32"])
def test_an_exhausted_space_adds_nothing(dtype: str) -> None:
    """Of a matrix of rank 48 three steps find everything, and those after them no other eigenvalue."""
    rng = np.random.default_rng(9)
    frames = [np.linalg.qr(rng.normal(size=(320, 48)))[0] for _ in range(2)]
    A = (frames[0] * np.sqrt(np.linspace(1, 2, 48)) @ frames[1].T).astype(dtype)
    found = estimates_of("fc", lambda start, stop: A[start:stop], A.shape, dtype)
    exact = np.concatenate([np.zeros(272), np.linspace(1, 2, 48)])
    np.testing.assert_allclose(found[0], exact, rtol=0, atol=100 * np.finfo(dtype).eps)


def test_the_announced_memory_has_room_for_two_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quadrature, "BLOCK_ENTRIES", 2**17)
    monkeypatch.setattr(quadrature, "STEPS", 2)  # nearly all of it
    A = np.random.default_rng(0).normal(size=(500, 500)).astype(np.float32)
    estimates_of("fc", lambda start, stop: A[start:stop, :64], (500, 64), "float64")  # loads what it needs
    tracemalloc.start()
    try:
        estimates_of("fc", lambda start, stop: A[start:stop], A.shape, "float64")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    announced = quadrature.working_bytes(500, 500, 8)
    assert announced / 2 < peak < announced


@pytest.mark.slow
@each("dtype", ["float32", "float64"])
@each("shape", [(1500, 300), (300, 1500), (200, 40), (1500, 1200)])
def test_the_announced_memory_is_enough_and_not_twice_too_much(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int], dtype: str
) -> None:
    """Where the Krylov space is the whole one, and where it is not."""
    monkeypatch.setattr(quadrature, "BLOCK_ENTRIES", 2**10)
    A = np.random.default_rng(0).normal(size=shape).astype(dtype)
    tracemalloc.start()
    try:
        estimates_of("fc", lambda start, stop: A[start:stop], shape, dtype)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    announced = quadrature.working_bytes(min(shape), max(shape), A.itemsize)
    assert announced / 2 < peak < announced
