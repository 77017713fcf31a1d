"""Low rank: which singular values go, how near the rest is, and what a file would hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme.ensembles import layer_matrix_ensemble
from mme.errors import InputError
from mme.networks import ARCHITECTURES
from mme.shrinking import stored_numbers, truncate_rank


def network(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "wide": rng.normal(size=(6, 3, 3, 3)),
        "tall": rng.normal(size=(9, 5)),
        "bias": rng.normal(size=6),
        "steps": np.array(7),
    }


@given(share=st.floats(0, 1), seed=st.integers(0, 50))
def test_largest_singular_values_stay(share: float, seed: int) -> None:
    before = network(seed)
    after = truncate_rank(before, share)
    for name, smaller in (("wide", 6), ("tall", 5)):
        old, new = (each[name].reshape(len(each[name]), -1) for each in (before, after))
        kept = max(smaller - round(share * smaller), 1)
        values, left = np.linalg.svd(old, compute_uv=False), np.linalg.svd(new, compute_uv=False)
        np.testing.assert_allclose(left[:kept], values[:kept], rtol=1e-12)
        assert (left[kept:] < 1e-12).all()
        # the nearest matrix of its rank
        np.testing.assert_allclose(((old - new) ** 2).sum(), (values[kept:] ** 2).sum(), atol=1e-12)
    for name in ("bias", "steps"):
        assert np.array_equal(after[name], before[name])
    assert np.array_equal(before["wide"], network(seed)["wide"])


def test_new_zeros_are_not_structural() -> None:
    before = layer_matrix_ensemble(network())
    after = layer_matrix_ensemble(truncate_rank(network(), 0.5))
    assert after.structural_zeros == before.structural_zeros == 4
    tiny = sum((layer.eigenvalues < 1e-12).sum() for layer in after.layers)
    assert tiny == 4 + (6 - 3) + (5 - 3)


def test_a_module_gives_a_module() -> None:
    model = ARCHITECTURES["vgg5"].build()
    smaller = truncate_rank(model, 0.9)
    assert type(smaller) is type(model)
    weight = smaller.features[2].weight.detach().flatten(1)
    assert int(np.linalg.matrix_rank(weight.numpy())) == 32 - 29


def test_stored_numbers_by_hand() -> None:
    rng = np.random.default_rng(1)
    product = rng.normal(size=(20, 3)) @ rng.normal(size=(3, 27))
    sparse = np.zeros((8, 8))
    np.fill_diagonal(sparse, 1.0)
    weights = {"low": product.reshape(20, 3, 3, 3), "sparse": sparse, "full": rng.normal(size=(4, 5))}
    assert stored_numbers(weights | {"bias": np.zeros(7), "count": np.array(3)}) == 3 * 47 + 8 + 20 + 7
    single = {name: each.astype(np.float32) for name, each in weights.items()}
    assert stored_numbers(single) == 3 * 47 + 8 + 20


def test_stored_numbers_of_a_module_are_its_parameters() -> None:
    model = ARCHITECTURES["resnet8"].build()
    # normalisations start with biases of zero, which count; a generic matrix is cheapest written out
    assert stored_numbers(model) == sum(each.numel() for each in model.parameters())


@pytest.mark.parametrize("share", [-0.1, 1.1, "half", True, float("nan")])
def test_bad_shares(share: Any) -> None:
    with pytest.raises(InputError, match="share must be a number from 0 to 1"):
        truncate_rank(network(), share)


def test_bad_sources() -> None:
    with pytest.raises(InputError, match="source must be a torch"):
        truncate_rank([1, 2], 0.5)
    with pytest.raises(InputError, match="source must be a torch"):
        stored_numbers(3)
