"""One network: Var(CSD) with its error, what it looked at, and the same for its untrained control."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mme.arguments import choice, of_type
from mme.comparison.options import Options
from mme.ensembles.conjugacy import Conjugacy, conjugacy
from mme.ensembles.conjugate import conjugate_spectrum
from mme.ensembles.difference import CircularSpectralDifference, circular_spectral_difference
from mme.ensembles.layers import LayerMatrixEnsemble, layer_matrix_ensemble
from mme.ensembles.spectrum import pooled_spectrum
from mme.errors import InputError
from mme.result import Result, counted
from mme.store import Store
from mme.weights.effective import effective_weights
from mme.weights.laws import RULES, recognised_rule
from mme.weights.untrained import untrained_control

TOLD = ("variance", "standard_error", "variance_without_noise", "noise_floor", "largest_cumulative")
NO_MATRIX = ("one axis", "a single number")  # biases and the like, which no option brings in

__all__ = ["TOLD", "Measurement", "difference_of", "measure", "validate_options"]


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
    """

    name: str
    ensemble: LayerMatrixEnsemble
    csd: CircularSpectralDifference
    conjugacy: Conjugacy
    control: CircularSpectralDifference | None = None
    rule: str | None = None
    reason: str = ""

    def __repr__(self) -> str:
        control = f"; untrained {self.control.variance:.4g} ({self.rule})" if self.control else ""
        found = f"Var(CSD) {self.csd.variance:.4g}, {counted(len(self.ensemble.orders), 'layer')}"
        return f"Measurement({self.name}: {found}{control})"

    def to_dict(self) -> dict[str, Any]:
        """Return what a line of a table tells."""
        orders, control = self.ensemble.orders, self.control
        left_out = {name: why for name, why in self.ensemble.skipped if why not in NO_MATRIX}
        return {
            "name": self.name,
            **{name: _number(getattr(self.csd, name)) for name in TOLD},
            "conjugate_as_printed": self.conjugacy.holds_as_printed,
            "distance": self.conjugacy.distance,
            "tolerance": self.conjugacy.tolerance,
            "conjugate": self.conjugacy.holds,
            "inside_window": self.csd.inside,
            "inside_window_nonzero": self.csd.inside_nonzero,
            "layers": len(orders),
            "left_out": left_out,
            "eigenvalues": sum(orders),
            "structural_zeros": self.ensemble.structural_zeros,
            "largest_order": max(orders),
            "control_rule": self.rule,
            "control_reason": self.reason,
            "control_variance": None if control is None else control.variance,
            "control_standard_error": None if control is None else _number(control.standard_error),
        }


def _number(value: float) -> float | None:
    """One draw has no standard error: nothing, rather than a NaN that JSON does not know."""
    return float(value) if np.isfinite(value) else None


def difference_of(
    ensemble: LayerMatrixEnsemble, conjugate: Any, options: Options
) -> CircularSpectralDifference:
    """Return the circular spectral difference of a network and the spectrum of its conjugate ensemble."""
    pooled = pooled_spectrum(ensemble, pooling=options.pooling)
    return circular_spectral_difference(pooled, conjugate, **options.density)


def measure(
    source: Any,
    options: Options | None = None,
    *,
    name: str | None = None,
    control: Any = "auto",
    jobs: int | None = None,
    store: Store | None = None,
    progress: bool = False,
) -> Measurement:
    """Measure one network.

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
    jobs, store, progress
        As in `LayerMatrixEnsemble.measured`.

    Returns
    -------
    Measurement

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
    options = validate_options(options)
    work: dict[str, Any] = {"jobs": jobs, "store": store, "progress": progress}
    ensemble = layer_matrix_ensemble(source, name=name, **options.selection)
    ensemble.measured(device=options.device, **work)
    conjugate = conjugate_spectrum(ensemble.orders, **options.drawing, **work)
    csd = difference_of(ensemble, conjugate, options)
    binning = {name: value for name, value in options.density.items() if name != "normalise"}
    verdict = conjugacy(pooled_spectrum(ensemble, pooling=options.pooling), conjugate, **binning)
    before, rule, reason = _control(source, control, options)
    if before is None:
        return Measurement(ensemble.name, ensemble, csd, verdict, reason=reason)
    untrained = layer_matrix_ensemble(before, **options.selection)
    layers, theirs = ({each.name: each.shape for each in net.layers} for net in (ensemble, untrained))
    if odd := [name for name in [*layers, *theirs] if layers.get(name) != theirs.get(name)]:
        alike = f"the layers of {ensemble.name} with the same names and shapes"
        raise InputError(f"control must have {alike}, but {odd[0]!r} differs.")
    untrained.measured(device=options.device, **work)
    control_csd = difference_of(untrained, conjugate, options)
    return Measurement(ensemble.name, ensemble, csd, verdict, control_csd, rule, reason)


def validate_options(options: Any) -> Options:
    """Return the options; the default ones for None."""
    return Options() if options is None else of_type("options", options, Options, "an mme.comparison.Options")


def _control(source: Any, control: Any, options: Options) -> tuple[Any, str | None, str]:
    """The network to compare with, what it is called, and why it was taken; None where there is none."""
    if not isinstance(control, str | None):
        called = getattr(control, "name", None)
        called = called if isinstance(called, str) else "given network"
        return control, called, f"{called}, as given"
    if control is None:
        return None, None, "not asked for"
    network = effective_weights(source)
    if control != "auto":
        rule = choice("control", control, RULES)
        reason = f"{RULES[rule].title}, as asked for"
    elif recognised := recognised_rule(network):
        rule, reason = recognised.rule, recognised.reason
    else:
        return None, None, "the rule of its initial weights is not known"
    return untrained_control(network, rule, rng=options.rng), rule, reason
