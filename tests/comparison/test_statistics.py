"""The protocol for one network: every number by hand, the classifier apart, the controls of `more`."""

from __future__ import annotations

import numpy as np
import pytest

from mme.comparison import STATISTICS, Options, measure, statistics
from mme.ensembles import circular_spectral_difference, layer_matrix_ensemble, pooled_spectrum
from mme.ensembles.rivals import shape_distance
from mme.errors import InputError
from mme.weights.effective import effective_weights
from mme.weights.untrained import untrained_control


def network(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "conv1.weight": rng.normal(size=(24, 2, 3, 3)) / 2,
        "conv2.weight": rng.normal(size=(30, 24, 1, 1)),
        "fc.weight": rng.normal(size=(10, 30)) / 100,
    }


@pytest.mark.parametrize("classifier", [True, False])
def test_every_number_by_hand(classifier: bool) -> None:
    weights = network()
    found = statistics(weights, classifier=classifier)
    if not classifier:
        del weights["fc.weight"]
    assert list(found) == list(STATISTICS)
    for name, options in {
        "variance": {},
        "variance_all": {"normalise": "positive"},
        "variance_dropped": {"zeros": "drop"},
        "variance_dropped_all": {"zeros": "drop", "normalise": "positive"},
    }.items():
        assert found[name] == pytest.approx(circular_spectral_difference(weights, **options).variance)
    squares = [np.linalg.svd(each.reshape(len(each), -1))[1] ** 2 for each in weights.values()]
    values = np.concatenate(squares)
    assert 0 < found["outside"] == pytest.approx((values > 6).mean())
    assert found["log_spectral_norm"] == pytest.approx(np.mean([np.log10(x.max()) for x in squares]))
    assert found["log_frobenius_norm"] == pytest.approx(np.mean([np.log10(x.sum()) for x in squares]))
    assert found["log_stable_rank"] == pytest.approx(np.mean([np.log10(x.sum() / x.max()) for x in squares]))
    assert len({round(value, 12) for value in found.values()}) == len(found)


def test_squared_twice() -> None:
    weights = network()
    spectrum = pooled_spectrum(layer_matrix_ensemble(weights)).squared()
    found = statistics(weights, Options(squarings=2))
    assert found["variance"] == pytest.approx(circular_spectral_difference(spectrum).variance)
    assert found["variance"] != pytest.approx(statistics(weights)["variance"], rel=0.01)
    assert measure(weights, Options(squarings=2)).csd.variance == pytest.approx(found["variance"])
    for squarings in (0, 3):
        with pytest.raises(InputError, match="squarings must be an integer from 1 to 2"):
            Options(squarings=squarings)


@pytest.mark.slow
def test_a_network_without_a_classifier_has_one_column() -> None:
    weights = {"a": np.eye(4), "b": np.ones((5, 3, 1, 1))}
    assert layer_matrix_ensemble(weights).classifier is None
    assert statistics(weights, classifier=False) == statistics(weights)
    assert {row["classifier"] for row in measure(weights).more()} == {True}
    assert layer_matrix_ensemble({"only": np.eye(4)}).classifier is None


def test_layers_taken_out() -> None:
    ensemble = layer_matrix_ensemble(network())
    assert ensemble.classifier == "fc.weight"
    left = ensemble.without("fc.weight", "conv1.weight")
    assert left.orders == (30,)
    assert left.skipped[-2:] == (("fc.weight", "taken out"), ("conv1.weight", "taken out"))
    with pytest.raises(InputError, match="'nope' is none"):
        ensemble.without("nope")
    with pytest.raises(InputError, match="must leave a layer"):
        ensemble.without(*(layer.name for layer in ensemble.layers))


def test_more_tells_each_number_beside_its_controls() -> None:
    weights, options = network(), Options(rng=12)
    one = measure(weights, options, control="torch", controls=3)
    network_itself = effective_weights(weights)
    controls = [untrained_control(network_itself, "torch", rng=12 + number) for number in range(3)]
    rows = {(row["statistic"], row["classifier"]): row for row in one.more()}
    assert len(rows) == 2 * (len(STATISTICS) + 2)
    for classifier in (True, False):
        found = [statistics(each, classifier=classifier) for each in controls]
        for name in STATISTICS:
            row = rows[name, classifier]
            told = [each[name] for each in found]
            assert row["value"] == pytest.approx(statistics(weights, classifier=classifier)[name])
            assert row["control"] == pytest.approx(np.mean(told))
            assert row["control_spread"] == pytest.approx(np.std(told, ddof=1))
    row = rows["shape_distance", True]
    apart = [shape_distance(weights, each) for each in controls]
    pairs = [shape_distance(controls[i], controls[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
    for distances in (apart, pairs):  # which take few values
        assert np.diff(np.sort(distances)).min() > 0.01
    assert row["value"] == pytest.approx(np.mean(apart))
    assert row["control"] == pytest.approx(np.mean(pairs))
    assert one.control is not None
    assert one.control.variance == pytest.approx(statistics(controls[0])["variance"])


def test_more_with_one_control_has_its_distance_and_no_spread() -> None:
    one = measure(network(), control="torch")
    rows = {(row["statistic"], row["classifier"]): row for row in one.more()}
    distance = rows["shape_distance", True]
    assert distance["value"] == pytest.approx(shape_distance(one.ensemble, one.controls[0]))
    assert (distance["control"], distance["control_spread"]) == (None, None)
    assert rows["variance", True]["control"] == pytest.approx(statistics(one.controls[0])["variance"])
    assert rows["variance", True]["control_spread"] is None


def test_more_follows_the_options() -> None:
    options = Options(bins=50, window=(0.0, 3.0))
    rows = measure(network(), options, control=None).more()
    (value,) = (row["value"] for row in rows if row["statistic"] == "variance" and row["classifier"])
    assert value == pytest.approx(statistics(network(), options)["variance"])
    assert value != pytest.approx(statistics(network())["variance"], rel=0.01)


def test_more_without_a_control() -> None:
    rows = measure(network(), control=None).more()
    assert "shape_distance" not in {row["statistic"] for row in rows}
    assert {row["control"] for row in rows} == {row["control_spread"] for row in rows} == {None}


def test_squared_twice_is_of_matrices_that_were_squared_before() -> None:
    values = np.linspace(0.5, 1.5, 30)
    twice, before, once = (
        measure({"fc": np.diag(each)}, Options(squarings=squarings), control=None)
        for each, squarings in ((values, 2), (values**2, 1), (values, 1))
    )
    assert twice.conjugacy.distance == pytest.approx(before.conjugacy.distance)
    assert twice.conjugacy.distance != pytest.approx(once.conjugacy.distance, rel=0.01)
    assert twice.csd.variance == pytest.approx(before.csd.variance)
