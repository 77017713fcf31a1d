from importlib import import_module
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2, ks_2samp, kstest

from mme.algebra import C, Field, H, R
from mme.bridge import (
    correlation_kernel,
    joint_log_density,
    layer_spectra,
    log_normalisation,
    mean_density,
    sample_layer_spectra,
)
from mme.bridge.log_gas import gas_of
from mme.bridge.markov_chain import effective_share, sample_chains
from mme.errors import InputError
from tests.each import each

from .test_normalisation import nodes

over_fields = pytest.mark.parametrize("F", [R, C, H], ids=lambda F: F.name)


def statistics(x: np.ndarray) -> np.ndarray:
    """What moments of the spectrum, descending, are compared; shape (..., 5)."""
    first, last = x[..., 0], x[..., -1]
    rest = [(x**2).sum(-1), np.sqrt(last), np.log(x).sum(-1)]
    return np.stack([first, np.exp(-first), *rest], axis=-1)


def expected(d: int, **case: Any) -> np.ndarray:
    """Their means by quadrature over λ."""
    lam, weights = nodes(d, 9.0, {1: 200, 2: 120, 3: 50}[d])
    density = weights * np.prod(2 * lam, axis=-1) * np.exp(joint_log_density(lam**2, **case))
    assert density.sum() == pytest.approx(1, abs=1e-6)
    return density @ statistics(lam**2)


@pytest.mark.slow
@over_fields
@pytest.mark.parametrize("volume", ["manifold", "metric"])
@each("d, depth", [(1, 3), (2, 2), (2, 4), (3, 3)])
def test_draws_have_the_moments_of_the_density(F: Field, volume: str, d: int, depth: int) -> None:
    case = {"depth": depth, "field": F, "volume": volume, "decay": 1.7}
    mean = expected(d, **case)
    scores = []
    for seed in range(3):
        drawn = sample_layer_spectra(d, **case, size=30_000, rng=seed)
        found = statistics(drawn.values)
        scores.append((found.mean(axis=0) - mean) / found.std(axis=0) * np.sqrt(drawn.effective_size))
    assert np.abs(scores).max() < 4.2
    assert np.abs(np.mean(scores, axis=0) * np.sqrt(3)).max() < 4


@over_fields
@pytest.mark.parametrize("volume", ["manifold", "metric"])
@each("d, depth", [(1, 5), (2, 3), (4, 2), (3, 50)])
def test_the_norm_is_chi_square(F: Field, volume: str, d: int, depth: int) -> None:
    """γ|W|² has dim M degrees of freedom, βd² + (N − 1) dim G, and βd² under the metric."""
    case = {"depth": depth, "field": F, "volume": volume, "decay": 0.4}
    group = {1: d * (d - 1) // 2, 2: d**2, 4: d * (2 * d + 1)}[F.beta]
    dimension = F.beta * d**2 + (depth - 1) * group * (volume == "manifold")
    drawn = sample_layer_spectra(d, **case, size=4000, rng=2)
    squares = 0.4 * depth * drawn.values.sum(axis=-1)
    if drawn.exact:
        assert kstest(squares, chi2(dimension).cdf).pvalue > 1e-3
    share = drawn.effective_size / 4000
    assert abs(squares.mean() - dimension) < 4 * np.sqrt(2 * dimension / (4000 * share))
    assert squares.var() == pytest.approx(2 * dimension, rel=0.25)


@pytest.mark.slow
@each("F", [R, C, H])
def test_the_metric_is_the_law_of_one_gaussian_layer(F: Field) -> None:
    """Layers of a dense Gaussian matrix with e^{−γN|W_1|²/2}, for every largest and smallest value."""
    d, depth, decay = 3, 4, 0.5
    one = F.ginibre(d, size=6000, rng=3)
    scale = np.sqrt(np.mean(F.norm(one) ** 2) / (F.beta * d**2))
    dense = (F.singular_values(one) / scale) ** 2 / (decay * depth)
    drawn = layer_spectra(d, depth=depth, field=F, volume="metric", decay=decay, size=6000, rng=4)
    for k in range(d):
        assert ks_2samp(dense[:, k], drawn[:, k]).pvalue > 1e-3


@pytest.mark.slow
@each("d, depth", [(2, 3), (5, 4), (12, 2)])
def test_the_chain_agrees_with_the_triangular_matrix(d: int, depth: int) -> None:
    """At β = 2 both are there: the same sampler runs over R and H, where nothing else is known."""
    size = 20_000
    exact = layer_spectra(d, depth=depth, size=size, rng=0)
    chains = sample_chains(gas_of(C, depth, "manifold", 1.0), d, size, np.random.default_rng(1))
    found = statistics(chains)
    share = effective_share(found)
    assert share > 0.25
    mean, error = statistics(exact).mean(axis=0), statistics(exact).std(axis=0) / np.sqrt(size)
    both = np.hypot(error, found.std(axis=(0, 1)) / np.sqrt(share * found[..., 0].size))
    assert (np.abs(found.mean(axis=(0, 1)) - mean) < 4 * both).all()


def test_effective_share_of_a_known_chain() -> None:
    """Autocorrelation ρ^k makes a draw worth (1 − ρ)/(1 + ρ) in long chains."""
    rng, rho = np.random.default_rng(0), 0.6
    series = [rng.standard_normal(2000)]
    for _ in range(400):
        series.append(rho * series[-1] + np.sqrt(1 - rho**2) * rng.standard_normal(2000))
    assert effective_share(np.stack(series)) == pytest.approx(0.25, rel=0.1)
    assert effective_share(np.stack([np.stack(series), rng.standard_normal((401, 2000))], -1)) < 0.3


@pytest.mark.slow
@each("F, depth", [(R, 10**8), (H, 10**8), (R, 2)])
def test_chains_at_the_ends_of_what_they_take(F: Field, depth: int) -> None:
    d = 4 if depth > 2 else 16
    drawn = sample_layer_spectra(d, depth=depth, field=F, size=3000, rng=0)
    assert drawn.effective_size > 0.25 * 3000
    group = {1: d * (d - 1) // 2, 2: d**2, 4: d * (2 * d + 1)}[F.beta]
    squares, mean = depth * drawn.values.sum(-1), F.beta * d**2 + (depth - 1) * group
    assert abs(squares.mean() - mean) < 4 * np.sqrt(2 * mean / drawn.effective_size)


def test_shapes_seeds_and_bad_input() -> None:
    for F in (R, C, H):
        assert layer_spectra(2, depth=3, field=F, rng=0).shape == (2,)
        one, other = (layer_spectra(3, depth=2, field=F, size=(2, 2), rng=7) for _ in range(2))
        np.testing.assert_array_equal(one, other)
        assert one.shape == (2, 2, 3)
        assert (np.diff(one) < 0).all()
        assert (one > 0).all()
        assert layer_spectra(2, depth=3, field=F, size=0, rng=0).shape == (0, 2)
    assert sample_layer_spectra(2, depth=3, size=5, rng=0).effective_size == 5.0
    for bad in ({"order": 33, "field": "R"}, {"order": 1001}, {"order": 0}, {"depth": 0}, {"decay": -1}):
        with pytest.raises(InputError, match=f"^{next(iter(bad))} must be"):
            layer_spectra(**({"order": 2, "depth": 2} | bad))
    with pytest.raises(InputError, match=r"^order and size must be smaller"):
        layer_spectra(1000, depth=2, size=10**4)


def test_what_is_left_out_is_the_manifold_over_c_with_weight_one() -> None:
    case = {"field": "C", "volume": "manifold", "decay": 1.0}
    x = [2.0, 0.4]
    assert joint_log_density(x, depth=3) == joint_log_density(x, depth=3, **case)
    assert log_normalisation(2, depth=3) == log_normalisation(2, depth=3, **case)
    assert mean_density(0.4, 2, depth=3) == mean_density(0.4, 2, depth=3, volume="manifold", decay=1.0)
    for draw in (layer_spectra, lambda *args, **more: sample_layer_spectra(*args, **more).values):
        np.testing.assert_array_equal(draw(2, depth=3, rng=1), draw(2, depth=3, rng=1, **case))
    kernel = correlation_kernel(0.4, 2.0, 2, depth=3)
    assert kernel == correlation_kernel(0.4, 2.0, 2, depth=3, volume="manifold", decay=1.0)


def test_few_effective_draws_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mme.bridge.markov_chain.SPAN", 0.02)
    with pytest.raises(InputError, match=r"worth .* independent ones; sample_layer_spectra returns them"):
        layer_spectra(2, depth=2, field="H", size=4000, rng=0)


@each("F", [R, C, H])
def test_which_draws_are_exact(F: Field) -> None:
    """For the metric, one layer, one value, and over C; of one layer both volumes are the same law."""
    for d, depth, volume in ((2, 3, "metric"), (2, 1, "manifold"), (1, 3, "manifold"), (2, 3, "manifold")):
        drawn = sample_layer_spectra(d, depth=depth, field=F, volume=volume, size=200, rng=0)
        assert drawn.exact == (F is C or depth == 1 or d == 1 or volume == "metric")
        assert (drawn.effective_size == 200.0) == drawn.exact
    if F is not C:
        both = [layer_spectra(3, depth=1, field=F, volume=volume, rng=5) for volume in ("manifold", "metric")]
        np.testing.assert_array_equal(*both)


def test_matrices_draw_for_draw() -> None:
    """Bidiagonal over H, in steps of β/2 = 2; triangular, with Gaussians below the Gamma variables."""
    d, size, rate = 3, 4, 0.6 * 5 / 2
    rng = np.random.default_rng(8)
    diagonal = rng.standard_gamma([2 + 4, 2 + 2, 2], (size, d))  # β/2 (1 + d − k) over H
    beside = rng.standard_gamma([4, 2], (size, d - 1))
    x = []
    for a, b in zip(diagonal, beside, strict=True):
        x.append(np.linalg.svd(np.diag(np.sqrt(a)) + np.diag(np.sqrt(b), -1), compute_uv=False) ** 2 / rate)
    case = {"depth": 5, "decay": 0.6, "size": size}
    np.testing.assert_allclose(layer_spectra(d, field="H", volume="metric", rng=8, **case), x, rtol=1e-11)
    rng = np.random.default_rng(8)
    real, imag = rng.standard_normal((size, d, d)), rng.standard_normal((size, d, d))
    diagonal = rng.standard_gamma([3, 3 + 5, 3 + 10], (size, d))
    x = []
    for a, re, im in zip(diagonal, real, imag, strict=True):
        lower = np.tril(re + 1j * im, -1) / np.sqrt(2) + np.diag(np.sqrt(a))
        x.append(np.linalg.svd(lower, compute_uv=False) ** 2 / rate)
    np.testing.assert_allclose(layer_spectra(d, rng=8, **case), x, rtol=1e-11)


@pytest.mark.parametrize(("seed", "worst"), [(9, 0), (0, 1), (28, 2)])
def test_a_chain_gives_its_last_draws_and_says_their_worth(
    monkeypatch: pytest.MonkeyPatch, seed: int, worst: int
) -> None:
    """It is that of the worst: of the norm, of the largest eigenvalue, or of the smallest."""
    monkeypatch.setattr("mme.bridge.markov_chain.BURN_IN", 4)
    drawn = sample_layer_spectra(3, depth=3, field="R", decay=0.7, size=(50, 3), rng=seed)
    gas = gas_of(R, 3, "manifold", 0.7)
    chains = sample_chains(gas, 3, 150, np.random.default_rng(seed))
    np.testing.assert_array_equal(drawn.values.reshape(-1, 3), chains.reshape(-1, 3)[-150:])
    worth = [effective_share(chains.sum(-1)), *(effective_share(np.log(chains[..., k])) for k in (0, 2))]
    assert np.argmin(worth) == worst
    assert drawn.effective_size == pytest.approx(150 * min(worth), rel=1e-12)
    for least, refused in ((min(worth) - 1e-6, False), (min(worth) + 1e-6, True)):
        monkeypatch.setattr(import_module("mme.bridge.layer_spectra"), "LEAST_SHARE", least)
        case = {"depth": 3, "field": "R", "decay": 0.7, "size": (50, 3), "rng": seed}
        if refused:
            with pytest.raises(InputError, match=r"worth .* independent ones"):
                layer_spectra(3, **case)
        else:
            np.testing.assert_array_equal(layer_spectra(3, **case), drawn.values)


def test_the_largest_orders_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module("mme.bridge.layer_spectra")  # the package has the function under that name
    monkeypatch.setattr(module, "LARGEST_ORDER", 4)
    monkeypatch.setattr(module, "LARGEST_CHAIN", 2)
    monkeypatch.setattr("mme.bridge.markov_chain.BURN_IN", 1)
    assert sample_layer_spectra(4, depth=2, rng=0).values.shape == (4,)
    assert sample_layer_spectra(2, depth=2, field="R", rng=0).values.shape == (2,)
    for d, F in ((5, C), (3, R), (0, C), (0, H)):
        with pytest.raises(InputError, match=r"^order must be an integer from 1 to [24]"):
            sample_layer_spectra(d, depth=2, field=F)


@pytest.mark.parametrize("decay", [1e-200, 1e200])
def test_the_decay_is_a_scale(decay: float) -> None:
    """γ times the spectrum has one law for all γ, near the ends of floating point too, draw for draw."""
    for F, volume in product((R, C, H), ("manifold", "metric")):
        case = {"depth": 3, "field": F, "volume": volume, "size": (2, 5), "rng": 4}
        found, unit = (sample_layer_spectra(3, decay=rate, **case) for rate in (decay, 1.0))
        np.testing.assert_allclose(found.values * decay, unit.values, rtol=1e-10)
        assert found.effective_size == pytest.approx(unit.effective_size, rel=1e-9)
        top = [gas_of(F, 3, volume, rate).maximum(5) for rate in (decay, 1.0)]
        np.testing.assert_allclose(top[0] + np.log(decay), top[1], rtol=0, atol=1e-8)
