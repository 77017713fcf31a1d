"""One network: Var(CSD) with its error, what it looked at, and the same for its untrained control."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from mme.arguments import choice, integer
from mme.comparison.options import Options, validate_options
from mme.comparison.statistics import STATISTICS, statistics
from mme.ensembles.conjugacy import Conjugacy, conjugacy
from mme.ensembles.conjugate import conjugate_spectrum
from mme.ensembles.difference import CircularSpectralDifference, circular_spectral_difference
from mme.ensembles.layers import LayerMatrixEnsemble, layer_matrix_ensemble
from mme.ensembles.rivals import shape_distance, spike_share
from mme.errors import InputError
from mme.result import Result, counted
from mme.store import Store
from mme.weights.effective import effective_weights
from mme.weights.laws import RULES, recognised_rule
from mme.weights.untrained import untrained_control

TOLD = ("variance", "standard_error", "variance_without_noise", "noise_floor", "largest_cumulative")
TOLD_OF_CONTROL = ("variance", "standard_error", "estimate_bound")
NO_MATRIX = ("one axis", "a single number")  # biases and the like, which no option brings in

__all__ = ["TOLD", "Measurement", "difference_of", "measure"]


@dataclass(frozen=True, eq=False, repr=False)
class Measurement(Result):
    """One network against its conjugate ensemble, and its untrained control against the same.

    Attributes
    ----------
    name : str
    ensemble : LayerMatrixEnsemble
        The layers that were measured, and what was left out.
    csd : CircularSpectralDifference
    conjugacy : Conjugacy
        Both criteria of Definition 5.
    control : CircularSpectralDifference, optional
        Of the untrained control.
    rule : str, optional
        By which the control was drawn, or the name of the network that served as one.
    reason : str
        Whose rule that is and why it was taken, or why there is no control.
    controls : tuple of LayerMatrixEnsemble
        All untrained controls that were drawn; `control` is of the first.
    options : Options, optional
        With which it was measured.
    """

    name: str
    ensemble: LayerMatrixEnsemble
    csd: CircularSpectralDifference
    conjugacy: Conjugacy
    control: CircularSpectralDifference | None = None
    rule: str | None = None
    reason: str = ""
    controls: tuple[LayerMatrixEnsemble, ...] = ()
    options: Options | None = None

    def more(self) -> list[dict[str, Any]]:
        """Return every number of `STATISTICS` beside its controls, with the classifier and without.

        The spread is that of several controls, not an error of the network's own number: how far networks
        that were trained alike lie apart is known only from such networks.

        Each row has `statistic`, `classifier` (whether it counts), `value`, `control` (mean over the
        controls) and `control_spread` (standard deviation; None for fewer than two). After `STATISTICS` come
        `spike_share` and `shape_distance`: the mean distance to the controls, whose control is the mean
        distance between two of them.

        Examples
        --------
        >>> one = measure({"fc": 2 * np.eye(30)}, control="torch", controls=2)
        >>> next(row["value"] for row in one.more() if row["statistic"] == "log_frobenius_norm")
        2.0791812460476247
        """
        rows: list[dict[str, Any]] = []
        every = (self.ensemble, *self.controls)
        for classifier in (True, False) if self.ensemble.classifier else (True,):
            taken = [each if classifier else each.without(each.classifier or "") for each in every]
            found = [statistics(each, self.options) for each in taken]
            rows += [_row(name, classifier, [each[name] for each in found]) for name in STATISTICS]
            rows.append(_row("spike_share", classifier, [spike_share(each) for each in taken]))
            if len(taken) > 1:
                apart = [shape_distance(taken[0], each) for each in taken[1:]]
                among = [shape_distance(*pair) for pair in combinations(taken[1:], 2)]
                rows.append(_row("shape_distance", classifier, [float(np.mean(apart)), *among]))
        return rows

    def __repr__(self) -> str:
        control = f"; untrained {self.control.variance:.4g} ({self.rule})" if self.control else ""
        bound = f" estimated to {self.csd.estimate_bound:.2g}" if self.csd.estimated else ""
        found = f"Var(CSD) {self.csd.variance:.4g}{bound}, {counted(len(self.ensemble.orders), 'layer')}"
        return f"Measurement({self.name}: {found}{control})"

    def to_dict(self) -> dict[str, Any]:
        """Return what a line of a table tells."""
        orders, control = self.ensemble.orders, self.control
        left_out = {name: why for name, why in self.ensemble.skipped if why not in NO_MATRIX}
        return {
            "name": self.name,
            **{name: _number(getattr(self.csd, name)) for name in TOLD},
            "conjugate_as_printed": self.conjugacy.holds_as_printed,
            **{name: getattr(self.conjugacy, name) for name in ("distance", "tolerance")},
            "conjugate": self.conjugacy.holds,
            "inside_window": self.csd.inside,
            "inside_window_nonzero": self.csd.inside_nonzero,
            "layers": len(orders),
            "left_out": left_out,
            "eigenvalues": sum(orders),
            "structural_zeros": self.ensemble.structural_zeros,
            "estimated_layers": sum(layer.estimated for layer in self.ensemble.layers),
            **{name: getattr(self.csd, name) for name in ("estimated", "estimate_error", "estimate_bound")},
            "largest_order": max(orders),
            "control_rule": self.rule,
            "control_reason": self.reason,
            **{f"control_{name}": _number(getattr(control, name, np.nan)) for name in TOLD_OF_CONTROL},
        }


def _row(name: str, classifier: bool, values: list[float]) -> dict[str, Any]:
    value, *controls = values
    return {
        "statistic": name,
        "classifier": classifier,
        "value": _number(value),
        "control": _number(float(np.mean(controls))) if controls else None,
        "control_spread": _number(float(np.std(controls, ddof=1))) if len(controls) > 1 else None,
    }


def _number(value: float) -> float | None:
    """One draw has no standard error: nothing, rather than a NaN that JSON does not know."""
    return float(value) if np.isfinite(value) else None


def difference_of(
    ensemble: LayerMatrixEnsemble, conjugate: Any, options: Options
) -> CircularSpectralDifference:
    """Return the circular spectral difference of a network and the spectrum of its conjugate ensemble."""
    return circular_spectral_difference(options.pooled(ensemble), conjugate, **options.density)


def measure(
    source: Any,
    options: Options | None = None,
    *,
    name: str | None = None,
    control: Any = "auto",
    controls: int = 1,
    jobs: int | None = None,
    store: Store | None = None,
    progress: bool = False,
) -> Measurement:
    """Return one network measured against its conjugate ensemble, and against what it was before training.

    Parameters
    ----------
    source : Checkpoint, or whatever `layer_matrix_ensemble` takes
    options : Options, optional
    name : str, optional
        What the network is called.
    control : str, network or None
        What the weights were before training: the rule by which they are drawn, where "auto" takes that of
        the architecture if it is known; or a network with the same layers, such as the checkpoint of epoch 0.
        None compares with nothing.
    controls : int
        How many are drawn by the rule, for `Measurement.more`. A network that is given is the only one.
    jobs, store, progress
        As in `LayerMatrixEnsemble.measured`.

    Raises
    ------
    InputError
        If the network, its control or an option cannot be used.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> network = {"fc": rng.normal(size=(30, 40)) / 6}
    >>> one = measure(network, name="mine")
    >>> one.csd.variance == circular_spectral_difference(network).variance, one.control is None
    (True, True)
    >>> measure(network, control="torch").rule
    'torch'
    """
    options, controls = validate_options(options), integer("controls", controls, 1)
    work: dict[str, Any] = {"jobs": jobs, "store": store, "progress": progress}
    ensemble = layer_matrix_ensemble(source, name=name, **options.selection)
    ensemble.measured(device=options.device, **work)
    conjugate = conjugate_spectrum(ensemble.orders, **options.drawing, **work)
    csd = difference_of(ensemble, conjugate, options)
    binning = {name: value for name, value in options.density.items() if name != "normalise"}
    verdict = conjugacy(options.pooled(ensemble), conjugate, **binning)
    drawn, rule, reason = _control(source, control, options, controls)
    layers = {each.name: each.shape for each in ensemble.layers}
    untrained = []
    for before in drawn:
        one = layer_matrix_ensemble(before, **options.selection)
        theirs = {each.name: each.shape for each in one.layers}
        if odd := [name for name in [*layers, *theirs] if layers.get(name) != theirs.get(name)]:
            alike = f"the layers of {ensemble.name} with the same names and shapes"
            raise InputError(f"control must have {alike}, but {odd[0]!r} differs.")
        untrained.append(one.measured(device=options.device, **work))
    first = difference_of(untrained[0], conjugate, options) if untrained else None
    told = (rule, reason, tuple(untrained), options)
    return Measurement(ensemble.name, ensemble, csd, verdict, first, *told)


def _control(source: Any, control: Any, options: Options, number: int) -> tuple[list[Any], str | None, str]:
    """The networks to compare with, what they are called, and why they were taken, or why there are none."""
    if not isinstance(control, str | None):
        called = getattr(control, "name", None)
        called = called if isinstance(called, str) else "given network"
        return [control], called, f"{called}, as given"
    if control is None:
        return [], None, "not asked for"
    network = effective_weights(source)
    if control != "auto":
        rule = choice("control", control, RULES)
        reason = f"{RULES[rule].title}, as asked for"
    elif recognised := recognised_rule(network):
        rule, reason = recognised.rule, recognised.reason
    else:
        return [], None, "the rule of its initial weights is not known"
    drawn = [untrained_control(network, rule, rng=options.rng + more) for more in range(number)]
    return drawn, rule, reason
