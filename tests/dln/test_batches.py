"""What a function says of several spectra is what it says of each; their number is none of their sides."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from mme import dln
from mme.algebra import C, Field, H, R

BATCH, D, DEPTH = (5, 7), 3, 4

OF_SPECTRA: dict[str, Callable[[Any, Field], Any]] = {
    "ratio": lambda s, f: dln.log_vandermonde_ratio(s, depth=DEPTH),
    "entropy": lambda s, f: dln.entropy(s, depth=DEPTH, field=f),
    "of frames": lambda s, f: dln.entropy(s, depth=DEPTH, field=f, group_volume=False),
    "volume": lambda s, f: dln.orbit_volume(s, depth=DEPTH, field=f),
    "renormalised": lambda s, f: dln.renormalised_entropy(s, depth=DEPTH, field=f),
    "infinitely deep": lambda s, f: dln.infinite_depth_entropy(s, field=f),
    "gradient": lambda s, f: dln.entropy_gradient(s, depth=DEPTH, field=f),
    "Hessian": lambda s, f: dln.entropy_hessian(s, depth=DEPTH, field=f),
    "metric": lambda s, f: dln.entropy_from_metric(s, depth=DEPTH, field=f),
    "determinant": lambda s, f: dln.log_metric_determinant(s, depth=DEPTH, field=f),
    "Gram": lambda s, f: dln.log_gram_determinant(s, depth=DEPTH, field=f),
}


def spectra(*batch: int) -> np.ndarray:
    return -np.sort(-np.random.default_rng(1).lognormal(size=(*batch, D)))


@pytest.mark.parametrize("field", [R, C, H], ids="RCH")
@pytest.mark.parametrize("name", OF_SPECTRA)
def test_several_spectra(name: str, field: Field) -> None:
    function, sigma = OF_SPECTRA[name], spectra(*BATCH)
    whole = np.asarray(function(sigma, field))
    parts = np.array([[function(each, field) for each in row] for row in sigma])
    np.testing.assert_allclose(whole, parts, rtol=1e-13)
    assert np.ptp(parts) > 0.1


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")  # torch's own
@pytest.mark.parametrize("field", [R, C, H], ids="RCH")
def test_several_spectra_in_forward_mode(field: Field) -> None:
    sigma, along = torch.tensor(spectra(5)), torch.tensor(spectra(6)[1:])

    def value(s: torch.Tensor) -> torch.Tensor:
        return dln.entropy(s, depth=DEPTH, field=field)

    values, changes = torch.func.jvp(value, (sigma,), (along,))
    gradients = dln.entropy_gradient(sigma.numpy(), depth=DEPTH, field=field)
    np.testing.assert_allclose(values, dln.entropy(sigma.numpy(), depth=DEPTH, field=field), rtol=1e-13)
    np.testing.assert_allclose(changes, (gradients * along.numpy()).sum(-1), rtol=1e-12)
