"""Every result shows itself, goes into JSON and comes back, and equals its copies."""

import copy
import json
import pickle
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any, NamedTuple

import numpy as np
import pytest
from matplotlib.figure import Figure

import mme
from mme.algebra import R
from mme.bridge import equilibrium_measure, sample_layer_spectra
from mme.checkpoints import open_checkpoint
from mme.comparison import PAPER, Options, VisionRow, compare, measure
from mme.dln import (
    ImbalanceMonitor,
    entropy_terms,
    gradient_flow,
    langevin,
    orbit_volume_from_kernel,
    orbit_volume_mc,
)
from mme.ensembles import (
    Layer,
    MixedMatrixEnsemble,
    PooledSpectrum,
    SampledCircularEnsemble,
    calibrate_delta,
    circular_mixed_ensemble,
    circular_spectral_difference,
    conjugacy,
    deterministic_spectrum,
    equivalence,
    equivalence_classes,
    layer_matrix_ensemble,
    pooled_spectrum,
    sampling_cost,
    spectral_density,
)
from mme.errors import InputError
from mme.networks import train
from mme.result import Plotted, Result, Table, by_value, plain
from mme.weights import Checkpoint
from mme.weights.sources import described

LONGEST_LINE = 400


def network(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {"conv": rng.normal(size=(8, 3, 3, 3)) / 5, "<b>fc</b>": rng.normal(size=(12, 8)) / 3}


def drawn(draws: int = 1) -> Any:
    return circular_spectral_difference(network(), "sampled", draws=draws, rng=0, bins=40)


def row() -> VisionRow:
    ensemble = layer_matrix_ensemble(network())
    return VisionRow("vgg11", PAPER["vgg11"], ensemble, (drawn(2), drawn(3)), drawn(4))


def read(times: int = 2) -> Any:
    monitor = ImbalanceMonitor([np.eye(3), 2 * np.eye(3)])
    for _ in range(times):
        monitor()
    return monitor.record()


EXAMPLES: dict[str, Callable[[], Any]] = {
    "Calibration": lambda: calibrate_delta(range(9)),  # with an infinite end
    "CircularMixedEnsemble": lambda: circular_mixed_ensemble([2, 3], rng=0),
    "CircularSpectralDifference": drawn,  # with NaN for the error of one draw
    "Comparison": lambda: compare({"a": network(), "<i>b</i>": network(1)}, Options(bins=60)),
    "Conjugacy": lambda: conjugacy(network()),
    "DeterministicSpectrum": lambda: deterministic_spectrum([4, 9]),
    "EntropyTerms": lambda: entropy_terms([2.0, 0.0], depth=2, field="C"),  # −∞
    "EquilibriumMeasure": lambda: equilibrium_measure(3, 0.5),
    "Equivalence": lambda: equivalence(network(), network(1)),
    "EquivalenceClasses": lambda: equivalence_classes({"a": 0.1, "<b>": 0.3}, delta=0.1),
    "ExtrapolatedVolume": lambda: orbit_volume_from_kernel([2.0], depth=2, field="C"),
    "Flow": lambda: gradient_flow(None, [np.eye(2), np.eye(2)], [0.0, 1.0], decay=1.0),
    "Imbalance": read,
    "Langevin": lambda: langevin(None, [np.eye(2)] * 2, steps=3, step=0.01, decay=1.0, rng=0),
    "Layer": lambda: Layer("<fc>", np.ones((3, 2))),
    "LayerMatrixEnsemble": lambda: layer_matrix_ensemble(network()),
    "LayerSpectra": lambda: sample_layer_spectra(2, depth=2, field="H", size=(2, 2), rng=0),
    "MatrixSpectrum": lambda: next(MixedMatrixEnsemble([np.eye(2)]).spectra()),
    "Measurement": lambda: measure(network(), name="<b>", control="glorot"),
    "MixedMatrixEnsemble": lambda: MixedMatrixEnsemble([np.eye(2), np.ones((3, 3))]),
    "Options": lambda: Options(exclude=("a*",), window=(0, 3)),
    "PooledSpectrum": lambda: pooled_spectrum(layer_matrix_ensemble(network())),
    "Printed": lambda: PAPER["vgg11"],
    "SampledCircularEnsemble": lambda: SampledCircularEnsemble([5, 4], 2, rng=0),
    "SamplingCost": lambda: sampling_cost([8]),
    "SpectralDensity": lambda: spectral_density(pooled_spectrum(layer_matrix_ensemble(network())), bins=50),
    "TrainedNetwork": lambda: train("vgg5"),
    "VisionRow": row,
    "VolumeEstimate": lambda: orbit_volume_mc([2.0], depth=2, field="C", rng=0, samples=512),
}


@cache
def example(name: str) -> Any:
    """Results do not change, so each is made once."""
    return EXAMPLES[name]()


LARGE = {"TrainedNetwork"}  # trained networks take a while to make


def concrete(kind: type[Result] = Result) -> Iterator[type[Result]]:
    for each in kind.__subclasses__():
        if "__dataclass_fields__" in vars(each):
            yield each
        yield from concrete(each)


for module in walk_packages(mme.__path__, "mme."):
    if "__main__" not in module.name:
        import_module(module.name)
KINDS = sorted({kind.__name__: kind for kind in concrete() if kind.__module__.startswith("mme.")}.items())
MARKED = [pytest.param(name, marks=pytest.mark.slow if name in LARGE else ()) for name, _ in KINDS]


def test_every_result_has_an_example() -> None:
    assert [name for name, _ in KINDS] == sorted(EXAMPLES)
    assert all(type(example(name)) is kind for name, kind in KINDS if name not in LARGE)


class Tags(HTMLParser):
    """The tags of a page, which must close in order, and its words."""

    def __init__(self) -> None:
        super().__init__()
        self.open, self.seen, self.words = list[str](), set[str](), ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.mark.parametrize("name", MARKED)
def test_a_result_shows_itself(name: str) -> None:
    result = example(name)
    assert repr(result).startswith(f"{name}(")
    assert " object at 0x" not in repr(result)
    assert len(repr(result)) <= LONGEST_LINE
    page = Tags()
    page.feed(result._repr_html_())
    assert not page.open
    assert page.seen == {"table", "caption", "thead", "tr", "th", "tbody", "td"}
    assert name in page.words
    assert " object at 0x" not in page.words


@pytest.mark.parametrize("name", MARKED)
def test_copies_are_equal_and_others_are_not(name: str) -> None:
    result = example(name)
    for twin in (pickle.loads(pickle.dumps(result)), copy.deepcopy(result), copy.copy(result)):
        assert twin == result
        assert hash(twin) == hash(result)
    others = [example(other) for other in EXAMPLES if other not in LARGE | {name}]
    assert all(other != result for other in others)


@pytest.mark.parametrize("name", MARKED)
def test_json_is_strict_and_comes_back(name: str) -> None:
    result = example(name)
    entry = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    if type(result).to_dict is Result.to_dict:
        assert type(result).from_dict(entry) == result
        with pytest.raises(InputError, match="entry must be a dictionary with"):
            type(result).from_dict({})
    else:
        with pytest.raises(InputError, match=f"entry cannot become a {name}, "):
            type(result).from_dict(entry)


@pytest.mark.parametrize("name", [name for name, kind in KINDS if issubclass(kind, Table)])
def test_tables_become_frames(name: str) -> None:
    result = example(name)
    frame = result.to_frame()
    assert len(frame) == len(result.rows()) == 2
    assert all(frame[column].dtype == float for column in result.numbers)
    lines = frame.astype(object).where(frame.notna(), None)  # empty is NaN in a column of numbers
    assert [dict(row) for _, row in lines.iterrows()] == result.rows()


def test_an_empty_column_of_numbers_is_one_of_numbers() -> None:
    frame = compare({"a": network()}, Options(bins=60), control=None).to_frame()
    assert frame["control_variance"].isna().all()
    assert frame["control_variance"].dtype == frame["control_standard_error"].dtype == float


@pytest.mark.parametrize("name", [name for name, kind in KINDS if issubclass(kind, Plotted)])
def test_what_has_a_figure_draws_it(name: str) -> None:
    figure = example(name).plot()
    assert isinstance(figure, Figure)
    assert any(axes.has_data() for axes in figure.axes)


@pytest.mark.parametrize("name", [name for name, kind in KINDS if issubclass(kind, Plotted)])
def test_a_figure_of_one_panel_is_drawn_in_given_axes(name: str) -> None:
    """Those of several panels say that they have them."""
    place = Figure()
    ax = place.subplots(1, 2)[1]
    if len(example(name).plot().axes) == 1:
        assert example(name).plot(ax=ax) is place
        assert [each.has_data() for each in place.axes] == [False, True]
    else:
        with pytest.raises(InputError, match=f"ax must be left out, .* {name} has several panels"):
            example(name).plot(ax=ax)
    with pytest.raises(InputError, match=rf"colour is no option of {name}\.plot"):
        example(name).plot(colour="red")


def test_one_is_not_told_as_several() -> None:
    small = circular_spectral_difference({"fc": np.eye(2)}, "sampled", rng=0, bins=1, draws=1)
    alone = [
        small, SampledCircularEnsemble([2]), circular_mixed_ensemble([2], draws=1), PooledSpectrum([0.0], 1),
        spectral_density(PooledSpectrum([1.0]), bins=1), Layer("fc", np.ones((3, 2))),
        measure({"fc": np.eye(2)}), layer_matrix_ensemble({"fc": np.eye(2)}),
        Checkpoint("a", "npz", [described("fc", np.eye(2))]), calibrate_delta(range(9)),
    ]  # fmt: skip
    assert [repr(each) for each in alone if re.search(r"\b1 (structural )?\w+(s|ces)\b", repr(each))] == []
    assert all(re.search(r"\b1 \w", repr(each)) for each in alone[:-1])


def test_decompositions_equal_their_copies() -> None:
    found = {"svd": R.svd([[1.0, 2.0], [3.0, 4.0]]), "eigh": R.eigh([[2.0, 1.0], [1.0, 2.0]])}
    for result in found.values():
        twin = pickle.loads(pickle.dumps(result))
        assert twin == result
        assert (twin != result) is False
        assert result != result._replace(V=-result.V)
        assert result != 3
    assert found["svd"] != found["eigh"]


def test_networks_on_disk_are_pickled_with_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "net.npz"
    np.savez(path, **network(), names=np.array([["a"]], object))
    measured = measure(open_checkpoint(path))
    twin = pickle.loads(pickle.dumps(measured))
    assert twin == measured
    path.unlink()
    np.testing.assert_array_equal(twin.ensemble.layers[0].tensor, network()["conv"])


def test_one_draw_has_no_error_and_its_line_is_strict_json() -> None:
    single = VisionRow("vgg11", PAPER["vgg11"], layer_matrix_ensemble(network()), (drawn(),))
    assert json.loads(json.dumps(single.to_dict(), allow_nan=False))["untrained_standard_error"] == "nan"


def test_one_number_apart_is_not_equal() -> None:
    spectrum = pooled_spectrum(layer_matrix_ensemble(network()))
    entry = spectrum.to_dict()
    entry["eigenvalues"][-1] += 1e-9
    assert type(spectrum).from_dict(entry) != spectrum


def test_long_tables_say_what_they_leave_out() -> None:
    names = [f"net{number}" for number in range(30)]
    page = equivalence_classes(dict.fromkeys(names, 0.1), delta=1.0)._repr_html_()
    assert "the first 12 of 30" in page
    assert page.count("<tr>") == 13


def test_complex_numbers_go_into_json_by_their_parts() -> None:
    assert plain(np.array([1 + 2j])) == {"real": [1.0], "imag": [2.0]}
    assert plain({1: 2}) == {"1": 2}
    assert plain({"a": float("-inf"), "b": [np.float32("nan")]}) == {"a": "-inf", "b": ["nan"]}


@dataclass(frozen=True, eq=False, repr=False)
class Numbers(Result):
    """Whole ones and others, not all finite."""

    counts: np.ndarray
    values: np.ndarray
    one: float
    named: dict[str, float] | None = None


def test_arrays_come_back_as_they_were_with_what_is_not_finite() -> None:
    given = Numbers(np.array([1, 2]), np.array([0.5, np.nan, -np.inf]), np.nan)
    back = Numbers.from_dict(json.loads(json.dumps(given.to_dict(), allow_nan=False)))
    assert (back.counts.dtype.kind, back.values.dtype.kind) == ("i", "f")
    assert back == given
    assert Numbers(given.counts, given.values, 0.5) != given
    named = [Numbers(given.counts, given.values, 1.0, each) for each in ({"a": np.nan}, {"a": 1.0}, {}, None)]
    assert [one == other for one in named for other in named] == np.eye(4, dtype=bool).ravel().tolist()


@by_value
class Parts(NamedTuple):
    """Two arrays."""

    first: np.ndarray
    second: np.ndarray


def test_tuples_of_arrays_are_equal_by_their_numbers_alone() -> None:
    one, same, other = (Parts(np.ones(2), np.array(each)) for each in ([2.0, 3.0], [2.0, 3.0], [2.0, 4.0]))
    found = [(one == each, one != each) for each in (same, other, 3, one[:1], (*one, 1))]
    assert found == [(True, False), *[(False, True)] * 4]


def test_a_pair_comes_back_from_two_entries_alone() -> None:
    entry = calibrate_delta(range(9)).to_dict() | {"delta_interval": [0.0, 1.0, 2.0]}
    with pytest.raises(InputError, match=r"entry must be what .* returns, but zip"):
        type(calibrate_delta(range(9))).from_dict(entry)


@dataclass(frozen=True, eq=False, repr=False)
class Hiding(Result):
    """A number, and how it was worked out."""

    number: int
    way: str = field(default="", compare=False, repr=False)


def test_a_field_that_is_not_shown_is_not_told() -> None:
    one, other = Hiding(1, "in threads"), Hiding(1, "alone")
    assert (one.to_dict(), repr(one)) == ({"number": 1}, "Hiding(number=1)")
    assert (Hiding.from_dict({"number": 1}) == one, one == other) == (True, True)
    assert hash(one) == hash(other)
