"""Classes on a line are those of hierarchical clustering, without its table of distances."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster import hierarchy

from mme.ensembles.clusters import LINKAGES, class_starts


@pytest.mark.parametrize("linkage", LINKAGES)
@given(
    seed=st.integers(0, 10**6), size=st.integers(2, 40), copies=st.integers(0, 9), exponent=st.floats(-4, 2)
)
def test_classes_are_those_of_scipy(linkage: str, seed: int, size: int, copies: int, exponent: float) -> None:
    rng = np.random.default_rng(seed)
    drawn = rng.standard_normal(size) ** 3
    values = np.sort([*drawn, *drawn[:copies]])  # equal ones are no tie: they merge first
    delta = float(np.exp(exponent))
    tree = hierarchy.linkage(values[:, None], linkage)
    labels = hierarchy.fcluster(tree, delta, "distance")
    expected = [0, *(np.flatnonzero(np.diff(labels)) + 1)]
    assert class_starts(values.tolist(), delta, linkage) == expected  # type: ignore[arg-type]


def test_delta_itself_is_within() -> None:
    assert class_starts([0.0, 0.5, 2.0], 0.5, "complete") == [0, 2]
    assert class_starts([0.0, 0.5, 2.0], 0.5, "single") == [0, 2]
    assert class_starts([0.0, 0.5, 2.0], np.nextafter(0.5, 0), "complete") == [0, 1, 2]


def test_of_ties_the_leftmost_merges_first() -> None:
    assert class_starts([0.0, 1.0, 2.0, 3.0, 4.0], 1.5, "complete") == [0, 2, 4]


def test_one_network_is_a_class() -> None:
    assert [class_starts([1.0], 0.1, rule) for rule in LINKAGES] == [[0], [0]]
