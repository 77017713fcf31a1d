"""Definition 1: from weight tensors to layer matrices and their exact spectra."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mme.ensembles import Layer, layer_matrix_ensemble, solvers
from mme.errors import InputError
from mme.weights import Checkpoint, StoredTensor
from tests.each import each

RTOL = 1e-10  # relative to the largest eigenvalue of the layer

shapes = st.lists(st.integers(1, 6), min_size=1, max_size=4).flatmap(
    lambda rest: st.tuples(st.integers(2, 40), *map(st.just, rest))
)
seeds = st.integers(0, 2**32 - 1)


def gaussian(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def squared_singular_values(tensor: np.ndarray) -> np.ndarray:
    """All N eigenvalues of X in ascending order, by a road that forms no Gram matrix."""
    order = len(tensor)
    values = np.linalg.svd(np.array([filters.ravel() for filters in tensor]), compute_uv=False) ** 2
    return np.concatenate([np.zeros(order - len(values)), values[::-1]])


def assert_same_spectrum(computed: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(computed, expected, rtol=0, atol=RTOL * expected.max())


class TestLayer:
    def test_matrix_holds_inner_products_of_filters(self) -> None:
        tensor = gaussian((5, 2, 3, 4), 0)
        matrix = Layer("conv", tensor).matrix
        expected = [[(tensor[i] * tensor[j]).sum() for j in range(5)] for i in range(5)]
        np.testing.assert_allclose(matrix, expected, rtol=1e-13)

    def test_weights_stack_the_axes_row_by_row(self) -> None:
        tensor = np.arange(24).reshape(2, 3, 4)
        weights = Layer("conv", tensor).weights
        assert weights.shape == (2, 12)
        assert weights[1, 4 * 2 + 3] == tensor[1, 2, 3]

    @given(shapes, seeds)
    @pytest.mark.slow
    def test_eigenvalues_are_squared_singular_values(self, shape: tuple[int, ...], seed: int) -> None:
        tensor = gaussian(shape, seed)
        assert_same_spectrum(Layer("a", tensor).eigenvalues, squared_singular_values(tensor))

    @given(shapes, seeds)
    @pytest.mark.slow
    def test_both_gram_sides_agree(self, shape: tuple[int, ...], seed: int) -> None:
        layer = Layer("a", gaussian(shape, seed))
        weights = layer.weights
        for gram in (weights @ weights.T, weights.T @ weights):
            values = np.linalg.eigvalsh(gram)
            shared = min(weights.shape)
            assert_same_spectrum(layer.eigenvalues[-shared:], values[-shared:])

    @given(shapes, seeds)
    @pytest.mark.slow
    def test_structural_zeros_are_exact_and_no_more(self, shape: tuple[int, ...], seed: int) -> None:
        layer = Layer("a", gaussian(shape, seed))
        columns = np.prod(shape[1:])
        assert layer.structural_zeros == max(shape[0] - columns, 0)
        assert len(layer.eigenvalues) == shape[0]
        assert (layer.eigenvalues[: layer.structural_zeros] == 0).all()
        assert (layer.eigenvalues[layer.structural_zeros :] > 0).all()  # almost surely of full rank
        assert (np.diff(layer.eigenvalues) >= 0).all()

    @given(shapes, seeds)
    @pytest.mark.slow
    def test_trace_is_the_squared_norm_of_the_weights(self, shape: tuple[int, ...], seed: int) -> None:
        tensor = gaussian(shape, seed)
        assert Layer("a", tensor).eigenvalues.sum() == pytest.approx((tensor**2).sum(), rel=1e-12)

    @pytest.mark.parametrize("shape", [(300, 2), (2, 300), (7, 7)])
    def test_no_gram_matrix_is_larger_than_it_must(
        self, shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[tuple[int, ...]] = []
        solve = solvers.symmetric_eigenvalues
        monkeypatch.setattr(solvers, "symmetric_eigenvalues", lambda a: seen.append(a.shape) or solve(a))
        assert len(Layer("a", gaussian(shape, 3)).eigenvalues) == shape[0]
        assert seen == [(min(shape), min(shape))]

    @given(seeds, st.integers(1, 3))
    @pytest.mark.slow
    def test_rank_deficient_weights_have_no_negative_eigenvalue(self, seed: int, rank: int) -> None:
        layer = Layer("a", gaussian((12, rank), seed) @ gaussian((rank, 8), seed + 1))
        values = layer.eigenvalues
        assert layer.structural_zeros == 4  # by the shape, not by the rank
        assert (values >= 0).all()
        assert (values[:-rank] <= RTOL * values[-1]).all()

    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    @pytest.mark.parametrize("shape", [(40, 60), (60, 40)])
    def test_rounding_is_no_rank(self, dtype: Any, shape: tuple[int, int]) -> None:
        """Of an exact product of whole numbers, in either precision."""
        left, right = (np.rint(2 * gaussian(each, 5)) for each in ((shape[0], 3), (3, shape[1])))
        layer = Layer("a", left @ right, dtype)
        assert layer.eigenvalues.dtype == dtype
        assert layer.rank == 3

    def test_rounding_below_zero_is_not_taken_for_a_structural_zero(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(solvers, "symmetric_eigenvalues", lambda a: np.array([-3e-16, 1e-16, 1.0]))
        values = Layer("a", np.ones((4, 3))).eigenvalues
        assert values.tolist() == [0.0, 1e-16, 3e-16, 1.0]

    def test_zero_weights_have_a_zero_spectrum(self) -> None:
        layer = Layer("dead", np.zeros((5, 3)))
        assert layer.eigenvalues.tolist() == [0.0] * 5
        assert layer.structural_zeros == 2

    @given(seeds, st.integers(-150, 150), st.sampled_from([(9, 4), (4, 9)]))
    @pytest.mark.slow
    def test_extreme_scales_keep_their_digits(self, seed: int, exponent: int, shape: tuple[int, int]) -> None:
        tensor = gaussian(shape, seed)
        scale = 10.0**exponent
        values = Layer("a", tensor * scale).eigenvalues / scale / scale
        assert_same_spectrum(values, squared_singular_values(tensor))

    def test_weights_of_very_different_sizes(self) -> None:
        tensor = np.diag([1e150, 1e100, 1e-150])
        np.testing.assert_allclose(Layer("a", tensor).eigenvalues, [0, 1e200, 1e300], rtol=1e-12, atol=1e290)

    def test_a_layer_of_zeros_has_rank_zero(self) -> None:
        for dtype in ("float64", "float32"):
            assert Layer("dead", np.zeros((4, 3)), dtype).eigenvalues.tolist() == [0.0] * 4
            assert Layer("dead", np.zeros((4, 3)), dtype).rank == 0

    @pytest.mark.parametrize(
        ("dtype", "weight", "flow"),
        [("float64", 1e160, "over"), ("float32", 1e25, "over"), ("float32", 1e150, "over"),
         ("float64", 1e-200, "under"), ("float32", 1e-25, "under"), ("float32", 1e-150, "under")],
    )  # fmt: skip
    def test_beyond_what_can_be_squared_names_the_layer(self, dtype: str, weight: float, flow: str) -> None:
        layer = Layer("fc.weight", np.full((3, 3), weight), dtype)
        other = " or take float64" if dtype == "float32" else ""
        said = rf"layer 'fc\.weight' has weights .* {flow}flow {dtype}; rescale the weights{other}\."
        with pytest.raises(InputError, match=said):
            _ = layer.eigenvalues
        if abs(np.log10(weight)) < 100:
            assert Layer("fc.weight", np.full((3, 3), weight)).rank == 1

    @pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
    def test_single_precision(self, scale: float) -> None:
        tensor = gaussian((20, 30), 5) * scale
        values = Layer("a", tensor, "float32").eigenvalues
        expected = squared_singular_values(tensor)
        assert values.dtype == np.float32
        np.testing.assert_allclose(values, expected, rtol=0, atol=2e-6 * expected.max())

    def test_result_is_frozen_and_speaks(self) -> None:
        layer = Layer("stem", np.zeros((32, 3, 3, 3)))
        with pytest.raises(FrozenInstanceError):
            layer.name = "other"  # type: ignore[misc]
        assert repr(layer) == "Layer('stem', 32×3×3×3: A is 32×27, 5 structural zeros)"
        assert json.loads(json.dumps(layer.to_dict())) == {
            "name": "stem", "shape": [32, 3, 3, 3], "order": 32, "columns": 27, "structural_zeros": 5,
            "rank": 0, "largest_eigenvalue": 0.0, "note": "", "estimated": False,
        }  # fmt: skip


class TestInvariance:
    @given(seeds)
    @pytest.mark.slow
    def test_order_of_the_trailing_axes_does_not_matter(self, seed: int) -> None:
        tensor = gaussian((6, 2, 3, 4), seed)
        turned = tensor.transpose(0, 3, 1, 2)
        assert_same_spectrum(Layer("a", turned).eigenvalues, Layer("a", tensor).eigenvalues)

    @given(seeds, st.sampled_from([(9, 4), (4, 9), (5, 5)]))
    @pytest.mark.slow
    def test_orthogonal_maps_on_either_side(self, seed: int, shape: tuple[int, int]) -> None:
        tensor = gaussian(shape, seed)
        left, right = (np.linalg.qr(gaussian((n, n), seed + n))[0] for n in shape)
        assert_same_spectrum(Layer("a", left @ tensor @ right).eigenvalues, Layer("a", tensor).eigenvalues)

    @given(seeds, st.integers(2, 12), st.integers(2, 12))
    @pytest.mark.slow
    def test_transposing_changes_zeros_only(self, seed: int, rows: int, columns: int) -> None:
        tensor = gaussian((rows, columns), seed)
        layer, turned = Layer("a", tensor), Layer("a", tensor.T)
        both = [each.eigenvalues[each.structural_zeros :] for each in (layer, turned)]
        assert_same_spectrum(both[0], both[1])
        assert layer.structural_zeros - turned.structural_zeros == rows - columns

    @given(seeds, st.floats(-100, 100).filter(lambda c: abs(c) > 1e-3))
    @pytest.mark.slow
    def test_scaling_is_quadratic(self, seed: int, scale: float) -> None:
        tensor = gaussian((7, 5), seed)
        scaled = Layer("a", scale * tensor).eigenvalues
        assert_same_spectrum(scaled, scale**2 * Layer("a", tensor).eigenvalues)


WEIGHTS: dict[str, Callable[[], Any]] = {
    "float16": lambda: gaussian((4, 6), 1).astype(np.float16),
    "float32": lambda: gaussian((4, 6), 1).astype(np.float32),
    "longdouble": lambda: gaussian((4, 6), 1).astype(np.longdouble),
    "int64": lambda: np.arange(-10, 14).reshape(4, 6),
    "big-endian": lambda: gaussian((4, 6), 1).astype(">f8"),
    "fortran": lambda: np.asfortranarray(gaussian((4, 2, 3), 1)),
    "read-only": lambda: np.broadcast_to(gaussian((1, 6), 1), (4, 6)),
}


@pytest.mark.parametrize("kind", WEIGHTS)
def test_dtypes_and_layouts_convert_before_they_are_squared(kind: str) -> None:
    tensor = WEIGHTS[kind]()
    values = layer_matrix_ensemble({"w": tensor}).layers[0].eigenvalues
    assert values.dtype == np.float64
    assert_same_spectrum(values, squared_singular_values(tensor.astype(np.float64)))


class TestParameters:
    """Which parameters take part."""

    NETWORK: ClassVar[dict[str, Any]] = {
        "stem.weight": np.ones((8, 3, 3, 3)),
        "stem.bias": np.ones(8),
        "norm.num_batches_tracked": np.array(3),
        "gate.weight": np.ones((1, 8)),
        "scale.weight": np.ones((8, 1, 1)),
        "mask": np.ones((8, 8), bool),
        "epoch": 12,
        "optimizer": {"lr": 0.1},
        "deep.1.weight": np.ones((4, 8, 3)),
        "volume.weight": np.ones((4, 2, 3, 3, 3)),
        "head.weight": np.ones((10, 8)),
    }
    ALL = ("stem.weight", "deep.1.weight", "volume.weight", "head.weight")

    def names(self, **options: Any) -> tuple[str, ...]:
        return tuple(layer.name for layer in layer_matrix_ensemble(self.NETWORK, **options).layers)

    def test_every_weight_of_two_axes_takes_part(self) -> None:
        ensemble = layer_matrix_ensemble(self.NETWORK)
        assert tuple(layer.name for layer in ensemble.layers) == self.ALL
        assert ensemble.orders == (8, 4, 4, 10)
        assert ensemble.structural_zeros == 2
        assert dict(ensemble.skipped) == {
            "stem.bias": "one axis",
            "norm.num_batches_tracked": "a single number",
            "gate.weight": "shape (1, 8) has N or M below 2",
            "scale.weight": "shape (8, 1, 1) has N or M below 2",
            "mask": "boolean",
            "epoch": "not an array but int",
            "optimizer": "not an array but dict",
        }

    @pytest.mark.parametrize(
        ("options", "kept"),
        [
            ({"include": "stem.*"}, ("stem.weight",)),
            ({"include": ["stem.*", "head.*"]}, ("stem.weight", "head.weight")),
            ({"include": "*.[0-9].*"}, ("deep.1.weight",)),
            ({"exclude": "head.weight"}, ("stem.weight", "deep.1.weight", "volume.weight")),
            ({"include": "*weight", "exclude": ("head*", "deep*")}, ("stem.weight", "volume.weight")),
            ({"types": "Linear"}, ("head.weight",)),
            ({"types": "Conv1d"}, ("deep.1.weight",)),
            ({"types": ["Conv2d", "Conv3d"]}, ("stem.weight", "volume.weight")),
            ({"types": ["Conv2d", "Linear"], "exclude": "head.*"}, ("stem.weight",)),
        ],
    )
    def test_choosing(self, options: dict[str, Any], kept: tuple[str, ...]) -> None:
        assert self.names(**options) == kept

    def test_reasons_of_those_not_chosen(self) -> None:
        skipped = dict(layer_matrix_ensemble(self.NETWORK, include="*.weight", types="Linear").skipped)
        assert skipped["stem.weight"] == "type not chosen"
        assert skipped["mask"] == "name not included"
        assert skipped["scale.weight"] == "shape (8, 1, 1) has N or M below 2"
        excluded = dict(layer_matrix_ensemble(self.NETWORK, exclude="stem.*").skipped)
        assert excluded["stem.weight"] == excluded["stem.bias"] == "name excluded"

    def test_patterns_mind_the_case(self) -> None:
        with pytest.raises(InputError):
            self.names(include="STEM.*")

    def test_what_is_left_out_is_not_examined(self) -> None:
        bad = np.full((3, 3, 3), np.nan)
        network = {"bad": bad, "fc": np.eye(3), "bias": np.full(3, np.nan)}
        for options in ({"exclude": "bad"}, {"include": "fc"}, {"types": "Linear"}):
            assert layer_matrix_ensemble(network, **options).orders == (3,)

    def test_order_is_kept(self) -> None:
        pairs = [("b", np.eye(3)), ("a", np.eye(2)), ("c", np.eye(4))]
        assert layer_matrix_ensemble(pairs).orders == (3, 2, 4)

    def test_numpy_arrays_count_by_their_names(self) -> None:
        shared = np.eye(3)
        assert layer_matrix_ensemble({"a": shared, "b": shared}).orders == (3, 3)


class TestEnsemble:
    def test_matrices_are_made_when_asked_for(self) -> None:
        tensors = [gaussian((4, 3, 2), 0), gaussian((5, 2), 1)]
        ensemble = layer_matrix_ensemble(enumerate(tensors))
        assert len(ensemble) == len(ensemble.matrices) == 2
        for tensor, matrix in zip(tensors, ensemble.matrices, strict=True):
            flat = tensor.reshape(len(tensor), -1)
            np.testing.assert_allclose(matrix, flat @ flat.T)
        assert [matrix.shape for matrix in ensemble.matrices[1:]] == [(5, 5)]

    def test_spectra_match_the_matrices(self) -> None:
        ensemble = layer_matrix_ensemble({"a": gaussian((9, 4), 0), "b": gaussian((4, 9), 1)})
        for spectrum, layer, matrix in zip(
            ensemble.spectra(), ensemble.layers, ensemble.matrices, strict=True
        ):
            assert spectrum.structural_zeros == layer.structural_zeros
            expected = np.linalg.eigvalsh(matrix)
            np.testing.assert_allclose(spectrum.eigenvalues, expected, rtol=0, atol=RTOL * expected.max())

    def test_is_not_drawn_and_may_be_pure(self) -> None:
        ensemble = layer_matrix_ensemble({"a": np.eye(3), "b": np.ones((3, 2))})
        assert ensemble.draws is None
        assert ensemble.is_pure
        assert not layer_matrix_ensemble({"a": np.eye(3), "b": np.eye(2)}).is_pure

    def test_speaks(self) -> None:
        ensemble = layer_matrix_ensemble({f"l{n}": np.eye(n) for n in range(2, 10)} | {"bias": np.ones(2)})
        assert repr(ensemble) == "LayerMatrixEnsemble(8 matrices of orders 2, 3, 4, 5, 6, 7, …)"
        report = json.loads(json.dumps(ensemble.to_dict()))
        assert [layer["order"] for layer in report["layers"]] == list(range(2, 10))
        assert report["skipped"] == {"bias": "one axis"}


class TestBadInput:
    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_weights_that_are_not_finite_name_the_layer(self, bad: float) -> None:
        tensor = np.ones((3, 3))
        tensor[1, 2] = bad
        with pytest.raises(InputError, match=r"layer 'b\.weight' has NaN or infinite weights \(1 of 9\)"):
            layer_matrix_ensemble({"a.weight": np.eye(3), "b.weight": tensor})

    def test_complex_weights_are_refused(self) -> None:
        with pytest.raises(InputError, match="layer 'c' has weights of dtype complex128"):
            layer_matrix_ensemble({"c": np.eye(3) * 1j})

    @each("tensor", [np.array([["a", "b"]] * 2), np.array([[None, 1]] * 2, object)])
    def test_weights_that_are_no_numbers_are_refused(self, tensor: np.ndarray) -> None:
        with pytest.raises(InputError, match=r"layer 'x' has weights of dtype .*; they must be real numbers"):
            layer_matrix_ensemble({"x": tensor})

    @each(
        "source, reason",
        [
            ({}, "it is empty"),
            ({"bias": np.ones(3)}, "bias: one axis"),
            ({"state_dict": {"fc": np.eye(3)}}, r"state_dict: not .* but dict, .*pass \['state_dict'\]"),
            ({"a": 1, "b": 2, "c": 3, "d": [], "model": {"fc": np.eye(3)}}, r"pass \['model'\]"),
            ({"a": np.ones(3), "b": 2, "c": 3, "d": {}, "ema": {"fc": np.eye(3)}}, r"pass \['ema'\]"),
            ({f"b{n}": np.ones(3) for n in range(5)}, r"b2: one axis and 2 more"),
        ],
    )
    def test_nothing_to_square(self, source: dict[str, Any], reason: str) -> None:
        with pytest.raises(InputError, match=rf"(no weight tensor of two|holds none) .*{reason}"):
            layer_matrix_ensemble(source)

    def test_nothing_left_to_square(self) -> None:
        with pytest.raises(InputError, match="fc: name not included"):
            layer_matrix_ensemble({"fc": np.eye(3)}, include="conv*")

    @pytest.mark.parametrize(
        ("source", "described"),
        [
            (np.eye(3), r"an array of shape \(3, 3\)"),
            (7, "of type int"),
            ([np.eye(3)], "of type list"),
            ("epoch-1.pt", "of type str"),
        ],
    )
    def test_no_network_at_all(self, source: Any, described: str) -> None:
        right = r"network must be a torch module, a mapping .*\.open_checkpoint has opened"
        with pytest.raises(InputError, match=f"{right}, but it is {described}"):
            layer_matrix_ensemble(source)

    def test_a_class_in_place_of_a_module(self) -> None:
        class Module:
            named_parameters = named_modules = None

        with pytest.raises(InputError, match="but it is the class Module and no instance of it"):
            layer_matrix_ensemble(Module)

    def test_a_lazy_layer_before_its_first_run(self) -> None:
        class UninitializedParameter:
            @property
            def shape(self) -> tuple[int, ...]:
                raise RuntimeError("Can't access the shape of an uninitialized parameter")

        network = {"fc": np.eye(3), "lazy": UninitializedParameter()}
        with pytest.raises(
            InputError, match=r"layer 'lazy' is not initialised .*; run the network once first\.$"
        ):
            layer_matrix_ensemble(network)

    def test_an_array_without_one_dtype(self) -> None:
        class Table:
            shape = (3, 3)

        with pytest.raises(InputError, match="a: not an array but Table"):
            layer_matrix_ensemble({"a": Table()})

    @each("argument", ["include", "exclude", "types"])
    @each("wrong", [3, [3], ["a", 3]])
    def test_choices_that_are_no_names(self, argument: str, wrong: Any) -> None:
        with pytest.raises(InputError, match=f"{argument} must be .*names") as caught:
            layer_matrix_ensemble({"a": np.eye(3)}, **{argument: wrong})
        assert str(caught.value).endswith(".")

    def test_patterns_may_come_from_a_generator(self) -> None:
        network = {name: np.eye(3) for name in "abc"}
        chosen = layer_matrix_ensemble(network, include=(name for name in "ac"))
        assert [layer.name for layer in chosen.layers] == ["a", "c"]

    def test_unknown_names_say_which_exist(self) -> None:
        network = {"fc": np.eye(3)}
        with pytest.raises(InputError, match="dtype must be one of 'float64', 'float32', but it is 'half'"):
            layer_matrix_ensemble(network, dtype="half")
        with pytest.raises(
            InputError, match=r"types .* must be one of 'Linear', 'Conv1d', 'Conv2d', 'Conv3d'"
        ):
            layer_matrix_ensemble(network, types=["Linear", "Attention"])

    def test_what_was_left_out_stays_so(self) -> None:
        network = {"a": np.eye(3), "b": np.eye(2), "bias": np.ones(3)}
        left = layer_matrix_ensemble(network).without("a")
        assert left.skipped == (("bias", "one axis"), ("a", "taken out"))

    @each("option, reason", [("include", "name not included"), ("types", "type not chosen")])
    def test_an_empty_choice_takes_nothing(self, option: str, reason: str) -> None:
        with pytest.raises(InputError, match=f"a: {reason}"):
            layer_matrix_ensemble({"a": np.eye(3)}, **{option: []})

    def test_one_layer_alone_is_no_classifier(self) -> None:
        assert layer_matrix_ensemble({"a": np.eye(3)}).classifier is None
        assert layer_matrix_ensemble({"a": np.eye(3), "b": np.eye(2)}).classifier == "b"

    def test_a_name_that_is_no_text_is_none(self) -> None:
        class Named(dict[str, np.ndarray]):
            name: object = 3

        assert layer_matrix_ensemble(Named(a=np.eye(3))).name == "network"

    @each("shape", [(3,), (0, 2), (2, 0)])
    def test_a_layer_has_two_axes_and_entries(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(InputError, match="weights of two or more axes, but their shape is"):
            Layer("w", np.ones(shape))

    def test_any_name_may_be_a_type_where_one_layer_has_its_own(self) -> None:
        known = {"a": frozenset({"Attention"}), "b": frozenset[str]()}
        whole = (3, 4), "float64", lambda: np.ones((3, 4))
        tensors = [StoredTensor(name, *whole, kinds) for name, kinds in known.items()]
        network = Checkpoint("net", "made here", tensors)
        for types, name in (("Attention", "a"), ("Linear", "b")):
            assert [layer.name for layer in layer_matrix_ensemble(network, types=types).layers] == [name]

    def test_one_sentence(self) -> None:
        with pytest.raises(InputError) as caught:
            layer_matrix_ensemble({"bias": np.ones(3)})
        message = str(caught.value)
        assert message.endswith(".")
        assert "\n" not in message


class TestTorch:
    """Modules, state dicts, mappings and pairs say the same."""

    @pytest.fixture
    def torch(self) -> Any:
        return pytest.importorskip("torch")

    @pytest.fixture
    def network(self, torch: Any) -> Any:
        torch.manual_seed(0)
        nn = torch.nn
        return nn.Sequential(
            nn.Conv2d(3, 40, 3, bias=False), nn.BatchNorm2d(40), nn.Conv2d(40, 8, 1), nn.Flatten(),
            nn.Linear(8, 10),
        )  # fmt: skip

    def test_all_sources_agree(self, network: Any) -> None:
        state = network.state_dict()
        arrays = {name: tensor.numpy() for name, tensor in state.items()}
        ensembles = [
            layer_matrix_ensemble(source)
            for source in (network, state, arrays, list(arrays.items()), iter(state.items()))
        ]
        names = ("0.weight", "2.weight", "4.weight")
        for ensemble in ensembles:
            assert tuple(layer.name for layer in ensemble.layers) == names
            assert ensemble.structural_zeros == 13 + 0 + 2
            for spectrum, first in zip(ensemble.spectra(), ensembles[0].spectra(), strict=True):
                np.testing.assert_array_equal(spectrum.eigenvalues, first.eigenvalues)
        for layer in ensembles[0].layers:
            assert_same_spectrum(layer.eigenvalues, squared_singular_values(arrays[layer.name].astype(float)))

    def test_buffers_are_skipped_with_a_reason(self, network: Any) -> None:
        skipped = dict(layer_matrix_ensemble(network.state_dict()).skipped)
        assert skipped["1.running_mean"] == "one axis"
        assert skipped["1.num_batches_tracked"] == "a single number"
        assert dict(layer_matrix_ensemble(network).skipped) == skipped

    def test_types_of_a_module(self, torch: Any, network: Any) -> None:
        class Patch(torch.nn.Conv2d):  # type: ignore[misc, name-defined]
            pass

        network[2] = Patch(40, 8, 1)
        chosen = {
            "Conv2d": ("0.weight", "2.weight"),
            "Patch": ("2.weight",),
            torch.nn.Linear: ("4.weight",),
            (torch.nn.Linear, "Patch"): ("2.weight", "4.weight"),
        }
        for types, names in chosen.items():
            layers = layer_matrix_ensemble(network, types=types).layers
            assert tuple(layer.name for layer in layers) == names
        with pytest.raises(InputError, match="type not chosen"):
            layer_matrix_ensemble(network, types="LSTM")

    def test_shared_parameters_count_once(self, torch: Any) -> None:
        nn = torch.nn
        network = nn.ModuleDict({"encode": nn.Embedding(11, 4), "decode": nn.Linear(4, 11, bias=False)})
        network["decode"].weight = network["encode"].weight
        for source in (network, network.state_dict(), list(network.state_dict().items())):
            assert layer_matrix_ensemble(source).orders == (11,)
        skipped = layer_matrix_ensemble(network.state_dict()).skipped
        assert skipped == (("decode.weight", "shared with encode.weight"),)

    def test_what_is_shared_with_something_left_out_counts(self, torch: Any) -> None:
        nn = torch.nn
        network = nn.ModuleDict({"encode": nn.Embedding(11, 4), "decode": nn.Linear(4, 11)})
        network["decode"].weight = network["encode"].weight
        names = {"Linear": "decode.weight", nn.Embedding: "encode.weight"}
        for types, name in names.items():
            assert [layer.name for layer in layer_matrix_ensemble(network, types=types).layers] == [name]
        network.register_buffer("before", network["encode"].weight.data)  # comes first
        network.register_buffer("shift", network["decode"].bias.data)
        ensemble = layer_matrix_ensemble(network)
        assert [layer.name for layer in ensemble.layers] == ["encode.weight"]
        assert ensemble.skipped == (
            ("before", "a buffer"), ("shift", "one axis"), ("decode.weight", "shared with encode.weight"),
            ("decode.bias", "one axis"),
        )  # fmt: skip

    def test_parts_of_one_tensor_are_not_shared(self, torch: Any) -> None:
        whole = torch.arange(24.0).reshape(4, 6)
        views = {"top": whole[:2], "left": whole[:, :3], "all": whole, "turned": whole.T}
        assert layer_matrix_ensemble(views).orders == (2, 4, 4, 6)

    @pytest.mark.parametrize("kind", ["float8_e5m2", "float16", "bfloat16", "float32", "float64"])
    def test_dtypes(self, torch: Any, kind: str) -> None:
        tensor = (torch.arange(-12, 12).reshape(6, 4) / 7).to(getattr(torch, kind))
        values = layer_matrix_ensemble({"w": tensor}).layers[0].eigenvalues
        assert_same_spectrum(values, squared_singular_values(tensor.double().numpy()))

    @pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")
    @pytest.mark.filterwarnings("ignore:Sparse CS[RC] tensor support:UserWarning")
    def test_gradients_sparsity_and_quantisation_are_no_obstacle(self, torch: Any) -> None:
        dense = torch.tensor([[0.0, 2.0], [1.0, 0.0], [0.0, 0.0]])
        quantised = torch.quantize_per_tensor(dense, 0.5, 0, torch.qint8)
        sparse = (dense.to_sparse(), dense.to_sparse_csr(), dense.to_sparse_csc())
        for tensor in (dense.clone().requires_grad_(), *sparse, quantised):
            ensemble = layer_matrix_ensemble({"w": tensor})
            np.testing.assert_allclose(ensemble.layers[0].eigenvalues, [0, 1, 4], rtol=0, atol=1e-12)

    def test_bad_tensors(self, torch: Any) -> None:
        with pytest.raises(InputError, match="layer 'w' is on the meta device"):
            layer_matrix_ensemble({"w": torch.empty(3, 3, device="meta")})
        with pytest.raises(InputError, match="layer 'w' has weights of dtype complex"):
            layer_matrix_ensemble({"w": torch.eye(3) * 1j})
        with pytest.raises(InputError, match=r"layer 'fc\.weight' has NaN or infinite weights \(2 of 9\)"):
            layer_matrix_ensemble({"fc.weight": torch.tensor([[np.nan, 1, np.inf], [1, 1, 1], [1, 1, 1]])})
        assert dict(layer_matrix_ensemble({"m": torch.ones(3, 3).bool(), "w": torch.eye(3)}).skipped) == {
            "m": "boolean"
        }


@pytest.mark.slow
def test_torch_is_not_imported() -> None:
    code = (
        "import sys, numpy as np, mme.ensembles as m\n"
        "print(m.layer_matrix_ensemble({'fc': np.eye(3)}).orders, 'torch' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == ("(3,) False\n", "")
