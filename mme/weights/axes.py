"""Where the outputs lie: kernels stored channels-last are told by their names."""

from __future__ import annotations

import re

__all__ = ["outputs_first"]

KERNEL = re.compile(r"(^|[/.])kernel(:\d+)?$")


def outputs_first(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the order of the axes that brings a stored tensor to (outputs, inputs, positions…).

    Flax and Keras call such a tensor ``kernel`` and store it outputs last: (in, out) for dense layers,
    (height, width, in, out) for convolutions. Any other tensor is taken as it is, outputs first, as torch
    stores it: nothing in the file would tell.

    Parameters
    ----------
    name : str
        Of the tensor; its last part counts, after ``/`` or ``.`` and without ``:0``.
    shape : tuple of int
        As stored.

    Returns
    -------
    tuple of int
        For `numpy.transpose`; the identity where nothing is to be done.

    Examples
    --------
    >>> outputs_first("params/Conv_0/kernel", (3, 3, 16, 32))
    (3, 2, 0, 1)
    >>> outputs_first("Dense_0.kernel", (784, 10))
    (1, 0)
    >>> outputs_first("conv.weight", (32, 16, 3, 3))
    (0, 1, 2, 3)
    """
    axes = tuple(range(len(shape)))
    if len(shape) < 2 or not KERNEL.search(name):
        return axes
    return (axes[-1], axes[-2], *axes[:-2])
