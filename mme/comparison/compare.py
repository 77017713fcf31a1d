"""Networks side by side: measured alike, which are equivalent, and in which classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import nan
from typing import Any, NamedTuple

import numpy as np

from mme.arguments import choice, number, of_type
from mme.comparison.measurement import TOLD, Measurement, measure
from mme.comparison.options import Options, validate_options
from mme.ensembles.clusters import LINKAGES, Linkage
from mme.ensembles.equivalence import EquivalenceClasses, delta_of, equivalence_classes
from mme.errors import InputError
from mme.result import Plotted, Table
from mme.store import Store

__all__ = ["Comparison", "Line", "compare", "grouped"]

MOST_NAMED = 6  # networks in a line
MOST_PAIRED = 100  # networks whose pairs a record lists: their number grows with the square


class Line(NamedTuple):
    """What a table tells of a measured network, in a kilobyte: its `to_dict`, its `more`, and sentences."""

    row: dict[str, Any]
    words: list[str]
    more: list[dict[str, Any]]
    classifier: str | None
    drawn: int

    @property
    def name(self) -> str:
        """What the network is called."""
        return str(self.row["name"])

    def to_dict(self) -> dict[str, Any]:
        """Return the line of a table, as `Measurement.to_dict` does."""
        return self.row


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Table, Plotted):
    """Several networks, and which of them are equivalent (Definition 6).

    Attributes
    ----------
    measurements : tuple of Measurement or of Line
    delta : float
        The tolerance on the difference of two variances.
    delta_given : bool
        Whether it was given, rather than taken from the noise.
    classes : EquivalenceClasses
    """

    figure = "comparison"
    numbers = (*TOLD, "inside_window", "inside_window_nonzero", "control_variance", "control_standard_error")
    shown = ("name", "variance", "standard_error", "control_variance", "inside_window", "class")
    measurements: tuple[Measurement | Line, ...]
    delta: float
    delta_given: bool
    classes: EquivalenceClasses

    @property
    def names(self) -> tuple[str, ...]:
        """The networks in the order in which they were given."""
        return tuple(each.name for each in self.measurements)

    @property
    def variances(self) -> np.ndarray:
        """Var Δ of each network, shape (networks,)."""
        return np.array([self.classes.variances[name] for name in self.names])

    @property
    def differences(self) -> np.ndarray:
        """Var Δ_i − Var Δ_j for each pair, shape (networks, networks)."""
        return np.asarray(self.variances[:, None] - self.variances[None, :])

    @property
    def equivalent(self) -> np.ndarray:
        """Whether each pair is equivalent, shape (networks, networks).

        The second condition of Definition 6 decides. The first, as printed, holds for any two networks.
        """
        return np.asarray(np.abs(self.differences) <= self.delta)

    def rows(self) -> list[dict[str, Any]]:
        """Return a line for each network, in the order in which they were given."""
        numbers = {row["name"]: row["class"] for row in self.classes.rows()}
        return [each.to_dict() | {"class": numbers[each.name]} for each in self.measurements]

    def __repr__(self) -> str:
        pairs = zip(self.names[:MOST_NAMED], self.variances, strict=False)
        listed = ", ".join(f"{name} {variance:.4g}" for name, variance in pairs)
        more = ", …" if len(self.measurements) > MOST_NAMED else ""
        classes = len(self.classes.classes)
        found = f"{classes} class{'es' if classes > 1 else ''}, δ = {self.delta:.3g}"
        return f"Comparison(Var(CSD): {listed}{more}; {found})"

    def to_dict(self) -> dict[str, Any]:
        """Return everything that a table tells: networks, pairs, classes.

        Of more than 100 networks the pairs are None: they follow from the variances and delta.
        """
        names, pairs = self.names, None
        if len(names) <= MOST_PAIRED:
            apart, alike = self.differences.tolist(), self.equivalent.tolist()
            pairs = [
                {"first": names[i], "second": names[j], "difference": apart[i][j], "equivalent": alike[i][j]}
                for i, j in combinations(range(len(names)), 2)
            ]
        return {
            "networks": [each.to_dict() for each in self.measurements],
            "delta": self.delta,
            "delta_from": "given" if self.delta_given else "noise floor and standard errors",
            "pairs": pairs,
            "classes": [list(members) for members in self.classes.classes],
            "linkage": self.classes.linkage,
        }


def compare(
    networks: Mapping[str, Any],
    options: Options | None = None,
    *,
    delta: float | None = None,
    linkage: Linkage = "complete",
    control: Any = "auto",
    controls: int = 1,
    jobs: int | None = None,
    store: Store | None = None,
    progress: bool = False,
) -> Comparison:
    """Return networks measured and sorted into classes; `Comparison.rows` has a line for each.

    Parameters
    ----------
    networks : mapping of names to networks
        As in `measure`.
    options : Options, optional
        All choices of the measurement, such as ``Options(window=(0, 3), bins=500)``.
    delta : float, optional
        By default `default_delta` of all.
    linkage : {"complete", "single"}
        As in `equivalence_classes`.
    control, controls, jobs, store, progress
        As in `measure`.

    Raises
    ------
    InputError
        If a network or an option cannot be used; the message names the network.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> weights = rng.normal(size=(40, 60)) / 8
    >>> networks = {"a": {"fc": weights}, "b": {"fc": 3 * weights}}
    >>> compare(networks, delta=0.01).classes
    EquivalenceClasses(a | b; complete linkage, delta 0.01)
    """
    if not of_type("networks", networks, Mapping, "a mapping of names to networks"):
        raise InputError("networks must hold at least one network, but it is empty.")
    options = validate_options(options)
    choice("linkage", linkage, LINKAGES)
    delta = None if delta is None else number("delta", delta, 0)
    work: dict[str, Any] = {"controls": controls, "jobs": jobs, "store": store, "progress": progress}
    measured = []
    for name, source in networks.items():
        try:
            measured.append(measure(source, options, name=str(name), control=control, **work))
        except InputError as error:
            raise InputError(f"{name}: {error}") from None
    return grouped(tuple(measured), delta=delta, linkage=linkage)


def grouped(
    measured: Sequence[Measurement | Line], *, delta: float | None = None, linkage: Linkage = "complete"
) -> Comparison:
    """Sort measured networks into classes; see `compare`. Memory and time grow with their number only."""
    rows = [each.to_dict() for each in measured]
    variances = {row["name"]: row["variance"] for row in rows}
    if len(variances) < len(measured):
        raise InputError("networks must have different names.")
    is_given = delta is not None
    if delta is None:
        errors = [nan if row["standard_error"] is None else row["standard_error"] for row in rows]
        floors, bounds = ([row[name] for row in rows] for name in ("noise_floor", "estimate_bound"))
        delta = delta_of(floors, errors, bounds)
    classes = equivalence_classes(variances, delta=delta, linkage=linkage)
    return Comparison(tuple(measured), classes.delta, is_given, classes)
