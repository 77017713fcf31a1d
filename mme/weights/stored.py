"""Weights that are still on disk, what every reader of a file format returns; and tensors as arrays."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import InitVar, dataclass, field
from functools import partial
from math import prod
from typing import Any

import numpy as np

from mme.arguments import batch_shape, flag, number, of_type, plain_array, several, text
from mme.errors import InputError

__all__ = ["Checkpoint", "Shape", "StoredTensor", "as_numpy"]

Shape = tuple[int, ...]
CALLABLE: Any = Callable  # as a type to test for


@dataclass(frozen=True, eq=False)
class StoredTensor:
    """A weight tensor that is read when it is needed, and not kept.

    Attributes
    ----------
    name : str
        The parameter's name in the network.
    shape : tuple of int
        As stored; outputs first, (N, p_2, …, p_n), where it is effective.
    dtype : str
        Name of the numbers' type, such as ``"float32"`` or ``"bfloat16"``.
    read : callable
        Returns the numbers, an ndarray of this shape and type; of float32 where NumPy has no such floats.
    types : frozenset of str
        Names of the layer's types, such as ``"Conv2d"``, where the source tells.
    skip : str
        Why the tensor is no layer's weight; otherwise empty.
    location : hashable, optional
        The same for two names of one tensor.
    fingerprint : str, optional
        Stands for the numbers where they follow from a recipe, such as a seed.
    note : str
        How the weight was made, such as ``"weight norm: g v/‖v‖"``; empty where it is stored as it is.
    effective : bool
        Whether it is what the network computes with, outputs first: no rule is applied to it again.

    Examples
    --------
    >>> tensor = StoredTensor("fc.weight", (2, 3), "float64", lambda: np.ones((2, 3)))
    >>> tensor.size, np.asarray(tensor).sum()
    (6, np.float64(6.0))
    """

    name: str
    shape: Shape
    dtype: str
    read: Callable[[], np.ndarray] = field(repr=False)
    types: frozenset[str] = frozenset()
    skip: str = ""
    location: Hashable | None = None
    fingerprint: str | None = None
    note: str = ""
    effective: bool = False

    def __post_init__(self) -> None:
        for words in ("name", "dtype", "skip", "note"):
            text(words, getattr(self, words))
        batch_shape(of_type("shape", self.shape, tuple, "a tuple of integers"), "shape")
        of_type("read", self.read, CALLABLE, "a function that returns the numbers")
        of_type("types", self.types, frozenset, "a frozenset of names")
        flag("effective", self.effective)

    def __getstate__(self) -> dict[str, Any]:
        # The file need not be there where it is unpickled, so the numbers go with it.
        read = partial(_left_out, self.name, self.skip) if self.skip else partial(np.asarray, self.read())
        return vars(self) | {"read": read}

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return prod(self.shape)  # Python's integers do not overflow when a damaged file claims too much

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self.read()
        return array if dtype is None else array.astype(dtype)


@dataclass(eq=False, repr=False)
class Checkpoint(dict[str, StoredTensor]):
    """The weights of one network, by name; they stay on disk until one is asked for.

    `mme.ensembles.layer_matrix_ensemble` takes it as it takes a state dict.

    Parameters
    ----------
    name : str
        What the network is called in tables.
    format : str
        What it was read from, such as ``"safetensors"``.
    tensors : iterable of StoredTensor
        With different names.
    rule : str, optional
        The rule of `mme.networks.untrained_control` by which its first weights were drawn, if it is known.
    lora_scale : float or mapping of str to float, optional
        The factor of B A where a file holds LoRA factors: alpha/r, from ``adapter_config.json``. In a mapping
        the keys are regular expressions for the end of a module's path, as in PEFT's ``alpha_pattern``, the
        first that fits counts, and ``""`` fits every module.

    Examples
    --------
    >>> one = StoredTensor("fc.weight", (2, 3), "float64", lambda: np.ones((2, 3)))
    >>> Checkpoint("net", "npz", [one])
    Checkpoint('net', npz: 1 tensor)
    """

    name: str
    format: str
    tensors: InitVar[Iterable[StoredTensor]]
    rule: str | None = None
    lora_scale: float | Mapping[str, float] | None = None

    def __post_init__(self, tensors: Iterable[StoredTensor]) -> None:
        for words in ("name", "format", *(() if self.rule is None else ("rule",))):
            text(words, getattr(self, words))
        scales: Any = {} if self.lora_scale is None else self.lora_scale
        for pattern, scale in (scales if isinstance(scales, Mapping) else {"": scales}).items():
            number(f"lora_scale[{text('lora_scale', pattern)!r}]", scale)
        given: list[StoredTensor] = several("tensors", tensors, StoredTensor, "StoredTensors")
        self.update({tensor.name: tensor for tensor in given})

    def __repr__(self) -> str:
        return f"Checkpoint({self.name!r}, {self.format}: {len(self)} tensor{'s' * (len(self) != 1)})"


def _left_out(name: str, reason: str) -> np.ndarray:
    raise InputError(f"{name} was left out when this was pickled: {reason}.")


def as_numpy(name: str, value: Any) -> np.ndarray:
    """Return a NumPy array, from torch tensors of any device, layout and precision too."""
    if not hasattr(value, "detach"):
        return plain_array(f"layer {name!r}", value)
    tensor = value.detach()
    if tensor.is_meta:
        raise InputError(f"layer {name!r} is on the meta device and holds no weights; load them first.")
    tensor = tensor.to_dense()  # from a sparse layout
    if str(tensor.dtype) == "torch.float16":  # which is not widened, as it is nowhere else
        return np.asarray(tensor.cpu().resolve_neg())
    return plain_array(f"layer {name!r}", tensor.dequantize() if tensor.is_quantized else tensor)
