"""What a table tells of a measured network: a kilobyte, which travels between machines and is kept."""

from __future__ import annotations

from math import nan
from typing import Any, NamedTuple

from mme.comparison.measurement import Measurement

__all__ = ["Line", "line_of"]


class Numbers(NamedTuple):
    """What a table tells of a circular spectral difference."""

    variance: float
    standard_error: float
    noise_floor: float


class Line(NamedTuple):
    """A measured network without spectra: its `to_dict` as `row`, its `more`, and sentences about it."""

    row: dict[str, Any]
    words: list[str]
    more: list[dict[str, Any]]
    classifier: str | None
    drawn: int

    @property
    def name(self) -> str:  # noqa: D102
        return str(self.row["name"])

    @property
    def csd(self) -> Numbers:
        """The numbers of the network; of one draw there is no error."""
        variance, error, floor = (self.row[name] for name in Numbers._fields)
        return Numbers(variance, nan if error is None else error, floor)

    @property
    def control(self) -> Numbers | None:
        """Those of its untrained control."""
        variance, error = (self.row[f"control_{name}"] for name in Numbers._fields[:2])
        return None if variance is None else Numbers(variance, nan if error is None else error, nan)

    def to_dict(self) -> dict[str, Any]:
        """Return what a line of a table tells."""
        return self.row


def line_of(measured: Measurement, words: list[str], more: bool = False) -> Line:
    """Return the line of a measurement, with sentences on what was left out and the like.

    Examples
    --------
    >>> import numpy as np
    >>> from mme.comparison import measure
    >>> one = measure({"fc": 2 * np.eye(8)}, name="net")
    >>> line_of(one, []).csd.variance == one.csd.variance
    True
    """
    rows, drawn = measured.more() if more else [], len(measured.controls)
    return Line(measured.to_dict(), words, rows, measured.ensemble.classifier, drawn)
