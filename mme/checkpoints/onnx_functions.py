"""Local functions of ONNX models, written out in the graph that calls them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mme.checkpoints.limits import refuse_damage
from mme.errors import InputError

__all__ = ["without_functions"]

MOST_NODES = 100_000  # functions that call functions can write out to any number

Key = tuple[str, str, str]


def without_functions(model: Any, path: Path) -> Any:
    """Return a model whose graph calls no local functions, their nodes in place of the calls.

    Parameters
    ----------
    model : onnx.ModelProto
    path : Path
        For messages.

    Returns
    -------
    onnx.ModelProto

    Raises
    ------
    InputError
        If a function calls itself, or the graph would get more than 100 000 nodes.
    """
    if not model.functions:
        return model
    from onnx import inliner

    bodies = {
        (function.domain, function.name, function.overload): function.node for function in model.functions
    }
    counted: dict[Key, int] = {}

    def count(nodes: Iterable[Any], around: tuple[Key, ...]) -> int:
        total = 0
        for node in _all_nodes(nodes):
            key = (node.domain, node.op_type, node.overload)
            if key in around:
                raise InputError(f"{path} is damaged: its function {node.op_type!r} calls itself.")
            if key in bodies and key not in counted:
                counted[key] = count(bodies[key], (*around, key))
            total += counted.get(key, 1)
        return total

    with refuse_damage(path, "ONNX model"):
        if count(model.graph.node, ()) > MOST_NODES:
            raise InputError(
                f"{path} has functions that call functions, more than {MOST_NODES} nodes in all; "
                "a model without local functions is needed."
            )
        return inliner.inline_local_functions(model)


def _all_nodes(nodes: Iterable[Any]) -> Iterator[Any]:
    """Yield nodes and those of the graphs within them."""
    for node in nodes:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _all_nodes(attribute.g.node)
            for graph in attribute.graphs:
                yield from _all_nodes(graph.node)
