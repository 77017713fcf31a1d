"""The layers that a Keras configuration describes: a tree of names and classes, and nothing that is run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mme.checkpoints.keras_layout import kind_of

__all__ = ["LayerConfig", "layer_config"]

DEEPEST = 50  # of models within models
INNER = ("layers", "layer", "backward_layer", "cell", "cells")  # where a layer keeps others


@dataclass(frozen=True, eq=False)
class LayerConfig:
    """A layer or model as a configuration describes it.

    Attributes
    ----------
    name : str
    kind : str
        As `mme.checkpoints.keras_layout.kind_of` returns it.
    equation : str
        Of an EinsumDense; otherwise empty.
    inner : tuple of LayerConfig
        The layers within it.
    wraps : bool
        Whether it applies one layer, as TimeDistributed and Bidirectional do.
    """

    name: str
    kind: str
    equation: str = ""
    inner: tuple[LayerConfig, ...] = ()
    wraps: bool = False

    def descend(self, name: str) -> LayerConfig | None:
        """Return the layer of this name within this one, the nearest first; None if there is none."""
        level = list(self.inner)
        while level:
            for layer in level:
                if layer.name == name:
                    return layer
            level = [inner for layer in level for inner in layer.inner]
        return None

    def at(self, names: list[str]) -> LayerConfig:
        """Return the layer at the end of a path of names, of which some name no layer."""
        layer = self
        for name in names:
            layer = layer.descend(name) or layer
        while not layer.kind and layer.wraps:
            layer = layer.inner[0]
        return layer


def layer_config(description: Any, depth: int = 0) -> LayerConfig:
    """Read a model's configuration, as parsed from JSON.

    Parameters
    ----------
    description : dict
        With the keys ``class_name`` and ``config``, of Keras 1, 2 or 3. Anything else describes no layers.
    depth : int
        How many models this one lies in.

    Returns
    -------
    LayerConfig

    Examples
    --------
    >>> dense = {"class_name": "Dense", "config": {"name": "out", "units": 3}}
    >>> model = layer_config({"class_name": "Sequential", "config": {"name": "net", "layers": [dense]}})
    >>> model.at(["out", "kernel"]).kind
    'dense'
    """
    if not isinstance(description, dict) or depth > DEEPEST:
        return LayerConfig("", "")
    config = description.get("config")
    if isinstance(config, list):  # a Sequential of Keras 1 and early Keras 2
        config = {"layers": config}
    if not isinstance(config, dict):
        config = {}
    inner = []
    for key in INNER:
        held = config.get(key)
        for layer in held if isinstance(held, list) else [held]:
            if isinstance(layer, dict) and "class_name" in layer:
                inner.append(layer_config(layer, depth + 1))
    name, kind = config.get("name", description.get("name", "")), str(description.get("class_name", ""))
    equation = str(config.get("equation", "")) if kind == "EinsumDense" else ""
    wraps = bool(inner) and ("layer" in config or "cell" in config)
    return LayerConfig(str(name), kind_of(kind), equation, tuple(inner), wraps)
