"""What stands behind a number: weights worked out or left out, the untrained rule, the window, the cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from mme.cli.app import complain
from mme.comparison.options import Options
from mme.ensembles.layers import LayerMatrixEnsemble, layer_matrix_ensemble
from mme.ensembles.parallel import validate_jobs
from mme.ensembles.quadrature import PROBES, STEPS
from mme.ensembles.sampling import sampling_cost
from mme.ensembles.streaming import memory_for, seconds_for
from mme.errors import InputError
from mme.result import counted
from mme.weights.stored import Checkpoint

__all__ = [
    "about_controls", "about_estimates", "about_layers", "about_window", "announce_cost", "gathered", "named",
]  # fmt: skip

# No layers, and what was left out by an option of the command.
ORDINARY = ("one axis", "a single number", "a buffer", "name ", "type not chosen")
NAMES_SHOWN = 3
LITTLE = 0.9  # of the eigenvalues that are no structural zeros: with less inside, the number is of a part
LONG = 30.0  # seconds of work that are announced
Key = TypeVar("Key")
Value = TypeVar("Value")


def about_layers(ensemble: LayerMatrixEnsemble, options: Options) -> Iterator[str]:
    """Yield what was worked out and left out, each reason with its weights, and patterns that match none."""
    names = [*(layer.name for layer in ensemble.layers), *dict(ensemble.skipped)]
    for pattern in (*(options.include or ()), *(options.exclude or ())):
        if not any(fnmatchcase(name, pattern) for name in names):
            yield f"warning: {ensemble.name} has no weights whose names match {pattern}."
    worked_out = [(layer.note, layer.name) for layer in ensemble.layers if layer.note]
    left_out = [(reason, name) for name, reason in ensemble.skipped if not reason.startswith(ORDINARY)]
    for words, pairs in (("worked out", worked_out), ("left out", left_out)):
        for why, them in gathered(pairs).items():
            yield f"{ensemble.name}: {len(them)} {words}, {why.replace('which=', '--which ')}: {named(them)}."


def about_estimates(ensemble: LayerMatrixEnsemble, error: str) -> Iterator[str]:
    """Yield which layers are estimated, and with which error."""
    names = [layer.name for layer in ensemble.layers if layer.estimated]
    if names:
        count = sum(min(layer.order, layer.columns) for layer in ensemble.layers if layer.estimated)
        what = f"{ensemble.name}: {counted(len(names), 'layer')} with {count} eigenvalues estimated"
        how = f"by {PROBES} probes and up to {STEPS} steps of Lanczos on the processor"
        yield f"{what}, {how}: {named(names)}. {error}"


def gathered(pairs: Iterable[tuple[Key, Value]]) -> dict[Key, list[Value]]:
    """Return the values of each key, in their order."""
    groups = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return groups


def named(names: Sequence[object], shown: int = NAMES_SHOWN) -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(map(str, names[:shown])) + more


def about_window(name: str, inside: float | None, window: Sequence[float]) -> Iterator[str]:
    """Yield a warning where the window shows little; `inside` is the share without structural zeros."""
    if inside is not None and inside < LITTLE:
        low, high = window
        share = f"of {name} only {inside:.0%} of the eigenvalues that are no structural zeros lie in"
        others = "Var(CSD) tells nothing of the others; --window LOW HIGH widens it"
        yield f"warning: {share} [{low:g}, {high:g}], and {others}."


def about_controls(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield where the untrained columns come from."""
    reasons = (((each["control_variance"] is None, each["control_reason"]), each["name"]) for each in rows)
    for (missing, reason), names in gathered(reasons).items():
        is_open = missing and reason != "not asked for"
        help = "; --control gives a rule, or a file of before" if is_open else ""
        yield f"untrained{' –' if missing else ''}: {reason}{help} ({named(names)})."


def announce_cost(
    networks: Iterable[Checkpoint], options: Options, jobs: int, draws: bool = True, controls: int = 0,
    share: float = 1.0, apart: bool = False,
) -> None:  # fmt: skip
    """Say on standard error what long work will cost, before it begins; the networks are a share of all.

    Each network is measured once, and so is each of its untrained controls; `apart`, in a process of its own.
    """
    layers, drawing, memory = 0.0, 0.0, 0
    for checkpoint in networks:
        try:
            ensemble = layer_matrix_ensemble(checkpoint, **options.selection)
        except InputError:  # to be said when it is measured
            continue
        layers += (1 + controls) * seconds_for(ensemble.layers)
        memory = max(memory, memory_for(ensemble.layers, 1 if apart else jobs, controls > 0))
        if draws and options.conjugate == "sampled":
            drawing += sampling_cost(
                ensemble.orders, options.draws, circular=options.circular, construction=options.construction
            ).seconds
    layers, drawing = layers / (share or 1), drawing / (share or 1)
    if layers + drawing > LONG:
        drawn = f" and {_words(drawing)} for the draws of circular ensembles" if drawing else ""
        where = "" if apart else f"on {counted(validate_jobs(jobs), 'core')}, "
        complain(
            f"this takes about {_words(layers)} of processor time for the layers{drawn}, {where}and "
            f"{memory / 1e9:.1f} GB of memory{' in each process' if apart else ''}, unless it is kept from "
            "before; what is finished when you interrupt it is kept."
        )


def _words(seconds: float) -> str:
    longer = f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
    return f"{seconds:.0f} seconds" if seconds < 90 else longer
