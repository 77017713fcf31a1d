"""Networks side by side: Var(CSD) with its error and control, equivalence, classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mme.comparison.circular import SharedCircularEnsemble
from mme.comparison.options import Options
from mme.comparison.spectra import NetworkSpectrum, network_spectrum
from mme.comparison.store import SpectrumStore
from mme.ensembles.conjugate import conjugate_spectrum
from mme.ensembles.difference import (
    CircularSpectralDifference,
    Conjugacy,
    circular_spectral_difference,
    conjugacy,
)
from mme.ensembles.equivalence import EquivalenceClasses, default_delta, equivalence_classes, validate_delta
from mme.ensembles.spectrum import PooledSpectrum, pooled_spectrum
from mme.errors import InputError
from mme.result import Result
from mme.weights.stored import Checkpoint
from mme.weights.untrained import recognised_rule, untrained_control

__all__ = ["Comparison", "Measurement", "compare", "difference_of", "measure"]


@dataclass(frozen=True, eq=False, repr=False)
class Measurement(Result):
    """One network against its conjugate ensemble, and its untrained control against the same.

    Attributes
    ----------
    name : str
    spectrum : NetworkSpectrum
    csd : CircularSpectralDifference
    conjugacy : Conjugacy
        Both criteria of Definition 5.
    control : CircularSpectralDifference, optional
        Of the untrained control.
    rule : str, optional
        By which the control was drawn.
    """

    name: str
    spectrum: NetworkSpectrum
    csd: CircularSpectralDifference
    conjugacy: Conjugacy
    control: CircularSpectralDifference | None = None
    rule: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what a line of a table tells."""
        orders = self.spectrum.orders
        record: dict[str, Any] = {
            "name": self.name,
            "variance": self.csd.variance,
            "standard_error": _number(self.csd.standard_error),
            "variance_without_noise": _number(self.csd.variance_without_noise),
            "noise_floor": self.csd.noise_floor,
            "largest_cumulative": self.csd.largest_cumulative,
            "conjugate_as_printed": self.conjugacy.holds_as_printed,
            "distance": self.conjugacy.distance,
            "tolerance": self.conjugacy.tolerance,
            "conjugate": self.conjugacy.holds,
            "layers": len(orders),
            "eigenvalues": sum(orders),
            "structural_zeros": self.spectrum.structural_zeros,
            "largest_order": max(orders),
            "control_rule": self.rule,
            "control_variance": None,
            "control_standard_error": None,
        }
        if self.control is not None:
            record["control_variance"] = self.control.variance
            record["control_standard_error"] = _number(self.control.standard_error)
        return record


def _number(value: float) -> float | None:
    """One draw has no standard error: nothing, rather than a NaN that JSON does not know."""
    return float(value) if np.isfinite(value) else None


def conjugate_of(
    orders: tuple[int, ...], options: Options, *, store: SpectrumStore | None = None,
    jobs: int | None = None, progress: bool = False,
) -> Any:  # fmt: skip
    """Return the spectrum that networks of these orders are compared with, drawn or by its law."""
    if options.conjugate == "deterministic":
        return conjugate_spectrum(
            orders, conjugate="deterministic", circular=options.circular, part=options.part
        )
    shared = SharedCircularEnsemble(
        orders, options.draws, options.seed, options.circular, options.construction, options.dtype,
        jobs=jobs, store=store, progress=progress,
    )  # fmt: skip
    return pooled_spectrum(shared, part=options.part, pooling=options.pooling)


def difference_of(spectrum: PooledSpectrum, conjugate: Any, options: Options) -> CircularSpectralDifference:
    """Return the circular spectral difference of two spectra under these options."""
    return circular_spectral_difference(spectrum, conjugate, **options.density)


def measure(
    source: Any,
    options: Options | None = None,
    *,
    name: str | None = None,
    control: str | None = "auto",
    control_seed: int = 0,
    store: SpectrumStore | None = None,
    jobs: int | None = None,
    progress: bool = False,
) -> Measurement:
    """Measure one network.

    Parameters
    ----------
    source : Checkpoint, or whatever `layer_matrix_ensemble` takes
    options : Options, optional
    name : str, optional
        What the network is called.
    control : str or None
        The rule by which the untrained control is drawn; "auto" takes that of the architecture where it is
        known, and None draws no control.
    control_seed : int
        Seed of the control's weights.
    store, jobs, progress
        As in `network_spectrum`.

    Returns
    -------
    Measurement

    Raises
    ------
    InputError
        If the network or an option cannot be used.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> one = measure({"fc": rng.normal(size=(30, 40)) / 6}, Options(draws=3), name="mine")
    >>> one.csd.variance > one.csd.standard_error > 0, one.control is None
    (True, True)
    """
    options = Options() if options is None else options
    work: dict[str, Any] = {"store": store, "jobs": jobs, "progress": progress}
    spectrum = network_spectrum(source, name=name, **options.selection, **work)
    conjugate = conjugate_of(spectrum.orders, options, **work)
    pooled = pooled_spectrum(spectrum, pooling=options.pooling)
    csd = difference_of(pooled, conjugate, options)
    verdict = conjugacy(
        pooled, conjugate, window=options.window, bins=options.bins, zeros=options.zeros,
        bandwidth=options.bandwidth,
    )  # fmt: skip
    rule = None
    if isinstance(source, Checkpoint) and control is not None:
        recognised = recognised_rule(source)
        rule = control if control != "auto" else None if recognised is None else recognised.rule
    if rule is None:
        return Measurement(spectrum.name, spectrum, csd, verdict)
    untrained = untrained_control(source, rule, rng=control_seed)
    before = network_spectrum(untrained, **options.selection, **work)
    if before.orders != spectrum.orders:
        raise InputError(f"{spectrum.name} has layers that its untrained control lacks; use --control none.")
    control_csd = difference_of(pooled_spectrum(before, pooling=options.pooling), conjugate, options)
    return Measurement(spectrum.name, spectrum, csd, verdict, control_csd, rule)


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Result):
    """Several networks, and which of them are equivalent (Definition 6).

    Attributes
    ----------
    measurements : tuple of Measurement
    delta : float
        The tolerance on the difference of two variances.
    delta_given : bool
        Whether it was given, rather than taken from the noise.
    classes : EquivalenceClasses
    """

    measurements: tuple[Measurement, ...]
    delta: float
    delta_given: bool
    classes: EquivalenceClasses

    @property
    def names(self) -> tuple[str, ...]:
        """The networks in the order in which they were given."""
        return tuple(each.name for each in self.measurements)

    @property
    def differences(self) -> np.ndarray:
        """Var Δ_i − Var Δ_j for each pair, shape (networks, networks)."""
        variances = np.array([each.csd.variance for each in self.measurements])
        return np.asarray(variances[:, None] - variances[None, :])

    @property
    def equivalent(self) -> np.ndarray:
        """Whether each pair is equivalent, shape (networks, networks).

        The second condition of Definition 6 decides. The first, as printed, holds for any two networks.
        """
        return np.asarray(np.abs(self.differences) <= self.delta)

    def to_dict(self) -> dict[str, Any]:
        """Return everything that a table tells: networks, pairs, classes."""
        names = self.names
        return {
            "networks": [each.to_dict() for each in self.measurements],
            "delta": self.delta,
            "delta_from": "given" if self.delta_given else "noise floor and standard errors",
            "pairs": [
                {
                    "first": names[i],
                    "second": names[j],
                    "difference": float(self.differences[i, j]),
                    "equivalent": bool(self.equivalent[i, j]),
                }
                for i in range(len(names))
                for j in range(i + 1, len(names))
            ],
            "classes": [list(members) for members in self.classes.classes],
            "linkage": self.classes.linkage,
        }


def compare(
    networks: Mapping[str, Any],
    options: Options | None = None,
    *,
    delta: float | None = None,
    linkage: str = "complete",
    **work: Any,
) -> Comparison:
    """Measure networks and sort them into classes.

    Parameters
    ----------
    networks : mapping of names to networks
        As in `measure`.
    options : Options, optional
    delta : float, optional
        By default `default_delta` of all.
    linkage : {"complete", "single"}
        As in `equivalence_classes`.
    **work
        `control`, `control_seed`, `store`, `jobs` and `progress` of `measure`.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        If a network or an option cannot be used; the message names the network.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> weights = rng.normal(size=(40, 60)) / 8
    >>> networks = {"a": {"fc": weights}, "b": {"fc": 3 * weights}}
    >>> compare(networks, Options(conjugate="deterministic"), delta=0.01).classes
    EquivalenceClasses(a | b; complete linkage, delta 0.01)
    """
    if delta is not None:
        delta = validate_delta(delta)
    measured = tuple(measure(source, options, name=name, **work) for name, source in networks.items())
    return grouped(measured, delta=delta, linkage=linkage)


def grouped(
    measured: tuple[Measurement, ...], *, delta: float | None = None, linkage: str = "complete"
) -> Comparison:
    """Sort measured networks into classes; see `compare`."""
    csds = {each.name: each.csd for each in measured}
    if len(csds) < len(measured):
        raise InputError("networks must have different names.")
    tolerance = default_delta(*csds.values()) if delta is None else validate_delta(delta)
    classes = equivalence_classes(csds, delta=tolerance, linkage=linkage)
    return Comparison(measured, tolerance, delta is not None, classes)
