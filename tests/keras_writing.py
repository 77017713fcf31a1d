"""Write files with the structure of those that Keras saves, without Keras."""

import json
import zipfile

import h5py
import numpy as np


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def nested(path, layers):
    """Write a ``.weights.h5`` as Keras 3 does: {place: (name, variables)}."""
    with h5py.File(path, "w") as file:
        for place, (name, variables) in ({"": ("net", [])} | layers).items():
            group = file.create_group(f"{place}/vars")
            group.attrs["name"] = name
            for number, variable in enumerate(variables):
                group[str(number)] = variable
    return path


def listed(path, layers, config=None, chunked=False):
    """Write a ``.h5`` as Keras 2 does: {layer: {weight: array}}."""
    with h5py.File(path, "w") as file:
        root = file
        if config is not None:
            file.attrs["model_config"] = json.dumps(config)
            root = file.create_group("model_weights")
        names = [name.encode() for name in layers]
        if chunked:
            for number, name in enumerate(names):
                root.attrs[f"layer_names{number}"] = [name]
        else:
            root.attrs["layer_names"] = names
        for layer, weights in layers.items():
            group = root.create_group(layer)
            group.attrs["weight_names"] = [weight.encode() for weight in weights]
            for weight, array in weights.items():
                group[weight] = array
    return path


def layer(kind, name, **config):
    return {"module": "keras.layers", "class_name": kind, "config": {"name": name, **config}, "name": name}


def model(*layers, kind="Functional", name="net"):
    return layer(kind, name, layers=list(layers))


def archived(tmp_path, layers, config, compression=zipfile.ZIP_STORED):
    weights, path = nested(tmp_path / "inner.h5", layers), tmp_path / "net.keras"
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": "3.15.1"}))
        archive.writestr("config.json", json.dumps(config))
        archive.write(weights, "model.weights.h5")
    return path
