"""ONNX models without their numbers: the graph is parsed, the weights stay in the file."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mme.errors import InputError

__all__ = ["HELD", "Held", "read_model"]

LARGE = 1024  # bytes; a record below that is copied as it is
DEEPEST = 50  # of graphs within nodes within graphs; deeper ones are left to the parser, which refuses them
HELD = "mme.held"  # marks a tensor whose numbers were left in the file

# The fields of onnx.proto that lead to tensors: {message: {number of the field: message in it}}.
INNER = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse tensor"},
    "function": {7: "node"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse tensor"},
    "sparse tensor": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
# Where a tensor's numbers lie one after the other: float_data, raw_data, double_data.
NUMBERS = (4, 9, 10)
EXTERNAL_DATA = 13


@dataclass(frozen=True)
class Held:
    """Where in the model's own file the numbers of a tensor lie."""

    offset: int
    length: int

    def entry(self) -> bytes:
        """Return it as a record of the field ``external_data``."""
        key, value = HELD.encode(), f"{self.offset} {self.length}".encode()
        return _record(EXTERNAL_DATA, _record(1, key) + _record(2, value))

    @classmethod
    def parse(cls, value: str) -> Held:
        """Read the value that `entry` wrote; ValueError if it is not one."""
        offset, length = map(int, value.split())
        return cls(offset, length)


def read_model(path: Path) -> Any:
    """Parse an ONNX model, its large tensors left in the file.

    The records of the file are walked in place (protocol buffers, a length before each record); those that
    hold the numbers of a tensor are replaced by a note where they lie, and the rest is parsed by ``onnx``.

    Parameters
    ----------
    path : Path

    Returns
    -------
    onnx.ModelProto
        Tensors of more than 1 KB hold an entry `HELD` in ``external_data`` instead of numbers.

    Raises
    ------
    InputError
        If the file is damaged or no ONNX model, or onnx is missing.

    References
    ----------
    https://protobuf.dev/programming-guides/encoding/ and onnx/onnx.proto.

    Examples
    --------
    >>> read_model(Path("missing.onnx"))
    Traceback (most recent call last):
    mme.errors.InputError: missing.onnx cannot be read: No such file or directory.
    """
    try:
        import onnx
    except ImportError:
        raise InputError(
            f"reading {path} needs onnx, which is not installed: pip install 'mme[checkpoints]' brings it."
        ) from None
    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise InputError(f"{path} is empty; an ONNX model is expected.")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                slim = b"".join(_without_numbers(data, 0, len(data), "model", 0))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from None
    except _DamagedError as error:
        raise InputError(f"{path} is damaged or no ONNX model: {error}.") from None
    model = onnx.ModelProto()
    try:
        model.ParseFromString(slim)
        str(model)  # text that is not UTF-8 shows only here
    except Exception:  # the parser's own class of errors depends on how protobuf was built
        raise InputError(f"{path} is damaged or no ONNX model: its records cannot be parsed.") from None
    if not model.HasField("graph") or not model.graph.node:
        raise InputError(f"{path} holds no graph of ONNX nodes; an ONNX model is expected.")
    return model


class _DamagedError(Exception):
    """The records do not fit into each other."""


def _without_numbers(data: mmap.mmap, start: int, end: int, message: str, depth: int) -> Iterator[bytes]:
    """Yield the records of a message between two places, the numbers of tensors replaced."""
    at = kept = start  # what lies between `kept` and `at` is copied as it is
    while at < end:
        record = at
        number, wire_type, at, after = _header(data, at, end)
        is_large = wire_type == 2 and after - at >= LARGE
        if is_large and message == "tensor" and number in NUMBERS:
            yield data[kept:record]
            yield Held(at, after - at).entry()
            kept = after
        elif is_large and number in INNER[message] and depth < DEEPEST:
            yield data[kept:record]
            inner = b"".join(_without_numbers(data, at, after, INNER[message][number], depth + 1))
            yield _record(number, inner)
            kept = after
        at = after
    yield data[kept:end]


def _header(data: mmap.mmap, at: int, end: int) -> tuple[int, int, int, int]:
    """Return a record's number, wire type, and where its content begins and ends."""
    key, at = _varint(data, at, end)
    wire_type = key & 7
    if wire_type == 0:
        after = _varint(data, at, end)[1]
    elif wire_type == 1:
        after = at + 8
    elif wire_type == 2:
        length, at = _varint(data, at, end)
        after = at + length
    elif wire_type == 5:
        after = at + 4
    else:
        raise _DamagedError(f"a record at byte {at} has the unknown wire type {wire_type}")
    if after > end:
        raise _DamagedError(f"a record at byte {at} goes {after - end} bytes beyond its end")
    return key >> 3, wire_type, at, after


def _varint(data: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    """Read an integer of seven bits a byte, least significant first."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            raise _DamagedError(f"it ends at byte {end} within a record")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise _DamagedError(f"an integer at byte {at} is too long")


def _record(number: int, content: bytes) -> bytes:
    return _integer(number << 3 | 2) + _integer(len(content)) + content


def _integer(value: int) -> bytes:
    digits = bytearray()
    while value >= 0x80:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    digits.append(value)
    return bytes(digits)
