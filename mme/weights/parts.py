"""Weights in parts, as torch 2.13 and PEFT 0.14 write them: norms, pruning, LoRA (arXiv:2106.09685)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import partial

import numpy as np

from mme.errors import InputError
from mme.weights.rules import Made, Rule
from mme.weights.stored import StoredTensor

__all__ = [
    "ADAPTERS", "FACTOR", "PARAMETRISATIONS", "PARAMETRISED", "is_part", "refuse_parts", "scale_facts",
]  # fmt: skip

PARAMETRISED = re.compile(r"((?:.*?\.)??)parametrizations\.([^.]+)\..+")  # with path and name of the whole
PART = re.compile(r"(.*weight\w*_)(?:orig|mask|bar|g|(v))")
FACTOR = re.compile(  # of LoRA, as PEFT, loralib, kohya and diffusers store it, and of its relatives in PEFT
    r"(?P<p>(?:.*\.)?)(?:(?:\w+_)?lora[_.]\w+|(?:hada|lokr|vera|oft)_\w+)"
    r"(?P<adapter>\.(?!weight$)[^.]+)?(?:\.weight)?"
)


def is_part(name: str, names: Collection[str]) -> bool:
    """Tell by torch's names whether a tensor is a part of a weight; one of attention may be weight_v, too."""
    part = PART.fullmatch(name)
    is_old = part and (not part[2] or f"{part[1]}g" in names or f"{part[1]}u" in names)
    return bool(is_old or PARAMETRISED.fullmatch(name))


def refuse_parts(argument: str, names: Collection[str]) -> None:
    """Refuse a network of which some weights are stored in parts."""
    for name in (each for each in names if is_part(each, names)):
        found = f"{name!r} is a part of one; remove the parametrisation first"
        raise InputError(f"{argument} must hold whole weights, but {found}.")


def scale_facts(names: Iterable[str], scale: float | Mapping[str, float] | None) -> dict[str, float]:
    """Return what an adapter's configuration says as facts: scales by the paths of factors."""
    scales = scale if isinstance(scale, Mapping) else {} if scale is None else {"": scale}
    try:
        patterns = {re.compile(pattern or ".*"): factor for pattern, factor in scales.items()}
    except re.error as error:
        wrong = f"the pattern {error.pattern!r}, which is no regular expression"
        raise InputError(f"lora_scale has {wrong}.") from None
    facts = {}
    for match in filter(None, map(FACTOR.fullmatch, names)):
        for pattern, factor in reversed(patterns.items()):  # of those that fit, the first counts
            if re.match(rf"(.*\.)?({pattern.pattern})$", match["p"].removesuffix(".")):
                facts[f"{match['p']}<scale>{match['adapter'] or ''}"] = factor
    return facts


def _pruned(orig: StoredTensor, mask: StoredTensor) -> Made | None:
    made = Made("pruned: W times its mask", orig.shape, lambda: orig.read() * mask.read())
    return made if orig.shape == mask.shape else None


def _weight_normed(g: StoredTensor, v: StoredTensor) -> Made | None:
    lengths = g.shape or (1,) * len(v.shape)
    # The norm is taken over the axes along which g is one number.
    axes = tuple(axis for axis, length in enumerate(lengths) if length == 1)

    def weight() -> np.ndarray:
        direction = v.read()
        norm = np.sqrt(np.square(direction).sum(axis=axes, keepdims=True))
        with np.errstate(invalid="ignore", divide="ignore"):  # 0/0 is NaN in torch too, and refused later
            return np.asarray(direction * (g.read() / norm))

    fits = len(lengths) == len(v.shape) and all(map(lambda n, m: n in (1, m), lengths, v.shape))
    return Made("weight norm: g v/‖v‖", v.shape, weight) if fits else None


def _spectrally_normed(weight: StoredTensor, u: StoredTensor, v: StoredTensor) -> Made | None:
    # The axes that can be the rows of the matrix whose singular vectors are u and v.
    is_pair = len(u.shape) == len(v.shape) == 1 and u.size * v.size == weight.size > 0
    axes = [axis for axis, length in enumerate(weight.shape) if is_pair and u.size == length]

    def normed() -> np.ndarray:
        whole, left, right = weight.read(), u.read(), v.read()
        norms = [left @ np.moveaxis(whole, axis, 0).reshape(len(left), -1) @ right for axis in axes]
        return np.asarray(whole / max(norms, key=abs))  # where two axes fit, the one that they belong to

    return Made("spectral norm: W/(uᵀ W v)", weight.shape, normed) if axes else None


def _adapted(
    is_table: bool, a: StoredTensor, b: StoredTensor, layer: StoredTensor | None = None,
    weight: StoredTensor | None = None, scale: float | None = None, **magnitude: StoredTensor,
) -> Made | None:  # fmt: skip
    """W + scale · B A; the rows of a table, of an embedding, are its inputs: the product is turned."""
    base, rows, rank = layer or weight, *(*b.shape, 0, 0)[:2]
    shape = (*a.shape[1:], rows) if is_table else (rows, *a.shape[1:])
    fits = a.shape[:1] == (rank,) and b.size == rows * rank and (base is None or base.shape == shape)
    if scale is None or magnitude or not fits:  # with a magnitude it is DoRA
        return None

    def read() -> np.ndarray:
        change = scale * (b.read().reshape(rows, rank) @ a.read().reshape(rank, -1))
        change = (change.T if is_table else change).reshape(shape)
        return np.asarray(change if base is None else base.read() + change)

    change = f"{scale:.6g}·B A of rank {rank}"
    note = f"LoRA: W + {change}" if base else f"LoRA: ΔW = {change}, without the base weights"
    return Made(note, shape, read)


NEW = "{p}parametrizations.{x}."  # of torch.nn.utils.parametrizations; the others are of torch.nn.utils
BASES = {"layer": "{p}base_layer.weight", "weight": "{p}weight"}  # the latter with the adapter before
BESIDE = {"scale": "{p}<scale>{adapter}"}
BESIDE |= {f"magnitude{end}": "{p}lora_magnitude_vector{adapter}" + end for end in ("", ".weight")}

PARAMETRISATIONS = (
    Rule("{p}{x}", {"orig": "{p}{x}_orig", "mask": "{p}{x}_mask"}, _pruned),
    Rule("{p}{x}", {"g": "{p}{x}_g", "v": "{p}{x}_v"}, _weight_normed),
    Rule("{p}{x}", {"g": NEW + "original0", "v": NEW + "original1"}, _weight_normed),
    Rule("{p}{x}", {"weight": "{p}{x}_orig", "u": "{p}{x}_u", "v": "{p}{x}_v"}, _spectrally_normed),
    Rule("{p}{x}", {"weight": NEW + "original", "u": NEW + "0._u", "v": NEW + "0._v"}, _spectrally_normed),
)
ADAPTERS = (
    Rule("{p}weight", {"a": "{p}lora_A{adapter}.weight", "b": "{p}lora_B{adapter}.weight"},
         partial(_adapted, False), BASES, BESIDE),
    Rule("{p}weight", {"a": "{p}lora_embedding_A{adapter}", "b": "{p}lora_embedding_B{adapter}"},
         partial(_adapted, True), BASES, BESIDE),
)  # fmt: skip
