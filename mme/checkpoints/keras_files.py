"""Keras models: ``.keras``, ``.weights.h5`` and ``.h5`` of Keras 2 and 3, their kernels outputs first."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import weakref
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from mme.checkpoints.hdf5_files import HDF5File, text_attribute
from mme.checkpoints.limits import refuse_damage, require_stored
from mme.errors import InputError
from mme.weights.stored import Checkpoint, StoredTensor

__all__ = ["read_keras"]

Shape: TypeAlias = tuple[int, ...]
Layers: TypeAlias = dict[str, tuple[str, str]]  # class and equation by name

UNKNOWN = (
    "of no layer of Keras's own that the file names: model.save('net.keras') tells the layers' classes, and "
    "numpy.savez saves what has its outputs first"
)
# Classes of Keras's own layers, in lower case and without underscores; the group that fits is the kind.
CLASSES = re.compile(
    r"(?P<dense>dense)|(?P<einsum>einsumdense)|(?P<attention>multiheadattention|group(?:ed)?queryattention)"
    r"|(?P<conv>(?:separable)?conv[123]d)|(?P<depthwise>depthwiseconv[12]d)|(?P<transposed>conv[123]dtranspose)"
    r"|(?P<recurrent>(?:cudnn)?(?:lstm|gru)(?:cell)?|simplernn(?:cell)?)|(?P<convlstm>convlstm(?:[123]d|cell))"
    r"|(?P<embedding>(?:token|position|reversible)?embedding)|(?P<other>\w*normalization|prelu)"
)
TYPES = {  # as torch calls them, by the number of positions in a kernel
    **dict.fromkeys(("dense", "einsum"), "Linear"),
    **dict.fromkeys(("conv", "depthwise"), "Conv{}d"),
    "transposed": "ConvTranspose{}d",
    "convlstm": "ConvLSTM{}D",
    "recurrent": "RNN",
    "embedding": "Embedding",
}
NAMES = {  # of the variables that a layer stores by number; the bias may lack
    "conv": ("kernel", "bias"),
    **dict.fromkeys(("recurrent", "convlstm"), ("kernel", "recurrent_kernel", "bias")),
    "embedding": ("embeddings",),
    "other": (),
}
SEPARABLE = ("depthwise_kernel", "pointwise_kernel", "bias")
KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel", "recurrent_kernel", "embeddings")
STATES = ("optimizer", "_optimizer")  # groups that hold no weights of the network
PROJECTIONS = ("query", "key", "value", "output", "attention_output")  # layers of an attention of any class


def read_keras(path: Path) -> Checkpoint:
    """List the weights of a Keras model, outputs first, under Keras's paths, such as ``block/conv2d/kernel``.

    The content tells the form: a ``.keras`` archive, a ``.weights.h5`` of Keras 3, a ``.h5`` of Keras 2 or 3.
    The class of a layer comes from the model's configuration, parsed as JSON and never run, or from the names
    of its groups. A kernel of an unknown class is taken as Keras's own lie, outputs last, and a note says so;
    unnamed variables of layers of one's own are left out. The file is opened for each layer that is read.

    Examples
    --------
    >>> import h5py
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "net.weights.h5"
    ...     with h5py.File(path, "w") as file:
    ...         file["layers/dense/vars/0"] = np.ones((3, 2), np.float32)
    ...     checkpoint = read_keras(path)
    ...     checkpoint, checkpoint["dense/kernel"].shape, checkpoint["dense/kernel"].read().shape
    (Checkpoint('net', keras: 1 tensors), (2, 3), (2, 3))
    """
    with refuse_damage(path, "Keras file"):
        with path.open("rb") as stream:
            begin = stream.read(8)
        if begin.startswith(b"PK"):
            file, description = _archive(path)
        elif begin == b"\x89HDF\r\n\x1a\n":
            file, description = HDF5File(path, lambda: path.open("rb", buffering=0)), None
        else:
            raise InputError(f"{path} is neither a Keras archive nor an HDF5 file; model.save writes one.")
        file.require_sound()
        with file.opened() as root:
            description = description or json.loads(text_attribute(root, "model_config") or "{}")
            layers = _described(description)
            variables = list(_variables(file, root, layers))
        if not variables:
            raise InputError(f"{path} holds no weights of Keras layers; model.save writes a file that does.")
        order = {name: number for number, name in enumerate(layers)}
        variables.sort(key=lambda variable: order.get(variable[0][0], len(order)))
        paths = ["/".join(names) for names, _ in variables]
        times = Counter(paths)  # two of one path take their places in the file as names
        tensors = [
            replace(tensor, name=name) if times[name] == 1 else tensor
            for name, (_, tensor) in zip(paths, variables, strict=True)
        ]
    return Checkpoint(path.stem.removesuffix(".weights"), "keras", tensors)


def _archive(path: Path) -> tuple[HDF5File, Any]:
    """Unpack the weights of a ``.keras`` archive into a nameless file, its checksums verified."""
    unpacked = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the last tensor of the file)
    file = HDF5File(path, lambda: os.fdopen(os.dup(unpacked.fileno()), "rb", buffering=0))
    weakref.finalize(file, unpacked.close)
    with zipfile.ZipFile(path) as archive:
        for name in ("config.json", "model.weights.h5"):
            if name not in archive.namelist():
                raise InputError(f"{path} is a zip file without {name}; model.save writes one that has it.")
            member = archive.getinfo(name)
            is_packed = member.compress_type != zipfile.ZIP_STORED
            require_stored(name, path, member.file_size, member.compress_size, compressed=is_packed)
        description = json.loads(archive.read("config.json"))
        with archive.open("model.weights.h5") as stream:
            shutil.copyfileobj(stream, unpacked)
    unpacked.flush()
    return file, description


def _described(description: Any) -> Layers:
    """Return class and equation of each layer that a configuration describes, by name, in their order."""
    layers: Layers = {}
    items = [description]
    while items:
        item = items.pop()
        held = list(item.values()) if isinstance(item, dict) else item if isinstance(item, list) else []
        items += reversed(held)
        if isinstance(item, dict) and isinstance(item.get("config"), dict) and "name" in item["config"]:
            name = str(item["config"]["name"])
            while isinstance(inner := item["config"].get("layer", item["config"].get("cell")), dict):
                item = {"config": {}} | inner  # of a wrapper, such as Bidirectional
            is_own = str(item.get("module") or "keras").startswith("keras")
            layer = _class(item.get("class_name")) if is_own else ""
            found = (layer, str(item["config"].get("equation", "")))
            if layers.setdefault(name, found) != found:
                layers[name] = ("", "")  # layers of one name in two inner models
    return layers


def _class(name: Any) -> str:
    """Return the class of one of Keras's own layers from a name such as ``conv2d_3``, or nothing."""
    text = re.sub(r"_\d+$", "", str(name)).replace("_", "").lower()
    return text if CLASSES.fullmatch(text) else ""


def _kind(text: str) -> str:
    match = CLASSES.fullmatch(text)
    return (match.lastgroup or "") if match else ""


def _variables(file: HDF5File, root: Any, layers: Layers) -> Iterator[tuple[list[str], StoredTensor]]:
    """Yield the variables of a file, each after the names of its layers and its own."""
    start = root["model_weights"] if file.has(root, "model_weights") else root
    is_listed = "layer_names" in start.attrs or "layer_names0" in start.attrs  # Keras 2, and 3 in its form
    by_group: dict[str, tuple[list[Any], dict[str, StoredTensor]]] = {}
    for groups, stored in file.datasets(start):
        place, _, key = stored.name.rpartition("/")
        by_group.setdefault(place, (groups, {}))[1][key] = stored
    for place, (groups, held) in by_group.items():
        if is_listed:
            names, layer, equation = _listed(place.removeprefix(start.name).strip("/").split("/"), layers)
            beside = {_written_out(key): stored for key, stored in held.items()}
        elif place.endswith("/vars") and place.split("/")[1] not in STATES:
            names, layer, equation = _nested(groups, layers)
            known = NAMES.get(_kind(layer), ("kernel", "bias")) if layer else ()
            known = SEPARABLE if layer.startswith("separable") else known
            beside = dict(zip([*known, *list(held)[len(known) :]], held.values(), strict=False))
        else:
            continue
        for variable in beside:
            yield [*names, variable], _weight([*names, variable], layer, equation, beside)


def _listed(parts: list[str], layers: Layers) -> tuple[list[str], str, str]:
    """Return names, class and equation of a layer in a ``.h5``, from the groups that its weights lie in."""
    outer, *inner = parts
    names = inner[inner.index(outer) :] if outer in inner else parts
    for name in reversed(names):
        layer, equation = layers.get(name, (_class(name), ""))
        if layer:  # the variables of an attention are those of its projections
            return names, "einsumdense" if _kind(layer) == "attention" else layer, equation
    return names, "einsumdense" if _is_projection(names[-1]) else "", ""


def _nested(groups: list[Any], layers: Layers) -> tuple[list[str], str, str]:
    """Return names, class and equation of a layer in a ``.weights.h5``, whose groups have classes' names."""
    names, layer, equation = [], "", ""
    for parent, group in pairwise(groups[:-1]):
        if "vars" in group:
            segment = re.split(r"[/\\]", group.name)[-1]
            name = text_attribute(group["vars"], "name") or segment
            # An attribute of a model is called anything, and its layer mostly after its class.
            tried = (name, segment) if "vars" in parent else (segment, name)
            told = next(filter(None, map(_class, tried)), "")
            is_within = _kind(layer) == "attention" or any(map(_is_projection, tried))
            told = told or ("einsumdense" if is_within else "")
            layer, equation = layers.get(name, (told, ""))
            names.append(name)
    return names, layer, equation


def _is_projection(name: str) -> bool:
    return name.strip("_").removesuffix("_dense") in PROJECTIONS


def _written_out(key: str) -> str:
    """Return a variable's name in a ``.h5``: ``kernel:0``, or ``block1_conv1_W_1:0`` of the oldest ones."""
    name = key.removesuffix(":0")
    oldest = re.search(r"_([Wb])(_\d+)?$", name)
    return {"W": "kernel", "b": "bias"}[oldest[1]] if oldest else name


def _weight(names: list[str], layer: str, equation: str, beside: dict[str, StoredTensor]) -> StoredTensor:
    """Return a layer's variable, the last of the names, outputs first, or with the reason why it is none.

    =====================  ======================================  ===================================
    layer                  stored                                  here
    =====================  ======================================  ===================================
    Dense, LSTM, GRU, …    (in, out)                               (out, in)
    Conv, ConvLSTM         (k…, in/g, out)                         (out, in/g, k…)
    ConvTranspose          (k…, out, in)                           (out, in, k…)
    DepthwiseConv          (k…, in, m)                             (in·m, 1, k…)
    SeparableConv          a depthwise and a pointwise kernel      as these
    Embedding              (entries, out)                          the same
    EinsumDense            by the equation: axes of the output     (outputs, inputs)
    attention              (in, heads, out), (heads, in, out)      (heads·out, in), (out, heads·in)
    =====================  ======================================  ===================================
    """
    *_, variable = names
    stored, last = beside[variable], list(beside.values())[-1]
    shape = stored.shape
    if len(shape) < 2 or stored.skip:
        return stored
    if variable not in KERNELS:
        what = "which is no kernel" if layer or variable == "bias" else UNKNOWN
        return replace(stored, skip=f"the variable {variable!r}, {what}")
    by_name = {"depthwise_kernel": "depthwise", "pointwise_kernel": "conv", "embeddings": "embedding"}
    kind, note = by_name.get(variable, _kind(layer)), ""
    if kind not in TYPES or (kind == "embedding" and variable != "embeddings"):
        is_transposed = "bias" in beside and beside["bias"].shape == shape[-2:-1] != shape[-1:]
        kind = "dense" if len(shape) == 2 else "transposed" if is_transposed else "conv"
        note = f"taken as {kind}, for the file does not name the layer's class"
    is_output = any("output" in part for part in [*names[-2:-1], *stored.name.split("/")[-3:-2]])
    if kind == "einsum" and len(shape) > 2 and not equation and not _is_projection(names[-2]):
        note = "taken with its inputs first, for the file does not name the equation"
    axes, final = _order(kind, shape, equation, is_output)
    is_scaled = stored.dtype == "int8" and kind == "dense" and last.shape == shape[-1:] and last is not stored

    def read() -> np.ndarray:
        array = stored.read()
        if is_scaled:
            array = array / last.read().astype(np.float32)
        return array.transpose(axes).reshape(final)

    is_whole = "int" in stored.dtype and not is_scaled
    skip = f"whole numbers ({stored.dtype}), whose scale is not known" if is_whole else ""
    is_gated = re.search("lstm|gru", layer) if kind == "recurrent" else None
    types = frozenset({is_gated[0].upper() if is_gated else TYPES[kind].format(len(shape) - 2)})
    dtype = "float32" if is_scaled else stored.dtype
    note = "int8, by the scale of each output" if is_scaled else note
    return replace(stored, shape=final, dtype=dtype, read=read, types=types, skip=skip, note=note)


def _order(kind: str, shape: Shape, equation: str, is_output: bool) -> tuple[Shape, Shape]:
    """Return the order of the axes that brings the outputs first, and the shape to give them then."""
    dimensions = len(shape)
    axes = tuple(range(dimensions))
    if kind == "embedding":
        return axes, shape
    if kind == "einsum":
        outputs = axes[-1:] if is_output else axes[1:]
        parts = re.fullmatch(r"[.\w]*,([a-zA-Z]+)->([.\w]*)", equation.replace(" ", ""))
        if parts and len(parts[1]) == dimensions:
            outputs = tuple(axis for axis in axes if parts[1][axis] in parts[2])
        inputs = tuple(axis for axis in axes if axis not in outputs)
        return outputs + inputs, (prod(shape[axis] for axis in outputs), prod(shape[axis] for axis in inputs))
    if kind in ("transposed", "depthwise"):
        order = (*axes[-2:], *axes[:-2])
    else:
        order = (axes[-1], axes[-2], *axes[:-2])
    final = tuple(shape[axis] for axis in order)
    return order, final if kind != "depthwise" else (final[0] * final[1], 1, *final[2:])
