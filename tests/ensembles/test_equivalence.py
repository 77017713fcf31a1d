"""Definition 6: two conditions, a tolerance, and classes made with it."""

from __future__ import annotations

import json
import math
from collections import deque
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme.ensembles import (
    CircularSpectralDifference,
    MixedMatrixEnsemble,
    circular_mixed_ensemble,
    circular_spectral_difference,
    conjugacy,
    default_delta,
    deterministic_spectrum,
    equivalence,
    equivalence_classes,
    layer_matrix_ensemble,
    pooled_spectrum,
)
from mme.ensembles.equivalence import Equivalence, delta_of
from mme.errors import InputError
from tests.each import each

Network = dict[str, np.ndarray]


def network(order: int = 24, columns: int = 48, scale: float = 1.0, seed: int = 0) -> Network:
    rng = np.random.default_rng(seed)
    shapes = {"conv": (order, columns // 4, 2, 2), "fc": (order // 2, columns)}
    return {name: scale * rng.normal(size=shape) / columns**0.5 for name, shape in shapes.items()}


def measured(variance: float, spread: float = 0.0, draws: int = 2, count: float = math.inf) -> Any:
    """A spectral difference over two bins with this variance, draws that spread, and this many positions."""
    levels = variance + spread * np.linspace(-1, 1, draws)
    return CircularSpectralDifference(
        np.sqrt(levels)[:, None] * [1.0, -1.0],
        np.array([0.0, 1.0, 2.0]),
        (count, math.inf),
        sampled=spread > 0,
    )


# Two networks


def test_a_network_is_equivalent_to_itself() -> None:
    verdict = equivalence(network(), network(), delta=0, conjugate="deterministic", tolerance=1.0)
    assert verdict.equivalent
    assert verdict.strictly_equivalent
    assert verdict.difference == 0
    assert verdict.standard_error == 0


def test_equivalence_is_symmetric() -> None:
    first, second = network(seed=1), network(scale=1.5, seed=2)
    there = equivalence(first, second, delta=0.1, conjugate="deterministic")
    back = equivalence(second, first, delta=0.1, conjugate="deterministic")
    assert there.difference == pytest.approx(-back.difference, rel=1e-12)
    assert there.difference != 0
    assert (there.equivalent, there.strictly_equivalent) == (back.equivalent, back.strictly_equivalent)
    assert [c.distance for c in there.conjugacies] == pytest.approx(
        [c.distance for c in back.conjugacies][::-1]
    )


@pytest.mark.parametrize(("factor", "expected"), [(1.001, True), (0.999, False)])
def test_the_second_condition_decides_at_delta(factor: float, expected: bool) -> None:
    first, second = network(seed=1), network(scale=1.5, seed=2)
    gap = abs(equivalence(first, second, delta=0, conjugate="deterministic").difference)
    assert equivalence(first, second, delta=factor * gap, conjugate="deterministic").equivalent is expected


def test_the_difference_is_of_each_network_against_its_own_conjugate() -> None:
    first, second = network(order=16), network(order=40, seed=3)
    verdict = equivalence(first, second, delta=1, conjugate="deterministic", bins=200)
    own = [circular_spectral_difference(each, "deterministic", bins=200).variance for each in (first, second)]
    assert verdict.difference == pytest.approx(own[0] - own[1], rel=1e-12)


def test_standard_errors_add_in_squares() -> None:
    verdict = equivalence(network(), network(seed=1), conjugate="sampled", rng=0, draws=4, delta=1)
    errors = [np.std(csd.variances, ddof=1) / 2 for csd in (verdict.first, verdict.second)]
    assert verdict.standard_error == pytest.approx(math.sqrt(errors[0] ** 2 + errors[1] ** 2))
    assert verdict.standard_error > 0


def test_the_common_conjugate_has_the_orders_of_both() -> None:
    first, second = network(order=16), network(order=40, seed=3)
    verdict = equivalence(first, second, delta=1, conjugate="deterministic")
    both = {
        f"{index} {name}": weights
        for index, net in enumerate((first, second))
        for name, weights in net.items()
    }
    common = deterministic_spectrum(layer_matrix_ensemble(both).orders)
    for one, found in zip((first, second), verdict.conjugacies, strict=True):
        assert found.distance == pytest.approx(conjugacy(one, common).distance, rel=1e-12)


def test_the_printed_first_condition_holds_for_any_two() -> None:
    far = {"far": np.diag(np.linspace(2.0, 2.4, 30))}
    verdict = equivalence(network(), far, delta=1e6, conjugate="deterministic")
    assert verdict.equivalent
    assert all(each.holds_as_printed for each in verdict.conjugacies)
    assert not verdict.strictly_equivalent


def test_both_conjugates_must_hold_as_printed() -> None:
    """No spectra fail the printed criterion, so a verdict that says so is made by hand."""
    verdict = equivalence(network(), network(seed=1), delta=1e6, conjugate="deterministic")
    kept = verdict.conjugacies[0]
    failing = replace(kept, holds_as_printed=False)
    assert not replace(verdict, conjugacies=(kept, failing)).equivalent
    assert not replace(verdict, conjugacies=(failing, kept)).equivalent


def test_the_strict_first_condition_can_hold() -> None:
    # sampled moduli are conjugate to the circular ensemble by construction
    drawn = [circular_mixed_ensemble([60] * 6, rng=seed, construction="haar") for seed in (1, 2)]
    verdict = equivalence(*drawn, delta=10, conjugate="deterministic")
    assert verdict.strictly_equivalent
    assert not equivalence(*drawn, delta=10, conjugate="deterministic", tolerance=0.0).strictly_equivalent


def test_one_conjugate_of_two_is_not_enough() -> None:
    drawn, far = (
        circular_mixed_ensemble([60] * 6, rng=1, construction="haar"),
        {"far": np.diag(np.linspace(1.0, 2.0, 50))},
    )
    verdict = equivalence(drawn, far, delta=1e6, conjugate="deterministic")
    assert [each.holds for each in verdict.conjugacies] == [True, False]
    assert not verdict.strictly_equivalent


def test_the_second_condition_binds_the_strict_verdict_too() -> None:
    drawn = [circular_mixed_ensemble([60] * 6, rng=seed, construction="haar") for seed in (1, 2)]
    assert not equivalence(*drawn, delta=0, conjugate="deterministic").strictly_equivalent


@pytest.mark.slow
def test_spectra_ensembles_and_networks_give_the_same() -> None:
    first, second = network(), network(seed=1)
    ensembles = [layer_matrix_ensemble(each) for each in (first, second)]
    spectra = [pooled_spectrum(each) for each in ensembles]
    matrices = [MixedMatrixEnsemble(tuple(each.matrices)) for each in ensembles]
    verdicts = [
        equivalence(*pair, delta=0.1, conjugate="deterministic")
        for pair in ((first, second), ensembles, spectra, matrices)
    ]
    assert [each.difference for each in verdicts] == pytest.approx([verdicts[0].difference] * 4, rel=1e-9)


@pytest.mark.slow
def test_both_networks_have_draws_of_their_own() -> None:
    """As the error of the difference, for which their errors are independent, takes it."""
    verdict = equivalence(network(), network(), conjugate="sampled", rng=0, draws=2, delta=1)
    assert not np.isin(verdict.first.variances, verdict.second.variances).any()


@pytest.mark.slow
def test_the_same_seed_gives_the_same_verdict() -> None:
    pair = network(), network(seed=1)
    once, again, other = (
        equivalence(*pair, conjugate="sampled", rng=seed, draws=2, delta=1).difference for seed in (5, 5, 6)
    )
    assert once == again != other


def test_options_reach_both_conditions() -> None:
    pair = network(order=60, columns=20), network(order=60, columns=20, seed=1)
    kept, dropped = (
        equivalence(*pair, delta=1, conjugate="deterministic", zeros=policy) for policy in ("keep", "drop")
    )
    assert kept.first.variance > 2 * dropped.first.variance
    assert kept.conjugacies[0].distance != dropped.conjugacies[0].distance


def test_a_dictionary_for_machines() -> None:
    verdict = equivalence(network(), network(seed=1), delta=0.1, conjugate="deterministic", bins=10)
    table = json.loads(json.dumps(verdict.to_dict()))
    assert table["difference"] == verdict.difference
    assert table["equivalent"] == verdict.equivalent
    assert table["strictly_equivalent"] is False
    assert repr(verdict).startswith(f"Equivalence({verdict.equivalent}: variances ")


def test_an_error_is_told_where_one_of_the_two_was_drawn() -> None:
    drawn, exact = measured(2.0, 0.3), measured(1.0)
    for pair, told in (((drawn, exact), "+1 ± 0.3"), ((exact, drawn), "-1 ± 0.3"), ((exact, exact), "+0")):
        assert f"differ by {told} against delta 5)" in repr(Equivalence(*pair, 5.0, ()))  # type: ignore[arg-type]


# Delta


@each("delta", [-0.1, math.nan, math.inf, "0.1", True, [0.1]])
def test_bad_delta_is_refused_before_any_work(delta: Any) -> None:
    with pytest.raises(InputError, match="delta must be"):
        equivalence("not even a network", "nor this", delta=delta)
    with pytest.raises(InputError, match="delta must be"):
        equivalence_classes({"a": 0.1}, delta=delta)


def test_default_delta_is_the_largest_floor_and_three_combined_errors() -> None:
    # the floor of n positions on [0, 2] with bins of width 1 is 1/(2n)
    first, second, third = (
        measured(1.0, 0.3, count=10),
        measured(2.0, 0.4, count=50),
        measured(3.0, 0.1, count=99),
    )
    errors = [each.standard_error for each in (first, second, third)]
    assert errors == pytest.approx([0.3, 0.4, 0.1])
    assert default_delta(first, second, third) == pytest.approx(1 / 20 + 3 * 0.5)
    assert default_delta(second, third) == pytest.approx(1 / 100 + 3 * math.hypot(0.4, 0.1))
    assert default_delta(third) == pytest.approx(1 / 198 + 0.3)


def test_default_delta_without_draws_is_the_floor() -> None:
    csd = circular_spectral_difference(network(), "deterministic")
    assert default_delta(csd) == csd.noise_floor > 0


def test_default_delta_needs_a_standard_error() -> None:
    csd = circular_spectral_difference(network(), "sampled", draws=1, rng=0)
    with pytest.raises(InputError, match="draws ≥ 2"):
        default_delta(csd)
    for pair in ((csd, measured(1.0, 0.3)), (measured(1.0, 0.3), csd)):
        with pytest.raises(InputError, match="draws ≥ 2"):
            default_delta(*pair)
    with pytest.raises(InputError, match="at least one"):
        default_delta()


def test_equivalence_takes_the_default_delta() -> None:
    verdict = equivalence(network(), network(seed=1), conjugate="sampled", rng=0, draws=3)
    assert verdict.delta == default_delta(verdict.first, verdict.second)


# Classes

thousandths = st.integers(0, 300).map(lambda n: n / 1000)
names = st.text("abcdefgh", min_size=1, max_size=3)
tables = st.dictionaries(names, thousandths, min_size=1, max_size=12)


def connected(variances: dict[str, float], delta: float) -> set[frozenset[str]]:
    """The connected components of 'within delta', by breadth-first search."""
    left, components = set(variances), set()
    while left:
        queue, component = deque([left.pop()]), set()
        while queue:
            name = queue.popleft()
            component.add(name)
            near = {other for other in left if abs(variances[other] - variances[name]) <= delta}
            left -= near
            queue.extend(near)
        components.add(frozenset(component))
    return components


def test_options_are_for_those_that_are_not_measured_yet() -> None:
    given = {"a": 0.1, "b": network()}
    measured = circular_spectral_difference(network(), bins=10).variance
    assert equivalence_classes(given, delta=1, bins=10).variances == {"a": 0.1, "b": measured}


def test_the_tolerance_is_not_transitive() -> None:
    steps = {"a": 0.0, "b": 1.0, "c": 2.0}
    near = {(x, y) for x in steps for y in steps if equal_within(steps[x], steps[y], 1.0)}
    assert ("a", "b") in near
    assert ("b", "c") in near
    assert ("a", "c") not in near


def equal_within(first: float, second: float, delta: float) -> bool:
    classes = equivalence_classes({"first": first, "second": second}, delta=delta).classes
    return len(classes) == 1


def test_a_chain_under_both_linkages() -> None:
    chain = {"a": 0.0, "b": 0.9, "c": 1.7, "d": 2.6, "far": 9.0}
    complete = equivalence_classes(chain, delta=1.0)
    single = equivalence_classes(chain, delta=1.0, linkage="single")
    assert complete.classes == (("a",), ("b", "c"), ("d",), ("far",))
    assert single.classes == (("a", "b", "c", "d"), ("far",))
    assert (complete.linkage, single.linkage) == ("complete", "single")
    assert complete.variances == chain


@pytest.mark.slow
@given(tables, thousandths)
def test_complete_linkage_spreads_by_at_most_delta(variances: dict[str, float], delta: float) -> None:
    for members in equivalence_classes(variances, delta=delta).classes:
        values = [variances[name] for name in members]
        assert max(values) - min(values) <= delta


@given(tables, thousandths)
@pytest.mark.slow
def test_complete_linkage_leaves_no_two_classes_to_merge(variances: dict[str, float], delta: float) -> None:
    classes = equivalence_classes(variances, delta=delta).classes
    for first, second in pairwise(classes):
        assert max(variances[name] for name in second) - min(variances[name] for name in first) > delta


@pytest.mark.slow
@given(tables, thousandths)
def test_single_linkage_is_the_transitive_closure(variances: dict[str, float], delta: float) -> None:
    classes = equivalence_classes(variances, delta=delta, linkage="single").classes
    assert {frozenset(members) for members in classes} == connected(variances, delta)


@pytest.mark.slow
@given(tables, thousandths, st.sampled_from(["complete", "single"]), st.randoms(use_true_random=False))
def test_classes_do_not_depend_on_the_order(
    variances: dict[str, float], delta: float, linkage: str, random: Any
) -> None:
    shuffled = list(variances.items())
    random.shuffle(shuffled)
    first, second = (
        equivalence_classes(table, delta=delta, linkage=linkage) for table in (variances, dict(shuffled))
    )
    assert first.classes == second.classes


@pytest.mark.slow
@given(tables, thousandths, st.sampled_from(["complete", "single"]))
def test_classes_are_a_partition_in_ascending_order(
    variances: dict[str, float], delta: float, linkage: str
) -> None:
    classes = equivalence_classes(variances, delta=delta, linkage=linkage).classes
    listed = [name for members in classes for name in members]
    assert sorted(listed) == sorted(variances)
    assert [variances[name] for name in listed] == sorted(variances.values())


def test_delta_zero_keeps_equal_variances_together() -> None:
    variances = {"b": 0.2, "a": 0.2, "c": 0.3}
    for linkage in ("complete", "single"):
        assert equivalence_classes(variances, delta=0, linkage=linkage).classes == (("a", "b"), ("c",))


def test_classes_of_measured_networks_take_the_default_delta() -> None:
    csds = {"a": measured(1.0, 0.1), "b": measured(1.2, 0.1), "c": measured(9.0, 0.1)}
    found = equivalence_classes(csds)
    assert found.delta == default_delta(*csds.values())
    assert found.classes == (("a", "b"), ("c",))
    assert found.variances == {name: csd.variance for name, csd in csds.items()}


def test_classes_of_networks_measure_them() -> None:
    networks = {"one": network(), "scaled": network(scale=2.0)}
    found = equivalence_classes(networks, conjugate="deterministic", bins=300)
    csds = {
        name: circular_spectral_difference(net, "deterministic", bins=300) for name, net in networks.items()
    }
    assert found.variances == {name: csd.variance for name, csd in csds.items()}
    assert found.delta == default_delta(*csds.values())


def test_one_network_is_one_class() -> None:
    assert equivalence_classes({"only": 0.4}, delta=0).classes == (("only",),)


def test_classes_to_dict_and_repr() -> None:
    found = equivalence_classes({"a": 0.1, "b": 0.5}, delta=0.1)
    assert json.loads(json.dumps(found.to_dict())) == {
        "classes": [["a"], ["b"]],
        "variances": {"a": 0.1, "b": 0.5},
        "delta": 0.1,
        "linkage": "complete",
    }
    assert repr(found) == "EquivalenceClasses(a | b; complete linkage, delta 0.1)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (({}, {"delta": 1}), "networks must hold at least one network"),
        (({"a": 0.1}, {}), "delta must be given"),
        (({"a": 0.1, "b": measured(1.0)}, {}), "delta must be given"),
        (({"a": 0.1}, {"delta": 1, "linkage": "average"}), "linkage must be one of 'complete', 'single'"),
        (({"a": 0.1}, {"delta": 1, "bins": 10}), "bins must be left out"),
        (({"a": 0.1, "b": math.nan}, {"delta": 1}), r"networks\['b'\] must be a finite number"),
        (({"a": math.inf}, {"delta": 1}), r"networks\['a'\] must be a finite number"),
        (({"a": {"bias": np.ones(3)}}, {"delta": 1}), "no weight tensor"),
    ],
)
def test_bad_classes_are_refused_in_one_sentence(arguments: tuple[Any, dict[str, Any]], message: str) -> None:
    networks, options = arguments
    with pytest.raises(InputError, match=message) as caught:
        equivalence_classes(networks, **options)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


@each("networks", [[0.1, 0.2], "vgg", 3, None, [("a", 0.1)]])
def test_classes_need_a_mapping(networks: Any) -> None:
    with pytest.raises(InputError, match=r"networks must be a mapping of names .*, but it is .*\.$"):
        equivalence_classes(networks, delta=0.1)


def test_a_default_delta_needs_differences() -> None:
    with pytest.raises(InputError, match=r"differences must be .*, but it is 0\.1\.$"):
        default_delta(0.1)


@pytest.mark.parametrize("rng", ["today", -1, 1.5])
def test_equivalence_refuses_a_wrong_seed(rng: Any) -> None:
    network = {"fc": np.eye(4)}
    with pytest.raises(InputError, match="rng must be None, a non-negative integer or a NumPy generator"):
        equivalence(network, network, rng=rng)


def test_rows_number_the_classes_from_one_on() -> None:
    found = equivalence_classes({"a": 0.1, "b": 0.5, "c": 0.12}, delta=0.1)
    assert found.classes == (("a", "c"), ("b",))
    told = [tuple(row[name] for name in ("name", "variance", "class")) for row in found.rows()]
    assert told == [("a", 0.1, 1), ("c", 0.12, 1), ("b", 0.5, 2)]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_every_error_must_be_known_for_a_delta(place: int) -> None:
    errors = [0.1, 0.2, 0.3]
    errors[place] = np.nan
    with pytest.raises(InputError, match="one draw"):
        delta_of([1.0, 1.0, 1.0], iter(errors))
