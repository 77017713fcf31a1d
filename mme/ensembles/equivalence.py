"""Definition 6: equivalence of networks, and classes of many networks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from heapq import nlargest
from inspect import signature
from itertools import pairwise
from numbers import Real
from typing import Any

import numpy as np

from mme.arguments import choice, generator, number, of_type, options
from mme.ensembles.clusters import LINKAGES, Linkage, class_starts
from mme.ensembles.conjugacy import Conjugacy, conjugacy
from mme.ensembles.conjugate import DRAWING, Conjugate, conjugate_spectrum, spectrum_of
from mme.ensembles.difference import CircularSpectralDifference, circular_spectral_difference
from mme.errors import InputError
from mme.result import Plotted, Result, Table

__all__ = [
    "LINKAGES", "Equivalence", "EquivalenceClasses", "default_delta", "delta_of", "equivalence",
    "equivalence_classes",
]  # fmt: skip

ERRORS_IN_DELTA = 3.0
OPTIONS = list(signature(circular_spectral_difference).parameters)[1:]


def default_delta(*differences: CircularSpectralDifference) -> float:
    """Return a δ below which a difference of variances can be noise.

    The largest noise floor among the networks (what sampling finitely many eigenvalues adds to a variance),
    plus three times the combined standard error over the draws of the two least certain, and the two largest
    bounds of what an estimate may miss.

    Parameters
    ----------
    *differences : CircularSpectralDifference

    Raises
    ------
    InputError
        If none is given, one is no such difference, or one was drawn once only and has no standard error.

    Examples
    --------
    >>> csd = circular_spectral_difference({"a": np.eye(20)})
    >>> default_delta(csd) == csd.noise_floor
    True
    """
    if not differences:
        raise InputError("differences must be at least one circular spectral difference, but there is none.")
    for csd in differences:
        of_type("differences", csd, CircularSpectralDifference, "circular spectral differences")
    told = ((csd.noise_floor, csd.standard_error, csd.estimate_bound) for csd in differences)
    return delta_of(*zip(*told, strict=True))


def delta_of(floors: Iterable[float], errors: Iterable[float], bounds: Iterable[float] = ()) -> float:
    """Return `default_delta` from the networks' noise floors, standard errors and bounds of estimates.

    Examples
    --------
    >>> delta_of([0.25, 0.5], [0.3, 0.4])
    2.0
    """
    errors = list(errors)
    if not np.isfinite(errors).all():
        raise InputError("delta cannot be derived from one draw, which has no standard error; use draws ≥ 2.")
    noise = ERRORS_IN_DELTA * np.hypot.reduce([*nlargest(2, errors), 0.0])
    return float(max(floors) + noise + sum(nlargest(2, bounds)))


@dataclass(frozen=True, eq=False, repr=False)
class Equivalence(Result):
    """Whether two networks are equivalent (Definition 6).

    Attributes
    ----------
    first, second : CircularSpectralDifference
        Each network against its own circular ensemble.
    delta : float
        The tolerance.
    conjugacies : (Conjugacy, Conjugacy)
        Each network against a common circular ensemble, that of the orders of both.
    """

    also = ("difference", "standard_error", "equivalent", "strictly_equivalent")
    first: CircularSpectralDifference
    second: CircularSpectralDifference
    delta: float
    conjugacies: tuple[Conjugacy, Conjugacy]

    @property
    def difference(self) -> float:
        """Var Δ¹ − Var Δ²."""
        return self.first.variance - self.second.variance

    @property
    def standard_error(self) -> float:
        """The standard error of `difference` over the draws."""
        return float(np.hypot(self.first.standard_error, self.second.standard_error))

    @property
    def equivalent(self) -> bool:
        """Definition 6 as printed: a common conjugate by the paper's criterion, and variances within δ."""
        return all(each.holds_as_printed for each in self.conjugacies) and abs(self.difference) <= self.delta

    @property
    def strictly_equivalent(self) -> bool:
        """The same with a common conjugate by the criterion that can fail."""
        return all(each.holds for each in self.conjugacies) and abs(self.difference) <= self.delta

    def __repr__(self) -> str:
        first, second = self.first.variance, self.second.variance
        error = f" ± {self.standard_error:.2g}" if self.first.sampled or self.second.sampled else ""
        return (
            f"Equivalence({self.equivalent}: variances {first:.4g} and {second:.4g} differ by "
            f"{self.difference:+.3g}{error} against delta {self.delta:.3g})"
        )


def equivalence(
    first: Any,
    second: Any,
    *,
    delta: float | None = None,
    tolerance: float | None = None,
    conjugate: Conjugate = "deterministic",
    rng: int | np.random.Generator | None = None,
    **chosen: Any,
) -> Equivalence:
    """Return whether two networks are equivalent.

    Source: conjugate matrix ensembles, Definition 6.

    Parameters
    ----------
    first, second : networks, ensembles or PooledSpectrum
        As in `circular_spectral_difference`.
    delta : float, optional
        The tolerance δ on the difference of variances; by default `default_delta` of the two.
    tolerance : float, optional
        What the strict criterion of `conjugacy` allows; by default what chance alone explains.
    conjugate, rng, **chosen
        As in `circular_spectral_difference`, with its further options.

    Raises
    ------
    InputError
        If δ is negative or not finite, or the input or an option cannot be used.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> wide, narrow = ({"fc": rng.normal(size=(60, n)) / n**0.5} for n in (120, 60))
    >>> equivalence(wide, narrow, delta=10.0).equivalent
    True
    """
    delta = None if delta is None else number("delta", delta, 0)
    rng = generator(rng)
    options("equivalence", chosen, *OPTIONS)
    spectra = [spectrum_of(each, pooling=chosen.get("pooling", "plain")) for each in (first, second)]
    csds = [circular_spectral_difference(each, conjugate, rng=rng, **chosen) for each in spectra]
    drawn = {name: chosen.pop(name) for name in DRAWING if name in chosen}
    chosen.pop("normalise", None)
    orders = spectra[0].orders + spectra[1].orders
    common = conjugate_spectrum(orders, conjugate=conjugate, rng=rng, **drawn)
    verdicts = [conjugacy(each, common, tolerance=tolerance, **chosen) for each in spectra]
    tolerated = default_delta(*csds) if delta is None else delta
    return Equivalence(csds[0], csds[1], tolerated, (verdicts[0], verdicts[1]))


@dataclass(frozen=True, eq=False, repr=False)
class EquivalenceClasses(Table, Plotted):
    """Networks sorted into classes by their Var(CSD).

    Attributes
    ----------
    classes : tuple of tuple of str
        Names, ascending in variance within and between the classes.
    variances : dict of str to float
        Var(CSD) of each network.
    delta : float
    linkage : str
        "complete": any two members differ by at most δ. "single": members are linked by steps of at most δ.
    """

    figure = "equivalence_classes"
    classes: tuple[tuple[str, ...], ...]
    variances: dict[str, float]
    delta: float
    linkage: Linkage

    def rows(self) -> list[dict[str, Any]]:
        """Return a line for each network: its name, Var(CSD), and the number of its class, from 1 on."""
        members = ((name, number) for number, names in enumerate(self.classes, 1) for name in names)
        return [{"name": name, "variance": self.variances[name], "class": number} for name, number in members]

    def __repr__(self) -> str:
        listed = " | ".join(", ".join(members) for members in self.classes)
        return f"EquivalenceClasses({listed}; {self.linkage} linkage, delta {self.delta:.3g})"


def equivalence_classes(
    networks: Mapping[str, Any], *, delta: float | None = None, linkage: Linkage = "complete", **chosen: Any
) -> EquivalenceClasses:
    """Return networks sorted into classes of equivalent ones.

    "Within δ of each other" is no equivalence relation: 0, δ and 2δ make two pairs, but 0 and 2δ are apart.
    Classes therefore need a rule, which is that of hierarchical clustering on the line of variances.

    Parameters
    ----------
    networks : mapping of names to CircularSpectralDifference, to variances, or to networks
    delta : float, optional
        By default `default_delta` of all; needed where only variances are given.
    linkage : {"complete", "single"}
        Merge the two closest classes as long as all members of both differ by at most δ; or as long as some
        two do, which is the transitive closure of the relation and can chain far-apart networks together.
    **chosen
        For `circular_spectral_difference`, where networks are given.

    Raises
    ------
    InputError
        If there is no mapping or no network, a variance is not finite, δ is negative, not finite, or missing
        where it is needed, the rule is unknown, or options are given that nothing uses.

    Examples
    --------
    >>> variances = {"a": 0.10, "b": 0.19, "c": 0.26, "d": 0.9}
    >>> equivalence_classes(variances, delta=0.1)
    EquivalenceClasses(a | b, c | d; complete linkage, delta 0.1)
    >>> equivalence_classes(variances, delta=0.1, linkage="single")
    EquivalenceClasses(a, b, c | d; single linkage, delta 0.1)
    """
    choice("linkage", linkage, LINKAGES)
    right = "a mapping of names to networks, to their differences or to variances"
    if not of_type("networks", networks, Mapping, right):
        raise InputError("networks must hold at least one network, but it is empty.")
    known = (Real, CircularSpectralDifference)
    options("equivalence_classes", chosen, *OPTIONS)
    if chosen and all(isinstance(each, known) for each in networks.values()):
        raise InputError(f"{', '.join(chosen)} must be left out where all networks are measured already.")
    measured = {
        name: each if isinstance(each, known) else circular_spectral_difference(each, **chosen)
        for name, each in networks.items()
    }
    csds = [each for each in measured.values() if isinstance(each, CircularSpectralDifference)]
    if delta is None:
        if len(csds) < len(measured):
            raise InputError("delta must be given where networks are given by their variances only.")
        delta = default_delta(*csds)
    delta = number("delta", delta, 0)
    variances = {
        name: number(f"networks[{name!r}]", getattr(each, "variance", each))
        for name, each in measured.items()
    }
    names = sorted(variances, key=lambda name: (variances[name], name))
    starts = class_starts([variances[name] for name in names], delta, linkage)
    classes = tuple(tuple(names[start:stop]) for start, stop in pairwise([*starts, len(names)]))
    return EquivalenceClasses(classes, variances, delta, linkage)
