"""Comparisons agree with the functions of Part I, network by network and pair by pair."""

import json
import sys

import numpy as np
import pytest

from mme.checkpoints import Checkpoint, StoredTensor
from mme.comparison import Options, SharedCircularEnsemble, compare, measure
from mme.ensembles import (
    circular_spectral_difference,
    conjugacy,
    default_delta,
    equivalence_classes,
    layer_matrix_ensemble,
    pooled_spectrum,
)
from mme.errors import InputError


def weights(seed: int, scale: float = 1.0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    shapes = {"layer1.0.conv1.weight": (24, 6, 3, 3), "fc.weight": (40, 24), "tall.weight": (60, 4)}
    return {
        name: scale * rng.normal(size=shape) / np.prod(shape[1:]) ** 0.5 for name, shape in shapes.items()
    }


def checkpoint(name: str, seed: int, scale: float = 1.0) -> Checkpoint:
    tensors = [
        StoredTensor(key, array.shape, "float64", lambda array=array: array)  # type: ignore[misc]
        for key, array in weights(seed, scale).items()
    ]
    return Checkpoint(name, "test", tensors)


@pytest.mark.parametrize(
    "options",
    [
        Options(),
        Options(zeros="drop", bins=200, window=(0.0, 3.0), seed=4, draws=3),
        Options(part="symmetric", pooling="periodic", normalise="positive"),
        Options(conjugate="deterministic", zeros="half", bandwidth=0.05),
        Options(include=("*conv*", "fc*"), exclude=("fc*",), part="modulus"),
    ],
)
def test_a_measurement_is_that_of_part_one(options: Options) -> None:
    measured = measure(checkpoint("one", 0), options)
    ensemble = layer_matrix_ensemble(weights(0), include=options.include, exclude=options.exclude)
    conjugate: object = "deterministic"
    if options.conjugate == "sampled":
        shared = SharedCircularEnsemble(ensemble.orders, options.draws, options.seed)
        conjugate = pooled_spectrum(shared, part=options.part, pooling=options.pooling)
    expected = circular_spectral_difference(ensemble, conjugate, pooling=options.pooling, **options.density)
    assert measured.csd.variance == pytest.approx(expected.variance, rel=1e-9)
    assert measured.csd.standard_error == pytest.approx(expected.standard_error, rel=1e-9, abs=1e-15)
    assert measured.csd.largest_cumulative == pytest.approx(expected.largest_cumulative, rel=1e-9)
    assert measured.csd.noise_floor == pytest.approx(expected.noise_floor, rel=1e-9)
    assert measured.name == "one"
    if options.pooling == "plain":
        verdict = conjugacy(
            ensemble, conjugate, window=options.window, bins=options.bins, zeros=options.zeros,
            bandwidth=options.bandwidth,
        )  # fmt: skip
        assert measured.conjugacy.distance == pytest.approx(verdict.distance, rel=1e-9)


def test_the_control_is_drawn_by_the_rule_of_the_architecture() -> None:
    one = measure(checkpoint("one", 0), Options(conjugate="deterministic"))
    assert one.rule == "resnet"
    assert one.control is not None
    # He's rule by fan-out differs from 1/√M of the weights here, and so does its scale.
    assert one.control.variance != one.csd.variance
    same = measure(checkpoint("other", 1, 3.0), Options(conjugate="deterministic"))
    assert same.control is not None
    assert same.control.variance == one.control.variance  # it depends on shapes and seed only
    other = measure(checkpoint("one", 0), Options(conjugate="deterministic"), control_seed=1)
    assert other.control is not None
    assert other.control.variance != one.control.variance
    chosen = measure(checkpoint("one", 0), Options(conjugate="deterministic"), control="torch")
    assert chosen.rule == "torch"
    assert chosen.control is not None
    assert chosen.control.variance != one.control.variance
    assert measure(checkpoint("one", 0), control=None).control is None


def test_errors_of_the_control_and_of_the_network_come_from_the_same_draws() -> None:
    one = measure(checkpoint("one", 0), Options(draws=4))
    assert one.control is not None
    assert len(one.control.variances) == len(one.csd.variances) == 4
    assert 0 < one.control.standard_error < one.control.variance


def test_comparison_is_that_of_part_one() -> None:
    networks = {name: checkpoint(name, seed, scale) for name, seed, scale in
                (("a", 0, 1.0), ("b", 1, 1.0), ("c", 2, 3.0))}  # fmt: skip
    found = compare(networks, Options(conjugate="deterministic", zeros="drop"), delta=0.05)
    csds = {
        name: circular_spectral_difference(
            layer_matrix_ensemble(weights(seed, scale)), "deterministic", zeros="drop"
        )
        for name, seed, scale in (("a", 0, 1.0), ("b", 1, 1.0), ("c", 2, 3.0))
    }
    assert found.names == ("a", "b", "c")
    assert found.classes.classes == equivalence_classes(csds, delta=0.05).classes
    for i, first in enumerate("abc"):
        for j, second in enumerate("abc"):
            difference = csds[first].variance - csds[second].variance
            assert found.differences[i, j] == pytest.approx(difference, abs=1e-9)
            assert found.equivalent[i, j] == (abs(difference) <= 0.05)
    default = compare(networks, Options(conjugate="deterministic", zeros="drop"))
    assert default.delta == pytest.approx(default_delta(*csds.values()))


def test_a_difference_of_exactly_delta_is_within_it() -> None:
    networks = {"a": weights(0), "b": weights(1)}
    options = Options(conjugate="deterministic")
    difference = abs(compare(networks, options, delta=1.0).differences[0, 1])
    assert compare(networks, options, delta=difference).equivalent.all()
    assert not compare(networks, options, delta=np.nextafter(difference, 0)).equivalent[0, 1]


def test_a_control_of_other_layers_is_no_control(monkeypatch: pytest.MonkeyPatch) -> None:
    def fewer(source: Checkpoint, rule: str, rng: int) -> Checkpoint:
        return Checkpoint("fewer", "test", list(source.values())[:1])

    module = sys.modules[compare.__module__]
    monkeypatch.setattr(module, "untrained_control", fewer)
    with pytest.raises(InputError, match="one has layers that its untrained control lacks"):
        measure(checkpoint("one", 0))


def test_masks_have_no_control() -> None:
    mask = StoredTensor("mask", (9, 9), "bool", lambda: np.ones((9, 9), bool))
    source = Checkpoint("one", "test", [*checkpoint("one", 0).values(), mask])
    one = measure(source, Options(conjugate="deterministic"))
    assert dict(one.spectrum.skipped)["mask"] == "boolean"
    assert one.control is not None


def test_what_a_machine_reads_is_strict_json() -> None:
    found = compare({"a": weights(0), "b": weights(1)}, Options(draws=1), delta=0.5)
    record = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert [each["name"] for each in record["networks"]] == ["a", "b"]
    assert record["networks"][0]["standard_error"] is None  # of one draw
    assert record["networks"][0]["variance"] == found.measurements[0].csd.variance
    assert record["networks"][0]["structural_zeros"] == 40 - 24 + 60 - 4
    assert record["pairs"] == [
        {"first": "a", "second": "b", "difference": found.differences[0, 1], "equivalent": True}
    ]
    assert sorted(name for members in record["classes"] for name in members) == ["a", "b"]


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"zeros": "maybe"}, "zeros must be one of"),
        ({"bins": 0}, "bins must be"),
        ({"window": (3.0, 1.0)}, "window must be"),
        ({"draws": 0}, "draws must be an integer of at least 1"),
        ({"seed": -1}, "seed must be an integer of at least 0"),
        ({"dtype": "float16"}, "dtype must be one of"),
        ({"conjugate": "deterministic", "pooling": "periodic"}, "plain pooling only"),
        ({"conjugate": "deterministic", "circular": "COE"}, "known for the CUE"),
        ({"part": "imaginary"}, "part must be one of"),
        ({"construction": "qr"}, "construction must be one of"),
        ({"normalise": "none"}, "normalise must be one of"),
        ({"circular": "GUE"}, "circular must be one of"),
    ],
)
def test_options_are_checked_at_the_door(settings: dict[str, object], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        Options(**settings)  # type: ignore[arg-type]


def test_one_draw_has_no_delta_of_its_own() -> None:
    with pytest.raises(InputError, match="use draws ≥ 2"):
        compare({"a": weights(0)}, Options(draws=1))
    with pytest.raises(InputError, match="delta must be a finite number"):
        compare({"a": weights(0)}, delta=-1.0)
