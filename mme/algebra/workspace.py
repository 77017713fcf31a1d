"""Memory that each thread keeps for what it works out again and again."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mme.late import Array, np

__all__ = ["Workspace"]

ALIGNED, SMALL = 64, 2**15  # bytes: a line of the cache, and what is as quickly found among what was freed


class Workspace(threading.local):
    """Arrays that are taken one after another from one piece of memory, and given back together.

    Fresh memory costs a page fault each 4096 bytes, which at small orders takes as long as the work itself.
    What does not fit is fresh all the same, and so are small arrays, which cost none.

    Parameters
    ----------
    size : int
        Bytes that each thread keeps once it has asked for an array.
    """

    def __init__(self, size: int) -> None:
        self.size, self.used = size, 0
        self.memory: Any = None

    def take(self, shape: tuple[int, ...], dtype: Any = float) -> Array:
        """Return an array with arbitrary entries, its own until the block that it is taken in ends."""
        start, length = self.used, math.prod(shape) * np.dtype(dtype).itemsize
        if length < SMALL or start + length > self.size:
            return np.empty(shape, dtype)
        if self.memory is None:
            self.memory = np.empty(self.size, np.uint8)
        self.used = -(-(start + length) // ALIGNED) * ALIGNED
        return np.ndarray(shape, dtype, self.memory, start)

    @contextmanager
    def block(self) -> Iterator[None]:
        """Give back at the end what was taken within."""
        before = self.used
        try:
            yield
        finally:
            self.used = before
