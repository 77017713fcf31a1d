"""The same network and the same options have the same digits by every road."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from mme.checkpoints import open_checkpoint
from mme.cli import app
from mme.comparison import Options, compare, measure
from mme.ensembles import (
    circular_spectral_difference,
    conjugate_spectrum,
    equivalence,
    layer_matrix_ensemble,
    pooled_spectrum,
)
from mme.store import Store

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture
def network() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    shapes = {"conv.weight": (32, 9, 3, 3), "tall.weight": (300, 40), "fc.weight": (30, 300)}
    return {
        name: rng.normal(size=shape).astype(np.float32) / np.prod(shape[1:]) ** 0.5
        for name, shape in shapes.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize("conjugate", [{}, {"conjugate": "sampled", "rng": 2, "draws": 3}])
def test_every_road_gives_the_same_digits(
    network: dict[str, np.ndarray], conjugate: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MME_CACHE", str(tmp_path / "cache"))
    np.savez(tmp_path / "net.npz", **network)
    options, store = Options(**conjugate), Store("spectra", folder=tmp_path / "store")
    flags = [
        word for name, value in conjugate.items()
        for word in ("--seed" if name == "rng" else f"--{name}", str(value))
    ]  # fmt: skip
    command = CliRunner().invoke(app, ["compare", str(tmp_path / "net.npz"), "--json", *flags])
    ensemble = layer_matrix_ensemble(network)
    roads = [
        circular_spectral_difference(network, **conjugate).variance,
        circular_spectral_difference(ensemble, **conjugate).variance,
        circular_spectral_difference(
            pooled_spectrum(ensemble), conjugate_spectrum(ensemble.orders, **conjugate)
        ).variance,
        circular_spectral_difference(open_checkpoint(tmp_path / "net.npz"), **conjugate).variance,
        measure(network, options).csd.variance,
        measure(network, options, jobs=3, store=store).csd.variance,
        measure(network, options, jobs=1, store=store).csd.variance,  # from what is kept
        compare({"net": network}, options, delta=1).measurements[0].csd.variance,
        json.loads(command.stdout)["networks"][0]["variance"],
    ]
    if not conjugate:  # a pair of sampled ones would share a generator
        roads.append(equivalence(network, network).first.variance)
    assert len(set(roads)) == 1


def test_the_call_of_the_readme_is_one_of_them(
    network: dict[str, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.S)
    exec(code, {"network": network})
    assert capsys.readouterr().out == f"{measure(network).csd}\n"
