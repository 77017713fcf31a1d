"""LoRA: ΔW = scale · B A, by itself or added to the weight that it adapts (arXiv:2106.09685; PEFT 0.14)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from mme.errors import InputError
from mme.weights.rules import Rule, Shape
from mme.weights.stored import StoredTensor

__all__ = ["ADAPTERS", "FACTOR", "scale_parts"]

FACTOR = re.compile(
    r"(?P<p>(?:.*\.)?)lora_(?:embedding_)?(?:[AB]|up|down)(?P<a>\.(?!weight$)[^.]+)?(?:\.weight)?"
)


def scale_parts(
    names: Mapping[str, Any], scale: float | Mapping[str, float] | None
) -> Iterator[StoredTensor]:
    """Yield the scales of a checkpoint's adapters as tensors, so that rules find them beside the factors."""
    for match in filter(None, map(FACTOR.fullmatch, names)):
        path, adapter = match["p"].removesuffix("."), match["a"] or ""
        factor = _factor(scale, path, path + adapter)
        if factor is not None:
            yield StoredTensor(f"{match['p']}<scale>{adapter}", (), "float64", partial(np.array, factor))


def _factor(scale: float | Mapping[str, float] | None, *paths: str) -> float | None:
    if not isinstance(scale, Mapping):
        return scale
    for key, factor in scale.items():
        try:
            if not key or any(re.match(rf"(.*\.)?({key})$", path) for path in paths):
                return factor
        except re.error:
            raise InputError(f"lora_scale has the pattern {key!r}, which is no regular expression.") from None
    return None


def _product_shape(a: StoredTensor, b: StoredTensor, **rest: StoredTensor) -> Shape | None:
    rank = a.shape[0] if a.shape else 0
    if len(b.shape) < 2 or b.shape[1] != rank or b.size != b.shape[0] * rank or "magnitude" in rest:
        return None
    shape = (b.shape[0], *a.shape[1:])
    return shape if "base" not in rest or rest["base"].shape == shape else None


def _table_shape(a: StoredTensor, b: StoredTensor, **rest: StoredTensor) -> Shape | None:
    shape = _product_shape(a, b)
    turned = None if shape is None else shape[::-1]
    return turned if "base" not in rest or rest["base"].shape == turned else None


def _adapted(
    shape: Shape, a: np.ndarray, b: np.ndarray, base: np.ndarray | None = None,
    scale: np.ndarray | None = None, alpha: np.ndarray | None = None,
) -> np.ndarray:  # fmt: skip
    factor = scale if alpha is None else alpha / len(a)
    change = factor * (b.reshape(len(b), -1) @ a.reshape(len(a), -1)).reshape(shape)
    return np.asarray(change if base is None else base + change)


def _table(
    shape: Shape, a: np.ndarray, b: np.ndarray, scale: np.ndarray, base: np.ndarray | None = None
) -> np.ndarray:
    """The rows of an embedding are its inputs: the product is turned."""
    change = _adapted(shape[::-1], a, b, scale=scale).T
    return change if base is None else base + change


def _note(a: StoredTensor, **parts: StoredTensor) -> str:
    rank = a.shape[0]
    factor = float(parts["scale"].read()) if "scale" in parts else float(parts["alpha"].read()) / rank
    change = f"{factor:.6g}·B A of rank {rank}"
    return f"LoRA: W + {change}" if "base" in parts else f"LoRA: ΔW = {change}, without the base weights"


SCALE = {"scale": "{p}<scale>"}
NAMED = {"scale": "{p}<scale>.{a}"}
FORMS = (
    ("{p}lora_A.weight", "{p}lora_B.weight", SCALE),
    ("{p}lora_A.{a}.weight", "{p}lora_B.{a}.weight", NAMED),
    ("{p}lora_A", "{p}lora_B", SCALE),  # loralib
    ("{p}lora_embedding_A", "{p}lora_embedding_B", SCALE),
    ("{p}lora_embedding_A.{a}", "{p}lora_embedding_B.{a}", NAMED),
    ("{p}lora_down.weight", "{p}lora_up.weight", {"alpha": "{p}alpha"}),  # kohya: its scale is alpha/r
)
BASES: tuple[dict[str, str], ...] = ({"base": "{p}base_layer.weight"}, {"base": "{p}weight"}, {})


def _rule(a: str, b: str, scale: dict[str, str], base: dict[str, str]) -> Rule:
    shape, weight = (_table_shape, _table) if "embedding" in a else (_product_shape, _adapted)
    magnitude = "{p}lora_magnitude_vector" + (".{a}.weight" if scale is NAMED else "")  # then it is DoRA
    parts = {"a": a, "b": b} | scale | base
    return Rule(_note, "{p}weight", parts, shape, weight, beside={"magnitude": magnitude})


ADAPTERS = tuple(_rule(*form, base) for form, base in product(FORMS, BASES))
