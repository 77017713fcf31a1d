"""One row for each public callable: its arguments, of which kind each is, and a valid one of each."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import scipy.sparse
import sympy as sp
import torch

from mme import bridge, dln, evidence
from mme.algebra import C, H, R


@dataclass(frozen=True)
class Argument:
    """How to make a valid value for an object (None for functions), what to take and what to refuse."""

    valid: Callable[[Any], Any]
    taken: tuple[Any, ...] = ()
    refused: tuple[Any, ...] = ()
    tensor: bool = False  # takes parameters that require a gradient, and leaves the gradient behind
    gradient: bool = False  # takes them and keeps the gradient
    words: tuple[str, ...] = ()  # what a sentence may call it by, beside its name


Row = dict[str, Argument]
Rows = dict[str, Row]

NO_ARRAYS = (
    "words",
    b"bytes",
    None,
    {"a": 1},
    object(),
    [[1.0, 2.0], [1.0]],
    [[1.0, True], [0.0, 1.0]],
    [True, 2.0],
    [None],
    np.array([object(), 1.0]),
    np.ma.array([[1.0, 0.0], [0.0, 1.0]], mask=[[True, False], [False, False]]),
    [np.ma.array([1.0, 0.0], mask=[True, False])] * 2,
    scipy.sparse.eye_array(2, format="csr"),
    np.full((2, 2), np.nan),
    np.full(3, np.inf),
)
NO_SEEDS = ("0", -1, 1.5, True, [0], np.random.RandomState(0), random.Random(0))
# Thrown at every argument of every callable: each is taken, or refused in a sentence.
ANYTHING: tuple[Any, ...] = (
    *NO_ARRAYS,
    *NO_SEEDS,
    0,
    2,
    10**12,
    10**30,
    2.5,
    np.nan,
    -np.inf,
    1j,
    np.int64(2),
    np.float64(2.0),
    [],
    {1, 2},
    ["R", None],
    np.array(1.0),
    np.empty(0),
    np.empty((0, 2)),
    np.ones(2),
    np.ones((2, 3)),
    -np.eye(2),
    1j * np.eye(2),
    np.eye(2, dtype=object),
    np.eye(2) > 0,
    np.zeros((2, 3, 4, 4)),
    torch.ones(2, requires_grad=True),
    torch.eye(2, dtype=torch.float64, requires_grad=True),
    torch.empty(2, 2, device="meta"),
    torch.eye(2).to_sparse(),
    sp.Symbol("x"),
    lambda: None,
)


def whole(valid: int, least: int = 1) -> Argument:
    refused = (least - 1, valid + 0.5, True, "3", None, np.float64(valid), [valid])
    return Argument(lambda _: valid, (np.int64(valid),), refused)


def real(valid: float) -> Argument:
    return Argument(
        lambda _: valid, (np.float32(valid),), ("1", None, True, np.nan, np.inf, 1j, [1.0], 10**400)
    )


def array(valid: Any, *, gradient: bool = False) -> Argument:
    """An array, or a function that makes it for a field."""
    make = valid if callable(valid) else lambda _: valid
    return Argument(make, (), NO_ARRAYS, tensor=not gradient, gradient=gradient)


def one_of(valid: str) -> Argument:
    return Argument(lambda _: valid, (), ("no such name", None, 3.5, b"R", [valid]))


def optional(argument: Argument) -> Argument:
    refused = tuple(value for value in argument.refused if value is not None)
    return Argument(
        argument.valid, (*argument.taken, None), refused, tensor=argument.tensor, gradient=argument.gradient
    )


def held(valid: Any) -> Argument:
    """What a record holds already, a function too."""
    return Argument(lambda _: valid)


def anything(valid: Any) -> Argument:
    return Argument(valid if callable(valid) else lambda _: valid)


def same(names: str, row: Row) -> Rows:
    """One row for several callables."""
    return dict.fromkeys(names.split(), row)


SEED = Argument(lambda _: 0, (None, np.int64(3), np.random.default_rng(0)), NO_SEEDS)
FLAG = Argument(lambda _: False, (True, np.True_), ("yes", None, 1, np.ones(2)))
WORDS = Argument(lambda _: "words", ("",), (None, 3, b"bytes", ["words"]))
SIZE = Argument(lambda _: 2, (None, (1, 2), np.int64(2)), (-1, 2.5, True, "2", (2, -1), (1,) * 100, 10**12))
NO_FIELDS = ("Q", None, 3, True, 1.0, [1], b"R", np.array([1, 2]))
FIELD = Argument(lambda _: "R", ("C", 4, np.int64(2), H), NO_FIELDS)
COMMUTATIVE = Argument(lambda _: "R", ("C", np.int64(2), C), NO_FIELDS)  # where a real matrix is one, too

SQUARE = array(lambda F: F.haar(2, rng=0))
RECTANGLE = array(lambda F: F.ginibre(2, rng=0, columns=3))
HERMITIAN = array(lambda F: F.gaussian_hermitian(2, rng=0))
SKEW = array(lambda F: F.gaussian_skew_hermitian(2, rng=0))
ORDER = whole(2)
FIELD_ROWS = {
    "real_dimension": {"d": ORDER},
    "group_dimension": {"d": ORDER},
    "size": {"d": ORDER},
    "order": {"a": SQUARE},
    "identity": {"d": ORDER},
    "diagonal": {"x": array(np.ones(2))},
    "from_components": {"x": array(lambda F: np.ones((2, 3, F.beta)))},
    "components": {"a": RECTANGLE},
    "validate": {"a": SQUARE, "square": FLAG, "name": anything("a")},
    "adjoint": {"a": array(lambda F: F.ginibre(2, rng=0), gradient=True)},
    "pairing": {name: array(lambda F: F.ginibre(2, rng=0), gradient=True) for name in "ab"},
    "norm": {"a": array(lambda F: F.ginibre(2, rng=0), gradient=True)},
    "modulus": {"a": RECTANGLE},
    "is_unitary": {"a": SQUARE, "tolerance": real(1e-10)},
    "svd": {"a": RECTANGLE},
    "singular_values": {"a": array(RECTANGLE.valid, gradient=True)},
    "polar": {"a": SQUARE},
    "eigh": {"a": HERMITIAN},
    "eigvalsh": {"a": HERMITIAN},
    "log_abs_det": {"a": SQUARE},
    "hermitian_part": {"a": HERMITIAN, "sign": whole(1, -1), "name": anything("a")},
    "ginibre": {"d": ORDER, "size": SIZE, "rng": SEED, "columns": optional(whole(3))},
    **same("gaussian_hermitian gaussian_skew_hermitian haar", {"d": ORDER, "size": SIZE, "rng": SEED}),
    "lie_basis": {"d": ORDER},
    **same("exp cayley cayley_log_density", {"a": SKEW}),
    "inverse_cayley": {"q": array(lambda F: F.cayley(F.gaussian_skew_hermitian(2, rng=0)))},
    "log_group_volume": {"d": ORDER},
    "group_volume": {"d": ORDER},
}

DEPTH = whole(3)
SIGMA = array(np.array([2.0, 1.0]))
SMOOTH = array(np.array([2.0, 1.0]), gradient=True)
MATRIX = array(np.array([[1.0, 2.0], [3.0, 4.0]]))
LAYERS = array(dln.balanced_lift([[1.0, 2.0], [3.0, 4.0]], depth=3, rng=0))
FRAMES = array(R.haar(2, size=2, rng=0))
NUMBER = Argument(lambda _: 0.5, (2, np.int64(2), sp.Symbol("x")), NO_ARRAYS, gradient=False)
EXPRESSION = Argument(lambda _: sp.Symbol("x"), (2, 0.5), ("x", None, np.nan, [1], {"a": 1}))
ROOTS = Argument(lambda _: sp.symbols("a b"), ([1, 2],), ("ab", None, 3, [None], [np.nan], []))
REAL = Argument(lambda _: "R", (1, R, np.int64(1)), NO_FIELDS)  # what has a closed form
CASE = {"singular_values": SIGMA, "depth": DEPTH, "field": FIELD}
SMOOTH_CASE = {**CASE, "singular_values": SMOOTH}
LOSS = Argument(
    lambda _: lambda X: ((abs(X) ** 2).sum((-2, -1)) / 2, X), (None,), ("words", 3, [1], {"a": 1}, abs, sum)
)
DLN_ROWS: Rows = {
    "act": {"frames": FRAMES, "layers": LAYERS, "field": COMMUTATIVE},
    "act_on_endpoints": {
        "left": array(np.eye(2)),
        "right": array(np.eye(2)),
        "layers": LAYERS,
        "field": COMMUTATIVE,
    },
    **same(
        "balance_defects balance_violation require_balanced stack_layers",
        {"layers": LAYERS, "field": COMMUTATIVE},
    ),
    "end_to_end": {"layers": array(LAYERS.valid, gradient=True), "field": COMMUTATIVE},
    "balanced_lift": {"matrix": MATRIX, "depth": DEPTH, "field": COMMUTATIVE, "rng": SEED},
    "ball_count_volume": {**CASE, "radius": real(6.0), "rng": SEED, "samples": whole(200, 100)},
    "beta_hermite": {"n": ORDER, "beta": real(2.5), "size": whole(2, 0), "rng": SEED},
    "block_determinant": {"a": NUMBER, "b": NUMBER, "depth": DEPTH},
    "centre": {"matrix": MATRIX, "depth": DEPTH, "field": COMMUTATIVE},
    "chebyshev_recurrence": {"n": whole(3, 0), "x": NUMBER},
    "dln_metric": {
        "matrix": MATRIX,
        "first": MATRIX,
        "second": MATRIX,
        "depth": optional(DEPTH),
        "field": COMMUTATIVE,
    },
    **same("orbit_volume renormalised_entropy", SMOOTH_CASE),
    **same("entropy_from_metric entropy_terms gram_blocks log_gram_determinant", CASE),
    "entropy": {**SMOOTH_CASE, "group_volume": FLAG},
    "matrix_entropy": {
        "matrix": array(MATRIX.valid, gradient=True),
        "depth": DEPTH,
        "field": COMMUTATIVE,
        "group_volume": FLAG,
    },
    "network_entropy": {
        "layers": array(LAYERS.valid, gradient=True),
        "field": COMMUTATIVE,
        "group_volume": FLAG,
    },
    **same(
        "entropy_gradient entropy_hessian log_metric_determinant",
        {**CASE, "depth": optional(DEPTH)},
    ),
    "frames": {"layers": LAYERS, "field": COMMUTATIVE, "matrix": optional(MATRIX)},
    "gradient_flow": {
        "loss": LOSS,
        "layers": LAYERS,
        "times": Argument(lambda _: [0.0, 0.1], ([0.0], np.arange(2)), (*NO_ARRAYS, [], [1.0, 0.0], 1.0)),
        "field": COMMUTATIVE,
        "decay": real(0.5),
        "tolerance": real(1e-6),
        "most_steps": whole(1000),
    },
    "ImbalanceMonitor": {
        "network": Argument(
            lambda _: [np.eye(2), np.ones((1, 2))],
            (np.ones((3, 2, 2)), torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 2))),
            ("words", None, 3, [], [np.eye(2)], [np.eye(2), np.eye(3)], torch.nn.Linear(2, 2), np.ones(2)),
        ),
        "field": COMMUTATIVE,
    },
    "langevin": {
        "loss": LOSS,
        "layers": LAYERS,
        "steps": whole(3),
        "step": real(0.01),
        "field": COMMUTATIVE,
        "noise": one_of("manifold"),
        "temperature": real(0.5),
        "decay": real(0.5),
        "metropolis": optional(FLAG),
        "reach": real(0.5),
        "every": whole(2),
        "rng": SEED,
    },
    **same(
        "gram_matrix log_jacobian pushed_forward_basis",
        {**CASE, "field": COMMUTATIVE, "frames": optional(FRAMES)},
    ),
    "group_volume_from_kernel": {"d": ORDER, "field": FIELD, "digits": whole(3)},
    "group_volume_mc": {
        "d": ORDER,
        "field": FIELD,
        "rng": SEED,
        "samples": whole(2000, 100),
        "concentration": optional(real(0.5)),
    },
    "infinite_depth_entropy": {"singular_values": SMOOTH, "field": FIELD},
    "kernel": {**CASE, "depth": whole(2), "field": REAL, "t": real(0.5), "digits": optional(whole(20))},
    "log_block_determinant": {
        "log_a": array(np.ones(2), gradient=True),
        "log_b": array(np.zeros(2), gradient=True),
        "depth": DEPTH,
    },
    "log_chebyshev": {"n": whole(3, 0), "x": array(np.array([1.5, 2.0]), gradient=True)},
    "log_metric_eigenvalues": {"singular_values": SIGMA, "depth": optional(DEPTH)},
    "log_vandermonde_ratio": {"singular_values": SMOOTH, "depth": DEPTH},
    "metric_operator": {
        "matrix": MATRIX,
        "vector": MATRIX,
        "depth": optional(DEPTH),
        "field": COMMUTATIVE,
        "power": real(-1.0),
    },
    "nearest_balanced": {"layers": LAYERS, "field": COMMUTATIVE, "max_steps": whole(1000)},
    "orbit_dimension": {"d": ORDER, "depth": DEPTH, "field": FIELD},
    "orbit_map": {"matrix": MATRIX, "frames": FRAMES, "field": COMMUTATIVE},
    "orbit_map_differential": {
        "matrix": MATRIX,
        "directions": array(R.gaussian_skew_hermitian(2, size=2, rng=0)),
        "field": COMMUTATIVE,
        "frames": optional(FRAMES),
    },
    "orbit_volume_from_kernel": {
        **CASE,
        "depth": whole(2),
        "field": REAL,
        "levels": whole(3, 2),
        "digits": optional(whole(3)),
    },
    "orbit_volume_mc": {**CASE, "depth": whole(2), "rng": SEED, "samples": whole(256, 256), "progress": FLAG},
    "path_adjacency": {"n": whole(3, 0)},
    "tridiagonal_block": {"a": array(2.0), "b": array(np.ones(2)), "n": whole(3, 0)},
    "tridiagonal_determinants": {"n": whole(3, 0), "diagonal": NUMBER, "off_diagonal": NUMBER},
    "symbolic.root_symbols": {"d": ORDER},
    "symbolic.symbolic_block": {"a": EXPRESSION, "b": EXPRESSION, "n": whole(2, 0)},
    **same(
        "symbolic.symbolic_gram_matrix symbolic.symbolic_metric_matrix",
        {"roots": ROOTS, "depth": whole(2), "field": FIELD},
    ),
}

VOLUME = one_of("metric")
PART = one_of("layer")
POSITIVE = array(np.array([2.0, 0.5]))
BALANCED = {"depth": DEPTH, "field": FIELD, "volume": VOLUME, "decay": real(0.5)}
OVER_C = {name: argument for name, argument in BALANCED.items() if name != "field"}
BRIDGE_ROWS: Rows = {
    "correlation_kernel": {"x": POSITIVE, "y": POSITIVE, "order": ORDER, **OVER_C},
    "equilibrium_measure": {"depth": DEPTH, "kappa": real(0.5)},
    **same("EquilibriumMeasure.density EquilibriumMeasure.distribution", {"x": POSITIVE}),
    "EquilibriumMeasure.moment": {"power": POSITIVE},
    **same("fuss_catalan_density fuss_catalan_distribution", {"x": POSITIVE, "depth": DEPTH, "part": PART}),
    "fuss_catalan_moments": {"power": POSITIVE, "depth": DEPTH, "part": PART},
    "joint_log_density": {"values": POSITIVE, **BALANCED},
    **same("layer_spectra sample_layer_spectra", {"order": ORDER, **BALANCED, "size": SIZE, "rng": SEED}),
    "log_normalisation": {"order": ORDER, **BALANCED, "digits": optional(whole(20))},
    "mean_density": {"x": POSITIVE, "order": ORDER, **OVER_C},
}

NUMBERS = Argument(lambda _: np.ones(3), (), NO_ARRAYS[:10])  # NaN and infinity are what a check fails for
EXACT = Argument(lambda _: sp.Integer(1), (1,), ("1", None, 0.5, True, {"a": 1}, [[1, 2], [1]], object()))
BALL = Argument(lambda _: 1, (np.int64(1), Fraction(1), [1, 1]), ("1", None, 0.5, True, {"a": 1}, object()))
DRAWS = np.random.default_rng(0).standard_normal(40)
RECORD = evidence.Evidence("lemma-5.1", "", "proved", True, "the difference is 0")
EVIDENCE_ROWS: Rows = {
    "check": {
        "statement": Argument(lambda _: "lemma-5.1", (), ("Lemma 5.1", None, 3, b"a", ["a"])),
        "claim": WORDS,
    },
    "Check.proved": {"left": EXACT, "right": EXACT, "over": WORDS},
    "Check.certified": {"left": BALL, "right": BALL, "tolerance": real(0.5), "over": WORDS},
    "Check.numeric": {
        "computed": NUMBERS,
        "formula": NUMBERS,
        "rtol": optional(real(0.5)),
        "atol": optional(real(0.5)),
        "over": WORDS,
        "because": WORDS,
    },
    "Check.statistical": {
        "samples": Argument(lambda _: DRAWS, (), NO_ARRAYS[:10]),
        "expected": Argument(lambda _: 0.0, (), NO_ARRAYS[:10]),
        "standard_error": optional(Argument(lambda _: None, (), NO_ARRAYS[:2] + NO_ARRAYS[3:])),
        "tolerance": real(4.0),
        "seed": optional(whole(0, 0)),
        "sample_size": optional(whole(40, 30)),
    },
    "Evidence.from_dict": {
        "entry": Argument(lambda _: RECORD.to_dict(), (), (None, "words", 3, {}, [], {"version": 1}))
    },
    "CheckFailed": {"record": Argument(lambda _: RECORD, (), (None, "words", 3))},
    "records": {"notebook": Argument(lambda _: {"cells": []}, (), (None, "words", 3, {}, {"cells": 3}))},
    "spoken": {"statement": Argument(lambda _: "lemma-5.1", (), (None, 3, b"a"))},
}

ROWS: Rows = {
    "algebra.field": {"field": FIELD},
    **{f"algebra.Field.{name}": row for name, row in FIELD_ROWS.items()},
    **{f"dln.{name}": row for name, row in DLN_ROWS.items()},
    **{f"bridge.{name}": row for name, row in BRIDGE_ROWS.items()},
    **{f"evidence.{name}": row for name, row in EVIDENCE_ROWS.items()},
}
# What methods are called of; a record's constructor takes what the object holds.
OBJECTS: dict[str, Callable[[], list[Any]]] = {
    "algebra.Field": lambda: [R, C, H],
    "algebra.SVD": lambda: [R.svd(np.eye(2))],
    "algebra.Eigendecomposition": lambda: [R.eigh(np.eye(2))],
    "bridge.EquilibriumMeasure": lambda: [bridge.equilibrium_measure(3, 0.5)],
    "bridge.LayerSpectra": lambda: [bridge.sample_layer_spectra(2, depth=2, size=2, rng=0)],
    "dln.EntropyTerms": lambda: [dln.entropy_terms([2.0, 1.0], depth=2)],
    "dln.ExtrapolatedVolume": lambda: [dln.orbit_volume_from_kernel([1.0], depth=2, levels=2)],
    "dln.Flow": lambda: [dln.gradient_flow(None, LAYERS.valid(None), [0.0, 0.1])],
    "dln.Imbalance": lambda: [dln.ImbalanceMonitor([np.eye(2)] * 2).record()],
    "dln.ImbalanceMonitor": lambda: [dln.ImbalanceMonitor([np.eye(2)] * 2)],
    "dln.Langevin": lambda: [dln.langevin(None, LAYERS.valid(None), steps=2, step=0.01, rng=0)],
    "dln.VolumeEstimate": lambda: [dln.orbit_volume_mc([1.0], depth=2)],
    "evidence.Check": lambda: [evidence.check("lemma-5.1", "a claim")],
    "evidence.Evidence": lambda: [RECORD],
}
