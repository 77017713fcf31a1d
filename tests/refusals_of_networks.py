"""Rows, as in `tests.refusals`, of what takes networks, their spectra and their files."""

import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from torch import nn

from mme import comparison, ensembles, networks
from mme.weights import Checkpoint, StoredTensor

from .refusals import (
    FLAG,
    SEED,
    WORDS,
    Argument,
    Row,
    Rows,
    anything,
    array,
    one_of,
    optional,
    real,
    same,
    whole,
)

WEIGHTS = {
    "fc": np.random.default_rng(0).normal(size=(6, 5)),
    "out": np.random.default_rng(1).normal(size=(4, 6)),
}


@cache
def made() -> Any:
    """What the rows are made of, once it is asked for."""
    ensemble = ensembles.layer_matrix_ensemble(WEIGHTS)
    difference = ensembles.circular_spectral_difference(ensemble, bins=20)
    normed = nn.Sequential(nn.Linear(5, 6, bias=False), nn.BatchNorm1d(6), nn.Linear(6, 4)).eval()
    model = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 4)).eval()
    return SimpleNamespace(
        ensemble=ensemble,
        spectrum=ensembles.pooled_spectrum(ensemble),
        density=ensembles.spectral_density(ensembles.pooled_spectrum(ensemble), bins=20),
        difference=difference,
        comparison=comparison.compare({"a": WEIGHTS, "b": WEIGHTS}, control=None),
        classes=ensembles.equivalence_classes({"a": difference, "b": difference}),
        model=model,
        of_images=nn.Sequential(nn.Flatten(), nn.Linear(64, 10)),
        row=SimpleNamespace(name="a", untrained=[difference], trained=None),
        stored=StoredTensor("fc", (2, 3), "float64", lambda: np.ones((2, 3))),
        normed=normed,
    )


@cache
def written() -> Path:
    path = Path(tempfile.mkdtemp()) / "net.npz"
    np.savez(path, **WEIGHTS)  # type: ignore[arg-type]
    return path


def trained() -> networks.TrainedNetwork:
    small = networks.ARCHITECTURES["vgg5"]
    weights = small.build().state_dict()
    return networks.TrainedNetwork(small, 0, weights, weights, 0.5, 0.5)


def of(name: str, *refused: Any) -> Argument:
    """One of what is made above; no other thing is."""
    no_others = ("words", b"bytes", None, 3, object(), *refused)
    return Argument(lambda _: getattr(made(), name), (), no_others, words=OF_NETWORKS)


# What is wrong with a network is said of it, or of its layer, whatever the argument is called.
OF_NETWORKS = ("network", "layer")
NETWORK = Argument(
    lambda _: WEIGHTS,
    (),
    (b"bytes", None, 3, object(), {}, {"fc": "words"}, np.ones((2, 2))),
    words=OF_NETWORKS,
)
WHICH = Argument(lambda _: None, (), (3, b"x", ["a"]))
MODEL = of("model", WEIGHTS)
NORMED = of("normed", WEIGHTS)
ENSEMBLE = of("ensemble")
DIFFERENCE = of("difference")
ORDERS = Argument(lambda _: [5, 6], ([np.int64(5)], (3,)), (None, "56", [1], [2.5], [True], 5, [], [-3]))
WINDOW = Argument(
    lambda _: (0.0, 6.0),
    ([0, 4],),
    ("06", 3, (1.0, 0.0), (0.0, np.nan), (0.0, np.inf), (1,), (0, "6"), (True, 6)),
)
DENSITY: Row = {
    "window": WINDOW,
    "bins": whole(20),
    "zeros": one_of("keep"),
    "normalise": one_of("window"),
    "bandwidth": optional(real(0.5)),
}
CIRCULAR: Row = {"circular": one_of("CUE"), "construction": one_of("haar")}
POOLED: Row = {"part": one_of("real"), "pooling": one_of("plain")}
DRAWING: Row = {"draws": whole(2), "rng": SEED, **CIRCULAR, **POOLED}
WORK: Row = {"jobs": optional(whole(1)), "store": anything(None), "progress": FLAG}
DTYPE = one_of("float64")
SHARE = real(0.25)
COUNT = Argument(lambda _: 100.0, (np.int64(3), np.inf), (None, "1", True, np.nan, -1.0, 1j, [1.0]))
VALUES = array(np.linspace(0.1, 3.0, 40))
VARIANCES = array(np.array([[0.1, 0.2, 0.4], [0.2, 0.1, 0.3]]))
CONJUGATE = Argument(lambda _: "deterministic", ("sampled",), (None, 3, "no such name", b"x"))
OPTIONS = Argument(lambda _: None, (comparison.Options(),), ("words", 3, {}, [1]))
CONTROL = Argument(lambda _: None, ("auto", "torch", WEIGHTS), ("no rule", 3, b"x", [1], {"fc": np.eye(3)}))
NAMES = Argument(lambda _: None, (["f*"], "f*", {"fc": 1}), (3, [3], b"fc", {1: "a"}))

# What trains or downloads is only refused here.
COSTLY = {
    "transforms.retrain",
    "networks.train",
    "networks.digits_family",
    "networks.efficientnet_lite",
    "networks.import_torchvision",
    "comparison.vision_rows",
}
NO_PATHS: tuple[Any, ...] = (None, 3, b"bytes", [], {"a": 1}, object(), "no such folder", "a\0b")
FOLDER = Argument(lambda _: str(written().parent), (), NO_PATHS)
PATH = Argument(lambda _: written(), (), NO_PATHS, words=("file", "folder"))
RECIPE = Argument(lambda _: networks.Recipe(epochs=1), (), ("words", 3, {}, [1]))
# As the rows of the paper's table are, which take pretrained networks.
ROWS_OF_TABLE = Argument(lambda _: [made().row], (), (None, "words", 3, [], [3]))

CHECKPOINT: Row = {
    "name": WORDS,
    "format": WORDS,
    "tensors": Argument(lambda _: [made().stored], (), (None, 3, "words", [3], {"a": 1})),
    "rule": optional(WORDS),
    "lora_scale": Argument(lambda _: None, (0.5, {"": 2}), ("words", [1.0], np.nan, {"": "x"}, {3: 1.0})),
}
STORED: Row = {
    "name": WORDS,
    "shape": Argument(lambda _: (2, 3), ((), (np.int64(2),)), (None, 3, "23", (-1,), (2.5,), (True,))),
    "dtype": WORDS,
    "read": Argument(lambda _: lambda: np.ones((2, 3)), (), (None, 3, "words")),
    "types": Argument(lambda _: frozenset({"Linear"}), (frozenset(),), (None, 3, "Linear")),
    "skip": WORDS,
    "location": anything(None),
    "fingerprint": anything(None),
    "note": WORDS,
    "effective": FLAG,
}
ROWS: Rows = {
    "ensembles.CircularMixedEnsemble": {
        "matrices": Argument(
            lambda _: [np.eye(2)], (), (None, "words", 3, [], [np.ones(3)], [np.full((2, 2), np.nan)])
        ),
        "unitaries": anything(()),
        "circular": one_of("CUE"),
        "construction": one_of("haar"),
    },
    "ensembles.Layer": {
        "name": WORDS,
        "given": replace(array(WEIGHTS["fc"]), words=OF_NETWORKS),
        "dtype": DTYPE,
        "estimate": optional(whole(40, 32)),
    },
    "ensembles.LayerMatrixEnsemble": {
        "matrices": anything([np.eye(2)]),
        "layers": anything(()),
        "skipped": anything(()),
        "name": anything("a"),
    },
    "ensembles.MixedMatrixEnsemble": {
        "matrices": Argument(
            lambda _: [np.eye(2)], (), (None, "words", 3, [], [np.ones(3)], [np.full((2, 2), np.nan)])
        ),
    },
    "ensembles.MixedMatrixEnsemble.spectra": {"part": one_of("real")},
    "ensembles.LayerMatrixEnsemble.measured": {**WORK, "device": one_of("cpu")},
    "ensembles.LayerMatrixEnsemble.without": {
        "names": Argument(lambda one: one.layers[0].name, (), (3, "no"))
    },
    "ensembles.LayerMatrixEnsemble.spectra": {"part": one_of("real")},
    "ensembles.CircularMixedEnsemble.spectra": {"part": one_of("real")},
    "ensembles.SampledCircularEnsemble.spectra": {"part": one_of("real")},
    "ensembles.SampledCircularEnsemble": {
        "orders": ORDERS,
        "draws": whole(1),
        "rng": SEED,
        **CIRCULAR,
        "dtype": DTYPE,
        "shared": FLAG,
        **WORK,
    },
    "ensembles.calibrate_delta": {"differences": VALUES, "rate": real(0.1), "level": real(0.95)},
    "ensembles.circular_mixed_ensemble": {
        "orders": ORDERS,
        "rng": SEED,
        **CIRCULAR,
        "draws": optional(whole(2)),
    },
    "ensembles.circular_spectral_difference": {
        "ensemble": ENSEMBLE,
        "conjugate": CONJUGATE,
        **DRAWING,
        **DENSITY,
    },
    "ensembles.conjugacy": {
        "ensemble": ENSEMBLE,
        "conjugate": CONJUGATE,
        "tolerance": optional(real(0.5)),
        "level": real(0.01),
        "window": WINDOW,
        "bins": whole(20),
        "zeros": one_of("keep"),
        "bandwidth": optional(real(0.5)),
        **DRAWING,
    },
    "ensembles.conjugate_spectrum": {
        "orders": ORDERS,
        "conjugate": CONJUGATE,
        **DRAWING,
        "dtype": DTYPE,
        "shared": FLAG,
        **WORK,
    },
    "ensembles.default_delta": {"differences": DIFFERENCE},
    "ensembles.deterministic_spectrum": {"orders": ORDERS, "method": one_of("auto"), **POOLED},
    "ensembles.disjoint_differences": {"values": VALUES},
    "ensembles.equivalence": {
        "first": ENSEMBLE,
        "second": ENSEMBLE,
        "delta": optional(real(0.5)),
        "tolerance": optional(real(0.5)),
        "conjugate": CONJUGATE,
        **DRAWING,
        **DENSITY,
    },
    "ensembles.equivalence_classes": {
        "networks": Argument(
            lambda _: {"a": made().ensemble}, (), (None, 3, "words", {}, [1], {"a": "words"}, {"a": np.nan})
        ),
        "delta": optional(real(0.5)),
        "linkage": one_of("complete"),
        "conjugate": CONJUGATE,
        **DRAWING,
        **DENSITY,
    },
    "ensembles.layer_matrix_ensemble": {
        "source": NETWORK,
        "name": optional(WORDS),
        "include": NAMES,
        "exclude": NAMES,
        "types": anything(None),
        "dtype": DTYPE,
        "estimate": optional(whole(40, 32)),
    },
    "ensembles.log_frobenius_norm": {"source": NETWORK},
    "ensembles.log_spectral_norm": {"source": NETWORK},
    "ensembles.log_stable_rank": {"source": NETWORK},
    "ensembles.modulus_density": {
        "order": whole(5, 1),
        "edges": array(np.linspace(0, 3, 5)),
        "part": one_of("real"),
        "method": one_of("auto"),
    },
    "ensembles.noise_floor": {"first": COUNT, "second": COUNT, "window": WINDOW, "bins": whole(20)},
    "ensembles.pooled_spectrum": {"ensemble": ENSEMBLE, **POOLED},
    "ensembles.sampling_cost": {"orders": ORDERS, "draws": whole(5), **CIRCULAR},
    "ensembles.shape_distance": {"source": NETWORK, "control": NETWORK},
    "ensembles.spike_share": {"source": NETWORK},
    "ensembles.spectral_density": {"spectrum": of("spectrum"), **DENSITY},
    "ensembles.spectral_difference": {"first": of("density"), "second": of("density")},
    "comparison.compare": {
        "networks": Argument(lambda _: {"a": WEIGHTS}, (), (None, 3, "words", [WEIGHTS], {}, {"a": 3})),
        "options": OPTIONS,
        "delta": optional(real(0.5)),
        "linkage": one_of("complete"),
        "control": CONTROL,
        "controls": whole(1),
        **WORK,
    },
    "comparison.measure": {
        "source": NETWORK,
        "options": OPTIONS,
        "name": optional(WORDS),
        "control": CONTROL,
        "controls": whole(1),
        **WORK,
    },
    "comparison.statistics": {"source": NETWORK, "options": OPTIONS, "classifier": FLAG},
    "comparison.vision_rows": {
        "names": Argument(lambda _: [], (), (3, ["no such net"], [3])),
        "options": OPTIONS,
        "trained": FLAG,
        "seeds": whole(1),
        **WORK,
    },
    "comparison.Options.pooled": {"ensemble": of("ensemble")},
    "comparison.Options": {
        "include": NAMES,
        "exclude": NAMES,
        "types": anything(None),
        "dtype": DTYPE,
        "estimate": optional(whole(40, 32)),
        "device": Argument(lambda _: "cpu", (), (None, 3.5, b"cpu", ["cpu"])),
        "conjugate": CONJUGATE,
        "draws": whole(5),
        "rng": whole(0, 0),
        **CIRCULAR,
        **POOLED,
        **DENSITY,
        "squarings": whole(1),
    },
    "transforms.fold_batch_norm": {"model": NORMED},
    "transforms.permute_hidden_units": {"model": MODEL, "rng": SEED},
    "transforms.prune": {"model": MODEL, "share": SHARE},
    "transforms.quantise": {"model": MODEL, "bits": whole(4)},
    "transforms.truncate_rank": {"model": MODEL, "share": SHARE},
    "transforms.remove_units": {"model": MODEL, "share": SHARE},
    "transforms.rescale_before_norm": {"model": NORMED, "factor": real(2.0)},
    "transforms.retrain": {
        "model": of("of_images", WEIGHTS),
        "hold": one_of("shapes"),
        "recipe": RECIPE,
        "seed": whole(0, 0),
    },
    "networks.Digits.with_label_noise": {"share": real(0.5), "rng": SEED},
    "networks.Recipe": {
        "epochs": whole(1),
        "learning_rate": real(0.1),
        "batch_size": whole(32, 2),
        "momentum": real(0.9),
        "weight_decay": real(5e-4),
    },
    "networks.TrainedNetwork.model": {"trained": FLAG},
    "networks.accuracy": {"model": of("of_images", WEIGHTS), "part": one_of("test")},
    "networks.available_pretrained": {},
    "networks.digits_family": {
        "names": Argument(lambda _: [], (), (3, ["no such net"], [3], "no")),
        "seed": whole(0, 0),
        "recipe": optional(RECIPE),
        "cache": FLAG,
    },
    "networks.digits_images": {},
    "networks.efficientnet_lite": {"version": whole(0, 0)},
    "networks.import_torchvision": {},
    "networks.train": {
        "name": one_of("vgg5"),
        "seed": whole(0, 0),
        "recipe": optional(RECIPE),
        "cache": FLAG,
    },
    "networks.untrained_control": {
        "source": NETWORK,
        "rule": Argument(lambda _: "torch", (), ("no such rule", 3, b"x", [1])),
        "rng": SEED,
        "groups": Argument(lambda _: None, ({"fc": 1},), (3, "words", [1])),
    },
    "weights.effective_weights": {"source": NETWORK, "which": WHICH},
    **same("checkpoints.Checkpoint weights.Checkpoint", CHECKPOINT),
    **same("checkpoints.StoredTensor weights.StoredTensor", STORED),
    "checkpoints.checkpoints_in": {"folder": FOLDER},
    "checkpoints.open_checkpoint": {"path": PATH, "which": WHICH},
    "plots.comparison": {"found": of("comparison")},
    "plots.cumulative_differences": {"rows": ROWS_OF_TABLE, "ax": anything(None)},
    "plots.fluctuations": {"rows": ROWS_OF_TABLE},
    "plots.figure": {"ax": anything(None), "size": anything(None), "panels": anything((1, 1))},
    "plots.styled": {"draw": Argument(lambda _: lambda: None, (), (None, "words", 3))},
    "plots.csd": {"difference": DIFFERENCE, "until": optional(real(2.0)), "linear": real(0.1)},
    "plots.densities": {
        "densities": Argument(lambda _: {"a": made().density}, (), (None, 3, "words", {}, {"a": 3})),
        "log": FLAG,
        "zoom": anything(None),
        "ax": anything(None),
    },
    "plots.equivalence_classes": {"found": of("classes"), "log": FLAG, "ax": anything(None)},
    "plots.network_density": {
        "density": of("density"),
        "conjugate": of("density"),
        "name": WORDS,
        "ax": anything(None),
    },
}

OBJECTS = {
    "comparison.Comparison": lambda: [made().comparison],
    "comparison.Measurement": lambda: [made().comparison.measurements[0]],
    "comparison.VisionRow": lambda: [
        comparison.VisionRow("a", comparison.PAPER["vgg11"], made().ensemble, (made().difference,))
    ],
    "comparison.Options": lambda: [comparison.Options()],
    **dict.fromkeys(("checkpoints.Checkpoint", "weights.Checkpoint"), lambda: [Checkpoint("a", "b", [])]),
    **dict.fromkeys(("checkpoints.StoredTensor", "weights.StoredTensor"), lambda: [made().stored]),
    "networks.Architecture": lambda: [networks.ARCHITECTURES["vgg5"]],
    "networks.Digits": lambda: [networks.digits_images()],
    "networks.Recipe": lambda: [networks.Recipe()],
    "networks.TrainedNetwork": lambda: [trained()],
    "ensembles.CSD": lambda: [made().difference],
    "ensembles.CircularSpectralDifference": lambda: [made().difference],
    "ensembles.Calibration": lambda: [ensembles.calibrate_delta(np.linspace(0.1, 3.0, 40))],
    "ensembles.CircularMixedEnsemble": lambda: [ensembles.circular_mixed_ensemble([5, 6], rng=0)],
    "ensembles.Conjugacy": lambda: [ensembles.conjugacy(made().ensemble)],
    "ensembles.Equivalence": lambda: [ensembles.equivalence(made().ensemble, made().ensemble)],
    "ensembles.EquivalenceClasses": lambda: [made().classes],
    "ensembles.Layer": lambda: [ensembles.Layer("fc", WEIGHTS["fc"])],
    "ensembles.LayerMatrixEnsemble": lambda: [made().ensemble],
    "ensembles.MixedMatrixEnsemble": lambda: [ensembles.MixedMatrixEnsemble([np.eye(2)])],
    "ensembles.PooledSpectrum": lambda: [made().spectrum],
    "ensembles.SampledCircularEnsemble": lambda: [ensembles.SampledCircularEnsemble([5, 6], rng=0)],
    "ensembles.SpectralDensity": lambda: [made().density],
}
