"""LoRA: ΔW = scale · B A, by itself or added to the weight that it adapts (arXiv:2106.09685; PEFT 0.14)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import partial

import numpy as np

from mme.errors import InputError
from mme.weights.rules import Made, Rule
from mme.weights.stored import StoredTensor

__all__ = ["ADAPTERS", "FACTOR", "scale_facts"]

FACTOR = re.compile(
    r"(?P<p>(?:.*\.)?)lora_(?:embedding_)?(?:[AB]|up|down)(?P<adapter>\.(?!weight$)[^.]+)?(?:\.weight)?"
)


def scale_facts(names: Iterable[str], scale: float | Mapping[str, float] | None) -> dict[str, float]:
    """Return what an adapter's configuration says as facts: scales by the paths of factors."""
    scales = scale if isinstance(scale, Mapping) else {} if scale is None else {"": scale}
    facts: dict[str, float] = {}
    for match in filter(None, map(FACTOR.fullmatch, names)):
        for pattern, factor in scales.items():
            try:
                fits = not pattern or re.match(rf"(.*\.)?({pattern})$", match["p"].removesuffix("."))
            except re.error:
                raise InputError(
                    f"lora_scale has the pattern {pattern!r}, which is no regular expression."
                ) from None
            if fits:
                facts.setdefault(f"{match['p']}<scale>{match['adapter'] or ''}", factor)
    return facts


def _adapted(
    is_table: bool, a: StoredTensor, b: StoredTensor, layer: StoredTensor | None = None,
    weight: StoredTensor | None = None, scale: float | None = None, **magnitude: StoredTensor,
) -> Made | None:  # fmt: skip
    """W + scale · B A; the rows of a table, of an embedding, are its inputs: the product is turned."""
    base, rank = layer or weight, a.shape[0] if a.shape else 0
    if scale is None or magnitude or len(b.shape) < 2 or b.shape[1] != rank or b.size != b.shape[0] * rank:
        return None  # with a magnitude it is DoRA
    rows = b.shape[0]
    shape = (*a.shape[1:], rows) if is_table else (rows, *a.shape[1:])
    if base is not None and base.shape != shape:
        return None

    def read() -> np.ndarray:
        change = scale * (b.read().reshape(rows, rank) @ a.read().reshape(rank, -1))
        change = (change.T if is_table else change).reshape(shape)
        return np.asarray(change if base is None else base.read() + change)

    change = f"{scale:.6g}·B A of rank {rank}"
    note = f"LoRA: W + {change}" if base else f"LoRA: ΔW = {change}, without the base weights"
    return Made(note, shape, read)


def _rule(is_table: bool, factor: str, ending: str) -> Rule:
    parts = {side.lower(): f"{{p}}{factor}{side}{{adapter}}{ending}" for side in "AB"}
    magnitudes = (f"{{p}}lora_magnitude_vector{{adapter}}{end}" for end in ("", ".weight"))
    beside = {"scale": "{p}<scale>{adapter}"} | {f"magnitude{n}": name for n, name in enumerate(magnitudes)}
    bases = {"layer": "{p}base_layer.weight", "weight": "{p}weight"}  # the latter with the adapter before
    return Rule("{p}weight", parts, partial(_adapted, is_table), bases, beside)


ADAPTERS = (_rule(False, "lora_", ".weight"), _rule(True, "lora_embedding_", ""))
