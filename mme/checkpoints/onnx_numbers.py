"""The numbers of an ONNX tensor, wherever they lie: in the model's file, beside it, or in the graph."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mme.checkpoints.limits import require_stored
from mme.checkpoints.onnx_records import HELD, Held
from mme.errors import InputError

__all__ = ["Numbers", "numbers_of"]

BITS = {"int2": 2, "uint2": 2, "int4": 4, "uint4": 4, "float4_e2m1fn": 4}  # others are whole bytes
SHORT_FIELDS = {"float_data", "double_data", "int32_data", "int64_data", "uint64_data"}


@dataclass(frozen=True, eq=False)
class Numbers:
    """A tensor of the graph, as it is stored.

    Attributes
    ----------
    shape : tuple of int
    dtype : str
        Of the stored numbers.
    read : callable
        Returns an ndarray of this shape, of a type that NumPy itself has.
    skip : str
        Why it cannot be read; otherwise empty.
    location : hashable, optional
        The same for two tensors that lie at one place of a file.
    """

    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], np.ndarray]
    skip: str = ""
    location: Hashable | None = None


def numbers_of(tensor: Any, path: Path) -> Numbers:
    """Find the numbers of a tensor without reading them.

    Parameters
    ----------
    tensor : onnx.TensorProto
        Of a model from `mme.checkpoints.onnx_records.read_model`.
    path : Path
        The model's file.

    Returns
    -------
    Numbers

    Raises
    ------
    InputError
        If the tensor claims more or fewer numbers than are stored, or numbers outside the model's folder.

    Examples
    --------
    >>> from onnx import helper, TensorProto
    >>> tensor = helper.make_tensor("w", TensorProto.FLOAT, [2, 2], [1, 2, 3, 4])
    >>> numbers_of(tensor, Path("net.onnx")).read()
    array([[1., 2.],
           [3., 4.]], dtype=float32)
    """
    from onnx import helper

    label = f"tensor {tensor.name!r} of {path}"
    shape = tuple(tensor.dims)
    if any(length < 0 for length in shape):
        raise InputError(f"{label} claims the shape {shape}; lengths must not be negative.")
    try:
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type))
    except (KeyError, ValueError, TypeError):
        return Numbers(shape, "unknown", _nothing, f"numbers of the unknown type {tensor.data_type}")
    if dtype.kind == "O" or dtype.name.startswith("float6_"):
        return Numbers(shape, dtype.name, _nothing, f"holds {'text' if dtype.kind == 'O' else dtype.name}")
    count = 1
    for length in shape:
        count *= length
    size = -(-count * BITS.get(dtype.name, 8 * dtype.itemsize) // 8)
    entries = [(entry.key, entry.value) for entry in tensor.external_data]
    held = [value for key, value in entries if key == HELD]
    if held or tensor.data_location == type(tensor).EXTERNAL:
        source, offset, length = _held(held, path, label) if held else _external(dict(entries), path, label)
        length = size if length is None else length
        require_stored(tensor.name, path, size, length)
        if length != size or offset + size > source.stat().st_size:
            raise InputError(
                f"{label} needs {size} bytes for shape {shape} of {dtype.name}, "
                f"but {source.name} holds {min(length, max(source.stat().st_size - offset, 0))}."
            )
        location = None if held else (str(source), offset, size)
        return Numbers(
            shape, dtype.name, lambda: _read(source, offset, size, shape, dtype, label), "", location
        )
    _check_short(tensor, count, size, label)
    return Numbers(shape, dtype.name, lambda: _plain(_converted(tensor, label)))


def _held(entries: list[str], path: Path, label: str) -> tuple[Path, int, int]:
    try:
        (entry,) = entries
        held = Held.parse(entry)
    except ValueError:
        raise InputError(f"{label} is damaged: it has its numbers in several pieces.") from None
    if held.offset < 0 or held.length < 0:
        raise InputError(f"{label} is damaged: its numbers begin before the file.")
    return path, held.offset, held.length


def _external(entries: dict[str, str], path: Path, label: str) -> tuple[Path, int, int | None]:
    """Return file, offset and length (where given) of a tensor stored beside the model, inside its folder."""
    place = entries.get("location", "")
    try:
        offset = int(entries.get("offset", "0"))
        length = int(entries["length"]) if "length" in entries else None
    except ValueError:
        raise InputError(f"{label} is damaged: its offset or length is not a number.") from None
    if offset < 0 or (length is not None and length < 0):
        raise InputError(f"{label} is damaged: its offset or length is negative.")
    try:
        folder = path.parent.resolve()
        source = (folder / place).resolve()
        is_inside = source.is_relative_to(folder) and not Path(place).is_absolute() and source != folder
        is_there = is_inside and source.is_file()
    except (OSError, ValueError, RuntimeError):  # a null byte, a name too long, a circle of links
        raise InputError(f"{label} names a file that cannot be: {place!r}.") from None
    if not is_inside:
        raise InputError(
            f"{label} lies in {place!r}, outside the model's folder, which is not followed; "
            "put the file beside the model."
        )
    if not is_there:
        raise InputError(f"{label} lies in {place!r}, which is missing beside the model.")
    return source, offset, length


def _check_short(tensor: Any, count: int, size: int, label: str) -> None:
    """Compare what a tensor within the graph holds with what it claims."""
    from onnx import helper

    if tensor.HasField("raw_data"):
        stored, needed, unit = len(tensor.raw_data), size, "bytes"
    else:
        field = helper.tensor_dtype_to_field(tensor.data_type)
        stored, unit = len(getattr(tensor, field)) if field in SHORT_FIELDS else 0, "numbers"
        name = helper.tensor_dtype_to_np_dtype(tensor.data_type).name
        per_number = 2 if name.startswith("complex") else 1
        # numbers of less than a byte lie in bytes, four bytes' room each
        needed = size if name in BITS else per_number * count
    if stored != needed:
        raise InputError(
            f"{label} needs {needed} {unit} for shape {tuple(tensor.dims)}, but the file holds {stored}."
        )


def _read(source: Path, offset: int, size: int, shape: tuple[int, ...], dtype: np.dtype, label: str) -> Any:
    try:
        with source.open("rb") as file:
            file.seek(offset)
            numbers = np.fromfile(file, np.uint8, size)
    except OSError as error:
        raise InputError(f"{label} cannot be read: {error.strerror or error}.") from None
    if numbers.size != size:
        raise InputError(f"{label} cannot be read: {source.name} was cut while it was in use.")
    if dtype.name in BITS:
        return _plain(_unpacked(numbers.tobytes(), shape, dtype, label))
    little_endian = numbers.view(dtype.newbyteorder("<") if dtype.isbuiltin == 1 else dtype)
    return _plain(little_endian.reshape(shape))


def _unpacked(raw: bytes, shape: tuple[int, ...], dtype: np.dtype, label: str) -> np.ndarray:
    from onnx import TensorProto, helper

    data_type = helper.np_dtype_to_tensor_dtype(dtype)
    return _converted(TensorProto(dims=shape, data_type=data_type, raw_data=raw), label)


def _converted(tensor: Any, label: str) -> np.ndarray:
    from onnx import numpy_helper

    try:
        return np.asarray(numpy_helper.to_array(tensor))
    except (ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
        raise InputError(f"{label} is damaged: {error}.") from None


def _plain(array: np.ndarray) -> np.ndarray:
    """Return numbers of types that NumPy lacks, such as bfloat16 or int4, as float32."""
    return array if array.dtype.isbuiltin == 1 else np.asarray(array.astype(np.float32))


def _nothing() -> np.ndarray:
    raise InputError("a tensor of an unknown type cannot be read.")
