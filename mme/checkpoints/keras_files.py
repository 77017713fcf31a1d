"""Keras models: ``.keras``, ``.weights.h5`` and ``.h5`` of Keras 1 to 3, their kernels outputs first."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mme.checkpoints.hdf5_files import HDF5File, StoredArray, inner, text_attribute, texts
from mme.checkpoints.keras_archive import open_archive
from mme.checkpoints.keras_config import LayerConfig, layer_config
from mme.checkpoints.keras_layout import (
    ATTENTION,
    DENSE,
    PROJECTION,
    is_projection,
    kind_of,
    layout,
    variable_names,
)
from mme.checkpoints.limits import refuse_damage
from mme.errors import InputError
from mme.weights.stored import Checkpoint, StoredTensor

__all__ = ["read_keras"]

DEEPEST = 50  # of groups within groups
STATES = ("optimizer", "_optimizer")  # groups at the root that hold no weights of the network
NO_CONFIG = LayerConfig("", "")


def read_keras(path: Path) -> Checkpoint:
    """List the weights of a Keras model, outputs first.

    The class of a layer comes from the model's configuration, where the file has one; in ``.weights.h5``
    from the names of the groups, which Keras makes of the classes; otherwise it is a guess, see
    `mme.checkpoints.keras_layout.layout`. The configuration is parsed as JSON: no class that it names is
    imported, no Lambda is run. States of the optimizer are not listed. Dense layers quantised to int8 come
    back to real numbers; other quantised kernels are left out.

    Memory: the file is opened for each layer that is asked for, so reading takes the largest layer. Measured
    with 300 MB in layers of 25 MB, in each of the forms: 8 to 12 MB for the listing, 50 MB for reading one
    layer after the other. The file is read once for the listing, to find damage.

    Parameters
    ----------
    path : Path
        A ``.keras`` archive, a ``.weights.h5`` of Keras 3, or a ``.h5`` of Keras 1, 2 or 3, whole model or
        weights only. The content counts, not the suffix.

    Returns
    -------
    Checkpoint
        The names are Keras's paths of the variables, such as ``"block/conv2d/kernel"``; a number takes the
        place of a variable's name that the file does not tell.

    Raises
    ------
    InputError
        If the file is damaged or none of Keras, if numbers lie outside of it or it claims more than it holds,
        or if h5py is missing.

    References
    ----------
    https://keras.io/guides/serialization_and_saving/

    Examples
    --------
    >>> import tempfile
    >>> import h5py
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "net.weights.h5"
    ...     with h5py.File(path, "w") as file:
    ...         file["layers/dense/vars/0"] = np.ones((3, 2), np.float32)
    ...     checkpoint = read_keras(path)
    ...     checkpoint, checkpoint["dense/kernel"].shape, checkpoint["dense/kernel"].read().shape
    (Checkpoint('net', keras: 1 tensors), (2, 3), (2, 3))
    """
    with refuse_damage(path, "Keras file"):
        with path.open("rb") as file:
            begin = file.read(4)
        if begin.startswith(b"PK"):
            weights, description = open_archive(path)
            config = layer_config(description)
        else:
            if not begin:
                raise InputError(f"{path} is empty; a .keras, .weights.h5 or .h5 file is expected.")
            weights, config = HDF5File(path, path.stat().st_size), NO_CONFIG
        with weights.opened() as root:
            variables = list(_variables(weights, root, config))
    if not variables:
        raise InputError(f"{path} holds no weights of Keras layers; save the model's weights first.")
    return Checkpoint(path.stem.removesuffix(".weights"), "keras", _named(variables))


@dataclass(frozen=True, eq=False)
class _Variable:
    """A variable of a layer as the file has it."""

    names: tuple[str, ...]  # of the layers around it, the outermost first
    variable: str  # its own name, or a number
    place: str  # in the file
    kind: str
    array: StoredArray
    bias: int = 0
    equation: str = ""
    scale: StoredArray | None = None  # of a quantised kernel, the numbers being kernel / scale

    def tensor(self, name: str) -> StoredTensor:
        """Return it outputs first."""
        array = self.array
        variable = "" if self.variable.isdecimal() else self.variable
        is_output = any("output" in part for part in [*self.names[-1:], *self.place.split("/")[-3:-2]])
        read = layout(
            self.kind, variable, array.shape, bias=self.bias, equation=self.equation, is_output=is_output
        )
        skip = array.skip or read.skip
        scale = self.scale if array.dtype == "int8" else None
        if array.dtype in ("int8", "uint8") and scale is None:
            skip = skip or "quantised, and its scale is not one number for each output"

        def numbers() -> np.ndarray:
            stored = array.read()
            return read.arrange(stored if scale is None else stored / scale.read().astype(np.float32))

        return StoredTensor(name, read.shape, array.dtype, numbers, read.types, skip, array.location)


def _named(variables: list[_Variable]) -> Iterator[StoredTensor]:
    """Yield the variables as tensors; two of one name take their places in the file as names."""
    paths = ["/".join([*variable.names, variable.variable]) for variable in variables]
    times = Counter(paths)
    for path, variable in zip(paths, variables, strict=True):
        yield variable.tensor(path if times[path] == 1 else variable.place.strip("/"))


def _variables(file: HDF5File, root: Any, config: LayerConfig) -> Iterator[_Variable]:
    """Find out which of Keras's forms an HDF5 file has, and yield its variables."""
    description = text_attribute(root, "model_config")
    if description is not None:
        config = layer_config(json.loads(description))
    listed = inner(root, "model_weights", file.path) if "model_weights" in root else root
    layers = texts(listed, "layer_names")
    if layers is not None:
        yield from _listed(file, listed, layers, config)
        return
    order = {layer.name: position for position, layer in enumerate(config.inner)}
    nested = list(_nested(file, root, config, (), "", 0, set()))
    yield from sorted(nested, key=lambda variable: order.get((*variable.names, "")[0], len(order)))


def _listed(file: HDF5File, group: Any, layers: list[str], config: LayerConfig) -> Iterator[_Variable]:
    """Yield the variables of a ``.h5``, whose layers and weights are listed in attributes."""
    for layer in [*layers, "top_level_model_weights"]:
        held = inner(group, layer, file.path)
        if held is None and layer not in layers:
            continue
        weights = None if held is None else texts(held, "weight_names")
        if weights is None:
            raise InputError(f"{file.path} lists a layer {layer!r}, but holds no weights under that name.")
        arrays = {}
        for weight in weights:
            dataset = inner(held, weight, file.path)
            if not _is_dataset(file, dataset):
                raise InputError(f"{file.path} lists a weight {weight!r}, but holds no numbers for it.")
            arrays[weight] = file.array(dataset)
        for weight, array in arrays.items():
            *names, variable = weight.removesuffix(":0").split("/")
            # The name of the whole model may come before the layer's, which may lack.
            names = names[names.index(layer) :] if layer in names else [layer, *names]
            described = config.at(names)
            beside = weight.rpartition("/")[0] + "/"
            around = {
                other.removeprefix(beside).removesuffix(":0"): stored
                for other, stored in arrays.items()
                if other.startswith(beside)
            }
            yield _Variable(
                tuple(names),
                variable,
                f"{layer}/{weight}",
                described.kind or _kind_in(names),
                array,
                _length(around.get("bias")),
                described.equation,
                _scale(described.kind or _kind_in(names), variable, array, around.get("kernel_scale")),
            )


def _nested(
    file: HDF5File,
    group: Any,
    config: LayerConfig,
    names: tuple[str, ...],
    around: str,
    depth: int,
    seen: set[Any],
) -> Iterator[_Variable]:
    """Yield the variables of a ``.weights.h5``, whose groups are the layers, their variables numbered.

    Parameters
    ----------
    names : tuple of str
        Of the layers around the group.
    around : str
        Kind of the layer around it.
    seen : set
        Groups that were entered, for a group may be linked into itself.
    """
    here = file.library.h5o.get_info(group.id).addr
    if here in seen:
        return
    if depth > DEEPEST:
        raise InputError(f"{file.path} has groups within groups more than {DEEPEST} levels deep.")
    seen.add(here)
    own = inner(group, "vars", file.path)
    is_layer = own is not None and not _is_dataset(file, own)
    kind = around
    if depth and is_layer:
        segment = group.name.replace("\\", "/").rpartition("/")[2]
        name = text_attribute(own, "name") or segment
        names = (*names, name)
        parent = group.parent
        is_in_list = "vars" not in parent  # Keras names what is in a list by its class
        described = config.at(list(names))
        candidates = [segment, name] if is_in_list else [name, segment]
        kind = described.kind or next(filter(None, map(kind_of, candidates)), "")
        if not kind and around in ATTENTION:
            kind = around
        elif not kind and is_projection(segment, name):
            kind = PROJECTION
        yield from _numbered(file, own, names, kind, described.equation)
    elif is_layer:
        yield from _numbered(file, own, names, "", "")
    for key in sorted(group, key=_by_number):
        if key == "vars" and is_layer:
            continue
        if depth == 0 and key in STATES:
            continue
        child = inner(group, key, file.path)
        if isinstance(child, file.library.Group):
            yield from _nested(file, child, config, names, kind if is_layer else around, depth + 1, seen)


def _numbered(
    file: HDF5File, own: Any, names: tuple[str, ...], kind: str, equation: str
) -> Iterator[_Variable]:
    """Yield the variables of one layer in their order."""
    datasets = {key: inner(own, key, file.path) for key in sorted(own, key=_by_number)}
    arrays = {key: file.array(dataset) for key, dataset in datasets.items() if _is_dataset(file, dataset)}
    known = variable_names(kind)
    bias = 0 if kind else _length(arrays.get("1"))
    last = list(arrays.values())[-1] if len(arrays) > 1 else None
    for key, array in arrays.items():
        position = int(key) if key.isdecimal() else len(known)
        variable = known[position] if position < len(known) else key
        yield _Variable(
            names,
            variable,
            f"{own.name}/{key}",
            kind,
            array,
            bias,
            equation,
            _scale(kind, variable, array, last),
        )


def _by_number(name: str) -> tuple[str, int, str]:
    """Return a key that sorts ``conv2d_10`` behind ``conv2d_9``."""
    digits = re.search(r"[0-9]{0,9}$", name)
    number = digits[0] if digits else ""
    return name.removesuffix(number).removesuffix("_"), int(number or 0), name


def _is_dataset(file: HDF5File, item: Any) -> bool:
    return isinstance(item, file.library.Dataset)


def _length(array: StoredArray | None) -> int:
    return array.shape[0] if array is not None and len(array.shape) == 1 else 0


def _scale(kind: str, variable: str, kernel: StoredArray, last: StoredArray | None) -> StoredArray | None:
    """Return the scale of a dense layer quantised to int8, which comes last of its variables."""
    is_quantised = kind in DENSE and variable == "kernel" and kernel.dtype == "int8"
    return last if is_quantised and _length(last) == kernel.shape[-1] else None


def _kind_in(names: list[str]) -> str:
    """Return the kind that the names of a layer and its inner layers tell, the innermost first."""
    known = next(filter(None, map(kind_of, reversed(names))), "")
    return known or (PROJECTION if is_projection(names[-1]) else "")
