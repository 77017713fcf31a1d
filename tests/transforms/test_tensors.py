"""Pruned, rounded and truncated tensors: what goes, how near the rest is, and that torch does the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme.ensembles import layer_matrix_ensemble
from mme.errors import InputError
from mme.networks import ARCHITECTURES
from mme.networks._torch import nn, torch
from mme.transforms import prune, quantise, truncate_rank

LAYERS = {"wide": (6, 3, 3, 3), "tall": (9, 5), "bias": (6,), "zero": (1, 2), "empty": (0, 3)}


def network(seed: int = 0, scale: float = 1.0) -> nn.Module:
    rng, model = np.random.default_rng(seed), nn.Module()
    for name, shape in LAYERS.items():
        values = torch.tensor(0 * rng.normal(size=shape) if name == "zero" else rng.normal(size=shape))
        model.register_parameter(name, nn.Parameter(scale * values if name == "wide" else values))
    model.register_buffer("table", torch.ones(2, 2, dtype=torch.int64))
    return model


def arrays(model: nn.Module) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in model.state_dict().items()}


def both(change: Any, argument: Any, seed: int, scale: float = 1.0) -> tuple[dict[str, np.ndarray], ...]:
    """The arrays before and after, if the given network and all that is no weight are as they were."""
    model = network(seed, scale)
    after, before = arrays(change(model, argument)), arrays(network(seed, scale))
    assert all(np.array_equal(value, before[name]) for name, value in arrays(model).items())
    assert all(np.array_equal(after[name], before[name]) for name in ("bias", "zero", "empty", "table"))
    return before, after


@pytest.mark.slow
@given(share=st.floats(0, 1), seed=st.integers(0, 99))
def test_the_smallest_weights_go_the_others_stay(share: float, seed: int) -> None:
    before, after = both(prune, share, seed)
    for name in ("wide", "tall"):
        old, new = before[name].ravel(), after[name].ravel()
        gone = new == 0
        assert gone.sum() == round(share * old.size)
        assert np.array_equal(new[~gone], old[~gone])
        if 0 < gone.sum() < old.size:
            assert np.abs(old[gone]).max() <= np.abs(old[~gone]).min()


@pytest.mark.slow
@given(bits=st.integers(2, 16), seed=st.integers(0, 99), scale=st.sampled_from([1e-300, 1e-3, 1.0, 1e300]))
def test_weights_lie_on_the_grid_and_next_to_where_they_were(bits: int, seed: int, scale: float) -> None:
    before, after = both(quantise, bits, seed, scale)
    largest, levels = np.abs(before["wide"]).max(), 2 ** (bits - 1) - 1
    places = after["wide"] / largest * levels
    np.testing.assert_allclose(places, np.rint(places), rtol=0, atol=1e-9)
    assert np.abs(after["wide"]).max() == largest
    error = np.abs(after["wide"] / largest - before["wide"] / largest)
    assert error.max() <= 0.5 / levels * (1 + 1e-9)
    assert len(np.unique(after["wide"])) <= 2 * levels + 1


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_torch_rounds_to_the_same_grid(bits: int) -> None:
    weights = ARCHITECTURES["vgg5"].build().features[2].weight.detach()
    layer, levels = nn.Linear(1, 1), 2 ** (bits - 1) - 1
    layer.weight.data = weights
    scale = float(weights.abs().max()) / levels
    expected = torch.fake_quantize_per_tensor_affine(weights, scale, 0, -levels, levels)
    torch.testing.assert_close(quantise(layer, bits).weight.data, expected, rtol=1e-6, atol=1e-9)


def test_many_bits_change_nothing_that_single_precision_sees() -> None:
    model = ARCHITECTURES["vgg5"].build()
    fine, coarse = quantise(model, 32), quantise(model, 4)
    for name, value in model.state_dict().items():
        torch.testing.assert_close(fine.state_dict()[name], value, rtol=0, atol=1e-7)
        assert coarse.state_dict()[name].dtype == value.dtype
        assert len(torch.unique(coarse.state_dict()[name])) <= (15 if value.ndim >= 2 else value.numel())


@pytest.mark.parametrize(
    ("change", "argument", "short"), [(quantise, 32, torch.float32), (truncate_rank, 0.5, torch.float16)]
)
def test_short_floats_are_worked_out_in_long_ones(change: Any, argument: Any, short: torch.dtype) -> None:
    """At 32 bits a step is shorter than what single precision rounds; half has no decomposition."""
    torch.manual_seed(0)
    layer = nn.Linear(60, 50).to(short)
    found = change(layer, argument).weight
    long = change(layer.double(), argument).weight  # which turns the given one itself
    assert found.dtype == short
    assert torch.equal(found, long.to(short))


@pytest.mark.slow
@given(share=st.floats(0, 1), seed=st.integers(0, 50))
def test_largest_singular_values_stay(share: float, seed: int) -> None:
    before, after = both(truncate_rank, share, seed)
    for name, smaller in (("wide", 6), ("tall", 5)):
        old, new = (each[name].reshape(len(each[name]), -1) for each in (before, after))
        kept = max(smaller - round(share * smaller), 1)
        values, left = np.linalg.svd(old, compute_uv=False), np.linalg.svd(new, compute_uv=False)
        np.testing.assert_allclose(left[:kept], values[:kept], rtol=1e-12)
        assert (left[kept:] < 1e-12).all()
        # the nearest matrix of its rank
        np.testing.assert_allclose(((old - new) ** 2).sum(), (values[kept:] ** 2).sum(), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("share", "kept"), [(1, 1), (0.75, 1), (0.5, 2), (0, 4)])
def test_one_singular_value_stays(share: float, kept: int) -> None:
    layer = nn.Linear(4, 4)
    layer.weight.data = torch.diag(torch.tensor([1.0, 4.0, 3.0, 2.0]))
    found = truncate_rank(layer, share).weight
    assert torch.linalg.svdvals(found).tolist() == pytest.approx([4, 3, 2, 1][:kept] + (4 - kept) * [0])


def test_new_zeros_are_not_structural() -> None:
    before, after = (layer_matrix_ensemble(each) for each in (network(), truncate_rank(network(), 0.5)))
    assert after.structural_zeros == before.structural_zeros == 4
    tiny = sum((layer.eigenvalues < 1e-12).sum() for layer in after.layers)
    assert tiny == 4 + (6 - 3) + (5 - 3)


CHANGES: dict[str, tuple[Any, Any]] = {
    "prune": (prune, 0.9),
    "quantise": (quantise, np.int64(4)),
    "truncate": (truncate_rank, 1),
}
NOT_FINITE = nn.Linear(2, 2)
NOT_FINITE.weight.data[0, 1] = float("nan")
MODELS: list[tuple[Any, str]] = [
    (nn.BatchNorm2d(3), "two or more axes"),
    (nn.Sequential(), "two or more axes"),
    (NOT_FINITE, "all finite"),
    (nn.utils.parametrizations.weight_norm(nn.Linear(2, 3)), "must hold whole weights"),
    ({"w": np.eye(3)}, r"model must be a torch\.nn\.Module"),
    (nn.Linear, r"model must be a torch\.nn\.Module"),
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(("model", "message"), MODELS)
def test_models_that_are_none(model: Any, message: str, change: str) -> None:
    make, argument = CHANGES[change]
    with pytest.raises(InputError, match=message):
        make(model, argument)


@pytest.mark.parametrize("change", CHANGES)
def test_a_module_gives_a_module_of_its_kind_and_precision(change: str) -> None:
    make, argument = CHANGES[change]
    model = ARCHITECTURES["resnet8"].build()
    changed = make(model, argument)
    assert type(changed) is type(model)
    for name, value in changed.state_dict().items():
        old = model.state_dict()[name]
        assert value.dtype == old.dtype
        assert torch.equal(value, old) == (value.ndim < 2)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan"), "x", True, None, [0.5]])
@pytest.mark.parametrize("change", [prune, truncate_rank])
def test_a_share_that_is_none(change: Any, share: Any) -> None:
    with pytest.raises(InputError, match="share must be a finite number from 0 to 1"):
        change(network(), share)


@pytest.mark.parametrize("bits", [1, 0, -3, 33, 10**9, 4.0, True, "8", None])
def test_bits_that_are_none(bits: Any) -> None:
    with pytest.raises(InputError, match="bits must be an integer from 2 to 32"):
        quantise(network(), bits)
