from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from mme.algebra import C, H
from mme.dln import Imbalance, ImbalanceMonitor, balance_defects, balanced_lift
from mme.errors import InputError

DECAY, RATE = 0.5, 2e-3


def linear_network(*sizes: int) -> nn.Sequential:
    torch.manual_seed(0)
    layers = [nn.Linear(one, two, bias=False, dtype=torch.float64) for one, two in pairwise(sizes)]
    return nn.Sequential(*layers)


def trained(model: nn.Module, monitor: ImbalanceMonitor, steps: int = 500, decay: float = DECAY) -> None:
    """Least squares by gradient descent, and a reading after each hundred steps."""
    x = torch.randn(40, 4, dtype=torch.float64)
    y = 5 * torch.randn(40, 2, dtype=torch.float64)
    optimiser = torch.optim.SGD(model.parameters(), lr=RATE, weight_decay=decay)
    monitor(0.0)
    for step in range(1, steps + 1):
        optimiser.zero_grad()
        ((model(x) - y) ** 2).sum(dim=1).mean().backward()
        optimiser.step()
        if step % 100 == 0:
            monitor(step * RATE)


def test_imbalance_decays_in_training() -> None:
    """Of rectangular layers, by e^{−2γt} up to the size of a step; the spectra never say more."""
    model = linear_network(4, 5, 3, 2)
    monitor = ImbalanceMonitor(model)
    trained(model, monitor)
    record = monitor.record()
    assert record.pairs == ("0, 1", "1, 2")
    expected = record.imbalance[0] * np.exp(-2 * DECAY * record.times)[:, None]
    np.testing.assert_allclose(record.imbalance, expected, rtol=5 * RATE)
    assert np.all(np.abs(record.imbalance[-1] / record.imbalance[0] - np.exp(-DECAY)) > 0.1)  # not e^{−γt}
    assert np.all(record.spectral <= record.imbalance)
    assert record.spectral.min() > 0.1 * record.imbalance.min()


def test_neurons_are_conserved_through_relu() -> None:
    model = linear_network(4, 6, 2)
    model.insert(1, nn.ReLU())
    monitor = ImbalanceMonitor(model)
    trained(model, monitor, decay=0.0)
    record = monitor.record()
    assert record.pairs == ("0, 2",)
    np.testing.assert_allclose(record.neurons[-1], record.neurons[0], rtol=2e-3)
    assert abs(record.imbalance[-1] / record.imbalance[0] - 1) > 5e-3


def test_which_layers_are_adjacent() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 5, 1, bias=False),
        nn.Conv2d(5, 5, 3, groups=5), nn.Conv2d(5, 6, 1),
        nn.Flatten(), nn.Linear(7, 8), nn.Linear(8, 2), nn.Embedding(2, 8), nn.Linear(2, 3),
    )  # fmt: skip
    monitor = ImbalanceMonitor(model)
    found = monitor()
    assert monitor.record().pairs == ("0, 2", "6, 7")
    W, after = (model[place].weight.detach().double().numpy()[..., 0, 0] for place in (0, 2))
    assert found[0] == pytest.approx(np.linalg.norm(after.T @ after - W @ W.T), rel=1e-6)
    assert monitor.record().spectral[0, 0] == pytest.approx(
        np.linalg.norm(np.linalg.eigvalsh(after.T @ after) - np.linalg.eigvalsh(W @ W.T)), rel=1e-6
    )


def test_layers_within_others() -> None:
    """What holds layers is none itself."""
    model = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.Linear(4, 5))))
    monitor = ImbalanceMonitor(model)
    monitor()
    assert monitor.record().pairs == ("0, 1.0", "1.0, 1.1.0")


@pytest.mark.parametrize("F", [C, H], ids=["C", "H"])
def test_fields(F: Any) -> None:
    """Each entry of a quaternion counts once."""
    layers = F.ginibre(2, size=3, rng=1)
    monitor = ImbalanceMonitor(list(layers), F)
    gaps = balance_defects(layers, F)
    np.testing.assert_allclose(monitor(), F.norm(gaps))
    spectra = [F.singular_values(W)[::-1] ** 2 for W in layers]
    np.testing.assert_allclose(monitor.record().spectral[0], np.linalg.norm(np.diff(spectra, axis=0), axis=1))
    one = np.eye(F.size(1), dtype=complex)
    found = ImbalanceMonitor([one, 2 * one], F)
    assert found()[0] == pytest.approx(3.0)
    assert found.record().neurons[0, 0] == pytest.approx(3.0)
    lift = balanced_lift(layers[0], depth=3, field=F, rng=2)
    assert ImbalanceMonitor(list(lift), F)().max() < 1e-12


def test_records() -> None:
    monitor = ImbalanceMonitor([np.eye(2), torch.eye(2, requires_grad=True), np.zeros((1, 2))])
    assert monitor.record().imbalance.shape == (0, 2)
    monitor()
    monitor(7.5)
    monitor(0.0)  # a time like any other
    record = monitor.record()
    assert record.times.tolist() == [0.0, 7.5, 0.0]
    assert [row["pair"] for row in record.rows()] == ["0, 1", "1, 2"] * 3
    assert record.to_frame().shape == (6, 5)
    layers = [np.eye(2), np.eye(2)]
    monitor = ImbalanceMonitor(layers)
    assert monitor() == 0
    layers[0] *= 2
    assert monitor() == pytest.approx(3 * np.sqrt(2), rel=1e-14)
    assert Imbalance.from_dict(record.to_dict()) == record


def test_what_is_returned_can_be_changed_without_harm() -> None:
    monitor = ImbalanceMonitor([np.eye(3, 2), np.array([[1.0, 0.0, 2.0]])])
    read = monitor()
    read *= 0
    assert monitor.record().imbalance.tolist() == [[5.0]]


def test_bad_input() -> None:
    for wrong in ([np.eye(2)], [], 3, [np.eye(2), np.eye(3)], [np.ones((2, 2, 1, 1))] * 2, [np.eye(2), None]):
        with pytest.raises(InputError, match="network"):
            ImbalanceMonitor(wrong)
    for wrong in ([np.eye(2), np.ones((2, 2, 1, 1))], [np.ones((2, 2, 1, 1)), np.eye(2)]):
        with pytest.raises(InputError, match="network must be matrices that multiply"):
            ImbalanceMonitor(wrong)
    with pytest.raises(InputError, match="must have two adjacent linear layers"):
        ImbalanceMonitor(nn.Sequential(nn.Linear(2, 3), nn.Linear(4, 2)))
    layers = [np.eye(2), np.eye(2)]
    monitor = ImbalanceMonitor(layers)
    monitor()
    layers[0][0, 0] = np.nan
    with pytest.raises(InputError, match="network must be finite"):
        monitor()
    assert len(monitor.record().times) == 1
