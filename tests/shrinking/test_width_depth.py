"""The grid of architectures: what was trained, from where, and in which order."""

from __future__ import annotations

import pytest

from mme.networks import Recipe, accuracy
from mme.networks._torch import nn, torch
from mme.networks.architectures import VGG
from mme.shrinking import width_depth_grid


def test_grid() -> None:
    found = width_depth_grid([2, 4], [1, 2], [0, 5], recipe=Recipe(epochs=1))
    places = [(each.width, each.depth, each.seed) for each in found]
    assert places == [(w, d, s) for w in (2, 4) for d in (1, 2) for s in (0, 5)]
    net = found[-1]
    model = VGG([(2, 4), (2, 8), (2, 16)], batch_norm=True)
    assert net.parameters == sum(each.numel() for each in model.parameters())
    model.load_state_dict(net.trained)
    assert net.accuracy == pytest.approx(accuracy(model.eval()))
    convolutions = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    assert len(convolutions) == 6
    assert not torch.equal(net.trained["classifier.weight"], net.untrained["classifier.weight"])
    assert not torch.equal(found[0].untrained["classifier.weight"], found[1].untrained["classifier.weight"])
    again = width_depth_grid([4], [2], [5], recipe=Recipe(epochs=1))[0]
    assert torch.equal(again.trained["classifier.weight"], net.trained["classifier.weight"])
