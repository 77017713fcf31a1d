"""Checks that leave a record: what was claimed, how it was checked, and how well it held.

A check names a statement and is one of four methods, from strongest to weakest: `Check.proved`,
`Check.certified`, `Check.numeric`, `Check.statistical`. A check that fails raises `CheckFailed`. Above them
stands what a proof assistant has checked, of which records are made elsewhere.
"""

from mme.evidence.check import Check, check
from mme.evidence.record import LEVELS, MIME_TYPE, SCHEMA_VERSION, CheckFailed, Evidence, records, spoken

__all__ = [
    "LEVELS", "MIME_TYPE", "SCHEMA_VERSION", "Check", "CheckFailed", "Evidence", "check", "records", "spoken",
]  # fmt: skip
