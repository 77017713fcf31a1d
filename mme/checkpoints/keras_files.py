"""Keras models: ``.keras``, ``.weights.h5`` and ``.h5`` of Keras 2 and 3, their kernels outputs first."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from mme.checkpoints.hdf5_files import HDF5File, is_within, refuse_endless_texts, text_attribute
from mme.checkpoints.limits import refuse_damage, require_stored
from mme.errors import InputError
from mme.weights.stored import Checkpoint, StoredTensor

__all__ = ["read_keras"]

LAST, TRANSPOSED, BY_EQUATION = ((-1,), (-2,)), ((-2,), (-1,)), ((), ())


class Kind(NamedTuple):
    """How layers store their weights: the type that torch calls them, and where axes lie in a kernel."""

    classes: str  # of Keras's own layers, in lower case and without underscores
    type: str
    axes: tuple[tuple[int, ...], tuple[int, ...]]  # of outputs and of inputs; all others are positions
    variables: str = "kernel bias"  # in the order in which a layer stores them by number


GATED = "kernel recurrent_kernel bias"
KINDS = {
    "dense": Kind("dense", "Linear", LAST),
    "conv": Kind("conv[123]d", "Conv{}d", LAST),
    "transposed": Kind("conv[123]dtranspose", "ConvTranspose{}d", TRANSPOSED),
    "depthwise": Kind("depthwiseconv[12]d", "Conv{}d", ((-2, -1), ())),
    "separable": Kind("separableconv[12]d", "Conv{}d", LAST, "depthwise_kernel pointwise_kernel bias"),
    "lstm": Kind("(cudnn)?lstm(cell)?", "LSTM", LAST, GATED),
    "gru": Kind("(cudnn)?gru(cell)?", "GRU", LAST, GATED),
    "rnn": Kind("simplernn(cell)?", "RNN", LAST, GATED),
    "convlstm": Kind("convlstm([123]d|cell)", "ConvLSTM{}D", LAST, GATED),
    "embedding": Kind("(token|position|reversible)?embedding", "Embedding", ((0,), (1,)), "embeddings"),
    "einsum": Kind("einsumdense", "Linear", BY_EQUATION),
    # The layers within an attention are called like this, whatever the attention's class.
    "heads": Kind("(query|key|value)(dense)?", "Linear", ((-2, -1), (-3,))),
    "back": Kind("(attention)?output(dense)?", "Linear", ((-1,), (-3, -2))),
    "no kernel": Kind(r"\w*normalization|prelu", "", LAST, ""),
    "": Kind("", "", LAST, ""),  # of a class that is not known
}
BY_VARIABLE = {"depthwise_kernel": "depthwise", "pointwise_kernel": "conv", "embeddings": "embedding"}
KERNELS = ("kernel", "recurrent_kernel", *BY_VARIABLE)
STATES = ("optimizer", "_optimizer")  # groups that hold no weights of the network
UNKNOWN = "of an unknown class: model.save('net.keras') tells it, or numpy.savez saves it outputs first"
Layer: TypeAlias = tuple[str, str]  # a key of KINDS, and the equation


def read_keras(path: Path) -> Checkpoint:
    """List the weights of a Keras model, outputs first, under paths such as ``block/conv2d/kernel``."""
    with refuse_damage(path, "Keras file"):
        content, description = path.read_bytes(), ""
        file = HDF5File(path, lambda: path.open("rb", buffering=0))
        if content.startswith(b"PK"):
            content, description = _unpacked(path, content)
            file = HDF5File(path, partial(io.BytesIO, content))
        refuse_endless_texts(path, content)
        with file.opened() as root:
            layers = _described(description or text_attribute(root, "model_config") or "{}")
            found = list(_variables(file, root, layers))
        order = {name: number for number, name in enumerate(layers)}
        tensors: dict[str, StoredTensor] = {}
        for names, tensor in sorted(found, key=lambda variable: order.get(variable[0][0], len(order))):
            name = "/".join(names)
            name = tensor.name if name in tensors else name  # its place in the file
            tensors[name] = replace(tensor, name=name)
    if not tensors:
        raise InputError(f"{path} holds no weights of Keras layers; model.save writes a file that does.")
    return Checkpoint(path.stem.removesuffix(".weights"), "keras", tensors.values())


def _unpacked(path: Path, content: bytes) -> tuple[bytes, str]:
    """Return the weights and the configuration of a ``.keras`` archive, their checksums verified."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for member in map(archive.getinfo, ("model.weights.h5", "config.json")):
            name, size, is_packed = member.filename, member.file_size, bool(member.compress_type)
            require_stored(name, path, size, member.compress_size, compressed=is_packed)
        return archive.read("model.weights.h5"), archive.read("config.json").decode()


def _described(description: str) -> dict[str, Layer]:
    """Return the layers that a configuration describes, by name, in their order."""
    found: dict[str, dict[Layer, None]] = defaultdict(dict)

    def add(item: dict[str, Any]) -> dict[str, Any]:
        if isinstance(item.get("config"), dict) and "name" in item["config"]:
            config, kind = item["config"], _kind(str(item.get("class_name")))
            while not kind and isinstance(inner := config.get("layer", config.get("cell")), dict):
                config, kind = inner["config"], _kind(str(inner["class_name"]))  # in a Bidirectional, …
            found[str(item["config"]["name"])][kind, str(config.get("equation", ""))] = None
        return item

    json.loads(description, object_hook=add)
    # What two inner models call by one name, the configuration does not tell.
    return {name: next(iter(layers)) for name, layers in found.items() if len(layers) == 1}


def _kind(name: str) -> str:
    """Return the kind of layer that a class or a name such as ``conv2d_3`` tells, or nothing."""
    text = re.sub(r"_\d+$", "", name).replace("_", "").lower()
    return next((kind for kind, row in KINDS.items() if re.fullmatch(row.classes, text)), "")


def _variables(
    file: HDF5File, root: Any, layers: dict[str, Layer]
) -> Iterator[tuple[list[str], StoredTensor]]:
    """Yield the variables of a file, each after the names of its layers and its own."""
    start = root["model_weights"] if is_within(root, "model_weights") else root
    is_listed = "layer_names" in start.attrs or "layer_names0" in start.attrs  # Keras 2, and 3 in its form
    for groups, held in file.groups(start, seen=set()):
        parts = groups[-1].name.removeprefix(start.name).strip("/").split("/")
        if not is_listed and (parts[-1] != "vars" or parts[0] in STATES):
            continue
        names, telling = parts, [(part, True) for part in parts[::-1]]
        if is_listed and parts[0] in parts[1:]:
            names = parts[parts.index(parts[0], 1) :]
        elif not is_listed:
            names, telling = _nested(groups, layers)
        told = ((*layers.get(name, (_kind(name), "")), is_sure) for name, is_sure in telling)
        kind, equation, is_sure = next((layer for layer in told if layer[0]), ("", "", True))
        if is_listed:
            variables = {_written_out(key): stored for key, stored in held.items()}
        else:
            known = KINDS[kind].variables.split()
            variables = dict(zip([*known, *list(held)[len(known) :]], held.values(), strict=False))
        for variable in variables:
            yield [*names, variable], _weight(variable, variables, kind, equation, is_sure)


def _nested(groups: list[Any], layers: dict[str, Layer]) -> tuple[list[str], list[tuple[str, bool]]]:
    """Return a layer's names from outside in, in a ``.weights.h5``, and what tells its class, or may."""
    names, telling = [], []
    for parent, group in pairwise(groups[:-1]):
        if "vars" in group:
            segment = re.split(r"[/\\]", group.name)[-1]
            names.append(text_attribute(group["vars"], "name") or segment)
            # Lists of layers call them by class; an attribute is called anything, its layer mostly by class.
            is_listed, is_described = "vars" not in parent, names[-1] in layers
            telling = [(names[-1], is_described), (segment, is_listed)]
            telling = telling[::-1] if is_listed and not is_described else telling
    return names, telling


def _written_out(key: str) -> str:
    """Return a variable's name in a ``.h5``: ``kernel:0``, or ``block1_conv1_W_1:0`` of the oldest ones."""
    name = key.removesuffix(":0")
    oldest = re.search(r"_([Wb])(_\d+)?$", name)
    return {"W": "kernel", "b": "bias"}[oldest[1]] if oldest else name


def _weight(
    variable: str, variables: dict[str, StoredTensor], kind: str, equation: str, is_sure: bool
) -> StoredTensor:
    """Return a layer's variable outputs first, or with the reason why it is no weight."""
    stored, note = variables[variable], "" if is_sure else f"taken as {kind} by a name alone"
    shape, dimensions = stored.shape, len(stored.shape)
    if dimensions < 2 or stored.skip:
        return stored
    if variable not in KERNELS:
        what = "which is no kernel" if kind or variable == "bias" else UNKNOWN
        return replace(stored, skip=f"the variable {variable!r}, {what}")
    if "int" in stored.dtype:
        return replace(stored, skip=f"whole numbers ({stored.dtype}), whose scale is not known")
    if variable in BY_VARIABLE:
        kind = BY_VARIABLE[variable]
    elif variable not in KINDS[kind].variables.split() or (kind in ("heads", "back") and dimensions != 3):
        is_transposed = "bias" in variables and variables["bias"].shape == shape[-2:-1] != shape[-1:]
        kind = "dense" if dimensions == 2 else "transposed" if is_transposed else "conv"
        note = f"taken as {kind}, for the file does not name the layer's class"
    axes = range(dimensions)
    outputs, inputs = ([axis % dimensions for axis in each] for each in KINDS[kind].axes)
    if kind == "einsum":
        letters = re.fullmatch(r"[.\w]*,([a-zA-Z]+)->([.\w]*)", equation.replace(" ", ""))
        if letters and len(letters[1]) == dimensions:
            outputs = [axis for axis in axes if letters[1][axis] in letters[2]]
        else:
            outputs = list(axes[1:])
            note = "taken with its inputs first, for the file does not name the equation"
        inputs = [axis for axis in axes if axis not in outputs]
    positions = [axis for axis in axes if axis not in outputs + inputs]
    sides = ([shape[axis] for axis in each] for each in (outputs, inputs))
    final = (*map(prod, sides), *(shape[axis] for axis in positions))

    def read() -> np.ndarray:
        return stored.read().transpose(outputs + inputs + positions).reshape(final)

    types = frozenset({KINDS[kind].type.format(dimensions - 2)})
    return replace(stored, shape=final, read=read, types=types, note=note)
