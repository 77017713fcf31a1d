"""What the figures of densities show."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from mme import plots
from mme.ensembles import spectral_density
from mme.ensembles.density import SpectralDensity
from mme.ensembles.spectrum import PooledSpectrum

RHO = spectral_density(PooledSpectrum(np.linspace(0.1, 2.9, 50), orders=(50,)), window=(0, 3), bins=12)
DRAWN = SpectralDensity(np.array([[1.0, 3.0], [2.0, 0.0]]), np.arange(3.0), np.ones(2), np.ones(2))


def test_densities_are_drawn_bin_by_bin() -> None:
    (ax,) = plots.densities({"law": RHO, "drawn": DRAWN}, log=True).axes
    law, drawn = (each.get_data() for each in ax.patches)  # type: ignore[attr-defined]
    assert law.values == pytest.approx(RHO.density)
    assert law.edges == pytest.approx(RHO.edges)
    assert drawn.values.tolist() == [1.5, 1.5]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["law", "drawn"]  # type: ignore[union-attr]
    assert (ax.get_yscale(), ax.get_xlabel(), ax.get_ylabel()) == ("log", "ε", "density ρ(ε)")


def test_a_part_is_drawn_beside_or_not_at_all() -> None:
    whole, part = plots.densities({"law": RHO}, zoom=(0, 1)).axes
    assert part.get_xlim() == (0, 1)
    assert whole.get_xlim()[1] > 3
    yours = Figure().subplots()
    assert plots.densities({"law": RHO}, zoom=(0, 1), ax=yours).axes == [yours]


def test_a_network_beside_its_conjugate() -> None:
    (ax,) = plots.network_density(RHO, DRAWN, name="resnet50 of the first experiment").axes
    values = [each.get_data().values.tolist() for each in ax.patches]  # type: ignore[attr-defined]
    assert values == [[1.5, 1.5], RHO.density.tolist()]
    assert ax.get_ylim()[0] == 0
    shown = [text.get_text() for text in ax.get_legend().get_texts()]  # type: ignore[union-attr]
    assert shown == ["circular ensemble", "resnet50 of t…t experiment"]
