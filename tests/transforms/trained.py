"""Networks as if they had been trained, and what is compared of them."""

from __future__ import annotations

import numpy as np

from mme.networks import ARCHITECTURES
from mme.networks._torch import nn, torch

SMALL = ["vgg8_bn", "resnet8", "resnet29", "densenet16"]


def network(name: str, seed: int = 0) -> nn.Module:
    """One of the family in double precision, with normalisations that are far from the identity."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return lived(ARCHITECTURES[name].build())


def lived(model: nn.Module) -> nn.Module:
    """Give biases, weights and running statistics of normalisations some values of their own."""
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            assert layer.running_mean is not None
            assert layer.running_var is not None
            for values, low, high in (
                (layer.weight.data, -1.0, 2.0),
                (layer.bias.data, -1.0, 1.0),
                (layer.running_mean, -0.5, 0.5),
                (layer.running_var, 1e-4, 2.0),
            ):
                values.uniform_(low, high)
        elif isinstance(layer, nn.Conv2d | nn.Linear) and layer.bias is not None:
            layer.bias.data.uniform_(-0.5, 0.5)
    return model.double().eval()


def images(count: int = 16) -> torch.Tensor:
    return torch.randn(count, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def scores(model: nn.Module) -> np.ndarray:
    with torch.no_grad():
        found: np.ndarray = model(images()).numpy()
    return found


def same_function(first: nn.Module, second: nn.Module) -> None:
    expected = scores(first)
    assert expected.std() > 1e-6
    np.testing.assert_allclose(scores(second), expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


def weights(model: nn.Module) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in model.state_dict().items() if value.ndim >= 2}


def singular_values(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.svd(values.reshape(len(values), -1), compute_uv=False))
