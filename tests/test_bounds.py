"""The least and the largest number that an argument may be is taken, and the next one is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

import flint
import numpy as np
import pytest

from mme.algebra import C, H, R
from mme.bridge import equilibrium_measure
from mme.dln import (
    ball_count_volume,
    block_determinant,
    chebyshev_recurrence,
    gradient_flow,
    group_volume_mc,
    kernel,
    langevin,
    log_chebyshev,
    metric_operator,
    nearest_balanced,
    orbit_volume_from_kernel,
    orbit_volume_mc,
    path_adjacency,
    tridiagonal_block,
    tridiagonal_determinants,
)
from mme.dln.balls import cases
from mme.dln.beta_ensembles import beta_hermite
from mme.dln.kernels import group_volume_from_kernel
from mme.dln.symbolic import root_symbols, symbolic_block
from mme.ensembles import (
    PooledSpectrum,
    calibrate_delta,
    circular_mixed_ensemble,
    conjugacy,
    conjugate_spectrum,
    deterministic_spectrum,
    equivalence,
    equivalence_classes,
    noise_floor,
    sampling_cost,
    spectral_density,
)
from mme.errors import InputError
from mme.evidence import check
from tests.each import each

ONE = {"depth": 2, "field": "C"}
CLAIM = check("lemma-5.1", "a claim")
SPECTRUM = PooledSpectrum([0.5, 1.0, 2.0], 0, (3,))
HALF = np.linspace(0, 1, 101)

Call = Callable[[Any], Any]
Border = tuple[Any, Any, str]  # what is taken, what is not, and what is said


def least(n: int) -> list[Border]:
    return [(n, n - 1, f"must be an integer of at least {n}")]


def within(low: int, high: int, largest: int | None = None) -> list[Border]:
    """`largest` is tried instead of what would take too long."""
    said = f"must be an integer from {low} to {high}"
    return [(low, low - 1, said), (high if largest is None else largest, high + 1, said)]


def positive(example: float) -> list[Border]:
    return [(example, 0, "must be a finite number above 0")]


NOT_NEGATIVE: list[Border] = [(0, -1e-9, "must be a finite number of at least 0")]
ROWS: dict[str, tuple[Call, list[Border]]] = {
    "n of beta_hermite": (lambda n: beta_hermite(n, 2.0, size=1, rng=0), least(1)),
    "beta of beta_hermite": (lambda b: beta_hermite(2, b, size=1, rng=0), positive(1e-3)),
    "size of beta_hermite": (lambda s: beta_hermite(2, 1.0, size=s, rng=0), least(0)),
    "n of path_adjacency": (path_adjacency, least(0)),
    "n of tridiagonal_block": (lambda n: tridiagonal_block(1.0, 2.0, n), least(0)),
    "n of chebyshev_recurrence": (
        lambda n: chebyshev_recurrence(n, 0.5),
        within(0, 10_000),
    ),
    "n of tridiagonal_determinants": (
        lambda n: tridiagonal_determinants(n, 0.5, 0.5), within(0, 10_000, 3),
    ),
    "depth of block_determinant": (
        lambda n: block_determinant(0.5, 0.25, n),
        within(1, 10_000, 300),
    ),
    "n of log_chebyshev": (
        lambda n: log_chebyshev(n, 1.0),
        within(0, 2**53 - 1),
    ),
    "t of kernel": (lambda t: kernel([1.0], t, **ONE), positive(0.1)),
    "digits of kernel": (
        lambda digits: kernel([1.0], 0.1, digits=digits, **ONE),
        within(1, 100),
    ),
    "levels of orbit_volume_from_kernel": (
        lambda levels: orbit_volume_from_kernel([1.0], levels=levels, **ONE),
        within(2, 40, 9),
    ),
    "digits of orbit_volume_from_kernel": (
        lambda digits: orbit_volume_from_kernel([1.0], digits=digits, **ONE),
        within(1, 100, 20),
    ),
    "digits of group_volume_from_kernel": (
        lambda digits: group_volume_from_kernel(1, field="C", digits=digits),
        within(1, 100, 20),
    ),
    "d of group_volume_from_kernel": (
        lambda d: group_volume_from_kernel(d, field="C", digits=3),
        within(1, 50, 2),
    ),
    "samples of orbit_volume_mc": (
        lambda n: orbit_volume_mc([1.0], samples=n, rng=0, **ONE), least(256),
    ),
    "samples of ball_count_volume": (
        lambda n: ball_count_volume([1.0], samples=n, radius=3, rng=0, **ONE), least(100),
    ),
    "radius of ball_count_volume": (
        lambda r: ball_count_volume([1.0], samples=1000, radius=r, rng=0, **ONE), positive(0.5),
    ),
    "samples of group_volume_mc": (
        lambda n: group_volume_mc(1, samples=n, rng=0), least(100),
    ),
    "concentration of group_volume_mc": (
        lambda c: group_volume_mc(1, field="C", samples=500, rng=0, concentration=c), positive(0.5),
    ),
    "max_steps of nearest_balanced": (
        lambda n: nearest_balanced([np.eye(2)] * 2, max_steps=n), least(1),
    ),
    "power of metric_operator": (
        lambda p: metric_operator(np.eye(2), np.eye(2), depth=2, power=p),
        [(-1.0, np.inf, "must be a finite number")],
    ),
    "d of root_symbols": (root_symbols, least(1)),
    "n of symbolic_block": (lambda n: symbolic_block(1, 2, n), least(0)),
    "rate of calibrate_delta": (
        lambda rate: calibrate_delta([1.0] * 9, rate), [*positive(0.1), (0.9, 1, "must lie|must be")],
    ),
    "draws of circular_mixed_ensemble": (
        lambda n: circular_mixed_ensemble([2], draws=n, rng=0),
        within(1, 10**6, 2),
    ),
    "draws of conjugate_spectrum": (
        lambda n: conjugate_spectrum([2], draws=n, rng=0),
        within(1, 10**6),
    ),
    "draws of sampling_cost": (
        lambda n: sampling_cost([2], n),
        within(1, 10**6),
    ),
    "orders of deterministic_spectrum": (
        lambda n: deterministic_spectrum([n]),
        [*least(2), (10**12, 10**12 + 1, "must be at most|must be")],
    ),
    "tolerance of conjugacy": (
        lambda tolerance: conjugacy(SPECTRUM, SPECTRUM, tolerance=tolerance), NOT_NEGATIVE,
    ),
    "delta of equivalence": (
        lambda delta: equivalence({"a": np.eye(3)}, {"a": np.eye(3)}, delta=delta), NOT_NEGATIVE,
    ),
    "delta of equivalence_classes": (
        lambda delta: equivalence_classes({"a": 0.1, "b": 0.2}, delta=delta), NOT_NEGATIVE,
    ),
    "first of noise_floor": (lambda n: noise_floor(n, 5), positive(1e-3)),
    "bins of spectral_density": (
        lambda bins: spectral_density(SPECTRUM, bins=bins),
        within(1, 10**7, 2),
    ),
    "bandwidth of spectral_density": (
        lambda width: spectral_density(SPECTRUM, window=(0, 3), bins=10, bandwidth=width),
        [*positive(0.1), (3.0, 3.001, "above 0 and of at most 3")],
    ),
    "structural_zeros of PooledSpectrum": (
        lambda zeros: PooledSpectrum([0, 0, 1], zeros), within(0, 2),
    ),
    "sign of hermitian_part": (
        lambda sign: C.hermitian_part(np.zeros((2, 2)), sign=sign),
        [*within(-1, 1), (1, 0, "must be 1 or -1, but it is 0")],
    ),
    "columns of ginibre": (lambda n: H.ginibre(2, rng=0, columns=n), least(1)),
    **{
        f"d of {name}": (lambda d, name=name: getattr(H, name)(d), least(1))
        for name in ("ginibre", "haar", "gaussian_hermitian", "gaussian_skew_hermitian", "lie_basis", "size",
                     "identity", "real_dimension", "group_dimension")
    },
    "d of log_group_volume": (
        R.log_group_volume, within(1, 10**6),
    ),
    "tolerance of gradient_flow": (
        lambda t: gradient_flow(None, np.ones((1, 1, 1)), [0.0, 0.1], tolerance=t),
        [(bound, beyond, "must be a finite number from 1e-13 to 0.1")
         for bound, beyond in ((1e-13, 0.99e-13), (0.1, 0.101))],
    ),
    "most_steps of gradient_flow": (
        lambda n: gradient_flow(None, np.ones((1, 1, 1)), [0.0], most_steps=n), least(1),
    ),
    "tolerance of is_unitary": (lambda t: R.is_unitary(np.eye(2), tolerance=t), NOT_NEGATIVE),
    "tolerance of certified": (
        lambda t: CLAIM.certified(flint.arb(2), flint.arb(2), tolerance=t), positive(1e-40),
    ),
    "rtol of numeric": (lambda t: CLAIM.numeric(1, 1, rtol=t), NOT_NEGATIVE),
    "atol of numeric": (lambda t: CLAIM.numeric(1, 1, atol=t), NOT_NEGATIVE),
    "tolerance of statistical": (
        lambda t: CLAIM.statistical(HALF, expected=0.5, tolerance=t), positive(1.0),
    ),
    "seed of statistical": (
        lambda seed: CLAIM.statistical(HALF, expected=0.5, seed=seed), least(0),
    ),
    "sample_size of statistical": (
        lambda n: CLAIM.statistical(0.5, expected=0.5, standard_error=0.1, sample_size=n),
        least(30),
    ),
}  # fmt: skip


def test_borders_are_where_they_are_said_to_be() -> None:
    wrong = []
    for name, (call, borders) in ROWS.items():
        for taken, refused, said in borders:
            try:
                call(taken)
            except Exception as error:
                wrong.append(f"{name}: {taken!r} must be taken, but: {error!r}")
            try:
                with pytest.raises(InputError, match=rf"{name.split()[0]}(\[0\])?\b.*({said})\b"):
                    call(refused)
            except (Exception, pytest.fail.Exception) as error:
                wrong.append(f"{name}: {refused!r} must be refused, but: {error!r}")
    assert wrong == []


DEFAULTS: dict[Callable[..., Any], dict[str, Any]] = {
    R.is_unitary: {"tolerance": 1e-10},
    ball_count_volume: {"samples": 100_000},
    calibrate_delta: {"rate": 0.1, "level": 0.95},
    cases: {"deepest": 8},
    CLAIM.certified: {"tolerance": 1e-50},
    CLAIM.statistical: {"tolerance": 4.0},
    conjugacy: {"level": 0.01},
    equilibrium_measure: {"kappa": 1.0},
    gradient_flow: {"decay": 0.0, "tolerance": 1e-10, "most_steps": 10_000},
    group_volume_from_kernel: {"digits": 15},
    group_volume_mc: {"samples": 100_000},
    langevin: {"noise": "manifold", "temperature": 1.0, "decay": 0.0, "metropolis": None, "reach": 0.5,
               "every": 1},
    nearest_balanced: {"max_steps": 1000},
    orbit_volume_from_kernel: {"levels": 9, "digits": None},
    orbit_volume_mc: {"samples": 8192, "progress": False},
    sampling_cost: {"draws": 5, "circular": "CUE", "construction": "haar"},
}  # fmt: skip


@each("function", DEFAULTS)
def test_what_is_taken_where_nothing_is_said(function: Callable[..., Any]) -> None:
    """What a change of would give other numbers to who relies on it."""
    parameters = signature(function).parameters
    assert {name: parameters[name].default for name in DEFAULTS[function]} == DEFAULTS[function]
