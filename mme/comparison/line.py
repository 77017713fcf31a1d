"""What a table tells of one measured network: the numbers, without spectra and weights."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from math import nan
from typing import Any, NamedTuple

from mme.comparison.measurement import Measurement
from mme.result import plain

__all__ = ["Line", "Numbers"]


class Numbers(NamedTuple):
    """What is kept of a circular spectral difference."""

    variance: float
    standard_error: float = 0.0
    noise_floor: float = nan


@dataclass(frozen=True, slots=True)
class Line:
    """A measured network in about a kilobyte: what travels between machines, and is kept on disk.

    Attributes
    ----------
    row : dict
        `Measurement.to_dict`.
    words : tuple of str
        Sentences on what was worked out, left out, or lies outside the window.
    more : list of dict, optional
        `Measurement.more`, where it was asked for.
    classifier : str, optional
    controls : int
        How many were drawn.

    Examples
    --------
    >>> import numpy as np
    >>> from mme.comparison import measure
    >>> one = measure({"fc": 2 * np.eye(8)}, name="net")
    >>> line = Line.read(Line.written(one))
    >>> line.name, line.csd.variance == one.csd.variance, line.to_dict() == one.to_dict()
    ('net', True, True)
    """

    row: dict[str, Any]
    words: tuple[str, ...] = ()
    more: list[dict[str, Any]] | None = None
    classifier: str | None = None
    controls: int = 0

    @staticmethod
    def written(measured: Measurement, words: tuple[str, ...] = (), more: bool = False) -> bytes:
        """Return the line of a measurement as JSON, which gives every float back to the last bit."""
        line = Line(
            measured.to_dict(), words, measured.more() if more else None, measured.ensemble.classifier,
            len(measured.controls),
        )  # fmt: skip
        return json.dumps(plain(asdict(line)), allow_nan=False).encode()

    @classmethod
    def read(cls, text: bytes) -> Line:
        """Return the line that was written."""
        told = json.loads(text)
        return cls(**told | {"words": tuple(told["words"])})

    @property
    def name(self) -> str:
        """What the network is called."""
        return str(self.row["name"])

    @property
    def csd(self) -> Numbers:
        """The numbers of the network."""
        error = self.row["standard_error"]  # of one draw there is none
        return Numbers(self.row["variance"], nan if error is None else error, self.row["noise_floor"])

    @property
    def control(self) -> Numbers | None:
        """The numbers of its untrained control, if it has one."""
        variance, error = self.row["control_variance"], self.row["control_standard_error"]
        return None if variance is None else Numbers(variance, nan if error is None else error)

    @property
    def reason(self) -> str:
        """Why it has this control, or none."""
        return str(self.row["control_reason"])

    def to_dict(self) -> dict[str, Any]:
        """Return what a line of a table tells."""
        return self.row
