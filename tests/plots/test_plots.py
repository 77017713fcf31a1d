"""Every figure draws, is labelled, and refuses in one sentence what it cannot draw."""

from __future__ import annotations

import doctest
import importlib
import inspect
import io
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mme import plots
from mme.ensembles import circular_spectral_difference, equivalence_classes, spectral_density
from mme.ensembles.difference import CircularSpectralDifference
from mme.ensembles.spectrum import PooledSpectrum
from mme.errors import InputError

TOOLS = {"PALETTE", "figure", "styled"}
FUNCTIONS = sorted(set(plots.__all__) - TOOLS)

every_function = pytest.mark.parametrize("name", FUNCTIONS)


@cache
def example(name: str) -> tuple[Callable[..., Figure], dict[str, Any]]:
    """Run the example of a function's docstring, and return what it names."""
    function = getattr(plots, name)
    namespace = dict(vars(importlib.import_module(function.__module__)))
    for step in doctest.DocTestParser().get_examples(inspect.getdoc(function) or ""):
        exec(compile(step.source, name, "single"), namespace)
    return function, namespace


def figures(namespace: dict[str, Any]) -> list[Figure]:
    return [value for value in namespace.values() if isinstance(value, Figure)]


def drawn_in(ax: Axes) -> int:
    return len(ax.lines) + len(ax.patches) + len(ax.collections) + len(ax.images)


@every_function
@pytest.mark.slow
def test_the_example_draws(name: str) -> None:
    _, namespace = example(name)
    (made,) = figures(namespace)
    assert sum(drawn_in(ax) for ax in made.axes) > 0
    picture = io.BytesIO()
    made.savefig(picture, format="png", dpi=40)
    assert picture.getvalue().startswith(b"\x89PNG")


@pytest.mark.slow
@every_function
def test_axes_are_labelled(name: str) -> None:
    _, namespace = example(name)
    (made,) = figures(namespace)
    with_axis = [ax for ax in made.axes if ax.axison and drawn_in(ax)]
    # a panel may do without labels of its own only where it has no numbers on its axes, or shares them
    silent = [
        ax
        for ax in with_axis
        if not (ax.get_xlabel() or ax.get_title() or shares_labels(ax) or not ax.get_xticks().size)
    ]
    assert silent == []
    assert any(ax.get_xlabel() or ax.get_ylabel() or ax.get_title() for ax in made.axes)


def shares_labels(ax: Axes) -> bool:
    return any(other.get_xlabel() for other in ax.get_shared_x_axes().get_siblings(ax))


@every_function
def test_the_background_is_transparent(name: str) -> None:
    _, namespace = example(name)
    (made,) = figures(namespace)
    assert made.get_facecolor()[3] == 0
    assert {ax.get_facecolor()[3] for ax in made.axes} == {0}


@every_function
def test_it_says_what_it_takes(name: str) -> None:
    function = getattr(plots, name)
    text = inspect.getdoc(function) or ""
    assert all(
        section in text for section in ("Parameters\n----------", "Returns\n-------", "Examples\n--------")
    )
    for parameter in inspect.signature(function).parameters:
        assert parameter in text


@every_function
def test_help_shows_what_comes_back(name: str) -> None:
    function, namespace = example(name)
    (made,) = figures(namespace)
    assert inspect.signature(function).return_annotation is type(made) is Figure


@pytest.mark.slow
def test_no_model_is_known_here() -> None:
    """Figures know arrays and records: nothing of the floors above them is imported."""
    program = "import sys, mme.plots; print(*(name for name in sys.modules if name.startswith('mme.')))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    above = ("mme.comparison", "mme.networks", "mme.checkpoints", "mme.transforms", "mme.cli")
    assert [name for name in loaded.stdout.split() if name.startswith(above)] == []


# What cannot be drawn

CSD = circular_spectral_difference({"fc": np.eye(20)}, "deterministic", bins=50)
RHO = spectral_density(PooledSpectrum([0.5, 1.0, 2.0]), bins=10)
CLASSES = equivalence_classes({"a": 0.1, "b": 0.5}, delta=0.1)
OTHERS = equivalence_classes({"a": 0.1, "c": 0.5}, delta=0.1)
TURNED = equivalence_classes({"a": 0.5, "b": 0.1}, delta=0.1)
UNLIKE = CircularSpectralDifference(np.zeros((2, 3)), np.arange(6.0), (1.0, 1.0))


def row(**fields: Any) -> SimpleNamespace:
    return SimpleNamespace(**({"name": "a", "untrained": [CSD], "trained": None} | fields))


def found(*measurements: Any, delta: Any = 0.1) -> SimpleNamespace:
    return SimpleNamespace(measurements=measurements, delta=delta, classes=CLASSES)


MEASURED = SimpleNamespace(name="a", csd=CSD, control=None)
ROWS = [5, "a", [], {}, np.array(1.0), [5], [CSD], [SimpleNamespace(name="a")], [row(), row(name=1)],
        [row(untrained=[])], [row(untrained=CSD)], [row(trained=RHO)], [row(untrained=[UNLIKE])]]  # fmt: skip
LENGTHS = [0, -1, True, "2", np.nan, np.inf, 10**400, [2.0]]
WRONG: dict[str, list[tuple[Any, ...]]] = {
    "csd": [(5,), (None,), (RHO,), (UNLIKE,), *((CSD, {"until": x}) for x in LENGTHS),
            *((CSD, {"linear": x}) for x in LENGTHS)],
    "cumulative_differences": [*((x,) for x in ROWS), ([row()], {"ax": 5})],
    "fluctuations": [*((x,) for x in ROWS), ([row()] * 1000,)],
    "densities": [(5,), ([],), ({},), ([RHO],), ({"a": 5},), ({"a": RHO, "b": CSD},),
                  *(({"a": RHO}, {"zoom": x}) for x in (5, (1,), (2, 1), ("a", 2), (0, np.nan), "ab")),
                  ({"a": RHO}, {"log": np.zeros(2)}), ({"a": RHO}, {"ax": 5})],
    "network_density": [(5, RHO, {"name": "a"}), (RHO, CSD, {"name": "a"}), (RHO, RHO, {"name": 5})],
    "comparison": [(5,), (None,), ([],), (CLASSES,), (found(),), (found(5),), (found(MEASURED, delta="a"),),
                   (found(MEASURED, delta=np.nan),),
                   (found(SimpleNamespace(name="a", csd=5, control=None)),)],
    "equivalence_classes": [(), (5,), ([],), (CLASSES, 5), (CLASSES, OTHERS), (CLASSES, TURNED),
                            (CLASSES, CLASSES, {"ax": Figure().subplots()}), (CLASSES, {"log": "yes"})],
}  # fmt: skip


def test_every_function_has_wrong_calls() -> None:
    assert set(WRONG) == set(FUNCTIONS)


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_refused_in_one_sentence(name: str) -> None:
    for call in WRONG[name]:
        *arguments, last = call or (None,)
        options = last if isinstance(last, dict) and arguments else {}
        if not options:
            arguments = list(call)
        with pytest.raises(InputError) as caught:
            getattr(plots, name)(*arguments, **options)
        assert str(caught.value).endswith(".")
        assert "\n" not in str(caught.value)
