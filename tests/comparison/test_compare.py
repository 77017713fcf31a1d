"""Comparisons agree with the functions of Part I, network by network and pair by pair."""

import json
import sys
import tracemalloc
from typing import Any

import numpy as np
import pytest

from mme.comparison import Options, compare, measure
from mme.comparison.compare import Line, grouped
from mme.ensembles import (
    circular_spectral_difference,
    conjugacy,
    conjugate_spectrum,
    default_delta,
    equivalence_classes,
    layer_matrix_ensemble,
)
from mme.errors import InputError
from mme.weights import Checkpoint, StoredTensor


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


@pytest.mark.slow
def test_a_comparison_counts_its_classes() -> None:
    networks = {"a": weights(0), "b": weights(0, 3.0)}
    assert "; 2 classes, δ = 0)" in repr(compare(networks, delta=0, control=None))
    assert "; 1 class, δ = 9)" in repr(compare(networks, delta=9, control=None))


@pytest.mark.parametrize("delta", [0, 0.0, 1])
def test_a_delta_that_is_given_is_said_to_be(delta: float) -> None:
    measured = (measure(weights(0), name="a", control=None), measure(weights(1), name="b", control=None))
    found = grouped(measured, delta=delta)
    assert (found.delta, found.delta_given) == (delta, True)
    assert found.to_dict()["delta_from"] == "given"
    assert not grouped(measured).delta_given


@pytest.mark.parametrize(
    "options",
    [
        Options(),
        Options(conjugate="sampled", zeros="drop", bins=200, window=(0.0, 3.0), rng=4, draws=3),
        Options(conjugate="sampled", part="symmetric", pooling="periodic", normalise="positive"),
        Options(zeros="half", bandwidth=0.05),
        Options(include=("*conv*", "fc*"), exclude=("fc*",), part="modulus"),
    ],
)
@pytest.mark.slow
def test_a_measurement_is_that_of_part_one(options: Options) -> None:
    measured = measure(checkpoint("one", 0), options)
    ensemble = layer_matrix_ensemble(weights(0), include=options.include, exclude=options.exclude)
    drawn = {
        "draws": options.draws, "rng": options.rng, "part": options.part, "pooling": options.pooling,
    }  # fmt: skip
    expected = circular_spectral_difference(ensemble, options.conjugate, **drawn, **options.density)
    for number in ("variance", "largest_cumulative", "noise_floor", "inside", "inside_nonzero"):
        assert getattr(measured.csd, number) == getattr(expected, number)
    np.testing.assert_array_equal(measured.csd.variances, expected.variances)
    assert measured.name == "one"
    if options.pooling == "plain":
        conjugate = conjugate_spectrum(ensemble.orders, **options.drawing)
        verdict = conjugacy(
            ensemble, conjugate, window=options.window, bins=options.bins, zeros=options.zeros,
            bandwidth=options.bandwidth,
        )  # fmt: skip
        assert measured.conjugacy.distance == verdict.distance


@pytest.mark.slow
def test_the_control_is_drawn_by_the_rule_of_the_architecture() -> None:
    one = measure(checkpoint("one", 0), Options())
    assert one.rule == "resnet"
    assert one.control is not None
    # He's rule by fan-out differs from 1/√M of the weights here, and so does its scale.
    assert one.control.variance != one.csd.variance
    same = measure(checkpoint("other", 1, 3.0), Options())
    assert same.control is not None
    assert same.control.variance == one.control.variance  # it depends on shapes and seed only
    other = measure(checkpoint("one", 0), Options(rng=1))
    assert other.control is not None
    assert other.control.variance != one.control.variance
    chosen = measure(checkpoint("one", 0), Options(), control="torch")
    assert chosen.rule == "torch"
    assert chosen.control is not None
    assert chosen.control.variance != one.control.variance
    assert measure(checkpoint("one", 0), control=None).control is None


def test_errors_of_the_control_and_of_the_network_come_from_the_same_draws() -> None:
    one = measure(checkpoint("one", 0), Options(conjugate="sampled", draws=4))
    assert one.control is not None
    assert len(one.control.variances) == len(one.csd.variances) == 4
    assert 0 < one.control.standard_error < one.control.variance


@pytest.mark.slow
def test_comparison_is_that_of_part_one() -> None:
    networks = {name: checkpoint(name, seed, scale) for name, seed, scale in
                (("a", 0, 1.0), ("b", 1, 1.0), ("c", 2, 3.0))}  # fmt: skip
    found = compare(networks, Options(zeros="drop"), delta=0.05)
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
    default = compare(networks, Options(zeros="drop"))
    assert default.delta == pytest.approx(default_delta(*csds.values()))


@pytest.mark.slow
def test_a_difference_of_exactly_delta_is_within_it() -> None:
    networks = {"a": weights(0), "b": weights(1)}
    options = Options()
    difference = abs(compare(networks, options, delta=1.0).differences[0, 1])
    assert compare(networks, options, delta=difference).equivalent.all()
    assert not compare(networks, options, delta=np.nextafter(difference, 0)).equivalent[0, 1]


def test_the_line_of_a_network_and_of_its_control() -> None:
    layers = {"wide": np.diag([1.0, 2.0, 3.0, 0.5]), "fc": np.array([[1.0, 2.0], [0.0, 1.0]])}
    start = {name: each / 2 for name, each in layers.items()}
    others = {"fc.bias": np.zeros(3), "mask": np.ones((3, 3), bool), "scale": np.array(2.0)}
    one = measure(layers | others, Options(conjugate="sampled", draws=5, bins=9), control=start)
    record, control = one.to_dict(), one.control
    assert control is not None
    assert (record["largest_order"], record["layers"], record["eigenvalues"]) == (4, 2, 6)
    for name in ("variance_without_noise", "noise_floor", "largest_cumulative"):
        assert record[name] == getattr(one.csd, name)
    assert record["left_out"] == {"mask": "boolean"}  # of biases and single numbers nobody asks
    assert record["standard_error"] == one.csd.standard_error > 0
    assert record["control_standard_error"] == control.standard_error > 0
    assert record["control_standard_error"] != record["standard_error"]
    assert (record["control_variance"], record["variance"]) == (control.variance, one.csd.variance)
    assert record["tolerance"] == one.conjugacy.tolerance != record["distance"] == one.conjugacy.distance


def test_a_control_of_other_layers_is_no_control(monkeypatch: pytest.MonkeyPatch) -> None:
    def fewer(source: Checkpoint, rule: str, rng: int) -> Checkpoint:
        return Checkpoint("fewer", "test", list(checkpoint("fewer", 3).values())[:1])

    module = sys.modules[measure.__module__]
    monkeypatch.setattr(module, "untrained_control", fewer)
    with pytest.raises(InputError, match=r"control must have the layers of one .* but 'fc.weight' differs"):
        measure(checkpoint("one", 0))


def test_a_control_has_no_layer_more_either() -> None:
    more = weights(5) | {"head.weight": np.eye(3)}
    with pytest.raises(InputError, match=r"'head\.weight' differs"):
        measure(weights(0), control=more)


def test_comparisons_pass_on_which_control_is_meant() -> None:
    found = compare({"a": weights(0), "b": {"fc": np.eye(30)}}, delta=1, control="torch", controls=2)
    assert [(each.rule, len(each.controls)) for each in found.measurements] == [("torch", 2)] * 2
    other = compare({"a": weights(0)}, delta=1, control=weights(5)).measurements[0]
    assert other.rule == "given network"


def test_names_that_read_alike_are_refused() -> None:
    with pytest.raises(InputError, match="different names"):
        compare({1: weights(0), "1": weights(1)}, control=None)  # type: ignore[dict-item]


def test_masks_have_no_control() -> None:
    mask = StoredTensor("mask", (9, 9), "bool", lambda: np.ones((9, 9), bool))
    source = Checkpoint("one", "test", [*checkpoint("one", 0).values(), mask])
    one = measure(source, Options())
    assert dict(one.ensemble.skipped)["mask"] == "boolean"
    assert one.control is not None


def test_what_a_machine_reads_is_strict_json() -> None:
    found = compare({"a": weights(0), "b": weights(1)}, Options(conjugate="sampled", draws=1), delta=0.5)
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
        ({"draws": 0}, "draws must be an integer from 1 to 1000000"),
        ({"rng": -1}, "rng must be an integer of at least 0"),
        ({"dtype": "float16"}, "dtype must be one of"),
        ({"pooling": "mean"}, "pooling must be one of"),
        ({"circular": "COE"}, "known for the CUE"),
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
        compare({"a": weights(0)}, Options(conjugate="sampled", draws=1))
    with pytest.raises(InputError, match="delta must be a finite number"):
        compare({"a": weights(0)}, delta=-1.0)


def test_a_network_serves_as_control() -> None:
    start = checkpoint("epoch 0", 5)
    one = measure(checkpoint("one", 0), control=start)
    assert one.rule == "epoch 0"
    assert one.control is not None
    assert one.control.variance == circular_spectral_difference(weights(5)).variance
    part = measure(weights(0), Options(include=("fc*",)), control=weights(5))
    assert part.rule == "given network"
    assert part.control is not None
    assert part.control.variance == circular_spectral_difference({"fc": weights(5)["fc.weight"]}).variance


def test_mappings_have_the_control_of_their_checkpoint() -> None:
    ours, theirs = (measure(source).control for source in (weights(0), checkpoint("one", 0)))
    assert ours is not None
    assert theirs is not None
    assert ours.variance == theirs.variance
    assert measure({"fc": weights(0)["fc.weight"]}).control is None


def test_how_much_was_looked_at() -> None:
    layers = {"wide": np.diag([0.5, 1.0, 2.0, 3.0]), "tall": np.ones((4, 2)) * np.array([1.0, 0.0])}
    one = measure(layers, control=None)  # eigenvalues 1/4, 1, 4, 9 and 0, 0, 0, 4
    record = one.to_dict()
    assert record["inside_window"] == one.csd.inside == 7 / 8
    assert record["inside_window_nonzero"] == one.csd.inside_nonzero == 5 / 6


@pytest.mark.slow
def test_the_large_embedding_takes_no_time() -> None:
    rng = np.random.default_rng(0)
    tall = rng.standard_normal((50_257, 64), dtype=np.float32) / 8
    one = measure({"embedding": tall})
    assert one.ensemble.structural_zeros == 50_257 - 64
    assert one.csd.noise_floor > 0
    with pytest.raises(InputError, match="fit in memory"):
        measure({"embedding": np.zeros((10**6, 2), np.float16)}, Options(conjugate="sampled"))


@pytest.mark.parametrize("networks", [[np.eye(3)], np.eye(3), {}, "net.pt", None])
def test_networks_are_a_mapping(networks: object) -> None:
    with pytest.raises(InputError, match=r"networks must (be a mapping|hold at least one)"):
        compare(networks)  # type: ignore[arg-type]


def test_the_network_that_is_wrong_is_named() -> None:
    with pytest.raises(InputError, match=r"bad: layer 'fc' has NaN"):
        compare({"good": weights(0), "bad": {"fc": np.full((3, 3), np.nan)}})
    with pytest.raises(InputError, match="options must be an"):
        measure(weights(0), {"bins": 3})  # type: ignore[arg-type]


def lines(count: int) -> list[Line]:
    """Measured networks, as they come from where they were measured."""
    rng = np.random.default_rng(0)
    rest: dict[str, Any] = {"standard_error": 0.0, "noise_floor": 0.001, "estimate_bound": 0.0}
    rest |= {"control_variance": None, "control_standard_error": None}
    return [
        Line({"name": f"net{number}", "variance": float(variance), **rest}, [], [], None, 0)
        for number, variance in enumerate(rng.lognormal(size=count))
    ]


@pytest.mark.slow
@pytest.mark.parametrize("linkage", ["complete", "single"])
def test_memory_grows_with_the_number_of_networks_only(linkage: Any) -> None:
    """Ten thousand networks: a table of their pairs would have 10^8 cells."""
    peaks = []
    for count in (5_000, 10_000):
        measured = lines(count)
        tracemalloc.start()
        found = grouped(measured, linkage=linkage)
        rows, record = found.rows(), found.to_dict()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert len(rows) == len(record["networks"]) == sum(map(len, record["classes"])) == count
        assert record["pairs"] is None
    assert peaks[1] < 10**8 / 4
    assert peaks[1] < 2.5 * peaks[0]
    for members in found.classes.classes:
        values = [found.classes.variances[name] for name in members]
        reach = values[-1] - values[0] if linkage == "complete" else max(np.diff(values), default=0)
        assert reach <= found.delta


def test_a_line_stands_for_its_measurement() -> None:
    measured = [measure(weights(seed, scale), name=name, control="torch")
                for name, seed, scale in (("a", 0, 1.0), ("b", 1, 1.0), ("c", 2, 3.0))]
    found = grouped(measured)
    told = grouped([Line(each.to_dict(), [], [], None, 1) for each in measured])
    assert told.to_dict() == found.to_dict()
    assert told.rows() == found.rows()
    assert repr(told) == repr(found)
    assert told.variances.tolist() == [each.csd.variance for each in measured]


def test_pairs_are_listed_of_a_hundred_networks() -> None:
    assert len(grouped(lines(100)).to_dict()["pairs"]) == 100 * 99 // 2
    assert grouped(lines(101)).to_dict()["pairs"] is None


def test_large_layers_are_estimated_where_that_is_asked_for() -> None:
    layers = {"large": np.diag(np.linspace(0.5, 1.5, 64)), "small": np.eye(8)}
    for options, estimated in ((Options(), 0), (Options(estimate=32), 1)):
        assert measure(layers, options, control=None).to_dict()["estimated_layers"] == estimated
